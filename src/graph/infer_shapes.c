// Dtypes, shapes and known values of every output, by the ops' shape functions in topological
// order.
//
// A dim that stays unknown gets a symbol of its own (as Grappler's SymbolicShapeManager gives one
// to every distinct unknown dim), so that shape functions that pass dims on keep them equal. Loops:
// a loop variable begins with the shape it enters with; when the body gives it back with another
// one, it is generalised to what both have in common and everything is inferred again. This ends: a
// shape can only lose what it knew.
//
// A shape function that fails leaves its outputs unknown: TensorFlow reports such a node when it
// runs, which a dead branch never does.
#include <string.h>

#include "base/map.h"
#include "graph/calls.h"
#include "graph/passes.h"
#include "graph/rewrite.h"
#include "graph/simplify.h"
#include "ops/op.h"

enum { MAX_ROUNDS = 8, MAX_DEPTH = 24 };

// A function's body, inferred.
typedef struct inferred {
  const char *name;
  graph_t *body;
  shape_t *args;  // generalised over its calls
  bool done, running, queued;
} inferred_t;

typedef struct inferrer {
  arena_t *arena;
  map_t *seen;             // function -> inferred_t
  VEC(inferred_t *) deep;  // called too deep to be followed there
  int depth;
  simplify_mode_t mode;
} inferrer_t;

static status_t infer_graph(inferrer_t *x, graph_t *g);

// What two shapes have in common. True when *a knew more than that.
static bool generalise(shape_t *a, const shape_t *b) {
  if (a->rank < 0) return false;
  if (b->rank != a->rank) {
    *a = SHAPE_UNKNOWN;
    return true;
  }
  bool changed = false;
  for (int i = 0; i < a->rank; i++) {
    if (a->d[i] == b->d[i] || a->d[i] == -1) continue;
    a->d[i] = -1;
    changed = true;
  }
  return changed;
}

static void forget(node_t *n) {
  for (int i = 0; i < n->n_out; i++) {
    n->out_shape[i] = SHAPE_UNKNOWN;
    if (n->out_value) tensor_unref(&n->out_value[i]);
    if (n->out_dims) n->out_dims[i] = SHAPE_UNKNOWN;
  }
}

static void forget_values(node_t *n) {
  for (int i = 0; i < n->n_out; i++) {
    if (n->out_value) tensor_unref(&n->out_value[i]);
    if (n->out_dims) n->out_dims[i] = SHAPE_UNKNOWN;
  }
}

static void name_unknown_dims(graph_t *g, node_t *n) {
  for (int i = 0; i < n->n_out; i++) {
    shape_t *s = &n->out_shape[i];
    for (int k = 0; k < s->rank; k++)
      if (s->d[k] == -1) s->d[k] = g->next_symbol--;
  }
}

// Elements that are all known are a value.
static status_t dims_to_value(graph_t *g, node_t *n) {
  for (int i = 0; n->out_dims && i < n->n_out; i++) {
    const shape_t *d = &n->out_dims[i];
    if (!shape_known(d) || (n->out_dtype[i] != DT_INT32 && n->out_dtype[i] != DT_INT64)) continue;
    shape_t s = n->out_shape[i];
    if (shape_elements(&s) != d->rank) s = SHAPE(d->rank);
    if (!n->out_value) n->out_value = arena_alloc(g->arena, (size_t)n->n_out * sizeof(tensor_t));
    tensor_unref(&n->out_value[i]);
    TRY(tensor_from_ints(n->out_dtype[i], &s, d->d, &n->out_value[i]));
    n->out_shape[i] = s;
  }
  return NULL;
}

// ---------------------------------------------------------------- calls

