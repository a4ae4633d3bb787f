// Bias, batch normalisation, softmax, local response normalisation.
#include "kernels/norm.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/softmax.h"
#include "ops/float_op.h"
#include "ops/window.h"

// Channels-first formats start with "NC"; the axis of channels otherwise is the last.
static bool channels_first(const node_t *n) {
  return strncmp(node_string(n, "data_format"), "NC", 2) == 0;
}

// ---------------------------------------------------------------- BiasAdd

static status_t bias_check(const node_t *n, const shape_t *x, const shape_t *b) {
  struct {
    const node_t *node;
  } c = {n};
  int axis = channels_first(n) ? 1 : x->rank - 1;
  if (x->rank >= 0 && (x->rank < 2 || (axis == 1 && x->rank < 3 && channels_first(n))))
    return OP_FAIL(&c, INVALID_ARGUMENT,
                   "input must be at least %d-dimensional, it has %d dimensions",
                   channels_first(n) ? 3 : 2, x->rank);
  if (b->rank >= 0 && b->rank != 1)
    return OP_FAIL(&c, INVALID_ARGUMENT, "bias must be a vector, it has %d dimensions", b->rank);
  if (x->rank >= 0 && b->rank == 1 && b->d[0] >= 0 && x->d[axis] >= 0 && b->d[0] != x->d[axis])
    return OP_FAIL(&c, INVALID_ARGUMENT,
                   "Must provide as many biases as the channel dimension of the input tensor: "
                   "%" PRId64 " vs. %" PRId64,
                   b->d[0], x->d[axis]);
  return NULL;
}

static status_t bias_infer(infer_ctx_t *c) {
  const shape_t *x = infer_in(c, 0), *b = infer_in(c, 1);
  TRY(bias_check(c->node, x, b));
  shape_t out = *x;
  int axis = channels_first(c->node) ? 1 : x->rank - 1;
  if (x->rank >= 0 && b->rank == 1) dim_merge(out.d[axis], b->d[0], &out.d[axis]);
  infer_out(c, 0, &out);
  return NULL;
}

#define ADD_CASE(DT, T)                                                                          \
  case DT:                                                                                       \
    for (int64_t o = 0; o < outer; o++)                                                          \
      for (int64_t k = 0; k < channels; k++)                                                     \
        for (int64_t i = 0; i < inner; i++) {                                                    \
          int64_t at = (o * channels + k) * inner + i;                                           \
          TENSOR_DATA(T, y)[at] = (T)(TENSOR_DATA(const T, x)[at] + TENSOR_DATA(const T, b)[k]); \
        }                                                                                        \
    return NULL;

static status_t bias_kernel(op_ctx_t *c) {
  const tensor_t *x = &c->in[0], *b = &c->in[1];
  tensor_t *y;
  TRY(bias_check(c->node, &x->shape, &b->shape));
  int axis = channels_first(c->node) ? 1 : x->shape.rank - 1;
  int64_t outer = dims_product(&x->shape, 0, axis), channels = x->shape.d[axis];
  int64_t inner = dims_product(&x->shape, axis + 1, x->shape.rank);
  TRY(op_out_like(c, 0, 0, &y));
  switch (x->dtype) {
    ADD_CASE(DT_FLOAT, float)
    ADD_CASE(DT_DOUBLE, double)
    ADD_CASE(DT_INT8, int8_t)
    ADD_CASE(DT_UINT8, uint8_t)
    ADD_CASE(DT_INT16, int16_t)
    ADD_CASE(DT_UINT16, uint16_t)
    ADD_CASE(DT_INT32, uint32_t)
    ADD_CASE(DT_UINT32, uint32_t)
    ADD_CASE(DT_INT64, uint64_t)
    ADD_CASE(DT_UINT64, uint64_t)
    case DT_HALF:
    case DT_BFLOAT16:
      for (int64_t i = 0, n = tensor_elements(x); i < n; i++)
        tensor_set_number(y, i, tensor_number_at(x, i) + tensor_number_at(b, i / inner % channels));
      return NULL;
    default: return OP_FAIL(c, UNIMPLEMENTED, "%s is not supported", dtype_name(x->dtype));
  }
}

