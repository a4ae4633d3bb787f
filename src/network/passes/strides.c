// A convolution all of whose readers are 1x1 convolutions of stride k computes positions that
// nobody looks at: the stride moves to it, and the readers get stride 1. A residual that it adds is
// sliced with the same stride.
#include "network/passes/pass.h"

static bool pointwise(const layer_t *l) {
  if (l->type != LAYER_CONV) return false;
  const conv_params_t *p = &l->p.conv;
  const shape_t *w = &l->in[1]->shape;
  if (w->rank != p->spatial + 2) return false;
  for (int i = 0; i < p->spatial; i++)
    if (w->d[i] != 1 || (!p->same && (p->pad_begin[i] || p->pad_end[i]))) return false;
  return true;
}

// All readers of t are pointwise convolutions of one stride, which is written.
static bool strided_readers(const network_t *n, const net_tensor_t *t, int spatial,
                            bool channels_last, int64_t *strides) {
  int readers = 0;
  bool moves = false;
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    for (int k = 0; k < l->n_in && !l->dead; k++) {
      if (l->in[k] != t) continue;
      const conv_params_t *p = &l->p.conv;
      if (k != 0 || !pointwise(l) || p->spatial != spatial || p->channels_last != channels_last)
        return false;
      for (int d = 0; d < spatial; d++) {
        if (readers && strides[d] != p->strides[d]) return false;
        strides[d] = p->strides[d];
        moves = moves || strides[d] > 1;
      }
      readers++;
    }
  }
  return moves && readers == t->n_readers;  // a network output is a reader too
}

static net_tensor_t *strided(network_t *n, net_tensor_t *x, int spatial, bool channels_last,
                             const int64_t *strides) {
  int64_t zero[SHAPE_MAX_RANK] = {0}, step[SHAPE_MAX_RANK];
  int rank = spatial + 2;
  for (int i = 0; i < rank; i++) {
    int d = i - (channels_last ? 1 : 2);
    step[i] = d >= 0 && d < spatial ? strides[d] : 1;
  }
  net_tensor_t *in[] = {x, network_const_ints(n, "begin", DT_INT32, rank, zero),
                        network_const_ints(n, "end", DT_INT32, rank, zero),
                        network_const_ints(n, "strides", DT_INT32, rank, step)};
  layer_params_t p = {0};
  p.slice.begin_mask = p.slice.end_mask = (1 << rank) - 1;
  return net_layer1(n, LAYER_SLICE, 4, in, x->dtype, &p);
}

static bool take_stride(network_t *n, layer_t *l) {
  conv_params_t *p = &l->p.conv;
  int64_t strides[3];
  if (l->type != LAYER_CONV ||
      !strided_readers(n, l->out[0], p->spatial, p->channels_last, strides))
    return false;
  for (int d = 0; d < p->spatial; d++)
    if (p->same && (p->strides[d] != 1 || l->in[1]->shape.d[d] < 1)) return false;
  if (p->has_residual) {
    n->tf_node = l->n_tf_nodes ? l->tf_nodes[l->n_tf_nodes - 1] : NULL;
    net_tensor_t *in[5];
    for (int i = 0; i < l->n_in && i < 5; i++) in[i] = l->in[i];
    in[2 + p->has_bias] = strided(n, in[2 + p->has_bias], p->spatial, p->channels_last, strides);
    n->tf_node = NULL;
    set_inputs(n, l, l->n_in, in);
  }
  for (int d = 0; d < p->spatial; d++) {
    if (p->same) {  // at stride 1 the padding does not depend on the input's size
      int64_t dilation = p->dilations[d] > 0 ? p->dilations[d] : 1;
      int64_t total = (l->in[1]->shape.d[d] - 1) * dilation;
      p->pad_begin[d] = total / 2;
      p->pad_end[d] = total - total / 2;
    }
    p->strides[d] = (p->strides[d] > 0 ? p->strides[d] : 1) * strides[d];
  }
  p->same = false;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *r = n->layers[i];
    if (r->dead || r->type != LAYER_CONV || r->in[0] != l->out[0]) continue;
    for (int d = 0; d < r->p.conv.spatial; d++) r->p.conv.strides[d] = 1;
  }
  return true;
}

int pass_strides(network_t *n) {
  int count = 0;
  for (int i = n->n_layers - 1; i >= 0; i--)  // readers first: a stride may move on
    if (!n->layers[i]->dead && n->layers[i]->n_in <= 5) count += take_stride(n, n->layers[i]);
  return count;
}
