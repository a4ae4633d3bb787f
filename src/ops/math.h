// Shared by the families of mathematical ops.
#ifndef TFTRT_OPS_MATH_H
#define TFTRT_OPS_MATH_H

#include "ops/op.h"

// UNIMPLEMENTED: this op has no kernel for the dtype of input i.
status_t math_no_kernel(const op_ctx_t *c, int i);

// Computing in another dtype than the tensors have. math_wide converts input tensor t (a new
// reference when it has that dtype already); math_out makes output i, or a buffer in dtype `as`
// standing for it, and math_narrow turns that into the output.
dtype_t math_compute_dtype(dtype_t t);  // float for half and bfloat16, else t
status_t math_wide(op_ctx_t *c, const tensor_t *t, dtype_t as, tensor_t *wide);
status_t math_out(op_ctx_t *c, int i, const shape_t *s, dtype_t as, tensor_t *wide);
status_t math_narrow(op_ctx_t *c, int i, tensor_t *wide);  // takes the reference

// Input `in` as an axis of a tensor of `rank`, made non-negative.
status_t math_axis(const op_ctx_t *c, int in, int rank, int *axis);

// Which dtypes an engine's layers compute in.
enum {
  ENGINE_FLOATS = 1,  // float, half, bfloat16
  ENGINE_INTS = 2,    // int32, int64
  ENGINE_BYTES = 4,   // int8, uint8
  ENGINE_BOOL = 8,
};
// False, with a reason that names the dtype, when input `in` is of no accepted kind.
bool math_accept(const lower_ctx_t *c, int in, unsigned kinds, char *reason, size_t n);

bool accept_floats(lower_ctx_t *c, char *reason, size_t n);   // by input 0
bool accept_numbers(lower_ctx_t *c, char *reason, size_t n);  // floats and ints
bool accept_bools(lower_ctx_t *c, char *reason, size_t n);

// Axes of a reduction from a constant input, made positive and sorted into flags; false with a
// reason when not constant or out of range.
bool math_const_axes(const lower_ctx_t *c, int in, int *axes, int *n_axes, char *reason, size_t n);

#endif
