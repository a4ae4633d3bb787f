// Ops of two operands under broadcasting, element by element.
#include <stdio.h>
#include <string.h>

#include "kernels/elementwise.h"
#include "kernels/special.h"
#include "ops/elements.h"
#include "ops/math.h"

static status_t incompatible(const op_ctx_t *c) {
  char a[128], b[128];
  return OP_FAIL(c, INVALID_ARGUMENT, "incompatible shapes: %s vs. %s",
                 shape_format(&c->in[0].shape, a, sizeof a),
                 shape_format(&c->in[1].shape, b, sizeof b));
}

static status_t run(op_ctx_t *c, ew_binary_t op) {
  const tensor_t *a = &c->in[0], *b = &c->in[1];
  bcast_t plan;
  shape_t shape;
  if (!ew_binary_has(op, a->dtype) || a->dtype != b->dtype) return math_no_kernel(c, 0);
  if (!bcast_plan(2, (const shape_t *[]){&a->shape, &b->shape}, &plan, &shape))
    return incompatible(c);
  const char *wrong = ew_binary_check(op, b->dtype, b->data, tensor_elements(b));
  if (wrong) return OP_FAIL(c, INVALID_ARGUMENT, "%s", wrong);
  tensor_t *y;
  bool same_type = !ew_binary_compares(op);
  if (same_type && shape_equal(&shape, &a->shape))
    TRY(op_out_like(c, 0, 0, &y));
  else if (same_type && shape_equal(&shape, &b->shape))
    TRY(op_out_like(c, 0, 1, &y));
  else
    TRY(op_out(c, 0, &shape, &y));
  ew_binary(op, a->dtype, a->data, b->data, y->data, &plan, c->threads);
  return NULL;
}

#define KERNEL(name) \
  __attribute__((unused)) static status_t kernel_##name(op_ctx_t *c) { return run(c, EW_##name); }
EW_BINARY_OPS(KERNEL)

// ---------------------------------------------------------------- strings

typedef struct {
  const str_t *a, *b;
  tensor_t *y;
  bool negate;
  status_t status;
} strings_t;

static void compare_strings(void *arg, const int64_t *at, const int64_t *step, int64_t out,
                            int64_t n) {
  strings_t *j = arg;
  for (int64_t i = 0; i < n; i++) {
    const str_t *a = j->a + at[0] + i * step[0], *b = j->b + at[1] + i * step[1];
    bool same = a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
    TENSOR_DATA(uint8_t, j->y)[out + i] = same != j->negate;
  }
}

static void join_strings(void *arg, const int64_t *at, const int64_t *step, int64_t out,
                         int64_t n) {
  strings_t *j = arg;
  for (int64_t i = 0; i < n && !j->status; i++) {
    const str_t *a = j->a + at[0] + i * step[0], *b = j->b + at[1] + i * step[1];
    str_t *y = TENSOR_DATA(str_t, j->y) + out + i;
    char *text = mem_alloc(a->n + b->n + 1);
    if (a->n) memcpy(text, a->p, a->n);
    if (b->n) memcpy(text + a->n, b->p, b->n);
    j->status = str_set(y, text, a->n + b->n);
    mem_free(text);
  }
}

static status_t run_strings(op_ctx_t *c, bcast_row_fn fn, bool negate) {
  bcast_t plan;
  shape_t shape;
  if (!bcast_plan(2, (const shape_t *[]){&c->in[0].shape, &c->in[1].shape}, &plan, &shape))
    return incompatible(c);
  tensor_t *y;
  TRY(op_out(c, 0, &shape, &y));
  strings_t j = {TENSOR_DATA(str_t, &c->in[0]), TENSOR_DATA(str_t, &c->in[1]), y, negate, NULL};
  bcast_run(&plan, 1, fn, &j);
  return j.status;
}

static status_t kernel_add(op_ctx_t *c) {
  return c->in[0].dtype == DT_STRING ? run_strings(c, join_strings, false) : run(c, EW_Add);
}

