#include "backend/cpu/tactics.h"

#include <string.h>
#include <time.h>

#include "backend/cpu/context.h"

enum { MIN_ROUNDS = 4, MAX_ROUNDS = 30 };
static const double enough_seconds = 0.5;
// Our own kernels replace oneDNN's only when they are clearly faster: the clock is not that good.
static const double clearly = 0.92;

typedef struct trial {
  backend_context_t *c;
  int64_t *best;  // [n_layers], ns; 0: not a step
} trial_t;

static status_t run_trial(trial_t *t, const tensor_t *in, tensor_t *out) {
  backend_context_t *c = t->c;
  for (int k = 0; k < c->n_steps; k++) c->steps[k].ns = 0;
  TRY(cpu_context_run(c, in, out));
  for (int k = 0; k < c->n_steps; k++) {
    int64_t ns = c->steps[k].ns > 0 ? c->steps[k].ns : 1, *b = &t->best[c->steps[k].layer->id];
    if (*b == 0 || ns < *b) *b = ns;
  }
  return NULL;
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Both trials in turns, so that whatever else the machine does meets both alike. On made-up inputs.
static status_t run_trials(const network_t *n, const build_options_t *o, trial_t *trials) {
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
    TRY_GOTO(s, done, tensor_alloc(n->outputs[i]->dtype, &trials[0].c->output_shapes[i], &out[i]));
  double start = seconds();
  for (int r = 0; r < MAX_ROUNDS && (r < MIN_ROUNDS || seconds() - start < enough_seconds); r++)
    for (int i = 0; i < 2; i++) TRY_GOTO(s, done, run_trial(&trials[i], in, out));
done:
  for (int i = 0; i < n->n_inputs; i++) tensor_unref(&in[i]);
  for (int i = 0; i < n->n_outputs; i++) tensor_unref(&out[i]);
  mem_free(in);
  mem_free(out);
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
  trial_t trials[2] = {0};
  status_t s = NULL;
  for (int i = 0; i < 2; i++) {
    trials[i].best = mem_calloc((size_t)n->n_layers + 1, sizeof *trials[i].best);
    tactic_t t = i == 0 ? TACTIC_ONEDNN : TACTIC_OWN;
    if (!s) s = cpu_context_create_with(&e, t, o->opt_shapes, o->threads, &trials[i].c);
    if (!s) trials[i].c->profile = true;
  }
  if (!s) s = run_trials(n, o, trials);
  if (!s) {
    uint8_t *t = mem_calloc((size_t)n->n_layers + 1, 1);
    for (int k = 0; k < n->n_layers; k++) {
      double onednn = (double)trials[0].best[k], own = (double)trials[1].best[k];
      if (has_choice(n->layers[k]) && onednn > 0 && own > 0)
        t[k] = own < clearly * onednn ? TACTIC_OWN : TACTIC_ONEDNN;
    }
    *out = t;
  } else if (status_code(s) != CODE_RESOURCE_EXHAUSTED) {
    // Made-up inputs may be no sensible ones (indices, shapes): no reason not to build.
    status_free(s);
    s = NULL;
  }
  for (int i = 0; i < 2; i++) {
    cpu_context_destroy(trials[i].c);
    mem_free(trials[i].best);
  }
  weights_free(e.packed);
  pthread_mutex_destroy(&e.lock);
  return s;
}
