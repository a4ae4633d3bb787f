// Transposed convolutions of 8-bit numbers. Output points with the same place in the stride see the
// same taps of the filter, as in kernels/conv.h: each such set is a convolution of stride 1 by
// kernels/conv_int8.h. Sums are exact. Nothing here is checked against the buffers, callers have
// done so. Any thread may call.
#ifndef TFTRT_KERNELS_DECONV_INT8_H
#define TFTRT_KERNELS_DECONV_INT8_H

#include "kernels/conv_int8.h"

// c->s is the convolution of which this is the gradient: its input [batch, in..., in_c] is our
// output, its output ours to read. Dilations are 1, groups 1. w: [kernel..., in_c, out_c].
size_t deconv_int8_packed_bytes(const conv_int8_t *c);  // 0: overflow, or too many products
// RESOURCE_EXHAUSTED: no memory for a part of the filter.
status_t deconv_int8_pack(const conv_int8_t *c, const int8_t *w, void *packed, int threads);
size_t deconv_int8_scratch(const conv_int8_t *c, dtype_t y);  // bytes for deconv_int8_run
// finish has no residual.
status_t deconv_int8_run(const conv_int8_t *c, const void *x, const void *packed, void *y,
                         const int8_finish_t *finish, void *scratch, int threads);

#endif
