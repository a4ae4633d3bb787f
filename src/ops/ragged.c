// Ragged tensors: values with row partitions, made dense, sparse, gathered, counted.
#include "ops/ragged.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "ops/elements.h"
#include "ops/math.h"

status_t op_splits(const op_ctx_t *c, int i, int64_t n, int64_t *rows) {
  const tensor_t *s = &c->in[i];
  int64_t count = tensor_elements(s);
  if (s->shape.rank != 1 || count < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "row splits must be a vector of at least one element");
  for (int64_t k = 0; k < count; k++)
    if (k ? index_at(s, k) < index_at(s, k - 1) : index_at(s, 0) != 0)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "row splits must start with 0 and not decrease; element %" PRId64
                     " is %" PRId64,
                     k, index_at(s, k));
  if (n >= 0 && index_at(s, count - 1) != n)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "row splits end with %" PRId64 ", but there are %" PRId64 " values",
                   index_at(s, count - 1), n);
  *rows = count - 1;
  return NULL;
}

status_t op_nested_splits(const op_ctx_t *c, int first, int n, int64_t values) {
  for (int i = first + n; i-- > first;) TRY(op_splits(c, i, values, &values));
  return NULL;
}

static int64_t rows_of(const tensor_t *t) { return t->shape.rank > 0 ? t->shape.d[0] : 1; }

static status_t dense_values(const op_ctx_t *c, int i) {
  if (c->in[i].shape.rank < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the values of a ragged tensor must be at least a vector");
  return NULL;
}

// ---------------------------------------------------------------- RaggedTensorToTensor

typedef enum partition { PARTITION_SIZE, PARTITION_IDS, PARTITION_SPLITS } partition_t;

static status_t partition_type(const op_ctx_t *c, size_t i, partition_t *out) {
  static const char *const names[] = {"FIRST_DIM_SIZE", "VALUE_ROWIDS", "ROW_SPLITS"};
  const attr_value_t *v = node_attr(c->node, "row_partition_types");
  if (!v || v->kind != ATTR_LIST || v->list_kind != ATTR_STRING || i >= v->n_list)
    return OP_FAIL(c, INVALID_ARGUMENT, "row_partition_types has no item %zu", i);
  attr_value_t item = attr_item(v, i);
  for (int k = 0; k < 3; k++)
    if (strcmp(item.s.p, names[k]) == 0) return *out = (partition_t)k, NULL;
  return OP_FAIL(c, INVALID_ARGUMENT, "row partition type '%s' is not known", item.s.p);
}

// Row of value j, by ids or (walking) by splits.
typedef struct walker {
  const tensor_t *t;
  bool ids;
  int64_t row;
} walker_t;

static int64_t walk(walker_t *w, int64_t j) {
  if (w->ids) return index_at(w->t, j);
  while (index_at(w->t, w->row + 1) <= j) w->row++;
  return w->row;
}

// The rows' number of partition i of `before` rows, the values under it and the longest row.
static status_t measure(const op_ctx_t *c, int i, bool ids, int64_t before, int64_t *values,
                        int64_t *longest) {
  const tensor_t *t = &c->in[i];
  *longest = 0;
  if (!ids) {
    int64_t rows;
    TRY(op_splits(c, i, -1, &rows));
    if (rows != before)
      return OP_FAIL(c, INVALID_ARGUMENT, "a partition has %" PRId64 " rows, not %" PRId64, rows,
                     before);
    for (int64_t r = 0; r < rows; r++) {
      int64_t n = index_at(t, r + 1) - index_at(t, r);
      if (n > *longest) *longest = n;
    }
    *values = index_at(t, rows);
    return NULL;
  }
  if (t->shape.rank != 1) return OP_FAIL(c, INVALID_ARGUMENT, "value_rowids must be a vector");
  *values = t->shape.d[0];
  int64_t run = 0;
  for (int64_t j = 0; j < *values; j++) {
    int64_t row = index_at(t, j);
    if (row < (j ? index_at(t, j - 1) : 0) || row >= before)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "value_rowids must not decrease and be below %" PRId64 "; element %" PRId64
                     " is %" PRId64,
                     before, j, row);
    run = j && index_at(t, j - 1) == row ? run + 1 : 1;
    if (run > *longest) *longest = run;
  }
  return NULL;
}

