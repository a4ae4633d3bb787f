// What makes TensorFlow (and us) load engines when the model is loaded: functions that create,
// initialise and destroy the resource, the asset, the initialising operation, the object graph.
#include <string.h>

#include "formats/tensor_shape.h"
#include "formats/tf_fields.h"
#include "formats/tfrecord.h"
#include "saved_model/writer_internal.h"

// ---------------------------------------------------------------- records

void saved_engine_record(const shape_t *input_shapes, int n_inputs, const void *plan, size_t size,
                         wire_out_t *out) {
  wire_out_t w = {0};
  for (int i = 0; i < n_inputs; i++)
    tensor_shape_write(&w, TF_ENGINE_INSTANCE_INPUT_SHAPES, &input_shapes[i]);
  wire_put_bytes(&w, TF_ENGINE_INSTANCE_SERIALIZED_ENGINE, plan, size);
  tfrecord_append(out, w.data, w.size);
  out->failed |= w.failed;
  wire_out_free(&w);
}

static status_t parse_record(const uint8_t *data, size_t size, saved_engine_fn each, void *user) {
  VEC(shape_t) shapes = {0};
  const uint8_t *plan = NULL;
  size_t plan_size = 0;
  wire_t w = wire_open(data, size), sub;
  wire_field_t f;
  status_t st = NULL;
  while (!st && wire_next(&w, &f, &st)) {
    if (f.number == TF_ENGINE_INSTANCE_INPUT_SHAPES) {
      shape_t shape;
      st = wire_get_message(&f, &sub);
      if (!st) st = tensor_shape_parse(sub, &shape);
      if (!st) vec_push(&shapes, shape);
    } else if (f.number == TF_ENGINE_INSTANCE_SERIALIZED_ENGINE) {
      st = wire_get_bytes(&f, &plan, &plan_size);
    }
  }
  if (!st) st = each(user, shapes.v, (int)shapes.n, plan, plan_size);
  vec_free(&shapes);
  return st;
}

status_t saved_engine_records(const uint8_t *data, size_t size, const char *name,
                              saved_engine_fn each, void *user) {
  tfrecord_reader_t r = {.data = data, .size = size, .name = name};
  const uint8_t *record;
  size_t n;
  status_t st;
  while (tfrecord_next(&r, &record, &n, &st))
    TRY(status_prefix(parse_record(record, n, each, user), "%s", name));
  return st;
}

status_t saved_engines(const char *dir, const char *engine, saved_engine_fn each, void *user) {
  char *path = mem_printf("%s/assets/trt-serialized-engine.%s", dir, engine);
  file_map_t *file = NULL;
  status_t st = file_exists(path) ? file_map_open(path, &file) : NULL;
  if (file) st = saved_engine_records(file->data, file->size, path, each, user);
  if (file) file_map_unref(file);
  mem_free(path);
  return st;
}

// ---------------------------------------------------------------- functions

#define GPU "/device:GPU:*"

static size_t begin_function(wire_out_t *w, const char *name, const char *arg, dtype_t ret,
                             const char *effect) {
  size_t at = wire_begin(w, TF_LIBRARY_FUNCTION), sig = wire_begin(w, TF_FUNCTION_SIGNATURE);
  wire_put_string(w, TF_OP_DEF_NAME, name);
  if (arg) {
    size_t a = wire_begin(w, TF_OP_DEF_INPUT_ARG);
    wire_put_string(w, TF_ARG_DEF_NAME, arg);
    wire_put_i64(w, TF_ARG_DEF_TYPE, DT_STRING);
    wire_end(w, a);
  }
  size_t r = wire_begin(w, TF_OP_DEF_OUTPUT_ARG);
  wire_put_string(w, TF_ARG_DEF_NAME, "identity");
  wire_put_i64(w, TF_ARG_DEF_TYPE, ret);
  wire_end(w, r);
  wire_put_u64(w, TF_OP_DEF_IS_STATEFUL, 1);
  wire_put_string(w, TF_OP_DEF_CONTROL_OUTPUT, effect);
  wire_end(w, sig);
  return at;
}

