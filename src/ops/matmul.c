// Matrix products: MatMul and the BatchMatMul family.
#include <string.h>

#include "base/mem.h"
#include "kernels/gemm.h"
#include "ops/window.h"

static bool is_batch(const node_t *n) { return n->op[0] == 'B'; }
static bool transposed(const node_t *n, int side) {
  if (is_batch(n)) return node_bool(n, side ? "adj_y" : "adj_x", false);
  return node_bool(n, side ? "transpose_b" : "transpose_a", false);
}

// MatMul takes matrices, BatchMatMul equal batches, V2 and V3 broadcast them.
static status_t product_shape(const node_t *n, const shape_t *a, const shape_t *b, shape_t *out) {
  struct {
    const node_t *node;
  } c = {n};
  const shape_t *in[2] = {a, b};
  char sa[128], sb[128];
  shape_t matrix = shape_unknown_dims(2), batch[2];
  int64_t rows[2], cols[2];
  *out = SHAPE_UNKNOWN;
  for (int i = 0; i < 2; i++) {
    if (in[i]->rank < 0 && is_batch(n)) return NULL;
    if (in[i]->rank < 0) in[i] = &matrix;
    int r = in[i]->rank, t = transposed(n, i);
    if (r < 2 || (r != 2 && !is_batch(n)))
      return OP_FAIL(&c, INVALID_ARGUMENT, "input %d must be a matrix%s, its shape is %s", i,
                     is_batch(n) ? " or a batch of them" : "", shape_format(in[i], sa, sizeof sa));
    rows[i] = in[i]->d[t ? r - 1 : r - 2], cols[i] = in[i]->d[t ? r - 2 : r - 1];
    batch[i] = shape_range(in[i], 0, r - 2);
  }
  bool fits = strcmp(n->op, "BatchMatMul") == 0 ? shape_merge(&batch[0], &batch[1], out)
                                                : shape_broadcast(&batch[0], &batch[1], out);
  if (!fits || (cols[0] >= 0 && rows[1] >= 0 && cols[0] != rows[1]))
    return OP_FAIL(&c, INVALID_ARGUMENT, "Matrix size-incompatible: In[0]: %s, In[1]: %s%s%s",
                   shape_format(a, sa, sizeof sa), shape_format(b, sb, sizeof sb),
                   transposed(n, 0) ? ", the first transposed" : "",
                   transposed(n, 1) ? ", the second transposed" : "");
  shape_t mn = SHAPE(rows[0], cols[1]);
  *out = shape_join(out, &mn);
  return NULL;
}

static status_t matmul_infer(infer_ctx_t *c) {
  shape_t out;
  TRY(product_shape(c->node, infer_in(c, 0), infer_in(c, 1), &out));
  infer_out(c, 0, &out);
  return NULL;
}

// Element offsets of each product's matrices in a batch that broadcasts to `batch`.
static void batch_offsets(const shape_t *batch, const shape_t *in, int64_t *at) {
  int64_t strides[SHAPE_MAX_RANK], n = shape_elements(batch);
  int lead = batch->rank - (in->rank - 2);
  shape_strides(in, strides);
  for (int64_t i = 0; i < n; i++) {
    int64_t rest = i;
    at[i] = 0;
    for (int d = batch->rank - 1; d >= 0; d--) {
      int64_t k = rest % batch->d[d];
      rest /= batch->d[d];
      if (d >= lead && in->d[d - lead] != 1) at[i] += k * strides[d - lead];
    }
  }
}

// BatchMatMulV3 may widen: its inputs in the output's dtype.
static status_t widened(op_ctx_t *c, int i, dtype_t dtype, tensor_t *out) {
  const tensor_t *t = &c->in[i];
  if (t->dtype == dtype) {
    *out = tensor_ref(t);
    return NULL;
  }
  if (dtype_is_complex(dtype) || dtype_is_complex(t->dtype))
    return OP_FAIL(c, UNIMPLEMENTED, "mixing %s and %s is not supported", dtype_name(t->dtype),
                   dtype_name(dtype));
  TRY(op_temp(c, dtype, &t->shape, out));
  int64_t n = tensor_elements(t);
  for (int64_t k = 0; k < n; k++) tensor_set_number(out, k, tensor_number_at(t, k));
  return NULL;
}

