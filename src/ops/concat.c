// Ops that join arrays along an axis, and those that take them apart again.
#include <string.h>

#include "ops/array.h"

// Elements in front of, and from the axis on, in a row-major array: it is [outer, inner].
static void fold_axis(const shape_t *s, int axis, int64_t *outer, int64_t *inner) {
  *outer = dims_product(s, 0, axis);
  *inner = dims_product(s, axis, s->rank);
}

// Copies columns [from, from + width) of src [rows, src_width] to columns at `to` of dst.
static status_t copy_columns(const op_ctx_t *c, dtype_t dtype, int64_t rows, int64_t width,
                             const void *src, int64_t src_width, int64_t from, void *dst,
                             int64_t dst_width, int64_t to) {
  strided_t s = {.src_start = from, .dst_start = to};
  strided_dim(&s, rows, src_width, dst_width);
  strided_dim(&s, width, 1, 1);
  return strided_copy(dtype, &s, src, dst, c->threads);
}

// ---------------------------------------------------------------- Concat, ConcatV2

typedef struct concat_args {
  int first, n, axis_input;  // where the values begin, how many, where the axis is
} concat_args_t;

static concat_args_t concat_args(const node_t *node) {
  int n = node->n_in - 1;
  return strcmp(node->op, "Concat") == 0 ? (concat_args_t){1, n, 0} : (concat_args_t){0, n, n};
}

// A vector of dims made of several: shape arithmetic.
static void join_dims(infer_ctx_t *c, int first, int n) {
  shape_t all = {0}, dims;
  for (int i = first; i < first + n; i++) {
    if (!infer_dims(c, i, &dims) || all.rank + dims.rank > SHAPE_MAX_RANK) return;
    for (int k = 0; k < dims.rank; k++) all.d[all.rank++] = dims.d[k];
  }
  infer_out_dims(c, 0, &all);
}

static status_t concat_infer(infer_ctx_t *c) {
  concat_args_t a = concat_args(c->node);
  shape_t out = SHAPE_UNKNOWN;
  char x[128], y[128];
  int rank = -1, axis = -1;
  for (int i = a.first; i < a.first + a.n; i++)
    if (infer_in(c, i)->rank >= 0) rank = infer_in(c, i)->rank;
  if (rank < 0) return NULL;
  TRY(infer_axis(c, a.axis_input, rank, &axis));
  for (int i = a.first; i < a.first + a.n; i++) {
    shape_t s = *infer_in(c, i);
    if (s.rank < 0) s = shape_unknown_dims(rank);
    if (i == a.first) {
      out = s;
      continue;
    }
    shape_t t = s, merged;
    if (s.rank != rank || out.rank != rank)
      return OP_FAIL(c, INVALID_ARGUMENT, "the inputs have unlike numbers of dimensions: %s and %s",
                     shape_format(&out, x, sizeof x), shape_format(&s, y, sizeof y));
    if (axis < 0) continue;
    t.d[axis] = out.d[axis];
    if (!shape_merge(&out, &t, &merged))
      return OP_FAIL(c, INVALID_ARGUMENT, "shapes %s and %s differ outside axis %d",
                     shape_format(&out, x, sizeof x), shape_format(&s, y, sizeof y), axis);
    out = merged;
    out.d[axis] = dim_add(out.d[axis], s.d[axis]);
  }
  if (axis < 0 && a.n > 1) out = shape_unknown_dims(rank);
  infer_out(c, 0, &out);
  if (rank == 1) join_dims(c, a.first, a.n);
  return NULL;
}

