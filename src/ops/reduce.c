// Reductions over axes, arg-reductions, scans and L2Loss.
#include "kernels/reduce.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/math.h"

static const struct {
  const char *op;
  reduce_kind_t kind;
  reduce_op_t layer;
} reductions[] = {
    {"Sum", REDUCE_KIND_SUM, REDUCE_SUM},    {"Prod", REDUCE_KIND_PROD, REDUCE_PROD},
    {"Max", REDUCE_KIND_MAX, REDUCE_MAX},    {"Min", REDUCE_KIND_MIN, REDUCE_MIN},
    {"Mean", REDUCE_KIND_MEAN, REDUCE_MEAN}, {"All", REDUCE_KIND_ALL, REDUCE_ALL},
    {"Any", REDUCE_KIND_ANY, REDUCE_ANY},    {"EuclideanNorm", REDUCE_KIND_L2, REDUCE_L2},
};

static int find(const char *op) {
  int i = 0;
  while (strcmp(reductions[i].op, op) != 0) i++;
  return i;
}

// The shape without the reduced dims (or with 1 in their place).
static shape_t reduced_shape(const shape_t *in, const bool *reduced, bool keep) {
  shape_t out = {.rank = 0};
  for (int i = 0; i < in->rank; i++)
    if (!reduced[i])
      out.d[out.rank++] = in->d[i];
    else if (keep)
      out.d[out.rank++] = 1;
  return out;
}

// Axes as flags; NULL or what is wrong.
static status_t axis_flags(const node_t *node, const int64_t *v, int n, int rank, bool *reduced) {
  memset(reduced, 0, SHAPE_MAX_RANK * sizeof *reduced);
  for (int i = 0; i < n; i++) {
    if (v[i] < -rank || v[i] >= rank)
      return FAIL(INVALID_ARGUMENT,
                  "%s '%s': invalid reduction dimension (%" PRId64
                  " for input with %d dimension(s))",
                  node->op, node->name, v[i], rank);
    int axis = (int)(v[i] < 0 ? v[i] + rank : v[i]);
    if (reduced[axis])
      return FAIL(INVALID_ARGUMENT, "%s '%s': axes contain dimension %d twice", node->op,
                  node->name, axis);
    reduced[axis] = true;
  }
  return NULL;
}

static bool known_axes(const tensor_t *t, int64_t *v, int *n) {
  int64_t count = t ? tensor_elements(t) : -1;
  if (count < 0 || count > SHAPE_MAX_RANK) return false;
  for (int i = 0; i < count; i++) {
    status_t bad = tensor_int_at(t, i, &v[i]);
    status_free(bad);
    if (bad) return false;
  }
  *n = (int)count;
  return true;
}

static status_t infer_reduce(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  bool keep = node_bool(c->node, "keep_dims", false), reduced[SHAPE_MAX_RANK];
  int64_t axes[SHAPE_MAX_RANK];
  int n;
  shape_t out = SHAPE_UNKNOWN;
  if (in->rank < 0) {
    infer_out(c, 0, &out);
    return NULL;
  }
  if (!known_axes(infer_value(c, 1), axes, &n)) {
    if (keep || in->rank == 0) out = shape_unknown_dims(in->rank);
    infer_out(c, 0, &out);
    return NULL;
  }
  TRY(axis_flags(c->node, axes, n, in->rank, reduced));
  out = reduced_shape(in, reduced, keep);
  infer_out(c, 0, &out);
  return NULL;
}

// The product of known dims (sizes computed from shapes) is known too; one unknown times ones keeps
// its symbol.
static status_t infer_prod(infer_ctx_t *c) {
  TRY(infer_reduce(c));
  const shape_t *in = infer_in(c, 0);
  const tensor_t *axes = infer_value(c, 1);
  shape_t dims;
  dtype_t t = infer_in_dtype(c, 0);
  if ((t != DT_INT32 && t != DT_INT64) || in->rank != 1 || !axes || tensor_elements(axes) != 1 ||
      !infer_dims(c, 0, &dims))
    return NULL;
  int64_t product = 1, unknown = 0;
  int unknowns = 0;
  for (int i = 0; i < dims.rank; i++) {
    if (dims.d[i] < 0)
      unknown = dims.d[i], unknowns++;
    else if (__builtin_mul_overflow(product, dims.d[i], &product))
      return NULL;
  }
  if (unknowns && product != 0) product = unknowns == 1 && product == 1 ? unknown : -1;
  if (t == DT_INT32 && product > INT32_MAX) product = -1;
  infer_out_dims(c, 0, &(shape_t){.rank = 1, .d = {product}});
  return NULL;
}

