// Ops that write by index: scatters, partitions, stitches.
#include "kernels/scatter.h"

#include <string.h>

#include "kernels/gather.h"
#include "ops/array.h"

// indices [n..., k], updates [n..., shape[k:]...] against an array of `shape`.
static status_t scatter_check(const op_ctx_t *c, const shape_t *shape, const shape_t *indices,
                              const shape_t *updates) {
  char a[128], b[128], d[128];
  int64_t k = indices->rank > 0 ? indices->d[indices->rank - 1] : -1;
  bool ok = k >= 0 && k <= shape->rank;
  if (ok) {
    shape_t x = shape_range(indices, 0, indices->rank - 1),
            y = shape_range(shape, (int)k, shape->rank);
    x = shape_join(&x, &y);
    ok = shape_equal(&x, updates);
  }
  if (!ok)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "indices of shape %s and updates of shape %s do not fit an array of shape %s",
                   shape_format(indices, a, sizeof a), shape_format(updates, b, sizeof b),
                   shape_format(shape, d, sizeof d));
  return NULL;
}

static status_t scatter_rows(op_ctx_t *c, scatter_op_t op, tensor_t *out, const tensor_t *indices,
                             const tensor_t *updates) {
  const shape_t *x = &indices->shape, *s = &out->shape;
  int k = (int)x->d[x->rank - 1];
  int64_t n = dims_product(x, 0, x->rank - 1), inner = dims_product(s, k, s->rank), bad;
  tensor_t rows;
  shape_t count = SHAPE(n);
  TRY(op_temp(c, DT_INT64, &count, &rows));
  int64_t *row = TENSOR_DATA(int64_t, &rows);
  flat_rows(indices, n, s->d, k, row, &bad);
  status_t st = NULL;
  if (bad >= 0) {
    shape_t index = {.rank = k};
    char a[128], b[128];
    for (int i = 0; i < k; i++) index.d[i] = index_at(indices, bad * k + i);
    if (index.rank && index.d[0] < 0)
      st = OP_FAIL(c, INVALID_ARGUMENT, "indices[%" PRId64 "] is negative: %" PRId64, bad,
                   index.d[0]);
    else
      st = OP_FAIL(c, INVALID_ARGUMENT, "indices[%" PRId64 "] = %s does not index into shape %s",
                   bad, shape_format(&index, a, sizeof a), shape_format(s, b, sizeof b));
  }
  for (int64_t i = 0; i < n && !st; i++)
    st = scatter_row(out->dtype, op, element_at(out->dtype, out->data, row[i] * inner),
                     element_at(out->dtype, updates->data, i * inner), inner);
  tensor_unref(&rows);
  return st;
}

static status_t scatter_nd_infer(infer_ctx_t *c) {
  shape_t s = SHAPE_UNKNOWN;
  infer_dims(c, 2, &s);
  infer_out(c, 0, &s);
  return NULL;
}

static status_t scatter_nd_kernel(op_ctx_t *c) {
  shape_t s;
  tensor_t *out;
  TRY(op_dims(c, 2, "shape", &s));
  TRY(scatter_check(c, &s, &c->in[0].shape, &c->in[1].shape));
  TRY(op_out(c, 0, &s, &out));
  TRY(op_zero(c, out));
  return scatter_rows(c, SCATTER_ADD, out, &c->in[0], &c->in[1]);
}

static status_t tensor_scatter_kernel(op_ctx_t *c) {
  static const struct {
    const char *name;
    scatter_op_t op;
  } ops[] = {{"TensorScatterUpdate", SCATTER_SET},
             {"TensorScatterAdd", SCATTER_ADD},
             {"TensorScatterSub", SCATTER_SUB},
             {"TensorScatterMax", SCATTER_MAX},
             {"TensorScatterMin", SCATTER_MIN}};
  size_t which = 0;
  while (strcmp(ops[which].name, c->node->op) != 0) which++;
  tensor_t *out;
  TRY(scatter_check(c, &c->in[0].shape, &c->in[1].shape, &c->in[2].shape));
  TRY(op_out_like(c, 0, 0, &out));
  if (out->data != c->in[0].data)
    TRY(copy_elements(out->dtype, c->in[0].data, out->data, tensor_elements(out)));
  return scatter_rows(c, ops[which].op, out, &c->in[1], &c->in[2]);
}

