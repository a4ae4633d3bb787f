// A SavedModel directory, read without copying: saved_model.pb and the variable bundle are mapped
// and stay mapped as long as the object lives. Immutable after open; any thread may read.
#ifndef TFTRT_SAVED_MODEL_SAVED_MODEL_H
#define TFTRT_SAVED_MODEL_SAVED_MODEL_H

#include "graph/graph.h"
#include "graph/passes.h"

typedef struct saved_model saved_model_t;

typedef struct tensor_info {  // one argument or result of a signature
  const char *key;            // its name in the signature: "image"
  const char *tensor;         // "serving_default_image:0"
  dtype_t dtype;
  shape_t shape;
} tensor_info_t;

typedef struct signature {
  const char *key, *method;         // "serving_default", "tensorflow/serving/predict"
  tensor_info_t *inputs, *outputs;  // sorted by key
  int n_inputs, n_outputs;
  const char **targets;  // nodes that must run, though they give nothing: of a GraphDef alone
  int n_targets;
} signature_t;

typedef struct asset {
  const char *tensor;    // "asset_path_initializer:0"
  const char *filename;  // below assets/
} asset_t;

typedef struct meta_graph {
  const char **tags;
  int n_tags;
  const char *tf_version;
  signature_t *signatures;  // sorted by key
  int n_signatures;
  asset_t *assets;
  int n_assets;
  const char *init_op, *restore_op;  // node names, NULL when there is none
  const uint8_t *raw;                // the MetaGraphDef as read
  size_t raw_size;
  const uint8_t *op_list;  // the OpDefs of its ops (OpList); NULL when there are none
  size_t op_list_size;
  const uint8_t *graph_def;  // its GraphDef
  size_t graph_def_size;
  int index;
} meta_graph_t;

// NOT_FOUND, DATA_LOSS (with file and offset), INVALID_ARGUMENT. variables/ may be absent (a model
// without variables).
status_t saved_model_open(const char *dir, saved_model_t **out);
// A serialised GraphDef as a model without variables: one meta graph without tags, whose signature
// "serving_default" has as inputs the nodes that are fed and the Placeholders that are needed, as
// outputs all outputs of the nodes that are kept; keys are "name:port". The bytes are borrowed
// until the model is closed. NOT_FOUND names a node that is not there.
typedef struct graph_nodes {  // "name", or "name:port"
  const char *const *kept, *const *fed;
  int n_kept, n_fed;
} graph_nodes_t;
status_t saved_model_from_graph(const void *graph_def, size_t size, const graph_nodes_t *which,
                                saved_model_t **out);
void saved_model_close(saved_model_t *m);  // NULL is fine
const char *saved_model_dir(const saved_model_t *m);
int saved_model_n_meta_graphs(const saved_model_t *m);
const meta_graph_t *saved_model_meta_graph(const saved_model_t *m, int i);
// The meta graph with exactly these tags (any order). NOT_FOUND lists what there is. n_tags 0:
// "serve", or the only one.
status_t saved_model_find(const saved_model_t *m, const char *const *tags, int n_tags,
                          const meta_graph_t **out);
// key NULL: "serving_default", or the only signature (leaving out "__saved_model_init_op").
// NOT_FOUND lists the keys.
status_t meta_graph_signature(const meta_graph_t *g, const char *key, const signature_t **out);

// The main graph of a meta graph with its function library, parsed afresh; nodes are resolved
// (node_resolve). args and rets are empty. The graph lives in an arena of its own that
// graph_destroy does not free: destroy *arena after it.
status_t meta_graph_graph(const saved_model_t *m, const meta_graph_t *g, arena_t **arena,
                          library_t **library, graph_t **out);
// The same, cut to one signature: args are the signature's inputs (Placeholder nodes, arg_names =
// keys), rets its outputs (ret_names = keys). Unneeded nodes are pruned. Nothing is inlined or
// frozen yet.
status_t signature_graph(const saved_model_t *m, const meta_graph_t *g, const signature_t *s,
                         arena_t **arena, library_t **library, graph_t **out);

// Variables by name: the graph's VarHandleOp shared_name (or node name), a VariableV2's node name,
// or a checkpoint key. For a TF2 model the object graph translates names to checkpoint keys; for a
// TF1 model they are the keys. Mapped. Partitioned variables and string tensors too. Each CRC is
// checked once, when a tensor is first read.
status_t saved_model_variable(const saved_model_t *m, const meta_graph_t *g, const char *name,
                              tensor_t *out);
// As a variable_source_t for graph_freeze; valid as long as the saved model. A variable that any of
// several signatures assigns has no value there (NOT_FOUND): all signatures see what one of them
// wrote.
typedef struct saved_model_source {
  const saved_model_t *model;
  const meta_graph_t *graph;
} saved_model_source_t;
variable_source_t saved_model_variables(saved_model_source_t *s);
// Any tensor of the bundle by its key (also those that only we write, "tftrt/...").
status_t saved_model_bundle_tensor(const saved_model_t *m, const char *key, tensor_t *out);

#endif
