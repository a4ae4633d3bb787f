// Ops that rank elements: the largest, the n-th, positions in sorted rows.
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/order.h"
#include "ops/array.h"

// ---------------------------------------------------------------- TopK, TopKV2

static status_t top_k_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  int64_t k = node_int(c->node, "k", -1);
  if (c->node->n_in > 1 && !infer_int(c, 1, &k)) k = -1;
  if (in->rank == 0) return OP_FAIL(c, INVALID_ARGUMENT, "input must have at least 1 dimension");
  if (in->rank < 0) return NULL;
  shape_t out = *in;
  int64_t n = in->d[in->rank - 1];
  if (n >= 0 && k > n)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "input must have last dimension >= k = %" PRId64 " but is %" PRId64, k, n);
  out.d[in->rank - 1] = k;
  infer_out(c, 0, &out);
  infer_out(c, 1, &out);
  return NULL;
}

typedef struct top_k_job {
  const tensor_t *in;
  tensor_t *values, *indices;
  int64_t n, k;
  uint64_t *keys;    // [threads, n]
  ranked_t *ranked;  // [threads, k]
} top_k_job_t;

static void top_k_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  const top_k_job_t *j = ctx;
  uint64_t *keys = j->keys + thread * j->n;
  ranked_t *r = j->ranked + thread * j->k;
  for (int64_t row = begin; row < end; row++) {
    dtype_t dtype = j->in->dtype;
    order_keys(dtype, element_at(dtype, j->in->data, row * j->n), j->n, keys);
    top_k(keys, j->n, j->k, r);
    for (int64_t i = 0; i < j->k; i++) {
      memcpy(element_at(dtype, j->values->data, row * j->k + i),
             element_at(dtype, j->in->data, row * j->n + r[i].index), dtype_size(dtype));
      if (j->indices->dtype == DT_INT16)
        TENSOR_DATA(int16_t, j->indices)[row * j->k + i] = (int16_t)r[i].index;
      else
        index_set(j->indices, row * j->k + i, r[i].index);
    }
  }
}

// Scratch for `threads` rows: keys of n elements and ranks of k.
static status_t rank_scratch(op_ctx_t *c, int threads, int64_t n, int64_t k, tensor_t *t,
                             uint64_t **keys, ranked_t **ranked) {
  shape_t s = SHAPE(threads, dim_add(n, dim_mul(2, k)));
  uint64_t probe;
  char zero[16] = {0};
  if (!order_keys(c->in[0].dtype, zero, 1, &probe))
    return OP_FAIL(c, INVALID_ARGUMENT, "elements of data type %s have no order",
                   dtype_name(c->in[0].dtype));
  TRY(op_temp(c, DT_UINT64, &s, t));
  *ranked = (ranked_t *)t->data;
  *keys = TENSOR_DATA(uint64_t, t) + 2 * k * threads;
  return NULL;
}

static status_t top_k_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0];
  int64_t k = node_int(c->node, "k", 0);
  if (c->n_in > 1) TRY(op_int(c, 1, &k));
  if (k < 0) return OP_FAIL(c, INVALID_ARGUMENT, "need k >= 0, got %" PRId64, k);
  if (in->shape.rank < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "input must have at least 1 dimension");
  shape_t s = in->shape;
  int64_t n = s.d[s.rank - 1];
  if (k > n)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "input must have at least k = %" PRId64 " columns, but has %" PRId64, k, n);
  s.d[s.rank - 1] = k;
  top_k_job_t j = {.in = in, .n = n, .k = k};
  tensor_t scratch;
  TRY(op_out(c, 0, &s, &j.values));
  TRY(op_out(c, 1, &s, &j.indices));
  TRY(rank_scratch(c, c->threads > 1 ? c->threads : 1, n, k, &scratch, &j.keys, &j.ranked));
  if (k > 0)
    parallel_for(c->threads, dims_product(&s, 0, s.rank - 1), 1 + 4096 / n, top_k_rows, &j);
  tensor_unref(&scratch);
  return NULL;
}

static bool top_k_accept(lower_ctx_t *c, char *reason, size_t n) {
  int64_t k;
  if (!accept_array(c, 0, reason, n)) return false;
  if (c->node->out_dtype[1] != DT_INT32 && c->node->out_dtype[1] != DT_INT64)
    REFUSE("indices of data type %s", dtype_name(c->node->out_dtype[1]));
  return c->node->n_in < 2 || accept_known_int(c, 1, "k", &k, reason, n);
}

static status_t top_k_lower(lower_ctx_t *c) {
  layer_params_t p = {.topk = {.sorted = node_bool(c->node, "sorted", true)}};
  if (c->node->n_in == 1) {
    c->in[1] =
        network_const_scalar(c->net, c->node->name, DT_INT32, (double)node_int(c->node, "k", 0));
  }
  return lower_layer(c, LAYER_TOPK, 0, 2, &p);
}

// ---------------------------------------------------------------- NthElement

static status_t nth_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  if (in->rank < 0) return NULL;
  if (in->rank == 0) return OP_FAIL(c, INVALID_ARGUMENT, "input must have at least 1 dimension");
  shape_t out = shape_range(in, 0, in->rank - 1);
  infer_out(c, 0, &out);
  return NULL;
}

