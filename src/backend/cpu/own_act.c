#include "backend/cpu/own_act.h"

#include <math.h>

bool own_act_of(const activation_t *act, dtype_t out_type, own_act_t *out) {
  *out = (own_act_t){.alpha = act->alpha, .beta = act->beta};
  if (!act->on) return true;
  out->clamp = act->op == UNARY_RELU || act->op == UNARY_RELU6;
  if (out->clamp) {
    out->hi = act->op == UNARY_RELU6 ? 6.0f : INFINITY;
    return true;
  }
  const tile_ops_t *ops = tile_ops();
  bool rounded = act->op == UNARY_GELU_ERF && out_type == DT_HALF;
  out->fn = rounded ? ops->gelu_half : ops->unary[act->op];
  return out->fn != NULL;
}

void own_act_apply(float *x, int64_t n, const void *arg) {
  const own_act_t *act = arg;
  act->fn(n, x, x, act->alpha, act->beta);
}
