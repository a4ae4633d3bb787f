// Unary loops for the dtypes that are not worth one copy per instruction set, and the choice of
// loop.
#include <complex.h>
#include <string.h>
#include <tgmath.h>

#include "base/cpu.h"
#include "base/parallel.h"
#include "kernels/elementwise_isa.h"
#include "kernels/special.h"

typedef float _Complex c64;
typedef double _Complex c128;

const ew_isa_t *ew_isa(void) {
  if (cpu_has(CPU_AVX512)) return &ew_isa_avx512;
  return cpu_has(CPU_AVX2) ? &ew_isa_avx2 : &ew_isa_generic;
}

void ew_half_to_float(const uint16_t *x, float *y, int64_t n) { ew_isa()->half_to_float(x, y, n); }
void ew_float_to_half(const float *x, uint16_t *y, int64_t n) { ew_isa()->float_to_half(x, y, n); }
void ew_bfloat16_to_float(const uint16_t *x, float *y, int64_t n) {
  ew_isa()->bfloat16_to_float(x, y, n);
}
void ew_float_to_bfloat16(const float *x, uint16_t *y, int64_t n) {
  ew_isa()->float_to_bfloat16(x, y, n);
}

// Lists of X(name, expression in x); <tgmath.h> picks the function for x's type.
#define LIBM_REAL_COMPLEX(X) \
  X(Tan, tan(x))             \
  X(Asin, asin(x))           \
  X(Acos, acos(x))           \
  X(Atan, atan(x))           \
  X(Sinh, sinh(x))           \
  X(Cosh, cosh(x))           \
  X(Asinh, asinh(x))         \
  X(Acosh, acosh(x))         \
  X(Atanh, atanh(x))
#define LIBM_REAL(X)             \
  X(Erfc, erfc(x))               \
  X(Erfinv, special_erfinv(x))   \
  X(Ndtri, special_ndtri(x))     \
  X(Lgamma, special_lgamma(x))   \
  X(Digamma, special_digamma(x)) \
  X(BesselI0e, special_i0e(x))   \
  X(BesselI1e, special_i1e(x))
#define DOUBLE_AND_COMPLEX(X) \
  X(Neg, -x)                  \
  X(Exp, exp(x))              \
  X(Log, log(x))              \
  X(Sqrt, sqrt(x))            \
  X(Rsqrt, 1 / sqrt(x))       \
  X(Reciprocal, 1 / x)        \
  X(Square, x *x)             \
  X(Sin, sin(x))              \
  X(Cos, cos(x))              \
  X(Tanh, tanh(x))
#define DOUBLE_ONLY(X)                                                    \
  X(Abs, fabs(x))                                                         \
  X(Expm1, expm1(x))                                                      \
  X(Log1p, log1p(x))                                                      \
  X(Erf, erf(x))                                                          \
  X(Ceil, ceil(x))                                                        \
  X(Floor, floor(x))                                                      \
  X(Round, rint(x))                                                       \
  X(Rint, rint(x))                                                        \
  X(Sign, x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x)                        \
  X(Relu, x < 0 ? 0 : x)                                                  \
  X(Relu6, x<0 ? 0 : x> 6 ? 6 : x)                                        \
  X(LeakyRelu, x > 0 ? x : x * (double)p[0])                              \
  X(Elu, x < 0 ? expm1(x) : x)                                            \
  X(Selu, 1.0507009873554804934193349852946 *                             \
              (x < 0 ? 1.6732632423543772848170429916717 * expm1(x) : x)) \
  X(Sigmoid, x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)))           \
  X(Softsign, x / (1 + fabs(x)))                                          \
  X(Softplus, (x > 0 ? x : x == x ? 0 : x) + log1p(exp(-fabs(x))))
#define COMPLEX_ONLY(X)             \
  X(Expm1, exp(x) - 1)              \
  X(Log1p, log(1 + x))              \
  X(Sign, x == 0 ? 0 : x / fabs(x)) \
  X(Sigmoid, 1 / (1 + exp(-x)))     \
  X(Conj, conj(x))
#define SIGNED_ONLY(X)               \
  X(Abs, x < 0 ? (U)0 - (U)x : (U)x) \
  X(Neg, (U)0 - (U)x)                \
  X(Sign, (x > 0) - (x < 0))
#define ANY_INT(X)                    \
  X(Square, (U)(1u * (U)x * (U)x))    \
  X(Relu, x > 0 ? x : 0)              \
  X(Relu6, x > 6 ? 6 : x > 0 ? x : 0) \
  X(Round, x)                         \
  X(Invert, ~x)

#define LOOP(T, UT, tag, name, R, expr)                                           \
  static void tag##_##name(const void *px, void *py, int64_t n, const float *p) { \
    typedef UT U __attribute__((unused));                                         \
    const T *xs = px;                                                             \
    R *ys = py;                                                                   \
    (void)p;                                                                      \
    for (int64_t i = 0; i < n; i++) {                                             \
      const T x = xs[i];                                                          \
      ys[i] = (R)(expr);                                                          \
    }                                                                             \
  }
