// Which layers compute in 8 bits. An implicit network's convolutions and products read their input
// quantized by its range; an explicit one's where its own DEQUANTIZE layers stand before them. Then
// QUANTIZE moves up and DEQUANTIZE down through what only moves numbers, and what is left between
// two such layers is the output of the first.
//
// A layer is in 8 bits when its inputs 0 and 1 (of a mean: 0) are (network.h); rounding is to the
// nearest step.
#include "network/passes/quantize.h"

#include <math.h>
#include <string.h>

#include "network/passes/logarithm.h"
#include "network/passes/pass.h"
#include "network/ranges.h"
#include "network/rounding.h"

// Ranges that fill more of their magnitude's two sides than this are symmetric.
static const float MOST_SYMMETRIC = 0.97f;

static bool heavy(const layer_t *l) {
  bool kind = l->type == LAYER_CONV || l->type == LAYER_DECONV || l->type == LAYER_MATMUL;
  return !l->dead && kind && l->n_in >= 2;
}

static bool averages(const layer_t *l) { return !l->dead && l->n_in == 1 && layer_averages(l); }

static bool in_int8(const layer_t *l) {
  return (heavy(l) || averages(l)) && dtype_is_8bit_int(l->in[0]->dtype) && l->in[0]->scale > 0;
}

// ---------------------------------------------------------------- what tensors are

static bool keeps_sign(const layer_t *l) {
  switch (l->type) {
    case LAYER_IDENTITY:
    case LAYER_POOL:
    case LAYER_SLICE:
    case LAYER_TRANSPOSE:
    case LAYER_RESHAPE:
    case LAYER_SQUEEZE:
    case LAYER_EXPAND_DIMS:
    case LAYER_SPLIT:
    case LAYER_CONCAT: return true;
    case LAYER_PAD: return l->n_in < 3;
    default: return false;
  }
}

// The least value of a function, from below; -INFINITY: it has none.
static float least_of_unary(unary_op_t op, float alpha) {
  switch (op) {
    case UNARY_RELU:
    case UNARY_RELU6:
    case UNARY_SIGMOID:
    case UNARY_HARD_SIGMOID:
    case UNARY_EXP:
    case UNARY_SQUARE:
    case UNARY_ABS:
    case UNARY_SOFTPLUS: return 0;
    case UNARY_CLIP: return alpha;
    case UNARY_GELU_ERF: return -0.169971f;   // at -0.75179
    case UNARY_GELU_TANH: return -0.170041f;  // at -0.75246
    case UNARY_SWISH: return -0.278465f;      // at -1.27846
    case UNARY_MISH: return -0.308844f;       // at -1.19282
    case UNARY_HARD_SWISH: return -0.375f;    // at -1.5
    case UNARY_ELU:
    case UNARY_TANH:
    case UNARY_SOFTSIGN: return -1;
    case UNARY_SELU: return -1.758100f;  // towards -infinity: -lambda * alpha
    default: return -INFINITY;
  }
}

// No value of t is less, whatever the network is given; -INFINITY: that is not known.
static float least_of(const net_tensor_t *t, int depth) {
  const layer_t *l = t->producer;
  const activation_t *a = NULL;
  if (!l || depth > 24) return -INFINITY;
  if (keeps_sign(l)) {
    int n = l->type == LAYER_CONCAT ? l->n_in : 1;
    float least = 0;
    for (int i = 0; i < n; i++) least = fminf(least, least_of(l->in[i], depth + 1));
    return least;
  }
  if (l->type == LAYER_CONV) a = &l->p.conv.act;
  if (l->type == LAYER_MATMUL) a = &l->p.matmul.act;
  if (a) return a->on ? least_of_unary(a->op, a->alpha) : -INFINITY;
  if (l->type == LAYER_UNARY) return least_of_unary(l->p.unary.op, l->p.unary.alpha);
  return l->type == LAYER_SOFTMAX && !l->p.softmax.log ? 0 : -INFINITY;
}

// ---------------------------------------------------------------- making Q and DQ

typedef struct steps {
  dtype_t dtype;
  float scale;
  layer_params_t p;  // of a QUANTIZE to them
} steps_t;

static steps_t steps_of(const layer_t *q) {
  return (steps_t){q->out[0]->dtype, q->out[0]->scale, q->p};
}