static dtype_t unquantized(dtype_t t) {  // quantized integers compare as what they are stored in
  switch (t) {
    case DT_QINT8: return DT_INT8;
    case DT_QUINT8: return DT_UINT8;
    case DT_QINT16: return DT_INT16;
    case DT_QUINT16: return DT_UINT16;
    case DT_QINT32: return DT_INT32;
    default: return t;
  }
}

static status_t run_equality(op_ctx_t *c, ew_binary_t op) {
  shape_t out;
  if (!shape_broadcast(&c->in[0].shape, &c->in[1].shape, &out) &&
      !node_bool(c->node, "incompatible_shape_error", true)) {
    tensor_t *y;
    TRY(op_out(c, 0, &SHAPE_SCALAR, &y));
    *TENSOR_DATA(uint8_t, y) = op == EW_NotEqual;
    return NULL;
  }
  if (c->in[0].dtype == DT_STRING) return run_strings(c, compare_strings, op == EW_NotEqual);
  tensor_t in[2] = {c->in[0], c->in[1]};
  for (int i = 0; i < 2; i++) in[i].dtype = unquantized(in[i].dtype);
  op_ctx_t plain = *c;
  plain.in = in;
  return run(&plain, op);
}
static status_t kernel_equal(op_ctx_t *c) { return run_equality(c, EW_Equal); }
static status_t kernel_not_equal(op_ctx_t *c) { return run_equality(c, EW_NotEqual); }

static status_t infer_equality(infer_ctx_t *c) {
  if (node_bool(c->node, "incompatible_shape_error", true)) return infer_broadcast(c);
  // Shapes that do not fit give a scalar: say only what is sure.
  const shape_t *a = infer_in(c, 0), *b = infer_in(c, 1);
  shape_t out;
  if (!shape_broadcast(a, b, &out))
    out = SHAPE_SCALAR;
  else if (!shape_known(a) || !shape_known(b))
    out = SHAPE_UNKNOWN;
  infer_out(c, 0, &out);
  return NULL;
}

// ---------------------------------------------------------------- ApproximateEqual

static status_t kernel_approximate_equal(op_ctx_t *c) {
  const tensor_t *a = &c->in[0], *b = &c->in[1];
  if (!shape_equal(&a->shape, &b->shape)) return incompatible(c);
  if (a->dtype != DT_FLOAT && a->dtype != DT_DOUBLE) return math_no_kernel(c, 0);
  float tolerance = node_float(c->node, "tolerance", 1e-5f);
  tensor_t *y;
  TRY(op_out(c, 0, &a->shape, &y));
  int64_t n = tensor_elements(a);
  for (int64_t i = 0; i < n; i++) {
    if (a->dtype == DT_FLOAT) {
      float d = TENSOR_DATA(float, a)[i] - TENSOR_DATA(float, b)[i];
      TENSOR_DATA(uint8_t, y)[i] = (d < 0 ? -d : d) < tolerance;
    } else {
      double d = TENSOR_DATA(double, a)[i] - TENSOR_DATA(double, b)[i];
      TENSOR_DATA(uint8_t, y)[i] = (d < 0 ? -d : d) < (double)tolerance;
    }
  }
  return NULL;
}

// ---------------------------------------------------------------- Betainc

static status_t infer_betainc(infer_ctx_t *c) {
  // Scalars go with any shape; the others are all of one shape.
  shape_t out = SHAPE_SCALAR;
  for (int i = 0; i < 3; i++) {
    const shape_t *s = infer_in(c, i);
    if (s->rank == 0) continue;
    if (out.rank == 0)
      out = *s;
    else if (!shape_merge(&out, s, &out))
      return OP_FAIL(c, INVALID_ARGUMENT, "shapes of the inputs are inconsistent");
  }
  infer_out(c, 0, &out);
  return NULL;
}

