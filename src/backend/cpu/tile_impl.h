// The source of tile.h's loops, included once per instruction set with TILE_TABLE naming the table.
// Plain C that compilers vectorise: no branches in loops, reductions over 16 lanes kept apart (so
// the result does not depend on the instruction set's width).
#include <string.h>

#include "backend/cpu/tile.h"
#include "kernels/vmath.h"

// The loop may write where it reads, at the same element: compilers need not check for overlap.
#ifdef __clang__
#define INPLACE_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define INPLACE_LOOP _Pragma("GCC ivdep")
#endif

#define UNARY_LOOP(name, expr)                                                       \
  static void name(int64_t n, const float *px, float *py, float alpha, float beta) { \
    (void)alpha, (void)beta;                                                         \
    INPLACE_LOOP for (int64_t i = 0; i < n; i++) {                                   \
      float x = px[i];                                                               \
      py[i] = (expr);                                                                \
    }                                                                                \
  }
#define BINARY_LOOP(name, type, expr)                                       \
  static void name(int64_t n, const float *pa, const float *pb, type *py) { \
    INPLACE_LOOP for (int64_t i = 0; i < n; i++) {                          \
      float a = pa[i], b = pb[i];                                           \
      py[i] = (type)(expr);                                                 \
    }                                                                       \
  }
#define LOGIC_LOOP(name, expr)                                                     \
  static void name(int64_t n, const uint8_t *pa, const uint8_t *pb, uint8_t *py) { \
    INPLACE_LOOP for (int64_t i = 0; i < n; i++) {                                 \
      uint8_t a = pa[i] != 0, b = pb[i] != 0;                                      \
      py[i] = (uint8_t)(expr);                                                     \
    }                                                                              \
  }

static inline float div_no_nan(float a, float b) {
  float q = a / (b == 0.0f ? 1.0f : b);
  return b == 0.0f ? 0.0f : q;
}
static inline float clampf(float x, float lo, float hi) {
  x = x < lo ? lo : x;  // NaN stays NaN
  return x > hi ? hi : x;
}
static inline float gelu_tanh(float x) {
  float inner = 0.7978845608028654f * (x + 0.044715f * x * x * x);
  return x * vm_sigmoid(2.0f * inner);  // 0.5 (1 + tanh(u)) = sigmoid(2u)
}
// vm_expm1 of the negative part, x itself above: x < 0 ? k (e^x - 1) : x without a branch.
static inline float elu(float x, float k) {
  return k * vm_expm1(x < 0.0f ? x : 0.0f) + (x < 0.0f ? 0.0f : x);
}
static inline float gelu_erf(float x) {
  return 0.5f * x * (1.0f + vm_erf(x * 0.7071067811865476f));
}

UNARY_LOOP(t_abs, vm_abs(x))
UNARY_LOOP(t_neg, -x)
UNARY_LOOP(t_exp, vm_exp(x))
UNARY_LOOP(t_expm1, vm_expm1(x))
UNARY_LOOP(t_log, vm_log(x))
UNARY_LOOP(t_log1p, vm_log1p(x))
UNARY_LOOP(t_sqrt, __builtin_sqrtf(x))
UNARY_LOOP(t_rsqrt, 1.0f / __builtin_sqrtf(x))
UNARY_LOOP(t_reciprocal, 1.0f / x)
UNARY_LOOP(t_square, x *x)
UNARY_LOOP(t_erf, vm_erf(x))
UNARY_LOOP(t_sign, (x > 0.0f ? 1.0f : 0.0f) - (x < 0.0f ? 1.0f : 0.0f) + (x == x ? 0.0f : x))
UNARY_LOOP(t_relu, x < 0.0f ? 0.0f : x)
UNARY_LOOP(t_relu6, clampf(x, 0.0f, 6.0f))
UNARY_LOOP(t_sigmoid, vm_sigmoid(x))
UNARY_LOOP(t_tanh, vm_tanh(x))
UNARY_LOOP(t_elu, elu(x, 1.0f))
UNARY_LOOP(t_selu, 1.0507009873554805f * elu(x, 1.6732632423543772f))
UNARY_LOOP(t_softsign, x / (1.0f + vm_abs(x)))
UNARY_LOOP(t_softplus, vm_softplus(x))
UNARY_LOOP(t_leaky, x < 0.0f ? alpha * x : x)
UNARY_LOOP(t_clip, clampf(x, alpha, beta))
UNARY_LOOP(t_swish, x *vm_sigmoid(x))
UNARY_LOOP(t_gelu_erf, gelu_erf(x))
UNARY_LOOP(t_gelu_half, vm_gelu_half(x))
UNARY_LOOP(t_gelu_tanh, gelu_tanh(x))
UNARY_LOOP(t_hard_sigmoid, clampf(VM_FMA(alpha, x, beta), 0.0f, 1.0f))
UNARY_LOOP(t_hard_swish, x *clampf(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f))
UNARY_LOOP(t_mish, x *vm_tanh(vm_softplus(x)))
UNARY_LOOP(t_identity, x)

