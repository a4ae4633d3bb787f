#include "kernels/resize.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/parallel.h"

// One output coordinate of one axis: taps at input positions [from, from + n) with weights, or with
// positions of their own.
typedef struct axis {
  int64_t taps;   // per output; unused ones have weight 0
  int64_t *at;    // [out * taps], within the input
  float *weight;  // [out * taps]
} axis_t;

static status_t axis_make(axis_t *a, int64_t out, int64_t taps) {
  size_t n, bytes;
  a->taps = taps;
  a->at = NULL;
  if (size_mul((size_t)out, (size_t)taps, &n) &&
      size_mul(n, sizeof(int64_t) + sizeof(float), &bytes))
    a->at = mem_try_alloc(bytes);
  if (!a->at) return FAIL(RESOURCE_EXHAUSTED, "resize: no room for the weights of %zu taps", n);
  a->weight = (float *)(a->at + n);
  memset(a->at, 0, n * sizeof *a->at);
  memset(a->weight, 0, n * sizeof *a->weight);
  return NULL;
}

static inline int64_t clamp64(int64_t v, int64_t lo, int64_t hi) {
  return v < lo ? lo : v > hi ? hi : v;
}

float resize_scale(int64_t in, int64_t out, bool align_corners) {
  return align_corners && out > 1 ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out;
}

// ---------------------------------------------------------------- weighted sums

typedef struct weighted {
  const resize_shape_t *s;
  const axis_t *v, *h;
  const float *x;
  float *y;
  float divisor;  // 0: none
  bool lerp;      // two taps each: a + (b - a) * w, as TensorFlow rounds it
} weighted_t;

static void weighted_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const weighted_t *j = ctx;
  const resize_shape_t *s = j->s;
  const int64_t C = s->channels, row = s->in_w * C;
  for (int64_t r = begin; r < end; r++) {
    const float *image = j->x + r / s->out_h * s->in_h * row;
    const int64_t *ya = j->v->at + r % s->out_h * j->v->taps;
    const float *yw = j->v->weight + r % s->out_h * j->v->taps;
    for (int64_t ox = 0; ox < s->out_w; ox++) {
      const int64_t *xa = j->h->at + ox * j->h->taps;
      const float *xw = j->h->weight + ox * j->h->taps;
      float *y = j->y + (r * s->out_w + ox) * C;
      if (j->lerp) {
        const float *a = image + ya[0] * row, *b = image + ya[1] * row;
        const float *al = a + xa[0] * C, *ar = a + xa[1] * C, *bl = b + xa[0] * C,
                    *br = b + xa[1] * C;
        for (int64_t c = 0; c < C; c++) {
          float top = al[c] + (ar[c] - al[c]) * xw[1], bottom = bl[c] + (br[c] - bl[c]) * xw[1];
          y[c] = top + (bottom - top) * yw[1];
        }
        continue;
      }
      for (int64_t c = 0; c < C; c++) y[c] = 0;
      for (int64_t i = 0; i < j->v->taps; i++) {
        if (yw[i] == 0) continue;
        for (int64_t k = 0; k < j->h->taps; k++) {
          const float *x = image + ya[i] * row + xa[k] * C;
          float w = yw[i] * xw[k];
          if (w != 0)
            for (int64_t c = 0; c < C; c++) y[c] += w * x[c];
        }
      }
      if (j->divisor != 0)
        for (int64_t c = 0; c < C; c++) y[c] /= j->divisor;
    }
  }
}

typedef status_t (*axis_fn)(const resize_shape_t *s, int64_t in, int64_t out, axis_t *a);

static status_t run_weighted(const resize_shape_t *s, axis_fn make, const float *x, float *y,
                             float divisor, bool lerp, int threads) {
  axis_t v = {0}, h = {0};
  status_t st = make(s, s->in_h, s->out_h, &v);
  if (!st) st = make(s, s->in_w, s->out_w, &h);
  if (!st) {
    weighted_t j = {s, &v, &h, x, y, divisor, lerp};
    parallel_for(threads, s->batch * s->out_h, 4096 / (s->out_w * s->channels + 1) + 1,
                 weighted_rows, &j);
  }
  mem_aligned_free(v.at);
  mem_aligned_free(h.at);
  return st;
}

static status_t bilinear_axis(const resize_shape_t *s, int64_t in, int64_t out, axis_t *a) {
  TRY(axis_make(a, out, 2));
  float scale = resize_scale(in, out, s->align_corners);
  for (int64_t i = 0; i < out; i++) {
    float f = s->half_pixel_centers ? ((float)i + 0.5f) * scale - 0.5f : (float)i * scale;
    float low = floorf(f);
    a->at[2 * i] = clamp64((int64_t)low, 0, in - 1);
    a->at[2 * i + 1] = clamp64((int64_t)ceilf(f), 0, in - 1);
    a->weight[2 * i] = 1 - (f - low);
    a->weight[2 * i + 1] = f - low;
  }
  return NULL;
}

