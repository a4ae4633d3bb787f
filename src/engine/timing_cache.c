#include "engine/timing_cache.h"

#include <jansson.h>
#include <pthread.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define SCHEMA "tftrt.timing-cache/1"

struct timing_cache {
  pthread_mutex_t lock;
  json_t *machines;
};

timing_cache_t *timing_cache_create(void) {
  timing_cache_t *c = mem_calloc(1, sizeof *c);
  pthread_mutex_init(&c->lock, NULL);
  c->machines = json_object();
  return c;
}

void timing_cache_destroy(timing_cache_t *c) {
  if (!c) return;
  json_decref(c->machines);
  pthread_mutex_destroy(&c->lock);
  mem_free(c);
}

bool timing_cache_get(timing_cache_t *c, const char *machine, const char *layer, const char *tactic,
                      int64_t *ns) {
  pthread_mutex_lock(&c->lock);
  const json_t *v =
      json_object_get(json_object_get(json_object_get(c->machines, machine), layer), tactic);
  bool known = json_is_integer(v);
  if (known) *ns = json_integer_value(v);
  pthread_mutex_unlock(&c->lock);
  return known;
}

static json_t *child(json_t *of, const char *key) {
  json_t *v = json_object_get(of, key);
  if (!v) {
    v = json_object();
    json_object_set_new(of, key, v);
  }
  return v;
}

static void put(json_t *machines, const char *machine, const char *layer, const char *tactic,
                int64_t ns) {
  json_object_set_new(child(child(machines, machine), layer), tactic, json_integer(ns));
}

void timing_cache_put(timing_cache_t *c, const char *machine, const char *layer, const char *tactic,
                      int64_t ns) {
  pthread_mutex_lock(&c->lock);
  put(c->machines, machine, layer, tactic, ns);
  pthread_mutex_unlock(&c->lock);
}

void timing_cache_each(timing_cache_t *c, const char *tactic, int64_t ns) {
  const char *m, *l;
  json_t *machine, *layer;
  pthread_mutex_lock(&c->lock);
  json_object_foreach(c->machines, m, machine) {
    json_object_foreach(machine, l, layer) { json_object_set_new(layer, tactic, json_integer(ns)); }
  }
  pthread_mutex_unlock(&c->lock);
}

int timing_cache_count(timing_cache_t *c) {
  int n = 0;
  const char *m, *l;
  json_t *machine, *layer;
  pthread_mutex_lock(&c->lock);
  json_object_foreach(c->machines, m, machine) {
    json_object_foreach(machine, l, layer) { n += (int)json_object_size(layer); }
  }
  pthread_mutex_unlock(&c->lock);
  return n;
}

static void put_all(json_t *into, json_t *machines) {
  const char *m, *l, *t;
  json_t *machine, *layer, *ns;
  json_object_foreach(machines, m, machine) {
    json_object_foreach(machine, l, layer) {
      json_object_foreach(layer, t, ns) { put(into, m, l, t, json_integer_value(ns)); }
    }
  }
}

// Is it all objects of objects of objects of times?
static bool well_formed(json_t *machines) {
  const char *m, *l, *t;
  json_t *machine, *layer, *ns;
  if (!json_is_object(machines)) return false;
  json_object_foreach(machines, m, machine) {
    if (!json_is_object(machine)) return false;
    json_object_foreach(machine, l, layer) {
      if (!json_is_object(layer)) return false;
      json_object_foreach(layer, t, ns) {
        if (!json_is_integer(ns) || json_integer_value(ns) < 1) return false;
      }
    }
  }
  return true;
}

status_t timing_cache_parse(timing_cache_t *c, const char *text, size_t size, const char *path) {
  json_error_t e;
  json_t *root = json_loadb(size ? text : "", size, JSON_REJECT_DUPLICATES, &e);
  if (!root) return FAIL(DATA_LOSS, "%s is no timing cache: line %d: %s", path, e.line, e.text);
  const char *schema = json_string_value(json_object_get(root, "schema"));
  json_t *machines = json_object_get(root, "machines");
  status_t st = NULL;
  if (!schema || strcmp(schema, SCHEMA) != 0)
    st = FAIL(DATA_LOSS, "%s is no timing cache: its \"schema\" is not " SCHEMA, path);
  else if (!well_formed(machines))
    st = FAIL(DATA_LOSS, "%s is no timing cache: its \"machines\" hold something but times", path);
  if (!st) {
    pthread_mutex_lock(&c->lock);
    put_all(c->machines, machines);
    pthread_mutex_unlock(&c->lock);
  }
  json_decref(root);
  return st;
}

status_t timing_cache_load(timing_cache_t *c, const char *path) {
  file_map_t *m;
  TRY(file_map_open(path, &m));
  status_t st = timing_cache_parse(c, (const char *)m->data, m->size, path);
  file_map_unref(m);
  return st;
}

status_t timing_cache_save(timing_cache_t *c, const char *path) {
  timing_cache_t *merged = timing_cache_create();
  // A damaged file is written anew.
  status_free(timing_cache_load(merged, path));
  pthread_mutex_lock(&c->lock);
  put_all(merged->machines, c->machines);
  pthread_mutex_unlock(&c->lock);
  json_t *root = json_pack("{s:s, s:O}", "schema", SCHEMA, "machines", merged->machines);
  char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
  status_t st = text ? file_replace(path, text, strlen(text))
                     : FAIL(RESOURCE_EXHAUSTED, "%s: no memory to write it", path);
  free(text);
  json_decref(root);
  timing_cache_destroy(merged);
  return st;
}
