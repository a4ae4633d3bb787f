// Row partitions of ragged tensors.
#ifndef TFTRT_OPS_RAGGED_H
#define TFTRT_OPS_RAGGED_H

#include "ops/array.h"

// Input i as row splits: a vector that starts with 0, does not fall, and ends with n (when n >= 0).
// *rows: how many rows it makes.
status_t op_splits(const op_ctx_t *c, int i, int64_t n, int64_t *rows);
// Inputs [first, first + n) as nested splits over `values` rows: each ends with the rows of the
// next.
status_t op_nested_splits(const op_ctx_t *c, int first, int n, int64_t values);

#endif
