// Nodes that do nothing go: identities, reshapes and transposes that change nothing or undo each
// other, paddings of nothing, casts to the same dtype, debug ops.
#include <string.h>

#include "graph/passes.h"
#include "graph/rewrite.h"
#include "graph/simplify.h"
#include "ops/op.h"

typedef struct cleaner {
  graph_t *g;
  redirects_t *r;
  bool has_control_flow;
  simplify_mode_t mode;
  readers_t readers;
} cleaner_t;

static input_t in(const cleaner_t *x, const node_t *n, int i) {
  return redirects_follow(x->r, n->in[i]);
}

static const tensor_t *value(const cleaner_t *x, const node_t *n, int i) {
  input_t from = in(x, n, i);
  return i < n->n_in ? input_value(&from) : NULL;
}

static bool all_equal(const tensor_t *t, int64_t what) {
  for (int64_t i = 0; t && i < tensor_elements(t); i++) {
    int64_t v;
    status_t bad = tensor_int_at(t, i, &v);
    status_free(bad);
    if (bad || v != what) return false;
  }
  return t != NULL;
}

static bool counts_up(const tensor_t *t) {
  for (int64_t i = 0; t && i < tensor_elements(t); i++) {
    int64_t v;
    status_t bad = tensor_int_at(t, i, &v);
    status_free(bad);
    if (bad || v != i) return false;
  }
  return t != NULL;
}

static bool is_reshape(const node_t *n) {
  static const char *const ops[] = {"Reshape", "Squeeze", "ExpandDims", NULL};
  return rewrite_is_any(n, ops);
}

static bool reduces_nothing(const cleaner_t *x, const node_t *n);

// x[0:n], x[:] of all dims that are told.
static bool slices_all(const cleaner_t *x, const node_t *n) {
  if (!rewrite_is(n, "StridedSlice") || n->n_in != 4 || node_int(n, "new_axis_mask", 0) ||
      node_int(n, "shrink_axis_mask", 0) || node_int(n, "ellipsis_mask", 0))
    return false;
  const tensor_t *begin = value(x, n, 1), *end = value(x, n, 2), *step = value(x, n, 3);
  input_t from = in(x, n, 0);
  const shape_t *s = input_shape(&from);
  if (!begin || !end || !step || s->rank < tensor_elements(begin)) return false;
  int64_t begin_mask = node_int(n, "begin_mask", 0), end_mask = node_int(n, "end_mask", 0);
  for (int i = 0; i < (int)tensor_elements(begin); i++) {
    bool from_start = begin_mask >> i & 1 || tensor_number_at(begin, i) == 0;
    bool to_end = end_mask >> i & 1 || tensor_number_at(end, i) == (double)s->d[i];
    if (!from_start || !to_end || tensor_number_at(step, i) != 1) return false;
  }
  return true;
}

// Does output 0 equal input 0?
static bool passes_input(const cleaner_t *x, const node_t *n) {
  static const char *const always[] = {
      "Identity",      "StopGradient", "PreventGradient", "Snapshot",
      "CheckNumerics", "Print",        "CheckNumericsV2", NULL};
  static const char *const when_same_shape[] = {"Reshape", "BroadcastTo", "EnsureShape", NULL};
  if (!n->n_in || n->n_out != 1) return false;
  if (rewrite_is_any(n, always)) return true;
  input_t from = in(x, n, 0);
  if (x->mode == SIMPLIFY_AS_GRAPPLER && !rewrite_is(n, "Reshape") &&
      rewrite_is_any(n, when_same_shape))
    return false;
  if (x->mode == SIMPLIFY_AS_GRAPPLER && rewrite_is(n, "Reshape") &&
      !shape_known(input_shape(&from)))
    return false;
  if (rewrite_is_any(n, when_same_shape))
    return rewrite_same_shape(input_shape(&from), &n->out_shape[0]);
  if (rewrite_is(n, "Transpose")) return counts_up(value(x, n, 1));
  if (rewrite_is(n, "Pad") || rewrite_is(n, "PadV2") || rewrite_is(n, "MirrorPad"))
    return all_equal(value(x, n, 1), 0);
  if (rewrite_is(n, "Tile")) return all_equal(value(x, n, 1), 1);
  if (rewrite_is(n, "Cast") && x->mode == SIMPLIFY_ALL)
    return node_type(n, "SrcT") == node_type(n, "DstT");
  if (x->mode == SIMPLIFY_AS_GRAPPLER && slices_all(x, n)) return true;
  if (rewrite_is(n, "AddN") || rewrite_is(n, "IdentityN")) return n->n_in == 1;
  return reduces_nothing(x, n);
}

