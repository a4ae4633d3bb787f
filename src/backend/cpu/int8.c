// Convolutions, transposed ones and products on 8-bit tensors: oneDNN where the CPU has
// instructions that sum such products exactly (VNNI and later; before, its sums of pairs saturate),
// or our own kernels (own_int8.c), which are exact everywhere.
#include "backend/cpu/int8.h"

#include <string.h>

#include "base/cpu.h"
#include "base/parallel.h"
#include "kernels/quantize.h"

// What happens to the residual.
typedef enum residual { NO_RESIDUAL, IN_PLACE, TO_FLOAT, BESIDE } residual_t;

typedef struct int8_state {
  dn_op_t *op;
  const void *weights;  // packed; NULL: as they are
  int8_layer_t i;
  residual_t how;
  int64_t elements;
  // Where the input has a zero point and nothing is padded: what the zero point adds to each
  // channel's sum is taken off the bias, [channels] each.
  float *shift, *bias;  // bias with the shift in it; the latter alone where there is no bias
  bool bias_ready;
  size_t out_bytes;
} int8_state_t;

static void destroy(void *p) {
  int8_state_t *st = p;
  dn_op_destroy(st->op);
  mem_free(st->shift);
  mem_free(st->bias);
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
  dequantize_numbers(d->q + begin, d->is_unsigned, d->zero, d->scale, d->y + begin, end - begin);
}

static void shift_bias(int8_state_t *st, const float *bias) {
  for (int64_t m = 0; m < st->i.channels; m++) st->bias[m] = (bias ? bias[m] : 0) + st->shift[m];
}

static status_t run_onednn(step_t *s, backend_context_t *c) {
  int8_state_t *st = s->state;
  dn_buffers_t b = {.src = step_in(s, c, 0),
                    .weights = st->weights ? st->weights : step_in(s, c, 1),
                    .dst = step_out(s, c, 0),
                    .scratch = c->scratch};
  if (st->i.bias >= 0) b.bias = step_in(s, c, st->i.bias);
  if (st->shift) {
    if (!st->bias_ready) shift_bias(st, b.bias);
    b.bias = st->bias;
  }
  const void *r = st->i.residual >= 0 ? step_in(s, c, st->i.residual) : NULL;
  if (st->how == BESIDE) b.residual = r;
  if (st->how == IN_PLACE && r != b.dst) memcpy(b.dst, r, st->out_bytes);
  if (st->how == TO_FLOAT) {
    const net_tensor_t *t = s->layer->in[st->i.residual];
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
                    .weight_scale = st->i.scale,
                    .n_weight_scales = st->i.channels};
  if (dtype_is_8bit_int(y->dtype)) {
    q->dst_scale = y->scale;
    q->dst_zero = y->zero_point;
  }
  p->scale = 0;  // of a product: it is among the weights' scales
  p->residual = DN_RESIDUAL_NONE;
  if (st->i.residual < 0) return;
  const net_tensor_t *r = l->in[st->i.residual];
  bool both = dtype_is_8bit_int(r->dtype) && dtype_is_8bit_int(y->dtype);
  st->how = both || r->dtype == y->dtype  ? IN_PLACE
            : dtype_is_8bit_int(r->dtype) ? TO_FLOAT
                                          : BESIDE;
  p->residual = st->how == BESIDE ? DN_RESIDUAL_BINARY : DN_RESIDUAL_SUM;
  q->residual_scale = both ? r->scale : 1;
  q->residual_zero = both ? r->zero_point : 0;
  q->residual_type = both ? dn_type_of(r->dtype) : DN_F32;
}

// Do some sums take in fewer products than others?
static bool padded(const dn_problem_t *p) {
  if (p->kind == DN_OP_DECONV) return true;
  for (int i = 0; i < 3 && p->kind == DN_OP_CONV; i++)
    if (p->pad_begin[i] || p->pad_end[i]) return true;
  return false;
}

// Sums over (x - zero) w are sums over x w less zero times the weights' sum. Padding is the real 0,
// which oneDNN must know by itself, as it must where weights are not [.., channels].
static void take_zero_off(const backend_context_t *c, const layer_t *l, int8_state_t *st,
                          dn_problem_t *p) {
  const tensor_t *w = in_value(c, l, 1);
  int64_t channels = st->i.channels, n = w ? tensor_elements(w) : 0;
  if (!p->quant.src_zero || !w || padded(p)) return;
  if (l->type == LAYER_MATMUL && (w->shape.rank != 2 || l->p.matmul.transpose_b)) return;
  int64_t *sums = mem_calloc((size_t)channels, sizeof *sums);
  const int8_t *numbers = w->data;  // the output's channel is the last axis
  for (int64_t i = 0; i + channels <= n; i += channels)
    for (int64_t m = 0; m < channels; m++) sums[m] += numbers[i + m];
  st->shift = mem_alloc((size_t)channels * sizeof *st->shift);
  st->bias = mem_alloc((size_t)channels * sizeof *st->bias);
  for (int64_t m = 0; m < channels; m++)
    st->shift[m] = (float)(-(double)p->quant.src_zero * (double)sums[m] * (double)st->i.scale[m]);
  mem_free(sums);
  const tensor_t *bias = st->i.bias >= 0 ? in_value(c, l, st->i.bias) : NULL;
  st->bias_ready = bias || st->i.bias < 0;
  if (st->bias_ready) shift_bias(st, bias ? bias->data : NULL);
  p->bias = true;
  p->quant.src_zero = 0;
}

// Are there outputs that no window reaches, behind the last one or between two? oneDNN's 8-bit
// kernels leave them as they are.
static bool has_outputs_outside(const dn_problem_t *p) {
  for (int i = 0; i < p->dst.rank - 2 && p->kind == DN_OP_DECONV; i++) {
    int64_t end = (p->src.dims[2 + i] - 1) * p->stride[i] + p->kernel[i] - p->pad_begin[i];
    if (end < p->dst.dims[2 + i] || p->kernel[i] < p->stride[i]) return true;
  }
  return false;
}

