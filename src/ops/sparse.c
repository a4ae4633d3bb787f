// Ops on sparse tensors.
#include "ops/sparse.h"

#include <string.h>

#include "base/parallel.h"
#include "kernels/order.h"

status_t sparse_read(const op_ctx_t *c, int i, int v, int s, sparse_t *out) {
  const tensor_t *index = &c->in[i];
  char a[128], b[128];
  *out = (sparse_t){.index = index->data, .values = v < 0 ? NULL : &c->in[v]};
  TRY(op_dims(c, s, "dense shape", &out->shape));
  if (index->shape.rank != 2 || index->shape.d[1] != out->shape.rank || c->in[s].shape.rank != 1)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "indices of shape %s do not fit a dense shape of %d dimensions",
                   shape_format(&index->shape, a, sizeof a), out->shape.rank);
  out->n = index->shape.d[0];
  if (v >= 0 && (c->in[v].shape.rank != 1 || c->in[v].shape.d[0] != out->n))
    return OP_FAIL(c, INVALID_ARGUMENT, "values of shape %s do not fit indices of shape %s",
                   shape_format(&c->in[v].shape, a, sizeof a),
                   shape_format(&index->shape, b, sizeof b));
  int rank = out->shape.rank;
  for (int64_t k = 0; k < out->n; k++)
    for (int d = 0; d < rank; d++) {
      int64_t at = out->index[k * rank + d];
      if (at < 0 || at >= out->shape.d[d])
        return OP_FAIL(c, INVALID_ARGUMENT,
                       "indices[%" PRId64 ",%d] = %" PRId64
                       " is out of bounds of the dense shape %s",
                       k, d, at, shape_format(&out->shape, a, sizeof a));
    }
  return NULL;
}

int sparse_order(const int64_t *a, const int64_t *b, int rank) {
  for (int d = 0; d < rank; d++)
    if (a[d] != b[d]) return a[d] < b[d] ? -1 : 1;
  return 0;
}

void infer_sparse(infer_ctx_t *c, int indices, int values, int shape, int64_t n, int64_t rank) {
  shape_t s = SHAPE(n, rank);
  infer_out(c, indices, &s);
  s = SHAPE(n);
  if (values >= 0) infer_out(c, values, &s);
  s = SHAPE(rank);
  if (shape >= 0) infer_out(c, shape, &s);
}

static int64_t dim_of(const shape_t *s, int i) { return s->rank > i ? s->d[i] : -1; }

// The order of n entries by their index, row-major; equal ones stay in order. order[i].index is the
// entry that comes i-th.
static status_t sorted_order(op_ctx_t *c, const int64_t *index, int64_t n, const shape_t *shape,
                             tensor_t *scratch, ranked_t **order) {
  shape_t s = SHAPE(3, n);
  if (shape_elements(shape) < 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "the dense shape is too large");
  TRY(op_temp(c, DT_INT64, &s, scratch));
  *order = (ranked_t *)scratch->data;
  uint64_t *keys = TENSOR_DATA(uint64_t, scratch) + 2 * n;
  for (int64_t k = 0; k < n; k++) {
    int64_t key = 0;
    for (int d = 0; d < shape->rank; d++) key = key * shape->d[d] + index[k * shape->rank + d];
    keys[k] = ~(uint64_t)key;  // top_k gives the largest first
  }
  top_k(keys, n, n, *order);
  return NULL;
}

// ---------------------------------------------------------------- SparseReshape

static status_t reshape_infer(infer_ctx_t *c) {
  infer_sparse(c, 0, -1, 1, dim_of(infer_in(c, 0), 0), dim_of(infer_in(c, 2), 0));
  return NULL;
}

