#include "runtime/engine_cache.h"

#include <string.h>

#include "base/file.h"
#include "formats/wire.h"
#include "runtime/engine_calibration.h"
#include "runtime/engine_slot.h"
#include "runtime/engine_variables.h"
#include "saved_model/writer.h"

static void cache_destroy(object_t *o) {
  engine_cache_t *c = (engine_cache_t *)o;
  while (c->slots) {
    engine_slot_t *s = c->slots;
    c->slots = s->next;
    engine_slot_free(c, s);
  }
  pthread_mutex_destroy(&c->lock);
  pthread_cond_destroy(&c->settled);
  profiles_destroy(c->profiles);
  shape_sets_destroy(c->collected);
  engine_calibration_destroy(c->calibration);
  engine_variables_destroy(c->variables);
  mem_free(c->name);
  mem_free(c->failure);
  for (size_t i = 0; i < c->reasons.n; i++) mem_free(c->reasons.v[i].text);
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
  c->calibration = engine_calibration_create();
  c->variables = engine_variables_create();
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->settled, NULL);
  return c;
}

int engine_cache_entries(engine_cache_t *c) {
  pthread_mutex_lock(&c->lock);
  int n = c->n_slots;
  pthread_mutex_unlock(&c->lock);
  return n;
}

// ---------------------------------------------------------------- engines

// Takes an entry out, and puts it into the list `gone` unless it goes with its last lease.
static void take_out(engine_cache_t *c, engine_slot_t **at, engine_slot_t **gone) {
  engine_slot_t *s = *at;
  *at = s->next;
  c->n_slots--;
  s->evicted = true;
  if (s->n_taken) return;
  s->next = *gone;
  *gone = s;
}

// Takes the oldest entries out until there is room for `more`; those being built stay. The lock is
// held. Returns a list to free without it.
static engine_slot_t *make_room(engine_cache_t *c, int more) {
  engine_slot_t *gone = NULL;
  while (c->capacity > 0 && c->n_slots + more > c->capacity) {
    engine_slot_t **oldest = NULL;
    for (engine_slot_t **s = &c->slots; *s; s = &(*s)->next)
      if ((*s)->state != SLOT_BUILDING) oldest = s;
    if (!oldest) break;
    take_out(c, oldest, &gone);
  }
  return gone;
}

static void free_list(const engine_cache_t *c, engine_slot_t *s) {
  while (s) {
    engine_slot_t *next = s->next;
    engine_slot_free(c, s);
    s = next;
  }
}

static void push(engine_cache_t *c, engine_slot_t *s) {
  s->next = c->slots;
  c->slots = s;
  c->n_slots++;
}

static engine_slot_t *slot_create(const shape_t *shapes, int n_shapes, slot_state_t state) {
  engine_slot_t *s = mem_calloc(1, sizeof *s);
  s->state = state;
  s->n_shapes = n_shapes;
  s->shapes = mem_calloc((size_t)n_shapes + 1, sizeof *s->shapes);
  if (n_shapes) memcpy(s->shapes, shapes, (size_t)n_shapes * sizeof *s->shapes);
  return s;
}

// An engine's profiles are the cache's from the first engine that has some; values of inputs that
// turn out to be no shape inputs do not count.
static void take_profiles(engine_cache_t *c, const engine_slot_t *s, profiles_t *p) {
  if (p && !c->profiles) {
    c->profiles = p;
    p = NULL;
  }
  if (c->profiles && c->backend->network(s->engine)->n_inputs == c->profiles->n_inputs)
    profiles_keep_values(c->profiles, s->shape_inputs);
  profiles_destroy(p);
}

static status_t load_engine(const engine_cache_t *c, const uint8_t *plan, size_t size,
                            engine_slot_t *s, profiles_t **profiles) {
  if (!c->backend) return FAIL(UNAVAILABLE, "there is no backend");
  TRY(c->backend->load(plan, size, c->weights, &s->engine));
  TRY(plan_profiles(plan, size, profiles));
  const network_t *net = c->backend->network(s->engine);
  s->plan = plan;
  s->size = size;
  s->shape_inputs = mem_calloc((size_t)net->n_inputs + 1, sizeof(bool));
  network_shape_inputs(net, s->shape_inputs);
  return NULL;
}