// A reduction over no axes, or over axes of one element that stay.
static bool reduces_nothing(const cleaner_t *x, const node_t *n) {
  static const char *const ops[] = {"Sum", "Prod", "Max", "Min", "Mean", "All", "Any", NULL};
  if (!rewrite_is_any(n, ops) || n->n_in != 2) return false;
  const tensor_t *axes = value(x, n, 1);
  input_t from = in(x, n, 0);
  const shape_t *s = input_shape(&from);
  int64_t count = axes ? tensor_elements(axes) : -1;
  if (!count) return true;
  if (!axes || s->rank < 0 || !node_bool(n, "keep_dims", false)) return false;
  for (int64_t i = 0; i < count; i++) {
    int64_t axis;
    status_t bad = tensor_int_at(axes, i, &axis);
    status_free(bad);
    if (axis < 0) axis += s->rank;
    if (bad || axis < 0 || axis >= s->rank || s->d[axis] != 1) return false;
  }
  return true;
}

// y = f(g(x)) where f and g only reshape and y has x's shape: x.
static bool undoes_reshape(const cleaner_t *x, const node_t *n, input_t *out) {
  if (!is_reshape(n) || x->mode != SIMPLIFY_ALL) return false;
  input_t from = in(x, n, 0);
  if (!is_reshape(from.src)) return false;
  *out = in(x, from.src, 0);
  return rewrite_same_shape(input_shape(out), &n->out_shape[0]);
}

// Reshape of a reshape: the outer one alone decides.
static void skip_inner_reshape(cleaner_t *x, node_t *n) {
  input_t from = in(x, n, 0);
  if (!rewrite_is(n, "Reshape") || !is_reshape(from.src) || from.src->n_control) return;
  input_t inner = in(x, from.src, 0);
  node_set_input(n, 0, inner.src, inner.port);
}

// Transpose of a transpose: one with the product of both.
static status_t join_transposes(cleaner_t *x, node_t *n) {
  input_t from = in(x, n, 0);
  if (!rewrite_is(n, "Transpose") || !rewrite_is(from.src, "Transpose") || from.src->n_control)
    return NULL;
  const tensor_t *outer = value(x, n, 1), *inner = value(x, from.src, 1);
  if (!outer || !inner || !shape_equal(&outer->shape, &inner->shape)) return NULL;
  int64_t joined[SHAPE_MAX_RANK], rank = tensor_elements(outer);
  for (int64_t i = 0; i < rank && i < SHAPE_MAX_RANK; i++) {
    int64_t at;
    TRY(tensor_int_at(outer, i, &at));
    if (at < 0 || at >= rank) return NULL;
    TRY(tensor_int_at(inner, at, &joined[i]));
  }
  tensor_t t;
  TRY(tensor_from_ints(DT_INT32, &outer->shape, joined, &t));
  char *name = mem_printf("%s/joined_perm", n->name);
  node_t *perm = graph_add_const(x->g, name, &t);
  mem_free(name);
  tensor_unref(&t);
  input_t first = in(x, from.src, 0);
  node_set_input(n, 0, first.src, first.port);
  node_set_input(n, 1, perm, 0);
  node_set_type(x->g, n, "Tperm", DT_INT32);
  return NULL;
}

static bool is_debug(const node_t *n) {
  static const char *const ops[] = {"Assert", "PrintV2", NULL};
  return rewrite_is_any(n, ops);
}

// Who waited for a debug op now waits for what it waited for; nobody for its operands.
static void drop_debug_ops(graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    if (n->n_in && (rewrite_is(n, "CheckNumerics") || rewrite_is(n, "Print")))
      rewrite_to_identity(g, n, 0);
    if (!is_debug(n)) continue;
    n->n_in = 0;
    n->raw = NULL;
    node_set_op(n, "NoOp");
    attrs_release(n->attrs);
    n->attrs = NULL;
    node_set_outputs(g, n, 0);
  }
}

static bool orders(const cleaner_t *x, const node_t *n) {
  if (rewrite_is(n, "NoOp")) return false;
  // In a graph of v1 control flow, control flow itself orders nothing, effects do.
  if (x->has_control_flow && rewrite_is_control_flow(n)) return false;
  return rewrite_has_effects(n);
}

// Does a node run where and when its data comes? (A constant runs where its control edges say.)
static bool placed_by_data(const node_t *n) {
  for (int i = 0; i < n->n_in; i++)
    if (!rewrite_is(n->in[i].src, "Const")) return true;
  return false;
}

// Grappler keeps loops and branches that a result waits for, although they have no effects.
static bool waits_for_control_flow(const node_t *n, int depth) {
  if (rewrite_is(n, "Exit") || rewrite_is(n, "Merge")) return true;
  if (!rewrite_is(n, "NoOp") || depth > 50) return false;
  for (int k = 0; k < n->n_control; k++)
    if (waits_for_control_flow(n->control[k], depth + 1)) return true;
  return false;
}

// Which nodes come after v1 control flow, and may be in a loop or a branch? By id.
static bool *find_placed(node_t *const *order, int count) {
  bool *placed = mem_calloc((size_t)count + 1, sizeof *placed);
  for (int i = 0; i < count; i++) {
    const node_t *n = order[i];
    bool in = rewrite_is_control_flow(n);
    for (int k = 0; k < n->n_in; k++) in |= placed[n->in[k].src->id];
    for (int k = 0; k < n->n_control; k++) in |= placed[n->control[k]->id];
    placed[n->id] = in;
  }
  return placed;
}

