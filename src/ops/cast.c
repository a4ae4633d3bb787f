// Cast, Bitcast, and the ops between complex numbers and their parts.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/convert.h"
#include "kernels/elementwise.h"
#include "ops/math.h"

static status_t infer_cast(infer_ctx_t *c) {
  infer_out(c, 0, infer_in(c, 0));
  dtype_t from = infer_in_dtype(c, 0), to = node_type(c->node, "DstT");
  shape_t dims;
  bool ints = (from == DT_INT32 || from == DT_INT64) && (to == DT_INT32 || to == DT_INT64);
  if (ints && infer_in(c, 0)->rank >= 0 && infer_in(c, 0)->rank <= 1 && infer_dims(c, 0, &dims)) {
    for (int i = 0; i < dims.rank; i++)
      if (to == DT_INT32 && dims.d[i] > INT32_MAX) dims.d[i] = -1;
    infer_out_dims(c, 0, &dims);
  }
  return NULL;
}

static status_t kernel_cast(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  dtype_t to = c->node->out_dtype[0];
  if (x->dtype == to) {
    op_forward(c, 0, 0, NULL);
    return NULL;
  }
  if (!convert_has(x->dtype, to))
    return OP_FAIL(c, UNIMPLEMENTED, "cast from %s to %s is not supported", dtype_name(x->dtype),
                   dtype_name(to));
  tensor_t *y;
  TRY(op_out(c, 0, &x->shape, &y));
  convert(x->dtype, to, x->data, y->data, tensor_elements(x), node_bool(c->node, "Truncate", false),
          c->threads);
  return NULL;
}

static bool accept_cast(lower_ctx_t *c, char *reason, size_t n) {
  unsigned all = ENGINE_FLOATS | ENGINE_INTS | ENGINE_BYTES | ENGINE_BOOL;
  if (!math_accept(c, 0, all, reason, n)) return false;
  dtype_t to = c->node->out_dtype[0];
  bool known = to == DT_FLOAT || to == DT_HALF || to == DT_BFLOAT16 || to == DT_INT32 ||
               to == DT_INT64 || to == DT_INT8 || to == DT_UINT8 || to == DT_BOOL;
  if (!known) snprintf(reason, n, "engines do not cast to %s", dtype_name(to));
  if (known && node_bool(c->node, "Truncate", false)) {
    snprintf(reason, n, "engines do not truncate when casting");
    return false;
  }
  return known;
}

static status_t lower_cast(lower_ctx_t *c) {
  c->out[0] = net_cast(c->net, c->in[0], c->node->out_dtype[0]);
  return NULL;
}

// ---------------------------------------------------------------- Bitcast

// The shape of the same bytes as another dtype: a smaller one adds a dim, a larger one takes the
// last away.
static status_t bitcast_shape(const node_t *node, const shape_t *in, size_t from, size_t to,
                              shape_t *out) {
  char text[128];
  *out = *in;
  if (from == to || in->rank < 0) return NULL;
  if (from > to) {
    if (in->rank == SHAPE_MAX_RANK)
      return FAIL(INVALID_ARGUMENT, "Bitcast '%s': the rank is too large", node->name);
    out->d[out->rank++] = (int64_t)(from / to);
    return NULL;
  }
  int64_t last = in->rank ? in->d[in->rank - 1] : 1;
  if (in->rank == 0 || (last >= 0 && last != (int64_t)(to / from)))
    return FAIL(INVALID_ARGUMENT,
                "Bitcast '%s': the last dim of %s must be %zu to bitcast to a larger type",
                node->name, shape_format(in, text, sizeof text), to / from);
  out->rank--;
  return NULL;
}

static status_t infer_bitcast(infer_ctx_t *c) {
  size_t from = dtype_size(infer_in_dtype(c, 0)), to = dtype_size(node_type(c->node, "type"));
  shape_t out;
  if (!from || !to) return NULL;
  TRY(bitcast_shape(c->node, infer_in(c, 0), from, to, &out));
  infer_out(c, 0, &out);
  return NULL;
}

static status_t kernel_bitcast(op_ctx_t *c) {
  dtype_t to = c->node->out_dtype[0];
  if (!dtype_is_plain(to) || !dtype_is_plain(c->in[0].dtype)) return math_no_kernel(c, 0);
  shape_t out;
  TRY(bitcast_shape(c->node, &c->in[0].shape, dtype_size(c->in[0].dtype), dtype_size(to), &out));
  tensor_t t = tensor_reshaped(&c->in[0], &out);
  t.dtype = to;
  op_out_take(c, 0, t);
  return NULL;
}

// ---------------------------------------------------------------- complex parts

typedef enum { PART_REAL, PART_IMAG, PART_ABS, PART_ANGLE } part_t;

