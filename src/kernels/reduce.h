// Reductions over any set of axes, arg-reductions and scans along one axis, on dense buffers of
// real (and for sums and products complex) dtypes. 16-bit floats are the caller's to widen.
//
// Float sums are taken in blocks that are added in double, so that long ones stay accurate.
// Integers wrap; an integer mean is the wrapped sum over the count, truncated (TensorFlow widens
// shorter integers to int64 first).
#ifndef TFTRT_KERNELS_REDUCE_H
#define TFTRT_KERNELS_REDUCE_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/dtype.h"
#include "tensor/shape.h"

typedef enum reduce_kind {
  REDUCE_KIND_SUM,
  REDUCE_KIND_PROD,
  REDUCE_KIND_MAX,
  REDUCE_KIND_MIN,
  REDUCE_KIND_SUM_SQUARE,
  REDUCE_KIND_ALL,  // bool
  REDUCE_KIND_ANY,
  REDUCE_KIND_COUNT,
  // made of the above
  REDUCE_KIND_MEAN,
  REDUCE_KIND_L2,  // sqrt of the sum of squares
} reduce_kind_t;

bool reduce_has(reduce_kind_t kind, dtype_t t);
// Bytes of scratch that reduce() needs; 0 in the usual cases.
size_t reduce_scratch(dtype_t t, const shape_t *s, const bool *reduced);
// y gets the elements of the dims that stay, in order. Nothing to reduce gives the operation's
// identity (0, 1, -inf or the smallest integer, ...; a mean of floats: NaN).
void reduce(reduce_kind_t kind, dtype_t t, const void *x, const shape_t *s, const bool *reduced,
            void *y, void *scratch, int threads);

// x is [outer, k, inner]; y [outer, inner] gets the first index of the extreme (k > 0). False when
// there is no kernel for the dtypes. out: int16, uint16, int32 or int64.
bool arg_reduce(bool max, dtype_t t, const void *x, int64_t outer, int64_t k, int64_t inner,
                dtype_t out, void *y, int threads);

typedef enum scan_kind { SCAN_SUM, SCAN_PROD, SCAN_LOG_SUM_EXP } scan_kind_t;
// Running sums, products or log-sum-exps along the middle axis of [outer, k, inner].
bool scan(scan_kind_t kind, dtype_t t, const void *x, int64_t outer, int64_t k, int64_t inner,
          bool exclusive, bool reverse, void *y, int threads);

#endif
