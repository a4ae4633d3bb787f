// Arg-reductions and scans (kernels/reduce.h).
#include <complex.h>
#include <math.h>

#include "base/parallel.h"
#include "kernels/reduce.h"

typedef float _Complex c64;
typedef double _Complex c128;

enum { GRAIN = 32768 };

typedef struct {
  const void *x;
  void *y;
  int64_t k, inner;
  bool first, second;  // max; exclusive, reverse
  dtype_t t, out;
  int kind;
} job_t;

static void store_index(dtype_t t, void *y, int64_t i, int64_t v) {
  switch (t) {
    case DT_INT16:
    case DT_UINT16: ((uint16_t *)y)[i] = (uint16_t)v; break;
    case DT_INT32: ((int32_t *)y)[i] = (int32_t)v; break;
    default: ((int64_t *)y)[i] = v;
  }
}

// A NaN never wins, not even by being first.
#define ARG(T)                                                                           \
  {                                                                                      \
    const T *x = (const T *)j->x + o * j->k * j->inner + c;                              \
    T best = *x;                                                                         \
    for (int64_t i = 1; i < j->k; i++) {                                                 \
      T v = x[i * j->inner];                                                             \
      if ((j->first ? v > best : v < best) | (best != best && v == v)) best = v, at = i; \
    }                                                                                    \
    break;                                                                               \
  }

static void run_arg(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const job_t *j = arg;
  for (int64_t i = begin; i < end; i++) {
    int64_t o = i / j->inner, c = i % j->inner, at = 0;
    switch (j->t) {
      case DT_FLOAT: ARG(float)
      case DT_DOUBLE: ARG(double)
      case DT_INT8: ARG(int8_t)
      case DT_INT16: ARG(int16_t)
      case DT_INT32: ARG(int32_t)
      case DT_INT64: ARG(int64_t)
      case DT_BOOL:
      case DT_UINT8: ARG(uint8_t)
      case DT_UINT16: ARG(uint16_t)
      case DT_UINT32: ARG(uint32_t)
      default: ARG(uint64_t)
    }
    store_index(j->out, j->y, i, at);
  }
}

bool arg_reduce(bool max, dtype_t t, const void *x, int64_t outer, int64_t k, int64_t inner,
                dtype_t out, void *y, int threads) {
  bool known = t == DT_FLOAT || t == DT_DOUBLE || t == DT_BOOL || dtype_is_int(t);
  bool index = out == DT_INT16 || out == DT_UINT16 || out == DT_INT32 || out == DT_INT64;
  if (!known || !index || k < 1) return false;
  job_t j = {.x = x, .y = y, .k = k, .inner = inner, .first = max, .t = t, .out = out};
  parallel_for(threads, outer * inner, GRAIN / k + 1, run_arg, &j);
  return true;
}

// One line of a scan per (outer, inner); the lines of one outer index go side by side, so that
// memory is read in order.
#define SCAN(T, identity, combine)                                                    \
  {                                                                                   \
    for (int64_t o = begin; o < end; o++) {                                           \
      const T *x = (const T *)j->x + o * j->k * j->inner;                             \
      T *y = (T *)j->y + o * j->k * j->inner;                                         \
      for (int64_t s = 0; s < j->k; s++) {                                            \
        int64_t i = j->second ? j->k - 1 - s : s, before = j->second ? i + 1 : i - 1; \
        int64_t from = j->first ? before : i;                                         \
        for (int64_t c = 0; c < j->inner; c++) {                                      \
          T a = s ? y[before * j->inner + c] : (T)(identity);                         \
          if (j->first && !s) {                                                       \
            y[i * j->inner + c] = a;                                                  \
          } else {                                                                    \
            T b = x[from * j->inner + c];                                             \
            y[i * j->inner + c] = (T)(combine);                                       \
          }                                                                           \
        }                                                                             \
      }                                                                               \
    }                                                                                 \
    break;                                                                            \
  }
#define SUM_OR_PROD(T)                         \
  {                                            \
    if (j->kind == SCAN_SUM) SCAN(T, 0, a + b) \
    SCAN(T, 1, a *b)                           \
  }
#define INT_SUM_OR_PROD(T, U)                  \
  {                                            \
    if (j->kind == SCAN_SUM) SCAN(U, 0, a + b) \
    SCAN(U, 1, 1u * a * b)                     \
  }

static double log_add(double a, double b) {
  double high = a > b ? a : b;
  if (isinf(high) || isnan(a) || isnan(b)) return a + b == a + b ? high : NAN;
  return high + log1p(exp(-fabs(a - b)));
}

static void run_scan(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const job_t *j = arg;
  if (j->kind == SCAN_LOG_SUM_EXP) {
    switch (j->t) {
      case DT_FLOAT: SCAN(float, -INFINITY, log_add((double)a, (double)b))
      default: SCAN(double, -INFINITY, log_add(a, b))
    }
    return;
  }
  switch (j->t) {
    case DT_FLOAT: SUM_OR_PROD(float)
    case DT_DOUBLE: SUM_OR_PROD(double)
    case DT_COMPLEX64: SUM_OR_PROD(c64)
    case DT_COMPLEX128: SUM_OR_PROD(c128)
    case DT_INT8:
    case DT_UINT8: INT_SUM_OR_PROD(int8_t, uint8_t)
    case DT_INT16:
    case DT_UINT16: INT_SUM_OR_PROD(int16_t, uint16_t)
    case DT_INT32:
    case DT_UINT32: INT_SUM_OR_PROD(int32_t, uint32_t)
    default: INT_SUM_OR_PROD(int64_t, uint64_t)
  }
}

bool scan(scan_kind_t kind, dtype_t t, const void *x, int64_t outer, int64_t k, int64_t inner,
          bool exclusive, bool reverse, void *y, int threads) {
  bool real = t == DT_FLOAT || t == DT_DOUBLE;
  if (!real && (kind == SCAN_LOG_SUM_EXP || (!dtype_is_complex(t) && !dtype_is_int(t))))
    return false;
  job_t j = {.x = x,
             .y = y,
             .k = k,
             .inner = inner,
             .first = exclusive,
             .second = reverse,
             .t = t,
             .kind = (int)kind};
  if (k && inner) parallel_for(threads, outer, GRAIN / (k * inner) + 1, run_scan, &j);
  return true;
}