// Does oneDNN sum exactly here?
static bool onednn_is_exact(void) { return cpu_has(CPU_AVX512_VNNI) || cpu_isa() == CPU_AVX2_VNNI; }

static status_t make_onednn(backend_context_t *c, const layer_t *l, const int8_layer_t *i,
                            step_t *s) {
  dn_problem_t p = {0};
  bool known = l->type == LAYER_CONV     ? conv_problem(c, l, &p)
               : l->type == LAYER_DECONV ? deconv_problem(c, l, &p)
                                         : matmul_problem(c, l, &p);
  if (!known || !onednn_is_exact() || has_outputs_outside(&p) || !dn_activation_supported(&p.act))
    return NULL;
  int8_state_t *st = mem_calloc(1, sizeof *st);
  st->i = *i;
  st->elements = shape_elements(out_shape(c, l, 0));
  st->out_bytes = (size_t)st->elements * dtype_size(l->out[0]->dtype);
  fill_quant(l, st, &p);
  take_zero_off(c, l, st, &p);
  status_t e = dn_op_create(&p, &st->op);
  st->i.scale = NULL;  // the op has its own
  if (!e && p.pack) e = weights_for_op(c, l->in[1], st->op, &st->weights);
  if (e) {
    destroy(st);
    return dn_op_refused(e);
  }
  *s = (step_t){.layer = l,
                .run = run_onednn,
                .state = st,
                .destroy = destroy,
                .scratch = dn_op_scratch_bytes(st->op),
                .reuse = st->how == IN_PLACE ? st->i.residual : -1,
                .tactic = dn_op_name(st->op)};
  return NULL;
}

// ---------------------------------------------------------------- both

bool layer_is_int8(const layer_t *l) {
  bool kind = l->type == LAYER_CONV || l->type == LAYER_DECONV || l->type == LAYER_MATMUL;
  return kind && l->n_in >= 2 && dtype_is_8bit_int(l->in[0]->dtype) && l->in[0]->scale > 0 &&
         l->in[1]->dtype == DT_INT8;
}

// A scale for each output channel, that of the input and of a product among them.
static bool make_scales(const layer_t *l, int8_layer_t *i) {
  const net_tensor_t *w = l->in[1];
  float by = l->in[0]->scale;
  int64_t n = i->channels;
  if (l->type == LAYER_MATMUL && l->p.matmul.scale != 0) by *= l->p.matmul.scale;
  if (n < 1 || (w->n_channel_scales ? w->n_channel_scales != n : !(w->scale > 0))) return false;
  i->scale = mem_alloc((size_t)n * sizeof *i->scale);
  for (int64_t k = 0; k < n; k++)
    i->scale[k] = by * (w->n_channel_scales ? w->channel_scale[k] : w->scale);
  return true;
}

static bool operand_ok(const net_tensor_t *t) {
  return t->dtype == DT_FLOAT ||
         (dtype_is_8bit_int(t->dtype) && t->scale > 0 && !t->n_channel_scales);
}

// Is the layer one that there are kernels for? Its scales are to be freed.
static bool describe(const backend_context_t *c, const layer_t *l, int8_layer_t *i) {
  const shape_t *x = in_shape(c, l, 0), *w = in_shape(c, l, 1), *y = out_shape(c, l, 0);
  bool conv = l->type != LAYER_MATMUL;
  int first = l->type == LAYER_DECONV ? 3 : 2;  // behind the operands
  *i = (int8_layer_t){.bias = layer_bias_at(l), .residual = layer_residual_at(l)};
  const bool has_bias = i->bias >= 0, has_residual = i->residual >= 0;
  i->act = conv ? l->p.conv.act : l->p.matmul.act;
  if (l->n_in != first + has_bias + has_residual || !operand_ok(l->out[0])) return false;
  if (l->in[1]->zero_point || l->in[0]->n_channel_scales) return false;
  if (has_bias && l->in[i->bias]->dtype != DT_FLOAT) return false;
  if (has_residual &&
      (!operand_ok(l->in[i->residual]) || !shape_equal(in_shape(c, l, i->residual), y)))
    return false;
  if (!conv &&
      (x->rank < 2 || w->rank < 2 || x->d[x->rank - (l->p.matmul.transpose_a ? 2 : 1)] == 0))
    return false;
  i->channels = y->d[!conv || l->p.conv.channels_last ? y->rank - 1 : 1];
  if (has_bias && shape_elements(in_shape(c, l, i->bias)) != i->channels) return false;
  return make_scales(l, i);
}

static bool untimed(const backend_context_t *c) {
  return c->tactic == TACTIC_DEFAULT && !c->engine->tactics;
}

// As far as is known without timing: depthwise layers whose rows of outputs share their input.
static bool ours_is_faster(const layer_t *l) {
  const conv_params_t *p = &l->p.conv;
  return l->type == LAYER_CONV && p->depthwise && p->channels_last && p->strides[0] == 1 &&
         p->dilations[0] == 1;
}

status_t make_int8_step(backend_context_t *c, const layer_t *l, step_t *s) {
  int8_layer_t i;
  if (!describe(c, l, &i)) return NULL;
  bool own_first = prefers_own(c, l) || (untimed(c) && ours_is_faster(l));
  status_t e = own_first ? make_own_int8_step(c, l, &i, s) : make_onednn(c, l, &i, s);
  if (!e && !s->run) e = own_first ? make_onednn(c, l, &i, s) : make_own_int8_step(c, l, &i, s);
  mem_free(i.scale);
  return e;
}
