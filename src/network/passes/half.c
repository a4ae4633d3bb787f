// Which tensors are in 16 bits when layers are: types flow from the chosen layers back to what
// feeds them, through layers that compute in FP32 whatever they read and write, and forward through
// layers that only move.
#include "network/passes/half.h"

#include <math.h>

#include "network/half.h"
#include "network/passes/logarithm.h"
#include "network/passes/pass.h"
#include "network/ranges.h"

static bool rounds(unary_op_t op) {
  return op == UNARY_ROUND || op == UNARY_FLOOR || op == UNARY_CEIL;
}

half_class_t half_class(const layer_t *l) {
  if (layer_averages(l) && l->in[0]->dtype != DT_FLOAT) return HALF_OTHER;  // of 8-bit numbers
  switch (l->type) {
    case LAYER_CONV:
    case LAYER_DECONV:
    case LAYER_MATMUL:
    case LAYER_ATTENTION: return HALF_CHOSEN;
    case LAYER_UNARY:
    case LAYER_BINARY:
    case LAYER_SELECT:
    case LAYER_FUSED: return HALF_ELEMENTWISE;
    case LAYER_SOFTMAX:
    case LAYER_NORM:
    case LAYER_REDUCE: return HALF_WIDE;
    case LAYER_IDENTITY:
    case LAYER_POOL:
    case LAYER_CONCAT:
    case LAYER_SPLIT:
    case LAYER_SLICE:
    case LAYER_PAD:
    case LAYER_TRANSPOSE:
    case LAYER_RESHAPE:
    case LAYER_SQUEEZE:
    case LAYER_EXPAND_DIMS:
    case LAYER_BROADCAST:
    case LAYER_TILE:
    case LAYER_PACK:
    case LAYER_UNPACK:
    case LAYER_REVERSE:
    case LAYER_DEPTH_TO_SPACE:
    case LAYER_SPACE_TO_DEPTH: return HALF_MOVES;
    case LAYER_SHAPE:
    case LAYER_SIZE:
    case LAYER_RANK: return HALF_SHAPE;
    default: return HALF_OTHER;
  }
}

// Inputs that hold the elements that the layer moves.
static bool is_moved(const layer_t *l, int i) {
  if (l->type == LAYER_CONCAT || l->type == LAYER_PACK) return true;
  return i == 0 || (l->type == LAYER_PAD && i == 2);
}

int half_factors(const layer_t *l) { return l->type == LAYER_ATTENTION ? 3 : 2; }

// ---------------------------------------------------------------- what cannot be

// Steps that the graph asks for. Those of calibrated ranges are ours: a last bit less before them
// is what a range a little different would be.
static bool makes_steps(const network_t *n, const layer_t *l) {
  if (l->type == LAYER_QUANTIZE) return !n->implicit_ranges;
  if (l->type == LAYER_UNARY) return rounds(l->p.unary.op);
  for (int i = 0; l->type == LAYER_FUSED && i < l->p.fused.n; i++) {
    const fused_step_t *s = &l->p.fused.step[i];
    if (s->kind == STEP_UNARY && rounds((unary_op_t)s->op)) return true;
  }
  return false;
}

// Is t, or what elementwise layers make of it, rounded to steps? Then a last bit may become a step.
static bool becomes_steps(const network_t *n, const net_tensor_t *t, int depth) {
  for (int i = 0; i < n->n_layers && depth > 0; i++) {
    const layer_t *l = n->layers[i];
    half_class_t c = half_class(l);
    bool reads = false;
    for (int k = 0; k < l->n_in && !l->dead; k++) reads |= l->in[k] == t;
    if (!reads) continue;
    if (makes_steps(n, l)) return true;
    if ((c == HALF_ELEMENTWISE || c == HALF_MOVES) && becomes_steps(n, l->out[0], depth - 1))
      return true;
  }
  return false;
}

static const double largest_half = 65504;

