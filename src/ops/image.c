// Crops, patches, warps and colours of images.
#include "kernels/image.h"

#include <string.h>

#include "ops/float_op.h"
#include "ops/window.h"

// ---------------------------------------------------------------- CropAndResize

static status_t crop_infer(infer_ctx_t *c) {
  TRY(infer_rank(c, 0, 4));
  TRY(infer_rank(c, 1, 2));
  TRY(infer_rank(c, 2, 1));
  TRY(infer_rank(c, 3, 1));
  const shape_t *x = infer_in(c, 0), *boxes = infer_in(c, 1), *of = infer_in(c, 2);
  shape_t size, out = shape_unknown_dims(4);
  int64_t n = boxes->rank == 2 ? boxes->d[0] : -1;
  if (of->rank == 1 && !dim_merge(n, of->d[0], &n))
    return OP_FAIL(c, INVALID_ARGUMENT, "boxes and box_ind have different lengths");
  out.d[0] = n;
  if (x->rank == 4) out.d[3] = x->d[3];
  if (infer_dims(c, 3, &size) && size.rank == 2) out.d[1] = size.d[0], out.d[2] = size.d[1];
  infer_out(c, 0, &out);
  return NULL;
}

static status_t crop_kernel(op_ctx_t *c) {
  const shape_t *s = &c->in[0].shape, *boxes = &c->in[1].shape, *of = &c->in[2].shape;
  int64_t size[2];
  int n;
  TRY(op_ints(c, 3, size, 2, &n));
  const char *method = node_string(c->node, "method");
  if (s->rank != 4 || s->d[1] < 1 || s->d[2] < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "image must be 4-dimensional and not empty");
  if (boxes->rank != 2 || boxes->d[1] != 4 || of->rank != 1 || of->d[0] != boxes->d[0])
    return OP_FAIL(c, INVALID_ARGUMENT, "boxes must be [num_boxes, 4] and box_ind [num_boxes]");
  if (n != 2 || size[0] < 1 || size[1] < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "crop_size must be 2 positive numbers");
  if (strcmp(method, "bilinear") != 0 && strcmp(method, "nearest") != 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "method must be 'bilinear' or 'nearest', not '%s'", method);
  for (int64_t i = 0; i < of->d[0]; i++) {
    int32_t b = TENSOR_DATA(int32_t, &c->in[2])[i];
    if (b < 0 || b >= s->d[0])
      return OP_FAIL(c, OUT_OF_RANGE, "box_ind has values outside [0, %" PRId64 ")", s->d[0]);
  }
  tensor_t x, *y;
  shape_t out = SHAPE(boxes->d[0], size[0], size[1], s->d[3]);
  TRY(op_out(c, 0, &out, &y));
  TRY(op_floats(c, 0, &x));
  image_shape_t is = {s->d[0], s->d[1], s->d[2], s->d[3]};
  image_crop_resize(&is, x.data, c->in[1].data, c->in[2].data, boxes->d[0], size[0], size[1],
                    method[0] == 'b', node_float(c->node, "extrapolation_value", 0), y->data,
                    c->threads);
  tensor_unref(&x);
  return NULL;
}

// ---------------------------------------------------------------- ExtractImagePatches

static status_t patch_window(const node_t *n, window_t *w) {
  struct {
    const node_t *node;
  } c = {n};
  const char *names[] = {"ksizes", "strides", "rates"};
  int64_t *to[] = {w->size, w->strides, w->dilations};
  *w = (window_t){.spatial = 2, .channels_last = true};
  for (int i = 0; i < 3; i++) {
    const int64_t *v;
    int count = node_ints(n, names[i], &v);
    if (count != 4 || v[0] != 1 || v[3] != 1 || v[1] < 1 || v[2] < 1 || v[1] > INT32_MAX ||
        v[2] > INT32_MAX)
      return OP_FAIL(&c, INVALID_ARGUMENT, "%s must be [1, rows, cols, 1] with positive numbers",
                     names[i]);
    to[i][0] = v[1], to[i][1] = v[2];
  }
  w->same = strcmp(node_string(n, "padding"), "SAME") == 0;
  return NULL;
}

static status_t patch_shape(const node_t *n, const window_t *w, const shape_t *x, shape_t *out,
                            int64_t *before) {
  *out = shape_unknown_dims(4);
  if (x->rank == 4) out->d[0] = x->d[0];
  out->d[3] = dim_mul(x->rank == 4 ? x->d[3] : -1, dim_mul(w->size[0], w->size[1]));
  return window_out(n, w, x, out, before);
}

