// Matrix products. A weight matrix that is constant is packed once; products of two activations
// (attention) read transposed operands through their strides.
#include <string.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/own_act.h"
#include "base/parallel.h"
#include "kernels/gemm.h"

typedef struct matmul_state {
  dn_op_t *op;  // NULL: our own kernel
  const void *weights;
  int bias, residual;
  size_t out_bytes;
  bool beside;  // the residual is read where it is; else it is in the output first
  // own kernel
  gemm_epilogue_t ep;
  gemm_batch_t batch;
  own_act_t act;
} matmul_state_t;

static void destroy(void *p) {
  matmul_state_t *st = p;
  dn_op_destroy(st->op);
  matmul_batch_free(&st->batch);
  mem_free(st);
}

// An operand [.., rows, cols] with its batch dims brought to `rank` dims and, when transposed, its
// last two swapped.
static dn_tensor_t operand(const shape_t *s, int rank, bool transpose) {
  dn_tensor_t t = {.rank = rank};
  int64_t strides[SHAPE_MAX_RANK];
  shape_strides(s, strides);
  int lead = rank - s->rank;
  int64_t whole = shape_elements(s);
  for (int i = 0; i < rank; i++) {
    t.dims[i] = i < lead ? 1 : s->d[i - lead];
    t.strides[i] = i < lead ? (whole > 0 ? whole : 1) : strides[i - lead];
  }
  if (transpose) {
    int64_t d = t.dims[rank - 1], st = t.strides[rank - 1];
    t.dims[rank - 1] = t.dims[rank - 2], t.strides[rank - 1] = t.strides[rank - 2];
    t.dims[rank - 2] = d, t.strides[rank - 2] = st;
  }
  return t;
}

// Batch dims into rows: a [.., M, K] times one [K, N] is [batch * M, K] times it.
static bool flatten(dn_problem_t *p, bool transpose_a) {
  int r = p->src.rank;
  for (int i = 0; i < r - 2; i++)
    if (p->weights.dims[i] != 1) return false;
  if (transpose_a && r > 2) return false;
  int64_t rows = 1;
  for (int i = 0; i < r - 1; i++) rows *= p->src.dims[i];
  dn_tensor_t *t[] = {&p->src, &p->dst};
  for (int i = 0; i < 2; i++) {
    dn_tensor_t f = {.rank = 2,
                     .dims = {r > 2 ? rows : t[i]->dims[0], t[i]->dims[r - 1]},
                     .strides = {t[i]->strides[r - 2], t[i]->strides[r - 1]}};
    *t[i] = f;
  }
  p->weights = (dn_tensor_t){.rank = 2,
                             .dims = {p->weights.dims[r - 2], p->weights.dims[r - 1]},
                             .strides = {p->weights.strides[r - 2], p->weights.strides[r - 1]}};
  return true;
}

// Several batch dims as one, where both operands have all of them.
static void merge_batch(dn_problem_t *p) {
  int r = p->src.rank;
  if (r <= 3) return;
  int64_t batch = 1;
  for (int i = 0; i < r - 2; i++) {
    if (p->src.dims[i] != p->weights.dims[i]) return;
    batch *= p->src.dims[i];
  }
  dn_tensor_t *t[] = {&p->src, &p->weights, &p->dst};
  for (int i = 0; i < 3; i++) {
    dn_tensor_t f = {.rank = 3,
                     .dims = {batch, t[i]->dims[r - 2], t[i]->dims[r - 1]},
                     .strides = {t[i]->dims[r - 2] * t[i]->dims[r - 1], t[i]->strides[r - 2],
                                 t[i]->strides[r - 1]}};
    *t[i] = f;
  }
}

