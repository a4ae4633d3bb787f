// Function calls replaced by the functions' bodies.
//
// A call that is gone stays in the graph, dead, with a note of what its outputs and its control
// edges have become; when all calls are inlined, one walk over the edges follows the notes.
#include <string.h>

#include "graph/calls.h"
#include "graph/passes.h"
#include "graph/rewrite.h"
#include "ops/op.h"

enum { MAX_DEPTH = 200 };

typedef struct chain {  // the functions that a node was inlined from, innermost first
  const char *function;
  const struct chain *outer;
  int depth;
} chain_t;

typedef struct gone {  // node->user of an inlined call
  input_t *out;
  node_t **control;
  int n_control;
} gone_t;

typedef struct inliner {
  graph_t *g;
  VEC(const chain_t *) chains;  // by node id; NULL for what was there before
  VEC(int) loops;               // by node id: how many v1 loops the node is in
  VEC(node_t *) control_rets;
} inliner_t;

static bool is_plain_call(const node_t *n) {
  return strcmp(n->op, "PartitionedCall") == 0 || strcmp(n->op, "StatefulPartitionedCall") == 0;
}

// The function that a node calls, or NULL.
static const char *callee(const graph_t *g, const node_t *n) {
  if (!g->library) return NULL;
  if (is_plain_call(n)) {
    const func_ref_t *f = node_func(n, "f");
    return f && library_find(g->library, f->name) ? f->name : NULL;
  }
  if (strcmp(n->op, "SymbolicGradient") == 0) return NULL;
  return !n->def && library_find(g->library, n->op) ? n->op : NULL;
}

static const chain_t *chain_of(const inliner_t *x, const node_t *n) {
  return (size_t)n->id < x->chains.n ? x->chains.v[n->id] : NULL;
}

static bool in_chain(const chain_t *c, const char *function) {
  for (; c; c = c->outer)
    if (strcmp(c->function, function) == 0) return true;
  return false;
}

// A function of TensorFlow 1 may leave attributes open; the call gives them.
static void fill_placeholders(graph_t *g, node_t *n, const node_t *call) {
  for (attr_t *a = n->attrs; a; a = a->next) {
    if (a->value->kind != ATTR_PLACEHOLDER) continue;
    attr_value_t *v = node_attr(call, a->value->s.p);
    if (!v) continue;
    atomic_fetch_add(&v->more_owners, 1);
    a->value = v;
    status_free(node_resolve(g, n));  // what it still lacks, it lacked before
  }
}

// How many v1 loops each node is in, by node id, where what the graph is put into is in `outer`.
static void count_loops(const graph_t *g, int outer, int *count) {
  node_t **order = NULL;
  for (int i = 0; i < g->n_nodes; i++) count[i] = outer;
  if (!rewrite_has_loops(g)) return;
  status_free(graph_topological_order(g, &order));  // who runs the graph tells of cycles
  for (int i = 0; order && i < g->n_nodes; i++) {
    const node_t *n = order[i];
    for (int k = 0; k < n->n_in + n->n_control; k++) {
      const node_t *src = k < n->n_in ? n->in[k].src : n->control[k - n->n_in];
      if (count[src->id] > count[n->id]) count[n->id] = count[src->id];
    }
    if (rewrite_is(n, "Enter") || rewrite_is(n, "RefEnter")) count[n->id]++;
    if (rewrite_is(n, "Exit") || rewrite_is(n, "RefExit")) count[n->id]--;
  }
  mem_free(order);
}

static int loops_of(const inliner_t *x, const node_t *n) {
  return (size_t)n->id < x->loops.n ? x->loops.v[n->id] : 0;
}

static void note_copy(inliner_t *x, const node_t *n, const chain_t *chain, int loops) {
  while (x->chains.n < (size_t)n->id) vec_push(&x->chains, NULL);
  vec_push(&x->chains, chain);
  while (x->loops.n < (size_t)n->id) vec_push(&x->loops, 0);
  vec_push(&x->loops, loops);
}

