// What the writer's files share.
#ifndef TFTRT_SAVED_MODEL_WRITER_INTERNAL_H
#define TFTRT_SAVED_MODEL_WRITER_INTERNAL_H

#include "saved_model/internal.h"
#include "saved_model/writer.h"

// What changes in one meta graph. Maps hold wire_out_t * (in the writer's arena of blobs).
typedef struct graph_edit {
  const meta_graph_t *source;
  arena_t *arena;  // of the parsed source
  library_t *library;
  graph_t *graph;     // the source's main graph, only looked at
  map_t *names;       // taken: "f:<function>" and "n:<main graph node>"
  map_t *functions;   // name -> new content of a FunctionDef
  map_t *signatures;  // key -> new content of a SignatureDef
  wire_out_t new_functions, new_nodes, new_assets;  // whole fields, to append
  wire_out_t init_inputs;                           // more inputs of the initialising operation
  map_t *engines;                                   // name -> engine_edit_t *
  map_t *kept;                                      // tensors of the main graph that new nodes read
  map_t *dropped;                                   // nodes of the main graph that are left out
  map_t *called;     // functions of the source that new functions call
  map_t *renamed;    // asset file names of the source -> those that they get
  map_t *ids;        // engines of the source that get an id (write_ids.c) -> const char *
  map_t *forgotten;  // engines of the source that are of no use any more
  // What goes with those (write_drop_engines.c): of the engines themselves, the functions, the
  // source's AssetFileDefs [n_assets] and objects (NULL: none).
  map_t *dropped_engines, *dropped_functions;
  bool *dropped_assets, *dropped_objects;
} graph_edit_t;

typedef struct engine_edit {
  const char *name, *id;
  const char *creator, *initializer, *destroyer;  // functions
  int asset;                                      // index of its AssetFileDef
} engine_edit_t;

struct saved_model_writer {
  const saved_model_t *source;
  staged_dir_t *dir;
  bundle_writer_t *bundle;  // NULL until something is in it
  map_t *left_out;          // asset files of the source
  map_t *weights;           // key -> (tensor_t *) that was added
  arena_t *arena;
  graph_edit_t **edits;  // [n_graphs], NULL: not changed
  // Constants of native nodes, see write_constants.c.
  size_t variable_bytes;  // from here on they are looked at
  int64_t inline_bytes;   // of those that are no variables, how much stays in saved_model.pb
  int64_t inlined;        // so far
};

// The edit of a meta graph, begun when it is first asked for.
status_t writer_edit(saved_model_writer_t *w, const meta_graph_t *g, graph_edit_t **out);
void writer_free_edit(graph_edit_t *e);
// A name that no function ("f") or node ("n") has yet: base, or base_1, ...; in the edit's arena.
const char *edit_name(graph_edit_t *e, char kind, const char *base);
// A function name with a number at its end, as TensorFlow gives: "__inference_pruned_12".
const char *edit_function_name(graph_edit_t *e, const char *base);
// Keeps a message under a key of a map of an edit.
void edit_put(saved_model_writer_t *w, map_t *map, const char *key, wire_out_t message);

// A NodeDef and a FunctionDef of the source, with the ids that nodes get (write_ids.c).
status_t copy_node(const graph_edit_t *e, const wire_field_t *whole, wire_out_t *out);
status_t copy_function(const graph_edit_t *e, const wire_field_t *whole, wire_out_t *out);

// Which functions of the source nothing calls any more (write_forget.c): names in a map.
status_t edit_find_dead(graph_edit_t *e, map_t **out);

status_t writer_add_weight(saved_model_writer_t *w, const char *key, const tensor_t *t);
// Takes weights out of the Const nodes of g (which is changed) and into the bundle.
status_t weights_strip(saved_model_writer_t *w, graph_t *g);
// Constants of g (which is changed), a body of the meta graph's new functions, that are variables
// of the source read those (write_constants.c). For the function that gets the main graph's
// captures.
status_t constants_to_variables(const saved_model_writer_t *w, const graph_edit_t *e, graph_t *g);
// Gives keys to large constants once inline_bytes are reached, so that weights_strip takes them.
status_t constants_bound(saved_model_writer_t *w, graph_t *g);
// As weights_assign_keys, of one node.
status_t weights_assign_key(graph_t *g, node_t *n, size_t min_bytes);
// Fills e->dropped (write_unused.c).
status_t writer_drop_unused(graph_edit_t *e);
// What is left in a Const whose content is in the bundle.
status_t weight_header(const attr_value_t *value, dtype_t *dtype, shape_t *shape, bool *stripped);

// A call of a function: name, op, inputs (n_in names), f, Tin, Tout.
void put_call(wire_out_t *w, uint32_t field, const char *name, const char *op,
              const char *const *inputs, const dtype_t *in, int n_in, const dtype_t *out, int n_out,
              const char *function);
void put_type_attr(wire_out_t *w, const char *name, dtype_t t);
void put_string_attr(wire_out_t *w, const char *name, const char *value);
void put_int_attr(wire_out_t *w, const char *name, int64_t v);
void put_bool_attr(wire_out_t *w, const char *name, bool v);
void put_entry(wire_out_t *w, uint32_t field, const char *key, const char *value);

// A string field of a message, "" when it is not there.
const char *message_name(arena_t *a, wire_t message, uint32_t field);
// The id of a child of an object; -1 when it has none of this name (write_engines.c).
status_t object_child(wire_t object, const char *name, int32_t *id);
void put_user_object(wire_out_t *w, const char *identifier);
// "trt-serialized-engine.<engine>", or "tftrt-no-engine.<engine>".
const char *engine_asset_name(arena_t *a, const char *engine, bool built);
// Both for finish: what is to go is found, and assets that cannot go are emptied; those that can
// are removed, once the others are copied.
status_t writer_drop_engines(saved_model_writer_t *w, graph_edit_t *e);
status_t writer_drop_assets(saved_model_writer_t *w, const graph_edit_t *e);
// Fills the edit's dropped_..., once all engines are in it.
status_t edit_drop_engines(graph_edit_t *e);
// How many AssetFileDefs before this one are left out.
int edit_dropped_before(const graph_edit_t *e, int64_t asset);
// The object graph without what is dropped.
status_t dropped_object_graph(const graph_edit_t *e, wire_t graph, wire_out_t *out);
// The object graph with the resources of the edit's engines (write_engines.c).
status_t engines_object_graph(const graph_edit_t *e, const uint8_t *data, size_t size,
                              wire_out_t *out);
// The initialising operation's NodeDef is given more inputs, or is new; its name (write_engines.c).
// An AssetFileDef of the source, with the name that its file has now.
status_t engines_asset_def(const graph_edit_t *e, const wire_field_t *f, wire_out_t *out);
status_t engines_init_op(graph_edit_t *e, const char **new_op);

#endif