static status_t to_tensor_infer(infer_ctx_t *c) {
  const shape_t *values = infer_in(c, 1);
  shape_t given = SHAPE_UNKNOWN, out;
  const attr_value_t *types = node_attr(c->node, "row_partition_types");
  int n = c->node->n_in - 3;
  bool sized = false;
  if (types && types->n_list && types->list_kind == ATTR_STRING)
    sized = strcmp(attr_item(types, 0).s.p, "FIRST_DIM_SIZE") == 0;
  int ragged = n - (sized ? 1 : 0);
  if (values->rank < 1 || ragged + values->rank > SHAPE_MAX_RANK) return NULL;
  out = shape_unknown_dims(ragged + values->rank);
  for (int i = 1; i < values->rank; i++) out.d[ragged + i] = values->d[i];
  if (infer_in(c, 0)->rank == 1 && infer_dims(c, 0, &given) && given.rank == out.rank)
    for (int i = 0; i < out.rank; i++)
      if (given.d[i] >= 0) out.d[i] = given.d[i];
  infer_out(c, 0, &out);
  return NULL;
}

// The shape that is asked for: a vector of dims where -1 leaves one open, or the scalar -1.
static status_t wanted_shape(const op_ctx_t *c, int rank, shape_t *out) {
  int64_t d[SHAPE_MAX_RANK];
  int n;
  *out = shape_unknown_dims(rank);
  TRY(op_ints(c, 0, d, SHAPE_MAX_RANK, &n));
  if (c->in[0].shape.rank == 0) {
    if (d[0] == -1) return NULL;
    return OP_FAIL(c, INVALID_ARGUMENT, "a scalar shape must be -1, got %" PRId64, d[0]);
  }
  if (n != rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "shape has %d dimensions, the ragged tensor %d", n, rank);
  for (int i = 0; i < n; i++) {
    if (d[i] < -1) return OP_FAIL(c, INVALID_ARGUMENT, "dimension %" PRId64 " in shape", d[i]);
    out->d[i] = d[i];
  }
  return NULL;
}

// default_value laid out as one row of `inner`.
static status_t default_row(op_ctx_t *c, const shape_t *inner, tensor_t *out) {
  const tensor_t *d = &c->in[2];
  shape_t both;
  char a[128], b[128];
  if (!shape_broadcast(&d->shape, inner, &both) || !shape_equal(&both, inner))
    return OP_FAIL(c, INVALID_ARGUMENT, "default_value of shape %s does not fit values of %s",
                   shape_format(&d->shape, a, sizeof a), shape_format(inner, b, sizeof b));
  TRY(op_temp(c, d->dtype, inner, out));
  int64_t n = tensor_elements(out), at[SHAPE_MAX_RANK], strides[SHAPE_MAX_RANK];
  shape_strides(&d->shape, strides);
  int skip = inner->rank - d->shape.rank;
  for (int64_t k = 0; k < n; k++) {
    int64_t rest = k, from = 0;
    for (int i = inner->rank; i-- > 0; rest /= inner->d[i]) at[i] = rest % inner->d[i];
    for (int i = skip; i < inner->rank; i++)
      if (d->shape.d[i - skip] != 1) from += at[i] * strides[i - skip];
    status_t st = elements_copy(out, k, d, from, 1);
    if (st) return tensor_unref(out), st;
  }
  return NULL;
}

