// TensorLists: immutable values that TF2's loops build element by element. A list is an object in a
// scalar variant tensor; an op that changes one copies it, unless nobody else holds it - in a loop
// that threads one list through its state, each SetItem is then O(1).
#include <string.h>

#include "ops/elements.h"
#include "ops/env.h"
#include "ops/variables.h"

typedef struct list {
  object_t base;
  dtype_t dtype;
  shape_t element;      // what every element's shape is compatible with
  int64_t max;          // -1: no limit
  VEC(tensor_t) items;  // empty tensors: not set yet
} list_t;

enum { MAX_ITEMS = 1 << 28 };

static void list_destroy(object_t *o) {
  list_t *l = (list_t *)o;
  for (size_t i = 0; i < l->items.n; i++) tensor_unref(&l->items.v[i]);
  vec_free(&l->items);
  mem_free(l);
}

static const object_type_t list_type = {"TensorList", list_destroy};

static list_t *list_create(dtype_t dtype, const shape_t *element) {
  list_t *l = mem_calloc(1, sizeof *l);
  l->base.type = &list_type;
  atomic_init(&l->base.refs, 1);
  l->dtype = dtype;
  l->element = *element;
  l->max = -1;
  return l;
}

static list_t *list_copy(const list_t *from) {
  list_t *l = list_create(from->dtype, &from->element);
  l->max = from->max;
  vec_reserve(&l->items, from->items.n);
  for (size_t i = 0; i < from->items.n; i++) vec_push(&l->items, tensor_ref(&from->items.v[i]));
  return l;
}

static status_t list_resize(op_ctx_t *c, list_t *l, int64_t n) {
  if (n < 0 || n > MAX_ITEMS || (l->max >= 0 && n > l->max))
    return OP_FAIL(c, INVALID_ARGUMENT, "a list cannot have %lld elements", (long long)n);
  while ((int64_t)l->items.n > n) tensor_unref(&l->items.v[--l->items.n]);
  vec_reserve(&l->items, n);
  while ((int64_t)l->items.n < n) vec_push(&l->items, (tensor_t){0});
  return NULL;
}

static status_t list_at(const op_ctx_t *c, int i, list_t **out) {
  object_t *o = NULL;
  TRY(op_object(c, i, &list_type, &o));
  *out = (list_t *)o;
  return NULL;
}

// The list of input 0 as output `out`, to be changed: the same object when it is not shared.
static status_t list_edit(op_ctx_t *c, int out, list_t **l) {
  TRY(list_at(c, 0, l));
  bool last = c->last_use && c->last_use[0];
  if (last && tensor_unique(&c->in[0]) && atomic_load(&(*l)->base.refs) == 1) {
    op_forward(c, out, 0, &SHAPE_SCALAR);
    return NULL;
  }
  *l = list_copy(*l);
  return op_out_object(c, out, &(*l)->base);
}

// An element_shape input: a vector of dims, or the scalar -1 for "anything".
static status_t shape_input(const op_ctx_t *c, int i, shape_t *out) {
  int64_t d[SHAPE_MAX_RANK];
  int n = 0;
  TRY(op_ints(c, i, d, SHAPE_MAX_RANK, &n));
  if (c->in[i].shape.rank == 0) {
    if (d[0] != -1)
      return OP_FAIL(c, INVALID_ARGUMENT, "the element shape is the scalar %lld, not -1",
                     (long long)d[0]);
    *out = SHAPE_UNKNOWN;
    return NULL;
  }
  *out = shape_of(n, d);
  for (int k = 0; k < n; k++)
    if (out->d[k] < 0) out->d[k] = -1;
  return NULL;
}

static status_t check_item(op_ctx_t *c, const list_t *l, const tensor_t *t) {
  char a[128], b[128];
  if (t->dtype != l->dtype)
    return OP_FAIL(c, INVALID_ARGUMENT, "a %s is put into a list of %s", dtype_name(t->dtype),
                   dtype_name(l->dtype));
  if (!shape_compatible(&l->element, &t->shape))
    return OP_FAIL(c, INVALID_ARGUMENT, "an element of shape %s is put into a list of %s",
                   shape_format(&t->shape, a, sizeof a), shape_format(&l->element, b, sizeof b));
  return NULL;
}

