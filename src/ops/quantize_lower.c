// Lowering of quantization ops. With permission for 8 bits they become QUANTIZE and DEQUANTIZE,
// which passes then take into the layers around them; without, what TensorFlow computes, in floats.
// In an implicit network (TF-TRT without QuantizeAndDequantizeV2) they tell a tensor's range too.
// TF-TRT makes nothing else of them there, and its engines differ from the model; ours do not.
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/quantize.h"

#define REFUSE(...) return snprintf(reason, n, __VA_ARGS__), false

static double value_at(const tensor_t *t, int64_t i) {
  return tensor_number_at(t, tensor_elements(t) == 1 ? 0 : i);
}

// ---------------------------------------------------------------- building blocks

// One float per channel, shaped to broadcast along `axis` of a tensor of this rank; axis -1: a
// scalar. Channels that all have the same number need only one.
static net_tensor_t *per_channel(network_t *n, const float *v, int64_t count, int axis, int rank) {
  bool same = true;
  for (int64_t i = 1; i < count; i++) same = same && v[i] == v[0];
  shape_t s = SHAPE_SCALAR;
  if (axis >= 0 && !same) {
    s.rank = rank - axis;
    for (int i = 0; i < s.rank; i++) s.d[i] = i ? 1 : count;
  }
  size_t bytes = (size_t)shape_elements(&s) * sizeof(float);
  tensor_t t = tensor_borrow(DT_FLOAT, &s, (void *)(uintptr_t)v, bytes, NULL, NULL), copy;
  net_tensor_t *c = NULL;
  if (!tensor_copy(&t, &copy)) {
    c = network_add_constant(n, "range", &copy, NULL);
    tensor_unref(&copy);
  }
  tensor_unref(&t);
  return c;
}

// A vector of scales, as QUANTIZE and DEQUANTIZE take it.
static net_tensor_t *scales(network_t *n, const float *v, int64_t count, int axis) {
  net_tensor_t *c = per_channel(n, v, count, axis, axis + 1);
  return c;
}

static net_tensor_t *binary(network_t *n, binary_op_t op, net_tensor_t *a, net_tensor_t *b) {
  return a && b ? net_binary(n, op, a, b) : NULL;
}

static net_tensor_t *add_number(network_t *n, net_tensor_t *x, double v) {
  return v == 0 ? x : binary(n, BINARY_ADD, x, network_const_scalar(n, "number", DT_FLOAT, v));
}

// Half away from zero, as roundf.
static net_tensor_t *round_away(network_t *n, net_tensor_t *x) {
  net_tensor_t *up = net_unary(n, UNARY_FLOOR, add_number(n, net_unary(n, UNARY_ABS, x), 0.5));
  return net_binary(n, BINARY_MUL, net_unary(n, UNARY_SIGN, x), up);
}

static net_tensor_t *round_half(network_t *n, net_tensor_t *x, bool up) {
  return up ? net_unary(n, UNARY_FLOOR, add_number(n, x, 0.5)) : net_unary(n, UNARY_ROUND, x);
}

typedef struct steps {  // 8-bit numbers of a tensor
  dtype_t dtype;        // DT_INT8 or DT_UINT8
  int axis, zero_point;
  bool narrow;
  quantize_rounding_t rounding;
  float multiplier, base;  // of one channel; else 0
  const float *scale;
  int64_t n;
} steps_t;

static net_tensor_t *quantize(network_t *n, net_tensor_t *x, const steps_t *s) {
  net_tensor_t *in[] = {x, scales(n, s->scale, s->n, s->axis)};
  layer_params_t p = {.quantize = {.axis = in[1] && in[1]->shape.rank ? s->axis : -1,
                                   .zero_point = s->zero_point,
                                   .narrow = s->narrow,
                                   .rounding = s->rounding,
                                   .multiplier = s->multiplier,
                                   .base = s->base}};
  return in[1] ? net_layer1(n, LAYER_QUANTIZE, 2, in, s->dtype, &p) : NULL;
}

static net_tensor_t *dequantize(network_t *n, net_tensor_t *q, const steps_t *s) {
  net_tensor_t *in[] = {q, scales(n, s->scale, s->n, s->axis)};
  layer_params_t p = {
      .quantize = {.axis = in[1] && in[1]->shape.rank ? s->axis : -1, .zero_point = s->zero_point}};
  return in[1] ? net_layer1(n, LAYER_DEQUANTIZE, 2, in, DT_FLOAT, &p) : NULL;
}

