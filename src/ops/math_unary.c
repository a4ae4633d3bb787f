// Ops of one operand, element by element, and ClipByValue.
#include <string.h>

#include "kernels/elementwise.h"
#include "ops/math.h"

static status_t run(op_ctx_t *c, ew_unary_t op, const float *p) {
  const tensor_t *x = &c->in[0];
  if (!ew_unary_has(op, x->dtype)) return math_no_kernel(c, 0);
  tensor_t *y;
  if (c->node->out_dtype[0] == x->dtype)
    TRY(op_out_like(c, 0, 0, &y));
  else
    TRY(op_out(c, 0, &x->shape, &y));
  ew_unary(op, x->dtype, x->data, y->data, tensor_elements(x), p, c->threads);
  return NULL;
}

#define KERNEL(name)                                                   \
  __attribute__((unused)) static status_t kernel_##name(op_ctx_t *c) { \
    return run(c, EW_##name, NULL);                                    \
  }
EW_UNARY_OPS(KERNEL)

static status_t kernel_leaky_relu(op_ctx_t *c) {
  float alpha = node_float(c->node, "alpha", 0.2f);
  return run(c, EW_LeakyRelu, &alpha);
}

// What each op is as a layer.
static const struct {
  const char *op;
  unary_op_t layer;
} layers[] = {
    {"Abs", UNARY_ABS},        {"Neg", UNARY_NEG},           {"Exp", UNARY_EXP},
    {"Expm1", UNARY_EXPM1},    {"Log", UNARY_LOG},           {"Log1p", UNARY_LOG1P},
    {"Sqrt", UNARY_SQRT},      {"Rsqrt", UNARY_RSQRT},       {"Reciprocal", UNARY_RECIPROCAL},
    {"Inv", UNARY_RECIPROCAL}, {"Square", UNARY_SQUARE},     {"Sin", UNARY_SIN},
    {"Cos", UNARY_COS},        {"Tan", UNARY_TAN},           {"Asin", UNARY_ASIN},
    {"Acos", UNARY_ACOS},      {"Atan", UNARY_ATAN},         {"Sinh", UNARY_SINH},
    {"Cosh", UNARY_COSH},      {"Asinh", UNARY_ASINH},       {"Acosh", UNARY_ACOSH},
    {"Atanh", UNARY_ATANH},    {"Erf", UNARY_ERF},           {"Erfc", UNARY_ERFC},
    {"Ceil", UNARY_CEIL},      {"Floor", UNARY_FLOOR},       {"Round", UNARY_ROUND},
    {"Rint", UNARY_ROUND},     {"Sign", UNARY_SIGN},         {"LogicalNot", UNARY_NOT},
    {"Relu", UNARY_RELU},      {"Relu6", UNARY_RELU6},       {"LeakyRelu", UNARY_LEAKY_RELU},
    {"Elu", UNARY_ELU},        {"Selu", UNARY_SELU},         {"Sigmoid", UNARY_SIGMOID},
    {"Tanh", UNARY_TANH},      {"Softsign", UNARY_SOFTSIGN}, {"Softplus", UNARY_SOFTPLUS},
    {"IsNan", UNARY_ISNAN},    {"IsInf", UNARY_ISINF},       {"IsFinite", UNARY_ISFINITE},
};

static status_t lower(lower_ctx_t *c) {
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    if (strcmp(c->node->op, layers[i].op) == 0) {
      float alpha = node_float(c->node, "alpha", 0);
      c->out[0] = net_unary2(c->net, layers[i].layer, c->in[0], alpha, 0);
      return NULL;
    }
  return OP_FAIL(c, INTERNAL, "no layer for this op");
}

// ---------------------------------------------------------------- ClipByValue

static status_t infer_clip(infer_ctx_t *c) {
  shape_t out = *infer_in(c, 0);
  char a[128], b[128];
  for (int i = 1; i < 3; i++)
    if (!shape_broadcast(&out, infer_in(c, i), &out))
      return OP_FAIL(c, INVALID_ARGUMENT, "incompatible shapes: %s vs. %s",
                     shape_format(infer_in(c, 0), a, sizeof a),
                     shape_format(infer_in(c, i), b, sizeof b));
  infer_out(c, 0, &out);
  return NULL;
}

static status_t kernel_clip(op_ctx_t *c) {
  const shape_t *shapes[3] = {&c->in[0].shape, &c->in[1].shape, &c->in[2].shape};
  bcast_t plan;
  shape_t out;
  if (!bcast_plan(3, shapes, &plan, &out))
    return OP_FAIL(c, INVALID_ARGUMENT, "the bounds' shapes do not fit the value's");
  tensor_t *y;
  TRY(op_out(c, 0, &out, &y));
  if (!ew_clip(y->dtype, c->in[0].data, c->in[1].data, c->in[2].data, y->data, &plan, c->threads))
    return math_no_kernel(c, 0);
  return NULL;
}

