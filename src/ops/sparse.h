// Sparse tensors as inputs of ops: triples of indices [n, rank] int64, values [n], shape [rank].
#ifndef TFTRT_OPS_SPARSE_H
#define TFTRT_OPS_SPARSE_H

#include "ops/array.h"

typedef struct sparse {
  const int64_t *index;  // [n, rank]
  const tensor_t *values;
  shape_t shape;
  int64_t n;
} sparse_t;

// Reads the triple at inputs i, v, s (v < 0: no values) and checks that the parts fit and that
// every index lies inside the shape.
status_t sparse_read(const op_ctx_t *c, int i, int v, int s, sparse_t *out);
// Outputs of a known rank and number of entries (-1: not known); values or shape < 0: none.
void infer_sparse(infer_ctx_t *c, int indices, int values, int shape, int64_t n, int64_t rank);
// -1, 0, 1 as index a comes before, with or after index b, row-major.
int sparse_order(const int64_t *a, const int64_t *b, int rank);

#endif
