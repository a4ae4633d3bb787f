// 16-bit floats to float and back, for kernels that compute in float.
#ifndef TFTRT_KERNELS_TO_FLOAT_H
#define TFTRT_KERNELS_TO_FLOAT_H

#include <stdint.h>

#include "tensor/dtype.h"

// Any real dtype (bool excluded) to float; false for others, and nothing is written.
bool floats_from(dtype_t dtype, const void *src, int64_t n, float *dst);
// float to half, bfloat16, float or double: rounded to nearest even.
bool floats_to(dtype_t dtype, const float *src, int64_t n, void *dst);

#endif