BINARY_LOOP(t_add, float, a + b)
BINARY_LOOP(t_sub, float, a - b)
BINARY_LOOP(t_mul, float, a *b)
BINARY_LOOP(t_div, float, a / b)
BINARY_LOOP(t_min, float, (a < b) | (a != a) ? a : b)
BINARY_LOOP(t_max, float, (a > b) | (a != a) ? a : b)
BINARY_LOOP(t_squared_difference, float, (a - b) * (a - b))
BINARY_LOOP(t_div_no_nan, float, div_no_nan(a, b))
BINARY_LOOP(t_mul_no_nan, float, b == 0.0f ? 0.0f : a * b)
BINARY_LOOP(t_prelu, float, a > 0.0f ? a : a * b)
BINARY_LOOP(t_greater, uint8_t, a > b)
BINARY_LOOP(t_less, uint8_t, a < b)
BINARY_LOOP(t_equal, uint8_t, a == b)
BINARY_LOOP(t_greater_equal, uint8_t, a >= b)
BINARY_LOOP(t_less_equal, uint8_t, a <= b)
BINARY_LOOP(t_not_equal, uint8_t, a != b)
LOGIC_LOOP(t_and, a &b)
LOGIC_LOOP(t_or, a | b)
LOGIC_LOOP(t_xor, a ^ b)

static void t_select(int64_t n, const uint8_t *c, const float *a, const float *b, float *y) {
  INPLACE_LOOP for (int64_t i = 0; i < n; i++) {
    float x = a[i], z = b[i];
    y[i] = c[i] ? x : z;
  }
}

// Sixteen lanes in the compiler's vector extension; loops over a lane array are not vectorised
// reliably.
enum { LANES = 16 };
typedef float lanes_t __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t masks_t __attribute__((vector_size(LANES * sizeof(float))));

#define LANES_PICK(mask, a, b) ((lanes_t)(((mask) & (masks_t)(a)) | (~(mask) & (masks_t)(b))))

// Folds x[0..n) into 16 lanes with `step` (acc, v), then the lanes into one with `join` (p, q).
// `pad` is a v that leaves every acc as it is.
#define REDUCE(result, start, pad, step, join)              \
  lanes_t acc = (lanes_t){0} + (start);                     \
  for (int64_t i_ = 0; i_ < n; i_ += LANES) {               \
    lanes_t v = (lanes_t){0} + (pad);                       \
    if (i_ + LANES <= n)                                    \
      memcpy(&v, x + i_, sizeof v);                         \
    else                                                    \
      memcpy(&v, x + i_, (size_t)(n - i_) * sizeof(float)); \
    acc = (step);                                           \
  }                                                         \
  float lane_[LANES];                                       \
  memcpy(lane_, &acc, sizeof acc);                          \
  for (int half = LANES / 2; half; half /= 2)               \
    for (int l = 0; l < half; l++) {                        \
      float p = lane_[l], q = lane_[l + half];              \
      lane_[l] = (join);                                    \
    }                                                       \
  float result = lane_[0]

static float t_row_sum(int64_t n, const float *x) {
  REDUCE(r, 0.0f, 0.0f, acc + v, p + q);
  return r;
}
static float t_row_sum_square(int64_t n, const float *x) {
  REDUCE(r, 0.0f, 0.0f, acc + v * v, p + q);
  return r;
}
static float t_row_max(int64_t n, const float *x) {
  REDUCE(r, -INFINITY, -INFINITY, LANES_PICK((v > acc) | (v != v), v, acc),
         (p > q || p != p) ? p : q);
  return r;
}
static float t_row_min(int64_t n, const float *x) {
  REDUCE(r, INFINITY, INFINITY, LANES_PICK((v < acc) | (v != v), v, acc),
         (p < q || p != p) ? p : q);
  return r;
}
static void t_add_square(int64_t n, const float *x, float *y) {
  INPLACE_LOOP for (int64_t i = 0; i < n; i++) y[i] = VM_FMA(x[i], x[i], y[i]);
}

