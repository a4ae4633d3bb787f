#include "network/passes/logarithm.h"

#include "network/passes/half.h"

static bool has_log(const layer_t *l) {
  if (l->type == LAYER_UNARY) return l->p.unary.op == UNARY_LOG || l->p.unary.op == UNARY_LOG1P;
  for (int i = 0; l->type == LAYER_FUSED && i < l->p.fused.n; i++) {
    const fused_step_t *s = &l->p.fused.step[i];
    if (s->kind == STEP_UNARY && (s->op == UNARY_LOG || s->op == UNARY_LOG1P)) return true;
  }
  return false;
}

// Small values of its input decide values of its output.
static bool passes_small_values(const layer_t *l) {
  switch (half_class(l)) {
    case HALF_ELEMENTWISE:
    case HALF_MOVES: return true;
    case HALF_CHOSEN: return l->type == LAYER_MATMUL ? !l->p.matmul.act.on : !l->p.conv.act.on;
    default: return l->type == LAYER_REDUCE;
  }
}

bool *tensors_of_logarithms(const network_t *n) {
  bool *seen = mem_calloc((size_t)n->n_tensors + 1, sizeof *seen);
  for (int i = n->n_layers - 1; i >= 0; i--) {
    const layer_t *r = n->layers[i];
    bool sees = has_log(r);
    for (int o = 0; o < r->n_out && passes_small_values(r); o++) sees |= seen[r->out[o]->id];
    for (int k = 0; k < r->n_in && sees && !r->dead; k++) seen[r->in[k]->id] = true;
  }
  return seen;
}

bool becomes_logarithm(const network_t *n, const layer_t *l) {
  bool *seen = tensors_of_logarithms(n), found = seen[l->out[0]->id];
  mem_free(seen);
  return found;
}
