// What convolutions and pools share: the window that their attributes describe.
#ifndef TFTRT_OPS_WINDOW_H
#define TFTRT_OPS_WINDOW_H

#include "kernels/conv.h"
#include "ops/array.h"

typedef struct window {
  int spatial;  // 2 or 3
  bool channels_last, same;
  int64_t size[3], strides[3], dilations[3], begin[3], end[3];
  int64_t channel_size, channel_stride;  // of pools; 1 where a window stays within its channel
} window_t;

// Reads strides, dilations, padding, explicit_paddings, data_format and (where the op has it)
// ksize. INVALID_ARGUMENT or UNIMPLEMENTED names op and node.
status_t window_read(const node_t *n, int spatial, window_t *w);
// As window_read, but ksize and strides come from outside: rank (spatial + 2) entries each.
status_t window_set(const node_t *n, window_t *w, const int64_t *ksize, const int64_t *strides);
static inline int window_axis(const window_t *w, int dim) {
  return w->channels_last ? 1 + dim : 2 + dim;
}
static inline int window_channels(const window_t *w) {
  return w->channels_last ? w->spatial + 1 : 1;
}
// Output spatial dims (and pads before, may be NULL) for an input; -1 where unknown. Fails when a
// known dim is smaller than its window.
status_t window_out(const node_t *n, const window_t *w, const shape_t *in, shape_t *out,
                    int64_t *before);
// The kernels' description. in: the side with the larger dims (a convolution's input).
conv_shape_t window_shape(const window_t *w, const shape_t *in, const shape_t *out,
                          const int64_t *before);
// Float, half or bfloat16 and a tensor of rank spatial + 2: what engines convolve and pool.
bool accept_window(lower_ctx_t *c, int in, int spatial, char *reason, size_t n);
bool accept_engine_float(const lower_ctx_t *c, dtype_t dtype, char *reason, size_t n);

#endif
