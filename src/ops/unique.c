// Ops that look for elements: the distinct ones, those that are not in a list, those that are true.
#include <string.h>

#include "base/map.h"
#include "ops/array.h"

// ---------------------------------------------------------------- a set of rows

// Rows of `width` elements of one dtype, numbered in the order in which they came: open addressing
// over the numbers of distinct rows.
typedef struct row_set {
  dtype_t dtype;
  int64_t width, n, cap, *slots;  // slots hold the number of a distinct row, or -1
  const void **rows;              // of each distinct row
} row_set_t;

static status_t row_set_init(row_set_t *s, dtype_t dtype, int64_t width, int64_t most) {
  *s = (row_set_t){.dtype = dtype, .width = width, .cap = 16};
  while (s->cap < 2 * most) s->cap *= 2;
  s->slots = mem_try_alloc((size_t)s->cap * sizeof *s->slots);
  s->rows = mem_try_alloc((size_t)(most + 1) * sizeof *s->rows);
  if (!s->slots || !s->rows) {
    mem_aligned_free(s->slots);
    mem_aligned_free(s->rows);
    return FAIL(RESOURCE_EXHAUSTED, "out of memory for %" PRId64 " distinct elements", most);
  }
  for (int64_t i = 0; i < s->cap; i++) s->slots[i] = -1;
  return NULL;
}

static void row_set_free(row_set_t *s) {
  mem_aligned_free(s->slots);
  mem_aligned_free(s->rows);
}

static uint64_t row_hash(const row_set_t *s, const void *row) {
  uint64_t h = 0;
  for (int64_t i = 0; i < s->width; i++) {
    if (s->dtype == DT_STRING) {
      const str_t *t = (const str_t *)row + i;
      h = hash_bytes(t->p, t->n, h);
    } else if (s->dtype == DT_FLOAT || s->dtype == DT_DOUBLE) {  // 0 and -0 are equal
      double v = s->dtype == DT_FLOAT ? (double)((const float *)row)[i] : ((const double *)row)[i];
      if (v == 0) v = 0;
      h = hash_bytes(&v, sizeof v, h);
    } else {
      return hash_bytes(row, (size_t)s->width * dtype_size(s->dtype), 0);
    }
  }
  return h;
}

static bool row_equal(const row_set_t *s, const void *a, const void *b) {
  for (int64_t i = 0; i < s->width; i++) {
    if (s->dtype == DT_STRING) {
      const str_t *x = (const str_t *)a + i, *y = (const str_t *)b + i;
      if (x->n != y->n || (x->n && memcmp(x->p, y->p, x->n) != 0)) return false;
    } else if (s->dtype == DT_FLOAT) {
      if (((const float *)a)[i] != ((const float *)b)[i]) return false;
    } else if (s->dtype == DT_DOUBLE) {
      if (((const double *)a)[i] != ((const double *)b)[i]) return false;
    } else {
      return memcmp(a, b, (size_t)s->width * dtype_size(s->dtype)) == 0;
    }
  }
  return true;
}

// The number of the row; -1 when it is new and not added.
static int64_t row_set_find(row_set_t *s, const void *row, bool add) {
  for (uint64_t at = row_hash(s, row);; at++) {
    int64_t *slot = &s->slots[at & (uint64_t)(s->cap - 1)];
    if (*slot < 0) {
      if (!add) return -1;
      s->rows[s->n] = row;
      return *slot = s->n++;
    }
    if (row_equal(s, s->rows[*slot], row)) return *slot;
  }
}

// ---------------------------------------------------------------- Unique and friends

static status_t unique_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  shape_t vector = SHAPE(-1);
  bool v2 = c->node->n_in > 1;
  if (!v2) TRY(infer_rank(c, 0, 1));
  shape_t y = v2 ? (in->rank < 0    ? SHAPE_UNKNOWN
                    : in->rank == 1 ? vector
                                    : shape_unknown_dims(in->rank))
                 : vector;
  int64_t axis;
  int n = 0, at;
  if (v2 && in->rank > 1 && infer_ints(c, 1, &axis, 1, &n) && n == 1 &&
      axis_ok(axis, in->rank, &at)) {
    y = *in;
    y.d[at] = -1;
    vector.d[0] = in->d[at];
  } else if (in->rank == 1) {
    vector.d[0] = in->d[0];
  }
  infer_out(c, 0, &y);
  infer_out(c, 1, &vector);
  shape_t counts = SHAPE(-1);
  if (c->node->n_out > 2) infer_out(c, 2, &counts);
  return NULL;
}