static size_t begin_node(wire_out_t *w, const char *op, const char *device, const char *in0,
                         const char *in1) {
  size_t at = wire_begin(w, TF_FUNCTION_NODE_DEF);
  wire_put_string(w, TF_NODE_DEF_NAME, op);
  wire_put_string(w, TF_NODE_DEF_OP, op);
  if (in0) wire_put_string(w, TF_NODE_DEF_INPUT, in0);
  if (in1) wire_put_string(w, TF_NODE_DEF_INPUT, in1);
  if (device) wire_put_string(w, TF_NODE_DEF_DEVICE, device);
  return at;
}

static void put_handle(wire_out_t *w, const engine_edit_t *x) {
  size_t at = begin_node(w, "CreateTRTResourceHandle", GPU, NULL, NULL);
  put_string_attr(w, "resource_name", x->name);
  if (*x->id) put_string_attr(w, ENGINE_ID_ATTR, x->id);
  wire_end(w, at);
}

// The end of each function: what it returns, after its effect.
static void end_function(wire_out_t *w, size_t at, const char *value, const char *after,
                         dtype_t type) {
  size_t n = begin_node(w, "Identity", NULL, value, after);
  put_type_attr(w, "T", type);
  wire_end(w, n);
  put_entry(w, TF_FUNCTION_RET, "identity", "Identity:output:0");
  put_entry(w, TF_FUNCTION_CONTROL_RET, after + 1, after + 1);
  wire_end(w, at);
}

static void put_one(wire_out_t *w) {  // Const = 1, which initialisers and destroyers return
  size_t at = begin_node(w, "Const", NULL, NULL, NULL);
  put_type_attr(w, "dtype", DT_INT32);
  size_t attr = wire_begin(w, TF_NODE_DEF_ATTR);
  wire_put_string(w, TF_MAP_KEY, "value");
  size_t value = wire_begin(w, TF_MAP_VALUE), tensor = wire_begin(w, TF_ATTR_VALUE_TENSOR);
  wire_put_i64(w, TF_TENSOR_DTYPE, DT_INT32);
  tensor_shape_write(w, TF_TENSOR_TENSOR_SHAPE, &SHAPE_SCALAR);
  wire_put_i64(w, TF_TENSOR_INT_VAL, 1);
  wire_end(w, tensor);
  wire_end(w, value);
  wire_end(w, attr);
  wire_end(w, at);
}

static void put_functions(wire_out_t *w, const engine_edit_t *x, int64_t max_cached) {
  static const char handle[] = "CreateTRTResourceHandle:resource_handle:0";
  size_t at = begin_function(w, x->creator, NULL, DT_RESOURCE, "CreateTRTResourceHandle");
  put_handle(w, x);
  end_function(w, at, handle, "^CreateTRTResourceHandle", DT_RESOURCE);

  at = begin_function(w, x->initializer, "filename", DT_INT32, "InitializeTRTResource");
  put_handle(w, x);
  size_t n = begin_node(w, "InitializeTRTResource", NULL, handle, "filename");
  put_int_attr(w, "max_cached_engines_count", max_cached);
  wire_end(w, n);
  put_one(w);
  end_function(w, at, "Const:output:0", "^InitializeTRTResource", DT_INT32);

  at = begin_function(w, x->destroyer, NULL, DT_INT32, "DestroyResourceOp");
  put_handle(w, x);
  n = begin_node(w, "DestroyResourceOp", GPU, handle, NULL);
  put_bool_attr(w, "ignore_lookup_error", true);
  wire_end(w, n);
  put_one(w);
  end_function(w, at, "Const:output:0", "^DestroyResourceOp", DT_INT32);
}

// ---------------------------------------------------------------- asset and initialisation

static void put_path_placeholder(wire_out_t *w, const char *name) {
  size_t at = wire_begin(w, TF_GRAPH_DEF_NODE);
  wire_put_string(w, TF_NODE_DEF_NAME, name);
  wire_put_string(w, TF_NODE_DEF_OP, "Placeholder");
  put_type_attr(w, "dtype", DT_STRING);
  size_t attr = wire_begin(w, TF_NODE_DEF_ATTR);
  wire_put_string(w, TF_MAP_KEY, "shape");
  size_t value = wire_begin(w, TF_MAP_VALUE);
  tensor_shape_write(w, TF_ATTR_VALUE_SHAPE, &SHAPE_SCALAR);
  wire_end(w, value);
  wire_end(w, attr);
  wire_end(w, at);
}

