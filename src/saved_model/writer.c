#include "saved_model/writer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/stream.h"
#include "base/work.h"
#include "formats/tf_fields.h"
#include "saved_model/writer_internal.h"

// ---------------------------------------------------------------- edits

static void free_messages(map_t *m) {
  size_t i = 0;
  void *value;
  while (map_next(m, &i, NULL, &value)) wire_out_free(value);
  map_destroy(m);
}

void writer_free_edit(graph_edit_t *e) {
  if (!e) return;
  free_messages(e->functions);
  free_messages(e->signatures);
  map_destroy(e->engines);
  map_destroy(e->renamed);
  map_destroy(e->kept);
  map_destroy(e->dropped);
  map_destroy(e->ids);
  map_destroy(e->forgotten);
  map_destroy(e->dropped_engines);
  map_destroy(e->dropped_functions);
  map_destroy(e->called);
  map_destroy(e->names);
  wire_out_free(&e->new_functions);
  wire_out_free(&e->new_nodes);
  wire_out_free(&e->new_assets);
  wire_out_free(&e->init_inputs);
  graph_destroy(e->graph);
  library_destroy(e->library);
  arena_destroy(e->arena);
  mem_free(e);
}

void edit_put(saved_model_writer_t *w, map_t *map, const char *key, wire_out_t message) {
  wire_out_t *kept = map_get(map, key);
  if (kept)
    wire_out_free(kept);
  else
    kept = arena_alloc(w->arena, sizeof *kept);
  *kept = message;
  map_put(map, key, kept);
}

const char *edit_name(graph_edit_t *e, char kind, const char *base) {
  const char *tagged = arena_printf(e->arena, "%c:%s", kind, base);
  for (int i = 1; map_has(e->names, tagged); i++)
    tagged = arena_printf(e->arena, "%c:%s_%d", kind, base, i);
  map_put(e->names, tagged, e);
  return tagged + 2;
}

const char *edit_function_name(graph_edit_t *e, const char *base) {
  const char *tagged;
  int i = 0;
  do {
    tagged = arena_printf(e->arena, "f:%s_%d", base, i++);
  } while (map_has(e->names, tagged));
  map_put(e->names, tagged, e);
  return tagged + 2;
}

status_t writer_edit(saved_model_writer_t *w, const meta_graph_t *g, graph_edit_t **out) {
  *out = w->edits[g->index];
  if (*out) return NULL;
  graph_edit_t *e = mem_calloc(1, sizeof *e);
  *e = (graph_edit_t){.source = g,
                      .names = map_create(),
                      .functions = map_create(),
                      .signatures = map_create(),
                      .engines = map_create(),
                      .renamed = map_create(),
                      .kept = map_create(),
                      .dropped = map_create(),
                      .ids = map_create(),
                      .forgotten = map_create(),
                      .dropped_engines = map_create(),
                      .dropped_functions = map_create(),
                      .called = map_create()};
  status_t st = meta_graph_graph(w->source, g, &e->arena, &e->library, &e->graph);
  if (st) {
    writer_free_edit(e);
    return st;
  }
  for (int i = 0; i < e->graph->n_nodes; i++)
    map_put(e->names, arena_printf(e->arena, "n:%s", e->graph->nodes[i]->name), e);
  size_t i = 0;
  const char *name;
  while (map_next(e->library->functions, &i, &name, NULL))
    map_put(e->names, arena_printf(e->arena, "f:%s", name), e);
  *out = w->edits[g->index] = e;
  return NULL;
}

// Only an empty directory or another SavedModel is replaced: never somebody's files.
static status_t check_target(const char *dir) {
  if (!file_exists(dir)) return NULL;
  if (!file_is_dir(dir))
    return FAIL(ALREADY_EXISTS, "%s is there and is no directory: it is not replaced", dir);
  char *pb = file_join(dir, "saved_model.pb"), *text = file_join(dir, "saved_model.pbtxt");
  bool model = file_exists(pb) || file_exists(text);
  mem_free(pb);
  mem_free(text);
  char **names = NULL;
  size_t n = 0;
  if (!model) TRY(file_list_dir(dir, &names, &n));
  for (size_t i = 0; i < n; i++) mem_free(names[i]);
  mem_free(names);
  if (!n) return NULL;
  return FAIL(ALREADY_EXISTS, "%s has files in it and is no SavedModel: it is not replaced", dir);
}