static bool bias_accept(lower_ctx_t *c, char *reason, size_t n) {
  if (!accept_engine_float(c, lower_dtype(c, 0), reason, n)) return false;
  if (lower_shape(c, 0)->rank < 0) REFUSE("the input's rank is not known");
  return true;
}

// A vector over channels, shaped to broadcast against x.
static net_tensor_t *over_channels(lower_ctx_t *c, net_tensor_t *v, int rank) {
  int64_t dims[SHAPE_MAX_RANK] = {-1};
  if (!channels_first(c->node)) return v;
  for (int i = 1; i < rank - 1; i++) dims[i] = 1;
  return net_reshape_to(c->net, v, dims, rank - 1);
}

static status_t bias_lower(lower_ctx_t *c) {
  net_tensor_t *b = over_channels(c, c->in[1], lower_shape(c, 0)->rank);
  c->out[0] = net_binary(c->net, BINARY_ADD, c->in[0], b);
  return NULL;
}

// ---------------------------------------------------------------- FusedBatchNorm

static status_t norm_infer(infer_ctx_t *c) {
  const shape_t *x = infer_in(c, 0);
  int rank = strncmp(node_string(c->node, "data_format"), "ND", 2) == 0 ||
                     strcmp(node_string(c->node, "data_format"), "NCDHW") == 0
                 ? 5
                 : 4;
  TRY(infer_rank(c, 0, rank));
  bool training = node_bool(c->node, "is_training", true);
  int64_t channels = x->rank < 0 ? -1 : x->d[channels_first(c->node) ? 1 : rank - 1];
  for (int i = 1; i < (training ? 3 : 5); i++) {
    const shape_t *s = infer_in(c, i);
    TRY(infer_rank(c, i, 1));
    if (s->rank == 1 && !dim_merge(channels, s->d[0], &channels))
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "input %d has %" PRId64 " entries for %" PRId64 " channels", i, s->d[0],
                     channels);
  }
  shape_t out = x->rank < 0 ? shape_unknown_dims(rank) : *x, v = SHAPE(channels);
  out.d[channels_first(c->node) ? 1 : rank - 1] = channels;
  infer_out(c, 0, &out);
  for (int i = 1; i < 5; i++) infer_out(c, i, &v);
  return NULL;
}

static status_t norm_run(op_ctx_t *c, const float *x, float *y, int64_t outer, int64_t channels,
                         int64_t inner, double *work) {
  const float epsilon = node_float(c->node, "epsilon", 1e-4f);
  const bool training = node_bool(c->node, "is_training", true);
  double *mean = work, *variance = work + channels;
  float *mul = (float *)(work + 2 * channels), *add = mul + channels;
  double n = (double)outer * (double)inner;
  tensor_t *out[5] = {NULL};
  shape_t v = SHAPE(channels), none = SHAPE(0);
  for (int i = 1; i < 5; i++) TRY(op_out(c, i, &v, &out[i]));
  if (c->n_out > 5) {
    tensor_t *unused;
    TRY(op_out(c, 5, &none, &unused));  // nothing is reserved
  }
  if (training) {
    float factor = node_float(c->node, "exponential_avg_factor", 1);
    channel_moments(x, outer, channels, inner, mean, variance);
    for (int64_t k = 0; k < channels; k++) {
      double unbiased = variance[k] * (n > 1 ? n / (n - 1) : 1), m = mean[k];
      tensor_set_number(out[3], k, mean[k]);
      tensor_set_number(out[4], k, variance[k]);
      if (factor != 1) {  // the running averages, from the old ones
        m = (double)(1 - factor) * tensor_number_at(&c->in[3], k) + (double)factor * m;
        unbiased =
            (double)(1 - factor) * tensor_number_at(&c->in[4], k) + (double)factor * unbiased;
      }
      tensor_set_number(out[1], k, m);
      tensor_set_number(out[2], k, unbiased);
    }
  } else {
    for (int64_t k = 0; k < channels; k++) {
      mean[k] = tensor_number_at(&c->in[3], k), variance[k] = tensor_number_at(&c->in[4], k);
      for (int i = 1; i < 5; i++) tensor_set_number(out[i], k, i & 1 ? mean[k] : variance[k]);
    }
  }
  for (int64_t k = 0; k < channels; k++) {
    double scale = tensor_number_at(&c->in[1], k) / sqrt(variance[k] + (double)epsilon);
    mul[k] = (float)scale;
    add[k] = (float)(tensor_number_at(&c->in[2], k) - mean[k] * scale);
  }
  channel_affine(x, y, outer, channels, inner, mul, add, c->threads);
  return NULL;
}

