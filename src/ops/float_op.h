// Kernels that compute in float, under ops that also take half, bfloat16 and others.
#ifndef TFTRT_OPS_FLOAT_OP_H
#define TFTRT_OPS_FLOAT_OP_H

#include "kernels/to_float.h"
#include "ops/op.h"

// Input i as floats: the input itself, or a converted copy. Unref it either way.
status_t op_floats(op_ctx_t *c, int i, tensor_t *out);
// Output i of shape s as floats to be written: *work is the output itself, or a temporary that
// op_floats_done rounds to the output's dtype.
status_t op_out_floats(op_ctx_t *c, int i, const shape_t *s, tensor_t *work);
void op_floats_done(op_ctx_t *c, int i, tensor_t *work);  // unrefs work

#endif
