// TensorFlow's and Triton's data types.
#ifndef TFTRT_TRITON_TYPES_H
#define TFTRT_TRITON_TYPES_H

#include <tftrt/tftrt.h>

#include "triton_api.h"

// TRITONSERVER_TYPE_INVALID where Triton has none (complex numbers, quantized types).
TRITONSERVER_DataType triton_type(tftrt_dtype dtype);
// As in a model configuration: "TYPE_FP32"; NULL where Triton has none.
const char *config_type(tftrt_dtype dtype);

#endif
