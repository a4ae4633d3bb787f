// Convolutions: plain, depthwise, transposed.
#include <string.h>

#include "ops/window.h"

static int spatial_of(const node_t *n) { return strncmp(n->op, "Conv3D", 6) == 0 ? 3 : 2; }
static bool is_depthwise(const node_t *n) { return strcmp(n->op, "DepthwiseConv2dNative") == 0; }

// Output channels and groups from input channels and filter; -1 where unknown.
static status_t channels_of(const node_t *n, int spatial, int64_t c, const shape_t *w,
                            int64_t *out_c, int64_t *groups) {
  struct {
    const node_t *node;
  } x = {n};
  int64_t w_in = w->rank < 0 ? -1 : w->d[spatial], w_out = w->rank < 0 ? -1 : w->d[spatial + 1];
  *groups = 1;
  if (is_depthwise(n)) {
    if (c >= 0 && w_in >= 0 && c != w_in)
      return OP_FAIL(&x, INVALID_ARGUMENT,
                     "input and filter must have the same depth: %" PRId64 " vs %" PRId64, c, w_in);
    *out_c = dim_mul(w_in >= 0 ? w_in : c, w_out);
    return NULL;
  }
  *out_c = w_out;
  if (c < 0 || w_in < 0) return NULL;
  if (w_in == 0 || c % w_in)
    return OP_FAIL(&x, INVALID_ARGUMENT,
                   "input depth must be evenly divisible by filter depth: %" PRId64 " vs %" PRId64,
                   c, w_in);
  *groups = c / w_in;
  if (w_out >= 0 && w_out % *groups)
    return OP_FAIL(&x, INVALID_ARGUMENT,
                   "output depth must be evenly divisible by number of groups: %" PRId64
                   " vs %" PRId64,
                   w_out, *groups);
  return NULL;
}

static void window_from_filter(window_t *w, const shape_t *filter) {
  for (int i = 0; i < w->spatial; i++) w->size[i] = filter->rank < 0 ? -1 : filter->d[i];
}

static status_t conv_infer(infer_ctx_t *c) {
  int spatial = spatial_of(c->node);
  window_t w;
  TRY(window_read(c->node, spatial, &w));
  TRY(infer_rank(c, 0, spatial + 2));
  TRY(infer_rank(c, 1, spatial + 2));
  const shape_t *x = infer_in(c, 0), *f = infer_in(c, 1);
  shape_t out = shape_unknown_dims(spatial + 2);
  int64_t groups;
  int ch = window_channels(&w);
  window_from_filter(&w, f);
  if (x->rank >= 0) out.d[0] = x->d[0];
  TRY(channels_of(c->node, spatial, x->rank < 0 ? -1 : x->d[ch], f, &out.d[ch], &groups));
  TRY(window_out(c->node, &w, x, &out, NULL));
  infer_out(c, 0, &out);
  return NULL;
}

static status_t conv_kernel(op_ctx_t *c) {
  int spatial = spatial_of(c->node);
  const tensor_t *x = &c->in[0], *f = &c->in[1];
  window_t w;
  TRY(window_read(c->node, spatial, &w));
  if (x->shape.rank != spatial + 2 || f->shape.rank != spatial + 2)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "input and filter must be %d-dimensional, they have %d and %d", spatial + 2,
                   x->shape.rank, f->shape.rank);
  shape_t out = shape_unknown_dims(spatial + 2);
  int64_t before[3], groups;
  int ch = window_channels(&w);
  window_from_filter(&w, &f->shape);
  if (tensor_elements(f) == 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "filter must not have zero elements");
  out.d[0] = x->shape.d[0];
  TRY(channels_of(c->node, spatial, x->shape.d[ch], &f->shape, &out.d[ch], &groups));
  TRY(window_out(c->node, &w, &x->shape, &out, before));
  tensor_t *y;
  TRY(op_out(c, 0, &out, &y));
  if (tensor_elements(y) == 0) return NULL;
  conv_shape_t s = window_shape(&w, &x->shape, &out, before);
  s.groups = groups;
  status_t st = conv_any(is_depthwise(c->node) ? CONV_DEPTHWISE : CONV_PLAIN, &s, x->dtype, x->data,
                         f->data, y->data, c->threads);
  return status_prefix(st, "%s '%s'", c->node->op, c->node->name);
}

static void conv_layer(const window_t *w, conv_params_t *p) {
  *p = (conv_params_t){.spatial = w->spatial, .channels_last = w->channels_last, .same = w->same};
  for (int i = 0; i < 3; i++) {
    p->strides[i] = w->strides[i], p->dilations[i] = w->dilations[i];
    p->pad_begin[i] = w->begin[i], p->pad_end[i] = w->end[i];
  }
}

