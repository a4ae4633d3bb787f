#include "kernels/to_float.h"

#include <string.h>

#define FROM(DT, T)                                       \
  case DT: {                                              \
    const T *s = src;                                     \
    for (int64_t i = 0; i < n; i++) dst[i] = (float)s[i]; \
    return true;                                          \
  }

bool floats_from(dtype_t dtype, const void *src, int64_t n, float *dst) {
  const uint16_t *h = src;
  switch (dtype) {
    case DT_FLOAT: memcpy(dst, src, (size_t)n * sizeof(float)); return true;
    case DT_HALF:
      for (int64_t i = 0; i < n; i++) dst[i] = half_to_float(h[i]);
      return true;
    case DT_BFLOAT16:
      for (int64_t i = 0; i < n; i++) dst[i] = bfloat16_to_float(h[i]);
      return true;
      FROM(DT_DOUBLE, double)
      FROM(DT_INT8, int8_t)
      FROM(DT_UINT8, uint8_t)
      FROM(DT_INT16, int16_t)
      FROM(DT_UINT16, uint16_t)
      FROM(DT_INT32, int32_t)
      FROM(DT_UINT32, uint32_t)
      FROM(DT_INT64, int64_t)
      FROM(DT_UINT64, uint64_t)
    default: return false;
  }
}

bool floats_to(dtype_t dtype, const float *src, int64_t n, void *dst) {
  uint16_t *h = dst;
  double *d = dst;
  switch (dtype) {
    case DT_FLOAT: memcpy(dst, src, (size_t)n * sizeof(float)); return true;
    case DT_HALF:
      for (int64_t i = 0; i < n; i++) h[i] = float_to_half(src[i]);
      return true;
    case DT_BFLOAT16:
      for (int64_t i = 0; i < n; i++) h[i] = float_to_bfloat16(src[i]);
      return true;
    case DT_DOUBLE:
      for (int64_t i = 0; i < n; i++) d[i] = (double)src[i];
      return true;
    default: return false;
  }
}
