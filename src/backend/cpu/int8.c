// Convolutions and products on 8-bit tensors: oneDNN where the CPU has instructions that sum such
// products exactly (VNNI and later; before, pairs of products saturate), else plain loops.
#include "kernels/int8.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/cpu.h"
#include "base/parallel.h"

static bool is_8bit(dtype_t t) { return t == DT_INT8 || t == DT_UINT8; }

bool layer_is_int8(const layer_t *l) {
  return (l->type == LAYER_CONV || l->type == LAYER_MATMUL) && l->n_in >= 2 &&
         is_8bit(l->in[0]->dtype) && l->in[0]->scale > 0 && l->in[1]->dtype == DT_INT8;
}

// What happens to the residual.
typedef enum residual { NO_RESIDUAL, IN_PLACE, TO_FLOAT, BESIDE } residual_t;

typedef struct int8_state {
  dn_op_t *op;          // NULL: plain loops
  const void *weights;  // packed; NULL: as they are
  int bias, residual;   // inputs' indexes; -1: none
  residual_t how;
  float *scale;  // [channels]: of a product of x and w
  int64_t channels, elements;
  size_t out_bytes;
  int8_conv_t conv;
  activation_t act;
} int8_state_t;

static void destroy(void *p) {
  int8_state_t *st = p;
  dn_op_destroy(st->op);
  mem_free(st->scale);
  mem_free(st);
}

// ---------------------------------------------------------------- oneDNN

typedef struct dequantize {
  const uint8_t *q;
  float *y;
  float scale, zero;
  bool is_unsigned;
} dequantize_t;

static void dequantize_piece(void *ctx, int64_t begin, int64_t end, int thread) {
  const dequantize_t *d = ctx;
  (void)thread;
  for (int64_t i = begin; i < end; i++)
    d->y[i] = ((d->is_unsigned ? (float)d->q[i] : (float)(int8_t)d->q[i]) - d->zero) * d->scale;
}

static status_t run_onednn(step_t *s, backend_context_t *c) {
  int8_state_t *st = s->state;
  dn_buffers_t b = {.src = step_in(s, c, 0),
                    .weights = st->weights ? st->weights : step_in(s, c, 1),
                    .dst = step_out(s, c, 0),
                    .scratch = c->scratch};
  if (st->bias >= 0) b.bias = step_in(s, c, st->bias);
  const void *r = st->residual >= 0 ? step_in(s, c, st->residual) : NULL;
  if (st->how == BESIDE) b.residual = r;
  if (st->how == IN_PLACE && r != b.dst) memcpy(b.dst, r, st->out_bytes);
  if (st->how == TO_FLOAT) {
    const net_tensor_t *t = s->layer->in[st->residual];
    dequantize_t d = {r, b.dst, t->scale, (float)t->zero_point, t->dtype == DT_UINT8};
    parallel_for(c->threads, st->elements, 16384, dequantize_piece, &d);
  }
  return dn_op_run(st->op, &b);
}

static int dn_type_of(dtype_t t) { return t == DT_UINT8 ? DN_U8 : t == DT_INT8 ? DN_S8 : DN_F32; }

static void fill_quant(const layer_t *l, int8_state_t *st, dn_problem_t *p) {
  const net_tensor_t *x = l->in[0], *y = l->out[0];
  dn_quant_t *q = &p->quant;
  *q = (dn_quant_t){.on = true,
                    .src_type = dn_type_of(x->dtype),
                    .dst_type = dn_type_of(y->dtype),
                    .src_zero = x->zero_point,
                    .weight_scale = st->scale,
                    .n_weight_scales = st->channels};
  if (is_8bit(y->dtype)) {
    q->dst_scale = y->scale;
    q->dst_zero = y->zero_point;
  }
  p->scale = 0;  // of a product: it is among the weights' scales
  p->residual = DN_RESIDUAL_NONE;
  if (st->residual < 0) return;
  const net_tensor_t *r = l->in[st->residual];
  bool both = is_8bit(r->dtype) && is_8bit(y->dtype);
  st->how = both || r->dtype == y->dtype ? IN_PLACE : is_8bit(r->dtype) ? TO_FLOAT : BESIDE;
  p->residual = st->how == BESIDE ? DN_RESIDUAL_BINARY : DN_RESIDUAL_SUM;
  q->residual_scale = both ? r->scale : 1;
  q->residual_zero = both ? r->zero_point : 0;
  q->residual_type = both ? dn_type_of(r->dtype) : DN_F32;
}

