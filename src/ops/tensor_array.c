// TensorArrays: the mutable arrays of TF1's loops. The handle is the array itself; the "flow"
// scalars only order the ops.
#include <string.h>

#include "ops/elements.h"
#include "ops/env.h"
#include "ops/variables.h"

typedef struct array {
  object_t base;
  dtype_t dtype;
  shape_t element;
  bool grows, clear_after_read, closed;
  VEC(tensor_t) items;
} array_t;

enum { MAX_ITEMS = 1 << 28 };

static void array_clear(array_t *a) {
  for (size_t i = 0; i < a->items.n; i++) tensor_unref(&a->items.v[i]);
  vec_free(&a->items);
}

static void array_destroy(object_t *o) {
  array_clear((array_t *)o);
  mem_free(o);
}

static const object_type_t array_type = {"TensorArray", array_destroy};

static status_t array_at(const op_ctx_t *c, array_t **out) {
  object_t *o = NULL;
  TRY(op_object(c, 0, &array_type, &o));
  *out = (array_t *)o;
  if ((*out)->closed) return OP_FAIL(c, INVALID_ARGUMENT, "the TensorArray is closed");
  return NULL;
}

static void array_grow(array_t *a, int64_t n) {
  vec_reserve(&a->items, n);
  while ((int64_t)a->items.n < n) vec_push(&a->items, (tensor_t){0});
}

static status_t flow(op_ctx_t *c, int out) {
  tensor_t *t;
  TRY(op_out_typed(c, out, DT_FLOAT, &SHAPE_SCALAR, &t));
  TENSOR_DATA(float, t)[0] = 0;
  return NULL;
}

static status_t create(op_ctx_t *c) {
  int64_t n = 0;
  TRY(op_int(c, 0, &n));
  if (n < 0 || n > MAX_ITEMS) return OP_FAIL(c, INVALID_ARGUMENT, "a size of %lld", (long long)n);
  array_t *a = mem_calloc(1, sizeof *a);
  a->base.type = &array_type;
  atomic_init(&a->base.refs, 1);
  a->dtype = node_type(c->node, "dtype");
  a->element = node_shape(c->node, "element_shape");
  a->grows = node_bool(c->node, "dynamic_size", false);
  a->clear_after_read = node_bool(c->node, "clear_after_read", true);
  array_grow(a, n);
  TRY(op_out_object(c, 0, &a->base));
  return flow(c, 1);
}

static status_t write_item(op_ctx_t *c, array_t *a, int64_t i, tensor_t item) {
  status_t st = NULL;
  if (i < 0 || i >= MAX_ITEMS || (i >= (int64_t)a->items.n && !a->grows))
    st = OP_FAIL(c, INVALID_ARGUMENT, "index %lld is written in an array of %zu", (long long)i,
                 a->items.n);
  else if (item.dtype != a->dtype || !shape_compatible(&a->element, &item.shape))
    st = OP_FAIL(c, INVALID_ARGUMENT, "the value's dtype or shape is not the array's");
  if (st) {
    tensor_unref(&item);
    return st;
  }
  if (i >= (int64_t)a->items.n) array_grow(a, i + 1);
  tensor_unref(&a->items.v[i]);
  a->items.v[i] = item;
  return NULL;
}

static status_t write(op_ctx_t *c) {
  array_t *a = NULL;
  int64_t i = 0;
  TRY(array_at(c, &a));
  TRY(op_int(c, 1, &i));
  TRY(write_item(c, a, i, tensor_ref(&c->in[2])));
  return flow(c, 0);
}

static status_t check_index(op_ctx_t *c, const array_t *a, int64_t i) {
  if (i < 0 || i >= (int64_t)a->items.n)
    return OP_FAIL(c, INVALID_ARGUMENT, "index %lld is read of an array of %zu", (long long)i,
                   a->items.n);
  return NULL;
}

static status_t read_item(op_ctx_t *c) {
  array_t *a = NULL;
  int64_t i = 0;
  TRY(array_at(c, &a));
  TRY(op_int(c, 1, &i));
  TRY(check_index(c, a, i));
  tensor_t *item = &a->items.v[i];
  if (!tensor_empty(item)) {
    op_out_take(c, 0, tensor_ref(item));
    if (a->clear_after_read) tensor_unref(item);
    return NULL;
  }
  tensor_t *out;
  if (!shape_known(&a->element))
    return OP_FAIL(c, INVALID_ARGUMENT, "element %lld was never written, or read before",
                   (long long)i);
  TRY(op_out_typed(c, 0, a->dtype, &a->element, &out));
  elements_zero(out, 0, tensor_elements(out));
  return NULL;
}