static status_t kernel_reduce(op_ctx_t *c) {
  int64_t axes[SHAPE_MAX_RANK];
  bool reduced[SHAPE_MAX_RANK];
  int n;
  const shape_t *in = &c->in[0].shape;
  TRY(op_ints(c, 1, axes, SHAPE_MAX_RANK, &n));
  TRY(axis_flags(c->node, axes, n, in->rank, reduced));
  reduce_kind_t kind = reductions[find(c->node->op)].kind;
  shape_t out = reduced_shape(in, reduced, node_bool(c->node, "keep_dims", false));
  tensor_t x, y = {0}, scratch = {0};
  dtype_t as = math_compute_dtype(c->in[0].dtype);
  if (kind == REDUCE_KIND_MEAN && dtype_is_int(as) && dtype_size(as) < 8) as = DT_INT64;
  TRY(math_wide(c, &c->in[0], as, &x));
  status_t st = NULL;
  if (!reduce_has(kind, x.dtype)) TRY_GOTO(st, done, math_no_kernel(c, 0));
  TRY_GOTO(st, done, math_out(c, 0, &out, as, &y));
  size_t bytes = reduce_scratch(x.dtype, in, reduced);
  shape_t room = {.rank = 1, .d = {(int64_t)bytes}};
  if (bytes) TRY_GOTO(st, done, op_temp(c, DT_UINT8, &room, &scratch));
  reduce(kind, x.dtype, x.data, in, reduced, y.data, scratch.data, c->threads);
  st = math_narrow(c, 0, &y);
done:
  tensor_unref(&scratch);
  tensor_unref(&y);
  tensor_unref(&x);
  return st;
}

static bool accept_axes(lower_ctx_t *c, char *reason, size_t n) {
  int axes[NET_MAX_AXES], count;
  return math_const_axes(c, 1, axes, &count, reason, n);
}
static bool accept_reduce(lower_ctx_t *c, char *reason, size_t n) {
  return accept_numbers(c, reason, n) && accept_axes(c, reason, n);
}
static bool accept_norm(lower_ctx_t *c, char *reason, size_t n) {
  return accept_floats(c, reason, n) && accept_axes(c, reason, n);
}
static bool accept_logical(lower_ctx_t *c, char *reason, size_t n) {
  return accept_bools(c, reason, n) && accept_axes(c, reason, n);
}

static status_t lower_reduce(lower_ctx_t *c) {
  int axes[NET_MAX_AXES], n;
  char reason[128];
  if (!math_const_axes(c, 1, axes, &n, reason, sizeof reason))
    return OP_FAIL(c, INTERNAL, "%s", reason);
  reduce_op_t layer = reductions[find(c->node->op)].layer;
  if (n)
    c->out[0] =
        net_reduce(c->net, layer, c->in[0], axes, n, node_bool(c->node, "keep_dims", false));
  else
    c->out[0] = net_unary(c->net, layer == REDUCE_L2 ? UNARY_ABS : UNARY_IDENTITY, c->in[0]);
  return NULL;
}

// ---------------------------------------------------------------- ArgMax, ArgMin

static status_t infer_arg(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  shape_t out = SHAPE_UNKNOWN;
  int64_t axis;
  int n;
  if (in->rank > 0) {
    out = shape_unknown_dims(in->rank - 1);
    int64_t v[SHAPE_MAX_RANK];
    if (known_axes(infer_value(c, 1), v, &n) && n == 1) {
      axis = v[0];
      bool reduced[SHAPE_MAX_RANK];
      TRY(axis_flags(c->node, &axis, 1, in->rank, reduced));
      out = reduced_shape(in, reduced, false);
    }
  } else if (in->rank == 0) {
    out = SHAPE_SCALAR;  // TensorFlow lets a scalar through
  }
  infer_out(c, 0, &out);
  return NULL;
}

