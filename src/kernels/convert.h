// Conversion between dtypes, with the meaning of TensorFlow's Cast on x86: floats to integers
// truncate, out of range (and NaN) gives the smallest integer of the 32- or 64-bit conversion, cut
// to the type; integers wrap; complex to real drops the imaginary part; bool is "not zero".
#ifndef TFTRT_KERNELS_CONVERT_H
#define TFTRT_KERNELS_CONVERT_H

#include <stdbool.h>

#include "tensor/dtype.h"

// n elements. `truncate`: to a shorter float by cutting the mantissa instead of rounding. False
// when a dtype is not numeric. y must not overlap x.
bool convert(dtype_t from, dtype_t to, const void *x, void *y, int64_t n, bool truncate,
             int threads);
bool convert_has(dtype_t from, dtype_t to);

#endif
