// TRTEngineOp at run time: engines by name, contexts by input shapes, the native segment when no
// engine serves. Semantics of TensorFlow 2.17's TF-TRT as far as a program can see them.
#ifndef TFTRT_RUNTIME_ENGINES_H
#define TFTRT_RUNTIME_ENGINES_H

#include "engine/build_cache.h"
#include "ops/env.h"
#include "runtime/engine_watch.h"
#include "runtime/executor.h"
#include "runtime/runtime.h"

typedef struct engines engines_t;

// backend NULL: there are no engines, every TRTEngineOp runs its native segment. weights: where
// plans find what they do not hold; must outlive the engines.
engines_t *engines_create(const backend_t *backend, const weight_source_t *weights,
                          resources_t *resources, int threads);
// These before the first run. FALLBACK_FAIL is as
// TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION=false, and more: shapes that the graph excludes fail
// too.
void engines_set_policy(engines_t *e, fallback_policy_t policy);
void engines_set_compat(engines_t *e);  // caches of all nodes as TF 2.17's
// Nodes that TF-TRT made (they have no ENGINE_ID_ATTR), whose engines were TensorRT's, get engines
// in runs where the policy is FALLBACK_BUILD alone.
void engines_set_old_native(engines_t *e);
// Nodes that wait for INT8 calibration collect ranges in runs, until engines_calibration.
void engines_set_calibrating(engines_t *e);
// Where engines that runs build are kept and found; the caller's, and must outlive e.
void engines_set_build_cache(engines_t *e, build_cache_t *cache);
// While no run is going on; NULL: no more.
void engines_set_watch(engines_t *e, const engine_watch_t *watch);
void engines_destroy(engines_t *e);  // NULL is fine; no run may be going on

// For exec_services_t.run_engine: TRTEngineOp, CreateTRTResourceHandle, InitializeTRTResource,
// SerializeTRTResource, GetCalibrationDataOp. Any thread; threads run the same engine side by side,
// each in a context of its own.
status_t engines_run(engines_t *e, op_env_t *env, const node_t *node, const tensor_t *in, int n_in,
                     tensor_t *out, int n_out);
// Gives a TRTEngineOp an engine, before the first run. shapes: [n], its key in the cache. plan
// stays the caller's and must outlive the engines; one that cannot be loaded is an error.
status_t engines_add(engines_t *e, const node_t *node, const shape_t *shapes, int n,
                     const uint8_t *plan, size_t size);
// The same with the engines of an asset file (TFRecords of TRTEngineInstance). Those that cannot be
// loaded here are left out: why is the reason of the fallbacks.
status_t engines_load(engines_t *e, const node_t *node, const char *path);
// Writes the engines of a TRTEngineOp as such a file. Calibration that is going on ends.
status_t engines_save(engines_t *e, const node_t *node, const char *path);
// The INT8 ranges of a TRTEngineOp: its calibration_data, or what runs have collected, which ends
// that. UNKNOWN: there are none. mem_free *table.
status_t engines_calibration(engines_t *e, const node_t *node, char **table);
// Later runs find none of them.
void engines_forget(engines_t *e, const node_t *node);
// The function library that the segments of a prepared graph are in: for builds at run time.
void engines_add_library(engines_t *e, library_t *library);
int engines_stats(engines_t *e, engine_stats_t *out, int max);
bool engines_reason(engines_t *e, int i, int k, const char **text, int64_t *count);
profiles_t *engines_profiles(engines_t *e, int i);
// engine_cache_profile of the i-th engine, in the order of engines_stats.
char *engines_profile(engines_t *e, int i);

#endif
