#include "ops/array.h"

#include <string.h>

// ---------------------------------------------------------------- shape functions

bool infer_ints(const infer_ctx_t *c, int i, int64_t *v, int max, int *n) {
  const tensor_t *t = infer_value(c, i);
  int64_t count = t ? tensor_elements(t) : -1;
  if (count < 0 || count > max) return false;
  for (int64_t k = 0; k < count; k++) {
    status_t bad = tensor_int_at(t, k, &v[k]);
    status_free(bad);
    if (bad) return false;
  }
  *n = (int)count;
  return true;
}

bool infer_int(const infer_ctx_t *c, int i, int64_t *v) {
  int n = 0;
  if (infer_value(c, i)) return infer_ints(c, i, v, 1, &n) && n == 1;
  shape_t dims;
  if (!infer_dims(c, i, &dims) || dims.rank != 1 || dims.d[0] < 0) return false;
  *v = dims.d[0];
  return true;
}

bool axis_ok(int64_t axis, int rank, int *out) {
  if (axis < -rank || axis >= rank) return false;
  *out = (int)(axis < 0 ? axis + rank : axis);
  return true;
}

status_t infer_axis(const infer_ctx_t *c, int i, int rank, int *axis) {
  int64_t v;
  *axis = -1;
  if (!infer_int(c, i, &v) || rank < 0) return NULL;
  if (!axis_ok(v, rank, axis))
    return OP_FAIL(c, INVALID_ARGUMENT, "axis %" PRId64 " is out of range for %d dimensions", v,
                   rank);
  return NULL;
}

int64_t dim_add(int64_t a, int64_t b) {
  if (a == 0) return b;
  if (b == 0) return a;
  int64_t r;
  return a < 0 || b < 0 || __builtin_add_overflow(a, b, &r) ? -1 : r;
}

int64_t dim_mul(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  if (a == 1) return b;
  if (b == 1) return a;
  int64_t r;
  return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &r) ? -1 : r;
}

shape_t shape_insert(const shape_t *s, int at, int64_t d) {
  if (s->rank < 0 || s->rank >= SHAPE_MAX_RANK) return SHAPE_UNKNOWN;
  shape_t r = *s;
  for (int i = s->rank; i > at; i--) r.d[i] = r.d[i - 1];
  r.d[at] = d;
  r.rank++;
  return r;
}

shape_t shape_remove(const shape_t *s, int at) {
  shape_t r = *s;
  for (int i = at; i + 1 < s->rank; i++) r.d[i] = r.d[i + 1];
  r.rank--;
  return r;
}

shape_t shape_join(const shape_t *a, const shape_t *b) {
  if (a->rank < 0 || b->rank < 0 || a->rank + b->rank > SHAPE_MAX_RANK) return SHAPE_UNKNOWN;
  shape_t r = *a;
  for (int i = 0; i < b->rank; i++) r.d[r.rank++] = b->d[i];
  return r;
}

shape_t shape_range(const shape_t *s, int from, int to) {
  shape_t r = {0};
  for (int i = from; i < to; i++) r.d[r.rank++] = s->d[i];
  return r;
}

status_t infer_rank(const infer_ctx_t *c, int i, int rank) {
  const shape_t *s = infer_in(c, i);
  char text[128];
  if (s->rank >= 0 && s->rank != rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "input %d must have %d dimensions, but its shape is %s", i,
                   rank, shape_format(s, text, sizeof text));
  return NULL;
}

// ---------------------------------------------------------------- kernels

status_t op_dims(const op_ctx_t *c, int i, const char *what, shape_t *out) {
  *out = (shape_t){0};
  TRY(op_ints(c, i, out->d, SHAPE_MAX_RANK, &out->rank));
  for (int k = 0; k < out->rank; k++)
    if (out->d[k] < 0)
      return OP_FAIL(c, INVALID_ARGUMENT, "%s[%d] = %" PRId64 " must not be negative", what, k,
                     out->d[k]);
  return NULL;
}

status_t op_axis_of(const op_ctx_t *c, int64_t axis, int rank, int *out) {
  if (!axis_ok(axis, rank, out))
    return OP_FAIL(c, INVALID_ARGUMENT, "axis %" PRId64 " is out of range for %d dimensions", axis,
                   rank);
  return NULL;
}

status_t op_axis(const op_ctx_t *c, int i, int rank, int *axis) {
  int64_t v;
  TRY(op_int(c, i, &v));
  return op_axis_of(c, v, rank, axis);
}

status_t op_out_ints(op_ctx_t *c, int i, int rank, int n, const int64_t *v) {
  tensor_t *out;
  shape_t s = rank ? SHAPE(n) : SHAPE_SCALAR;
  TRY(op_out(c, i, &s, &out));
  for (int k = 0; k < n; k++) {
    if (out->dtype == DT_INT32 && (v[k] > INT32_MAX || v[k] < INT32_MIN))
      return OP_FAIL(c, INVALID_ARGUMENT, "%" PRId64 " does not fit into int32; use int64", v[k]);
    index_set(out, k, v[k]);
  }
  return NULL;
}