// ---------------------------------------------------------------- DynamicPartition, DynamicStitch

static status_t partition_infer(infer_ctx_t *c) {
  const shape_t *data = infer_in(c, 0), *parts = infer_in(c, 1);
  if (data->rank < 0 || parts->rank < 0) return NULL;
  shape_t lead = shape_range(data, 0, data->rank < parts->rank ? data->rank : parts->rank);
  char a[128], b[128];
  if (!shape_compatible(&lead, parts))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "data.shape must start with partitions.shape, got %s and %s",
                   shape_format(data, a, sizeof a), shape_format(parts, b, sizeof b));
  shape_t out = SHAPE(-1), rest = shape_range(data, parts->rank, data->rank);
  out = shape_join(&out, &rest);
  for (int i = 0; i < c->node->n_out; i++) infer_out(c, i, &out);
  return NULL;
}

static status_t partition_kernel(op_ctx_t *c) {
  const tensor_t *data = &c->in[0], *parts = &c->in[1];
  char a[128], b[128];
  shape_t lead = shape_range(
      &data->shape, 0, data->shape.rank < parts->shape.rank ? data->shape.rank : parts->shape.rank);
  if (!shape_equal(&lead, &parts->shape))
    return OP_FAIL(
        c, INVALID_ARGUMENT, "data.shape must start with partitions.shape, got %s and %s",
        shape_format(&data->shape, a, sizeof a), shape_format(&parts->shape, b, sizeof b));
  int64_t n = tensor_elements(parts), n_out = c->n_out;
  for (int64_t i = 0; i < n; i++)
    if (index_at(parts, i) < 0 || index_at(parts, i) >= n_out)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "partitions[%" PRId64 "] = %" PRId64 " is not in [0, %" PRId64 ")", i,
                     index_at(parts, i), n_out);
  shape_t rest = shape_range(&data->shape, parts->shape.rank, data->shape.rank);
  int64_t inner = shape_elements(&rest);
  for (int p = 0; p < c->n_out; p++) {
    int64_t count = 0, at = 0;
    for (int64_t i = 0; i < n; i++) count += index_at(parts, i) == p;
    shape_t s = SHAPE(count);
    s = shape_join(&s, &rest);
    tensor_t *out;
    TRY(op_out(c, p, &s, &out));
    for (int64_t i = 0; i < n; i++)
      if (index_at(parts, i) == p)
        TRY(copy_elements(data->dtype, element_at(data->dtype, data->data, i * inner),
                          element_at(data->dtype, out->data, at++ * inner), inner));
  }
  return NULL;
}

static status_t stitch_infer(infer_ctx_t *c) {
  int n = c->node->n_in / 2;
  int64_t largest = -1;
  bool known = true;
  shape_t rest = SHAPE_UNKNOWN;
  for (int i = 0; i < n; i++) {
    const shape_t *x = infer_in(c, i), *d = infer_in(c, n + i);
    const tensor_t *v = infer_value(c, i);
    known &= v != NULL;
    for (int64_t k = 0; v && k < tensor_elements(v); k++)
      if (index_at(v, k) > largest) largest = index_at(v, k);
    if (x->rank < 0 || d->rank < x->rank) continue;
    shape_t tail = shape_range(d, x->rank, d->rank), both;
    if (!shape_merge(&rest, &tail, &both))
      return OP_FAIL(c, INVALID_ARGUMENT, "the pieces of data have unlike shapes");
    rest = both;
  }
  if (rest.rank < 0) return NULL;
  shape_t out = SHAPE(known ? largest + 1 : -1);
  out = shape_join(&out, &rest);
  infer_out(c, 0, &out);
  return NULL;
}