status_t saved_model_writer_create(const saved_model_t *source, const char *target_dir,
                                   saved_model_writer_t **out) {
  *out = NULL;
  staged_dir_t *dir;
  TRY(check_target(target_dir));
  TRY(staged_dir_create(target_dir, &dir));
  saved_model_writer_t *w = mem_calloc(1, sizeof *w);
  *w = (saved_model_writer_t){.source = source,
                              .dir = dir,
                              .left_out = map_create(),
                              .weights = map_create(),
                              .arena = arena_create(),
                              .variable_bytes = 1 << 20,
                              .inline_bytes = (int64_t)256 << 20,
                              .edits = mem_calloc((size_t)source->n_graphs, sizeof *w->edits)};
  *out = w;
  return NULL;
}

static void writer_free(saved_model_writer_t *w) {
  for (int i = 0; i < w->source->n_graphs; i++) writer_free_edit(w->edits[i]);
  size_t i = 0;
  void *value;
  while (map_next(w->weights, &i, NULL, &value)) tensor_unref(value);
  map_destroy(w->left_out);
  map_destroy(w->weights);
  bundle_writer_abandon(w->bundle);
  arena_destroy(w->arena);
  mem_free(w->edits);
  mem_free(w);
}

void saved_model_writer_abandon(saved_model_writer_t *w) {
  if (!w) return;
  staged_dir_abandon(w->dir);
  writer_free(w);
}

status_t writer_add_weight(saved_model_writer_t *w, const char *key, const tensor_t *t) {
  const tensor_t *known = map_get(w->weights, key);
  tensor_t there = {0};
  bool in_source = !known && w->source->bundle && bundle_find(w->source->bundle, key);
  if (in_source) {
    TRY(bundle_read(w->source->bundle, key, &there));
    known = &there;
  }
  bool same = known && tensor_equal(known, t);
  tensor_unref(&there);
  if (same) return NULL;
  if (known || in_source)
    return FAIL(INVALID_ARGUMENT, "two different weights have the key \"%s\"", key);
  tensor_t *kept = arena_alloc(w->arena, sizeof *kept);
  *kept = tensor_ref(t);
  map_put(w->weights, key, kept);
  return NULL;
}

// ---------------------------------------------------------------- saved_model.pb

const char *message_name(arena_t *a, wire_t message, uint32_t field) {
  wire_field_t f;
  status_t st;
  const char *name = "";
  while (wire_next(&message, &f, &st))
    if (f.number == field) status_free(wire_get_string(&f, a, &name));
  status_free(st);
  return name;
}

static status_t copy_library(const graph_edit_t *e, const map_t *dead, wire_t library,
                             wire_out_t *out) {
  wire_field_t f, x;
  wire_t def, signature;
  status_t st;
  while (wire_next(&library, &f, &st)) {
    const wire_out_t *changed = NULL;
    bool leave_out = false;
    if (f.number == TF_LIBRARY_FUNCTION) {
      TRY(wire_get_message(&f, &def));
      while (wire_next(&def, &x, &st)) {
        if (x.number != TF_FUNCTION_SIGNATURE) continue;
        TRY(wire_get_message(&x, &signature));
        const char *name = message_name(e->arena, signature, TF_OP_DEF_NAME);
        changed = map_get(e->functions, name);
        leave_out = map_has(dead, name);
      }
      TRY(st);
    }
    if (changed)
      wire_put_bytes(out, f.number, changed->data, changed->size);
    else if (!leave_out && f.number == TF_LIBRARY_FUNCTION)
      TRY(copy_function(e, &f, out));
    else if (!leave_out)
      wire_put_raw(out, f.raw, f.raw_size);
  }
  return st;
}

