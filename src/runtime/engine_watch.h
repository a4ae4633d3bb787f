// Standing in for the engines of a model, to observe what they do.
#ifndef TFTRT_RUNTIME_ENGINE_WATCH_H
#define TFTRT_RUNTIME_ENGINE_WATCH_H

#include "engine/backend.h"
#include "graph/graph.h"

// An engine that serves a run of a TRTEngineOp.
typedef struct engine_served {
  const char *name;        // of the TRTEngineOp, after the last '/'
  const graph_t *segment;  // body of its native segment, constants loaded, variables pinned; NULL:
                           // it is not there
  const backend_t *backend;
  backend_engine_t *engine;
  backend_context_t *context;  // for the shapes of the inputs; no other thread's
  int threads;
} engine_served_t;

typedef struct engine_watch {
  void *self;
  // Does what the engine would: out receives [n_out] tensors. What it fails with, the run fails
  // with. Any thread that runs the model.
  status_t (*run)(void *self, const engine_served_t *by, const tensor_t *in, int n_in,
                  tensor_t *out, int n_out);
} engine_watch_t;

#endif