static void put_asset(wire_out_t *w, arena_t *a, const char *node, const char *filename) {
  size_t at = wire_begin(w, TF_META_GRAPH_DEF_ASSET_FILE_DEF);
  size_t info = wire_begin(w, TF_ASSET_FILE_TENSOR_INFO);
  wire_put_string(w, TF_TENSOR_INFO_NAME, arena_printf(a, "%s:0", node));
  wire_end(w, info);
  wire_put_string(w, TF_ASSET_FILE_FILENAME, filename);
  wire_end(w, at);
}

static status_t write_asset(saved_model_writer_t *w, const char *filename, const void *data,
                            size_t size) {
  char *dir = file_join(staged_dir_path(w->dir), "assets"), *path = file_join(dir, filename);
  status_t st = file_make_dirs(dir);
  if (!st) st = file_write(path, data, size);
  mem_free(dir);
  mem_free(path);
  return st;
}

static bool has_asset(const meta_graph_t *g, const char *filename) {
  for (int i = 0; i < g->n_assets; i++)
    if (strcmp(g->assets[i].filename, filename) == 0) return true;
  return false;
}

const char *engine_asset_name(arena_t *a, const char *engine, bool built) {
  return arena_printf(a, built ? "trt-serialized-engine.%s" : "tftrt-no-engine.%s", engine);
}

// The source has all that loads the asset, under this name or the other.
static status_t replace_asset(saved_model_writer_t *w, graph_edit_t *e, const char *old,
                              const char *filename, const saved_engine_t *engine) {
  if (strcmp(old, filename) != 0) {
    map_put(e->renamed, old, (void *)(uintptr_t)filename);
    map_put(w->left_out, old, w);
  }
  return write_asset(w, filename, engine->records, engine->size);
}

status_t engines_asset_def(const graph_edit_t *e, const wire_field_t *f, wire_out_t *out) {
  wire_t w;
  wire_field_t x;
  status_t st;
  if (!map_count(e->renamed)) {
    wire_put_raw(out, f->raw, f->raw_size);
    return NULL;
  }
  size_t at = wire_begin(out, f->number);
  TRY(wire_get_message(f, &w));
  while (wire_next(&w, &x, &st)) {
    const char *name = x.number == TF_ASSET_FILE_FILENAME
                           ? map_getn(e->renamed, (const char *)x.data, x.size)
                           : NULL;
    if (name)
      wire_put_string(out, TF_ASSET_FILE_FILENAME, name);
    else
      wire_put_raw(out, x.raw, x.raw_size);
  }
  wire_end(out, at);
  return st;
}

status_t saved_model_writer_forget(saved_model_writer_t *w, const meta_graph_t *g,
                                   const char *engine) {
  graph_edit_t *e;
  TRY(writer_edit(w, g, &e));
  map_put(e->forgotten, engine, e);
  return NULL;
}

// Whether another meta graph has an asset in this file.
static bool is_shared(const saved_model_writer_t *w, const graph_edit_t *e, const char *filename) {
  for (int i = 0; i < w->source->n_graphs; i++)
    if (i != e->source->index && has_asset(&w->source->graphs[i], filename)) return true;
  return false;
}

status_t writer_drop_engines(saved_model_writer_t *w, graph_edit_t *e) {
  size_t at = 0;
  const char *engine;
  TRY(edit_drop_engines(e));
  while (map_next(e->forgotten, &at, &engine, NULL)) {
    for (int built = 0; built < 2; built++) {
      const char *filename = engine_asset_name(e->arena, engine, built);
      if (!has_asset(e->source, filename) || is_shared(w, e, filename)) continue;
      if (map_has(e->dropped_engines, engine))
        map_put(w->left_out, filename, w);
      else
        TRY(write_asset(w, filename, "", 0));
    }
  }
  return NULL;
}