static status_t concat_kernel(op_ctx_t *c) {
  concat_args_t a = concat_args(c->node);
  const tensor_t *in = c->in + a.first;
  int axis, used = 0;
  char x[128], y[128];
  tensor_t *out;
  TRY(op_axis(c, a.axis_input, in[0].shape.rank, &axis));
  shape_t s = in[0].shape;
  s.d[axis] = 0;
  for (int i = 0; i < a.n; i++) {
    bool same = in[i].shape.rank == s.rank;
    for (int k = 0; k < s.rank && same; k++) same = k == axis || in[i].shape.d[k] == s.d[k];
    if (!same)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "dimensions of inputs should match: shape[0] = %s vs. shape[%d] = %s",
                     shape_format(&in[0].shape, x, sizeof x), i,
                     shape_format(&in[i].shape, y, sizeof y));
    s.d[axis] = dim_add(s.d[axis], in[i].shape.d[axis]);
    used += tensor_elements(&in[i]) > 0;
  }
  for (int i = 0; i < a.n; i++)  // only one with elements: the others add nothing
    if (used == 1 && tensor_elements(&in[i]) > 0) {
      op_forward(c, 0, a.first + i, &s);
      return NULL;
    }
  TRY(op_out(c, 0, &s, &out));
  if (!used) return NULL;
  int64_t rows, width, inner, at = 0;
  fold_axis(&s, axis, &rows, &width);
  for (int i = 0; i < a.n; i++) {
    fold_axis(&in[i].shape, axis, &rows, &inner);
    TRY(copy_columns(c, out->dtype, rows, inner, in[i].data, inner, 0, out->data, width, at));
    at += inner;
  }
  return NULL;
}

static bool concat_accept(lower_ctx_t *c, char *reason, size_t n) {
  concat_args_t a = concat_args(c->node);
  int axis;
  if (a.n > 63) REFUSE("more than 63 inputs");
  for (int i = a.first; i < a.first + a.n; i++)
    if (!accept_array(c, i, reason, n)) return false;
  return accept_axis(c, a.axis_input, lower_shape(c, a.first)->rank, &axis, reason, n);
}

static status_t concat_lower(lower_ctx_t *c) {
  concat_args_t a = concat_args(c->node);
  layer_params_t p = {0};
  int64_t v;
  int count;
  if (!lower_ints(c, a.axis_input, &v, 1, &count) || count != 1 ||
      !axis_ok(v, lower_shape(c, a.first)->rank, &p.axis))
    return OP_FAIL(c, INTERNAL, "the axis is not a constant");
  return lower_layer(c, LAYER_CONCAT, a.first, a.n, &p);
}

static status_t offset_infer(infer_ctx_t *c) {
  for (int i = 0; i < c->node->n_out; i++) infer_out(c, i, infer_in(c, i + 1));
  return NULL;
}

static status_t offset_kernel(op_ctx_t *c) {
  int axis, rank;
  int64_t dims[SHAPE_MAX_RANK], first[SHAPE_MAX_RANK], at = 0;
  TRY(op_ints(c, 1, first, SHAPE_MAX_RANK, &rank));
  TRY(op_axis(c, 0, rank, &axis));
  for (int i = 0; i < c->n_out; i++) {
    int n;
    int64_t offset[SHAPE_MAX_RANK] = {0};
    TRY(op_ints(c, i + 1, dims, SHAPE_MAX_RANK, &n));
    if (n != rank)
      return OP_FAIL(c, INVALID_ARGUMENT, "input %d should contain %d elements, but got %d", i,
                     rank, n);
    for (int k = 0; k < rank; k++)
      if (k != axis && dims[k] != first[k])
        return OP_FAIL(c, INVALID_ARGUMENT,
                       "all dimensions except %d must match: input %d has %" PRId64
                       " at %d, input 0 has %" PRId64,
                       axis, i, dims[k], k, first[k]);
    offset[axis] = at;
    TRY(op_out_ints(c, i, 1, rank, offset));
    at += dims[axis];
  }
  return NULL;
}

// ---------------------------------------------------------------- Pack, Unpack

static status_t pack_infer(infer_ctx_t *c) {
  shape_t s = SHAPE_UNKNOWN;
  char x[128], y[128];
  int axis, n = c->node->n_in;
  for (int i = 0; i < n; i++) {
    shape_t merged;
    if (!shape_merge(&s, infer_in(c, i), &merged))
      return OP_FAIL(c, INVALID_ARGUMENT, "the inputs have unlike shapes: %s and %s",
                     shape_format(&s, x, sizeof x), shape_format(infer_in(c, i), y, sizeof y));
    s = merged;
  }
  if (s.rank < 0) return NULL;
  int64_t v = node_int(c->node, "axis", 0);
  if (!axis_ok(v, s.rank + 1, &axis))
    return OP_FAIL(c, INVALID_ARGUMENT, "axis %" PRId64 " is out of range for %d dimensions", v,
                   s.rank + 1);
  shape_t out = shape_insert(&s, axis, n);
  infer_out(c, 0, &out);
  if (s.rank == 0) join_dims(c, 0, n);
  return NULL;
}

