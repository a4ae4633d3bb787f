#include "kernels/softmax.h"

#include <math.h>

#include "base/cpu.h"
#include "base/parallel.h"
#define SOFTMAX_ROW softmax_row_generic
#include "kernels/softmax_inner.h"

void softmax_row_avx2(const float *x, float *y, int64_t n, float scale, bool log);
void softmax_row_avx512(const float *x, float *y, int64_t n, float scale, bool log);

void softmax_row(const float *x, float *y, int64_t n, float scale, bool log) {
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512)) {
    softmax_row_avx512(x, y, n, scale, log);
    return;
  }
  if (cpu_has(CPU_AVX2)) {
    softmax_row_avx2(x, y, n, scale, log);
    return;
  }
#endif
  softmax_row_generic(x, y, n, scale, log);
}

typedef struct rows_job {
  const void *x;
  void *y;
  int64_t n;
  float scale;
  bool log;
} rows_job_t;

static void float_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const rows_job_t *j = ctx;
  for (int64_t r = begin; r < end; r++)
    softmax_row((const float *)j->x + r * j->n, (float *)j->y + r * j->n, j->n, j->scale, j->log);
}

static void double_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const rows_job_t *j = ctx;
  for (int64_t r = begin; r < end; r++) {
    const double *x = (const double *)j->x + r * j->n;
    double *y = (double *)j->y + r * j->n, top = -INFINITY, sum = 0;
    for (int64_t i = 0; i < j->n; i++) top = x[i] > top ? x[i] : top;
    for (int64_t i = 0; i < j->n; i++) sum += exp(x[i] - top);
    for (int64_t i = 0; i < j->n; i++)
      y[i] = j->log ? x[i] - top - log(sum) : exp(x[i] - top) / sum;
  }
}

void softmax_rows(const float *x, float *y, int64_t rows, int64_t n, float scale, bool log,
                  int threads) {
  rows_job_t j = {x, y, n, scale, log};
  parallel_for(threads, rows, 8192 / (n + 1) + 1, float_rows, &j);
}

void softmax_rows_double(const double *x, double *y, int64_t rows, int64_t n, bool log,
                         int threads) {
  rows_job_t j = {x, y, n, 1, log};
  parallel_for(threads, rows, 1024 / (n + 1) + 1, double_rows, &j);
}
