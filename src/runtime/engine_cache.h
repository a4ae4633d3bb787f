// The engines of one TRTEngineOp: loaded from an asset file or built here, and their execution
// contexts by input shapes.
#ifndef TFTRT_RUNTIME_ENGINE_CACHE_H
#define TFTRT_RUNTIME_ENGINE_CACHE_H

#include <pthread.h>

#include "engine/backend.h"

extern const object_type_t engine_cache_type;

typedef struct engine_slot engine_slot_t;

typedef struct engine_cache {
  object_t base;
  char *name;  // canonical: after the last '/'
  const backend_t *backend;
  const weight_source_t *weights;
  int threads;
  pthread_mutex_t lock;            // guards what follows
  pthread_mutex_t building;        // held while an engine is built
  engine_slot_t *slots;            // newest first
  int n_slots, capacity;           // capacity <= 0: no limit
  bool tried_static, tried_build;  // serialized_segment was loaded, an engine was built: once
  char *failure;                   // why there is no engine: the last load or build that failed
  int64_t runs, hits, builds, fallbacks;
  const char *reason;  // of the last fallback: one of reasons, which stay as long as the cache
  VEC(char *) reasons;
} engine_cache_t;

engine_cache_t *engine_cache_create(const char *name, const backend_t *backend,
                                    const weight_source_t *weights, int threads, int capacity);

// Adds an engine. plan stays valid while `owner` (released with release(owner)) lives. A plan that
// cannot be loaded leaves the cache as it was and returns why.
status_t engine_cache_add(engine_cache_t *c, const shape_t *shapes, int n_shapes,
                          const uint8_t *plan, size_t size, void (*release)(void *), void *owner);
// Adds the records (TRTEngineInstance) of an asset file. Records that cannot be loaded are left out
// and noted as c->failure; a file that is no TFRecord file is DATA_LOSS.
status_t engine_cache_load(engine_cache_t *c, const char *path);
// Writes all engines as such a file.
status_t engine_cache_save(engine_cache_t *c, const char *path);
bool engine_cache_empty(engine_cache_t *c);

// Times per layer of the context used last, as the backend tells them (JSON); NULL when there is no
// idle context or the backend does not measure. The first call starts the measuring.
char *engine_cache_profile(engine_cache_t *c);

// A context for these inputs, for the calling thread alone; NULL with *why (mem_free) when no
// engine serves them.
typedef struct engine_lease engine_lease_t;
engine_lease_t *engine_cache_take(engine_cache_t *c, const tensor_t *in, int n_in, char **why);
backend_context_t *engine_lease_context(const engine_lease_t *l);
// ok false: the context failed and is not to be used again.
void engine_cache_give(engine_cache_t *c, engine_lease_t *l, bool ok);

#endif