static status_t nth_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0];
  int64_t at;
  TRY(op_int(c, 1, &at));
  if (in->shape.rank < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "input must have at least 1 dimension");
  int64_t n = in->shape.d[in->shape.rank - 1];
  if (at < 0 || at >= n)
    return OP_FAIL(c, INVALID_ARGUMENT, "n = %" PRId64 " must be in [0, %" PRId64 ")", at, n);
  shape_t s = shape_range(&in->shape, 0, in->shape.rank - 1);
  tensor_t *out, scratch;
  uint64_t *keys;
  ranked_t *ranked;
  TRY(op_out(c, 0, &s, &out));
  TRY(rank_scratch(c, 1, n, at + 1, &scratch, &keys, &ranked));
  bool largest = node_bool(c->node, "reverse", false);
  for (int64_t row = 0, rows = tensor_elements(out); row < rows; row++) {
    order_keys(in->dtype, element_at(in->dtype, in->data, row * n), n, keys);
    for (int64_t i = 0; i < n && !largest; i++) keys[i] = ~keys[i];
    top_k(keys, n, at + 1, ranked);
    memcpy(element_at(in->dtype, out->data, row),
           element_at(in->dtype, in->data, row * n + ranked[at].index), dtype_size(in->dtype));
  }
  tensor_unref(&scratch);
  return NULL;
}

// ---------------------------------------------------------------- InTopK

static status_t in_top_k_infer(infer_ctx_t *c) {
  TRY(infer_rank(c, 0, 2));
  TRY(infer_rank(c, 1, 1));
  infer_out(c, 0, infer_in(c, 1));
  return NULL;
}

static status_t in_top_k_kernel(op_ctx_t *c) {
  const tensor_t *p = &c->in[0], *targets = &c->in[1];
  int64_t k = node_int(c->node, "k", 0);
  if (c->n_in > 2) TRY(op_int(c, 2, &k));
  if (p->shape.rank != 2 || targets->shape.rank != 1 || p->shape.d[0] != targets->shape.d[0])
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "predictions must be a matrix, targets a vector with its rows");
  tensor_t *out;
  TRY(op_out(c, 0, &targets->shape, &out));
  int64_t n = p->shape.d[1];
  for (int64_t row = 0; row < p->shape.d[0]; row++) {
    const float *v = TENSOR_DATA(float, p) + row * n;
    int64_t t = index_at(targets, row), more = 0;
    bool known = t >= 0 && t < n && isfinite(v[t]);  // else nothing can be said: false
    for (int64_t i = 0; i < n && known && more <= k; i++) {
      known = isfinite(v[i]);
      more += v[i] > v[t];
    }
    TENSOR_DATA(uint8_t, out)[row] = known && more < k;
  }
  return NULL;
}

// ---------------------------------------------------------------- LowerBound, UpperBound

static status_t bound_infer(infer_ctx_t *c) {
  TRY(infer_rank(c, 0, 2));
  TRY(infer_rank(c, 1, 2));
  infer_out(c, 0, infer_in(c, 1));
  return NULL;
}

static status_t bound_kernel(op_ctx_t *c) {
  const shape_t *a = &c->in[0].shape, *v = &c->in[1].shape;
  bool upper = strcmp(c->node->op, "UpperBound") == 0;
  if (a->rank != 2 || v->rank != 2 || a->d[0] != v->d[0])
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "sorted_inputs and values must be matrices with equally many rows");
  tensor_t *out, scratch;
  uint64_t *keys;
  ranked_t *unused;
  int64_t n = a->d[1], m = v->d[1];
  dtype_t dtype = c->in[0].dtype;
  TRY(op_out(c, 0, v, &out));
  TRY(rank_scratch(c, 1, dim_add(n, m), 0, &scratch, &keys, &unused));
  for (int64_t row = 0; row < a->d[0]; row++) {
    order_keys(dtype, element_at(dtype, c->in[0].data, row * n), n, keys);
    order_keys(dtype, element_at(dtype, c->in[1].data, row * m), m, keys + n);
    for (int64_t i = 0; i < m; i++) {
      int64_t lo = 0, hi = n;
      while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (keys[mid] < keys[n + i] || (upper && keys[mid] == keys[n + i]))
          lo = mid + 1;
        else
          hi = mid;
      }
      index_set(out, row * m + i, lo);
    }
  }
  tensor_unref(&scratch);
  return NULL;
}

#define TOP_K \
  .infer = top_k_infer, .kernel = top_k_kernel, .accept = top_k_accept, .lower = top_k_lower
#define BOUND .infer = bound_infer, .kernel = bound_kernel

const op_def_t ops_sort[] = {
    {.name = "TopK",
     .sig = "input: T -> values: T, indices: int32",
     .attrs = "k: int; sorted: bool = true; T: type",
     TOP_K},
    {.name = "TopKV2",
     .sig = "input: T, k: Tk -> values: T, indices: index_type",
     .attrs = "sorted: bool = true; T: type; Tk: type = int32; index_type: type = int32",
     TOP_K},
    {.name = "NthElement",
     .sig = "input: T, n: int32 -> values: T",
     .attrs = "reverse: bool = false; T: type",
     .infer = nth_infer,
     .kernel = nth_kernel},
    {.name = "InTopK",
     .sig = "predictions: float, targets: T -> precision: bool",
     .attrs = "k: int; T: type = int32",
     .infer = in_top_k_infer,
     .kernel = in_top_k_kernel},
    {.name = "InTopKV2",
     .sig = "predictions: float, targets: T, k: T -> precision: bool",
     .attrs = "T: type = int32",
     .infer = in_top_k_infer,
     .kernel = in_top_k_kernel},
    {.name = "LowerBound",
     .sig = "sorted_inputs: T, values: T -> output: out_type",
     .attrs = "T: type; out_type: type = int32",
     BOUND},
    {.name = "UpperBound",
     .sig = "sorted_inputs: T, values: T -> output: out_type",
     .attrs = "T: type; out_type: type = int32",
     BOUND},
    {0},
};
