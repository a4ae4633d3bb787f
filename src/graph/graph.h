// The graph of TensorFlow ops, as one signature or one function body sees it.
//
// Memory: nodes, names, attributes and arrays live in the arena of the model (graph->arena) until
// the model goes; only tensors in attributes are reference-counted. One thread at a time while a
// graph is changed; any number of readers.
#ifndef TFTRT_GRAPH_GRAPH_H
#define TFTRT_GRAPH_GRAPH_H

#include "base/map.h"
#include "base/mem.h"
#include "base/status.h"
#include "tensor/tensor.h"

typedef struct node node_t;
typedef struct graph graph_t;
typedef struct function function_t;
typedef struct library library_t;
struct op_def;

// ---------------------------------------------------------------- attributes

typedef enum attr_kind {
  ATTR_NONE,
  ATTR_STRING,       // s
  ATTR_INT,          // i
  ATTR_FLOAT,        // f
  ATTR_BOOL,         // b
  ATTR_TYPE,         // type
  ATTR_SHAPE,        // shape
  ATTR_TENSOR,       // tensor (parsed when first asked for, see attr_tensor)
  ATTR_FUNC,         // func
  ATTR_PLACEHOLDER,  // s: name of a function attribute
  ATTR_LIST,         // list of one of the above
} attr_kind_t;

typedef struct attr_value attr_value_t;
typedef struct attr {
  const char *name;
  attr_value_t *value;
  struct attr *next;
} attr_t;

typedef struct func_ref {  // NameAttrList
  const char *name;
  attr_t *attrs;
} func_ref_t;

struct attr_value {
  attr_kind_t kind;
  atomic_int more_owners;  // clones of a node share values; the last one releases the tensor
  const uint8_t *raw;  // the AttrValue message as read, byte for byte; NULL when the value was made
                       // or changed here
  size_t raw_size;
  struct {
    const char *p;
    size_t n;
  } s;  // bytes, also NUL-terminated
  int64_t i;
  float f;
  bool b;
  dtype_t type;
  shape_t shape;
  tensor_t tensor;            // empty until attr_tensor
  const uint8_t *tensor_raw;  // the TensorProto as read
  size_t tensor_size;
  func_ref_t func;
  attr_kind_t
      list_kind;  // ATTR_LIST: what the items are (ATTR_NONE for an empty list of unknown kind)
  attr_value_t *list;  // items of the other kinds; NULL for a packed list
  const void *packed;  // items of an int, type, float or bool list: int64_t, dtype_t, float, bool
  size_t n_list;
};

// ---------------------------------------------------------------- nodes

typedef struct input {
  node_t *src;
  int port;
} input_t;

struct node {
  int id;  // index into graph->nodes; renumbered by graph_compact
  const char *name, *op, *device;
  const struct op_def *def;  // NULL: an op that is not in the table
  input_t *in;               // data inputs, in order
  int n_in, cap_in;
  node_t **control;  // control inputs, without duplicates
  int n_control, cap_control;
  attr_t *attrs;        // in file order
  int n_out;            // data outputs; -1 while unknown (an op that is not in the table)
  dtype_t *out_dtype;   // [n_out]; DT_INVALID unknown
  shape_t *out_shape;   // [n_out]; filled by graph_infer_shapes
  tensor_t *out_value;  // [n_out] or NULL: values known at conversion time (Const, folded shape
                        // arithmetic)
  tensor_t pinned;      // of a node that reads a variable: the value that engines take for constant
                        // (graph_pin_variables), which input_value gives; empty for others. Not in
                        // files, nor in what runs natively
  shape_t *out_dims;   // [n_out] or NULL: elements of integer scalars and vectors that are known in
                       // part (rank: their count, -1: nothing known); see infer_out_dims
  bool dead;           // removed; dropped by graph_compact
  bool with_defaults;  // attributes that are as by default are written, too
  const uint8_t *raw;  // the NodeDef as read, NULL when the node was made or changed here
  size_t raw_size;
  // Of an op that is not in the table, but that the model describes: its outputs. Else NULL.
  const struct op_signature *foreign;
  // Of any other op that is not in the table: the names that a function body has for its outputs,
  // by port. The true port numbers are not known; one name alone may be a list.
  const char **unknown_outs;
  int n_unknown_outs;
  int mark;    // scratch for passes
  void *user;  // scratch for the pass or executor that owns the graph
};

struct graph {
  arena_t *arena;
  library_t *library;  // functions that nodes may call; not owned
  node_t **nodes;
  int n_nodes, cap_nodes;
  map_t *by_name;
  // A function body or a signature: its arguments (_Arg or Placeholder nodes) and results (what
  // each returns).
  node_t **args;
  const char **arg_names;
  int n_args;
  input_t *rets;
  const char **ret_names;
  int n_rets;
  node_t **control_rets;  // nodes that must run although nothing reads them (side effects)
  int n_control_rets;
  int next_symbol;  // next fresh symbolic dim, counts down from -2
};