static bool same_steps(const net_tensor_t *a, const net_tensor_t *b) {
  return a->dtype == b->dtype && a->scale == b->scale && a->zero_point == b->zero_point;
}

static void set_factors(net_tensor_t *t, const net_tensor_t *like) {
  t->channel_factor = like->channel_factor;
  t->n_channel_factors = like->n_channel_factors;
}

static void set_steps(net_tensor_t *t, const net_tensor_t *like) {
  t->scale = like->scale;
  t->zero_point = like->zero_point;
}

static bool same_quantize(const layer_t *q, const steps_t *s) {
  const layer_params_t *a = &q->p, *b = &s->p;
  return q->out[0]->dtype == s->dtype && q->out[0]->scale == s->scale && a->quantize.axis == -1 &&
         a->quantize.zero_point == b->quantize.zero_point &&
         a->quantize.narrow == b->quantize.narrow && a->quantize.rounding == b->quantize.rounding &&
         a->quantize.multiplier == b->quantize.multiplier && a->quantize.base == b->quantize.base;
}

static net_tensor_t *add_quantize(network_t *n, net_tensor_t *x, const steps_t *s) {
  for (int i = 0; i < n->n_layers; i++) {  // there may be one already
    const layer_t *l = n->layers[i];
    if (!l->dead && l->type == LAYER_QUANTIZE && l->in[0] == x && same_quantize(l, s))
      return l->out[0];
  }
  net_tensor_t *in[] = {x, network_const_scalar(n, "scale", DT_FLOAT, (double)s->scale)};
  const char *name = arena_printf(n->arena, "%s/quantize", x->name);
  layer_t *q = network_add_layer(n, LAYER_QUANTIZE, name, 2, in, 1, &s->dtype);
  q->p = s->p;
  q->out[0]->name = x->name;  // what its numbers stand for
  q->out[0]->shape = x->shape;
  q->out[0]->scale = s->scale;
  q->out[0]->zero_point = s->p.quantize.zero_point;
  set_factors(q->out[0], x);
  return q->out[0];
}

static net_tensor_t *add_dequantize(network_t *n, net_tensor_t *q, const char *name) {
  dtype_t to = DT_FLOAT;
  net_tensor_t *in[] = {q, network_const_scalar(n, "scale", DT_FLOAT, (double)q->scale)};
  layer_t *d = network_add_layer(n, LAYER_DEQUANTIZE, name, 2, in, 1, &to);
  d->p = (layer_params_t){.quantize = {.axis = -1, .zero_point = q->zero_point}};
  d->out[0]->shape = q->shape;
  set_factors(d->out[0], q);
  return d->out[0];
}

// The QUANTIZE of a whole tensor with a known scale; NULL when t is made otherwise.
static layer_t *quantize_of(const net_tensor_t *t) {
  layer_t *l = made_by(t, LAYER_QUANTIZE);
  double scale;
  if (!l || !const_number(l->in[1], &scale) || !(scale > 0) || l->in[0]->dtype != DT_FLOAT)
    return NULL;
  return l;
}

static layer_t *dequantize_of(const net_tensor_t *t) {
  layer_t *l = made_by(t, LAYER_DEQUANTIZE);
  double scale;
  if (!l || l->out[0]->dtype != DT_FLOAT || !dtype_is_8bit_int(l->in[0]->dtype)) return NULL;
  if (!const_number(l->in[1], &scale) || !(scale > 0)) return NULL;
  const net_tensor_t *q = l->in[0];
  // What its numbers mean must be the same for all who look.
  if (q->scale > 0 && (q->scale != (float)scale || q->zero_point != l->p.quantize.zero_point))
    return NULL;
  return l;
}

// Writes on every 8-bit tensor what its QUANTIZE or DEQUANTIZE says of its numbers.
static void note_steps(network_t *n) {
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    if (l->dead) continue;
    bool q = l->type == LAYER_QUANTIZE && quantize_of(l->out[0]) == l;
    bool d = l->type == LAYER_DEQUANTIZE && dequantize_of(l->out[0]) == l;
    net_tensor_t *t = q ? l->out[0] : l->in[0];
    if ((!q && !d) || t->scale > 0) continue;
    t->scale = (float)tensor_number_at(&l->in[1]->value, 0);
    t->zero_point = l->p.quantize.zero_point;
  }
}

// ---------------------------------------------------------------- weights