static void split_at(const shape_t *s, int axis, int64_t *outer, int64_t *k, int64_t *inner) {
  *outer = *inner = 1;
  for (int i = 0; i < axis; i++) *outer *= s->d[i];
  for (int i = axis + 1; i < s->rank; i++) *inner *= s->d[i];
  *k = s->d[axis];
}

static status_t kernel_arg(op_ctx_t *c) {
  const shape_t *in = &c->in[0].shape;
  int axis;
  char text[128];
  TRY(math_axis(c, 1, in->rank, &axis));
  int64_t outer, k, inner;
  split_at(in, axis, &outer, &k, &inner);
  if (k == 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "reduction axis %d is empty in shape %s", axis,
                   shape_format(in, text, sizeof text));
  bool reduced[SHAPE_MAX_RANK] = {0};
  reduced[axis] = true;
  shape_t out = reduced_shape(in, reduced, false);
  tensor_t x, *y;
  TRY(op_out(c, 0, &out, &y));
  TRY(math_wide(c, &c->in[0], math_compute_dtype(c->in[0].dtype), &x));
  bool ok = arg_reduce(strcmp(c->node->op, "ArgMax") == 0, x.dtype, x.data, outer, k, inner,
                       y->dtype, y->data, c->threads);
  tensor_unref(&x);
  return ok ? NULL : math_no_kernel(c, 0);
}

static bool accept_arg(lower_ctx_t *c, char *reason, size_t n) {
  int axes[NET_MAX_AXES], count;
  dtype_t out = node_type(c->node, "output_type");
  if (!accept_numbers(c, reason, n)) return false;
  if (out != DT_INT32 && out != DT_INT64) {
    snprintf(reason, n, "engines do not give indices of %s", dtype_name(out));
    return false;
  }
  if (!math_const_axes(c, 1, axes, &count, reason, n)) return false;
  if (count != 1) snprintf(reason, n, "the dimension is not a scalar");
  return count == 1;
}

static status_t lower_arg(lower_ctx_t *c) {
  int axes[NET_MAX_AXES], n;
  char reason[128];
  if (!math_const_axes(c, 1, axes, &n, reason, sizeof reason) || n != 1)
    return OP_FAIL(c, INTERNAL, "the dimension is not known");
  layer_params_t p = {.axis = axes[0], .arg = {.max = strcmp(c->node->op, "ArgMax") == 0}};
  c->out[0] = net_layer1(c->net, LAYER_ARG, 1, c->in, node_type(c->node, "output_type"), &p);
  return NULL;
}

// ---------------------------------------------------------------- scans

static status_t kernel_scan(op_ctx_t *c) {
  const shape_t *in = &c->in[0].shape;
  int axis;
  TRY(math_axis(c, 1, in->rank, &axis));
  int64_t outer, k, inner;
  split_at(in, axis, &outer, &k, &inner);
  scan_kind_t kind = c->node->op[3] == 's'   ? SCAN_SUM
                     : c->node->op[3] == 'p' ? SCAN_PROD
                                             : SCAN_LOG_SUM_EXP;
  tensor_t x, y = {0};
  TRY(math_wide(c, &c->in[0], math_compute_dtype(c->in[0].dtype), &x));
  status_t st = math_out(c, 0, in, x.dtype, &y);
  if (!st && !scan(kind, x.dtype, x.data, outer, k, inner, node_bool(c->node, "exclusive", false),
                   node_bool(c->node, "reverse", false), y.data, c->threads))
    st = math_no_kernel(c, 0);
  if (!st) st = math_narrow(c, 0, &y);
  tensor_unref(&y);
  tensor_unref(&x);
  return st;
}

static bool accept_scan(lower_ctx_t *c, char *reason, size_t n) {
  int axes[NET_MAX_AXES], count;
  if (!accept_numbers(c, reason, n) || !math_const_axes(c, 1, axes, &count, reason, n))
    return false;
  if (count != 1) snprintf(reason, n, "the axis is not a scalar");
  return count == 1;
}

