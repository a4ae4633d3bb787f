// Counting values row by row: RaggedBincount, SparseBincount and the ...CountSparseOutput ops.
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ops/ragged.h"

// Where value i of the input lies: rows as splits, as the first of two index columns, as rows of a
// matrix, or one row for all.
typedef struct rows {
  const tensor_t *splits, *index;
  int64_t count, width;
  bool one;  // no row dimension at all
  int64_t at;
} rows_t;

static int64_t row_of(rows_t *r, int64_t i) {
  if (r->one) return 0;
  if (r->splits) {
    while (index_at(r->splits, r->at + 1) <= i) r->at++;
    return r->at;
  }
  if (r->index) return TENSOR_DATA(int64_t, r->index)[2 * i];
  return i / r->width;
}

static status_t ragged_rows(const op_ctx_t *c, int splits, int values, rows_t *r) {
  *r = (rows_t){.splits = &c->in[splits]};
  return op_splits(c, splits, tensor_elements(&c->in[values]), &r->count);
}

static status_t sparse_rows(const op_ctx_t *c, rows_t *r) {
  const tensor_t *index = &c->in[0];
  shape_t s;
  TRY(op_dims(c, 2, "dense shape", &s));
  int64_t n = tensor_elements(&c->in[1]);
  if (index->shape.rank != 2 || index->shape.d[1] != s.rank || index->shape.d[0] != n ||
      s.rank < 1 || s.rank > 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "the sparse input must have 1 or 2 dimensions");
  *r = (rows_t){.index = index, .one = s.rank == 1, .count = s.rank == 1 ? 1 : s.d[0]};
  for (int64_t i = 0; i < n && !r->one; i++)
    if (row_of(r, i) < 0 || row_of(r, i) >= r->count)
      return OP_FAIL(c, INVALID_ARGUMENT, "index %" PRId64 " is outside the dense shape", i);
  return NULL;
}