// What reads nothing is in no loop, unless it waits for something there: for what the call reads.
static node_t *add_anchor(inliner_t *x, const node_t *call, const chain_t *chain) {
  graph_t *g = x->g;
  input_t in = call->in[0];
  char *name = mem_printf("%s/input_control_node", call->name);
  node_t *n = graph_add_node(g, "Identity", name);
  mem_free(name);
  node_set_type(g, n, "T", in.src->out_dtype[in.port]);
  node_add_input(g, n, in.src, in.port);
  node_set_outputs(g, n, 1);
  n->out_dtype[0] = in.src->out_dtype[in.port];
  note_copy(x, n, chain, loops_of(x, call));
  return n;
}

static node_t *copy_node(inliner_t *x, const node_t *from, const node_t *call, const chain_t *chain,
                         int loops) {
  char *name = mem_printf("%s/%s", call->name, from->name);
  node_t *n = rewrite_copy_node(x->g, from, name);
  mem_free(name);
  fill_placeholders(x->g, n, call);
  note_copy(x, n, chain, loops);
  return n;
}

// Where an edge of the body comes from in the outer graph: what the call is given for arguments,
// else the copy of the body's node.
static input_t outer_input(const node_t *call, const input_t *in, node_t *const *copies) {
  if (strcmp(in->src->op, "_Arg") == 0) return call->in[node_int(in->src, "index", 0)];
  return (input_t){copies[in->src->id], in->port};
}

static void copy_body(inliner_t *x, const graph_t *body, node_t *call, const chain_t *chain,
                      node_t **copies) {
  graph_t *g = x->g;
  node_t *anchor = NULL;
  bool anchored = loops_of(x, call) > 0 && !call->n_control && call->n_in;
  int *loops = mem_alloc(((size_t)body->n_nodes + 1) * sizeof *loops);
  count_loops(body, loops_of(x, call), loops);
  for (int i = 0; i < body->n_nodes; i++)
    if (strcmp(body->nodes[i]->op, "_Arg") != 0)
      copies[i] = copy_node(x, body->nodes[i], call, chain, loops[i]);
  mem_free(loops);
  for (int i = 0; i < body->n_nodes; i++) {
    const node_t *from = body->nodes[i];
    node_t *n = copies[i];
    if (!n) continue;
    for (int k = 0; k < from->n_in; k++) {
      input_t in = outer_input(call, &from->in[k], copies);
      node_add_input(g, n, in.src, in.port);
    }
    for (int k = 0; k < from->n_control; k++)
      if (copies[from->control[k]->id]) node_add_control(g, n, copies[from->control[k]->id]);
    // What the call waited for, its first and its effectful nodes wait for.
    bool first = !from->n_in && !from->n_control;
    bool effects = !from->def || from->def->flags & OP_STATEFUL;
    for (int k = 0; (first || effects) && k < call->n_control; k++)
      node_add_control(g, n, call->control[k]);
    if (!first || !anchored) continue;
    if (!anchor) anchor = add_anchor(x, call, chain);
    node_add_control(g, n, anchor);
  }
}

static status_t inline_call(inliner_t *x, node_t *call, const char *function) {
  graph_t *g = x->g, *body;
  TRY(call_inlinable(g, call, function, &body));
  const chain_t *outer = chain_of(x, call);
  chain_t *chain = arena_alloc(g->arena, sizeof *chain);
  *chain = (chain_t){function, outer, outer ? outer->depth + 1 : 1};
  node_t **copies = mem_calloc((size_t)body->n_nodes + 1, sizeof *copies);
  copy_body(x, body, call, chain, copies);
  gone_t *gone = arena_alloc(g->arena, sizeof *gone);
  gone->out = arena_alloc(g->arena, (size_t)body->n_rets * sizeof *gone->out);
  for (int i = 0; i < body->n_rets; i++) gone->out[i] = outer_input(call, &body->rets[i], copies);
  gone->control = arena_alloc(g->arena, (size_t)body->n_control_rets * sizeof *gone->control);
  for (int i = 0; i < body->n_control_rets; i++) {
    node_t *n = copies[body->control_rets[i]->id];
    if (!n) continue;
    gone->control[gone->n_control++] = n;
    vec_push(&x->control_rets, n);
  }
  mem_free(copies);
  call->user = gone;
  call->mark = 1;
  return NULL;
}

