#include <pthread.h>
#include <string.h>

#include "base/cpu.h"
#include "base/environment.h"
#include "runtime/engines.h"
#include "runtime/executor.h"
#include "runtime/initialise.h"
#include "runtime/runtime.h"
#include "saved_model/writer.h"

typedef struct prepared {
  const signature_t *signature;
  arena_t *arena;
  library_t *library;
  graph_t *graph;
  executable_t *executable;
} prepared_t;

struct model {
  saved_model_t *saved;
  const meta_graph_t *meta;
  saved_model_source_t source;
  weight_source_t weights;
  bool simplify;
  exec_services_t services;
  engines_t *engines;
  build_cache_t *build_cache;  // NULL: none
  char *undone;                // why an initialiser did not run; NULL when all did
  pthread_mutex_t preparing;   // one preparation at a time
  pthread_mutex_t lock;        // guards ready
  VEC(prepared_t *) ready;
};

// ---------------------------------------------------------------- services

static status_t read_variable(void *self, const char *name, tensor_t *out) {
  model_t *m = self;
  return saved_model_variable(m->saved, m->meta, name, out);
}

static status_t read_weight(void *self, const char *key, tensor_t *out) {
  return saved_model_bundle_tensor(((model_t *)self)->saved, key, out);
}

static status_t run_engine(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                           int n_in, tensor_t *out, int n_out) {
  return engines_run(((model_t *)self)->engines, env, node, in, n_in, out, n_out);
}

static status_t prepare_body(void *self, graph_t *body) {
  TRY(graph_inline_calls(body));
  return weights_load(((model_t *)self)->saved, body);
}

// ---------------------------------------------------------------- preparing

static void prepared_free(prepared_t *p) {
  if (!p) return;
  executable_destroy(p->executable);
  graph_destroy(p->graph);
  library_destroy(p->library);
  arena_destroy(p->arena);
  mem_free(p);
}

static status_t prepare_graph(model_t *m, prepared_t *p) {
  variable_source_t variables = saved_model_variables(&m->source);
  TRY(bind_assets(m->saved, m->meta, p->graph));
  TRY(graph_inline_calls(p->graph));
  TRY(graph_name_segments(p->graph));
  TRY(graph_freeze(p->graph, &variables));
  TRY(weights_load(m->saved, p->graph));
  if (m->simplify) TRY(graph_simplify(p->graph));
  TRY(graph_prune(p->graph));
  return executable_create(p->graph, &m->services, &p->executable);
}

static prepared_t *find_ready(model_t *m, const signature_t *s) {
  prepared_t *found = NULL;
  pthread_mutex_lock(&m->lock);
  for (size_t i = 0; i < m->ready.n && !found; i++)
    if (m->ready.v[i]->signature == s) found = m->ready.v[i];
  pthread_mutex_unlock(&m->lock);
  return found;
}

static status_t make_ready(model_t *m, const signature_t *s, prepared_t **out) {
  prepared_t *p = mem_calloc(1, sizeof *p);
  p->signature = s;
  status_t st = signature_graph(m->saved, m->meta, s, &p->arena, &p->library, &p->graph);
  if (!st) st = prepare_graph(m, p);
  if (st) {
    prepared_free(p);
    return status_prefix(st, "%s, signature '%s'", saved_model_dir(m->saved), s->key);
  }
  engines_add_library(m->engines, p->library);
  pthread_mutex_lock(&m->lock);
  vec_push(&m->ready, p);
  pthread_mutex_unlock(&m->lock);
  *out = p;
  return NULL;
}

static status_t prepare(model_t *m, const char *key, prepared_t **out) {
  const signature_t *s = NULL;
  TRY(meta_graph_signature(m->meta, key, &s));
  *out = find_ready(m, s);
  if (*out) return NULL;
  pthread_mutex_lock(&m->preparing);
  *out = find_ready(m, s);
  status_t st = *out ? NULL : make_ready(m, s, out);
  pthread_mutex_unlock(&m->preparing);
  return st;
}

// ---------------------------------------------------------------- opening