status_t resize_bilinear(const resize_shape_t *s, const float *x, float *y, int threads) {
  return run_weighted(s, bilinear_axis, x, y, 0, true, threads);
}

// Cubic convolution (Keys 1981) at distance d; TensorFlow rounds the fraction to 1/1024.
static float cubic_near(float a, double d) {
  return (float)((((double)a + 2) * d - ((double)a + 3)) * d * d + 1);
}
static float cubic_far(float a, double d) {
  double x = d + 1, k = (double)a;
  return (float)(((k * x - 5 * k) * x + 8 * k) * x - 4 * k);
}

static status_t bicubic_axis(const resize_shape_t *s, int64_t in, int64_t out, axis_t *axis) {
  TRY(axis_make(axis, out, 4));
  const float a = s->half_pixel_centers ? -0.5f : -0.75f;
  float scale = resize_scale(in, out, s->align_corners);
  for (int64_t i = 0; i < out; i++) {
    float f = s->half_pixel_centers ? ((float)i + 0.5f) * scale - 0.5f : (float)i * scale;
    float low = floorf(f);
    double d = (double)lrintf((f - low) * 1024) / 1024;
    float w[4] = {cubic_far(a, d), cubic_near(a, d), cubic_near(a, 1 - d), cubic_far(a, 1 - d)};
    float sum = 0;
    for (int t = 0; t < 4; t++) {
      int64_t at = (int64_t)low - 1 + t, inside = clamp64(at, 0, in - 1);
      // Half-pixel resizing leaves out what lies outside; the legacy one repeats the edge.
      if (s->half_pixel_centers && at != inside) w[t] = 0;
      axis->at[4 * i + t] = inside;
      sum += w[t];
    }
    bool normal = s->half_pixel_centers && fabsf(sum) >= 1000 * 1.17549435e-38f;
    for (int t = 0; t < 4; t++) axis->weight[4 * i + t] = normal ? w[t] / sum : w[t];
  }
  return NULL;
}

status_t resize_bicubic(const resize_shape_t *s, const float *x, float *y, int threads) {
  return run_weighted(s, bicubic_axis, x, y, 0, false, threads);
}

static status_t area_axis(const resize_shape_t *s, int64_t in, int64_t out, axis_t *a) {
  float scale = resize_scale(in, out, s->align_corners);
  TRY(axis_make(a, out, (int64_t)ceilf(scale) + 2));
  for (int64_t i = 0; i < out; i++) {
    float from = (float)i * scale, to = (float)(i + 1) * scale;
    int64_t begin = (int64_t)floorf(from), end = (int64_t)ceilf(to);
    for (int64_t k = begin, t = 0; k < end && t < a->taps; k++, t++) {
      float w = 1;
      if ((float)k < from)
        w = (float)(k + 1) > to ? scale : (float)(k + 1) - from;
      else if ((float)(k + 1) > to)
        w = to - (float)k;
      a->at[i * a->taps + t] = clamp64(k, 0, in - 1);
      a->weight[i * a->taps + t] = w;
    }
  }
  return NULL;
}

status_t resize_area(const resize_shape_t *s, const float *x, float *y, int threads) {
  float area = resize_scale(s->in_h, s->out_h, s->align_corners) *
               resize_scale(s->in_w, s->out_w, s->align_corners);
  return run_weighted(s, area_axis, x, y, area, false, threads);
}

// ---------------------------------------------------------------- nearest

typedef struct nearest_job {
  const resize_shape_t *s;
  const int64_t *rows, *cols;
  const char *x;
  char *y;
  size_t pixel;
} nearest_job_t;

static void nearest_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const nearest_job_t *j = ctx;
  const resize_shape_t *s = j->s;
  for (int64_t r = begin; r < end; r++) {
    const char *row =
        j->x + (size_t)((r / s->out_h * s->in_h + j->rows[r % s->out_h]) * s->in_w) * j->pixel;
    char *y = j->y + (size_t)(r * s->out_w) * j->pixel;
    for (int64_t i = 0; i < s->out_w; i++, y += j->pixel)
      memcpy(y, row + (size_t)j->cols[i] * j->pixel, j->pixel);
  }
}

status_t resize_nearest(const resize_shape_t *s, const void *x, void *y, size_t element,
                        int threads) {
  int64_t *at = NULL;
  size_t n, bytes;
  if (size_add((size_t)s->out_h, (size_t)s->out_w, &n) && size_mul(n, sizeof *at, &bytes))
    at = mem_try_alloc(bytes);
  if (!at) return FAIL(RESOURCE_EXHAUSTED, "resize: no room for %zu positions", n);
  for (int axis = 0; axis < 2; axis++) {
    int64_t in = axis ? s->in_w : s->in_h, out = axis ? s->out_w : s->out_h;
    int64_t *p = at + (axis ? s->out_h : 0);
    float scale = resize_scale(in, out, s->align_corners);
    for (int64_t i = 0; i < out; i++) {
      float f = (s->half_pixel_centers ? (float)i + 0.5f : (float)i) * scale;
      p[i] = clamp64((int64_t)(s->align_corners ? roundf(f) : floorf(f)), 0, in - 1);
    }
  }
  nearest_job_t j = {s, at, at + s->out_h, x, y, element * (size_t)s->channels};
  parallel_for(threads, s->batch * s->out_h, 4096 / (s->out_w * s->channels + 1) + 1, nearest_rows,
               &j);
  mem_aligned_free(at);
  return NULL;
}