status_t engine_cache_add(engine_cache_t *c, const shape_t *shapes, int n_shapes,
                          const uint8_t *plan, size_t size, void (*release)(void *), void *owner) {
  engine_slot_t *s = slot_create(shapes, n_shapes, SLOT_READY);
  profiles_t *profiles = NULL;
  s->release = release;
  s->owner = owner;
  status_t st = load_engine(c, plan, size, s, &profiles);
  if (st) {
    engine_slot_free(c, s);
    return st;
  }
  pthread_mutex_lock(&c->lock);
  engine_slot_t *gone = make_room(c, 1);
  push(c, s);
  take_profiles(c, s, profiles);
  pthread_mutex_unlock(&c->lock);
  free_list(c, gone);
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
  uint64_t era;
  bool as_saved = engine_variables_as_saved(c, &era);
  pthread_mutex_lock(&c->lock);
  for (const engine_slot_t *s = c->slots; s && as_saved && era == c->era; s = s->next)
    if (s->state == SLOT_READY)
      saved_engine_record(s->shapes, s->n_shapes, s->plan, s->size, &file);
  pthread_mutex_unlock(&c->lock);
  status_t st = wire_out_status(&file);
  if (!st) st = file_write(path, file.data, file.size);
  wire_out_free(&file);
  return st;
}

uint64_t engine_cache_clear(engine_cache_t *c, const char *reader) {
  engine_slot_t *gone = NULL;
  pthread_mutex_lock(&c->lock);
  if (c->slots) {
    mem_free(c->failure);
    c->failure =
        mem_printf("the variable that %s reads was assigned after the engine was built", reader);
  }
  for (engine_slot_t **s = &c->slots; *s;) {
    if ((*s)->state == SLOT_BUILDING) {
      (*s)->outdated = true;
      s = &(*s)->next;
    } else {
      take_out(c, s, &gone);
    }
  }
  uint64_t era = ++c->era;
  pthread_mutex_unlock(&c->lock);
  free_list(c, gone);
  return era;
}

// ---------------------------------------------------------------- which engine

static bool serves(const engine_cache_t *c, const engine_slot_t *s, const engine_request_t *r) {
  const network_t *net = c->backend->network(s->engine);
  if (net->n_inputs != r->n_in) return false;
  for (int i = 0; i < r->n_in; i++)
    if (net->inputs[i]->dtype != r->in[i].dtype ||
        !shape_compatible(&net->inputs[i]->shape, &r->in[i].shape))
      return false;
  return true;
}

static bool key_fits(const engine_slot_t *s, const engine_request_t *r) {
  if (!s->n_shapes) return true;  // an engine that says nothing of shapes
  if (s->n_shapes != r->n_in) return false;
  for (int i = 0; i < r->n_in; i++)
    if (!batch_fits(&r->in[i].shape, &s->shapes[i], 1)) return false;
  return true;
}

static int64_t batch_of(const engine_slot_t *s) {
  bool known = s->n_shapes > 0 && s->shapes[0].rank > 0 && s->shapes[0].d[0] >= 0;
  return known ? s->shapes[0].d[0] : INT64_MAX;
}

// Implicit batch mode: the smallest batch that is large enough, also if its build has failed. What
// is being built counts only where nothing else is. Dynamic shapes: there is one engine.
static engine_slot_t *find_slot(const engine_cache_t *c, const engine_request_t *r) {
  engine_slot_t *best = NULL, *coming = NULL;
  for (engine_slot_t *s = c->slots; s; s = s->next) {
    if (r->implicit && !key_fits(s, r)) continue;
    if (s->state == SLOT_BUILDING)
      coming = s;
    else if (!best || (r->implicit && batch_of(s) < batch_of(best)))
      best = s;
  }
  return best ? best : coming;
}

