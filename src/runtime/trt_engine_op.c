// TRTEngineOp and the resource ops around it: the engine when there is one that serves the inputs,
// else the native segment.
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "ops/variables.h"
#include "runtime/engine_cache.h"
#include "runtime/engines.h"
#include "runtime/segment_build.h"

static const char container[] = "TF-TRT";

struct engines {
  const backend_t *backend;
  const weight_source_t *weights;
  resources_t *resources;
  int threads;
  bool native_forbidden;
  pthread_mutex_t lock;  // guards what follows
  VEC(library_t *) libraries;
  VEC(engine_cache_t *) caches;  // references
};

engines_t *engines_create(const backend_t *backend, const weight_source_t *weights,
                          resources_t *resources, int threads) {
  engines_t *e = mem_calloc(1, sizeof *e);
  e->backend = backend;
  e->weights = weights;
  e->resources = resources;
  e->threads = threads;
  pthread_mutex_init(&e->lock, NULL);
  return e;
}

void engines_forbid_native(engines_t *e) { e->native_forbidden = true; }

void engines_destroy(engines_t *e) {
  if (!e) return;
  for (size_t i = 0; i < e->caches.n; i++) object_unref(&e->caches.v[i]->base);
  vec_free(&e->caches);
  vec_free(&e->libraries);
  pthread_mutex_destroy(&e->lock);
  mem_free(e);
}

void engines_add_library(engines_t *e, library_t *library) {
  pthread_mutex_lock(&e->lock);
  vec_push(&e->libraries, library);
  pthread_mutex_unlock(&e->lock);
}

int engines_stats(engines_t *e, engine_stats_t *out, int max) {
  pthread_mutex_lock(&e->lock);
  int n = (int)e->caches.n;
  for (int i = 0; i < n && i < max; i++) {
    engine_cache_t *c = e->caches.v[i];
    pthread_mutex_lock(&c->lock);
    out[i] = (engine_stats_t){.name = c->name,
                              .runs = c->runs,
                              .hits = c->hits,
                              .builds = c->builds,
                              .fallbacks = c->fallbacks,
                              .last_fallback_reason = c->reason};
    pthread_mutex_unlock(&c->lock);
  }
  pthread_mutex_unlock(&e->lock);
  return n;
}

char *engines_profile(engines_t *e, int i) {
  pthread_mutex_lock(&e->lock);
  engine_cache_t *c = i >= 0 && (size_t)i < e->caches.n ? e->caches.v[i] : NULL;
  if (c) object_ref(&c->base);
  pthread_mutex_unlock(&e->lock);
  char *json = c ? engine_cache_profile(c) : NULL;
  if (c) object_unref(&c->base);
  return json;
}

// ---------------------------------------------------------------- caches by name

static const char *canonical(const char *name) {
  const char *slash = strrchr(name, '/');
  return slash ? slash + 1 : name;
}

typedef struct make_args {
  engines_t *e;
  const char *name;
  int capacity;
} make_args_t;

static object_t *make_cache(void *arg) {
  const make_args_t *a = arg;
  engine_cache_t *c =
      engine_cache_create(a->name, a->e->backend, a->e->weights, a->e->threads, a->capacity);
  pthread_mutex_lock(&a->e->lock);
  vec_push(&a->e->caches, (engine_cache_t *)object_ref(&c->base));
  pthread_mutex_unlock(&a->e->lock);
  return &c->base;
}

// A new reference.
static engine_cache_t *cache_of(engines_t *e, const char *name, int64_t capacity) {
  make_args_t a = {e, name, capacity > 1 << 20 ? 1 << 20 : (int)capacity};
  return (engine_cache_t *)resources_get(e->resources, container, name, make_cache, &a);
}

status_t engines_add(engines_t *e, const node_t *node, const shape_t *shapes, int n,
                     const uint8_t *plan, size_t size) {
  engine_cache_t *cache =
      cache_of(e, canonical(node->name), node_int(node, "max_cached_engines_count", 1));
  status_t st = engine_cache_add(cache, shapes, n, plan, size, NULL, NULL);
  object_unref(&cache->base);
  return st;
}