static status_t stitch_kernel(op_ctx_t *c) {
  int n = c->n_in / 2;
  int64_t largest = -1;
  shape_t rest = SHAPE_UNKNOWN;
  char a[128], b[128];
  for (int i = 0; i < n; i++) {
    const tensor_t *x = &c->in[i], *d = &c->in[n + i];
    shape_t lead =
        d->shape.rank < x->shape.rank ? d->shape : shape_range(&d->shape, 0, x->shape.rank);
    shape_t tail = d->shape.rank < x->shape.rank
                       ? d->shape
                       : shape_range(&d->shape, x->shape.rank, d->shape.rank);
    if (!shape_equal(&lead, &x->shape) || (rest.rank >= 0 && !shape_equal(&rest, &tail)))
      return OP_FAIL(
          c, INVALID_ARGUMENT,
          "data[%d].shape = %s does not start with indices[%d].shape = %s or ends unlike "
          "the others",
          i, shape_format(&d->shape, a, sizeof a), i, shape_format(&x->shape, b, sizeof b));
    rest = tail;
    for (int64_t k = 0; k < tensor_elements(x); k++) {
      int64_t v = index_at(x, k);
      if (v < 0)
        return OP_FAIL(c, INVALID_ARGUMENT, "indices[%d][%" PRId64 "] = %" PRId64 " is negative", i,
                       k, v);
      if (v > largest) largest = v;
    }
  }
  shape_t s = SHAPE(largest + 1);
  s = shape_join(&s, &rest);
  tensor_t *out;
  TRY(op_out(c, 0, &s, &out));
  TRY(op_zero(c, out));  // places that no index names
  int64_t inner = shape_elements(&rest);
  for (int i = 0; i < n; i++) {
    const tensor_t *x = &c->in[i], *d = &c->in[n + i];
    for (int64_t k = 0; k < tensor_elements(x); k++)
      TRY(copy_elements(out->dtype, element_at(out->dtype, d->data, k * inner),
                        element_at(out->dtype, out->data, index_at(x, k) * inner), inner));
  }
  return NULL;
}

#define TENSOR_SCATTER .infer = infer_same, .kernel = tensor_scatter_kernel
#define STITCH .infer = stitch_infer, .kernel = stitch_kernel

const op_def_t ops_scatter[] = {
    {.name = "ScatterNd",
     .sig = "indices: Tindices, updates: T, shape: Tindices -> output: T",
     .attrs = "T: type; Tindices: type; bad_indices_policy: string = ''",
     .infer = scatter_nd_infer,
     .kernel = scatter_nd_kernel},
    {.name = "TensorScatterUpdate",
     .sig = "tensor: T, indices: Tindices, updates: T -> output: T",
     .attrs = "T: type; Tindices: type; bad_indices_policy: string = ''",
     TENSOR_SCATTER},
    {.name = "TensorScatterAdd",
     .sig = "tensor: T, indices: Tindices, updates: T -> output: T",
     .attrs = "T: type; Tindices: type; bad_indices_policy: string = ''",
     TENSOR_SCATTER},
    {.name = "TensorScatterSub",
     .sig = "tensor: T, indices: Tindices, updates: T -> output: T",
     .attrs = "T: type; Tindices: type; bad_indices_policy: string = ''",
     TENSOR_SCATTER},
    {.name = "TensorScatterMax",
     .sig = "tensor: T, indices: Tindices, updates: T -> output: T",
     .attrs = "T: type; Tindices: type; bad_indices_policy: string = ''",
     TENSOR_SCATTER},
    {.name = "TensorScatterMin",
     .sig = "tensor: T, indices: Tindices, updates: T -> output: T",
     .attrs = "T: type; Tindices: type; bad_indices_policy: string = ''",
     TENSOR_SCATTER},
    {.name = "DynamicPartition",
     .sig = "data: T, partitions: int32 -> outputs: num_partitions * T",
     .attrs = "num_partitions: int; T: type",
     .infer = partition_infer,
     .kernel = partition_kernel},
    {.name = "DynamicStitch",
     .sig = "indices: N * int32, data: N * T -> merged: T",
     .attrs = "N: int; T: type",
     STITCH},
    {.name = "ParallelDynamicStitch",
     .sig = "indices: N * int32, data: N * T -> merged: T",
     .attrs = "N: int; T: type",
     STITCH},
    {0},
};
