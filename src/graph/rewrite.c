#include "graph/rewrite.h"

#include <string.h>

#include "ops/op.h"

node_t *rewrite_copy_node(graph_t *g, const node_t *from, const char *name) {
  node_t *n = graph_add_node(g, from->op, name);
  n->device = from->device;
  n->attrs = attrs_copy(g->arena, from->attrs);
  n->foreign = from->foreign;
  n->unknown_outs = from->unknown_outs;
  n->n_unknown_outs = from->n_unknown_outs;
  if (from->n_out >= 0) {
    node_set_outputs(g, n, from->n_out);
    for (int i = 0; i < from->n_out; i++) n->out_dtype[i] = from->out_dtype[i];
  }
  return n;
}

static void clear_attrs(node_t *n) {
  attrs_release(n->attrs);
  n->attrs = NULL;
}

void rewrite_to_const(graph_t *g, node_t *n, const tensor_t *t) {
  tensor_t value = tensor_ref(t);
  node_set_op(n, "Const");
  clear_attrs(n);
  n->n_in = 0;
  node_set_tensor(g, n, "value", &value);
  node_set_type(g, n, "dtype", value.dtype);
  node_set_outputs(g, n, 1);
  n->out_dtype[0] = value.dtype;
  n->out_shape[0] = value.shape;
  tensor_unref(&value);
}

void rewrite_to_identity(graph_t *g, node_t *n, int input) {
  input_t keep = n->in[input];
  dtype_t dtype = n->n_out > 0 ? n->out_dtype[0] : DT_INVALID;
  shape_t shape = n->n_out > 0 ? n->out_shape[0] : SHAPE_UNKNOWN;
  for (int i = 0; i < n->n_in; i++)
    if (i != input && rewrite_has_effects(n->in[i].src)) node_add_control(g, n, n->in[i].src);
  node_set_op(n, "Identity");
  clear_attrs(n);
  n->in[0] = keep;
  n->n_in = 1;
  node_set_type(g, n, "T", dtype);
  node_set_outputs(g, n, 1);
  n->out_dtype[0] = dtype;
  n->out_shape[0] = shape;
}

bool rewrite_is(const node_t *n, const char *op) { return strcmp(n->op, op) == 0; }

bool rewrite_is_any(const node_t *n, const char *const *ops) {
  for (; *ops; ops++)
    if (strcmp(n->op, *ops) == 0) return true;
  return false;
}

bool rewrite_is_control_flow(const node_t *n) {
  static const char *const ops[] = {
      "Switch",           "Merge",     "Enter",          "Exit",     "NextIteration",
      "LoopCond",         "RefSwitch", "RefMerge",       "RefEnter", "RefExit",
      "RefNextIteration", "_SwitchN",  "ControlTrigger", NULL};
  return rewrite_is_any(n, ops);
}

bool rewrite_has_loops(const graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++)
    if (rewrite_is(g->nodes[i], "Enter") || rewrite_is(g->nodes[i], "RefEnter")) return true;
  return false;
}

bool rewrite_has_effects(const node_t *n) {
  if (!n->def) return true;
  if (rewrite_is(n, "Placeholder") || rewrite_is(n, "_Arg")) return false;
  return (n->def->flags & (OP_STATEFUL | OP_CALLS)) != 0 || rewrite_is_control_flow(n);
}

bool rewrite_is_arg(const graph_t *g, const node_t *n) {
  for (int i = 0; i < g->n_args; i++)
    if (g->args[i] == n) return true;
  return false;
}

bool rewrite_is_ret(const graph_t *g, const node_t *n) {
  for (int i = 0; i < g->n_rets; i++)
    if (g->rets[i].src == n) return true;
  return false;
}

bool rewrite_same_shape(const shape_t *a, const shape_t *b) {
  if (a->rank < 0 || !shape_equal(a, b)) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->d[i] == -1) return false;
  return true;
}

// ---------------------------------------------------------------- redirections

struct redirects {
  input_t **to;  // by node id: an array by port, NULL when nothing of the node is redirected
  int n_nodes;
  arena_t *arena;
};

redirects_t *redirects_create(const graph_t *g) {
  redirects_t *r = mem_calloc(1, sizeof *r);
  r->n_nodes = g->n_nodes;
  r->to = mem_calloc((size_t)g->n_nodes + 1, sizeof *r->to);
  r->arena = arena_create();
  return r;
}

void redirects_add(redirects_t *r, node_t *src, int port, node_t *with, int new_port) {
  if (src->id >= r->n_nodes || port >= src->n_out) return;
  if (!r->to[src->id]) r->to[src->id] = arena_alloc(r->arena, (size_t)src->n_out * sizeof(input_t));
  r->to[src->id][port] = (input_t){with, new_port};
}

input_t redirects_follow(const redirects_t *r, input_t in) {
  while (in.src->id < r->n_nodes && r->to[in.src->id] && r->to[in.src->id][in.port].src)
    in = r->to[in.src->id][in.port];
  return in;
}

void redirects_apply(redirects_t *r, graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    for (int k = 0; k < n->n_in; k++) {
      input_t in = redirects_follow(r, n->in[k]);
      if (in.src != n->in[k].src || in.port != n->in[k].port) node_set_input(n, k, in.src, in.port);
    }
  }
  for (int i = 0; i < g->n_rets; i++) g->rets[i] = redirects_follow(r, g->rets[i]);
  arena_destroy(r->arena);
  mem_free(r->to);
  mem_free(r);
}
