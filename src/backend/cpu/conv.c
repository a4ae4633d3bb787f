// Convolutions, transposed convolutions and pools: oneDNN on the layouts that the model has, its
// weights packed as it likes them.
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/parallel.h"

// An activation tensor [N, spatial.., C] or [N, C, spatial..] in oneDNN's order N C spatial.
static dn_tensor_t activations(const shape_t *s, bool channels_last) {
  dn_tensor_t t = {.rank = s->rank};
  int64_t strides[SHAPE_MAX_RANK];
  shape_strides(s, strides);
  for (int i = 0; i < s->rank; i++) {
    int from = i;
    if (channels_last && i > 0) from = i == 1 ? s->rank - 1 : i - 1;
    t.dims[i] = s->d[from];
    t.strides[i] = strides[from];
  }
  return t;
}

// TF's filter [spatial.., C/groups, M] (or depthwise [spatial.., C, multiplier], whose memory is
// the same with C/groups = 1) in oneDNN's order [G] O I spatial.
static dn_tensor_t filter(const layer_t *l, const shape_t *w, int64_t groups, bool transposed) {
  int sp = l->p.conv.spatial;
  int64_t in_c = w->d[sp], out_c = w->d[sp + 1];
  if (l->p.conv.depthwise) {
    out_c *= in_c;
    in_c = 1;
  }
  dn_tensor_t t = {0};
  int64_t step = in_c * out_c;
  int r = 0;
  if (groups > 1) {
    t.dims[r] = groups;
    t.strides[r++] = out_c / groups;
  }
  if (transposed) {  // [spatial.., M, C]: the forward filter of which this is the gradient
    t.dims[r] = in_c, t.strides[r++] = out_c;
    t.dims[r] = out_c, t.strides[r++] = 1;
  } else {
    t.dims[r] = out_c / groups, t.strides[r++] = 1;
    t.dims[r] = in_c, t.strides[r++] = out_c;
  }
  for (int i = sp - 1; i >= 0; i--) {
    t.dims[r + i] = w->d[i];
    t.strides[r + i] = step;
    step *= w->d[i];
  }
  t.rank = r + sp;
  return t;
}

static void fill_window(dn_problem_t *p, const dn_tensor_t *large, const dn_tensor_t *small,
                        int spatial, const int64_t *window, const int64_t *strides,
                        const int64_t *dilations, bool same, const int64_t *begin,
                        const int64_t *end) {
  for (int i = 0; i < spatial; i++) {
    int64_t d = dilations ? dilations[i] : 1, out, before;
    conv_geometry(large->dims[2 + i], window[i], strides[i], d, same, begin[i], end[i], &out,
                  &before);
    p->stride[i] = strides[i];
    p->dilation[i] = d;
    p->kernel[i] = window[i];
    p->pad_begin[i] = before;
    int64_t after = (small->dims[2 + i] - 1) * strides[i] + (window[i] - 1) * d + 1 -
                    large->dims[2 + i] - before;
    p->pad_end[i] = after > 0 ? after : 0;
  }
}

typedef struct conv_state {
  dn_op_t *op;
  const void *weights;  // packed; NULL: the input's
  int bias, residual;   // inputs' indexes; -1: none
  size_t out_bytes;
  bool beside;        // the residual is read where it is; else it is in the output first
  tile_unary_fn act;  // when oneDNN does not do it
  float alpha, beta;
  int64_t elements;
} conv_state_t;

static void destroy(void *p) {
  conv_state_t *st = p;
  dn_op_destroy(st->op);
  mem_free(st);
}

typedef struct act_run {
  conv_state_t *st;
  float *y;
} act_run_t;
static void act_piece(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  act_run_t *r = ctx;
  r->st->act(end - begin, r->y + begin, r->y + begin, r->st->alpha, r->st->beta);
}

static status_t run(step_t *s, backend_context_t *c) {
  conv_state_t *st = s->state;
  dn_buffers_t b = {.src = step_in(s, c, 0), .dst = step_out(s, c, 0), .scratch = c->scratch};
  if (s->layer->type != LAYER_POOL) b.weights = st->weights ? st->weights : step_in(s, c, 1);
  if (st->bias >= 0) b.bias = step_in(s, c, st->bias);
  const void *r = st->residual >= 0 ? step_in(s, c, st->residual) : NULL;
  if (st->beside) b.residual = r;
  if (r && !st->beside && r != b.dst) memcpy(b.dst, r, st->out_bytes);
  TRY(dn_op_run(st->op, &b));
  if (st->act) parallel_for(c->threads, st->elements, 4096, act_piece, &(act_run_t){st, b.dst});
  return NULL;
}

