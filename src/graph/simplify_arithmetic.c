// Arithmetic with constants, simplified. These are the rules of TensorFlow's Grappler
// (tensorflow/core/grappler/optimizers/constant_folding.cc, 2.17), so that graphs come out as
// TF-TRT sees them:
//   x + 0, x - 0, x * 1, x / 1                       -> x
//   0 - x                                            -> -x
//   1 / x                                            -> reciprocal of x
//   x / c                                            -> x * (1/c)
//   c op (x op y), op one of + - or one of * /       -> x op (c op y)
//   conv(x, w) * c                                   -> conv(x, w * c)
//   pack of one                                      -> expand dims
//   concat(concat(x, y), z), along one axis          -> concat(x, y, z)
// New constant expressions are left to constant folding.
#include <string.h>

#include "graph/passes.h"
#include "graph/rewrite.h"
#include "graph/simplify.h"
#include "ops/op.h"

static const char *const adds[] = {"Add", "AddV2", NULL};
static const char *const muls[] = {"Mul", NULL};
static const char *const divs[] = {"Div", "RealDiv", NULL};

typedef struct rules {
  graph_t *g;
  readers_t readers;
} rules_t;

static const tensor_t *constant(const node_t *n, int i) {
  const node_t *src = i < n->n_in ? n->in[i].src : NULL;
  return src && rewrite_is(src, "Const") && !src->n_control ? input_value(&n->in[i]) : NULL;
}

static bool all_are(const tensor_t *t, double what) {
  if (!t || dtype_is_complex(t->dtype) || !dtype_is_plain(t->dtype)) return false;
  int64_t n = tensor_elements(t);
  for (int64_t i = 0; i < n; i++)
    if (tensor_number_at(t, i) != what) return false;
  return n > 0;
}

static int data_readers(const rules_t *x, const node_t *n) {
  int count = rewrite_is_ret(x->g, n);
  for (int i = x->readers.begin[n->id]; i < x->readers.begin[n->id + 1]; i++)
    count += x->readers.list[i].input >= 0;
  return count;
}

// ---------------------------------------------------------------- neutral operands

// The node hands on input i, and waits for the other one as before.
static void keep_one(rules_t *x, node_t *n, int i) {
  node_add_control(x->g, n, n->in[1 - i].src);
  rewrite_to_identity(x->g, n, i);
}

static bool drop_neutral(rules_t *x, node_t *n) {
  bool mul = rewrite_is_any(n, muls) || rewrite_is(n, "LogicalAnd");
  bool add = rewrite_is_any(n, adds) || rewrite_is(n, "BiasAdd") || rewrite_is(n, "LogicalOr");
  bool sub = rewrite_is(n, "Sub"), div = rewrite_is_any(n, divs);
  if ((!mul && !add && !sub && !div) || n->n_in != 2) return false;
  const tensor_t *a = constant(n, 0), *b = constant(n, 1);
  const shape_t *out = &n->out_shape[0];
  if (a && rewrite_same_shape(input_shape(&n->in[1]), out)) {
    if ((mul && all_are(a, 1)) || (add && all_are(a, 0))) {
      keep_one(x, n, 1);
      return true;
    }
    bool reciprocal = div && all_are(a, 1) && dtype_is_float(a->dtype);
    if ((sub && all_are(a, 0)) || reciprocal) {
      node_remove_input(n, 0);
      node_set_op(n, reciprocal ? "Reciprocal" : "Neg");
      return true;
    }
  }
  if (b && rewrite_same_shape(input_shape(&n->in[0]), out) &&
      (((mul || div) && all_are(b, 1)) || ((add || sub) && all_are(b, 0)))) {
    keep_one(x, n, 0);
    return true;
  }
  return false;
}

