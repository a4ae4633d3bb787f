// Layers that change nothing are bypassed; chains of reshapes and of transposes become one.
#include "network/passes/pass.h"

static bool const_all(const net_tensor_t *t, int64_t v) {
  if (!known_all(t->known)) return false;
  for (int i = 0; i < t->known->n; i++)
    if (t->known->v[i] != v) return false;
  return true;
}

static bool identity_perm(const layer_t *l) {
  for (int i = 0; i < l->p.transpose.n; i++)
    if (l->p.transpose.perm[i] != i) return false;
  return true;
}

static bool whole_slice(const layer_t *l) {
  slice_plan_t plan;
  char why[256];
  const net_tensor_t *x = l->in[0];
  const known_t *begin = l->in[1]->known, *strides = l->n_in > 3 ? l->in[3]->known : NULL;
  if (!begin || !slice_resolve(l, &x->shape, begin->n, begin, l->in[2]->known, strides, &plan, why,
                               sizeof why))
    return false;
  for (int i = 0; i < plan.rank; i++) {
    const slice_dim_t *d = &plan.d[i];
    if (d->stride != 1 || d->begin != 0 || !dims_surely_equal(d->count, x->shape.d[i]))
      return false;
  }
  return true;
}

// x * 1, x / 1, x + 0, x - 0
static bool neutral_operand(const layer_t *l, int *kept) {
  double v;
  binary_op_t op = l->p.binary.op;
  for (int side = 0; side < 2; side++) {
    bool commutes = op == BINARY_MUL || op == BINARY_ADD;
    if (!const_number(l->in[side], &v) || (side == 0 && !commutes)) continue;
    bool one = (op == BINARY_MUL || op == BINARY_DIV) && v == 1;
    bool zero = (op == BINARY_ADD || op == BINARY_SUB) && v == 0;
    *kept = 1 - side;
    if (one || zero) return true;
  }
  return false;
}

// The input that the layer passes on unchanged, or -1.
static int passes_on(const layer_t *l) {
  int kept = 0;
  bool same = l->n_in && l->n_out == 1 && surely_same_shape(&l->in[0]->shape, &l->out[0]->shape);
  switch (l->type) {
    case LAYER_IDENTITY: return 0;
    case LAYER_UNARY: return l->p.unary.op == UNARY_IDENTITY ? 0 : -1;
    case LAYER_CAST: return l->in[0]->dtype == l->out[0]->dtype ? 0 : -1;
    case LAYER_TRANSPOSE: return identity_perm(l) ? 0 : -1;
    case LAYER_CONCAT: return l->n_in == 1 ? 0 : -1;
    case LAYER_SPLIT: return l->n_out == 1 ? 0 : -1;
    case LAYER_RESHAPE:
    case LAYER_SQUEEZE:
    case LAYER_EXPAND_DIMS:
    case LAYER_BROADCAST: return same ? 0 : -1;
    case LAYER_PAD: return const_all(l->in[1], 0) ? 0 : -1;
    case LAYER_TILE: return const_all(l->in[1], 1) ? 0 : -1;
    case LAYER_SLICE: return same && whole_slice(l) ? 0 : -1;
    case LAYER_BINARY:
      if (!neutral_operand(l, &kept) || l->in[kept]->dtype != l->out[0]->dtype) return -1;
      return surely_same_shape(&l->in[kept]->shape, &l->out[0]->shape) ? kept : -1;
    default: return -1;
  }
}

static bool is_network_output(const network_t *n, const net_tensor_t *t) {
  for (int i = 0; i < n->n_outputs; i++)
    if (n->outputs[i] == t) return true;
  return false;
}

