// Arithmetic on sparse tensors: sums, maxima, softmax, dense partners, splits.
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "ops/elements.h"
#include "ops/math.h"
#include "ops/sparse.h"

static bool has_op(const op_ctx_t *c, const char *part) { return strstr(c->node->op, part); }

static status_t need_real(const op_ctx_t *c, int i) {
  dtype_t t = c->in[i].dtype;
  if (t == DT_FLOAT || t == DT_DOUBLE || t == DT_INT32 || t == DT_HALF || t == DT_BFLOAT16)
    return NULL;
  return math_no_kernel(c, i);
}

static int64_t flat_index(const int64_t *at, const shape_t *s) {
  int64_t flat = 0;
  for (int d = 0; d < s->rank; d++) flat = flat * s->d[d] + at[d];
  return flat;
}

// ---------------------------------------------------------------- SparseReduceSum, -Max

static status_t reduce_kernel(op_ctx_t *c) {
  sparse_t in;
  bool reduced[SHAPE_MAX_RANK] = {false}, keep = node_bool(c->node, "keep_dims", false),
       max = has_op(c, "Max");
  int64_t axes[SHAPE_MAX_RANK];
  int n;
  TRY(sparse_read(c, 0, 1, 2, &in));
  TRY(need_real(c, 1));
  TRY(op_ints(c, 3, axes, SHAPE_MAX_RANK, &n));
  for (int i = 0; i < n; i++) {
    int axis;
    TRY(op_axis_of(c, axes[i], in.shape.rank, &axis));
    reduced[axis] = true;
  }
  shape_t out = {0}, inner = in.shape;
  for (int d = 0; d < in.shape.rank; d++) {
    if (reduced[d]) inner.d[d] = 1;
    if (!reduced[d] || keep) out.d[out.rank++] = inner.d[d];
  }
  tensor_t *y, seen;
  TRY(op_out(c, 0, &out, &y));
  TRY(op_zero(c, y));
  TRY(op_temp(c, DT_BOOL, &out, &seen));
  memset(seen.data, 0, tensor_bytes(&seen));
  for (int64_t k = 0; k < in.n; k++) {
    int64_t at[SHAPE_MAX_RANK];
    for (int d = 0; d < in.shape.rank; d++)
      at[d] = reduced[d] ? 0 : in.index[k * in.shape.rank + d];
    int64_t to = flat_index(at, &inner);
    double v = tensor_number_at(in.values, k), before = tensor_number_at(y, to);
    bool first = !TENSOR_DATA(uint8_t, &seen)[to];
    TENSOR_DATA(uint8_t, &seen)[to] = 1;
    tensor_set_number(y, to, first ? v : max ? (v > before ? v : before) : before + v);
  }
  tensor_unref(&seen);
  return NULL;
}

// ---------------------------------------------------------------- SparseSoftmax

static status_t softmax_infer(infer_ctx_t *c) {
  infer_out(c, 0, infer_in(c, 1));
  return NULL;
}

static status_t softmax_kernel(op_ctx_t *c) {
  sparse_t in;
  tensor_t *y;
  TRY(sparse_read(c, 0, 1, 2, &in));
  TRY(need_real(c, 1));
  if (in.shape.rank < 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "a softmax needs at least 2 dimensions");
  TRY(op_out(c, 0, &c->in[1].shape, &y));
  int rank = in.shape.rank;
  for (int64_t from = 0, to; from < in.n; from = to) {  // entries that differ in the last index
    double top = -INFINITY, sum = 0;
    for (to = from;
         to < in.n && !sparse_order(in.index + from * rank, in.index + to * rank, rank - 1); to++)
      top = fmax(top, tensor_number_at(in.values, to));
    for (int64_t k = from; k < to; k++) sum += exp(tensor_number_at(in.values, k) - top);
    for (int64_t k = from; k < to; k++)
      tensor_set_number(y, k, exp(tensor_number_at(in.values, k) - top) / sum);
  }
  return NULL;
}

// ---------------------------------------------------------------- with a dense partner

static status_t cwise_kernel(op_ctx_t *c) {
  sparse_t in;
  tensor_t *y;
  const shape_t *d = &c->in[3].shape;
  shape_t both;
  char a[128], b[128];
  TRY(sparse_read(c, 0, 1, 2, &in));
  TRY(need_real(c, 1));
  if (!shape_broadcast(&in.shape, d, &both) || !shape_equal(&both, &in.shape))
    return OP_FAIL(c, INVALID_ARGUMENT, "the dense %s does not broadcast to the sparse %s",
                   shape_format(d, a, sizeof a), shape_format(&in.shape, b, sizeof b));
  TRY(op_out(c, 0, &c->in[1].shape, &y));
  int skip = in.shape.rank - d->rank;
  for (int64_t k = 0; k < in.n; k++) {
    int64_t at[SHAPE_MAX_RANK];
    for (int i = 0; i < d->rank; i++)
      at[i] = d->d[i] == 1 ? 0 : in.index[k * in.shape.rank + skip + i];
    double v = tensor_number_at(in.values, k), w = tensor_number_at(&c->in[3], flat_index(at, d));
    if (has_op(c, "Div") && y->dtype == DT_INT32 && w == 0)
      return OP_FAIL(c, INVALID_ARGUMENT, "division by zero");
    double r = has_op(c, "Mul") ? v * w : has_op(c, "Div") ? v / w : v + w;
    tensor_set_number(y, k, y->dtype == DT_INT32 ? trunc(r) : r);
  }
  return NULL;
}

