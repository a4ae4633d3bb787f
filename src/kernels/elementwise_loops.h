// The vectorised loops; included once by each elementwise_<isa>.c, which names the table EW_TABLE.
// x, a and b are the operands, p the parameters. The result may overwrite an operand, element by
// element: ivdep says that no other overlap occurs.
#include "kernels/elementwise_isa.h"
#include "kernels/vmath.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

#define FAST_UNARY(X)                                                            \
  X(Abs, vm_abs(x))                                                              \
  X(Neg, -x)                                                                     \
  X(Exp, vm_exp(x))                                                              \
  X(Expm1, vm_expm1(x))                                                          \
  X(Log, vm_log(x))                                                              \
  X(Log1p, vm_log1p(x))                                                          \
  X(Sqrt, sqrtf(x))                                                              \
  X(Rsqrt, 1.0f / sqrtf(x))                                                      \
  X(Reciprocal, 1.0f / x)                                                        \
  X(Square, x *x)                                                                \
  X(Erf, vm_erf(x))                                                              \
  X(Ceil, ceilf(x))                                                              \
  X(Floor, floorf(x))                                                            \
  X(Round, rintf(x))                                                             \
  X(Rint, rintf(x))                                                              \
  X(Sign, x > 0 ? 1.0f : x < 0 ? -1.0f : x == 0 ? 0.0f : x)                      \
  X(Relu, x < 0 ? 0.0f : x)                                                      \
  X(Relu6, x<0 ? 0.0f : x> 6 ? 6.0f : x)                                         \
  X(LeakyRelu, x > 0 ? x : x * p[0])                                             \
  X(Elu, x < 0 ? vm_expm1(x) : x)                                                \
  X(Selu, 1.0507009873554805f * (x < 0 ? 1.6732632423543772f * vm_expm1(x) : x)) \
  X(Sigmoid, vm_sigmoid(x))                                                      \
  X(Tanh, vm_tanh(x))                                                            \
  X(Softsign, x / (1.0f + vm_abs(x)))                                            \
  X(Softplus, vm_softplus(x))

#define FAST_BINARY_F32(X)                           \
  X(Add, float, a + b)                               \
  X(Sub, float, a - b)                               \
  X(Mul, float, a *b)                                \
  X(Div, float, a / b)                               \
  X(TruncateDiv, float, truncf(a / b))               \
  X(FloorDiv, float, floorf(a / b))                  \
  X(Minimum, float, (a < b) | (a != a) ? a : b)      \
  X(Maximum, float, (a > b) | (a != a) ? a : b)      \
  X(SquaredDifference, float, (a - b) * (a - b))     \
  X(DivNoNan, float, b == 0 ? 0.0f : a / b)          \
  X(MulNoNan, float, b == 0 ? 0.0f : a * b)          \
  X(Xdivy, float, a == 0 ? 0.0f : a / b)             \
  X(Xlogy, float, a == 0 ? 0.0f : a * vm_log(b))     \
  X(Xlog1py, float, a == 0 ? 0.0f : a * vm_log1p(b)) \
  X(Greater, uint8_t, a > b)                         \
  X(Less, uint8_t, a < b)                            \
  X(GreaterEqual, uint8_t, a >= b)                   \
  X(LessEqual, uint8_t, a <= b)                      \
  X(Equal, uint8_t, a == b)                          \
  X(NotEqual, uint8_t, a != b)

#define FAST_BINARY_I32(X)                              \
  X(Add, int32_t, (int32_t)((uint32_t)a + (uint32_t)b)) \
  X(Sub, int32_t, (int32_t)((uint32_t)a - (uint32_t)b)) \
  X(Mul, int32_t, (int32_t)((uint32_t)a * (uint32_t)b)) \
  X(Minimum, int32_t, a < b ? a : b)                    \
  X(Maximum, int32_t, a > b ? a : b)                    \
  X(Greater, uint8_t, a > b)                            \
  X(Less, uint8_t, a < b)                               \
  X(GreaterEqual, uint8_t, a >= b)                      \
  X(LessEqual, uint8_t, a <= b)                         \
  X(Equal, uint8_t, a == b)                             \
  X(NotEqual, uint8_t, a != b)

#define UNARY_LOOP(name, expr)                                                    \
  static void unary_##name(const void *px, void *py, int64_t n, const float *p) { \
    const float *xs = px;                                                         \
    float *ys = py;                                                               \
    (void)p;                                                                      \
    _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) {                        \
      float x = xs[i];                                                            \
      ys[i] = expr;                                                               \
    }                                                                             \
  }
FAST_UNARY(UNARY_LOOP)

// Sine and cosine: the few arguments that the short reduction cannot take are done over by libm.
#define TRIG_LOOP(name, fast, exact)                                              \
  static void unary_##name(const void *px, void *py, int64_t n, const float *p) { \
    const float *xs = px;                                                         \
    float *ys = py;                                                               \
    (void)p;                                                                      \
    enum { BLOCK = 512 };                                                         \
    for (int64_t at = 0; at < n; at += BLOCK) {                                   \
      float keep[BLOCK];                                                          \
      int64_t m = n - at < BLOCK ? n - at : BLOCK;                                \
      uint32_t big = 0;                                                           \
      for (int64_t i = 0; i < m; i++) {                                           \
        float x = keep[i] = xs[at + i];                                           \
        big |= vm_abs(x) > VM_TRIG_MAX;                                           \
        ys[at + i] = fast(x);                                                     \
      }                                                                           \
      if (big)                                                                    \
        for (int64_t i = 0; i < m; i++)                                           \
          if (vm_abs(keep[i]) > VM_TRIG_MAX) ys[at + i] = exact(keep[i]);         \
    }                                                                             \
  }