static int64_t weight_channels(const layer_t *l) {
  const shape_t *w = &l->in[1]->shape;
  int r = w->rank;
  bool depthwise = l->type == LAYER_CONV && l->p.conv.depthwise;
  if (l->type == LAYER_DECONV) return w->d[r - 2];
  return depthwise ? w->d[r - 1] * w->d[r - 2] : w->d[r - 1];
}

// Inputs that each output channel sums over.
static int64_t weight_inputs(const layer_t *l) {
  const shape_t *w = &l->in[1]->shape;
  if (l->type == LAYER_DECONV) return w->d[w->rank - 1];
  return l->type == LAYER_CONV && l->p.conv.depthwise ? 1 : w->d[w->rank - 2];
}

static bool deconv_fits(const layer_t *l) {
  const conv_params_t *p = &l->p.conv;
  const shape_t *x = &l->in[0]->shape, *w = &l->in[1]->shape;
  bool fits = w->rank >= 3 && x->rank == w->rank && !p->depthwise && !p->has_residual &&
              x->d[p->channels_last ? x->rank - 1 : 1] == w->d[w->rank - 1];
  for (int i = 0; i < p->spatial; i++) fits = fits && p->dilations[i] <= 1;
  return fits && l->out[0]->dtype == DT_FLOAT;
}

static bool layout_fits(const layer_t *l) {
  int r = l->in[1]->shape.rank;
  if (l->type == LAYER_CONV) return r >= 3 && l->out[0]->dtype == DT_FLOAT;
  if (l->type == LAYER_DECONV) return deconv_fits(l);
  return r == 2 && !l->p.matmul.transpose_a && l->in[0]->shape.rank >= 2 &&
         l->out[0]->dtype == DT_FLOAT;
}

// round_weights of [positions, channels, inputs].
static void round_rows(const float *w, int64_t positions, int64_t inputs, int64_t channels,
                       const float *scale, int8_t *q) {
  int64_t block = inputs * channels;
  float *turned = mem_alloc((size_t)(positions * block) * sizeof *turned);
  int8_t *numbers = mem_alloc((size_t)(positions * block));
  for (int64_t i = 0; i < positions * block; i++)
    turned[i / block * block + i % inputs * channels + i % block / inputs] = w[i];
  round_weights(turned, positions, inputs, channels, scale, numbers);
  for (int64_t i = 0; i < positions * block; i++)
    q[i] = numbers[i / block * block + i % inputs * channels + i % block / inputs];
  mem_free(turned);
  mem_free(numbers);
}

// The 8-bit form of a constant: 127 steps to the largest magnitude of each output channel.
static net_tensor_t *int8_weights(network_t *n, const layer_t *l) {
  const net_tensor_t *w = l->in[1];
  int64_t channels = weight_channels(l), count = tensor_elements(&w->value);
  tensor_t q;
  if (channels < 1 || count < 1 || count % channels) return NULL;
  status_t st = tensor_alloc(DT_INT8, &w->shape, &q);
  if (st) {
    status_free(st);
    return NULL;
  }
  float *scale = arena_alloc(n->arena, (size_t)channels * sizeof *scale);
  const float *v = w->value.data;
  const int64_t inputs = weight_inputs(l), run = l->type == LAYER_DECONV ? inputs : 1;
  bool finite = true;
  for (int64_t i = 0; i < count; i++) {
    int64_t k = i / run % channels;
    finite = finite && isfinite(v[i]);
    scale[k] = fmaxf(scale[k], fabsf(v[i]));
  }
  for (int64_t k = 0; k < channels; k++) scale[k] = scale[k] > 1e-30f ? scale[k] / 127 : 1;
  if (finite && run > 1)
    round_rows(v, count / channels / inputs, inputs, channels, scale, TENSOR_DATA(int8_t, &q));
  else if (finite)
    round_weights(v, count / channels / inputs, inputs, channels, scale, TENSOR_DATA(int8_t, &q));
  net_tensor_t *t = finite ? network_add_constant(n, w->name, &q, NULL) : NULL;
  tensor_unref(&q);
  if (!t) return NULL;
  t->channel_scale = scale;
  t->n_channel_scales = channels;
  return t;
}

