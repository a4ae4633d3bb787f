// Pools, local response normalisation, resizing, non-maximum suppression.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "network/eval/eval_internal.h"

status_t eval_pool(const layer_t *l, const tensor_t *in, tensor_t *out) {
  bool last = l->p.pool.channels_last, max = l->p.pool.max, same = l->p.pool.same;
  int spatial = l->p.pool.spatial, first = last ? 1 : 2;
  int64_t own[SHAPE_MAX_RANK], coord[SHAPE_MAX_RANK] = {0}, before[3] = {0}, taps = 1;
  shape_strides(&in->shape, own);
  for (int i = 0; i < spatial; i++) {
    int64_t unused;
    conv_geometry(in->shape.d[first + i], l->p.pool.window[i], l->p.pool.strides[i], 1, same,
                  same ? 0 : l->p.pool.pad_begin[i], same ? 0 : l->p.pool.pad_end[i], &unused,
                  &before[i]);
    taps *= l->p.pool.window[i];
  }
  int64_t n = tensor_elements(out);
  bool exact = eval_exact(in->dtype);
  for (int64_t i = 0; i < n; i++, eval_next(&out->shape, coord)) {
    double sum = 0, most = -INFINITY;
    int64_t count = 0, most_exact = 0;
    for (int64_t tap = 0; tap < taps; tap++) {
      int64_t rest = tap,
              at = coord[0] * own[0] + coord[last ? spatial + 1 : 1] * own[last ? spatial + 1 : 1];
      bool inside = true;
      for (int d = spatial - 1; d >= 0; d--) {
        int64_t p =
            coord[first + d] * l->p.pool.strides[d] + rest % l->p.pool.window[d] - before[d];
        rest /= l->p.pool.window[d];
        inside = inside && p >= 0 && p < in->shape.d[first + d];
        at += p * own[first + d];
      }
      if (!inside) continue;
      double v = tensor_number_at(in, at);
      if (exact && (count == 0 || eval_int(in, at) > most_exact)) most_exact = eval_int(in, at);
      most = isnan(v) || isnan(most) ? NAN : v > most ? v : most;
      sum += v;
      count++;
    }
    if (max && exact)
      eval_set_int(out, i, most_exact);
    else if (max)
      tensor_set_number(out, i, most);
    else
      tensor_set_number(out, i, sum / (double)(l->p.pool.count_padding ? taps : count));
  }
  return NULL;
}

// x / (bias + alpha * sum of squares over neighbouring channels)^beta, channels last.
status_t eval_lrn(const layer_t *l, const tensor_t *in, tensor_t *out) {
  if (in->shape.rank < 1) return EVAL_BAD(l, "%s", "the input is a scalar");
  int64_t c = in->shape.d[in->shape.rank - 1], n = tensor_elements(in), r = l->p.lrn.radius;
  for (int64_t i = 0; i < n; i++) {
    int64_t channel = i % c, lo = channel - r, hi = channel + r;
    if (lo < 0) lo = 0;
    if (hi >= c) hi = c - 1;
    double sum = 0;
    for (int64_t k = lo; k <= hi; k++) {
      double v = tensor_number_at(in, i - channel + k);
      sum += v * v;
    }
    double base = (double)l->p.lrn.bias + (double)l->p.lrn.alpha * sum;
    tensor_set_number(out, i, tensor_number_at(in, i) / pow(base, (double)l->p.lrn.beta));
  }
  return NULL;
}

// ---- resize ---------------------------------------------------------------------------------
// Coordinates are computed in float, as TensorFlow does: which pixel is nearest depends on it.

typedef struct tap {
  int64_t at[4];
  double weight[4];
} tap_t;

static float resize_scale(int64_t in, int64_t out, bool align_corners) {
  return align_corners && out > 1 ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out;
}

static int64_t bound(int64_t v, int64_t n) { return v < 0 ? 0 : v >= n ? n - 1 : v; }

