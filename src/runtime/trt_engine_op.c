// TRTEngineOp: the engine when there is one that serves the inputs, else the native segment.
#include <string.h>

#include "base/environment.h"
#include "runtime/engine_calibration.h"
#include "runtime/engine_inputs.h"
#include "runtime/engine_variables.h"

static const char native_allowed[] = "TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION";

// why: what is counted; freed here. always: TF-TRT runs the segment whatever
// TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION says.
static status_t run_native(engines_t *e, engine_cache_t *cache, op_ctx_t *c,
                           const engine_attrs_t *a, bool always, char *why) {
  bool allowed = e->policy != FALLBACK_FAIL && (always || env_flag(native_allowed));
  status_t st =
      allowed || !a->segment
          ? NULL
          : FAIL(ABORTED, "User disallowed engine native segment execution. %s cannot serve: %s",
                 cache->name, why);
  if (!a->segment)
    st = FAIL(ABORTED,
              "Native segment execution is enabled but  native segment is not found in the graph. "
              "%s cannot serve: %s",
              cache->name, why);
  engine_cache_note_fallback(cache, why);
  if (st) return st;
  return c->env->call(c->env, a->segment, (tensor_t *)(uintptr_t)c->in, c->n_in, false, c->out,
                      c->n_out);
}

static status_t run_context(op_ctx_t *c, backend_context_t *context, const backend_t *b) {
  const shape_t *shapes = b->output_shapes(context);
  for (int i = 0; i < c->n_out; i++) {
    tensor_t *t;
    TRY(op_out(c, i, &shapes[i], &t));
  }
  return b->run(context, c->in, c->out);
}

static status_t watch(engines_t *e, const engine_cache_t *cache, op_ctx_t *c,
                      const graph_t *segment, const engine_lease_t *lease) {
  engine_served_t by = {.name = cache->name,
                        .segment = segment,
                        .backend = e->backend,
                        .engine = engine_lease_engine(lease),
                        .context = engine_lease_context(lease),
                        .threads = e->threads};
  return e->watch.run(e->watch.self, &by, c->in, c->n_in, c->out, c->n_out);
}

static status_t run_watched(engines_t *e, engine_cache_t *cache, op_ctx_t *c,
                            const engine_attrs_t *a, const engine_lease_t *lease) {
  function_t *segment = a->segment ? engine_segment(e, a->segment->name) : NULL;
  if (!segment || !a->n_variables) return watch(e, cache, c, segment ? segment->body : NULL, lease);
  graph_t *pinned = NULL;
  arena_t *arena = arena_create();
  status_t st = engine_segment_copy(e, cache, c, a, arena, &pinned);
  if (!st) st = watch(e, cache, c, pinned, lease);
  graph_destroy(pinned);
  arena_destroy(arena);
  return st;
}

engine_found_t engine_find(engines_t *e, engine_cache_t *cache, const op_ctx_t *c,
                           const engine_attrs_t *a, uint64_t era) {
  enum { FEW = 16 };
  shape_t few[FEW], *partial = NULL;
  if (!a->implicit) {
    partial = c->n_in <= FEW ? few : mem_alloc((size_t)c->n_in * sizeof *partial);
    for (int i = 0; i < c->n_in; i++)
      partial[i] =
          (size_t)i < a->input_shapes->n_list ? a->input_shapes->list[i].shape : SHAPE_UNKNOWN;
  }
  engine_request_t r = {.in = c->in,
                        .n_in = c->n_in,
                        .implicit = a->implicit,
                        .no_build = a->no_build,
                        .from_node = a->plan != NULL,
                        .max_batch = a->plan ? node_int(c->node, "max_batch_size", 0) : 0,
                        .evicts = a->compat_2_17 || e->policy == FALLBACK_BUILD,
                        .widens = e->policy == FALLBACK_BUILD && !a->no_build,
                        .era = era,
                        .strategy = a->strategy,
                        .partial = partial};
  engine_found_t f = engine_cache_take(cache, &r);
  if (f.full && !env_flag(native_allowed)) {  // where nothing else may serve, an engine must
    mem_free(f.why);
    r.evicts = true;
    f = engine_cache_take(cache, &r);
  }
  if (f.build) {
    bytes_t plan;
    bool owned;
    status_t st = engine_provide(e, cache, c, a, &plan, &owned);
    f = engine_cache_built(cache, f.build, plan, owned, st, &r);
  }
  if (partial != few) mem_free(partial);
  return f;
}

