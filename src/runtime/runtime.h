// A loaded model: signatures that can be run, natively and with engines, without TensorFlow.
#ifndef TFTRT_RUNTIME_RUNTIME_H
#define TFTRT_RUNTIME_RUNTIME_H

#include "engine/profile.h"
#include "runtime/engine_watch.h"
#include "saved_model/saved_model.h"

// The next set of inputs, in the signature's order, borrowed until the next call. *end at the end.
typedef struct input_source {
  status_t (*next)(void *self, const tensor_t **inputs, bool *end);
  void *self;
} input_source_t;

typedef struct model model_t;

// What a TRTEngineOp does where no engine serves.
typedef enum fallback_policy {
  FALLBACK_NATIVE,  // its native segment runs
  FALLBACK_BUILD,   // the engine's profiles are widened; a full cache gives up its oldest engine
  FALLBACK_FAIL     // ABORTED, with the reason
} fallback_policy_t;

typedef struct model_options {
  size_t struct_size;
  const char *const *tags;
  int n_tags;
  int threads;          // per run; 0: as many as CPUs
  const char *backend;  // for TRTEngineOp; NULL: "cpu"
  bool simplify;  // run graph_simplify on unconverted signatures too (results may differ in the
                  // last bit)
  fallback_policy_t on_fallback;
  bool compat_2_17;  // engine caches behave as TF 2.17's, whatever the model was converted for
  const char *engine_cache_dir;  // where engines built by runs are kept; NULL: nowhere
} model_options_t;

// Opens and checks a SavedModel, converted or not. Runs its initialisers (tables). UNIMPLEMENTED
// lists every op of the signature that the runtime does not have, in one message, when that
// signature is first prepared.
status_t model_open(const char *dir, const model_options_t *o, model_t **out);
void model_close(model_t *m);
const meta_graph_t *model_meta_graph(const model_t *m);
const saved_model_t *model_saved_model(const model_t *m);
// Makes a signature ready (inlined, scheduled); run does it when needed. Any thread.
status_t model_prepare(model_t *m, const char *signature_key);
// in: in the order of the signature's inputs; out: [n_outputs] receives owned tensors. Any thread,
// concurrently.
status_t model_run(model_t *m, const char *signature_key, const tensor_t *in, tensor_t *out);
// From now on *watch stands in for engines that serve a run; NULL: no more. While no run is going
// on.
void model_watch_engines(model_t *m, const engine_watch_t *watch);
// The graph of a prepared signature as it is executed (inlined); owned by the model.
status_t model_graph(model_t *m, const char *signature_key, const graph_t **out);

typedef struct engine_stats {  // one per TRTEngineOp
  const char *name;
  int64_t runs, hits, builds, failed_builds, fallbacks;
  const char *last_fallback_reason;
  int engines, profiles, contexts;  // held now
  int empty;                        // places that failed builds take
  int64_t context_bytes;
  int64_t contexts_made, context_ns, build_ns;  // and the time that they and all builds took
  int n_reasons;
} engine_stats_t;
int model_engine_stats(model_t *m, engine_stats_t *out, int max);
// The k-th reason of the i-th engine's fallbacks, and how often; the text lives as long as the
// model. false: there is none.
bool model_engine_reason(model_t *m, int i, int k, const char **text, int64_t *count);
// The optimization profiles of the i-th engine, a copy; NULL when it has none.
profiles_t *model_engine_profiles(model_t *m, int i);
// Times per layer of the i-th engine (see engines.h); mem_free the result.
char *model_engine_profile(model_t *m, int i);

#endif
