// What a converter holds; shared by the files of this room.
#ifndef TFTRT_CONVERT_STATE_H
#define TFTRT_CONVERT_STATE_H

#include "base/work.h"
#include "convert/converter.h"
#include "engine/build_cache.h"
#include "engine/timing_cache.h"
#include "graph/passes.h"
#include "network/histogram.h"
#include "network/ranges.h"
#include "runtime/executor.h"

typedef struct built_engine {
  shape_t *shapes;  // [n_inputs], the key of the engine cache; unknown dims: any
  bytes_t plan;
  int order;  // among the engines and failures of one TRTEngineOp: the first is the oldest
} built_engine_t;

// A graph that engines are put into, and how: the signature's, as the options say, or the body of a
// function that asks for a conversion of its own (convert/functions.c), as its attributes say.
typedef struct part {
  graph_t *graph;
  const function_t *function;             // NULL: the signature's graph
  const char *precision_mode, *strategy;  // strategy: canonical; "" in implicit batch mode
  bool dynamic_shape, use_calibration, allow_build_at_runtime;
  int minimum_segment_size, maximum_cached_engines;
  int64_t max_workspace_bytes;
  int64_t max_batch;     // of engines whose nodes say none; -1
  int64_t static_batch;  // > 0: engines are built by convert(), for this batch
  int number;            // the 000 of TRTEngineOp_000_001
  segmentation_t *segmentation;
} part_t;

typedef struct engine_node {
  node_t *node;          // the TRTEngineOp
  const part_t *part;    // where it stands; NULL in a model that was reopened
  function_t *function;  // its native segment
  int n_inputs;
  VEC(shape_t *) wanted;       // shape sets met by build(), first seen first; each [n_inputs]
  VEC(built_engine_t) built;   // oldest first
  VEC(built_engine_t) failed;  // builds that failed: they take room as engines do, and have no plan
  int next;                    // order of the next of both
  shape_t *any_key;            // NULL, or the key of an engine that is for all shapes
  // Dynamic-shape mode (convert/profiles.h).
  bool *is_shape;           // [n_inputs] shapes depend on its values
  shape_sets_t *sets;       // what reached the engine
  shape_sets_t *bounds[3];  // the same of runs that give the bounds of a profile
  profiles_t *profiles;
  VEC(char *) said;  // warnings of its build, see convert/build_jobs.h
} engine_node_t;

typedef struct runner runner_t;    // what runs the converted graph (convert/run.c)
void runner_destroy(runner_t *r);  // NULL is fine

typedef struct calibration {
  const char *signature;  // NULL: the first
  input_source_t source;
} calibration_t;

typedef struct precision_choice precision_choice_t;  // convert/auto_precision.h

struct converter {
  converter_options_t o;
  arena_t *own;  // copies of option strings, engine records
  saved_model_t *model;
  const meta_graph_t *meta;
  const signature_t *signature;
  arena_t *arena;  // of the graph
  library_t *library;
  graph_t *graph;
  VEC(part_t *) parts;  // the graph, then functions
  VEC(engine_node_t) engines;
  VEC(const char *) warnings;  // what did not go as asked, in sentences
  bool converted, built;
  input_source_t pending;  // calibration put off until build(); next is NULL when there is none
  bool calibrated;
  bool calibration_failed;  // the last time: its source was asked, and need not begin anew
  bool any_shape;           // engines that are being built are for all shapes that the graph admits
  int bound;                // of the run going on: see note_shape_set
  bool bf16;                // mode BF16; o.precision_mode is FP16 then
  const char *strategy;     // canonical profile strategy; "" in implicit batch mode
  work_t work;              // of the first signature's converter, see converter_top
  build_cache_t *cache;     // the same; NULL: none
  timing_cache_t *timing;   // the same; NULL: none
  runner_t *runner;         // NULL until converter_run needs it; goes when engines are built
  struct build_queue *queue;   // while engines are built
  VEC(const char *) restored;  // engines of earlier conversions that gave way to their segments
  ranges_t *old_ranges;        // what those were calibrated with; NULL: nothing
  bool reopened;               // the graph is that of the file: only engines are written
  // The other signatures that are converted: converters of their own, that share the model and
  // leave warnings to the one that they belong to.
  converter_t *owner;  // NULL: this is the first
  VEC(converter_t *) others;
  VEC(calibration_t) calibrations;  // of signatures, before convert()
  int last_number;  // of the graphs of all signatures; the first signature's converter's
  // Precision mode AUTO; precision_mode says what is tried first.
  bool automatic, may_calibrate;
  VEC(calibration_t) measures;  // of signatures: inputs to measure over
  VEC(tensor_t *) inputs;       // kept for measuring (convert/measure.h)
  size_t input_bytes;
  const precision_choice_t *choice;  // NULL: not made
  bool choice_failed;
};

static inline converter_t *converter_top(converter_t *c) { return c->owner ? c->owner : c; }