// Makes the step of a problem; no step (and no error) when oneDNN does not take it.
static status_t make(backend_context_t *c, const layer_t *l, dn_problem_t *p, int bias,
                     int residual, step_t *s) {
  bool own_act = !dn_activation_supported(&p->act);
  if (own_act && (!tile_ops()->unary[p->act.op] || l->out[0]->dtype != DT_FLOAT)) return NULL;
  conv_state_t *st = mem_calloc(1, sizeof *st);
  st->bias = bias;
  st->residual = residual;
  st->elements = shape_elements(out_shape(c, l, 0));
  st->out_bytes = (size_t)st->elements * dtype_size(l->out[0]->dtype);
  st->beside = p->residual == DN_RESIDUAL_BINARY;
  if (own_act) {
    st->act = tile_ops()->unary[p->act.op];
    st->alpha = p->act.alpha, st->beta = p->act.beta;
    p->act.on = false;
  }
  status_t e = dn_op_create(p, &st->op);
  if (!e && p->pack) e = weights_for_op(c, l->in[1], st->op, &st->weights);
  if (e) {
    destroy(st);
    return dn_op_refused(e);
  }
  *s = (step_t){.layer = l,
                .run = run,
                .state = st,
                .destroy = destroy,
                .scratch = dn_op_scratch_bytes(st->op),
                .reuse = st->beside ? -1 : residual,
                .tactic = dn_op_name(st->op)};
  return NULL;
}

// Windows that see nothing of the image, and ones larger than it over one channel: oneDNN 3.7 reads
// beyond its memory, or gives wrong numbers.
static bool reaches_beyond(const dn_problem_t *p) {
  for (int i = 0; i < p->src.rank - 2; i++) {
    int64_t reach = (p->kernel[i] - 1) * p->dilation[i] + 1;
    if (p->pad_begin[i] >= reach || p->pad_end[i] >= reach) return true;
    if (p->src.dims[1] == 1 && reach > p->src.dims[2 + i]) return true;
  }
  return false;
}

bool conv_problem(const backend_context_t *c, const layer_t *l, dn_problem_t *p) {
  const conv_params_t *cp = &l->p.conv;
  const shape_t *x = in_shape(c, l, 0), *w = in_shape(c, l, 1);
  int64_t channels = x->d[cp->channels_last ? x->rank - 1 : 1];
  int64_t groups = cp->depthwise ? channels : channels / w->d[cp->spatial];
  *p = (dn_problem_t){.kind = DN_OP_CONV,
                      .src = activations(in_shape(c, l, 0), cp->channels_last),
                      .weights = filter(l, w, groups, false),
                      .dst = activations(out_shape(c, l, 0), cp->channels_last),
                      .pack = in_value(c, l, 1) != NULL,
                      .bias = cp->has_bias,
                      .act = cp->act};
  dn_types(l, layer_residual_at(l), p);
  fill_window(p, &p->src, &p->dst, cp->spatial, in_shape(c, l, 1)->d, cp->strides, cp->dilations,
              cp->same, cp->pad_begin, cp->pad_end);
  return !reaches_beyond(p);
}

static status_t make_onednn_conv(backend_context_t *c, const layer_t *l, step_t *s) {
  dn_problem_t p;
  if (!conv_problem(c, l, &p)) return NULL;
  return make(c, l, &p, layer_bias_at(l), layer_residual_at(l), s);
}

status_t make_conv_step(backend_context_t *c, const layer_t *l, step_t *s) {
  if (in_shape(c, l, 1)->d[l->p.conv.spatial] == 0) return NULL;  // no input channels
  if (layer_is_int8(l)) return make_int8_step(c, l, s);
  if (layer_is_half(l, 2, layer_bias_at(l))) {
    if (layer_tactic(c, l) != TACTIC_ONEDNN) TRY(make_own_half_conv_step(c, l, s));
    if (s->run || prefers_own(c, l) || !onednn_computes(l->in[0]->dtype)) return NULL;
    return make_onednn_conv(c, l, s);
  }
  if (!layer_is_float(l, l->n_in)) return NULL;
  bool own_first = prefers_own(c, l);
  TRY(own_first ? make_own_conv_step(c, l, s) : make_onednn_conv(c, l, s));
  if (s->run) return NULL;
  return own_first ? make_onednn_conv(c, l, s) : make_own_conv_step(c, l, s);
}