static status_t run_onednn(step_t *s, backend_context_t *c) {
  matmul_state_t *st = s->state;
  dn_buffers_t b = {.src = step_in(s, c, 0),
                    .weights = st->weights ? st->weights : step_in(s, c, 1),
                    .dst = step_out(s, c, 0),
                    .scratch = c->scratch};
  if (st->bias >= 0) b.bias = step_in(s, c, st->bias);
  const void *r = st->residual >= 0 ? step_in(s, c, st->residual) : NULL;
  if (st->beside) b.residual = r;
  if (r && !st->beside && r != b.dst) memcpy(b.dst, r, st->out_bytes);
  return dn_op_run(st->op, &b);
}

static status_t run_own(step_t *s, backend_context_t *c) {
  matmul_state_t *st = s->state;
  const gemm_batch_t *g = &st->batch;
  gemm_epilogue_t ep = st->ep;
  const float *a = step_in(s, c, 0);
  float *y = step_out(s, c, 0);
  if (st->bias >= 0) ep.bias = step_in(s, c, st->bias);
  if (st->residual >= 0) {
    ep.residual = step_in(s, c, st->residual);
    ep.ld_residual = g->n;
  }
  if (!st->weights) return gemm_batch(g, a, step_in(s, c, 1), y, &ep, c->threads);
  gemm_rows_t rows = {.a = a, .rs = g->a_rs, .cs = g->a_cs};
  gemm_packed(g->m, g->n, g->k, &rows, st->weights, y, g->n, false, &ep, c->threads);
  return NULL;
}

// Where each product of the batch starts in an operand.
static int64_t *batch_offsets(const dn_tensor_t *t, const dn_tensor_t *dst, int64_t batch) {
  int64_t *at = mem_alloc((size_t)batch * sizeof *at);
  for (int64_t b = 0; b < batch; b++) {
    int64_t left = b, from = 0;
    for (int d = dst->rank - 3; d >= 0; d--) {
      int64_t i = left % dst->dims[d];
      left /= dst->dims[d];
      if (t->dims[d] != 1) from += i * t->strides[d];
    }
    at[b] = from;
  }
  return at;
}

void matmul_batch(const dn_problem_t *p, gemm_batch_t *g) {
  int r = p->dst.rank;
  int64_t batch = 1;
  for (int i = 0; i < r - 2; i++) batch *= p->dst.dims[i];
  *g = (gemm_batch_t){.batch = batch,
                      .m = p->dst.dims[r - 2],
                      .n = p->dst.dims[r - 1],
                      .k = p->src.dims[r - 1],
                      .a_at = batch_offsets(&p->src, &p->dst, batch),
                      .b_at = batch_offsets(&p->weights, &p->dst, batch),
                      .a_rs = p->src.strides[r - 2],
                      .a_cs = p->src.strides[r - 1],
                      .b_rs = p->weights.strides[r - 2],
                      .b_cs = p->weights.strides[r - 1]};
}

void matmul_batch_free(gemm_batch_t *g) {
  mem_free((void *)g->a_at);
  mem_free((void *)g->b_at);
}

static status_t pack_panels(const void *self, const float *w, float *packed, int threads) {
  const gemm_batch_t *g = self;
  gemm_pack_b(g->k, g->n, w, g->b_rs, g->b_cs, packed, threads);
  return NULL;
}

static status_t make_own(backend_context_t *c, const layer_t *l, const dn_problem_t *p,
                         matmul_state_t *st) {
  st->ep.alpha = p->scale;
  st->ep.clamp = st->act.clamp, st->ep.hi = st->act.hi;
  if (st->act.fn) st->ep.act = own_act_apply, st->ep.act_arg = &st->act;
  matmul_batch(p, &st->batch);
  const gemm_batch_t *g = &st->batch;
  if (g->batch != 1 || !p->pack || !gemm_packed_floats(g->k, g->n)) return NULL;
  const float *w;
  packer_t packer = {.key = {g->k, g->n, g->b_rs, g->b_cs},
                     .floats = gemm_packed_floats(g->k, g->n),
                     .pack = pack_panels,
                     .self = g};
  TRY(weights_for_kernel(c, l->in[1], &packer, &w));
  st->weights = w;
  return NULL;
}

