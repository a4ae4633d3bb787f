// What values a tensor takes, and the range that 8 bits had better cover: the observers of
// calibration and its four ways to choose.
//
// Magnitudes are counted in bins of equal width. When a larger value comes, pairs of bins become
// one and the width doubles, so that one pass over the data is enough.
#ifndef TFTRT_NETWORK_HISTOGRAM_H
#define TFTRT_NETWORK_HISTOGRAM_H

#include "base/status.h"
#include "tensor/tensor.h"

enum { HISTOGRAM_BINS = 2048 };
// The entropy calibrator cuts off no more than this share of the values that are not 0. With few
// values, or few different ones, divergence alone would cut off most; and it does not ask how large
// they are: EfficientNetB0's error is a third less than with ten times as many
// (bench/int8_accuracy.py).
#define ENTROPY_MOST_CUT 0.0001

typedef struct histogram {
  int64_t bins[HISTOGRAM_BINS];  // of |x|, without zeros
  int64_t zeros, count;
  float width;  // of a bin; 0 before the first value that is not 0
  float max;    // the largest magnitude
} histogram_t;

typedef enum calibrator {
  CALIBRATOR_ENTROPY,     // least Kullback-Leibler divergence, as published for TensorRT
  CALIBRATOR_MINMAX,      // all values
  CALIBRATOR_PERCENTILE,  // 99.99 % of the values
  CALIBRATOR_MSE          // least mean square error of the quantized values
} calibrator_t;

// "entropy", "minmax", "percentile", "mse"
bool calibrator_from_name(const char *name, calibrator_t *out);

// t is of a float dtype. False: it has a NaN or an infinity, and nothing was counted.
bool histogram_add(histogram_t *h, const tensor_t *t);
// The magnitude that 127 steps cover; > 0. A tensor that is 0 throughout has any range: 1.
float histogram_range(const histogram_t *h, calibrator_t how);

#endif