static status_t check_dtype(op_ctx_t *c, const list_t *l) {
  dtype_t want = node_type(c->node, "element_dtype");
  if (want == DT_INVALID || want == l->dtype) return NULL;
  return OP_FAIL(c, INVALID_ARGUMENT, "a list of %s is read as %s", dtype_name(l->dtype),
                 dtype_name(want));
}

// ---------------------------------------------------------------- making lists

static status_t make_list(op_ctx_t *c, int64_t n, int64_t max) {
  shape_t element;
  TRY(shape_input(c, 0, &element));
  list_t *l = list_create(node_type(c->node, "element_dtype"), &element);
  l->max = max;
  TRY(op_out_object(c, 0, &l->base));
  return list_resize(c, l, n);
}

static status_t reserve(op_ctx_t *c) {
  int64_t n = 0;
  TRY(op_int(c, 1, &n));
  return make_list(c, n, -1);
}

static status_t empty_list(op_ctx_t *c) {
  int64_t max = 0;
  TRY(op_int(c, 1, &max));
  return make_list(c, 0, max < 0 ? -1 : max);
}

static status_t from_tensor(op_ctx_t *c) {
  const tensor_t *t = &c->in[0];
  shape_t element;
  TRY(shape_input(c, 1, &element));
  if (t->shape.rank < 1) return OP_FAIL(c, INVALID_ARGUMENT, "a scalar makes no list");
  list_t *l = list_create(t->dtype, &element);
  TRY(op_out_object(c, 0, &l->base));
  TRY(list_resize(c, l, t->shape.d[0]));
  for (size_t i = 0; i < l->items.n; i++) l->items.v[i] = elements_row(t, (int64_t)i);
  return l->items.n ? check_item(c, l, &l->items.v[0]) : NULL;
}

// Rows of input 0 to the places that input 1 names.
static status_t put_rows(op_ctx_t *c, list_t *l, const tensor_t *t, const tensor_t *indices) {
  if (t->shape.rank < 1 || tensor_elements(indices) != t->shape.d[0])
    return OP_FAIL(c, INVALID_ARGUMENT, "as many indices as rows are needed");
  for (int64_t i = 0; i < t->shape.d[0]; i++) {
    int64_t at;
    TRY(tensor_int_at(indices, i, &at));
    if (at < 0 || at >= MAX_ITEMS)
      return OP_FAIL(c, INVALID_ARGUMENT, "index %lld is out of range", (long long)at);
    if (at >= (int64_t)l->items.n) TRY(list_resize(c, l, at + 1));
    tensor_unref(&l->items.v[at]);
    l->items.v[at] = elements_row(t, i);
    TRY(check_item(c, l, &l->items.v[at]));
  }
  return NULL;
}

static status_t scatter(op_ctx_t *c) {
  shape_t element;
  int64_t n = -1;
  TRY(shape_input(c, 2, &element));
  if (c->n_in > 3) TRY(op_int(c, 3, &n));
  list_t *l = list_create(c->in[0].dtype, &element);
  TRY(op_out_object(c, 0, &l->base));
  if (n >= 0) TRY(list_resize(c, l, n));
  return put_rows(c, l, &c->in[0], &c->in[1]);
}

static status_t scatter_into(op_ctx_t *c) {
  list_t *l = NULL;
  TRY(list_edit(c, 0, &l));
  return put_rows(c, l, &c->in[1], &c->in[2]);
}

static status_t split(op_ctx_t *c) {
  const tensor_t *t = &c->in[0], *lengths = &c->in[2];
  shape_t element;
  TRY(shape_input(c, 1, &element));
  if (t->shape.rank < 1) return OP_FAIL(c, INVALID_ARGUMENT, "a scalar cannot be split");
  list_t *l = list_create(t->dtype, &element);
  TRY(op_out_object(c, 0, &l->base));
  int64_t n = tensor_elements(lengths), at = 0;
  TRY(list_resize(c, l, n));
  for (int64_t i = 0; i < n; i++) {
    TRY(elements_next_rows(c, t, lengths, i, &at, &l->items.v[i]));
    TRY(check_item(c, l, &l->items.v[i]));
  }
  if (at != t->shape.d[0])
    return OP_FAIL(c, INVALID_ARGUMENT, "the lengths add up to %lld of %lld rows", (long long)at,
                   (long long)t->shape.d[0]);
  return NULL;
}

