#include "runtime/engine_calibration.h"

#include "runtime/engine_observer.h"
#include "runtime/engine_variables.h"

struct engine_calibration {
  pthread_mutex_t lock;  // guards all but table
  bool begun, ended;     // ended: nothing is observed any more
  uint64_t era;          // of the variables' values that the observer holds
  arena_t *arena;        // of the segment that the observer is made of
  graph_t *body;
  engine_observer_t *observer;  // NULL: not begun, ended, failed
  char *failure;                // why there is no table; NULL: nothing is wrong
  tensor_t *first;              // [n_first] copies of the first inputs, until their engine is built
  int n_first;
  _Atomic(const char *) table;  // set once
};

engine_calibration_t *engine_calibration_create(void) {
  engine_calibration_t *k = mem_calloc(1, sizeof *k);
  pthread_mutex_init(&k->lock, NULL);
  return k;
}

static void stop_observing(engine_calibration_t *k) {
  engine_observer_destroy(k->observer);
  graph_destroy(k->body);
  if (k->arena) arena_destroy(k->arena);
  k->observer = NULL;
  k->body = NULL;
  k->arena = NULL;
}

static void free_inputs(engine_calibration_t *k) {
  for (int i = 0; k->first && i < k->n_first; i++) tensor_unref(&k->first[i]);
  mem_free(k->first);
  k->first = NULL;
}

void engine_calibration_destroy(engine_calibration_t *k) {
  stop_observing(k);
  free_inputs(k);
  pthread_mutex_destroy(&k->lock);
  mem_free(k->failure);
  mem_free((void *)(uintptr_t)atomic_load(&k->table));
  mem_free(k);
}

// ---------------------------------------------------------------- runs

static void note_failure(engine_calibration_t *k, status_t st) {
  k->failure = mem_strdup(status_message(st));
  status_free(st);
  stop_observing(k);
}

static status_t begin(engine_calibration_t *k, engines_t *e, engine_cache_t *cache,
                      const op_ctx_t *c, const engine_attrs_t *a, uint64_t era) {
  k->begun = true;
  k->era = era;
  k->arena = arena_create();
  TRY(engine_segment_copy(e, cache, c, a, k->arena, &k->body));
  TRY(engine_observer_create(k->body, cache->name, e->backend, e->threads, &k->observer));
  k->first = mem_calloc((size_t)c->n_in + 1, sizeof *k->first);
  k->n_first = c->n_in;
  for (int i = 0; i < c->n_in; i++) TRY(tensor_copy(&c->in[i], &k->first[i]));
  return NULL;
}

// Where the node tells no shapes, what is observed is for the first inputs', in batches of any
// size: others do not count, as in TF-TRT.
static bool takes(const engine_calibration_t *k, const op_ctx_t *c) {
  for (int i = 0; i < c->n_in; i++)
    if (!shape_compatible(&k->body->args[i]->out_shape[0], &c->in[i].shape)) return false;
  return true;
}

// Of variables that were assigned meanwhile ranges are collected anew.
static void begin_again(engine_calibration_t *k) {
  stop_observing(k);
  free_inputs(k);
  k->begun = false;
}

static calibration_result_t observe(engine_calibration_t *k, engines_t *e, engine_cache_t *cache,
                                    op_ctx_t *c, const engine_attrs_t *a, uint64_t era) {
  if (k->observer && k->era != era) begin_again(k);
  status_t st = k->begun ? NULL : begin(k, e, cache, c, a, era);
  if (!st && engine_variables_era(cache) != era) return CALIBRATION_FAILED;  // begun with others
  if (!st && k->observer && !takes(k, c)) return CALIBRATION_FAILED;
  if (!st && k->observer) st = engine_observer_run(k->observer, c->in, c->n_in, c->out, c->n_out);
  if (!st) return k->observer ? CALIBRATION_RAN : CALIBRATION_FAILED;
  for (int i = 0; i < c->n_out; i++) tensor_unref(&c->out[i]);
  note_failure(k, st);
  return CALIBRATION_FAILED;
}

// The lock is held: who runs the node meanwhile waits for this engine.
static void build_first(engine_calibration_t *k, engines_t *e, engine_cache_t *cache,
                        const node_t *node) {
  engine_attrs_t a;
  op_ctx_t c = {.node = node, .in = k->first, .n_in = k->n_first, .threads = e->threads};
  if (!k->first || !atomic_load(&k->table)) return;
  status_t st = engine_attrs(e, node, &a);
  if (!st) {
    engine_found_t f = engine_find(e, cache, &c, &a, engine_variables_era(cache));
    if (f.lease) engine_cache_give(cache, f.lease, true);
    mem_free(f.why);  // runs find it again
  }
  status_free(st);
  free_inputs(k);
}

calibration_result_t engine_calibration_run(engines_t *e, engine_cache_t *cache, op_ctx_t *c,
                                            const engine_attrs_t *a, uint64_t era) {
  engine_calibration_t *k = cache->calibration;
  calibration_result_t r = CALIBRATION_ENDED;
  pthread_mutex_lock(&k->lock);
  if (!k->ended)
    r = observe(k, e, cache, c, a, era);
  else if (!atomic_load(&k->table))
    r = CALIBRATION_FAILED;
  else
    build_first(k, e, cache, c->node);
  pthread_mutex_unlock(&k->lock);
  return r;
}

// ---------------------------------------------------------------- the end

// The lock is held.
static void end(engine_calibration_t *k) {
  if (k->ended || !k->begun) return;
  k->ended = true;
  if (!k->observer) return;
  if (engine_observer_saw_no_values(k->observer))
    k->failure = mem_strdup("all calibration inputs are empty");
  else
    atomic_store(&k->table, engine_observer_table(k->observer, CALIBRATOR_ENTROPY));
  stop_observing(k);
}

const char *engine_calibration_end(engine_cache_t *cache, char **why) {
  engine_calibration_t *k = cache->calibration;
  pthread_mutex_lock(&k->lock);
  end(k);
  *why = k->failure ? mem_strdup(k->failure) : NULL;
  pthread_mutex_unlock(&k->lock);
  return atomic_load(&k->table);
}

void engine_calibration_finish(engines_t *e, engine_cache_t *cache, const node_t *node) {
  engine_calibration_t *k = cache->calibration;
  pthread_mutex_lock(&k->lock);
  end(k);
  build_first(k, e, cache, node);
  pthread_mutex_unlock(&k->lock);
}

const char *engine_calibration_table(const engine_cache_t *cache) {
  return atomic_load(&cache->calibration->table);
}
