// Ops that repeat elements: broadcasts, tiles, fills; and ranges.
#include <math.h>
#include <string.h>

#include "ops/array.h"

// ---------------------------------------------------------------- BroadcastTo and its helpers

static status_t broadcast_infer(infer_ctx_t *c) {
  shape_t want, s;
  char a[128], b[128];
  if (!infer_dims(c, 1, &want)) return NULL;
  if (infer_in(c, 0)->rank > want.rank || !shape_broadcast(infer_in(c, 0), &want, &s))
    return OP_FAIL(c, INVALID_ARGUMENT, "incompatible shapes: %s vs. %s",
                   shape_format(infer_in(c, 0), a, sizeof a), shape_format(&want, b, sizeof b));
  infer_out(c, 0, &want);
  return NULL;
}

static status_t broadcast_kernel(op_ctx_t *c) {
  shape_t want, s;
  const shape_t *in = &c->in[0].shape;
  char a[128], b[128];
  tensor_t *out;
  TRY(op_dims(c, 1, "shape", &want));
  if (in->rank > want.rank || !shape_broadcast(in, &want, &s) || !shape_equal(&s, &want))
    return OP_FAIL(c, INVALID_ARGUMENT, "incompatible shapes: %s vs. %s",
                   shape_format(in, a, sizeof a), shape_format(&want, b, sizeof b));
  if (shape_equal(in, &want)) {
    op_forward(c, 0, 0, &want);
    return NULL;
  }
  TRY(op_out(c, 0, &want, &out));
  int64_t is[SHAPE_MAX_RANK], os[SHAPE_MAX_RANK];
  shape_strides(in, is);
  shape_strides(&want, os);
  strided_t copy = {0};
  int skip = want.rank - in->rank;
  for (int i = 0; i < want.rank; i++)
    strided_dim(&copy, want.d[i], i < skip || in->d[i - skip] == 1 ? 0 : is[i - skip], os[i]);
  return strided_copy(out->dtype, &copy, c->in[0].data, out->data, c->threads);
}

static bool broadcast_accept(lower_ctx_t *c, char *reason, size_t n) {
  return accept_array(c, 0, reason, n) && accept_shape_input(c, 1, "the shape", reason, n);
}

static status_t broadcast_lower(lower_ctx_t *c) {
  return lower_layer(c, LAYER_BROADCAST, 0, 2, &(layer_params_t){0});
}

static status_t merge(const node_t *n, const shape_t *a, const shape_t *b, shape_t *out) {
  char ta[128], tb[128];
  if (shape_broadcast(a, b, out)) return NULL;
  return FAIL(INVALID_ARGUMENT, "%s '%s': incompatible shapes: %s vs. %s", n->op, n->name,
              shape_format(a, ta, sizeof ta), shape_format(b, tb, sizeof tb));
}

static status_t merge_inputs(const op_ctx_t *c, shape_t *a, shape_t *b, shape_t *out) {
  TRY(op_dims(c, 0, "s0", a));
  TRY(op_dims(c, 1, "s1", b));
  return merge(c->node, a, b, out);
}

static status_t broadcast_args_infer(infer_ctx_t *c) {
  shape_t a, b, s;
  shape_t out = SHAPE(-1);
  if (infer_dims(c, 0, &a) && infer_dims(c, 1, &b)) {
    TRY(merge(c->node, &a, &b, &s));
    out.d[0] = s.rank;
    infer_out_dims(c, 0, &s);
  }
  infer_out(c, 0, &out);
  return NULL;
}

static status_t broadcast_args_kernel(op_ctx_t *c) {
  shape_t a, b, s;
  TRY(merge_inputs(c, &a, &b, &s));
  return op_out_ints(c, 0, 1, s.rank, s.d);
}

static status_t vectors_infer(infer_ctx_t *c) {
  shape_t out = SHAPE(-1);
  for (int i = 0; i < c->node->n_out; i++) infer_out(c, i, &out);
  return NULL;
}

// Along which dims of the broadcast result each operand's gradient is summed.
static status_t gradient_args_kernel(op_ctx_t *c) {
  shape_t a, b, s;
  TRY(merge_inputs(c, &a, &b, &s));
  int64_t ra[SHAPE_MAX_RANK], rb[SHAPE_MAX_RANK];
  int na = 0, nb = 0;
  for (int i = 0; i < s.rank; i++) {
    int ia = i - (s.rank - a.rank), ib = i - (s.rank - b.rank);
    if (ia < 0 || a.d[ia] == 1) ra[na++] = i;
    if (ib < 0 || b.d[ib] == 1) rb[nb++] = i;
  }
  if (shape_equal(&a, &b)) na = nb = 0;
  TRY(op_out_ints(c, 0, 1, na, ra));
  return op_out_ints(c, 1, 1, nb, rb);
}