static status_t done(lower_ctx_t *c, int i, net_tensor_t *t) {
  c->out[i] = t;
  return t ? NULL : FAIL(RESOURCE_EXHAUSTED, "no memory for a range");
}

// In an implicit network the node also tells the range of the tensor, symmetric, as TF-TRT takes
// it.
static void tell_range(const lower_ctx_t *c, double most, net_tensor_t *y) {
  if (!c->net->implicit_ranges || !(most > 0)) return;
  if (!c->in[0]->is_const) c->in[0]->scale = (float)most / 127.0f;
  if (y) y->scale = (float)most / 127.0f;
}

// ---------------------------------------------------------------- FakeQuant

static int64_t fake_quant_channels(const lower_ctx_t *c, int *axis) {
  const shape_t *s = lower_shape(c, 0);
  *axis = strstr(c->node->op, "PerChannel") ? s->rank - 1 : -1;
  return *axis < 0 ? 1 : s->d[*axis];
}

static void fake_quant_range(const lower_ctx_t *c, int64_t k, double *min, double *max) {
  *min = node_float(c->node, "min", -6), *max = node_float(c->node, "max", 6);
  if (c->node->n_in != 3) return;
  *min = value_at(lower_value(c, 1), k);
  *max = value_at(lower_value(c, 2), k);
}

bool accept_fake_quant(lower_ctx_t *c, char *reason, size_t n) {
  int axis;
  int64_t bits = node_int(c->node, "num_bits", 8), channels = fake_quant_channels(c, &axis);
  bool vars = c->node->n_in == 3;
  if (bits < 2 || bits > 16) REFUSE("num_bits must be between 2 and 16, inclusive");
  if (lower_dtype(c, 0) != DT_FLOAT) REFUSE("it is not of float32");
  if (lower_shape(c, 0)->rank < (axis < 0 ? 0 : 1)) REFUSE("the rank of its input is not known");
  for (int i = 1; vars && i < 3; i++) {
    const tensor_t *t = lower_value(c, i);
    if (!t) REFUSE("its range (input %d) is not constant", i);
    if (tensor_elements(t) != channels || channels < 1)
      REFUSE("its range has %lld elements, its input another number of channels",
             (long long)tensor_elements(t));
  }
  for (int64_t k = 0; k < channels; k++) {
    double min, max;
    fake_quant_range(c, k, &min, &max);
    if (!(min < max) && !(vars && min == 0 && max == 0))
      REFUSE("min has to be smaller than max, was: %g >= %g", min, max);
  }
  return true;
}

// As the kernel does it, in floats: every num_bits, bit by bit.
static net_tensor_t *fake_quant_floats(network_t *n, net_tensor_t *x, const nudged_t *q,
                                       int64_t channels, int axis, int rank) {
  float *v = mem_alloc((size_t)channels * 4 * sizeof *v);
  for (int64_t k = 0; k < channels; k++) {
    v[k] = q[k].min;
    v[channels + k] = q[k].max;
    v[2 * channels + k] = q[k].inverse;
    v[3 * channels + k] = q[k].scale;
  }
  net_tensor_t *p[4];
  for (int i = 0; i < 4; i++) p[i] = per_channel(n, v + i * channels, channels, axis, rank);
  mem_free(v);
  x = binary(n, BINARY_MIN, binary(n, BINARY_MAX, x, p[0]), p[1]);
  x = binary(n, BINARY_MUL, binary(n, BINARY_SUB, x, p[0]), p[2]);
  if (!x) return NULL;
  x = binary(n, BINARY_MUL, round_half(n, x, true), p[3]);
  return binary(n, BINARY_ADD, x, p[0]);
}

// Numbers 0..255 of which one zero_point stands for 0; 128 of them signed.
static bool fake_quant_steps(const nudged_t *q, int64_t channels, bool narrow, int axis,
                             float *step, steps_t *s) {
  int low = narrow ? 1 : 0, zero = 0;
  for (int64_t k = 0; k < channels; k++) {
    if (!(q[k].scale > 0) || isinf(q[k].scale)) return false;
    int z = low - (int)lrintf(q[k].min / q[k].scale);
    if (k && z != zero) return false;
    zero = z;
    step[k] = q[k].scale;
  }
  bool is_signed = zero == 128;
  *s = (steps_t){.dtype = is_signed ? DT_INT8 : DT_UINT8,
                 .axis = axis,
                 .zero_point = is_signed ? 0 : zero,
                 .narrow = narrow,
                 .rounding = QUANTIZE_HALF_UP,
                 .multiplier = channels == 1 ? q->inverse : 0,
                 .base = channels == 1 ? q->min : 0,
                 .scale = step,
                 .n = channels};
  return true;
}