static status_t dense_add_infer(infer_ctx_t *c) {
  infer_out(c, 0, infer_in(c, 3));
  return NULL;
}

static status_t dense_add_kernel(op_ctx_t *c) {
  const tensor_t *index = &c->in[0], *values = &c->in[1], *b = &c->in[3];
  shape_t s;
  tensor_t *y;
  TRY(need_real(c, 1));
  TRY(op_dims(c, 2, "a_shape", &s));
  if (!shape_equal(&s, &b->shape) || index->shape.rank != 2 || index->shape.d[1] != s.rank ||
      values->shape.rank != 1 || values->shape.d[0] != index->shape.d[0])
    return OP_FAIL(c, INVALID_ARGUMENT, "the sparse and the dense tensor have unlike shapes");
  TRY(op_out(c, 0, &b->shape, &y));
  TRY(elements_copy(y, 0, b, 0, tensor_elements(b)));
  for (int64_t k = 0; k < values->shape.d[0]; k++) {
    int64_t at[SHAPE_MAX_RANK];
    for (int d = 0; d < s.rank; d++) {
      at[d] = index_at(index, k * s.rank + d);
      if (at[d] < 0 || at[d] >= s.d[d])
        return OP_FAIL(c, INVALID_ARGUMENT, "index %" PRId64 " is outside the shape", k);
    }
    int64_t to = flat_index(at, &s);
    tensor_set_number(y, to, tensor_number_at(y, to) + tensor_number_at(values, k));
  }
  return NULL;
}

// ---------------------------------------------------------------- two sparse ones

static status_t union_infer(infer_ctx_t *c) {
  const shape_t *a = infer_in(c, 0);
  int64_t rank = a->rank == 2 ? a->d[1] : -1;
  infer_sparse(c, 0, 1, c->node->n_out > 2 ? 2 : -1, -1, rank);
  return NULL;
}

// Entries of a and b in one order, those of equal index together; sums of two below `least` are
// left out.
static status_t unite(op_ctx_t *c, const sparse_t *a, const sparse_t *b, double least) {
  int rank = a->shape.rank;
  int64_t room = a->n + b->n, n = 0;
  int64_t *index = mem_calloc((size_t)(room * rank) + 1, sizeof *index);
  double *value = mem_calloc((size_t)room + 1, sizeof *value);
  for (int64_t i = 0, k = 0; i < a->n || k < b->n;) {
    int order = i == a->n   ? 1
                : k == b->n ? -1
                            : sparse_order(a->index + i * rank, b->index + k * rank, rank);
    double x = order <= 0 ? tensor_number_at(a->values, i) : 0,
           y = order >= 0 ? tensor_number_at(b->values, k) : 0;
    memcpy(index + n * rank, order <= 0 ? a->index + i * rank : b->index + k * rank,
           (size_t)rank * sizeof *index);
    value[n] = has_op(c, "Maximum") ? fmax(x, y) : has_op(c, "Minimum") ? fmin(x, y) : x + y;
    n += has_op(c, "Add") && order == 0 ? fabs(value[n]) >= least : 1;
    i += order <= 0;
    k += order >= 0;
  }
  tensor_t *out, *values;
  shape_t s = SHAPE(n, rank), vs = SHAPE(n);
  status_t st = op_out(c, 0, &s, &out);
  if (!st) st = op_out(c, 1, &vs, &values);
  if (!st && n) memcpy(out->data, index, tensor_bytes(out));
  for (int64_t k = 0; k < n && !st; k++) tensor_set_number(values, k, value[k]);
  mem_free(value);
  mem_free(index);
  return st;
}

static status_t union_kernel(op_ctx_t *c) {
  sparse_t a, b;
  double least = 0;
  TRY(sparse_read(c, 0, 1, 2, &a));
  TRY(sparse_read(c, 3, 4, 5, &b));
  TRY(need_real(c, 1));
  if (!shape_equal(&a.shape, &b.shape))
    return OP_FAIL(c, INVALID_ARGUMENT, "the operands' shapes do not match");
  if (c->n_in > 6) {
    if (tensor_elements(&c->in[6]) != 1)
      return OP_FAIL(c, INVALID_ARGUMENT, "thresh must be a scalar");
    least = tensor_number_at(&c->in[6], 0);
  }
  TRY(unite(c, &a, &b, least));
  return c->n_out > 2 ? op_out_ints(c, 2, 1, a.shape.rank, a.shape.d) : NULL;
}