static status_t norm_kernel(op_ctx_t *c) {
  const shape_t *s = &c->in[0].shape;
  if (s->rank != 4 && s->rank != 5)
    return OP_FAIL(c, INVALID_ARGUMENT, "input must be 4- or 5-dimensional, it has %d dimensions",
                   s->rank);
  int axis = channels_first(c->node) ? 1 : s->rank - 1;
  int64_t channels = s->d[axis], outer = dims_product(s, 0, axis);
  int64_t inner = dims_product(s, axis + 1, s->rank);
  bool training = node_bool(c->node, "is_training", true);
  bool averaged = training && node_float(c->node, "exponential_avg_factor", 1) != 1;
  for (int i = 1; i < 5; i++) {
    bool needed = i < 3 || !training || averaged;
    if (needed && (c->in[i].shape.rank != 1 || c->in[i].shape.d[0] != channels))
      return OP_FAIL(c, INVALID_ARGUMENT, "input %d must have %" PRId64 " entries, one per channel",
                     i, channels);
  }
  tensor_t x = {0}, y = {0}, work = {0};
  status_t st = NULL;
  shape_t sw = SHAPE(3 * channels + 1);
  TRY_GOTO(st, done, op_floats(c, 0, &x));
  TRY_GOTO(st, done, op_temp(c, DT_DOUBLE, &sw, &work));
  TRY_GOTO(st, done, op_out_floats(c, 0, s, &y));
  st = norm_run(c, x.data, y.data, outer, channels, inner, work.data);
  if (!st) op_floats_done(c, 0, &y);
done:
  tensor_unref(&x);
  tensor_unref(&y);
  tensor_unref(&work);
  return st;
}

static bool norm_accept(lower_ctx_t *c, char *reason, size_t n) {
  if (node_bool(c->node, "is_training", true))
    REFUSE("is_training is true: engines normalise with fixed statistics only");
  if (!accept_engine_float(c, lower_dtype(c, 0), reason, n)) return false;
  if (lower_shape(c, 0)->rank < 0) REFUSE("the input's rank is not known");
  for (int i = 1; i < 5; i++)
    if (lower_shape(c, i)->rank != 1) REFUSE("input %d is not known to be a vector", i);
  return true;
}

// Constants mul and add such that y = x * mul + add; false when a statistic is not known.
static bool folded(lower_ctx_t *c, dtype_t dtype, tensor_t *mul, tensor_t *add) {
  const tensor_t *v[5] = {NULL};
  for (int i = 1; i < 5; i++) {
    v[i] = lower_value(c, i);
    if (!v[i] || tensor_elements(v[i]) != tensor_elements(v[1])) return false;
  }
  status_t st = tensor_alloc(dtype, &v[1]->shape, mul);
  if (!st) st = tensor_alloc(dtype, &v[1]->shape, add);
  if (st) {
    status_free(st);
    tensor_unref(mul);
    return false;
  }
  double epsilon = (double)node_float(c->node, "epsilon", 1e-4f);
  for (int64_t k = 0, n = tensor_elements(mul); k < n; k++) {
    double scale = tensor_number_at(v[1], k) / sqrt(tensor_number_at(v[4], k) + epsilon);
    tensor_set_number(mul, k, scale);
    tensor_set_number(add, k, tensor_number_at(v[2], k) - tensor_number_at(v[3], k) * scale);
  }
  return true;
}

