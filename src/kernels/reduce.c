#include "kernels/reduce.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/elementwise_isa.h"

typedef float _Complex c64;
typedef double _Complex c128;

// x is [m, k, n] with ld elements from one row of the middle axis to the next; y is [m, ldy] of
// which n columns are written.
typedef void (*loop_t)(const void *x, void *y, int64_t m, int64_t k, int64_t n, int64_t ld);

#define LOOP(T, tag, name, identity, combine)                                         \
  static void tag##_##name(const void *px, void *py, int64_t m, int64_t k, int64_t n, \
                           int64_t ld) {                                              \
    const T *x = px;                                                                  \
    T *y = py;                                                                        \
    for (int64_t o = 0; o < m; o++, x += k * ld, y += ld) {                           \
      for (int64_t j = 0; j < n; j++) y[j] = identity;                                \
      if (n == 1) {                                                                   \
        T a = identity;                                                               \
        for (int64_t i = 0; i < k; i++) {                                             \
          const T b = x[i * ld];                                                      \
          a = (T)(combine);                                                           \
        }                                                                             \
        *y = a;                                                                       \
      } else {                                                                        \
        for (int64_t i = 0; i < k; i++)                                               \
          for (int64_t j = 0; j < n; j++) {                                           \
            const T a = y[j], b = x[i * ld + j];                                      \
            y[j] = (T)(combine);                                                      \
          }                                                                           \
      }                                                                               \
    }                                                                                 \
  }
#define INT(T, U, tag, low, high)              \
  LOOP(T, tag, sum, 0, (U)((U)a + (U)b))       \
  LOOP(T, tag, prod, 1, (U)(1u * (U)a * (U)b)) \
  LOOP(T, tag, max, low, b > a ? b : a)        \
  LOOP(T, tag, min, high, b < a ? b : a)       \
  LOOP(T, tag, sum_square, 0, (U)((U)a + (U)(1u * (U)b * (U)b)))
#define FLOAT(T, tag)                                         \
  LOOP(T, tag, prod, 1, a *b)                                 \
  LOOP(T, tag, max, -(T)INFINITY, (b > a) | (b != b) ? b : a) \
  LOOP(T, tag, min, (T)INFINITY, (b < a) | (b != b) ? b : a)
#define COMPLEX(T, tag)       \
  LOOP(T, tag, sum, 0, a + b) \
  LOOP(T, tag, prod, 1, a *b) \
  LOOP(T, tag, sum_square, 0, a + b * (T)conj(b))
FLOAT(float, f32)
FLOAT(double, f64)
LOOP(double, f64, sum, 0, a + b)
LOOP(double, f64, sum_square, 0, a + b * b)
COMPLEX(c64, c64)
COMPLEX(c128, c128)
INT(int8_t, uint8_t, i8, INT8_MIN, INT8_MAX)
INT(int16_t, uint16_t, i16, INT16_MIN, INT16_MAX)
INT(int32_t, uint32_t, i32, INT32_MIN, INT32_MAX)
INT(int64_t, uint64_t, i64, INT64_MIN, INT64_MAX)
INT(uint8_t, uint8_t, u8, 0, UINT8_MAX)
INT(uint16_t, uint16_t, u16, 0, UINT16_MAX)
INT(uint32_t, uint32_t, u32, 0, UINT32_MAX)
INT(uint64_t, uint64_t, u64, 0, UINT64_MAX)
LOOP(uint8_t, bool, all, 1, a &&b)
LOOP(uint8_t, bool, any, 0, a || b)