// ---------------------------------------------------------------- SparseSplit

static status_t sparse_split_kernel(op_ctx_t *c) {
  sparse_t in;
  int axis, parts = c->n_out / 3;
  TRY(sparse_read(c, 1, 2, 3, &in));
  TRY(op_axis(c, 0, in.shape.rank, &axis));
  int64_t size = in.shape.d[axis];
  if (parts < 1 || parts > size)
    return OP_FAIL(c, INVALID_ARGUMENT, "%d parts of dimension %d of size %" PRId64, parts, axis,
                   size);
  int rank = in.shape.rank;
  for (int p = 0, from = 0; p < parts; p++) {
    int64_t wide = size / parts + (p < size % parts), count = 0, n = 0;
    for (int64_t k = 0; k < in.n; k++) {
      int64_t at = in.index[k * rank + axis];
      count += at >= from && at < from + wide;
    }
    tensor_t *index, *values;
    shape_t s = SHAPE(count, rank), vs = SHAPE(count), dims = in.shape;
    TRY(op_out(c, p, &s, &index));
    TRY(op_out(c, parts + p, &vs, &values));
    for (int64_t k = 0; k < in.n; k++) {
      int64_t at = in.index[k * rank + axis];
      if (at < from || at >= from + wide) continue;
      int64_t *to = TENSOR_DATA(int64_t, index) + n * rank;
      memcpy(to, in.index + k * rank, (size_t)rank * sizeof *to);
      to[axis] -= from;
      TRY(elements_copy(values, n++, in.values, k, 1));
    }
    dims.d[axis] = wide;
    TRY(op_out_ints(c, 2 * parts + p, 1, rank, dims.d));
    from += (int)wide;
  }
  return NULL;
}

#define REDUCE(NAME)                                                                        \
  {                                                                                         \
    .name = NAME,                                                                           \
    .sig =                                                                                  \
        "input_indices: int64, input_values: T, input_shape: int64, reduction_axes: int32 " \
        "-> output: T",                                                                     \
    .attrs = "keep_dims: bool = false; T: type", .kernel = reduce_kernel                    \
  }
#define CWISE(NAME)                                                      \
  {                                                                      \
    .name = NAME,                                                        \
    .sig =                                                               \
        "sp_indices: int64, sp_values: T, sp_shape: int64, dense: T -> " \
        "output: T",                                                     \
    .attrs = "T: type", .infer = softmax_infer, .kernel = cwise_kernel   \
  }
#define UNITED(NAME)                                                                     \
  {                                                                                      \
    .name = NAME,                                                                        \
    .sig =                                                                               \
        "a_indices: int64, a_values: T, a_shape: int64, b_indices: int64, b_values: T, " \
        "b_shape: int64 -> output_indices: int64, output_values: T",                     \
    .attrs = "T: type", .infer = union_infer, .kernel = union_kernel                     \
  }

const op_def_t ops_sparse_math[] = {
    REDUCE("SparseReduceSum"),
    REDUCE("SparseReduceMax"),
    CWISE("SparseDenseCwiseAdd"),
    CWISE("SparseDenseCwiseMul"),
    CWISE("SparseDenseCwiseDiv"),
    UNITED("SparseSparseMaximum"),
    UNITED("SparseSparseMinimum"),
    {.name = "SparseAdd",
     .sig = "a_indices: int64, a_values: T, a_shape: int64, b_indices: int64, b_values: T, "
            "b_shape: int64, thresh: Treal -> sum_indices: int64, sum_values: T, sum_shape: int64",
     .attrs = "T: type; Treal: type",
     .infer = union_infer,
     .kernel = union_kernel},
    {.name = "SparseSoftmax",
     .sig = "sp_indices: int64, sp_values: T, sp_shape: int64 -> output: T",
     .attrs = "T: type",
     .infer = softmax_infer,
     .kernel = softmax_kernel},
    {.name = "SparseTensorDenseAdd",
     .sig = "a_indices: Tindices, a_values: T, a_shape: Tindices, b: T -> output: T",
     .attrs = "T: type; Tindices: type",
     .infer = dense_add_infer,
     .kernel = dense_add_kernel},
    {.name = "SparseSplit",
     .sig = "split_dim: int64, indices: int64, values: T, shape: int64 -> output_indices: "
            "num_split * int64, output_values: num_split * T, output_shape: num_split * int64",
     .attrs = "num_split: int; T: type",
     .kernel = sparse_split_kernel},
    {0},
};
