#include "convert/measure.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "ops/env.h"
#include "runtime/engines.h"
#include "saved_model/writer.h"

enum { LAYER_SETS = 2 };  // sets that layers are observed over

struct measure {
  converter_t *c;
  tensor_t **want;  // [sets][n_rets]
  bool *served;     // [sets]
  int64_t fallbacks;
};

// ---- inputs ----------------------------------------------------------------------------------

status_t keep_inputs(converter_t *c, const tensor_t *in) {
  size_t bytes = 0;
  int n = c->signature->n_inputs;
  if (c->inputs.n >= MEASURE_SETS) return NULL;
  for (int i = 0; i < n; i++) bytes += tensor_bytes(&in[i]);
  if (c->inputs.n && c->input_bytes + bytes > MEASURE_BYTES) return NULL;
  tensor_t *copy = mem_calloc((size_t)n + 1, sizeof *copy);
  status_t st = NULL;
  for (int i = 0; i < n && !st; i++) st = tensor_copy(&in[i], &copy[i]);
  c->input_bytes += bytes;
  vec_push(&c->inputs, copy);
  return st;
}

void forget_inputs(converter_t *c) {
  for (size_t i = 0; i < c->inputs.n; i++) {
    for (int k = 0; k < c->signature->n_inputs; k++) tensor_unref(&c->inputs.v[i][k]);
    mem_free(c->inputs.v[i]);
  }
  vec_free(&c->inputs);
  c->input_bytes = 0;
}

// ---- the right outputs -----------------------------------------------------------------------

static status_t run_native(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                           int n_in, tensor_t *out, int n_out) {
  (void)self;
  func_ref_t segment = node_native_segment(node);
  if (!segment.name) return FAIL(INVALID_ARGUMENT, "node %s: it has no native segment", node->name);
  return env->call(env, &segment, (tensor_t *)(uintptr_t)in, n_in, false, out, n_out);
}

static status_t run_sets(measure_t *m, converter_executable_t *x) {
  converter_t *c = m->c;
  for (size_t i = 0; i < c->inputs.n; i++) {
    m->want[i] = mem_calloc((size_t)c->graph->n_rets + 1, sizeof **m->want);
    TRY(converter_executable_run(x, c->inputs.v[i], m->want[i]));
    TRY(report_progress(c, "measuring", (int64_t)i + 1, (int64_t)c->inputs.n));
  }
  return NULL;
}

status_t measure_begin(converter_t *c, measure_t **out) {
  measure_t *m = mem_calloc(1, sizeof *m);
  converter_executable_t *x;
  m->c = c;
  m->want = mem_calloc(c->inputs.n + 1, sizeof *m->want);
  m->served = mem_calloc(c->inputs.n + 1, sizeof *m->served);
  status_t st = converter_executable_create(c, run_native, NULL, &x);
  if (!st) st = run_sets(m, x);
  converter_executable_destroy(x);
  if (st) {
    measure_end(m);
    m = NULL;
  }
  *out = m;
  return st;
}

void measure_end(measure_t *m) {
  if (!m) return;
  for (size_t i = 0; i < m->c->inputs.n; i++) {
    for (int k = 0; m->want[i] && k < m->c->graph->n_rets; k++) tensor_unref(&m->want[i][k]);
    mem_free(m->want[i]);
  }
  mem_free(m->want);
  mem_free(m->served);
  mem_free(m);
}

// ---- the engines -----------------------------------------------------------------------------

static int64_t count_fallbacks(engines_t *e, const converter_t *c) {
  int n = engines_stats(e, NULL, 0);
  engine_stats_t *stats = mem_calloc((size_t)n + 1, sizeof *stats);
  int64_t count = 0;
  int now = engines_stats(e, stats, n);
  for (int i = 0; i < n && i < now; i++)
    for (size_t k = 0; k < c->engines.n; k++)  // one that could not be built always falls back
      if (c->engines.v[k].built.n && strcmp(c->engines.v[k].node->name, stats[i].name) == 0)
        count += stats[i].fallbacks;
  mem_free(stats);
  return count;
}

static void free_outputs(const converter_t *c, tensor_t *out) {
  for (int k = 0; k < c->graph->n_rets; k++) tensor_unref(&out[k]);
}

static status_t add_outputs(const measure_t *m, size_t set, const tensor_t *got, difference_t *d) {
  const signature_t *s = m->c->signature;
  for (int k = 0; k < m->c->graph->n_rets; k++)
    TRY(status_prefix(difference_add(&d[k], &m->want[set][k], &got[k]), "output '%s'",
                      k < s->n_outputs ? s->outputs[k].key : ""));
  return NULL;
}

static status_t run_all(measure_t *m, difference_t *d, tensor_t *out, int *sets) {
  converter_t *c = m->c;
  for (size_t i = 0; i < c->inputs.n; i++) {
    TRY(run_converted(c, c->inputs.v[i], out));
    int64_t fallbacks = count_fallbacks(runner_engines(c->runner), c);
    status_t st = NULL;
    m->served[i] = fallbacks == m->fallbacks;
    m->fallbacks = fallbacks;
    if (m->served[i]) st = add_outputs(m, i, out, d);
    *sets += m->served[i];
    free_outputs(c, out);
    TRY(st);
    TRY(report_progress(c, "measuring", (int64_t)i + 1, (int64_t)c->inputs.n));
  }
  return NULL;
}

