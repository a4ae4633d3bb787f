// Normalisations over channels.
#ifndef TFTRT_KERNELS_NORM_H
#define TFTRT_KERNELS_NORM_H

#include <stdbool.h>
#include <stdint.h>

// x and y as [outer, channels, inner] (channels last: inner 1). y = x * mul[c] + add[c]; y may be
// x.
void channel_affine(const float *x, float *y, int64_t outer, int64_t channels, int64_t inner,
                    const float *mul, const float *add, int threads);
// Mean and (biased) variance of every channel, in double precision inside.
void channel_moments(const float *x, int64_t outer, int64_t channels, int64_t inner, double *mean,
                     double *variance);
// TensorFlow's LRN over the last axis: y = x / (bias + alpha * sum of x^2 within radius)^beta.
void lrn_rows(const float *x, float *y, int64_t rows, int64_t channels, int64_t radius, float bias,
              float alpha, float beta, int threads);

#endif