// ---------------------------------------------------------------- Fill, ZerosLike, OnesLike

static status_t fill_infer(infer_ctx_t *c) {
  shape_t s;
  TRY(infer_rank(c, 0, 1));
  TRY(infer_rank(c, 1, 0));
  if (!infer_dims(c, 0, &s)) return NULL;
  infer_out(c, 0, &s);
  int64_t v;
  if (s.rank <= 1 && (s.rank == 0 || (s.d[0] >= 0 && s.d[0] <= SHAPE_MAX_RANK)) &&
      dtype_is_int(infer_in_dtype(c, 1)) && infer_int(c, 1, &v) && v >= 0) {
    shape_t dims = {.rank = s.rank ? (int)s.d[0] : 1};
    for (int i = 0; i < dims.rank; i++) dims.d[i] = v;
    infer_out_dims(c, 0, &dims);
  }
  return NULL;
}

static status_t fill_kernel(op_ctx_t *c) {
  shape_t s;
  tensor_t *out;
  TRY(op_dims(c, 0, "dims", &s));
  if (c->in[1].shape.rank != 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "the value must be a scalar, but has %d dimensions",
                   c->in[1].shape.rank);
  TRY(op_out(c, 0, &s, &out));
  return fill_elements(out->dtype, c->in[1].data, out->data, tensor_elements(out), c->threads);
}

static bool fill_accept(lower_ctx_t *c, char *reason, size_t n) {
  return accept_dtype(c, lower_dtype(c, 1), reason, n) &&
         accept_shape_input(c, 0, "the shape", reason, n);
}

static status_t fill_lower(lower_ctx_t *c) {
  return lower_layer(c, LAYER_FILL, 0, 2, &(layer_params_t){0});
}

static status_t like_kernel(op_ctx_t *c) {
  tensor_t *out;
  bool ones = strcmp(c->node->op, "OnesLike") == 0;
  TRY(op_out_like(c, 0, 0, &out));
  if (!ones) return op_zero(c, out);
  union {  // the widest element is a complex of two doubles
    double number[2];
    float pair[2];
  } one = {{0, 0}};
  tensor_t t = {.dtype = out->dtype, .data = &one};
  if (out->dtype == DT_COMPLEX64)
    one.pair[0] = 1;
  else if (out->dtype == DT_COMPLEX128)
    one.number[0] = 1;
  else if (dtype_is_plain(out->dtype))
    tensor_set_number(&t, 0, 1);
  else
    return OP_FAIL(c, UNIMPLEMENTED, "there is no one of data type %s", dtype_name(out->dtype));
  return fill_elements(out->dtype, &one, out->data, tensor_elements(out), c->threads);
}

static status_t like_lower(lower_ctx_t *c) {
  bool ones = strcmp(c->node->op, "OnesLike") == 0;
  dtype_t dtype = c->node->out_dtype[0];
  layer_params_t p = {0};
  net_tensor_t *in[2] = {net_layer1(c->net, LAYER_SHAPE, 1, &c->in[0], DT_INT32, &p),
                         network_const_scalar(c->net, c->node->name, dtype, ones)};
  c->out[0] = net_layer1(c->net, LAYER_FILL, 2, in, dtype, &p);
  return NULL;
}

// ---------------------------------------------------------------- Tile

static status_t tile_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  shape_t m, out = *in;
  if (!infer_dims(c, 1, &m)) {
    if (in->rank >= 0) out = shape_unknown_dims(in->rank);
    infer_out(c, 0, &out);
    return NULL;
  }
  if (in->rank < 0) {
    out = shape_unknown_dims(m.rank);
  } else if (in->rank != m.rank) {
    return OP_FAIL(c, INVALID_ARGUMENT, "expected multiples of length %d, got %d", in->rank,
                   m.rank);
  } else {
    for (int i = 0; i < m.rank; i++) out.d[i] = dim_mul(in->d[i], m.d[i]);
  }
  infer_out(c, 0, &out);
  return NULL;
}

static status_t tile_kernel(op_ctx_t *c) {
  const shape_t *in = &c->in[0].shape;
  shape_t m, s = *in;
  tensor_t *out;
  TRY(op_dims(c, 1, "multiples", &m));
  if (m.rank != in->rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "expected multiples of length %d, got %d", in->rank,
                   m.rank);
  for (int i = 0; i < s.rank; i++)
    if ((s.d[i] = dim_mul(in->d[i], m.d[i])) < 0)
      return OP_FAIL(c, RESOURCE_EXHAUSTED, "the result is too large");
  if (shape_equal(&s, in)) {
    op_forward(c, 0, 0, in);
    return NULL;
  }
  TRY(op_out(c, 0, &s, &out));
  int64_t is[SHAPE_MAX_RANK], os[SHAPE_MAX_RANK];
  shape_strides(in, is);
  shape_strides(&s, os);
  strided_t copy = {0};  // each dim as (times, size)
  for (int i = 0; i < s.rank; i++) {
    strided_dim(&copy, m.d[i], 0, os[i] * in->d[i]);
    strided_dim(&copy, in->d[i], is[i], os[i]);
  }
  return strided_copy(out->dtype, &copy, c->in[0].data, out->data, c->threads);
}

