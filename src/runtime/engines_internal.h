// What the files of the TRTEngineOp kernel share.
#ifndef TFTRT_RUNTIME_ENGINES_INTERNAL_H
#define TFTRT_RUNTIME_ENGINES_INTERNAL_H

#include <pthread.h>

#include "engine/build_cache.h"
#include "ops/op.h"
#include "runtime/engine_cache.h"
#include "runtime/engines.h"

struct engines {
  const backend_t *backend;
  const weight_source_t *weights;
  resources_t *resources;
  int threads;
  fallback_policy_t policy;
  bool compat_2_17, old_run_natively, calibrates;
  build_cache_t *build_cache;  // NULL: none
  engine_watch_t watch;        // run NULL: none
  pthread_mutex_t lock;        // guards what follows
  VEC(library_t *) libraries;
  VEC(engine_cache_t *) caches;  // references
  VEC(engine_cache_t *)
  retired;  // whose resource was destroyed, and made anew: texts were handed out
};

extern const char engine_container[];                      // "TF-TRT"
const char *engine_canonical_name(const char *node_name);  // after the last '/'
// A new reference; made when it is not there.
engine_cache_t *engine_cache_of(engines_t *e, const char *name, int64_t capacity);

function_t *engine_segment(engines_t *e, const char *name);  // a native segment; NULL: not there

// CreateTRTResourceHandle, InitializeTRTResource, SerializeTRTResource, GetCalibrationDataOp
// (runtime/engine_resources.c).
status_t engine_resource_op(engines_t *e, op_ctx_t *c);

// What the attributes of a TRTEngineOp say, checked as TF-TRT's kernel does when it is made.
typedef struct engine_attrs {
  bool implicit, is_static, generates_profiles, calibrates, compat_2_17;
  const char *no_build;              // why a run may not build engines; NULL: it may
  const attr_value_t *input_shapes;  // NULL: not given
  const attr_value_t *variables;     // names of nodes that read variables, of which the last
  int n_variables;                   // n_variables inputs are the values
  const attr_value_t *plan;          // serialized_segment of a static engine; else NULL
  profile_strategy_t strategy;
  const func_ref_t *segment;  // NULL: there is none
} engine_attrs_t;
status_t engine_attrs(const engines_t *e, const node_t *n, engine_attrs_t *out);

// TF-TRT's verification of input shapes: NULL, or what is wrong; mem_free it.
char *engine_verify_shapes(const op_ctx_t *c, const engine_attrs_t *a);

// The engine that serves these inputs, built where that is needed and allowed. era: of the values
// of variables among them (engine_variables_look).
engine_found_t engine_find(engines_t *e, engine_cache_t *cache, const op_ctx_t *c,
                           const engine_attrs_t *a, uint64_t era);

// A copy of the native segment's body to make an engine of: with what is known of its inputs'
// shapes, variables pinned to their values.
status_t engine_segment_copy(engines_t *e, engine_cache_t *cache, const op_ctx_t *c,
                             const engine_attrs_t *a, arena_t *arena, graph_t **out);

// An engine from the node itself (serialized_segment), or a new one from the segment. *owned: the
// plan is the caller's.
status_t engine_provide(engines_t *e, engine_cache_t *cache, const op_ctx_t *c,
                        const engine_attrs_t *a, bytes_t *plan, bool *owned);

#endif
