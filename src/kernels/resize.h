// Image resizing as TensorFlow computes it, legacy coordinates and half-pixel centres. Images are
// [N, H, W, C].
#ifndef TFTRT_KERNELS_RESIZE_H
#define TFTRT_KERNELS_RESIZE_H

#include "base/status.h"
#include "tensor/dtype.h"

typedef struct resize_shape {
  int64_t batch, in_h, in_w, out_h, out_w, channels;  // all at least 1
  bool align_corners, half_pixel_centers;
} resize_shape_t;

// out = in / scale + ...; the step between the input positions of neighbouring outputs.
float resize_scale(int64_t in, int64_t out, bool align_corners);
// Elements of `element` bytes are copied as they are.
status_t resize_nearest(const resize_shape_t *s, const void *x, void *y, size_t element,
                        int threads);
// Weighted sums of a few input rows and columns. RESOURCE_EXHAUSTED when there is no room for the
// tables of weights.
status_t resize_bilinear(const resize_shape_t *s, const float *x, float *y, int threads);
status_t resize_bicubic(const resize_shape_t *s, const float *x, float *y, int threads);
status_t resize_area(const resize_shape_t *s, const float *x, float *y, int threads);
// TensorFlow's ScaleAndTranslate: kernel is "lanczos1|3|5", "gaussian", "box", "triangle",
// "keyscubic" or "mitchellcubic" (INVALID_ARGUMENT otherwise). scale and translation: (y, x).
status_t scale_and_translate(const resize_shape_t *s, const char *kernel, bool antialias,
                             const float *scale, const float *translation, const float *x, float *y,
                             int threads);

#endif
