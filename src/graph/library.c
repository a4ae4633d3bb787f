// The function library of a model.
#include <string.h>

#include "graph/graph.h"

library_t *library_create(arena_t *arena) {
  library_t *l = mem_calloc(1, sizeof *l);
  l->arena = arena;
  l->functions = map_create();
  l->foreign = map_create();
  return l;
}

void library_destroy(library_t *l) {
  if (!l) return;
  size_t i = 0;
  void *f;
  while (map_next(l->functions, &i, NULL, &f)) {
    attrs_release(((function_t *)f)->attrs);
    graph_destroy(((function_t *)f)->body);
  }
  map_destroy(l->functions);
  map_destroy(l->foreign);
  mem_free(l);
}

function_t *library_find(const library_t *l, const char *name) {
  return map_get(l->functions, name);
}

function_t *library_add(library_t *l, const char *name) {
  function_t *f = arena_alloc(l->arena, sizeof *f);
  f->name = arena_strdup(l->arena, name);
  f->body = graph_create(l->arena, l);
  map_put(l->functions, name, f);
  return f;
}

attr_value_t *function_attr(const function_t *f, const char *name) {
  for (attr_t *a = f->attrs; a; a = a->next)
    if (strcmp(a->name, name) == 0) return a->value;
  return NULL;
}
