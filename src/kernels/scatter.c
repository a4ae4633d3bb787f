#include "kernels/scatter.h"

#include "kernels/strided_copy.h"

#define COMBINE(T, READ, WRITE)                                                \
  do {                                                                         \
    T *d = dst;                                                                \
    const T *s = src;                                                          \
    for (int64_t i = 0; i < n; i++) {                                          \
      switch (op) {                                                            \
        case SCATTER_ADD: d[i] = (T)WRITE(READ(d[i]) + READ(s[i])); break;     \
        case SCATTER_SUB: d[i] = (T)WRITE(READ(d[i]) - READ(s[i])); break;     \
        case SCATTER_MAX: d[i] = READ(d[i]) < READ(s[i]) ? s[i] : d[i]; break; \
        default: d[i] = READ(s[i]) < READ(d[i]) ? s[i] : d[i]; break;          \
      }                                                                        \
    }                                                                          \
    return NULL;                                                               \
  } while (0)

status_t scatter_row(dtype_t dtype, scatter_op_t op, void *dst, const void *src, int64_t n) {
  if (op == SCATTER_SET) return copy_elements(dtype, src, dst, n);
  switch (dtype) {
    case DT_FLOAT: COMBINE(float, , );
    case DT_DOUBLE: COMBINE(double, , );
    case DT_HALF: COMBINE(uint16_t, half_to_float, float_to_half);
    case DT_BFLOAT16: COMBINE(uint16_t, bfloat16_to_float, float_to_bfloat16);
    case DT_INT32: COMBINE(int32_t, (int64_t), );
    case DT_INT64: COMBINE(int64_t, (int64_t)(uint64_t), );
    case DT_INT16: COMBINE(int16_t, (int), );
    case DT_UINT16: COMBINE(uint16_t, (int), );
    case DT_INT8: COMBINE(int8_t, (int), );
    case DT_UINT8: COMBINE(uint8_t, (int), );
    case DT_UINT32: COMBINE(uint32_t, , );
    case DT_UINT64: COMBINE(uint64_t, , );
    default: return FAIL(UNIMPLEMENTED, "scattering elements of data type %s", dtype_name(dtype));
  }
}