static status_t make_onednn(backend_context_t *c, const layer_t *l, dn_problem_t *p,
                            int8_state_t *st, step_t *s) {
  if (!cpu_has(CPU_AVX512_VNNI) || !dn_activation_supported(&p->act)) return NULL;
  fill_quant(l, st, p);
  status_t e = dn_op_create(p, &st->op);
  if (!e && p->pack) e = weights_for_op(c, l->in[1], st->op, &st->weights);
  if (e) {
    dn_op_destroy(st->op);
    st->op = NULL;
    bool none = status_code(e) == CODE_UNIMPLEMENTED || status_code(e) == CODE_UNAVAILABLE;
    if (!none) return e;
    status_free(e);
    return NULL;
  }
  *s = (step_t){.layer = l,
                .run = run_onednn,
                .state = st,
                .destroy = destroy,
                .scratch = dn_op_scratch_bytes(st->op),
                .reuse = st->how == IN_PLACE ? st->residual : -1,
                .tactic = dn_op_name(st->op)};
  return NULL;
}

// ---------------------------------------------------------------- plain loops

typedef struct plain {
  const int8_state_t *st;
  const layer_t *l;
  const float *bias;
  const void *residual;
  void *y;
} plain_t;

static float number_of(const net_tensor_t *t, const void *data, int64_t i) {
  if (!is_8bit(t->dtype)) return ((const float *)data)[i];
  int v = t->dtype == DT_UINT8 ? ((const uint8_t *)data)[i] : ((const int8_t *)data)[i];
  return (float)(v - t->zero_point) * t->scale;
}

static void finish_point(void *user, int64_t point, const int32_t *sums) {
  const plain_t *p = user;
  const int8_state_t *st = p->st;
  const net_tensor_t *y = p->l->out[0];
  float lo = y->dtype == DT_UINT8 ? 0 : -128, hi = y->dtype == DT_UINT8 ? 255 : 127;
  for (int64_t m = 0; m < st->channels; m++) {
    int64_t at = point * st->channels + m;
    float v = (float)sums[m] * st->scale[m];
    if (p->bias) v += p->bias[m];
    if (p->residual) v += number_of(p->l->in[st->residual], p->residual, at);
    if (st->act.on) v = (float)unary_eval(st->act.op, (double)v, st->act.alpha, st->act.beta);
    if (!is_8bit(y->dtype)) {
      ((float *)p->y)[at] = v;
      continue;
    }
    v = rintf(v / y->scale) + (float)y->zero_point;
    v = v < lo ? lo : v > hi ? hi : v == v ? v : 0;
    ((uint8_t *)p->y)[at] = (uint8_t)(int)v;
  }
}

static status_t run_plain(step_t *s, backend_context_t *c) {
  const int8_state_t *st = s->state;
  plain_t p = {.st = st, .l = s->layer, .y = step_out(s, c, 0)};
  if (st->bias >= 0) p.bias = step_in(s, c, st->bias);
  if (st->residual >= 0) p.residual = step_in(s, c, st->residual);
  if (int8_conv_run(&st->conv, step_in(s, c, 0), step_in(s, c, 1), finish_point, &p, c->threads))
    return NULL;
  return FAIL(RESOURCE_EXHAUSTED, "no memory for sums of %lld channels", (long long)st->channels);
}

static void plain_conv(const backend_context_t *c, const layer_t *l, int8_conv_t *g) {
  const conv_params_t *p = &l->p.conv;
  const shape_t *x = in_shape(c, l, 0), *w = in_shape(c, l, 1), *y = out_shape(c, l, 0);
  int skip = 3 - p->spatial;
  *g = (int8_conv_t){
      .batch = x->d[0],
      .c_in = x->d[x->rank - 1],
      .c_out = y->d[y->rank - 1],
      .groups = p->depthwise ? x->d[x->rank - 1] : x->d[x->rank - 1] / w->d[p->spatial]};
  for (int i = 0; i < 3; i++) {
    g->in[i] = g->out[i] = g->window[i] = g->stride[i] = g->dilation[i] = 1;
    if (i < skip) continue;
    int k = i - skip;
    int64_t unused;
    g->in[i] = x->d[1 + k];
    g->out[i] = y->d[1 + k];
    g->window[i] = w->d[k];
    g->stride[i] = p->strides[k];
    g->dilation[i] = p->dilations[k];
    conv_geometry(g->in[i], g->window[i], g->stride[i], g->dilation[i], p->same, p->pad_begin[k],
                  p->pad_end[k], &unused, &g->before[i]);
  }
}

