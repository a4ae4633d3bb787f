// What the passes share. A pass walks the layers in order; where it finds a pattern that ends at a
// layer, that layer takes over the work (so producers stay before readers) and what it replaced
// becomes dead or unread. network_optimize compacts and infers between passes.
#ifndef TFTRT_NETWORK_PASSES_PASS_H
#define TFTRT_NETWORK_PASSES_PASS_H

#include "network/known.h"
#include "network/network.h"

// Each returns how many patterns it rewrote.
int pass_fold_constants(network_t *n);  // layers of constants and of known shape arithmetic
int pass_cleanup(network_t *n);         // layers that change nothing, chains of moves
int pass_activations(network_t *n);     // elementwise spellings of one activation
int pass_layer_norm(network_t *n);      // moments, rsqrt, scale, offset
int pass_scales(network_t *n);          // scalar factors and transposes around matmul and softmax
int pass_tensordot(network_t *n);       // reshape-matmul-reshape around a 2-D weight
int pass_padding(network_t *n);         // pad before conv and pool
int pass_epilogue(
    network_t *n);               // per-channel factors, bias, residual, activation behind conv etc.
int pass_strides(network_t *n);  // strided 1x1 convolutions as only readers: stride earlier
int pass_joins(network_t *n);    // concat of concat, concat of split
int pass_elementwise(network_t *n);  // what is left of elementwise layers, one pass over memory

// The layer that makes t when it is of this type, else NULL.
static inline layer_t *made_by(const net_tensor_t *t, layer_type_t type) {
  return t->producer && t->producer->type == type && !t->producer->dead ? t->producer : NULL;
}
static inline layer_t *made_by_unary(const net_tensor_t *t, unary_op_t op) {
  layer_t *l = made_by(t, LAYER_UNARY);
  return l && l->p.unary.op == op ? l : NULL;
}
static inline layer_t *made_by_binary(const net_tensor_t *t, binary_op_t op) {
  layer_t *l = made_by(t, LAYER_BINARY);
  return l && l->p.binary.op == op ? l : NULL;
}
static inline bool is_op(const layer_t *l, binary_op_t op) {
  return l->type == LAYER_BINARY && l->p.binary.op == op;
}
static inline bool is_unary(const layer_t *l, unary_op_t op) {
  return l->type == LAYER_UNARY && l->p.unary.op == op;
}
static inline bool is_float(const net_tensor_t *t) {
  return t->dtype == DT_FLOAT || t->dtype == DT_HALF || t->dtype == DT_BFLOAT16;
}

// The key that t's bytes are stored under as they are; NULL when there is none.
static inline const char *plain_key(const net_tensor_t *t) {
  return t->weight_scale.n ? NULL : t->weight_key;
}

// The value of a constant of one element (a float, or an int).
bool const_number(const net_tensor_t *t, double *out);
// Same rank, every dim known or the same symbol on both sides.
bool surely_same_shape(const shape_t *a, const shape_t *b);
static inline bool dims_surely_equal(int64_t a, int64_t b) { return a == b && a != -1; }

// Readers of `from` (layers and network outputs) read `to` instead.
void redirect(network_t *n, net_tensor_t *from, net_tensor_t *to);
void set_inputs(network_t *n, layer_t *l, int n_in, net_tensor_t *const *in);
// l becomes what src is, with these inputs; src's TensorFlow nodes come first in l's. src is left
// to die when nothing reads it any more.
void become(network_t *n, layer_t *l, const layer_t *src, int n_in, net_tensor_t *const *in);
// Adds src's TensorFlow nodes before l's own, each once.
void inherit_nodes(network_t *n, layer_t *l, const layer_t *src);
// All nodes of the layers between t's producer and `stop` tensors are inherited: what a pattern
// that ends at l computed. Stops at constants and at `stop`.
void inherit_tree(network_t *n, layer_t *l, const net_tensor_t *t, const net_tensor_t *stop);
// A constant of floats (given as doubles), named after another tensor.
net_tensor_t *make_constant(network_t *n, const char *name, dtype_t dtype, const shape_t *shape,
                            const double *values);

#endif