static bool tile_accept(lower_ctx_t *c, char *reason, size_t n) {
  return accept_array(c, 0, reason, n) && accept_shape_input(c, 1, "multiples", reason, n);
}

static status_t tile_lower(lower_ctx_t *c) {
  return lower_layer(c, LAYER_TILE, 0, 2, &(layer_params_t){0});
}

// ---------------------------------------------------------------- Range, LinSpace

// Elements from start to limit (without it) in steps of delta; -1 when the arguments are wrong.
static int64_t range_size_int(int64_t start, int64_t limit, int64_t delta) {
  if (delta == 0 || (delta > 0 && start > limit) || (delta < 0 && start < limit)) return -1;
  uint64_t span = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
  uint64_t step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
  return span == 0 ? 0 : (int64_t)((span - 1) / step + 1);
}

static double range_size_float(double start, double limit, double delta) {
  if (delta == 0 || (delta > 0 && start > limit) || (delta < 0 && start < limit)) return -1;
  return ceil(fabs((limit - start) / delta));
}

static status_t range_size(const op_ctx_t *c, const tensor_t *const *v, int64_t *n) {
  if (dtype_is_int(v[0]->dtype)) {
    int64_t s, l, d;
    TRY(tensor_int_at(v[0], 0, &s));
    TRY(tensor_int_at(v[1], 0, &l));
    TRY(tensor_int_at(v[2], 0, &d));
    *n = range_size_int(s, l, d);
    if (*n < 0)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "cannot count from %" PRId64 " to %" PRId64 " in steps of %" PRId64, s, l, d);
  } else {
    double s = tensor_number_at(v[0], 0), l = tensor_number_at(v[1], 0),
           d = tensor_number_at(v[2], 0), count = range_size_float(s, l, d);
    if (!(count >= 0 && count < 0x1p62))
      return OP_FAIL(c, INVALID_ARGUMENT, "cannot count from %g to %g in steps of %g", s, l, d);
    *n = (int64_t)count;
  }
  return NULL;
}

static status_t range_infer(infer_ctx_t *c) {
  for (int i = 0; i < 3; i++) TRY(infer_rank(c, i, 0));
  const tensor_t *v[3] = {infer_value(c, 0), infer_value(c, 1), infer_value(c, 2)};
  shape_t out = SHAPE(-1);
  int64_t start, limit, delta;
  if (v[0] && v[1] && v[2]) {
    op_ctx_t k = {.node = c->node};
    TRY(range_size(&k, v, &out.d[0]));
  } else if (dtype_is_int(infer_in_dtype(c, 0)) && infer_int(c, 0, &start) &&
             infer_int(c, 2, &delta)) {
    shape_t dims;
    if (infer_int(c, 1, &limit))
      out.d[0] = range_size_int(start, limit, delta);
    else if (start == 0 && delta == 1 && infer_dims(c, 1, &dims) && dims.rank == 1)
      out.d[0] = dims.d[0];  // range(n) has n elements
  }
  infer_out(c, 0, &out);
  return NULL;
}

static status_t range_kernel(op_ctx_t *c) {
  const tensor_t *v[3] = {&c->in[0], &c->in[1], &c->in[2]};
  for (int i = 0; i < 3; i++)
    if (tensor_elements(v[i]) != 1)
      return OP_FAIL(c, INVALID_ARGUMENT, "start, limit and delta must be scalars");
  int64_t n;
  tensor_t *out;
  TRY(range_size(c, v, &n));
  shape_t s = SHAPE(n);
  TRY(op_out(c, 0, &s, &out));
  switch (out->dtype) {
    case DT_INT32: {
      int32_t at = *TENSOR_DATA(int32_t, v[0]), d = *TENSOR_DATA(int32_t, v[2]);
      for (int64_t i = 0; i < n; i++) TENSOR_DATA(int32_t, out)[i] = (int32_t)(at + i * d);
      break;
    }
    case DT_INT64: {
      int64_t at = *TENSOR_DATA(int64_t, v[0]), d = *TENSOR_DATA(int64_t, v[2]);
      for (int64_t i = 0; i < n; i++) TENSOR_DATA(int64_t, out)[i] = at + i * d;
      break;
    }
    case DT_FLOAT: {
      float at = *TENSOR_DATA(float, v[0]), d = *TENSOR_DATA(float, v[2]);
      for (int64_t i = 0; i < n; i++) TENSOR_DATA(float, out)[i] = at + (float)i * d;
      break;
    }
    default: {
      double at = tensor_number_at(v[0], 0), d = tensor_number_at(v[2], 0);
      for (int64_t i = 0; i < n; i++) tensor_set_number(out, i, at + (double)i * d);
    }
  }
  return NULL;
}