status_t lower_fake_quant(lower_ctx_t *c) {
  int axis;
  int64_t bits = node_int(c->node, "num_bits", 8), channels = fake_quant_channels(c, &axis);
  bool narrow = node_bool(c->node, "narrow_range", false);
  float low = narrow ? 1 : 0, high = (float)((1 << bits) - 1);
  nudged_t *q = mem_alloc((size_t)channels * sizeof *q);
  float *step = mem_alloc((size_t)channels * sizeof *step);
  double most = 0;
  for (int64_t k = 0; k < channels; k++) {
    double min, max;
    fake_quant_range(c, k, &min, &max);
    most = fmax(most, fmax(fabs(min), fabs(max)));
    q[k] = min == max ? (nudged_t){0} : quantize_nudge((float)min, (float)max, low, high);
  }
  steps_t s;
  net_tensor_t *x = c->in[0], *y = NULL;
  if (c->net->int8 && bits == 8 && fake_quant_steps(q, channels, narrow, axis, step, &s))
    y = (y = quantize(c->net, x, &s)) ? dequantize(c->net, y, &s) : NULL;
  else
    y = fake_quant_floats(c->net, x, q, channels, axis, lower_shape(c, 0)->rank);
  mem_free(q);
  mem_free(step);
  tell_range(c, most, y);
  return done(c, 0, y);
}

// ---------------------------------------------------------------- QuantizeAndDequantize

typedef struct qdq_args {
  bool given, is_signed, narrow, half_up;
  int64_t bits, channels;
  int axis, rank;
} qdq_args_t;

static qdq_args_t qdq_args(const lower_ctx_t *c) {
  const shape_t *s = lower_shape(c, 0);
  bool v3 = c->node->n_in == 4;
  qdq_args_t a = {.given = node_bool(c->node, "range_given", v3),
                  .is_signed = node_bool(c->node, "signed_input", true),
                  .narrow = node_bool(c->node, "narrow_range", false),
                  .half_up = node_string_is(c->node, "round_mode", "HALF_UP"),
                  .bits = node_int(c->node, "num_bits", 8),
                  .channels = 1,
                  .axis = (int)node_int(c->node, "axis", -1),
                  .rank = s->rank};
  int n;
  if (v3 && !lower_ints(c, 3, &a.bits, 1, &n)) a.bits = 0;
  if (a.axis >= 0 && a.axis < s->rank) a.channels = s->d[a.axis];
  return a;
}

bool accept_qdq(lower_ctx_t *c, char *reason, size_t n) {
  qdq_args_t a = qdq_args(c);
  if (lower_dtype(c, 0) != DT_FLOAT) REFUSE("it is not of float32");
  if (a.axis < -1 || a.axis >= a.rank)
    REFUSE("axis %d is out of range for rank %d", a.axis, a.rank);
  if (a.bits < (a.is_signed ? 2 : 1) || a.bits > 62)
    REFUSE("num_bits is not known, or out of range");
  for (int i = 1; a.given && i < 3; i++) {
    const tensor_t *t = lower_value(c, i);
    if (!t) REFUSE("its range (input %d) is not constant", i);
    int64_t count = tensor_elements(t);
    if (count != 1 && (count != a.channels || a.channels < 1))
      REFUSE("its range has %lld elements, its input another number of channels", (long long)count);
  }
  for (int64_t k = 0; a.given && k < a.channels; k++) {
    double min = value_at(lower_value(c, 1), k), max = value_at(lower_value(c, 2), k);
    if (!(min <= max)) REFUSE("Invalid range: input_min %g > input_max %g", min, max);
  }
  return true;
}

