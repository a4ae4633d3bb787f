// Combining rows into an array at given places.
#ifndef TFTRT_KERNELS_SCATTER_H
#define TFTRT_KERNELS_SCATTER_H

#include "base/status.h"
#include "tensor/dtype.h"

typedef enum scatter_op {
  SCATTER_SET,
  SCATTER_ADD,
  SCATTER_SUB,
  SCATTER_MAX,
  SCATTER_MIN
} scatter_op_t;

// dst[i] = dst[i] op src[i] for n elements. SET: any dtype. The others: numbers; bool adds as "or"
// and multiplies as "and" do not exist here. UNIMPLEMENTED names the dtype.
status_t scatter_row(dtype_t dtype, scatter_op_t op, void *dst, const void *src, int64_t n);

#endif