static status_t reshape_kernel(op_ctx_t *c) {
  sparse_t in;
  shape_t s = {0};
  TRY(sparse_read(c, 0, -1, 1, &in));
  TRY(op_ints(c, 2, s.d, SHAPE_MAX_RANK, &s.rank));
  int64_t total = shape_elements(&in.shape), known = 1;
  int unknown = -1;
  for (int i = 0; i < s.rank; i++) {
    if (s.d[i] == -1 && unknown < 0)
      unknown = i;
    else if (s.d[i] < 0)
      return OP_FAIL(c, INVALID_ARGUMENT, "size %d of the new shape is %" PRId64 "; one may be -1",
                     i, s.d[i]);
    else
      known = dim_mul(known, s.d[i]);
  }
  if (total < 0 || known < 0) return OP_FAIL(c, INVALID_ARGUMENT, "the dense shape is too large");
  if (unknown >= 0) s.d[unknown] = known > 0 ? total / known : 0;
  if (shape_elements(&s) != total)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "input to reshape is a tensor with %" PRId64
                   " dense values, but the requested shape has %" PRId64,
                   total, shape_elements(&s));
  tensor_t *out;
  shape_t os = SHAPE(in.n, s.rank);
  TRY(op_out(c, 0, &os, &out));
  for (int64_t k = 0; k < in.n; k++) {
    int64_t flat = 0;
    for (int d = 0; d < in.shape.rank; d++)
      flat = flat * in.shape.d[d] + in.index[k * in.shape.rank + d];
    for (int d = s.rank - 1; d >= 0; d--) {
      TENSOR_DATA(int64_t, out)[k * s.rank + d] = flat % s.d[d];
      flat /= s.d[d];
    }
  }
  return op_out_ints(c, 1, 1, s.rank, s.d);
}

// ---------------------------------------------------------------- SparseFillEmptyRows

static status_t fill_rows_infer(infer_ctx_t *c) {
  shape_t dims, rows = SHAPE(-1), n = SHAPE(dim_of(infer_in(c, 0), 0));
  infer_sparse(c, 0, 1, -1, -1, dim_of(infer_in(c, 2), 0));
  if (infer_dims(c, 2, &dims) && dims.rank > 0) rows.d[0] = dims.d[0];
  infer_out(c, 2, &rows);
  infer_out(c, 3, &n);
  return NULL;
}

static status_t fill_rows_kernel(op_ctx_t *c) {
  sparse_t in;
  TRY(sparse_read(c, 0, 1, 2, &in));
  if (in.shape.rank < 1) return OP_FAIL(c, INVALID_ARGUMENT, "the dense shape cannot be empty");
  if (tensor_elements(&c->in[3]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "default_value must be a scalar");
  int64_t rows = in.shape.d[0], empty = 0, rank = in.shape.rank;
  tensor_t at, *indices, *values, *empties, *reverse;
  shape_t s = SHAPE(dim_add(rows, 1));
  TRY(op_out(c, 2, &(shape_t){.rank = 1, .d = {rows}}, &empties));
  TRY(op_out(c, 3, &(shape_t){.rank = 1, .d = {in.n}}, &reverse));
  TRY(op_temp(c, DT_INT64, &s, &at));
  int64_t *next = TENSOR_DATA(int64_t, &at);  // where the next entry of each row goes
  memset(next, 0, tensor_bytes(&at));
  for (int64_t k = 0; k < in.n; k++) next[in.index[k * rank] + 1]++;
  for (int64_t r = 0; r < rows; r++) {
    bool none = next[r + 1] == 0;
    TENSOR_DATA(uint8_t, empties)[r] = none;
    empty += none;
    next[r + 1] += next[r] + none;
  }
  shape_t os = SHAPE(in.n + empty, rank), vs = SHAPE(in.n + empty);
  status_t st = op_out(c, 0, &os, &indices);
  if (!st) st = op_out(c, 1, &vs, &values);
  for (int64_t r = 0; r < rows && !st; r++) {
    if (!TENSOR_DATA(uint8_t, empties)[r]) continue;
    int64_t *to = TENSOR_DATA(int64_t, indices) + next[r] * rank;
    memset(to, 0, (size_t)rank * sizeof *to);
    to[0] = r;
    st = copy_elements(values->dtype, c->in[3].data,
                       element_at(values->dtype, values->data, next[r]), 1);
  }
  for (int64_t k = 0; k < in.n && !st; k++) {
    int64_t to = next[in.index[k * rank]]++;
    TENSOR_DATA(int64_t, reverse)[k] = to;
    memcpy(TENSOR_DATA(int64_t, indices) + to * rank, in.index + k * rank,
           (size_t)rank * sizeof(int64_t));
    st = copy_elements(values->dtype, element_at(values->dtype, in.values->data, k),
                       element_at(values->dtype, values->data, to), 1);
  }
  tensor_unref(&at);
  return st;
}

// ---------------------------------------------------------------- SparseToDense

static status_t to_dense_infer(infer_ctx_t *c) {
  shape_t s = SHAPE_UNKNOWN;
  infer_dims(c, 1, &s);
  infer_out(c, 0, &s);
  return NULL;
}

static status_t to_dense_kernel(op_ctx_t *c) {
  const tensor_t *index = &c->in[0], *values = &c->in[2];
  shape_t s;
  tensor_t *out;
  char text[128];
  TRY(op_dims(c, 1, "output_shape", &s));
  int64_t n = index->shape.rank == 0 ? 1 : index->shape.d[0];
  int64_t rank = index->shape.rank == 2 ? index->shape.d[1] : 1;
  if (index->shape.rank > 2 || rank != s.rank)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "sparse_indices of shape %s do not fit an output of %d dimensions",
                   shape_format(&index->shape, text, sizeof text), s.rank);
  bool one = values->shape.rank == 0;
  if (!one && (values->shape.rank != 1 || values->shape.d[0] != n))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "sparse_values must be a scalar or have %" PRId64 " elements", n);
  if (tensor_elements(&c->in[3]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "default_value must be a scalar");
  TRY(op_out(c, 0, &s, &out));
  TRY(fill_elements(out->dtype, c->in[3].data, out->data, tensor_elements(out), c->threads));
  bool check = node_bool(c->node, "validate_indices", true);
  int64_t last = -1;
  for (int64_t k = 0; k < n; k++) {
    int64_t flat = 0;
    for (int64_t d = 0; d < rank; d++) {
      int64_t at = index_at(index, k * rank + d);
      if (at < 0 || at >= s.d[d])
        return OP_FAIL(c, INVALID_ARGUMENT,
                       "indices[%" PRId64 ",%" PRId64 "] = %" PRId64
                       " is out of bounds: need 0 <= index < %" PRId64,
                       k, d, at, s.d[d]);
      flat = flat * s.d[d] + at;
    }
    if (check && flat <= last)
      return OP_FAIL(c, INVALID_ARGUMENT, "indices[%" PRId64 "] is %s", k,
                     flat == last ? "repeated" : "out of order");
    last = flat;
    TRY(copy_elements(out->dtype, element_at(out->dtype, values->data, one ? 0 : k),
                      element_at(out->dtype, out->data, flat), 1));
  }
  return NULL;
}

