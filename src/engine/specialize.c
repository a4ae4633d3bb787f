#include "engine/specialize.h"

#include "engine/backend.h"
#include "network/eval.h"

// Layers whose output follows from their input's shape, not from its values.
static bool reads_shape_only(const layer_t *l) {
  return l->type == LAYER_SHAPE || l->type == LAYER_SIZE || l->type == LAYER_RANK;
}

// needed[id]: the value of the tensor decides a shape. Walks from the last layer to the first.
static void mark_needed(const network_t *n, bool *needed) {
  for (int i = n->n_layers - 1; i >= 0; i--) {
    const layer_t *l = n->layers[i];
    bool out = false;
    for (int o = 0; o < l->n_out; o++) out = out || needed[l->out[o]->id];
    for (int k = 0; k < l->n_in; k++)
      if (layer_shape_operand(l, k) || (out && !reads_shape_only(l))) needed[l->in[k]->id] = true;
  }
}

void network_shape_inputs(const network_t *n, bool *out) {
  bool *needed = mem_calloc((size_t)n->n_tensors + 1, sizeof *needed);
  mark_needed(n, needed);
  for (int i = 0; i < n->n_inputs; i++) out[i] = needed[n->inputs[i]->id];
  mem_free(needed);
}

// Small results of known values are computed here too, so that nothing is left to do at run time.
enum { EAGER_ELEMENTS = 4096 };

static bool small(const shape_t *s) {
  int64_t n = shape_elements(s);
  return n >= 0 && n <= EAGER_ELEMENTS;
}

static void input_shape_of_shape_reader(const specialized_t *s, const layer_t *l, tensor_t *in) {
  // Only its shape is looked at; the memory is never touched.
  static char nothing;
  *in = (tensor_t){.dtype = l->in[0]->dtype, .shape = s->shapes[l->in[0]->id], .data = &nothing};
  static buffer_t no_buffer;
  in->buf = &no_buffer;
}

static status_t evaluate(specialized_t *s, const layer_t *l) {
  tensor_t *in = mem_calloc((size_t)l->n_in + 1, sizeof *in);
  tensor_t *out = mem_alloc(((size_t)l->n_out + 1) * sizeof *out);
  if (reads_shape_only(l))
    input_shape_of_shape_reader(s, l, in);
  else
    for (int k = 0; k < l->n_in; k++) in[k] = s->values[l->in[k]->id];
  status_t st = layer_eval(l, in, out);
  for (int o = 0; o < l->n_out && !st; o++) {
    s->values[l->out[o]->id] = out[o];
    s->shapes[l->out[o]->id] = out[o].shape;
  }
  mem_free(in);
  mem_free(out);
  return st;
}

static status_t infer(specialized_t *s, const layer_t *l) {
  shape_t *in = mem_alloc(((size_t)l->n_in + 1) * sizeof *in);
  shape_t *out = mem_alloc(((size_t)l->n_out + 1) * sizeof *out);
  const tensor_t **values = mem_alloc(((size_t)l->n_in + 1) * sizeof *values);
  for (int k = 0; k < l->n_in; k++) {
    in[k] = s->shapes[l->in[k]->id];
    values[k] = spec_value(s, l->in[k]);
  }
  status_t st = layer_infer(l, in, values, out);
  for (int o = 0; o < l->n_out && !st; o++) {
    s->shapes[l->out[o]->id] = out[o];
    if (!shape_known(&out[o]))
      st = FAIL(FAILED_PRECONDITION,
                "layer %s (%s): the shape of output %d depends on values that are not given",
                l->name, layer_type_name(l->type), o);
  }
  mem_free(in);
  mem_free(out);
  mem_free(values);
  return st;
}

static status_t take_layer(specialized_t *s, const layer_t *l, const bool *needed) {
  bool known = true, wanted = false, all_small = true;
  for (int k = 0; k < l->n_in && !reads_shape_only(l); k++)
    known = known && spec_value(s, l->in[k]) != NULL;
  for (int o = 0; o < l->n_out; o++) wanted = wanted || needed[l->out[o]->id];
  if (known && wanted) return evaluate(s, l);
  TRY(infer(s, l));
  for (int o = 0; o < l->n_out; o++) all_small = all_small && small(&s->shapes[l->out[o]->id]);
  if (known && all_small) return evaluate(s, l);
  s->layers[s->n_layers++] = l;
  return NULL;
}

static status_t take_inputs(specialized_t *s, const shape_t *shapes, const tensor_t *values) {
  const network_t *n = s->net;
  char want[160], got[160];
  for (int i = 0; i < n->n_inputs; i++) {
    const net_tensor_t *t = n->inputs[i];
    bool value = values && !tensor_empty(&values[i]);
    if (!shape_known(&shapes[i]) || !shape_compatible(&shapes[i], &t->shape) ||
        (value && (values[i].dtype != t->dtype || !shape_equal(&values[i].shape, &shapes[i]))))
      return FAIL(INVALID_ARGUMENT, "input %d (%s) of %s takes %s%s, not %s%s", i, t->name, n->name,
                  dtype_name(t->dtype), shape_format(&t->shape, want, sizeof want),
                  dtype_name(value ? values[i].dtype : t->dtype),
                  shape_format(&shapes[i], got, sizeof got));
    s->shapes[t->id] = shapes[i];
    if (value) s->values[t->id] = tensor_ref(&values[i]);
  }
  return NULL;
}

status_t specialize(const network_t *n, const shape_t *shapes, const tensor_t *values,
                    specialized_t **out) {
  arena_t *arena = arena_create();
  specialized_t *s = arena_alloc(arena, sizeof *s);
  *s = (specialized_t){.arena = arena, .net = n};
  s->shapes = arena_alloc(arena, ((size_t)n->n_tensors + 1) * sizeof *s->shapes);
  s->values = arena_alloc(arena, ((size_t)n->n_tensors + 1) * sizeof *s->values);
  s->layers = arena_alloc(arena, ((size_t)n->n_layers + 1) * sizeof *s->layers);
  bool *needed = arena_alloc(arena, (size_t)n->n_tensors + 1);
  mark_needed(n, needed);
  for (int i = 0; i < n->n_tensors; i++) {
    s->shapes[i] = n->tensors[i]->shape;
    if (n->tensors[i]->is_const) s->values[i] = tensor_ref(&n->tensors[i]->value);
  }
  status_t st = take_inputs(s, shapes, values);
  for (int i = 0; i < n->n_layers && !st; i++) st = take_layer(s, n->layers[i], needed);
  // Layers whose readers all got values have nothing left to do.
  bool *read = arena_alloc(arena, (size_t)n->n_tensors + 1);
  for (int i = 0; i < n->n_outputs; i++) read[n->outputs[i]->id] = true;
  int from = s->n_layers;
  for (int i = s->n_layers - 1; i >= 0; i--) {
    const layer_t *l = s->layers[i];
    bool live = false;
    for (int o = 0; o < l->n_out; o++) live = live || read[l->out[o]->id];
    if (!live) continue;
    for (int k = 0; k < l->n_in; k++) read[l->in[k]->id] = true;
    s->layers[--from] = l;
  }
  s->layers += from;
  s->n_layers -= from;
  if (st) {
    specialized_free(s);
    return st;
  }
  *out = s;
  return NULL;
}

void specialized_free(specialized_t *s) {
  if (!s) return;
  for (int i = 0; i < s->net->n_tensors; i++) tensor_unref(&s->values[i]);
  arena_destroy(s->arena);
}
