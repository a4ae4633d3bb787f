// What kernels use to make their outputs and to read small integer inputs.
#include <inttypes.h>

#include "ops/env.h"
#include "ops/op.h"

static status_t alloc(op_ctx_t *c, dtype_t dtype, const shape_t *s, tensor_t *out) {
  if (c->env && c->env->alloc) return c->env->alloc(c->env, dtype, s, out);
  return tensor_alloc(dtype, s, out);
}

status_t op_out_typed(op_ctx_t *c, int i, dtype_t dtype, const shape_t *s, tensor_t **out) {
  if (i < 0 || i >= c->n_out) return OP_FAIL(c, INTERNAL, "there is no output %d", i);
  tensor_unref(&c->out[i]);
  status_t st = alloc(c, dtype, s, &c->out[i]);
  if (st) return status_prefix(st, "%s '%s'", c->node->op, c->node->name);
  *out = &c->out[i];
  return NULL;
}

status_t op_out(op_ctx_t *c, int i, const shape_t *s, tensor_t **out) {
  dtype_t dtype = i >= 0 && i < c->node->n_out ? c->node->out_dtype[i] : DT_INVALID;
  return op_out_typed(c, i, dtype, s, out);
}

void op_out_take(op_ctx_t *c, int i, tensor_t t) {
  if (i < 0 || i >= c->n_out) {
    tensor_unref(&t);
    return;
  }
  tensor_unref(&c->out[i]);
  c->out[i] = t;
}

void op_forward(op_ctx_t *c, int i, int in, const shape_t *s) {
  op_out_take(c, i, tensor_reshaped(&c->in[in], s ? s : &c->in[in].shape));
}

status_t op_out_like(op_ctx_t *c, int i, int in, tensor_t **out) {
  const tensor_t *t = &c->in[in];
  bool reuse = c->last_use && c->last_use[in] && tensor_unique(t) && i >= 0 && i < c->n_out;
  if (!reuse) return op_out_typed(c, i, t->dtype, &t->shape, out);
  op_out_take(c, i, tensor_ref(t));
  *out = &c->out[i];
  return NULL;
}

status_t op_temp(op_ctx_t *c, dtype_t dtype, const shape_t *s, tensor_t *out) {
  status_t st = alloc(c, dtype, s, out);
  return st ? status_prefix(st, "%s '%s'", c->node->op, c->node->name) : NULL;
}

status_t op_ints(const op_ctx_t *c, int i, int64_t *v, int max, int *n) {
  if (i < 0 || i >= c->n_in) return OP_FAIL(c, INVALID_ARGUMENT, "input %d is missing", i);
  int64_t count = tensor_elements(&c->in[i]);
  if (count > max)
    return OP_FAIL(c, INVALID_ARGUMENT, "input %d has %" PRId64 " elements, at most %d expected", i,
                   count, max);
  for (int64_t k = 0; k < count; k++) {
    status_t st = tensor_int_at(&c->in[i], k, &v[k]);
    if (st) return status_prefix(st, "%s '%s': input %d", c->node->op, c->node->name, i);
  }
  *n = (int)count;
  return NULL;
}

status_t op_int(const op_ctx_t *c, int i, int64_t *v) {
  int n = 0;
  TRY(op_ints(c, i, v, 1, &n));
  return n == 1 ? NULL : OP_FAIL(c, INVALID_ARGUMENT, "input %d is empty, expected a scalar", i);
}
