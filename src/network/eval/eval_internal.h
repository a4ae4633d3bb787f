// Shared by the files of network/eval: reading and writing elements, walking shapes.
#ifndef TFTRT_NETWORK_EVAL_INTERNAL_H
#define TFTRT_NETWORK_EVAL_INTERNAL_H

#include "network/eval.h"
#include "network/known.h"

// One evaluator per layer type: outputs are allocated, of the inferred shapes.
typedef status_t (*eval_fn)(const layer_t *l, const tensor_t *in, tensor_t *out);

status_t eval_elementwise(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_cast(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_fused(const layer_t *l, const tensor_t *in, tensor_t *out);
// Convolutions and products on 8-bit tensors that stand for real values.
bool eval_is_int8(const layer_t *l);
status_t eval_int8(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_quantize(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_conv(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_deconv(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_matmul(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_attention(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_pool(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_lrn(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_resize(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_nms(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_softmax(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_reduce(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_norm(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_topk(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_arg(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_cumulative(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_copy(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_join(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_split(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_slice(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_pad(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_gather(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_gather_nd(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_transpose(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_broadcast(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_tile(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_reverse(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_depth_space(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_space_batch(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_shape(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_fill(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_range(const layer_t *l, const tensor_t *in, tensor_t *out);
status_t eval_one_hot(const layer_t *l, const tensor_t *in, tensor_t *out);

// Elements. eval_int is for ints and bools; eval_set_int wraps as C does.
int64_t eval_int(const tensor_t *t, int64_t i);
void eval_set_int(tensor_t *t, int64_t i, int64_t v);
// The whole tensor as doubles (mem_aligned_free), NULL without memory.
double *eval_doubles(const tensor_t *t);
static inline bool eval_exact(dtype_t t) { return dtype_is_int(t) || t == DT_BOOL; }

static inline double eval_activate(const activation_t *a, double x) {
  return a->on ? unary_eval(a->op, x, a->alpha, a->beta) : x;
}

// Strides, in elements, to read a tensor of shape s as if broadcast to `to`.
void eval_broadcast_strides(const shape_t *s, const shape_t *to, int64_t *strides);

// Walks a shape row by row of coordinates: coord starts as zeros; false at the end.
static inline bool eval_next(const shape_t *s, int64_t *coord) {
  for (int i = s->rank - 1; i >= 0; i--) {
    if (++coord[i] < s->d[i]) return true;
    coord[i] = 0;
  }
  return false;
}

static inline int64_t eval_offset(const int64_t *coord, const int64_t *strides, int rank) {
  int64_t at = 0;
  for (int i = 0; i < rank; i++) at += coord[i] * strides[i];
  return at;
}

// Elements before, on and after an axis: index = (o * dim + a) * inner + i.
typedef struct eval_axis {
  int64_t outer, dim, inner;
} eval_axis_t;
eval_axis_t eval_axis_of(const shape_t *s, int axis);

#define EVAL_MEMORY(l) \
  FAIL(RESOURCE_EXHAUSTED, "layer %s (%s): out of memory", (l)->name, layer_type_name((l)->type))
#define EVAL_BAD(l, fmt, ...) \
  FAIL(INVALID_ARGUMENT, "layer %s (%s): " fmt, (l)->name, layer_type_name((l)->type), __VA_ARGS__)

#endif