static status_t kernel_betainc(op_ctx_t *c) {
  shape_t out = SHAPE_SCALAR;
  for (int i = 0; i < 3; i++) {
    const shape_t *s = &c->in[i].shape;
    if (s->rank && out.rank && !shape_equal(s, &out))
      return OP_FAIL(c, INVALID_ARGUMENT, "shapes of the inputs are inconsistent");
    if (s->rank) out = *s;
  }
  if (c->in[0].dtype != DT_FLOAT && c->in[0].dtype != DT_DOUBLE) return math_no_kernel(c, 0);
  tensor_t *y;
  TRY(op_out(c, 0, &out, &y));
  int64_t n = tensor_elements(y);
  for (int64_t i = 0; i < n; i++) {
    double v[3];
    for (int k = 0; k < 3; k++) v[k] = tensor_number_at(&c->in[k], c->in[k].shape.rank ? i : 0);
    tensor_set_number(y, i, special_betainc(v[0], v[1], v[2]));
  }
  return NULL;
}

// ---------------------------------------------------------------- AddN

static status_t infer_add_n(infer_ctx_t *c) {
  shape_t s = *infer_in(c, 0);
  for (int i = 1; i < c->node->n_in; i++)
    if (!shape_merge(&s, infer_in(c, i), &s))
      return OP_FAIL(c, INVALID_ARGUMENT, "the shape of input %d differs from the others'", i);
  infer_out(c, 0, &s);
  return NULL;
}

static status_t kernel_add_n(op_ctx_t *c) {
  if (c->n_in < 1) return OP_FAIL(c, INVALID_ARGUMENT, "no inputs");
  const tensor_t *first = &c->in[0];
  if (!ew_binary_has(EW_Add, first->dtype)) return math_no_kernel(c, 0);
  for (int i = 1; i < c->n_in; i++)
    if (!shape_equal(&c->in[i].shape, &first->shape) || c->in[i].dtype != first->dtype)
      return OP_FAIL(c, INVALID_ARGUMENT, "the shape or dtype of input %d differs from input 0's",
                     i);
  if (c->n_in == 1) {
    op_forward(c, 0, 0, NULL);
    return NULL;
  }
  bcast_t plan;
  shape_t shape;
  if (!bcast_plan(2, (const shape_t *[]){&first->shape, &first->shape}, &plan, &shape))
    return incompatible(c);
  tensor_t *y;
  TRY(op_out(c, 0, &shape, &y));
  const void *sum = first->data;
  for (int i = 1; i < c->n_in; i++) {
    ew_binary(EW_Add, y->dtype, sum, c->in[i].data, y->data, &plan, c->threads);
    sum = y->data;
  }
  return NULL;
}

static status_t lower_add_n(lower_ctx_t *c) {
  c->out[0] = c->in[0];
  for (int i = 1; i < c->n_in; i++) c->out[0] = net_binary(c->net, BINARY_ADD, c->out[0], c->in[i]);
  if (c->n_in == 1) c->out[0] = net_unary(c->net, UNARY_IDENTITY, c->in[0]);
  return NULL;
}

// ---------------------------------------------------------------- shape arithmetic

enum { KEEP_UNKNOWN = -1 };

// One element of the result; unknown dims (negative) stay unknown unless the other operand says
// that nothing changes.
static int64_t dims_element(char op, int64_t a, int64_t b) {
  bool known = a >= 0 && b >= 0;
  int64_t r = KEEP_UNKNOWN;
  switch (op) {
    case '+':
      if (known && !__builtin_add_overflow(a, b, &r)) return r;
      return known ? KEEP_UNKNOWN : a == 0 ? b : b == 0 ? a : KEEP_UNKNOWN;
    case '-': return known ? (a >= b ? a - b : KEEP_UNKNOWN) : b == 0 ? a : KEEP_UNKNOWN;
    case '*':
      if (known && !__builtin_mul_overflow(a, b, &r)) return r;
      return known ? KEEP_UNKNOWN : a == 1 ? b : b == 1 ? a : KEEP_UNKNOWN;
    case '/': return b == 1 ? a : known && b > 0 ? a / b : KEEP_UNKNOWN;
    case '%': return known && b > 0 ? a % b : KEEP_UNKNOWN;
    case '<': return known ? (a < b ? a : b) : a == b ? a : KEEP_UNKNOWN;
    case '>': return known ? (a > b ? a : b) : a == b ? a : KEEP_UNKNOWN;
    default: return KEEP_UNKNOWN;
  }
}