static void plain_product(const backend_context_t *c, const layer_t *l, int8_conv_t *g) {
  const shape_t *x = in_shape(c, l, 0), *w = in_shape(c, l, 1);
  int64_t k = x->d[x->rank - 1];
  *g = (int8_conv_t){
      .batch = shape_elements(x) / (k ? k : 1), .c_in = k, .c_out = w->d[1], .groups = 1};
  for (int i = 0; i < 3; i++)
    g->in[i] = g->out[i] = g->window[i] = g->stride[i] = g->dilation[i] = 1;
}

// Sums of this many products of 8-bit numbers surely fit in 32 bits.
enum { MOST_PRODUCTS = 65536 };

static bool plain_takes(const int8_conv_t *g) {
  int64_t taps = g->window[0] * g->window[1] * g->window[2];
  return g->groups > 0 && g->c_out > 0 && g->c_in % g->groups == 0 && g->c_out % g->groups == 0 &&
         taps * (g->c_in / g->groups) <= MOST_PRODUCTS;
}

static void make_plain(const backend_context_t *c, const layer_t *l, int8_state_t *st, step_t *s) {
  if (l->type == LAYER_CONV && !l->p.conv.channels_last) return;
  if (l->type == LAYER_CONV)
    plain_conv(c, l, &st->conv);
  else
    plain_product(c, l, &st->conv);
  st->conv.is_unsigned = l->in[0]->dtype == DT_UINT8;
  st->conv.zero_point = l->in[0]->zero_point;
  if (!plain_takes(&st->conv) || st->conv.c_out != st->channels) return;
  *s = (step_t){
      .layer = l, .run = run_plain, .state = st, .destroy = destroy, .reuse = -1, .tactic = "int8"};
}

// ---------------------------------------------------------------- both

// A scale for each output channel, that of the input and of a product among them.
static bool make_scales(const layer_t *l, int64_t channels, int8_state_t *st) {
  const net_tensor_t *w = l->in[1];
  float by = l->in[0]->scale;
  if (l->type == LAYER_MATMUL && l->p.matmul.scale != 0) by *= l->p.matmul.scale;
  if (channels < 1 || (w->n_channel_scales ? w->n_channel_scales != channels : !(w->scale > 0)))
    return false;
  st->channels = channels;
  st->scale = mem_alloc((size_t)channels * sizeof *st->scale);
  for (int64_t i = 0; i < channels; i++)
    st->scale[i] = by * (w->n_channel_scales ? w->channel_scale[i] : w->scale);
  return true;
}

static bool operand_ok(const layer_t *l, const net_tensor_t *t) {
  (void)l;
  return t->dtype == DT_FLOAT || (is_8bit(t->dtype) && t->scale > 0 && !t->n_channel_scales);
}

status_t make_int8_step(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0), *w = in_shape(c, l, 1), *y = out_shape(c, l, 0);
  bool conv = l->type == LAYER_CONV;
  bool has_bias = conv ? l->p.conv.has_bias : l->p.matmul.has_bias;
  bool has_residual = conv ? l->p.conv.has_residual : l->p.matmul.has_residual;
  int residual = has_residual ? 2 + has_bias : -1;
  if (l->n_in != 2 + has_bias + has_residual || !operand_ok(l, l->out[0])) return NULL;
  if (l->in[1]->zero_point || l->in[0]->n_channel_scales) return NULL;
  if (has_bias && l->in[2]->dtype != DT_FLOAT) return NULL;
  if (has_residual &&
      (!operand_ok(l, l->in[residual]) || !shape_equal(in_shape(c, l, residual), y)))
    return NULL;
  if (!conv && (w->rank != 2 || w->d[0] == 0 || l->p.matmul.transpose_a ||
                l->p.matmul.transpose_b || x->rank < 2))
    return NULL;
  int64_t channels = conv ? y->d[l->p.conv.channels_last ? y->rank - 1 : 1] : w->d[1];
  if (has_bias && shape_elements(in_shape(c, l, 2)) != channels) return NULL;
  int8_state_t *st = mem_calloc(1, sizeof *st);
  st->bias = has_bias ? 2 : -1;
  st->residual = residual;
  st->act = conv ? l->p.conv.act : l->p.matmul.act;
  st->elements = shape_elements(y);
  st->out_bytes = (size_t)st->elements * dtype_size(l->out[0]->dtype);
  status_t e = NULL;
  if (make_scales(l, channels, st)) {
    dn_problem_t p = {0};
    if (conv ? conv_problem(c, l, &p) : matmul_problem(c, l, &p)) e = make_onednn(c, l, &p, st, s);
    if (!e && !s->run) make_plain(c, l, st, s);
  }
  if (e || !s->run) destroy(st);
  return e;
}
