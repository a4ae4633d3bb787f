// What a strided slice with TensorFlow's masks means: StridedSlice's begin, end, strides and masks
// brought to one start, step and length per input dim. Source: the documentation of
// tf.strided_slice.
#ifndef TFTRT_KERNELS_SLICE_H
#define TFTRT_KERNELS_SLICE_H

#include "base/status.h"
#include "tensor/shape.h"

typedef struct slice_spec {
  int n;  // entries of begin, end, strides
  const int64_t *begin, *end, *strides;
  // Bit i set: begin[i] (end[i]) is not known; NULL-like 0 when all are. Only slice_spec_resolve
  // for shape inference uses these.
  int64_t begin_unknown, end_unknown;
  int64_t begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask;
} slice_spec_t;

typedef struct slice_dims {
  int64_t start[SHAPE_MAX_RANK], step[SHAPE_MAX_RANK];  // per input dim
  shape_t box;    // the input's rank: length per input dim, -1 unknown
  shape_t final;  // the result's shape: new axes put in, shrunk ones taken out
  // For every dim of `final`: the input dim that it comes from, -1 for a new axis.
  int from[SHAPE_MAX_RANK];
} slice_dims_t;

// INVALID_ARGUMENT: a stride of 0, more entries than dims, two ellipses, an index out of bounds.
// Unknown dims (and symbols) of `in` are allowed; a full slice keeps them.
status_t slice_spec_resolve(const slice_spec_t *spec, const shape_t *in, slice_dims_t *out);

#endif