static status_t pack_kernel(op_ctx_t *c) {
  const shape_t *first = &c->in[0].shape;
  int axis;
  char x[128], y[128];
  tensor_t *out;
  TRY(op_axis_of(c, node_int(c->node, "axis", 0), first->rank + 1, &axis));
  if (first->rank >= SHAPE_MAX_RANK)
    return OP_FAIL(c, INVALID_ARGUMENT, "more than %d dimensions", SHAPE_MAX_RANK);
  for (int i = 1; i < c->n_in; i++)
    if (!shape_equal(first, &c->in[i].shape))
      return OP_FAIL(
          c, INVALID_ARGUMENT,
          "shapes of all inputs must match: values[0].shape = %s != values[%d].shape = %s",
          shape_format(first, x, sizeof x), i, shape_format(&c->in[i].shape, y, sizeof y));
  shape_t s = shape_insert(first, axis, c->n_in);
  if (c->n_in == 1) {
    op_forward(c, 0, 0, &s);
    return NULL;
  }
  TRY(op_out(c, 0, &s, &out));
  int64_t rows, inner;
  fold_axis(first, axis, &rows, &inner);
  for (int i = 0; i < c->n_in; i++)
    TRY(copy_columns(c, out->dtype, rows, inner, c->in[i].data, inner, 0, out->data,
                     inner * c->n_in, inner * i));
  return NULL;
}

static bool pack_accept(lower_ctx_t *c, char *reason, size_t n) {
  int axis;
  if (c->node->n_in > 64) REFUSE("more than 64 inputs");
  for (int i = 0; i < c->node->n_in; i++)
    if (!accept_array(c, i, reason, n)) return false;
  if (!axis_ok(node_int(c->node, "axis", 0), lower_shape(c, 0)->rank + 1, &axis))
    REFUSE("the axis is out of range");
  return true;
}

static status_t pack_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  if (!axis_ok(node_int(c->node, "axis", 0), lower_shape(c, 0)->rank + 1, &p.axis))
    return OP_FAIL(c, INTERNAL, "the axis is out of range");
  return lower_layer(c, LAYER_PACK, 0, c->node->n_in, &p);
}

static status_t unpack_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  if (in->rank < 0) return NULL;
  int axis, n = c->node->n_out;
  int64_t v = node_int(c->node, "axis", 0);
  if (!axis_ok(v, in->rank, &axis))
    return OP_FAIL(c, INVALID_ARGUMENT, "axis %" PRId64 " is out of range for %d dimensions", v,
                   in->rank);
  if (in->d[axis] >= 0 && in->d[axis] != n)
    return OP_FAIL(c, INVALID_ARGUMENT, "dimension %d must have length %d, but has %" PRId64, axis,
                   n, in->d[axis]);
  shape_t out = shape_remove(in, axis), dims;
  bool known = in->rank == 1 && infer_dims(c, 0, &dims) && dims.rank == n;
  for (int i = 0; i < n; i++) {
    infer_out(c, i, &out);
    shape_t one = SHAPE(known ? dims.d[i] : -1);
    if (known) infer_out_dims(c, i, &one);
  }
  return NULL;
}

static status_t unpack_kernel(op_ctx_t *c) {
  const shape_t *in = &c->in[0].shape;
  int axis;
  TRY(op_axis_of(c, node_int(c->node, "axis", 0), in->rank, &axis));
  if (in->d[axis] != c->n_out)
    return OP_FAIL(c, INVALID_ARGUMENT, "dimension %d must have length %d, but has %" PRId64, axis,
                   c->n_out, in->d[axis]);
  shape_t s = shape_remove(in, axis);
  int64_t rows = dims_product(in, 0, axis), inner = dims_product(in, axis + 1, in->rank);
  for (int i = 0; i < c->n_out; i++) {
    tensor_t *out;
    TRY(op_out(c, i, &s, &out));
    TRY(copy_columns(c, out->dtype, rows, inner, c->in[0].data, inner * c->n_out, inner * i,
                     out->data, inner, 0));
  }
  return NULL;
}

