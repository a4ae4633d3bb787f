// Ops that read by index: gathers and one-hot rows.
#include "kernels/gather.h"

#include <string.h>

#include "ops/array.h"

// ---------------------------------------------------------------- Gather, GatherV2

// axis < 0: not known yet.
static status_t gather_shape(const node_t *node, const shape_t *params, const shape_t *indices,
                             int axis, shape_t *out) {
  *out = SHAPE_UNKNOWN;
  if (params->rank < 0 || indices->rank < 0) return NULL;
  int64_t batch = node_int(node, "batch_dims", 0);
  if (batch < 0) batch += indices->rank;
  if (batch < 0 || batch > indices->rank || batch >= params->rank || (axis >= 0 && batch > axis))
    return FAIL(INVALID_ARGUMENT,
                "%s '%s': batch_dims %" PRId64
                " must be at most the axis and the number of dimensions of the indices",
                node->op, node->name, node_int(node, "batch_dims", 0));
  int rank = params->rank - 1 + indices->rank - (int)batch;
  if (rank > SHAPE_MAX_RANK)
    return FAIL(INVALID_ARGUMENT, "%s '%s': a result of %d dimensions: more than %d", node->op,
                node->name, rank, SHAPE_MAX_RANK);
  if (axis < 0) {
    *out = shape_unknown_dims(rank);
    return NULL;
  }
  shape_t a = shape_range(params, 0, axis), b = shape_range(indices, (int)batch, indices->rank),
          rest = shape_range(params, axis + 1, params->rank);
  for (int i = 0; i < batch; i++)
    if (!dim_merge(params->d[i], indices->d[i], &a.d[i])) {
      char x[128], y[128];
      return FAIL(INVALID_ARGUMENT,
                  "%s '%s': params %s and indices %s have unlike batch dimensions", node->op,
                  node->name, shape_format(params, x, sizeof x),
                  shape_format(indices, y, sizeof y));
    }
  a = shape_join(&a, &b);
  *out = shape_join(&a, &rest);
  return NULL;
}

static status_t gather_infer(infer_ctx_t *c) {
  const shape_t *params = infer_in(c, 0), *indices = infer_in(c, 1);
  int axis = 0;
  shape_t out, dims, picked = {0};
  if (params->rank == 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "params must be at least 1 dimensional");
  if (c->node->n_in > 2) TRY(infer_axis(c, 2, params->rank, &axis));
  TRY(gather_shape(c->node, params, indices, axis, &out));
  infer_out(c, 0, &out);
  int64_t at[SHAPE_MAX_RANK];
  if (params->rank == 1 && infer_dims(c, 0, &dims) && dims.rank == params->d[0] &&
      infer_ints(c, 1, at, SHAPE_MAX_RANK, &picked.rank)) {
    for (int i = 0; i < picked.rank; i++) {
      if (at[i] < 0 || at[i] >= dims.rank) return NULL;  // the kernel tells
      picked.d[i] = dims.d[at[i]];
    }
    if (indices->rank <= 1) infer_out_dims(c, 0, &picked);
  }
  return NULL;
}

static status_t gather_kernel(op_ctx_t *c) {
  const tensor_t *params = &c->in[0], *indices = &c->in[1];
  int axis = 0;
  shape_t s;
  tensor_t *out;
  if (params->shape.rank == 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "params must be at least 1 dimensional");
  if (c->n_in > 2) TRY(op_axis(c, 2, params->shape.rank, &axis));
  TRY(gather_shape(c->node, &params->shape, &indices->shape, axis, &s));
  int64_t b = node_int(c->node, "batch_dims", 0), bad;
  if (b < 0) b += indices->shape.rank;
  TRY(op_out(c, 0, &s, &out));
  const shape_t *p = &params->shape;
  int64_t size = p->d[axis];
  TRY(gather_rows(out->dtype, params->data, dims_product(p, 0, (int)b),
                  dims_product(p, (int)b, axis), size, dims_product(p, axis + 1, p->rank), indices,
                  dims_product(&indices->shape, (int)b, indices->shape.rank), out->data, c->threads,
                  &bad));
  if (bad >= 0)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "indices[%" PRId64 "] = %" PRId64 " is not in [0, %" PRId64 ")", bad,
                   index_at(indices, bad), size);
  return NULL;
}

