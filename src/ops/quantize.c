// Quantisation in floats (FakeQuant*, QuantizeAndDequantize*), to quantized integers and back
// (QuantizeV2, Dequantize), and CheckNumerics.
#include "ops/quantize.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/math.h"

channels_t quantize_channels(const shape_t *s, int axis) {
  channels_t c = {1, 1, 1};
  for (int i = 0; i < s->rank; i++)
    *(axis < 0 || i > axis ? &c.inner : i < axis ? &c.outer : &c.channels) *= s->d[i];
  return c;
}

// Ranges must have one element, or one per channel.
static status_t range_at(const op_ctx_t *c, int in, int64_t channels, int64_t i, double *v) {
  int64_t n = tensor_elements(&c->in[in]);
  if (n != channels && n != 1)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "input %d has %" PRId64 " elements, expected one for each of %" PRId64
                   " channels",
                   in, n, channels);
  *v = tensor_number_at(&c->in[in], n == 1 ? 0 : i);
  return NULL;
}

static status_t check_axis(const op_ctx_t *c, int64_t axis) {
  if (axis < -1 || axis >= c->in[0].shape.rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "axis %" PRId64 " is out of range for rank %d", axis,
                   c->in[0].shape.rank);
  return NULL;
}

// ---------------------------------------------------------------- FakeQuant

nudged_t quantize_nudge(float min, float max, float quant_min, float quant_max) {
  nudged_t r;
  r.scale = (max - min) / (quant_max - quant_min);
  r.inverse = (quant_max - quant_min) / (max - min);
  float zero = quant_min - min / r.scale;
  float nudged = zero < quant_min ? quant_min : zero > quant_max ? quant_max : roundf(zero);
  r.min = (quant_min - nudged) * r.scale;
  r.max = (quant_max - nudged) * r.scale;
  return r;
}

static void fake_quant(const float *x, float *y, int64_t n, nudged_t q) {
  for (int64_t i = 0; i < n; i++) {
    float v = x[i] < q.min ? q.min : x[i] > q.max ? q.max : x[i];
    y[i] = floorf((v - q.min) * q.inverse + 0.5f) * q.scale + q.min;
  }
}

