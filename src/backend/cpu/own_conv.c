// Convolutions and transposed convolutions by our own kernels.
#include "backend/cpu/cpu.h"
#include "backend/cpu/own_act.h"
#include "kernels/conv.h"

typedef enum kind { PLAIN, DEPTHWISE, TRANSPOSED } kind_t;

typedef struct own_conv {
  kind_t kind;
  conv_shape_t shape;
  const float *packed;
  int bias, residual;  // inputs' indexes; -1: none
  gemm_epilogue_t ep;
  own_act_t act;
} own_conv_t;

static status_t run(step_t *s, backend_context_t *c) {
  const own_conv_t *st = s->state;
  const float *x = step_in(s, c, 0);
  float *y = step_out(s, c, 0);
  gemm_epilogue_t ep = st->ep;
  if (st->bias >= 0) ep.bias = step_in(s, c, st->bias);
  if (st->residual >= 0) ep.residual = step_in(s, c, st->residual);
  switch (st->kind) {
    case PLAIN: return conv_run(&st->shape, x, st->packed, y, &ep, c->threads);
    case DEPTHWISE: return depthwise_run(&st->shape, x, step_in(s, c, 1), y, &ep, c->threads);
    default: return deconv_run(&st->shape, x, st->packed, y, &ep, c->threads);
  }
}

static status_t pack(const void *self, const float *w, float *packed, int threads) {
  const own_conv_t *st = self;
  if (st->kind == TRANSPOSED) return deconv_pack(&st->shape, w, packed, threads);
  conv_pack(&st->shape, w, packed, threads);
  return NULL;
}

void conv_layer_shape(const layer_t *l, const shape_t *large, const shape_t *small,
                      const shape_t *w, conv_shape_t *s) {
  const conv_params_t *p = &l->p.conv;
  int sp = p->spatial, first = p->channels_last ? 1 : 2, ch = p->channels_last ? sp + 1 : 1;
  *s = (conv_shape_t){.spatial = sp,
                      .channels_last = p->channels_last,
                      .batch = large->d[0],
                      .in_c = large->d[ch],
                      .out_c = small->d[ch]};
  s->groups = p->depthwise ? s->in_c : s->in_c / w->d[sp];
  for (int i = 0; i < sp; i++) {
    int64_t out;
    s->in[i] = large->d[first + i];
    s->out[i] = small->d[first + i];
    s->kernel[i] = w->d[i];
    s->stride[i] = p->strides[i];
    s->dilation[i] = p->dilations[i];
    conv_geometry(s->in[i], s->kernel[i], s->stride[i], s->dilation[i], p->same, p->pad_begin[i],
                  p->pad_end[i], &out, &s->pad[i]);
  }
}

status_t make_own_conv_step(backend_context_t *c, const layer_t *l, step_t *s) {
  const conv_params_t *p = &l->p.conv;
  bool transposed = l->type == LAYER_DECONV;
  const shape_t *x = in_shape(c, l, 0), *y = out_shape(c, l, 0), *w = in_shape(c, l, 1);
  if (shape_elements(x) == 0 || shape_elements(y) == 0 || shape_elements(w) == 0) return NULL;
  own_conv_t st = {.kind = transposed     ? TRANSPOSED
                           : p->depthwise ? DEPTHWISE
                                          : PLAIN,
                   .bias = layer_bias_at(l),
                   .residual = layer_residual_at(l)};
  if (p->depthwise && p->spatial > 2) return NULL;
  conv_layer_shape(l, transposed ? y : x, transposed ? x : y, w, &st.shape);
  if (transposed && st.shape.groups != 1) return NULL;
  if (!own_act_of(&p->act, DT_FLOAT, &st.act)) return NULL;
  st.ep.clamp = st.act.clamp, st.ep.hi = st.act.hi;
  if (st.kind != DEPTHWISE) {
    if (!in_value(c, l, 1)) return NULL;
    packer_t packer = {
        .key = {shape_elements(w) / w->d[w->rank - 1], w->d[w->rank - 1], st.shape.groups, st.kind},
        .floats = transposed ? deconv_packed_floats(&st.shape) : conv_packed_floats(&st.shape),
        .pack = pack,
        .self = &st};
    if (packer.floats == 0) return NULL;
    TRY(weights_for_kernel(c, l->in[1], &packer, &st.packed));
  }
  own_conv_t *state = mem_alloc(sizeof *state);
  *state = st;
  if (st.act.fn) state->ep.act = own_act_apply, state->ep.act_arg = &state->act;
  *s = (step_t){.layer = l,
                .run = run,
                .state = state,
                .destroy = mem_free,
                .inner = conv_scratch(&st.shape),
                .reuse = -1,
                .tactic = st.kind == DEPTHWISE ? "depthwise" : "gemm"};
  return NULL;
}
