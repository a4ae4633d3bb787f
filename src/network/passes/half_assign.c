// Puts layers and tensors on 16-bit types.
#include <string.h>

#include "kernels/convert.h"
#include "network/half.h"
#include "network/passes/half.h"
#include "network/passes/pass.h"

typedef struct assigner {
  network_t *n;
  half_types_t types;
  net_tensor_t **cast[2];  // [n_tensors], in FP32 and in 16 bits; NULL: not made
  int n_old;               // tensors that the network had
} assigner_t;

// The constant in another type; its stored form stays what it is, and FP16 knows what it was.
static net_tensor_t *rounded_constant(network_t *n, const net_tensor_t *t, dtype_t to) {
  tensor_t v;
  status_t st = tensor_alloc(to, &t->value.shape, &v);
  if (st) {
    status_free(st);
    return NULL;
  }
  convert(t->dtype, to, t->value.data, v.data, tensor_elements(&v), false, 1);
  net_tensor_t *c = network_add_constant(n, t->name, &v, t->weight_key);
  c->shape = t->shape;
  c->weight_scale = t->weight_scale;
  if (t->dtype == DT_FLOAT && to == DT_HALF) c->unrounded = tensor_ref(&t->value);
  tensor_unref(&v);
  return c;
}

static net_tensor_t *cast_to(network_t *n, net_tensor_t *t, dtype_t to) {
  const char *name = arena_printf(n->arena, "%s/%s", t->name, to == DT_FLOAT ? "fp32" : "16bit");
  layer_t *l = network_add_layer(n, LAYER_CAST, name, 1, &t, 1, &to);
  l->out[0]->name = t->name;
  l->out[0]->shape = t->shape;
  l->out[0]->scale = t->scale;
  l->out[0]->channel_factor = t->channel_factor;
  l->out[0]->n_channel_factors = t->n_channel_factors;
  return l->out[0];
}

static net_tensor_t *in_type(assigner_t *a, net_tensor_t *t, dtype_t to) {
  if (a->types.tensor[t->id] == to) return t;
  net_tensor_t **made = &a->cast[dtype_is_16bit_float(to)][t->id];
  if (*made && (*made)->dtype != to) return cast_to(a->n, t, to);  // of the other 16-bit type
  if (!*made) *made = t->is_const ? rounded_constant(a->n, t, to) : cast_to(a->n, t, to);
  return *made;
}

static status_t assign_layer(assigner_t *a, layer_t *l, net_tensor_t **in) {
  bool changed = false;
  for (int i = 0; i < l->n_in; i++) {
    in[i] = in_type(a, l->in[i], half_operand(&a->types, l, i));
    if (!in[i]) return FAIL(RESOURCE_EXHAUSTED, "layer %s: no memory for 16-bit weights", l->name);
    changed |= in[i] != l->in[i];
  }
  if (changed) set_inputs(a->n, l, l->n_in, in);
  return NULL;
}

static void note_reason(const network_t *n, layer_t *l, dtype_t type, dtype_t other) {
  if (l->dead || half_class(l) != HALF_CHOSEN || dtype_is_16bit_float(type) || l->why) return;
  if (l->out[0]->dtype != DT_FLOAT || l->n_in < 2 || l->in[0]->dtype != DT_FLOAT) return;
  l->why = layer_refuses_half(n, l, other);
  if (!l->why) l->why = "it is faster so";
}

// A type that the network's layers have, for the reasons of the others.
static dtype_t type_in_use(const network_t *n, const dtype_t *type) {
  for (int i = 0; i < n->n_layers; i++)
    if (dtype_is_16bit_float(type[i])) return type[i];
  return n->half == HALF_BFLOAT16 ? DT_BFLOAT16 : DT_HALF;
}

static void set_types(assigner_t *a) {
  network_t *n = a->n;
  for (int i = 0; i < a->n_old; i++) {
    net_tensor_t *t = n->tensors[i];
    if (!t->is_const) t->dtype = a->types.tensor[i];
  }
}

static void restore_outputs(assigner_t *a) {
  network_t *n = a->n;
  for (int i = 0; i < n->n_outputs; i++) {
    net_tensor_t *t = n->outputs[i];
    n->outputs[i] = in_type(a, t, t->dtype);
    t->n_readers--;
    n->outputs[i]->n_readers++;
  }
}

static dtype_t *allowed_types(const network_t *n, const dtype_t *type) {
  dtype_t *allowed = mem_calloc((size_t)n->n_layers + 1, sizeof *allowed);
  for (int i = 0; i < n->n_layers; i++) {
    bool takes = dtype_is_16bit_float(type[i]) && !layer_refuses_half(n, n->layers[i], type[i]);
    allowed[i] = takes ? type[i] : DT_FLOAT;
  }
  return allowed;
}

status_t network_assign_half(network_t *n, const dtype_t *type) {
  dtype_t *allowed = allowed_types(n, type), other = type_in_use(n, type);
  int n_layers = n->n_layers, most = 1;
  for (int i = 0; i < n_layers; i++) {
    note_reason(n, n->layers[i], allowed[i], other);
    if (n->layers[i]->n_in > most) most = n->layers[i]->n_in;
  }
  assigner_t a = {.n = n, .types = half_types(n, allowed), .n_old = n->n_tensors};
  for (int i = 0; i < 2; i++) a.cast[i] = mem_calloc((size_t)n->n_tensors + 1, sizeof *a.cast[i]);
  net_tensor_t **in = mem_alloc((size_t)most * sizeof *in);
  status_t st = NULL;
  for (int i = 0; i < n_layers && !st; i++) st = assign_layer(&a, n->layers[i], in);
  restore_outputs(&a);
  set_types(&a);
  mem_free(in);
  for (int i = 0; i < 2; i++) mem_free(a.cast[i]);
  half_types_free(&a.types);
  mem_free(allowed);
  TRY(st);
  n->half = HALF_NONE;
  network_compact(n);
  return network_infer(n);
}
