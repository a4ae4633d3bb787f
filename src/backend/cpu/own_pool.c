// Pools by our own kernels, where oneDNN does not take the layer or is not there.
#include "backend/cpu/cpu.h"
#include "kernels/pool.h"

typedef struct own_pool {
  conv_shape_t shape;
  pool_options_t options;
} own_pool_t;

static status_t run(step_t *s, backend_context_t *c) {
  const own_pool_t *st = s->state;
  return pool_run(&st->shape, s->layer->in[0]->dtype, step_in(s, c, 0), step_out(s, c, 0),
                  &st->options, c->threads);
}

void pool_layer_shape(const layer_t *l, const shape_t *x, const shape_t *y, conv_shape_t *s) {
  int sp = l->p.pool.spatial, first = l->p.pool.channels_last ? 1 : 2;
  int64_t channels = x->d[l->p.pool.channels_last ? sp + 1 : 1];
  *s = (conv_shape_t){.spatial = sp,
                      .channels_last = l->p.pool.channels_last,
                      .batch = x->d[0],
                      .in_c = channels,
                      .out_c = channels,
                      .groups = 1};
  for (int i = 0; i < sp; i++) {
    int64_t out;
    s->in[i] = x->d[first + i];
    s->out[i] = y->d[first + i];
    s->kernel[i] = l->p.pool.window[i];
    s->stride[i] = l->p.pool.strides[i];
    s->dilation[i] = 1;
    conv_geometry(s->in[i], s->kernel[i], s->stride[i], 1, l->p.pool.same, l->p.pool.pad_begin[i],
                  l->p.pool.pad_end[i], &out, &s->pad[i]);
  }
}

status_t make_own_pool_step(backend_context_t *c, const layer_t *l, step_t *s) {
  dtype_t t = l->in[0]->dtype;
  // The largest of 8-bit numbers is the largest, whatever they stand for.
  bool numbers = l->p.pool.max && dtype_is_8bit_int(t);
  if (l->out[0]->dtype != t || !(numbers || t == DT_FLOAT)) return NULL;
  own_pool_t *st = mem_calloc(1, sizeof *st);
  st->options = (pool_options_t){.max = l->p.pool.max, .count_padding = l->p.pool.count_padding};
  pool_layer_shape(l, in_shape(c, l, 0), out_shape(c, l, 0), &st->shape);
  *s = (step_t){
      .layer = l, .run = run, .state = st, .destroy = mem_free, .reuse = -1, .tactic = "pool"};
  return NULL;
}