// The first shapes make the profiles when nothing was collected, as in TF-TRT.
static char *make_profiles(engine_cache_t *c, const engine_request_t *r) {
  bool *mask = mem_alloc((size_t)r->n_in + 1);
  for (int i = 0; i < r->n_in; i++) mask[i] = shape_values_candidate(&r->in[i]);
  if (!c->collected) c->collected = shape_sets_create(r->n_in);
  if (!c->collected->sets.n) shape_sets_add_tensors(c->collected, r->in, mask);
  mem_free(mask);
  status_t st = profiles_from_sets(c->collected, r->strategy, r->partial, &c->profiles);
  char *why = st ? mem_strdup(status_message(st)) : NULL;
  status_free(st);
  return why;
}

// One more profile that has these shapes, which grows with the next. An engine's network takes all
// shapes that the graph admits, so no engine has to be built for it.
static void widen_profiles(engine_cache_t *c, const engine_request_t *r) {
  arena_t *scratch = arena_create();
  bool *mask = arena_alloc(scratch, (size_t)r->n_in + 1);
  for (int i = 0; i < r->n_in; i++) mask[i] = c->profiles->list.v[0].min.values[i].v != NULL;
  shape_set_t set = shape_set_of(scratch, r->in, r->n_in, mask);
  if (!c->widened || !profiles_widen_last(c->profiles, &set))
    status_free(profiles_add(c->profiles, &set, &set, &set));
  c->widened = true;
  arena_destroy(scratch);
}

static bool has_ready(const engine_cache_t *c) {
  for (const engine_slot_t *s = c->slots; s; s = s->next)
    if (s->state == SLOT_READY) return true;
  return false;
}

static const char outside[] = "no optimization profile has these input shapes";
static const char overtaken[] =
    "a variable was assigned between the run's reading it and the engine";

// NULL: a profile has the inputs, or there are no profiles and the engine takes all.
static char *check_profiles(engine_cache_t *c, const engine_request_t *r) {
  if (!c->profiles && !has_ready(c) && !r->from_node) {
    char *why = make_profiles(c, r);
    if (why) return why;
  }
  if (c->profiles && c->profiles->n_inputs != r->n_in)
    return mem_strdup("the engine's profiles are for another number of inputs");
  if (profiles_find_tensors(c->profiles, r->in) >= 0) return NULL;
  if (r->widens) {
    widen_profiles(c, r);
    return NULL;
  }
  return mem_strdup(outside);
}

static char *not_allowed(const engine_cache_t *c, const char *why) {
  return mem_printf(
      "%s%sFound no engine in cache matching input shapes. Not building a new engine because %s.",
      c->failure ? c->failure : "", c->failure ? ". " : "", why);
}

// There is no entry for the request: a place for a new engine, or why there is to be none. Where
// building is not allowed, the place is taken by an empty one.
static engine_slot_t *reserve(engine_cache_t *c, const engine_request_t *r, engine_found_t *f,
                              engine_slot_t **gone) {
  bool full = c->capacity > 0 && c->n_slots >= c->capacity && !r->evicts;
  bool build = !r->no_build || r->from_node;
  if (!build)
    f->why = not_allowed(c, r->no_build);
  else if (r->from_node && c->n_slots)
    f->why = mem_strdup("the engine in the node is for other shapes");
  else if (full)
    f->why = mem_printf("the cache is full: it has %d of maximum_cached_engines=%d", c->n_slots,
                        c->capacity);
  f->full = full && build;
  if (!build && c->capacity <= 0) return NULL;  // places without number would pile up
  if (full || (build && f->why)) return NULL;
  shape_t *shapes = mem_alloc(((size_t)r->n_in + 1) * sizeof *shapes);
  for (int i = 0; i < r->n_in; i++) {
    shapes[i] = r->in[i].shape;
    if (r->max_batch > 0 && shapes[i].rank > 0) shapes[i].d[0] = r->max_batch;
  }
  engine_slot_t *s = slot_create(shapes, r->n_in, build ? SLOT_BUILDING : SLOT_EMPTY);
  mem_free(shapes);
  if (!build) {
    s->why = mem_strdup(f->why);
    *gone = make_room(c, 1);
  }
  push(c, s);
  return build ? s : NULL;
}