// ---------------------------------------------------------------- elements

// The shape of elements that were never set: all that list, op and the elements that are set know.
static status_t element_shape(op_ctx_t *c, const list_t *l, const shape_t *given, shape_t *out) {
  char a[128], b[128];
  if (!shape_merge(&l->element, given, out))
    return OP_FAIL(c, INVALID_ARGUMENT, "element shape %s asked of a list of %s",
                   shape_format(given, a, sizeof a), shape_format(&l->element, b, sizeof b));
  for (size_t i = 0; i < l->items.n && !shape_known(out); i++)
    if (!tensor_empty(&l->items.v[i])) *out = l->items.v[i].shape;
  return NULL;
}

static status_t zeros(op_ctx_t *c, int out, const list_t *l, const shape_t *s) {
  char a[128];
  tensor_t *t;
  if (!shape_known(s))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "an element that was never set is read, and only %s is known of its shape",
                   shape_format(s, a, sizeof a));
  TRY(op_out_typed(c, out, l->dtype, s, &t));
  elements_zero(t, 0, tensor_elements(t));
  return NULL;
}

static status_t put_item(op_ctx_t *c, int out, const list_t *l, int64_t i, int shape_in) {
  if (!tensor_empty(&l->items.v[i])) {
    op_out_take(c, out, tensor_ref(&l->items.v[i]));
    return NULL;
  }
  shape_t given, s;
  TRY(shape_input(c, shape_in, &given));
  TRY(element_shape(c, l, &given, &s));
  return zeros(c, out, l, &s);
}

static status_t get_item(op_ctx_t *c) {
  list_t *l = NULL;
  int64_t i = 0;
  TRY(list_at(c, 0, &l));
  TRY(op_int(c, 1, &i));
  TRY(check_dtype(c, l));
  if (i < 0 || i >= (int64_t)l->items.n)
    return OP_FAIL(c, INVALID_ARGUMENT, "element %lld of a list of %zu is read", (long long)i,
                   l->items.n);
  return put_item(c, 0, l, i, 2);
}

static status_t set_item(op_ctx_t *c) {
  list_t *l = NULL;
  int64_t i = 0;
  TRY(op_int(c, 1, &i));
  TRY(list_edit(c, 0, &l));
  if (i >= (int64_t)l->items.n && node_bool(c->node, "resize_if_index_out_of_bounds", false))
    TRY(list_resize(c, l, i + 1));
  if (i < 0 || i >= (int64_t)l->items.n)
    return OP_FAIL(c, INVALID_ARGUMENT, "element %lld of a list of %zu is set", (long long)i,
                   l->items.n);
  TRY(check_item(c, l, &c->in[2]));
  tensor_unref(&l->items.v[i]);
  l->items.v[i] = tensor_ref(&c->in[2]);
  return NULL;
}

static status_t push_back(op_ctx_t *c) {
  list_t *l = NULL;
  TRY(list_edit(c, 0, &l));
  TRY(check_item(c, l, &c->in[1]));
  if (l->items.n >= MAX_ITEMS || (l->max >= 0 && (int64_t)l->items.n >= l->max))
    return OP_FAIL(c, INVALID_ARGUMENT, "the list has its maximum of %zu elements", l->items.n);
  vec_push(&l->items, tensor_ref(&c->in[1]));
  return NULL;
}

static status_t pop_back(op_ctx_t *c) {
  list_t *l = NULL;
  TRY(list_edit(c, 0, &l));
  TRY(check_dtype(c, l));
  if (!l->items.n) return OP_FAIL(c, INVALID_ARGUMENT, "the list is empty");
  TRY(put_item(c, 1, l, (int64_t)l->items.n - 1, 1));
  tensor_unref(&l->items.v[--l->items.n]);
  return NULL;
}

static status_t resize(op_ctx_t *c) {
  list_t *l = NULL;
  int64_t n = 0;
  TRY(op_int(c, 1, &n));
  TRY(list_edit(c, 0, &l));
  return list_resize(c, l, n);
}

static status_t length(op_ctx_t *c) {
  list_t *l = NULL;
  tensor_t *out;
  TRY(list_at(c, 0, &l));
  TRY(op_out(c, 0, &SHAPE_SCALAR, &out));
  TENSOR_DATA(int32_t, out)[0] = (int32_t)l->items.n;
  return NULL;
}