static bool accept_indices(lower_ctx_t *c, int in, char *reason, size_t n) {
  dtype_t d = lower_dtype(c, in);
  if (d != DT_INT32 && d != DT_INT64) REFUSE("indices of data type %s", dtype_name(d));
  return accept_array(c, in, reason, n);
}

static bool gather_accept(lower_ctx_t *c, char *reason, size_t n) {
  int axis;
  if (!accept_array(c, 0, reason, n) || !accept_indices(c, 1, reason, n)) return false;
  return c->node->n_in < 3 || accept_axis(c, 2, lower_shape(c, 0)->rank, &axis, reason, n);
}

static status_t gather_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  int64_t v = 0, batch = node_int(c->node, "batch_dims", 0);
  int count = 1;
  if (c->node->n_in > 2 && (!lower_ints(c, 2, &v, 1, &count) || count != 1))
    return OP_FAIL(c, INTERNAL, "the axis is not a constant");
  if (!axis_ok(v, lower_shape(c, 0)->rank, &p.axis))
    return OP_FAIL(c, INTERNAL, "the axis is out of range");
  p.gather.batch_dims = (int)(batch < 0 ? batch + lower_shape(c, 1)->rank : batch);
  return lower_layer(c, LAYER_GATHER, 0, 2, &p);
}

// ---------------------------------------------------------------- GatherNd

static status_t nd_shape(const node_t *node, const shape_t *params, const shape_t *indices,
                         shape_t *out) {
  *out = SHAPE_UNKNOWN;
  if (indices->rank == 0)
    return FAIL(INVALID_ARGUMENT, "%s '%s': indices must be at least a vector", node->op,
                node->name);
  if (params->rank < 0 || indices->rank < 0) return NULL;
  int64_t k = indices->d[indices->rank - 1];
  if (k < 0) return NULL;
  if (k > params->rank)
    return FAIL(INVALID_ARGUMENT,
                "%s '%s': index innermost dimension length must be <= params rank; saw: %" PRId64
                " vs. %d",
                node->op, node->name, k, params->rank);
  shape_t a = shape_range(indices, 0, indices->rank - 1),
          b = shape_range(params, (int)k, params->rank);
  *out = shape_join(&a, &b);
  if (out->rank < 0)
    return FAIL(INVALID_ARGUMENT, "%s '%s': the result has more than %d dimensions", node->op,
                node->name, SHAPE_MAX_RANK);
  return NULL;
}

static status_t nd_infer(infer_ctx_t *c) {
  shape_t out;
  TRY(nd_shape(c->node, infer_in(c, 0), infer_in(c, 1), &out));
  infer_out(c, 0, &out);
  return NULL;
}

static status_t nd_kernel(op_ctx_t *c) {
  const shape_t *p = &c->in[0].shape, *x = &c->in[1].shape;
  shape_t s;
  tensor_t *out;
  int64_t bad;
  TRY(nd_shape(c->node, p, x, &s));
  int k = (int)x->d[x->rank - 1];
  TRY(op_out(c, 0, &s, &out));
  TRY(gather_nd_rows(out->dtype, c->in[0].data, p->d, k, dims_product(p, k, p->rank), &c->in[1],
                     dims_product(x, 0, x->rank - 1), out->data, c->threads, &bad));
  if (bad < 0) return NULL;
  shape_t index = {.rank = k};
  char a[128], b[128];
  for (int i = 0; i < k; i++) index.d[i] = index_at(&c->in[1], bad * k + i);
  for (int i = 0; i < k; i++)
    if (index.d[i] < 0)
      return OP_FAIL(c, INVALID_ARGUMENT, "indices[%" PRId64 "] has the negative index %" PRId64,
                     bad, index.d[i]);
  return OP_FAIL(c, INVALID_ARGUMENT,
                 "indices[%" PRId64 "] = %s does not index into param shape %s", bad,
                 shape_format(&index, a, sizeof a), shape_format(p, b, sizeof b));
}

static bool nd_accept(lower_ctx_t *c, char *reason, size_t n) {
  if (!accept_array(c, 0, reason, n) || !accept_indices(c, 1, reason, n)) return false;
  const shape_t *x = lower_shape(c, 1);
  if (x->d[x->rank - 1] < 0) REFUSE("the last dimension of the indices is not known");
  return true;
}

