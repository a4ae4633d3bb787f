// Activations that a model spells with elementwise layers. A product is flattened first (a
// constant times factors), so every order and association of the same formula is found.
#include <math.h>

#include "network/passes/pass.h"

enum { MAX_FACTORS = 6 };

typedef struct product {
  double constant;
  int n;
  net_tensor_t *factor[MAX_FACTORS];
} product_t;

// The same number, as written in any of the float types.
static bool near(double a, double b) {
  return fabs(a - b) <= 1e-5 * fabs(b) ||
         fabs(a - (double)half_to_float(float_to_half((float)b))) <= 1e-9 ||
         fabs(a - (double)bfloat16_to_float(float_to_bfloat16((float)b))) <= 1e-9;
}

static bool flatten(net_tensor_t *t, product_t *p, int depth) {
  const layer_t *l = t->producer;
  double v;
  if (const_number(t, &v)) {
    p->constant *= v;
    return true;
  }
  if (l && depth) {
    if (is_op(l, BINARY_MUL))
      return flatten(l->in[0], p, depth - 1) && flatten(l->in[1], p, depth - 1);
    if (is_op(l, BINARY_DIV) && const_number(l->in[1], &v) && v != 0) {
      p->constant /= v;
      return flatten(l->in[0], p, depth - 1);
    }
    if (is_unary(l, UNARY_NEG)) {
      p->constant = -p->constant;
      return flatten(l->in[0], p, depth - 1);
    }
    bool square = is_unary(l, UNARY_SQUARE);
    if (square) v = 2;
    if (square || (is_op(l, BINARY_POW) && const_number(l->in[1], &v) && (v == 2 || v == 3))) {
      for (int i = 0; i < (int)v; i++)
        if (!flatten(l->in[0], p, depth - 1)) return false;
      return true;
    }
  }
  if (p->n == MAX_FACTORS) return false;
  p->factor[p->n++] = t;
  return true;
}

static bool product_of(net_tensor_t *t, product_t *p) {
  *p = (product_t){.constant = 1};
  return flatten(t, p, 6);
}

// t is constant * x
static bool scaled(net_tensor_t *t, const net_tensor_t *x, double *constant) {
  product_t p;
  if (!product_of(t, &p) || p.n != 1 || p.factor[0] != x) return false;
  *constant = p.constant;
  return true;
}

// t is x + constant; returns x
static net_tensor_t *plus(const net_tensor_t *t, double *constant) {
  const layer_t *l = made_by_binary(t, BINARY_ADD);
  for (int i = 0; l && i < 2; i++)
    if (const_number(l->in[i], constant)) return l->in[1 - i];
  return NULL;
}

static net_tensor_t *plus_exactly(const net_tensor_t *t, double constant) {
  double v;
  net_tensor_t *x = plus(t, &v);
  return x && near(v, constant) ? x : NULL;
}

static net_tensor_t *of_unary(const net_tensor_t *t, unary_op_t op) {
  const layer_t *l = t ? made_by_unary(t, op) : NULL;
  return l ? l->in[0] : NULL;
}

// relu6(x + 3), or its clip; returns x
static net_tensor_t *hard_gate(const net_tensor_t *t) {
  const layer_t *l = made_by(t, LAYER_UNARY);
  if (!l) return NULL;
  bool six = l->p.unary.op == UNARY_RELU6 ||
             (l->p.unary.op == UNARY_CLIP && l->p.unary.alpha == 0 && l->p.unary.beta == 6);
  return six ? plus_exactly(l->in[0], 3) : NULL;
}

// sqrt(2/pi) * (x + 0.044715 x^3)
static bool gelu_inner(net_tensor_t *t, const net_tensor_t *x) {
  product_t p, cube;
  if (!product_of(t, &p) || p.n != 1 || !near(p.constant, 0.7978845608)) return false;
  const layer_t *sum = made_by_binary(p.factor[0], BINARY_ADD);
  for (int i = 0; sum && i < 2; i++) {
    if (sum->in[i] != x || !product_of(sum->in[1 - i], &cube) || cube.n != 3) continue;
    if (near(cube.constant, 0.044715) && cube.factor[0] == x && cube.factor[1] == x &&
        cube.factor[2] == x)
      return true;
  }
  return false;
}

