// Real numbers to float and back, for kernels that compute in float. False for other dtypes.
#ifndef TFTRT_KERNELS_TO_FLOAT_H
#define TFTRT_KERNELS_TO_FLOAT_H

#include "kernels/convert.h"

static inline bool floats_from(dtype_t dtype, const void *src, int64_t n, float *dst) {
  return !dtype_is_complex(dtype) && convert(dtype, DT_FLOAT, src, dst, n, false, 1);
}
static inline bool floats_to(dtype_t dtype, const float *src, int64_t n, void *dst) {
  return !dtype_is_complex(dtype) && convert(DT_FLOAT, dtype, src, dst, n, false, 1);
}

#endif
