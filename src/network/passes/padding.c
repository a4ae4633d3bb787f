// A Pad with zeros in front of a convolution or a pool becomes their own padding.
#include "network/passes/pass.h"

typedef struct window {  // where a conv or pool keeps what we change
  int spatial;
  bool channels_last, *same;
  int64_t *begin, *end;
} window_t;

static bool is_zero_pad(const layer_t *l) {
  double v = 0;
  if (l->p.pad.mode != PAD_CONSTANT || !known_all(l->in[1]->known)) return false;
  return l->n_in < 3 || (const_number(l->in[2], &v) && v == 0);
}

static bool never_negative(const net_tensor_t *t) {
  const layer_t *l = t->producer;
  const activation_t *a = !l                        ? NULL
                          : l->type == LAYER_CONV   ? &l->p.conv.act
                          : l->type == LAYER_MATMUL ? &l->p.matmul.act
                                                    : NULL;
  unary_op_t op = l && l->type == LAYER_UNARY ? l->p.unary.op : a && a->on ? a->op : UNARY_COUNT;
  return op == UNARY_RELU || op == UNARY_RELU6 || op == UNARY_SIGMOID;
}

static bool absorb(network_t *n, layer_t *l, window_t w) {
  const layer_t *pad = made_by(l->in[0], LAYER_PAD);
  if (!pad || !is_zero_pad(pad) || *w.same) return false;
  const known_t *k = pad->in[1]->known;
  if (k->n != 2 * (w.spatial + 2)) return false;
  int channel = w.channels_last ? w.spatial + 1 : 1, first = w.channels_last ? 1 : 2;
  if (k->v[0] || k->v[1] || k->v[2 * channel] || k->v[2 * channel + 1]) return false;
  if (l->type == LAYER_POOL) {
    // An average counts the zeros; padding that it had would not have been counted. A maximum takes
    // no notice of zeros among numbers that are not negative, where a window has any at all.
    for (int i = 0; i < w.spatial; i++) {
      if (w.begin[i] || w.end[i]) return false;
      int64_t most = l->p.pool.window[i] - 1;
      if (k->v[2 * (first + i)] > most || k->v[2 * (first + i) + 1] > most) return false;
    }
    if (l->p.pool.max && !never_negative(pad->in[0])) return false;
    l->p.pool.count_padding = !l->p.pool.max;
  }
  for (int i = 0; i < w.spatial; i++) {
    w.begin[i] += k->v[2 * (first + i)];
    w.end[i] += k->v[2 * (first + i) + 1];
  }
  inherit_nodes(n, l, pad);
  net_tensor_t *in[4];
  for (int i = 0; i < l->n_in && i < 4; i++) in[i] = i ? l->in[i] : pad->in[0];
  set_inputs(n, l, l->n_in, in);
  return true;
}

int pass_padding(network_t *n) {
  int count = 0;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    layer_params_t *p = &l->p;
    if (l->dead || l->n_in > 4) continue;
    if (l->type == LAYER_CONV)
      count += absorb(n, l,
                      (window_t){p->conv.spatial, p->conv.channels_last, &p->conv.same,
                                 p->conv.pad_begin, p->conv.pad_end});
    if (l->type == LAYER_POOL)
      count += absorb(n, l,
                      (window_t){p->pool.spatial, p->pool.channels_last, &p->pool.same,
                                 p->pool.pad_begin, p->pool.pad_end});
  }
  return count;
}