static bool clip_bounds(const lower_ctx_t *c, double *lo, double *hi) {
  const tensor_t *l = lower_value(c, 1), *h = lower_value(c, 2);
  if (!l || !h || tensor_elements(l) != 1 || tensor_elements(h) != 1) return false;
  *lo = tensor_number_at(l, 0);
  *hi = tensor_number_at(h, 0);
  return true;
}

static status_t lower_clip(lower_ctx_t *c) {
  double lo, hi;
  if (clip_bounds(c, &lo, &hi) && lower_dtype(c, 0) != DT_INT32 && lower_dtype(c, 0) != DT_INT64) {
    c->out[0] = net_unary2(c->net, UNARY_CLIP, c->in[0], (float)lo, (float)hi);
  } else {
    net_tensor_t *t = net_binary(c->net, BINARY_MAX, c->in[0], c->in[1]);
    c->out[0] = net_binary(c->net, BINARY_MIN, t, c->in[2]);
  }
  return NULL;
}

#define UNARY(NAME, KERNEL)                                                     \
  .name = NAME, .sig = "x: T -> y: T", .attrs = "T: type", .infer = infer_same, \
  .kernel = kernel_##KERNEL
#define ACTIVATION(NAME)                                                                          \
  .name = #NAME, .sig = "features: T -> activations: T", .attrs = "T: type", .infer = infer_same, \
  .kernel = kernel_##NAME, .lower = lower
#define PREDICATE(NAME)                                                             \
  .name = #NAME, .sig = "x: T -> y: bool", .attrs = "T: type", .infer = infer_same, \
  .kernel = kernel_##NAME, .accept = accept_floats, .lower = lower
#define NATIVE(NAME) \
  { UNARY(#NAME, NAME) }
#define FLOATS(NAME) \
  { UNARY(#NAME, NAME), .accept = accept_floats, .lower = lower }
#define NUMBERS(NAME) \
  { UNARY(#NAME, NAME), .accept = accept_numbers, .lower = lower }

const op_def_t ops_math_unary[] = {
    NUMBERS(Abs),
    NUMBERS(Neg),
    NUMBERS(Square),
    NUMBERS(Sign),
    FLOATS(Exp),
    FLOATS(Expm1),
    FLOATS(Log),
    FLOATS(Log1p),
    FLOATS(Sqrt),
    FLOATS(Rsqrt),
    FLOATS(Reciprocal),
    {UNARY("Inv", Reciprocal), .accept = accept_floats, .lower = lower},
    FLOATS(Sin),
    FLOATS(Cos),
    FLOATS(Tan),
    FLOATS(Asin),
    FLOATS(Acos),
    FLOATS(Atan),
    FLOATS(Sinh),
    FLOATS(Cosh),
    FLOATS(Asinh),
    FLOATS(Acosh),
    FLOATS(Atanh),
    FLOATS(Erf),
    FLOATS(Erfc),
    NATIVE(Erfinv),
    NATIVE(Ndtri),
    NATIVE(Lgamma),
    NATIVE(Digamma),
    NATIVE(BesselI0e),
    NATIVE(BesselI1e),
    FLOATS(Ceil),
    FLOATS(Floor),
    FLOATS(Round),
    FLOATS(Rint),
    NATIVE(Invert),
    FLOATS(Sigmoid),
    FLOATS(Tanh),
    {ACTIVATION(Relu), .accept = accept_numbers},
    {ACTIVATION(Relu6), .accept = accept_numbers},
    {ACTIVATION(Elu), .accept = accept_floats},
    {ACTIVATION(Selu), .accept = accept_floats},
    {ACTIVATION(Softsign), .accept = accept_floats},
    {ACTIVATION(Softplus), .accept = accept_floats},
    {.name = "LeakyRelu",
     .sig = "features: T -> activations: T",
     .attrs = "alpha: float = 0.2; T: type = float",
     .infer = infer_same,
     .kernel = kernel_leaky_relu,
     .accept = accept_floats,
     .lower = lower},
    {PREDICATE(IsNan)},
    {PREDICATE(IsInf)},
    {PREDICATE(IsFinite)},
    {.name = "LogicalNot",
     .sig = "x: bool -> y: bool",
     .attrs = "",
     .infer = infer_same,
     .kernel = kernel_LogicalNot,
     .accept = accept_bools,
     .lower = lower},
    {.name = "ClipByValue",
     .sig = "t: T, clip_value_min: T, clip_value_max: T -> output: T",
     .attrs = "T: type",
     .infer = infer_clip,
     .kernel = kernel_clip,
     .accept = accept_numbers,
     .lower = lower_clip},
    {0},
};