// Several runs over the first set that is served; *seconds: of the fastest.
static status_t take_time(measure_t *m, tensor_t *out, double *seconds) {
  enum { LEAST_RUNS = 3, MOST_RUNS = 20 };
  static const int64_t enough_ns = 400 * 1000 * 1000;
  converter_t *c = m->c;
  size_t set = 0;
  while (!m->served[set]) set++;
  int64_t best = INT64_MAX, total = 0;
  for (int i = 0; i < MOST_RUNS && (i < LEAST_RUNS || total < enough_ns); i++) {
    int64_t began = clock_ns();
    TRY(run_converted(c, c->inputs.v[set], out));
    int64_t ns = clock_ns() - began;
    free_outputs(c, out);
    total += ns;
    if (ns < best) best = ns;
  }
  *seconds = (double)best / 1e9;
  return NULL;
}

status_t measure_engines(measure_t *m, measured_t *out) {
  converter_t *c = m->c;
  size_t n = (size_t)c->graph->n_rets + 1;
  difference_t *d = mem_calloc(n, sizeof *d);
  tensor_t *ran = mem_calloc(n, sizeof *ran);
  *out = (measured_t){.cosine = 1};
  status_t st = restart_runner(c);
  m->fallbacks = 0;
  if (!st) st = run_all(m, d, ran, &out->sets);
  if (!st && !out->sets)
    st =
        FAIL(FAILED_PRECONDITION,
             "no engine serves the inputs that errors are to be measured over: give such that have "
             "the shapes of those that engines are built for");
  if (!st) st = take_time(m, ran, &out->seconds);
  for (size_t k = 0; k + 1 < n && !st; k++) {
    double cosine = difference_cosine(&d[k]);
    if (d[k].max_abs > out->max_abs) out->max_abs = d[k].max_abs;
    if (cosine < out->cosine) out->cosine = cosine;
  }
  mem_free(ran);
  mem_free(d);
  return st;
}

static layer_time_t *find_time(const layer_times_t *t, const char *engine, const char *layer,
                               const char *type) {
  for (size_t i = 0; i < t->v.n; i++) {
    layer_time_t *l = &t->v.v[i];
    if (strcmp(l->engine, engine) == 0 && strcmp(l->layer, layer) == 0 &&
        strcmp(l->type, type) == 0)
      return l;
  }
  return NULL;
}

// From a backend's profile; NULL: the engine has not run.
static void add_times(layer_times_t *t, const char *engine, const char *profile) {
  json_t *list = profile ? json_loads(profile, 0, NULL) : NULL, *item;
  const char *own = arena_strdup(t->arena, engine);
  size_t at;
  json_array_foreach(list, at, item) {
    const char *layer = json_string_value(json_object_get(item, "layer"));
    const char *type = json_string_value(json_object_get(item, "type"));
    double seconds = 1e-6 * json_number_value(json_object_get(item, "least_us"));
    layer_time_t *same = layer && type ? find_time(t, own, layer, type) : NULL;
    if (same)
      same->seconds += seconds;
    else if (layer && type)
      vec_push(&t->v, ((layer_time_t){own, arena_strdup(t->arena, layer),
                                      arena_strdup(t->arena, type), seconds}));
  }
  json_decref(list);
}

status_t measure_layer_times(measure_t *m, layer_times_t *out) {
  engines_t *engines = runner_engines(m->c->runner);
  int n = engines_stats(engines, NULL, 0);
  engine_stats_t *stats = mem_calloc((size_t)n + 1, sizeof *stats);
  tensor_t *ran = mem_calloc((size_t)m->c->graph->n_rets + 1, sizeof *ran);
  double seconds;
  *out = (layer_times_t){.arena = arena_create()};
  int now = engines_stats(engines, stats, n);
  for (int i = 0; i < n && i < now; i++)
    mem_free(engines_profile(engines, i));  // starts the clocks
  status_t st = take_time(m, ran, &seconds);
  for (int i = 0; i < n && i < now && !st; i++) {
    char *profile = engines_profile(engines, i);
    add_times(out, stats[i].name, profile);
    mem_free(profile);
  }
  mem_free(stats);
  mem_free(ran);
  if (st) layer_times_free(out);
  return st;
}

void layer_times_free(layer_times_t *t) {
  vec_free(&t->v);
  arena_destroy(t->arena);
  *t = (layer_times_t){0};
}

status_t measure_layers(measure_t *m, layer_errors_t **out) {
  converter_t *c = m->c;
  layer_watch_t *w = layer_watch_create();
  tensor_t *ran = mem_calloc((size_t)c->graph->n_rets + 1, sizeof *ran);
  engines_t *engines = runner_engines(c->runner);
  status_t st = NULL;
  int sets = 0;
  for (size_t i = 0; i < c->inputs.n && sets < LAYER_SETS && !st; i++) {
    if (!m->served[i]) continue;
    for (int pass = 0; pass < 2 && !st; pass++) {
      engine_watch_t watch = pass ? layer_watch_planned(w) : layer_watch_reference(w);
      engines_set_watch(engines, &watch);
      st = run_converted(c, c->inputs.v[i], ran);
      free_outputs(c, ran);
    }
    sets++;
  }
  engines_set_watch(engines, NULL);
  *out = st ? NULL : layer_watch_errors(w, true);
  layer_watch_destroy(w);
  mem_free(ran);
  return st;
}
