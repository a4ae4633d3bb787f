// Binary loops for the dtypes that are not worth one copy per instruction set, and the drivers of
// binary and ternary functions under broadcasting.
#include <complex.h>
#include <string.h>
#include <tgmath.h>

#include "base/mem.h"
#include "kernels/elementwise_isa.h"
#include "kernels/special.h"

typedef float _Complex c64;
typedef double _Complex c128;

// Lists of X(name, result type, expression in a and b); U is the unsigned type of the same size.
#define REAL_AND_COMPLEX(X, T)         \
  X(Add, T, a + b)                     \
  X(Sub, T, a - b)                     \
  X(Mul, T, a *b)                      \
  X(Div, T, a / b)                     \
  X(Pow, T, pow(a, b))                 \
  X(DivNoNan, T, b == 0 ? 0 : a / b)   \
  X(MulNoNan, T, b == 0 ? 0 : a * b)   \
  X(Xdivy, T, a == 0 ? 0 : a / b)      \
  X(Xlogy, T, a == 0 ? 0 : a * log(b)) \
  X(Equal, uint8_t, a == b)            \
  X(NotEqual, uint8_t, a != b)
#define COMPLEX_ONLY(X, T)                       \
  X(SquaredDifference, T, conj(a - b) * (a - b)) \
  X(Xlog1py, T, a == 0 ? 0 : a * log(1 + b))
#define COMPARE(X, T)              \
  X(Greater, uint8_t, a > b)       \
  X(Less, uint8_t, a < b)          \
  X(GreaterEqual, uint8_t, a >= b) \
  X(LessEqual, uint8_t, a <= b)
#define REAL_ONLY(X, T)                           \
  COMPARE(X, T)                                   \
  X(TruncateDiv, T, trunc(a / b))                 \
  X(FloorDiv, T, floor(a / b))                    \
  X(FloorMod, T, floor_mod((double)a, (double)b)) \
  X(TruncateMod, T, fmod(a, b))                   \
  X(Minimum, T, a < b || a != a ? a : b)          \
  X(Maximum, T, a > b || a != a ? a : b)          \
  X(SquaredDifference, T, (a - b) * (a - b))      \
  X(Atan2, T, atan2(a, b))                        \
  X(Xlog1py, T, a == 0 ? 0 : a * log1p(b))        \
  X(Igamma, T, special_igamma(a, b))              \
  X(Igammac, T, special_igammac(a, b))            \
  X(Zeta, T, special_zeta(a, b))                  \
  X(Polygamma, T, special_polygamma(a, b))        \
  X(NextAfter, T, nextafter(a, b))
#define ANY_INT(X, T)                                                    \
  COMPARE(X, T)                                                          \
  X(Add, T, (U)a + (U)b)                                                 \
  X(Sub, T, (U)a - (U)b)                                                 \
  X(Mul, T, (U)(1u * (U)a * (U)b))                                       \
  X(Minimum, T, a < b ? a : b)                                           \
  X(Maximum, T, a > b ? a : b)                                           \
  X(SquaredDifference, T, (U)(1u * (U)((U)a - (U)b) * (U)((U)a - (U)b))) \
  X(Pow, T, (U)int_pow((uint64_t)a, (uint64_t)b))                        \
  X(Equal, uint8_t, a == b)                                              \
  X(NotEqual, uint8_t, a != b)                                           \
  X(BitwiseAnd, T, a &b)                                                 \
  X(BitwiseOr, T, a | b)                                                 \
  X(BitwiseXor, T, a ^ b)                                                \
  X(LeftShift, T, (U)((uint64_t)(U)a << SHIFT(b)))                       \
  X(RightShift, T, a >> SHIFT(b))
#define SIGNED_ONLY(X, T)                                                                 \
  X(Div, T, b == -1 ? (T)((U)0 - (U)a) : a / b)                                           \
  X(FloorDiv, T, b == -1 ? (T)((U)0 - (U)a) : a / b - (a % b != 0 && (a < 0) != (b < 0))) \
  X(FloorMod, T, b == -1 ? 0 : a % b + (a % b != 0 && (a < 0) != (b < 0) ? b : 0))        \
  X(TruncateMod, T, b == -1 ? 0 : a % b)
