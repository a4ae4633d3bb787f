// Walking up to three row-major operands under numpy broadcasting, as rows of one inner dimension.
#ifndef TFTRT_KERNELS_BROADCAST_H
#define TFTRT_KERNELS_BROADCAST_H

#include "tensor/shape.h"

enum { BCAST_MAX_IN = 3 };

typedef struct bcast {
  int n_in;
  int rank;                   // >= 1, after unit dims are dropped and runs are merged
  int64_t d[SHAPE_MAX_RANK];  // d[rank - 1] is the inner dimension
  int64_t stride[BCAST_MAX_IN][SHAPE_MAX_RANK];  // in elements; 0 where the operand is repeated
  int64_t rows, inner;                           // rows * inner elements in all
} bcast_t;

// False when the (fully known) shapes cannot be broadcast together, or the result's element count
// overflows. `out` is the result's shape.
bool bcast_plan(int n_in, const shape_t *const *in, bcast_t *b, shape_t *out);

// One row: operand k starts at element at[k] and moves by step[k] (0 or 1); the result is dense.
typedef void (*bcast_row_fn)(void *ctx, const int64_t *at, const int64_t *step, int64_t out,
                             int64_t n);
// Calls fn for every row (or for pieces of rows), on up to `threads` threads when there is enough
// work.
void bcast_run(const bcast_t *b, int threads, bcast_row_fn fn, void *ctx);

#endif