status_t saved_model_writer_engine(saved_model_writer_t *w, const meta_graph_t *g,
                                   const saved_engine_t *engine) {
  if (!*engine->name || strchr(engine->name, '/'))
    return FAIL(INVALID_ARGUMENT, "\"%s\" cannot be an engine's name", engine->name);
  graph_edit_t *e;
  TRY(writer_edit(w, g, &e));
  map_remove(e->forgotten, engine->name);
  const char *filename = engine_asset_name(e->arena, engine->name, engine->built);
  for (int built = 0; built < 2; built++) {
    const char *there = engine_asset_name(e->arena, engine->name, built);
    if (has_asset(g, there)) return replace_asset(w, e, there, filename, engine);
  }
  if (map_has(e->engines, engine->name))
    return FAIL(ALREADY_EXISTS, "engine %s is added twice", engine->name);
  arena_t *a = e->arena;
  engine_edit_t *x = arena_alloc(a, sizeof *x);
  *x = (engine_edit_t){arena_strdup(a, engine->name),
                       arena_strdup(a, engine->id ? engine->id : ""),
                       edit_function_name(e, "__inference__creator"),
                       edit_function_name(e, "__inference__initializer"),
                       edit_function_name(e, "__inference__destroyer"),
                       g->n_assets + (int)map_count(e->engines)};
  map_put(e->engines, x->name, x);
  put_functions(&e->new_functions, x, engine->max_cached_engines);
  const char *path = edit_name(e, 'n', "asset_path_initializer");
  const char *call = edit_name(e, 'n', "StatefulPartitionedCall");
  put_path_placeholder(&e->new_nodes, path);
  put_call(&e->new_nodes, TF_GRAPH_DEF_NODE, call, "StatefulPartitionedCall", &path,
           &(dtype_t){DT_STRING}, 1, &(dtype_t){DT_INT32}, 1, x->initializer);
  wire_put_string(&e->init_inputs, TF_NODE_DEF_INPUT, arena_printf(a, "^%s", call));
  put_asset(&e->new_assets, a, path, filename);
  return write_asset(w, filename, engine->records, engine->size);
}

status_t engines_init_op(graph_edit_t *e, const char **new_op) {
  *new_op = NULL;
  if (!e->init_inputs.size) return NULL;
  const char *name = e->source->init_op;
  if (name && graph_find(e->graph, name)) return NULL;  // it gets the inputs where it is copied
  *new_op = edit_name(e, 'n', "NoOp");
  size_t at = wire_begin(&e->new_nodes, TF_GRAPH_DEF_NODE);
  wire_put_string(&e->new_nodes, TF_NODE_DEF_NAME, *new_op);
  wire_put_string(&e->new_nodes, TF_NODE_DEF_OP, "NoOp");
  wire_put_raw(&e->new_nodes, e->init_inputs.data, e->init_inputs.size);
  wire_end(&e->new_nodes, at);
  return wire_out_status(&e->new_nodes);
}

// ---------------------------------------------------------------- object graph

static void put_child(wire_out_t *w, int id, const char *name) {
  size_t at = wire_begin(w, TF_SAVED_OBJECT_CHILDREN);
  if (id) wire_put_i64(w, TF_OBJECT_REF_NODE_ID, id);
  wire_put_string(w, TF_OBJECT_REF_LOCAL_NAME, name);
  wire_end(w, at);
}

// StructuredValue messages that are empty but for their kind.
static void put_empty(wire_out_t *w, uint32_t field, uint32_t kind) {
  size_t at = wire_begin(w, field);
  wire_end(w, wire_begin(w, kind));
  wire_end(w, at);
}