// What CreateTRTResourceHandle hands out: a name. The cache is made when it is first needed.
typedef struct handle {
  object_t base;
  char *name;
} handle_t;

static void handle_destroy(object_t *o) {
  mem_free(((handle_t *)o)->name);
  mem_free(o);
}

static const object_type_t handle_type = {"TRTResourceHandle", handle_destroy};

static status_t create_handle(op_ctx_t *c) {
  handle_t *h = mem_calloc(1, sizeof *h);
  h->base.type = &handle_type;
  atomic_init(&h->base.refs, 1);
  h->name = mem_strdup(node_string(c->node, "resource_name"));
  return op_out_object(c, 0, &h->base);
}

static status_t string_input(const op_ctx_t *c, int i, char **out) {
  const tensor_t *t = &c->in[i];
  if (t->dtype != DT_STRING || tensor_elements(t) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "input %d is no scalar string", i);
  const str_t *s = TENSOR_DATA(str_t, t);
  *out = mem_strndup(s->p ? s->p : "", s->n);
  return NULL;
}

static status_t filename_input(const op_ctx_t *c, int i, char **out) {
  TRY(string_input(c, i, out));
  if (**out) return NULL;
  mem_free(*out);
  return FAIL(INVALID_ARGUMENT, "filename cannot be empty.");
}

static status_t initialize(engines_t *e, op_ctx_t *c) {
  object_t *o = NULL;
  char *path = NULL;
  TRY(op_object(c, 0, &handle_type, &o));
  TRY(filename_input(c, 1, &path));
  engine_cache_t *cache =
      cache_of(e, ((handle_t *)o)->name, node_int(c->node, "max_cached_engines_count", 1));
  // A second meta graph, or a second run of the init op, finds the engines there.
  status_t st = engine_cache_empty(cache) ? engine_cache_load(cache, path) : NULL;
  object_unref(&cache->base);
  mem_free(path);
  return st;
}

static status_t find_cache(engines_t *e, const op_ctx_t *c, engine_cache_t **out) {
  char *name = NULL;
  TRY(string_input(c, 0, &name));
  *out = (engine_cache_t *)resources_get(e->resources, container, name, NULL, NULL);
  mem_free(name);
  return *out ? NULL : FAIL(NOT_FOUND, "TRTEngineCacheResource not yet created");
}

static status_t serialize(engines_t *e, op_ctx_t *c) {
  char *path = NULL;
  engine_cache_t *cache = NULL;
  TRY(filename_input(c, 1, &path));
  status_t st = find_cache(e, c, &cache);
  if (!st && node_bool(c->node, "save_gpu_specific_engines", true))
    st = engine_cache_save(cache, path);
  else if (!st)
    st = file_write(path, "", 0);
  if (!st && node_bool(c->node, "delete_resource", false))
    resources_remove(e->resources, container, cache->name, NULL);
  if (cache) object_unref(&cache->base);
  mem_free(path);
  return st;
}

static status_t calibration_data(engines_t *e, op_ctx_t *c) {
  engine_cache_t *cache = NULL;
  TRY(find_cache(e, c, &cache));
  object_unref(&cache->base);
  // Calibration is the converter's; nothing is calibrated at run time.
  return FAIL(UNKNOWN, "Calibration table is empty.");
}

// ---------------------------------------------------------------- TRTEngineOp

// Stats hand the texts out, so they are kept; shapes in them could make many, so not all are.
static void note_fallback(engine_cache_t *cache, char *why) {
  enum { MAX_REASONS = 64 };
  pthread_mutex_lock(&cache->lock);
  cache->fallbacks++;
  size_t i = 0;
  while (i < cache->reasons.n && strcmp(cache->reasons.v[i], why) != 0) i++;
  if (i == cache->reasons.n && i < MAX_REASONS) {
    vec_push(&cache->reasons, why);
    why = NULL;
  }
  cache->reason = cache->reasons.v[i < cache->reasons.n ? i : cache->reasons.n - 1];
  pthread_mutex_unlock(&cache->lock);
  mem_free(why);
}

