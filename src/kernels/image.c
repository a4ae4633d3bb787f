#include "kernels/image.h"

#include <math.h>

#include "base/parallel.h"

// ---------------------------------------------------------------- crops

typedef struct crop_job {
  image_shape_t s;
  const float *x, *boxes;
  const int32_t *box_image;
  int64_t crop_h, crop_w;
  bool bilinear;
  float outside;
  float *y;
} crop_job_t;

// Where output i of n reads along an axis of `size` pixels.
static float crop_at(float from, float to, int64_t size, int64_t n, int64_t i) {
  float last = (float)(size - 1);
  if (n <= 1) return 0.5f * (from + to) * last;
  return from * last + (float)i * ((to - from) * last / (float)(n - 1));
}

static void crop_boxes(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const crop_job_t *j = ctx;
  const int64_t C = j->s.channels, W = j->s.w;
  for (int64_t r = begin; r < end; r++) {  // (box, row)
    int64_t b = r / j->crop_h, oy = r % j->crop_h;
    const float *box = j->boxes + 4 * b, *image = j->x + j->box_image[b] * j->s.h * W * C;
    float fy = crop_at(box[0], box[2], j->s.h, j->crop_h, oy);
    float *y = j->y + r * j->crop_w * C;
    for (int64_t ox = 0; ox < j->crop_w; ox++, y += C) {
      float fx = crop_at(box[1], box[3], W, j->crop_w, ox);
      if (!(fy >= 0 && fy <= (float)(j->s.h - 1) && fx >= 0 && fx <= (float)(W - 1))) {
        for (int64_t c = 0; c < C; c++) y[c] = j->outside;
        continue;
      }
      if (!j->bilinear) {
        const float *p = image + ((int64_t)roundf(fy) * W + (int64_t)roundf(fx)) * C;
        for (int64_t c = 0; c < C; c++) y[c] = p[c];
        continue;
      }
      int64_t top = (int64_t)floorf(fy), bottom = (int64_t)ceilf(fy);
      int64_t left = (int64_t)floorf(fx), right = (int64_t)ceilf(fx);
      float ly = fy - (float)top, lx = fx - (float)left;
      const float *tl = image + (top * W + left) * C, *tr = image + (top * W + right) * C;
      const float *bl = image + (bottom * W + left) * C, *br = image + (bottom * W + right) * C;
      for (int64_t c = 0; c < C; c++) {
        float t = tl[c] + (tr[c] - tl[c]) * lx, u = bl[c] + (br[c] - bl[c]) * lx;
        y[c] = t + (u - t) * ly;
      }
    }
  }
}

void image_crop_resize(const image_shape_t *s, const float *x, const float *boxes,
                       const int32_t *box_image, int64_t n_boxes, int64_t crop_h, int64_t crop_w,
                       bool bilinear, float outside, float *y, int threads) {
  crop_job_t j = {*s, x, boxes, box_image, crop_h, crop_w, bilinear, outside, y};
  parallel_for(threads, n_boxes * crop_h, 1, crop_boxes, &j);
}

// ---------------------------------------------------------------- projective transforms

// A coordinate outside [0, size) brought inside, as the fill mode says.
static float map_coordinate(float at, int64_t size, image_fill_t fill) {
  float n = (float)size, last = (float)(size - 1);
  if (fill == FILL_CONSTANT) return at;
  if (fill == FILL_REFLECT) {
    float period = 2 * n;
    if (at < 0) {
      if (size <= 1) return 0;
      if (at < period) at = period * truncf(-at / period) + at;
      at = at < -n ? at + period : -at - 1;
    } else if (at > last) {
      if (size <= 1) return 0;
      at -= period * truncf(at / period);
      if (at >= n) at = period - at - 1;
    }
  } else if (fill == FILL_WRAP) {
    if (at < 0)
      at = size <= 1 ? 0 : at + n * (truncf(-at / last) + 1);
    else if (at > last)
      at = size <= 1 ? 0 : at - n * truncf(at / last);
  }
  return at < 0 ? 0 : at > last ? last : at;
}

typedef struct project_job {
  image_shape_t s;
  const float *x, *transforms;
  bool one, bilinear;
  int64_t out_h, out_w;
  image_fill_t fill;
  float fill_value;
  float *y;
} project_job_t;

static inline float pixel(const project_job_t *j, const float *image, float y, float x, int64_t c) {
  if (!(y >= 0 && y < (float)j->s.h && x >= 0 && x < (float)j->s.w)) return j->fill_value;
  return image[((int64_t)y * j->s.w + (int64_t)x) * j->s.channels + c];
}

