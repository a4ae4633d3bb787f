#include "kernels/convert.h"

#include <string.h>

#include "base/parallel.h"
#include "kernels/elementwise.h"

// The types with loops of their own: X(tag, C type). Others go through one of these in blocks.
#define TYPES(X)   \
  X(f32, float)    \
  X(f64, double)   \
  X(i8, int8_t)    \
  X(i16, int16_t)  \
  X(i32, int32_t)  \
  X(i64, int64_t)  \
  X(u8, uint8_t)   \
  X(u16, uint16_t) \
  X(u32, uint32_t) \
  X(u64, uint64_t)

typedef void (*loop_t)(const void *x, void *y, int64_t n);

// Through W first: where C leaves the result of an out-of-range float open, this is what
// TensorFlow's build does.
#define LOOP(from, S, to, D, W)                                     \
  static void from##_to_##to(const void *px, void *py, int64_t n) { \
    const S *x = px;                                                \
    D *y = py;                                                      \
    for (int64_t i = 0; i < n; i++) y[i] = (D)(W)x[i];              \
  }
#define FROM_FLOAT(from, S)             \
  LOOP(from, S, f32, float, S)          \
  LOOP(from, S, f64, double, S)         \
  LOOP(from, S, i8, int8_t, int32_t)    \
  LOOP(from, S, i16, int16_t, int32_t)  \
  LOOP(from, S, i32, int32_t, int32_t)  \
  LOOP(from, S, i64, int64_t, int64_t)  \
  LOOP(from, S, u8, uint8_t, int32_t)   \
  LOOP(from, S, u16, uint16_t, int32_t) \
  LOOP(from, S, u32, uint32_t, int64_t) \
  LOOP(from, S, u64, uint64_t, uint64_t)
#define FROM_INT(from, S)         \
  LOOP(from, S, f32, float, S)    \
  LOOP(from, S, f64, double, S)   \
  LOOP(from, S, i8, int8_t, S)    \
  LOOP(from, S, i16, int16_t, S)  \
  LOOP(from, S, i32, int32_t, S)  \
  LOOP(from, S, i64, int64_t, S)  \
  LOOP(from, S, u8, uint8_t, S)   \
  LOOP(from, S, u16, uint16_t, S) \
  LOOP(from, S, u32, uint32_t, S) \
  LOOP(from, S, u64, uint64_t, S)
FROM_FLOAT(f32, float)
FROM_FLOAT(f64, double)
FROM_INT(i8, int8_t)
FROM_INT(i16, int16_t)
FROM_INT(i32, int32_t)
FROM_INT(i64, int64_t)
FROM_INT(u8, uint8_t)
FROM_INT(u16, uint16_t)
FROM_INT(u32, uint32_t)
FROM_INT(u64, uint64_t)
#define TO_BOOL(from, S)                                            \
  static void from##_to_bool(const void *px, void *py, int64_t n) { \
    const S *x = px;                                                \
    uint8_t *y = py;                                                \
    for (int64_t i = 0; i < n; i++) y[i] = x[i] != 0;               \
  }
TYPES(TO_BOOL)

#define ROW(from, S)                                                                         \
  static const loop_t from##_loops[DT_MAX] = {                                               \
      [DT_FLOAT] = from##_to_f32,  [DT_DOUBLE] = from##_to_f64, [DT_INT8] = from##_to_i8,    \
      [DT_INT16] = from##_to_i16,  [DT_INT32] = from##_to_i32,  [DT_INT64] = from##_to_i64,  \
      [DT_UINT8] = from##_to_u8,   [DT_UINT16] = from##_to_u16, [DT_UINT32] = from##_to_u32, \
      [DT_UINT64] = from##_to_u64, [DT_BOOL] = from##_to_bool};
TYPES(ROW)

static const loop_t *const rows[DT_MAX] = {
    [DT_FLOAT] = f32_loops,  [DT_DOUBLE] = f64_loops, [DT_INT8] = i8_loops,
    [DT_INT16] = i16_loops,  [DT_INT32] = i32_loops,  [DT_INT64] = i64_loops,
    [DT_UINT8] = u8_loops,   [DT_UINT16] = u16_loops, [DT_UINT32] = u32_loops,
    [DT_UINT64] = u64_loops, [DT_BOOL] = u8_loops,
};

