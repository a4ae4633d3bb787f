// Layer normalisation as Keras and tf.nn.batch_normalization write it:
//   mean = Mean(x), var = Mean(SquaredDifference(x, mean)), m = Rsqrt(var + eps) * gamma,
//   x * m + (beta - mean * m)     or     (x - mean) * m + beta
#include <string.h>

#include "network/passes/pass.h"

typedef struct norm {
  net_tensor_t *x, *mean, *scale, *gamma, *beta;  // scale: what x is multiplied by
  const layer_t *moments;                         // the reduction that makes the mean
  double epsilon;
} norm_t;

static net_tensor_t *other_input(const layer_t *l, const net_tensor_t *t) {
  return l->in[0] == t ? l->in[1] : l->in[1] == t ? l->in[0] : NULL;
}

static const layer_t *mean_of(const net_tensor_t *t) {
  const layer_t *l = made_by(t, LAYER_REDUCE);
  return l && l->p.reduce.op == REDUCE_MEAN && l->p.reduce.keep_dims && l->p.n_axes ? l : NULL;
}

static bool same_axes(const layer_t *a, const layer_t *b) {
  int rank = a->in[0]->shape.rank;
  unsigned ma = 0, mb = 0;
  for (int i = 0; i < a->p.n_axes; i++) ma |= 1u << (axis_resolve(a->p.axes[i], rank) & 31);
  for (int i = 0; i < b->p.n_axes; i++) mb |= 1u << (axis_resolve(b->p.axes[i], rank) & 31);
  return ma == mb;
}

// t is the variance of x about mean: the mean of (x - mean)^2.
static bool variance_of(const net_tensor_t *t, const norm_t *m) {
  const layer_t *v = mean_of(t);
  if (!v || !same_axes(v, m->moments)) return false;
  const layer_t *d = made_by_binary(v->in[0], BINARY_SQUARED_DIFFERENCE);
  if (d) return other_input(d, m->x) == m->mean;
  const layer_t *square = made_by_unary(v->in[0], UNARY_SQUARE);
  d = square ? made_by_binary(square->in[0], BINARY_SUB) : NULL;
  return d && d->in[0] == m->x && d->in[1] == m->mean;
}

// t is rsqrt(var + eps), or that times gamma.
static bool scale_of(net_tensor_t *t, norm_t *m) {
  const layer_t *mul = made_by_binary(t, BINARY_MUL);
  for (int i = 0; i < (mul ? 2 : 1); i++) {
    const layer_t *r = made_by_unary(mul ? mul->in[i] : t, UNARY_RSQRT);
    const layer_t *sum = r ? made_by_binary(r->in[0], BINARY_ADD) : NULL;
    for (int k = 0; sum && k < 2; k++) {
      if (!const_number(sum->in[k], &m->epsilon) || !variance_of(sum->in[1 - k], m)) continue;
      m->gamma = mul ? mul->in[1 - i] : NULL;
      m->scale = t;
      return true;
    }
  }
  return false;
}

static bool moments_of(net_tensor_t *mean, const net_tensor_t *x, norm_t *m) {
  m->moments = mean_of(mean);
  m->mean = mean;
  return m->moments && m->moments->in[0] == x;
}

// t is -(mean * scale) + beta, in any of its spellings.
static bool shift_of(net_tensor_t *t, norm_t *m) {
  const layer_t *sub = made_by_binary(t, BINARY_SUB), *add = made_by_binary(t, BINARY_ADD);
  if (sub) {
    const layer_t *mul = made_by_binary(sub->in[1], BINARY_MUL);
    net_tensor_t *mean = mul ? other_input(mul, m->scale) : NULL;
    m->beta = sub->in[0];
    return mean && mean == m->mean;
  }
  for (int i = 0; add && i < 2; i++) {
    const layer_t *mul = made_by_binary(add->in[i], BINARY_MUL);
    net_tensor_t *minus = mul ? other_input(mul, m->scale) : NULL;
    const layer_t *neg = minus ? made_by_unary(minus, UNARY_NEG) : NULL;
    m->beta = add->in[1 - i];
    if (neg && neg->in[0] == m->mean) return true;
  }
  return false;
}

// The mean that a candidate for the scale was made with: found below its rsqrt.
static net_tensor_t *mean_below(const net_tensor_t *t, const net_tensor_t *x, int depth) {
  if (!t->producer || depth == 0) return NULL;
  const layer_t *l = t->producer;
  if (mean_of(t) && l->in[0] == x) return l->out[0];
  for (int i = 0; i < l->n_in; i++) {
    net_tensor_t *found = l->in[i] == x ? NULL : mean_below(l->in[i], x, depth - 1);
    if (found) return found;
  }
  return NULL;
}

