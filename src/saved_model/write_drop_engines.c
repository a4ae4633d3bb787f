// Engines of an earlier conversion that gave way: what creates, initialises and destroys their
// resources goes from the library, the main graph, the initialising operation, the assets and the
// object graph. Where something that we do not know uses a part of that, all of it stays, and the
// engine's asset becomes an empty file, which loads nothing.
#include <string.h>

#include "formats/tf_fields.h"
#include "saved_model/writer_internal.h"

// What one engine has.
typedef struct parts {
  const char *engine;
  map_t *functions;    // that make its handle
  int asset;           // index of its AssetFileDef; -1: none
  const node_t *path;  // the main graph's node that has the asset's path; NULL: none
  map_t *calls;        // nodes of the main graph that call those functions
  int resource;        // id of its object; -1: none
  bool *objects;       // [n_objects] its objects
} parts_t;

typedef struct objects {
  int n;
  wire_t *of;   // [n]
  int engines;  // id of trt_engine_resources; -1: there is none
} objects_t;

// ---------------------------------------------------------------- library and main graph

static bool makes_handle(const graph_t *g, const char *engine) {
  for (int i = 0; i < g->n_nodes; i++)
    if (strcmp(g->nodes[i]->op, "CreateTRTResourceHandle") == 0 &&
        node_string_is(g->nodes[i], "resource_name", engine))
      return true;
  return false;
}

static bool calls_one_of(const node_t *n, const map_t *functions) {
  for (const attr_t *a = n->attrs; a; a = a->next) {
    const attr_value_t *v = a->value;
    if (v->kind == ATTR_FUNC && map_has(functions, v->func.name)) return true;
    for (size_t k = 0; v->kind == ATTR_LIST && v->list_kind == ATTR_FUNC && k < v->n_list; k++)
      if (v->list && map_has(functions, v->list[k].func.name)) return true;
  }
  return map_has(functions, n->op);
}

static status_t find_functions(const graph_edit_t *e, parts_t *p) {
  size_t at = 0;
  const char *name;
  while (map_next(e->library->functions, &at, &name, NULL)) {
    graph_t *body;
    TRY(library_body(e->library, name, &body));
    if (makes_handle(body, p->engine)) map_put(p->functions, name, p);
  }
  return NULL;
}

// Whether no other function calls them.
static status_t only_called_outside(const graph_edit_t *e, const parts_t *p, bool *ok) {
  size_t at = 0;
  const char *name;
  *ok = true;
  while (*ok && map_next(e->library->functions, &at, &name, NULL)) {
    graph_t *body;
    if (map_has(p->functions, name)) continue;
    TRY(library_body(e->library, name, &body));
    for (int i = 0; i < body->n_nodes; i++) *ok &= !calls_one_of(body->nodes[i], p->functions);
  }
  return NULL;
}

static void find_in_graph(const graph_edit_t *e, parts_t *p) {
  const meta_graph_t *g = e->source;
  const char *names[] = {engine_asset_name(e->arena, p->engine, false),
                         engine_asset_name(e->arena, p->engine, true)};
  for (int i = 0; i < g->n_assets; i++)
    if (strcmp(g->assets[i].filename, names[0]) == 0 ||
        strcmp(g->assets[i].filename, names[1]) == 0) {
      const char *tensor = g->assets[i].tensor;
      p->asset = i;
      p->path = map_getn(e->graph->by_name, tensor, strcspn(tensor, ":"));
    }
  for (int i = 0; i < e->graph->n_nodes; i++)
    if (calls_one_of(e->graph->nodes[i], p->functions))
      map_put(p->calls, e->graph->nodes[i]->name, p);
}

// Whether only the calls read the path, and only the initialising operation waits for the calls.
static bool graph_is_known(const graph_edit_t *e, const parts_t *p) {
  const char *init = e->source->init_op;
  if (makes_handle(e->graph, p->engine)) return false;
  for (int i = 0; i < e->graph->n_nodes; i++) {
    const node_t *n = e->graph->nodes[i];
    bool call = map_has(p->calls, n->name), is_init = init && strcmp(n->name, init) == 0;
    for (int k = 0; k < n->n_in + n->n_control; k++) {
      const node_t *from = k < n->n_in ? n->in[k].src : n->control[k - n->n_in];
      if (from == p->path && !call) return false;
      if (map_has(p->calls, from->name) && !(is_init && k >= n->n_in)) return false;
    }
  }
  return true;
}

// ---------------------------------------------------------------- object graph