static status_t to_tensor_fill(op_ctx_t *c, int first, int ragged, const bool *ids,
                               const shape_t *shape, int64_t *place, int64_t *next,
                               const tensor_t *fallback, tensor_t *y) {
  const tensor_t *values = &c->in[1];
  shape_t inner = shape_range(shape, ragged + 1, shape->rank);
  int64_t width = shape_elements(&inner), n = shape->d[0];
  int64_t rows = shape_elements(shape) / (width ? width : 1);
  if (!width) return NULL;
  for (int64_t r = 0; r < rows; r++) TRY(elements_copy(y, r * width, fallback, 0, width));
  // place[j]: where row j of this level goes, -1 when it is cut off.
  for (int level = 0; level < ragged; level++) {
    const tensor_t *t = &c->in[first + level];
    walker_t w = {t, ids[level], 0};
    int64_t count = ids[level] ? t->shape.d[0] : index_at(t, t->shape.d[0] - 1), pos = 0, last = -1;
    int64_t wide = shape->d[level + 1];
    for (int64_t j = 0; j < count; j++) {
      int64_t row = walk(&w, j);
      pos = row == last ? pos + 1 : 0;
      last = row;
      next[j] = place[row] >= 0 && pos < wide ? place[row] * wide + pos : -1;
    }
    memcpy(place, next, (size_t)count * sizeof *place);
    n = count;
  }
  for (int64_t j = 0; j < n; j++)
    if (place[j] >= 0) TRY(elements_copy(y, place[j] * width, values, j * width, width));
  return NULL;
}

static status_t to_tensor_kernel(op_ctx_t *c) {
  const tensor_t *values = &c->in[1];
  int parts = c->n_in - 3, first = 3;
  partition_t type;
  bool ids[SHAPE_MAX_RANK];
  TRY(dense_values(c, 1));
  if (parts < 1) return OP_FAIL(c, INVALID_ARGUMENT, "there are no row partitions");
  TRY(partition_type(c, 0, &type));
  int64_t rows;
  if (type == PARTITION_SIZE) {
    TRY(op_int(c, first++, &rows));
    if (rows < 0) return OP_FAIL(c, INVALID_ARGUMENT, "a negative number of rows");
  } else if (type == PARTITION_SPLITS) {
    rows = tensor_elements(&c->in[first]) - 1;
  } else {
    return OP_FAIL(c, INVALID_ARGUMENT, "the first partition cannot be VALUE_ROWIDS");
  }
  int ragged = c->n_in - first, rank = ragged + values->shape.rank;
  if (rank > SHAPE_MAX_RANK) return OP_FAIL(c, INVALID_ARGUMENT, "too many dimensions");
  shape_t shape;
  TRY(wanted_shape(c, rank, &shape));
  int64_t most = rows, count = rows;
  if (shape.d[0] < 0) shape.d[0] = rows;
  for (int i = 0; i < ragged; i++) {
    int64_t longest;
    TRY(partition_type(c, (size_t)(first - 3 + i), &type));
    if (type == PARTITION_SIZE) return OP_FAIL(c, INVALID_ARGUMENT, "two FIRST_DIM_SIZE");
    ids[i] = type == PARTITION_IDS;
    TRY(measure(c, first + i, ids[i], count, &count, &longest));
    if (shape.d[i + 1] < 0) shape.d[i + 1] = longest;
    if (count > most) most = count;
  }
  if (count != values->shape.d[0])
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "the partitions are of %" PRId64 " values, but there are %" PRId64, count,
                   values->shape.d[0]);
  for (int i = 1; i < values->shape.rank; i++) {
    int64_t *d = &shape.d[ragged + i];
    if (*d >= 0 && *d != values->shape.d[i])
      return OP_FAIL(c, INVALID_ARGUMENT, "inner dimension %d is %" PRId64 ", not %" PRId64, i,
                     values->shape.d[i], *d);
    *d = values->shape.d[i];
  }
  tensor_t *y, fallback = {0}, place = {0};
  shape_t inner = shape_range(&shape, ragged + 1, rank), two = SHAPE(2, most);
  TRY(op_out(c, 0, &shape, &y));
  status_t st = default_row(c, &inner, &fallback);
  if (!st) st = op_temp(c, DT_INT64, &two, &place);
  if (!st) {
    int64_t *p = TENSOR_DATA(int64_t, &place);
    for (int64_t r = 0; r < rows; r++) p[r] = r < shape.d[0] ? r : -1;
    st = to_tensor_fill(c, first, ragged, ids, &shape, p, p + most, &fallback, y);
  }
  tensor_unref(&fallback);
  tensor_unref(&place);
  return st;
}

// ---------------------------------------------------------------- RaggedTensorToSparse

