#include "runtime/engine_cache.h"

#include <string.h>

#include "base/file.h"
#include "formats/wire.h"
#include "saved_model/writer.h"

// Contexts that lie idle, over all shapes of an engine; beyond that the one idle longest goes.
enum { MAX_IDLE = 32 };

struct engine_lease {
  engine_slot_t *slot;
  backend_context_t *context;
  shape_t *shapes;   // [n_in]
  tensor_t *values;  // [n_in] copies of inputs that shapes depend on; empty elsewhere
  int n_in;
  engine_lease_t *next;
};

struct engine_slot {
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
  bool evicted;  // goes with its last lease
  engine_slot_t *next;
};

static void slot_free(const engine_cache_t *c, engine_slot_t *s);

static void cache_destroy(object_t *o) {
  engine_cache_t *c = (engine_cache_t *)o;
  while (c->slots) {
    engine_slot_t *s = c->slots;
    c->slots = s->next;
    slot_free(c, s);
  }
  pthread_mutex_destroy(&c->lock);
  pthread_mutex_destroy(&c->building);
  mem_free(c->name);
  mem_free(c->failure);
  for (size_t i = 0; i < c->reasons.n; i++) mem_free(c->reasons.v[i]);
  vec_free(&c->reasons);
  mem_free(c);
}

const object_type_t engine_cache_type = {"TRTEngineCache", cache_destroy};

engine_cache_t *engine_cache_create(const char *name, const backend_t *backend,
                                    const weight_source_t *weights, int threads, int capacity) {
  engine_cache_t *c = mem_calloc(1, sizeof *c);
  c->base.type = &engine_cache_type;
  atomic_init(&c->base.refs, 1);
  c->name = mem_strdup(name);
  c->backend = backend;
  c->weights = weights;
  c->threads = threads;
  c->capacity = capacity;
  pthread_mutex_init(&c->lock, NULL);
  pthread_mutex_init(&c->building, NULL);
  return c;
}

static void lease_free(const engine_cache_t *c, engine_lease_t *l) {
  if (l->context) c->backend->context_destroy(l->context);
  for (int i = 0; i < l->n_in; i++) tensor_unref(&l->values[i]);
  mem_free(l->values);
  mem_free(l->shapes);
  mem_free(l);
}

static void slot_free(const engine_cache_t *c, engine_slot_t *s) {
  while (s->idle) {
    engine_lease_t *l = s->idle;
    s->idle = l->next;
    lease_free(c, l);
  }
  if (s->engine) c->backend->unload(s->engine);
  if (s->release) s->release(s->owner);
  mem_free(s->shapes);
  mem_free(s->shape_inputs);
  mem_free(s);
}

bool engine_cache_empty(engine_cache_t *c) {
  pthread_mutex_lock(&c->lock);
  bool empty = c->n_slots == 0;
  pthread_mutex_unlock(&c->lock);
  return empty;
}

// ---------------------------------------------------------------- engines

// The oldest goes, as in TF-TRT. The lock is held.
static engine_slot_t *evict(engine_cache_t *c) {
  engine_slot_t **last = &c->slots;
  while ((*last)->next) last = &(*last)->next;
  engine_slot_t *s = *last;
  *last = NULL;
  c->n_slots--;
  s->evicted = true;
  return s->n_taken ? NULL : s;
}

status_t engine_cache_add(engine_cache_t *c, const shape_t *shapes, int n_shapes,
                          const uint8_t *plan, size_t size, void (*release)(void *), void *owner) {
  backend_engine_t *engine = NULL;
  status_t st = c->backend ? c->backend->load(plan, size, c->weights, &engine)
                           : FAIL(UNAVAILABLE, "there is no backend");
  if (st) {
    if (release) release(owner);
    return st;
  }
  engine_slot_t *s = mem_calloc(1, sizeof *s);
  *s = (engine_slot_t){.engine = engine,
                       .plan = plan,
                       .size = size,
                       .release = release,
                       .owner = owner,
                       .n_shapes = n_shapes};
  s->shapes = mem_calloc((size_t)n_shapes + 1, sizeof *s->shapes);
  memcpy(s->shapes, shapes, (size_t)n_shapes * sizeof *s->shapes);
  const network_t *net = c->backend->network(engine);
  s->shape_inputs = mem_calloc((size_t)net->n_inputs + 1, sizeof(bool));
  network_shape_inputs(net, s->shape_inputs);
  engine_slot_t *gone = NULL;
  pthread_mutex_lock(&c->lock);
  if (c->capacity > 0 && c->n_slots >= c->capacity) gone = evict(c);
  s->next = c->slots;
  c->slots = s;
  c->n_slots++;
  pthread_mutex_unlock(&c->lock);
  if (gone) slot_free(c, gone);
  return NULL;
}

static void unref_map(void *m) { file_map_unref(m); }

// The lock guards the text; a later failure replaces an earlier one.
static void note_failure(engine_cache_t *c, status_t st) {
  pthread_mutex_lock(&c->lock);
  mem_free(c->failure);
  c->failure = mem_strdup(status_message(st));
  pthread_mutex_unlock(&c->lock);
  status_free(st);
}

typedef struct loading {
  engine_cache_t *cache;
  file_map_t *map;
} loading_t;

static status_t load_record(void *user, const shape_t *shapes, int n, const uint8_t *plan,
                            size_t size) {
  const loading_t *l = user;
  status_t bad = engine_cache_add(l->cache, shapes, n, plan, size, unref_map, file_map_ref(l->map));
  if (bad) note_failure(l->cache, status_prefix(bad, "%s", l->map->path));
  return NULL;
}

