// The engines of one TRTEngineOp: loaded from an asset file or built here, and their execution
// contexts by input shapes. Which engine serves which shapes, and when one is built, follows TF-TRT
// (its page first; `evicts` and others give what TF 2.17 does).
#ifndef TFTRT_RUNTIME_ENGINE_CACHE_H
#define TFTRT_RUNTIME_ENGINE_CACHE_H

#include <pthread.h>

#include "engine/backend.h"

extern const object_type_t engine_cache_type;

typedef struct engine_slot engine_slot_t;

typedef struct engine_variables engine_variables_t;  // runtime/engine_variables.h

typedef struct fallback_reason {
  char *text;
  int64_t count;
} fallback_reason_t;

typedef struct engine_cache {
  object_t base;
  char *name;  // canonical: after the last '/'
  const backend_t *backend;
  const weight_source_t *weights;
  int threads;
  atomic_llong runs, hits, builds, failed_builds, fallbacks;
  atomic_llong build_ns, contexts_made, context_ns;
  pthread_mutex_t lock;    // guards what follows
  pthread_cond_t settled;  // a build ended
  engine_slot_t *slots;    // newest first
  int n_slots, capacity;   // capacity <= 0: no limit
  uint64_t era;            // how often engines were given up for values of variables
  profiles_t *profiles;    // dynamic-shape mode; NULL: none yet, or the engine takes all shapes
  bool widened;            // the last profile grows with what it is asked for
  struct engine_calibration *calibration;
  engine_variables_t *variables;
  shape_sets_t *collected;  // in profile generation mode
  char *failure;            // of the last engine that could not be loaded
  const char *reason;       // of the last fallback: one of reasons, which stay as long as the cache
  VEC(fallback_reason_t) reasons;
} engine_cache_t;

engine_cache_t *engine_cache_create(const char *name, const backend_t *backend,
                                    const weight_source_t *weights, int threads, int capacity);

// Adds an engine; beyond the capacity the oldest goes. plan stays valid while `owner` (released
// with release(owner)) lives. A plan that cannot be loaded leaves the cache as it was and returns
// why.
status_t engine_cache_add(engine_cache_t *c, const shape_t *shapes, int n_shapes,
                          const uint8_t *plan, size_t size, void (*release)(void *), void *owner);
// Adds the records (TRTEngineInstance) of an asset file. Records that cannot be loaded are left out
// and noted as c->failure; a file that is no TFRecord file is DATA_LOSS.
status_t engine_cache_load(engine_cache_t *c, const char *path);
// Writes all engines as such a file; none where they hold values of variables that the model was
// not saved with: who loads it would take them for those.
status_t engine_cache_save(engine_cache_t *c, const char *path);
// Gives all engines up, those that are being built too, once their runs have ended: a variable that
// they hold, read by the node `reader`, has another value now. Returns the era that begins.
uint64_t engine_cache_clear(engine_cache_t *c, const char *reader);
int engine_cache_entries(engine_cache_t *c);  // engines, and places that failed builds take

// What is asked of the cache, by one run.
typedef struct engine_request {
  const tensor_t *in;
  int n_in;
  bool implicit;         // implicit batch mode; else dynamic shapes
  const char *no_build;  // why none may be built; NULL: one may
  bool from_node;        // there is an engine in the node itself (static_engine), and no other
  int64_t max_batch;     // of that one; 0: not said
  bool evicts;           // a full cache gives up its oldest engine for a new one
  bool widens;           // shapes beyond the profiles get one
  uint64_t era;          // engines of another hold other values of variables than the run has
  profile_strategy_t strategy;
  const shape_t *partial;  // [n_in] what the graph knows; NULL: nothing
} engine_request_t;

typedef struct engine_lease engine_lease_t;
typedef struct engine_found {
  engine_lease_t *lease;  // a context for the calling thread alone
  engine_slot_t *build;   // or: the caller must build this engine, and tell engine_cache_built
  char *why;              // or: why no engine serves; mem_free it
  bool full;              // because the cache is, and !evicts
} engine_found_t;

// Waits while another thread builds the engine that would serve. Allocates nothing when there is a
// context for these shapes.
engine_found_t engine_cache_take(engine_cache_t *c, const engine_request_t *r);
backend_context_t *engine_lease_context(const engine_lease_t *l);
backend_engine_t *engine_lease_engine(const engine_lease_t *l);
// ok false: the context failed and is not to be used again.
void engine_cache_give(engine_cache_t *c, engine_lease_t *l, bool ok);

// Ends a build: the caller gets a context of it. plan is taken over (owned: mem_free); or `failed`
// (freed here) says why there is none: the place stays taken, and who would fit it gets the reason.
engine_found_t engine_cache_built(engine_cache_t *c, engine_slot_t *s, bytes_t plan, bool owned,
                                  status_t failed, const engine_request_t *r);
// A copy of the profiles, for a build; NULL when there are none.
profiles_t *engine_cache_profiles(engine_cache_t *c);
// Remembers what the inputs look like; UNIMPLEMENTED when there are profiles already.
status_t engine_cache_collect(engine_cache_t *c, const tensor_t *in, int n_in);

// Counts a run of the native segment. Takes over `why`; the texts stay as long as the cache, so
// beyond some number of different ones the rest is counted as "other reasons".
void engine_cache_note_fallback(engine_cache_t *c, char *why);

typedef struct engine_held {
  int engines, empty, profiles, contexts;
  int64_t context_bytes;
} engine_held_t;
engine_held_t engine_cache_held(engine_cache_t *c);

// Times per layer of the context used last, as the backend tells them (JSON); NULL when there is no
// idle context or the backend does not measure. The first call starts the measuring.
char *engine_cache_profile(engine_cache_t *c);

#endif