// ---------------------------------------------------------------- SparseTensorDenseMatMul

static status_t matmul_infer(infer_ctx_t *c) {
  const shape_t *b = infer_in(c, 3);
  bool ta = node_bool(c->node, "adjoint_a", false), tb = node_bool(c->node, "adjoint_b", false);
  shape_t dims, out = SHAPE(-1, b->rank == 2 ? b->d[tb ? 0 : 1] : -1);
  TRY(infer_rank(c, 3, 2));
  if (infer_dims(c, 2, &dims) && dims.rank == 2) out.d[0] = dims.d[ta ? 1 : 0];
  infer_out(c, 0, &out);
  return NULL;
}

static status_t matmul_kernel(op_ctx_t *c) {
  const tensor_t *index = &c->in[0], *a = &c->in[1], *b = &c->in[3];
  bool ta = node_bool(c->node, "adjoint_a", false), tb = node_bool(c->node, "adjoint_b", false);
  shape_t as;
  tensor_t *out;
  TRY(op_dims(c, 2, "a_shape", &as));
  if (as.rank != 2 || b->shape.rank != 2 || index->shape.rank != 2 || index->shape.d[1] != 2 ||
      a->shape.rank != 1 || a->shape.d[0] != index->shape.d[0])
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "a and b must be matrices, a_indices [n,2] and a_values [n]");
  int64_t rows = as.d[ta ? 1 : 0], inner = as.d[ta ? 0 : 1], cols = b->shape.d[tb ? 0 : 1];
  if (b->shape.d[tb ? 1 : 0] != inner)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "cannot multiply A and B because inner dimension does not match: %" PRId64
                   " vs. %" PRId64,
                   inner, b->shape.d[tb ? 1 : 0]);
  shape_t s = SHAPE(rows, cols);
  TRY(op_out(c, 0, &s, &out));
  memset(out->data, 0, tensor_bytes(out));
  for (int64_t k = 0; k < index->shape.d[0]; k++) {
    int64_t i = index_at(index, 2 * k + (ta ? 1 : 0)), j = index_at(index, 2 * k + (ta ? 0 : 1));
    if (i < 0 || i >= rows || j < 0 || j >= inner)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "a_indices[%" PRId64 "] = [%" PRId64 ",%" PRId64 "] is out of bounds", k,
                     index_at(index, 2 * k), index_at(index, 2 * k + 1));
    int64_t start = tb ? j : j * cols, step = tb ? inner : 1;
    if (out->dtype == DT_FLOAT) {
      const float *from = TENSOR_DATA(float, b) + start, v = TENSOR_DATA(float, a)[k];
      float *to = TENSOR_DATA(float, out) + i * cols;
      for (int64_t n = 0; n < cols; n++) to[n] += v * from[n * step];
    } else if (out->dtype == DT_DOUBLE || out->dtype == DT_INT32 || out->dtype == DT_HALF ||
               out->dtype == DT_BFLOAT16) {
      double v = tensor_number_at(a, k);
      for (int64_t n = 0; n < cols; n++)
        tensor_set_number(
            out, i * cols + n,
            tensor_number_at(out, i * cols + n) + v * tensor_number_at(b, start + n * step));
    } else {
      return OP_FAIL(c, UNIMPLEMENTED, "elements of data type %s", dtype_name(out->dtype));
    }
  }
  return NULL;
}

