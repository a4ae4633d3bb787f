#include "backend/cpu/tactics.h"

#include <string.h>

#include "backend/cpu/context.h"

enum { ROUNDS = 5 };

// Best time of each layer over some runs on zeros and small numbers, in ns; 0: not a step.
static status_t time_layers(backend_engine_t *e, tactic_t tactic, const build_options_t *o,
                            int64_t *best) {
  const network_t *n = e->net;
  backend_context_t *c;
  TRY(cpu_context_create_with(e, tactic, o->opt_shapes, o->threads, &c));
  tensor_t *in = mem_calloc((size_t)n->n_inputs + 1, sizeof *in);
  tensor_t *out = mem_calloc((size_t)n->n_outputs + 1, sizeof *out);
  status_t s = NULL;
  for (int i = 0; i < n->n_inputs; i++) {
    TRY_GOTO(s, done, tensor_alloc(n->inputs[i]->dtype, &o->opt_shapes[i], &in[i]));
    memset(in[i].data, 0, tensor_bytes(&in[i]));
    for (int64_t k = 0; k < tensor_elements(&in[i]) && in[i].dtype == DT_FLOAT; k++)
      TENSOR_DATA(float, &in[i])[k] = (float)(k % 17) * 0.05f - 0.4f;
  }
  for (int i = 0; i < n->n_outputs; i++)
    TRY_GOTO(s, done, tensor_alloc(n->outputs[i]->dtype, &c->output_shapes[i], &out[i]));
  c->profile = true;
  for (int r = 0; r < ROUNDS; r++) {
    for (int k = 0; k < c->n_steps; k++) c->steps[k].ns = 0;
    TRY_GOTO(s, done, cpu_context_run(c, in, out));
    for (int k = 0; k < c->n_steps; k++) {
      int64_t *b = &best[c->steps[k].layer->id];
      if (*b == 0 || c->steps[k].ns < *b) *b = c->steps[k].ns > 0 ? c->steps[k].ns : 1;
    }
  }
done:
  for (int i = 0; i < n->n_inputs; i++) tensor_unref(&in[i]);
  for (int i = 0; i < n->n_outputs; i++) tensor_unref(&out[i]);
  mem_free(in);
  mem_free(out);
  cpu_context_destroy(c);
  return s;
}

static bool has_choice(const layer_t *l) {
  return l->type == LAYER_CONV || l->type == LAYER_DECONV || l->type == LAYER_MATMUL;
}

status_t choose_tactics(network_t *n, const build_options_t *o, uint8_t **out) {
  *out = NULL;
  const onednn_t *dn;
  status_t none = onednn_get(&dn);
  if (none) {
    status_free(none);
    return NULL;
  }
  backend_engine_t e = {.net = n};
  pthread_mutex_init(&e.lock, NULL);
  int64_t *with[2];
  status_t s = NULL;
  for (int i = 0; i < 2; i++) with[i] = mem_calloc((size_t)n->n_layers + 1, sizeof *with[i]);
  for (int i = 0; i < 2 && !s; i++) {
    s = time_layers(&e, i == 0 ? TACTIC_ONEDNN : TACTIC_OWN, o, with[i]);
    weights_free(e.packed);
    e.packed = NULL;
  }
  if (!s) {
    uint8_t *t = mem_calloc((size_t)n->n_layers + 1, 1);
    for (int k = 0; k < n->n_layers; k++)
      if (has_choice(n->layers[k]) && with[0][k] && with[1][k])
        t[k] = with[1][k] < with[0][k] ? TACTIC_OWN : TACTIC_ONEDNN;
    *out = t;
  } else if (status_code(s) != CODE_RESOURCE_EXHAUSTED) {
    // Zeros may be no sensible inputs (indices, shapes): that is no reason not to build.
    status_free(s);
    s = NULL;
  }
  pthread_mutex_destroy(&e.lock);
  for (int i = 0; i < 2; i++) mem_free(with[i]);
  return s;
}
