// Deep copies of graphs.
#include <string.h>

#include "graph/graph.h"

static void *copy(arena_t *a, const void *items, int n, size_t size) {
  if (!items || n <= 0) return NULL;
  return memcpy(arena_alloc(a, (size_t)n * size), items, (size_t)n * size);
}

static void clone_outputs(arena_t *a, const node_t *from, node_t *to) {
  to->n_out = from->n_out;
  to->out_dtype = copy(a, from->out_dtype, from->n_out, sizeof *from->out_dtype);
  to->out_shape = copy(a, from->out_shape, from->n_out, sizeof *from->out_shape);
  to->out_dims = copy(a, from->out_dims, from->n_out, sizeof *from->out_dims);
  to->out_value = copy(a, from->out_value, from->n_out, sizeof *from->out_value);
  for (int i = 0; to->out_value && i < to->n_out; i++)
    to->out_value[i] = tensor_ref(&from->out_value[i]);
}

static void clone_edges(arena_t *a, graph_t *c, const node_t *from, node_t *to) {
  to->in = copy(a, from->in, from->n_in, sizeof *from->in);
  to->n_in = to->cap_in = from->n_in;
  for (int k = 0; k < to->n_in; k++) to->in[k].src = c->nodes[from->in[k].src->id];
  to->control = copy(a, from->control, from->n_control, sizeof *from->control);
  to->n_control = to->cap_control = from->n_control;
  for (int k = 0; k < to->n_control; k++) to->control[k] = c->nodes[from->control[k]->id];
}

static node_t **clone_list(arena_t *a, const graph_t *c, node_t *const *list, int n) {
  node_t **out = copy(a, list, n, sizeof *list);
  for (int i = 0; i < n; i++) out[i] = c->nodes[out[i]->id];
  return out;
}

static const char **clone_names(arena_t *a, const char *const *names, int n) {
  const char **out = copy(a, names, n, sizeof *names);
  for (int i = 0; out && i < n; i++)
    if (out[i]) out[i] = arena_strdup(a, out[i]);
  return out;
}

// Names and values of the original stay where they are: its arena must outlive the copy.
graph_t *graph_clone(const graph_t *g, arena_t *arena) {
  graph_t *c = graph_create(arena, g->library);
  c->nodes = mem_alloc((size_t)(g->n_nodes + 1) * sizeof(node_t *));
  c->cap_nodes = g->n_nodes + 1;
  c->next_symbol = g->next_symbol;
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *from = g->nodes[i];
    node_t *n = arena_alloc(arena, sizeof *n);
    n->id = i;
    n->name = from->name;
    n->op = from->op;
    n->device = from->device;
    n->def = from->def;
    n->raw = from->raw;
    n->raw_size = from->raw_size;
    n->dead = from->dead;
    n->mark = from->mark;
    n->pinned = tensor_ref(&from->pinned);
    n->foreign = from->foreign;
    n->unknown_outs = from->unknown_outs;
    n->n_unknown_outs = from->n_unknown_outs;
    n->attrs = attrs_copy(arena, from->attrs);
    clone_outputs(arena, from, n);
    c->nodes[c->n_nodes++] = n;
    if (!n->dead) map_put(c->by_name, n->name, n);
  }
  for (int i = 0; i < g->n_nodes; i++) clone_edges(arena, c, g->nodes[i], c->nodes[i]);
  c->args = clone_list(arena, c, g->args, g->n_args);
  c->arg_names = clone_names(arena, g->arg_names, g->n_args);
  c->n_args = g->n_args;
  c->rets = copy(arena, g->rets, g->n_rets, sizeof *g->rets);
  for (int i = 0; i < g->n_rets; i++) c->rets[i].src = c->nodes[g->rets[i].src->id];
  c->ret_names = clone_names(arena, g->ret_names, g->n_rets);
  c->n_rets = g->n_rets;
  c->control_rets = clone_list(arena, c, g->control_rets, g->n_control_rets);
  c->n_control_rets = g->n_control_rets;
  return c;
}