static status_t nd_lower(lower_ctx_t *c) {
  return lower_layer(c, LAYER_GATHER_ND, 0, 2, &(layer_params_t){0});
}

// ---------------------------------------------------------------- OneHot

static status_t one_hot_axis(const node_t *node, int rank, int *axis) {
  int64_t v = node_int(node, "axis", -1);
  *axis = (int)(v < 0 ? rank : v);
  if (v < -1 || v > rank)
    return FAIL(INVALID_ARGUMENT,
                "OneHot '%s': expected axis to be -1 or between [0, %d], got %" PRId64, node->name,
                rank + 1, v);
  return NULL;
}

static status_t one_hot_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  int64_t depth = -1;
  int axis;
  if (in->rank < 0) return NULL;
  TRY(one_hot_axis(c->node, in->rank, &axis));
  if (infer_int(c, 1, &depth) && depth < 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "depth must be non-negative, got: %" PRId64, depth);
  shape_t out = shape_insert(in, axis, depth);
  infer_out(c, 0, &out);
  return NULL;
}

static status_t one_hot_kernel(op_ctx_t *c) {
  const shape_t *in = &c->in[0].shape;
  int64_t depth;
  int axis;
  tensor_t *out;
  TRY(one_hot_axis(c->node, in->rank, &axis));
  TRY(op_int(c, 1, &depth));
  if (depth < 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "depth must be non-negative, got: %" PRId64, depth);
  if (in->rank >= SHAPE_MAX_RANK)
    return OP_FAIL(c, INVALID_ARGUMENT, "more than %d dimensions", SHAPE_MAX_RANK);
  if (tensor_elements(&c->in[2]) != 1 || tensor_elements(&c->in[3]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "on_value and off_value must be scalars");
  shape_t s = shape_insert(in, axis, depth);
  TRY(op_out(c, 0, &s, &out));
  TRY(fill_elements(out->dtype, c->in[3].data, out->data, tensor_elements(out), c->threads));
  int64_t inner = dims_product(in, axis, in->rank);
  for (int64_t i = 0, n = tensor_elements(&c->in[0]); i < n; i++) {
    int64_t v = index_at(&c->in[0], i);
    if (v < 0 || v >= depth) continue;  // such a row has no "on"
    int64_t at = (i / inner * depth + v) * inner + i % inner;
    TRY(copy_elements(out->dtype, c->in[2].data, element_at(out->dtype, out->data, at), 1));
  }
  return NULL;
}

static bool one_hot_accept(lower_ctx_t *c, char *reason, size_t n) {
  int64_t depth;
  if (!accept_indices(c, 0, reason, n) || !accept_array(c, 2, reason, n)) return false;
  return accept_known_int(c, 1, "the depth", &depth, reason, n);
}

static status_t one_hot_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  TRY(one_hot_axis(c->node, lower_shape(c, 0)->rank, &p.axis));
  return lower_layer(c, LAYER_ONE_HOT, 0, 4, &p);
}

#define GATHER \
  .infer = gather_infer, .kernel = gather_kernel, .accept = gather_accept, .lower = gather_lower

const op_def_t ops_gather[] = {
    {.name = "Gather",
     .sig = "params: Tparams, indices: Tindices -> output: Tparams",
     .attrs = "validate_indices: bool = true; Tparams: type; Tindices: type",
     GATHER},
    {.name = "GatherV2",
     .sig = "params: Tparams, indices: Tindices, axis: Taxis -> output: Tparams",
     .attrs = "batch_dims: int = 0; Tparams: type; Tindices: type; Taxis: type",
     GATHER},
    {.name = "GatherNd",
     .sig = "params: Tparams, indices: Tindices -> output: Tparams",
     .attrs = "Tparams: type; Tindices: type; bad_indices_policy: string = ''",
     .infer = nd_infer,
     .kernel = nd_kernel,
     .accept = nd_accept,
     .lower = nd_lower},
    {.name = "OneHot",
     .sig = "indices: TI, depth: int32, on_value: T, off_value: T -> output: T",
     .attrs = "axis: int = -1; T: type; TI: type = int64",
     .infer = one_hot_infer,
     .kernel = one_hot_kernel,
     .accept = one_hot_accept,
     .lower = one_hot_lower},
    {0},
};
