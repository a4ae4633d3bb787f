// Max and average pooling.
#include "kernels/pool.h"

#include <string.h>

#include "ops/window.h"

static int spatial_of(const node_t *n) { return strstr(n->op, "3D") ? 3 : 2; }
static bool is_max(const node_t *n) { return strncmp(n->op, "Max", 3) == 0; }

// The window with ksize and strides from attributes, or from inputs 1 and 2 (MaxPoolV2).
static status_t fixed_window(const node_t *n, window_t *w) {
  return window_read(n, spatial_of(n), w);
}

// A window over channels (each output channel is the maximum of channel_size adjacent ones): only
// without spatial extent, as in TensorFlow.
static status_t check_channels(const node_t *n, const window_t *w, int64_t channels) {
  struct {
    const node_t *node;
  } c = {n};
  if (w->channel_size == 1 && w->channel_stride == 1) return NULL;
  bool spatial = false;
  for (int i = 0; i < w->spatial; i++) spatial |= w->size[i] != 1 || w->strides[i] != 1;
  if (!is_max(n) || spatial || !w->channels_last || strcmp(n->op, "MaxPoolWithArgmax") == 0)
    return OP_FAIL(&c, UNIMPLEMENTED, "pooling over both space and channels is not supported");
  if (w->channel_size != w->channel_stride || (channels >= 0 && channels % w->channel_size))
    return OP_FAIL(&c, UNIMPLEMENTED,
                   "depthwise max pooling requires the window to equal the stride and to divide "
                   "the channels");
  return NULL;
}

static status_t pooled_shape(const node_t *n, const window_t *w, const shape_t *x, shape_t *out,
                             int64_t *before) {
  int ch = window_channels(w);
  *out = shape_unknown_dims(w->spatial + 2);
  int64_t channels = x->rank < 0 ? -1 : x->d[ch];
  TRY(check_channels(n, w, channels));
  if (x->rank >= 0) out->d[0] = x->d[0];
  out->d[ch] = w->channel_size == 1 ? channels : channels < 0 ? -1 : channels / w->channel_size;
  return window_out(n, w, x, out, before);
}

static status_t pool_infer_window(infer_ctx_t *c, const window_t *w) {
  shape_t out;
  TRY(infer_rank(c, 0, w->spatial + 2));
  TRY(pooled_shape(c->node, w, infer_in(c, 0), &out, NULL));
  infer_out(c, 0, &out);
  if (c->node->n_out > 1) infer_out(c, 1, &out);
  return NULL;
}

static status_t pool_infer(infer_ctx_t *c) {
  window_t w;
  TRY(fixed_window(c->node, &w));
  return pool_infer_window(c, &w);
}

static status_t pool_v2_infer(infer_ctx_t *c) {
  window_t w = {.spatial = 2};
  int64_t k[4], s[4];
  int nk, ns;
  if (infer_ints(c, 1, k, 4, &nk) && infer_ints(c, 2, s, 4, &ns) && nk == 4 && ns == 4) {
    TRY(window_set(c->node, &w, k, s));
    return pool_infer_window(c, &w);
  }
  TRY(infer_rank(c, 0, 4));
  shape_t out = shape_unknown_dims(4);
  if (infer_in(c, 0)->rank == 4) out.d[0] = infer_in(c, 0)->d[0];
  infer_out(c, 0, &out);
  return NULL;
}

static status_t pool_run_window(op_ctx_t *c, const window_t *w) {
  const tensor_t *x = &c->in[0];
  shape_t out;
  int64_t before[3];
  if (x->shape.rank != w->spatial + 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "input must be %d-dimensional, it has %d dimensions",
                   w->spatial + 2, x->shape.rank);
  TRY(pooled_shape(c->node, w, &x->shape, &out, before));
  tensor_t *y, *argmax = NULL;
  TRY(op_out(c, 0, &out, &y));
  pool_options_t o = {.max = is_max(c->node)};
  if (c->n_out > 1) {
    TRY(op_out(c, 1, &out, &argmax));
    o.argmax = argmax->data;
    o.argmax64 = argmax->dtype == DT_INT64;
    o.argmax_batch = node_bool(c->node, "include_batch_in_index", false);
  }
  if (tensor_elements(y) == 0) return NULL;
  conv_shape_t s = window_shape(w, &x->shape, &out, before);
  if (w->channel_size > 1) {  // adjacent channels as a row of one channel
    s = (conv_shape_t){.spatial = 1, .channels_last = true, .batch = 1, .in_c = 1, .out_c = 1};
    s.in[0] = tensor_elements(x), s.out[0] = tensor_elements(y);
    s.kernel[0] = s.stride[0] = w->channel_size;
    s.dilation[0] = 1;
  }
  status_t st = pool_run(&s, x->dtype, x->data, y->data, &o, c->threads);
  return status_prefix(st, "%s '%s'", c->node->op, c->node->name);
}