static status_t run_native(engines_t *e, engine_cache_t *cache, op_ctx_t *c, char *why) {
  bool allowed = !e->native_forbidden && env_flag("TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION");
  status_t forbidden =
      allowed
          ? NULL
          : FAIL(ABORTED, "User disallowed engine native segment execution. %s cannot serve: %s",
                 cache->name, why);
  note_fallback(cache, why);
  if (forbidden) return forbidden;
  const func_ref_t *f = node_func(c->node, "segment_func");
  if (!f || !f->name || !*f->name)
    return FAIL(ABORTED,
                "Native segment execution is enabled but  native segment is not found in the "
                "graph.");
  return c->env->call(c->env, f, (tensor_t *)(uintptr_t)c->in, c->n_in, false, c->out, c->n_out);
}

// Differences between the shapes at hand and those that the graph has written down.
static char *check_shapes(const op_ctx_t *c) {
  const attr_value_t *a = node_attr(c->node, "input_shapes");
  if (!a || a->kind != ATTR_LIST || !a->list || (int)a->n_list != c->n_in) return NULL;
  char x[128], y[128];
  for (int i = 0; i < c->n_in; i++)
    if (!shape_compatible(&a->list[i].shape, &c->in[i].shape))
      return mem_printf(
          "Input shapes do not match input partial shapes stored in graph, for %s: %s != %s",
          canonical(c->node->name), shape_format(&c->in[i].shape, x, sizeof x),
          shape_format(&a->list[i].shape, y, sizeof y));
  return NULL;
}

static function_t *find_segment(engines_t *e, const char *name) {
  function_t *f = NULL;
  pthread_mutex_lock(&e->lock);
  for (size_t i = 0; i < e->libraries.n && !f; i++) f = library_find(e->libraries.v[i], name);
  pthread_mutex_unlock(&e->lock);
  return f;
}

// Builds from a copy of the segment, for the partial shapes that the graph has for its inputs.
static status_t build_segment(engines_t *e, engine_cache_t *cache, const op_ctx_t *c) {
  const func_ref_t *f = node_func(c->node, "segment_func");
  function_t *segment = f && f->name ? find_segment(e, f->name) : NULL;
  if (!segment || !segment->body) return FAIL(NOT_FOUND, "the native segment is not in the graph");
  if (!e->backend) return FAIL(UNAVAILABLE, "there is no backend");
  if (segment->body->n_args != c->n_in)
    return FAIL(INVALID_ARGUMENT, "the native segment has %d arguments, the node %d inputs",
                segment->body->n_args, c->n_in);
  const attr_value_t *partial = node_attr(c->node, "input_shapes");
  bool have_partial = partial && partial->kind == ATTR_LIST && (int)partial->n_list == c->n_in;
  arena_t *arena = arena_create();
  graph_t *body = graph_clone(segment->body, arena);
  shape_t *shapes = arena_alloc(arena, ((size_t)c->n_in + 1) * sizeof *shapes);
  for (int i = 0; i < c->n_in; i++) {
    shapes[i] = c->in[i].shape;
    body->args[i]->out_shape[0] = have_partial ? partial->list[i].shape : shapes[i];
  }
  build_options_t o = {.struct_size = sizeof o,
                       .threads = e->threads,
                       .max_workspace = node_int(c->node, "workspace_size_bytes", 0),
                       .opt_shapes = shapes};
  bytes_t plan = {0};
  segment_precision_t precision = segment_precision_of(c->node);
  status_t st = segment_build(body, cache->name, &precision, e->backend, &o, &plan);
  if (!st) {
    pthread_mutex_lock(&cache->lock);
    cache->builds++;
    pthread_mutex_unlock(&cache->lock);
    st = engine_cache_add(cache, shapes, c->n_in, plan.data, plan.size, mem_free, plan.data);
  }
  graph_destroy(body);
  arena_destroy(arena);
  return st;
}

static bool wants_calibration(const node_t *n) {
  return node_bool(n, "use_calibration", true) && node_string_is(n, "precision_mode", "INT8") &&
         !*node_string(n, "calibration_data");
}