static status_t element_shape_kernel(op_ctx_t *c) {
  list_t *l = NULL;
  tensor_t *out;
  TRY(list_at(c, 0, &l));
  shape_t s = l->element.rank < 0 ? SHAPE_SCALAR : SHAPE(l->element.rank);
  TRY(op_out(c, 0, &s, &out));
  if (l->element.rank < 0) tensor_set_number(out, 0, -1);
  for (int i = 0; i < l->element.rank; i++) tensor_set_number(out, i, (double)l->element.d[i]);
  return NULL;
}

// ---------------------------------------------------------------- many elements as one tensor

// Elements index[0..n) (NULL: 0, 1, ...) stacked along a new first dim.
static status_t stack(op_ctx_t *c, const list_t *l, const int64_t *index, int64_t n,
                      const shape_t *given) {
  char a[128], b[128];
  shape_t s;
  TRY(check_dtype(c, l));
  TRY(element_shape(c, l, given, &s));
  if (n == 0 && s.rank >= 0)  // nothing to learn dims from
    for (int i = 0; i < s.rank; i++)
      if (s.d[i] < 0)
        return OP_FAIL(c, INVALID_ARGUMENT, "an empty list of %s cannot be stacked",
                       shape_format(&s, a, sizeof a));
  if (!shape_known(&s))
    return OP_FAIL(c, INVALID_ARGUMENT, "elements of unknown shape %s are stacked",
                   shape_format(&s, a, sizeof a));
  if (s.rank + 1 > SHAPE_MAX_RANK) return OP_FAIL(c, INVALID_ARGUMENT, "the rank is too large");
  shape_t whole = {.rank = s.rank + 1, .d = {n}};
  memcpy(whole.d + 1, s.d, (size_t)s.rank * sizeof *s.d);
  tensor_t *out;
  TRY(op_out_typed(c, 0, l->dtype, &whole, &out));
  int64_t width = shape_elements(&s);
  for (int64_t i = 0; i < n; i++) {
    const tensor_t *item = &l->items.v[index ? index[i] : i];
    if (tensor_empty(item)) {
      elements_zero(out, i * width, width);
      continue;
    }
    if (!shape_equal(&item->shape, &s))
      return OP_FAIL(c, INVALID_ARGUMENT, "elements of shapes %s and %s are stacked",
                     shape_format(&s, a, sizeof a), shape_format(&item->shape, b, sizeof b));
    TRY(elements_copy(out, i * width, item, 0, width));
  }
  return NULL;
}

static status_t stack_kernel(op_ctx_t *c) {
  list_t *l = NULL;
  shape_t given;
  TRY(list_at(c, 0, &l));
  TRY(shape_input(c, 1, &given));
  int64_t want = node_int(c->node, "num_elements", -1);
  if (want >= 0 && want != (int64_t)l->items.n)
    return OP_FAIL(c, INVALID_ARGUMENT, "the list has %zu elements, not %lld", l->items.n,
                   (long long)want);
  return stack(c, l, NULL, (int64_t)l->items.n, &given);
}

static status_t gather(op_ctx_t *c) {
  list_t *l = NULL;
  shape_t given;
  TRY(list_at(c, 0, &l));
  TRY(shape_input(c, 2, &given));
  int64_t n = tensor_elements(&c->in[1]);
  int64_t *index = mem_calloc((size_t)n + 1, sizeof *index);
  status_t st = NULL;
  for (int64_t i = 0; i < n && !st; i++) {
    st = tensor_int_at(&c->in[1], i, &index[i]);
    if (!st && (index[i] < 0 || index[i] >= (int64_t)l->items.n))
      st = OP_FAIL(c, INVALID_ARGUMENT, "element %lld of a list of %zu is read",
                   (long long)index[i], l->items.n);
  }
  if (!st) st = stack(c, l, index, n, &given);
  mem_free(index);
  return st;
}