static status_t open_model(model_t *m, const char *dir, const model_options_t *o) {
  const char *backend = o->backend ? o->backend : "cpu";
  TRY(saved_model_open(dir, &m->saved));
  TRY(saved_model_find(m->saved, o->tags, o->n_tags, &m->meta));
  m->source = (saved_model_source_t){m->saved, m->meta};
  m->weights = (weight_source_t){read_weight, m};
  m->simplify = o->simplify;
  m->services = (exec_services_t){.self = m,
                                  .resources = resources_create(),
                                  .threads = cpu_threads(o->threads),
                                  .variable = read_variable,
                                  .prepare_body = prepare_body,
                                  .run_engine = run_engine};
  const backend_t *b = backend_find(backend);
  if (!b && o->backend) return FAIL(NOT_FOUND, "there is no backend '%s'", o->backend);
  m->engines = engines_create(b, &m->weights, m->services.resources, m->services.threads);
  engines_set_policy(m->engines, o->on_fallback);
  engines_set_old_native(m->engines);
  if (o->compat_2_17) engines_set_compat(m->engines);
  if (o->engine_cache_dir)
    m->build_cache = build_cache_open(o->engine_cache_dir, env_number("TFTRT_CACHE_SIZE"));
  engines_set_build_cache(m->engines, m->build_cache);
  return run_init_op(m->saved, m->meta, &m->services, &m->undone);
}

status_t model_open(const char *dir, const model_options_t *o, model_t **out) {
  *out = NULL;
  if (!dir) return FAIL(INVALID_ARGUMENT, "no directory is given");
  model_options_t options = {0};
  if (o) memcpy(&options, o, o->struct_size < sizeof options ? o->struct_size : sizeof options);
  model_t *m = mem_calloc(1, sizeof *m);
  pthread_mutex_init(&m->preparing, NULL);
  pthread_mutex_init(&m->lock, NULL);
  status_t st = open_model(m, dir, &options);
  if (st)
    model_close(m);
  else
    *out = m;
  return st;
}

void model_close(model_t *m) {
  if (!m) return;
  for (size_t i = 0; i < m->ready.n; i++) prepared_free(m->ready.v[i]);
  vec_free(&m->ready);
  engines_destroy(m->engines);
  build_cache_close(m->build_cache);
  mem_free(m->undone);
  resources_destroy(m->services.resources);
  saved_model_close(m->saved);
  pthread_mutex_destroy(&m->preparing);
  pthread_mutex_destroy(&m->lock);
  mem_free(m);
}

const meta_graph_t *model_meta_graph(const model_t *m) { return m->meta; }
const saved_model_t *model_saved_model(const model_t *m) { return m->saved; }

// ---------------------------------------------------------------- running

status_t model_prepare(model_t *m, const char *signature_key) {
  prepared_t *p;
  return prepare(m, signature_key, &p);
}

status_t model_graph(model_t *m, const char *signature_key, const graph_t **out) {
  prepared_t *p;
  TRY(prepare(m, signature_key, &p));
  *out = p->graph;
  return NULL;
}

static status_t check_input(const tensor_info_t *i, const tensor_t *t) {
  char a[128], b[128];
  if (tensor_empty(t)) return FAIL(INVALID_ARGUMENT, "input '%s' is missing", i->key);
  if (t->dtype != i->dtype)
    return FAIL(INVALID_ARGUMENT, "input '%s' is %s, expected %s", i->key, dtype_name(t->dtype),
                dtype_name(i->dtype));
  if (!shape_compatible(&i->shape, &t->shape))
    return FAIL(INVALID_ARGUMENT, "input '%s' has shape %s, expected %s", i->key,
                shape_format(&t->shape, a, sizeof a), shape_format(&i->shape, b, sizeof b));
  return NULL;
}

status_t model_run(model_t *m, const char *signature_key, const tensor_t *in, tensor_t *out) {
  prepared_t *p;
  TRY(prepare(m, signature_key, &p));
  const signature_t *s = p->signature;
  for (int i = 0; i < s->n_inputs; i++)
    TRY(status_prefix(check_input(&s->inputs[i], &in[i]), "signature '%s'", s->key));
  status_t st = executable_run(p->executable, in, out);
  if (m->undone && status_code(st) == CODE_FAILED_PRECONDITION)
    st = status_prefix(st, "%s", m->undone);
  return st;
}

void model_watch_engines(model_t *m, const engine_watch_t *watch) {
  engines_set_watch(m->engines, watch);
}

int model_engine_stats(model_t *m, engine_stats_t *out, int max) {
  return engines_stats(m->engines, out, max);
}

bool model_engine_reason(model_t *m, int i, int k, const char **text, int64_t *count) {
  return engines_reason(m->engines, i, k, text, count);
}

profiles_t *model_engine_profiles(model_t *m, int i) { return engines_profiles(m->engines, i); }

char *model_engine_profile(model_t *m, int i) { return engines_profile(m->engines, i); }