// A node of the main graph; the initialising operation waits for other engines than in the source.
static status_t copy_init_op(const graph_edit_t *e, wire_t node, const wire_field_t *whole,
                             wire_out_t *out) {
  wire_field_t f;
  status_t st;
  if (strcmp(message_name(e->arena, node, TF_NODE_DEF_NAME), e->source->init_op) != 0)
    return copy_node(e, whole, out);
  size_t at = wire_begin(out, whole->number);
  while (wire_next(&node, &f, &st)) {
    const char *from = "";
    if (f.number == TF_NODE_DEF_INPUT) TRY(wire_get_string(&f, e->arena, &from));
    if (*from == '^' && map_has(e->dropped, from + 1)) continue;
    wire_put_raw(out, f.raw, f.raw_size);
  }
  wire_put_raw(out, e->init_inputs.data, e->init_inputs.size);
  wire_end(out, at);
  return st;
}

static status_t copy_graph(const graph_edit_t *e, const map_t *dead, wire_t graph,
                           wire_out_t *out) {
  wire_field_t f;
  wire_t sub;
  status_t st;
  bool has_library = false;
  while (wire_next(&graph, &f, &st)) {
    if (f.number == TF_GRAPH_DEF_NODE && map_count(e->dropped)) {
      TRY(wire_get_message(&f, &sub));
      if (map_has(e->dropped, message_name(e->arena, sub, TF_NODE_DEF_NAME))) continue;
    }
    if (f.number == TF_GRAPH_DEF_LIBRARY && !has_library) {
      TRY(wire_get_message(&f, &sub));
      has_library = true;
      size_t at = wire_begin(out, f.number);
      TRY(copy_library(e, dead, sub, out));
      wire_put_raw(out, e->new_functions.data, e->new_functions.size);
      wire_end(out, at);
    } else if (f.number == TF_GRAPH_DEF_NODE && e->source->init_op) {
      TRY(wire_get_message(&f, &sub));
      TRY(copy_init_op(e, sub, &f, out));
    } else if (f.number == TF_GRAPH_DEF_NODE) {
      TRY(copy_node(e, &f, out));
    } else {
      wire_put_raw(out, f.raw, f.raw_size);
    }
  }
  TRY(st);
  if (!has_library && e->new_functions.size)
    wire_put_bytes(out, TF_GRAPH_DEF_LIBRARY, e->new_functions.data, e->new_functions.size);
  wire_put_raw(out, e->new_nodes.data, e->new_nodes.size);
  return NULL;
}

static status_t copy_signature(const graph_edit_t *e, const wire_field_t *f, wire_out_t *out) {
  wire_t entry;
  TRY(wire_get_message(f, &entry));
  const char *key = message_name(e->arena, entry, TF_MAP_KEY);
  const wire_out_t *changed = map_get(e->signatures, key);
  if (!changed) {
    wire_put_raw(out, f->raw, f->raw_size);
    return NULL;
  }
  size_t at = wire_begin(out, f->number);
  wire_put_string(out, TF_MAP_KEY, key);
  wire_put_bytes(out, TF_MAP_VALUE, changed->data, changed->size);
  wire_end(out, at);
  return NULL;
}

// collection_def["saved_model_main_op"] = node list of one name
static void put_main_op(wire_out_t *out, const char *name) {
  size_t entry = wire_begin(out, TF_META_GRAPH_DEF_COLLECTION_DEF);
  wire_put_string(out, TF_MAP_KEY, "saved_model_main_op");
  size_t value = wire_begin(out, TF_MAP_VALUE), list = wire_begin(out, TF_COLLECTION_NODE_LIST);
  wire_put_string(out, 1, name);
  wire_end(out, list);
  wire_end(out, value);
  wire_end(out, entry);
}