// What x is multiplied by, given the constant beside it; UNARY_COUNT: nothing known.
static unary_op_t gated(double constant, const net_tensor_t *x, const net_tensor_t *gate) {
  double v;
  if (near(constant, 1)) {
    if (of_unary(gate, UNARY_SIGMOID) == x) return UNARY_SWISH;
    const layer_t *hard = made_by_unary(gate, UNARY_HARD_SIGMOID);
    if (hard && hard->in[0] == x && near((double)hard->p.unary.alpha, 1.0 / 6) &&
        hard->p.unary.beta == 0.5f)
      return UNARY_HARD_SWISH;
    net_tensor_t *inner = of_unary(gate, UNARY_TANH);
    if (inner && of_unary(inner, UNARY_SOFTPLUS) == x) return UNARY_MISH;
  }
  if (near(constant, 1.0 / 6) && hard_gate(gate) == x) return UNARY_HARD_SWISH;
  if (!near(constant, 0.5)) return UNARY_COUNT;
  net_tensor_t *erfc_of = of_unary(gate, UNARY_ERFC), *one = plus_exactly(gate, 1);
  if (erfc_of && scaled(erfc_of, x, &v) && near(v, -M_SQRT1_2)) return UNARY_GELU_ERF;
  net_tensor_t *erf_of = of_unary(one, UNARY_ERF), *tanh_of = of_unary(one, UNARY_TANH);
  if (erf_of && scaled(erf_of, x, &v) && near(v, M_SQRT1_2)) return UNARY_GELU_ERF;
  if (tanh_of && gelu_inner(tanh_of, x)) return UNARY_GELU_TANH;
  return UNARY_COUNT;
}

typedef struct match {
  unary_op_t op;
  net_tensor_t *x;
  double alpha, beta;
} match_t;

static bool match_product(layer_t *l, match_t *m) {
  product_t p;
  if (!product_of(l->out[0], &p)) return false;
  for (int i = 0; p.n == 2 && i < 2; i++) {
    unary_op_t op = gated(p.constant, p.factor[i], p.factor[1 - i]);
    if (op == UNARY_COUNT) continue;
    *m = (match_t){op, p.factor[i], 0, 0};
    return true;
  }
  net_tensor_t *x = p.n == 1 && near(p.constant, 1.0 / 6) ? hard_gate(p.factor[0]) : NULL;
  if (x) *m = (match_t){UNARY_HARD_SIGMOID, x, 1.0 / 6, 0.5};
  return x != NULL;
}

// The clamp that t is of some tensor: lo, hi and that tensor.
static net_tensor_t *clamp_of(net_tensor_t *t, double *lo, double *hi) {
  const layer_t *l = t->producer;
  double v;
  *lo = -INFINITY;
  *hi = INFINITY;
  if (!l) return NULL;
  if (is_unary(l, UNARY_RELU)) {
    *lo = 0;
    return l->in[0];
  }
  if (is_unary(l, UNARY_CLIP)) {
    *lo = (double)l->p.unary.alpha;
    *hi = (double)l->p.unary.beta;
    return l->in[0];
  }
  for (int i = 0; i < 2 && l->type == LAYER_BINARY; i++) {
    if (!const_number(l->in[i], &v)) continue;
    if (l->p.binary.op == BINARY_MAX)
      *lo = v;
    else if (l->p.binary.op == BINARY_MIN)
      *hi = v;
    else
      return NULL;
    return l->in[1 - i];
  }
  return NULL;
}