static status_t kernel_fake_quant(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  bool per_channel = strstr(c->node->op, "PerChannel") != NULL, vars = c->n_in == 3;
  int64_t bits = node_int(c->node, "num_bits", 8);
  if (bits < 2 || bits > 16)
    return OP_FAIL(c, INVALID_ARGUMENT, "num_bits must be between 2 and 16, inclusive");
  if (x->dtype != DT_FLOAT) return math_no_kernel(c, 0);
  if (per_channel && x->shape.rank < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must be at least a vector");
  channels_t ch = quantize_channels(&x->shape, per_channel ? x->shape.rank - 1 : -1);
  float low = node_bool(c->node, "narrow_range", false) ? 1 : 0, high = (float)((1 << bits) - 1);
  for (int in = 1; in < c->n_in; in++)
    if (tensor_elements(&c->in[in]) != ch.channels)
      return OP_FAIL(c, INVALID_ARGUMENT, "the range has %" PRId64 " elements, expected %" PRId64,
                     tensor_elements(&c->in[in]), ch.channels);
  tensor_t *y;
  TRY(op_out_like(c, 0, 0, &y));
  const float *from = x->data;
  float *to = y->data;
  for (int64_t k = 0; k < ch.channels; k++) {
    double min = node_float(c->node, "min", -6), max = node_float(c->node, "max", 6);
    if (vars) {
      TRY(range_at(c, 1, ch.channels, k, &min));
      TRY(range_at(c, 2, ch.channels, k, &max));
    }
    bool zero = vars && min == 0 && max == 0;
    if (!zero && !(min < max))
      return OP_FAIL(c, INVALID_ARGUMENT, "min has to be smaller than max, was: %g >= %g", min,
                     max);
    nudged_t q = zero ? (nudged_t){0} : quantize_nudge((float)min, (float)max, low, high);
    if (ch.channels == 1) {
      fake_quant(from, to, ch.inner * ch.outer, q);
    } else {
      for (int64_t o = 0; o < ch.outer; o++)
        fake_quant(from + o * ch.channels + k, to + o * ch.channels + k, 1, q);
    }
  }
  return NULL;
}

// ---------------------------------------------------------------- QuantizeAndDequantize

qdq_t quantize_qdq(bool wide, double min, double max, bool is_signed, int64_t bits, bool narrow) {
  double lowest = is_signed ? -ldexp(1, (int)bits - 1) + (narrow ? 1 : 0) : 0;
  double highest = is_signed ? ldexp(1, (int)bits - 1) - 1 : ldexp(1, (int)bits) - 1;
#define ROUND(v) (wide ? (v) : (double)(float)(v))
  double most = wide ? DBL_MAX : (double)FLT_MAX;
  double from_min = lowest * min > 0 ? ROUND(lowest / min) : most;
  double from_max = highest * max > 0 ? ROUND(highest / max) : most;
  qdq_t q = {.min = min, .max = max};
  if (from_min < from_max) {
    q.scale = from_min;
    q.inverse = ROUND(min / lowest);
    q.max = ROUND(highest * q.inverse);
  } else {
    q.scale = from_max;
    q.inverse = ROUND(max / highest);
    q.min = ROUND(lowest * q.inverse);
  }
#undef ROUND
  return q;
}

#define QDQ(T, FLOOR, RINT)                                               \
  {                                                                       \
    const T *x = (const T *)px + from;                                    \
    T *y = (T *)py + from;                                                \
    T lo = (T)q->min, hi = (T)q->max, s = (T)q->scale, r = (T)q->inverse; \
    for (int64_t i = 0; i < n; i++) {                                     \
      T v = x[i];                                                         \
      if (clamp) v = v < lo ? lo : v > hi ? hi : v;                       \
      y[i] = (half_up ? FLOOR(v * s + (T)0.5) : RINT(v * s)) * r;         \
    }                                                                     \
    return;                                                               \
  }
static void qdq_run(bool wide, const void *px, void *py, int64_t from, int64_t n, const qdq_t *q,
                    bool clamp, bool half_up) {
  if (wide) QDQ(double, floor, rint)
  QDQ(float, floorf, rintf)
}

static status_t kernel_qdq(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  bool given = node_bool(c->node, "range_given", false);
  bool is_signed = node_bool(c->node, "signed_input", true);
  int64_t bits = node_int(c->node, "num_bits", 8), axis = node_int(c->node, "axis", -1);
  bool half_up = node_string_is(c->node, "round_mode", "HALF_UP");
  if (c->n_in == 4) TRY(op_int(c, 3, &bits));
  if (bits < 1 || bits > 62 || (is_signed && bits < 2))
    return OP_FAIL(c, INVALID_ARGUMENT, "num_bits is out of range: %" PRId64, bits);
  TRY(check_axis(c, axis));
  if (x->dtype != DT_FLOAT && x->dtype != DT_DOUBLE) return math_no_kernel(c, 0);
  bool wide = x->dtype == DT_DOUBLE;
  channels_t ch = quantize_channels(&x->shape, (int)axis);
  tensor_t *y;
  TRY(op_out(c, 0, &x->shape, &y));
  for (int64_t k = 0; k < ch.channels; k++) {
    double min = 0, max = 0;
    if (given) {
      TRY(range_at(c, 1, ch.channels, k, &min));
      TRY(range_at(c, 2, ch.channels, k, &max));
      if (min > max)
        return OP_FAIL(c, INVALID_ARGUMENT, "Invalid range: input_min %g > input_max %g", min, max);
    } else {
      bool first = true;
      for (int64_t o = 0; o < ch.outer; o++)
        for (int64_t i = 0; i < ch.inner; i++, first = false) {
          double v = tensor_number_at(x, (o * ch.channels + k) * ch.inner + i);
          if (first || v < min) min = v;
          if (first || v > max) max = v;
        }
    }
    qdq_t q =
        quantize_qdq(wide, min, max, is_signed, bits, node_bool(c->node, "narrow_range", false));
    for (int64_t o = 0; o < ch.outer; o++)
      qdq_run(wide, x->data, y->data, (o * ch.channels + k) * ch.inner, ch.inner, &q, given,
              half_up);
  }
  return NULL;
}

// ---------------------------------------------------------------- quantized integers

quantize_mode_t quantize_mode(const node_t *n) {
  return node_string_is(n, "mode", "SCALED")      ? SCALED
         : node_string_is(n, "mode", "MIN_FIRST") ? MIN_FIRST
                                                  : MIN_COMBINED;
}

bool quantize_limits(dtype_t t, double *lowest, double *highest) {
  switch (t) {
    case DT_QINT8: *lowest = INT8_MIN, *highest = INT8_MAX; return true;
    case DT_QUINT8: *lowest = 0, *highest = UINT8_MAX; return true;
    case DT_QINT16: *lowest = INT16_MIN, *highest = INT16_MAX; return true;
    case DT_QUINT16: *lowest = 0, *highest = UINT16_MAX; return true;
    case DT_QINT32: *lowest = INT32_MIN, *highest = INT32_MAX; return true;
    default: return false;
  }
}

quantizer_t quantize_quantizer(const node_t *n, dtype_t to, double given_min, double given_max) {
  double lowest = 0, highest = 0;
  quantize_limits(to, &lowest, &highest);
  float ensure = node_float(n, "ensure_minimum_range", 0.01f);
  float a = (float)given_min, b = (float)given_max;
  float size = fmaxf(1.0f, fmaxf(fabsf(a), fabsf(b))) * ensure;
  float min = fminf(0.0f, a), max = fmaxf(0.0f, fmaxf(b, min + size));
  quantizer_t q = {.min = min, .max = max};
  quantize_mode_t mode = quantize_mode(n);
  if (mode == SCALED) {
    double bottom = lowest + (node_bool(n, "narrow_range", false) ? 1 : 0);
    float lo = (float)bottom, hi = (float)highest;
    float from_min = lo * min > 0 ? lo / min : FLT_MAX,
          from_max = hi * max > 0 ? hi / max : FLT_MAX;
    q.scale = fminf(from_min, from_max);
    q.min = lo == 0 ? 0 : lo / q.scale;
    q.max = hi / q.scale;
  } else if (mode == MIN_FIRST) {
    double steps = highest - lowest + 1,
           range = ((double)max - (double)min) * (steps / (steps - 1));
    q.scale = (float)(steps / range);
    // TensorFlow's kernel for quint8 rounds once, the others round value and minimum.
    q.base = to == DT_QUINT8 ? min * q.scale : roundf(min * q.scale);
  } else {
    q.scale = (float)((highest - lowest) / ((double)max - (double)min));
  }
  return q;
}

dequantizer_t quantize_dequantizer(const node_t *n, dtype_t from, double min, double max) {
  double lowest = 0, highest = 0;
  quantize_limits(from, &lowest, &highest);
  dequantizer_t d = {.base = min};
  quantize_mode_t mode = quantize_mode(n);
  if (mode == SCALED) {
    double bottom = lowest + (node_bool(n, "narrow_range", false) ? 1 : 0);
    d.scale = lowest == 0 ? max / highest : fmax(min / bottom, max / highest);
    d.base = 0;
  } else if (mode == MIN_FIRST) {
    double steps = highest - lowest + 1;
    d.scale = (max - min) * (steps / (steps - 1)) / steps;
    d.base = round(min / d.scale) * d.scale;
    d.shift = -lowest;
  } else {
    d.scale = (max - min) / (highest - lowest);
    d.shift = lowest < 0 ? (highest - lowest + 1) / 2 : 0;
  }
  return d;
}

static void store_quantized(tensor_t *t, int64_t i, double v, double lowest, double highest) {
  tensor_set_number(t, i, !(v > lowest) ? lowest : v > highest ? highest : v);
}

static status_t infer_quantize(infer_ctx_t *c) {
  infer_out(c, 0, infer_in(c, 0));
  bool whole = node_int(c->node, "axis", -1) < 0;
  for (int i = 1; i < 3; i++) infer_out(c, i, whole ? &(shape_t){0} : infer_in(c, i));
  return NULL;
}

static status_t kernel_quantize(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  int64_t axis = node_int(c->node, "axis", -1);
  double lowest, highest;
  TRY(check_axis(c, axis));
  if (x->dtype != DT_FLOAT || !quantize_limits(c->node->out_dtype[0], &lowest, &highest))
    return math_no_kernel(c, 0);
  channels_t ch = quantize_channels(&x->shape, (int)axis);
  quantize_mode_t mode = quantize_mode(c->node);
  bool even = node_string_is(c->node, "round_mode", "HALF_TO_EVEN");
  tensor_t *y, *out_min, *out_max;
  shape_t ranges = axis < 0 ? SHAPE_SCALAR : SHAPE(ch.channels);
  TRY(op_out(c, 0, &x->shape, &y));
  TRY(op_out(c, 1, &ranges, &out_min));
  TRY(op_out(c, 2, &ranges, &out_max));
  for (int64_t k = 0; k < ch.channels; k++) {
    double given_min = 0, given_max = 0;
    TRY(range_at(c, 1, ch.channels, k, &given_min));
    TRY(range_at(c, 2, ch.channels, k, &given_max));
    if (given_min > given_max)
      return OP_FAIL(c, INVALID_ARGUMENT, "input_max_range must be larger than input_min_range");
    quantizer_t z = quantize_quantizer(c->node, y->dtype, given_min, given_max);
    float min = z.min, max = z.max, scale = z.scale, base = z.base;
    float half = lowest < 0 ? (float)((highest - lowest + 1) / 2) : 0;
    for (int64_t o = 0; o < ch.outer; o++)
      for (int64_t i = 0; i < ch.inner; i++) {
        int64_t at = (o * ch.channels + k) * ch.inner + i;
        float v = TENSOR_DATA(float, x)[at], w = fmaxf(min, fminf(v, max));
        double q;
        if (mode == SCALED)
          q = (double)(even ? rintf(w * scale) : roundf(w * scale));
        else if (mode == MIN_FIRST)
          q = (y->dtype == DT_QUINT8 ? (double)roundf(v * scale - base)
                                     : (double)(roundf(v * scale) - base)) +
              lowest;
        else if (lowest < 0)
          q = (double)roundf((w - min) * scale - half);
        else
          q = trunc((double)((w - min) * scale + 0.5f));
        store_quantized(y, at, q, lowest, highest);
      }
    tensor_set_number(out_min, k, (double)min);
    tensor_set_number(out_max, k, (double)max);
  }
  return NULL;
}

static status_t kernel_dequantize(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  int64_t axis = node_int(c->node, "axis", -1);
  double lowest, highest;
  TRY(check_axis(c, axis));
  if (!quantize_limits(x->dtype, &lowest, &highest)) return math_no_kernel(c, 0);
  channels_t ch = quantize_channels(&x->shape, (int)axis);
  tensor_t *y;
  TRY(op_out(c, 0, &x->shape, &y));
  for (int64_t k = 0; k < ch.channels; k++) {
    double min = 0, max = 0;
    TRY(range_at(c, 1, ch.channels, k, &min));
    TRY(range_at(c, 2, ch.channels, k, &max));
    dequantizer_t d = quantize_dequantizer(c->node, x->dtype, min, max);
    for (int64_t o = 0; o < ch.outer; o++)
      for (int64_t i = 0; i < ch.inner; i++) {
        int64_t at = (o * ch.channels + k) * ch.inner + i;
        tensor_set_number(y, at, (tensor_number_at(x, at) + d.shift) * d.scale + d.base);
      }
  }
  return NULL;
}

// ---------------------------------------------------------------- CheckNumerics

static status_t kernel_check(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  if (!dtype_is_float(x->dtype)) return math_no_kernel(c, 0);
  int64_t n = tensor_elements(x);
  bool inf = false, nan = false;
  for (int64_t i = 0; i < n; i++) {
    double v = tensor_number_at(x, i);
    inf |= isinf(v) != 0;
    nan |= isnan(v) != 0;
  }
  if (inf || nan)
    return OP_FAIL(c, INVALID_ARGUMENT, "%s : Tensor had %s values",
                   node_string(c->node, "message"),
                   inf && nan ? "Inf and NaN"
                   : inf      ? "Inf"
                              : "NaN");
  op_forward(c, 0, 0, NULL);
  return NULL;
}

#define FAKE_ATTRS "num_bits: int = 8; narrow_range: bool = false"
#define QDQ_ATTRS(GIVEN) \
  "signed_input: bool = true; num_bits: int = 8; range_given: bool = " GIVEN "; "
#define CHECK(NAME)                                                                     \
  {                                                                                     \
    .name = NAME, .sig = "tensor: T -> output: T", .attrs = "T: type; message: string", \
    .infer = infer_same, .kernel = kernel_check, .flags = OP_STATEFUL                   \
  }

const op_def_t ops_quantize[] = {
    {.name = "FakeQuantWithMinMaxArgs",
     .sig = "inputs: float -> outputs: float",
     .attrs = "min: float = -6; max: float = 6; " FAKE_ATTRS,
     .infer = infer_same,
     .kernel = kernel_fake_quant,
     .accept = accept_fake_quant,
     .lower = lower_fake_quant,
     .flags = OP_NO_FOLD},
    {.name = "FakeQuantWithMinMaxVars",
     .sig = "inputs: float, min: float, max: float -> outputs: float",
     .attrs = FAKE_ATTRS,
     .infer = infer_same,
     .kernel = kernel_fake_quant,
     .accept = accept_fake_quant,
     .lower = lower_fake_quant,
     .flags = OP_NO_FOLD},
    {.name = "FakeQuantWithMinMaxVarsPerChannel",
     .sig = "inputs: float, min: float, max: float -> outputs: float",
     .attrs = FAKE_ATTRS,
     .infer = infer_same,
     .kernel = kernel_fake_quant,
     .accept = accept_fake_quant,
     .lower = lower_fake_quant,
     .flags = OP_NO_FOLD},
    {.name = "QuantizeAndDequantizeV2",
     .sig = "input: T, input_min: T, input_max: T -> output: T",
     .attrs = QDQ_ATTRS("false") "T: type; round_mode: string = 'HALF_TO_EVEN'; "
                                 "narrow_range: bool = false; axis: int = -1",
     .infer = infer_same,
     .kernel = kernel_qdq,
     .accept = accept_qdq,
     .lower = lower_qdq,
     .flags = OP_NO_FOLD},
    {.name = "QuantizeAndDequantizeV3",
     .sig = "input: T, input_min: T, input_max: T, num_bits: int32 -> output: T",
     .attrs = "signed_input: bool = true; range_given: bool = true; T: type; "
              "narrow_range: bool = false; axis: int = -1",
     .infer = infer_same,
     .kernel = kernel_qdq,
     .accept = accept_qdq,
     .lower = lower_qdq,
     .flags = OP_NO_FOLD},
    {.name = "QuantizeAndDequantizeV4",
     .sig = "input: T, input_min: T, input_max: T -> output: T",
     .attrs = QDQ_ATTRS("false") "T: type; round_mode: string = 'HALF_TO_EVEN'; "
                                 "narrow_range: bool = false; axis: int = -1",
     .infer = infer_same,
     .kernel = kernel_qdq,
     .accept = accept_qdq,
     .lower = lower_qdq,
     .flags = OP_NO_FOLD},
    {.name = "QuantizeV2",
     .sig = "input: float, min_range: float, max_range: float -> output: T, output_min: float, "
            "output_max: float",
     .attrs = "T: type; mode: string = 'MIN_COMBINED'; round_mode: string = "
              "'HALF_AWAY_FROM_ZERO'; narrow_range: bool = false; axis: int = -1; "
              "ensure_minimum_range: float = 0.01",
     .infer = infer_quantize,
     .kernel = kernel_quantize,
     .accept = accept_quantize,
     .lower = lower_quantize,
     .flags = OP_NO_FOLD},
    {.name = "Dequantize",
     .sig = "input: T, min_range: float, max_range: float -> output: dtype",
     .attrs = "T: type; mode: string = 'MIN_COMBINED'; narrow_range: bool = false; axis: int = "
              "-1; dtype: type = float",
     .infer = infer_same,
     .kernel = kernel_dequantize,
     .accept = accept_dequantize,
     .lower = lower_dequantize,
     .flags = OP_NO_FOLD},
    CHECK("CheckNumerics"),
    CHECK("CheckNumericsV2"),
    {0},
};