static bool conv_accept(lower_ctx_t *c, char *reason, size_t n) {
  int spatial = spatial_of(c->node);
  window_t w;
  if (!accept_status(window_read(c->node, spatial, &w), reason, n)) return false;
  if (!accept_window(c, 0, spatial, reason, n)) return false;
  const shape_t *f = lower_shape(c, 1);
  if (!shape_known(f)) REFUSE("the filter's shape is not known");
  if (f->rank != spatial + 2) REFUSE("the filter has %d dimensions, not %d", f->rank, spatial + 2);
  return true;
}

static status_t conv_lower(lower_ctx_t *c) {
  window_t w;
  layer_params_t p = {0};
  TRY(window_read(c->node, spatial_of(c->node), &w));
  conv_layer(&w, &p.conv);
  p.conv.depthwise = is_depthwise(c->node);
  return lower_layer(c, LAYER_CONV, 0, 2, &p);
}

// ---------------------------------------------------------------- transposed

// The spatial sizes asked for: input_sizes has all dims, or the spatial ones alone.
static status_t wanted_sizes(const node_t *n, const window_t *w, const shape_t *dims,
                             const shape_t *grad, const shape_t *filter, shape_t *out) {
  struct {
    const node_t *node;
  } c = {n};
  int rank = w->spatial + 2, ch = window_channels(w);
  *out = shape_unknown_dims(rank);
  if (dims->rank >= 0 && dims->rank != rank && dims->rank != w->spatial)
    return OP_FAIL(&c, INVALID_ARGUMENT, "input_sizes must have %d or %d entries, it has %d", rank,
                   w->spatial, dims->rank);
  if (dims->rank == rank) *out = *dims;
  int64_t batch = grad->rank < 0 ? -1 : grad->d[0];
  int64_t depth = filter->rank < 0 ? -1 : filter->d[w->spatial];
  if (dims->rank == w->spatial)
    for (int i = 0; i < w->spatial; i++) out->d[window_axis(w, i)] = dims->d[i];
  for (int i = 0; i < rank; i++)
    if (out->d[i] < 0 && dims->rank < 0) out->d[i] = -1;
  if (!dim_merge(out->d[0], batch, &out->d[0]))
    return OP_FAIL(&c, INVALID_ARGUMENT,
                   "input and out_backprop must have the same batch size: %" PRId64 " vs %" PRId64,
                   out->d[0], batch);
  if (!dim_merge(out->d[ch], depth, &out->d[ch]))
    return OP_FAIL(&c, INVALID_ARGUMENT,
                   "input and filter must have the same depth: %" PRId64 " vs %" PRId64, out->d[ch],
                   depth);
  return NULL;
}

// Every phase of the strides is a product of its own, so their number is bounded.
static bool strides_fit(const window_t *w) {
  int64_t phases = 1;
  for (int i = 0; i < w->spatial; i++) {
    if (w->strides[i] > INT64_C(1) << 20) return false;
    phases *= w->strides[i];
    if (phases > INT64_C(1) << 20) return false;
  }
  return true;
}

static status_t deconv_infer(infer_ctx_t *c) {
  int spatial = spatial_of(c->node);
  window_t w;
  shape_t dims = SHAPE_UNKNOWN, out;
  TRY(window_read(c->node, spatial, &w));
  TRY(infer_rank(c, 0, 1));
  TRY(infer_rank(c, 1, spatial + 2));
  TRY(infer_rank(c, 2, spatial + 2));
  if (!infer_dims(c, 0, &dims)) dims = SHAPE_UNKNOWN;
  TRY(wanted_sizes(c->node, &w, &dims, infer_in(c, 2), infer_in(c, 1), &out));
  infer_out(c, 0, &out);
  return NULL;
}

static status_t deconv_kernel(op_ctx_t *c) {
  int spatial = spatial_of(c->node), ch;
  const tensor_t *f = &c->in[1], *g = &c->in[2];
  window_t w;
  shape_t dims, y_shape, back = shape_unknown_dims(spatial + 2);
  int64_t before[3];
  TRY(window_read(c->node, spatial, &w));
  if (!strides_fit(&w)) return OP_FAIL(c, UNIMPLEMENTED, "strides this large are not supported");
  if (f->shape.rank != spatial + 2 || g->shape.rank != spatial + 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "filter and out_backprop must be %d-dimensional",
                   spatial + 2);
  TRY(op_dims(c, 0, "input_sizes", &dims));
  TRY(wanted_sizes(c->node, &w, &dims, &g->shape, &f->shape, &y_shape));
  window_from_filter(&w, &f->shape);
  if (tensor_elements(f) == 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "filter must not have zero elements");
  TRY(window_out(c->node, &w, &y_shape, &back, before));
  ch = window_channels(&w);
  back.d[0] = y_shape.d[0], back.d[ch] = f->shape.d[spatial + 1];
  if (!shape_equal(&back, &g->shape)) {
    char a[128], b[128];
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "out_backprop has shape %s, but a convolution of the wanted sizes gives %s",
                   shape_format(&g->shape, a, sizeof a), shape_format(&back, b, sizeof b));
  }
  tensor_t *y;
  TRY(op_out(c, 0, &y_shape, &y));
  if (tensor_elements(y) == 0) return NULL;
  if (tensor_elements(g) == 0) return op_zero(c, y);
  conv_shape_t s = window_shape(&w, &y_shape, &g->shape, before);
  status_t st = conv_any(CONV_TRANSPOSED, &s, g->dtype, g->data, f->data, y->data, c->threads);
  return status_prefix(st, "%s '%s'", c->node->op, c->node->name);
}