static status_t pool_kernel(op_ctx_t *c) {
  window_t w;
  TRY(fixed_window(c->node, &w));
  return pool_run_window(c, &w);
}

static status_t pool_v2_kernel(op_ctx_t *c) {
  window_t w = {.spatial = 2};
  int64_t k[4], s[4];
  int nk, ns;
  TRY(op_ints(c, 1, k, 4, &nk));
  TRY(op_ints(c, 2, s, 4, &ns));
  if (nk != 4 || ns != 4)
    return OP_FAIL(c, INVALID_ARGUMENT, "ksize and strides must have 4 entries each");
  TRY(window_set(c->node, &w, k, s));
  return pool_run_window(c, &w);
}

static status_t lowered_window(lower_ctx_t *c, window_t *w) {
  if (c->node->n_in < 3) return fixed_window(c->node, w);
  int64_t k[4], s[4];
  int nk, ns;
  *w = (window_t){.spatial = 2};
  if (!lower_ints(c, 1, k, 4, &nk) || !lower_ints(c, 2, s, 4, &ns) || nk != 4 || ns != 4)
    return OP_FAIL(c, UNIMPLEMENTED, "the window and the strides are not constants of 4 entries");
  return window_set(c->node, w, k, s);
}

static bool pool_accept(lower_ctx_t *c, char *reason, size_t n) {
  window_t w;
  if (!accept_status(lowered_window(c, &w), reason, n)) return false;
  if (w.channel_size != 1 || w.channel_stride != 1) REFUSE("engines do not pool over channels");
  return accept_window(c, 0, w.spatial, reason, n);
}

static status_t pool_lower(lower_ctx_t *c) {
  window_t w;
  TRY(lowered_window(c, &w));
  layer_params_t p = {0};
  p.pool.max = is_max(c->node);
  p.pool.spatial = w.spatial, p.pool.channels_last = w.channels_last, p.pool.same = w.same;
  for (int i = 0; i < 3; i++) {
    p.pool.window[i] = w.size[i], p.pool.strides[i] = w.strides[i];
    p.pool.pad_begin[i] = w.begin[i], p.pool.pad_end[i] = w.end[i];
  }
  return lower_layer(c, LAYER_POOL, 0, 1, &p);
}

#define POOL(NAME, SIG, ATTRS)                                                            \
  {                                                                                       \
    .name = NAME, .sig = SIG, .attrs = ATTRS, .infer = pool_infer, .kernel = pool_kernel, \
    .accept = pool_accept, .lower = pool_lower                                            \
  }

const op_def_t ops_pool[] = {
    POOL("MaxPool", "input: T -> output: T",
         "T: type = float; ksize: list(int); strides: list(int); padding: string; "
         "explicit_paddings: list(int) = []; data_format: string = 'NHWC'"),
    POOL("AvgPool", "value: T -> output: T",
         "ksize: list(int); strides: list(int); padding: string; data_format: string = 'NHWC'; "
         "T: type"),
    POOL("MaxPool3D", "input: T -> output: T",
         "ksize: list(int); strides: list(int); padding: string; data_format: string = 'NDHWC'; "
         "T: type"),
    POOL("AvgPool3D", "input: T -> output: T",
         "ksize: list(int); strides: list(int); padding: string; data_format: string = 'NDHWC'; "
         "T: type"),
    {.name = "MaxPoolV2",
     .sig = "input: T, ksize: int32, strides: int32 -> output: T",
     .attrs = "T: type = float; padding: string; data_format: string = 'NHWC'",
     .infer = pool_v2_infer,
     .kernel = pool_v2_kernel,
     .accept = pool_accept,
     .lower = pool_lower},
    {.name = "MaxPoolWithArgmax",
     .sig = "input: T -> output: T, argmax: Targmax",
     .attrs = "ksize: list(int); strides: list(int); Targmax: type = int64; padding: string; "
              "include_batch_in_index: bool = false; T: type",
     .infer = pool_infer,
     .kernel = pool_kernel},
    {0},
};
