#include "runtime/engine_variables.h"

#include <string.h>

#include "ops/variables.h"
#include "runtime/segment_build.h"
#include "saved_model/writer.h"

struct engine_variables {
  pthread_mutex_t lock;  // guards what follows
  tensor_t *value;       // [n] of the last run, held: nothing can write there meanwhile
  bool *as_saved;        // [n] it is what the model's bundle has under the node's key
  int n;                 // 0: nothing has run
  uint64_t era;          // of the values
};

engine_variables_t *engine_variables_create(void) {
  engine_variables_t *v = mem_calloc(1, sizeof *v);
  pthread_mutex_init(&v->lock, NULL);
  return v;
}

void engine_variables_destroy(engine_variables_t *v) {
  for (int i = 0; i < v->n; i++) tensor_unref(&v->value[i]);
  mem_free(v->value);
  mem_free(v->as_saved);
  pthread_mutex_destroy(&v->lock);
  mem_free(v);
}

// What the model was saved with: engines in its assets hold that.
static bool is_as_saved(engines_t *e, const engine_attrs_t *a, int i, const tensor_t *now) {
  const char *key = a->variables->list[i].s.p;
  if (a->segment) {
    function_t *segment = engine_segment(e, a->segment->name);
    const node_t *n = segment ? graph_find(segment->body, key) : NULL;
    key = n ? node_string(n, WEIGHT_ATTR) : "";
  }
  tensor_t saved = {0};
  status_t st = *key ? e->weights->read(e->weights->self, key, &saved) : NULL;
  bool same = *key && !st && tensor_equal(&saved, now);
  status_free(st);
  tensor_unref(&saved);
  return same;
}

static bool is_lent(const tensor_t *t) { return !t->buf->release && !t->buf->pooled; }

static tensor_t hold(const tensor_t *now) {
  tensor_t held = {0};
  if (is_lent(now))
    status_free(tensor_copy(now, &held));  // empty: as if it changed in every run
  else
    held = tensor_ref(now);
  return held;
}

static const char *begin(engine_variables_t *v, engines_t *e, const engine_attrs_t *a,
                         const tensor_t *now) {
  const char *changed = NULL;
  v->n = a->n_variables;
  v->value = mem_calloc((size_t)v->n, sizeof *v->value);
  v->as_saved = mem_calloc((size_t)v->n, sizeof *v->as_saved);
  for (int i = 0; i < v->n; i++) {
    v->value[i] = hold(&now[i]);
    v->as_saved[i] = is_as_saved(e, a, i, &now[i]);
    if (!v->as_saved[i]) changed = a->variables->list[i].s.p;
  }
  return changed;
}

static const char *look(engine_variables_t *v, const engine_attrs_t *a, const tensor_t *now) {
  const char *changed = NULL;
  for (int i = 0; i < v->n && i < a->n_variables; i++) {
    bool same = !tensor_empty(&v->value[i]) && tensor_equal(&v->value[i], &now[i]);
    if (!same) {
      v->as_saved[i] = false;
      changed = a->variables->list[i].s.p;
    }
    if (same && (is_lent(&now[i]) || v->value[i].data == now[i].data)) continue;
    tensor_unref(&v->value[i]);
    v->value[i] = hold(&now[i]);
  }
  return changed;
}

uint64_t engine_variables_look(engines_t *e, engine_cache_t *cache, const op_ctx_t *c,
                               const engine_attrs_t *a) {
  engine_variables_t *v = cache->variables;
  const tensor_t *now = c->in + (c->n_in - a->n_variables);
  pthread_mutex_lock(&v->lock);
  const char *changed = v->n ? look(v, a, now) : begin(v, e, a, now);
  // Under the lock: a build that begins after it has the new values.
  if (changed) v->era = engine_cache_clear(cache, changed);
  uint64_t era = v->era;
  pthread_mutex_unlock(&v->lock);
  return era;
}

uint64_t engine_variables_era(engine_cache_t *cache) {
  engine_variables_t *v = cache->variables;
  pthread_mutex_lock(&v->lock);
  uint64_t era = v->era;
  pthread_mutex_unlock(&v->lock);
  return era;
}

bool engine_variables_as_saved(engine_cache_t *cache, uint64_t *era) {
  engine_variables_t *v = cache->variables;
  bool all = true;
  pthread_mutex_lock(&v->lock);
  for (int i = 0; i < v->n; i++) all = all && v->as_saved[i];
  *era = v->era;
  pthread_mutex_unlock(&v->lock);
  return all;
}

// A file may name any node. Hosts without variables of ours have an Identity of the input in the
// reader's place (runtime/hosted_engine.c).
static bool is_reader(const node_t *n, const tensor_t *value) {
  bool reads = op_reads_variable(n->op) || strcmp(n->op, "Identity") == 0;
  return reads && n->n_out == 1 && n->out_dtype[0] == value->dtype;
}

void engine_variables_pin(engine_cache_t *cache, const engine_attrs_t *a, graph_t *body) {
  engine_variables_t *v = cache->variables;
  pthread_mutex_lock(&v->lock);
  for (int i = 0; i < v->n && i < a->n_variables; i++) {
    node_t *n = graph_find(body, a->variables->list[i].s.p);
    if (!n || !is_reader(n, &v->value[i])) continue;
    tensor_unref(&n->pinned);
    n->pinned = tensor_ref(&v->value[i]);
    if (!v->as_saved[i]) node_remove_attr(n, WEIGHT_ATTR);  // the plan holds it itself
  }
  pthread_mutex_unlock(&v->lock);
}
