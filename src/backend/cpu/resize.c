// Resizing of images.
#include "kernels/resize.h"

#include "backend/cpu/cpu.h"

static status_t run(step_t *s, backend_context_t *c) {
  const resize_shape_t *shape = s->state;
  const layer_t *l = s->layer;
  const void *x = step_in(s, c, 0);
  void *y = step_out(s, c, 0);
  switch (l->p.resize.mode) {
    case RESIZE_NEAREST:
      return resize_nearest(shape, x, y, dtype_size(l->in[0]->dtype), c->threads);
    case RESIZE_BILINEAR: return resize_bilinear(shape, x, y, c->threads);
    default: return resize_bicubic(shape, x, y, c->threads);
  }
}

status_t make_resize_step(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0), *y = out_shape(c, l, 0);
  bool nearest = l->p.resize.mode == RESIZE_NEAREST;
  if (x->rank != 4 || y->rank != 4 || shape_elements(x) == 0) return NULL;
  if (l->in[0]->dtype != l->out[0]->dtype || !(nearest || l->in[0]->dtype == DT_FLOAT)) return NULL;
  resize_shape_t *st = mem_alloc(sizeof *st);
  *st = (resize_shape_t){.batch = x->d[0],
                         .in_h = x->d[1],
                         .in_w = x->d[2],
                         .out_h = y->d[1],
                         .out_w = y->d[2],
                         .channels = x->d[3],
                         .align_corners = l->p.resize.align_corners,
                         .half_pixel_centers = l->p.resize.half_pixel_centers};
  *s = (step_t){
      .layer = l, .run = run, .state = st, .destroy = mem_free, .reuse = -1, .tactic = "resize"};
  return NULL;
}