static status_t patch_infer(infer_ctx_t *c) {
  window_t w;
  shape_t out;
  TRY(infer_rank(c, 0, 4));
  TRY(patch_window(c->node, &w));
  TRY(patch_shape(c->node, &w, infer_in(c, 0), &out, NULL));
  infer_out(c, 0, &out);
  return NULL;
}

static status_t patch_kernel(op_ctx_t *c) {
  const shape_t *s = &c->in[0].shape;
  window_t w;
  shape_t out;
  int64_t before[3];
  tensor_t *y;
  if (s->rank != 4) return OP_FAIL(c, INVALID_ARGUMENT, "images must be 4-dimensional");
  TRY(patch_window(c->node, &w));
  TRY(patch_shape(c->node, &w, s, &out, before));
  TRY(op_out(c, 0, &out, &y));
  size_t pixel = (size_t)s->d[3] * dtype_size(y->dtype);
  char *d = y->data;
  const char *x = c->in[0].data;
  for (int64_t r = 0; r < out.d[0] * out.d[1] * out.d[2]; r++) {
    int64_t ox = r % out.d[2], oy = r / out.d[2] % out.d[1], b = r / out.d[2] / out.d[1];
    for (int64_t k = 0; k < w.size[0] * w.size[1]; k++, d += pixel) {
      int64_t iy = oy * w.strides[0] - before[0] + k / w.size[1] * w.dilations[0];
      int64_t ix = ox * w.strides[1] - before[1] + k % w.size[1] * w.dilations[1];
      if (iy < 0 || iy >= s->d[1] || ix < 0 || ix >= s->d[2])
        memset(d, 0, pixel);
      else
        memcpy(d, x + (size_t)((b * s->d[1] + iy) * s->d[2] + ix) * pixel, pixel);
    }
  }
  return NULL;
}

// ---------------------------------------------------------------- ImageProjectiveTransform

static status_t project_infer(infer_ctx_t *c) {
  TRY(infer_rank(c, 0, 4));
  const shape_t *x = infer_in(c, 0);
  shape_t size, out = shape_unknown_dims(4);
  if (x->rank == 4) out.d[0] = x->d[0], out.d[3] = x->d[3];
  if (infer_dims(c, 2, &size) && size.rank == 2) out.d[1] = size.d[0], out.d[2] = size.d[1];
  infer_out(c, 0, &out);
  return NULL;
}

static status_t project_kernel(op_ctx_t *c) {
  static const char *const modes[] = {"CONSTANT", "REFLECT", "WRAP", "NEAREST"};
  const shape_t *s = &c->in[0].shape, *t = &c->in[1].shape;
  const char *how = node_string(c->node, "interpolation"),
             *mode = node_string(c->node, "fill_mode");
  int64_t size[2];
  int n, fill = 0;
  TRY(op_ints(c, 2, size, 2, &n));
  if (s->rank != 4) return OP_FAIL(c, INVALID_ARGUMENT, "images must be 4-dimensional");
  if (t->rank != 2 || t->d[1] != 8 || (t->d[0] != 1 && t->d[0] != s->d[0]))
    return OP_FAIL(c, INVALID_ARGUMENT, "transforms must be [1 or batch, 8]");
  if (n != 2 || size[0] < 1 || size[1] < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "output_shape must be 2 positive numbers");
  while (fill < 4 && strcmp(mode, modes[fill]) != 0) fill++;
  if (fill == 4) return OP_FAIL(c, INVALID_ARGUMENT, "fill_mode '%s' is unknown", mode);
  if (strcmp(how, "NEAREST") != 0 && strcmp(how, "BILINEAR") != 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "interpolation '%s' is unknown", how);
  float value = c->n_in > 3 && tensor_elements(&c->in[3]) ? *TENSOR_DATA(float, &c->in[3]) : 0;
  tensor_t x, y = {0};
  shape_t out = SHAPE(s->d[0], size[0], size[1], s->d[3]);
  TRY(op_floats(c, 0, &x));
  status_t st = op_out_floats(c, 0, &out, &y);
  if (!st) {
    image_shape_t is = {s->d[0], s->d[1], s->d[2], s->d[3]};
    image_project(&is, x.data, c->in[1].data, t->d[0] == 1, size[0], size[1], how[0] == 'B',
                  (image_fill_t)fill, value, y.data, c->threads);
    op_floats_done(c, 0, &y);
  }
  tensor_unref(&x);
  return st;
}