static status_t norm_lower(lower_ctx_t *c) {
  network_t *net = c->net;
  dtype_t dtype = lower_dtype(c, 0);
  int rank = lower_shape(c, 0)->rank;
  tensor_t mul = {0}, add = {0};
  net_tensor_t *m, *a;
  if (folded(c, dtype, &mul, &add)) {
    m = network_add_constant(net, c->node->name, &mul, NULL);
    a = network_add_constant(net, c->node->name, &add, NULL);
    tensor_unref(&mul);
    tensor_unref(&add);
  } else {
    double epsilon = (double)node_float(c->node, "epsilon", 1e-4f);
    net_tensor_t *e = network_const_scalar(net, c->node->name, c->in[4]->dtype, epsilon);
    m = net_unary(net, UNARY_RSQRT, net_binary(net, BINARY_ADD, c->in[4], e));
    m = net_binary(net, BINARY_MUL, m, c->in[1]);
    a = net_binary(net, BINARY_SUB, c->in[2], net_binary(net, BINARY_MUL, c->in[3], m));
    if (m->dtype != dtype) m = net_cast(net, m, dtype), a = net_cast(net, a, dtype);
  }
  net_tensor_t *y = net_binary(net, BINARY_MUL, c->in[0], over_channels(c, m, rank));
  c->out[0] = net_binary(net, BINARY_ADD, y, over_channels(c, a, rank));
  for (int i = 1; i < 5; i++) c->out[i] = c->in[i & 1 ? 3 : 4];
  return NULL;
}

// ---------------------------------------------------------------- Softmax

static status_t softmax_infer(infer_ctx_t *c) {
  if (infer_in(c, 0)->rank == 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "logits must have at least 1 dimension");
  return infer_same(c);
}

static bool is_log(const node_t *n) { return n->op[0] == 'L'; }

static status_t softmax_kernel(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  const shape_t *s = &x->shape;
  tensor_t in = {0}, work = {0}, *y;
  if (s->rank < 1) return OP_FAIL(c, INVALID_ARGUMENT, "logits must have at least 1 dimension");
  int64_t n = s->d[s->rank - 1], rows = dims_product(s, 0, s->rank - 1);
  if (x->dtype == DT_DOUBLE) {
    TRY(op_out_like(c, 0, 0, &y));
    if (n > 0) softmax_rows_double(x->data, y->data, rows, n, is_log(c->node), c->threads);
    return NULL;
  }
  if (x->dtype == DT_FLOAT) {
    TRY(op_out_like(c, 0, 0, &y));
    if (n > 0) softmax_rows(x->data, y->data, rows, n, 1, is_log(c->node), c->threads);
    return NULL;
  }
  status_t st = NULL;
  TRY_GOTO(st, done, op_floats(c, 0, &in));
  TRY_GOTO(st, done, op_out_floats(c, 0, s, &work));
  if (n > 0) softmax_rows(in.data, work.data, rows, n, 1, is_log(c->node), c->threads);
  op_floats_done(c, 0, &work);
done:
  tensor_unref(&in);
  return st;
}

static bool float_accept(lower_ctx_t *c, char *reason, size_t n) {
  if (!accept_engine_float(c, lower_dtype(c, 0), reason, n)) return false;
  if (lower_shape(c, 0)->rank < 1) REFUSE("the input's rank is not known");
  return true;
}

static status_t softmax_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  p.softmax.axis = -1, p.softmax.log = is_log(c->node), p.softmax.scale = 1;
  return lower_layer(c, LAYER_SOFTMAX, 0, 1, &p);
}

// ---------------------------------------------------------------- LRN