// x brought to [n, width]: rows along `axis` first. *rows is x itself or a copy to be freed.
static status_t rows_along(op_ctx_t *c, const tensor_t *x, int axis, tensor_t *rows) {
  if (axis == 0) {
    *rows = tensor_ref(x);
    return NULL;
  }
  int perm[SHAPE_MAX_RANK], at = 0;
  perm[at++] = axis;
  for (int i = 0; i < x->shape.rank; i++)
    if (i != axis) perm[at++] = i;
  shape_t s = x->shape;
  for (int i = 0; i < s.rank; i++) s.d[i] = x->shape.d[perm[i]];
  TRY(op_temp(c, x->dtype, &s, rows));
  return transpose_copy(x->dtype, &x->shape, perm, x->data, rows->data, c->threads);
}

static status_t unique_outputs(op_ctx_t *c, const tensor_t *rows, int axis, int64_t width,
                               row_set_t *set) {
  const shape_t *x = &c->in[0].shape;
  int64_t n = x->d[axis];
  shape_t s = SHAPE(n);
  tensor_t *y, *idx, *count;
  TRY(op_out(c, 1, &s, &idx));
  for (int64_t i = 0; i < n; i++)
    index_set(idx, i, row_set_find(set, element_at(rows->dtype, rows->data, i * width), true));
  s = *x;
  s.d[axis] = set->n;
  TRY(op_out(c, 0, &s, &y));
  int64_t outer = dims_product(x, 0, axis), inner = dims_product(x, axis + 1, x->rank);
  for (int64_t k = 0; k < set->n; k++)
    for (int64_t o = 0; o < outer; o++)
      TRY(copy_elements(y->dtype, element_at(y->dtype, set->rows[k], o * inner),
                        element_at(y->dtype, y->data, (o * set->n + k) * inner), inner));
  if (c->n_out < 3) return NULL;
  s = SHAPE(set->n);
  TRY(op_out(c, 2, &s, &count));
  memset(count->data, 0, tensor_bytes(count));
  for (int64_t i = 0; i < n; i++)
    index_set(count, index_at(idx, i), index_at(count, index_at(idx, i)) + 1);
  return NULL;
}

static status_t unique_kernel(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  int axis = 0, n = 0;
  int64_t v = 0;
  if (c->n_in > 1) TRY(op_ints(c, 1, &v, 1, &n));
  if (n == 1)
    TRY(op_axis_of(c, v, x->shape.rank, &axis));
  else if (x->shape.rank != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "expects a 1-D vector, got %d dimensions", x->shape.rank);
  tensor_t rows = {0};
  row_set_t set;
  int64_t count = x->shape.d[axis], width = count ? tensor_elements(x) / count : 0;
  status_t st = rows_along(c, x, axis, &rows);
  if (!st) st = row_set_init(&set, x->dtype, width, count);
  if (!st) {
    st = unique_outputs(c, &rows, axis, width, &set);
    row_set_free(&set);
  }
  tensor_unref(&rows);
  return st;
}

static status_t list_diff_kernel(op_ctx_t *c) {
  const tensor_t *x = &c->in[0], *y = &c->in[1];
  if (x->shape.rank != 1 || y->shape.rank != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "x and y should be 1-D vectors");
  row_set_t set;
  int64_t nx = x->shape.d[0], ny = y->shape.d[0], count = 0, at = 0;
  TRY(row_set_init(&set, x->dtype, 1, ny));
  for (int64_t i = 0; i < ny; i++) row_set_find(&set, element_at(y->dtype, y->data, i), true);
  for (int64_t i = 0; i < nx; i++)
    count += row_set_find(&set, element_at(x->dtype, x->data, i), false) < 0;
  shape_t s = SHAPE(count);
  tensor_t *out = NULL, *idx = NULL;
  status_t st = op_out(c, 0, &s, &out);
  if (!st) st = op_out(c, 1, &s, &idx);
  for (int64_t i = 0; i < nx && !st; i++) {
    if (row_set_find(&set, element_at(x->dtype, x->data, i), false) >= 0) continue;
    index_set(idx, at, i);
    st = copy_elements(x->dtype, element_at(x->dtype, x->data, i),
                       element_at(x->dtype, out->data, at++), 1);
  }
  row_set_free(&set);
  return st;
}