// Range from the data: the scale is computed by the run.
static net_tensor_t *qdq_measured(network_t *n, net_tensor_t *x, const qdq_args_t *a) {
  int axes[NET_MAX_AXES], n_axes = 0;
  for (int i = 0; i < a->rank && n_axes < NET_MAX_AXES; i++)
    if (i != a->axis) axes[n_axes++] = i;
  double lowest = a->is_signed ? -ldexp(1, (int)a->bits - 1) + (a->narrow ? 1 : 0) : 0;
  double highest = ldexp(1, (int)a->bits - (a->is_signed ? 1 : 0)) - 1;
  net_tensor_t *min = n_axes ? net_reduce(n, REDUCE_MIN, x, axes, n_axes, true) : x;
  net_tensor_t *max = n_axes ? net_reduce(n, REDUCE_MAX, x, axes, n_axes, true) : x;
  net_tensor_t *lo = network_const_scalar(n, "lowest", DT_FLOAT, lowest);
  net_tensor_t *hi = network_const_scalar(n, "highest", DT_FLOAT, highest);
  net_tensor_t *zero = network_const_scalar(n, "zero", DT_FLOAT, 0);
  net_tensor_t *most = network_const_scalar(n, "most", DT_FLOAT, (double)FLT_MAX);
  net_tensor_t *scale = net_select(n, net_binary(n, BINARY_GREATER, max, zero),
                                   net_binary(n, BINARY_DIV, hi, max), most);
  net_tensor_t *step = net_binary(n, BINARY_DIV, max, hi);
  if (lowest < 0) {
    net_tensor_t *from_min = net_select(n, net_binary(n, BINARY_LESS, min, zero),
                                        net_binary(n, BINARY_DIV, lo, min), most);
    net_tensor_t *wider = net_binary(n, BINARY_LESS, from_min, scale);
    step = net_select(n, wider, net_binary(n, BINARY_DIV, min, lo), step);
    scale = net_select(n, wider, from_min, scale);
  }
  return net_binary(n, BINARY_MUL, round_half(n, net_binary(n, BINARY_MUL, x, scale), a->half_up),
                    step);
}

static net_tensor_t *qdq_floats(network_t *n, net_tensor_t *x, const qdq_args_t *a,
                                const qdq_t *q) {
  float *v = mem_alloc((size_t)a->channels * 4 * sizeof *v);
  for (int64_t k = 0; k < a->channels; k++) {
    const double from[] = {q[k].min, q[k].max, q[k].scale, q[k].inverse};
    for (int i = 0; i < 4; i++) v[i * a->channels + k] = (float)from[i];
  }
  net_tensor_t *p[4];
  for (int i = 0; i < 4; i++)
    p[i] = per_channel(n, v + i * a->channels, a->channels, a->axis, a->rank);
  mem_free(v);
  x = binary(n, BINARY_MIN, binary(n, BINARY_MAX, x, p[0]), p[1]);
  x = binary(n, BINARY_MUL, x, p[2]);
  return x ? binary(n, BINARY_MUL, round_half(n, x, a->half_up), p[3]) : NULL;
}

static bool qdq_steps(const qdq_t *q, const qdq_args_t *a, float *step, steps_t *s) {
  for (int64_t k = 0; k < a->channels; k++) {
    step[k] = (float)q[k].inverse;
    if (!(step[k] > 0) || isinf(step[k])) return false;
  }
  *s = (steps_t){.dtype = a->is_signed ? DT_INT8 : DT_UINT8,
                 .axis = a->axis,
                 .narrow = a->is_signed && a->narrow,
                 .rounding = a->half_up ? QUANTIZE_HALF_UP : QUANTIZE_HALF_EVEN,
                 .multiplier = a->channels == 1 ? (float)q->scale : 0,
                 .scale = step,
                 .n = a->channels};
  return true;
}

status_t lower_qdq(lower_ctx_t *c) {
  qdq_args_t a = qdq_args(c);
  if (!a.given) return done(c, 0, qdq_measured(c->net, c->in[0], &a));
  qdq_t *q = mem_alloc((size_t)a.channels * sizeof *q);
  float *step = mem_alloc((size_t)a.channels * sizeof *step);
  double most = 0;
  for (int64_t k = 0; k < a.channels; k++) {
    double min = value_at(lower_value(c, 1), k), max = value_at(lower_value(c, 2), k);
    most = fmax(most, fmax(fabs(min), fabs(max)));
    q[k] = quantize_qdq(false, min, max, a.is_signed, a.bits, a.narrow);
  }
  steps_t s;
  net_tensor_t *y = NULL;
  if (c->net->int8 && a.bits == 8 && qdq_steps(q, &a, step, &s))
    y = (y = quantize(c->net, c->in[0], &s)) ? dequantize(c->net, y, &s) : NULL;
  else
    y = qdq_floats(c->net, c->in[0], &a, q);
  mem_free(q);
  mem_free(step);
  tell_range(c, most, y);
  return done(c, 0, y);
}