static bool deconv_accept(lower_ctx_t *c, char *reason, size_t n) {
  int spatial = spatial_of(c->node);
  window_t w;
  if (!accept_status(window_read(c->node, spatial, &w), reason, n)) return false;
  if (!strides_fit(&w)) REFUSE("strides this large are not supported");
  if (!accept_window(c, 2, spatial, reason, n)) return false;
  const shape_t *f = lower_shape(c, 1), *sizes = lower_shape(c, 0);
  if (!shape_known(f) || f->rank != spatial + 2) REFUSE("the filter's shape is not known");
  if (sizes->rank != 1 || (sizes->d[0] != spatial && sizes->d[0] != spatial + 2))
    REFUSE("the number of output sizes is not known");
  return accept_shape_input(c, 0, "the output size", reason, n);
}

static status_t deconv_lower(lower_ctx_t *c) {
  int spatial = spatial_of(c->node), count;
  window_t w;
  layer_params_t p = {0};
  TRY(window_read(c->node, spatial, &w));
  conv_layer(&w, &p.conv);
  net_tensor_t *size = c->in[0];
  int64_t v[8];
  const shape_t *sizes = lower_shape(c, 0);
  int64_t from = sizes->d[0] == spatial ? 0 : window_axis(&w, 0);
  if (lower_ints(c, 0, v, 8, &count)) {
    size = network_const_ints(c->net, c->node->name, DT_INT32, spatial, v + from);
  } else if (sizes->d[0] != spatial) {
    layer_params_t slice = {0};
    int64_t to = from + spatial, one = 1;
    net_tensor_t *in[] = {size, network_const_ints(c->net, c->node->name, DT_INT32, 1, &from),
                          network_const_ints(c->net, c->node->name, DT_INT32, 1, &to),
                          network_const_ints(c->net, c->node->name, DT_INT32, 1, &one)};
    size = net_layer1(c->net, LAYER_SLICE, 4, in, size->dtype, &slice);
  }
  net_tensor_t *in[] = {c->in[2], c->in[1], size};
  c->out[0] = net_layer1(c->net, LAYER_DECONV, 3, in, c->in[2]->dtype, &p);
  return NULL;
}

#define CONV_ATTRS                                                                           \
  "T: type; strides: list(int); use_cudnn_on_gpu: bool = true; padding: string; "            \
  "explicit_paddings: list(int) = []; data_format: string = 'NHWC'; dilations: list(int) = " \
  "[1, 1, 1, 1]"

const op_def_t ops_conv[] = {
    {.name = "Conv2D",
     .sig = "input: T, filter: T -> output: T",
     .attrs = CONV_ATTRS,
     .infer = conv_infer,
     .kernel = conv_kernel,
     .accept = conv_accept,
     .lower = conv_lower},
    {.name = "Conv3D",
     .sig = "input: T, filter: T -> output: T",
     .attrs = "T: type; strides: list(int); padding: string; data_format: string = 'NDHWC'; "
              "dilations: list(int) = [1, 1, 1, 1, 1]",
     .infer = conv_infer,
     .kernel = conv_kernel,
     .accept = conv_accept,
     .lower = conv_lower},
    {.name = "DepthwiseConv2dNative",
     .sig = "input: T, filter: T -> output: T",
     .attrs = "T: type; strides: list(int); padding: string; explicit_paddings: list(int) = []; "
              "data_format: string = 'NHWC'; dilations: list(int) = [1, 1, 1, 1]",
     .infer = conv_infer,
     .kernel = conv_kernel,
     .accept = conv_accept,
     .lower = conv_lower},
    {.name = "Conv2DBackpropInput",
     .sig = "input_sizes: int32, filter: T, out_backprop: T -> output: T",
     .attrs = CONV_ATTRS,
     .infer = deconv_infer,
     .kernel = deconv_kernel,
     .accept = deconv_accept,
     .lower = deconv_lower},
    {.name = "Conv3DBackpropInputV2",
     .sig = "input_sizes: Tshape, filter: T, out_backprop: T -> output: T",
     .attrs = "T: type; strides: list(int); padding: string; data_format: string = 'NDHWC'; "
              "dilations: list(int) = [1, 1, 1, 1, 1]; Tshape: type = int32",
     .infer = deconv_infer,
     .kernel = deconv_kernel,
     .accept = deconv_accept,
     .lower = deconv_lower},
    {0},
};
