// What shape functions see of their node and what they tell.
#include <string.h>

#include "ops/op.h"

static const shape_t unknown_shape = {.rank = -1};

static const input_t *in_at(const node_t *n, int i) {
  if (i < 0 || i >= n->n_in) return NULL;
  const input_t *in = &n->in[i];
  return in->src && in->port < in->src->n_out ? in : NULL;
}

static const shape_t *in_shape(const node_t *n, int i) {
  const input_t *in = in_at(n, i);
  return in && in->src->out_shape ? &in->src->out_shape[in->port] : &unknown_shape;
}

static dtype_t in_dtype(const node_t *n, int i) {
  const input_t *in = in_at(n, i);
  return in && in->src->out_dtype ? in->src->out_dtype[in->port] : DT_INVALID;
}

static const tensor_t *in_value(const node_t *n, int i) {
  const input_t *in = in_at(n, i);
  return in ? input_value(in) : NULL;
}

const shape_t *infer_in(const infer_ctx_t *c, int i) { return in_shape(c->node, i); }
dtype_t infer_in_dtype(const infer_ctx_t *c, int i) { return in_dtype(c->node, i); }
const tensor_t *infer_value(const infer_ctx_t *c, int i) { return in_value(c->node, i); }

bool infer_dims(const infer_ctx_t *c, int i, shape_t *out) {
  *out = SHAPE_UNKNOWN;
  const input_t *in = in_at(c->node, i);
  if (!in) return false;
  const tensor_t *v = input_value(in);
  if (v && v->shape.rank <= 1 && tensor_elements(v) <= SHAPE_MAX_RANK) {
    shape_t dims = {.rank = (int)tensor_elements(v)};
    for (int k = 0; k < dims.rank; k++) {
      status_t bad = tensor_int_at(v, k, &dims.d[k]);
      status_free(bad);
      if (bad) return false;
      if (dims.d[k] < 0) dims.d[k] = -1;  // no symbol: those are numbers below -1
    }
    *out = dims;
    return true;
  }
  if (in->src->out_dims && in->src->out_dims[in->port].rank >= 0) {
    *out = in->src->out_dims[in->port];
    return true;
  }
  const shape_t *s = infer_in(c, i);
  if (s->rank < 0 || s->rank > 1 || (s->rank == 1 && (s->d[0] < 0 || s->d[0] > SHAPE_MAX_RANK)))
    return false;
  *out = shape_unknown_dims(s->rank == 0 ? 1 : (int)s->d[0]);
  return true;
}

void infer_out(infer_ctx_t *c, int i, const shape_t *s) {
  if (i >= 0 && i < c->node->n_out) c->node->out_shape[i] = *s;
}

void infer_out_dims(infer_ctx_t *c, int i, const shape_t *dims) {
  node_t *n = c->node;
  if (i < 0 || i >= n->n_out || (n->out_dtype[i] != DT_INT32 && n->out_dtype[i] != DT_INT64))
    return;
  if (!n->out_dims) {
    n->out_dims = arena_alloc(c->graph->arena, (size_t)n->n_out * sizeof *n->out_dims);
    for (int k = 0; k < n->n_out; k++) n->out_dims[k] = SHAPE_UNKNOWN;
  }
  n->out_dims[i] = *dims;
}

int64_t infer_new_symbol(infer_ctx_t *c) { return c->graph->next_symbol--; }

status_t infer_same(infer_ctx_t *c) {
  for (int i = 0; i < c->node->n_out; i++) infer_out(c, i, infer_in(c, 0));
  return NULL;
}

status_t infer_broadcast(infer_ctx_t *c) {
  shape_t out;
  char a[128], b[128];
  if (!shape_broadcast(infer_in(c, 0), infer_in(c, 1), &out))
    return OP_FAIL(c, INVALID_ARGUMENT, "incompatible shapes: %s vs. %s",
                   shape_format(infer_in(c, 0), a, sizeof a),
                   shape_format(infer_in(c, 1), b, sizeof b));
  infer_out(c, 0, &out);
  return NULL;
}

status_t infer_scalar(infer_ctx_t *c) {
  infer_out(c, 0, &SHAPE_SCALAR);
  return NULL;
}

// ---------------------------------------------------------------- the same, for lowering

const shape_t *lower_shape(const lower_ctx_t *c, int in) { return in_shape(c->node, in); }
dtype_t lower_dtype(const lower_ctx_t *c, int in) { return in_dtype(c->node, in); }
const tensor_t *lower_value(const lower_ctx_t *c, int in) { return in_value(c->node, in); }

const shape_t *lower_out_shape(const lower_ctx_t *c, int out) {
  return out >= 0 && out < c->node->n_out ? &c->node->out_shape[out] : &unknown_shape;
}

bool lower_ints(const lower_ctx_t *c, int in, int64_t *v, int max, int *n) {
  const tensor_t *t = lower_value(c, in);
  int64_t count = t ? tensor_elements(t) : -1;
  if (count < 0 || count > max) return false;
  for (int64_t i = 0; i < count; i++) {
    status_t bad = tensor_int_at(t, i, &v[i]);
    status_free(bad);
    if (bad) return false;
  }
  *n = (int)count;
  return true;
}
