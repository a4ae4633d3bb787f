// One block of memory for all intermediates of a context: each tensor gets an offset that is free
// while it lives. Largest first, at the lowest offset that fits (greedy by size, after Pisarchyk
// and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu.h"

enum { ALIGN = 64 };

typedef struct item {
  int tensor;
  size_t size, offset;
  int first, last;  // steps
} item_t;

static int larger_first(const void *a, const void *b) {
  const item_t *x = a, *y = b;
  if (x->size != y->size) return x->size > y->size ? -1 : 1;
  return x->tensor - y->tensor;
}
static int by_offset(const void *a, const void *b) {
  const item_t *x = *(item_t *const *)a, *y = *(item_t *const *)b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static status_t tensor_size(const backend_context_t *c, const net_tensor_t *t, size_t *out) {
  int64_t n = shape_elements(spec_shape(c->spec, t));
  if (n < 0 || !size_mul((size_t)n, dtype_size(t->dtype), out) || !size_add(*out, ALIGN - 1, out))
    return FAIL(RESOURCE_EXHAUSTED, "tensor %s is too large", t->name);
  *out &= ~(size_t)(ALIGN - 1);
  return NULL;
}

static status_t place(item_t *items, int n, size_t *total) {
  qsort(items, (size_t)n, sizeof *items, larger_first);
  item_t **near = mem_alloc(((size_t)n + 1) * sizeof *near);
  *total = 0;
  bool fits = true;
  for (int i = 0; i < n && fits; i++) {
    int m = 0;
    for (int j = 0; j < i; j++)
      if (items[j].first <= items[i].last && items[i].first <= items[j].last) near[m++] = &items[j];
    qsort(near, (size_t)m, sizeof *near, by_offset);
    size_t at = 0;
    for (int j = 0; j < m; j++) {
      if (near[j]->offset >= at + items[i].size) break;
      if (near[j]->offset + near[j]->size > at) at = near[j]->offset + near[j]->size;
    }
    items[i].offset = at;
    fits = size_add(at, items[i].size, &at);
    if (at > *total) *total = at;
  }
  mem_free(near);
  return fits ? NULL : FAIL(RESOURCE_EXHAUSTED, "the intermediates are too large");
}

// May output 0 of step k take the memory of input i? When nobody reads that memory after.
static bool may_reuse(const backend_context_t *c, const item_t *items, const step_t *s, int k,
                      int i) {
  const net_tensor_t *in = s->layer->in[i], *out = s->layer->out[0];
  int r = c->root[in->id];
  const item_t *it = &items[r];
  if (it->size == 0 || it->last != k || c->root[out->id] != out->id) return false;
  if (items[out->id].size == 0) return false;
  // Another input of this step in the same memory would be overwritten while it is read.
  for (int j = 0; j < s->layer->n_in; j++)
    if (j != i && c->root[s->layer->in[j]->id] == r &&
        !shape_equal(in_shape(c, s->layer, j), in_shape(c, s->layer, i)))
      return false;
  return shape_elements(in_shape(c, s->layer, i)) == shape_elements(out_shape(c, s->layer, 0)) &&
         dtype_size(in->dtype) == dtype_size(out->dtype);
}

status_t plan_memory(backend_context_t *c) {
  const network_t *n = c->net;
  status_t st = NULL;
  item_t *items = mem_calloc((size_t)n->n_tensors + 1, sizeof *items);
  bool *outside = mem_calloc((size_t)n->n_tensors + 1, sizeof *outside);
  for (int i = 0; i < n->n_inputs; i++) outside[c->root[n->inputs[i]->id]] = true;
  for (int i = 0; i < n->n_outputs; i++) outside[c->root[n->outputs[i]->id]] = true;
  for (int i = 0; i < n->n_tensors; i++)
    items[i] = (item_t){.tensor = i, .first = c->n_steps, .last = -1};
  for (int k = 0; k < c->n_steps; k++) {
    const layer_t *l = c->steps[k].layer;
    for (int i = 0; i < l->n_in; i++) items[c->root[l->in[i]->id]].last = k;
    for (int i = 0; i < l->n_out; i++) {
      item_t *it = &items[c->root[l->out[i]->id]];
      if (it->first > k) it->first = k;
      if (it->last < k) it->last = k;
    }
  }
  for (int i = 0; i < n->n_tensors; i++) {
    net_tensor_t *t = n->tensors[i];
    if (spec_value(c->spec, t) || outside[i] || c->root[i] != i || items[i].last < 0) continue;
    TRY_GOTO(st, out, tensor_size(c, t, &items[i].size));
  }
  for (int k = 0; k < c->n_steps; k++) {
    const step_t *s = &c->steps[k];
    const layer_t *l = s->layer;
    int take = -1;
    if (s->reuse >= 0 && may_reuse(c, items, s, k, s->reuse)) take = s->reuse;
    for (int i = 0; s->reuse_any && take < 0 && i < l->n_in; i++)
      if (may_reuse(c, items, s, k, i)) take = i;
    if (take < 0) continue;
    int from = c->root[l->in[take]->id], to = l->out[0]->id;
    items[from].last = items[to].last;
    items[to].size = 0;
    for (int i = 0; i < n->n_tensors; i++)
      if (c->root[i] == to) c->root[i] = from;
  }
  int m = 0;
  for (int i = 0; i < n->n_tensors; i++)
    if (items[i].size) items[m++] = items[i];
  size_t total = 0;
  TRY_GOTO(st, out, place(items, m, &total));
  c->arena_bytes = total;
  if (total) {
    c->arena = mem_try_alloc(total);
    if (!c->arena) st = FAIL(RESOURCE_EXHAUSTED, "no memory for %zu bytes of intermediates", total);
  }
  for (int i = 0; !st && i < m; i++) c->at[items[i].tensor] = (char *)c->arena + items[i].offset;
out:
  mem_free(items);
  mem_free(outside);
  return st;
}
