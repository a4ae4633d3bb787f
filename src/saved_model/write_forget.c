// Functions that only engines of an earlier conversion were called in, or were: when those engines
// have given way, nothing needs the functions, and the constants in them would be on disk twice.
#include <string.h>

#include "formats/tf_fields.h"
#include "saved_model/writer_internal.h"

static bool ends_with(const char *name, const char *end) {
  size_t n = strlen(name), k = strlen(end);
  return n >= k && strcmp(name + n - k, end) == 0;
}

// What a conversion makes, and nobody else calls by name.
static bool is_candidate(const char *name) {
  return strncmp(name, "__inference_pruned", 18) == 0 || ends_with(name, "_native_segment");
}

typedef struct search {
  graph_edit_t *e;
  map_t *alive;  // of the candidates
} search_t;

static status_t see_graph(search_t *s, const graph_t *g);

static status_t see(search_t *s, const char *name) {
  if (!name || !library_find(s->e->library, name) || !is_candidate(name) || map_has(s->alive, name))
    return NULL;
  map_put(s->alive, name, s);
  graph_t *body;
  TRY(library_body(s->e->library, name, &body));
  return see_graph(s, body);
}

static status_t see_graph(search_t *s, const graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    TRY(see(s, n->op));
    if (strcmp(n->op, "TRTEngineOp") == 0) TRY(see(s, node_native_segment(n).name));
    for (const attr_t *a = n->attrs; a; a = a->next) {
      const attr_value_t *v = a->value;
      if (v->kind == ATTR_FUNC) TRY(see(s, v->func.name));
      for (size_t k = 0; v->kind == ATTR_LIST && v->list_kind == ATTR_FUNC && k < v->n_list; k++)
        if (v->list) TRY(see(s, v->list[k].func.name));
    }
  }
  return NULL;
}

// Functions that the object graph names.
static status_t see_objects(search_t *s) {
  wire_t w = wire_open(s->e->source->raw, s->e->source->raw_size), objects, entry;
  wire_field_t f, x, k;
  status_t st;
  while (wire_next(&w, &f, &st)) {
    if (f.number != TF_META_GRAPH_DEF_OBJECT_GRAPH_DEF) continue;
    TRY(wire_get_message(&f, &objects));
    while (wire_next(&objects, &x, &st)) {
      if (x.number != TF_SAVED_OBJECT_GRAPH_CONCRETE_FUNCTIONS) continue;
      TRY(wire_get_message(&x, &entry));
      while (wire_next(&entry, &k, &st)) {
        const char *name = NULL;
        if (k.number != TF_MAP_KEY) continue;
        TRY(wire_get_string(&k, s->e->arena, &name));
        TRY(see(s, name));
      }
      TRY(st);
    }
    TRY(st);
  }
  return st;
}

static status_t see_all(search_t *s) {
  graph_edit_t *e = s->e;
  TRY(see_graph(s, e->graph));
  TRY(see_objects(s));
  size_t at = 0;
  const char *name;
  while (map_next(e->called, &at, &name, NULL)) TRY(see(s, name));
  at = 0;
  while (map_next(e->library->functions, &at, &name, NULL)) {
    graph_t *body;
    if (is_candidate(name) || map_has(e->functions, name)) continue;  // or it has a new body
    TRY(library_body(e->library, name, &body));
    TRY(see_graph(s, body));
  }
  return NULL;
}

status_t edit_find_dead(graph_edit_t *e, map_t **out) {
  *out = map_create();
  search_t s = {e, map_create()};
  bool forgets = map_count(e->forgotten) > 0;
  status_t st = forgets ? see_all(&s) : NULL;
  size_t at = 0;
  const char *name;
  while (!st && forgets && map_next(e->library->functions, &at, &name, NULL))
    if (is_candidate(name) && !map_has(s.alive, name)) map_put(*out, name, e);
  at = 0;
  while (!st && map_next(e->dropped_functions, &at, &name, NULL)) map_put(*out, name, e);
  map_destroy(s.alive);
  if (st) {
    map_destroy(*out);
    *out = NULL;
  }
  return st;
}