static status_t to_sparse_infer(infer_ctx_t *c) {
  const shape_t *v = infer_in(c, c->node->n_in - 1);
  int64_t rank = v->rank < 0 ? -1 : v->rank + c->node->n_in - 1;
  shape_t s = SHAPE(-1, rank);
  infer_out(c, 0, &s);
  s = SHAPE(-1);
  infer_out(c, 1, &s);
  s = SHAPE(rank);
  infer_out(c, 2, &s);
  return NULL;
}

static status_t to_sparse_kernel(op_ctx_t *c) {
  int n = c->n_in - 1;
  const tensor_t *values = &c->in[n];
  TRY(dense_values(c, n));
  TRY(op_nested_splits(c, 0, n, values->shape.d[0]));
  int rank = n + values->shape.rank;
  if (rank > SHAPE_MAX_RANK) return OP_FAIL(c, INVALID_ARGUMENT, "too many dimensions");
  int64_t count = tensor_elements(values), inner = elements_per_row(values);
  int64_t dims[SHAPE_MAX_RANK] = {0};
  dims[0] = tensor_elements(&c->in[0]) - 1;
  for (int i = 0; i < n; i++)
    for (int64_t r = 0; r + 1 < tensor_elements(&c->in[i]); r++) {
      int64_t length = index_at(&c->in[i], r + 1) - index_at(&c->in[i], r);
      if (length > dims[i + 1]) dims[i + 1] = length;
    }
  for (int i = 1; i < values->shape.rank; i++) dims[n + i] = values->shape.d[i];
  tensor_t *at;
  shape_t s = SHAPE(count, rank), flat = SHAPE(count);
  TRY(op_out(c, 0, &s, &at));
  op_forward(c, 1, n, &flat);
  int64_t row[SHAPE_MAX_RANK] = {0};  // the row of each level that value j lies in
  for (int64_t j = 0; inner && j < values->shape.d[0]; j++) {
    int64_t place[SHAPE_MAX_RANK], child = j;
    for (int i = n; i-- > 0;) {
      while (index_at(&c->in[i], row[i] + 1) <= child) row[i]++;
      place[i + 1] = child - index_at(&c->in[i], row[i]);
      child = row[i];
    }
    place[0] = child;
    for (int64_t k = 0; k < inner; k++) {
      int64_t rest = k;
      for (int i = values->shape.rank; i-- > 1; rest /= values->shape.d[i])
        place[n + i] = rest % values->shape.d[i];
      memcpy(TENSOR_DATA(int64_t, at) + (j * inner + k) * rank, place,
             (size_t)rank * sizeof *place);
    }
  }
  return op_out_ints(c, 2, 1, rank, dims);
}

// ---------------------------------------------------------------- RaggedGather

static status_t splits_infer(infer_ctx_t *c) {
  shape_t s = SHAPE(-1);
  for (int i = 0; i + 1 < c->node->n_out; i++) infer_out(c, i, &s);
  return NULL;
}