// ---------------------------------------------------------------- colours

static status_t colour_infer(infer_ctx_t *c) {
  const shape_t *x = infer_in(c, 0);
  if (x->rank == 0 || (x->rank > 0 && x->d[x->rank - 1] >= 0 && x->d[x->rank - 1] != 3))
    return OP_FAIL(c, INVALID_ARGUMENT, "the last dimension must be 3 colours");
  return infer_same(c);
}

static status_t colour_kernel(op_ctx_t *c) {
  const shape_t *s = &c->in[0].shape;
  const char *op = c->node->op;
  bool contrast = !strcmp(op, "AdjustContrastv2");
  if (s->rank < (op[0] == 'A' ? 3 : 1) || (!contrast && s->d[s->rank - 1] != 3))
    return OP_FAIL(c, INVALID_ARGUMENT, "images must be at least %d-dimensional%s",
                   op[0] == 'A' ? 3 : 1, contrast ? "" : " and end in a dimension of 3 colours");
  float amount = 0;
  if (c->n_in > 1) {
    if (tensor_elements(&c->in[1]) != 1)
      return OP_FAIL(c, INVALID_ARGUMENT, "input 1 must be a scalar");
    amount = (float)tensor_number_at(&c->in[1], 0);
  }
  tensor_t x, y = {0};
  TRY(op_floats(c, 0, &x));
  status_t st = op_out_floats(c, 0, s, &y);
  int64_t n = tensor_elements(&x) / 3;
  if (!st && contrast) {
    int r = s->rank;
    image_shape_t is = {dims_product(s, 0, r - 3), s->d[r - 3], s->d[r - 2], s->d[r - 1]};
    adjust_contrast(&is, x.data, y.data, amount, c->threads);
  } else if (!st && !strcmp(op, "RGBToHSV")) {
    rgb_to_hsv(x.data, y.data, n, c->threads);
  } else if (!st && !strcmp(op, "HSVToRGB")) {
    hsv_to_rgb(x.data, y.data, n, c->threads);
  } else if (!st) {
    (op[6] == 'H' ? adjust_hue : adjust_saturation)(x.data, y.data, n, amount, c->threads);
  }
  if (!st) op_floats_done(c, 0, &y);
  tensor_unref(&x);
  return st;
}

// ---------------------------------------------------------------- Dilation2D

static status_t dilation_window(const node_t *n, const shape_t *filter, window_t *w) {
  struct {
    const node_t *node;
  } c = {n};
  const char *names[] = {"strides", "rates"};
  int64_t *to[] = {w->strides, w->dilations};
  *w = (window_t){.spatial = 2, .channels_last = true};
  for (int i = 0; i < 2; i++) {
    const int64_t *v;
    int count = node_ints(n, names[i], &v);
    if (count != 4 || v[0] != 1 || v[3] != 1 || v[1] < 1 || v[2] < 1)
      return OP_FAIL(&c, INVALID_ARGUMENT, "%s must be [1, rows, cols, 1] with positive numbers",
                     names[i]);
    to[i][0] = v[1], to[i][1] = v[2];
  }
  w->same = strcmp(node_string(n, "padding"), "SAME") == 0;
  for (int i = 0; i < 2; i++) w->size[i] = filter->rank < 0 ? -1 : filter->d[i];
  return NULL;
}

static status_t dilation_infer(infer_ctx_t *c) {
  window_t w;
  TRY(infer_rank(c, 0, 4));
  TRY(infer_rank(c, 1, 3));
  const shape_t *x = infer_in(c, 0), *f = infer_in(c, 1);
  TRY(dilation_window(c->node, f, &w));
  shape_t out = shape_unknown_dims(4);
  if (x->rank == 4) out.d[0] = x->d[0], out.d[3] = x->d[3];
  if (f->rank == 3 && !dim_merge(out.d[3], f->d[2], &out.d[3]))
    return OP_FAIL(c, INVALID_ARGUMENT, "input and filter must have the same depth");
  TRY(window_out(c->node, &w, x, &out, NULL));
  infer_out(c, 0, &out);
  return NULL;
}