static status_t make_onednn(backend_context_t *c, const layer_t *l, const dn_problem_t *p,
                            matmul_state_t *st) {
  TRY(dn_op_create(p, &st->op));
  if (p->pack) TRY(weights_for_op(c, l->in[1], st->op, &st->weights));
  return NULL;
}

bool matmul_problem(const backend_context_t *c, const layer_t *l, dn_problem_t *p) {
  const shape_t *a = in_shape(c, l, 0), *b = in_shape(c, l, 1), *y = out_shape(c, l, 0);
  bool has_bias = l->p.matmul.has_bias, has_residual = l->p.matmul.has_residual;
  if (a->rank < 2 || b->rank < 2 || shape_elements(y) == 0) return false;
  if (a->d[a->rank - (l->p.matmul.transpose_a ? 2 : 1)] == 0) return false;
  // Bias along the last dim only; a residual of the output's own shape.
  if (has_bias && shape_elements(in_shape(c, l, 2)) != y->d[y->rank - 1]) return false;
  if (has_residual && !shape_equal(in_shape(c, l, 2 + has_bias), y)) return false;
  int rank = y->rank;
  *p = (dn_problem_t){.kind = DN_OP_MATMUL,
                      .src = operand(a, rank, l->p.matmul.transpose_a),
                      .weights = operand(b, rank, l->p.matmul.transpose_b),
                      .dst = operand(y, rank, false),
                      .pack = in_value(c, l, 1) != NULL,
                      .bias = has_bias,
                      .scale = l->p.matmul.scale,
                      .act = l->p.matmul.act};
  dn_types(l, layer_residual_at(l), p);
  if (!flatten(p, l->p.matmul.transpose_a)) merge_batch(p);
  return true;
}

status_t make_matmul_step(backend_context_t *c, const layer_t *l, step_t *s) {
  const activation_t *act = &l->p.matmul.act;
  const shape_t *y = out_shape(c, l, 0);
  dn_problem_t p;
  if (layer_is_int8(l)) return make_int8_step(c, l, s);
  bool half = layer_is_half(l, 2, layer_bias_at(l));
  if ((!half && !layer_is_float(l, l->n_in)) || !matmul_problem(c, l, &p)) return NULL;
  if (half) {
    if (layer_tactic(c, l) != TACTIC_ONEDNN) TRY(make_own_half_matmul_step(c, l, &p, s));
    if (s->run || prefers_own(c, l) || !dn_activation_supported(act)) return NULL;
    if (!onednn_computes(l->in[0]->dtype)) return NULL;
  }
  own_act_t own;
  if (!own_act_of(act, DT_FLOAT, &own)) return NULL;
  matmul_state_t *st = mem_calloc(1, sizeof *st);
  st->bias = layer_bias_at(l);
  st->residual = layer_residual_at(l);
  st->out_bytes = (size_t)shape_elements(y) * dtype_size(l->out[0]->dtype);
  st->beside = p.residual == DN_RESIDUAL_BINARY;
  st->act = own;
  *s = (step_t){.layer = l, .run = run_onednn, .state = st, .destroy = destroy};
  s->reuse = st->beside ? -1 : st->residual;
  status_t e = prefers_own(c, l) ? FAIL(UNIMPLEMENTED, "not wanted") : make_onednn(c, l, &p, st);
  if (!e) {
    s->scratch = dn_op_scratch_bytes(st->op);
    s->tactic = dn_op_name(st->op);
    return NULL;
  }
  e = dn_op_refused(e);
  if (!e && !half) {
    s->run = run_own;
    s->tactic = "gemm";
    s->reuse = -1;  // partial sums would overwrite the residual
    e = make_own(c, l, &p, st);
    if (!e && !st->weights) s->inner = gemm_batch_scratch(&st->batch, c->threads);
  }
  if (e || half) {
    destroy(st);
    *s = (step_t){0};
  }
  return e;
}