bool deconv_problem(const backend_context_t *c, const layer_t *l, dn_problem_t *p) {
  const conv_params_t *cp = &l->p.conv;
  *p = (dn_problem_t){.kind = DN_OP_DECONV,
                      .src = activations(in_shape(c, l, 0), cp->channels_last),
                      .weights = filter(l, in_shape(c, l, 1), 1, true),
                      .dst = activations(out_shape(c, l, 0), cp->channels_last),
                      .pack = in_value(c, l, 1) != NULL,
                      .bias = cp->has_bias,
                      .act = cp->act};
  dn_types(l, -1, p);
  if (p->weights.dims[1] != p->src.dims[1]) return false;  // grouped
  fill_window(p, &p->dst, &p->src, cp->spatial, in_shape(c, l, 1)->d, cp->strides, cp->dilations,
              cp->same, cp->pad_begin, cp->pad_end);
  return true;
}

static status_t make_onednn_deconv(backend_context_t *c, const layer_t *l, step_t *s) {
  dn_problem_t p;
  if (!deconv_problem(c, l, &p)) return NULL;
  return make(c, l, &p, layer_bias_at(l), -1, s);
}

status_t make_deconv_step(backend_context_t *c, const layer_t *l, step_t *s) {
  bool is_float =
      l->in[0]->dtype == DT_FLOAT && l->in[1]->dtype == DT_FLOAT && l->out[0]->dtype == DT_FLOAT;
  if (l->p.conv.depthwise || l->p.conv.has_residual) return NULL;
  if (layer_is_int8(l)) return make_int8_step(c, l, s);
  if (layer_is_half(l, 2, layer_bias_at(l)))
    return prefers_own(c, l) || !onednn_computes(l->in[0]->dtype) ? NULL
                                                                  : make_onednn_deconv(c, l, s);
  if (!is_float) return NULL;
  bool own_first = prefers_own(c, l);
  TRY(own_first ? make_own_conv_step(c, l, s) : make_onednn_deconv(c, l, s));
  if (s->run) return NULL;
  return own_first ? make_onednn_deconv(c, l, s) : make_own_conv_step(c, l, s);
}

status_t make_pool_step(backend_context_t *c, const layer_t *l, step_t *s) {
  // The largest of 8-bit numbers is the largest, whatever they stand for.
  dtype_t t = l->in[0]->dtype;
  const bool is_8bit = dtype_is_8bit_int(t);
  if (is_8bit && !l->p.pool.max) return make_average_int8_step(c, l, s);
  bool numbers = is_8bit && l->out[0]->dtype == t;
  bool half = layer_is_half(l, 1, -1) && l->out[0]->dtype == t && onednn_computes(t);
  if (!numbers && !layer_is_float(l, 1) && !half) return NULL;
  dn_problem_t p = {.kind = DN_OP_POOL,
                    .src = activations(in_shape(c, l, 0), l->p.pool.channels_last),
                    .dst = activations(out_shape(c, l, 0), l->p.pool.channels_last),
                    .pool_alg = l->p.pool.max             ? DN_POOL_MAX
                                : l->p.pool.count_padding ? DN_POOL_AVG_INCLUDE
                                                          : DN_POOL_AVG_EXCLUDE};
  fill_window(&p, &p.src, &p.dst, l->p.pool.spatial, l->p.pool.window, l->p.pool.strides, NULL,
              l->p.pool.same, l->p.pool.pad_begin, l->p.pool.pad_end);
  dn_types(l, -1, &p);
  int type = t == DT_UINT8 ? DN_U8 : DN_S8;
  if (numbers) p.quant = (dn_quant_t){.on = true, .src_type = type, .dst_type = type};
  TRY(make(c, l, &p, -1, -1, s));
  return s->run ? NULL : make_own_pool_step(c, l, s);
}
