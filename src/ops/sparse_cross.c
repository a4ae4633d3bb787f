// SparseCross, SparseCrossV2: every combination of a row's features, joined or hashed.
#include <string.h>

#include "base/mem.h"
#include "kernels/hash.h"
#include "ops/sparse.h"
#include "ops/text.h"

// A column: a sparse tensor of two dimensions, or a dense matrix.
typedef struct column {
  const tensor_t *values;
  int64_t *start;  // [rows + 1]: where the features of each row are
} column_t;

static uint64_t mix(uint64_t v) { return v ^ v >> 47; }

// TensorFlow's way of putting a fingerprint behind another.
static uint64_t fingerprint_join(uint64_t a, uint64_t b) {
  const uint64_t k = UINT64_C(0xc6a4a7935bd1e995);
  uint64_t r = a ^ k;
  r ^= mix(b * k) * k;
  r *= k;
  r = mix(r) * k;
  return mix(r);
}

static uint64_t feature_hash(const tensor_t *t, int64_t i) {
  if (t->dtype == DT_STRING) return fingerprint64(str_at(t, i)->p, str_at(t, i)->n);
  return (uint64_t)TENSOR_DATA(int64_t, t)[i];
}

static void feature_text(const tensor_t *t, int64_t i, text_t *out) {
  char digits[32];
  if (t->dtype == DT_STRING) {
    text_add_str(out, str_at(t, i));
  } else {
    snprintf(digits, sizeof digits, "%" PRId64, TENSOR_DATA(int64_t, t)[i]);
    text_add_c(out, digits);
  }
}

static status_t sparse_column(const op_ctx_t *c, int n, int i, int64_t rows, column_t *out) {
  sparse_t s;
  TRY(sparse_read(c, i, n + i, 2 * n + i, &s));
  if (s.shape.rank != 2 || s.shape.d[0] != rows)
    return OP_FAIL(c, INVALID_ARGUMENT, "every input must have 2 dimensions and one batch size");
  out->values = s.values;
  for (int64_t k = 0; k < s.n; k++) {
    if (k && s.index[2 * k] < s.index[2 * k - 2])
      return OP_FAIL(c, INVALID_ARGUMENT, "the entries of input %d are out of order", i);
    out->start[s.index[2 * k] + 1]++;
  }
  for (int64_t r = 0; r < rows; r++) out->start[r + 1] += out->start[r];
  return NULL;
}

static status_t dense_column(const op_ctx_t *c, const tensor_t *t, int64_t rows, column_t *out) {
  if (t->shape.rank != 2 || t->shape.d[0] != rows)
    return OP_FAIL(c, INVALID_ARGUMENT, "every input must have 2 dimensions and one batch size");
  out->values = t;
  for (int64_t r = 0; r <= rows; r++) out->start[r] = r * t->shape.d[1];
  return NULL;
}

typedef struct crossing {
  column_t *columns;
  int n;
  int64_t rows, buckets;
  uint64_t key;
  const char *separator;
  bool hashed;
} crossing_t;

static int64_t combinations(const crossing_t *x, int64_t row) {
  int64_t n = 1;
  for (int i = 0; i < x->n; i++)
    n = dim_mul(n, x->columns[i].start[row + 1] - x->columns[i].start[row]);
  return n;
}

// Combination `which` of a row: the last column's features change fastest.
static status_t cross_one(const crossing_t *x, int64_t row, int64_t which, text_t *text, int64_t at,
                          tensor_t *y) {
  uint64_t hash = x->key;
  int64_t step = combinations(x, row);
  for (int i = 0; i < x->n; i++) {
    const column_t *k = &x->columns[i];
    int64_t count = k->start[row + 1] - k->start[row];
    step /= count;
    int64_t feature = k->start[row] + which / step % count;
    if (x->hashed) {
      hash = fingerprint_join(hash, feature_hash(k->values, feature));
    } else {
      if (i) text_add_c(text, x->separator);
      feature_text(k->values, feature, text);
    }
  }
  if (!x->hashed) return text_take(text, TENSOR_DATA(str_t, y) + at);
  uint64_t most = x->buckets > 0 ? (uint64_t)x->buckets : (uint64_t)INT64_MAX;
  TENSOR_DATA(int64_t, y)[at] = (int64_t)(hash % most);
  return NULL;
}

