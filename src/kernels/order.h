// Ordering numbers of any dtype by 64-bit keys, and picking the largest.
#ifndef TFTRT_KERNELS_ORDER_H
#define TFTRT_KERNELS_ORDER_H

#include "base/status.h"
#include "tensor/dtype.h"

// keys[i] orders as src[i] does (0 and -0 alike; NaN above infinity). False for dtypes that have no
// order (complex, strings, bool has one).
bool order_keys(dtype_t dtype, const void *src, int64_t n, uint64_t *keys);

typedef struct ranked {
  uint64_t key;
  int64_t index;
} ranked_t;
// The k largest of n keys in descending order, ties by the lower index; out has room for k <= n.
void top_k(const uint64_t *keys, int64_t n, int64_t k, ranked_t *out);

#endif
