// One entry of an engine cache, and the execution contexts of its engine. For the files of the
// cache only.
#ifndef TFTRT_RUNTIME_ENGINE_SLOT_H
#define TFTRT_RUNTIME_ENGINE_SLOT_H

#include "engine/plan.h"
#include "runtime/engine_cache.h"

typedef enum slot_state {
  SLOT_BUILDING,  // one thread makes the engine, others that need it wait
  SLOT_READY,
  SLOT_EMPTY  // a build failed or was not allowed: what fits runs natively
} slot_state_t;

struct engine_slot {
  slot_state_t state;
  char *why;  // of an empty one
  backend_engine_t *engine;
  const uint8_t *plan;
  size_t size;
  void (*release)(void *);
  void *owner;
  shape_t *shapes;  // the key, as TF-TRT writes it
  int n_shapes;
  bool *shape_inputs;  // [n_inputs of the network]
  engine_lease_t *idle;
  int n_idle, n_taken;
  size_t idle_bytes;  // memory of the idle contexts
  bool evicted;       // goes with its last lease
  bool outdated;      // is being built with values that have changed since: serves nobody
  engine_slot_t *next;
};

void engine_slot_free(const engine_cache_t *c, engine_slot_t *s);
// An idle context for these inputs, or NULL. The cache's lock is held.
engine_lease_t *engine_slot_idle(engine_slot_t *s, const tensor_t *in);
// A new context; without the lock, but counted in n_taken.
status_t engine_slot_lease(engine_cache_t *c, engine_slot_t *s, const tensor_t *in, int n_in,
                           engine_lease_t **out);
// Gives up one use of a slot; frees it when it was evicted meanwhile. Without the lock.
void engine_slot_leave(engine_cache_t *c, engine_slot_t *s);

#endif