static status_t infer_arithmetic(infer_ctx_t *c, char op) {
  TRY(infer_broadcast(c));
  dtype_t t = infer_in_dtype(c, 0);
  const shape_t *sa = infer_in(c, 0), *sb = infer_in(c, 1);
  shape_t a, b;
  if ((t != DT_INT32 && t != DT_INT64) || sa->rank < 0 || sb->rank < 0 || sa->rank > 1 ||
      sb->rank > 1 || !infer_dims(c, 0, &a) || !infer_dims(c, 1, &b))
    return NULL;
  if (a.rank != b.rank && a.rank != 1 && b.rank != 1) return NULL;
  shape_t r = {.rank = a.rank == 1 ? b.rank : a.rank};
  for (int i = 0; i < r.rank; i++) {
    int64_t v = dims_element(op, a.d[a.rank == 1 ? 0 : i], b.d[b.rank == 1 ? 0 : i]);
    r.d[i] = t == DT_INT32 && v > INT32_MAX ? KEEP_UNKNOWN : v;
  }
  infer_out_dims(c, 0, &r);
  return NULL;
}
static status_t infer_add(infer_ctx_t *c) { return infer_arithmetic(c, '+'); }
static status_t infer_sub(infer_ctx_t *c) { return infer_arithmetic(c, '-'); }
static status_t infer_mul(infer_ctx_t *c) { return infer_arithmetic(c, '*'); }
static status_t infer_div(infer_ctx_t *c) { return infer_arithmetic(c, '/'); }
static status_t infer_mod(infer_ctx_t *c) { return infer_arithmetic(c, '%'); }
static status_t infer_min(infer_ctx_t *c) { return infer_arithmetic(c, '<'); }
static status_t infer_max(infer_ctx_t *c) { return infer_arithmetic(c, '>'); }

// ---------------------------------------------------------------- lowering

static const struct {
  const char *op;
  binary_op_t layer;
} layers[] = {
    {"Add", BINARY_ADD},
    {"AddV2", BINARY_ADD},
    {"Sub", BINARY_SUB},
    {"Mul", BINARY_MUL},
    {"Div", BINARY_DIV},
    {"RealDiv", BINARY_DIV},
    {"FloorDiv", BINARY_FLOORDIV},
    {"FloorMod", BINARY_FLOORMOD},
    {"Mod", BINARY_TRUNCATEMOD},
    {"TruncateMod", BINARY_TRUNCATEMOD},
    {"Minimum", BINARY_MIN},
    {"Maximum", BINARY_MAX},
    {"Pow", BINARY_POW},
    {"SquaredDifference", BINARY_SQUARED_DIFFERENCE},
    {"DivNoNan", BINARY_DIV_NO_NAN},
    {"MulNoNan", BINARY_MUL_NO_NAN},
    {"Atan2", BINARY_ATAN2},
    {"Greater", BINARY_GREATER},
    {"Less", BINARY_LESS},
    {"Equal", BINARY_EQUAL},
    {"GreaterEqual", BINARY_GREATER_EQUAL},
    {"LessEqual", BINARY_LESS_EQUAL},
    {"NotEqual", BINARY_NOT_EQUAL},
    {"LogicalAnd", BINARY_AND},
    {"LogicalOr", BINARY_OR},
};

static status_t lower(lower_ctx_t *c) {
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    if (strcmp(c->node->op, layers[i].op) == 0) {
      c->out[0] = net_binary(c->net, layers[i].layer, c->in[0], c->in[1]);
      return NULL;
    }
  return OP_FAIL(c, INTERNAL, "no layer for this op");
}