// Columns of float rows: partial sums of 64 rows in float, those in double.
static void columns_f32(const float *x, float *y, int64_t k, int64_t n, int64_t ld, bool square) {
  enum { TILE = 256, ROWS = 64 };
  for (int64_t at = 0; at < n; at += TILE) {
    int64_t w = n - at < TILE ? n - at : TILE;
    double total[TILE] = {0};
    for (int64_t row = 0; row < k; row += ROWS) {
      float part[TILE] = {0};
      int64_t end = row + ROWS < k ? row + ROWS : k;
      for (int64_t i = row; i < end; i++) {
        const float *v = x + i * ld + at;
        if (square)
          for (int64_t j = 0; j < w; j++) part[j] += v[j] * v[j];
        else
          for (int64_t j = 0; j < w; j++) part[j] += v[j];
      }
      for (int64_t j = 0; j < w; j++) total[j] += (double)part[j];
    }
    for (int64_t j = 0; j < w; j++) y[at + j] = (float)total[j];
  }
}

static void sums_f32(const float *x, float *y, int64_t m, int64_t k, int64_t n, int64_t ld,
                     bool square) {
  const ew_isa_t *isa = ew_isa();
  for (int64_t o = 0; o < m; o++, x += k * ld, y += ld) {
    if (n == 1 && ld == 1)
      *y = (float)(square ? isa->sum_square_f32 : isa->sum_f32)(x, k);
    else
      columns_f32(x, y, k, n, ld, square);
  }
}
static void f32_sum(const void *x, void *y, int64_t m, int64_t k, int64_t n, int64_t ld) {
  sums_f32(x, y, m, k, n, ld, false);
}
static void f32_sum_square(const void *x, void *y, int64_t m, int64_t k, int64_t n, int64_t ld) {
  sums_f32(x, y, m, k, n, ld, true);
}
static void f32_max_fast(const void *x, void *y, int64_t m, int64_t k, int64_t n, int64_t ld) {
  if (n != 1 || ld != 1) {
    f32_max(x, y, m, k, n, ld);
    return;
  }
  for (int64_t o = 0; o < m; o++) ((float *)y)[o] = ew_isa()->max_f32((const float *)x + o * k, k);
}

#define ROW(tag)                                                                                   \
  {                                                                                                \
    [REDUCE_KIND_SUM] = tag##_sum, [REDUCE_KIND_PROD] = tag##_prod, [REDUCE_KIND_MAX] = tag##_max, \
    [REDUCE_KIND_MIN] = tag##_min, [REDUCE_KIND_SUM_SQUARE] = tag##_sum_square                     \
  }
#define COMPLEX_ROW(tag)                                            \
  {                                                                 \
    [REDUCE_KIND_SUM] = tag##_sum, [REDUCE_KIND_PROD] = tag##_prod, \
    [REDUCE_KIND_SUM_SQUARE] = tag##_sum_square                     \
  }
static const loop_t loops[DT_MAX][REDUCE_KIND_COUNT] = {
    [DT_FLOAT] = {[REDUCE_KIND_SUM] = f32_sum,
                  [REDUCE_KIND_PROD] = f32_prod,
                  [REDUCE_KIND_MAX] = f32_max_fast,
                  [REDUCE_KIND_MIN] = f32_min,
                  [REDUCE_KIND_SUM_SQUARE] = f32_sum_square},
    [DT_DOUBLE] = ROW(f64),
    [DT_COMPLEX64] = COMPLEX_ROW(c64),
    [DT_COMPLEX128] = COMPLEX_ROW(c128),
    [DT_INT8] = ROW(i8),
    [DT_INT16] = ROW(i16),
    [DT_INT32] = ROW(i32),
    [DT_INT64] = ROW(i64),
    [DT_UINT8] = ROW(u8),
    [DT_UINT16] = ROW(u16),
    [DT_UINT32] = ROW(u32),
    [DT_UINT64] = ROW(u64),
    [DT_BOOL] = {[REDUCE_KIND_ALL] = bool_all, [REDUCE_KIND_ANY] = bool_any},
};

static reduce_kind_t base_kind(reduce_kind_t kind) {
  return kind == REDUCE_KIND_MEAN ? REDUCE_KIND_SUM
         : kind == REDUCE_KIND_L2 ? REDUCE_KIND_SUM_SQUARE
                                  : kind;
}