// Keys' cubic convolution kernel at distance x; TensorFlow reads it from a table of 1024 steps.
static double cubic(double a, double x) {
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

static tap_t resize_tap(const layer_t *l, int64_t i, int64_t in, int64_t out) {
  bool half = l->p.resize.half_pixel_centers, align = l->p.resize.align_corners;
  float scale = resize_scale(in, out, align);
  tap_t t = {0};
  if (l->p.resize.mode == RESIZE_NEAREST) {
    float x = half ? ((float)i + 0.5f) * scale : (float)i * scale;
    t.at[0] = bound((int64_t)(align ? roundf(x) : floorf(x)), in);
    t.weight[0] = 1;
    return t;
  }
  float x = half ? ((float)i + 0.5f) * scale - 0.5f : (float)i * scale, base = floorf(x);
  int64_t first = (int64_t)base;
  if (l->p.resize.mode == RESIZE_BILINEAR) {
    double far = (double)(x - base);
    t = (tap_t){{bound(first, in), bound((int64_t)ceilf(x), in)}, {1 - far, far}};
    return t;
  }
  double d = (double)lrintf((x - base) * 1024) / 1024, sum = 0, a = half ? -0.5 : -0.75;
  double distance[4] = {1 + d, d, 1 - d, 2 - d};
  for (int k = 0; k < 4; k++) {
    int64_t p = first - 1 + k;
    t.at[k] = bound(p, in);
    t.weight[k] = half && p != t.at[k] ? 0 : cubic(a, distance[k]);
    sum += t.weight[k];
  }
  for (int k = 0; half && k < 4 && fabs(sum) > 1e-30; k++) t.weight[k] /= sum;
  return t;
}

status_t eval_resize(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const shape_t *x = &in->shape, *y = &out->shape;
  if (x->d[1] < 1 || x->d[2] < 1 || y->d[1] < 1 || y->d[2] < 1)
    return EVAL_BAD(l, "%s", "an empty image");
  int64_t channels = x->d[3], coord[SHAPE_MAX_RANK] = {0}, n = tensor_elements(out);
  bool exact = eval_exact(out->dtype);
  for (int64_t i = 0; i < n; i++, eval_next(y, coord)) {
    tap_t v = resize_tap(l, coord[1], x->d[1], y->d[1]);
    tap_t h = resize_tap(l, coord[2], x->d[2], y->d[2]);
    double sum = 0;
    for (int a = 0; a < 4; a++)
      for (int b = 0; b < 4; b++) {
        if (v.weight[a] == 0 || h.weight[b] == 0) continue;
        int64_t at = ((coord[0] * x->d[1] + v.at[a]) * x->d[2] + h.at[b]) * channels + coord[3];
        if (exact)
          eval_set_int(out, i, eval_int(in, at));  // nearest only
        else
          sum += v.weight[a] * h.weight[b] * tensor_number_at(in, at);
      }
    if (!exact) tensor_set_number(out, i, sum);
  }
  return NULL;
}

// ---- CombinedNonMaxSuppression ------------------------------------------------------------------

typedef struct box {
  float score;
  int64_t index, cls;
} box_t;

static int by_score(const void *pa, const void *pb) {
  const box_t *a = pa, *b = pb;
  if (a->score != b->score) return a->score > b->score ? -1 : 1;
  if (a->cls != b->cls) return a->cls < b->cls ? -1 : 1;
  return a->index < b->index ? -1 : a->index > b->index;
}

static float overlap(const float *a, const float *b) {
  float ay0 = fminf(a[0], a[2]), ay1 = fmaxf(a[0], a[2]);
  float ax0 = fminf(a[1], a[3]), ax1 = fmaxf(a[1], a[3]);
  float by0 = fminf(b[0], b[2]), by1 = fmaxf(b[0], b[2]);
  float bx0 = fminf(b[1], b[3]), bx1 = fmaxf(b[1], b[3]);
  float area_a = (ay1 - ay0) * (ax1 - ax0), area_b = (by1 - by0) * (bx1 - bx0);
  if (area_a <= 0 || area_b <= 0) return 0;
  float h = fmaxf(fminf(ay1, by1) - fmaxf(ay0, by0), 0);
  float w = fmaxf(fminf(ax1, bx1) - fmaxf(ax0, bx0), 0);
  return h * w / (area_a + area_b - h * w);
}

status_t eval_nms(const layer_t *l, const tensor_t *in, tensor_t *out) {
  if (in[0].dtype != DT_FLOAT || in[1].dtype != DT_FLOAT || l->n_out != 4)
    return EVAL_BAD(l, "%s", "boxes and scores must be float32, with four outputs");
  const shape_t *bs = &in[0].shape, *ss = &in[1].shape;
  int64_t batch = bs->d[0], n = bs->d[1], q = bs->d[2], classes = ss->d[2];
  if (bs->d[3] != 4 || ss->d[0] != batch || ss->d[1] != n || (q != 1 && q != classes))
    return EVAL_BAD(l, "%s", "boxes and scores do not fit");
  int64_t per_class = eval_int(&in[2], 0), slots = out[0].shape.d[1];
  float iou = (float)tensor_number_at(&in[4], 0), threshold = (float)tensor_number_at(&in[5], 0);
  const float *boxes = TENSOR_DATA(float, &in[0]), *scores = TENSOR_DATA(float, &in[1]);
  box_t *candidates = mem_try_alloc((size_t)(n + 1) * sizeof *candidates);
  size_t all;
  box_t *kept = size_mul((size_t)(n + 1) * sizeof *kept, (size_t)(classes + 1), &all)
                    ? mem_try_alloc(all)
                    : NULL;
  status_t st = candidates && kept ? NULL : EVAL_MEMORY(l);
  for (int i = 0; i < 3 && !st; i++)
    if (tensor_bytes(&out[i])) memset(out[i].data, 0, tensor_bytes(&out[i]));
  for (int64_t b = 0; b < batch && !st; b++) {
    int64_t n_kept = 0;
    for (int64_t c = 0; c < classes; c++) {
      int64_t count = 0, first = n_kept;
      for (int64_t i = 0; i < n; i++) {
        float s = scores[(b * n + i) * classes + c];
        if (s > threshold) candidates[count++] = (box_t){s, i, c};
      }
      qsort(candidates, (size_t)count, sizeof *candidates, by_score);
      for (int64_t i = 0; i < count && n_kept - first < per_class; i++) {
        const float *box = boxes + ((b * n + candidates[i].index) * q + (q > 1 ? c : 0)) * 4;
        bool keep = true;
        for (int64_t k = first; k < n_kept && keep; k++)
          keep = !(overlap(box, boxes + ((b * n + kept[k].index) * q + (q > 1 ? c : 0)) * 4) > iou);
        if (keep) kept[n_kept++] = candidates[i];
      }
    }
    qsort(kept, (size_t)n_kept, sizeof *kept, by_score);
    if (n_kept > slots) n_kept = slots;
    for (int64_t k = 0; k < n_kept; k++) {
      const float *box = boxes + ((b * n + kept[k].index) * q + (q > 1 ? kept[k].cls : 0)) * 4;
      for (int e = 0; e < 4; e++) {
        float v = l->p.nms.clip_boxes ? fmaxf(fminf(box[e], 1), 0) : box[e];
        TENSOR_DATA(float, &out[0])[(b * slots + k) * 4 + e] = v;
      }
      tensor_set_number(&out[1], b * slots + k, (double)kept[k].score);
      tensor_set_number(&out[2], b * slots + k, (double)kept[k].cls);
    }
    eval_set_int(&out[3], b, n_kept);
  }
  mem_aligned_free(candidates);
  mem_aligned_free(kept);
  return st;
}
