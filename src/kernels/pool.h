// Max and average pooling over 1 to 3 spatial dims. Geometry as in kernels/conv.h: in_c == out_c,
// kernel is the window, dilation is 1; padding is never counted unless count_padding.
#ifndef TFTRT_KERNELS_POOL_H
#define TFTRT_KERNELS_POOL_H

#include "kernels/conv.h"

typedef struct pool_options {
  bool max;            // else average
  bool count_padding;  // average: the divisor is the whole window
  void *argmax;        // max: [out elements] flat indices of the maxima, or NULL
  bool argmax64;       // int64_t, else int32_t
  bool argmax_batch;   // the index counts from the first image, else from its own
} pool_options_t;

// Max: any real dtype. Average: floating point. UNIMPLEMENTED otherwise. A channels-first tensor
// has no argmax. RESOURCE_EXHAUSTED when there is no room for 16-bit values as floats.
status_t pool_run(const conv_shape_t *s, dtype_t dtype, const void *x, void *y,
                  const pool_options_t *o, int threads);

#endif
