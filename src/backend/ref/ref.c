// The reference backend: runs a network as it is, layer by layer, with network/eval.
#include <string.h>

#include "engine/plan.h"
#include "engine/specialize.h"
#include "network/eval.h"
#include "network/half.h"

struct backend_engine {
  plan_t *plan;
};

struct backend_context {
  const network_t *net;
  specialized_t *spec;
  shape_t *out_shapes;
  tensor_t *values;  // [n_tensors] of a run
  observe_fn observe;
  void *observer;
  int *
      last_reader;  // [n_tensors] index of the layer after which the tensor is not needed; -1: keep
};

static status_t probe(void) { return NULL; }

static bool supports(const layer_t *l, char *reason, size_t n) {
  (void)l, (void)reason, (void)n;
  return true;
}

// 16 bits wherever they can be: nothing is faster here.
static status_t assign_half(network_t *n) {
  dtype_t *type = mem_alloc(((size_t)n->n_layers + 1) * sizeof *type);
  for (int i = 0; i < n->n_layers; i++) type[i] = n->half == HALF_BFLOAT16 ? DT_BFLOAT16 : DT_HALF;
  status_t st = network_assign_half(n, type);
  mem_free(type);
  return st;
}

static status_t build(const network_t *n, const build_options_t *o, bytes_t *out_plan) {
  const struct profiles *profiles = o ? o->profiles : NULL;
  if ((!n->int8 && !n->half) || (o && o->keep_layers))
    return plan_write(n, "ref", NULL, 0, profiles, out_plan);
  // Which tensors are in 8 bits is decided by the passes; every backend obeys.
  network_t *copy = network_clone(n);
  network_options_t options = {.struct_size = sizeof options, .fuse = true};
  status_t st = network_optimize(copy, &options);
  if (!st && copy->half) st = assign_half(copy);
  if (!st) st = plan_write(copy, "ref", NULL, 0, profiles, out_plan);
  network_destroy(copy);
  return st;
}

static status_t load(const uint8_t *plan, size_t size, const weight_source_t *weights,
                     backend_engine_t **out) {
  plan_t *p;
  TRY(plan_read(plan, size, weights, &p));
  *out = mem_calloc(1, sizeof **out);
  (*out)->plan = p;
  return NULL;
}

static void unload(backend_engine_t *e) {
  if (!e) return;
  plan_free(e->plan);
  mem_free(e);
}

static const network_t *network(const backend_engine_t *e) { return e->plan->net; }

static void context_destroy(backend_context_t *c) {
  if (!c) return;
  specialized_free(c->spec);
  mem_free(c->out_shapes);
  mem_free(c->values);
  mem_free(c->last_reader);
  mem_free(c);
}

static status_t context_create(backend_engine_t *e, const shape_t *shapes, const tensor_t *values,
                               int threads, backend_context_t **out) {
  (void)threads;
  backend_context_t *c = mem_calloc(1, sizeof *c);
  c->net = e->plan->net;
  status_t st = specialize(c->net, shapes, values, &c->spec);
  if (st) {
    context_destroy(c);
    return st;
  }
  size_t n = (size_t)c->net->n_tensors + 1;
  c->out_shapes = mem_calloc((size_t)c->net->n_outputs + 1, sizeof *c->out_shapes);
  c->values = mem_calloc(n, sizeof *c->values);
  c->last_reader = mem_calloc(n, sizeof *c->last_reader);
  for (int i = 0; i < c->spec->n_layers; i++)
    for (int k = 0; k < c->spec->layers[i]->n_in; k++)
      c->last_reader[c->spec->layers[i]->in[k]->id] = i;
  for (int i = 0; i < c->net->n_outputs; i++) {
    c->out_shapes[i] = c->spec->shapes[c->net->outputs[i]->id];
    c->last_reader[c->net->outputs[i]->id] = -1;
  }
  *out = c;
  return NULL;
}

static const shape_t *output_shapes(const backend_context_t *c) { return c->out_shapes; }

static status_t run_layer(backend_context_t *c, int index) {
  const layer_t *l = c->spec->layers[index];
  tensor_t *in = mem_alloc(((size_t)l->n_in + 1) * sizeof *in);
  tensor_t *out = mem_alloc(((size_t)l->n_out + 1) * sizeof *out);
  for (int k = 0; k < l->n_in; k++) {
    const tensor_t *v = &c->values[l->in[k]->id];
    in[k] = v->buf ? *v : c->spec->values[l->in[k]->id];
  }
  status_t st = layer_eval(l, in, out);
  for (int o = 0; o < l->n_out && !st; o++) c->values[l->out[o]->id] = out[o];
  for (int o = 0; o < l->n_out && !st && c->observe; o++)
    st = c->observe(c->observer, l->out[o], &out[o]);
  for (int k = 0; k < l->n_in; k++)
    if (c->last_reader[l->in[k]->id] == index) tensor_unref(&c->values[l->in[k]->id]);
  mem_free(in);
  mem_free(out);
  return st;
}

static status_t run(backend_context_t *c, const tensor_t *in, tensor_t *out) {
  status_t st = NULL;
  for (int i = 0; i < c->net->n_inputs; i++) c->values[c->net->inputs[i]->id] = tensor_ref(&in[i]);
  for (int i = 0; i < c->spec->n_layers && !st; i++) st = run_layer(c, i);
  for (int i = 0; i < c->net->n_outputs && !st; i++) {
    const net_tensor_t *t = c->net->outputs[i];
    const tensor_t *v = c->values[t->id].buf ? &c->values[t->id] : spec_value(c->spec, t);
    if (!v || out[i].dtype != v->dtype || !shape_equal(&out[i].shape, &v->shape))
      st = FAIL(INVALID_ARGUMENT, "output %d (%s) is not of the context's dtype and shape", i,
                t->name);
    else if (tensor_bytes(v))
      memcpy(out[i].data, v->data, tensor_bytes(v));
  }
  for (int i = 0; i < c->net->n_tensors; i++) tensor_unref(&c->values[i]);
  return st;
}

static void observe(backend_context_t *c, observe_fn fn, void *user) {
  c->observe = fn;
  c->observer = user;
}

static char *profile(backend_context_t *c) {
  (void)c;
  return NULL;
}

static size_t context_bytes(const backend_context_t *c) {
  (void)c;
  return 0;
}

extern const backend_t backend_ref;
const backend_t backend_ref = {
    .abi_major = 1,
    .name = "ref",
    .probe = probe,
    .supports = supports,
    .build = build,
    .load = load,
    .unload = unload,
    .network = network,
    .context_create = context_create,
    .context_destroy = context_destroy,
    .output_shapes = output_shapes,
    .run = run,
    .observe = observe,
    .profile = profile,
    .context_bytes = context_bytes,
};