// x * m + (beta - mean * m)
static bool match_shifted(const layer_t *l, norm_t *m) {
  for (int i = 0; i < 2; i++) {
    const layer_t *mul = made_by_binary(l->in[i], BINARY_MUL);
    for (int k = 0; mul && k < 2; k++) {
      *m = (norm_t){.x = mul->in[k]};
      net_tensor_t *mean = mean_below(mul->in[1 - k], m->x, 8);
      if (mean && moments_of(mean, m->x, m) && scale_of(mul->in[1 - k], m) &&
          shift_of(l->in[1 - i], m))
        return true;
    }
  }
  return false;
}

// (x - mean) * m, with gamma in m or beside it
static bool match_centered(net_tensor_t *t, norm_t *m) {
  const layer_t *mul = made_by_binary(t, BINARY_MUL);
  for (int i = 0; mul && i < 2; i++) {
    const layer_t *sub = made_by_binary(mul->in[i], BINARY_SUB);
    if (sub) {
      *m = (norm_t){.x = sub->in[0]};
      if (moments_of(sub->in[1], m->x, m) && scale_of(mul->in[1 - i], m)) return true;
    }
    // ((x - mean) * rsqrt) * gamma
    norm_t inner;
    const layer_t *below = made_by_binary(mul->in[i], BINARY_MUL);
    sub = NULL;
    for (int k = 0; below && k < 2; k++) {
      sub = made_by_binary(below->in[k], BINARY_SUB);
      if (!sub) continue;
      inner = (norm_t){.x = sub->in[0]};
      if (!moments_of(sub->in[1], inner.x, &inner) || !scale_of(below->in[1 - k], &inner)) continue;
      if (inner.gamma) continue;
      *m = inner;
      m->gamma = mul->in[1 - i];
      return true;
    }
  }
  return false;
}

static bool match(const layer_t *l, norm_t *m) {
  if (!is_op(l, BINARY_ADD)) return false;
  if (match_shifted(l, m)) return true;
  for (int i = 0; i < 2; i++) {
    if (!match_centered(l->in[i], m)) continue;
    m->beta = l->in[1 - i];
    return true;
  }
  return false;
}

// A constant without the leading ones of its shape; other tensors as they are.
static net_tensor_t *trimmed(network_t *n, net_tensor_t *t) {
  int skip = 0;
  while (t->is_const && skip + 1 < t->shape.rank && t->shape.d[skip] == 1) skip++;
  if (!skip) return t;
  shape_t s = shape_of(t->shape.rank - skip, t->shape.d + skip);
  tensor_t v = tensor_reshaped(&t->value, &s);
  net_tensor_t *c = network_add_constant(n, t->name, &v, plain_key(t));
  tensor_unref(&v);
  return c;
}

static bool broadcasts_into(const net_tensor_t *t, const shape_t *x) {
  shape_t both;
  return shape_broadcast(&t->shape, x, &both) && surely_same_shape(&both, x);
}

int pass_layer_norm(network_t *n) {
  int count = 0, n_layers = n->n_layers;
  for (int i = 0; i < n_layers; i++) {
    layer_t *l = n->layers[i];
    norm_t m;
    if (l->dead || l->type != LAYER_BINARY || !is_float(l->out[0]) || !match(l, &m)) continue;
    if (!surely_same_shape(&m.x->shape, &l->out[0]->shape)) continue;
    double one = 1;
    if (!m.gamma) m.gamma = make_constant(n, "scale", m.x->dtype, &SHAPE_SCALAR, &one);
    if (!m.gamma || !broadcasts_into(m.gamma, &m.x->shape) || !broadcasts_into(m.beta, &m.x->shape))
      continue;
    inherit_tree(n, l, l->out[0], m.x);
    layer_params_t p = {.norm = {.epsilon = (float)m.epsilon, .has_offset = true},
                        .n_axes = m.moments->p.n_axes};
    memcpy(p.axes, m.moments->p.axes, sizeof p.axes);
    l->type = LAYER_NORM;
    l->p = p;
    set_inputs(n, l, 3, (net_tensor_t *[]){m.x, trimmed(n, m.gamma), trimmed(n, m.beta)});
    count++;
  }
  return count;
}
