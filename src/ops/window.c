#include "ops/window.h"

#include <string.h>

typedef struct node_ctx {  // for OP_FAIL
  const node_t *node;
} node_ctx_t;

// The spatial entries of a list attribute of rank entries; the others must be 1 (or land in
// *other).
static status_t spatial_ints(const node_t *n, const window_t *w, const char *name, const int64_t *v,
                             int count, int64_t *out, int64_t *channel) {
  node_ctx_t c = {n};
  int rank = w->spatial + 2;
  if (count != rank)
    return OP_FAIL(&c, INVALID_ARGUMENT, "%s must have %d entries, it has %d", name, rank, count);
  for (int i = 0; i < w->spatial; i++) {
    out[i] = v[window_axis(w, i)];
    if (out[i] < 1 || out[i] > INT32_MAX)
      return OP_FAIL(&c, INVALID_ARGUMENT, "%s must be positive, one is %" PRId64, name, out[i]);
  }
  int64_t ch = v[window_channels(w)];
  if (channel) *channel = ch;
  if (v[0] != 1 || ch < 1 || (!channel && ch != 1))
    return OP_FAIL(&c, UNIMPLEMENTED, "%s in the batch or channel dimension is not supported",
                   name);
  return NULL;
}

static status_t read_format(const node_t *n, int spatial, window_t *w) {
  node_ctx_t c = {n};
  *w = (window_t){.spatial = spatial, .channel_size = 1, .channel_stride = 1};
  const char *format = node_string(n, "data_format");
  if (!*format || !strcmp(format, spatial == 2 ? "NHWC" : "NDHWC"))
    w->channels_last = true;
  else if (strcmp(format, spatial == 2 ? "NCHW" : "NCDHW") != 0)
    return OP_FAIL(&c, UNIMPLEMENTED, "data_format %s is not supported", format);
  for (int i = 0; i < 3; i++) w->dilations[i] = w->strides[i] = w->size[i] = 1;
  const char *padding = node_string(n, "padding");
  w->same = !strcmp(padding, "SAME");
  if (!strcmp(padding, "EXPLICIT")) {
    const int64_t *p;
    int count = node_ints(n, "explicit_paddings", &p);
    if (count != 2 * (spatial + 2))
      return OP_FAIL(&c, INVALID_ARGUMENT, "explicit_paddings must have %d entries, it has %d",
                     2 * (spatial + 2), count);
    int other[2] = {0, window_channels(w)};
    for (int i = 0; i < 2; i++)
      if (p[2 * other[i]] || p[2 * other[i] + 1])
        return OP_FAIL(&c, INVALID_ARGUMENT,
                       "explicit_paddings in the batch or channel dimension are not supported");
    for (int i = 0; i < spatial; i++) {
      int axis = window_axis(w, i);
      w->begin[i] = p[2 * axis], w->end[i] = p[2 * axis + 1];
      if (w->begin[i] < 0 || w->end[i] < 0 || w->begin[i] > INT32_MAX || w->end[i] > INT32_MAX)
        return OP_FAIL(&c, INVALID_ARGUMENT, "explicit_paddings must not be negative");
    }
  } else if (!w->same && strcmp(padding, "VALID") != 0) {
    return OP_FAIL(&c, INVALID_ARGUMENT, "padding '%s' is unknown", padding);
  }
  return NULL;
}

status_t window_read(const node_t *n, int spatial, window_t *w) {
  const int64_t *v;
  int count;
  TRY(read_format(n, spatial, w));
  bool pool = (count = node_ints(n, "ksize", &v)) > 0;
  if (pool) TRY(spatial_ints(n, w, "ksize", v, count, w->size, &w->channel_size));
  count = node_ints(n, "strides", &v);
  TRY(spatial_ints(n, w, "strides", v, count, w->strides, pool ? &w->channel_stride : NULL));
  if ((count = node_ints(n, "dilations", &v)) > 0)
    TRY(spatial_ints(n, w, "dilations", v, count, w->dilations, NULL));
  return NULL;
}

status_t window_set(const node_t *n, window_t *w, const int64_t *ksize, const int64_t *strides) {
  int rank = w->spatial + 2;
  TRY(read_format(n, w->spatial, w));
  TRY(spatial_ints(n, w, "ksize", ksize, rank, w->size, &w->channel_size));
  return spatial_ints(n, w, "strides", strides, rank, w->strides, &w->channel_stride);
}

status_t window_out(const node_t *n, const window_t *w, const shape_t *in, shape_t *out,
                    int64_t *before) {
  node_ctx_t c = {n};
  for (int i = 0; i < w->spatial; i++) {
    int axis = window_axis(w, i);
    int64_t d = in->rank < 0 ? -1 : in->d[axis], at;
    conv_geometry(d, w->size[i], w->strides[i], w->dilations[i], w->same, w->begin[i], w->end[i],
                  &out->d[axis], before ? &before[i] : &at);
    int64_t span = w->size[i] < 1 ? 0 : (w->size[i] - 1) * w->dilations[i] + 1;
    if (d > 0 && !w->same && d + w->begin[i] + w->end[i] < span)
      return OP_FAIL(&c, INVALID_ARGUMENT,
                     "Negative dimension size: a window of %" PRId64
                     " does not fit an input of %" PRId64 " in spatial dimension %d",
                     span, d + w->begin[i] + w->end[i], i);
  }
  return NULL;
}

conv_shape_t window_shape(const window_t *w, const shape_t *in, const shape_t *out,
                          const int64_t *before) {
  int ch = window_channels(w);
  conv_shape_t s = {.spatial = w->spatial,
                    .channels_last = w->channels_last,
                    .batch = in->d[0],
                    .in_c = in->d[ch],
                    .out_c = out->d[ch],
                    .groups = 1};
  for (int i = 0; i < w->spatial; i++) {
    s.in[i] = in->d[window_axis(w, i)], s.out[i] = out->d[window_axis(w, i)];
    s.kernel[i] = w->size[i], s.stride[i] = w->strides[i], s.dilation[i] = w->dilations[i];
    s.pad[i] = before[i];
  }
  return s;
}

bool accept_engine_float(const lower_ctx_t *c, dtype_t dtype, char *reason, size_t n) {
  (void)c;
  if (dtype == DT_FLOAT || dtype == DT_HALF || dtype == DT_BFLOAT16) return true;
  REFUSE("engines compute this in float32, float16 or bfloat16, not %s", dtype_name(dtype));
}

bool accept_window(lower_ctx_t *c, int in, int spatial, char *reason, size_t n) {
  if (!accept_engine_float(c, lower_dtype(c, in), reason, n)) return false;
  const shape_t *s = lower_shape(c, in);
  if (s->rank != spatial + 2) REFUSE("the input's rank is not known to be %d", spatial + 2);
  return true;
}