TRIG_LOOP(Sin, vm_sin, sinf)
TRIG_LOOP(Cos, vm_cos, cosf)

#define BINARY_LOOP(T, tag, name, R, expr)                                                   \
  static void tag##_##name(const void *pa, int64_t sa, const void *pb, int64_t sb, void *py, \
                           int64_t n) {                                                      \
    const T *as = pa, *bs = pb;                                                              \
    R *ys = py;                                                                              \
    if (sa && sb) {                                                                          \
      _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) {                                 \
        T a = as[i], b = bs[i];                                                              \
        ys[i] = (R)(expr);                                                                   \
      }                                                                                      \
    } else if (sa) {                                                                         \
      const T one = *bs;                                                                     \
      _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) {                                 \
        T a = as[i], b = one;                                                                \
        ys[i] = (R)(expr);                                                                   \
      }                                                                                      \
    } else {                                                                                 \
      const T one = *as;                                                                     \
      _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) {                                 \
        T a = one, b = bs[sb ? i : 0];                                                       \
        ys[i] = (R)(expr);                                                                   \
      }                                                                                      \
    }                                                                                        \
  }
#define BINARY_LOOP_F32(name, R, expr) BINARY_LOOP(float, f32, name, R, expr)
#define BINARY_LOOP_I32(name, R, expr) BINARY_LOOP(int32_t, i32, name, R, expr)
FAST_BINARY_F32(BINARY_LOOP_F32)
FAST_BINARY_I32(BINARY_LOOP_I32)

static void half_to_float_run(const uint16_t *x, float *y, int64_t n) {
  int64_t i = 0;
#ifdef __F16C__
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
#endif
  for (; i < n; i++) y[i] = half_to_float(x[i]);
}

static void float_to_half_run(const float *x, uint16_t *y, int64_t n) {
  int64_t i = 0;
#ifdef __F16C__
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128((__m128i *)(y + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), 0));
#endif
  for (; i < n; i++) y[i] = float_to_half(x[i]);
}

static void bfloat16_to_float_run(const uint16_t *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = vm_f((uint32_t)x[i] << 16);
}

static void float_to_bfloat16_run(const float *x, uint16_t *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t u = vm_u(x[i]);
    uint32_t rounded = u + 0x7fffu + (u >> 16 & 1u);
    uint32_t quiet = u | 0x400000u;
    y[i] = (uint16_t)(((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded) >> 16);
  }
}

// LANES partial results side by side, in blocks short enough for float.
enum { LANES = 32, SUM_BLOCK = 2048 };
#define SUM_RUN(name, term)                                     \
  static double name(const float *x, int64_t n) {               \
    double total = 0;                                           \
    for (int64_t at = 0; at < n; at += SUM_BLOCK) {             \
      int64_t end = n - at < SUM_BLOCK ? n : at + SUM_BLOCK;    \
      float lane[LANES] = {0};                                  \
      int64_t i = at;                                           \
      for (; i + LANES <= end; i += LANES)                      \
        for (int l = 0; l < LANES; l++) {                       \
          float v = x[i + l];                                   \
          lane[l] += term;                                      \
        }                                                       \
      for (; i < end; i++) {                                    \
        float v = x[i];                                         \
        total += (double)(term);                                \
      }                                                         \
      for (int l = 0; l < LANES; l++) total += (double)lane[l]; \
    }                                                           \
    return total;                                               \
  }
SUM_RUN(sum_f32_run, v)
SUM_RUN(sum_square_f32_run, v *v)

static float max_f32_run(const float *x, int64_t n) {
  float lane[LANES], best = -INFINITY;
  int64_t i = 0;
  for (int l = 0; l < LANES; l++) lane[l] = -INFINITY;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) {
      float v = x[i + l];
      lane[l] = (v > lane[l]) | (v != v) ? v : lane[l];
    }
  for (; i < n; i++) best = (x[i] > best) | (x[i] != x[i]) ? x[i] : best;
  for (int l = 0; l < LANES; l++) best = (lane[l] > best) | (lane[l] != lane[l]) ? lane[l] : best;
  return best;
}

#define UNARY_ENTRY(name, expr) [EW_##name] = unary_##name,
#define F32_ENTRY(name, R, expr) [EW_##name] = f32_##name,
#define I32_ENTRY(name, R, expr) [EW_##name] = i32_##name,
const ew_isa_t EW_TABLE = {
    .unary_f32 = {FAST_UNARY(UNARY_ENTRY)[EW_Sin] = unary_Sin, [EW_Cos] = unary_Cos},
    .binary_f32 = {FAST_BINARY_F32(F32_ENTRY)},
    .binary_i32 = {FAST_BINARY_I32(I32_ENTRY)},
    .half_to_float = half_to_float_run,
    .float_to_half = float_to_half_run,
    .bfloat16_to_float = bfloat16_to_float_run,
    .float_to_bfloat16 = float_to_bfloat16_run,
    .sum_f32 = sum_f32_run,
    .sum_square_f32 = sum_square_f32_run,
    .max_f32 = max_f32_run,
};
