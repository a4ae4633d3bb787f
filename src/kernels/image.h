// Crops, warps and colours of images [N, H, W, C] of floats, as TensorFlow computes them.
#ifndef TFTRT_KERNELS_IMAGE_H
#define TFTRT_KERNELS_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct image_shape {
  int64_t batch, h, w, channels;
} image_shape_t;

// One crop per box (y1, x1, y2, x2 in units of the image less one pixel) of image box_image[i]
// (checked by the caller), resized to crop_h x crop_w. Outside the image: `outside`.
void image_crop_resize(const image_shape_t *s, const float *x, const float *boxes,
                       const int32_t *box_image, int64_t n_boxes, int64_t crop_h, int64_t crop_w,
                       bool bilinear, float outside, float *y, int threads);

typedef enum image_fill { FILL_CONSTANT, FILL_REFLECT, FILL_WRAP, FILL_NEAREST } image_fill_t;
// Output pixel (x, y) is read at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) with k = c0 x +
// c1 y + 1. transforms: 8 numbers per image, or 8 for all (one: true).
void image_project(const image_shape_t *s, const float *x, const float *transforms, bool one,
                   int64_t out_h, int64_t out_w, bool bilinear, image_fill_t fill, float fill_value,
                   float *y, int threads);

// Colours: triples of r, g, b; n pixels; y may be x.
void rgb_to_hsv(const float *x, float *y, int64_t n, int threads);
void hsv_to_rgb(const float *x, float *y, int64_t n, int threads);
void adjust_hue(const float *x, float *y, int64_t n, float delta, int threads);
void adjust_saturation(const float *x, float *y, int64_t n, float scale, int threads);
// (x - mean) * factor + mean, the mean of each channel of each image.
void adjust_contrast(const image_shape_t *s, const float *x, float *y, float factor, int threads);

#endif
