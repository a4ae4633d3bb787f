// A deep copy of a network; constants share their buffers.
#include <string.h>

#include "network/known.h"

static net_tensor_t *clone_tensor(network_t *to, const net_tensor_t *t) {
  arena_t *a = to->arena;
  net_tensor_t *c = arena_alloc(a, sizeof *c);
  *c = *t;
  c->name = arena_strdup(a, t->name);
  c->weight_key = t->weight_key ? arena_strdup(a, t->weight_key) : NULL;
  if (t->weight_scale.n) {
    double *f = arena_alloc(a, (size_t)t->weight_scale.n * sizeof *f);
    memcpy(f, t->weight_scale.factor, (size_t)t->weight_scale.n * sizeof *f);
    c->weight_scale.factor = f;
  }
  if (t->channel_scale) {
    float *f = arena_alloc(a, (size_t)t->n_channel_scales * sizeof *f);
    memcpy(f, t->channel_scale, (size_t)t->n_channel_scales * sizeof *f);
    c->channel_scale = f;
  }
  if (t->channels) {
    channel_range_t *r = arena_alloc(a, (size_t)t->n_channels * sizeof *r);
    memcpy(r, t->channels, (size_t)t->n_channels * sizeof *r);
    c->channels = r;
  }
  if (t->channel_factor) {
    float *f = arena_alloc(a, (size_t)t->n_channel_factors * sizeof *f);
    memcpy(f, t->channel_factor, (size_t)t->n_channel_factors * sizeof *f);
    c->channel_factor = f;
  }
  c->producer = NULL;
  if (t->is_const) c->value = tensor_ref(&t->value);
  if (t->unrounded.buf) c->unrounded = tensor_ref(&t->unrounded);
  if (t->known) {
    known_t *k = known_alloc(a, t->known->n);
    memcpy(k->v, t->known->v, (size_t)t->known->n * sizeof *k->v);
    c->known = k;
  }
  return c;
}

static net_tensor_t **map_list(network_t *to, net_tensor_t *const *list, int n) {
  net_tensor_t **m = arena_alloc(to->arena, (size_t)n * sizeof *m + 1);
  for (int i = 0; i < n; i++) m[i] = to->tensors[list[i]->id];
  return m;
}

static layer_t *clone_layer(network_t *to, const layer_t *l) {
  arena_t *a = to->arena;
  layer_t *c = arena_alloc(a, sizeof *c);
  *c = *l;
  c->name = arena_strdup(a, l->name);
  c->why = l->why ? arena_strdup(a, l->why) : NULL;
  c->tf_nodes = arena_alloc(a, (size_t)l->n_tf_nodes * sizeof *c->tf_nodes + 1);
  for (int i = 0; i < l->n_tf_nodes; i++) c->tf_nodes[i] = arena_strdup(a, l->tf_nodes[i]);
  c->in = map_list(to, l->in, l->n_in);
  c->out = map_list(to, l->out, l->n_out);
  for (int i = 0; i < l->n_out; i++) c->out[i]->producer = c;
  return c;
}

network_t *network_clone(const network_t *n) {
  network_t *c = network_create(n->name);
  c->next_symbol = n->next_symbol;
  c->int8 = n->int8;
  c->implicit_ranges = n->implicit_ranges;
  c->half = n->half;
  for (int i = 0; i < n->n_keep; i++) network_keep(c, n->keep[i].node, n->keep[i].at_least);
  c->n_tensors = c->cap_tensors = n->n_tensors;
  c->n_layers = c->cap_layers = n->n_layers;
  c->tensors = mem_alloc(((size_t)n->n_tensors + 1) * sizeof *c->tensors);
  c->layers = mem_alloc(((size_t)n->n_layers + 1) * sizeof *c->layers);
  for (int i = 0; i < n->n_tensors; i++) c->tensors[i] = clone_tensor(c, n->tensors[i]);
  for (int i = 0; i < n->n_layers; i++) c->layers[i] = clone_layer(c, n->layers[i]);
  c->n_inputs = n->n_inputs;
  c->n_outputs = n->n_outputs;
  c->inputs = mem_alloc(((size_t)n->n_inputs + 1) * sizeof *c->inputs);
  c->outputs = mem_alloc(((size_t)n->n_outputs + 1) * sizeof *c->outputs);
  for (int i = 0; i < n->n_inputs; i++) c->inputs[i] = c->tensors[n->inputs[i]->id];
  for (int i = 0; i < n->n_outputs; i++) c->outputs[i] = c->tensors[n->outputs[i]->id];
  return c;
}
