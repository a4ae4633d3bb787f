// Nodes and edges.
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

#include "ops/signature.h"

enum { MAX_OUTPUTS = 1 << 20 };

graph_t *graph_create(arena_t *arena, library_t *library) {
  graph_t *g = mem_calloc(1, sizeof *g);
  g->arena = arena;
  g->library = library;
  g->by_name = map_create();
  g->next_symbol = -2;
  return g;
}

static void release_values(node_t *n) {
  for (int i = 0; n->out_value && i < n->n_out; i++) tensor_unref(&n->out_value[i]);
}

void graph_destroy(graph_t *g) {
  if (!g) return;
  for (int i = 0; i < g->n_nodes; i++) {
    attrs_release(g->nodes[i]->attrs);
    release_values(g->nodes[i]);
    tensor_unref(&g->nodes[i]->pinned);
  }
  map_destroy(g->by_name);
  mem_free(g->nodes);
  mem_free(g);
}

// The name itself, or with the first free "_<n>" behind it.
static const char *unique_name(const graph_t *g, const char *name) {
  if (!map_has(g->by_name, name)) return arena_strdup(g->arena, name);
  char *s = arena_alloc(g->arena, strlen(name) + 16);
  for (unsigned i = 1;; i++) {
    snprintf(s, strlen(name) + 16, "%s_%u", name, i);
    if (!map_has(g->by_name, s)) return s;
  }
}

node_t *graph_add_node(graph_t *g, const char *op, const char *name) {
  node_t *n = arena_alloc(g->arena, sizeof *n);
  n->id = g->n_nodes;
  n->name = unique_name(g, name);
  n->device = "";
  n->n_out = -1;
  n->op = arena_strdup(g->arena, op);
  n->def = op_find(op);
  if (!n->def && g->library) n->foreign = map_get(g->library->foreign, op);
  if (g->n_nodes == g->cap_nodes) {
    g->cap_nodes = g->cap_nodes ? 2 * g->cap_nodes : 64;
    g->nodes = mem_realloc(g->nodes, (size_t)g->cap_nodes * sizeof(node_t *));
  }
  g->nodes[g->n_nodes++] = n;
  map_put(g->by_name, n->name, n);
  return n;
}

void node_set_op(node_t *n, const char *op) {
  n->op = op;
  n->def = op_find(op);
  n->foreign = NULL;
  n->raw = NULL;
}

void graph_rename_node(graph_t *g, node_t *n, const char *name) {
  map_remove(g->by_name, n->name);
  n->name = unique_name(g, name);
  n->raw = NULL;
  map_put(g->by_name, n->name, n);
}

node_t *graph_find(const graph_t *g, const char *name) { return map_get(g->by_name, name); }

// Room for one more item in an arena array.
static void *grow(arena_t *a, void *items, int n, int *cap, size_t size) {
  if (n < *cap) return items;
  *cap = *cap ? 2 * *cap : 4;
  void *more = arena_alloc(a, (size_t)*cap * size);
  if (n) memcpy(more, items, (size_t)n * size);
  return more;
}

void node_insert_input(graph_t *g, node_t *n, int at, node_t *src, int port) {
  n->in = grow(g->arena, n->in, n->n_in, &n->cap_in, sizeof *n->in);
  memmove(n->in + at + 1, n->in + at, (size_t)(n->n_in - at) * sizeof *n->in);
  n->in[at] = (input_t){src, port};
  n->n_in++;
  n->raw = NULL;
}

void node_add_input(graph_t *g, node_t *n, node_t *src, int port) {
  node_insert_input(g, n, n->n_in, src, port);
}

void node_set_input(node_t *n, int i, node_t *src, int port) {
  n->in[i] = (input_t){src, port};
  n->raw = NULL;
}

void node_remove_input(node_t *n, int i) {
  memmove(n->in + i, n->in + i + 1, (size_t)(n->n_in - i - 1) * sizeof *n->in);
  n->n_in--;
  n->raw = NULL;
}

void node_add_control(graph_t *g, node_t *n, node_t *src) {
  if (n == src) return;
  for (int i = 0; i < n->n_control; i++)
    if (n->control[i] == src) return;
  n->control = grow(g->arena, n->control, n->n_control, &n->cap_control, sizeof *n->control);
  n->control[n->n_control++] = src;
  n->raw = NULL;
}

void node_remove_control(node_t *n, node_t *src) {
  for (int i = 0; i < n->n_control; i++) {
    if (n->control[i] != src) continue;
    memmove(n->control + i, n->control + i + 1,
            (size_t)(n->n_control - i - 1) * sizeof *n->control);
    n->n_control--;
    n->raw = NULL;
    return;
  }
}