static status_t read_objects(const graph_edit_t *e, wire_t graph, objects_t *out) {
  wire_field_t f;
  status_t st;
  VEC(wire_t) all = {0};
  while (wire_next(&graph, &f, &st)) {
    wire_t object;
    if (f.number != TF_SAVED_OBJECT_GRAPH_NODES) continue;
    if (!st) st = wire_get_message(&f, &object);
    if (st) break;
    vec_push(&all, object);
  }
  *out = (objects_t){.n = (int)all.n, .engines = -1};
  out->of = arena_alloc(e->arena, (all.n + 1) * sizeof *out->of);
  if (all.n) memcpy(out->of, all.v, all.n * sizeof *all.v);
  vec_free(&all);
  if (!st && out->n) st = object_child(out->of[0], "trt_engine_resources", &out->engines);
  return st;
}

// The concrete functions of an object are among them (0: it has none, or others).
static status_t is_function_of(const graph_edit_t *e, wire_t object, const map_t *functions,
                               bool *out) {
  wire_field_t f, x;
  wire_t function;
  status_t st;
  *out = false;
  while (wire_next(&object, &f, &st)) {
    bool bare = f.number == TF_SAVED_OBJECT_BARE_CONCRETE_FUNCTION;
    if (f.number != TF_SAVED_OBJECT_FUNCTION && !bare) continue;
    TRY(wire_get_message(&f, &function));
    while (wire_next(&function, &x, &st)) {
      const char *name;
      if (x.number != 1) continue;  // concrete_functions, concrete_function_name
      TRY(wire_get_string(&x, e->arena, &name));
      *out |= map_has(functions, name);
    }
    TRY(st);
  }
  return st;
}

static status_t asset_of(wire_t object, int64_t *index) {
  wire_field_t f, x;
  wire_t asset;
  status_t st;
  *index = -1;
  while (wire_next(&object, &f, &st)) {
    if (f.number != TF_SAVED_OBJECT_ASSET) continue;
    *index = 0;
    TRY(wire_get_message(&f, &asset));
    while (wire_next(&asset, &x, &st))
      if (x.number == TF_SAVED_ASSET_ASSET_FILE_DEF_INDEX) TRY(wire_get_i64(&x, index));
    TRY(st);
  }
  return st;
}

// Marks an object's children, or, without marks, tells whether one is among `of`.
static status_t see_children(wire_t object, int n, bool *marks, const bool *of, bool *hit) {
  wire_field_t f, x;
  wire_t ref;
  status_t st;
  while (wire_next(&object, &f, &st)) {
    int32_t id = 0;
    if (f.number != TF_SAVED_OBJECT_CHILDREN && f.number != TF_SAVED_OBJECT_DEPENDENCIES) continue;
    TRY(wire_get_message(&f, &ref));
    while (wire_next(&ref, &x, &st))
      if (x.number == TF_OBJECT_REF_NODE_ID) TRY(wire_get_i32(&x, &id));
    TRY(st);
    if (id < 0 || id >= n) return FAIL(DATA_LOSS, "the object graph has no object %d of %d", id, n);
    if (marks)
      marks[id] = true;
    else
      *hit |= of[id];
  }
  return st;
}

// The engine's object and its children. *known: nothing else is of them, or they of nothing else.
static status_t find_objects(const graph_edit_t *e, const objects_t *o, parts_t *p, bool *known) {
  *known = true;
  p->objects = arena_alloc(e->arena, ((size_t)o->n + 1) * sizeof *p->objects);
  memset(p->objects, 0, (size_t)o->n);
  if (o->engines >= 0 && o->engines < o->n)
    TRY(object_child(o->of[o->engines], p->engine, &p->resource));
  if (p->resource > 0 && p->resource < o->n) {
    TRY(see_children(o->of[p->resource], o->n, p->objects, NULL, NULL));
    p->objects[p->resource] = true;
  }
  for (int i = 0; i < o->n; i++) {
    bool function;
    int64_t asset;
    TRY(is_function_of(e, o->of[i], p->functions, &function));
    TRY(asset_of(o->of[i], &asset));
    if ((function || (asset >= 0 && asset == p->asset)) != p->objects[i] && i != p->resource)
      *known = false;
    if (p->objects[i] || i == o->engines) continue;
    bool hit = false;
    TRY(see_children(o->of[i], o->n, NULL, p->objects, &hit));
    *known &= !hit;
  }
  return NULL;
}

// ---------------------------------------------------------------- what goes

static void drop(graph_edit_t *e, const objects_t *o, const parts_t *p) {
  size_t at = 0;
  const char *name;
  map_put(e->dropped_engines, p->engine, e);
  while (map_next(p->functions, &at, &name, NULL)) map_put(e->dropped_functions, name, e);
  at = 0;
  while (map_next(p->calls, &at, &name, NULL)) map_put(e->dropped, name, e);
  if (p->path) map_put(e->dropped, p->path->name, e);
  if (p->asset >= 0) e->dropped_assets[p->asset] = true;
  for (int i = 0; i < o->n; i++) e->dropped_objects[i] |= p->objects[i];
}

