// Nodes whose results are known at conversion time become constants, under their names.
#include <string.h>

#include "base/work.h"
#include "graph/passes.h"
#include "graph/rewrite.h"
#include "graph/simplify.h"
#include "ops/op.h"

enum {
  MAX_OUT = 16,
  MAX_IN = 256,
  // As Grappler: larger results are kept only when they take less room than what they are made of.
  MAX_BYTES = 10 << 20,
};

static bool fold_allowed(const graph_t *g, const node_t *n) {
  return n->def && n->n_out > 0 && n->n_out <= MAX_OUT && n->n_in <= MAX_IN &&
         !(n->def->flags & (OP_STATEFUL | OP_NO_FOLD | OP_CALLS)) && !rewrite_is(n, "Const") &&
         !rewrite_is(n, "Placeholder") && !rewrite_is(n, "_Arg") && !rewrite_is_control_flow(n) &&
         !rewrite_is_arg(g, n);
}

static size_t known_bytes(dtype_t dtype, const shape_t *s) {
  int64_t n = shape_elements(s);
  size_t bytes;
  return n >= 0 && size_mul((size_t)n, dtype_size(dtype), &bytes) ? bytes : 0;
}

static bool too_large(size_t out, size_t in) { return out > MAX_BYTES && out > in; }

// A constant in a loop or a branch must wait for what its node waited for, or it would run outside.
static void keep_place(graph_t *g, node_t *n, bool has_control_flow) {
  for (int i = 0; i < n->n_in; i++) {
    node_t *src = n->in[i].src;
    if (!rewrite_is(src, "Const")) {
      if (has_control_flow) node_add_control(g, n, src);
      continue;
    }
    for (int k = 0; k < src->n_control; k++) node_add_control(g, n, src->control[k]);
  }
}

// Several outputs: a constant each; the node itself loses its readers.
static void to_constants(graph_t *g, node_t *n, const tensor_t *out, redirects_t *r) {
  if (n->n_out == 1) {
    rewrite_to_const(g, n, &out[0]);
    return;
  }
  for (int i = 0; i < n->n_out; i++) {
    char *name = mem_printf("ConstantFolding/%s-folded-%d", n->name, i);
    node_t *c = graph_add_const(g, name, &out[i]);
    mem_free(name);
    for (int k = 0; k < n->n_control; k++) node_add_control(g, c, n->control[k]);
    redirects_add(r, n, i, c, 0);
  }
}

static bool run(const node_t *n, const tensor_t *in, tensor_t *out) {
  op_ctx_t c = {.node = n, .in = in, .n_in = n->n_in, .out = out, .n_out = n->n_out, .threads = 1};
  status_t bad = n->def->kernel(&c);
  bool fine = !bad;
  status_free(bad);
  for (int i = 0; i < n->n_out; i++) fine &= !tensor_empty(&out[i]);
  return fine;
}

static bool fold_by_kernel(graph_t *g, node_t *n, redirects_t *r, bool has_control_flow) {
  tensor_t in[MAX_IN], out[MAX_OUT] = {{0}};
  size_t in_bytes = 0, out_bytes = 0;
  if (!n->def->kernel || !n->n_in) return false;
  for (int i = 0; i < n->n_in; i++) {
    input_t from = redirects_follow(r, n->in[i]);
    const tensor_t *v = input_value(&from);
    if (!v) return false;
    in[i] = *v;
    in_bytes += dtype_is_plain(v->dtype) ? tensor_bytes(v) : 0;
  }
  for (int i = 0; i < n->n_out; i++) out_bytes += known_bytes(n->out_dtype[i], &n->out_shape[i]);
  bool folded = false;
  if (!too_large(out_bytes, in_bytes) && run(n, in, out)) {
    out_bytes = 0;
    for (int i = 0; i < n->n_out; i++) out_bytes += tensor_bytes(&out[i]);
    folded = !too_large(out_bytes, in_bytes);
    if (folded) {
      keep_place(g, n, has_control_flow);
      to_constants(g, n, out, r);
    }
  }
  for (int i = 0; i < n->n_out && i < MAX_OUT; i++) tensor_unref(&out[i]);
  return folded;
}