static status_t lrn_infer(infer_ctx_t *c) {
  TRY(infer_rank(c, 0, 4));
  shape_t any = shape_unknown_dims(4);
  infer_out(c, 0, infer_in(c, 0)->rank < 0 ? &any : infer_in(c, 0));
  return NULL;
}

static status_t lrn_kernel(op_ctx_t *c) {
  const shape_t *s = &c->in[0].shape;
  if (s->rank != 4) return OP_FAIL(c, INVALID_ARGUMENT, "input must be 4-dimensional");
  int64_t radius = node_int(c->node, "depth_radius", 5);
  if (radius < 0) return OP_FAIL(c, INVALID_ARGUMENT, "depth_radius is %" PRId64, radius);
  tensor_t in = {0}, work = {0};
  status_t st = NULL;
  TRY_GOTO(st, done, op_floats(c, 0, &in));
  TRY_GOTO(st, done, op_out_floats(c, 0, s, &work));
  lrn_rows(in.data, work.data, dims_product(s, 0, 3), s->d[3], radius,
           node_float(c->node, "bias", 1), node_float(c->node, "alpha", 1),
           node_float(c->node, "beta", 0.5f), c->threads);
  op_floats_done(c, 0, &work);
done:
  tensor_unref(&in);
  return st;
}

static status_t lrn_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  p.lrn.radius = node_int(c->node, "depth_radius", 5);
  p.lrn.bias = node_float(c->node, "bias", 1);
  p.lrn.alpha = node_float(c->node, "alpha", 1);
  p.lrn.beta = node_float(c->node, "beta", 0.5f);
  return lower_layer(c, LAYER_LRN, 0, 1, &p);
}

#define NORM_ATTRS                                                                             \
  "epsilon: float = 0.0001; exponential_avg_factor: float = 1; data_format: string = 'NHWC'; " \
  "is_training: bool = true"
#define NORM(NAME, U, ATTRS, EXTRA)                                                               \
  {                                                                                               \
    .name = NAME,                                                                                 \
    .sig = "x: T, scale: " U ", offset: " U ", mean: " U ", variance: " U                         \
           " -> y: T, "                                                                           \
           "batch_mean: " U ", batch_variance: " U ", reserve_space_1: " U                        \
           ", reserve_space_2: " U EXTRA,                                                         \
    .attrs = ATTRS NORM_ATTRS, .infer = norm_infer, .kernel = norm_kernel, .accept = norm_accept, \
    .lower = norm_lower                                                                           \
  }
#define BIAS(NAME, ATTRS)                                                                       \
  {                                                                                             \
    .name = NAME, .sig = "value: T, bias: T -> output: T", .attrs = ATTRS, .infer = bias_infer, \
    .kernel = bias_kernel, .accept = bias_accept, .lower = bias_lower                           \
  }

const op_def_t ops_norm[] = {
    BIAS("BiasAdd", "T: type; data_format: string = 'NHWC'"),
    BIAS("BiasAddV1", "T: type"),
    NORM("FusedBatchNorm", "T", "T: type; ", ""),
    NORM("FusedBatchNormV2", "U", "T: type; U: type; ", ""),
    NORM("FusedBatchNormV3", "U", "T: type; U: type; ", ", reserve_space_3: U"),
    {.name = "Softmax",
     .sig = "logits: T -> softmax: T",
     .attrs = "T: type",
     .infer = softmax_infer,
     .kernel = softmax_kernel,
     .accept = float_accept,
     .lower = softmax_lower},
    {.name = "LogSoftmax",
     .sig = "logits: T -> logsoftmax: T",
     .attrs = "T: type",
     .infer = softmax_infer,
     .kernel = softmax_kernel,
     .accept = float_accept,
     .lower = softmax_lower},
    {.name = "LRN",
     .sig = "input: T -> output: T",
     .attrs = "depth_radius: int = 5; bias: float = 1; alpha: float = 1; beta: float = 0.5; "
              "T: type = float",
     .infer = lrn_infer,
     .kernel = lrn_kernel,
     .accept = float_accept,
     .lower = lrn_lower},
    {0},
};