static void t_softmax(int64_t n, const float *x, float *y, float scale, bool log) {
  float top = scale < 0 ? t_row_min(n, x) : t_row_max(n, x);
  if (log) {
    float total = 0;
    for (int64_t b = 0; b < n; b += 256) {
      float e[256];
      int64_t m = n - b < 256 ? n - b : 256;
      INPLACE_LOOP for (int64_t i = 0; i < m; i++) e[i] = vm_exp((x[b + i] - top) * scale);
      total += t_row_sum(m, e);
    }
    float shift = vm_log(total);
    INPLACE_LOOP for (int64_t i = 0; i < n; i++) y[i] = (x[i] - top) * scale - shift;
    return;
  }
  INPLACE_LOOP for (int64_t i = 0; i < n; i++) y[i] = vm_exp((x[i] - top) * scale);
  float r = 1.0f / t_row_sum(n, y);
  INPLACE_LOOP for (int64_t i = 0; i < n; i++) y[i] *= r;
}

static void t_norm(int64_t n, const float *x, const float *scale, const float *offset, float eps,
                   float *y) {
  float mean = t_row_sum(n, x) / (float)n;
  float var;
  {
    REDUCE(r, 0.0f, mean, acc + (v - mean) * (v - mean), p + q);
    var = r / (float)n;
  }
  float inv = 1.0f / __builtin_sqrtf(var + eps);
  if (offset)
    INPLACE_LOOP for (int64_t i = 0; i < n; i++) y[i] =
        VM_FMA((x[i] - mean) * inv, scale[i], offset[i]);
  else
    INPLACE_LOOP for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * inv * scale[i];
}

const tile_ops_t TILE_TABLE = {
    .name = TILE_NAME,
    .unary =
        {
            [UNARY_ABS] = t_abs,
            [UNARY_NEG] = t_neg,
            [UNARY_EXP] = t_exp,
            [UNARY_EXPM1] = t_expm1,
            [UNARY_LOG] = t_log,
            [UNARY_LOG1P] = t_log1p,
            [UNARY_SQRT] = t_sqrt,
            [UNARY_RSQRT] = t_rsqrt,
            [UNARY_RECIPROCAL] = t_reciprocal,
            [UNARY_SQUARE] = t_square,
            [UNARY_ERF] = t_erf,
            [UNARY_SIGN] = t_sign,
            [UNARY_RELU] = t_relu,
            [UNARY_RELU6] = t_relu6,
            [UNARY_SIGMOID] = t_sigmoid,
            [UNARY_TANH] = t_tanh,
            [UNARY_ELU] = t_elu,
            [UNARY_SELU] = t_selu,
            [UNARY_SOFTSIGN] = t_softsign,
            [UNARY_SOFTPLUS] = t_softplus,
            [UNARY_LEAKY_RELU] = t_leaky,
            [UNARY_CLIP] = t_clip,
            [UNARY_SWISH] = t_swish,
            [UNARY_GELU_ERF] = t_gelu_erf,
            [UNARY_GELU_TANH] = t_gelu_tanh,
            [UNARY_HARD_SIGMOID] = t_hard_sigmoid,
            [UNARY_HARD_SWISH] = t_hard_swish,
            [UNARY_MISH] = t_mish,
            [UNARY_IDENTITY] = t_identity,
        },
    .binary =
        {
            [BINARY_ADD] = t_add,
            [BINARY_SUB] = t_sub,
            [BINARY_MUL] = t_mul,
            [BINARY_DIV] = t_div,
            [BINARY_MIN] = t_min,
            [BINARY_MAX] = t_max,
            [BINARY_SQUARED_DIFFERENCE] = t_squared_difference,
            [BINARY_DIV_NO_NAN] = t_div_no_nan,
            [BINARY_MUL_NO_NAN] = t_mul_no_nan,
            [BINARY_PRELU] = t_prelu,
        },
    .compare =
        {
            [BINARY_GREATER] = t_greater,
            [BINARY_LESS] = t_less,
            [BINARY_EQUAL] = t_equal,
            [BINARY_GREATER_EQUAL] = t_greater_equal,
            [BINARY_LESS_EQUAL] = t_less_equal,
            [BINARY_NOT_EQUAL] = t_not_equal,
        },
    .logic = {[BINARY_AND] = t_and, [BINARY_OR] = t_or, [BINARY_XOR] = t_xor},
    .gelu_half = t_gelu_half,
    .select = t_select,
    .softmax = t_softmax,
    .norm = t_norm,
    .sum = t_row_sum,
    .max = t_row_max,
    .min = t_row_min,
    .sum_square = t_row_sum_square,
    .add_square = t_add_square,
};