static bool range_fits(const net_tensor_t *t, dtype_t to) {
  return to != DT_HALF || 127 * (double)network_range_of(t).scale <= largest_half;
}

// Numbers below its normal ones lose bits in FP16: a weight whose largest is among them would be
// rounded more coarsely than by 11 bits.
static bool constant_fits(const tensor_t *v, dtype_t to) {
  if (to != DT_HALF || v->dtype != DT_FLOAT) return true;
  float most = 0;
  const float *x = v->data;
  for (int64_t i = 0, n = tensor_elements(v); i < n; i++) most = fmaxf(most, fabsf(x[i]));
  return most == 0 || ((double)most <= largest_half && most >= 0x1p-13f);
}

// Depthwise convolutions, and those of images: no instruction sums so few products faster in BF16,
// and the roundings of so few do not average out.
static bool has_few_channels(const layer_t *l) {
  enum { FEW = 8 };
  if (l->type != LAYER_CONV || l->in[1]->shape.rank < 3) return false;
  int64_t channels = l->in[1]->shape.d[l->p.conv.spatial];
  return l->p.conv.depthwise || (channels > 0 && channels < FEW);
}

bool layer_has_half(const layer_t *l) {
  if (l->dead || half_class(l) != HALF_CHOSEN || l->n_in < half_factors(l)) return false;
  for (int i = 0; i < l->n_in; i++)
    if (l->in[i]->dtype != DT_FLOAT && !(l->type == LAYER_DECONV && i == 2)) return false;
  return l->out[0]->dtype == DT_FLOAT;
}

const char *layer_refuses_half(const network_t *n, const layer_t *l, dtype_t to) {
  if (!layer_has_half(l)) return "its tensors are not FP32";
  if (network_kept(n, l) == DT_FLOAT) return "it is kept in higher precision";
  enum { NEAR = 4 };  // layers between
  if (becomes_steps(n, l->out[0], NEAR)) return "what it computes is rounded to steps";
  if (becomes_logarithm(n, l)) return WHY_LOGARITHM;
  if (to == DT_BFLOAT16 && has_few_channels(l)) return "BF16 is no faster for so few channels";
  for (int i = 0; i < half_factors(l); i++) {
    if (!range_fits(l->in[i], to)) return "values of its input were measured that FP16 has not";
    if (l->in[i]->is_const && !constant_fits(&l->in[i]->value, to))
      return "its weights are too large or too small for FP16";
  }
  return NULL;
}

// ---------------------------------------------------------------- types of tensors

static void want(half_types_t *h, const net_tensor_t *t, dtype_t type) {
  if (dtype_is_16bit_float(type) && t->dtype == DT_FLOAT && t->producer &&
      !h->kept[t->producer->id] && !dtype_is_16bit_float(h->tensor[t->id]) && range_fits(t, type))
    h->tensor[t->id] = type;
}

// Small differences of these functions' arguments are large ones of their results.
static bool sensitive_unary(int op) {
  switch (op) {
    case UNARY_EXP:
    case UNARY_EXPM1:
    case UNARY_LOG:
    case UNARY_LOG1P:
    case UNARY_SQUARE:
    case UNARY_RSQRT:
    case UNARY_RECIPROCAL:
    case UNARY_SIN:
    case UNARY_COS:
    case UNARY_TAN:
    case UNARY_SINH:
    case UNARY_COSH:
    case UNARY_ACOSH:
    case UNARY_ATANH: return true;
    default: return rounds((unary_op_t)op);
  }
}

static bool sensitive_binary(int op) {
  switch (op) {
    case BINARY_DIV:
    case BINARY_DIV_NO_NAN:
    case BINARY_POW:
    case BINARY_SQUARED_DIFFERENCE:
    case BINARY_ATAN2:
    case BINARY_FLOORDIV:
    case BINARY_FLOORMOD:
    case BINARY_TRUNCATEMOD: return true;
    default: return binary_op_compares((binary_op_t)op);
  }
}