static status_t dense_rows(const op_ctx_t *c, rows_t *r) {
  const shape_t *s = &c->in[0].shape;
  if (s->rank < 1 || s->rank > 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must be a vector or a matrix");
  *r = (rows_t){.one = s->rank == 1,
                .count = s->rank == 1 ? 1 : s->d[0],
                .width = s->rank == 1 ? s->d[0] : s->d[1]};
  return NULL;
}

static status_t check_weights(const op_ctx_t *c, const tensor_t *values, const tensor_t *weights) {
  if (weights->dtype != DT_FLOAT && weights->dtype != DT_DOUBLE && weights->dtype != DT_INT32 &&
      weights->dtype != DT_INT64)
    return OP_FAIL(c, UNIMPLEMENTED, "no kernel for %s", dtype_name(weights->dtype));
  int64_t n = tensor_elements(weights);
  if (n && n != tensor_elements(values))
    return OP_FAIL(c, INVALID_ARGUMENT, "weights must be empty or as many as the values");
  for (int64_t i = 0; i < tensor_elements(values); i++)
    if (index_at(values, i) < 0)
      return OP_FAIL(c, INVALID_ARGUMENT, "input values must all be non-negative");
  return NULL;
}

static void add_to(tensor_t *y, int64_t at, const tensor_t *weights, int64_t i, bool binary) {
  bool weighed = !binary && tensor_elements(weights) > 0;
  switch (y->dtype) {
#define ADD(T)                    \
  T *to = TENSOR_DATA(T, y) + at; \
  *to = binary ? (T)1 : (T)(*to + (weighed ? TENSOR_DATA(T, weights)[i] : (T)1))
    case DT_INT32: {
      ADD(int32_t);
      break;
    }
    case DT_INT64: {
      ADD(int64_t);
      break;
    }
    case DT_FLOAT: {
      ADD(float);
      break;
    }
    default: {
      ADD(double);
    }
#undef ADD
  }
}

// ---------------------------------------------------------------- ...Bincount

static status_t bincount(op_ctx_t *c, rows_t *r, int values_in, int size_in) {
  const tensor_t *values = &c->in[values_in], *weights = &c->in[size_in + 1];
  int64_t bins;
  TRY(op_int(c, size_in, &bins));
  if (bins < 0) return OP_FAIL(c, INVALID_ARGUMENT, "size (%" PRId64 ") is negative", bins);
  TRY(check_weights(c, values, weights));
  shape_t s = r->one ? SHAPE(bins) : SHAPE(r->count, bins);
  tensor_t *y;
  TRY(op_out(c, 0, &s, &y));
  memset(y->data, 0, tensor_bytes(y));
  bool binary = node_bool(c->node, "binary_output", false);
  for (int64_t i = 0, n = tensor_elements(values); i < n; i++) {
    int64_t v = index_at(values, i), row = row_of(r, i);
    if (v < bins) add_to(y, row * bins + v, weights, i, binary);
  }
  return NULL;
}

static status_t ragged_bincount_kernel(op_ctx_t *c) {
  rows_t r;
  TRY(ragged_rows(c, 0, 1, &r));
  return bincount(c, &r, 1, 2);
}

static status_t sparse_bincount_kernel(op_ctx_t *c) {
  rows_t r;
  TRY(sparse_rows(c, &r));
  return bincount(c, &r, 1, 3);
}

// ---------------------------------------------------------------- ...CountSparseOutput

typedef struct entry {
  int64_t row, value, first;  // `first`: the input's place, which makes the order total
} entry_t;

static int entry_order(const void *a, const void *b) {
  const entry_t *x = a, *y = b;
  if (x->row != y->row) return x->row < y->row ? -1 : 1;
  if (x->value != y->value) return x->value < y->value ? -1 : 1;
  return x->first < y->first ? -1 : 1;
}

static status_t put_counts(op_ctx_t *c, const rows_t *r, entry_t *e, int64_t n,
                           const tensor_t *weights, int64_t width) {
  int rank = r->one ? 1 : 2;
  int64_t distinct = 0;
  bool binary = node_bool(c->node, "binary_output", false);
  for (int64_t k = 0; k < n; k++)
    distinct += !k || e[k].row != e[k - 1].row || e[k].value != e[k - 1].value;
  tensor_t *at, *y;
  shape_t s = SHAPE(distinct, rank), vs = SHAPE(distinct);
  TRY(op_out(c, 0, &s, &at));
  TRY(op_out(c, 1, &vs, &y));
  memset(y->data, 0, tensor_bytes(y));
  int64_t *to = TENSOR_DATA(int64_t, at), here = -1;
  for (int64_t k = 0; k < n; k++) {
    if (!k || e[k].row != e[k - 1].row || e[k].value != e[k - 1].value) {
      here++;
      if (!r->one) to[here * rank] = e[k].row;
      to[here * rank + rank - 1] = e[k].value;
    }
    add_to(y, here, weights, e[k].first, binary);
  }
  int64_t dims[2] = {r->count, width};
  return op_out_ints(c, 2, 1, rank, r->one ? dims + 1 : dims);
}

static status_t count(op_ctx_t *c, rows_t *r, int values_in, int weights_in) {
  const tensor_t *values = &c->in[values_in], *weights = &c->in[weights_in];
  int64_t least = node_int(c->node, "minlength", -1), most = node_int(c->node, "maxlength", -1);
  TRY(check_weights(c, values, weights));
  int64_t n = tensor_elements(values), used = 0, largest = -1;
  entry_t *e = mem_calloc((size_t)n + 1, sizeof *e);
  for (int64_t i = 0; i < n; i++) {
    int64_t v = index_at(values, i), row = row_of(r, i);
    if (most >= 0 && v >= most) continue;
    e[used++] = (entry_t){row, v, i};
    if (v > largest) largest = v;
  }
  qsort(e, (size_t)used, sizeof *e, entry_order);
  int64_t width = most > 0 ? most : largest + 1 > least ? largest + 1 : least;
  status_t st = put_counts(c, r, e, used, weights, width < 0 ? 0 : width);
  mem_free(e);
  return st;
}

static status_t dense_count_kernel(op_ctx_t *c) {
  rows_t r;
  TRY(dense_rows(c, &r));
  return count(c, &r, 0, 1);
}

static status_t ragged_count_kernel(op_ctx_t *c) {
  rows_t r;
  TRY(ragged_rows(c, 0, 1, &r));
  return count(c, &r, 1, 2);
}

static status_t sparse_count_kernel(op_ctx_t *c) {
  rows_t r;
  TRY(sparse_rows(c, &r));
  return count(c, &r, 1, 3);
}

#define COUNT_OUT "-> output_indices: int64, output_values: output_type, output_dense_shape: int64"
#define COUNT_ATTRS \
  "T: type; minlength: int = -1; maxlength: int = -1; binary_output: bool; output_type: type"

const op_def_t ops_count[] = {
    {.name = "RaggedBincount",
     .sig = "splits: int64, values: Tidx, size: Tidx, weights: T -> output: T",
     .attrs = "Tidx: type; T: type; binary_output: bool = false",
     .kernel = ragged_bincount_kernel},
    {.name = "SparseBincount",
     .sig = "indices: int64, values: Tidx, dense_shape: int64, size: Tidx, weights: T -> output: T",
     .attrs = "Tidx: type; T: type; binary_output: bool = false",
     .kernel = sparse_bincount_kernel},
    {.name = "DenseCountSparseOutput",
     .sig = "values: T, weights: output_type " COUNT_OUT,
     .attrs = COUNT_ATTRS,
     .kernel = dense_count_kernel},
    {.name = "RaggedCountSparseOutput",
     .sig = "splits: int64, values: T, weights: output_type " COUNT_OUT,
     .attrs = COUNT_ATTRS,
     .kernel = ragged_count_kernel},
    {.name = "SparseCountSparseOutput",
     .sig = "indices: int64, values: T, dense_shape: int64, weights: output_type " COUNT_OUT,
     .attrs = COUNT_ATTRS,
     .kernel = sparse_count_kernel},
    {0},
};
