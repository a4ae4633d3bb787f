// Softmax and log-softmax of rows.
#ifndef TFTRT_KERNELS_SOFTMAX_H
#define TFTRT_KERNELS_SOFTMAX_H

#include <stdbool.h>
#include <stdint.h>

// y[r, :] = softmax(scale * x[r, :]) or its logarithm; the maximum is taken out first. y may be x.
void softmax_rows(const float *x, float *y, int64_t rows, int64_t n, float scale, bool log,
                  int threads);
void softmax_rows_double(const double *x, double *y, int64_t rows, int64_t n, bool log,
                         int threads);
// One row, for other kernels (attention): on the calling thread.
void softmax_row(const float *x, float *y, int64_t n, float scale, bool log);

#endif
