#include "runtime/engine_slot.h"

#include <string.h>

#include "base/clock.h"

// Contexts that lie idle, over all shapes of an engine, and what they may take of memory; beyond
// that those idle longest go, but for the last one.
enum { MAX_IDLE = 32 };
static const size_t max_idle_bytes = (size_t)1 << 30;

struct engine_lease {
  engine_slot_t *slot;
  backend_context_t *context;
  shape_t *shapes;   // [n_in]
  tensor_t *values;  // [n_in] copies of inputs that shapes depend on; empty elsewhere
  int n_in;
  size_t bytes;  // of the context
  engine_lease_t *next;
};

static void lease_free(const engine_cache_t *c, engine_lease_t *l) {
  if (l->context) c->backend->context_destroy(l->context);
  for (int i = 0; i < l->n_in; i++) tensor_unref(&l->values[i]);
  mem_free(l->values);
  mem_free(l->shapes);
  mem_free(l);
}

void engine_slot_free(const engine_cache_t *c, engine_slot_t *s) {
  while (s->idle) {
    engine_lease_t *l = s->idle;
    s->idle = l->next;
    lease_free(c, l);
  }
  if (s->engine) c->backend->unload(s->engine);
  if (s->release) s->release(s->owner);
  mem_free(s->why);
  mem_free(s->shapes);
  mem_free(s->shape_inputs);
  mem_free(s);
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

engine_lease_t *engine_slot_idle(engine_slot_t *s, const tensor_t *in) {
  for (engine_lease_t **l = &s->idle; *l; l = &(*l)->next) {
    if (!fits(*l, in)) continue;
    engine_lease_t *found = *l;
    *l = found->next;
    s->n_idle--;
    s->idle_bytes -= found->bytes;
    return found;
  }
  return NULL;
}

status_t engine_slot_lease(engine_cache_t *c, engine_slot_t *s, const tensor_t *in, int n_in,
                           engine_lease_t **out) {
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
  int64_t began = clock_ns();
  if (!st)
    st = c->backend->context_create(s->engine, l->shapes, l->values, c->threads, &l->context);
  atomic_fetch_add(&c->context_ns, clock_ns() - began);
  atomic_fetch_add(&c->contexts_made, 1);
  if (st) {
    lease_free(c, l);
    return st;
  }
  if (c->backend->context_bytes) l->bytes = c->backend->context_bytes(l->context);
  *out = l;
  return NULL;
}

void engine_slot_leave(engine_cache_t *c, engine_slot_t *s) {
  pthread_mutex_lock(&c->lock);
  bool gone = --s->n_taken == 0 && s->evicted;
  pthread_mutex_unlock(&c->lock);
  if (gone) engine_slot_free(c, s);
}

backend_context_t *engine_lease_context(const engine_lease_t *l) { return l->context; }
backend_engine_t *engine_lease_engine(const engine_lease_t *l) { return l->slot->engine; }

// Contexts that are too many, as a list.
static engine_lease_t *take_surplus(engine_slot_t *s) {
  engine_lease_t *gone = NULL;
  while (s->n_idle > 1 && (s->n_idle > MAX_IDLE || s->idle_bytes > max_idle_bytes)) {
    engine_lease_t **last = &s->idle;
    while ((*last)->next) last = &(*last)->next;
    (*last)->next = gone;
    gone = *last;
    *last = NULL;
    s->n_idle--;
    s->idle_bytes -= gone->bytes;
  }
  return gone;
}

void engine_cache_give(engine_cache_t *c, engine_lease_t *l, bool ok) {
  engine_slot_t *s = l->slot;
  engine_lease_t *gone = NULL;
  pthread_mutex_lock(&c->lock);
  l->next = ok ? s->idle : NULL;
  if (ok) {
    s->idle = l;  // the list runs from the last used to the longest idle
    s->n_idle++;
    s->idle_bytes += l->bytes;
    gone = take_surplus(s);
  } else {
    gone = l;
  }
  bool slot_gone = --s->n_taken == 0 && s->evicted;
  pthread_mutex_unlock(&c->lock);
  while (gone) {
    engine_lease_t *next = gone->next;
    lease_free(c, gone);
    gone = next;
  }
  if (slot_gone) engine_slot_free(c, s);
}

// ---------------------------------------------------------------- telling

engine_held_t engine_cache_held(engine_cache_t *c) {
  engine_held_t h = {0};
  pthread_mutex_lock(&c->lock);
  for (const engine_slot_t *s = c->slots; s; s = s->next) {
    h.engines += s->state == SLOT_READY;
    h.empty += s->state == SLOT_EMPTY;
    h.contexts += s->n_idle + s->n_taken;
    h.context_bytes += (int64_t)s->idle_bytes;
  }
  h.profiles = c->profiles && h.engines ? (int)c->profiles->list.n : 0;
  pthread_mutex_unlock(&c->lock);
  return h;
}

char *engine_cache_profile(engine_cache_t *c) {
  char *json = NULL;
  pthread_mutex_lock(&c->lock);
  for (engine_slot_t *s = c->slots; s && !json; s = s->next)
    if (s->idle && c->backend->profile) json = c->backend->profile(s->idle->context);
  pthread_mutex_unlock(&c->lock);
  return json;
}

static size_t find_reason(const engine_cache_t *c, const char *text) {
  size_t i = 0;
  while (i < c->reasons.n && strcmp(c->reasons.v[i].text, text) != 0) i++;
  return i;
}

void engine_cache_note_fallback(engine_cache_t *c, char *why) {
  enum { MAX_REASONS = 64 };
  atomic_fetch_add(&c->fallbacks, 1);
  pthread_mutex_lock(&c->lock);
  size_t i = find_reason(c, why);
  if (i == c->reasons.n && i >= MAX_REASONS) {
    mem_free(why);
    why = mem_strdup("other reasons");
    i = find_reason(c, why);
  }
  if (i == c->reasons.n) {
    fallback_reason_t r = {why, 0};
    vec_push(&c->reasons, r);
    why = NULL;
  }
  c->reasons.v[i].count++;
  c->reason = c->reasons.v[i].text;
  pthread_mutex_unlock(&c->lock);
  mem_free(why);
}
