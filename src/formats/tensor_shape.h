// TensorShapeProto messages.
#ifndef TFTRT_FORMATS_TENSOR_SHAPE_H
#define TFTRT_FORMATS_TENSOR_SHAPE_H

#include "formats/wire.h"
#include "tensor/shape.h"

// Dims below 0 become -1. INVALID_ARGUMENT when there are more than SHAPE_MAX_RANK of them.
status_t tensor_shape_parse(wire_t w, shape_t *out);
// As field `field` of the message being written; unknown and symbolic dims become -1.
void tensor_shape_write(wire_out_t *w, uint32_t field, const shape_t *s);

#endif
