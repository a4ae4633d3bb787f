// The engines of a model: caches by name, what they did.
#include "runtime/engines.h"

#include <string.h>

#include "runtime/engine_calibration.h"
#include "runtime/engines_internal.h"

const char engine_container[] = "TF-TRT";

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

void engines_set_policy(engines_t *e, fallback_policy_t policy) { e->policy = policy; }

void engines_set_watch(engines_t *e, const engine_watch_t *watch) {
  e->watch = watch ? *watch : (engine_watch_t){0};
}

void engines_set_build_cache(engines_t *e, build_cache_t *cache) { e->build_cache = cache; }

void engines_set_compat(engines_t *e) { e->compat_2_17 = true; }

void engines_set_calibrating(engines_t *e) { e->calibrates = true; }

void engines_set_old_native(engines_t *e) { e->old_run_natively = true; }

void engines_destroy(engines_t *e) {
  if (!e) return;
  for (size_t i = 0; i < e->caches.n; i++) object_unref(&e->caches.v[i]->base);
  for (size_t i = 0; i < e->retired.n; i++) object_unref(&e->retired.v[i]->base);
  vec_free(&e->caches);
  vec_free(&e->retired);
  vec_free(&e->libraries);
  pthread_mutex_destroy(&e->lock);
  mem_free(e);
}

void engines_add_library(engines_t *e, library_t *library) {
  pthread_mutex_lock(&e->lock);
  vec_push(&e->libraries, library);
  pthread_mutex_unlock(&e->lock);
}

// ---------------------------------------------------------------- caches by name

const char *engine_canonical_name(const char *name) {
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
  engines_t *e = a->e;
  object_ref(&c->base);
  pthread_mutex_lock(&e->lock);
  size_t i = 0;
  while (i < e->caches.n && strcmp(e->caches.v[i]->name, a->name) != 0) i++;
  if (i < e->caches.n) {
    vec_push(&e->retired, e->caches.v[i]);
    e->caches.v[i] = c;
  } else {
    vec_push(&e->caches, c);
  }
  pthread_mutex_unlock(&e->lock);
  return &c->base;
}

engine_cache_t *engine_cache_of(engines_t *e, const char *name, int64_t capacity) {
  make_args_t a = {e, name, capacity > 1 << 20 ? 1 << 20 : (int)capacity};
  return (engine_cache_t *)resources_get(e->resources, engine_container, name, make_cache, &a);
}

status_t engines_add(engines_t *e, const node_t *node, const shape_t *shapes, int n,
                     const uint8_t *plan, size_t size) {
  engine_cache_t *cache = engine_cache_of(e, engine_canonical_name(node->name),
                                          node_int(node, "max_cached_engines_count", 1));
  status_t st = engine_cache_add(cache, shapes, n, plan, size, NULL, NULL);
  object_unref(&cache->base);
  return st;
}

status_t engines_load(engines_t *e, const node_t *node, const char *path) {
  engine_cache_t *cache = engine_cache_of(e, engine_canonical_name(node->name),
                                          node_int(node, "max_cached_engines_count", 1));
  status_t st = engine_cache_load(cache, path);
  object_unref(&cache->base);
  return st;
}

status_t engines_save(engines_t *e, const node_t *node, const char *path) {
  engine_cache_t *cache = engine_cache_of(e, engine_canonical_name(node->name),
                                          node_int(node, "max_cached_engines_count", 1));
  engine_calibration_finish(e, cache, node);
  status_t st = engine_cache_save(cache, path);
  object_unref(&cache->base);
  return st;
}

status_t engines_calibration(engines_t *e, const node_t *node, char **table) {
  const attr_value_t *told = node_attr(node, "calibration_data");
  bool has = told && told->kind == ATTR_STRING && told->s.n;
  engine_cache_t *cache = engine_cache_of(e, engine_canonical_name(node->name),
                                          node_int(node, "max_cached_engines_count", 1));
  char *why = NULL;
  const char *collected = has ? NULL : engine_calibration_end(cache, &why);
  *table = has ? mem_strndup(told->s.p, told->s.n) : collected ? mem_strdup(collected) : NULL;
  status_t st = *table ? NULL
                       : FAIL(UNKNOWN, "Calibration table is empty.%s%s%s", why ? " " : "",
                              why ? why : "", why ? "." : "");
  mem_free(why);
  object_unref(&cache->base);
  return st;
}

void engines_forget(engines_t *e, const node_t *node) {
  resources_remove(e->resources, engine_container, engine_canonical_name(node->name), NULL);
}

// ---------------------------------------------------------------- telling

int engines_stats(engines_t *e, engine_stats_t *out, int max) {
  pthread_mutex_lock(&e->lock);
  int n = (int)e->caches.n;
  for (int i = 0; i < n && i < max; i++) {
    engine_cache_t *c = e->caches.v[i];
    engine_held_t held = engine_cache_held(c);
    pthread_mutex_lock(&c->lock);
    out[i] = (engine_stats_t){.name = c->name,
                              .runs = atomic_load(&c->runs),
                              .hits = atomic_load(&c->hits),
                              .builds = atomic_load(&c->builds),
                              .failed_builds = atomic_load(&c->failed_builds),
                              .fallbacks = atomic_load(&c->fallbacks),
                              .last_fallback_reason = c->reason,
                              .engines = held.engines,
                              .profiles = held.profiles,
                              .contexts = held.contexts,
                              .empty = held.empty,
                              .context_bytes = held.context_bytes,
                              .contexts_made = atomic_load(&c->contexts_made),
                              .context_ns = atomic_load(&c->context_ns),
                              .build_ns = atomic_load(&c->build_ns),
                              .n_reasons = (int)c->reasons.n};
    pthread_mutex_unlock(&c->lock);
  }
  pthread_mutex_unlock(&e->lock);
  return n;
}

static engine_cache_t *cache_at(engines_t *e, int i) {
  pthread_mutex_lock(&e->lock);
  engine_cache_t *c = i >= 0 && (size_t)i < e->caches.n ? e->caches.v[i] : NULL;
  if (c) object_ref(&c->base);
  pthread_mutex_unlock(&e->lock);
  return c;
}

bool engines_reason(engines_t *e, int i, int k, const char **text, int64_t *count) {
  engine_cache_t *c = cache_at(e, i);
  if (!c) return false;
  pthread_mutex_lock(&c->lock);
  bool found = k >= 0 && (size_t)k < c->reasons.n;
  if (found) {
    *text = c->reasons.v[k].text;  // stays as long as the engines do
    *count = c->reasons.v[k].count;
  }
  pthread_mutex_unlock(&c->lock);
  object_unref(&c->base);
  return found;
}

profiles_t *engines_profiles(engines_t *e, int i) {
  engine_cache_t *c = cache_at(e, i);
  profiles_t *p = c ? engine_cache_profiles(c) : NULL;
  if (c) object_unref(&c->base);
  return p;
}

char *engines_profile(engines_t *e, int i) {
  engine_cache_t *c = cache_at(e, i);
  char *json = c ? engine_cache_profile(c) : NULL;
  if (c) object_unref(&c->base);
  return json;
}