static bool unpack_accept(lower_ctx_t *c, char *reason, size_t n) {
  int axis;
  if (!accept_array(c, 0, reason, n)) return false;
  if (c->node->n_out > 64) REFUSE("more than 64 outputs");
  if (!axis_ok(node_int(c->node, "axis", 0), lower_shape(c, 0)->rank, &axis))
    REFUSE("the axis is out of range");
  return true;
}

static status_t unpack_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  if (!axis_ok(node_int(c->node, "axis", 0), lower_shape(c, 0)->rank, &p.axis))
    return OP_FAIL(c, INTERNAL, "the axis is out of range");
  return lower_layer(c, LAYER_UNPACK, 0, 1, &p);
}

// ---------------------------------------------------------------- Split, SplitV

// Which input is the value, and which the axis.
static void split_inputs(const node_t *node, int *value, int *axis) {
  bool v = strcmp(node->op, "SplitV") == 0;
  *value = v ? 0 : 1;
  *axis = v ? 2 : 0;
}

static status_t split_infer(infer_ctx_t *c) {
  int value, axis_in, axis, n = c->node->n_out, count = 0;
  split_inputs(c->node, &value, &axis_in);
  const shape_t *in = infer_in(c, value);
  if (in->rank < 0) return NULL;
  TRY(infer_axis(c, axis_in, in->rank, &axis));
  int64_t sizes[256], size = axis >= 0 ? in->d[axis] : -1;
  bool sized = value == 0 && infer_ints(c, 1, sizes, 256, &count) && count == n;
  if (axis >= 0 && value == 1 && size >= 0 && size % n)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "dimension %d of size %" PRId64 " cannot be split into %d equal parts", axis,
                   size, n);
  int64_t rest = size;
  for (int i = 0; i < n && sized; i++)
    if (sizes[i] >= 0 && rest >= 0) rest -= sizes[i];
  for (int i = 0; i < n; i++) {
    shape_t out = *in;
    if (axis < 0)
      out = shape_unknown_dims(in->rank);
    else if (value == 1)
      out.d[axis] = size >= 0 ? size / n : n == 1 ? size : -1;
    else
      out.d[axis] = !sized ? -1 : sizes[i] >= 0 ? sizes[i] : rest >= 0 ? rest : -1;
    infer_out(c, i, &out);
  }
  shape_t dims;  // pieces of a vector of dims
  if (in->rank == 1 && axis == 0 && size >= 0 && infer_dims(c, value, &dims) && dims.rank == size) {
    int at = 0;
    for (int i = 0; i < n; i++) {
      shape_t part = {0};
      int64_t len = c->node->out_shape[i].d[0];
      if (len < 0 || at + len > dims.rank) break;
      part = shape_range(&dims, at, at + (int)len);
      infer_out_dims(c, i, &part);
      at += (int)len;
    }
  }
  return NULL;
}

static status_t split_sizes(const op_ctx_t *c, int64_t size, int axis, int64_t *sizes) {
  int n = c->n_out;
  if (strcmp(c->node->op, "Split") == 0) {
    if (size % n)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "dimension %d of size %" PRId64 " cannot be split into %d equal parts", axis,
                     size, n);
    for (int i = 0; i < n; i++) sizes[i] = size / n;
    return NULL;
  }
  int count, open = -1;
  int64_t sum = 0;
  TRY(op_ints(c, 1, sizes, n, &count));
  if (count != n)
    return OP_FAIL(c, INVALID_ARGUMENT, "size_splits needs %d entries, got %d", n, count);
  for (int i = 0; i < n; i++) {
    if (sizes[i] == -1) {
      if (open >= 0) return OP_FAIL(c, INVALID_ARGUMENT, "there can only be one -1 in size_splits");
      open = i;
    } else if (sizes[i] < 0) {
      return OP_FAIL(c, INVALID_ARGUMENT, "size_splits[%d] = %" PRId64 " must not be negative", i,
                     sizes[i]);
    } else {
      sum = dim_add(sum, sizes[i]);
    }
  }
  if (open >= 0 && sum >= 0 && sum <= size) {
    sizes[open] = size - sum;
    sum = size;
  }
  if (sum != size)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "size_splits sum to %" PRId64 ", but dimension %d has size %" PRId64, sum, axis,
                   size);
  return NULL;
}