graph_t *graph_create(arena_t *arena, library_t *library);
void graph_destroy(graph_t *g);  // releases tensors and the name map; arena memory stays

// Adds a node; the name is made unique by appending "_1", "_2", ... when taken. Inputs and
// attributes are added after.
node_t *graph_add_node(graph_t *g, const char *op, const char *name);
node_t *graph_find(const graph_t *g, const char *name);
void node_add_input(graph_t *g, node_t *n, node_t *src, int port);
void node_insert_input(graph_t *g, node_t *n, int at, node_t *src, int port);
void node_set_input(node_t *n, int i, node_t *src, int port);
void node_remove_input(node_t *n, int i);
void node_add_control(graph_t *g, node_t *n, node_t *src);
void node_remove_control(node_t *n, node_t *src);
// Every reader (data inputs, rets) of src:port reads with:new_port instead.
void graph_redirect(graph_t *g, node_t *src, int port, node_t *with, int new_port);
// Control edges from src become control edges from `with` (NULL: dropped); control_rets too.
void graph_redirect_control(graph_t *g, node_t *src, node_t *with);
void graph_remove_node(graph_t *g, node_t *n);  // marks it dead; nothing may read it any more
void graph_compact(graph_t *g);                 // drops dead nodes, renumbers ids
// Sets n_out, out_dtype and out_shape from the op's signature and attributes. A no-op for ops not
// in the table.
status_t node_resolve(graph_t *g, node_t *n);
void node_set_outputs(graph_t *g, node_t *n, int n_out);  // for unknown ops
// Another name, made unique as by graph_add_node.
void graph_rename_node(graph_t *g, node_t *n, const char *name);
// Another op under the same name and edges: for rewrites in place. Outputs must be resolved anew.
void node_set_op(node_t *n, const char *op);

// Readers of each output: built on demand, invalid after any change.
typedef struct reader {
  node_t *node;
  int input;
} reader_t;  // input -1: control
typedef struct readers {
  int *begin;  // [n_nodes + 1] into list
  reader_t *list;
} readers_t;
readers_t graph_readers(
    const graph_t *g);  // data and control readers, by source node id; rets are not included
void readers_free(readers_t *r);

// Order in which every node comes after its inputs and controls. Back edges (NextIteration ->
// Merge) are not followed. INVALID_ARGUMENT naming a node when there is another cycle. *order is
// mem_free'd by the caller, n_nodes entries.
status_t graph_topological_order(const graph_t *g, node_t ***order);

// A deep copy of a graph (nodes, attributes shared by pointer) into another arena-backed graph.
graph_t *graph_clone(const graph_t *g, arena_t *arena);

// ---------------------------------------------------------------- attribute access

// TF-TRT's annotation of a node: the largest batch that an engine with it is for.
#define MAX_BATCH_ATTR "_tftrt_op_max_batch_size"

attr_value_t *node_attr(const node_t *n,
                        const char *name);  // NULL when absent (defaults are NOT applied)
// With the op's default applied; the fallback when there is none either.
int64_t node_int(const node_t *n, const char *name, int64_t fallback);
float node_float(const node_t *n, const char *name, float fallback);
bool node_bool(const node_t *n, const char *name, bool fallback);
dtype_t node_type(const node_t *n, const char *name);        // DT_INVALID when absent
const char *node_string(const node_t *n, const char *name);  // "" when absent
bool node_string_is(const node_t *n, const char *name, const char *value);
shape_t node_shape(const node_t *n, const char *name);  // SHAPE_UNKNOWN when absent
// List of ints: returns the count and sets *v (arena or static memory), 0 when absent.
int node_ints(const node_t *n, const char *name, const int64_t **v);
int node_floats(const node_t *n, const char *name, const float **v);
int node_types(const node_t *n, const char *name, const dtype_t **v);
const func_ref_t *node_func(const node_t *n, const char *name);  // NULL when absent
// List of shapes, which are in list[i].shape. NULL when absent or empty.
const attr_value_t *node_shapes(const node_t *n, const char *name);
// List of strings, which are in list[i].s. NULL when absent or empty.
const attr_value_t *node_strings(const node_t *n, const char *name);
// The "value" of a Const and the like; parsed once, kept. The result is owned by the attribute.
// INVALID_ARGUMENT where a is NULL or no tensor.
status_t attr_tensor(attr_value_t *a, const tensor_t **out);

// Of a TRTEngineOp: the function that computes the same without an engine. name NULL: it has none.
func_ref_t node_native_segment(const node_t *n);

attr_value_t *node_set_attr(graph_t *g, node_t *n,
                            const char *name);  // fresh or existing, cleared, raw = NULL
