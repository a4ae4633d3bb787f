// What follows a convolution or matrix multiplication becomes part of it: factors per channel go
// into the weights, sums per channel are the bias, then a residual, then an activation.
#include "network/passes/pass.h"
#include "network/weight_scale.h"

// The parts of conv, deconv and matmul params that we change.
typedef struct heavy {
  bool *has_bias, *has_residual;  // the latter NULL: it takes none
  activation_t *act;
  int bias_at;       // input index
  int channel_axis;  // of the output
} heavy_t;

static bool heavy_of(layer_t *l, heavy_t *h) {
  int rank = l->out[0]->shape.rank;
  conv_params_t *c = &l->p.conv;
  switch (l->type) {
    case LAYER_CONV:
    case LAYER_DECONV:
      *h = (heavy_t){&c->has_bias, l->type == LAYER_CONV ? &c->has_residual : NULL, &c->act,
                     l->type == LAYER_CONV ? 2 : 3, c->channels_last ? rank - 1 : 1};
      break;
    case LAYER_MATMUL:
      *h = (heavy_t){&l->p.matmul.has_bias, &l->p.matmul.has_residual, &l->p.matmul.act, 2,
                     rank - 1};
      break;
    default: return false;
  }
  return rank >= 2 && is_float(l->out[0]);
}

static bool has_residual(const heavy_t *h) { return h->has_residual && *h->has_residual; }

// The constant as one double per output channel (mem_free), when it broadcasts along nothing else.
static double *per_channel(const net_tensor_t *c, const net_tensor_t *out, int channel_axis) {
  int64_t channels = out->shape.d[channel_axis], n = shape_elements(&c->shape);
  int skip = out->shape.rank - c->shape.rank;
  if (!c->is_const || skip < 0 || channels < 1 || c->dtype != out->dtype) return NULL;
  if (n != 1 && n != channels) return NULL;
  for (int i = 0; i < c->shape.rank; i++)
    if (c->shape.d[i] != 1 && (i + skip != channel_axis || c->shape.d[i] != channels)) return NULL;
  double *v = mem_alloc((size_t)channels * sizeof *v);
  for (int64_t i = 0; i < channels; i++) v[i] = tensor_number_at(&c->value, n == 1 ? 0 : i);
  return v;
}

// How many elements of the weights in a row belong to one output channel.
static int64_t channel_run(const layer_t *l) {
  const shape_t *w = &l->in[1]->shape;
  bool rows = l->type == LAYER_DECONV || (l->type == LAYER_MATMUL && l->p.matmul.transpose_b);
  return rows ? w->d[w->rank - 1] : 1;  // [.., M, C]
}

static bool scale_weights(network_t *n, const layer_t *l, double *by, bool divide, int64_t channels,
                          net_tensor_t **w, net_tensor_t **bias) {
  for (int64_t i = 0; divide && i < channels; i++) by[i] = 1 / by[i];
  net_tensor_t *scaled = weight_scale_constant(n, *w, by, channels, channel_run(l));
  net_tensor_t *offset = *bias && scaled ? weight_scale_constant(n, *bias, by, channels, 1) : NULL;
  if (!scaled || (*bias && !offset)) return false;
  *w = scaled;
  *bias = offset;
  return true;
}

