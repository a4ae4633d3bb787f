// Resizing of images.
#include "kernels/resize.h"

#include <string.h>

#include "ops/float_op.h"
#include "ops/window.h"

static status_t resize_infer(infer_ctx_t *c) {
  const shape_t *x = infer_in(c, 0);
  shape_t size, out = shape_unknown_dims(4);
  TRY(infer_rank(c, 0, 4));
  TRY(infer_rank(c, 1, 1));
  if (x->rank == 4) out.d[0] = x->d[0], out.d[3] = x->d[3];
  if (infer_dims(c, 1, &size)) {
    if (size.rank != 2)
      return OP_FAIL(c, INVALID_ARGUMENT, "size must have 2 entries, it has %d", size.rank);
    out.d[1] = size.d[0], out.d[2] = size.d[1];
  }
  infer_out(c, 0, &out);
  return NULL;
}

static status_t resize_begin(op_ctx_t *c, resize_shape_t *r, shape_t *out) {
  const shape_t *s = &c->in[0].shape;
  int64_t size[2];
  int n;
  if (s->rank != 4)
    return OP_FAIL(c, INVALID_ARGUMENT, "images must be 4-dimensional, they have %d dimensions",
                   s->rank);
  TRY(op_ints(c, 1, size, 2, &n));
  if (n != 2) return OP_FAIL(c, INVALID_ARGUMENT, "size must have 2 entries, it has %d", n);
  if (size[0] <= 0 || size[1] <= 0)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "output dimensions must be positive, they are %" PRId64 " and %" PRId64, size[0],
                   size[1]);
  if (s->d[1] < 1 || s->d[2] < 1 || s->d[3] < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "input image must be of non-zero size");
  *r = (resize_shape_t){s->d[0],
                        s->d[1],
                        s->d[2],
                        size[0],
                        size[1],
                        s->d[3],
                        node_bool(c->node, "align_corners", false),
                        node_bool(c->node, "half_pixel_centers", false)};
  *out = SHAPE(s->d[0], size[0], size[1], s->d[3]);
  return NULL;
}

static status_t nearest_kernel(op_ctx_t *c) {
  resize_shape_t r;
  shape_t s;
  tensor_t *y;
  TRY(resize_begin(c, &r, &s));
  TRY(op_out(c, 0, &s, &y));
  return resize_nearest(&r, c->in[0].data, y->data, dtype_size(y->dtype), c->threads);
}

static status_t weighted_kernel(op_ctx_t *c) {
  resize_shape_t r;
  shape_t s;
  tensor_t x = {0}, y = {0};
  TRY(resize_begin(c, &r, &s));
  TRY(op_floats(c, 0, &x));
  status_t st = op_out_floats(c, 0, &s, &y);
  const char *op = c->node->op;
  if (!st && !strcmp(op, "ScaleAndTranslate")) {
    const tensor_t *scale = &c->in[2], *translation = &c->in[3];
    if (tensor_elements(scale) != 2 || tensor_elements(translation) != 2)
      st = OP_FAIL(c, INVALID_ARGUMENT, "scale and translation must have 2 entries each");
    else if (!(TENSOR_DATA(float, scale)[0] > 0) || !(TENSOR_DATA(float, scale)[1] > 0))
      st = OP_FAIL(c, INVALID_ARGUMENT, "scale must be greater than zero");
    else
      st = scale_and_translate(&r, node_string(c->node, "kernel_type"),
                               node_bool(c->node, "antialias", true), scale->data,
                               translation->data, x.data, y.data, c->threads);
  } else if (!st) {
    st = (!strcmp(op, "ResizeArea")      ? resize_area
          : !strcmp(op, "ResizeBicubic") ? resize_bicubic
                                         : resize_bilinear)(&r, x.data, y.data, c->threads);
  }
  if (!st) op_floats_done(c, 0, &y);
  tensor_unref(&x);
  tensor_unref(&y);
  return st;
}

static bool resize_accept(lower_ctx_t *c, char *reason, size_t n) {
  if (!accept_engine_float(c, lower_dtype(c, 0), reason, n)) return false;
  if (lower_shape(c, 0)->rank != 4) REFUSE("the images are not known to have 4 dimensions");
  return accept_shape_input(c, 1, "the size", reason, n);
}

static status_t resize_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  const char *op = c->node->op;
  p.resize.mode = strstr(op, "Nearest")   ? RESIZE_NEAREST
                  : strstr(op, "Bicubic") ? RESIZE_BICUBIC
                                          : RESIZE_BILINEAR;
  p.resize.align_corners = node_bool(c->node, "align_corners", false);
  p.resize.half_pixel_centers = node_bool(c->node, "half_pixel_centers", false);
  net_tensor_t *x = c->in[0];
  dtype_t out = c->node->out_dtype[0];  // float, but for nearest
  if (x->dtype != out) x = net_cast(c->net, x, out);
  net_tensor_t *in[] = {x, c->in[1]};
  c->out[0] = net_layer1(c->net, LAYER_RESIZE, 2, in, out, &p);
  return NULL;
}

#define RESIZE_ATTRS "T: type; align_corners: bool = false; half_pixel_centers: bool = false"
#define RESIZE(NAME, OUT, KERNEL)                                                                 \
  {                                                                                               \
    .name = NAME, .sig = "images: T, size: int32 -> resized_images: " OUT, .attrs = RESIZE_ATTRS, \
    .infer = resize_infer, .kernel = KERNEL, .accept = resize_accept, .lower = resize_lower       \
  }

const op_def_t ops_resize[] = {
    RESIZE("ResizeBilinear", "float", weighted_kernel),
    RESIZE("ResizeBicubic", "float", weighted_kernel),
    RESIZE("ResizeNearestNeighbor", "T", nearest_kernel),
    {.name = "ResizeArea",
     .sig = "images: T, size: int32 -> resized_images: float",
     .attrs = "T: type; align_corners: bool = false",
     .infer = resize_infer,
     .kernel = weighted_kernel},
    {.name = "ScaleAndTranslate",
     .sig = "images: T, size: int32, scale: float, translation: float -> resized_images: float",
     .attrs = "T: type; kernel_type: string = 'lanczos3'; antialias: bool = true",
     .infer = resize_infer,
     .kernel = weighted_kernel},
    {0},
};