static status_t lower_scan(lower_ctx_t *c) {
  int axes[NET_MAX_AXES], n;
  char reason[128];
  if (!math_const_axes(c, 1, axes, &n, reason, sizeof reason) || n != 1)
    return OP_FAIL(c, INTERNAL, "the axis is not known");
  layer_params_t p = {.axis = axes[0],
                      .cumulative = {.prod = c->node->op[3] == 'p',
                                     .exclusive = node_bool(c->node, "exclusive", false),
                                     .reverse = node_bool(c->node, "reverse", false)}};
  c->out[0] = net_layer1(c->net, LAYER_CUMULATIVE, 1, c->in, lower_dtype(c, 0), &p);
  return NULL;
}

// ---------------------------------------------------------------- L2Loss

static status_t kernel_l2_loss(op_ctx_t *c) {
  tensor_t x, y = {0};
  TRY(math_wide(c, &c->in[0], math_compute_dtype(c->in[0].dtype), &x));
  status_t st = NULL;
  if (x.dtype != DT_FLOAT && x.dtype != DT_DOUBLE) st = math_no_kernel(c, 0);
  if (!st) st = math_out(c, 0, &SHAPE_SCALAR, x.dtype, &y);
  if (!st) {
    shape_t flat = SHAPE(tensor_elements(&x));
    reduce(REDUCE_KIND_SUM_SQUARE, x.dtype, x.data, &flat, (const bool[]){true}, y.data, NULL,
           c->threads);
    tensor_set_number(&y, 0, tensor_number_at(&y, 0) / 2);
    st = math_narrow(c, 0, &y);
  }
  tensor_unref(&y);
  tensor_unref(&x);
  return st;
}

#define REDUCE(NAME, INFER, ACCEPT)                                                  \
  {                                                                                  \
    .name = NAME, .sig = "input: T, reduction_indices: Tidx -> output: T",           \
    .attrs = "keep_dims: bool = false; T: type; Tidx: type = int32", .infer = INFER, \
    .kernel = kernel_reduce, .accept = ACCEPT, .lower = lower_reduce                 \
  }
#define LOGICAL(NAME)                                                              \
  {                                                                                \
    .name = NAME, .sig = "input: bool, reduction_indices: Tidx -> output: bool",   \
    .attrs = "keep_dims: bool = false; Tidx: type = int32", .infer = infer_reduce, \
    .kernel = kernel_reduce, .accept = accept_logical, .lower = lower_reduce       \
  }
#define ARG(NAME)                                                                          \
  {                                                                                        \
    .name = NAME, .sig = "input: T, dimension: Tidx -> output: output_type",               \
    .attrs = "T: type; Tidx: type = int32; output_type: type = int64", .infer = infer_arg, \
    .kernel = kernel_arg, .accept = accept_arg, .lower = lower_arg                         \
  }
#define SCAN(NAME)                                                                        \
  .name = NAME, .sig = "x: T, axis: Tidx -> out: T",                                      \
  .attrs = "exclusive: bool = false; reverse: bool = false; T: type; Tidx: type = int32", \
  .infer = infer_same, .kernel = kernel_scan

const op_def_t ops_reduce[] = {
    REDUCE("Sum", infer_reduce, accept_reduce),
    REDUCE("Prod", infer_prod, accept_reduce),
    REDUCE("Max", infer_reduce, accept_reduce),
    REDUCE("Min", infer_reduce, accept_reduce),
    REDUCE("Mean", infer_reduce, accept_reduce),
    REDUCE("EuclideanNorm", infer_reduce, accept_norm),
    LOGICAL("All"),
    LOGICAL("Any"),
    ARG("ArgMax"),
    ARG("ArgMin"),
    {SCAN("Cumsum"), .accept = accept_scan, .lower = lower_scan},
    {SCAN("Cumprod"), .accept = accept_scan, .lower = lower_scan},
    {SCAN("CumulativeLogsumexp")},
    {.name = "L2Loss",
     .sig = "t: T -> output: T",
     .attrs = "T: type",
     .infer = infer_scalar,
     .kernel = kernel_l2_loss},
    {0},
};
