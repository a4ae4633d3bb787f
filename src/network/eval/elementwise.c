// Unary, binary, select, cast, fused chains, quantisation.
#include <math.h>

#include "network/eval/eval_internal.h"

// A number in flight: exact for ints and bools, double for floats.
typedef struct number {
  bool exact;
  int64_t i;
  double f;
} number_t;

static number_t get(const tensor_t *t, int64_t at) {
  if (eval_exact(t->dtype)) return (number_t){.exact = true, .i = eval_int(t, at)};
  return (number_t){.f = tensor_number_at(t, at)};
}

static double as_double(number_t v) { return v.exact ? (double)v.i : v.f; }

static void set(tensor_t *t, int64_t at, number_t v) {
  if (v.exact)
    eval_set_int(t, at, v.i);
  else
    tensor_set_number(t, at, v.f);
}

static number_t real(double f) { return (number_t){.f = f}; }
static number_t integer(int64_t i) { return (number_t){.exact = true, .i = i}; }

static number_t unary(unary_op_t op, number_t x, float alpha, float beta) {
  if (op == UNARY_ISNAN || op == UNARY_ISINF || op == UNARY_ISFINITE)
    return integer(unary_eval(op, as_double(x), 0, 0) != 0);
  if (!x.exact) return real(unary_eval(op, x.f, alpha, beta));
  switch (op) {
    case UNARY_ABS: return integer(x.i < 0 ? (int64_t)(0 - (uint64_t)x.i) : x.i);
    case UNARY_NEG: return integer((int64_t)(0 - (uint64_t)x.i));
    case UNARY_SQUARE: return integer((int64_t)((uint64_t)x.i * (uint64_t)x.i));
    case UNARY_SIGN: return integer((x.i > 0) - (x.i < 0));
    case UNARY_NOT: return integer(!x.i);
    case UNARY_RELU: return integer(x.i < 0 ? 0 : x.i);
    case UNARY_IDENTITY:
    case UNARY_CEIL:
    case UNARY_FLOOR:
    case UNARY_ROUND: return x;
    default: return integer((int64_t)unary_eval(op, (double)x.i, alpha, beta));
  }
}

// The division by zero of an integer is reported by the caller.
static number_t binary(binary_op_t op, number_t a, number_t b, bool *bad) {
  int64_t r = 0;
  if (a.exact && b.exact && op != BINARY_ATAN2) {
    if (!binary_eval_int(op, a.i, b.i, &r)) *bad = true;
    return integer(r);
  }
  double f = binary_eval(op, as_double(a), as_double(b));
  bool logic = binary_op_compares(op) || (op >= BINARY_AND && op <= BINARY_XOR);
  return logic ? integer(f != 0) : real(f);
}

// Out of range, x86 gives the smallest 32- or 64-bit integer; narrower types wrap from there.
static number_t to_int(double f, dtype_t to) {
  if (to == DT_BOOL) return integer(f != 0);
  if (to == DT_INT32 && !(f > -2147483649.0 && f < 2147483648.0)) return integer(INT32_MIN);
  if (!(f >= -9223372036854775808.0 && f < 9223372036854775808.0)) return integer(INT64_MIN);
  return integer((int64_t)f);
}

// The float with the low `bits` bits of its fraction cleared.
static double chop(double f, int bits) {
  union {
    float f;
    uint32_t u;
  } v = {(float)f};
  if (isfinite(v.f)) v.u &= ~((1u << bits) - 1);
  return (double)v.f;
}

static double round_to(double f, dtype_t to) {
  if (to == DT_FLOAT) return (double)(float)f;
  if (to == DT_HALF) return (double)half_to_float(float_to_half((float)f));
  if (to == DT_BFLOAT16) return (double)bfloat16_to_float(float_to_bfloat16((float)f));
  return f;
}

static number_t cast(number_t v, dtype_t to, bool truncate) {
  if (eval_exact(to)) {
    if (!v.exact) return to_int(v.f, to);
    return to == DT_BOOL ? integer(v.i != 0) : v;
  }
  double f = as_double(v);
  if (truncate && (to == DT_BFLOAT16 || to == DT_HALF)) f = chop(f, to == DT_HALF ? 13 : 16);
  return real(round_to(f, to));
}

status_t eval_elementwise(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const shape_t *s = &out->shape;
  int64_t strides[3][SHAPE_MAX_RANK], coord[SHAPE_MAX_RANK] = {0}, n = tensor_elements(out);
  bool bad = false;
  for (int k = 0; k < l->n_in && k < 3; k++) eval_broadcast_strides(&in[k].shape, s, strides[k]);
  for (int64_t i = 0; i < n; i++, eval_next(s, coord)) {
    number_t v[3];
    for (int k = 0; k < l->n_in && k < 3; k++)
      v[k] = get(&in[k], eval_offset(coord, strides[k], s->rank));
    if (l->type == LAYER_UNARY)
      set(out, i, unary(l->p.unary.op, v[0], l->p.unary.alpha, l->p.unary.beta));
    else if (l->type == LAYER_BINARY)
      set(out, i, binary(l->p.binary.op, v[0], v[1], &bad));
    else
      set(out, i, v[0].i ? v[1] : v[2]);
  }
  return bad ? EVAL_BAD(l, "%s", "integer division by zero, or a negative integer power") : NULL;
}

