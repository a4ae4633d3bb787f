// Inside the convolutions: shapes widened to three spatial dims, and the depthwise rows of each
// instruction set.
#ifndef TFTRT_KERNELS_CONV_INNER_H
#define TFTRT_KERNELS_CONV_INNER_H

#include "kernels/conv.h"

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

// [n, a, b] -> [n, b, a]
void swap_axes(const float *x, int64_t n, int64_t a, int64_t b, float *y, int threads);

#endif