static status_t copy_object_graph(const graph_edit_t *e, wire_t graph, const wire_field_t *f,
                                  wire_out_t *out) {
  wire_out_t rest = {0};
  status_t st = NULL;
  if (map_count(e->dropped_engines))
    st = dropped_object_graph(e, graph, &rest);
  else
    wire_put_raw(&rest, f->data, f->size);
  if (!st && map_count(e->engines))
    st = engines_object_graph(e, rest.data, rest.size, out);
  else if (!st)
    wire_put_raw(out, rest.data, rest.size);
  out->failed |= rest.failed;
  wire_out_free(&rest);
  return st;
}

static status_t copy_fields(graph_edit_t *e, const map_t *dead, wire_out_t *out) {
  const meta_graph_t *g = e->source;
  const char *new_op;
  TRY(engines_init_op(e, &new_op));
  TRY(writer_drop_unused(e));
  wire_t w = wire_open(g->raw, g->raw_size), sub;
  wire_field_t f;
  status_t st;
  int asset = 0;
  while (wire_next(&w, &f, &st)) {
    size_t at;
    switch (f.number) {
      case TF_META_GRAPH_DEF_GRAPH_DEF:
        TRY(wire_get_message(&f, &sub));
        at = wire_begin(out, f.number);
        TRY(copy_graph(e, dead, sub, out));
        wire_end(out, at);
        break;
      case TF_META_GRAPH_DEF_SIGNATURE_DEF: TRY(copy_signature(e, &f, out)); break;
      case TF_META_GRAPH_DEF_ASSET_FILE_DEF:
        if (!e->dropped_assets || !e->dropped_assets[asset]) TRY(engines_asset_def(e, &f, out));
        asset++;
        break;
      case TF_META_GRAPH_DEF_OBJECT_GRAPH_DEF:
        at = wire_begin(out, f.number);
        TRY(wire_get_message(&f, &sub));
        TRY(copy_object_graph(e, sub, &f, out));
        wire_end(out, at);
        break;
      default: wire_put_raw(out, f.raw, f.raw_size);
    }
  }
  TRY(st);
  wire_put_raw(out, e->new_assets.data, e->new_assets.size);
  if (new_op) put_main_op(out, new_op);
  out->failed |= e->new_functions.failed | e->new_nodes.failed | e->new_assets.failed;
  return wire_out_status(out);
}

static bool edited(const saved_model_writer_t *w) {
  for (int i = 0; i < w->source->n_graphs; i++)
    if (w->edits[i]) return true;
  return false;
}

static status_t copy_meta_graph(graph_edit_t *e, wire_out_t *out) {
  map_t *dead;
  TRY(edit_find_dead(e, &dead));
  status_t st = copy_fields(e, dead, out);
  map_destroy(dead);
  return st;
}

static status_t write_pb(saved_model_writer_t *w) {
  wire_out_t out = {0};
  wire_t r = wire_open(w->source->pb->data, w->source->pb->size);
  wire_field_t f;
  status_t st = NULL;
  int i = 0;
  while (!st && wire_next(&r, &f, &st)) {
    graph_edit_t *e = f.number == TF_SAVED_MODEL_META_GRAPHS ? w->edits[i++] : NULL;
    if (!e) {
      wire_put_raw(&out, f.raw, f.raw_size);
      continue;
    }
    size_t at = wire_begin(&out, f.number);
    st = copy_meta_graph(e, &out);
    wire_end(&out, at);
  }
  if (!st) st = wire_out_status(&out);
  // Protocol buffers end at 2 GiB; TensorFlow could not read more.
  if (!st && out.size > INT32_MAX)
    st = FAIL(RESOURCE_EXHAUSTED,
              "saved_model.pb would have %zu bytes: keep constants in variables", out.size);
  const char *dir = staged_dir_path(w->dir);
  char *path = file_join(dir, "saved_model.pb");
  if (!st) st = file_write(path, out.data, out.size);
  if (!st && edited(w)) st = fingerprint_write(dir, out.data, out.size);
  mem_free(path);
  wire_out_free(&out);
  return st;
}

// ---------------------------------------------------------------- the other files