// A constant behind DEQUANTIZE, when its numbers are signed and it has one scale, or one per output
// channel.
static net_tensor_t *explicit_weights(network_t *n, const layer_t *l) {
  const layer_t *d = made_by(l->in[1], LAYER_DEQUANTIZE);
  if (!d || !d->in[0]->is_const || d->in[0]->dtype != DT_INT8 || !d->in[1]->is_const ||
      d->p.quantize.zero_point != 0)
    return NULL;
  const tensor_t *s = &d->in[1]->value;
  int64_t channels = weight_channels(l), given = tensor_elements(s);
  int last = l->in[1]->shape.rank - 1, axis = d->p.quantize.axis;
  bool depthwise = l->type == LAYER_CONV && l->p.conv.depthwise;
  int channel_axis = depthwise || l->type == LAYER_DECONV ? last - 1 : last;
  if (channels < 1 || (given != 1 && axis != channel_axis)) return NULL;
  if (given != 1 && depthwise && l->in[1]->shape.d[last] != 1) return NULL;
  if (given != 1 && given != channels) return NULL;
  float *scale = arena_alloc(n->arena, (size_t)channels * sizeof *scale);
  for (int64_t k = 0; k < channels; k++) {
    scale[k] = (float)tensor_number_at(s, given == 1 ? 0 : k);
    if (!(scale[k] > 0)) return NULL;
  }
  net_tensor_t *t = network_add_constant(n, d->in[0]->name, &d->in[0]->value, NULL);
  t->channel_scale = scale;
  t->n_channel_scales = channels;
  return t;
}

// ---------------------------------------------------------------- layers

// How a tensor is read in 8 bits: 127 steps to either side, or, where it fills clearly less than
// that, 255 steps between its bounds, one of which is 0.
static steps_t steps_of_range(const net_tensor_t *x, const range_t *r) {
  float least = fmaxf(r->least, fminf(least_of(x, 0), 0)), width = r->most - least;
  steps_t s = {DT_INT8, r->scale, {.quantize = {.axis = -1}}};
  if (!(width < 254 * r->scale * MOST_SYMMETRIC) || !(width > 0)) return s;
  s.dtype = DT_UINT8;
  s.scale = width / 255;
  s.p.quantize.zero_point = (int)rintf(-least / s.scale);
  return s;
}

static net_tensor_t *quantized_input(network_t *n, net_tensor_t *x) {
  range_t range = network_range_of(x);
  for (int i = 0; i < n->n_layers; i++) {  // made for another reader
    layer_t *l = n->layers[i];
    if (!l->dead && l->type == LAYER_QUANTIZE && l->in[0] == x && l->out[0]->scale > 0)
      return l->out[0];
  }
  if (!(range.scale > 0)) return NULL;
  steps_t s = steps_of_range(x, &range);
  return add_quantize(n, x, &s);
}

static void take_int8_inputs(network_t *n, layer_t *l, net_tensor_t *x, net_tensor_t *w) {
  net_tensor_t *in[8];
  for (int i = 0; i < l->n_in; i++) in[i] = l->in[i];
  in[0] = x;
  in[1] = w;
  set_inputs(n, l, l->n_in, in);
}

// Is t a softmax's result, moved or not?
static bool is_softmax(const net_tensor_t *t) {
  const layer_t *l = t->producer;
  while (l && l->type != LAYER_SOFTMAX && keeps_sign(l) && l->n_in > 0) l = l->in[0]->producer;
  return l && l->type == LAYER_SOFTMAX;
}

// Quantizing smaller matrices costs more than is won.
static bool is_small(const shape_t *s) {
  enum { LEAST = 4096 };
  int64_t rows = s->d[s->rank - 2], cols = s->d[s->rank - 1];
  return rows >= 0 && cols >= 0 && rows * cols < LEAST;
}

// NULL, or why a product of two activations stays float in a calibrated network.
static const char *why_float_product(const layer_t *l) {
  if (l->type != LAYER_MATMUL || l->in[1]->is_const) return "it is no product of activations";
  if (l->p.matmul.has_residual || l->in[0]->shape.rank < 2 || l->in[1]->shape.rank < 2)
    return "no 8-bit kernel takes its layout";
  // BERT's error grows by a hundredth (bench/int8_accuracy.py), for a fiftieth of its time.
  if (is_softmax(l->in[0]) || is_softmax(l->in[1]))
    return "it weighs by a softmax, most of whose values are below 8 bits' steps";
  if (!(network_range_of(l->in[0]).scale > 0) || !(network_range_of(l->in[1]).scale > 0))
    return "no range is known of its inputs";
  return is_small(&l->in[1]->shape) ? "it is too small to gain from 8 bits" : NULL;
}