// Integer division refuses zero divisors at run time, which layers cannot: only known ones.
static bool accept_division(lower_ctx_t *c, char *reason, size_t n) {
  if (!accept_numbers(c, reason, n)) return false;
  if (math_accept(c, 0, ENGINE_FLOATS, reason, n)) return true;
  const tensor_t *b = lower_value(c, 1);
  const char *wrong = b ? ew_binary_check(EW_Div, b->dtype, b->data, tensor_elements(b))
                        : "the integer divisor is not constant";
  if (wrong) snprintf(reason, n, "%s", wrong);
  return !wrong;
}

static bool accept_pow(lower_ctx_t *c, char *reason, size_t n) {
  if (!accept_numbers(c, reason, n)) return false;
  if (math_accept(c, 0, ENGINE_FLOATS, reason, n)) return true;
  const tensor_t *b = lower_value(c, 1);
  const char *wrong = b ? ew_binary_check(EW_Pow, b->dtype, b->data, tensor_elements(b))
                        : "the integer exponent is not constant";
  if (wrong) snprintf(reason, n, "%s", wrong);
  return !wrong;
}

static bool accept_equality(lower_ctx_t *c, char *reason, size_t n) {
  shape_t out;
  if (!node_bool(c->node, "incompatible_shape_error", true) &&
      !(shape_known(lower_shape(c, 0)) && shape_known(lower_shape(c, 1)) &&
        shape_broadcast(lower_shape(c, 0), lower_shape(c, 1), &out))) {
    snprintf(reason, n, "incompatible_shape_error is false and the shapes are not known to fit");
    return false;
  }
  return math_accept(c, 0, ENGINE_FLOATS | ENGINE_INTS | ENGINE_BOOL, reason, n);
}

#define BINARY(NAME, KERNEL, INFER)                                              \
  .name = NAME, .sig = "x: T, y: T -> z: T", .attrs = "T: type", .infer = INFER, \
  .kernel = kernel_##KERNEL
#define COMPARE(NAME)                                                                            \
  {                                                                                              \
    .name = #NAME, .sig = "x: T, y: T -> z: bool", .attrs = "T: type", .infer = infer_broadcast, \
    .kernel = kernel_##NAME, .accept = accept_numbers, .lower = lower                            \
  }
#define LOGICAL(NAME)                                                                           \
  {                                                                                             \
    .name = #NAME, .sig = "x: bool, y: bool -> z: bool", .attrs = "", .infer = infer_broadcast, \
    .kernel = kernel_##NAME, .accept = accept_bools, .lower = lower, .flags = OP_COMMUTATIVE    \
  }