static status_t dilation_kernel(op_ctx_t *c) {
  const shape_t *s = &c->in[0].shape, *f = &c->in[1].shape;
  window_t w;
  int64_t before[3];
  if (s->rank != 4 || f->rank != 3 || s->d[3] != f->d[2])
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "input must be [batch, h, w, depth] and filter [h, w, depth] of the same depth");
  if (c->in[0].dtype == DT_INT64 || c->in[0].dtype == DT_UINT64 || c->in[0].dtype == DT_DOUBLE)
    return OP_FAIL(c, UNIMPLEMENTED, "%s is not supported", dtype_name(c->in[0].dtype));
  TRY(dilation_window(c->node, f, &w));
  shape_t out = shape_unknown_dims(4);
  out.d[0] = s->d[0], out.d[3] = s->d[3];
  TRY(window_out(c->node, &w, s, &out, before));
  tensor_t x = {0}, k = {0}, y = {0};
  status_t st = NULL;
  TRY_GOTO(st, done, op_floats(c, 0, &x));
  TRY_GOTO(st, done, op_floats(c, 1, &k));
  TRY_GOTO(st, done, op_out_floats(c, 0, &out, &y));
  float *to = y.data;
  for (int64_t r = 0; r < out.d[0] * out.d[1] * out.d[2]; r++) {
    int64_t ox = r % out.d[2], oy = r / out.d[2] % out.d[1], b = r / out.d[2] / out.d[1];
    for (int64_t d = 0; d < s->d[3]; d++) {
      float best = -3.40282347e38f;
      for (int64_t t = 0; t < w.size[0] * w.size[1]; t++) {
        int64_t iy = oy * w.strides[0] - before[0] + t / w.size[1] * w.dilations[0];
        int64_t ix = ox * w.strides[1] - before[1] + t % w.size[1] * w.dilations[1];
        if (iy < 0 || iy >= s->d[1] || ix < 0 || ix >= s->d[2]) continue;
        float v = TENSOR_DATA(float, &x)[((b * s->d[1] + iy) * s->d[2] + ix) * s->d[3] + d] +
                  TENSOR_DATA(float, &k)[t * s->d[3] + d];
        best = v > best ? v : best;
      }
      *to++ = best;
    }
  }
  op_floats_done(c, 0, &y);
done:
  tensor_unref(&x);
  tensor_unref(&k);
  return st;
}

#define COLOUR(NAME, SIG, INFER) \
  { .name = NAME, .sig = SIG, .attrs = "T: type = float", .infer = INFER, .kernel = colour_kernel }

const op_def_t ops_image[] = {
    {.name = "CropAndResize",
     .sig = "image: T, boxes: float, box_ind: int32, crop_size: int32 -> crops: float",
     .attrs = "T: type; method: string = 'bilinear'; extrapolation_value: float = 0",
     .infer = crop_infer,
     .kernel = crop_kernel},
    {.name = "ExtractImagePatches",
     .sig = "images: T -> patches: T",
     .attrs = "ksizes: list(int); strides: list(int); rates: list(int); T: type; padding: string",
     .infer = patch_infer,
     .kernel = patch_kernel},
    {.name = "ImageProjectiveTransformV2",
     .sig = "images: dtype, transforms: float, output_shape: int32 -> transformed_images: dtype",
     .attrs = "dtype: type; interpolation: string; fill_mode: string = 'CONSTANT'",
     .infer = project_infer,
     .kernel = project_kernel},
    {.name = "ImageProjectiveTransformV3",
     .sig = "images: dtype, transforms: float, output_shape: int32, fill_value: float -> "
            "transformed_images: dtype",
     .attrs = "dtype: type; interpolation: string; fill_mode: string = 'CONSTANT'",
     .infer = project_infer,
     .kernel = project_kernel},
    COLOUR("RGBToHSV", "images: T -> output: T", colour_infer),
    COLOUR("HSVToRGB", "images: T -> output: T", colour_infer),
    COLOUR("AdjustHue", "images: T, delta: float -> output: T", colour_infer),
    COLOUR("AdjustSaturation", "images: T, scale: float -> output: T", colour_infer),
    COLOUR("AdjustContrastv2", "images: T, contrast_factor: float -> output: T", infer_same),
    {.name = "Dilation2D",
     .sig = "input: T, filter: T -> output: T",
     .attrs = "T: type; strides: list(int); rates: list(int); padding: string",
     .infer = dilation_infer,
     .kernel = dilation_kernel},
    {0},
};