// The FunctionSpec of a Python function without arguments.
static void put_function_spec(wire_out_t *w, uint32_t field) {
  static const struct {
    const char *key;
    uint32_t kind;
  } ARGSPEC[] = {{"args", TF_STRUCTURED_VALUE_LIST_VALUE},
                 {"varargs", TF_STRUCTURED_VALUE_NONE_VALUE},
                 {"varkw", TF_STRUCTURED_VALUE_NONE_VALUE},
                 {"defaults", TF_STRUCTURED_VALUE_NONE_VALUE},
                 {"kwonlyargs", TF_STRUCTURED_VALUE_LIST_VALUE},
                 {"kwonlydefaults", TF_STRUCTURED_VALUE_NONE_VALUE},
                 {"annotations", TF_STRUCTURED_VALUE_DICT_VALUE}};
  enum { NAMED_TUPLE_NAME = 1, NAMED_TUPLE_VALUES = 2 };
  size_t spec = wire_begin(w, field), argspec = wire_begin(w, TF_FUNCTION_SPEC_FULLARGSPEC);
  size_t tuple = wire_begin(w, TF_STRUCTURED_VALUE_NAMED_TUPLE_VALUE);
  wire_put_string(w, NAMED_TUPLE_NAME, "FullArgSpec");
  for (size_t i = 0; i < sizeof ARGSPEC / sizeof *ARGSPEC; i++) {
    size_t pair = wire_begin(w, NAMED_TUPLE_VALUES);
    wire_put_string(w, TF_MAP_KEY, ARGSPEC[i].key);
    put_empty(w, TF_MAP_VALUE, ARGSPEC[i].kind);
    wire_end(w, pair);
  }
  wire_end(w, tuple);
  wire_end(w, argspec);
  put_empty(w, TF_FUNCTION_SPEC_INPUT_SIGNATURE, TF_STRUCTURED_VALUE_TUPLE_VALUE);
  wire_end(w, spec);
}

static void put_function_object(wire_out_t *w, const char *function) {
  size_t at = wire_begin(w, TF_SAVED_OBJECT_GRAPH_NODES);
  size_t f = wire_begin(w, TF_SAVED_OBJECT_FUNCTION);
  wire_put_string(w, TF_SAVED_FUNCTION_CONCRETE_FUNCTIONS, function);
  put_function_spec(w, TF_SAVED_FUNCTION_FUNCTION_SPEC);
  wire_end(w, f);
  wire_end(w, at);
}

// ((), {}) -> a scalar
static void put_concrete_function(wire_out_t *w, const char *name, int bound, dtype_t ret) {
  size_t entry = wire_begin(w, TF_SAVED_OBJECT_GRAPH_CONCRETE_FUNCTIONS);
  wire_put_string(w, TF_MAP_KEY, name);
  size_t at = wire_begin(w, TF_MAP_VALUE);
  if (bound >= 0) wire_put_i64(w, TF_SAVED_CONCRETE_FUNCTION_BOUND_INPUTS, bound);
  size_t in = wire_begin(w, TF_SAVED_CONCRETE_FUNCTION_CANONICALIZED_INPUT_SIGNATURE);
  size_t tuple = wire_begin(w, TF_STRUCTURED_VALUE_TUPLE_VALUE);
  put_empty(w, TF_TUPLE_VALUE_VALUES, TF_STRUCTURED_VALUE_TUPLE_VALUE);
  put_empty(w, TF_TUPLE_VALUE_VALUES, TF_STRUCTURED_VALUE_DICT_VALUE);
  wire_end(w, tuple);
  wire_end(w, in);
  size_t out = wire_begin(w, TF_SAVED_CONCRETE_FUNCTION_OUTPUT_SIGNATURE);
  size_t spec = wire_begin(w, TF_STRUCTURED_VALUE_TENSOR_SPEC_VALUE);
  wire_put_string(w, TF_TENSOR_SPEC_NAME, "unknown");
  tensor_shape_write(w, TF_TENSOR_SPEC_SHAPE, &SHAPE_SCALAR);
  wire_put_i64(w, TF_TENSOR_SPEC_DTYPE, ret);
  wire_end(w, spec);
  wire_end(w, out);
  wire_end(w, at);
  wire_end(w, entry);
}

// Five objects for each engine: the resource, its asset, its functions.
enum { OBJECTS = 5 };

static void put_engine_objects(wire_out_t *w, const engine_edit_t *x, int first, int index) {
  size_t at = wire_begin(w, TF_SAVED_OBJECT_GRAPH_NODES);
  put_child(w, first + 1, "_serialized_trt_resource_filename");
  put_child(w, first + 2, "_create_resource");
  put_child(w, first + 3, "_initialize");
  put_child(w, first + 4, "_destroy_resource");
  size_t resource = wire_begin(w, TF_SAVED_OBJECT_RESOURCE);
  wire_put_string(w, TF_SAVED_RESOURCE_DEVICE, "GPU");
  wire_end(w, resource);
  wire_end(w, at);
  at = wire_begin(w, TF_SAVED_OBJECT_GRAPH_NODES);
  size_t asset = wire_begin(w, TF_SAVED_OBJECT_ASSET);
  if (index) wire_put_i64(w, TF_SAVED_ASSET_ASSET_FILE_DEF_INDEX, index);
  wire_end(w, asset);
  wire_end(w, at);
  put_function_object(w, x->creator);
  put_function_object(w, x->initializer);
  put_function_object(w, x->destroyer);
  put_concrete_function(w, x->creator, -1, DT_RESOURCE);
  put_concrete_function(w, x->initializer, first + 1, DT_INT32);
  put_concrete_function(w, x->destroyer, -1, DT_INT32);
}