// ---------------------------------------------------------------- QuantizeV2, Dequantize

static dtype_t engine_dtype(dtype_t quantized) {
  return quantized == DT_QINT8 ? DT_INT8 : quantized == DT_QUINT8 ? DT_UINT8 : DT_INVALID;
}

static int64_t axis_channels(const lower_ctx_t *c, int *axis) {
  const shape_t *s = lower_shape(c, 0);
  *axis = (int)node_int(c->node, "axis", -1);
  return *axis >= 0 && *axis < s->rank ? s->d[*axis] : 1;
}

static bool accept_ranges(lower_ctx_t *c, char *reason, size_t n) {
  int axis;
  int64_t channels = axis_channels(c, &axis);
  if (axis < -1 || axis >= lower_shape(c, 0)->rank)
    REFUSE("axis %d is out of range for rank %d", axis, lower_shape(c, 0)->rank);
  for (int i = 1; i < 3; i++) {
    const tensor_t *t = lower_value(c, i);
    if (!t) REFUSE("its range (input %d) is not constant", i);
    if (tensor_elements(t) != 1 && (tensor_elements(t) != channels || channels < 1))
      REFUSE("its range has %lld elements, its input another number of channels",
             (long long)tensor_elements(t));
  }
  for (int64_t k = 0; k < channels; k++)
    if (!(value_at(lower_value(c, 1), k) <= value_at(lower_value(c, 2), k)))
      REFUSE("max_range must be larger than min_range");
  return true;
}

bool accept_quantize(lower_ctx_t *c, char *reason, size_t n) {
  if (lower_dtype(c, 0) != DT_FLOAT || !engine_dtype(c->node->out_dtype[0]))
    REFUSE("engines quantize float32 to qint8 or quint8");
  return accept_ranges(c, reason, n);
}

// All but SCALED: numbers that 0 need not be one of.
static net_tensor_t *quantize_affine(lower_ctx_t *c, const quantizer_t *z, int64_t channels,
                                     int axis) {
  network_t *n = c->net;
  dtype_t to = c->node->out_dtype[0];
  bool first = quantize_mode(c->node) == MIN_FIRST;
  double lowest = 0, highest = 0;
  quantize_limits(to, &lowest, &highest);
  float *v = mem_alloc((size_t)channels * 4 * sizeof *v);
  for (int64_t k = 0; k < channels; k++) {
    v[k] = z[k].min;
    v[channels + k] = z[k].max;
    v[2 * channels + k] = z[k].scale;
    v[3 * channels + k] = -z[k].base;
  }
  net_tensor_t *p[4], *x = c->in[0];
  for (int i = 0; i < 4; i++)
    p[i] = per_channel(n, v + i * channels, channels, axis, lower_shape(c, 0)->rank);
  mem_free(v);
  if (!p[0] || !p[1] || !p[2] || !p[3]) return NULL;
  if (first) {
    x = net_binary(n, BINARY_MUL, x, p[2]);
    if (to == DT_QUINT8)
      x = round_away(n, net_binary(n, BINARY_ADD, x, p[3]));
    else
      x = add_number(n, net_binary(n, BINARY_ADD, round_away(n, x), p[3]), lowest);
  } else {
    x = net_binary(n, BINARY_MIN, net_binary(n, BINARY_MAX, x, p[0]), p[1]);
    x = net_binary(n, BINARY_MUL, net_binary(n, BINARY_SUB, x, p[0]), p[2]);
    x = lowest < 0 ? round_away(n, add_number(n, x, -(highest - lowest + 1) / 2))
                   : round_half(n, x, true);
  }
  x = net_unary2(n, UNARY_CLIP, x, (float)lowest, (float)highest);
  return net_cast(n, x, engine_dtype(to));
}

