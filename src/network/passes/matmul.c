// Around matrix multiplications: scalar factors, transposes, and the reshapes of tf.tensordot.
#include "network/passes/pass.h"

static bool swaps_last_two(const layer_t *l) {
  int r = l->p.transpose.n;
  for (int i = 0; i < r; i++) {
    int want = i == r - 1 ? r - 2 : i == r - 2 ? r - 1 : i;
    if (l->p.transpose.perm[i] != want) return false;
  }
  return r >= 2;
}

// t is x * constant
static net_tensor_t *factor_out(const net_tensor_t *t, double *v) {
  const layer_t *l = made_by_binary(t, BINARY_MUL);
  for (int i = 0; l && i < 2; i++)
    if (const_number(l->in[i], v) && surely_same_shape(&l->in[1 - i]->shape, &l->out[0]->shape))
      return l->in[1 - i];
  l = made_by_binary(t, BINARY_DIV);
  if (l && const_number(l->in[1], v) && *v != 0 &&
      surely_same_shape(&l->in[0]->shape, &l->out[0]->shape)) {
    *v = 1 / *v;
    return l->in[0];
  }
  return NULL;
}

static double scale_or_one(float s) { return s == 0 ? 1 : (double)s; }

static int scale_operands(network_t *n, layer_t *l) {
  double v;
  int count = 0;
  for (int side = 0; side < 2; side++) {
    net_tensor_t *in[4], *x = factor_out(l->in[side], &v);
    const layer_t *t = made_by(l->in[side], LAYER_TRANSPOSE);
    for (int i = 0; i < l->n_in && i < 4; i++) in[i] = l->in[i];
    if (x && is_float(x) && v != 0 && l->in[side]->n_readers == 1) {
      l->p.matmul.scale = (float)(scale_or_one(l->p.matmul.scale) * v);
      inherit_nodes(n, l, l->in[side]->producer);
      in[side] = x;
    } else if (t && swaps_last_two(t)) {
      bool *flag = side ? &l->p.matmul.transpose_b : &l->p.matmul.transpose_a;
      *flag = !*flag;
      inherit_nodes(n, l, t);
      in[side] = t->in[0];
    } else {
      continue;
    }
    set_inputs(n, l, l->n_in, in);
    count++;
  }
  return count;
}

static bool plain(const layer_t *l) {
  return !l->p.matmul.has_bias && !l->p.matmul.has_residual && !l->p.matmul.act.on;
}

// matmul * constant, softmax(x * constant)
static int scale_result(network_t *n, layer_t *l) {
  double v;
  if (l->type == LAYER_SOFTMAX) {
    net_tensor_t *x = factor_out(l->in[0], &v);
    if (!x || !is_float(x) || v <= 0) return 0;
    inherit_nodes(n, l, l->in[0]->producer);
    l->p.softmax.scale = (float)(scale_or_one(l->p.softmax.scale) * v);
    set_inputs(n, l, 1, &x);
    return 1;
  }
  net_tensor_t *x = factor_out(l->out[0], &v);
  layer_t *m = x ? made_by(x, LAYER_MATMUL) : NULL;
  if (!m || x->n_readers != 1 || !plain(m) || !is_float(x) || v == 0) return 0;
  become(n, l, m, m->n_in, m->in);
  l->p.matmul.scale = (float)(scale_or_one(m->p.matmul.scale) * v);
  return 1;
}

int pass_scales(network_t *n) {
  int count = 0;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (l->dead) continue;
    if (l->type == LAYER_MATMUL && l->n_in <= 4) count += scale_operands(n, l);
    if (l->type == LAYER_BINARY || l->type == LAYER_SOFTMAX) count += scale_result(n, l);
  }
  return count;
}

// The shape that a reshape is given, with another last dim.
static net_tensor_t *with_last(network_t *n, net_tensor_t *shape, int rank, int64_t last) {
  const known_t *k = shape->known;
  if (known_all(k) && k->n == rank) {
    int64_t dims[SHAPE_MAX_RANK];
    for (int i = 0; i < rank; i++) dims[i] = i == rank - 1 ? last : k->v[i];
    return network_const_ints(n, shape->name, shape->dtype, rank, dims);
  }
  net_tensor_t *in[] = {shape, network_const_ints(n, "begin", shape->dtype, 1, (int64_t[]){0}),
                        network_const_ints(n, "end", shape->dtype, 1, (int64_t[]){-1}),
                        network_const_ints(n, "strides", shape->dtype, 1, (int64_t[]){1})};
  net_tensor_t *parts[] = {net_layer1(n, LAYER_SLICE, 4, in, shape->dtype, NULL),
                           network_const_ints(n, "last", shape->dtype, 1, &last)};
  return net_layer1(n, LAYER_CONCAT, 2, parts, shape->dtype, NULL);
}