// l = heavy op constant, per channel.
static bool fold_channelwise(network_t *n, layer_t *l, int side) {
  layer_t *m = l->in[side]->producer;
  heavy_t h;
  binary_op_t op = l->p.binary.op;
  bool scales = op == BINARY_MUL || (op == BINARY_DIV && side == 0);
  bool adds = op == BINARY_ADD || (op == BINARY_SUB && side == 0);
  if ((!scales && !adds) || !heavy_of(m, &h) || has_residual(&h) || h.act->on) return false;
  if (m->n_in > 5 || (m->type == LAYER_MATMUL && m->in[1]->shape.rank != 2 && scales)) return false;
  const net_tensor_t *c = l->in[1 - side];
  net_tensor_t *w = m->in[1], *bias = *h.has_bias ? m->in[h.bias_at] : NULL;
  if ((scales && !w->is_const) || (bias && !bias->is_const)) return false;
  if (bias && shape_elements(&bias->shape) != m->out[0]->shape.d[h.channel_axis]) return false;
  double *v = per_channel(c, m->out[0], h.channel_axis);
  if (!v) return false;
  int64_t channels = m->out[0]->shape.d[h.channel_axis];
  bool ok;
  if (scales) {
    ok = scale_weights(n, m, v, op == BINARY_DIV, channels, &w, &bias);
  } else {
    for (int64_t i = 0; i < channels; i++) {
      if (op == BINARY_SUB) v[i] = -v[i];
      if (bias) v[i] += tensor_number_at(&bias->value, i);
    }
    // A bias that is stored elsewhere as it is stays that; anything else is a new constant.
    bool as_is = !bias && op == BINARY_ADD && shape_elements(&c->shape) == channels;
    shape_t flat = SHAPE(channels);
    if (as_is) {
      tensor_t same = tensor_reshaped(&c->value, &flat);
      bias = network_add_constant(n, c->name, &same, plain_key(c));
      tensor_unref(&same);
    } else {
      bias = make_constant(n, c->name, c->dtype, &flat, v);
    }
    ok = bias != NULL;
  }
  mem_free(v);
  if (!ok) return false;
  net_tensor_t *in[6];
  int n_in = 0;
  for (int i = 0; i < h.bias_at; i++) in[n_in++] = i == 1 ? w : m->in[i];
  if (bias) in[n_in++] = bias;
  become(n, l, m, n_in, in);
  heavy_of(l, &h);
  *h.has_bias = bias != NULL;
  return true;
}

static bool fold_residual(network_t *n, layer_t *l, int side) {
  layer_t *m = l->in[side]->producer;
  net_tensor_t *other = l->in[1 - side];
  heavy_t h;
  if (!is_op(l, BINARY_ADD) || !heavy_of(m, &h) || !h.has_residual || *h.has_residual ||
      h.act->on || other->is_const || other == l->in[side] || other->dtype != l->out[0]->dtype)
    return false;
  if (!surely_same_shape(&other->shape, &m->out[0]->shape)) return false;
  net_tensor_t *in[5];
  int n_in = 0;
  for (int i = 0; i < m->n_in && i < 4; i++) in[n_in++] = m->in[i];
  in[n_in++] = other;
  become(n, l, m, n_in, in);
  heavy_of(l, &h);
  *h.has_residual = true;
  return true;
}

static bool fusable_activation(unary_op_t op) {
  switch (op) {
    case UNARY_RELU:
    case UNARY_RELU6:
    case UNARY_SIGMOID:
    case UNARY_TANH:
    case UNARY_ELU:
    case UNARY_SOFTPLUS:
    case UNARY_LEAKY_RELU:
    case UNARY_CLIP:
    case UNARY_SWISH:
    case UNARY_GELU_ERF:
    case UNARY_GELU_TANH:
    case UNARY_HARD_SIGMOID:
    case UNARY_HARD_SWISH:
    case UNARY_MISH: return true;
    default: return false;
  }
}

static bool fold_activation(network_t *n, layer_t *l) {
  layer_t *m = l->in[0]->producer;
  heavy_t h;
  if (!m || m->dead || l->in[0]->n_readers != 1 || !fusable_activation(l->p.unary.op)) return false;
  bool norm = m->type == LAYER_NORM && !m->p.norm.act.on;
  if (!norm && (!heavy_of(m, &h) || h.act->on)) return false;
  activation_t act = {true, l->p.unary.op, l->p.unary.alpha, l->p.unary.beta};
  become(n, l, m, m->n_in, m->in);
  if (norm) {
    l->p.norm.act = act;
  } else {
    heavy_of(l, &h);
    *h.act = act;
  }
  return true;
}

int pass_epilogue(network_t *n) {
  int count = 0;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (l->dead) continue;
    if (l->type == LAYER_UNARY) count += fold_activation(n, l);
    // The later of two candidates takes the sum in, so that the other is ready by then.
    int first = l->type == LAYER_BINARY && l->in[0]->producer && l->in[1]->producer &&
                l->in[1]->producer->id > l->in[0]->producer->id;
    for (int k = 0; k < 2 && l->type == LAYER_BINARY; k++) {
      int side = k ^ first;
      layer_t *m = l->in[side]->producer;
      if (!m || m->dead || l->in[side]->n_readers != 1) continue;
      if (fold_channelwise(n, l, side) || fold_residual(n, l, side)) count++;
    }
  }
  return count;
}