// An engine from the node itself (serialized_segment), or a new one; only callers that need this
// engine wait. *why: why there is still none.
static void provide(engines_t *e, engine_cache_t *cache, const op_ctx_t *c, char **why) {
  status_t st = NULL;
  pthread_mutex_lock(&cache->building);
  const attr_value_t *plan = node_attr(c->node, "serialized_segment");
  bool is_static = node_bool(c->node, "static_engine", true) && plan && plan->s.n;
  if (is_static && engine_cache_empty(cache) && !cache->tried_static) {
    cache->tried_static = true;
    st = engine_cache_add(cache, NULL, 0, (const uint8_t *)plan->s.p, plan->s.n, NULL, NULL);
  }
  const attr_value_t *allowed = node_attr(c->node, "_allow_build_at_runtime");
  if (engine_cache_empty(cache) && !st) {
    if (wants_calibration(c->node)) {
      st = FAIL(FAILED_PRECONDITION, "the engine waits for calibration");
    } else if (allowed && !allowed->b) {
      st = FAIL(FAILED_PRECONDITION,
                "Found no engine in cache matching input shapes. Not building a new engine because "
                "allow_build_at_runtime=False.");
    } else if (!cache->tried_build) {
      cache->tried_build = true;
      st = build_segment(e, cache, c);
    }
  }
  bool empty = engine_cache_empty(cache);
  pthread_mutex_lock(&cache->lock);
  if (st && (!cache->failure || cache->tried_build)) {
    mem_free(cache->failure);
    cache->failure = mem_strdup(status_message(st));
  }
  mem_free(*why);
  *why = !empty ? NULL : mem_strdup(cache->failure ? cache->failure : "there is no engine");
  pthread_mutex_unlock(&cache->lock);
  pthread_mutex_unlock(&cache->building);
  status_free(st);
}

static status_t run_context(op_ctx_t *c, backend_context_t *context, const backend_t *b) {
  const shape_t *shapes = b->output_shapes(context);
  for (int i = 0; i < c->n_out; i++) {
    tensor_t *t;
    TRY(op_out(c, i, &shapes[i], &t));
  }
  return b->run(context, c->in, c->out);
}

static status_t run_op(engines_t *e, engine_cache_t *cache, op_ctx_t *c) {
  char *why = check_shapes(c);
  if (why) return run_native(e, cache, c, why);
  engine_lease_t *lease = engine_cache_take(cache, c->in, c->n_in, &why);
  if (!lease && engine_cache_empty(cache)) {
    provide(e, cache, c, &why);
    if (!why) lease = engine_cache_take(cache, c->in, c->n_in, &why);
  }
  if (!lease) return run_native(e, cache, c, why);
  status_t st = run_context(c, engine_lease_context(lease), e->backend);
  engine_cache_give(cache, lease, st == NULL);
  if (!st) {
    pthread_mutex_lock(&cache->lock);
    cache->hits++;
    pthread_mutex_unlock(&cache->lock);
    return NULL;
  }
  why = mem_printf("Failed to execute engine: %s", status_message(st));
  status_free(st);
  for (int i = 0; i < c->n_out; i++) tensor_unref(&c->out[i]);
  return run_native(e, cache, c, why);
}

status_t engines_run(engines_t *e, op_env_t *env, const node_t *node, const tensor_t *in, int n_in,
                     tensor_t *out, int n_out) {
  op_ctx_t c = {.node = node,
                .in = in,
                .n_in = n_in,
                .out = out,
                .n_out = n_out,
                .threads = env->threads,
                .env = env};
  if (strcmp(node->op, "CreateTRTResourceHandle") == 0) return create_handle(&c);
  if (strcmp(node->op, "InitializeTRTResource") == 0) return initialize(e, &c);
  if (strcmp(node->op, "SerializeTRTResource") == 0) return serialize(e, &c);
  if (strcmp(node->op, "GetCalibrationDataOp") == 0) return calibration_data(e, &c);
  engine_cache_t *cache =
      cache_of(e, canonical(node->name), node_int(node, "max_cached_engines_count", 1));
  pthread_mutex_lock(&cache->lock);
  cache->runs++;
  pthread_mutex_unlock(&cache->lock);
  status_t st = run_op(e, cache, &c);
  object_unref(&cache->base);
  return st;
}