// A control edge from a node that has no effects and waits for none orders nothing. In a graph with
// v1 control flow it may still place a constant in a loop or a branch.
static void drop_idle_controls(const cleaner_t *x, node_t *const *order, int count) {
  graph_t *g = x->g;
  bool *placed = find_placed(order, count);
  for (int i = 0; i < count; i++) {
    node_t *n = order[i];
    bool pure = !orders(x, n);
    for (int k = 0; k < n->n_in; k++)
      pure &= n->in[k].src->mark || rewrite_is(n->in[k].src, "NextIteration");
    for (int k = 0; k < n->n_control; k++) pure &= n->control[k]->mark;
    n->mark = pure;
  }
  for (int i = 0; i < count; i++) {
    node_t *n = order[i];
    bool keep = x->mode == SIMPLIFY_AS_GRAPPLER && rewrite_is_ret(g, n),
         by_data = placed_by_data(n);
    for (int k = n->n_control; k-- > 0;)
      if (n->control[k]->mark && (by_data || !placed[n->control[k]->id]) &&
          !(keep && waits_for_control_flow(n->control[k], 0)))
        node_remove_control(n, n->control[k]);
  }
  mem_free(placed);
  int kept = 0;
  for (int i = 0; i < g->n_control_rets; i++)
    if (!g->control_rets[i]->mark) g->control_rets[kept++] = g->control_rets[i];
  g->n_control_rets = kept;
}

// Constants of a loop or a branch hang on an Identity behind its Switch.
static bool is_pivot(const cleaner_t *x, const node_t *n) {
  const readers_t *r = &x->readers;
  for (int i = r->begin[n->id]; x->has_control_flow && i < r->begin[n->id + 1]; i++)
    if (r->list[i].input < 0) return true;
  return false;
}

static void forward_all(cleaner_t *x, node_t *n) {
  for (int i = 0; i < n->n_in && i < n->n_out; i++) {
    input_t from = in(x, n, i);
    redirects_add(x->r, n, i, from.src, from.port);
  }
}

// When it reads a VariableV2 is told by what it waits for, and TensorFlow leaves it.
static bool reads_reference(const node_t *n) {
  return n->n_in &&
         (rewrite_is(n->in[0].src, "VariableV2") || rewrite_is(n->in[0].src, "Variable"));
}

static status_t clean(cleaner_t *x, node_t *const *order, int count) {
  for (int i = 0; i < count; i++) {
    node_t *n = order[i];
    input_t from;
    if (!n->def || n->n_out < 1 || n->n_control || rewrite_is_ret(x->g, n) ||
        rewrite_is_arg(x->g, n))
      continue;
    if (rewrite_is(n, "Identity") && (is_pivot(x, n) || reads_reference(n))) continue;
    if (passes_input(x, n)) {
      from = in(x, n, 0);
      redirects_add(x->r, n, 0, from.src, from.port);
    } else if (undoes_reshape(x, n, &from)) {
      redirects_add(x->r, n, 0, from.src, from.port);
    } else if (rewrite_is(n, "IdentityN")) {
      forward_all(x, n);
    } else if (n->n_in && x->mode == SIMPLIFY_ALL) {
      skip_inner_reshape(x, n);
      TRY(join_transposes(x, n));
      if (passes_input(x, n)) {
        from = in(x, n, 0);
        redirects_add(x->r, n, 0, from.src, from.port);
      }
    }
  }
  return NULL;
}

status_t graph_clean_up(graph_t *g) { return simplify_clean_up(g, SIMPLIFY_ALL); }

status_t simplify_to_identities(graph_t *g, bool *changed) {
  node_t **order;
  TRY(graph_topological_order(g, &order));
  cleaner_t x = {.g = g, .mode = SIMPLIFY_AS_GRAPPLER, .r = redirects_create(g)};
  int count = g->n_nodes;
  for (int i = 0; i < count; i++) {
    node_t *n = order[i];
    if (!n->def || n->n_out != 1 || rewrite_is(n, "Identity") || rewrite_is_ret(g, n) ||
        rewrite_is_arg(g, n) || !passes_input(&x, n))
      continue;
    for (int k = 1; k < n->n_in; k++) node_add_control(g, n, n->in[k].src);
    rewrite_to_identity(g, n, 0);
    *changed = true;
  }
  redirects_apply(x.r, g);
  mem_free(order);
  return NULL;
}

status_t simplify_clean_up(graph_t *g, simplify_mode_t mode) {
  drop_debug_ops(g);
  node_t **order;
  TRY(graph_topological_order(g, &order));
  cleaner_t x = {.g = g, .mode = mode};
  int count = g->n_nodes;
  for (int i = 0; i < count; i++) x.has_control_flow |= rewrite_is_control_flow(order[i]);
  drop_idle_controls(&x, order, count);
  x.readers = graph_readers(g);
  x.r = redirects_create(g);
  status_t st = clean(&x, order, count);
  redirects_apply(x.r, g);
  readers_free(&x.readers);
  mem_free(order);
  return st ? st : graph_prune(g);
}
