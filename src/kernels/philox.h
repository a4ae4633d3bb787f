// The counter-based generator Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC11) and TensorFlow's way from its bits to numbers, so that equal keys and counters
// give TensorFlow's numbers.
#ifndef TFTRT_KERNELS_PHILOX_H
#define TFTRT_KERNELS_PHILOX_H

#include <stdbool.h>

#include "tensor/dtype.h"

typedef struct philox {
  uint32_t key[2], counter[4];
} philox_t;

philox_t philox_make(uint64_t key, uint64_t counter_low, uint64_t counter_high);
void philox_next(philox_t *p, uint32_t out[4]);  // four words; the counter moves on by one

// n numbers of dtype float or double: uniform in [0, 1), or of the normal distribution
// (Box-Muller).
bool philox_fill(philox_t p, bool normal, dtype_t t, void *y, int64_t n);

#endif