// The second operand must be what weights' numbers are.
static void take_product(network_t *n, layer_t *l) {
  range_t range = network_range_of(l->in[1]);
  const steps_t s = {DT_INT8, range.scale, {.quantize = {.axis = -1}}};
  net_tensor_t *b = add_quantize(n, l->in[1], &s);
  take_int8_inputs(n, l, quantized_input(n, l->in[0]), b);
}

bool becomes_int8(const network_t *n, const layer_t *l, const bool *logarithms) {
  return heavy(l) && l->n_in <= 4 && layer_takes_int8(l) && l->in[1]->is_const && layout_fits(l) &&
         network_range_of(l->in[0]).scale > 0 && !network_kept(n, l) && !logarithms[l->out[0]->id];
}

int pass_int8_implicit(network_t *n) {
  int count = 0;
  if (!n->int8 || !n->implicit_ranges) return 0;
  bool *logarithms = tensors_of_logarithms(n);
  for (int i = 0, n_layers = n->n_layers; i < n_layers; i++) {
    layer_t *l = n->layers[i];
    if (!heavy(l) || l->n_in > 4 || network_kept(n, l) || logarithms[l->out[0]->id]) continue;
    if (l->in[0]->dtype == DT_FLOAT && l->in[1]->dtype == DT_FLOAT &&
        l->out[0]->dtype == DT_FLOAT && !why_float_product(l)) {
      take_product(n, l);
      count++;
      continue;
    }
    if (!becomes_int8(n, l, logarithms)) continue;
    straighten_weights(n, l);
    net_tensor_t *w =
        l->type == LAYER_MATMUL && l->p.matmul.transpose_b ? NULL : int8_weights(n, l);
    net_tensor_t *x = w ? quantized_input(n, l->in[0]) : NULL;
    if (!x) continue;
    take_int8_inputs(n, l, x, w);
    count++;
  }
  mem_free(logarithms);
  return count;
}

// A product of two activations: the second one's numbers must be what weights' are.
static net_tensor_t *second_numbers(const layer_t *l) {
  if (l->type != LAYER_MATMUL || l->p.matmul.has_residual || l->out[0]->dtype != DT_FLOAT ||
      l->in[0]->shape.rank < 2 || l->in[1]->shape.rank < 2)
    return NULL;
  const layer_t *d = dequantize_of(l->in[1]);
  bool fits = d && !d->in[0]->is_const && d->in[0]->dtype == DT_INT8 && d->in[0]->scale > 0 &&
              d->in[0]->zero_point == 0;
  return fits ? d->in[0] : NULL;
}

int pass_int8_explicit(network_t *n) {
  int count = 0;
  if (!n->int8) return 0;
  note_steps(n);
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (!heavy(l) || l->n_in > 4 || dtype_is_8bit_int(l->in[0]->dtype) || network_kept(n, l))
      continue;
    const layer_t *d = dequantize_of(l->in[0]);
    if (!d || d->in[0]->is_const) continue;
    net_tensor_t *w = second_numbers(l);
    if (w) inherit_nodes(n, l, l->in[1]->producer);
    if (!w && layout_fits(l)) {
      straighten_weights(n, l);
      bool transposed = l->type == LAYER_MATMUL && l->p.matmul.transpose_b;
      w = transposed ? NULL : explicit_weights(n, l);
    }
    if (!w) continue;
    take_int8_inputs(n, l, d->in[0], w);
    inherit_nodes(n, l, d);
    count++;
  }
  return count;
}

// ---------------------------------------------------------------- means

// Kernels sum over adjacent axes.
static bool mean_fits(const layer_t *l) {
  unsigned axes = 0;
  if (l->in[0]->dtype != DT_FLOAT || l->out[0]->dtype != DT_FLOAT) return false;
  if (l->type != LAYER_REDUCE) return true;
  for (int i = 0; i < l->p.n_axes; i++) {
    int axis = l->p.axes[i] + (l->p.axes[i] < 0 ? l->in[0]->shape.rank : 0);
    if (axis < 0 || axis >= l->in[0]->shape.rank) return false;
    axes |= 1u << axis;
  }
  while (axes && !(axes & 1)) axes >>= 1;
  return axes && !(axes & (axes + 1));
}