bool reduce_has(reduce_kind_t kind, dtype_t t) {
  return (unsigned)t < DT_MAX && loops[t][base_kind(kind)] != NULL;
}

// ---------------------------------------------------------------- one pass, in parallel

enum { GRAIN = 32768, MAX_PIECES = 64 };

typedef struct {
  loop_t loop;
  const char *x;
  char *y;
  int64_t m, k, n;
  size_t size;
} pass_t;

static void by_outer(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const pass_t *p = arg;
  p->loop(p->x + (size_t)(begin * p->k * p->n) * p->size, p->y + (size_t)(begin * p->n) * p->size,
          end - begin, p->k, p->n, p->n);
}

static void by_column(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const pass_t *p = arg;
  p->loop(p->x + (size_t)begin * p->size, p->y + (size_t)begin * p->size, p->m, p->k, end - begin,
          p->n);
}

typedef struct {
  pass_t pass;
  char partial[MAX_PIECES * 16];
} whole_t;

static void by_part(void *arg, int64_t begin, int64_t end, int thread) {
  whole_t *w = arg;
  w->pass.loop(w->pass.x + (size_t)begin * w->pass.size, w->partial + (size_t)thread * w->pass.size,
               1, end - begin, 1, 1);
}

static void one_pass(reduce_kind_t kind, dtype_t t, const void *x, void *y, int64_t m, int64_t k,
                     int64_t n, int threads) {
  pass_t p = {loops[t][kind], x, y, m, k, n, dtype_size(t)};
  int64_t total = m * k * n;
  if (total < 2 * GRAIN || threads <= 1) {
    p.loop(x, y, m, k, n, n);
  } else if (m >= threads) {
    parallel_for(threads, m, GRAIN / (k * n) + 1, by_outer, &p);
  } else if (n >= 64 * threads) {
    parallel_for(threads, n, 64, by_column, &p);
  } else if (m == 1 && n == 1 && threads <= MAX_PIECES) {
    whole_t w = {.pass = p};
    reduce_kind_t combine = kind == REDUCE_KIND_SUM_SQUARE ? REDUCE_KIND_SUM : kind;
    // Pieces that do not come about leave the identity.
    p.loop(x, w.partial, 1, 0, 1, 1);
    for (int i = 1; i < threads; i++) memcpy(w.partial + (size_t)i * p.size, w.partial, p.size);
    parallel_for(threads, k, GRAIN, by_part, &w);
    loops[t][combine](w.partial, y, 1, threads, 1, 1);
  } else {
    p.loop(x, y, m, k, n, n);
  }
}

// ---------------------------------------------------------------- any axes

typedef struct {
  int rank;
  int64_t d[SHAPE_MAX_RANK];
  bool reduced[SHAPE_MAX_RANK];
} groups_t;

// Unit dims dropped, neighbours of the same kind merged: reduced and kept dims alternate.
static groups_t group(const shape_t *s, const bool *reduced) {
  groups_t g = {0};
  for (int i = 0; i < s->rank; i++) {
    if (s->d[i] == 1) continue;
    if (g.rank && g.reduced[g.rank - 1] == reduced[i]) {
      g.d[g.rank - 1] *= s->d[i];
    } else {
      g.d[g.rank] = s->d[i];
      g.reduced[g.rank++] = reduced[i];
    }
  }
  return g;
}

static int last_reduced(const groups_t *g) {
  for (int i = g->rank - 1; i >= 0; i--)
    if (g->reduced[i]) return i;
  return -1;
}

static int64_t product(const int64_t *d, int n) {
  int64_t p = 1;
  for (int i = 0; i < n; i++) p *= d[i];
  return p;
}

size_t reduce_scratch(dtype_t t, const shape_t *s, const bool *reduced) {
  groups_t g = group(s, reduced);
  int count = 0;
  for (int i = 0; i < g.rank; i++) count += g.reduced[i];
  if (count < 2) return 0;
  int last = last_reduced(&g);
  int64_t first = product(g.d, last) * product(g.d + last + 1, g.rank - last - 1);
  return (size_t)(2 * first) * dtype_size(t);  // two buffers in turn
}

