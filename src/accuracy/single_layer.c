#include "accuracy/single_layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network/weight_scale.h"

// Constants from this size on are not copied into the plan, which names them by their number.
enum { OUTSIDE_BYTES = 4096 };

typedef struct constants {
  const layer_t *l;
  const tensor_t *in;
} constants_t;

static status_t read_constant(void *self, const char *key, tensor_t *out) {
  const constants_t *c = self;
  const int i = atoi(key);
  TRY(weight_unrounded(c->l->in[i], out));
  if (!out->buf) *out = tensor_ref(&c->in[i]);
  return NULL;
}

static void copy_steps(net_tensor_t *to, const net_tensor_t *from) {
  to->scale = from->scale;
  to->zero_point = from->zero_point;
  to->channel_scale = from->channel_scale;
  to->n_channel_scales = from->n_channel_scales;
}

static net_tensor_t *add_input(network_t *n, const net_tensor_t *t, const tensor_t *value, int i,
                               bool fixed) {
  char key[16];
  snprintf(key, sizeof key, "%d", i);
  bool outside = tensor_bytes(value) >= OUTSIDE_BYTES || t->unrounded.buf;
  net_tensor_t *x = fixed ? network_add_constant(n, t->name, value, outside ? key : NULL)
                          : network_add_input(n, t->name, t->dtype, &value->shape);
  copy_steps(x, t);
  return x;
}

// given[k]: which of the layer's inputs is the network's k-th.
static network_t *make_network(const network_t *of, const layer_t *l, const tensor_t *in,
                               const bool *fixed, int *given) {
  network_t *n = network_create(l->name);
  n->half = of->half;
  net_tensor_t **list = arena_alloc(n->arena, ((size_t)l->n_in + 1) * sizeof *list);
  dtype_t *types = arena_alloc(n->arena, ((size_t)l->n_out + 1) * sizeof *types);
  for (int i = 0; i < l->n_in; i++) {
    for (int k = 0; k < i && !list[i]; k++)
      if (l->in[k] == l->in[i]) list[i] = list[k];
    if (list[i]) continue;
    if (!fixed[i]) given[n->n_inputs] = i;
    list[i] = add_input(n, l->in[i], &in[i], i, fixed[i]);
  }
  for (int i = 0; i < l->n_out; i++) types[i] = l->out[i]->dtype;
  layer_t *copy = network_add_layer(n, l->type, l->name, l->n_in, list, l->n_out, types);
  copy->p = l->p;
  for (int i = 0; i < l->n_out; i++) {
    copy_steps(copy->out[i], l->out[i]);
    network_mark_output(n, copy->out[i]);
  }
  return n;
}

static status_t run_context(const backend_t *b, backend_context_t *c, const network_t *n,
                            const tensor_t *inputs, tensor_t *out) {
  const shape_t *shapes = b->output_shapes(c);
  for (int i = 0; i < n->n_outputs; i++)
    TRY(tensor_alloc(n->outputs[i]->dtype, &shapes[i], &out[i]));
  return b->run(c, inputs, out);
}

static status_t run_engine(const backend_t *b, backend_engine_t *e, const tensor_t *in,
                           const int *given, int threads, tensor_t *out) {
  const network_t *n = b->network(e);
  size_t count = (size_t)n->n_inputs + 1;
  tensor_t *inputs = mem_calloc(count, sizeof *inputs), *values = mem_calloc(count, sizeof *values);
  shape_t *shapes = mem_calloc(count, sizeof *shapes);
  bool *shape_input = mem_calloc(count, sizeof *shape_input);
  backend_context_t *c = NULL;
  network_shape_inputs(n, shape_input);
  for (int i = 0; i < n->n_inputs; i++) {
    inputs[i] = in[given[i]];
    shapes[i] = inputs[i].shape;
    if (shape_input[i]) values[i] = inputs[i];
  }
  status_t st = b->context_create(e, shapes, values, threads, &c);
  if (!st) st = run_context(b, c, n, inputs, out);
  if (c) b->context_destroy(c);
  mem_free(shape_input);
  mem_free(shapes);
  mem_free(values);
  mem_free(inputs);
  return st;
}

status_t single_layer_run(const backend_t *b, const network_t *of, const layer_t *l,
                          const tensor_t *in, const bool *fixed, int threads, tensor_t *out) {
  int *given = mem_calloc((size_t)l->n_in + 1, sizeof *given);
  network_t *n = make_network(of, l, in, fixed, given);
  constants_t constants = {l, in};
  build_options_t o = {.struct_size = sizeof o, .threads = threads, .keep_layers = true};
  weight_source_t weights = {read_constant, &constants};
  bytes_t plan = {0};
  backend_engine_t *e = NULL;
  for (int i = 0; i < l->n_out; i++) out[i] = (tensor_t){0};
  status_t st = network_infer(n);
  if (!st) st = b->build(n, &o, &plan);
  if (!st) st = b->load(plan.data, plan.size, &weights, &e);
  if (!st) st = run_engine(b, e, in, given, threads, out);
  for (int i = 0; i < l->n_out && st; i++) tensor_unref(&out[i]);
  if (e) b->unload(e);
  mem_free(plan.data);
  network_destroy(n);
  mem_free(given);
  return status_prefix(st, "layer %s", l->name);
}
