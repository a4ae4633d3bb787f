// Matrix products of dtypes other than float: plain loops, row by row.
#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/gemm.h"
#include "kernels/to_float.h"

typedef struct any_job {
  const gemm_batch_t *g;
  const void *a, *b;
  void *c;
  int sign_a, sign_b;  // of the imaginary part
} any_job_t;

// Row r of the whole batch; unsigned arithmetic wraps, so integers use their unsigned types.
#define ROWS(NAME, T)                                                                  \
  static void NAME(void *ctx, int64_t begin, int64_t end, int thread) {                \
    (void)thread;                                                                      \
    const any_job_t *j = ctx;                                                          \
    const gemm_batch_t *g = j->g;                                                      \
    for (int64_t r = begin; r < end; r++) {                                            \
      int64_t batch = r / g->m, i = r % g->m;                                          \
      const T *a = (const T *)j->a + g->a_at[batch] + i * g->a_rs;                     \
      const T *b = (const T *)j->b + g->b_at[batch];                                   \
      T *c = (T *)j->c + r * g->n;                                                     \
      for (int64_t n = 0; n < g->n; n++) c[n] = 0;                                     \
      for (int64_t k = 0; k < g->k; k++) {                                             \
        T x = a[k * g->a_cs];                                                          \
        const T *p = b + k * g->b_rs;                                                  \
        for (int64_t n = 0; n < g->n; n++) c[n] = (T)(c[n] + (T)(x * p[n * g->b_cs])); \
      }                                                                                \
    }                                                                                  \
  }

ROWS(rows_double, double)
ROWS(rows_u8, uint8_t)
ROWS(rows_u32, uint32_t)
ROWS(rows_u64, uint64_t)

static void rows_u16(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const any_job_t *j = ctx;
  const gemm_batch_t *g = j->g;
  for (int64_t r = begin; r < end; r++) {  // apart: uint16_t products would overflow int
    const uint16_t *a = (const uint16_t *)j->a + g->a_at[r / g->m] + r % g->m * g->a_rs;
    const uint16_t *b = (const uint16_t *)j->b + g->b_at[r / g->m];
    for (int64_t n = 0; n < g->n; n++) {
      uint32_t sum = 0;
      for (int64_t k = 0; k < g->k; k++)
        sum += (uint32_t)a[k * g->a_cs] * b[k * g->b_rs + n * g->b_cs];
      ((uint16_t *)j->c)[r * g->n + n] = (uint16_t)sum;
    }
  }
}

// Complex numbers as pairs.
#define COMPLEX_ROWS(NAME, T)                                            \
  static void NAME(void *ctx, int64_t begin, int64_t end, int thread) {  \
    (void)thread;                                                        \
    const any_job_t *j = ctx;                                            \
    const gemm_batch_t *g = j->g;                                        \
    for (int64_t r = begin; r < end; r++) {                              \
      int64_t batch = r / g->m, i = r % g->m;                            \
      const T *a = (const T *)j->a + 2 * (g->a_at[batch] + i * g->a_rs); \
      const T *b = (const T *)j->b + 2 * g->b_at[batch];                 \
      T *c = (T *)j->c + 2 * r * g->n;                                   \
      for (int64_t n = 0; n < g->n; n++) {                               \
        T re = 0, im = 0;                                                \
        for (int64_t k = 0; k < g->k; k++) {                             \
          const T *x = a + 2 * k * g->a_cs;                              \
          const T *y = b + 2 * (k * g->b_rs + n * g->b_cs);              \
          T xi = (T)j->sign_a * x[1], yi = (T)j->sign_b * y[1];          \
          re += x[0] * y[0] - xi * yi;                                   \
          im += x[0] * yi + xi * y[0];                                   \
        }                                                                \
        c[2 * n] = re, c[2 * n + 1] = im;                                \
      }                                                                  \
    }                                                                    \
  }

COMPLEX_ROWS(rows_complex64, float)
COMPLEX_ROWS(rows_complex128, double)

static status_t batch_16bit(const gemm_batch_t *g, dtype_t dtype, const void *a, int64_t a_len,
                            const void *b, int64_t b_len, void *c, int threads) {
  size_t total = 0, c_len = 0, bytes;
  if (!size_mul((size_t)(g->batch * g->m), (size_t)g->n, &c_len) ||
      !size_add((size_t)a_len, (size_t)b_len, &total) || !size_add(total, c_len, &total) ||
      !size_mul(total, sizeof(float), &bytes))
    return FAIL(RESOURCE_EXHAUSTED, "matrix product: the operands are too large");
  float *fa = mem_try_alloc(bytes);
  if (!fa) return FAIL(RESOURCE_EXHAUSTED, "matrix product: no room for %zu bytes", bytes);
  float *fb = fa + a_len, *fc = fb + b_len;
  floats_from(dtype, a, a_len, fa);
  floats_from(dtype, b, b_len, fb);
  status_t s = gemm_batch(g, fa, fb, fc, NULL, threads);
  if (!s) floats_to(dtype, fc, (int64_t)c_len, c);
  mem_aligned_free(fa);
  return s;
}

status_t gemm_batch_any(const gemm_batch_t *g, dtype_t dtype, const void *a, int64_t a_len,
                        const void *b, int64_t b_len, void *c, bool conj_a, bool conj_b,
                        int threads) {
  any_job_t j = {g, a, b, c, conj_a ? -1 : 1, conj_b ? -1 : 1};
  parallel_fn fn = NULL;
  switch (dtype) {
    case DT_FLOAT: return gemm_batch(g, a, b, c, NULL, threads);
    case DT_HALF:
    case DT_BFLOAT16: return batch_16bit(g, dtype, a, a_len, b, b_len, c, threads);
    case DT_DOUBLE: fn = rows_double; break;
    case DT_INT8:
    case DT_UINT8: fn = rows_u8; break;
    case DT_INT16:
    case DT_UINT16: fn = rows_u16; break;
    case DT_INT32:
    case DT_UINT32: fn = rows_u32; break;
    case DT_INT64:
    case DT_UINT64: fn = rows_u64; break;
    case DT_COMPLEX64: fn = rows_complex64; break;
    case DT_COMPLEX128: fn = rows_complex128; break;
    default: return FAIL(UNIMPLEMENTED, "matrix product of %s is not supported", dtype_name(dtype));
  }
  double row = (double)g->n * (double)g->k;
  parallel_for(threads, g->batch * g->m, (int64_t)(32768 / (row + 1)) + 1, fn, &j);
  return NULL;
}