// *done false: calibration has ended, so that an engine may serve.
static status_t run_calibrating(engines_t *e, engine_cache_t *cache, op_ctx_t *c, op_ctx_t *native,
                                const engine_attrs_t *a, uint64_t era, bool *done) {
  const char *waits = e->calibrates ? "the engine waits for calibration"
                                    : "the engine waits for calibration: converting the model "
                                      "anew, with calibration inputs, calibrates it";
  calibration_result_t r = e->calibrates && e->policy != FALLBACK_FAIL
                               ? engine_calibration_run(e, cache, c, a, era)
                               : CALIBRATION_FAILED;
  *done = r != CALIBRATION_ENDED;
  if (r == CALIBRATION_FAILED) return run_native(e, cache, native, a, true, mem_strdup(waits));
  if (r == CALIBRATION_RAN) engine_cache_note_fallback(cache, mem_strdup(waits));
  return NULL;
}

// native: c, with the handles of variables that engines have no use for.
static status_t run_by_engine(engines_t *e, engine_cache_t *cache, op_ctx_t *c, op_ctx_t *native,
                              const engine_attrs_t *a) {
  if (a->generates_profiles) {
    TRY(engine_cache_collect(cache, c->in, c->n_in));
    return run_native(e, cache, native, a, true, mem_strdup("shapes are being collected"));
  }
  uint64_t era = a->n_variables ? engine_variables_look(e, cache, c, a) : 0;
  if (a->calibrates && engine_cache_entries(cache) == 0) {
    bool done;
    status_t st = run_calibrating(e, cache, c, native, a, era, &done);
    if (done) return st;
  }
  engine_found_t f = engine_find(e, cache, c, a, era);
  if (!f.lease) return run_native(e, cache, native, a, false, f.why);
  bool watched = e->watch.run != NULL;
  status_t st = watched ? run_watched(e, cache, c, a, f.lease)
                        : run_context(c, engine_lease_context(f.lease), e->backend);
  engine_cache_give(cache, f.lease, st == NULL);
  if (watched && st) return st;
  if (!st) {
    atomic_fetch_add(&cache->hits, 1);
    return NULL;
  }
  char *why = mem_printf("Failed to execute engine: %s", status_message(st));
  status_free(st);
  for (int i = 0; i < c->n_out; i++) tensor_unref(&c->out[i]);
  return run_native(e, cache, native, a, false, why);
}

static status_t run_op(engines_t *e, engine_cache_t *cache, op_ctx_t *c) {
  engine_attrs_t a;
  TRY(engine_attrs(e, c->node, &a));
  a.compat_2_17 |= e->compat_2_17;
  char *why = engine_verify_shapes(c, &a);
  if (why && a.segment) return run_native(e, cache, c, &a, true, why);
  mem_free(why);
  engine_inputs_t inputs = engine_inputs(c->in, c->n_in);
  op_ctx_t by_engine = *c;
  by_engine.in = inputs.v;
  status_t st = run_by_engine(e, cache, &by_engine, c, &a);
  engine_inputs_free(&inputs);
  return st;
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
  if (strcmp(node->op, "TRTEngineOp") != 0) return engine_resource_op(e, &c);
  engine_cache_t *cache = engine_cache_of(e, engine_canonical_name(node->name),
                                          node_int(node, "max_cached_engines_count", 1));
  atomic_fetch_add(&cache->runs, 1);
  status_t st = run_op(e, cache, &c);
  object_unref(&cache->base);
  return st;
}