// Does nothing read t but 8-bit layers?
static bool only_quantized(const network_t *n, const net_tensor_t *t) {
  int readers = 0;
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    if (!l->dead && l->type == LAYER_QUANTIZE && l->in[0] == t && l->out[0]->scale > 0) readers++;
  }
  return readers > 0 && readers == t->n_readers;
}

// What a mean of a calibrated network reads in 8 bits: numbers that are there for another layer,
// or what would come from there to an 8-bit layer. To others its result would only lose bits.
static net_tensor_t *numbers_for_mean(network_t *n, const layer_t *l) {
  const net_tensor_t *x = l->in[0];
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *q = n->layers[i];
    if (!q->dead && q->type == LAYER_QUANTIZE && q->in[0] == x && quantize_of(q->out[0]) == q)
      return q->out[0];
  }
  return only_quantized(n, l->out[0]) ? quantized_input(n, l->in[0]) : NULL;
}

int pass_int8_means(network_t *n) {
  int count = 0;
  if (!n->int8) return 0;
  note_steps(n);
  bool *logarithms = n->implicit_ranges ? tensors_of_logarithms(n) : NULL;
  for (int i = 0, n_layers = n->n_layers; i < n_layers; i++) {
    layer_t *l = n->layers[i];
    if (!averages(l) || !mean_fits(l) || network_kept(n, l) ||
        (logarithms && logarithms[l->out[0]->id]))
      continue;
    const layer_t *d = dequantize_of(l->in[0]);
    net_tensor_t *q = d && !d->in[0]->is_const && d->in[0]->scale > 0 ? d->in[0] : NULL;
    if (!q && n->implicit_ranges) q = numbers_for_mean(n, l);
    if (!q) continue;
    set_inputs(n, l, 1, &q);
    if (d) inherit_nodes(n, l, d);
    count++;
  }
  mem_free(logarithms);
  return count;
}

// ---------------------------------------------------------------- through layers that move

// Can the real value 0 be told in the numbers of q?
static bool zero_fits(const net_tensor_t *q) {
  int least = q->dtype == DT_UINT8 ? 0 : -128;
  return q->zero_point >= least && q->zero_point <= least + 255;
}

// Its first input's numbers, in other places; zeros that it adds are the zero point's.
static bool moves_numbers(const layer_t *l, const net_tensor_t *q) {
  switch (l->type) {
    case LAYER_IDENTITY:
    case LAYER_SLICE:
    case LAYER_TRANSPOSE:
    case LAYER_RESHAPE:
    case LAYER_SQUEEZE:
    case LAYER_EXPAND_DIMS:
    case LAYER_BROADCAST:
    case LAYER_TILE:
    case LAYER_REVERSE:
    case LAYER_DEPTH_TO_SPACE:
    case LAYER_SPACE_TO_DEPTH:
    case LAYER_SPLIT:
    case LAYER_UNPACK: return true;
    case LAYER_PAD: return l->n_in < 3 && zero_fits(q);
    case LAYER_POOL: return l->p.pool.max;
    case LAYER_RESIZE: return l->p.resize.mode == RESIZE_NEAREST;
    default: return false;
  }
}

static void move_to(network_t *n, layer_t *l, net_tensor_t *x) {
  net_tensor_t *in[8];
  for (int i = 0; i < l->n_in && i < 8; i++) in[i] = l->in[i];
  in[0] = x;
  set_inputs(n, l, l->n_in, in);
}

// What the mover m makes of q instead of its input.
static layer_t *moved(network_t *n, const layer_t *m, net_tensor_t *q) {
  dtype_t *dtypes = arena_alloc(n->arena, (size_t)m->n_out * sizeof *dtypes);
  for (int i = 0; i < m->n_out; i++) dtypes[i] = q->dtype;
  layer_t *l = network_add_layer(n, m->type, m->name, m->n_in, m->in, m->n_out, dtypes);
  l->p = m->p;
  move_to(n, l, q);
  if (m->type == LAYER_PAD && m->p.pad.mode == PAD_CONSTANT && q->zero_point) {
    net_tensor_t *zero = network_const_scalar(n, "zero point", q->dtype, q->zero_point);
    set_inputs(n, l, 3, (net_tensor_t *[]){q, m->in[1], zero});
  }
  for (int i = 0; i < m->n_out; i++) {
    l->out[i]->shape = m->out[i]->shape;
    set_steps(l->out[i], q);
    set_factors(l->out[i], m->out[i]);
  }
  inherit_nodes(n, l, m);
  return l;
}

