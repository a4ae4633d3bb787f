// What the ops on arrays and shapes share: axes, known dims, and the usual answers of `accept`.
#ifndef TFTRT_OPS_ARRAY_H
#define TFTRT_OPS_ARRAY_H

#include <inttypes.h>
#include <stdio.h>

#include "kernels/strided_copy.h"
#include "ops/op.h"

// ---------------------------------------------------------------- shape functions

// A scalar input whose value is known (a constant, or shape arithmetic).
bool infer_int(const infer_ctx_t *c, int i, int64_t *v);
// All elements of an integer input that is a known constant; false otherwise.
bool infer_ints(const infer_ctx_t *c, int i, int64_t *v, int max, int *n);
// Axis in [-rank, rank) made non-negative; false when out of range.
bool axis_ok(int64_t axis, int rank, int *out);
// The known scalar input i as an axis of a tensor of `rank`: *axis = -1 when not known; fails when
// out of range.
status_t infer_axis(const infer_ctx_t *c, int i, int rank, int *axis);
// Sums and products in which -1 or a symbol is "unknown"; unknown + 0 and unknown * 1 keep the
// symbol.
int64_t dim_add(int64_t a, int64_t b);
int64_t dim_mul(int64_t a, int64_t b);
// One dim put in or taken out.
shape_t shape_insert(const shape_t *s, int at, int64_t d);
shape_t shape_remove(const shape_t *s, int at);
// a followed by b; rank -1 when either is unknown or the result has too many dims.
shape_t shape_join(const shape_t *a, const shape_t *b);
// dims [from, to) of s.
shape_t shape_range(const shape_t *s, int from, int to);
// Fails unless input i has this rank (or an unknown one).
status_t infer_rank(const infer_ctx_t *c, int i, int rank);

// ---------------------------------------------------------------- kernels

// The dims of an integer input, each at least 0; INVALID_ARGUMENT names `what`.
status_t op_dims(const op_ctx_t *c, int i, const char *what, shape_t *out);
// Scalar input i as an axis of a tensor of `rank`.
status_t op_axis(const op_ctx_t *c, int i, int rank, int *axis);
status_t op_axis_of(const op_ctx_t *c, int64_t axis, int rank, int *out);
// Output i: a vector (rank 1) or scalar (rank 0) of ints in the output's dtype; INVALID_ARGUMENT
// when int32 cannot hold one.
status_t op_out_ints(op_ctx_t *c, int i, int rank, int n, const int64_t *v);
// Indices of dtype int32 or int64 (also uint8, int8, ...) read at full speed.
static inline int64_t index_at(const tensor_t *t, int64_t i) {
  if (t->dtype == DT_INT32) return TENSOR_DATA(int32_t, t)[i];
  if (t->dtype == DT_INT64) return TENSOR_DATA(int64_t, t)[i];
  return (int64_t)tensor_number_at(t, i);
}
static inline void index_set(tensor_t *t, int64_t i, int64_t v) {
  if (t->dtype == DT_INT32)
    TENSOR_DATA(int32_t, t)[i] = (int32_t)v;
  else
    TENSOR_DATA(int64_t, t)[i] = v;
}
// Fills with zeros ("" for strings).
status_t op_zero(op_ctx_t *c, tensor_t *t);
// Product of dims [from, to) of a known shape.
int64_t dims_product(const shape_t *s, int from, int to);

// ---------------------------------------------------------------- engines

#define REFUSE(...) return (void)snprintf(reason, n, __VA_ARGS__), false

// Whether st is NULL; else its message is the reason. Frees st.
bool accept_status(status_t st, char *reason, size_t n);
// Float, half, bfloat16, int32, int64, bool, uint8, int8: what engines move around.
bool accept_dtype(const lower_ctx_t *c, dtype_t dtype, char *reason, size_t n);
// Input `in` has such a dtype and a known rank.
bool accept_array(lower_ctx_t *c, int in, char *reason, size_t n);
// The same for input 0: the `accept` of many ops.
bool accept_moved(lower_ctx_t *c, char *reason, size_t n);
// Input `in` (a shape, sizes, begins) is a constant or computed from shapes alone, so that a
// context for given input shapes knows it. `what` names it in the reason: "the shape".
bool accept_shape_input(lower_ctx_t *c, int in, const char *what, char *reason, size_t n);
// Input `in` is a known scalar; *v is its value.
bool accept_known_int(lower_ctx_t *c, int in, const char *what, int64_t *v, char *reason, size_t n);
// An axis that is a constant, in range.
bool accept_axis(lower_ctx_t *c, int in, int rank, int *axis, char *reason, size_t n);

// Adds a layer on inputs [first, first + n_in); its outputs become the node's.
status_t lower_layer(lower_ctx_t *c, layer_type_t type, int first, int n_in,
                     const layer_params_t *p);

#endif