static bool sensitive(const layer_t *l) {
  if (l->type == LAYER_UNARY) return sensitive_unary((int)l->p.unary.op);
  if (l->type == LAYER_BINARY) return sensitive_binary((int)l->p.binary.op);
  for (int i = 0; l->type == LAYER_FUSED && i < l->p.fused.n; i++) {
    const fused_step_t *s = &l->p.fused.step[i];
    if (s->kind == STEP_UNARY ? sensitive_unary(s->op)
                              : s->kind == STEP_BINARY && sensitive_binary(s->op))
      return true;
  }
  return false;
}

// What is added up and then normalised stays in FP32: along a chain of such sums (a transformer's
// residual stream) rounding errors would add up too.
static void keep_sums(half_types_t *h, const layer_t *l) {
  bool sum = l->type == LAYER_NORM;
  for (int o = 0; o < l->n_out; o++) sum |= h->sum[l->out[o]->id];
  if (!sum) return;
  if (l->type == LAYER_NORM) h->sum[l->in[0]->id] = true;
  if (layer_residual_at(l) > 0) h->sum[l->in[layer_residual_at(l)]->id] = true;
  for (int i = 0; i < l->n_in && half_class(l) == HALF_ELEMENTWISE; i++)
    h->sum[l->in[i]->id] = true;
}

static void want_inputs(half_types_t *h, const layer_t *l) {
  dtype_t out = DT_FLOAT;
  keep_sums(h, l);
  for (int o = 0; o < l->n_out; o++)
    if (h->sum[l->out[o]->id]) h->tensor[l->out[o]->id] = l->out[o]->dtype;
  if (h->kept[l->id]) return;
  for (int o = 0; o < l->n_out; o++)
    if (dtype_is_16bit_float(h->tensor[l->out[o]->id])) out = h->tensor[l->out[o]->id];
  switch (half_class(l)) {
    case HALF_CHOSEN:
      for (int i = 0; i < half_factors(l); i++) want(h, l->in[i], h->layer[l->id]);
      if (layer_residual_at(l) > 0 && dtype_is_16bit_float(h->layer[l->id]))
        want(h, l->in[layer_residual_at(l)], out);
      break;
    case HALF_ELEMENTWISE:
      for (int i = 0; i < l->n_in && !sensitive(l); i++) want(h, l->in[i], out);
      break;
    case HALF_MOVES:
      h->layer[l->id] = out;
      for (int i = 0; i < l->n_in; i++)
        if (is_moved(l, i)) want(h, l->in[i], h->layer[l->id]);
      break;
    default: break;
  }
}

// The 16-bit type that all that a layer moves has; else float.
static dtype_t moved_type(const half_types_t *h, const layer_t *l) {
  dtype_t type = DT_INVALID;
  for (int i = 0; i < l->n_in; i++) {
    if (!is_moved(l, i) || l->in[i]->is_const) continue;
    dtype_t t = h->tensor[l->in[i]->id];
    if (!dtype_is_16bit_float(t) || (type != DT_INVALID && t != type)) return DT_FLOAT;
    type = t;
  }
  return type == DT_INVALID ? DT_FLOAT : type;
}

static void settle_outputs(half_types_t *h, const layer_t *l) {
  half_class_t c = half_class(l);
  bool moves = c == HALF_MOVES && l->out[0]->dtype == DT_FLOAT;
  if (moves && !dtype_is_16bit_float(h->layer[l->id]) && !h->kept[l->id])
    h->layer[l->id] = moved_type(h, l);
  for (int o = 0; o < l->n_out; o++) {
    dtype_t *t = &h->tensor[l->out[o]->id];
    if (l->out[o]->dtype != DT_FLOAT) continue;
    if (moves)
      *t = h->layer[l->id];
    else if (c == HALF_OTHER || (c == HALF_CHOSEN && *t != h->layer[l->id]))
      *t = DT_FLOAT;
  }
}

