// Writes a converted SavedModel: everything of the source stays (signatures, tags, assets,
// variables, object graph, unknown fields), byte for byte where nothing changes; converted
// signatures get new functions; engines become assets that the model's initialisation loads.
//
//   saved_model_writer_t *w;
//   TRY(saved_model_writer_create(source, "/out/model", &w));
//   for each signature that was converted:
//     saved_model_writer_signature(w, meta_graph, "serving_default", converted_graph);
//   for each engine with something to keep:
//     saved_model_writer_engine(w, meta_graph, &engine);
//   TRY(saved_model_writer_finish(w));       // or saved_model_writer_abandon(w)
//
// A writer that nothing was done to writes an identical model.
//
// What a converted signature becomes (as TF-TRT's own output, shared/spec graph-format, section 6):
//
//   main graph: StatefulPartitionedCall --> __inference_signature_wrapper_N -->
//   __inference_pruned_N
//
// with the converted graph, its TRTEngineOp nodes too, in __inference_pruned_N and the native
// segments beside it in the function library.
//  * In a TF2 model the wrapper function keeps its name and arguments and gets a new body, so that
//    the main graph, the SignatureDef and the object graph stay as they are. The variables that the
//    wrapper captures stay too (unused); with equal contents stored once they cost nothing on disk.
//  * In a TF1 model (or where a signature is not one call) wrapper and call node are new, and the
//    SignatureDef's outputs name the call node's; nodes that only made its old outputs go, others
//    stay for other signatures, collections and whoever else names them.
//  * Constants of native nodes of 1 MiB or more that are variables of the source are read from
//    those; others stay in saved_model.pb up to 256 MiB in all, then go to the bundle.
//
// One thread at a time. After a call failed, only abandon may follow.
#ifndef TFTRT_SAVED_MODEL_WRITER_H
#define TFTRT_SAVED_MODEL_WRITER_H

#include "saved_model/saved_model.h"

typedef struct saved_model_writer saved_model_writer_t;

// Of a TRTEngineOp and of the ops that make its resource: which engine it is, where several models
// are in one process. Not declared by TensorFlow.
#define ENGINE_ID_ATTR "_tftrt_id"
// Of a TRTEngineOp: a FunctionDefLibrary with its native segment, where the graph's is not ours.
#define NODE_LIBRARY_ATTR "_tftrt_library"
// Of a Const: the key in the bundle of its content.
#define WEIGHT_ATTR "_tftrt_weight"

typedef struct saved_engine {
  const char *name;     // "TRTEngineOp_000_000": resource name, and in the asset's file name
  const char *id;       // ENGINE_ID_ATTR; "" or NULL: it has none
  const void *records;  // TFRecords of TRTEngineInstance (saved_engine_record); none: size 0
  size_t size;
  int64_t max_cached_engines;
  bool built;  // false: there was none to write, and the asset, tftrt-no-engine.<name>, only tells
               // where the model is
} saved_engine_t;

// The model is written aside of target_dir (base/file.h, staged_dir); an existing target is
// replaced at finish, and may be the source itself; ALREADY_EXISTS when it is a file or a directory
// with anything but a SavedModel in it. `source` must stay open until finish.
status_t saved_model_writer_create(const saved_model_t *source, const char *target_dir,
                                   saved_model_writer_t **out);

// Puts `converted` in the place of signature `key` of g, a meta graph of the source. Its args and
// rets carry the signature's keys as names (in any order); functions that its nodes call are taken
// from its library. Functions that were changed under a name that is taken get a new name in the
// file. The graph itself is not changed. INVALID_ARGUMENT when args or rets are not the
// signature's; the message names the key.
status_t saved_model_writer_signature(saved_model_writer_t *w, const meta_graph_t *g,
                                      const char *key, const graph_t *converted);

// Adds assets/trt-serialized-engine.<name>, the functions that create, initialise and destroy the
// engine's resource, and the call of the initialiser in the meta graph's initialising operation
// (for TF2 models also the object graph's trt_engine_resources/<name>). Of an engine that the
// source has, the asset is replaced (and renamed, once there is one), and the rest stays.
status_t saved_model_writer_engine(saved_model_writer_t *w, const meta_graph_t *g,
                                   const saved_engine_t *e);

// An engine of the source that is of no use any more, unless saved_model_writer_engine gives it
// another: its asset, its resource and all that loads it, its native segment, and functions that
// only it was called in, are left out.
status_t saved_model_writer_forget(saved_model_writer_t *w, const meta_graph_t *g,
                                   const char *engine);

// An engine of the source, by its node's name after the last '/', that has no ENGINE_ID_ATTR gets
// it: its nodes and what makes its handles. Before saved_model_writer_engine is called for it or
// after.
status_t saved_model_writer_identify(saved_model_writer_t *w, const meta_graph_t *g,
                                     const char *engine, const char *id);

// The weights of a graph that is not itself written (a native segment that is left out, though a
// plan reads its weights).
status_t saved_model_writer_weights(saved_model_writer_t *w, const graph_t *g);

// Bytes that finish will copy or write, as far as weights go: it counts them by work_advance.
int64_t saved_model_writer_bytes(const saved_model_writer_t *w);
// Writes what is left and puts the directory into place. Frees w in any case; on failure the
// target is as it was.
status_t saved_model_writer_finish(saved_model_writer_t *w);
void saved_model_writer_abandon(saved_model_writer_t *w);  // NULL is fine

// One TRTEngineInstance as a TFRecord: the input shapes that are the cache's key, the plan.
void saved_engine_record(const shape_t *input_shapes, int n_inputs, const void *plan, size_t size,
                         struct wire_out *out);
// The other way, for a file in memory: calls `each` for every record.
typedef status_t (*saved_engine_fn)(void *user, const shape_t *input_shapes, int n_inputs,
                                    const uint8_t *plan, size_t size);
status_t saved_engine_records(const uint8_t *data, size_t size, const char *name,
                              saved_engine_fn each, void *user);

// For every engine that the model in dir has as an asset of a TRTEngineOp; there may be none.
status_t saved_engines(const char *dir, const char *engine, saved_engine_fn each, void *user);

// ---------------------------------------------------------------- weights (weights.c)
//
// A Const node with the attribute _tftrt_weight is written without its content; the content goes
// into variables/ under that key. So does the value of a pinned node, which stays what it is.

// Gives the attribute to every Const of at least min_bytes, and every pinned node, that has none:
// "tftrt/" and a hash of dtype, shape and content, so that equal constants share a key. Not for
// strings. For functions: once for each body.
status_t weights_assign_keys(graph_t *g, size_t min_bytes);
// Puts the content back into every Const with the attribute that has lost it: mapped, not copied.
// For a graph of a model that was opened, and for each function body of it. NOT_FOUND and
// DATA_LOSS name the node.
status_t weights_load(const saved_model_t *m, graph_t *g);
// Nodes that read variables and have the attribute are pinned (node_t.pinned) to what they read
// when the model was converted. For the segment of an engine that is to be built, not to run
// natively.
status_t weights_pin(const saved_model_t *m, graph_t *g);
// Calls `each` for every Const and pinned node with the attribute; value: NULL where it has lost
// its content.
typedef status_t (*weight_fn)(void *user, const char *key, const tensor_t *value);
status_t weights_each(const graph_t *g, weight_fn each, void *user);

#endif
