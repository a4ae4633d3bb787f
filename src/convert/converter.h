// The Converter: what tf.experimental.tensorrt.Converter does, on a SavedModel on disk, without
// TensorFlow. One thread at a time per converter.
#ifndef TFTRT_CONVERT_CONVERTER_H
#define TFTRT_CONVERT_CONVERTER_H

#include "runtime/runtime.h"
#include "saved_model/saved_model.h"
#include "segment/segment.h"

typedef struct converter converter_t;

typedef int (*progress_fn)(void *user, const char *stage, int64_t done, int64_t total);

typedef struct converter_options {
  size_t struct_size;
  const char *dir;
  // In the place of dir, a serialised GraphDef: borrowed. Its devices count, what a session gives
  // its variables is not known, and no weight goes out of it.
  const void *graph_def;
  size_t graph_def_size;
  graph_nodes_t graph_nodes;
  const char *device_type;  // of a GraphDef: that of nodes which engines take; NULL: GPU
  // Of a GraphDef: its library stays as it is, and may have functions without bodies: calls stay
  // calls, a native segment is in its node (NODE_LIBRARY_ATTR).
  bool library_stays;
  int64_t
      static_batch;  // of a GraphDef: > 0: its engines, built, stay in the nodes, for this batch
  const char *const *tags;
  int n_tags;
  const char *signature;  // NULL: "serving_default"
  // More signatures to convert, after that one; all: every one of the meta graph.
  const char *const *signatures;
  int n_signatures;
  bool all_signatures;
  bool dynamic_shape;
  bool keep_variables;  // they stay variables, and engines hold copies; else they become constants
  const char *profile_strategy;  // NULL: the default of `compat`
  int64_t max_workspace_bytes;
  const char *precision_mode;  // NULL: FP32; TF-TRT's, and BF16
  int minimum_segment_size, maximum_cached_engines;
  bool use_calibration, allow_build_at_runtime;
  op_set_t op_set;
  const char *backend;
  bool compat_2_17;
  bool keep_engines;  // those of an earlier conversion stay; else their segments are converted anew
  bool rule_tactics;  // engines choose their tactics by rule, without timing them here
  int threads;
  progress_fn progress;
  void *progress_user;
  bool only_explain;              // convert() tells what it would do: INT8 is not calibrated
  const char *calibrator;         // NULL: "entropy"
  const char *calibration_table;  // file that ranges are read from, or written to; NULL: none
  int64_t max_memory_bytes;       // 0: no limit
  const char *engine_cache_dir;   // NULL: none
  const char *timing_cache;       // a file; NULL: none
  // Precision mode AUTO: bounds on the outputs' largest error and least cosine.
  bool bounds_error, bounds_cosine;
  double max_error, min_cosine;
} converter_options_t;

// TF-TRT's default for max_workspace_size_bytes: sys.maxsize - 512.
#define DEFAULT_WORKSPACE_BYTES (INT64_MAX - 512)

// Strings in o are copied. INVALID_ARGUMENT in TF-TRT's words.
status_t converter_create(const converter_options_t *o, converter_t **out);
void converter_keep_engines(converter_t *c);  // sets the option, before convert()
void converter_destroy(converter_t *c);       // NULL is fine
// The signatures that are converted, once converter_convert has opened the model: from then on,
// also when it asks for inputs. NULL when there is no i-th.
int converter_n_signatures(const converter_t *c);
const signature_t *converter_signature(const converter_t *c, int i);
bool converter_built(const converter_t *c, int i);
// Calibration inputs of one of several signatures, for converter_convert; *source must live as long
// as the converter.
void converter_set_calibration(converter_t *c, const char *signature, const input_source_t *source);
// Precision mode AUTO: inputs of a signature (NULL: the first) that errors are measured over;
// without them those of calibration, else of build(). Before convert(); *source is copied and must
// be good until build() has returned.
void converter_measure_with(converter_t *c, const char *signature, const input_source_t *source);
// What precision AUTO chose for a signature (NULL: the first), as text or as JSON; mem_free *out.
// FAILED_PRECONDITION before it has chosen.
status_t converter_precision(converter_t *c, const char *signature, bool json, char **out);
// calibration: of the first signature. It is copied, and in dynamic shape mode used until
// converter_build has returned.
status_t converter_convert(converter_t *c, const input_source_t *calibration);
// signature NULL: the first. Each is built once.
// In the place of convert(): the model is a converted one, of ours or TF-TRT's, and stays what it
// is; build() adds engines to those that it has, save() writes it with them. How it was converted
// is taken from its TRTEngineOps; of the options only dir, tags, signatures, backend, compat,
// threads and progress count. FAILED_PRECONDITION when there is no TRTEngineOp.
status_t converter_reopen(converter_t *c);
status_t converter_build(converter_t *c, const char *signature, const input_source_t *inputs);
// Builds with profiles given: inputs come in threes, whose shapes (and values that shapes depend
// on) are the least, the best and the greatest of a profile. INVALID_ARGUMENT in implicit batch
// mode, and where an engine would get bounds that are no range.
status_t converter_build_profiles(converter_t *c, const char *signature,
                                  const input_source_t *inputs);
// Builds for the signature's own shapes, with `batch` for an unknown first dim. Other unknown dims
// are tried small and larger. The engines serve all shapes that the graph admits. Where the model
// does not run on zeros of such shapes, no engine is built and a warning says so.
status_t converter_build_default(converter_t *c, int64_t batch);
// Runs the converted graph of a signature (NULL: the first), with the engines built so far; others
// are built as the loaded model would. in: in the signature's order; out: [n_outputs] receives
// owned tensors.
status_t converter_run(converter_t *c, const char *signature, const tensor_t *in, tensor_t *out);
// What did not go as asked, though nothing failed: engines that could not be built, and why.
int converter_n_warnings(const converter_t *c);
const char *converter_warning(const converter_t *c, int i);
void converter_warn(converter_t *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// INT8 with calibration of a GraphDef that convert() was not given inputs for: TF-TRT's
// calibrate(). Builds no engines.
status_t converter_calibrate(converter_t *c, const input_source_t *source);
// Of a GraphDef, after convert(): the converted one. mem_free *out.
status_t converter_graph_def(converter_t *c, uint8_t **out, size_t *size);
status_t converter_save(converter_t *c, const char *dir, bool save_gpu_specific_engines);

typedef void (*print_fn)(void *user, const char *line);
status_t converter_summary(const converter_t *c, int line_length, bool detailed, print_fn print,
                           void *user);
// mem_free *out. json: one object, "schema": "tftrt.report/1".
status_t converter_explain(const converter_t *c, bool json, char **out);

// TF-TRT's summary of any graph with TRTEngineOp nodes (convert/summary.c).
status_t summarize_graph(const graph_t *g, int line_length, bool detailed, print_fn print,
                         void *user);
// The same for a model on disk: of the graph of the signature that its TRTEngineOps stand in.
status_t summarize_saved_model(const char *dir, const char *const *tags, int n_tags,
                               const char *signature, int line_length, bool detailed,
                               print_fn print, void *user);
// What the model's engines compute in (convert/precisions.h), as lines; mem_free *out.
status_t summarize_precisions(const char *dir, const char *const *tags, int n_tags,
                              const char *signature, bool detailed, char **out);
// The same facts as one JSON object; mem_free *out.
status_t summarize_saved_model_json(const char *dir, const char *const *tags, int n_tags,
                                    const char *signature, char **out);

#endif