status_t eval_cast(const layer_t *l, const tensor_t *in, tensor_t *out) {
  int64_t n = tensor_elements(out);
  for (int64_t i = 0; i < n; i++) set(out, i, cast(get(in, i), out->dtype, l->p.cast.truncate));
  return NULL;
}

static number_t quantize_step(const fused_step_t *f, double x) {
  layer_params_t p = {.quantize = {.zero_point = (int)f->beta}};
  return integer((int64_t)quantize_number(&p, f->alpha, f->dtype == DT_UINT8, x));
}

status_t eval_fused(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const shape_t *s = &out->shape;
  int n_steps = l->p.fused.n, n_values = l->n_in + n_steps;
  if (n_steps < 1 || n_steps > NET_MAX_STEPS) return EVAL_BAD(l, "%d steps", n_steps);
  for (int k = 0; k < n_steps; k++) {
    const fused_step_t *f = &l->p.fused.step[k];
    int most = f->a > f->b ? f->a : f->b;
    if (f->c > most) most = f->c;
    if (f->a < 0 || f->b < 0 || f->c < 0 || most >= l->n_in + k)
      return EVAL_BAD(l, "step %d reads a value that is not there", k);
  }
  int64_t(*strides)[SHAPE_MAX_RANK] = mem_alloc((size_t)l->n_in * sizeof *strides + 1);
  number_t *v = mem_alloc((size_t)n_values * sizeof *v);
  int64_t coord[SHAPE_MAX_RANK] = {0}, n = tensor_elements(out);
  bool bad = false;
  for (int k = 0; k < l->n_in; k++) eval_broadcast_strides(&in[k].shape, s, strides[k]);
  for (int64_t i = 0; i < n; i++, eval_next(s, coord)) {
    for (int k = 0; k < l->n_in; k++) v[k] = get(&in[k], eval_offset(coord, strides[k], s->rank));
    for (int k = 0; k < n_steps; k++) {
      const fused_step_t *f = &l->p.fused.step[k];
      number_t *r = &v[l->n_in + k];
      switch (f->kind) {
        case STEP_UNARY: *r = unary((unary_op_t)f->op, v[f->a], f->alpha, f->beta); break;
        case STEP_BINARY: *r = binary((binary_op_t)f->op, v[f->a], v[f->b], &bad); break;
        case STEP_SELECT: *r = as_double(v[f->a]) != 0 ? v[f->b] : v[f->c]; break;
        case STEP_CAST: *r = cast(v[f->a], f->dtype, false); break;
        case STEP_DEQUANTIZE:
          *r = real((as_double(v[f->a]) - (double)f->beta) * (double)f->alpha);
          break;
        case STEP_QUANTIZE: *r = quantize_step(f, as_double(v[f->a])); break;
      }
      if (r->exact && f->dtype == DT_INT32) r->i = (int32_t)(uint32_t)r->i;
      if (!r->exact && f->dtype == DT_FLOAT) r->f = (double)(float)r->f;  // as the single layers
    }
    set(out, i, v[n_values - 1]);
  }
  mem_free(strides);
  mem_free(v);
  return bad ? EVAL_BAD(l, "%s", "integer division by zero, or a negative integer power") : NULL;
}

double quantize_number(const layer_params_t *p, float scale, bool is_unsigned, double x) {
  double lo = (is_unsigned ? 0 : -128) + p->quantize.narrow, hi = is_unsigned ? 255 : 127;
  float by = p->quantize.multiplier > 0 ? p->quantize.multiplier : (float)(1 / (double)scale);
  double v = (double)(((float)x - p->quantize.base) * by);
  switch (p->quantize.rounding) {
    case QUANTIZE_HALF_UP: v = (double)floorf((float)v + 0.5f); break;
    case QUANTIZE_HALF_AWAY: v = round(v); break;
    default: v = rint(v);
  }
  v += p->quantize.base != 0 ? lo : p->quantize.zero_point;
  return v < lo ? lo : v > hi ? hi : isnan(v) ? 0 : v;
}

status_t eval_quantize(const layer_t *l, const tensor_t *in, tensor_t *out) {
  int axis = l->p.quantize.axis;
  int64_t n = tensor_elements(out), n_scales = tensor_elements(&in[1]), inner = 1, dim = 1;
  if (axis >= 0) {
    if (axis >= out->shape.rank) return EVAL_BAD(l, "axis %d", axis);
    eval_axis_t a = eval_axis_of(&out->shape, axis);
    inner = a.inner;
    dim = a.dim;
  }
  if (n_scales != dim && n_scales != 1) return EVAL_BAD(l, "%d scales", (int)n_scales);
  for (int64_t i = 0; i < n; i++) {
    double scale = tensor_number_at(&in[1], n_scales == 1 ? 0 : i / inner % dim);
    double x = tensor_number_at(&in[0], i);
    if (l->type == LAYER_DEQUANTIZE)
      tensor_set_number(out, i, (x - l->p.quantize.zero_point) * scale);
    else
      eval_set_int(out, i,
                   (int64_t)quantize_number(&l->p, (float)scale, out->dtype == DT_UINT8, x));
  }
  return NULL;
}
