// TRTEngineOp nodes and the functions that compute the same without an engine.
#include <string.h>

#include "graph/passes.h"
#include "graph/rewrite.h"

func_ref_t node_native_segment(const node_t *n) {
  const func_ref_t *f = node_func(n, "segment_func");
  if (f && f->name && *f->name) return *f;
  const char *old = node_string(n, "segment_funcdef_name");  // until TensorFlow 2.0
  return (func_ref_t){.name = *old ? old : NULL};
}

// Copies of the segment's nodes, by their ids; arguments are what the engine reads.
static void copy_segment(graph_t *g, const graph_t *body, const node_t *engine, input_t *copies) {
  for (int i = 0; i < body->n_args; i++) copies[body->args[i]->id] = engine->in[i];
  for (int i = 0; i < body->n_nodes; i++) {
    const node_t *from = body->nodes[i];
    if (from->dead || copies[i].src) continue;
    copies[i].src = rewrite_copy_node(g, from, from->name);
  }
  for (int i = 0; i < body->n_nodes; i++) {
    const node_t *from = body->nodes[i];
    if (from->dead || rewrite_is(from, "_Arg")) continue;
    node_t *n = copies[i].src;
    bool first = !rewrite_is(from, "Const");  // runs when the engine would: after its controls
    for (int k = 0; k < from->n_in; k++) {
      const node_t *src = from->in[k].src;
      bool arg = rewrite_is(src, "_Arg");
      first = first && (arg || rewrite_is(src, "Const"));
      node_add_input(g, n, copies[src->id].src, arg ? copies[src->id].port : from->in[k].port);
    }
    for (int k = 0; k < from->n_control; k++)
      if (!rewrite_is(from->control[k], "_Arg"))
        node_add_control(g, n, copies[from->control[k]->id].src);
    for (int k = 0; first && k < engine->n_control; k++) node_add_control(g, n, engine->control[k]);
  }
}

// Who waited for the engine waits for all results.
static node_t *when_done(graph_t *g, const graph_t *body, const node_t *engine,
                         const input_t *copies) {
  char *name = mem_printf("%s/done", engine->name);
  node_t *n = graph_add_node(g, "NoOp", name);
  mem_free(name);
  node_set_outputs(g, n, 0);
  for (int i = 0; i < body->n_rets; i++) node_add_control(g, n, copies[body->rets[i].src->id].src);
  return n;
}

static bool awaited(const graph_t *g, const node_t *n) {
  for (int i = 0; i < g->n_control_rets; i++)
    if (g->control_rets[i] == n) return true;
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; !g->nodes[i]->dead && k < g->nodes[i]->n_control; k++)
      if (g->nodes[i]->control[k] == n) return true;
  return false;
}

static status_t restore(graph_t *g, node_t *n, const char *segment) {
  graph_t *body;
  TRY(library_body(g->library, segment, &body));
  if (body->n_args != n->n_in || body->n_rets < n->n_out)
    return FAIL(INVALID_ARGUMENT,
                "node %s: its native segment %s has %d arguments and %d results, the node %d "
                "inputs and %d outputs",
                n->name, segment, body->n_args, body->n_rets, n->n_in, n->n_out);
  input_t *copies = mem_calloc((size_t)body->n_nodes + 1, sizeof *copies);
  copy_segment(g, body, n, copies);
  for (int i = 0; i < n->n_out; i++) {
    const input_t *ret = &body->rets[i];
    const input_t *src = &copies[ret->src->id];
    graph_redirect(g, n, i, src->src, rewrite_is(ret->src, "_Arg") ? src->port : ret->port);
  }
  if (awaited(g, n)) graph_redirect_control(g, n, when_done(g, body, n, copies));
  mem_free(copies);
  graph_remove_node(g, n);
  return NULL;
}

status_t graph_restore_segments(graph_t *g, restored_fn each, void *user) {
  int count = g->n_nodes;
  for (int i = 0; i < count; i++) {
    node_t *n = g->nodes[i];
    if (n->dead || !rewrite_is(n, "TRTEngineOp")) continue;
    func_ref_t f = node_native_segment(n);
    bool there = f.name && library_find(g->library, f.name);
    if (each) TRY(each(user, n, there));
    if (there) TRY(restore(g, n, f.name));
  }
  graph_compact(g);
  return NULL;
}