static bool match_clamp(layer_t *l, match_t *m) {
  double lo, hi, lo2, hi2, a;
  if (is_op(l, BINARY_MAX)) {  // max(x, a x)
    for (int i = 0; i < 2; i++)
      if (scaled(l->in[1 - i], l->in[i], &a) && a > 0 && a < 1) {
        *m = (match_t){UNARY_LEAKY_RELU, l->in[i], a, 0};
        return true;
      }
  }
  net_tensor_t *x = clamp_of(l->out[0], &lo, &hi);
  if (!x || !is_float(x) || !surely_same_shape(&x->shape, &l->out[0]->shape)) return false;
  net_tensor_t *y = clamp_of(x, &lo2, &hi2);
  // Outer after inner; a clamp within a clamp is one when the bounds are in order.
  if (y && lo2 <= hi && lo <= hi2 && surely_same_shape(&y->shape, &x->shape)) {
    lo = fmax(lo, lo2);
    hi = fmin(hi, hi2);
    x = y;
  }
  if (lo == 0 && hi == INFINITY) {
    *m = (match_t){UNARY_RELU, x, 0, 0};
  } else if (lo == 0 && hi == 6) {
    *m = (match_t){UNARY_RELU6, x, 0, 0};
  } else if (lo > -INFINITY && hi < INFINITY) {
    *m = (match_t){UNARY_CLIP, x, lo, hi};
  } else {
    return false;
  }
  return true;
}

// log(1 + exp(x)), log1p(exp(x)); 1 / (1 + exp(-x))
static bool match_unary(layer_t *l, match_t *m) {
  net_tensor_t *x = NULL, *e;
  if (is_unary(l, UNARY_LOG1P)) x = of_unary(l->in[0], UNARY_EXP);
  if (is_unary(l, UNARY_LOG)) x = of_unary(plus_exactly(l->in[0], 1), UNARY_EXP);
  if (x) {
    *m = (match_t){UNARY_SOFTPLUS, x, 0, 0};
    return true;
  }
  if (!is_unary(l, UNARY_RECIPROCAL)) return false;
  e = of_unary(plus_exactly(l->in[0], 1), UNARY_EXP);
  x = of_unary(e, UNARY_NEG);
  if (x) *m = (match_t){UNARY_SIGMOID, x, 0, 0};
  return x != NULL;
}

// Powers that have a function of their own. (Grappler rewrites them so, too; only x^0.5 of -0 and
// of -inf differ, in the sign of zero and in inf for NaN.)
static bool match_power(const layer_t *l, match_t *m) {
  static const struct {
    double exponent;
    unary_op_t op;
  } powers[] = {{0.5, UNARY_SQRT}, {-0.5, UNARY_RSQRT}, {2, UNARY_SQUARE}, {-1, UNARY_RECIPROCAL}};
  double v;
  if (!is_op(l, BINARY_POW) || !const_number(l->in[1], &v)) return false;
  for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
    if (powers[i].exponent != v) continue;
    *m = (match_t){powers[i].op, l->in[0], 0, 0};
    return true;
  }
  return false;
}

int pass_activations(network_t *n) {
  int count = 0;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    match_t m;
    if (l->dead || (l->type != LAYER_BINARY && l->type != LAYER_UNARY) || !is_float(l->out[0]))
      continue;
    bool found = l->type == LAYER_UNARY
                     ? match_unary(l, &m) || match_clamp(l, &m)
                     : match_power(l, &m) || match_product(l, &m) || match_clamp(l, &m);
    bool same = found && l->type == LAYER_UNARY && l->p.unary.op == m.op && l->in[0] == m.x;
    if (!found || same || m.x->dtype != l->out[0]->dtype ||
        !surely_same_shape(&m.x->shape, &l->out[0]->shape))
      continue;
    inherit_tree(n, l, l->out[0], m.x);
    l->type = LAYER_UNARY;
    l->p = (layer_params_t){.unary = {m.op, (float)m.alpha, (float)m.beta}};
    set_inputs(n, l, 1, &m.x);
    count++;
  }
  return count;
}
