// A signature of a TensorFlow 2 model is one call of a function. TensorFlow's loader, and so
// TF-TRT, sees that function's body as the graph: unwrapping makes the body the graph here too,
// with the body's names.
#include <string.h>

#include "graph/passes.h"
#include "graph/rewrite.h"

node_t *graph_only_call(const graph_t *g) {
  node_t *call = g->n_rets ? g->rets[0].src : NULL;
  if (!call ||
      (!rewrite_is(call, "StatefulPartitionedCall") && !rewrite_is(call, "PartitionedCall")))
    return NULL;
  for (int i = 0; i < g->n_rets; i++)
    if (g->rets[i].src != call) return NULL;
  for (int i = 0; i < g->n_control_rets; i++)
    if (g->control_rets[i] != call) return NULL;
  for (int i = 0; i < call->n_in; i++)
    if (call->in[i].src->n_in) return NULL;
  return call->n_control ? NULL : call;
}

// A resource without a shared name is known by its node's name.
static void rename_resource(graph_t *g, node_t *n, const char *name) {
  const char *shared = node_string(n, "shared_name");
  if (node_attr(n, "container") || node_attr(n, "shared_name") || rewrite_is(n, "VarHandleOp"))
    if (!*shared) node_set_string(g, n, "shared_name", n->name, strlen(n->name));
  graph_rename_node(g, n, name);
}

static void copy_body(graph_t *g, const graph_t *body, node_t *call, node_t **copies) {
  for (int i = 0; i < body->n_args; i++) copies[body->args[i]->id] = call->in[i].src;
  for (int i = 0; i < body->n_nodes; i++)
    if (!copies[i]) copies[i] = rewrite_copy_node(g, body->nodes[i], body->nodes[i]->name);
  for (int i = 0; i < body->n_nodes; i++) {
    const node_t *from = body->nodes[i];
    if (rewrite_is(from, "_Arg")) continue;
    for (int k = 0; k < from->n_in; k++) {
      const input_t *in = &from->in[k];
      bool arg = rewrite_is(in->src, "_Arg");
      int port = arg ? call->in[node_int(in->src, "index", 0)].port : in->port;
      node_add_input(g, copies[i], copies[in->src->id], port);
    }
    for (int k = 0; k < from->n_control; k++)
      if (!rewrite_is(from->control[k], "_Arg"))
        node_add_control(g, copies[i], copies[from->control[k]->id]);
  }
}

status_t graph_unwrap_signature(graph_t *g) {
  node_t *call = graph_only_call(g);
  const func_ref_t *f = call ? node_func(call, "f") : NULL;
  graph_t *body;
  if (!f) return NULL;
  TRY(library_body(g->library, f->name, &body));
  if (body->n_args != call->n_in || body->n_rets < call->n_out) return NULL;
  // Out of the way of the body's names, then to the names of the arguments.
  for (int i = 0; i < g->n_nodes; i++) {
    char *name = mem_printf("__outer/%s", g->nodes[i]->name);
    rename_resource(g, g->nodes[i], name);
    mem_free(name);
  }
  for (int i = 0; i < body->n_args; i++) {
    node_t *src = call->in[i].src;
    bool again = false;
    for (int k = 0; k < i; k++) again |= call->in[k].src == src;
    if (!again) graph_rename_node(g, src, body->args[i]->name);
  }
  node_t **copies = mem_calloc((size_t)body->n_nodes + 1, sizeof *copies);
  copy_body(g, body, call, copies);
  for (int i = 0; i < g->n_rets; i++) {
    const input_t *ret = &body->rets[g->rets[i].port];
    int port =
        rewrite_is(ret->src, "_Arg") ? call->in[node_int(ret->src, "index", 0)].port : ret->port;
    g->rets[i] = (input_t){copies[ret->src->id], port};
  }
  g->control_rets = arena_alloc(g->arena, (size_t)body->n_control_rets * sizeof(node_t *));
  g->n_control_rets = body->n_control_rets;
  for (int i = 0; i < body->n_control_rets; i++)
    g->control_rets[i] = copies[body->control_rets[i]->id];
  mem_free(copies);
  graph_remove_node(g, call);
  return graph_prune(g);
}
