// What values a tensor takes, and the range that 8 bits had better cover: the observers of
// calibration and its four ways to choose. A range is a magnitude: values between the least and the
// largest that were seen are covered, as far as they are within it to either side, by 255 steps.
//
// Magnitudes are counted in bins of equal width. When a larger value comes, pairs of bins become
// one and the width doubles, so that one pass over the data is enough.
#ifndef TFTRT_NETWORK_HISTOGRAM_H
#define TFTRT_NETWORK_HISTOGRAM_H

#include "base/status.h"
#include "tensor/tensor.h"

enum { HISTOGRAM_BINS = 2048 };

typedef struct histogram {
  int64_t bins[HISTOGRAM_BINS];  // of |x|, without zeros
  int64_t zeros, count;
  float width;        // of a bin; 0 before the first value that is not 0
  float max;          // the largest magnitude
  float least, most;  // values; least is 0 at most, most 0 at least
} histogram_t;

typedef enum calibrator {
  // Least Kullback-Leibler divergence, as published for TensorRT, among cuts that do not cost more
  // square error than they save.
  CALIBRATOR_ENTROPY,
  CALIBRATOR_MINMAX,      // all values
  CALIBRATOR_PERCENTILE,  // 99.99 % of the values
  CALIBRATOR_MSE          // least mean square error of the quantized values
} calibrator_t;

// "entropy", "minmax", "percentile", "mse"
bool calibrator_from_name(const char *name, calibrator_t *out);

// t is of a float dtype. False: it has a NaN or an infinity, and nothing was counted.
bool histogram_add(histogram_t *h, const tensor_t *t);
// Levels that 256 numbers give the magnitudes: 128, or up to 256 where values have one sign.
int histogram_levels(const histogram_t *h);
// The least that CALIBRATOR_ENTROPY covers, the others' range: for counts of which there are many.
float histogram_quick_range(const histogram_t *h, calibrator_t how);
// The magnitude that is covered; > 0. A tensor that is 0 throughout has any range: 1.
float histogram_range(const histogram_t *h, calibrator_t how);

#endif