static bool divide_to_multiply(rules_t *x, node_t *n) {
  const tensor_t *c = constant(n, 1);
  if (!rewrite_is_any(n, divs) || !c || !dtype_is_float(c->dtype)) return false;
  char *name = mem_printf("ConstantFolding/%s_recip", n->name);
  node_t *r = graph_add_node(x->g, "Reciprocal", name);
  mem_free(name);
  node_set_type(x->g, r, "T", c->dtype);
  node_add_input(x->g, r, n->in[1].src, n->in[1].port);
  status_free(node_resolve(x->g, r));
  node_set_input(n, 1, r, 0);
  node_set_op(n, "Mul");
  return true;
}

// ---------------------------------------------------------------- constants pushed down

static bool is_family(const node_t *n, bool multiplicative) {
  if (multiplicative) return rewrite_is_any(n, muls) || rewrite_is_any(n, divs);
  return rewrite_is_any(n, adds) || rewrite_is(n, "Sub");
}

static bool is_inverse(const node_t *n) { return rewrite_is(n, "Sub") || rewrite_is_any(n, divs); }

// n = C op (X op Y) becomes X op (C op Y), so that a constant Y is joined with C. X is the first
// that is no constant. Signs: what is subtracted (or divided by) counts -1.
static bool push_constant_down(rules_t *x, node_t *n) {
  bool multiplicative = is_family(n, true);
  if ((!multiplicative && !is_family(n, false)) || n->n_in != 2 || n->n_control) return false;
  bool const_left = constant(n, 0) != NULL;
  if (const_left == (constant(n, 1) != NULL)) return false;
  int at_child = const_left ? 1 : 0;
  node_t *child = n->in[at_child].src;
  if (!is_family(child, multiplicative) || child->n_in != 2 || child->n_control ||
      data_readers(x, child) > 1)
    return false;
  dtype_t dtype = n->out_dtype[0];
  if (dtype == DT_HALF || dtype == DT_BFLOAT16) return false;
  if ((is_inverse(n) || is_inverse(child)) && !dtype_is_float(dtype)) return false;
  bool leaf_left = constant(child, 0) != NULL;
  bool quotients = multiplicative && (is_inverse(n) || is_inverse(child));
  if (quotients && !leaf_left && !constant(child, 1)) return false;
  if (leaf_left && constant(child, 1)) return false;  // it folds anyway
  input_t c = n->in[1 - at_child], y = child->in[leaf_left ? 0 : 1];
  input_t v = child->in[leaf_left ? 1 : 0];
  bool inverse = is_inverse(n), child_inverse = is_inverse(child);
  bool minus_c = inverse && !const_left, minus_child = inverse && const_left;
  bool minus_x = minus_child != (child_inverse && leaf_left);
  bool minus_y = minus_child != (child_inverse && !leaf_left);
  const char *plus = multiplicative ? "Mul" : "Add", *minus = multiplicative ? "Div" : "Sub";
  // The child: C and Y of equal signs are added, and carry that sign; else the positive one leads.
  bool minus_new = minus_c && minus_y;
  if (minus_c != minus_y || inverse || child_inverse)
    node_set_op(child, minus_c != minus_y ? minus : plus);
  input_t first = minus_c && !minus_y ? y : c, second = minus_c && !minus_y ? c : y;
  node_set_input(child, 0, first.src, first.port);
  node_set_input(child, 1, second.src, second.port);
  if (inverse || child_inverse) node_set_op(n, minus_x || minus_new ? minus : plus);
  node_set_input(n, minus_x ? 1 : 0, v.src, v.port);
  node_set_input(n, minus_x ? 0 : 1, child, 0);
  return true;
}

// ---------------------------------------------------------------- convolutions

// Does the constant scale channels only, when channels are the last of `rank` dims?
static bool scales_channels(const tensor_t *c, int rank) {
  int64_t n = tensor_elements(c);
  if (c->shape.rank > rank || n < 1) return false;
  return n == 1 || c->shape.d[c->shape.rank - 1] == n;
}