// ---------------------------------------------------------------- SparseReorder, SparseSlice,
// SparseConcat

static status_t reorder_infer(infer_ctx_t *c) {
  infer_sparse(c, 0, 1, -1, dim_of(infer_in(c, 0), 0), dim_of(infer_in(c, 0), 1));
  return NULL;
}

// Writes outputs 0 and 1: n entries in row-major order.
static status_t put_sorted(op_ctx_t *c, const int64_t *index, const tensor_t *values, int64_t n,
                           const shape_t *shape) {
  tensor_t scratch, *indices, *out;
  ranked_t *order = NULL;
  shape_t is = SHAPE(n, shape->rank), vs = SHAPE(n);
  TRY(op_out(c, 0, &is, &indices));
  TRY(op_out(c, 1, &vs, &out));
  TRY(sorted_order(c, index, n, shape, &scratch, &order));
  status_t st = NULL;
  for (int64_t k = 0; k < n && !st; k++) {
    memcpy(TENSOR_DATA(int64_t, indices) + k * shape->rank, index + order[k].index * shape->rank,
           (size_t)shape->rank * sizeof(int64_t));
    st = copy_elements(out->dtype, element_at(out->dtype, values->data, order[k].index),
                       element_at(out->dtype, out->data, k), 1);
  }
  tensor_unref(&scratch);
  return st;
}

static status_t reorder_kernel(op_ctx_t *c) {
  sparse_t in;
  TRY(sparse_read(c, 0, 1, 2, &in));
  return put_sorted(c, in.index, in.values, in.n, &in.shape);
}

static status_t slice_infer(infer_ctx_t *c) {
  infer_sparse(c, 0, 1, 2, -1, dim_of(infer_in(c, 2), 0));
  return NULL;
}

static status_t slice_kernel(op_ctx_t *c) {
  sparse_t in;
  int64_t start[SHAPE_MAX_RANK], size[SHAPE_MAX_RANK], count = 0;
  int n_start, n_size, rank;
  TRY(sparse_read(c, 0, 1, 2, &in));
  TRY(op_ints(c, 3, start, SHAPE_MAX_RANK, &n_start));
  TRY(op_ints(c, 4, size, SHAPE_MAX_RANK, &n_size));
  rank = in.shape.rank;
  if (n_start != rank || n_size != rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "start and size need %d entries, got %d and %d", rank,
                   n_start, n_size);
  for (int pass = 0; pass < 2; pass++) {  // count, then copy
    tensor_t *indices = NULL, *values = NULL;
    if (pass == 1) {
      shape_t is = SHAPE(count, rank), vs = SHAPE(count);
      TRY(op_out(c, 0, &is, &indices));
      TRY(op_out(c, 1, &vs, &values));
    }
    int64_t at = 0;
    for (int64_t k = 0; k < in.n; k++) {
      const int64_t *x = in.index + k * rank;
      bool inside = true;
      for (int d = 0; d < rank; d++) inside &= x[d] >= start[d] && x[d] - start[d] < size[d];
      if (!inside) continue;
      if (pass == 1) {
        for (int d = 0; d < rank; d++)
          TENSOR_DATA(int64_t, indices)[at * rank + d] = x[d] - start[d];
        TRY(copy_elements(values->dtype, element_at(values->dtype, in.values->data, k),
                          element_at(values->dtype, values->data, at), 1));
      }
      at++;
    }
    count = at;
  }
  for (int d = 0; d < rank; d++) {
    int64_t rest = in.shape.d[d] - start[d];
    size[d] = rest < 0 ? 0 : size[d] < rest ? size[d] : rest;
  }
  return op_out_ints(c, 2, 1, rank, size);
}