static status_t matmul_kernel(op_ctx_t *c) {
  shape_t out;
  tensor_t *y, in[2] = {{0}, {0}};
  TRY(product_shape(c->node, &c->in[0].shape, &c->in[1].shape, &out));
  TRY(op_out(c, 0, &out, &y));
  if (tensor_elements(y) == 0) return NULL;
  shape_t batch = shape_range(&out, 0, out.rank - 2);
  gemm_batch_t g = {
      .batch = shape_elements(&batch), .m = out.d[out.rank - 2], .n = out.d[out.rank - 1]};
  int64_t one[2] = {0, 0}, *at = one;
  status_t st = NULL;
  if (g.batch > 1) {
    at = mem_try_alloc((size_t)g.batch * 2 * sizeof *at);
    if (!at) return OP_FAIL(c, RESOURCE_EXHAUSTED, "no room for a batch of %" PRId64, g.batch);
  }
  for (int i = 0; i < 2; i++) TRY_GOTO(st, done, widened(c, i, y->dtype, &in[i]));
  int64_t *strides[2][2] = {{&g.a_rs, &g.a_cs}, {&g.b_rs, &g.b_cs}};
  for (int i = 0; i < 2; i++) {
    const shape_t *s = &in[i].shape;
    int t = transposed(c->node, i);
    *strides[i][t] = s->d[s->rank - 1], *strides[i][!t] = 1;
    if (i == 0) g.k = s->d[t ? s->rank - 2 : s->rank - 1];
    batch_offsets(&batch, s, at + i * g.batch);
  }
  g.a_at = at, g.b_at = at + g.batch;
  // A batch that lies together and multiplies one matrix is a single product with more rows.
  if (g.batch > 1 && !transposed(c->node, 0) && tensor_elements(&in[1]) == g.k * g.n &&
      tensor_elements(&in[0]) == g.batch * g.m * g.k)
    g.m *= g.batch, g.batch = 1;
  bool conj = is_batch(c->node);
  st = gemm_batch_any(&g, y->dtype, in[0].data, tensor_elements(&in[0]), in[1].data,
                      tensor_elements(&in[1]), y->data, conj && transposed(c->node, 0),
                      conj && transposed(c->node, 1), c->threads);
  st = status_prefix(st, "%s '%s'", c->node->op, c->node->name);
done:
  if (at != one) mem_aligned_free(at);
  tensor_unref(&in[0]);
  tensor_unref(&in[1]);
  return st;
}

static bool matmul_accept(lower_ctx_t *c, char *reason, size_t n) {
  for (int i = 0; i < 2; i++) {
    if (!accept_engine_float(c, lower_dtype(c, i), reason, n)) return false;
    if (lower_shape(c, i)->rank < 0) REFUSE("the rank of input %d is not known", i);
  }
  if (lower_dtype(c, 0) != lower_dtype(c, 1) || c->node->out_dtype[0] != lower_dtype(c, 0))
    REFUSE("engines multiply matrices of one dtype");
  return true;
}

static status_t matmul_lower(lower_ctx_t *c) {
  c->out[0] =
      net_matmul(c->net, c->in[0], c->in[1], transposed(c->node, 0), transposed(c->node, 1));
  return NULL;
}

#define MATMUL(NAME, SIG, ATTRS)                                                              \
  {                                                                                           \
    .name = NAME, .sig = SIG, .attrs = ATTRS, .infer = matmul_infer, .kernel = matmul_kernel, \
    .accept = matmul_accept, .lower = matmul_lower                                            \
  }
#define BATCH_ATTRS \
  "adj_x: bool = false; adj_y: bool = false; grad_x: bool = false; grad_y: bool = false"

const op_def_t ops_matmul[] = {
    MATMUL("MatMul", "a: T, b: T -> product: T",
           "transpose_a: bool = false; transpose_b: bool = false; T: type; grad_a: bool = false; "
           "grad_b: bool = false"),
    MATMUL("BatchMatMul", "x: T, y: T -> output: T", "T: type; " BATCH_ATTRS),
    MATMUL("BatchMatMulV2", "x: T, y: T -> output: T", "T: type; " BATCH_ATTRS),
    MATMUL("BatchMatMulV3", "x: Ta, y: Tb -> output: Tout",
           "Ta: type; Tb: type; Tout: type; " BATCH_ATTRS),
    {0},
};