static status_t gather_kernel(op_ctx_t *c) {
  int n = c->n_in - 2, lead = c->in[c->n_in - 1].shape.rank - 1, splits = c->n_out - 1;
  const tensor_t *values = &c->in[n], *indices = &c->in[n + 1];
  TRY(dense_values(c, n));
  TRY(op_nested_splits(c, 0, n, values->shape.d[0]));
  if (n < 1 || lead + n != splits)
    return OP_FAIL(c, INVALID_ARGUMENT, "%d splits and indices of rank %d do not make %d splits", n,
                   lead + 1, splits);
  int64_t count = tensor_elements(indices), rows = tensor_elements(&c->in[0]) - 1;
  for (int64_t i = 0; i < count; i++)
    if (index_at(indices, i) < 0 || index_at(indices, i) >= rows)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "indices[%" PRId64 "] = %" PRId64 " is not in [0, %" PRId64 ")", i,
                     index_at(indices, i), rows);
  tensor_t *y;
  int64_t prefix = 1;
  for (int i = 0; i < lead; i++) {  // uniform rows
    prefix *= indices->shape.d[i];
    shape_t s = SHAPE(prefix + 1);
    TRY(op_out(c, i, &s, &y));
    for (int64_t k = 0; k <= prefix; k++) index_set(y, k, k * indices->shape.d[i + 1]);
  }
  // Of each level: row ranges [from, to) of the next, one per index.
  tensor_t ranges;
  shape_t two = SHAPE(2, count);
  TRY(op_temp(c, DT_INT64, &two, &ranges));
  int64_t *from = TENSOR_DATA(int64_t, &ranges), *to = from + count;
  status_t st = NULL;
  for (int64_t i = 0; i < count; i++) from[i] = index_at(indices, i), to[i] = from[i] + 1;
  for (int level = 0; level < n && !st; level++) {
    const tensor_t *s = &c->in[level];
    int64_t total = 0, at = 0, k = 0;
    for (int64_t i = 0; i < count; i++) total += to[i] - from[i];
    bool told = lead + level >= 0;  // one row by itself (a scalar index) has no splits above it
    shape_t os = SHAPE(total + 1);
    if (told) st = op_out(c, lead + level, &os, &y);
    if (st) break;
    if (told) index_set(y, k++, 0);
    for (int64_t i = 0; i < count; i++) {
      for (int64_t r = from[i]; r < to[i]; r++) {
        at += index_at(s, r + 1) - index_at(s, r);
        if (told) index_set(y, k++, at);
      }
      from[i] = index_at(s, from[i]);
      to[i] = index_at(s, to[i]);
    }
  }
  shape_t os = values->shape;
  int64_t inner = elements_per_row(values), at = 0;
  os.d[0] = 0;
  for (int64_t i = 0; i < count; i++) os.d[0] += to[i] - from[i];
  if (!st) st = op_out(c, splits, &os, &y);
  for (int64_t i = 0; i < count && !st; i++) {
    st = elements_copy(y, at * inner, values, from[i] * inner, (to[i] - from[i]) * inner);
    at += to[i] - from[i];
  }
  tensor_unref(&ranges);
  return st;
}

// ---------------------------------------------------------------- RaggedRange

static double range_at(const tensor_t *t, int64_t i) {
  return tensor_number_at(t, t->shape.rank ? i : 0);
}

static status_t range_kernel(op_ctx_t *c) {
  int64_t rows = 1, total = 0;
  bool floats = dtype_is_float(c->in[0].dtype);
  for (int i = 0; i < 3; i++) {
    if (c->in[i].shape.rank > 1) return OP_FAIL(c, INVALID_ARGUMENT, "inputs must be vectors");
    if (c->in[i].shape.rank == 0) continue;
    if (rows != 1 && rows_of(&c->in[i]) != rows)
      return OP_FAIL(c, INVALID_ARGUMENT, "starts, limits, and deltas must have the same shape");
    rows = rows_of(&c->in[i]);
  }
  tensor_t *splits, *y;
  shape_t s = SHAPE(rows + 1);
  TRY(op_out(c, 0, &s, &splits));
  index_set(splits, 0, 0);
  for (int64_t r = 0; r < rows; r++) {
    double a = range_at(&c->in[0], r), b = range_at(&c->in[1], r), d = range_at(&c->in[2], r);
    if (d == 0) return OP_FAIL(c, INVALID_ARGUMENT, "Requires delta != 0");
    double n = (d > 0 && b <= a) || (d < 0 && b >= a) ? 0 : ceil(fabs((b - a) / d));
    if (!(n <= 1e12)) return OP_FAIL(c, INVALID_ARGUMENT, "a range of %g elements", n);
    total += (int64_t)n;
    index_set(splits, r + 1, total);
  }
  s = SHAPE(total);
  TRY(op_out(c, 1, &s, &y));
  for (int64_t r = 0, k = 0; r < rows; r++) {
    double a = range_at(&c->in[0], r), d = range_at(&c->in[2], r);
    float v = (float)a;  // floats are added up, as TensorFlow does
    double w = a;
    for (; k < index_at(splits, r + 1); k++) {
      tensor_set_number(y, k, floats && y->dtype == DT_FLOAT ? (double)v : w);
      v += (float)d;
      w += d;
    }
  }
  return NULL;
}

// ---------------------------------------------------------------- RaggedFillEmptyRows