// Notes a call with these argument shapes. True when the function was not called so generally yet.
static bool note_call(inferrer_t *x, const char *name, graph_t *body, const shape_t *args,
                      inferred_t **out) {
  size_t n = (size_t)body->n_args;
  inferred_t *f = *out = map_get(x->seen, name);
  bool changed = false;
  for (size_t i = 0; f && i < n; i++) changed |= generalise(&f->args[i], &args[i]);
  if (f) return changed;
  f = *out = arena_alloc(x->arena, sizeof *f);
  *f = (inferred_t){.name = name, .body = body};
  f->args = arena_alloc(x->arena, (n + 1) * sizeof *f->args);
  if (n) memcpy(f->args, args, n * sizeof *args);
  map_put(x->seen, name, f);
  return true;
}

static status_t run_body(inferrer_t *x, inferred_t *f) {
  graph_t *body = f->body;
  for (int i = 0; i < body->n_args; i++) {
    node_t *a = body->args[i];
    if (a->n_out < 1) continue;
    forget(a);
    a->out_shape[0] = f->args[i];
  }
  bool outer = f->running;
  f->running = true;
  x->depth++;
  status_t st = infer_graph(x, body);
  x->depth--;
  f->running = outer;
  f->done = !st;
  return status_prefix(st, "function '%s'", f->name);
}

// Infers a function's body, for these argument shapes too. *out: NULL when nothing is known of it.
static status_t infer_body(inferrer_t *x, const graph_t *caller, const char *name,
                           const shape_t *args, int n_args, const inferred_t **out) {
  *out = NULL;
  if (caller->library->opaque) return NULL;
  graph_t *body;
  TRY(library_body(caller->library, name, &body));
  if (body->n_args != n_args) return NULL;
  inferred_t *f;
  if (!note_call(x, name, body, args, &f)) {
    if (f->done && !f->running && !f->queued) *out = f;
    if (f->done || f->running || f->queued) return NULL;
  }
  // Symbols are the caller's: equal ones stay equal; the body's own come below them.
  if (body->next_symbol > caller->next_symbol) body->next_symbol = caller->next_symbol;
  if (x->depth >= MAX_DEPTH) {
    if (!f->queued) vec_push(&x->deep, f);
    f->queued = true;
    return NULL;
  }
  TRY(run_body(x, f));
  *out = f;
  return NULL;
}

// What is called too deep is followed from here on.
static status_t infer_deep(inferrer_t *x) {
  for (size_t i = 0; i < x->deep.n; i++) {
    x->deep.v[i]->queued = false;
    TRY(run_body(x, x->deep.v[i]));
  }
  return NULL;
}

static bool is_passed(const inferred_t *f, int64_t symbol) {
  for (int i = 0; i < f->body->n_args; i++)
    for (int k = 0; k < f->args[i].rank; k++)
      if (f->args[i].d[k] == symbol) return true;
  return false;
}

// Dims that only the body knows by name are nobody's equal outside.
static shape_t result_shape(const inferred_t *f, int i) {
  if (!f || i >= f->body->n_rets) return SHAPE_UNKNOWN;
  const input_t *in = &f->body->rets[i];
  shape_t s = in->port < in->src->n_out ? in->src->out_shape[in->port] : SHAPE_UNKNOWN;
  for (int k = 0; k < s.rank; k++)
    if (s.d[k] < -1 && !is_passed(f, s.d[k])) s.d[k] = -1;
  return s;
}

static status_t infer_branches(inferrer_t *x, graph_t *g, node_t *n, const call_t *c,
                               const shape_t *args) {
  for (int f = 0; f < c->n_functions; f++) {
    const inferred_t *branch;
    TRY(infer_body(x, g, c->function[f], args, n->n_in - c->first_arg, &branch));
    for (int i = 0; i < n->n_out; i++) {
      shape_t s = result_shape(branch, i);
      if (f)
        generalise(&n->out_shape[i], &s);
      else
        n->out_shape[i] = s;
    }
  }
  return NULL;
}