// The calling thread works for the converter from now on (and is who its callback is called in),
// until converter_end, which gives st back and says so where the limit on memory was in the way.
// For the first signature's converter.
work_place_t converter_begin(converter_t *c);
status_t converter_end(converter_t *c, const work_place_t *before, status_t st);

// Of a GraphDef: what is fed and what is kept has its names again (convert/graph_def.c).
void restore_names(converter_t *c);
// What the saved model is to remember, and TF-TRT's converted graph does not tell yet
// (convert/save.c).
status_t mark_nodes(converter_t *c);

// Opens the SavedModel and finds the signatures that are asked for.
status_t open_model(converter_t *c);
// Back to before convert() or converter_reopen().
void converter_forget(converter_t *c);
// Before build() of a model that was reopened: an engine with optimization profiles is replaced.
void make_room(engine_node_t *e);
// The converter of a signature: c or one of its others. key NULL: c. NOT_FOUND lists the keys.
status_t find_converter(converter_t *c, const char *key, converter_t **out);
// Which signatures are converted, of a model that is open: makes c->others (convert/signatures.c).
status_t find_signatures(converter_t *c);

// The converted graph with the engines built now, as converter_run has it.
status_t restart_runner(converter_t *c);
void stop_runner(converter_t *c);
struct engines *runner_engines(runner_t *r);
status_t run_converted(converter_t *c, const tensor_t *in, tensor_t *out);
// Inputs that were given to measure over; NULL: none.
const input_source_t *measure_inputs_of(const converter_t *c);
struct json_t *precision_json(const converter_t *c);  // of a choice that was made

// Replaces every segment by a TRTEngineOp with its native segment in the library
// (convert/engine_nodes.c). Segments without inputs or outputs stay as they are.
status_t make_engine_nodes(converter_t *c, const part_t *p);
// Does the graph's own quantisation decide what is quantized? In TF-TRT, when there is a
// QuantizeAndDequantizeV2, whatever precision was asked for. In our op set, when there is any
// quantization node and INT8 was asked for: without it, nothing is computed in 8 bits.
bool uses_explicit_precision(const converter_t *c, const part_t *p);
// Optimization profiles, not implicit batch mode? The node says it, whatever the converter's
// options.
static inline bool has_dynamic_shape(const engine_node_t *e) {
  return !node_bool(e->node, "_use_implicit_batch", true);
}
bool any_dynamic_shape(const converter_t *c);
// INT8 that is to be calibrated, and has not been.
bool waits_for_calibration(const engine_node_t *e);
// One engine per TRTEngineOp, for the shapes of the first calibration inputs (convert/build.c).
status_t build_calibrated(converter_t *c);
// Static engines: one per TRTEngineOp that is to have one, for the batch of its nodes or of its
// part.
status_t build_static(converter_t *c);

// Constants of native segments of at least this size are stored in the bundle.
enum { EXTERNAL_WEIGHT_BYTES = 4096 };

// Gives a TRTEngineOp the attribute _tftrt_id: a hash of what it computes and how, by which the
// plug-in for TensorFlow tells engines of one name apart (convert/engine_id.c). Before it is saved.
status_t mark_engine_id(converter_t *c, engine_node_t *e);
// Does the native segment have constants that are stored in the bundle?
bool has_external_weights(const engine_node_t *e);

// The converted graph as a program, with the model's tables filled by its initialising operation
// (convert/executable.c). `run` is what TRTEngineOp does there.
typedef struct converter_executable converter_executable_t;
typedef status_t run_engine_fn(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                               int n_in, tensor_t *out, int n_out);
status_t converter_executable_create(converter_t *c, run_engine_fn *run, void *self,
                                     converter_executable_t **out);
void converter_executable_destroy(converter_executable_t *x);  // NULL is fine
// As executable_run.
status_t converter_executable_run(converter_executable_t *x, const tensor_t *in, tensor_t *out);
resources_t *converter_executable_resources(const converter_executable_t *x);

// The nodes of an engine's native segment, without the arguments (convert/summary.c).
int count_segment(const graph_t *body);

// Functions that ask for a conversion of their own (convert/functions.c). Does a call of f stay?
stays_fn *functions_that_stay(const converter_t *c);
// Once the signature's graph is simplified: what all callers of such functions give them as
// constants becomes theirs; what is known of their arguments is noted.
typedef struct asking asking_t;
status_t find_asking_functions(converter_t *c, asking_t **out);
// Converts their bodies by `convert`, the first that is met first. A function that cannot be
// converted as it asks stays as it is, and a warning says why.
typedef status_t convert_part_fn(converter_t *c, part_t *p);
status_t convert_asking_functions(converter_t *c, asking_t *asking, convert_part_fn *convert);
void asking_destroy(asking_t *a);  // NULL is fine

// TF_TRT_SHOW_DETAILED_REPORT (convert/report.c).
void report_refusals(converter_t *c);
// TF_TRT_EXPORT_GRAPH_VIZ_PATH (convert/drawing.c).
void export_drawing(converter_t *c);

// A stage begins or goes on. CANCELLED when the callback says so.
status_t report_progress(converter_t *c, const char *stage, int64_t done, int64_t total);

#endif