static status_t drop_one(graph_edit_t *e, const objects_t *o, parts_t *p) {
  bool apart, known;
  TRY(find_functions(e, p));
  TRY(only_called_outside(e, p, &apart));
  find_in_graph(e, p);
  TRY(find_objects(e, o, p, &known));
  bool any = p->asset >= 0 || map_count(p->functions);
  if (any && apart && known && graph_is_known(e, p)) drop(e, o, p);
  return NULL;
}

static status_t object_graph_of(const graph_edit_t *e, wire_t *out) {
  wire_t w = wire_open(e->source->raw, e->source->raw_size);
  wire_field_t f;
  status_t st;
  *out = wire_open("", 0);
  while (wire_next(&w, &f, &st))
    if (f.number == TF_META_GRAPH_DEF_OBJECT_GRAPH_DEF) TRY(wire_get_message(&f, out));
  return st;
}

status_t edit_drop_engines(graph_edit_t *e) {
  wire_t graph;
  objects_t o;
  size_t at = 0;
  const char *engine;
  if (!map_count(e->forgotten)) return NULL;
  TRY(object_graph_of(e, &graph));
  TRY(read_objects(e, graph, &o));
  e->dropped_assets = arena_alloc(e->arena, (size_t)e->source->n_assets + 1);
  e->dropped_objects = arena_alloc(e->arena, (size_t)o.n + 1);
  memset(e->dropped_assets, 0, (size_t)e->source->n_assets + 1);
  memset(e->dropped_objects, 0, (size_t)o.n + 1);
  while (map_next(e->forgotten, &at, &engine, NULL)) {
    parts_t p = {.engine = engine,
                 .functions = map_create(),
                 .calls = map_create(),
                 .asset = -1,
                 .resource = -1};
    status_t st = drop_one(e, &o, &p);
    map_destroy(p.functions);
    map_destroy(p.calls);
    TRY(st);
  }
  return NULL;
}

// ---------------------------------------------------------------- writing the object graph

int edit_dropped_before(const graph_edit_t *e, int64_t asset) {
  int n = 0;
  for (int i = 0; e->dropped_assets && i < asset && i < e->source->n_assets; i++)
    n += e->dropped_assets[i];
  return n;
}

// In the place of one that goes, so that the numbers of the others stay: no one names it.
static void put_placeholder(wire_out_t *out) {
  size_t node = wire_begin(out, TF_SAVED_OBJECT_GRAPH_NODES);
  put_user_object(out, "_generic_user_object");
  wire_end(out, node);
}

static status_t copy_object(const graph_edit_t *e, wire_t object, bool is_engines,
                            wire_out_t *out) {
  wire_field_t f;
  status_t st;
  int64_t asset;
  TRY(asset_of(object, &asset));
  size_t node = wire_begin(out, TF_SAVED_OBJECT_GRAPH_NODES);
  while (wire_next(&object, &f, &st)) {
    wire_t sub;
    if (f.number == TF_SAVED_OBJECT_ASSET) {
      size_t at = wire_begin(out, f.number);
      asset -= edit_dropped_before(e, asset);
      if (asset) wire_put_i64(out, TF_SAVED_ASSET_ASSET_FILE_DEF_INDEX, asset);
      wire_end(out, at);
      continue;
    }
    if (is_engines && f.number == TF_SAVED_OBJECT_CHILDREN) {
      TRY(wire_get_message(&f, &sub));
      if (map_has(e->dropped_engines, message_name(e->arena, sub, TF_OBJECT_REF_LOCAL_NAME)))
        continue;
    }
    wire_put_raw(out, f.raw, f.raw_size);
  }
  wire_end(out, node);
  return st;
}

status_t dropped_object_graph(const graph_edit_t *e, wire_t graph, wire_out_t *out) {
  objects_t o;
  wire_field_t f;
  wire_t sub;
  status_t st;
  TRY(read_objects(e, graph, &o));
  for (int i = 0; i < o.n; i++)
    if (e->dropped_objects[i])
      put_placeholder(out);
    else
      TRY(copy_object(e, o.of[i], i == o.engines, out));
  while (wire_next(&graph, &f, &st)) {
    if (f.number == TF_SAVED_OBJECT_GRAPH_NODES) continue;
    if (f.number == TF_SAVED_OBJECT_GRAPH_CONCRETE_FUNCTIONS) {
      TRY(wire_get_message(&f, &sub));
      if (map_has(e->dropped_functions, message_name(e->arena, sub, TF_MAP_KEY))) continue;
    }
    wire_put_raw(out, f.raw, f.raw_size);
  }
  TRY(st);
  return wire_out_status(out);
}
