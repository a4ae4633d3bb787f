// Inside the convolutions: shapes widened to three spatial dims, and the depthwise rows of each
// instruction set.
#ifndef TFTRT_KERNELS_CONV_INNER_H
#define TFTRT_KERNELS_CONV_INNER_H

#include "kernels/conv.h"
#include "kernels/gemm_half.h"

conv_shape_t conv_widen(const conv_shape_t *s);  // spatial == 3: leading dims of 1

typedef struct depthwise_job {
  conv_shape_t s;  // widened; channels last, multiplier 1
  const float *x, *w;
  float *y;
  const gemm_epilogue_t *ep;
} depthwise_job_t;
// Output rows [begin, end) of batch * out rows.
typedef void (*depthwise_rows_fn)(const depthwise_job_t *j, int64_t begin, int64_t end);
void depthwise_rows_generic(const depthwise_job_t *j, int64_t begin, int64_t end);
void depthwise_rows_avx2(const depthwise_job_t *j, int64_t begin, int64_t end);
void depthwise_rows_avx512(const depthwise_job_t *j, int64_t begin, int64_t end);

typedef struct depthwise_half_job {  // the same for f16 x, y and residual
  conv_shape_t s;
  const uint16_t *x;
  const float *w;
  uint16_t *y;
  const half_epilogue_t *ep;
} depthwise_half_job_t;
typedef void (*depthwise_half_fn)(const depthwise_half_job_t *j, int64_t begin, int64_t end);
void depthwise_half_generic(const depthwise_half_job_t *j, int64_t begin, int64_t end);
void depthwise_half_avx512(const depthwise_half_job_t *j, int64_t begin, int64_t end);
void depthwise_half_act(const depthwise_half_job_t *j, int64_t at, int64_t n);

// [n, a, b] -> [n, b, a]
void swap_axes(const float *x, int64_t n, int64_t a, int64_t b, float *y, int threads);

#endif