static status_t concat_infer(infer_ctx_t *c) {
  int n = c->node->n_in / 3;
  int64_t count = 0, rank = -1;
  for (int i = 0; i < n; i++) {
    count = dim_add(count, dim_of(infer_in(c, i), 0));
    if (dim_of(infer_in(c, 2 * n + i), 0) >= 0) rank = dim_of(infer_in(c, 2 * n + i), 0);
  }
  infer_sparse(c, 0, 1, 2, count, rank);
  return NULL;
}

static status_t concat_kernel(op_ctx_t *c) {
  int n = c->n_in / 3, axis = 0;
  int64_t count = 0, at = 0, offset = 0;
  shape_t s = {0};
  for (int i = 0; i < n; i++) {
    sparse_t in;
    TRY(sparse_read(c, i, n + i, 2 * n + i, &in));
    if (i == 0) {
      s = in.shape;
      TRY(op_axis_of(c, node_int(c->node, "concat_dim", 0), s.rank, &axis));
    }
    bool same = in.shape.rank == s.rank;
    for (int d = 0; d < s.rank && same && i > 0; d++) same = d == axis || in.shape.d[d] == s.d[d];
    if (!same)
      return OP_FAIL(c, INVALID_ARGUMENT, "input %d differs from input 0 outside dimension %d", i,
                     axis);
    if (i > 0) s.d[axis] = dim_add(s.d[axis], in.shape.d[axis]);
    count += in.n;
  }
  tensor_t index = {0}, values = {0};
  shape_t is = SHAPE(count, s.rank), vs = SHAPE(count);
  status_t st = op_temp(c, DT_INT64, &is, &index);
  if (!st) st = op_temp(c, c->in[n].dtype, &vs, &values);
  for (int i = 0; i < n && !st; i++) {
    const tensor_t *x = &c->in[i];
    int64_t m = x->shape.d[0], *to = TENSOR_DATA(int64_t, &index) + at * s.rank;
    memcpy(to, x->data, tensor_bytes(x));
    for (int64_t k = 0; k < m; k++) to[k * s.rank + axis] += offset;
    st = copy_elements(values.dtype, c->in[n + i].data, element_at(values.dtype, values.data, at),
                       m);
    offset += index_at(&c->in[2 * n + i], axis);
    at += m;
  }
  if (!st) st = put_sorted(c, TENSOR_DATA(int64_t, &index), &values, count, &s);
  tensor_unref(&index);
  tensor_unref(&values);
  return st ? st : op_out_ints(c, 2, 1, s.rank, s.d);
}

const op_def_t ops_sparse[] = {
    {.name = "SparseReshape",
     .sig = "input_indices: int64, input_shape: int64, new_shape: int64 -> output_indices: int64, "
            "output_shape: int64",
     .attrs = "",
     .infer = reshape_infer,
     .kernel = reshape_kernel},
    {.name = "SparseFillEmptyRows",
     .sig = "indices: int64, values: T, dense_shape: int64, default_value: T -> output_indices: "
            "int64, output_values: T, empty_row_indicator: bool, reverse_index_map: int64",
     .attrs = "T: type",
     .infer = fill_rows_infer,
     .kernel = fill_rows_kernel},
    {.name = "SparseToDense",
     .sig = "sparse_indices: Tindices, output_shape: Tindices, sparse_values: T, default_value: T "
            "-> dense: T",
     .attrs = "validate_indices: bool = true; T: type; Tindices: type",
     .infer = to_dense_infer,
     .kernel = to_dense_kernel},
    {.name = "SparseTensorDenseMatMul",
     .sig = "a_indices: Tindices, a_values: T, a_shape: int64, b: T -> product: T",
     .attrs = "T: type; Tindices: type = int64; adjoint_a: bool = false; adjoint_b: bool = false",
     .infer = matmul_infer,
     .kernel = matmul_kernel},
    {.name = "SparseReorder",
     .sig = "input_indices: int64, input_values: T, input_shape: int64 -> output_indices: int64, "
            "output_values: T",
     .attrs = "T: type",
     .infer = reorder_infer,
     .kernel = reorder_kernel},
    {.name = "SparseSlice",
     .sig = "indices: int64, values: T, shape: int64, start: int64, size: int64 -> output_indices: "
            "int64, output_values: T, output_shape: int64",
     .attrs = "T: type",
     .infer = slice_infer,
     .kernel = slice_kernel},
    {.name = "SparseConcat",
     .sig = "indices: N * int64, values: N * T, shapes: N * int64 -> output_indices: int64, "
            "output_values: T, output_shape: int64",
     .attrs = "concat_dim: int; N: int; T: type",
     .infer = concat_infer,
     .kernel = concat_kernel},
    {0},
};
