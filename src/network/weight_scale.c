#include "network/weight_scale.h"

static void apply_floats(const float *from, const weight_scale_t *s, int64_t outer, float *to) {
  float *f = mem_alloc((size_t)s->n * sizeof *f);
  for (int64_t c = 0; c < s->n; c++) f[c] = (float)s->factor[c];
  for (int64_t o = 0; o < outer; o++) {
    if (s->inner == 1) {
      for (int64_t c = 0; c < s->n; c++) to[c] = from[c] * f[c];
      from += s->n;
      to += s->n;
      continue;
    }
    for (int64_t c = 0; c < s->n; c++, from += s->inner, to += s->inner)
      for (int64_t i = 0; i < s->inner; i++) to[i] = from[i] * f[c];
  }
  mem_free(f);
}

status_t weight_scale_apply(const tensor_t *stored, const weight_scale_t *s, tensor_t *out) {
  int64_t count = tensor_elements(stored), row;
  if (s->n < 1 || s->inner < 1 || __builtin_mul_overflow(s->n, s->inner, &row) || count % row != 0)
    return FAIL(INVALID_ARGUMENT, "weights do not have the channels that their factors are for");
  TRY(tensor_alloc(stored->dtype, &stored->shape, out));
  if (stored->dtype == DT_FLOAT) {
    apply_floats(stored->data, s, count / row, out->data);
    return NULL;
  }
  for (int64_t i = 0; i < count; i++)
    tensor_set_number(out, i, tensor_number_at(stored, i) * s->factor[i / s->inner % s->n]);
  return NULL;
}

net_tensor_t *weight_scale_constant(network_t *n, const net_tensor_t *t, const double *factor,
                                    int64_t count, int64_t inner) {
  double *f = arena_alloc(n->arena, (size_t)count * sizeof *f);
  for (int64_t i = 0; i < count; i++) f[i] = factor[i];
  weight_scale_t s = {.factor = f, .n = count, .inner = inner};
  tensor_t v;
  status_t st = weight_scale_apply(&t->value, &s, &v);
  if (st) {
    status_free(st);
    return NULL;
  }
  // A second factor of the same channels joins the first; of others, the plan must hold the values.
  const weight_scale_t *old = &t->weight_scale;
  bool joins = !old->n || (old->n == count && old->inner == inner);
  for (int64_t i = 0; joins && old->n && i < count; i++) f[i] *= old->factor[i];
  net_tensor_t *c = network_add_constant(n, t->name, &v, joins ? t->weight_key : NULL);
  if (c->weight_key) c->weight_scale = s;
  tensor_unref(&v);
  return c;
}

status_t weight_unrounded(const net_tensor_t *t, tensor_t *out) {
  *out = (tensor_t){0};
  if (!t->unrounded.buf) return NULL;
  if (t->stored_weight && t->weight_scale.n)
    return status_prefix(weight_scale_apply(&t->unrounded, &t->weight_scale, out), "weight %s",
                         t->name);
  *out = tensor_ref(&t->unrounded);
  return NULL;
}