static bool push_into_convolution(rules_t *x, node_t *n) {
  static const char *const convs[] = {"Conv2D", "Conv3D", NULL};
  if (!rewrite_is_any(n, muls) || n->n_in != 2 || n->n_control) return false;
  int at_const = constant(n, 0) ? 0 : 1;
  const tensor_t *c = constant(n, at_const);
  node_t *conv = n->in[1 - at_const].src;
  // A bias of zero between them is an Identity by now.
  const node_t *bias = NULL;
  if (rewrite_is(conv, "Identity") && conv->n_in == 1 && data_readers(x, conv) == 1) {
    bias = conv;
    conv = conv->in[0].src;
  }
  if (!c || !rewrite_is_any(conv, convs) || data_readers(x, conv) > 1 || conv->n_control)
    return false;
  const tensor_t *w = constant(conv, 1);
  if (!w || constant(conv, 0) || w->dtype != c->dtype) return false;
  bool last = strncmp(node_string(conv, "data_format"), "NC", 2) != 0;
  if (!scales_channels(c, w->shape.rank) || (!last && tensor_elements(c) != 1)) return false;
  if (!rewrite_same_shape(&conv->out_shape[0], &n->out_shape[0])) return false;
  // The convolution goes on under the product's name, its old node becomes the weights' product.
  input_t scale = n->in[at_const], data = conv->in[0], weights = conv->in[1];
  attr_t *mul_attrs = n->attrs;
  n->attrs = conv->attrs;
  conv->attrs = mul_attrs;
  const char *op = conv->op;
  node_set_op(conv, "Mul");
  node_set_op(n, op);
  node_set_input(conv, 0, weights.src, weights.port);
  node_set_input(conv, 1, scale.src, scale.port);
  node_set_input(n, 0, data.src, data.port);
  node_set_input(n, 1, conv, 0);
  conv->out_shape[0] = SHAPE_UNKNOWN;
  for (int k = 0; bias && k < bias->n_control; k++) node_add_control(x->g, n, bias->control[k]);
  char *name = mem_printf("%s/merged_input", conv->name);
  graph_rename_node(x->g, conv, name);
  mem_free(name);
  return true;
}

// ---------------------------------------------------------------- others

static bool pack_of_one(rules_t *x, node_t *n) {
  if (!rewrite_is(n, "Pack") || n->n_in != 1) return false;
  tensor_t axis;
  int64_t at = node_int(n, "axis", 0);
  dtype_t dtype = n->out_dtype[0];
  status_t bad = tensor_from_ints(DT_INT32, &(shape_t){.rank = 0}, &at, &axis);
  status_free(bad);
  if (bad) return false;
  char *name = mem_printf("ConstantFolding/%s_const_axis", n->name);
  node_t *c = graph_add_const(x->g, name, &axis);
  mem_free(name);
  tensor_unref(&axis);
  node_add_control(x->g, c, n->in[0].src);  // it belongs where its node runs
  node_set_op(n, "ExpandDims");
  node_remove_attr(n, "axis");
  node_remove_attr(n, "N");
  node_add_input(x->g, n, c, 0);
  node_set_type(x->g, n, "T", dtype);
  node_set_type(x->g, n, "Tdim", DT_INT32);
  return true;
}

static bool concat_axis(const node_t *n, int64_t *axis) {
  const tensor_t *t = rewrite_is(n, "ConcatV2") && n->n_in > 2 ? constant(n, n->n_in - 1) : NULL;
  if (t && tensor_elements(t) == 1) *axis = (int64_t)tensor_number_at(t, 0);
  return t && tensor_elements(t) == 1;
}

// Is it read by n alone, and no result?
static bool serves_only(const rules_t *x, const node_t *src, const node_t *n) {
  for (int i = x->readers.begin[src->id]; i < x->readers.begin[src->id + 1]; i++)
    if (x->readers.list[i].node != n) return false;
  return !rewrite_is_ret(x->g, src);
}