#define UNSIGNED_ONLY(X, T) \
  X(Div, T, a / b)          \
  X(FloorDiv, T, a / b)     \
  X(FloorMod, T, a % b)     \
  X(TruncateMod, T, a % b)
// A shift count outside the type is taken as the nearest one inside it, as TensorFlow does.
#define SHIFT(b) (b < 1 ? 0 : (U)b > 8 * sizeof(U) - 1 ? 8 * sizeof(U) - 1 : (U)b)

static double floor_mod(double a, double b) {
  double r = fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static uint64_t int_pow(uint64_t base, uint64_t exponent) {
  uint64_t r = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1) r *= base;
  return r;
}

#define LOOP(T, UT, tag, name, R, expr)                                                      \
  static void tag##_##name(const void *pa, int64_t sa, const void *pb, int64_t sb, void *py, \
                           int64_t n) {                                                      \
    typedef UT U __attribute__((unused));                                                    \
    const T *as = pa, *bs = pb;                                                              \
    R *ys = py;                                                                              \
    for (int64_t i = 0; i < n; i++) {                                                        \
      const T a = as[sa * i], b = bs[sb * i];                                                \
      ys[i] = (R)(expr);                                                                     \
    }                                                                                        \
  }
#define LOOP_F32(name, R, expr) LOOP(float, float, f32, name, R, expr)
#define LOOP_F64(name, R, expr) LOOP(double, double, f64, name, R, expr)
#define LOOP_C64(name, R, expr) LOOP(c64, c64, c64, name, R, expr)
#define LOOP_C128(name, R, expr) LOOP(c128, c128, c128, name, R, expr)
#define LOOP_I8(name, R, expr) LOOP(int8_t, uint8_t, i8, name, R, expr)
#define LOOP_I16(name, R, expr) LOOP(int16_t, uint16_t, i16, name, R, expr)
#define LOOP_I32(name, R, expr) LOOP(int32_t, uint32_t, i32, name, R, expr)
#define LOOP_I64(name, R, expr) LOOP(int64_t, uint64_t, i64, name, R, expr)
#define LOOP_U8(name, R, expr) LOOP(uint8_t, uint8_t, u8, name, R, expr)
#define LOOP_U16(name, R, expr) LOOP(uint16_t, uint16_t, u16, name, R, expr)
#define LOOP_U32(name, R, expr) LOOP(uint32_t, uint32_t, u32, name, R, expr)
#define LOOP_U64(name, R, expr) LOOP(uint64_t, uint64_t, u64, name, R, expr)
#define ENTRY_F32(name, R, expr) [EW_##name] = f32_##name,
#define ENTRY_F64(name, R, expr) [EW_##name] = f64_##name,
#define ENTRY_C64(name, R, expr) [EW_##name] = c64_##name,
#define ENTRY_C128(name, R, expr) [EW_##name] = c128_##name,
#define ENTRY_I8(name, R, expr) [EW_##name] = i8_##name,
#define ENTRY_I16(name, R, expr) [EW_##name] = i16_##name,
#define ENTRY_I32(name, R, expr) [EW_##name] = i32_##name,
#define ENTRY_I64(name, R, expr) [EW_##name] = i64_##name,
#define ENTRY_U8(name, R, expr) [EW_##name] = u8_##name,
#define ENTRY_U16(name, R, expr) [EW_##name] = u16_##name,
#define ENTRY_U32(name, R, expr) [EW_##name] = u32_##name,
#define ENTRY_U64(name, R, expr) [EW_##name] = u64_##name,