// The type that a dtype is read or written through.
static dtype_t carrier(dtype_t t) {
  switch (t) {
    case DT_HALF:
    case DT_BFLOAT16:
    case DT_COMPLEX64: return DT_FLOAT;
    case DT_COMPLEX128: return DT_DOUBLE;
    default: return t;
  }
}

bool convert_has(dtype_t from, dtype_t to) {
  from = carrier(from), to = carrier(to);
  return (unsigned)from < DT_MAX && (unsigned)to < DT_MAX && rows[from] && rows[from][to];
}

static void read_block(dtype_t t, const void *x, int64_t at, int64_t n, void *wide) {
  switch (t) {
    case DT_HALF: ew_half_to_float((const uint16_t *)x + at, wide, n); break;
    case DT_BFLOAT16: ew_bfloat16_to_float((const uint16_t *)x + at, wide, n); break;
    case DT_COMPLEX64:
      for (int64_t i = 0; i < n; i++) ((float *)wide)[i] = ((const float *)x)[2 * (at + i)];
      break;
    default:
      for (int64_t i = 0; i < n; i++) ((double *)wide)[i] = ((const double *)x)[2 * (at + i)];
  }
}

static void write_block(dtype_t t, const void *wide, void *y, int64_t at, int64_t n) {
  switch (t) {
    case DT_HALF: ew_float_to_half(wide, (uint16_t *)y + at, n); break;
    case DT_BFLOAT16: ew_float_to_bfloat16(wide, (uint16_t *)y + at, n); break;
    case DT_COMPLEX64:
      for (int64_t i = 0; i < n; i++) {
        ((float *)y)[2 * (at + i)] = ((const float *)wide)[i];
        ((float *)y)[2 * (at + i) + 1] = 0;
      }
      break;
    default:
      for (int64_t i = 0; i < n; i++) {
        ((double *)y)[2 * (at + i)] = ((const double *)wide)[i];
        ((double *)y)[2 * (at + i) + 1] = 0;
      }
  }
}

// Mantissa bits of `t` beyond those that `to` keeps.
static int lost_bits(dtype_t t, dtype_t to) {
  int have = t == DT_DOUBLE ? 52 : t == DT_FLOAT ? 23 : 0;
  int keep = to == DT_FLOAT ? 23 : to == DT_HALF ? 10 : to == DT_BFLOAT16 ? 7 : 52;
  return have > keep ? have - keep : 0;
}

static void cut_mantissa(dtype_t t, int bits, void *v, int64_t n) {
  if (t == DT_FLOAT)
    for (int64_t i = 0; i < n; i++) ((uint32_t *)v)[i] &= ~0u << bits;
  else
    for (int64_t i = 0; i < n; i++) ((uint64_t *)v)[i] &= ~UINT64_C(0) << bits;
}

typedef struct {
  dtype_t from, to;
  const char *x;
  char *y;
  bool truncate;
} job_t;

static void run(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const job_t *j = arg;
  size_t size_x = dtype_size(j->from), size_y = dtype_size(j->to);
  dtype_t in = carrier(j->from), out = carrier(j->to);
  loop_t loop = rows[in][out];
  int cut = j->truncate ? lost_bits(j->from, j->to) : 0;
  if (in == j->from && out == j->to && !cut) {
    loop(j->x + (size_t)begin * size_x, j->y + (size_t)begin * size_y, end - begin);
    return;
  }
  enum { BLOCK = 256 };
  double a[BLOCK], b[BLOCK];
  for (int64_t at = begin; at < end; at += BLOCK) {
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    const void *wide = j->x + (size_t)at * size_x;
    if (in != j->from) {
      read_block(j->from, j->x, at, n, a);
      wide = a;
    } else if (cut) {
      memcpy(a, wide, (size_t)n * size_x);
      cut_mantissa(in, cut, a, n);
      wide = a;
    }
    if (out == j->to) {
      loop(wide, j->y + (size_t)at * size_y, n);
    } else {
      loop(wide, b, n);
      write_block(j->to, b, j->y, at, n);
    }
  }
}

bool convert(dtype_t from, dtype_t to, const void *x, void *y, int64_t n, bool truncate,
             int threads) {
  if (!convert_has(from, to)) return false;
  if (dtype_is_complex(from) && dtype_is_complex(to))  // keeps the imaginary parts
    return convert(carrier(from), carrier(to), x, y, 2 * n, truncate, threads);
  job_t j = {from, to, x, y, truncate};
  parallel_for(threads, n, 32768, run, &j);
  return true;
}
