// Elementwise layers that are left become LAYER_FUSED, one pass over memory: a layer takes in the
// layers it reads when it is their only reader and they have its shape. Values are of one float
// type, or bool; smaller inputs broadcast. QUANTIZE and DEQUANTIZE by one known scale are taken in,
// too, so that what lies between layers on 8-bit tensors is read and written as such.
#include <string.h>

#include "network/passes/pass.h"

enum { MAX_STEPS = 16, MAX_INPUTS = 8 };

typedef struct group {
  layer_t *root;
  int n_steps, n_inputs;
  layer_t *step[MAX_STEPS];  // in an order in which producers come first
  net_tensor_t *input[MAX_INPUTS];
} group_t;

static bool fits(const net_tensor_t *t, dtype_t f) { return t->dtype == f || t->dtype == DT_BOOL; }

// Is l a QUANTIZE or DEQUANTIZE that can be a step?
static bool quantization(const layer_t *l, dtype_t f) {
  bool up = l->type == LAYER_QUANTIZE, down = l->type == LAYER_DEQUANTIZE;
  if (l->dead || l->n_out != 1 || f != DT_FLOAT || !(up || down)) return false;
  dtype_t number = up ? l->out[0]->dtype : l->in[0]->dtype;
  double scale;
  if ((up ? l->in[0] : l->out[0])->dtype != f || (number != DT_INT8 && number != DT_UINT8))
    return false;
  if (!const_number(l->in[1], &scale) || !((float)scale > 0)) return false;
  if (l->p.quantize.zero_point < -255 || l->p.quantize.zero_point > 255) return false;
  return down || (l->p.quantize.rounding == QUANTIZE_HALF_EVEN && !l->p.quantize.narrow &&
                  l->p.quantize.multiplier == 0 && l->p.quantize.base == 0);
}

// Its inputs that are values; the scale of a QUANTIZE is in its step.
static int operands(const layer_t *l) {
  return l->type == LAYER_QUANTIZE || l->type == LAYER_DEQUANTIZE ? 1 : l->n_in;
}

static bool elementwise(const layer_t *l, dtype_t f) {
  if (quantization(l, f)) return true;
  if (l->dead || l->n_out != 1 || !fits(l->out[0], f)) return false;
  if (l->type != LAYER_UNARY && l->type != LAYER_BINARY && l->type != LAYER_SELECT) return false;
  for (int i = 0; i < l->n_in; i++)
    if (!fits(l->in[i], f)) return false;
  return true;
}

static bool is_member(const group_t *g, const net_tensor_t *t) {
  for (int i = 0; i < g->n_steps; i++)
    if (g->step[i]->out[0] == t) return true;
  return false;
}

static int input_index(const group_t *g, const net_tensor_t *t) {
  for (int i = 0; i < g->n_inputs; i++)
    if (g->input[i] == t) return i;
  return -1;
}

// Adds l and what it may take in; on no room for an operand's own tree that operand is an input.
static bool collect(group_t *g, layer_t *l, dtype_t f) {
  group_t before = *g;
  for (int i = 0; i < operands(l); i++) {
    net_tensor_t *t = l->in[i];
    if (is_member(g, t) || input_index(g, t) >= 0) continue;
    layer_t *p = t->producer;
    // Numbers are read rather than the values that they stand for, by as many as want them.
    bool only = t->n_readers == 1 || (p && p->type == LAYER_DEQUANTIZE);
    bool inside =
        p && only && elementwise(p, f) && surely_same_shape(&t->shape, &g->root->out[0]->shape);
    if (inside && collect(g, p, f)) continue;
    if (g->n_inputs == MAX_INPUTS) {
      *g = before;
      return false;
    }
    g->input[g->n_inputs++] = t;
  }
  if (g->n_steps == MAX_STEPS) {
    *g = before;
    return false;
  }
  g->step[g->n_steps++] = l;
  return true;
}

static int value_index(const group_t *g, const net_tensor_t *t) {
  int at = input_index(g, t);
  for (int i = 0; i < g->n_steps && at < 0; i++)
    if (g->step[i]->out[0] == t) at = g->n_inputs + i;
  return at;
}

static void fuse(network_t *n, const group_t *g) {
  layer_params_t p = {0};
  p.fused.n = g->n_steps;
  for (int i = 0; i < g->n_steps; i++) {
    const layer_t *l = g->step[i];
    fused_step_t *s = &p.fused.step[i];
    s->kind = l->type == LAYER_UNARY        ? STEP_UNARY
              : l->type == LAYER_BINARY     ? STEP_BINARY
              : l->type == LAYER_SELECT     ? STEP_SELECT
              : l->type == LAYER_DEQUANTIZE ? STEP_DEQUANTIZE
                                            : STEP_QUANTIZE;
    s->op = l->type == LAYER_UNARY    ? (int)l->p.unary.op
            : l->type == LAYER_BINARY ? (int)l->p.binary.op
                                      : 0;
    if (l->type == LAYER_UNARY) {
      s->alpha = l->p.unary.alpha;
      s->beta = l->p.unary.beta;
    }
    double scale;
    if (quantization(l, DT_FLOAT) && const_number(l->in[1], &scale)) {
      s->alpha = (float)scale;
      s->beta = (float)l->p.quantize.zero_point;
    }
    s->dtype = l->out[0]->dtype;
    s->a = value_index(g, l->in[0]);
    if (operands(l) > 1) s->b = value_index(g, l->in[1]);
    if (operands(l) > 2) s->c = value_index(g, l->in[2]);
  }
  layer_t *root = g->root;
  for (int i = g->n_steps - 2; i >= 0; i--) inherit_nodes(n, root, g->step[i]);
  root->type = LAYER_FUSED;
  root->p = p;
  set_inputs(n, root, g->n_inputs, g->input);
}

int pass_elementwise(network_t *n) {
  int count = 0;
  for (int i = n->n_layers - 1; i >= 0; i--) {
    layer_t *l = n->layers[i];
    if (l->dead || l->n_out != 1) continue;
    dtype_t f = is_float(l->out[0]) ? l->out[0]->dtype : DT_INVALID;
    for (int k = 0; k < l->n_in && f == DT_INVALID; k++)
      if (is_float(l->in[k])) f = l->in[k]->dtype;
    group_t g = {.root = l};
    if (f == DT_INVALID || !elementwise(l, f) || !collect(&g, l, f) || g.n_steps < 2) continue;
    fuse(n, &g);
    count++;
  }
  return count;
}