static status_t write_variables(saved_model_writer_t *w) {
  const bundle_t *from = w->source->bundle;
  if (!from && !map_count(w->weights)) return NULL;
  char *dir = file_join(staged_dir_path(w->dir), "variables"),
       *prefix = file_join(dir, "variables");
  status_t st = file_make_dirs(dir);
  if (!st) st = bundle_writer_create(prefix, &w->bundle);
  mem_free(dir);
  mem_free(prefix);
  for (size_t i = 0; !st && from && i < bundle_count(from); i++) {
    const char *key = bundle_entry(from, i)->key;
    if (*key) st = bundle_writer_copy(w->bundle, from, key);  // slices go with their tensors
  }
  size_t i = 0;
  const char *key;
  void *value;
  while (!st && map_next(w->weights, &i, &key, &value))
    st = bundle_writer_add(w->bundle, key, value);
  if (st) return st;
  bundle_writer_t *b = w->bundle;
  w->bundle = NULL;
  return bundle_writer_finish(b);
}

int64_t saved_model_writer_bytes(const saved_model_writer_t *w) {
  const bundle_t *from = w->source->bundle;
  int64_t sum = 0;
  for (size_t i = 0; from && i < bundle_count(from); i++)
    sum += (int64_t)bundle_entry(from, i)->size;
  size_t i = 0;
  void *t;
  while (map_next(w->weights, &i, NULL, &t)) sum += (int64_t)tensor_bytes(t);
  return sum;
}

static status_t append_to(void *ctx, const uint8_t *piece, size_t n) {
  work_advance((int64_t)n);
  return file_out_put(ctx, piece, n);
}

static status_t copy_file(const char *from, const char *to) {
  file_map_t *m;
  file_out_t *f = NULL;
  TRY(file_map_open(from, &m));
  status_t st = file_out_create(to, &f);
  if (!st) st = stream_pass(m->data, m->size, true, append_to, f);
  if (!st) {
    st = file_out_finish(f);
    f = NULL;
  }
  file_out_abandon(f);
  file_map_unref(m);
  return st;
}

// left_out: names directly in it that are not copied; NULL: none.
static status_t copy_tree(const char *from, const char *to, const map_t *left_out) {
  char **names;
  size_t n;
  TRY(file_list_dir(from, &names, &n));
  size_t left = 0;
  for (size_t i = 0; left_out && i < n; i++) left += map_has(left_out, names[i]);
  status_t st = n && left == n ? NULL : file_make_dirs(to);
  for (size_t i = 0; i < n; i++) {
    char *a = file_join(from, names[i]), *b = file_join(to, names[i]);
    // An engine that was written anew stays.
    if (!st && file_is_dir(a))
      st = copy_tree(a, b, NULL);
    else if (!st && !file_exists(b) && !(left_out && map_has(left_out, names[i])))
      st = copy_file(a, b);
    mem_free(a);
    mem_free(b);
    mem_free(names[i]);
  }
  mem_free(names);
  return st;
}

static status_t copy_others(saved_model_writer_t *w) {
  static const char *const NAMES[] = {"assets", "assets.extra", "keras_metadata.pb",
                                      "fingerprint.pb"};
  status_t st = NULL;
  size_t n = sizeof NAMES / sizeof *NAMES - edited(w);  // a fingerprint is of one model alone
  for (size_t i = 0; i < n && !st; i++) {
    char *from = file_join(w->source->dir, NAMES[i]);
    char *to = file_join(staged_dir_path(w->dir), NAMES[i]);
    if (file_is_dir(from))
      st = copy_tree(from, to, i == 0 ? w->left_out : NULL);
    else if (file_exists(from))
      st = copy_file(from, to);
    mem_free(from);
    mem_free(to);
  }
  return st;
}

status_t saved_model_writer_finish(saved_model_writer_t *w) {
  status_t st = write_variables(w);
  for (int i = 0; i < w->source->n_graphs && !st; i++)
    if (w->edits[i]) st = writer_drop_engines(w, w->edits[i]);
  if (!st) st = copy_others(w);
  if (!st) st = write_pb(w);
  if (st)
    staged_dir_abandon(w->dir);
  else
    st = staged_dir_commit(w->dir);
  writer_free(w);
  return st;
}