status_t engine_cache_load(engine_cache_t *c, const char *path) {
  loading_t l = {.cache = c};
  TRY(file_map_open(path, &l.map));
  status_t st = saved_engine_records(l.map->data, l.map->size, path, load_record, &l);
  file_map_unref(l.map);
  return st;
}

status_t engine_cache_save(engine_cache_t *c, const char *path) {
  wire_out_t file = {0};
  pthread_mutex_lock(&c->lock);
  for (const engine_slot_t *s = c->slots; s; s = s->next)
    saved_engine_record(s->shapes, s->n_shapes, s->plan, s->size, &file);
  pthread_mutex_unlock(&c->lock);
  status_t st = wire_out_status(&file);
  if (!st) st = file_write(path, file.data, file.size);
  wire_out_free(&file);
  return st;
}

// ---------------------------------------------------------------- contexts

static bool serves(const engine_cache_t *c, const engine_slot_t *s, const tensor_t *in, int n_in) {
  const network_t *net = c->backend->network(s->engine);
  if (net->n_inputs != n_in) return false;
  for (int i = 0; i < n_in; i++)
    if (net->inputs[i]->dtype != in[i].dtype ||
        !shape_compatible(&net->inputs[i]->shape, &in[i].shape))
      return false;
  return true;
}

static bool fits(const engine_lease_t *l, const tensor_t *in) {
  for (int i = 0; i < l->n_in; i++) {
    if (!shape_equal(&l->shapes[i], &in[i].shape)) return false;
    if (!tensor_empty(&l->values[i]) &&
        memcmp(l->values[i].data, in[i].data, tensor_bytes(&in[i])) != 0)
      return false;
  }
  return true;
}

static engine_lease_t *take_idle(engine_slot_t *s, const tensor_t *in) {
  for (engine_lease_t **l = &s->idle; *l; l = &(*l)->next) {
    if (!fits(*l, in)) continue;
    engine_lease_t *found = *l;
    *l = found->next;
    s->n_idle--;
    return found;
  }
  return NULL;
}

static status_t lease_create(const engine_cache_t *c, engine_slot_t *s, const tensor_t *in,
                             int n_in, engine_lease_t **out) {
  engine_lease_t *l = mem_calloc(1, sizeof *l);
  l->slot = s;
  l->n_in = n_in;
  l->shapes = mem_calloc((size_t)n_in + 1, sizeof *l->shapes);
  l->values = mem_calloc((size_t)n_in + 1, sizeof *l->values);
  status_t st = NULL;
  for (int i = 0; i < n_in && !st; i++) {
    l->shapes[i] = in[i].shape;
    if (s->shape_inputs[i]) st = tensor_copy(&in[i], &l->values[i]);
  }
  if (!st)
    st = c->backend->context_create(s->engine, l->shapes, l->values, c->threads, &l->context);
  if (st)
    lease_free(c, l);
  else
    *out = l;
  return st;
}

// Gives up one use of a slot; frees it when it was evicted meanwhile.
static void slot_leave(engine_cache_t *c, engine_slot_t *s) {
  pthread_mutex_lock(&c->lock);
  bool gone = --s->n_taken == 0 && s->evicted;
  pthread_mutex_unlock(&c->lock);
  if (gone) slot_free(c, s);
}

engine_lease_t *engine_cache_take(engine_cache_t *c, const tensor_t *in, int n_in, char **why) {
  engine_lease_t *l = NULL;
  *why = NULL;
  pthread_mutex_lock(&c->lock);
  engine_slot_t *s = c->slots;
  while (s && !serves(c, s, in, n_in)) s = s->next;
  if (s) {
    s->n_taken++;
    l = take_idle(s, in);
  }
  bool any = c->slots != NULL;
  pthread_mutex_unlock(&c->lock);
  if (l) return l;
  if (!s) {
    *why = mem_strdup(any ? "no engine takes these input shapes" : "there is no engine");
    return NULL;
  }
  status_t st = lease_create(c, s, in, n_in, &l);
  if (!st) return l;
  slot_leave(c, s);
  *why = mem_printf("no execution context: %s", status_message(st));
  status_free(st);
  return NULL;
}

backend_context_t *engine_lease_context(const engine_lease_t *l) { return l->context; }

void engine_cache_give(engine_cache_t *c, engine_lease_t *l, bool ok) {
  engine_slot_t *s = l->slot;
  engine_lease_t *gone = ok ? NULL : l;
  if (ok) {
    pthread_mutex_lock(&c->lock);
    l->next = s->idle;  // the list runs from the last used to the longest idle
    s->idle = l;
    if (++s->n_idle > MAX_IDLE) {
      engine_lease_t **last = &s->idle;
      while ((*last)->next) last = &(*last)->next;
      gone = *last;
      *last = NULL;
      s->n_idle--;
    }
    pthread_mutex_unlock(&c->lock);
  }
  if (gone) lease_free(c, gone);
  slot_leave(c, s);
}

char *engine_cache_profile(engine_cache_t *c) {
  char *json = NULL;
  pthread_mutex_lock(&c->lock);
  for (engine_slot_t *s = c->slots; s && !json; s = s->next)
    if (s->idle && c->backend->profile) json = c->backend->profile(s->idle->context);
  pthread_mutex_unlock(&c->lock);
  return json;
}
