// QUANTIZE and DEQUANTIZE of float32 tensors.
#include "kernels/quantize.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/parallel.h"

typedef struct quantize {
  layer_params_t p;
  bool is_unsigned;
  int64_t inner, n_scales;  // element i takes scale (i / inner) % n_scales
  const float *scale;
  const void *x;
  void *y;
} quantize_t;

static void quantize_row(const quantize_t *q, const float *x, uint8_t *y, int64_t n, float scale) {
  const layer_params_t *p = &q->p;
  if (p->quantize.rounding == QUANTIZE_HALF_AWAY) {
    for (int64_t i = 0; i < n; i++)
      y[i] = (uint8_t)(int)quantize_number(p, scale, q->is_unsigned, (double)x[i]);
    return;
  }
  float lo = (float)((q->is_unsigned ? 0 : -128) + p->quantize.narrow);
  float hi = q->is_unsigned ? 255 : 127, base = p->quantize.base;
  quantize_how_t how = {
      .base = base,
      .by = p->quantize.multiplier > 0 ? p->quantize.multiplier : (float)(1 / (double)scale),
      .start = base != 0 ? lo : (float)p->quantize.zero_point,
      .half_up = p->quantize.rounding == QUANTIZE_HALF_UP};
  how.least = lo - how.start;
  how.most = hi - how.start;
  quantize_floats(&how, x, y, n);
}

static void piece(const quantize_t *q, bool back, int64_t begin, int64_t end) {
  while (begin < end) {
    int64_t row = begin / q->inner, stop = (row + 1) * q->inner;
    float scale = q->scale[row % q->n_scales];
    if (q->n_scales == 1 || stop > end) stop = end;
    if (back)
      dequantize_numbers((const uint8_t *)q->x + begin, q->is_unsigned,
                         (float)q->p.quantize.zero_point, scale, (float *)q->y + begin,
                         stop - begin);
    else
      quantize_row(q, (const float *)q->x + begin, (uint8_t *)q->y + begin, stop - begin, scale);
    begin = stop;
  }
}

static void quantize_piece(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  piece(ctx, false, begin, end);
}
static void dequantize_piece(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  piece(ctx, true, begin, end);
}

static status_t run(step_t *s, backend_context_t *c) {
  quantize_t q = *(const quantize_t *)s->state;
  q.x = step_in(s, c, 0);
  q.y = step_out(s, c, 0);
  q.scale = step_in(s, c, 1);
  parallel_for(c->threads, shape_elements(out_shape(c, s->layer, 0)), 16384,
               s->layer->type == LAYER_QUANTIZE ? quantize_piece : dequantize_piece, &q);
  return NULL;
}

status_t make_quantize_step(backend_context_t *c, const layer_t *l, step_t *s) {
  dtype_t real = l->type == LAYER_QUANTIZE ? l->in[0]->dtype : l->out[0]->dtype;
  dtype_t number = l->type == LAYER_QUANTIZE ? l->out[0]->dtype : l->in[0]->dtype;
  const shape_t *x = in_shape(c, l, 0);
  int axis = l->p.quantize.axis;
  int64_t scales = shape_elements(in_shape(c, l, 1));
  if (real != DT_FLOAT || !dtype_is_8bit_int(number) || l->in[1]->dtype != DT_FLOAT || scales < 1)
    return NULL;
  if (l->p.quantize.zero_point < -255 || l->p.quantize.zero_point > 255 || axis >= x->rank)
    return NULL;
  quantize_t *q = mem_calloc(1, sizeof *q);
  *q = (quantize_t){.p = l->p, .is_unsigned = number == DT_UINT8, .inner = 1, .n_scales = scales};
  for (int i = axis + 1; axis >= 0 && i < x->rank; i++) q->inner *= x->d[i];
  if ((scales != 1 && (axis < 0 || scales != x->d[axis])) || q->inner < 1) {
    mem_free(q);
    return NULL;
  }
  *s = (step_t){.layer = l,
                .run = run,
                .state = q,
                .destroy = mem_free,
                .reuse = -1,
                .tactic = l->type == LAYER_QUANTIZE ? "quantize" : "dequantize"};
  return NULL;
}
