#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/stream.h"
#include "kernels/convert.h"
#include "network/weight_scale.h"

typedef struct wanted {
  const dn_op_t *op;       // oneDNN's layout, or
  const packer_t *packer;  // one of our own kernels'
} wanted_t;

static bool fits(const packed_weights_t *p, const tensor_t *source, const wanted_t *w) {
  if (p->source != source->data) return false;
  if (w->op) return dn_packing_fits(p->packing, w->op);
  return !p->packing && shape_equal(&p->shape, &source->shape) &&
         memcmp(p->key, w->packer->key, sizeof p->key) == 0;
}

// The float32 form of a 16-bit constant, for kernels that want that.
static status_t widen(const backend_context_t *c, const net_tensor_t *t, tensor_t *out) {
  const tensor_t *v = spec_value(c->spec, t);
  TRY(status_prefix(tensor_alloc(DT_FLOAT, &v->shape, out), "weights %s in float32", t->name));
  convert(v->dtype, DT_FLOAT, v->data, out->data, tensor_elements(v), false, c->threads);
  return NULL;
}

// What is packed: the constant, or its float32 form.
static status_t packed_values(const backend_context_t *c, const net_tensor_t *t, const wanted_t *w,
                              tensor_t *out) {
  const tensor_t *whole = spec_value(c->spec, t);
  const bool in_float = w->packer && w->packer->in_float;
  if (in_float) TRY(weight_unrounded(t, out));
  if (out->buf) return NULL;
  if (whole->dtype != t->dtype || (in_float && whole->dtype != DT_FLOAT)) return widen(c, t, out);
  *out = tensor_ref(whole);
  return NULL;
}

static void forget_mapped(const tensor_t *t) {
  if (t->buf && t->buf->mapped) stream_forget(t->data, tensor_bytes(t));
}

static status_t pack(backend_context_t *c, const net_tensor_t *t, const wanted_t *w,
                     packed_weights_t **out) {
  size_t bytes = 0;
  if (w->op)
    bytes = dn_op_packed_bytes(w->op);
  else if (!size_mul(w->packer->floats, sizeof(float), &bytes))
    return FAIL(RESOURCE_EXHAUSTED, "weights %s are too large to pack", t->name);
  void *data = mem_try_alloc(bytes);
  if (!data)
    return FAIL(RESOURCE_EXHAUSTED, "no memory for %zu bytes of packed weights of %s", bytes,
                t->name);
  const tensor_t *whole = spec_value(c->spec, t);
  tensor_t from = {0};
  status_t s = packed_values(c, t, w, &from);
  if (!s)
    s = w->op ? dn_op_pack(w->op, from.data, data)
              : w->packer->pack(w->packer->self, from.data, data, c->threads);
  tensor_unref(&from);
  if (s) {
    mem_aligned_free(data);
    return s;
  }
  forget_mapped(whole);  // from now on `data` is read
  forget_mapped(&t->unrounded);
  packed_weights_t *p = mem_calloc(1, sizeof *p);
  *p = (packed_weights_t){.source = whole->data, .shape = whole->shape, .data = data};
  if (w->op)
    p->packing = dn_packing_of(w->op);
  else
    memcpy(p->key, w->packer->key, sizeof p->key);
  *out = p;
  return NULL;
}

static status_t find_or_pack(backend_context_t *c, const net_tensor_t *t, const wanted_t *w,
                             packed_weights_t **list, const void **out) {
  const tensor_t *source = spec_value(c->spec, t);
  for (packed_weights_t *p = *list; p; p = p->next)
    if (fits(p, source, w)) {
      *out = p->data;
      return NULL;
    }
  packed_weights_t *p = NULL;
  TRY(pack(c, t, w, &p));
  p->next = *list;
  *list = p;
  *out = p->data;
  return NULL;
}

// Values made while specialising go away with their context, and another may come to lie at the
// same address: only the engine's own constants are kept with the engine.
static status_t get(backend_context_t *c, const net_tensor_t *t, const wanted_t *w,
                    const void **out) {
  backend_engine_t *e = c->engine;
  c->packs = t;
  if (!t->is_const) return find_or_pack(c, t, w, &c->packed, out);
  pthread_mutex_lock(&e->lock);
  status_t s = find_or_pack(c, t, w, &e->packed, out);
  pthread_mutex_unlock(&e->lock);
  return s;
}

static status_t pack_copy(const void *self, const float *w, float *packed, int threads) {
  (void)threads;
  memcpy(packed, w, (size_t) * (const int64_t *)self * sizeof *packed);
  return NULL;
}

status_t weights_wide(backend_context_t *c, const net_tensor_t *t, const void **out) {
  int64_t n = tensor_elements(spec_value(c->spec, t));
  packer_t as_is = {.key = {-1, n}, .floats = (size_t)n, .pack = pack_copy, .self = &n};
  return get(c, t, &(wanted_t){.packer = &as_is}, out);
}

status_t weights_for_op(backend_context_t *c, const net_tensor_t *t, const dn_op_t *op,
                        const void **out) {
  const tensor_t *v = spec_value(c->spec, t);
  if (dn_op_packed_bytes(op) == 0 && v->dtype == t->dtype) {
    *out = v->data;
    return NULL;
  }
  if (dn_op_packed_bytes(op) == 0) return weights_wide(c, t, out);
  return get(c, t, &(wanted_t){.op = op}, out);
}

status_t weights_for_kernel(backend_context_t *c, const net_tensor_t *t, const packer_t *packer,
                            const float **out) {
  const void *p;
  TRY(get(c, t, &(wanted_t){.packer = packer}, &p));
  *out = p;
  return NULL;
}

void weights_free(packed_weights_t *list) {
  while (list) {
    packed_weights_t *next = list->next;
    dn_packing_free(list->packing);
    mem_aligned_free(list->data);
    mem_free(list);
    list = next;
  }
}