static status_t cross_all(op_ctx_t *c, const crossing_t *x) {
  int64_t total = 0, widest = 0, at = 0;
  for (int64_t r = 0; r < x->rows; r++) {
    int64_t n = combinations(x, r);
    total = dim_add(total, n);
    if (n < 0 || total > INT32_MAX)
      return OP_FAIL(c, INVALID_ARGUMENT, "too many combinations in row %" PRId64, r);
    if (n > widest) widest = n;
  }
  tensor_t *index, *y;
  shape_t s = SHAPE(total, 2), vs = SHAPE(total);
  TRY(op_out(c, 0, &s, &index));
  TRY(op_out(c, 1, &vs, &y));
  text_t text = {0};
  status_t st = NULL;
  for (int64_t r = 0; r < x->rows && !st; r++)
    for (int64_t k = 0, n = combinations(x, r); k < n && !st; k++, at++) {
      TENSOR_DATA(int64_t, index)[2 * at] = r;
      TENSOR_DATA(int64_t, index)[2 * at + 1] = k;
      st = cross_one(x, r, k, &text, at, y);
    }
  vec_free(&text);
  return st ? st : op_out_ints(c, 2, 1, 2, (int64_t[]){x->rows, widest});
}

static status_t cross(op_ctx_t *c, crossing_t *x, int dense) {
  int sparse = x->n - dense;
  shape_t s = {0};
  if (sparse)
    TRY(op_dims(c, 2 * sparse, "shape", &s));
  else if (dense)
    s = c->in[0].shape;
  if (s.rank < 1) return OP_FAIL(c, INVALID_ARGUMENT, "there is nothing to cross");
  x->rows = s.d[0];
  if (x->rows > INT32_MAX) return OP_FAIL(c, INVALID_ARGUMENT, "too many rows");
  x->columns = mem_calloc((size_t)x->n, sizeof *x->columns);
  status_t st = NULL;
  for (int i = 0; i < x->n; i++)
    x->columns[i].start = mem_calloc((size_t)x->rows + 1, sizeof(int64_t));
  for (int i = 0; i < x->n && !st; i++) {
    st = i < sparse ? sparse_column(c, sparse, i, x->rows, &x->columns[i])
                    : dense_column(c, &c->in[3 * sparse + i - sparse], x->rows, &x->columns[i]);
    dtype_t t = st ? DT_INT64 : x->columns[i].values->dtype;
    if (t != DT_INT64 && t != DT_STRING)
      st = OP_FAIL(c, UNIMPLEMENTED, "features of %s", dtype_name(t));
  }
  if (!st) st = cross_all(c, x);
  for (int i = 0; i < x->n; i++) mem_free(x->columns[i].start);
  mem_free(x->columns);
  return st;
}

static status_t cross_kernel(op_ctx_t *c) {
  int64_t sparse = node_int(c->node, "N", 0);
  if (sparse < 0 || 3 * sparse > c->n_in)
    return OP_FAIL(c, INVALID_ARGUMENT, "%" PRId64 " sparse inputs of %d", sparse, c->n_in);
  int dense = c->n_in - 3 * (int)sparse;
  crossing_t x = {.n = (int)sparse + dense,
                  .buckets = node_int(c->node, "num_buckets", 0),
                  .key = (uint64_t)node_int(c->node, "hash_key", 0),
                  .separator = "_X_",
                  .hashed = node_bool(c->node, "hashed_output", false)};
  return cross(c, &x, dense);
}

static status_t cross_v2_kernel(op_ctx_t *c) {
  int64_t sparse = node_int(c->node, "N", 0);
  if (sparse < 0 || 3 * sparse + 1 > c->n_in || tensor_elements(&c->in[c->n_in - 1]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "%" PRId64 " sparse inputs of %d", sparse, c->n_in);
  int dense = c->n_in - 1 - 3 * (int)sparse;
  const str_t *s = str_at(&c->in[c->n_in - 1], 0);
  char *separator = mem_strndup(s->p ? s->p : "", s->n);
  crossing_t x = {.n = (int)sparse + dense, .separator = separator};
  status_t st = cross(c, &x, dense);
  mem_free(separator);
  return st;
}

static status_t cross_infer(infer_ctx_t *c) {
  infer_sparse(c, 0, 1, 2, -1, 2);
  return NULL;
}

const op_def_t ops_sparse_cross[] = {
    {.name = "SparseCross",
     .sig = "indices: N * int64, values: sparse_types, shapes: N * int64, dense_inputs: "
            "dense_types -> output_indices: int64, output_values: out_type, output_shape: int64",
     .attrs = "N: int; hashed_output: bool; num_buckets: int; hash_key: int; sparse_types: "
              "list(type); dense_types: list(type); out_type: type; internal_type: type",
     .infer = cross_infer,
     .kernel = cross_kernel},
    {.name = "SparseCrossV2",
     .sig = "indices: N * int64, values: sparse_types, shapes: N * int64, dense_inputs: "
            "dense_types, sep: string -> output_indices: int64, output_values: string, "
            "output_shape: int64",
     .attrs = "N: int; sparse_types: list(type); dense_types: list(type)",
     .infer = cross_infer,
     .kernel = cross_v2_kernel},
    {0},
};
