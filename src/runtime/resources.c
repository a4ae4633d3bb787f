// Resources that live as long as the model, by container and name.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "runtime/executor.h"

struct resources {
  pthread_mutex_t lock;
  map_t *objects;  // "<container>/<name>" -> object_t *, owned
};

resources_t *resources_create(void) {
  resources_t *r = mem_calloc(1, sizeof *r);
  pthread_mutex_init(&r->lock, NULL);
  r->objects = map_create();
  return r;
}

void resources_destroy(resources_t *r) {
  if (!r) return;
  size_t i = 0;
  void *o;
  while (map_next(r->objects, &i, NULL, &o)) object_unref(o);
  map_destroy(r->objects);
  pthread_mutex_destroy(&r->lock);
  mem_free(r);
}

object_t *resources_get(resources_t *r, const char *container, const char *name,
                        object_t *(*make)(void *arg), void *arg) {
  // Engines are looked up in every run, so short keys take no memory.
  char few[128], *key = few;
  if ((size_t)snprintf(few, sizeof few, "%s/%s", container, name) >= sizeof few)
    key = mem_printf("%s/%s", container, name);
  pthread_mutex_lock(&r->lock);
  object_t *o = map_get(r->objects, key);
  if (!o && make) {
    o = make(arg);
    if (o) map_put(r->objects, key, o);
  }
  object_ref(o);
  pthread_mutex_unlock(&r->lock);
  if (key != few) mem_free(key);
  return o;
}

bool resources_remove(resources_t *r, const char *container, const char *name, const object_t *o) {
  char *key = name ? mem_printf("%s/%s", container, name) : NULL;
  object_t *found = NULL;
  pthread_mutex_lock(&r->lock);
  if (key) {
    found = map_get(r->objects, key);
  } else {
    size_t i = 0;
    const char *k;
    void *v;
    while (!found && map_next(r->objects, &i, &k, &v))
      if (v == o) {
        found = v;
        key = mem_strdup(k);
      }
  }
  if (found) map_remove(r->objects, key);
  pthread_mutex_unlock(&r->lock);
  mem_free(key);
  object_unref(found);
  return found != NULL;
}