#define FINISH(T, expr)             \
  for (int64_t i = 0; i < n; i++) { \
    const T v = ((T *)y)[i];        \
    ((T *)y)[i] = (T)(expr);        \
  }                                 \
  break;

static void finish_mean(dtype_t t, void *y, int64_t n, int64_t count) {
  if (!count && dtype_is_int(t)) return;
  switch (t) {
    case DT_FLOAT: FINISH(float, v / (float)count)
    case DT_DOUBLE: FINISH(double, v / (double)count)
    case DT_COMPLEX64: FINISH(c64, v / (float)count)
    case DT_COMPLEX128: FINISH(c128, v / (double)count)
    case DT_INT8: FINISH(int8_t, v / count)
    case DT_INT16: FINISH(int16_t, v / count)
    case DT_INT32: FINISH(int32_t, v / count)
    case DT_INT64: FINISH(int64_t, v / count)
    case DT_UINT8: FINISH(uint8_t, v / count)
    case DT_UINT16: FINISH(uint16_t, v / count)
    case DT_UINT32: FINISH(uint32_t, v / count)
    case DT_UINT64: FINISH(uint64_t, v / (uint64_t)count)
    default: break;
  }
}

static void finish_root(dtype_t t, void *y, int64_t n) {
  switch (t) {
    case DT_FLOAT: FINISH(float, sqrtf(v))
    case DT_DOUBLE: FINISH(double, sqrt(v))
    case DT_COMPLEX64: FINISH(c64, csqrtf(v))
    case DT_COMPLEX128: FINISH(c128, csqrt(v))
    case DT_INT8: FINISH(int8_t, sqrt(v))
    case DT_INT16: FINISH(int16_t, sqrt(v))
    case DT_INT32: FINISH(int32_t, sqrt(v))
    case DT_INT64: FINISH(int64_t, sqrt((double)v))
    case DT_UINT8: FINISH(uint8_t, sqrt(v))
    case DT_UINT16: FINISH(uint16_t, sqrt(v))
    case DT_UINT32: FINISH(uint32_t, sqrt(v))
    case DT_UINT64: FINISH(uint64_t, sqrt((double)v))
    default: break;
  }
}

void reduce(reduce_kind_t kind, dtype_t t, const void *x, const shape_t *s, const bool *reduced,
            void *y, void *scratch, int threads) {
  groups_t g = group(s, reduced);
  reduce_kind_t base = base_kind(kind);
  int64_t count = 1, kept = 1;
  for (int i = 0; i < s->rank; i++) *(reduced[i] ? &count : &kept) *= s->d[i];
  size_t half = reduce_scratch(t, s, reduced) / 2;
  const void *from = x;
  for (int step = 0;; step++) {
    int at = last_reduced(&g);
    if (at < 0) {  // nothing (more) to reduce: squares and copies only
      if (step == 0) one_pass(base, t, from, y, kept, 1, 1, threads);
      break;
    }
    int64_t m = product(g.d, at), k = g.d[at], n = product(g.d + at + 1, g.rank - at - 1);
    for (int i = at; i + 1 < g.rank; i++) g.d[i] = g.d[i + 1], g.reduced[i] = g.reduced[i + 1];
    g.rank--;
    bool last = last_reduced(&g) < 0;
    void *to = last ? y : (char *)scratch + (step % 2 ? half : 0);
    one_pass(base, t, from, to, m, k, n, threads);
    if (base == REDUCE_KIND_SUM_SQUARE) base = REDUCE_KIND_SUM;
    from = to;
    if (last) break;
  }
  if (kind == REDUCE_KIND_MEAN) finish_mean(t, y, kept, count);
  if (kind == REDUCE_KIND_L2) finish_root(t, y, kept);
}
