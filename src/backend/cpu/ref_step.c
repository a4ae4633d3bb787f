// The last resort: a layer run by its definition (network/eval.h).
#include <string.h>

#include "backend/cpu/cpu.h"
#include "network/eval.h"

typedef struct ref_state {
  tensor_t *in, *out;
} ref_state_t;

static void destroy(void *p) {
  ref_state_t *st = p;
  mem_free(st->in);
  mem_free(st->out);
  mem_free(st);
}

static status_t run(step_t *s, backend_context_t *c) {
  const layer_t *l = s->layer;
  ref_state_t *st = s->state;
  for (int i = 0; i < l->n_in; i++) {
    const shape_t *shape = in_shape(c, l, i);
    size_t bytes = (size_t)shape_elements(shape) * dtype_size(l->in[i]->dtype);
    st->in[i] = tensor_borrow(l->in[i]->dtype, shape, (void *)step_in(s, c, i), bytes, NULL, NULL);
  }
  memset(st->out, 0, (size_t)l->n_out * sizeof *st->out);
  status_t e = layer_eval(l, st->in, st->out);
  for (int i = 0; i < l->n_out; i++) {
    if (!e && !shape_equal(&st->out[i].shape, out_shape(c, l, i)))
      e = FAIL(INTERNAL, "layer %s made an output of another shape than planned", l->name);
    if (!e) memcpy(step_out(s, c, i), st->out[i].data, tensor_bytes(&st->out[i]));
    tensor_unref(&st->out[i]);
  }
  for (int i = 0; i < l->n_in; i++) tensor_unref(&st->in[i]);
  return e;
}

status_t make_ref_step(backend_context_t *c, const layer_t *l, step_t *s) {
  (void)c;
  for (int i = 0; i < l->n_out; i++)
    if (!dtype_is_plain(l->out[i]->dtype))
      return FAIL(UNIMPLEMENTED, "layer %s: %s tensors cannot be in an engine", l->name,
                  dtype_name(l->out[i]->dtype));
  ref_state_t *st = mem_calloc(1, sizeof *st);
  st->in = mem_calloc((size_t)l->n_in + 1, sizeof *st->in);
  st->out = mem_calloc((size_t)l->n_out + 1, sizeof *st->out);
  *s = (step_t){
      .layer = l, .run = run, .state = st, .destroy = destroy, .reuse = -1, .tactic = "ref"};
  return NULL;
}
