#include "kernels/pool.h"

#include <string.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/conv_inner.h"
#include "kernels/pool_window.h"
#include "kernels/to_float.h"

typedef struct pool_job {
  conv_shape_t s;
  const void *x;
  void *y;
  pool_options_t o;
} pool_job_t;

#define MAX_PIXELS(NAME, T, LOWEST)                                        \
  static void NAME(void *ctx, int64_t begin, int64_t end, int thread) {    \
    (void)thread;                                                          \
    const pool_job_t *j = ctx;                                             \
    const conv_shape_t *s = &j->s;                                         \
    const int64_t C = s->in_c, image = s->in[0] * s->in[1] * s->in[2] * C; \
    for (int64_t p = begin; p < end; p++) {                                \
      pool_window_t w = pool_window(s, p);                                 \
      const T *x = (const T *)j->x + w.image * image;                      \
      T *y = (T *)j->y + p * C;                                            \
      for (int64_t c = 0; c < C; c++) y[c] = LOWEST;                       \
      EACH_PIXEL(w, s, at) {                                               \
        const T *v = x + at * C;                                           \
        for (int64_t c = 0; c < C; c++) y[c] = v[c] > y[c] ? v[c] : y[c];  \
      }                                                                    \
    }                                                                      \
  }
MAX_PIXELS(max_float, float, -__builtin_inff())
MAX_PIXELS(max_double, double, -__builtin_inf())
MAX_PIXELS(max_int8, int8_t, INT8_MIN)
MAX_PIXELS(max_uint8, uint8_t, 0)
MAX_PIXELS(max_int16, int16_t, INT16_MIN)
MAX_PIXELS(max_uint16, uint16_t, 0)
MAX_PIXELS(max_int32, int32_t, INT32_MIN)
MAX_PIXELS(max_uint32, uint32_t, 0)
MAX_PIXELS(max_int64, int64_t, INT64_MIN)
MAX_PIXELS(max_uint64, uint64_t, 0)

#define AVERAGE_PIXELS(NAME, T)                                                              \
  static void NAME(void *ctx, int64_t begin, int64_t end, int thread) {                      \
    (void)thread;                                                                            \
    const pool_job_t *j = ctx;                                                               \
    const conv_shape_t *s = &j->s;                                                           \
    const int64_t C = s->in_c, image = s->in[0] * s->in[1] * s->in[2] * C;                   \
    for (int64_t p = begin; p < end; p++) {                                                  \
      pool_window_t w = pool_window(s, p);                                                   \
      const T *x = (const T *)j->x + w.image * image;                                        \
      T *y = (T *)j->y + p * C;                                                              \
      int64_t n = j->o.count_padding ? s->kernel[0] * s->kernel[1] * s->kernel[2] : w.count; \
      for (int64_t c = 0; c < C; c++) y[c] = 0;                                              \
      EACH_PIXEL(w, s, at) {                                                                 \
        const T *v = x + at * C;                                                             \
        for (int64_t c = 0; c < C; c++) y[c] += v[c];                                        \
      }                                                                                      \
      for (int64_t c = 0; c < C && n > 0; c++) y[c] /= (T)n;                                 \
    }                                                                                        \
  }
AVERAGE_PIXELS(average_float, float)
AVERAGE_PIXELS(average_double, double)

#define ARGMAX_CASE(DT, T)                                              \
  case DT:                                                              \
    for (int64_t c = 0; c < C; c++) {                                   \
      int64_t best = -1;                                                \
      const T *x = (const T *)j->x + w.image * image;                   \
      EACH_PIXEL(w, s, at)                                              \
      if (best < 0 || x[at * C + c] > x[best]) best = at * C + c;       \
      if (best < 0) continue;                                           \
      ((T *)j->y)[p * C + c] = x[best];                                 \
      int64_t index = best + (j->o.argmax_batch ? w.image * image : 0); \
      if (j->o.argmax64)                                                \
        ((int64_t *)j->o.argmax)[p * C + c] = index;                    \
      else                                                              \
        ((int32_t *)j->o.argmax)[p * C + c] = (int32_t)index;           \
    }                                                                   \
    break;

