// Inside the pools' kernels: which pixels a window takes in.
#ifndef TFTRT_KERNELS_POOL_WINDOW_H
#define TFTRT_KERNELS_POOL_WINDOW_H

#include "kernels/conv.h"

// The window of one output pixel, cut to the input: [lo, hi) per dim, and its image.
typedef struct pool_window {
  int64_t lo[3], hi[3], image, count;
} pool_window_t;

static inline void pool_window_dim(const conv_shape_t *s, int d, int64_t o, pool_window_t *w) {
  int64_t at = o * s->stride[d] - s->pad[d];
  int64_t end = at + s->kernel[d] < s->in[d] ? at + s->kernel[d] : s->in[d];
  w->lo[d] = at < 0 ? 0 : at < s->in[d] ? at : s->in[d];
  w->hi[d] = end > w->lo[d] ? end : w->lo[d];
}

// The window of another pixel of the same row.
static inline void pool_window_column(const conv_shape_t *s, int64_t column, pool_window_t *w) {
  pool_window_dim(s, 2, column, w);
  w->count = (w->hi[0] - w->lo[0]) * (w->hi[1] - w->lo[1]) * (w->hi[2] - w->lo[2]);
}

static inline pool_window_t pool_window(const conv_shape_t *s, int64_t pixel) {
  pool_window_t w;
  int64_t o[3];
  o[2] = pixel % s->out[2], pixel /= s->out[2];
  o[1] = pixel % s->out[1], pixel /= s->out[1];
  o[0] = pixel % s->out[0];
  w.image = pixel / s->out[0];
  for (int d = 0; d < 3; d++) pool_window_dim(s, d, o[d], &w);
  pool_window_column(s, o[2], &w);
  return w;
}

// for each input pixel of window w: `at` is its index within the image
#define EACH_PIXEL(w, s, at)                                             \
  for (int64_t z_ = (w).lo[0]; z_ < (w).hi[0]; z_++)                     \
    for (int64_t y_ = (w).lo[1]; y_ < (w).hi[1]; y_++)                   \
      for (int64_t at = (z_ * (s)->in[1] + y_) * (s)->in[2] + (w).lo[2], \
                   end_ = at + (w).hi[2] - (w).lo[2];                    \
           at < end_; at++)

#endif
