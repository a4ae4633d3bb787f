// Means of 8-bit numbers that stand for real values, channels last: average pools, and means over
// adjacent axes as pools whose window is all of them. Sums are exact; one rounding follows.
#ifndef TFTRT_KERNELS_POOL_INT8_H
#define TFTRT_KERNELS_POOL_INT8_H

#include "kernels/conv.h"
#include "tensor/dtype.h"

enum { AVERAGE_INT8_MOST_PIXELS = 1 << 23 };  // of a window: sums fit in 32 bits

// In float32: v = (sum - zeros) * (ratio / n), where n counts the pixels of the window, then y = v,
// or the nearest whole number (half to even) + y_zero, limited to the type; 0 for NaN. Where ratio
// is 1, so that means in the middle between two steps are common, v = (sum - zeros) / n.
typedef struct average_int8 {
  conv_shape_t s;  // as in kernels/pool.h; channels_last is not looked at
  bool is_signed, count_padding;
  int zero;      // of x
  float ratio;   // what one step of x is, in steps of y (of float32: in real values)
  dtype_t type;  // of y: DT_FLOAT, DT_INT8, DT_UINT8
  int y_zero;
} average_int8_t;

// Any thread may call.
void average_int8(const average_int8_t *a, const void *x, void *y, int threads);

#endif