// Only the axis as it is written counts: -1 is not 3 to Grappler.
static bool merge_concat(rules_t *x, node_t *n) {
  int64_t axis = 0, outer = 0;
  if (!concat_axis(n, &outer)) return false;
  for (int i = 0; i < n->n_in - 1; i++) {
    node_t *inner = n->in[i].src;
    bool all_constant = true;
    if (!concat_axis(inner, &axis) || axis != outer || !serves_only(x, inner, n)) continue;
    for (int k = 0; k < inner->n_in - 1; k++) all_constant &= constant(inner, k) != NULL;
    if (all_constant) continue;  // it folds
    node_remove_input(n, i);
    for (int k = 0; k < inner->n_in - 1; k++)
      node_insert_input(x->g, n, i + k, inner->in[k].src, inner->in[k].port);
    for (int k = 0; k < inner->n_control; k++) node_add_control(x->g, n, inner->control[k]);
    node_set_int(x->g, n, "N", n->n_in - 1);
    return true;
  }
  return false;
}

// A condition that is the same everywhere: that branch, broadcast when the other gave the shape.
static bool constant_select(rules_t *x, node_t *n) {
  if (!rewrite_is(n, "SelectV2") && !rewrite_is(n, "Select")) return false;
  const tensor_t *c = n->n_in == 3 ? constant(n, 0) : NULL;
  bool yes = all_are(c, 1), no = all_are(c, 0);
  if (!yes && !no) return false;
  int live = yes ? 1 : 2;
  const shape_t *ignored = input_shape(&n->in[3 - live]), *where = input_shape(&n->in[0]);
  if (rewrite_same_shape(input_shape(&n->in[live]), ignored) &&
      (where->rank == 0 || rewrite_same_shape(ignored, where))) {
    rewrite_to_identity(x->g, n, live);
    return true;
  }
  if (!shape_known(&n->out_shape[0]) || rewrite_is(n, "Select")) return false;
  tensor_t dims;
  shape_t s = SHAPE(n->out_shape[0].rank);
  status_t bad = tensor_from_ints(DT_INT32, &s, n->out_shape[0].d, &dims);
  status_free(bad);
  if (bad) return false;
  input_t data = n->in[live];
  char *name = mem_printf("ConstantFolding/%s-broadcastto_shape-%d", n->name, live);
  node_t *shape = graph_add_const(x->g, name, &dims);
  mem_free(name);
  tensor_unref(&dims);
  node_set_op(n, "BroadcastTo");
  node_remove_input(n, 2);
  node_set_input(n, 0, data.src, data.port);
  node_set_input(n, 1, shape, 0);
  node_set_type(x->g, n, "Tidx", DT_INT32);
  return true;
}

// A constant that enters a loop: read in the loop, where it can be folded.
static bool constant_into_loop(rules_t *x, node_t *n) {
  if (!rewrite_is(n, "Enter") || !node_bool(n, "is_constant", false)) return false;
  const tensor_t *c = constant(n, 0);
  if (!c) return false;
  tensor_t value = tensor_ref(c);
  bool done = false;
  for (int i = x->readers.begin[n->id]; i < x->readers.begin[n->id + 1]; i++) {
    if (x->readers.list[i].input < 0) continue;
    char *name = mem_printf("ConstantFolding/%s_const_enter", n->name);
    node_t *moved = graph_add_const(x->g, name, &value);
    mem_free(name);
    node_add_control(x->g, moved, n);
    graph_redirect(x->g, n, 0, moved, 0);
    done = true;
    break;
  }
  tensor_unref(&value);
  return done;
}

status_t simplify_arithmetic(graph_t *g, bool *changed) {
  static bool (*const rules[])(rules_t *, node_t *) = {
      drop_neutral, constant_select,    constant_into_loop,    divide_to_multiply,
      pack_of_one,  push_constant_down, push_into_convolution, merge_concat,
  };
  node_t **order;
  TRY(graph_topological_order(g, &order));
  rules_t x = {.g = g, .readers = graph_readers(g)};
  *changed = false;
  int count = g->n_nodes;
  for (int i = 0; i < count; i++) {
    node_t *n = order[i];
    if (!n->def || n->n_out < 1 || rewrite_is_ret(g, n)) continue;
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++) {
      if (!rules[k](&x, n)) continue;
      *changed = true;
      readers_free(&x.readers);  // edges moved
      x.readers = graph_readers(g);
      break;
    }
  }
  readers_free(&x.readers);
  mem_free(order);
  return NULL;
}