status_t lower_quantize(lower_ctx_t *c) {
  int axis;
  int64_t channels = axis_channels(c, &axis);
  dtype_t to = c->node->out_dtype[0];
  quantizer_t *z = mem_alloc((size_t)channels * sizeof *z);
  float *v = mem_alloc((size_t)channels * 3 * sizeof *v);
  for (int64_t k = 0; k < channels; k++) {
    z[k] = quantize_quantizer(c->node, to, value_at(lower_value(c, 1), k),
                              value_at(lower_value(c, 2), k));
    v[k] = z[k].min;
    v[channels + k] = z[k].max;
    v[2 * channels + k] = 1 / z[k].scale;
  }
  bool even = node_string_is(c->node, "round_mode", "HALF_TO_EVEN");
  steps_t s = {.dtype = engine_dtype(to),
               .axis = axis,
               .narrow = node_bool(c->node, "narrow_range", false),
               .rounding = even ? QUANTIZE_HALF_EVEN : QUANTIZE_HALF_AWAY,
               .multiplier = channels == 1 ? z->scale : 0,
               .scale = v + 2 * channels,
               .n = channels};
  net_tensor_t *q = quantize_mode(c->node) == SCALED ? quantize(c->net, c->in[0], &s)
                                                     : quantize_affine(c, z, channels, axis);
  status_t st = done(c, 0, q);
  shape_t vector = axis < 0 ? SHAPE_SCALAR : SHAPE(channels);
  for (int i = 0; i < 2 && !st; i++) {
    tensor_t t;
    st = tensor_alloc(DT_FLOAT, &vector, &t);
    if (st) break;
    memcpy(t.data, v + i * channels, tensor_bytes(&t));
    c->out[1 + i] = network_add_constant(c->net, c->node->name, &t, NULL);
    tensor_unref(&t);
  }
  mem_free(z);
  mem_free(v);
  return st;
}

bool accept_dequantize(lower_ctx_t *c, char *reason, size_t n) {
  if (!engine_dtype(lower_dtype(c, 0)) || c->node->out_dtype[0] != DT_FLOAT)
    REFUSE("engines dequantize qint8 or quint8 to float32");
  return accept_ranges(c, reason, n);
}

status_t lower_dequantize(lower_ctx_t *c) {
  int axis;
  int64_t channels = axis_channels(c, &axis);
  dtype_t from = lower_dtype(c, 0);
  net_tensor_t *q = c->in[0];
  if (q->is_const && q->dtype != engine_dtype(from)) {  // the same bytes under the engine's dtype
    tensor_t t = q->value;
    t.dtype = engine_dtype(from);
    q = network_add_constant(c->net, q->name, &t, q->weight_key);
  }
  float *v = mem_alloc((size_t)channels * 3 * sizeof *v);
  for (int64_t k = 0; k < channels; k++) {
    dequantizer_t d = quantize_dequantizer(c->node, from, value_at(lower_value(c, 1), k),
                                           value_at(lower_value(c, 2), k));
    v[k] = (float)d.scale;
    v[channels + k] = (float)d.base;
    v[2 * channels + k] = (float)d.shift;
  }
  quantize_mode_t mode = quantize_mode(c->node);
  // Of MIN_FIRST's steps one is at 0, of MIN_COMBINED's need not be.
  double zero = mode == MIN_FIRST ? -(double)v[2 * channels] - (double)(v[channels] / v[0]) : 0;
  double lowest = 0, highest = 0;
  quantize_limits(from, &lowest, &highest);
  bool steps = mode == SCALED || (mode == MIN_FIRST && channels == 1 && rint(zero) >= lowest &&
                                  rint(zero) <= highest);
  for (int64_t k = 0; k < channels; k++) steps = steps && v[k] > 0;
  net_tensor_t *y = NULL;
  if (steps) {
    steps_t s = {
        .dtype = q->dtype, .axis = axis, .zero_point = (int)lrint(zero), .scale = v, .n = channels};
    y = dequantize(c->net, q, &s);
  } else {
    int rank = lower_shape(c, 0)->rank;
    y = add_number(c->net, net_cast(c->net, q, DT_FLOAT), (double)v[2 * channels]);
    y = binary(c->net, BINARY_MUL, y, per_channel(c->net, v, channels, axis, rank));
    y = binary(c->net, BINARY_ADD, y, per_channel(c->net, v + channels, channels, axis, rank));
  }
  mem_free(v);
  return done(c, 0, y);
}