static status_t fill_empty_kernel(op_ctx_t *c) {
  const tensor_t *ids = &c->in[0], *values = &c->in[1];
  int64_t rows, n = tensor_elements(ids), empty = 0;
  TRY(op_int(c, 2, &rows));
  if (rows < 0 || ids->shape.rank != 1 || values->shape.rank != 1 || values->shape.d[0] != n)
    return OP_FAIL(c, INVALID_ARGUMENT, "value_rowids and values must be vectors of one size");
  if (tensor_elements(&c->in[3]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "default_value must be a scalar");
  for (int64_t k = 0; k < n; k++)
    if (index_at(ids, k) < (k ? index_at(ids, k - 1) : 0) || index_at(ids, k) >= rows)
      return OP_FAIL(c, INVALID_ARGUMENT, "value_rowids must be sorted and below %" PRId64, rows);
  tensor_t *out_ids, *out, *flags, *reverse;
  shape_t s = SHAPE(rows), ns = SHAPE(n);
  TRY(op_out(c, 2, &s, &flags));
  memset(flags->data, 1, tensor_bytes(flags));
  for (int64_t k = 0; k < n; k++) TENSOR_DATA(uint8_t, flags)[index_at(ids, k)] = 0;
  for (int64_t r = 0; r < rows; r++) empty += TENSOR_DATA(uint8_t, flags)[r];
  s = SHAPE(n + empty);
  TRY(op_out(c, 0, &s, &out_ids));
  TRY(op_out(c, 1, &s, &out));
  TRY(op_out(c, 3, &ns, &reverse));
  for (int64_t r = 0, k = 0, at = 0; r < rows; r++) {
    if (TENSOR_DATA(uint8_t, flags)[r]) {
      TRY(elements_copy(out, at, &c->in[3], 0, 1));
      TENSOR_DATA(int64_t, out_ids)[at++] = r;
    }
    for (; k < n && index_at(ids, k) == r; k++) {
      TRY(elements_copy(out, at, values, k, 1));
      TENSOR_DATA(int64_t, reverse)[k] = at;
      TENSOR_DATA(int64_t, out_ids)[at++] = r;
    }
  }
  return NULL;
}

#define SPLITS "Tsplits: type = int64"

const op_def_t ops_ragged[] = {
    {.name = "RaggedTensorToTensor",
     .sig = "shape: Tshape, values: T, default_value: T, row_partition_tensors: "
            "num_row_partition_tensors * Tindex -> result: T",
     .attrs = "T: type; Tindex: type; Tshape: type; num_row_partition_tensors: int; "
              "row_partition_types: list(string)",
     .infer = to_tensor_infer,
     .kernel = to_tensor_kernel},
    {.name = "RaggedTensorToSparse",
     .sig = "rt_nested_splits: RAGGED_RANK * Tsplits, rt_dense_values: T -> sparse_indices: int64, "
            "sparse_values: T, sparse_dense_shape: int64",
     .attrs = "RAGGED_RANK: int; T: type; " SPLITS,
     .infer = to_sparse_infer,
     .kernel = to_sparse_kernel},
    {.name = "RaggedGather",
     .sig = "params_nested_splits: PARAMS_RAGGED_RANK * Tsplits, params_dense_values: Tvalues, "
            "indices: Tindices -> output_nested_splits: OUTPUT_RAGGED_RANK * Tsplits, "
            "output_dense_values: Tvalues",
     .attrs = "Tvalues: type; Tindices: type; PARAMS_RAGGED_RANK: int; OUTPUT_RAGGED_RANK: "
              "int; " SPLITS,
     .infer = splits_infer,
     .kernel = gather_kernel},
    {.name = "RaggedRange",
     .sig = "starts: T, limits: T, deltas: T -> rt_nested_splits: Tsplits, rt_dense_values: T",
     .attrs = "T: type = int32; " SPLITS,
     .infer = splits_infer,
     .kernel = range_kernel},
    {.name = "RaggedFillEmptyRows",
     .sig = "value_rowids: int64, values: T, nrows: int64, default_value: T -> "
            "output_value_rowids: int64, output_values: T, empty_row_indicator: bool, "
            "reverse_index_map: int64",
     .attrs = "T: type",
     .kernel = fill_empty_kernel},
    {0},
};
