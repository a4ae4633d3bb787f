// Layers on 16-bit tensors that no kernel of that type is for: computed in float32 between
// conversions, by whatever runs the layer's float32 twin. The twin's tensors have the numbers (ids)
// of the layer's own, so that shapes and values are found under them; while it runs, they lie in
// scratch memory.
#include <stdio.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "kernels/convert.h"

typedef struct operand {
  int id;
  dtype_t dtype;  // as the network has it
  int64_t elements;
  size_t at;          // where the float32 form is in the scratch memory
  const void *value;  // of a constant
} operand_t;

typedef struct wide {
  layer_t twin;
  net_tensor_t *tensors;  // of the twin: inputs, then outputs
  net_tensor_t **lists;
  step_t inner;
  operand_t *in, *out;
  int n_in, n_out;
  void **before;  // [n_in + n_out] what was at the operands' places
  char tactic[72];
} wide_t;

static void destroy(void *p) {
  wide_t *w = p;
  if (w->inner.destroy) w->inner.destroy(w->inner.state);
  mem_free(w->tensors);
  mem_free(w->lists);
  mem_free(w->in);
  mem_free(w->out);
  mem_free(w->before);
  mem_free(w);
}

static status_t run(step_t *s, backend_context_t *c) {
  wide_t *w = s->state;
  for (int i = 0; i < w->n_in; i++) {
    const operand_t *o = &w->in[i];
    w->before[i] = c->at[o->id];
    void *to = (char *)c->scratch + o->at;
    if (!o->value) convert(o->dtype, DT_FLOAT, w->before[i], to, o->elements, false, c->threads);
    c->at[o->id] = o->value ? (void *)(uintptr_t)o->value : to;
  }
  for (int i = 0; i < w->n_out; i++) {
    w->before[w->n_in + i] = c->at[w->out[i].id];
    c->at[w->out[i].id] = (char *)c->scratch + w->out[i].at;
  }
  status_t st = w->inner.run(&w->inner, c);
  for (int i = 0; i < w->n_out; i++) {
    const operand_t *o = &w->out[i];
    void *to = w->before[w->n_in + i];
    if (!st) convert(DT_FLOAT, o->dtype, c->at[o->id], to, o->elements, false, c->threads);
    c->at[o->id] = to;
  }
  for (int i = 0; i < w->n_in; i++) c->at[w->in[i].id] = w->before[i];
  return st;
}

static void make_twin(const layer_t *l, wide_t *w) {
  int n = l->n_in + l->n_out;
  w->tensors = mem_alloc((size_t)n * sizeof *w->tensors);
  w->lists = mem_alloc((size_t)n * sizeof *w->lists);
  for (int i = 0; i < n; i++) {
    w->tensors[i] = *(i < l->n_in ? l->in[i] : l->out[i - l->n_in]);
    if (dtype_is_16bit_float(w->tensors[i].dtype)) w->tensors[i].dtype = DT_FLOAT;
    w->lists[i] = &w->tensors[i];
  }
  w->twin = *l;
  w->twin.in = w->lists;
  w->twin.out = w->lists + l->n_in;
  w->in = mem_calloc((size_t)l->n_in + 1, sizeof *w->in);
  w->out = mem_calloc((size_t)l->n_out + 1, sizeof *w->out);
  w->before = mem_calloc((size_t)n + 1, sizeof *w->before);
}

static bool find(const operand_t *o, int n, int id) {
  for (int i = 0; i < n; i++)
    if (o[i].id == id) return true;
  return false;
}

static bool place(const backend_context_t *c, const net_tensor_t *t, operand_t *o, size_t *total) {
  *o = (operand_t){.id = t->id,
                   .dtype = t->dtype,
                   .elements = shape_elements(spec_shape(c->spec, t)),
                   .at = *total};
  size_t bytes;
  return size_mul((size_t)o->elements, sizeof(float), &bytes) && size_add(bytes, 63, &bytes) &&
         size_add(*total, bytes & ~(size_t)63, total);
}

static status_t place_all(backend_context_t *c, const layer_t *l, wide_t *w, size_t *total) {
  *total = (w->inner.scratch + 63) & ~(size_t)63;
  bool fits = true;
  for (int o = 0; o < l->n_out; o++)
    if (dtype_is_16bit_float(l->out[o]->dtype))
      fits = fits && place(c, l->out[o], &w->out[w->n_out++], total);
  for (int i = 0; i < l->n_in && fits; i++) {
    const net_tensor_t *t = l->in[i];
    if (!dtype_is_16bit_float(t->dtype) || find(w->in, w->n_in, t->id)) continue;
    bool value = spec_value(c->spec, t) != NULL;
    if (value && c->packs == w->twin.in[i]) continue;  // its packed form is all that is read
    operand_t *o = &w->in[w->n_in++];
    size_t before = *total;
    fits = place(c, t, o, total);
    if (!value) continue;
    *total = before;
    TRY(weights_wide(c, w->twin.in[i], &o->value));
  }
  return fits ? NULL : FAIL(RESOURCE_EXHAUSTED, "its tensors are too large");
}

status_t make_wide_step(backend_context_t *c, const layer_t *l,
                        status_t (*make)(backend_context_t *, const layer_t *, step_t *),
                        step_t *s) {
  bool any = false;
  for (int i = 0; i < l->n_in + l->n_out; i++)
    any |= dtype_is_16bit_float((i < l->n_in ? l->in[i] : l->out[i - l->n_in])->dtype);
  if (!any) return NULL;
  wide_t *w = mem_calloc(1, sizeof *w);
  make_twin(l, w);
  c->packs = NULL;
  status_t st = make(c, &w->twin, &w->inner);
  size_t scratch = 0;
  if (!st && w->inner.run) st = place_all(c, l, w, &scratch);
  if (st || !w->inner.run) {
    destroy(w);
    return st;
  }
  snprintf(w->tactic, sizeof w->tactic, "%s in fp32", w->inner.tactic);
  *s = (step_t){.layer = l,
                .run = run,
                .state = w,
                .destroy = destroy,
                .scratch = scratch,
                .inner = w->inner.inner,
                .limited = w->inner.limited,
                .reuse = -1,
                .tactic = w->tactic};
  return NULL;
}