void node_set_int(graph_t *g, node_t *n, const char *name, int64_t v);
void node_set_float(graph_t *g, node_t *n, const char *name, float v);
void node_set_bool(graph_t *g, node_t *n, const char *name, bool v);
void node_set_type(graph_t *g, node_t *n, const char *name, dtype_t v);
void node_set_string(graph_t *g, node_t *n, const char *name, const char *v, size_t len);
void node_set_shape(graph_t *g, node_t *n, const char *name, const shape_t *v);
void node_set_tensor(graph_t *g, node_t *n, const char *name,
                     const tensor_t *v);  // takes a reference
void node_set_func(graph_t *g, node_t *n, const char *name, const char *function);
void node_set_types(graph_t *g, node_t *n, const char *name, const dtype_t *v, int count);
void node_set_shapes(graph_t *g, node_t *n, const char *name, const shape_t *v, int count);
void node_set_ints(graph_t *g, node_t *n, const char *name, const int64_t *v, int count);
void node_set_floats(graph_t *g, node_t *n, const char *name, const float *v, int count);
void node_set_strings(graph_t *g, node_t *n, const char *name, const char *const *v, int count);
void node_remove_attr(node_t *n, const char *name);
// A copy of an attribute list into another node's arena; values are shared.
attr_t *attrs_copy(arena_t *arena, const attr_t *attrs);
void attrs_release(attr_t *attrs);
bool attrs_remove(attr_t **attrs, const char *name);         // false: there was none of the name
attr_value_t attr_item(const attr_value_t *list, size_t i);  // item i, packed or not; borrowed
bool attr_equal(attr_value_t *a, attr_value_t *b);
bool attrs_equal(const attr_t *a, const attr_t *b);       // in any order
bool tensor_equal(const tensor_t *a, const tensor_t *b);  // dtype, shape and content
// v becomes a list of the items (v->list_kind, v->n_list are set): packed, or copied to v->list.
void attr_pack_list(arena_t *arena, attr_value_t *v, const attr_value_t *items);

// A Const node holding t (takes a reference).
node_t *graph_add_const(graph_t *g, const char *name, const tensor_t *t);
// The value that src:port is known to have (Const, or folded); NULL otherwise. Follows Identity.
const tensor_t *input_value(const input_t *in);
// What is known of its shape.
const shape_t *input_shape(const input_t *in);

// ---------------------------------------------------------------- functions

typedef struct arg_def {
  const char *name;
  dtype_t dtype;
} arg_def_t;

struct function {
  const char *name;
  arg_def_t *args, *rets;
  int n_args, n_rets;
  bool stateful;
  attr_t *attrs;
  const uint8_t *arg_attrs;  // what the FunctionDef says of its arguments, fields as read
  size_t arg_attrs_size;
  const uint8_t *raw;  // the FunctionDef as read; NULL when made or changed here
  size_t raw_size;
  graph_t *body;  // NULL until library_body
};

struct library {
  arena_t *arena;
  map_t *functions;  // name -> function_t *
  bool opaque;       // bodies may not be there: nothing is made of them
  map_t *foreign;    // op that is not in our table -> its const op_signature_t *, without inputs
};

// Who changes a function's body sets raw to NULL, or the change is not written.
library_t *library_create(arena_t *arena);
void library_destroy(library_t *l);
// The OpDefs of a MetaInfoDef's stripped_op_list: nodes of these ops that are made afterwards have
// their outputs as TensorFlow numbers them.
status_t library_learn_ops(library_t *l, const uint8_t *op_list, size_t size);
function_t *library_find(const library_t *l, const char *name);
// NULL when absent.
attr_value_t *function_attr(const function_t *f, const char *name);
// The body as a graph: _Arg and _Retval are expressed by graph->args and graph->rets; parsed when
// first asked for. NOT_FOUND names the function; DATA_LOSS or INVALID_ARGUMENT name function and
// node.
status_t library_body(library_t *l, const char *name, graph_t **out);
function_t *library_add(library_t *l, const char *name);  // a new, empty one (body is created)

// ---------------------------------------------------------------- GraphDef and FunctionDef
// (graph/graph_def.c)

// Parses a serialised GraphDef (its nodes and function library). The bytes must stay valid as long
// as the graph.
status_t graph_parse(const uint8_t *data, size_t size, graph_t *g);
// Nodes, attributes and functions back to bytes. Nodes and functions that were not changed are
// copied byte for byte; attributes equal to the op's default are left out of nodes made here. *out
// is mem_free'd by the caller.
struct wire_out;
status_t graph_write_nodes(const graph_t *g, struct wire_out *w,
                           uint32_t field);  // repeated NodeDef
status_t function_write(const function_t *f, struct wire_out *w,
                        uint32_t field);                                       // one FunctionDef
status_t tensor_parse_proto(const uint8_t *data, size_t size, tensor_t *out);  // TensorProto
status_t tensor_write_proto(const tensor_t *t, struct wire_out *w, uint32_t field);

#endif