static void put_resource_children(wire_out_t *w, const graph_edit_t *e, int first) {
  size_t i = 0;
  const char *name;
  void *value;
  for (int k = 0; map_next(e->engines, &i, &name, &value); k++)
    put_child(w, first + k * OBJECTS, name);
}

void put_user_object(wire_out_t *w, const char *identifier) {
  size_t at = wire_begin(w, TF_SAVED_OBJECT_USER_OBJECT);
  wire_put_string(w, TF_USER_OBJECT_IDENTIFIER, identifier);
  size_t version = wire_begin(w, TF_USER_OBJECT_VERSION);
  wire_put_i64(w, TF_VERSION_PRODUCER, 1);
  wire_put_i64(w, TF_VERSION_MIN_CONSUMER, 1);
  wire_end(w, version);
  wire_end(w, at);
}

status_t object_child(wire_t object, const char *name, int32_t *id) {
  *id = -1;
  wire_field_t f, x;
  wire_t ref;
  status_t st;
  while (wire_next(&object, &f, &st)) {
    if (f.number != TF_SAVED_OBJECT_CHILDREN) continue;
    int32_t its_id = 0;
    bool match = false;
    TRY(wire_get_message(&f, &ref));
    while (wire_next(&ref, &x, &st)) {
      if (x.number == TF_OBJECT_REF_NODE_ID) TRY(wire_get_i32(&x, &its_id));
      if (x.number == TF_OBJECT_REF_LOCAL_NAME)
        match = x.size == strlen(name) && memcmp(x.data, name, x.size) == 0;
    }
    TRY(st);
    if (match) *id = its_id;
  }
  return st;
}

status_t engines_object_graph(const graph_edit_t *e, const uint8_t *data, size_t size,
                              wire_out_t *out) {
  wire_field_t f;
  wire_t root = {0};
  status_t st;
  int n = 0;
  for (wire_t w = wire_open(data, size); wire_next(&w, &f, &st);)
    if (f.number == TF_SAVED_OBJECT_GRAPH_NODES && n++ == 0) TRY(wire_get_message(&f, &root));
  TRY(st);
  int32_t dict = -1;
  if (n) TRY(object_child(root, "trt_engine_resources", &dict));
  int first = dict < 0 ? n + 1 : n, at = 0;  // ids of the engines' objects
  wire_t w = wire_open(data, size);
  while (wire_next(&w, &f, &st)) {
    bool is_node = f.number == TF_SAVED_OBJECT_GRAPH_NODES;
    bool is_root = is_node && at == 0, is_dict = is_node && at == dict;
    at += is_node;
    if ((!is_root || dict >= 0) && !is_dict) {
      wire_put_raw(out, f.raw, f.raw_size);
      continue;
    }
    size_t node = wire_begin(out, TF_SAVED_OBJECT_GRAPH_NODES);
    wire_put_raw(out, f.data, f.size);
    if (is_dict)
      put_resource_children(out, e, first);
    else
      put_child(out, n, "trt_engine_resources");
    wire_end(out, node);
  }
  TRY(st);
  if (!n) return NULL;  // TF1: there are no objects
  if (dict < 0) {
    size_t node = wire_begin(out, TF_SAVED_OBJECT_GRAPH_NODES);
    put_resource_children(out, e, first);
    put_user_object(out, "trackable_dict_wrapper");
    wire_end(out, node);
  }
  size_t i = 0;
  void *value;
  for (int k = 0; map_next(e->engines, &i, NULL, &value); k++)
    put_engine_objects(
        out, value, first + k * OBJECTS,
        ((engine_edit_t *)value)->asset - edit_dropped_before(e, e->source->n_assets));
  return wire_out_status(out);
}