#define LOOP_F32(name, expr) LOOP(float, float, f32, name, float, expr)
#define LOOP_F64(name, expr) LOOP(double, double, f64, name, double, expr)
#define LOOP_C64(name, expr) LOOP(c64, c64, c64, name, c64, expr)
#define LOOP_C128(name, expr) LOOP(c128, c128, c128, name, c128, expr)
#define LOOP_I8(name, expr) LOOP(int8_t, uint8_t, i8, name, int8_t, expr)
#define LOOP_I16(name, expr) LOOP(int16_t, uint16_t, i16, name, int16_t, expr)
#define LOOP_I32(name, expr) LOOP(int32_t, uint32_t, i32, name, int32_t, expr)
#define LOOP_I64(name, expr) LOOP(int64_t, uint64_t, i64, name, int64_t, expr)
#define LOOP_U8(name, expr) LOOP(uint8_t, uint8_t, u8, name, uint8_t, expr)
#define LOOP_U16(name, expr) LOOP(uint16_t, uint16_t, u16, name, uint16_t, expr)
#define LOOP_U32(name, expr) LOOP(uint32_t, uint32_t, u32, name, uint32_t, expr)
#define LOOP_U64(name, expr) LOOP(uint64_t, uint64_t, u64, name, uint64_t, expr)

LIBM_REAL_COMPLEX(LOOP_F32)
LIBM_REAL_COMPLEX(LOOP_F64)
LIBM_REAL_COMPLEX(LOOP_C64)
LIBM_REAL_COMPLEX(LOOP_C128)
LIBM_REAL(LOOP_F32)
LIBM_REAL(LOOP_F64)
DOUBLE_AND_COMPLEX(LOOP_F64)
DOUBLE_AND_COMPLEX(LOOP_C64)
DOUBLE_AND_COMPLEX(LOOP_C128)
DOUBLE_ONLY(LOOP_F64)
COMPLEX_ONLY(LOOP_C64)
COMPLEX_ONLY(LOOP_C128)
SIGNED_ONLY(LOOP_I8)
SIGNED_ONLY(LOOP_I16)
SIGNED_ONLY(LOOP_I32)
SIGNED_ONLY(LOOP_I64)
ANY_INT(LOOP_I8)
ANY_INT(LOOP_I16)
ANY_INT(LOOP_I32)
ANY_INT(LOOP_I64)
ANY_INT(LOOP_U8)
ANY_INT(LOOP_U16)
ANY_INT(LOOP_U32)
ANY_INT(LOOP_U64)
LOOP(uint8_t, uint8_t, bool, LogicalNot, uint8_t, !x)
#define PREDICATES(T, tag)                       \
  LOOP(T, T, tag, IsNan, uint8_t, isnan(x) != 0) \
  LOOP(T, T, tag, IsInf, uint8_t, isinf(x) != 0) \
  LOOP(T, T, tag, IsFinite, uint8_t, isfinite(x) != 0)
PREDICATES(float, f32)
PREDICATES(double, f64)
LOOP(uint16_t, uint16_t, f16, IsNan, uint8_t, (x & 0x7fff) > 0x7c00)
LOOP(uint16_t, uint16_t, f16, IsInf, uint8_t, (x & 0x7fff) == 0x7c00)
LOOP(uint16_t, uint16_t, f16, IsFinite, uint8_t, (x & 0x7fff) < 0x7c00)
LOOP(uint16_t, uint16_t, bf16, IsNan, uint8_t, (x & 0x7fff) > 0x7f80)
LOOP(uint16_t, uint16_t, bf16, IsInf, uint8_t, (x & 0x7fff) == 0x7f80)
LOOP(uint16_t, uint16_t, bf16, IsFinite, uint8_t, (x & 0x7fff) < 0x7f80)

#define ROW(tag) static const ew_unary_loop tag##_loops[EW_UNARY_COUNT]
#define F32(name, expr) [EW_##name] = f32_##name,
#define F64(name, expr) [EW_##name] = f64_##name,
#define C64(name, expr) [EW_##name] = c64_##name,
#define C128(name, expr) [EW_##name] = c128_##name,
#define INT_ENTRY(name, expr) [EW_##name] = INT_TAG(name),
#define PREDICATE_ENTRIES(tag) \
  [EW_IsNan] = tag##_IsNan, [EW_IsInf] = tag##_IsInf, [EW_IsFinite] = tag##_IsFinite,
// clang-format off
ROW(f32) = {LIBM_REAL_COMPLEX(F32) LIBM_REAL(F32) PREDICATE_ENTRIES(f32)};
ROW(f64) = {LIBM_REAL_COMPLEX(F64) LIBM_REAL(F64) DOUBLE_AND_COMPLEX(F64) DOUBLE_ONLY(F64)
            PREDICATE_ENTRIES(f64)};