static status_t list_diff_infer(infer_ctx_t *c) {
  shape_t s = SHAPE(-1);
  infer_out(c, 0, &s);
  infer_out(c, 1, &s);
  return NULL;
}

// ---------------------------------------------------------------- Where

static status_t where_infer(infer_ctx_t *c) {
  shape_t s = SHAPE(-1, infer_in(c, 0)->rank < 0 ? -1 : infer_in(c, 0)->rank);
  infer_out(c, 0, &s);
  return NULL;
}

static bool truth(const tensor_t *t, int64_t i) {
  if (dtype_is_complex(t->dtype)) {
    const char *p = element_at(t->dtype, t->data, i);
    for (size_t k = 0; k < dtype_size(t->dtype); k++)
      if (p[k] && (unsigned char)p[k] != 0x80) return true;
    return false;
  }
  return tensor_number_at(t, i) != 0;
}

static status_t where_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0];
  if (!dtype_is_plain(in->dtype))
    return OP_FAIL(c, INVALID_ARGUMENT, "elements of data type %s are neither true nor false",
                   dtype_name(in->dtype));
  if (in->shape.rank == 0) return OP_FAIL(c, INVALID_ARGUMENT, "a scalar has no positions");
  int64_t n = tensor_elements(in), count = 0, at = 0;
  bool byte = in->dtype == DT_BOOL || in->dtype == DT_UINT8;
  const uint8_t *flags = in->data;
  for (int64_t i = 0; i < n; i++) count += byte ? flags[i] != 0 : truth(in, i);
  shape_t s = SHAPE(count, in->shape.rank);
  tensor_t *out;
  int64_t stride[SHAPE_MAX_RANK];
  TRY(op_out(c, 0, &s, &out));
  shape_strides(&in->shape, stride);
  for (int64_t i = 0; i < n; i++) {
    if (!(byte ? flags[i] != 0 : truth(in, i))) continue;
    int64_t rest = i;
    for (int k = 0; k < in->shape.rank; k++) {
      TENSOR_DATA(int64_t, out)[at++] = rest / stride[k];
      rest %= stride[k];
    }
  }
  return NULL;
}

#define UNIQUE .infer = unique_infer, .kernel = unique_kernel

const op_def_t ops_unique[] = {
    {.name = "Unique",
     .sig = "x: T -> y: T, idx: out_idx",
     .attrs = "T: type; out_idx: type = int32",
     UNIQUE},
    {.name = "UniqueV2",
     .sig = "x: T, axis: Taxis -> y: T, idx: out_idx",
     .attrs = "T: type; Taxis: type = int64; out_idx: type = int32",
     UNIQUE},
    {.name = "UniqueWithCounts",
     .sig = "x: T -> y: T, idx: out_idx, count: out_idx",
     .attrs = "T: type; out_idx: type = int32",
     UNIQUE},
    {.name = "UniqueWithCountsV2",
     .sig = "x: T, axis: Taxis -> y: T, idx: out_idx, count: out_idx",
     .attrs = "T: type; Taxis: type = int64; out_idx: type = int32",
     UNIQUE},
    {.name = "ListDiff",
     .sig = "x: T, y: T -> out: T, idx: out_idx",
     .attrs = "T: type; out_idx: type = int32",
     .infer = list_diff_infer,
     .kernel = list_diff_kernel},
    {.name = "Where",
     .sig = "input: T -> index: int64",
     .attrs = "T: type = bool",
     .infer = where_infer,
     .kernel = where_kernel},
    {0},
};
