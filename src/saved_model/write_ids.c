// Engines of TF-TRT's models that get plans of ours get an id, too. TensorFlow finds engines by
// their nodes' names, which are the same in every model: without an id a model that has no engines
// would be given those of another.
#include <string.h>

#include "formats/tf_fields.h"
#include "saved_model/writer_internal.h"

status_t saved_model_writer_identify(saved_model_writer_t *w, const meta_graph_t *g,
                                     const char *engine, const char *id) {
  graph_edit_t *e;
  TRY(writer_edit(w, g, &e));
  map_put(e->ids, arena_strdup(e->arena, engine), arena_strdup(e->arena, id));
  return NULL;
}

// The string attribute of a NodeDef, "" when it has none of this name.
static status_t string_attr(arena_t *a, wire_t node, const char *name, const char **out) {
  wire_field_t f, x;
  wire_t entry, value;
  status_t st;
  *out = "";
  while (wire_next(&node, &f, &st)) {
    if (f.number != TF_NODE_DEF_ATTR) continue;
    TRY(wire_get_message(&f, &entry));
    if (strcmp(message_name(a, entry, TF_MAP_KEY), name) != 0) continue;
    while (wire_next(&entry, &x, &st)) {
      if (x.number != TF_MAP_VALUE) continue;
      TRY(wire_get_message(&x, &value));
      *out = message_name(a, value, TF_ATTR_VALUE_S);
    }
    TRY(st);
  }
  return st;
}

// The id that a node is to get; NULL: none.
static status_t id_of(const graph_edit_t *e, wire_t node, const char **id) {
  const char *op = message_name(e->arena, node, TF_NODE_DEF_OP), *name = "", *has;
  *id = NULL;
  if (strcmp(op, "TRTEngineOp") == 0)
    name = message_name(e->arena, node, TF_NODE_DEF_NAME);
  else if (strcmp(op, "CreateTRTResourceHandle") == 0)
    TRY(string_attr(e->arena, node, "resource_name", &name));
  else
    return NULL;
  const char *slash = strrchr(name, '/');
  *id = map_get(e->ids, slash ? slash + 1 : name);
  if (!*id) return NULL;
  TRY(string_attr(e->arena, node, ENGINE_ID_ATTR, &has));
  if (*has) *id = NULL;
  return NULL;
}

status_t copy_node(const graph_edit_t *e, const wire_field_t *whole, wire_out_t *out) {
  const char *id = NULL;
  if (map_count(e->ids)) TRY(id_of(e, wire_open(whole->data, whole->size), &id));
  if (!id) {
    wire_put_raw(out, whole->raw, whole->raw_size);
    return NULL;
  }
  size_t at = wire_begin(out, whole->number);
  wire_put_raw(out, whole->data, whole->size);
  put_string_attr(out, ENGINE_ID_ATTR, id);
  wire_end(out, at);
  return NULL;
}

status_t copy_function(const graph_edit_t *e, const wire_field_t *whole, wire_out_t *out) {
  if (!map_count(e->ids)) {
    wire_put_raw(out, whole->raw, whole->raw_size);
    return NULL;
  }
  wire_t function = wire_open(whole->data, whole->size);
  wire_field_t f;
  status_t st;
  size_t at = wire_begin(out, whole->number);
  while (wire_next(&function, &f, &st)) {
    if (f.number == TF_FUNCTION_NODE_DEF)
      TRY(copy_node(e, &f, out));
    else
      wire_put_raw(out, f.raw, f.raw_size);
  }
  wire_end(out, at);
  return st;
}