// The shape of the elements that were never written.
static shape_t common_shape(const array_t *a, const shape_t *given) {
  shape_t s;
  if (!shape_merge(&a->element, given, &s)) s = a->element;
  for (size_t i = 0; i < a->items.n && !shape_known(&s); i++)
    if (!tensor_empty(&a->items.v[i])) s = a->items.v[i].shape;
  return s;
}

static status_t gather(op_ctx_t *c) {
  array_t *a = NULL;
  char s1[128], s2[128];
  TRY(array_at(c, &a));
  shape_t given = node_shape(c->node, "element_shape"), s = common_shape(a, &given);
  int64_t n = tensor_elements(&c->in[1]);
  if (!shape_known(&s) || s.rank + 1 > SHAPE_MAX_RANK)
    return OP_FAIL(c, INVALID_ARGUMENT, "elements of unknown shape %s are gathered",
                   shape_format(&s, s1, sizeof s1));
  shape_t whole = {.rank = s.rank + 1, .d = {n}};
  memcpy(whole.d + 1, s.d, (size_t)s.rank * sizeof *s.d);
  tensor_t *out;
  TRY(op_out_typed(c, 0, a->dtype, &whole, &out));
  int64_t width = shape_elements(&s);
  for (int64_t i = 0; i < n; i++) {
    int64_t at;
    TRY(tensor_int_at(&c->in[1], i, &at));
    TRY(check_index(c, a, at));
    const tensor_t *item = &a->items.v[at];
    if (tensor_empty(item)) {
      elements_zero(out, i * width, width);
    } else if (!shape_equal(&item->shape, &s)) {
      return OP_FAIL(c, INVALID_ARGUMENT, "elements of shapes %s and %s are gathered",
                     shape_format(&s, s1, sizeof s1), shape_format(&item->shape, s2, sizeof s2));
    } else {
      TRY(elements_copy(out, i * width, item, 0, width));
    }
  }
  return NULL;
}

static status_t scatter(op_ctx_t *c) {
  array_t *a = NULL;
  const tensor_t *v = &c->in[2];
  TRY(array_at(c, &a));
  if (v->shape.rank < 1 || tensor_elements(&c->in[1]) != v->shape.d[0])
    return OP_FAIL(c, INVALID_ARGUMENT, "as many indices as rows are needed");
  for (int64_t i = 0; i < v->shape.d[0]; i++) {
    int64_t at;
    TRY(tensor_int_at(&c->in[1], i, &at));
    TRY(write_item(c, a, at, elements_row(v, i)));
  }
  return flow(c, 0);
}

static status_t size_kernel(op_ctx_t *c) {
  array_t *a = NULL;
  tensor_t *out;
  TRY(array_at(c, &a));
  TRY(op_out(c, 0, &SHAPE_SCALAR, &out));
  TENSOR_DATA(int32_t, out)[0] = (int32_t)a->items.n;
  return NULL;
}

static status_t close_kernel(op_ctx_t *c) {
  array_t *a = NULL;
  TRY(array_at(c, &a));
  array_clear(a);
  a->closed = true;
  return NULL;
}

static status_t concat(op_ctx_t *c) {
  array_t *a = NULL;
  TRY(array_at(c, &a));
  int64_t n = (int64_t)a->items.n, rows = 0;
  shape_t vector = SHAPE(n), s = SHAPE_UNKNOWN;
  tensor_t *lengths, *out;
  TRY(op_out(c, 1, &vector, &lengths));
  for (int64_t i = 0; i < n; i++) {
    const tensor_t *t = &a->items.v[i];
    if (tensor_empty(t) || t->shape.rank < 1)
      return OP_FAIL(c, INVALID_ARGUMENT, "element %lld was never written or is a scalar",
                     (long long)i);
    if (s.rank < 0) s = t->shape;
    s.d[0] = t->shape.d[0];
    if (!shape_equal(&s, &t->shape))
      return OP_FAIL(c, INVALID_ARGUMENT, "elements of different inner shapes are concatenated");
    TENSOR_DATA(int64_t, lengths)[i] = s.d[0];
    rows += s.d[0];
  }
  if (s.rank < 0) {
    shape_t inner = node_shape(c->node, "element_shape_except0");
    if (!shape_known(&inner) || inner.rank + 1 > SHAPE_MAX_RANK)
      return OP_FAIL(c, INVALID_ARGUMENT, "an empty array is concatenated");
    s.rank = inner.rank + 1;
    memcpy(s.d + 1, inner.d, (size_t)inner.rank * sizeof *s.d);
  }
  s.d[0] = rows;
  TRY(op_out_typed(c, 0, a->dtype, &s, &out));
  for (int64_t i = 0, at = 0; i < n; i++) {
    int64_t count = tensor_elements(&a->items.v[i]);
    TRY(elements_copy(out, at, &a->items.v[i], 0, count));
    at += count;
  }
  return NULL;
}