static bool bypass(network_t *n, layer_t *l) {
  int kept = passes_on(l);
  if (kept < 0) return false;
  net_tensor_t *x = l->in[kept];
  // An output must stay the work of a layer: a backend writes it.
  if ((!x->producer || is_network_output(n, x)) && is_network_output(n, l->out[0])) return false;
  if (x->producer) inherit_nodes(n, x->producer, l);
  for (int i = 0; i < n->n_layers && !x->producer; i++)
    for (int k = 0; k < n->layers[i]->n_in; k++)
      if (n->layers[i]->in[k] == l->out[0]) inherit_nodes(n, n->layers[i], l);
  redirect(n, l->out[0], x);
  l->dead = true;
  return true;
}

static bool moves_rows(const layer_t *l) {
  return l &&
         (l->type == LAYER_RESHAPE || l->type == LAYER_SQUEEZE || l->type == LAYER_EXPAND_DIMS);
}

static bool merge_chain(network_t *n, layer_t *l) {
  layer_t *before = l->n_in ? l->in[0]->producer : NULL;
  if (!before || before->dead) return false;
  if (l->type == LAYER_RESHAPE && moves_rows(before)) {
    set_inputs(n, l, 2, (net_tensor_t *[]){before->in[0], l->in[1]});
  } else if (l->type == LAYER_TRANSPOSE && before->type == LAYER_TRANSPOSE &&
             l->p.transpose.n == before->p.transpose.n) {
    for (int i = 0; i < l->p.transpose.n; i++)
      l->p.transpose.perm[i] = before->p.transpose.perm[l->p.transpose.perm[i]];
    set_inputs(n, l, 1, before->in);
  } else {
    return false;
  }
  inherit_nodes(n, l, before);
  return true;
}

// All elements of t are the number v.
static bool uniform(const net_tensor_t *t, double *v) {
  const layer_t *full = made_by(t, LAYER_FILL);
  if (full) return const_number(full->in[1], v);
  int64_t n = t->is_const ? tensor_elements(&t->value) : 0;
  if (n < 1) return false;
  *v = tensor_number_at(&t->value, 0);
  for (int64_t i = 1; i < n; i++)
    if (tensor_number_at(&t->value, i) != *v) return false;
  return true;
}

// t adds nothing to x but its shape: x broadcast, or combined with a tensor full of what is
// neutral.
// carrier: the shape that x is brought to.
static net_tensor_t *broadcast_of(const net_tensor_t *t, const shape_t **carrier) {
  const layer_t *l = t->producer;
  double v;
  if (!l || l->dead) return NULL;
  *carrier = &t->shape;
  if (l->type == LAYER_BROADCAST) return l->in[0];
  for (int i = 0; i < 2 && l->type == LAYER_BINARY; i++) {
    if (!uniform(l->in[i], &v)) continue;
    binary_op_t op = l->p.binary.op;
    bool one = (op == BINARY_MUL || op == BINARY_AND) && v == 1;
    bool zero = (op == BINARY_ADD || op == BINARY_OR) && v == 0;
    *carrier = &l->in[i]->shape;
    if ((one || zero) && l->in[1 - i]->dtype == t->dtype) return l->in[1 - i];
  }
  return NULL;
}

// An elementwise layer broadcasts by itself, when another operand has the shape to broadcast to.
static bool lighten_operands(network_t *n, layer_t *l) {
  if (l->type != LAYER_BINARY && l->type != LAYER_SELECT) return false;
  for (int side = 0; side < l->n_in; side++) {
    const shape_t *carrier = NULL;
    net_tensor_t *x = broadcast_of(l->in[side], &carrier), *in[3];
    bool carried = false;
    for (int i = 0; i < l->n_in && i < 3; i++) {
      in[i] = i == side ? x : l->in[i];
      carried = carried || (x && i != side && surely_same_shape(carrier, &l->in[i]->shape));
    }
    if (!carried) continue;
    inherit_nodes(n, l, l->in[side]->producer);
    set_inputs(n, l, l->n_in, in);
    return true;
  }
  return false;
}

int pass_cleanup(network_t *n) {
  int count = 0;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (l->dead) continue;
    while (merge_chain(n, l)) count++;
    while (lighten_operands(n, l)) count++;
    count += bypass(n, l);
  }
  return count;
}