// Elements one after the other along their first dim.
static status_t concat(op_ctx_t *c) {
  list_t *l = NULL;
  shape_t given = SHAPE_UNKNOWN, s;
  TRY(list_at(c, 0, &l));
  TRY(check_dtype(c, l));
  if (c->n_in > 1)
    TRY(shape_input(c, 1, &given));
  else
    given = node_shape(c->node, "element_shape");
  int64_t n = (int64_t)l->items.n, rows = 0;
  TRY(element_shape(c, l, &given, &s));
  if (s.rank < 1) return OP_FAIL(c, INVALID_ARGUMENT, "scalars or nothing cannot be concatenated");
  shape_t vector = SHAPE(n);
  tensor_t *out, *lengths;
  TRY(op_out(c, 1, &vector, &lengths));
  for (int64_t i = 0; i < n; i++) {
    const tensor_t *t = &l->items.v[i];
    int64_t len = 0;
    if (!tensor_empty(t)) {
      len = t->shape.d[0];
      shape_t inner = s;
      inner.d[0] = len;
      if (!shape_compatible(&inner, &t->shape))
        return OP_FAIL(c, INVALID_ARGUMENT, "elements of different inner shapes are concatenated");
    } else if (c->n_in > 2 && i < tensor_elements(&c->in[2])) {
      TRY(tensor_int_at(&c->in[2], i, &len));
    } else if (s.d[0] >= 0) {
      len = s.d[0];
    }
    if (len < 0) return OP_FAIL(c, INVALID_ARGUMENT, "a negative length");
    TENSOR_DATA(int64_t, lengths)[i] = len;
    rows += len;
  }
  s.d[0] = rows;
  if (!shape_known(&s)) return OP_FAIL(c, INVALID_ARGUMENT, "the elements' shape is not known");
  TRY(op_out_typed(c, 0, l->dtype, &s, &out));
  int64_t width = elements_per_row(out), at = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t count = TENSOR_DATA(int64_t, lengths)[i] * width;
    if (tensor_empty(&l->items.v[i]))
      elements_zero(out, at, count);
    else
      TRY(elements_copy(out, at, &l->items.v[i], 0, count));
    at += count;
  }
  return NULL;
}

static status_t concat_lists(op_ctx_t *c) {
  list_t *l = NULL, *b = NULL;
  TRY(list_at(c, 1, &b));
  TRY(list_edit(c, 0, &l));
  if (b->dtype != l->dtype) return OP_FAIL(c, INVALID_ARGUMENT, "the lists' dtypes differ");
  size_t n = b->items.n;  // b may be the list itself
  for (size_t i = 0; i < n; i++) vec_push(&l->items, tensor_ref(&b->items.v[i]));
  return NULL;
}

// ---------------------------------------------------------------- shapes

static shape_t inferred_element(const infer_ctx_t *c, int i) {
  shape_t s;
  const tensor_t *v = infer_value(c, i);
  if ((v && v->shape.rank == 0) || infer_in(c, i)->rank == 0 || !infer_dims(c, i, &s))
    return SHAPE_UNKNOWN;
  return s;
}

static status_t infer_list(infer_ctx_t *c) {
  infer_out(c, 0, &SHAPE_SCALAR);
  return NULL;
}

static status_t infer_item(infer_ctx_t *c) {
  shape_t s = inferred_element(c, 2);
  infer_out(c, 0, &s);
  return NULL;
}

static status_t infer_pop(infer_ctx_t *c) {
  infer_out(c, 0, &SHAPE_SCALAR);
  shape_t s = inferred_element(c, 1);
  infer_out(c, 1, &s);
  return NULL;
}

static void infer_stacked(infer_ctx_t *c, int shape_in, int64_t n) {
  shape_t e = inferred_element(c, shape_in);
  if (e.rank < 0 || e.rank + 1 > SHAPE_MAX_RANK) return;
  shape_t s = {.rank = e.rank + 1, .d = {n < 0 ? -1 : n}};
  memcpy(s.d + 1, e.d, (size_t)e.rank * sizeof *e.d);
  infer_out(c, 0, &s);
}

static status_t infer_stack(infer_ctx_t *c) {
  infer_stacked(c, 1, node_int(c->node, "num_elements", -1));
  return NULL;
}

static status_t infer_gather(infer_ctx_t *c) {
  infer_stacked(c, 2, infer_in(c, 1)->rank == 1 ? infer_in(c, 1)->d[0] : -1);
  return NULL;
}