static input_t follow(input_t in) {
  while (in.src->mark) in = ((gone_t *)in.src->user)->out[in.port];
  return in;
}

static void follow_control(graph_t *g, node_t *n, node_t *src) {
  if (!src->mark) {
    node_add_control(g, n, src);
    return;
  }
  const gone_t *gone = src->user;
  for (int i = 0; i < gone->n_control; i++) follow_control(g, n, gone->control[i]);
}

static void follow_edges(graph_t *g, node_t *n) {
  for (int k = 0; k < n->n_in; k++) {
    input_t in = follow(n->in[k]);
    if (in.src != n->in[k].src) node_set_input(n, k, in.src, in.port);
  }
  bool moved = false;
  for (int k = 0; k < n->n_control; k++) moved |= n->control[k]->mark != 0;
  if (!moved) return;
  node_t **old = n->control;
  int n_old = n->n_control;
  n->control = NULL;
  n->n_control = n->cap_control = 0;
  n->raw = NULL;
  for (int k = 0; k < n_old; k++) follow_control(g, n, old[k]);
}

// The effects of a body happen when its call runs: they become control results of the graph.
static void finish(inliner_t *x) {
  graph_t *g = x->g;
  for (int i = 0; i < g->n_nodes; i++)
    if (!g->nodes[i]->mark) follow_edges(g, g->nodes[i]);
  for (int i = 0; i < g->n_rets; i++) g->rets[i] = follow(g->rets[i]);
  node_t **all =
      arena_alloc(g->arena, ((size_t)g->n_control_rets + x->control_rets.n) * sizeof *all);
  int n = 0;
  for (int i = 0; i < g->n_control_rets; i++)
    if (!g->control_rets[i]->mark) all[n++] = g->control_rets[i];
  for (size_t i = 0; i < x->control_rets.n; i++)
    if (!x->control_rets.v[i]->mark) all[n++] = x->control_rets.v[i];
  g->control_rets = all;
  g->n_control_rets = n;
  for (int i = 0; i < g->n_nodes; i++) {
    g->nodes[i]->user = NULL;
    if (g->nodes[i]->mark) graph_remove_node(g, g->nodes[i]);
  }
}

static bool stays_here(const graph_t *g, const char *function, stays_fn *stays) {
  return stays && stays(library_find(g->library, function));
}

status_t graph_inline_calls_unless(graph_t *g, stays_fn *stays, const node_t *but) {
  TRY(graph_prune(g));
  inliner_t x = {.g = g};
  status_t st = NULL;
  for (int i = 0; i < g->n_nodes; i++) {
    g->nodes[i]->mark = 0;
    vec_push(&x.loops, 0);
  }
  if (x.loops.n) count_loops(g, 0, x.loops.v);
  for (int i = 0; i < g->n_nodes && !st; i++) {
    node_t *n = g->nodes[i];
    const char *function = callee(g, n);
    const chain_t *chain = chain_of(&x, n);
    if (!function || in_chain(chain, function) || (chain && chain->depth > MAX_DEPTH)) continue;
    if (n != but && stays_here(g, function, stays)) continue;
    st = inline_call(&x, n, function);
  }
  if (!st) finish(&x);
  vec_free(&x.chains);
  vec_free(&x.loops);
  vec_free(&x.control_rets);
  return st ? st : graph_prune(g);
}

status_t graph_inline_calls(graph_t *g) { return graph_inline_calls_unless(g, NULL, NULL); }