static bool is_output(const network_t *n, const net_tensor_t *t) {
  for (int i = 0; i < n->n_outputs; i++)
    if (n->outputs[i] == t) return true;
  return false;
}

// mover(DQ(q)) becomes DQ(mover(q)).
static bool sink_dequantize(network_t *n, layer_t *l) {
  const layer_t *d = l->n_in && l->n_in <= 8 ? dequantize_of(l->in[0]) : NULL;
  if (!d || !(d->in[0]->scale > 0) || !moves_numbers(l, d->in[0]) || l->out[0]->dtype != DT_FLOAT)
    return false;
  bool used = false;  // by what is behind it, which may be able to read the numbers
  for (int i = 0; i < l->n_out; i++)
    used = used || l->out[i]->n_readers > (is_output(n, l->out[i]) ? 1 : 0);
  if (!used) return false;
  layer_t *m = moved(n, l, d->in[0]);
  for (int i = 0; i < l->n_out; i++) redirect(n, l->out[i], add_dequantize(n, m->out[i], l->name));
  l->dead = true;
  for (int i = 0; i < l->n_in; i++) l->in[i]->n_readers--;
  return true;
}

static bool joins(const layer_t *l) { return l->type == LAYER_CONCAT || l->type == LAYER_PACK; }

// concat(DQ(a), DQ(b)), of the same steps, becomes DQ(concat(a, b)).
static bool sink_through_concat(network_t *n, layer_t *l) {
  const layer_t *first = joins(l) && l->n_in ? dequantize_of(l->in[0]) : NULL;
  net_tensor_t *old = l->out[0];
  if (!first || !(first->in[0]->scale > 0) || (is_output(n, old) && old->n_readers == 1))
    return false;
  for (int i = 1; i < l->n_in; i++) {
    const layer_t *d = dequantize_of(l->in[i]);
    if (!d || !same_steps(d->in[0], first->in[0])) return false;
  }
  net_tensor_t **in = mem_alloc((size_t)l->n_in * sizeof *in);
  for (int i = 0; i < l->n_in; i++) in[i] = l->in[i]->producer->in[0];
  layer_t *both = network_add_layer(n, l->type, l->name, l->n_in, in, 1, &in[0]->dtype);
  both->p = l->p;
  both->out[0]->shape = old->shape;
  set_steps(both->out[0], in[0]);
  mem_free(in);
  inherit_nodes(n, both, l);
  redirect(n, old, add_dequantize(n, both->out[0], l->name));
  l->dead = true;
  for (int i = 0; i < l->n_in; i++) l->in[i]->n_readers--;
  return true;
}

// Q(mover(x)) becomes mover(Q(x)), where nothing else reads what the mover makes.
static bool raise_quantize(network_t *n, layer_t *q) {
  layer_t *m = q->in[0]->producer;
  if (!m || m->dead || m->n_in < 1 || m->n_in > 8 || m->n_out != 1 || q->in[0]->n_readers != 1 ||
      !(q->out[0]->scale > 0) || !moves_numbers(m, q->out[0]))
    return false;
  steps_t s = steps_of(q);
  net_tensor_t *above = add_quantize(n, m->in[0], &s);
  redirect(n, q->out[0], moved(n, m, above)->out[0]);
  q->dead = true;
  q->in[0]->n_readers--;
  return true;
}

// Q(concat(a, b)) becomes concat(Q(a), Q(b)).
static bool raise_through_concat(network_t *n, layer_t *q) {
  layer_t *m = q->in[0]->producer;
  if (!m || m->dead || !joins(m) || q->in[0]->n_readers != 1 || !(q->out[0]->scale > 0))
    return false;
  steps_t s = steps_of(q);
  net_tensor_t **in = mem_alloc((size_t)m->n_in * sizeof *in);
  for (int i = 0; i < m->n_in; i++) in[i] = add_quantize(n, m->in[i], &s);
  layer_t *l = network_add_layer(n, m->type, m->name, m->n_in, in, 1, &s.dtype);
  l->p = m->p;
  l->out[0]->shape = q->out[0]->shape;
  set_steps(l->out[0], in[0]);
  mem_free(in);
  inherit_nodes(n, l, m);
  redirect(n, q->out[0], l->out[0]);
  q->dead = true;
  q->in[0]->n_readers--;
  return true;
}