half_types_t half_types(const network_t *n, const dtype_t *type) {
  half_types_t h = {.layer = mem_calloc((size_t)n->n_layers + 1, sizeof *h.layer),
                    .tensor = mem_calloc((size_t)n->n_tensors + 1, sizeof *h.tensor),
                    .sum = mem_calloc((size_t)n->n_tensors + 1, sizeof *h.sum),
                    .kept = mem_calloc((size_t)n->n_layers + 1, sizeof *h.kept)};
  for (int i = 0; i < n->n_tensors; i++) h.tensor[i] = n->tensors[i]->dtype;
  for (int i = 0; i < n->n_layers; i++) {
    h.kept[i] = network_kept(n, n->layers[i]) == DT_FLOAT;
    h.layer[i] = layer_has_half(n->layers[i]) && dtype_is_16bit_float(type[i]) ? type[i] : DT_FLOAT;
  }
  for (int i = n->n_layers - 1; i >= 0; i--) want_inputs(&h, n->layers[i]);
  for (int i = 0; i < n->n_inputs; i++) h.tensor[n->inputs[i]->id] = n->inputs[i]->dtype;
  for (int i = 0; i < n->n_layers; i++) settle_outputs(&h, n->layers[i]);
  return h;
}

void half_types_free(half_types_t *h) {
  mem_free(h->layer);
  mem_free(h->tensor);
  mem_free(h->kept);
  mem_free(h->sum);
}

dtype_t half_operand(const half_types_t *h, const layer_t *l, int i) {
  const net_tensor_t *t = l->in[i];
  dtype_t own = h->tensor[t->id];
  if (t->dtype != DT_FLOAT) return t->dtype;
  switch (half_class(l)) {
    case HALF_CHOSEN:
      if (!dtype_is_16bit_float(h->layer[l->id])) return DT_FLOAT;
      return i < half_factors(l) ? h->layer[l->id] : i == layer_residual_at(l) ? own : DT_FLOAT;
    case HALF_ELEMENTWISE:
    case HALF_SHAPE: return own;
    case HALF_WIDE: return i == 0 ? own : DT_FLOAT;
    case HALF_MOVES:
      return is_moved(l, i) && l->out[0]->dtype == DT_FLOAT ? h->layer[l->id] : DT_FLOAT;
    default: return DT_FLOAT;
  }
}

// ---------------------------------------------------------------- what moving costs

static bool moves_memory(const layer_t *l) {
  return l->type != LAYER_IDENTITY && l->type != LAYER_RESHAPE && l->type != LAYER_SQUEEZE &&
         l->type != LAYER_EXPAND_DIMS;
}

int64_t network_half_traffic(const network_t *n, const dtype_t *type, const int64_t *sizes) {
  half_types_t h = half_types(n, type);
  bool *cast = mem_calloc((size_t)n->n_tensors + 1, sizeof *cast);  // counted already
  int64_t bytes = 0;
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    bool light = half_class(l) != HALF_CHOSEN && moves_memory(l);
    for (int k = 0; k < l->n_in; k++) {
      const net_tensor_t *t = l->in[k];
      dtype_t have = h.tensor[t->id], need = half_operand(&h, l, k);
      if (light) bytes += sizes[t->id] * (int64_t)dtype_size(need);
      if (t->is_const || have == need || cast[t->id]) continue;
      cast[t->id] = true;
      bytes += sizes[t->id] * (int64_t)(dtype_size(have) + dtype_size(need));
    }
    for (int o = 0; o < l->n_out && light; o++)
      bytes += sizes[l->out[o]->id] * (int64_t)dtype_size(h.tensor[l->out[o]->id]);
  }
  for (int i = 0; i < n->n_outputs; i++) {
    const net_tensor_t *t = n->outputs[i];
    if (h.tensor[t->id] != t->dtype) bytes += sizes[t->id] * 6;
  }
  mem_free(cast);
  half_types_free(&h);
  return bytes;
}