void graph_redirect(graph_t *g, node_t *src, int port, node_t *with, int new_port) {
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    for (int k = 0; k < n->n_in; k++)
      if (n->in[k].src == src && n->in[k].port == port && n != with)
        node_set_input(n, k, with, new_port);
  }
  for (int i = 0; i < g->n_rets; i++)
    if (g->rets[i].src == src && g->rets[i].port == port) g->rets[i] = (input_t){with, new_port};
}

void graph_redirect_control(graph_t *g, node_t *src, node_t *with) {
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    int before = n->n_control;
    node_remove_control(n, src);
    if (n->n_control < before && with && n != with) node_add_control(g, n, with);
  }
  int kept = 0;
  for (int i = 0; i < g->n_control_rets; i++) {
    node_t *n = g->control_rets[i];
    if (n != src)
      g->control_rets[kept++] = n;
    else if (with)
      g->control_rets[kept++] = with;
  }
  g->n_control_rets = kept;
}

void graph_remove_node(graph_t *g, node_t *n) {
  if (n->dead) return;
  n->dead = true;
  map_remove(g->by_name, n->name);
}

void graph_compact(graph_t *g) {
  int kept = 0;
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    if (n->dead) {
      attrs_release(n->attrs);
      release_values(n);
      tensor_unref(&n->pinned);
      continue;
    }
    n->id = kept;
    g->nodes[kept++] = n;
  }
  g->n_nodes = kept;
}

// ---------------------------------------------------------------- outputs

void node_set_outputs(graph_t *g, node_t *n, int n_out) {
  release_values(n);
  n->n_out = n_out;
  n->out_dtype = arena_alloc(g->arena, (size_t)n_out * sizeof *n->out_dtype);
  n->out_shape = arena_alloc(g->arena, (size_t)n_out * sizeof *n->out_shape);
  n->out_value = NULL;
  n->out_dims = NULL;
  for (int i = 0; i < n_out; i++) n->out_shape[i] = SHAPE_UNKNOWN;
}

static void resolve_call(graph_t *g, node_t *n) {
  const function_t *f = g->library ? library_find(g->library, n->op) : NULL;
  if (!f) return;
  node_set_outputs(g, n, f->n_rets);
  for (int i = 0; i < f->n_rets; i++) n->out_dtype[i] = f->rets[i].dtype;
}

status_t node_resolve(graph_t *g, node_t *n) {
  const op_signature_t *s = node_signature(n);
  if (!s) {
    resolve_call(g, n);
    return NULL;
  }
  int64_t total = 0;
  for (int a = 0; a < s->n_out; a++) {
    int64_t items = signature_arg_count(n, &s->out[a]);
    if (items < 0 || total + items > MAX_OUTPUTS)
      return FAIL(INVALID_ARGUMENT, "%s '%s': attribute '%s' is absent or out of range", n->op,
                  n->name, s->out[a].number_attr ? s->out[a].number_attr : s->out[a].list_attr);
    total += items;
  }
  node_set_outputs(g, n, (int)total);
  int at = 0;
  for (int a = 0; a < s->n_out; a++) {
    int items = (int)signature_arg_count(n, &s->out[a]);
    for (int i = 0; i < items; i++) n->out_dtype[at++] = signature_arg_dtype(n, &s->out[a], i);
  }
  return NULL;
}

node_t *graph_add_const(graph_t *g, const char *name, const tensor_t *t) {
  node_t *n = graph_add_node(g, "Const", name);
  node_set_tensor(g, n, "value", t);
  node_set_type(g, n, "dtype", t->dtype);
  node_set_outputs(g, n, 1);
  n->out_dtype[0] = t->dtype;
  n->out_shape[0] = t->shape;
  return n;
}

const tensor_t *input_value(const input_t *in) {
  for (int hops = 0; in->src && hops < 10000; hops++) {
    node_t *n = in->src;
    if (!tensor_empty(&n->pinned)) return &n->pinned;
    if (n->out_value && in->port < n->n_out && !tensor_empty(&n->out_value[in->port]))
      return &n->out_value[in->port];
    if (strcmp(n->op, "Const") == 0) {
      attr_value_t *a = node_attr(n, "value");
      const tensor_t *t = NULL;
      status_t bad = a ? attr_tensor(a, &t) : NULL;
      status_free(bad);
      return bad ? NULL : t;
    }
    if (strcmp(n->op, "Identity") != 0 || !n->n_in) return NULL;
    in = &n->in[0];
  }
  return NULL;
}

const shape_t *input_shape(const input_t *in) {
  static const shape_t unknown = {.rank = -1};
  return in->port < in->src->n_out ? &in->src->out_shape[in->port] : &unknown;
}