static status_t split_copy(op_ctx_t *c, const tensor_t *in, int axis, const int64_t *sizes) {
  int64_t rows, width, at = 0, inner = dims_product(&in->shape, axis + 1, in->shape.rank);
  fold_axis(&in->shape, axis, &rows, &width);
  for (int i = 0; i < c->n_out; i++) {
    shape_t s = in->shape;
    tensor_t *out;
    s.d[axis] = sizes[i];
    TRY(op_out(c, i, &s, &out));
    TRY(copy_columns(c, out->dtype, rows, inner * sizes[i], in->data, width, at, out->data,
                     inner * sizes[i], 0));
    at += inner * sizes[i];
  }
  return NULL;
}

static status_t split_kernel(op_ctx_t *c) {
  int value, axis_in, axis;
  split_inputs(c->node, &value, &axis_in);
  const tensor_t *in = &c->in[value];
  TRY(op_axis(c, axis_in, in->shape.rank, &axis));
  int64_t *sizes = mem_alloc((size_t)c->n_out * sizeof *sizes);
  status_t st = split_sizes(c, in->shape.d[axis], axis, sizes);
  if (!st && c->n_out == 1)
    op_forward(c, 0, value, &in->shape);
  else if (!st)
    st = split_copy(c, in, axis, sizes);
  mem_free(sizes);
  return st;
}

static bool split_accept(lower_ctx_t *c, char *reason, size_t n) {
  int value, axis_in, axis, count;
  int64_t sizes[64];
  split_inputs(c->node, &value, &axis_in);
  if (!accept_array(c, value, reason, n) ||
      !accept_axis(c, axis_in, lower_shape(c, value)->rank, &axis, reason, n))
    return false;
  if (c->node->n_out > 64) REFUSE("more than 64 outputs");
  if (value == 0 && !lower_ints(c, 1, sizes, 64, &count)) REFUSE("the sizes are not constants");
  return true;
}

static status_t split_lower(lower_ctx_t *c) {
  int value, axis_in, count;
  int64_t v;
  layer_params_t p = {0};
  split_inputs(c->node, &value, &axis_in);
  if (!lower_ints(c, axis_in, &v, 1, &count) || count != 1 ||
      !axis_ok(v, lower_shape(c, value)->rank, &p.axis))
    return OP_FAIL(c, INTERNAL, "the axis is not a constant");
  return lower_layer(c, LAYER_SPLIT, value, value == 0 ? 2 : 1, &p);
}

#define CONCAT \
  .infer = concat_infer, .kernel = concat_kernel, .accept = concat_accept, .lower = concat_lower
#define SPLIT \
  .infer = split_infer, .kernel = split_kernel, .accept = split_accept, .lower = split_lower

const op_def_t ops_concat[] = {
    {.name = "ConcatV2",
     .sig = "values: N * T, axis: Tidx -> output: T",
     .attrs = "N: int; T: type; Tidx: type = int32",
     CONCAT},
    {.name = "Concat",
     .sig = "concat_dim: int32, values: N * T -> output: T",
     .attrs = "N: int; T: type",
     CONCAT},
    {.name = "ConcatOffset",
     .sig = "concat_dim: int32, shape: N * shape_type -> offset: N * shape_type",
     .attrs = "N: int; shape_type: type = int32",
     .infer = offset_infer,
     .kernel = offset_kernel},
    {.name = "Pack",
     .sig = "values: N * T -> output: T",
     .attrs = "N: int; T: type; axis: int = 0",
     .infer = pack_infer,
     .kernel = pack_kernel,
     .accept = pack_accept,
     .lower = pack_lower},
    {.name = "Unpack",
     .sig = "value: T -> output: num * T",
     .attrs = "num: int; T: type; axis: int = 0",
     .infer = unpack_infer,
     .kernel = unpack_kernel,
     .accept = unpack_accept,
     .lower = unpack_lower},
    {.name = "Split",
     .sig = "split_dim: int32, value: T -> output: num_split * T",
     .attrs = "num_split: int; T: type",
     SPLIT},
    {.name = "SplitV",
     .sig = "value: T, size_splits: Tlen, split_dim: int32 -> output: num_split * T",
     .attrs = "num_split: int; T: type; Tlen: type = int64",
     SPLIT},
    {0},
};