status_t op_zero(op_ctx_t *c, tensor_t *t) {
  if (t->dtype == DT_STRING) {
    for (int64_t i = 0, n = tensor_elements(t); i < n; i++)
      TRY(str_set(TENSOR_DATA(str_t, t) + i, NULL, 0));
    return NULL;
  }
  if (!dtype_is_plain(t->dtype))
    return OP_FAIL(c, UNIMPLEMENTED, "there is no zero of data type %s", dtype_name(t->dtype));
  const char zero[16] = {0};
  return fill_elements(t->dtype, zero, t->data, tensor_elements(t), c->threads);
}

int64_t dims_product(const shape_t *s, int from, int to) {
  int64_t n = 1;
  for (int i = from; i < to; i++) n *= s->d[i];
  return n;
}

// ---------------------------------------------------------------- engines

bool accept_status(status_t st, char *reason, size_t n) {
  if (!st) return true;
  snprintf(reason, n, "%s", status_message(st));
  status_free(st);
  return false;
}

bool accept_dtype(const lower_ctx_t *c, dtype_t dtype, char *reason, size_t n) {
  (void)c;
  switch (dtype) {
    case DT_FLOAT:
    case DT_HALF:
    case DT_BFLOAT16:
    case DT_INT32:
    case DT_INT64:
    case DT_BOOL:
    case DT_UINT8:
    case DT_INT8: return true;
    default: REFUSE("data type %s is not supported by engines", dtype_name(dtype));
  }
}

bool accept_array(lower_ctx_t *c, int in, char *reason, size_t n) {
  if (!accept_dtype(c, lower_dtype(c, in), reason, n)) return false;
  if (lower_shape(c, in)->rank < 0) REFUSE("the number of dimensions of input %d is not known", in);
  return true;
}

bool accept_moved(lower_ctx_t *c, char *reason, size_t n) { return accept_array(c, 0, reason, n); }

// Does the value of src:port follow from constants and from the shapes of other tensors? Walks
// back; `budget` bounds the work on large graphs.
static bool from_shapes(const input_t *in, int *budget) {
  const node_t *s = in->src;
  if (!s || !s->def || --*budget < 0) return false;
  if (input_value(in) || strcmp(s->op, "Const") == 0) return true;
  if (s->def->flags & OP_CHEAP_FOLD) return true;
  // Into a segment it comes as an input: an execution context is made for its value.
  if (strcmp(s->op, "_Arg") == 0) return dtype_is_int(s->out_dtype[0]);
  if (!s->def->lower || s->n_in == 0) return false;
  for (int i = 0; i < s->n_in; i++)
    if (!from_shapes(&s->in[i], budget)) return false;
  return true;
}

bool accept_shape_input(lower_ctx_t *c, int in, const char *what, char *reason, size_t n) {
  if (lower_value(c, in)) return true;
  int budget = 256;
  if (in >= c->node->n_in || !from_shapes(&c->node->in[in], &budget))
    REFUSE("%s is computed from data, not from constants and shapes", what);
  if (lower_shape(c, in)->rank < 0 ||
      (lower_shape(c, in)->rank == 1 && lower_shape(c, in)->d[0] < 0))
    REFUSE("the length of %s is not known", what);
  return true;
}

bool accept_known_int(lower_ctx_t *c, int in, const char *what, int64_t *v, char *reason,
                      size_t n) {
  int count = 0;
  if (!lower_ints(c, in, v, 1, &count) || count != 1) REFUSE("%s is not a constant", what);
  return true;
}

bool accept_axis(lower_ctx_t *c, int in, int rank, int *axis, char *reason, size_t n) {
  int64_t v;
  if (!accept_known_int(c, in, "the axis", &v, reason, n)) return false;
  if (!axis_ok(v, rank, axis))
    REFUSE("axis %" PRId64 " is out of range for %d dimensions", v, rank);
  return true;
}

status_t lower_layer(lower_ctx_t *c, layer_type_t type, int first, int n_in,
                     const layer_params_t *p) {
  const node_t *node = c->node;
  if (node->n_out == 1) {
    c->out[0] = net_layer1(c->net, type, n_in, c->in + first, node->out_dtype[0], p);
    return NULL;
  }
  layer_t *l = network_add_layer(c->net, type, node->name, n_in, c->in + first, node->n_out,
                                 node->out_dtype);
  l->p = *p;
  TRY(network_infer_layer(c->net, l));
  for (int i = 0; i < node->n_out; i++) c->out[i] = l->out[i];
  return NULL;
}
