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

// p moved on by n calls of philox_next.
void philox_skip(philox_t *p, uint64_t n);

typedef enum philox_kind {
  PHILOX_UNIFORM,    // in [0, 1): float, double, half, bfloat16
  PHILOX_NORMAL,     // Box-Muller; the same dtypes
  PHILOX_TRUNCATED,  // normal, what lies 2 or more from the mean drawn again
  PHILOX_BITS,       // int32, uint32, int64, uint64: all values
} philox_kind_t;

// n numbers; false when there are none of that kind in dtype t.
bool philox_fill(philox_t p, philox_kind_t kind, dtype_t t, void *y, int64_t n);

// Word by word.
typedef struct philox_words {
  philox_t p;
  uint32_t word[4];
  int left;
} philox_words_t;
uint32_t philox_word(philox_words_t *w);
double philox_word_double(philox_words_t *w);  // in [0, 1), of two words

#endif