static status_t split(op_ctx_t *c) {
  array_t *a = NULL;
  const tensor_t *v = &c->in[1], *lengths = &c->in[2];
  TRY(array_at(c, &a));
  if (v->shape.rank < 1) return OP_FAIL(c, INVALID_ARGUMENT, "a scalar cannot be split");
  for (int64_t i = 0, at = 0; i < tensor_elements(lengths); i++) {
    tensor_t item;
    TRY(elements_next_rows(c, v, lengths, i, &at, &item));
    TRY(write_item(c, a, i, item));
  }
  return flow(c, 0);
}

static status_t infer_create(infer_ctx_t *c) {
  infer_out(c, 0, &SHAPE_SCALAR);
  infer_out(c, 1, &SHAPE_SCALAR);
  return NULL;
}

static status_t infer_gather(infer_ctx_t *c) {
  shape_t e = node_shape(c->node, "element_shape");
  if (e.rank < 0 || e.rank + 1 > SHAPE_MAX_RANK) return NULL;
  shape_t s = {.rank = e.rank + 1, .d = {-1}};
  memcpy(s.d + 1, e.d, (size_t)e.rank * sizeof *e.d);
  if (infer_in(c, 1)->rank == 1) s.d[0] = infer_in(c, 1)->d[0];
  infer_out(c, 0, &s);
  return NULL;
}

#define ARRAY_OP(NAME, SIG, ATTRS, INFER, KERNEL)                               \
  {                                                                             \
    .name = NAME, .sig = SIG, .attrs = ATTRS, .infer = INFER, .kernel = KERNEL, \
    .flags = OP_STATEFUL                                                        \
  }

const op_def_t ops_tensor_array[] = {
    ARRAY_OP("TensorArrayV3", "size: int32 -> handle: resource, flow: float",
             "dtype: type; element_shape: shape = unknown; dynamic_size: bool = false; "
             "clear_after_read: bool = true; identical_element_shapes: bool = false; "
             "tensor_array_name: string = ''",
             infer_create, create),
    ARRAY_OP("TensorArrayReadV3", "handle: resource, index: int32, flow_in: float -> value: dtype",
             "dtype: type", NULL, read_item),
    ARRAY_OP("TensorArrayWriteV3",
             "handle: resource, index: int32, value: T, flow_in: float -> flow_out: float",
             "T: type", infer_scalar, write),
    ARRAY_OP("TensorArrayGatherV3",
             "handle: resource, indices: int32, flow_in: float -> value: dtype",
             "dtype: type; element_shape: shape = unknown", infer_gather, gather),
    ARRAY_OP("TensorArrayScatterV3",
             "handle: resource, indices: int32, value: T, flow_in: float -> flow_out: float",
             "T: type", infer_scalar, scatter),
    ARRAY_OP("TensorArraySizeV3", "handle: resource, flow_in: float -> size: int32", "",
             infer_scalar, size_kernel),
    ARRAY_OP("TensorArrayCloseV3", "handle: resource ->", "", NULL, close_kernel),
    ARRAY_OP("TensorArrayConcatV3",
             "handle: resource, flow_in: float -> value: dtype, lengths: int64",
             "dtype: type; element_shape_except0: shape = unknown", NULL, concat),
    ARRAY_OP("TensorArraySplitV3",
             "handle: resource, value: T, lengths: int64, flow_in: float -> flow_out: float",
             "T: type", infer_scalar, split),
    {0},
};