static status_t infer_while(inferrer_t *x, graph_t *g, node_t *n, const call_t *c, shape_t *vars) {
  // The author's shape invariants: they hold for the variables from the first round on.
  const attr_value_t *invariants = node_shapes(n, "output_shapes");
  for (int i = 0; i < n->n_in; i++)
    if (invariants && invariants->n_list == (size_t)n->n_in)
      if (invariants->list[i].shape.rank >= 0) generalise(&vars[i], &invariants->list[i].shape);
  for (int round = 0; round < MAX_ROUNDS; round++) {
    const inferred_t *body;
    TRY(infer_body(x, g, c->function[1], vars, n->n_in, &body));
    bool changed = false;
    for (int i = 0; i < n->n_in; i++) {
      shape_t s = result_shape(body, i);
      changed |= generalise(&vars[i], &s);
    }
    if (!changed) break;
  }
  const inferred_t *cond;
  TRY(infer_body(x, g, c->function[0], vars, n->n_in, &cond));
  for (int i = 0; i < n->n_out && i < n->n_in; i++) n->out_shape[i] = vars[i];
  return NULL;
}

static status_t infer_call(inferrer_t *x, graph_t *g, node_t *n, const call_t *c) {
  int n_args = n->n_in - c->first_arg;
  if (n_args < 0 || !c->n_functions) return NULL;
  shape_t *args = mem_alloc((size_t)(n_args + 1) * sizeof *args);
  for (int i = 0; i < n_args; i++) args[i] = *input_shape(&n->in[i + c->first_arg]);
  status_t st =
      c->kind == CALL_WHILE ? infer_while(x, g, n, c, args) : infer_branches(x, g, n, c, args);
  mem_free(args);
  return st;
}

// ---------------------------------------------------------------- nodes

static bool is_merge(const node_t *n) {
  return rewrite_is(n, "Merge") || rewrite_is(n, "RefMerge");
}

static bool is_next(const node_t *n) {
  return rewrite_is(n, "NextIteration") || rewrite_is(n, "RefNextIteration");
}

// Shapes of what enters a Merge, back edges left out; *loops says that there are some.
static shape_t merged_shape(const node_t *n, bool *loops) {
  shape_t s = SHAPE_UNKNOWN;
  bool first = true;
  *loops = false;
  for (int i = 0; i < n->n_in; i++) {
    if (is_next(n->in[i].src)) {
      *loops = true;
    } else if (first) {
      s = *input_shape(&n->in[i]);
      first = false;
    } else {
      generalise(&s, input_shape(&n->in[i]));
    }
  }
  return s;
}

// v1 control flow hands its input on. loop_vars: what Merges of loops are taken to be, by node id.
static bool infer_control_flow(node_t *n, shape_t *loop_vars, bool first_round) {
  if (!rewrite_is_control_flow(n) || !n->n_in || !n->n_out) return false;
  if (is_merge(n)) {
    bool loops;
    shape_t s = merged_shape(n, &loops);
    if (loops && first_round) loop_vars[n->id] = s;
    if (loops) {
      generalise(&loop_vars[n->id], &s);
      s = loop_vars[n->id];
    }
    n->out_shape[0] = s;
    if (n->n_out > 1) n->out_shape[1] = SHAPE_SCALAR;
  } else {
    for (int i = 0; i < n->n_out; i++) n->out_shape[i] = *input_shape(&n->in[0]);
  }
  return true;
}

static void infer_const(graph_t *g, node_t *n) {
  attr_value_t *a = node_attr(n, "value");
  const tensor_t *t = NULL;
  status_t bad = a ? attr_tensor(a, &t) : NULL;
  status_free(bad);
  if (!t || n->n_out < 1) return;
  if (!n->out_value) n->out_value = arena_alloc(g->arena, (size_t)n->n_out * sizeof(tensor_t));
  tensor_t ref = tensor_ref(t);
  tensor_unref(&n->out_value[0]);
  n->out_value[0] = ref;
  n->out_shape[0] = t->shape;
}