// Values that shape inference found although the inputs are not known: Shape of a known shape.
// Grappler lets such constants wait for all inputs, which keeps those in the graph.
static bool fold_by_inference(graph_t *g, node_t *n, redirects_t *r, bool has_control_flow,
                              bool wait) {
  tensor_t out[MAX_OUT] = {{0}};
  if (!n->out_value) return false;
  for (int i = 0; i < n->n_out; i++)
    if (tensor_empty(&n->out_value[i])) return false;
  int n_out = n->n_out;
  for (int i = 0; i < n_out; i++) out[i] = tensor_ref(&n->out_value[i]);
  keep_place(g, n, has_control_flow);
  for (int i = 0; wait && i < n->n_in; i++) node_add_control(g, n, n->in[i].src);
  to_constants(g, n, out, r);
  for (int i = 0; i < n_out; i++) tensor_unref(&out[i]);
  return true;
}

static bool values_known(const node_t *n) {
  for (int i = 0; i < n->n_in; i++)
    if (!input_value(&n->in[i])) return false;
  return n->n_in > 0;
}

// A part of a shape, as a vector.
static bool is_plain_slice(const node_t *n) {
  const tensor_t *begin = n->n_in == 4 ? input_value(&n->in[1]) : NULL;
  return rewrite_is(n, "StridedSlice") && begin && tensor_elements(begin) == 1 &&
         !node_int(n, "ellipsis_mask", 0) && !node_int(n, "new_axis_mask", 0) &&
         !node_int(n, "shrink_axis_mask", 0);
}

// Is input i known element by element, at least in part?
static bool is_shape_like(const node_t *n, int i) {
  const input_t *in = &n->in[i];
  return input_value(in) || (in->src->out_dims && in->src->out_dims[in->port].rank >= 0);
}

static bool joins_shapes(const node_t *n) {
  for (int i = 0; i < n->n_in - 1; i++)
    if (!is_shape_like(n, i)) return false;
  return rewrite_is(n, "ConcatV2");
}

bool simplify_grappler_infers(const node_t *n) {
  static const char *const ops[] = {"Shape", "ShapeN", "Rank",     "Size",
                                    "Slice", "Pack",   "Identity", NULL};
  return rewrite_is_any(n, ops) || is_plain_slice(n) || joins_shapes(n) || values_known(n);
}

// What Grappler makes constants of by what it knows of shapes, not by computing them. told: by node
// id, whether it knows a node's value in this way, or from a Const.
static bool is_materialised(const node_t *n, const bool *told) {
  static const char *const of_shapes[] = {"Shape", "ShapeN", "Rank", "Size", NULL};
  static const char *const of_values[] = {"Slice", "Pack", "StridedSlice", NULL};
  if (!n->out_value || tensor_empty(&n->out_value[0])) return false;
  if (rewrite_is_any(n, of_shapes)) return true;
  if (!rewrite_is_any(n, of_values) && !joins_shapes(n)) return false;
  for (int i = 0; i < n->n_in; i++)
    if (!told[n->in[i].src->id]) return false;
  return true;
}

status_t graph_fold_constants(graph_t *g) { return simplify_fold(g, SIMPLIFY_ALL); }

status_t simplify_fold(graph_t *g, simplify_mode_t mode) {
  node_t **order;
  TRY(graph_topological_order(g, &order));
  redirects_t *r = redirects_create(g);
  int count = g->n_nodes;
  bool has_control_flow = false;
  bool *told = mem_calloc((size_t)count + 1, sizeof *told);
  for (int i = 0; i < count; i++) has_control_flow |= rewrite_is_control_flow(order[i]);
  for (int i = 0; i < count; i++) told[order[i]->id] = rewrite_is(order[i], "Const");
  for (int i = 0; i < count; i++) {
    node_t *n = order[i];
    if (work_stopped()) break;
    if (n->dead || !fold_allowed(g, n)) continue;
    if (mode == SIMPLIFY_AS_GRAPPLER && rewrite_is_ret(g, n) && n->n_out != 1) continue;
    told[n->id] = is_materialised(n, told);
    bool infer = mode == SIMPLIFY_ALL || told[n->id];
    if (!infer || !fold_by_inference(g, n, r, has_control_flow, mode == SIMPLIFY_AS_GRAPPLER))
      fold_by_kernel(g, n, r, has_control_flow);
  }
  redirects_apply(r, g);
  mem_free(order);
  mem_free(told);
  return work_check();
}