typedef struct argmax_job {
  pool_job_t j;
  dtype_t dtype;
} argmax_job_t;

static void argmax_pixels(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const argmax_job_t *a = ctx;
  const pool_job_t *j = &a->j;
  const conv_shape_t *s = &j->s;
  const int64_t C = s->in_c, image = s->in[0] * s->in[1] * s->in[2] * C;
  for (int64_t p = begin; p < end; p++) {
    pool_window_t w = pool_window(s, p);
    switch (a->dtype) {
      ARGMAX_CASE(DT_FLOAT, float)
      ARGMAX_CASE(DT_DOUBLE, double)
      ARGMAX_CASE(DT_INT8, int8_t)
      ARGMAX_CASE(DT_UINT8, uint8_t)
      ARGMAX_CASE(DT_INT16, int16_t)
      ARGMAX_CASE(DT_UINT16, uint16_t)
      ARGMAX_CASE(DT_INT32, int32_t)
      ARGMAX_CASE(DT_UINT32, uint32_t)
      ARGMAX_CASE(DT_INT64, int64_t)
      ARGMAX_CASE(DT_UINT64, uint64_t)
      default: break;
    }
  }
}

static parallel_fn max_fn(dtype_t t) {
  switch (t) {
    case DT_FLOAT: return max_float;
    case DT_DOUBLE: return max_double;
    case DT_QINT8:
    case DT_INT8: return max_int8;
    case DT_QUINT8:
    case DT_UINT8: return max_uint8;
    case DT_INT16: return max_int16;
    case DT_UINT16: return max_uint16;
    case DT_INT32: return max_int32;
    case DT_UINT32: return max_uint32;
    case DT_INT64: return max_int64;
    case DT_UINT64: return max_uint64;
    default: return NULL;
  }
}

status_t pool_run(const conv_shape_t *shape, dtype_t dtype, const void *x, void *y,
                  const pool_options_t *o, int threads) {
  conv_shape_t s = conv_widen(shape);
  if (!s.channels_last) {  // every channel is an image of one channel
    s.batch *= s.in_c;
    s.in_c = s.out_c = 1;
    s.channels_last = true;
  }
  int64_t pixels = s.batch * s.out[0] * s.out[1] * s.out[2];
  if (dtype == DT_HALF || dtype == DT_BFLOAT16) {
    int64_t nx = s.batch * s.in[0] * s.in[1] * s.in[2] * s.in_c, ny = pixels * s.in_c;
    float *f = mem_try_alloc((size_t)(nx + ny + 1) * sizeof *f);
    if (!f) return FAIL(RESOURCE_EXHAUSTED, "pooling: no room for the tensors as floats");
    floats_from(dtype, x, nx, f);
    status_t st = pool_run(&s, DT_FLOAT, f, f + nx, o, threads);
    if (!st) floats_to(dtype, f + nx, ny, y);
    mem_aligned_free(f);
    return st;
  }
  argmax_job_t a = {{s, x, y, *o}, dtype};
  parallel_fn fn = o->max               ? max_fn(dtype)
                   : dtype == DT_FLOAT  ? average_float
                   : dtype == DT_DOUBLE ? average_double
                                        : NULL;
  if (!fn)
    return FAIL(UNIMPLEMENTED, "%s pooling of %s is not supported", o->max ? "max" : "average",
                dtype_name(dtype));
  void *ctx = &a.j;
  if (o->argmax) fn = argmax_pixels, ctx = &a;
  double work = (double)s.in_c * (double)(s.kernel[0] * s.kernel[1] * s.kernel[2]);
  parallel_for(threads, pixels, (int64_t)(32768 / (work + 1)) + 1, fn, ctx);
  return NULL;
}