static bool range_accept(lower_ctx_t *c, char *reason, size_t n) {
  if (!accept_dtype(c, lower_dtype(c, 0), reason, n)) return false;
  static const char *const what[] = {"the start", "the limit", "the delta"};
  for (int i = 0; i < 3; i++)
    if (!accept_shape_input(c, i, what[i], reason, n)) return false;
  return true;
}

static status_t range_lower(lower_ctx_t *c) {
  return lower_layer(c, LAYER_RANGE, 0, 3, &(layer_params_t){0});
}

static status_t linspace_infer(infer_ctx_t *c) {
  shape_t dims, out = SHAPE(-1);
  if (infer_dims(c, 2, &dims) && dims.rank == 1) out.d[0] = dims.d[0];
  infer_out(c, 0, &out);
  return NULL;
}

static status_t linspace_kernel(op_ctx_t *c) {
  int64_t n;
  tensor_t *out;
  TRY(op_int(c, 2, &n));
  if (n <= 0) return OP_FAIL(c, INVALID_ARGUMENT, "num must be positive, not %" PRId64, n);
  shape_t s = SHAPE(n);
  TRY(op_out(c, 0, &s, &out));
  double a = tensor_number_at(&c->in[0], 0), b = tensor_number_at(&c->in[1], 0);
  bool single = out->dtype == DT_FLOAT;
  const float step = n > 1 ? ((float)b - (float)a) / (float)(n - 1) : 0;
  const double wide = n > 1 ? (b - a) / (double)(n - 1) : 0;
  for (int64_t i = 0; i < n; i++) {
    if (single)
      TENSOR_DATA(float, out)[i] = (float)a + step * (float)i;
    else
      tensor_set_number(out, i, a + wide * (double)i);
  }
  if (n > 1) tensor_set_number(out, n - 1, b);
  return NULL;
}

const op_def_t ops_broadcast[] = {
    {.name = "BroadcastTo",
     .sig = "input: T, shape: Tidx -> output: T",
     .attrs = "T: type; Tidx: type = int32",
     .infer = broadcast_infer,
     .kernel = broadcast_kernel,
     .accept = broadcast_accept,
     .lower = broadcast_lower},
    {.name = "BroadcastArgs",
     .sig = "s0: T, s1: T -> r0: T",
     .attrs = "T: type = int32",
     .infer = broadcast_args_infer,
     .kernel = broadcast_args_kernel},
    {.name = "BroadcastGradientArgs",
     .sig = "s0: T, s1: T -> r0: T, r1: T",
     .attrs = "T: type = int32",
     .infer = vectors_infer,
     .kernel = gradient_args_kernel},
    {.name = "Fill",
     .sig = "dims: index_type, value: T -> output: T",
     .attrs = "T: type; index_type: type = int32",
     .infer = fill_infer,
     .kernel = fill_kernel,
     .accept = fill_accept,
     .lower = fill_lower},
    {.name = "ZerosLike",
     .sig = "x: T -> y: T",
     .attrs = "T: type",
     .infer = infer_same,
     .kernel = like_kernel,
     .accept = accept_moved,
     .lower = like_lower},
    {.name = "OnesLike",
     .sig = "x: T -> y: T",
     .attrs = "T: type",
     .infer = infer_same,
     .kernel = like_kernel,
     .accept = accept_moved,
     .lower = like_lower},
    {.name = "Tile",
     .sig = "input: T, multiples: Tmultiples -> output: T",
     .attrs = "T: type; Tmultiples: type = int32",
     .infer = tile_infer,
     .kernel = tile_kernel,
     .accept = tile_accept,
     .lower = tile_lower},
    {.name = "Range",
     .sig = "start: Tidx, limit: Tidx, delta: Tidx -> output: Tidx",
     .attrs = "Tidx: type = int32",
     .infer = range_infer,
     .kernel = range_kernel,
     .accept = range_accept,
     .lower = range_lower},
    {.name = "LinSpace",
     .sig = "start: T, stop: T, num: Tidx -> output: T",
     .attrs = "T: type; Tidx: type = int32",
     .infer = linspace_infer,
     .kernel = linspace_kernel},
    {0},
};