// What the model's author's TensorFlow knew of an op that is not known here.
static void infer_from_attr(node_t *n) {
  const attr_value_t *v = node_shapes(n, "_output_shapes");
  for (size_t i = 0; v && i < v->n_list && (int)i < n->n_out; i++)
    n->out_shape[i] = v->list[i].shape;
}

static status_t infer_node(inferrer_t *x, graph_t *g, node_t *n, shape_t *loop_vars,
                           bool first_round) {
  if (rewrite_is(n, "_Arg") || n->n_out <= 0) {
    name_unknown_dims(g, n);
    return NULL;
  }
  shape_t given = n->out_shape[0];  // of an argument, when its node does not say more
  forget(n);
  // Grappler's constant folding does not trust the declared shapes of what is fed.
  if (x->mode == SIMPLIFY_AS_GRAPPLER && rewrite_is(n, "Placeholder")) return NULL;
  if (infer_control_flow(n, loop_vars, first_round)) {
    name_unknown_dims(g, n);
    return NULL;
  }
  call_t c = call_of(g, n);
  if (c.kind) {
    TRY(infer_call(x, g, n, &c));
  } else if (rewrite_is(n, "Const")) {
    infer_const(g, n);
  } else if (n->def && n->def->infer) {
    infer_ctx_t ctx = {g, n};
    status_t bad = n->def->infer(&ctx);
    if (bad) forget(n);
    status_free(bad);
    if (x->mode != SIMPLIFY_ALL && !simplify_grappler_infers(n)) forget_values(n);
    TRY(dims_to_value(g, n));
  } else {
    infer_from_attr(n);
  }
  if (rewrite_is(n, "Placeholder") && n->out_shape[0].rank < 0) n->out_shape[0] = given;
  name_unknown_dims(g, n);
  return NULL;
}

// After a round: do the loops give back what was assumed?
static bool loops_hold(graph_t *g, shape_t *loop_vars) {
  bool hold = true;
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    if (!is_merge(n)) continue;
    for (int k = 0; k < n->n_in; k++)
      if (is_next(n->in[k].src) && n->in[k].src->n_out > 0) {
        shape_t s = n->in[k].src->out_shape[0];
        // A dim named in the loop, or unknown: the assumption did not know more.
        hold &= !generalise(&loop_vars[n->id], &s);
      }
  }
  return hold;
}

static status_t infer_graph(inferrer_t *x, graph_t *g) {
  node_t **order;
  TRY(graph_topological_order(g, &order));
  shape_t *loop_vars = mem_calloc((size_t)g->n_nodes + 1, sizeof *loop_vars);
  status_t st = NULL;
  for (int round = 0; round < MAX_ROUNDS && !st; round++) {
    for (int i = 0; i < g->n_nodes && !st; i++)
      st = infer_node(x, g, order[i], loop_vars, round == 0);
    if (st || loops_hold(g, loop_vars)) break;
    if (round == MAX_ROUNDS - 2)
      for (int i = 0; i < g->n_nodes; i++) loop_vars[i] = SHAPE_UNKNOWN;
  }
  mem_free(loop_vars);
  mem_free(order);
  return st;
}

status_t graph_infer_shapes(graph_t *g) { return simplify_infer(g, SIMPLIFY_ALL); }

status_t simplify_infer(graph_t *g, simplify_mode_t mode) {
  inferrer_t x = {.arena = arena_create(), .seen = map_create(), .mode = mode};
  if (!g->args || !g->n_args || !rewrite_is(g->args[0], "_Arg")) g->next_symbol = -2;
  status_t st = infer_graph(&x, g);
  if (!st) st = infer_deep(&x);
  if (!st && mode != SIMPLIFY_ALL) simplify_merge_dims(g);
  vec_free(&x.deep);
  map_destroy(x.seen);
  arena_destroy(x.arena);
  return st;
}
