// The elementwise functions in double precision.
#include <math.h>

#include "network/network.h"

static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }

static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

// NaN passes through, as in TensorFlow's Relu6 and clip_by_value.
static double clip(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

double unary_eval(unary_op_t op, double x, float alpha, float beta) {
  // Constants of Klambauer et al., "Self-Normalizing Neural Networks" (2017).
  const double selu_alpha = 1.6732632423543772848170429916717;
  const double selu_scale = 1.0507009873554804934193349852946;
  switch (op) {
    case UNARY_ABS: return fabs(x);
    case UNARY_NEG: return -x;
    case UNARY_EXP: return exp(x);
    case UNARY_EXPM1: return expm1(x);
    case UNARY_LOG: return log(x);
    case UNARY_LOG1P: return log1p(x);
    case UNARY_SQRT: return sqrt(x);
    case UNARY_RSQRT: return 1 / sqrt(x);
    case UNARY_RECIPROCAL: return 1 / x;
    case UNARY_SQUARE: return x * x;
    case UNARY_SIN: return sin(x);
    case UNARY_COS: return cos(x);
    case UNARY_TAN: return tan(x);
    case UNARY_ASIN: return asin(x);
    case UNARY_ACOS: return acos(x);
    case UNARY_ATAN: return atan(x);
    case UNARY_SINH: return sinh(x);
    case UNARY_COSH: return cosh(x);
    case UNARY_ASINH: return asinh(x);
    case UNARY_ACOSH: return acosh(x);
    case UNARY_ATANH: return atanh(x);
    case UNARY_ERF: return erf(x);
    case UNARY_ERFC: return erfc(x);
    case UNARY_CEIL: return ceil(x);
    case UNARY_FLOOR: return floor(x);
    case UNARY_ROUND: return rint(x);
    case UNARY_SIGN: return x > 0 ? 1 : x < 0 ? -1 : x;
    case UNARY_NOT: return x == 0;
    case UNARY_RELU: return x < 0 ? 0 : x;
    case UNARY_RELU6: return clip(x, 0, 6);
    case UNARY_SIGMOID: return sigmoid(x);
    case UNARY_TANH: return tanh(x);
    case UNARY_ELU: return x < 0 ? expm1(x) : x;
    case UNARY_SELU: return selu_scale * (x < 0 ? selu_alpha * expm1(x) : x);
    case UNARY_SOFTSIGN: return x / (1 + fabs(x));
    case UNARY_SOFTPLUS: return softplus(x);
    case UNARY_LEAKY_RELU: return x > 0 ? x : (double)alpha * x;
    case UNARY_CLIP: return clip(x, (double)alpha, (double)beta);
    case UNARY_SWISH: return x * sigmoid(x);
    case UNARY_GELU_ERF: return 0.5 * x * erfc(-x * M_SQRT1_2);
    case UNARY_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case UNARY_HARD_SIGMOID: return clip((double)alpha * x + (double)beta, 0, 1);
    case UNARY_HARD_SWISH: return x * clip(x + 3, 0, 6) / 6;
    case UNARY_MISH: return x * tanh(softplus(x));
    case UNARY_ISNAN: return isnan(x);
    case UNARY_ISINF: return isinf(x) != 0;
    case UNARY_ISFINITE: return isfinite(x);
    case UNARY_IDENTITY: return x;
    case UNARY_COUNT: break;
  }
  return NAN;
}

double binary_eval(binary_op_t op, double a, double b) {
  switch (op) {
    case BINARY_ADD: return a + b;
    case BINARY_SUB: return a - b;
    case BINARY_MUL: return a * b;
    case BINARY_DIV: return a / b;
    case BINARY_FLOORDIV: return floor(a / b);
    case BINARY_FLOORMOD: {
      double r = fmod(a, b);
      return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }
    case BINARY_TRUNCATEMOD: return fmod(a, b);
    case BINARY_MIN: return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
    case BINARY_MAX: return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
    case BINARY_POW: return pow(a, b);
    case BINARY_SQUARED_DIFFERENCE: return (a - b) * (a - b);
    case BINARY_DIV_NO_NAN: return b == 0 ? 0 : a / b;
    case BINARY_MUL_NO_NAN: return b == 0 ? 0 : a * b;
    case BINARY_ATAN2: return atan2(a, b);
    case BINARY_GREATER: return a > b;
    case BINARY_LESS: return a < b;
    case BINARY_EQUAL: return a == b;
    case BINARY_GREATER_EQUAL: return a >= b;
    case BINARY_LESS_EQUAL: return a <= b;
    case BINARY_NOT_EQUAL: return a != b;
    case BINARY_AND: return a != 0 && b != 0;
    case BINARY_OR: return a != 0 || b != 0;
    case BINARY_XOR: return (a != 0) != (b != 0);
    case BINARY_PRELU: return a > 0 ? a : a * b;
    case BINARY_COUNT: break;
  }
  return NAN;
}

bool binary_op_compares(binary_op_t op) { return op >= BINARY_GREATER && op <= BINARY_NOT_EQUAL; }

static bool power(int64_t base, int64_t exponent, int64_t *out) {
  if (exponent < 0) return false;
  uint64_t r = 1, b = (uint64_t)base;
  for (uint64_t e = (uint64_t)exponent; e; e >>= 1, b *= b)
    if (e & 1) r *= b;
  *out = (int64_t)r;
  return true;
}

bool binary_eval_int(binary_op_t op, int64_t a, int64_t b, int64_t *out) {
  uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
  bool divides = op == BINARY_DIV || op == BINARY_FLOORDIV || op == BINARY_FLOORMOD ||
                 op == BINARY_TRUNCATEMOD;
  if (divides && b == 0) return false;
  bool minus_one = divides && b == -1;  // INT64_MIN / -1 traps
  switch (op) {
    case BINARY_ADD: *out = (int64_t)(ua + ub); return true;
    case BINARY_SUB: *out = (int64_t)(ua - ub); return true;
    case BINARY_MUL: *out = (int64_t)(ua * ub); return true;
    case BINARY_DIV: *out = minus_one ? (int64_t)(0 - ua) : a / b; return true;
    case BINARY_FLOORDIV:
      *out = minus_one ? (int64_t)(0 - ua) : a / b - (a % b != 0 && (a < 0) != (b < 0));
      return true;
    case BINARY_FLOORMOD:
      *out = minus_one ? 0 : a % b + (a % b != 0 && (a < 0) != (b < 0) ? b : 0);
      return true;
    case BINARY_TRUNCATEMOD: *out = minus_one ? 0 : a % b; return true;
    case BINARY_MIN: *out = a < b ? a : b; return true;
    case BINARY_MAX: *out = a > b ? a : b; return true;
    case BINARY_POW: return power(a, b, out);
    case BINARY_SQUARED_DIFFERENCE: *out = (int64_t)((ua - ub) * (ua - ub)); return true;
    case BINARY_DIV_NO_NAN: *out = b == 0 ? 0 : b == -1 ? (int64_t)(0 - ua) : a / b; return true;
    case BINARY_MUL_NO_NAN: *out = (int64_t)(ua * ub); return true;
    case BINARY_GREATER: *out = a > b; return true;
    case BINARY_LESS: *out = a < b; return true;
    case BINARY_EQUAL: *out = a == b; return true;
    case BINARY_GREATER_EQUAL: *out = a >= b; return true;
    case BINARY_LESS_EQUAL: *out = a <= b; return true;
    case BINARY_NOT_EQUAL: *out = a != b; return true;
    case BINARY_AND: *out = a && b; return true;
    case BINARY_OR: *out = a || b; return true;
    case BINARY_XOR: *out = !a != !b; return true;
    case BINARY_PRELU: *out = a > 0 ? a : (int64_t)(ua * ub); return true;
    case BINARY_ATAN2:
    case BINARY_COUNT: break;
  }
  return false;
}