// Takes an entry that is ready or empty: a lease, why not, or neither when a context has to be made
// (the slot is counted as taken then). The lock is held.
static void take_slot(const engine_cache_t *c, engine_slot_t *s, const engine_request_t *r,
                      engine_found_t *f) {
  if (s->state == SLOT_EMPTY) {
    f->why = mem_strdup(s->why);
  } else if (!serves(c, s, r) || (r->implicit && !key_fits(s, r))) {
    f->why = mem_strdup("no engine takes these input shapes");
  } else {
    s->n_taken++;
    f->lease = engine_slot_idle(s, r->in);
  }
}

static void make_context(engine_cache_t *c, engine_slot_t *s, const engine_request_t *r,
                         engine_found_t *f) {
  status_t st = engine_slot_lease(c, s, r->in, r->n_in, &f->lease);
  if (!st) return;
  engine_slot_leave(c, s);
  f->why = mem_printf("no execution context: %s", status_message(st));
  status_free(st);
}

engine_found_t engine_cache_take(engine_cache_t *c, const engine_request_t *r) {
  engine_found_t f = {0};
  engine_slot_t *s, *gone = NULL;
  pthread_mutex_lock(&c->lock);
  s = find_slot(c, r);
  if (!r->implicit && !(s && s->state == SLOT_EMPTY)) f.why = check_profiles(c, r);
  while (!f.why && r->era == c->era && s && s->state == SLOT_BUILDING) {
    pthread_cond_wait(&c->settled, &c->lock);
    s = find_slot(c, r);
  }
  if (!f.why && r->era != c->era) f.why = mem_strdup(overtaken);
  if (!f.why && s) take_slot(c, s, r, &f);
  if (!f.why && !s) f.build = reserve(c, r, &f, &gone);
  pthread_mutex_unlock(&c->lock);
  free_list(c, gone);
  if (!f.why && !f.build && !f.lease) make_context(c, s, r, &f);
  return f;
}

engine_found_t engine_cache_built(engine_cache_t *c, engine_slot_t *s, bytes_t plan, bool owned,
                                  status_t failed, const engine_request_t *r) {
  engine_found_t f = {0};
  profiles_t *profiles = NULL;
  if (owned) {
    s->release = mem_free;
    s->owner = plan.data;
  }
  if (!failed) failed = load_engine(c, plan.data, plan.size, s, &profiles);
  pthread_mutex_lock(&c->lock);
  s->state = failed ? SLOT_EMPTY : SLOT_READY;
  if (failed) {
    s->why =
        mem_printf("Engine creation for %s failed. Reason: %s", c->name, status_message(failed));
    profiles_destroy(profiles);
  } else {
    take_profiles(c, s, profiles);
  }
  if (s->outdated)
    f.why = mem_strdup(overtaken);
  else if (!failed && !r->implicit && profiles_find_tensors(c->profiles, r->in) < 0)
    f.why = mem_strdup(outside);
  else
    take_slot(c, s, r, &f);
  engine_slot_t *gone = r->evicts ? make_room(c, 0) : NULL;
  for (engine_slot_t **at = &c->slots; s->outdated && *at; at = &(*at)->next) {
    if (*at != s) continue;
    take_out(c, at, &gone);
    break;
  }
  pthread_cond_broadcast(&c->settled);
  pthread_mutex_unlock(&c->lock);
  status_free(failed);
  if (!f.why) make_context(c, s, r, &f);
  free_list(c, gone);
  return f;
}

profiles_t *engine_cache_profiles(engine_cache_t *c) {
  pthread_mutex_lock(&c->lock);
  profiles_t *p = profiles_copy(c->profiles);
  pthread_mutex_unlock(&c->lock);
  return p;
}

status_t engine_cache_collect(engine_cache_t *c, const tensor_t *in, int n_in) {
  status_t st = NULL;
  bool *mask = mem_alloc((size_t)n_in + 1);
  for (int i = 0; i < n_in; i++) mask[i] = shape_values_candidate(&in[i]);
  pthread_mutex_lock(&c->lock);
  if (!c->collected) c->collected = shape_sets_create(n_in);
  if (c->profiles)
    st = FAIL(UNIMPLEMENTED, "Cannot collect new shapes when profiles are already created.");
  else if (c->collected->n_inputs == n_in)
    shape_sets_add_tensors(c->collected, in, mask);
  pthread_mutex_unlock(&c->lock);
  mem_free(mask);
  return st;
}
