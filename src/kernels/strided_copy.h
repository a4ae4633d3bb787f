// Moving elements between arrays: one kernel for transposes, slices, concats, pads, tiles,
// broadcasts, reversals and all other ops that only say where an element goes.
//
// Works on every dtype: plain ones by their size, strings by copying their bytes, resources and
// variants by taking a reference. Only strings can fail (RESOURCE_EXHAUSTED). Source and
// destination must not overlap. Safe from any thread.
#ifndef TFTRT_KERNELS_STRIDED_COPY_H
#define TFTRT_KERNELS_STRIDED_COPY_H

#include "base/status.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

enum { STRIDED_MAX_RANK = 2 * SHAPE_MAX_RANK };

// For every index i in dims: dst[dst_start + i . dst_stride] = src[src_start + i . src_stride].
// Starts and strides are in elements; strides may be 0 (broadcast, source only) or negative. The
// caller answers for every address being inside the two arrays.
typedef struct strided {
  int rank;
  int64_t dims[STRIDED_MAX_RANK];
  int64_t src_start, src_stride[STRIDED_MAX_RANK];
  int64_t dst_start, dst_stride[STRIDED_MAX_RANK];
} strided_t;

status_t strided_copy(dtype_t dtype, const strided_t *s, const void *src, void *dst, int threads);

// n elements in a row.
status_t copy_elements(dtype_t dtype, const void *src, void *dst, int64_t n);
// n times the element at `value`.
status_t fill_elements(dtype_t dtype, const void *value, void *dst, int64_t n, int threads);
static inline void *element_at(dtype_t dtype, const void *data, int64_t i) {
  return (char *)data + (int64_t)dtype_size(dtype) * i;
}

// Adds a dim behind the others.
void strided_dim(strided_t *s, int64_t n, int64_t src_stride, int64_t dst_stride);

// A box of an array, each dim cut into up to 3 pieces that are read from somewhere else: pieces of
// length n from src (stepping src_step: 1, -1 or the stride of a slice) land at dst (stepping
// dst_step). Pads, mirrors, rolls, slices and reversals are products of such pieces.
typedef struct piece {
  int64_t src, dst, n, src_step, dst_step;
} piece_t;
typedef struct pieces {
  int n;
  piece_t p[3];
} pieces_t;
// src_shape and dst_shape have the same rank; dims[i] lists the pieces of dim i.
status_t pieces_copy(dtype_t dtype, const shape_t *src_shape, const shape_t *dst_shape,
                     const pieces_t *dims, const void *src, void *dst, int threads);

// out = in with its dims permuted: out dim i is in dim perm[i].
status_t transpose_copy(dtype_t dtype, const shape_t *in_shape, const int *perm, const void *in,
                        void *out, int threads);

#endif
