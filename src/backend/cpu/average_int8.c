// Means of 8-bit numbers: average pools, and reductions over adjacent axes, which are pools with
// one window.
#include "backend/cpu/cpu.h"
#include "kernels/pool_int8.h"

static status_t run(step_t *s, backend_context_t *c) {
  average_int8(s->state, step_in(s, c, 0), step_out(s, c, 0), c->threads);
  return NULL;
}

// [outer, n, inner]; false: the axes are not adjacent.
static bool reduce_shape(const layer_t *l, const shape_t *x, conv_shape_t *s) {
  bool reduced[SHAPE_MAX_RANK] = {false};
  int64_t size[3] = {1, 1, 1};
  int part = 0;
  for (int i = 0; i < l->p.n_axes; i++) {
    int axis = l->p.axes[i] < 0 ? l->p.axes[i] + x->rank : l->p.axes[i];
    if (axis < 0 || axis >= x->rank) return false;
    reduced[axis] = true;
  }
  for (int d = 0; d < x->rank; d++) {
    if (x->d[d] != 1 && reduced[d] != (part == 1)) part++;
    if (part > 2) return false;
    size[part] *= x->d[d];
  }
  *s = (conv_shape_t){.spatial = 1,
                      .batch = size[0],
                      .in = {size[1]},
                      .in_c = size[2],
                      .kernel = {size[1]},
                      .out = {1},
                      .out_c = size[2],
                      .stride = {1},
                      .dilation = {1},
                      .groups = 1};
  return true;
}

status_t make_average_int8_step(backend_context_t *c, const layer_t *l, step_t *s) {
  const net_tensor_t *x = l->in[0], *y = l->out[0];
  average_int8_t a = {
      .is_signed = x->dtype == DT_INT8, .zero = x->zero_point, .ratio = x->scale, .type = y->dtype};
  if (!(x->scale > 0) || x->n_channel_scales) return NULL;
  if (dtype_is_8bit_int(y->dtype)) {
    if (!(y->scale > 0)) return NULL;
    a.ratio = x->scale / y->scale;
    a.y_zero = y->zero_point;
  } else if (y->dtype != DT_FLOAT) {
    return NULL;
  }
  if (l->type == LAYER_POOL) {
    pool_layer_shape(l, in_shape(c, l, 0), out_shape(c, l, 0), &a.s);
    a.count_padding = l->p.pool.count_padding;
  } else if (!reduce_shape(l, in_shape(c, l, 0), &a.s)) {
    return NULL;
  }
  double pixels = 1;
  for (int i = 0; i < a.s.spatial; i++) pixels *= (double)a.s.kernel[i];
  if (pixels > AVERAGE_INT8_MOST_PIXELS) return NULL;
  if (!a.s.channels_last && l->type == LAYER_POOL) {  // every channel is an image of one channel
    a.s.batch *= a.s.in_c;
    a.s.in_c = a.s.out_c = 1;
  }
  average_int8_t *state = mem_alloc(sizeof *state);
  *state = a;
  *s = (step_t){.layer = l,
                .run = run,
                .state = state,
                .destroy = mem_free,
                .reuse = -1,
                .tactic = "average_int8"};
  return NULL;
}