#define NATIVE(NAME) \
  { BINARY(#NAME, NAME, infer_broadcast) }
#define LOWERED(NAME, KERNEL, INFER, ACCEPT) \
  { BINARY(#NAME, KERNEL, INFER), .accept = ACCEPT, .lower = lower }
#define COMMUTATIVE(NAME, KERNEL, INFER, ACCEPT) \
  { BINARY(#NAME, KERNEL, INFER), .accept = ACCEPT, .lower = lower, .flags = OP_COMMUTATIVE }
#define BITWISE(NAME) \
  { BINARY(#NAME, NAME, infer_broadcast), .flags = OP_COMMUTATIVE }

const op_def_t ops_math_binary[] = {
    LOWERED(Add, add, infer_add, accept_numbers),
    COMMUTATIVE(AddV2, Add, infer_add, accept_numbers),
    LOWERED(Sub, Sub, infer_sub, accept_numbers),
    COMMUTATIVE(Mul, Mul, infer_mul, accept_numbers),
    LOWERED(Div, Div, infer_div, accept_division),
    LOWERED(RealDiv, Div, infer_broadcast, accept_floats),
    LOWERED(FloorDiv, FloorDiv, infer_div, accept_division),
    {BINARY("TruncateDiv", TruncateDiv, infer_div)},
    LOWERED(FloorMod, FloorMod, infer_mod, accept_division),
    LOWERED(Mod, TruncateMod, infer_mod, accept_division),
    LOWERED(TruncateMod, TruncateMod, infer_mod, accept_division),
    LOWERED(Minimum, Minimum, infer_min, accept_numbers),
    LOWERED(Maximum, Maximum, infer_max, accept_numbers),
    LOWERED(Pow, Pow, infer_broadcast, accept_pow),
    COMMUTATIVE(SquaredDifference, SquaredDifference, infer_broadcast, accept_numbers),
    {.name = "Atan2",
     .sig = "y: T, x: T -> z: T",
     .attrs = "T: type",
     .infer = infer_broadcast,
     .kernel = kernel_Atan2,
     .accept = accept_floats,
     .lower = lower},
    LOWERED(DivNoNan, DivNoNan, infer_broadcast, accept_floats),
    LOWERED(MulNoNan, MulNoNan, infer_broadcast, accept_floats),
    NATIVE(Xdivy),
    NATIVE(Xlogy),
    NATIVE(Xlog1py),
    {.name = "Igamma",
     .sig = "a: T, x: T -> z: T",
     .attrs = "T: type",
     .infer = infer_broadcast,
     .kernel = kernel_Igamma},
    {.name = "Igammac",
     .sig = "a: T, x: T -> z: T",
     .attrs = "T: type",
     .infer = infer_broadcast,
     .kernel = kernel_Igammac},
    {.name = "Betainc",
     .sig = "a: T, b: T, x: T -> z: T",
     .attrs = "T: type",
     .infer = infer_betainc,
     .kernel = kernel_betainc},
    {.name = "Zeta",
     .sig = "x: T, q: T -> z: T",
     .attrs = "T: type",
     .infer = infer_broadcast,
     .kernel = kernel_Zeta},
    {.name = "Polygamma",
     .sig = "a: T, x: T -> z: T",
     .attrs = "T: type",
     .infer = infer_broadcast,
     .kernel = kernel_Polygamma},
    {.name = "NextAfter",
     .sig = "x1: T, x2: T -> output: T",
     .attrs = "T: type = float",
     .infer = infer_broadcast,
     .kernel = kernel_NextAfter},
    COMPARE(Greater),
    COMPARE(Less),
    COMPARE(GreaterEqual),
    COMPARE(LessEqual),
    {.name = "Equal",
     .sig = "x: T, y: T -> z: bool",
     .attrs = "T: type; incompatible_shape_error: bool = true",
     .infer = infer_equality,
     .kernel = kernel_equal,
     .accept = accept_equality,
     .lower = lower,
     .flags = OP_COMMUTATIVE},
    {.name = "NotEqual",
     .sig = "x: T, y: T -> z: bool",
     .attrs = "T: type; incompatible_shape_error: bool = true",
     .infer = infer_equality,
     .kernel = kernel_not_equal,
     .accept = accept_equality,
     .lower = lower,
     .flags = OP_COMMUTATIVE},
    {.name = "ApproximateEqual",
     .sig = "x: T, y: T -> z: bool",
     .attrs = "T: type; tolerance: float = 1e-05",
     .infer = infer_same,
     .kernel = kernel_approximate_equal,
     .flags = OP_COMMUTATIVE},
    LOGICAL(LogicalAnd),
    LOGICAL(LogicalOr),
    BITWISE(BitwiseAnd),
    BITWISE(BitwiseOr),
    BITWISE(BitwiseXor),
    NATIVE(LeftShift),
    NATIVE(RightShift),
    {.name = "AddN",
     .sig = "inputs: N * T -> sum: T",
     .attrs = "N: int; T: type",
     .infer = infer_add_n,
     .kernel = kernel_add_n,
     .accept = accept_numbers,
     .lower = lower_add_n,
     .flags = OP_COMMUTATIVE},
    {0},
};