// reshape(matmul(reshape(x, [rows, k]), w), [.., n]) is matmul(x as [.., k], w): the rows are the
// same, whatever the dims before the last are.
static int collapse_tensordot(network_t *n, layer_t *l) {
  layer_t *m = l->type == LAYER_RESHAPE ? made_by(l->in[0], LAYER_MATMUL) : NULL;
  layer_t *before = m && plain(m) ? made_by(m->in[0], LAYER_RESHAPE) : NULL;
  if (!before || l->in[0]->n_readers != 1 || m->p.matmul.transpose_a) return 0;
  net_tensor_t *x = before->in[0];
  const shape_t *flat = &before->out[0]->shape, *w = &m->in[1]->shape, *out = &l->out[0]->shape;
  if (w->rank != 2 || flat->rank != 2 || out->rank < 2 || flat->d[1] < 1) return 0;
  if (!dims_surely_equal(out->d[out->rank - 1], w->d[m->p.matmul.transpose_b ? 0 : 1])) return 0;
  shape_t wanted = *out;
  wanted.d[out->rank - 1] = flat->d[1];
  if (!surely_same_shape(&x->shape, &wanted)) {
    n->tf_node = l->n_tf_nodes ? l->tf_nodes[l->n_tf_nodes - 1] : NULL;
    x = net_reshape(n, x, with_last(n, l->in[1], out->rank, flat->d[1]));
    n->tf_node = NULL;
  }
  inherit_nodes(n, l, before);
  become(n, l, m, 2, (net_tensor_t *[]){x, m->in[1]});
  return 1;
}

// reshape(matmul) + c[h, d], where the reshape splits the last dim into [h, d]: the bias is added
// before. The roles of reshape and add change places.
static int bias_before_split(network_t *n, layer_t *l) {
  for (int side = 0; side < 2 && is_op(l, BINARY_ADD); side++) {
    net_tensor_t *split = l->in[side], *c = l->in[1 - side];
    layer_t *r = made_by(split, LAYER_RESHAPE);
    layer_t *m = r ? made_by(r->in[0], LAYER_MATMUL) : NULL;
    if (!m || !plain(m) || split->n_readers != 1 || r->in[0]->n_readers != 1 || !c->is_const)
      continue;
    const shape_t *wide = &r->in[0]->shape, *s = &split->shape, *b = &c->shape;
    int64_t last = wide->d[wide->rank - 1], all = 1, n_c = shape_elements(b);
    int tail = s->rank;
    while (tail > 0 && all < last && s->d[tail - 1] > 0) all *= s->d[--tail];
    if (last < 1 || all != last || n_c != last || b->rank > s->rank) continue;
    bool fits = true;  // c has exactly the split dims, with ones before
    for (int i = 0; i < s->rank; i++) {
      int64_t d = i < s->rank - b->rank ? 1 : b->d[i - (s->rank - b->rank)];
      fits = fits && d == (i >= tail ? s->d[i] : 1);
    }
    if (!fits || !surely_same_shape(&l->out[0]->shape, s)) continue;
    tensor_t v = tensor_reshaped(&c->value, (shape_t[]){SHAPE(last)});
    net_tensor_t *bias = network_add_constant(n, c->name, &v, plain_key(c));
    tensor_unref(&v);
    net_tensor_t *rows = r->in[0], *shape = r->in[1];
    // r becomes the sum of the matmul's result and the bias, l the reshape of it. r stands before
    // l.
    layer_params_t add = l->p, none = {0};
    shape->n_readers++;  // between the two it has no reader
    r->type = LAYER_BINARY;
    r->p = add;
    inherit_nodes(n, r, l);
    set_inputs(n, r, 2, (net_tensor_t *[]){rows, bias});
    r->out[0]->shape = *wide;
    l->type = LAYER_RESHAPE;
    l->p = none;
    set_inputs(n, l, 2, (net_tensor_t *[]){split, shape});
    shape->n_readers--;
    return 1;
  }
  return 0;
}

int pass_tensordot(network_t *n) {
  int count = 0;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (l->dead) continue;
    count += collapse_tensordot(n, l);
    count += bias_before_split(n, l);
  }
  return count;
}
