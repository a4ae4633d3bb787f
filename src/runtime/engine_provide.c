// Engines made while a model runs.
#include <string.h>

#include "base/clock.h"
#include "engine/plan.h"
#include "runtime/engine_calibration.h"
#include "runtime/engine_variables.h"
#include "runtime/segment_build.h"

function_t *engine_segment(engines_t *e, const char *name) {
  function_t *found = NULL;
  pthread_mutex_lock(&e->lock);
  for (size_t i = 0; i < e->libraries.n && !found; i++) {
    function_t *f = library_find(e->libraries.v[i], name);
    if (f && f->body) found = f;  // every signature's library has it, that of the engine its body
  }
  pthread_mutex_unlock(&e->lock);
  return found;
}

status_t engine_segment_copy(engines_t *e, engine_cache_t *cache, const op_ctx_t *c,
                             const engine_attrs_t *a, arena_t *arena, graph_t **out) {
  function_t *segment = a->segment ? engine_segment(e, a->segment->name) : NULL;
  if (!segment) return FAIL(NOT_FOUND, "the native segment is not in the graph");
  if (!e->backend) return FAIL(UNAVAILABLE, "there is no backend");
  if (segment->body->n_args != c->n_in)
    return FAIL(INVALID_ARGUMENT, "the native segment has %d arguments, the node %d inputs",
                segment->body->n_args, c->n_in);
  shape_t *at_hand = mem_alloc(((size_t)c->n_in + 1) * sizeof *at_hand);
  for (int i = 0; i < c->n_in; i++) at_hand[i] = c->in[i].shape;
  *out = segment_copy(segment->body, c->node, at_hand, arena);
  mem_free(at_hand);
  if (a->n_variables) engine_variables_pin(cache, a, *out);
  return NULL;
}

static status_t build_body(engines_t *e, engine_cache_t *cache, const op_ctx_t *c,
                           const engine_attrs_t *a, graph_t *body, bytes_t *plan) {
  shape_t *shapes = mem_alloc(((size_t)c->n_in + 1) * sizeof *shapes);
  for (int i = 0; i < c->n_in; i++) shapes[i] = c->in[i].shape;
  profiles_t *profiles = a->implicit ? NULL : engine_cache_profiles(cache);
  build_options_t o = {.struct_size = sizeof o,
                       .threads = e->threads,
                       .max_workspace = node_int(c->node, "workspace_size_bytes", 0),
                       .opt_shapes = profiles ? profiles->list.v[0].opt.shapes : shapes,
                       .profiles = profiles};
  int64_t began = clock_ns();
  segment_precision_t precision = segment_precision_of(c->node);
  if (precision.int8 && !precision.table) precision.table = engine_calibration_table(cache);
  if (precision.table && !precision.table_size) precision.table_size = strlen(precision.table);
  status_t st = segment_build(body, cache->name, &precision, e->backend, &o, e->build_cache, plan);
  atomic_fetch_add(&cache->build_ns, clock_ns() - began);
  atomic_fetch_add(st ? &cache->failed_builds : &cache->builds, 1);
  profiles_destroy(profiles);
  mem_free(shapes);
  return st;
}

static status_t build(engines_t *e, engine_cache_t *cache, const op_ctx_t *c,
                      const engine_attrs_t *a, bytes_t *plan) {
  graph_t *body = NULL;
  arena_t *arena = arena_create();
  status_t st = engine_segment_copy(e, cache, c, a, arena, &body);
  if (!st) st = build_body(e, cache, c, a, body, plan);
  graph_destroy(body);
  arena_destroy(arena);
  return st;
}

// A plan of the node itself may be of another kind (TensorRT's): then one is built, if it may be.
static bool loads(const engines_t *e, const attr_value_t *plan) {
  char name[16];
  status_t st = plan_backend((const uint8_t *)plan->s.p, plan->s.n, name, sizeof name);
  bool ok = !st && e->backend && strcmp(name, e->backend->name) == 0;
  status_free(st);
  return ok;
}

status_t engine_provide(engines_t *e, engine_cache_t *cache, const op_ctx_t *c,
                        const engine_attrs_t *a, bytes_t *plan, bool *owned) {
  *plan = (bytes_t){0};
  *owned = !(a->plan && loads(e, a->plan));
  if (!*owned) {
    *plan = (bytes_t){(uint8_t *)(uintptr_t)a->plan->s.p, a->plan->s.n};
    return NULL;
  }
  if (a->no_build)
    return FAIL(FAILED_PRECONDITION,
                "the engine in the node cannot be loaded. Not building a new engine because %s.",
                a->no_build);
  return build(e, cache, c, a, plan);
}
