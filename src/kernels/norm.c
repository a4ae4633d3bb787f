#include "kernels/norm.h"

#include <math.h>

#include "base/parallel.h"

typedef struct affine_job {
  const float *x, *mul, *add;
  float *y;
  int64_t channels, inner;
} affine_job_t;

static void affine_outer(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const affine_job_t *j = ctx;
  for (int64_t o = begin; o < end; o++) {
    const float *x = j->x + o * j->channels * j->inner;
    float *y = j->y + o * j->channels * j->inner;
    if (j->inner == 1) {
      for (int64_t c = 0; c < j->channels; c++) y[c] = x[c] * j->mul[c] + j->add[c];
      continue;
    }
    for (int64_t c = 0; c < j->channels; c++, x += j->inner, y += j->inner)
      for (int64_t i = 0; i < j->inner; i++) y[i] = x[i] * j->mul[c] + j->add[c];
  }
}

void channel_affine(const float *x, float *y, int64_t outer, int64_t channels, int64_t inner,
                    const float *mul, const float *add, int threads) {
  affine_job_t j = {x, mul, add, y, channels, inner};
  parallel_for(threads, outer, 16384 / (channels * inner + 1) + 1, affine_outer, &j);
}

void channel_moments(const float *x, int64_t outer, int64_t channels, int64_t inner, double *mean,
                     double *variance) {
  double n = (double)outer * (double)inner;
  for (int64_t c = 0; c < channels; c++) mean[c] = variance[c] = 0;
  for (int pass = 0; pass < 2; pass++) {
    const float *p = x;
    for (int64_t o = 0; o < outer; o++)
      for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < inner; i++, p++) {
          double d = (double)*p - mean[c];
          if (pass == 0)
            variance[c] += (double)*p;  // the sum, for the moment
          else
            variance[c] += d * d;
        }
    for (int64_t c = 0; c < channels; c++) {
      if (pass == 0)
        mean[c] = variance[c] / n, variance[c] = 0;
      else
        variance[c] /= n;
    }
  }
}

typedef struct lrn_job {
  const float *x;
  float *y;
  int64_t channels, radius;
  float bias, alpha, beta;
} lrn_job_t;

static void lrn_range(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const lrn_job_t *j = ctx;
  for (int64_t r = begin; r < end; r++) {
    const float *x = j->x + r * j->channels;
    float *y = j->y + r * j->channels;
    for (int64_t c = 0; c < j->channels; c++) {
      int64_t lo = c - j->radius < 0 ? 0 : c - j->radius;
      int64_t hi = j->radius >= j->channels - c ? j->channels : c + j->radius + 1;
      float sum = 0;
      for (int64_t i = lo; i < hi; i++) sum += x[i] * x[i];
      float base = j->bias + j->alpha * sum;
      float power = j->beta == 0.5f ? 1.0f / sqrtf(base) : powf(base, -j->beta);
      y[c] = x[c] * power;
    }
  }
}

void lrn_rows(const float *x, float *y, int64_t rows, int64_t channels, int64_t radius, float bias,
              float alpha, float beta, int threads) {
  lrn_job_t j = {x, y, channels, radius, bias, alpha, beta};
  parallel_for(threads, rows, 4096 / (channels + 1) + 1, lrn_range, &j);
}