static void project_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const project_job_t *j = ctx;
  const int64_t C = j->s.channels;
  for (int64_t r = begin; r < end; r++) {
    int64_t b = r / j->out_h;
    const float *t = j->transforms + (j->one ? 0 : 8 * b);
    const float *image = j->x + b * j->s.h * j->s.w * C;
    float oy = (float)(r % j->out_h), *y = j->y + r * j->out_w * C;
    for (int64_t i = 0; i < j->out_w; i++, y += C) {
      float ox = (float)i, k = t[6] * ox + t[7] * oy + 1;
      if (k == 0) {  // the point at infinity
        for (int64_t c = 0; c < C; c++) y[c] = j->fill_value;
        continue;
      }
      float fx = map_coordinate((t[0] * ox + t[1] * oy + t[2]) / k, j->s.w, j->fill);
      float fy = map_coordinate((t[3] * ox + t[4] * oy + t[5]) / k, j->s.h, j->fill);
      for (int64_t c = 0; c < C; c++) {
        if (!j->bilinear) {
          y[c] = pixel(j, image, roundf(fy), roundf(fx), c);
          continue;
        }
        float y0 = floorf(fy), x0 = floorf(fx), y1 = y0 + 1, x1 = x0 + 1;
        float top = (x1 - fx) * pixel(j, image, y0, x0, c) + (fx - x0) * pixel(j, image, y0, x1, c);
        float low = (x1 - fx) * pixel(j, image, y1, x0, c) + (fx - x0) * pixel(j, image, y1, x1, c);
        y[c] = (y1 - fy) * top + (fy - y0) * low;
      }
    }
  }
}

void image_project(const image_shape_t *s, const float *x, const float *transforms, bool one,
                   int64_t out_h, int64_t out_w, bool bilinear, image_fill_t fill, float fill_value,
                   float *y, int threads) {
  project_job_t j = {*s, x, transforms, one, bilinear, out_h, out_w, fill, fill_value, y};
  parallel_for(threads, s->batch * out_h, 1, project_rows, &j);
}

// ---------------------------------------------------------------- colours

static void to_hsv(const float *p, float *h, float *s, float *v) {
  float r = p[0], g = p[1], b = p[2], top = fmaxf(r, fmaxf(g, b)), low = fminf(r, fminf(g, b));
  float range = top - low, unit = 1.0f / (6.0f * range);
  *v = top;
  *s = top > 0 ? range / top : 0;
  *h = r == top ? unit * (g - b) : g == top ? unit * (b - r) + 2.0f / 6 : unit * (r - g) + 4.0f / 6;
  if (range <= 0) *h = 0;
  if (*h < 0) *h += 1;
}

static inline float unit_clamp(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

static void from_hsv(float h, float s, float v, float *p) {
  float d = h * 6;
  p[0] = (1 - s + s * unit_clamp(fabsf(d - 3) - 1)) * v;
  p[1] = (1 - s + s * unit_clamp(2 - fabsf(d - 2))) * v;
  p[2] = (1 - s + s * unit_clamp(2 - fabsf(d - 4))) * v;
}

typedef struct colour_job {
  enum { TO_HSV, FROM_HSV, HUE, SATURATION } kind;
  const float *x;
  float *y, amount;
} colour_job_t;

static void colour_pixels(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const colour_job_t *j = ctx;
  for (int64_t i = begin; i < end; i++) {
    const float *x = j->x + 3 * i;
    float *y = j->y + 3 * i, h = x[0], s = x[1], v = x[2];
    if (j->kind != FROM_HSV) to_hsv(x, &h, &s, &v);
    if (j->kind == TO_HSV) {
      y[0] = h, y[1] = s, y[2] = v;
      continue;
    }
    if (j->kind == HUE) {
      h += j->amount;
      h -= floorf(h);
    }
    if (j->kind == SATURATION) s = unit_clamp(s * j->amount);
    from_hsv(h, s, v, y);
  }
}

static void colours(colour_job_t j, int64_t n, int threads) {
  parallel_for(threads, n, 2048, colour_pixels, &j);
}
void rgb_to_hsv(const float *x, float *y, int64_t n, int threads) {
  colours((colour_job_t){TO_HSV, x, y, 0}, n, threads);
}
void hsv_to_rgb(const float *x, float *y, int64_t n, int threads) {
  colours((colour_job_t){FROM_HSV, x, y, 0}, n, threads);
}
void adjust_hue(const float *x, float *y, int64_t n, float delta, int threads) {
  colours((colour_job_t){HUE, x, y, delta}, n, threads);
}
void adjust_saturation(const float *x, float *y, int64_t n, float scale, int threads) {
  colours((colour_job_t){SATURATION, x, y, scale}, n, threads);
}

typedef struct contrast_job {
  image_shape_t s;
  const float *x;
  float *y, factor;
} contrast_job_t;

static void contrast_channels(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const contrast_job_t *j = ctx;
  const int64_t C = j->s.channels, n = j->s.h * j->s.w;
  for (int64_t i = begin; i < end; i++) {
    const float *x = j->x + i / C * n * C + i % C;
    float *y = j->y + i / C * n * C + i % C;
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += (double)x[k * C];
    float mean = (float)(sum / (double)n);
    for (int64_t k = 0; k < n; k++) y[k * C] = (x[k * C] - mean) * j->factor + mean;
  }
}

void adjust_contrast(const image_shape_t *s, const float *x, float *y, float factor, int threads) {
  contrast_job_t j = {*s, x, y, factor};
  parallel_for(threads, s->batch * s->channels, 1, contrast_channels, &j);
}