static status_t take_part(op_ctx_t *c, part_t part) {
  const tensor_t *x = &c->in[0];
  if (!dtype_is_complex(x->dtype)) return math_no_kernel(c, 0);
  tensor_t *y;
  bool wide = x->dtype == DT_COMPLEX128;
  TRY(op_out_typed(c, 0, wide ? DT_DOUBLE : DT_FLOAT, &x->shape, &y));
  int64_t n = tensor_elements(x);
  for (int64_t i = 0; i < n; i++) {
    double re = wide ? TENSOR_DATA(double, x)[2 * i] : (double)TENSOR_DATA(float, x)[2 * i];
    double im = wide ? TENSOR_DATA(double, x)[2 * i + 1] : (double)TENSOR_DATA(float, x)[2 * i + 1];
    double v = part == PART_REAL   ? re
               : part == PART_IMAG ? im
               : part == PART_ABS  ? hypot(re, im)
                                   : atan2(im, re);
    if (wide)
      TENSOR_DATA(double, y)[i] = v;
    else
      TENSOR_DATA(float, y)[i] = (float)v;
  }
  return NULL;
}
static status_t kernel_real(op_ctx_t *c) { return take_part(c, PART_REAL); }
static status_t kernel_imag(op_ctx_t *c) { return take_part(c, PART_IMAG); }
static status_t kernel_abs(op_ctx_t *c) { return take_part(c, PART_ABS); }
static status_t kernel_angle(op_ctx_t *c) { return take_part(c, PART_ANGLE); }

typedef struct {
  const char *in[2];
  char *y;
  size_t size;
} complex_t;

static void complex_row(void *arg, const int64_t *at, const int64_t *step, int64_t out, int64_t n) {
  const complex_t *j = arg;
  for (int64_t i = 0; i < n; i++)
    for (int k = 0; k < 2; k++)
      memcpy(j->y + (size_t)(2 * (out + i) + k) * j->size,
             j->in[k] + (size_t)(at[k] + i * step[k]) * j->size, j->size);
}

static status_t kernel_complex(op_ctx_t *c) {
  bcast_t plan;
  shape_t shape;
  if (!bcast_plan(2, (const shape_t *[]){&c->in[0].shape, &c->in[1].shape}, &plan, &shape))
    return OP_FAIL(c, INVALID_ARGUMENT, "the real and imaginary parts' shapes do not fit");
  bool wide = c->in[0].dtype == DT_DOUBLE;
  if ((!wide && c->in[0].dtype != DT_FLOAT) || c->in[1].dtype != c->in[0].dtype)
    return math_no_kernel(c, 0);
  tensor_t *y;
  TRY(op_out_typed(c, 0, wide ? DT_COMPLEX128 : DT_COMPLEX64, &shape, &y));
  complex_t j = {{c->in[0].data, c->in[1].data}, y->data, wide ? 8 : 4};
  bcast_run(&plan, c->threads, complex_row, &j);
  return NULL;
}

static status_t kernel_conj(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  if (!ew_unary_has(EW_Conj, x->dtype)) return math_no_kernel(c, 0);
  tensor_t *y;
  TRY(op_out_like(c, 0, 0, &y));
  ew_unary(EW_Conj, x->dtype, x->data, y->data, tensor_elements(x), NULL, c->threads);
  return NULL;
}

#define PART(NAME, ARG, OUT, KERNEL)                                                          \
  {                                                                                           \
    .name = NAME, .sig = ARG ": T -> " OUT ": Tout",                                          \
    .attrs = "T: type = complex64; Tout: type = float", .infer = infer_same, .kernel = KERNEL \
  }

const op_def_t ops_cast[] = {
    {.name = "Cast",
     .sig = "x: SrcT -> y: DstT",
     .attrs = "SrcT: type; DstT: type; Truncate: bool = false",
     .infer = infer_cast,
     .kernel = kernel_cast,
     .accept = accept_cast,
     .lower = lower_cast},
    {.name = "Bitcast",
     .sig = "input: T -> output: type",
     .attrs = "T: type; type: type",
     .infer = infer_bitcast,
     .kernel = kernel_bitcast},
    PART("Real", "input", "output", kernel_real),
    PART("Imag", "input", "output", kernel_imag),
    PART("ComplexAbs", "x", "y", kernel_abs),
    PART("Angle", "input", "output", kernel_angle),
    {.name = "Complex",
     .sig = "real: T, imag: T -> out: Tout",
     .attrs = "T: type = float; Tout: type = complex64",
     .infer = infer_broadcast,
     .kernel = kernel_complex},
    {.name = "Conj",
     .sig = "input: T -> output: T",
     .attrs = "T: type = complex64",
     .infer = infer_same,
     .kernel = kernel_conj},
    {0},
};