// Q(DQ(q)) with the same steps is q.
static bool cancel(network_t *n, layer_t *l) {
  const layer_t *d = dequantize_of(l->in[0]);
  if (!d || !(l->out[0]->scale > 0) || !(d->in[0]->scale > 0)) return false;
  if (!same_steps(l->out[0], d->in[0]) || l->p.quantize.narrow) return false;
  redirect(n, l->out[0], d->in[0]);
  return true;
}

int pass_int8_moves(network_t *n) {
  int count = 0;
  if (!n->int8) return 0;
  note_steps(n);
  for (int i = 0, n_layers = n->n_layers; i < n_layers; i++) {
    layer_t *l = n->layers[i];
    if (l->dead) continue;
    if (l->type == LAYER_QUANTIZE)
      count += cancel(n, l) || raise_quantize(n, l) || raise_through_concat(n, l);
    else
      count += sink_dequantize(n, l) || sink_through_concat(n, l);
  }
  return count;
}

// ---------------------------------------------------------------- residuals and outputs

// The 8-bit form of a residual, where the graph gave it one. Where ranges were calibrated the
// stream of residuals stays as it is: in 8 bits, each block would round it once more, and
// ResNet50's error would grow by a quarter (bench/int8_accuracy.py) for a tenth of its time.
static net_tensor_t *int8_residual(const net_tensor_t *r) {
  const layer_t *d = dequantize_of(r);
  return d && d->in[0]->scale > 0 && !d->in[0]->is_const ? d->in[0] : NULL;
}

// The only reader of a layer's output, when that is a QUANTIZE with known steps.
static layer_t *only_quantize(const network_t *n, const net_tensor_t *t) {
  if (t->n_readers != 1) return NULL;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (l->dead || l->type != LAYER_QUANTIZE || l->in[0] != t) continue;
    bool plain = l->out[0]->scale > 0 && quantize_of(l->out[0]) == l;
    // Half up and half away differ from half even in exact halves alone, which sums of products
    // with two scales do not come by.
    return plain && !l->p.quantize.narrow ? l : NULL;
  }
  return NULL;
}

int pass_int8_outputs(network_t *n) {
  int count = 0;
  if (!n->int8) return 0;
  note_steps(n);
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (!in_int8(l)) continue;
    int at = layer_residual_at(l);
    net_tensor_t *r = at > 0 && at < l->n_in && !dtype_is_8bit_int(l->in[at]->dtype)
                          ? int8_residual(l->in[at])
                          : NULL;
    if (r && r->producer != l && r != l->out[0]) {
      net_tensor_t *in[8];
      for (int k = 0; k < l->n_in; k++) in[k] = l->in[k];
      in[at] = r;
      set_inputs(n, l, l->n_in, in);
      count++;
    }
    layer_t *q = l->out[0]->dtype == DT_FLOAT ? only_quantize(n, l->out[0]) : NULL;
    if (!q) continue;
    net_tensor_t *y = q->out[0], *old = l->out[0];
    net_tensor_t **out = arena_alloc(n->arena, sizeof *out);
    out[0] = y;
    l->out = out;
    y->producer = l;
    y->port = 0;
    q->dead = true;
    old->n_readers--;
    old->producer = NULL;
    inherit_nodes(n, l, q);
    count++;
  }
  return count;
}

// ---------------------------------------------------------------- what stays float

static const char *why_float(const network_t *n, const layer_t *l) {
  if (network_kept(n, l)) return "it is kept in higher precision";
  if (l->in[0]->dtype != DT_FLOAT || l->out[0]->dtype != DT_FLOAT)
    return "its tensors are not float32";
  if (!n->implicit_ranges)
    return dequantize_of(l->in[0]) ? "the graph does not quantize its weights as 8-bit kernels "
                                     "need it"
                                   : "the graph does not quantize its input";
  if (!l->in[1]->is_const)
    return l->type == LAYER_MATMUL ? why_float_product(l) : "its weights are not constant";
  if (!layout_fits(l) || l->n_in > 4) return "no 8-bit kernel takes its layout";
  if (!(network_range_of(l->in[0]).scale > 0)) return "no range is known of its input";
  if (becomes_logarithm(n, l)) return WHY_LOGARITHM;
  return "its weights are not finite";
}

void note_float_layers(network_t *n) {
  if (!n->int8) return;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (heavy(l) && !in_int8(l) && !l->why) l->why = why_float(n, l);
  }
}
