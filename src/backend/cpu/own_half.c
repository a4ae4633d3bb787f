// Convolutions and products of f16 tensors by our own kernels: on a CPU with AVX512-VNNI twice as
// fast as in float32, which oneDNN 3 computes these in. Depthwise ones read and write half as much.
#include <string.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/own_act.h"
#include "base/cpu.h"
#include "kernels/conv_half.h"

typedef enum kind { CONV, DEPTHWISE, PRODUCT } kind_t;

typedef struct own_half {
  kind_t kind;
  conv_shape_t shape;
  gemm_batch_t batch;
  const float *packed;  // NULL: B is no constant
  int bias, residual;   // inputs' indexes; -1: none
  half_epilogue_t ep;
  own_act_t act;
} own_half_t;

static void destroy(void *p) {
  own_half_t *st = p;
  matmul_batch_free(&st->batch);
  mem_free(st);
}

static status_t run(step_t *s, backend_context_t *c) {
  const own_half_t *st = s->state;
  const gemm_batch_t *g = &st->batch;
  const uint16_t *x = step_in(s, c, 0);
  void *y = step_out(s, c, 0);
  half_epilogue_t ep = st->ep;
  if (st->bias >= 0) ep.bias = step_in(s, c, st->bias);
  if (st->residual >= 0) ep.residual = step_in(s, c, st->residual);
  if (st->kind == CONV) {
    conv_half_run(&st->shape, x, st->packed, y, &ep, c->scratch, c->threads);
  } else if (st->kind == DEPTHWISE) {
    depthwise_half_run(&st->shape, x, st->packed, y, &ep, c->threads);
  } else if (st->packed) {
    half_matrix_t a = {x, g->a_rs, g->a_cs};
    gemm_half_packed(g->m, g->n, g->k, &a, st->packed, y, g->n, &ep, c->scratch, c->threads);
  } else {
    gemm_half_batch(g, x, step_in(s, c, 1), y, &ep, c->scratch, c->threads);
  }
  return NULL;
}

// False: there is no such activation.
static bool set_epilogue(const layer_t *l, const activation_t *act, own_half_t *st) {
  st->ep.out_type = l->out[0]->dtype;
  if (st->residual >= 0) st->ep.residual_type = l->in[st->residual]->dtype;
  if (!own_act_of(act, st->ep.out_type, &st->act)) return false;
  st->ep.clamp = st->act.clamp, st->ep.hi = st->act.hi;
  return true;
}

static void finish(const layer_t *l, const own_half_t *st, size_t scratch, step_t *s) {
  own_half_t *state = mem_alloc(sizeof *state);
  *state = *st;
  if (st->act.fn) state->ep.act = own_act_apply, state->ep.act_arg = &state->act;
  *s = (step_t){.layer = l,
                .run = run,
                .state = state,
                .destroy = destroy,
                .scratch = scratch,
                .reuse = -1,
                .tactic = st->kind == DEPTHWISE ? "depthwise f16" : "gemm f16"};
}

// ---- weights. The first number of a key tells these layouts from others of the same constant.

enum { KEY_CONV = -2, KEY_PRODUCT = -3, KEY_DEPTHWISE = -4 };

static status_t pack(const void *self, const float *w, float *packed, int threads) {
  const own_half_t *st = self;
  const gemm_batch_t *g = &st->batch;
  const conv_shape_t *s = &st->shape;
  if (st->kind == CONV)
    conv_half_pack(s, DT_FLOAT, w, packed, threads);
  else if (st->kind == PRODUCT)
    gemm_half_pack_b(1, g->k, 1, g->n, DT_FLOAT, w, g->b_rs, g->b_cs, packed, threads);
  else
    memcpy(packed, w,
           (size_t)(s->kernel[0] * (s->spatial > 1 ? s->kernel[1] : 1) * s->in_c) * sizeof *packed);
  return NULL;
}

static status_t pack_weights(backend_context_t *c, const layer_t *l, size_t bytes,
                             const int64_t key[4], own_half_t *st) {
  packer_t p = {.key = {key[0], key[1], key[2], key[3]},
                .in_float = true,
                .floats = (bytes + sizeof(float) - 1) / sizeof(float),
                .pack = pack,
                .self = st};
  return weights_for_kernel(c, l->in[1], &p, &st->packed);
}

static bool may_run(const backend_context_t *c) {
  return c->engine->short_sums && gemm_half_is_fast();
}

// ---- convolutions

status_t make_own_half_conv_step(backend_context_t *c, const layer_t *l, step_t *s) {
  const conv_params_t *p = &l->p.conv;
  const shape_t *x = in_shape(c, l, 0), *y = out_shape(c, l, 0), *w = in_shape(c, l, 1);
  if (l->in[0]->dtype != DT_HALF || !in_value(c, l, 1)) return NULL;
  if (shape_elements(x) == 0 || shape_elements(y) == 0 || shape_elements(w) == 0) return NULL;
  own_half_t st = {.kind = p->depthwise ? DEPTHWISE : CONV,
                   .bias = layer_bias_at(l),
                   .residual = layer_residual_at(l)};
  conv_layer_shape(l, x, y, w, &st.shape);
  if (!set_epilogue(l, &p->act, &st)) return NULL;
  size_t scratch = 0;
  if (st.kind == DEPTHWISE) {
    bool halves = st.ep.out_type == DT_HALF && (st.residual < 0 || st.ep.residual_type == DT_HALF);
    if (!halves || !cpu_has(CPU_AVX512) || !depthwise_half_supports(&st.shape)) return NULL;
    size_t bytes = (size_t)shape_elements(w) * sizeof(float);
    TRY(pack_weights(c, l, bytes, (int64_t[]){KEY_DEPTHWISE, 0, 0, 0}, &st));
  } else {
    size_t bytes = conv_half_packed_bytes(&st.shape);
    if (!may_run(c) || !conv_half_supports(&st.shape) || bytes == 0) return NULL;
    TRY(pack_weights(c, l, bytes, (int64_t[]){KEY_CONV, st.shape.groups, 0, 0}, &st));
    if (!conv_half_fits(&st.shape, st.packed)) return NULL;  // float32 sums take any weights
    scratch = conv_half_scratch(&st.shape, c->threads);
  }
  finish(l, &st, scratch, s);
  return NULL;
}

// ---- products

status_t make_own_half_matmul_step(backend_context_t *c, const layer_t *l, const dn_problem_t *p,
                                   step_t *s) {
  if (l->in[0]->dtype != DT_HALF || !may_run(c)) return NULL;
  own_half_t st = {.kind = PRODUCT,
                   .bias = layer_bias_at(l),
                   .residual = layer_residual_at(l),
                   .ep.alpha = p->scale};
  if (!set_epilogue(l, &l->p.matmul.act, &st)) return NULL;
  matmul_batch(p, &st.batch);
  const gemm_batch_t *g = &st.batch;
  st.ep.ld_residual = g->n;
  size_t bytes = gemm_half_packed_bytes(1, g->k, g->n), scratch = 0;
  status_t e = NULL;
  bool fits = bytes > 0;
  if (bytes && g->batch == 1 && p->pack) {
    e = pack_weights(c, l, bytes, (int64_t[]){KEY_PRODUCT, g->n, g->b_rs, g->b_cs}, &st);
    fits = !e && gemm_half_fits(st.packed, g->n);
    scratch = gemm_half_scratch(g->m, g->k, c->threads);
  } else {
    scratch = gemm_half_batch_scratch(g, c->threads);
  }
  if (!fits) {
    matmul_batch_free(&st.batch);
    return e;
  }
  finish(l, &st, scratch, s);
  return NULL;
}