static status_t infer_concat(infer_ctx_t *c) {
  shape_t s = c->node->n_in > 1 ? inferred_element(c, 1) : node_shape(c->node, "element_shape");
  if (s.rank > 0) {
    s.d[0] = -1;
    infer_out(c, 0, &s);
  }
  shape_t lengths = shape_unknown_dims(1);
  infer_out(c, 1, &lengths);
  return NULL;
}

#define LIST_OP(NAME, SIG, ATTRS, INFER, KERNEL)                                \
  {                                                                             \
    .name = NAME, .sig = SIG, .attrs = ATTRS, .infer = INFER, .kernel = KERNEL, \
    .flags = OP_NO_FOLD                                                         \
  }
#define DTYPE "element_dtype: type"
#define DTYPE_SHAPE "element_dtype: type; shape_type: type"

const op_def_t ops_tensor_list[] = {
    LIST_OP("TensorListReserve",
            "element_shape: shape_type, num_elements: int32 -> handle: variant", DTYPE_SHAPE,
            infer_list, reserve),
    LIST_OP("EmptyTensorList",
            "element_shape: shape_type, max_num_elements: int32 -> handle: variant", DTYPE_SHAPE,
            infer_list, empty_list),
    LIST_OP("TensorListFromTensor",
            "tensor: element_dtype, element_shape: shape_type -> output_handle: variant",
            DTYPE_SHAPE, infer_list, from_tensor),
    LIST_OP("TensorListGetItem",
            "input_handle: variant, index: int32, element_shape: Tshape -> item: element_dtype",
            "element_dtype: type; Tshape: type = int32", infer_item, get_item),
    LIST_OP("TensorListSetItem",
            "input_handle: variant, index: int32, item: element_dtype -> output_handle: variant",
            "element_dtype: type; resize_if_index_out_of_bounds: bool = false", infer_list,
            set_item),
    LIST_OP("TensorListStack",
            "input_handle: variant, element_shape: int32 -> tensor: element_dtype",
            "element_dtype: type; num_elements: int = -1", infer_stack, stack_kernel),
    LIST_OP("TensorListPushBack",
            "input_handle: variant, tensor: element_dtype -> output_handle: variant", DTYPE,
            infer_list, push_back),
    LIST_OP("TensorListPopBack",
            "input_handle: variant, element_shape: int32 -> output_handle: variant, tensor: "
            "element_dtype",
            DTYPE, infer_pop, pop_back),
    LIST_OP("TensorListLength", "input_handle: variant -> length: int32", "", infer_scalar, length),
    LIST_OP("TensorListElementShape", "input_handle: variant -> element_shape: shape_type",
            "shape_type: type", NULL, element_shape_kernel),
    LIST_OP("TensorListGather",
            "input_handle: variant, indices: int32, element_shape: int32 -> values: element_dtype",
            DTYPE, infer_gather, gather),
    LIST_OP("TensorListScatter",
            "tensor: element_dtype, indices: int32, element_shape: shape_type -> output_handle: "
            "variant",
            DTYPE_SHAPE, infer_list, scatter),
    LIST_OP("TensorListScatterV2",
            "tensor: element_dtype, indices: int32, element_shape: shape_type, num_elements: int32 "
            "-> output_handle: variant",
            DTYPE_SHAPE, infer_list, scatter),
    LIST_OP("TensorListScatterIntoExistingList",
            "input_handle: variant, tensor: element_dtype, indices: int32 -> output_handle: "
            "variant",
            DTYPE, infer_list, scatter_into),
    LIST_OP("TensorListConcat", "input_handle: variant -> tensor: element_dtype, lengths: int64",
            "element_dtype: type; element_shape: shape = unknown", infer_concat, concat),
    LIST_OP("TensorListConcatV2",
            "input_handle: variant, element_shape: shape_type, leading_dims: int64 -> tensor: "
            "element_dtype, lengths: int64",
            DTYPE_SHAPE, infer_concat, concat),
    LIST_OP("TensorListConcatLists", "input_a: variant, input_b: variant -> output: variant", DTYPE,
            infer_list, concat_lists),
    LIST_OP("TensorListResize", "input_handle: variant, size: int32 -> output_handle: variant", "",
            infer_list, resize),
    LIST_OP("TensorListSplit",
            "tensor: element_dtype, element_shape: shape_type, lengths: int64 -> output_handle: "
            "variant",
            DTYPE_SHAPE, infer_list, split),
    {0},
};