// One dtype's loops and its row of the table, from two lists.
// clang-format off
#define DTYPE(tag, TAG, T, LIST1, LIST2, ...)                                          \
  LIST1(LOOP_##TAG, T) LIST2(LOOP_##TAG, T)                                            \
  static const ew_binary_loop tag##_loops[EW_BINARY_COUNT] = {                         \
      LIST1(ENTRY_##TAG, T) LIST2(ENTRY_##TAG, T) __VA_ARGS__};
DTYPE(f32, F32, float, REAL_AND_COMPLEX, REAL_ONLY)
DTYPE(f64, F64, double, REAL_AND_COMPLEX, REAL_ONLY)
DTYPE(c64, C64, c64, REAL_AND_COMPLEX, COMPLEX_ONLY)
DTYPE(c128, C128, c128, REAL_AND_COMPLEX, COMPLEX_ONLY)
DTYPE(i8, I8, int8_t, ANY_INT, SIGNED_ONLY, [EW_TruncateDiv] = i8_Div)
DTYPE(i16, I16, int16_t, ANY_INT, SIGNED_ONLY, [EW_TruncateDiv] = i16_Div)
DTYPE(i32, I32, int32_t, ANY_INT, SIGNED_ONLY, [EW_TruncateDiv] = i32_Div)
DTYPE(i64, I64, int64_t, ANY_INT, SIGNED_ONLY, [EW_TruncateDiv] = i64_Div)
DTYPE(u8, U8, uint8_t, ANY_INT, UNSIGNED_ONLY, [EW_TruncateDiv] = u8_Div)
DTYPE(u16, U16, uint16_t, ANY_INT, UNSIGNED_ONLY, [EW_TruncateDiv] = u16_Div)
DTYPE(u32, U32, uint32_t, ANY_INT, UNSIGNED_ONLY, [EW_TruncateDiv] = u32_Div)
DTYPE(u64, U64, uint64_t, ANY_INT, UNSIGNED_ONLY, [EW_TruncateDiv] = u64_Div)
// clang-format on
LOOP(uint8_t, uint8_t, bool, LogicalAnd, uint8_t, a &&b)
LOOP(uint8_t, uint8_t, bool, LogicalOr, uint8_t, a || b)
static const ew_binary_loop bool_loops[EW_BINARY_COUNT] = {[EW_LogicalAnd] = bool_LogicalAnd,
                                                           [EW_LogicalOr] = bool_LogicalOr,
                                                           [EW_Equal] = u8_Equal,
                                                           [EW_NotEqual] = u8_NotEqual};

static const ew_binary_loop *const rows[DT_MAX] = {
    [DT_FLOAT] = f32_loops,       [DT_DOUBLE] = f64_loops, [DT_COMPLEX64] = c64_loops,
    [DT_COMPLEX128] = c128_loops, [DT_BOOL] = bool_loops,  [DT_INT8] = i8_loops,
    [DT_INT16] = i16_loops,       [DT_INT32] = i32_loops,  [DT_INT64] = i64_loops,
    [DT_UINT8] = u8_loops,        [DT_UINT16] = u16_loops, [DT_UINT32] = u32_loops,
    [DT_UINT64] = u64_loops,
};

static ew_binary_loop find(ew_binary_t op, dtype_t t) {
  if ((unsigned)t >= DT_MAX || !rows[t]) return NULL;
  ew_binary_loop fast = t == DT_FLOAT   ? ew_isa()->binary_f32[op]
                        : t == DT_INT32 ? ew_isa()->binary_i32[op]
                                        : NULL;
  return fast ? fast : rows[t][op];
}

bool ew_binary_compares(ew_binary_t op) { return op >= EW_Greater && op <= EW_NotEqual; }

static bool is_16_bit_float(dtype_t t) { return t == DT_HALF || t == DT_BFLOAT16; }

bool ew_binary_has(ew_binary_t op, dtype_t t) {
  return find(op, is_16_bit_float(t) ? DT_FLOAT : t) != NULL;
}

typedef struct {
  ew_binary_loop loop;
  const char *a, *b;
  char *y;
  size_t size_in, size_out;
  void (*widen)(const uint16_t *, float *, int64_t);
  void (*narrow)(const float *, uint16_t *, int64_t);
} job_t;

static void run_row(void *arg, const int64_t *at, const int64_t *step, int64_t out, int64_t n) {
  const job_t *j = arg;
  const char *a = j->a + (size_t)at[0] * j->size_in, *b = j->b + (size_t)at[1] * j->size_in;
  char *y = j->y + (size_t)out * j->size_out;
  if (!j->widen) {
    j->loop(a, step[0], b, step[1], y, n);
    return;
  }
  enum { BLOCK = 512 };
  float wa[BLOCK], wb[BLOCK], wy[BLOCK];
  for (int64_t i = 0; i < n; i += BLOCK) {
    int64_t m = n - i < BLOCK ? n - i : BLOCK;
    if (step[0] || !i) j->widen((const uint16_t *)a + i * step[0], wa, step[0] ? m : 1);
    if (step[1] || !i) j->widen((const uint16_t *)b + i * step[1], wb, step[1] ? m : 1);
    if (j->size_out == 1) {
      j->loop(wa, step[0], wb, step[1], y + i, m);
    } else {
      j->loop(wa, step[0], wb, step[1], wy, m);
      j->narrow(wy, (uint16_t *)y + i, m);
    }
  }
}

bool ew_binary(ew_binary_t op, dtype_t t, const void *a, const void *b, void *y,
               const bcast_t *plan, int threads) {
  size_t size = dtype_size(t);
  job_t j = {.loop = find(op, t), .a = a, .b = b, .y = y, .size_in = size};
  j.size_out = ew_binary_compares(op) ? 1 : size;
  const ew_isa_t *isa = ew_isa();
  if (t == DT_HALF) j.widen = isa->half_to_float, j.narrow = isa->float_to_half;
  if (t == DT_BFLOAT16) j.widen = isa->bfloat16_to_float, j.narrow = isa->float_to_bfloat16;
  if (j.widen) j.loop = find(op, DT_FLOAT);
  if (!j.loop) return false;
  // Short rows against a repeated vector (an image minus a mean per channel): many rows at once
  // against the vector written out several times.
  enum { TILE = 1024 };
  int64_t stride0 = plan->rank == 2 ? plan->stride[0][0] : -1;
  int64_t stride1 = plan->rank == 2 ? plan->stride[1][0] : -1;
  bool b_repeats = stride0 == plan->inner && stride1 == 0 && plan->stride[1][1] == 1;
  bool a_repeats = stride1 == plan->inner && stride0 == 0 && plan->stride[0][1] == 1;
  if ((a_repeats || b_repeats) && plan->inner <= 64 && plan->rows >= 16 && size <= 16) {
    char tile[TILE * 16];
    int64_t k = TILE / plan->inner;
    if (k > plan->rows) k = plan->rows;
    const char *vector = b_repeats ? b : a;
    for (int64_t i = 0; i < k; i++)
      memcpy(tile + (size_t)(i * plan->inner) * size, vector, (size_t)plan->inner * size);
    bcast_t big = *plan, rest;
    big.d[0] = big.rows = plan->rows / k;
    big.d[1] = big.inner = plan->inner * k;
    int full = b_repeats ? 0 : 1;
    big.stride[full][0] = big.inner;
    job_t main_job = j;
    if (b_repeats)
      main_job.b = tile;
    else
      main_job.a = tile;
    bcast_run(&big, threads, run_row, &main_job);
    int64_t done = big.rows * k;
    rest = *plan;
    rest.d[0] = rest.rows = plan->rows - done;
    size_t skip = (size_t)(done * plan->inner);
    if (full == 0)
      j.a += skip * size;
    else
      j.b += skip * size;
    j.y += skip * j.size_out;
    bcast_run(&rest, 1, run_row, &j);
    return true;
  }
  bcast_run(plan, threads, run_row, &j);
  return true;
}

const char *ew_binary_check(ew_binary_t op, dtype_t t, const void *b, int64_t n) {
  bool divides = op == EW_Div || op == EW_TruncateDiv || op == EW_FloorDiv || op == EW_FloorMod ||
                 op == EW_TruncateMod;
  if (!dtype_is_int(t) || (!divides && op != EW_Pow)) return NULL;
  size_t size = dtype_size(t);
  static const char zero[8] = {0};
  const char *p = b;
  bool is_signed = t == DT_INT8 || t == DT_INT16 || t == DT_INT32 || t == DT_INT64;
  for (int64_t i = 0; i < n; i++, p += size) {
    if (divides && memcmp(p, zero, size) == 0) return "Integer division by zero";
    if (op == EW_Pow && is_signed && p[size - 1] < 0)  // the sign bit of a little-endian integer
      return "Integers to negative integer powers are not allowed";
  }
  return NULL;
}

// ---------------------------------------------------------------- three operands

typedef struct {
  const char *in[3];
  char *y;
  size_t size;
  dtype_t dtype;
} ternary_t;

typedef struct {
  uint64_t a, b;
} u128_t;

#define SELECT_LOOP(T)                                                                         \
  {                                                                                            \
    const T *a = (const T *)j->in[1] + at[1], *b = (const T *)j->in[2] + at[2];                \
    T *y = (T *)j->y + out;                                                                    \
    if (step[0] && step[1] && step[2])                                                         \
      for (int64_t i = 0; i < n; i++) {                                                        \
        T u = a[i], v = b[i];                                                                  \
        y[i] = c[i] ? u : v;                                                                   \
      }                                                                                        \
    else                                                                                       \
      for (int64_t i = 0; i < n; i++) y[i] = c[i * step[0]] ? a[i * step[1]] : b[i * step[2]]; \
    break;                                                                                     \
  }

static void select_row(void *arg, const int64_t *at, const int64_t *step, int64_t out, int64_t n) {
  const ternary_t *j = arg;
  const uint8_t *c = (const uint8_t *)j->in[0] + at[0];
  switch (j->size) {
    case 1: SELECT_LOOP(uint8_t)
    case 2: SELECT_LOOP(uint16_t)
    case 4: SELECT_LOOP(uint32_t)
    case 8: SELECT_LOOP(uint64_t)
    default: SELECT_LOOP(u128_t)
  }
}

bool ew_select(size_t size, const uint8_t *cond, const void *a, const void *b, void *y,
               const bcast_t *plan, int threads) {
  if (size != 1 && size != 2 && size != 4 && size != 8 && size != 16) return false;
  ternary_t j = {{(const char *)cond, a, b}, y, size, DT_INVALID};
  bcast_run(plan, threads, select_row, &j);
  return true;
}

#define CLIP_LOOP(T)                                                             \
  {                                                                              \
    const T *x = (const T *)j->in[0] + at[0], *lo = (const T *)j->in[1] + at[1], \
            *hi = (const T *)j->in[2] + at[2];                                   \
    T *y = (T *)j->y + out;                                                      \
    if (step[0] && !step[1] && !step[2]) {                                       \
      T l = *lo, h = *hi;                                                        \
      for (int64_t i = 0; i < n; i++) {                                          \
        T v = x[i] < l ? l : x[i];                                               \
        y[i] = v > h ? h : v;                                                    \
      }                                                                          \
    } else {                                                                     \
      for (int64_t i = 0; i < n; i++) {                                          \
        T v = x[i * step[0]], l = lo[i * step[1]], h = hi[i * step[2]];          \
        v = v < l ? l : v;                                                       \
        y[i] = v > h ? h : v;                                                    \
      }                                                                          \
    }                                                                            \
    break;                                                                       \
  }

static void clip_16_bit(const ternary_t *j, const int64_t *at, const int64_t *step, int64_t out,
                        int64_t n) {
  const uint16_t *x = (const uint16_t *)j->in[0] + at[0], *lo = (const uint16_t *)j->in[1] + at[1],
                 *hi = (const uint16_t *)j->in[2] + at[2];
  uint16_t *y = (uint16_t *)j->y + out;
  float (*widen)(uint16_t) = j->dtype == DT_HALF ? half_to_float : bfloat16_to_float;
  for (int64_t i = 0; i < n; i++) {  // the result is one of the operands: no rounding
    uint16_t v = x[i * step[0]], l = lo[i * step[1]], h = hi[i * step[2]];
    if (widen(v) < widen(l)) v = l;
    if (widen(v) > widen(h)) v = h;
    y[i] = v;
  }
}

static void clip_row(void *arg, const int64_t *at, const int64_t *step, int64_t out, int64_t n) {
  const ternary_t *j = arg;
  switch (j->dtype) {
    case DT_FLOAT: CLIP_LOOP(float)
    case DT_DOUBLE: CLIP_LOOP(double)
    case DT_INT8: CLIP_LOOP(int8_t)
    case DT_INT16: CLIP_LOOP(int16_t)
    case DT_INT32: CLIP_LOOP(int32_t)
    case DT_INT64: CLIP_LOOP(int64_t)
    case DT_UINT8: CLIP_LOOP(uint8_t)
    case DT_UINT16: CLIP_LOOP(uint16_t)
    case DT_UINT32: CLIP_LOOP(uint32_t)
    case DT_UINT64: CLIP_LOOP(uint64_t)
    default: clip_16_bit(j, at, step, out, n);
  }
}

bool ew_clip(dtype_t t, const void *x, const void *lo, const void *hi, void *y, const bcast_t *plan,
             int threads) {
  if (!dtype_is_float(t) && !dtype_is_int(t)) return false;
  ternary_t j = {{x, lo, hi}, y, dtype_size(t), t};
  bcast_run(plan, threads, clip_row, &j);
  return true;
}