// ---------------------------------------------------------------- scale and translate

static float lanczos(float x, float radius) {
  const float pi = 3.14159265359f;
  if (x > radius) return 0;
  if (fabsf(x) <= 1e-3f) return 1;
  return radius * sinf(pi * x) * sinf(pi * x / radius) / (pi * pi * x * x);
}
static float lanczos1(float x) { return lanczos(x, 1); }
static float lanczos3(float x) { return lanczos(x, 3); }
static float lanczos5(float x) { return lanczos(x, 5); }
static float gaussian(float x) {  // radius 1.5, sigma a third of it
  return x >= 1.5f ? 0 : expf(-x * x / (2 * 0.5f * 0.5f));
}
static float box(float x) { return x < 0.5f ? 1.0f : x == 0.5f ? 0.5f : 0; }
static float triangle(float x) { return x < 1 ? 1 - x : 0; }
static float keys(float x) {
  if (x >= 2) return 0;
  if (x >= 1) return ((-0.5f * x + 2.5f) * x - 4) * x + 2;
  return ((1.5f * x - 2.5f) * x) * x + 1;
}
static float mitchell(float x) {
  if (x >= 2) return 0;
  if (x >= 1) return (((-7.0f / 18) * x + 2) * x - 10.0f / 3) * x + 16.0f / 9;
  return (((7.0f / 6) * x - 2) * x) * x + 8.0f / 9;
}

static const struct {
  const char *name;
  float radius;
  float (*weight)(float distance);
} filters[] = {{"lanczos1", 1, lanczos1}, {"lanczos3", 3, lanczos3},
               {"lanczos5", 5, lanczos5}, {"gaussian", 1.5f, gaussian},
               {"box", 1, box},           {"triangle", 1, triangle},
               {"keyscubic", 2, keys},    {"mitchellcubic", 2, mitchell}};

static status_t spans(int f, bool antialias, float scale, float translation, int64_t in,
                      int64_t out, axis_t *a) {
  float inverse = 1 / scale, shift = -inverse * translation;
  float stretch = antialias && inverse > 1 ? inverse : 1, reach = filters[f].radius * stretch;
  if (!(reach < 1e9f)) return FAIL(INVALID_ARGUMENT, "scale_and_translate: the scale is too small");
  int64_t taps = 2 * (int64_t)ceilf(reach) + 1;
  TRY(axis_make(a, out, taps < in ? taps : in));
  for (int64_t i = 0; i < out; i++) {
    float sample = ((float)i + 0.5f) * inverse + shift, total = 0;
    if (!(sample >= 0 && sample <= (float)in)) continue;
    int64_t from = clamp64((int64_t)ceilf(sample - reach - 0.5f), 0, in - 1);
    int64_t to = clamp64((int64_t)floorf(sample + reach - 0.5f), 0, in - 1) + 1;
    int64_t n = to - from < a->taps ? to - from : a->taps;
    float *w = a->weight + i * a->taps;
    for (int64_t k = 0; k < n; k++) {
      a->at[i * a->taps + k] = from + k;
      w[k] = filters[f].weight(fabsf((float)(from + k) + 0.5f - sample) / stretch);
      total += w[k];
    }
    if (fabsf(total) >= 1000 * 1.17549435e-38f)
      for (int64_t k = 0; k < n; k++) w[k] /= total;
  }
  return NULL;
}

status_t scale_and_translate(const resize_shape_t *s, const char *kernel, bool antialias,
                             const float *scale, const float *translation, const float *x, float *y,
                             int threads) {
  int f = 0, count = (int)(sizeof filters / sizeof *filters);
  while (f < count && strcmp(filters[f].name, kernel) != 0) f++;
  if (f == count) return FAIL(INVALID_ARGUMENT, "kernel_type '%s' is unknown", kernel);
  axis_t v = {0}, h = {0};
  status_t st = spans(f, antialias, scale[0], translation[0], s->in_h, s->out_h, &v);
  if (!st) st = spans(f, antialias, scale[1], translation[1], s->in_w, s->out_w, &h);
  if (!st) {
    weighted_t j = {s, &v, &h, x, y, 0, false};
    parallel_for(threads, s->batch * s->out_h, 1, weighted_rows, &j);
  }
  mem_aligned_free(v.at);
  mem_aligned_free(h.at);
  return st;
}