ROW(c64) = {LIBM_REAL_COMPLEX(C64) DOUBLE_AND_COMPLEX(C64) COMPLEX_ONLY(C64)};
ROW(c128) = {LIBM_REAL_COMPLEX(C128) DOUBLE_AND_COMPLEX(C128) COMPLEX_ONLY(C128)};
ROW(f16) = {PREDICATE_ENTRIES(f16)};
ROW(bf16) = {PREDICATE_ENTRIES(bf16)};
ROW(bool) = {[EW_LogicalNot] = bool_LogicalNot};
#define INT_TAG(name) i8_##name
ROW(i8) = {SIGNED_ONLY(INT_ENTRY) ANY_INT(INT_ENTRY)};
#undef INT_TAG
#define INT_TAG(name) i16_##name
ROW(i16) = {SIGNED_ONLY(INT_ENTRY) ANY_INT(INT_ENTRY)};
#undef INT_TAG
#define INT_TAG(name) i32_##name
ROW(i32) = {SIGNED_ONLY(INT_ENTRY) ANY_INT(INT_ENTRY)};
#undef INT_TAG
#define INT_TAG(name) i64_##name
ROW(i64) = {SIGNED_ONLY(INT_ENTRY) ANY_INT(INT_ENTRY)};
#undef INT_TAG
#define INT_TAG(name) u8_##name
ROW(u8) = {ANY_INT(INT_ENTRY)};
#undef INT_TAG
#define INT_TAG(name) u16_##name
ROW(u16) = {ANY_INT(INT_ENTRY)};
#undef INT_TAG
#define INT_TAG(name) u32_##name
ROW(u32) = {ANY_INT(INT_ENTRY)};
#undef INT_TAG
#define INT_TAG(name) u64_##name
ROW(u64) = {ANY_INT(INT_ENTRY)};
// clang-format on

static const ew_unary_loop *const rows[DT_MAX] = {
    [DT_FLOAT] = f32_loops,       [DT_DOUBLE] = f64_loops, [DT_COMPLEX64] = c64_loops,
    [DT_COMPLEX128] = c128_loops, [DT_HALF] = f16_loops,   [DT_BFLOAT16] = bf16_loops,
    [DT_BOOL] = bool_loops,       [DT_INT8] = i8_loops,    [DT_INT16] = i16_loops,
    [DT_INT32] = i32_loops,       [DT_INT64] = i64_loops,  [DT_UINT8] = u8_loops,
    [DT_UINT16] = u16_loops,      [DT_UINT32] = u32_loops, [DT_UINT64] = u64_loops,
};

static ew_unary_loop find(ew_unary_t op, dtype_t t) {
  if ((unsigned)t >= DT_MAX || !rows[t]) return NULL;
  ew_unary_loop fast = t == DT_FLOAT ? ew_isa()->unary_f32[op] : NULL;
  return fast ? fast : rows[t][op];
}

typedef struct {
  ew_unary_loop loop;
  const char *x;
  char *y;
  size_t size_x, size_y;
  const float *p;
  void (*widen)(const uint16_t *, float *, int64_t);  // 16-bit floats: through float
  void (*narrow)(const float *, uint16_t *, int64_t);
} job_t;

static void run(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const job_t *j = arg;
  const char *x = j->x + (size_t)begin * j->size_x;
  char *y = j->y + (size_t)begin * j->size_y;
  if (!j->widen) {
    j->loop(x, y, end - begin, j->p);
    return;
  }
  enum { BLOCK = 512 };
  float wide[BLOCK];
  for (int64_t at = 0, n = end - begin; at < n; at += BLOCK) {
    int64_t m = n - at < BLOCK ? n - at : BLOCK;
    j->widen((const uint16_t *)x + at, wide, m);
    j->loop(wide, wide, m, j->p);
    j->narrow(wide, (uint16_t *)y + at, m);
  }
}

bool ew_unary_has(ew_unary_t op, dtype_t t) {
  if (find(op, t)) return true;
  return (t == DT_HALF || t == DT_BFLOAT16) && find(op, DT_FLOAT);
}

bool ew_unary(ew_unary_t op, dtype_t t, const void *x, void *y, int64_t n, const float *p,
              int threads) {
  job_t j = {.loop = find(op, t), .x = x, .y = y, .p = p, .size_x = dtype_size(t)};
  j.size_y = op == EW_IsNan || op == EW_IsInf || op == EW_IsFinite ? 1 : j.size_x;
  const ew_isa_t *isa = ew_isa();
  if (!j.loop && t == DT_HALF) j.widen = isa->half_to_float, j.narrow = isa->float_to_half;
  if (!j.loop && t == DT_BFLOAT16)
    j.widen = isa->bfloat16_to_float, j.narrow = isa->float_to_bfloat16;
  if (j.widen) j.loop = find(op, DT_FLOAT);
  if (!j.loop) return false;
  parallel_for(threads, n, 32768, run, &j);
  return true;
}
