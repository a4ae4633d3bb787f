/* tftrt: TensorFlow SavedModels with inference engines in them, converted and run without
 * TensorFlow.
 *
 * Conventions
 *   Errors   Functions that can fail return a tftrt_code (0 is OK; the numbers are TensorFlow's
 *            TF_Code) and fill the last argument, a tftrt_error of the caller's, unless it is NULL.
 *            On failure output arguments are NULL or zero.
 *   Handles  are opaque: create/open and destroy/close; NULL may be destroyed.
 *   Structs  that may get longer begin with struct_size, the size that the calling program was
 *            compiled with. Options have an init function that sets it and the defaults; what is
 *            filled for the caller starts with its TFTRT_..._INIT. A program with an older, shorter
 *            struct gets the defaults of newer options, and nothing is written beyond its struct.
 *            Options longer than this library knows are INVALID_ARGUMENT when a byte that it does
 *            not know is set, as is a struct_size that no struct can have. Structs without
 *            struct_size (tftrt_tensor, tftrt_string, tftrt_profile_input) never change.
 *   Strings  going in are NUL-terminated UTF-8 and are copied. Strings coming out live as long as
 *            their handle, or, where the type is char **, are the caller's to free with tftrt_free.
 *   Threads  are stated per handle. The library never prints, exits or changes process settings.
 */
#ifndef TFTRT_TFTRT_H
#define TFTRT_TFTRT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TFTRT_API __attribute__((visibility("default")))
#else
#define TFTRT_API
#endif

#define TFTRT_VERSION_MAJOR 0
#define TFTRT_VERSION_MINOR 1
#define TFTRT_VERSION_PATCH 0
TFTRT_API const char *tftrt_version(void); /* "0.1.0" */

typedef enum tftrt_code {
  TFTRT_OK = 0,
  TFTRT_CANCELLED = 1,
  TFTRT_UNKNOWN = 2,
  TFTRT_INVALID_ARGUMENT = 3,
  TFTRT_DEADLINE_EXCEEDED = 4,
  TFTRT_NOT_FOUND = 5,
  TFTRT_ALREADY_EXISTS = 6,
  TFTRT_PERMISSION_DENIED = 7,
  TFTRT_RESOURCE_EXHAUSTED = 8,
  TFTRT_FAILED_PRECONDITION = 9,
  TFTRT_ABORTED = 10,
  TFTRT_OUT_OF_RANGE = 11,
  TFTRT_UNIMPLEMENTED = 12,
  TFTRT_INTERNAL = 13,
  TFTRT_UNAVAILABLE = 14,
  TFTRT_DATA_LOSS = 15,
  TFTRT_UNAUTHENTICATED = 16
} tftrt_code;
TFTRT_API const char *tftrt_code_name(tftrt_code code); /* "INVALID_ARGUMENT" */

/* The caller's own; nothing in it has to be freed. Start with TFTRT_ERROR_INIT. */
typedef struct tftrt_error {
  uint32_t struct_size;
  tftrt_code code;
  char message[1024]; /* names the file, node, argument or shape; cut at the end when longer */
  const char *file;   /* where in the library; static */
  int line;
} tftrt_error;
#define TFTRT_ERROR_INIT \
  { sizeof(tftrt_error), TFTRT_OK, {0}, 0, 0 }

TFTRT_API void tftrt_free(void *p); /* for memory that a function gave through a char ** */

/* ------------------------------------------------------------------ tensors */

/* The numbers of TensorFlow's DataType. */
typedef enum tftrt_dtype {
  TFTRT_INVALID_DTYPE = 0,
  TFTRT_FLOAT = 1,
  TFTRT_DOUBLE = 2,
  TFTRT_INT32 = 3,
  TFTRT_UINT8 = 4,
  TFTRT_INT16 = 5,
  TFTRT_INT8 = 6,
  TFTRT_STRING = 7,
  TFTRT_COMPLEX64 = 8,
  TFTRT_INT64 = 9,
  TFTRT_BOOL = 10,
  TFTRT_QINT8 = 11,
  TFTRT_QUINT8 = 12,
  TFTRT_QINT32 = 13,
  TFTRT_BFLOAT16 = 14,
  TFTRT_QINT16 = 15,
  TFTRT_QUINT16 = 16,
  TFTRT_UINT16 = 17,
  TFTRT_COMPLEX128 = 18,
  TFTRT_HALF = 19,
  TFTRT_UINT32 = 22,
  TFTRT_UINT64 = 23
} tftrt_dtype;
TFTRT_API const char *tftrt_dtype_name(tftrt_dtype dtype); /* "float32" */
TFTRT_API size_t tftrt_dtype_size(tftrt_dtype dtype);      /* strings: sizeof(tftrt_string) */

enum { TFTRT_MAX_RANK = 12 };

typedef struct tftrt_string { /* an element of a TFTRT_STRING tensor; any bytes */
  const char *data;
  size_t size;
} tftrt_string;

/* A dense row-major tensor. As an input it is the caller's memory, read until the call returns
 * (64-byte alignment lets engines use it without a copy). As an output it is the library's:
 * release it. */
typedef struct tftrt_tensor {
  tftrt_dtype dtype;
  int32_t rank;
  int64_t dims[TFTRT_MAX_RANK];
  void *data;
  size_t bytes;
  void *owner; /* NULL: borrowed */
} tftrt_tensor;
TFTRT_API void tftrt_tensor_release(tftrt_tensor *t); /* clears *t; fine on a borrowed one */

/* Named arrays in a NumPy .npz file. One thread at a time. bfloat16 is stored as its uint16 bits,
 * strings as 'S'. */
typedef struct tftrt_arrays tftrt_arrays;
TFTRT_API tftrt_code tftrt_arrays_create(tftrt_arrays **out, tftrt_error *err);
TFTRT_API tftrt_code tftrt_arrays_load(const char *npz_path, tftrt_arrays **out, tftrt_error *err);
TFTRT_API tftrt_code tftrt_arrays_save(const tftrt_arrays *a, const char *npz_path,
                                       tftrt_error *err);
TFTRT_API void tftrt_arrays_destroy(tftrt_arrays *a);
TFTRT_API int tftrt_arrays_count(const tftrt_arrays *a);
TFTRT_API const char *tftrt_arrays_name(const tftrt_arrays *a, int i);
/* Borrowed: valid until the arrays go. NOT_FOUND lists the names that there are. */
TFTRT_API tftrt_code tftrt_arrays_get(const tftrt_arrays *a, const char *name, tftrt_tensor *out,
                                      tftrt_error *err);
TFTRT_API tftrt_code tftrt_arrays_put(tftrt_arrays *a, const char *name, const tftrt_tensor *t,
                                      tftrt_error *err); /* copies */

/* ------------------------------------------------------------------ models */

/* A loaded SavedModel, converted or not. Any number of threads may run it at the same time. */
typedef struct tftrt_model tftrt_model;

/* What happens where no engine serves the inputs of a TRTEngineOp. In a model that TF-TRT itself
 * converted, whose engines were TensorRT's, no run makes an engine but under TFTRT_FALLBACK_BUILD;
 * in ours, where allow_build_at_runtime was on, one is made wherever there is room for it. */
typedef enum tftrt_fallback {
  TFTRT_FALLBACK_NATIVE = 0, /* the ops that the engine stands for run one by one */
  /* An engine is made to serve them, unless the model was converted with allow_build_at_runtime
   * off: in dynamic-shape mode it gets one more optimization profile, which grows with what it is
   * asked for; in implicit batch mode another engine is built, for which a full cache gives up its
   * oldest. */
  TFTRT_FALLBACK_BUILD = 1,
  TFTRT_FALLBACK_FAIL = 2 /* the run fails (ABORTED) and says why */
} tftrt_fallback;

typedef struct tftrt_model_options {
  uint32_t struct_size;
  const char *const *tags; /* NULL: {"serve"}, or the model's only meta graph */
  int n_tags;
  int threads;          /* CPUs that one run may use; 0: all that the process may use */
  const char *backend;  /* "cpu" (default), "ref": engines of converted models */
  int fail_on_fallback; /* 1: as on_fallback = TFTRT_FALLBACK_FAIL */
  tftrt_fallback on_fallback;
  const char *compat; /* NULL: engine caches as the model was converted for; "2.17": as TF 2.17's,
                       * where a full one gives up its oldest engine */
  /* Where engines that runs build (TFTRT_FALLBACK_BUILD) are kept and found, as of
   * tftrt_converter_options. */
  const char *engine_cache_dir;
} tftrt_model_options;
/* Writes struct_size bytes: the defaults, zeros beyond those that the library knows. */
TFTRT_API void tftrt_model_options_init_sized(tftrt_model_options *o, uint32_t struct_size);
static inline void tftrt_model_options_init(tftrt_model_options *o) {
  tftrt_model_options_init_sized(o, (uint32_t)sizeof *o);
}

/* o may be NULL: the defaults. */
TFTRT_API tftrt_code tftrt_model_open(const char *dir, const tftrt_model_options *o,
                                      tftrt_model **out, tftrt_error *err);
TFTRT_API void tftrt_model_close(tftrt_model *m);

typedef struct tftrt_tensor_info { /* start with TFTRT_TENSOR_INFO_INIT */
  uint32_t struct_size;
  const char *name; /* the key in the signature */
  tftrt_dtype dtype;
  int32_t rank;                 /* -1: unknown */
  int64_t dims[TFTRT_MAX_RANK]; /* -1: unknown */
} tftrt_tensor_info;
#define TFTRT_TENSOR_INFO_INIT                                  \
  {                                                             \
    sizeof(tftrt_tensor_info), 0, TFTRT_INVALID_DTYPE, 0, { 0 } \
  }
TFTRT_API int tftrt_model_signature_count(const tftrt_model *m);
TFTRT_API const char *tftrt_model_signature(const tftrt_model *m, int i); /* its key */
/* signature NULL: "serving_default", or the only one. A count of -1: no such signature. Inputs and
 * outputs are in alphabetical order of their names. */
TFTRT_API int tftrt_model_input_count(const tftrt_model *m, const char *signature);
TFTRT_API int tftrt_model_output_count(const tftrt_model *m, const char *signature);
TFTRT_API tftrt_code tftrt_model_input(const tftrt_model *m, const char *signature, int i,
                                       tftrt_tensor_info *out, tftrt_error *err);
TFTRT_API tftrt_code tftrt_model_output(const tftrt_model *m, const char *signature, int i,
                                        tftrt_tensor_info *out, tftrt_error *err);

/* Runs a signature. inputs: in the order of tftrt_model_input; outputs: room for
 * tftrt_model_output_count tensors, to be released. INVALID_ARGUMENT names the input whose dtype or
 * shape does not fit; UNIMPLEMENTED lists every op that cannot be run here. */
TFTRT_API tftrt_code tftrt_model_run(tftrt_model *m, const char *signature,
                                     const tftrt_tensor *inputs, int n_inputs,
                                     tftrt_tensor *outputs, int n_outputs, tftrt_error *err);
/* Prepares a signature without running it, so that its first run does not have to. */
TFTRT_API tftrt_code tftrt_model_prepare(tftrt_model *m, const char *signature, tftrt_error *err);

/* What one TRTEngineOp did since the model was opened. Start with TFTRT_ENGINE_STATS_INIT. */
typedef struct tftrt_engine_stats {
  uint32_t struct_size;
  const char *name;
  int64_t runs, cache_hits, builds, failed_builds, fallbacks;
  const char *last_fallback_reason;    /* "" when there was none */
  int32_t fallback_reasons;            /* different ones: see tftrt_model_engine_fallback */
  int32_t engines, profiles, contexts; /* held now; a context is an engine made ready for shapes */
  int64_t context_bytes;               /* memory of the contexts that no run uses just now */
  int64_t contexts_made;               /* since the model was opened */
  double context_seconds;              /* that making them took, all together */
  double build_seconds;                /* that builds took, failed ones too */
} tftrt_engine_stats;
#define TFTRT_ENGINE_STATS_INIT \
  { sizeof(tftrt_engine_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
TFTRT_API int tftrt_model_engine_count(tftrt_model *m); /* of the prepared signatures */
TFTRT_API tftrt_code tftrt_model_engine_stats(tftrt_model *m, int i, tftrt_engine_stats *out,
                                              tftrt_error *err);

/* The k-th reason for which the i-th engine's native segment ran, and how often. */
TFTRT_API tftrt_code tftrt_model_engine_fallback(tftrt_model *m, int i, int k, const char **reason,
                                                 int64_t *count, tftrt_error *err);
/* All of it, with the optimization profiles, as one JSON object, "schema": "tftrt.report/1". */
TFTRT_API tftrt_code tftrt_model_stats_json(tftrt_model *m, char **out, tftrt_error *err);

/* Times per layer of the i-th engine, as JSON: [{"layer", "type", "tactic", "us", "least_us"},
 * ...], us being the mean and least_us the least of the runs since the first call, which starts the
 * measuring. FAILED_PRECONDITION before the engine has run. */
TFTRT_API tftrt_code tftrt_model_engine_profile(tftrt_model *m, int i, char **out,
                                                tftrt_error *err);

/* ------------------------------------------------------------------ telling */

/* What a SavedModel holds: tag sets, signatures, inputs, outputs, op counts (what
 * `saved_model_cli show --all` tells, and more). json: 0 text; 1 one JSON object with
 * "schema": "tftrt.report/1". */
TFTRT_API tftrt_code tftrt_show(const char *dir, int json, char **out, tftrt_error *err);
/* Libraries found and tried, CPU features, backends. */
TFTRT_API tftrt_code tftrt_doctor(int json, char **out, tftrt_error *err);
/* Every TensorFlow op that is known: whether it runs natively, the engine layers it becomes (op set
 * "all"), whether op set "tf-trt" takes it. format: 0 text; 1 JSON; 2 Markdown (docs/ops.md). */
TFTRT_API tftrt_code tftrt_ops(int format, char **out, tftrt_error *err);

/* ------------------------------------------------------------------ converting */

/* Converts one SavedModel, in the manner of tf.experimental.tensorrt.Converter. One thread at a
 * time. */
typedef struct tftrt_converter tftrt_converter;

/* Called during convert, build and save, in the thread that called them: when a stage begins and
 * ends, and about 20 times a second between. Stages are static texts, in this order: "reading",
 * "freezing", "simplifying", "converting" (convert); "collecting shapes", "building engines"
 * (build); "saving" (save); others may come. done of total units of the stage are done; what a unit
 * is differs (engines' parts, bytes): time left = time spent in the stage * (total - done) / done.
 * Non-zero cancels: the call returns TFTRT_CANCELLED as soon as it can leave what it is at, which
 * is one kernel's run or 4 MiB of copying, and leaves no files. */
typedef int (*tftrt_progress_fn)(void *user, const char *stage, int64_t done, int64_t total);

/* tf.experimental.tensorrt.ConversionParams, deprecated there and here: the options have the same
 * fields. */
typedef struct tftrt_conversion_params {
  uint32_t struct_size;
  int64_t max_workspace_size_bytes;
  const char *precision_mode;
  int minimum_segment_size;
  int maximum_cached_engines;
  int use_calibration;
  int allow_build_at_runtime;
} tftrt_conversion_params;
/* Writes struct_size bytes: the defaults, zeros beyond those that the library knows. */
TFTRT_API void tftrt_conversion_params_init_sized(tftrt_conversion_params *p, uint32_t struct_size);
static inline void tftrt_conversion_params_init(tftrt_conversion_params *p) {
  tftrt_conversion_params_init_sized(p, (uint32_t)sizeof *p);
}

typedef struct tftrt_converter_options {
  uint32_t struct_size;
  const char *input_saved_model_dir;         /* required */
  const char *const *input_saved_model_tags; /* NULL: {"serve"} */
  int n_tags;
  const char *input_saved_model_signature_key; /* NULL: "serving_default" */
  int use_dynamic_shape;                       /* 0: implicit batch mode */
  /* "Range", "Optimal", "Range+Optimal"; NULL: "ImplicitBatchModeCompatible" */
  const char *dynamic_shape_profile_strategy;
  int64_t max_workspace_size_bytes; /* scratch memory that a tactic may take */
  /* "FP32" (default), "FP16", "INT8", or ours, "BF16" and "AUTO"; or in lower case. AUTO: the
   * fastest assignment of precisions to layers within max_error and min_cosine; INT8 is among them
   * when convert gets calibration inputs or a calibration table, or the graph has quantization
   * nodes. */
  const char *precision_mode;
  int minimum_segment_size;   /* 3; -1: convert nothing */
  int maximum_cached_engines; /* 1 */
  int use_calibration;        /* 1; ignored unless INT8 */
  int allow_build_at_runtime; /* 1 */
  const char
      *op_set; /* "all" (default): what our engines take; "tf-trt": exactly what TF-TRT takes */
  const char *backend; /* "cpu" (default), "ref" */
  const char *compat;  /* NULL, or "2.17": as TF 2.17 did where its documentation says otherwise */
  int threads;         /* 0: all */
  tftrt_progress_fn progress;
  void *progress_user;
  /* NULL, or what counts in the place of the six fields above that it has too (a warning says so)
   */
  const tftrt_conversion_params *conversion_params;
  /* More signatures to convert after the first, input_saved_model_signature_key (where that is
   * NULL, the first of these); all_signatures 1: every one of the meta graph. */
  const char *const *signature_keys;
  int n_signature_keys;
  int all_signatures;
  /* How INT8 calibration chooses a tensor's range: "entropy" (NULL: this one), "minmax",
   * "percentile" (99.99 %), "mse". */
  const char *calibrator;
  /* A file of ranges, TensorRT's calibration cache. When convert() or build() calibrates it is
   * written; when convert() gets no calibration inputs it is read instead. A signature with several
   * engines has one file each, named "<file>.000", "<file>.001", ...; of several signatures each
   * has "<file>.<key>". NULL: none. */
  const char *calibration_table;
  /* Bytes of memory for tensors, weights and plans that the library may hold in this process during
   * a call; 0: no limit. Weights are not among them, as they stay in their files and are read in
   * pieces. Larger constants are not folded; engines that do not fit beside each other are built
   * one after another; what cannot be done within it is RESOURCE_EXHAUSTED and tells what needs it.
   */
  int64_t max_memory_bytes;
  /* Where finished engines are kept by what they are made of, so that they are taken up again when
   * a conversion was interrupted or is repeated. NULL: TFTRT_CACHE, else the user's cache; "off":
   * nowhere. TFTRT_CACHE_SIZE bounds it. An engine from it keeps the tactics it was built with. */
  const char *engine_cache_dir;
  /* A file of tactics' times: read when it is there, written after build. With the times of a
   * machine in it nothing is timed on such a machine, and engines come out the same. NULL: none. */
  const char *timing_cache_file;
  /* Bounds of precision_mode "AUTO", over all outputs, compared with the graph's own ops in FP32:
   * the largest absolute error (from 0 on; -1: none) and the least cosine (up to 1; -1: none). */
  double max_error, min_cosine;
  /* In the place of input_saved_model_dir, which is NULL then: a serialised tensorflow.GraphDef,
   * borrowed until the converter goes. tftrt_converter_graph_def gives the converted one; it is
   * whole, with all weights in it. Variables stay variables. kept_nodes ("name" or "name:port", at
   * least one) keep their names and outputs, and what none of them needs goes; fed_nodes are fed in
   * the place of being computed, as Placeholders are. Inputs and outputs of the signature,
   * "serving_default", are named "name:port". */
  const void *graph_def;
  size_t graph_def_size;
  const char *const *kept_nodes;
  int n_kept_nodes;
  const char *const *fed_nodes;
  int n_fed_nodes;
  /* Of a GraphDef: 1: its function library is not looked into and stays as it is: calls stay calls,
   * and native segments are in the attribute _tftrt_library of their nodes, which tftrt's plug-in
   * for TensorFlow knows. For graphs whose library is another's, as in a graph optimizer. */
  int library_stays;
  /* Of a GraphDef, in op_set "tf-trt": nodes that name a device of another type stay out of
   * engines; NULL: "GPU", as in TF-TRT. An engine has its nodes' device. */
  const char *device_type;
  /* Of a GraphDef: 0, or the batch (TF-TRT's max_batch_size) of static engines: convert
   * builds them, and they are in the GraphDef, in their nodes; larger batches run natively. Nodes
   * with unknown dims beside the batch stay out of them. */
  int64_t static_batch;
  /* 1: variables stay variables (TF-TRT's experimental feature disable_graph_freezing, which the
   * environment may ask for too). Engines hold their values as constants, and a run that finds
   * other values in them gives the engines up, and builds new ones where it may; what a signature
   * assigns stays out of engines. With use_dynamic_shape only; not of a GraphDef. */
  int keep_variables;
  int reserved;
} tftrt_converter_options;
/* Writes struct_size bytes: the defaults, zeros beyond those that the library knows. */
TFTRT_API void tftrt_converter_options_init_sized(tftrt_converter_options *o, uint32_t struct_size);
static inline void tftrt_converter_options_init(tftrt_converter_options *o) {
  tftrt_converter_options_init_sized(o, (uint32_t)sizeof *o);
}

/* Options from a JSON file: one object with the names of tftrt_converter_options (those of
 * tf.experimental.tensorrt.Converter's arguments; also "conversion_params", an object of the names
 * of tftrt_conversion_params). What is null or left out stays as it is. INVALID_ARGUMENT names a
 * key that is not known, or whose value is of the wrong type. One thread at a time. */
typedef struct tftrt_params tftrt_params;
TFTRT_API tftrt_code tftrt_params_load(const char *path, tftrt_params **out, tftrt_error *err);
/* Strings in *o are the params' from then on. INVALID_ARGUMENT, and *o as it was, when one is given
 * that the caller's older struct has no field for. */
TFTRT_API tftrt_code tftrt_params_apply(const tftrt_params *p, tftrt_converter_options *o,
                                        tftrt_error *err);
TFTRT_API void tftrt_params_destroy(tftrt_params *p);

/* Gives the next set of inputs: fills inputs (in the signature's order, borrowed until the next
 * call) and returns 1; 0 at the end; a negative number fails the call that asked. */
typedef int (*tftrt_input_fn)(void *user, tftrt_tensor *inputs, int n_inputs);

/* INVALID_ARGUMENT: a bad option, in TF-TRT's own words. */
TFTRT_API tftrt_code tftrt_converter_create(const tftrt_converter_options *o, tftrt_converter **out,
                                            tftrt_error *err);
TFTRT_API void tftrt_converter_destroy(tftrt_converter *c);
/* INT8 with calibration, several signatures: the inputs of each one but the first. Before convert;
 * user and what it points to are used until the converter goes, or its build is done. */
TFTRT_API tftrt_code tftrt_converter_calibrate_with(tftrt_converter *c, const char *signature_key,
                                                    tftrt_input_fn inputs, void *user,
                                                    tftrt_error *err);
/* Freezes, simplifies, segments. calibration: inputs of the first signature, NULL unless INT8 with
 * calibration. In implicit batch mode, and with dynamic shapes where all shapes are static (not
 * with compat "2.17"), the engines are calibrated here, and an INT8 engine is built for the shapes
 * of the first inputs. Else calibration and user are kept, must stay valid, and are used by build.
 * FAILED_PRECONDITION when called twice, and in INT8 without calibration, naming tensors that have
 * no range; INVALID_ARGUMENT when calibration gives no inputs, or other dtypes or shapes than the
 * signature's, or a tensor is NaN or infinite on them. After a failure it may be called again. */
TFTRT_API tftrt_code tftrt_converter_convert(tftrt_converter *c, tftrt_input_fn calibration,
                                             void *user, tftrt_error *err);
/* A converter of a model that is converted, ours or TF-TRT's, in the state after convert: build
 * adds engines to those that it has (with dynamic shapes the new one takes the place of the old),
 * save writes the model with them, in place or elsewhere, and nothing else in it changes. How it
 * was converted is taken from its TRTEngineOps; of the options only directory, tags, signatures,
 * backend, compat, threads and progress count. Engines that cannot be loaded here (TensorRT's) are
 * left out, with a warning. FAILED_PRECONDITION when no signature that is asked for has a
 * TRTEngineOp, NOT_FOUND, naming the node, when one has neither an engine nor a native segment. */
TFTRT_API tftrt_code tftrt_converter_open(const tftrt_converter_options *o, tftrt_converter **out,
                                          tftrt_error *err);
/* The signatures that are converted, the first one first, and their inputs in the order of
 * tftrt_input_fn. Known as soon as convert asks for inputs. key NULL: the first one; a count of -1:
 * no such signature. */
TFTRT_API int tftrt_converter_signature_count(const tftrt_converter *c);
TFTRT_API const char *tftrt_converter_signature(const tftrt_converter *c, int i); /* its key */
TFTRT_API int tftrt_converter_input_count(const tftrt_converter *c, const char *key);
TFTRT_API tftrt_code tftrt_converter_input(const tftrt_converter *c, const char *key, int i,
                                           tftrt_tensor_info *out, tftrt_error *err);
TFTRT_API int tftrt_converter_output_count(const tftrt_converter *c, const char *key);
TFTRT_API tftrt_code tftrt_converter_output(const tftrt_converter *c, const char *key, int i,
                                            tftrt_tensor_info *out, tftrt_error *err);
/* Precision mode AUTO: inputs of a signature (NULL: the first) that errors are measured over;
 * without them those of calibration, else those of build. At most 64 sets, or 256 MiB, count.
 * Before convert; user and what it points to are used until the signature's precisions are chosen,
 * at the end of convert where that builds engines, else of build. */
TFTRT_API tftrt_code tftrt_converter_measure_with(tftrt_converter *c, const char *key,
                                                  tftrt_input_fn inputs, void *user,
                                                  tftrt_error *err);
/* What precision mode AUTO chose for a signature (NULL: the first): errors and times of the fastest
 * assignment, of FP32, of what was chosen, and which layers were kept in higher precision. json: 0
 * text; 1 one JSON object, "schema": "tftrt.report/1". FAILED_PRECONDITION before it has chosen. */
TFTRT_API tftrt_code tftrt_converter_precision(tftrt_converter *c, const char *key, int json,
                                               char **out, tftrt_error *err);
/* Runs a converted signature without saving it, after convert: what TF-TRT's convert() returns. It
 * has the engines built so far and builds as a loaded model does. Arguments as of
 * tftrt_model_run. */
TFTRT_API tftrt_code tftrt_converter_run(tftrt_converter *c, const char *key,
                                         const tftrt_tensor *inputs, int n_inputs,
                                         tftrt_tensor *outputs, int n_outputs, tftrt_error *err);
/* Builds engines of the first signature for the shapes of the inputs given. Once, after convert;
 * after a failure it may be called again. */
TFTRT_API tftrt_code tftrt_converter_build(tftrt_converter *c, tftrt_input_fn inputs, void *user,
                                           tftrt_error *err);
/* The same for any of the signatures that are converted, each once. */
TFTRT_API tftrt_code tftrt_converter_build_signature(tftrt_converter *c, const char *key,
                                                     tftrt_input_fn inputs, void *user,
                                                     tftrt_error *err);
/* Builds with optimization profiles given, in dynamic-shape mode: inputs come in threes, whose
 * shapes (and values that shapes depend on) are the least, the best and the greatest of a profile.
 * signature NULL: the first. */
TFTRT_API tftrt_code tftrt_converter_build_profiles(tftrt_converter *c, const char *signature,
                                                    tftrt_input_fn inputs, void *user,
                                                    tftrt_error *err);
typedef struct tftrt_profile_input { /* an input's shapes in an optimization profile */
  const char *name;
  int32_t rank;
  int64_t min[TFTRT_MAX_RANK], opt[TFTRT_MAX_RANK], max[TFTRT_MAX_RANK];
} tftrt_profile_input;
/* Adds an optimization profile to a signature (NULL: the first), in dynamic-shape mode, after
 * convert and before build, which then takes no inputs: tftrt_converter_build_signature with NULL,
 * or tftrt_converter_build_default. Inputs that are not named have static shapes. The model is run
 * on zeros of the shapes; for one whose shapes depend on values use tftrt_converter_build_profiles.
 */
TFTRT_API tftrt_code tftrt_converter_add_profile(tftrt_converter *c, const char *key,
                                                 const tftrt_profile_input *inputs, int n,
                                                 tftrt_error *err);
/* Builds engines for the signatures' own shapes (those not built yet), with `batch` (1 or more) for
 * an unknown first dim; other unknown dims are tried small and larger. The engines serve all shapes
 * that the graph admits. Where the model does not run on zeros of such shapes, no engine is built,
 * and a warning says so. */
TFTRT_API tftrt_code tftrt_converter_build_default(tftrt_converter *c, int64_t batch,
                                                   tftrt_error *err);
/* What did not go as asked although nothing failed: engines that could not be built, and why.
 * Sentences, owned by the converter; NULL when there is no i-th. */
TFTRT_API int tftrt_converter_warning_count(const tftrt_converter *c);
TFTRT_API const char *tftrt_converter_warning(const tftrt_converter *c, int i);
/* INT8 with calibration of a GraphDef, where convert was given no inputs: calibrates. Once, after
 * convert; FAILED_PRECONDITION where calibration is not needed. No engines are built. */
TFTRT_API tftrt_code tftrt_converter_calibrate(tftrt_converter *c, tftrt_input_fn inputs,
                                               void *user, tftrt_error *err);
/* Of a GraphDef, after convert: the converted one, serialised. *out is the caller's to free with
 * tftrt_free. INVALID_ARGUMENT for a SavedModel. */
TFTRT_API tftrt_code tftrt_converter_graph_def(tftrt_converter *c, void **out, size_t *size,
                                               tftrt_error *err);
/* Writes the converted SavedModel; the directory is replaced as a whole or not touched. */
TFTRT_API tftrt_code tftrt_converter_save(tftrt_converter *c, const char *output_saved_model_dir,
                                          int save_gpu_specific_engines, tftrt_error *err);
typedef void (*tftrt_print_fn)(void *user, const char *line);
/* TF-TRT's summary; print is called once per line. line_length is at least 160. */
TFTRT_API tftrt_code tftrt_converter_summary(tftrt_converter *c, int line_length, int detailed,
                                             tftrt_print_fn print, void *user, tftrt_error *err);
/* Every node: in which engine, or why not. */
TFTRT_API tftrt_code tftrt_converter_explain(tftrt_converter *c, int json, char **out,
                                             tftrt_error *err);

/* The same two for a model on disk. signature NULL: the default one. */
TFTRT_API tftrt_code tftrt_summary(const char *dir, const char *const *tags, int n_tags,
                                   const char *signature, int line_length, int detailed,
                                   tftrt_print_fn print, void *user, tftrt_error *err);
/* What the engines that are saved compute in: a line for each, layers counted by precision;
 * detailed: a line for each layer too, with dtypes and scales of what it reads and makes, and why
 * it has more bits than the mode allows. No weights are read. */
TFTRT_API tftrt_code tftrt_precision_summary(const char *dir, const char *const *tags, int n_tags,
                                             const char *signature, int detailed, char **out,
                                             tftrt_error *err);
/* Both's facts as one JSON object, "schema": "tftrt.report/1". */
TFTRT_API tftrt_code tftrt_summary_json(const char *dir, const char *const *tags, int n_tags,
                                        const char *signature, char **out, tftrt_error *err);
/* A converted model tells what it has, an unconverted one what converting would do. */
TFTRT_API tftrt_code tftrt_explain(const tftrt_converter_options *o, int json, char **out,
                                   tftrt_error *err);

/* The folder of finished engines (engine_cache_dir). dir NULL: the default one. list: a line for
 * each, used last first, or one JSON object, "schema": "tftrt.report/1". clear removes them; *bytes
 * is what they took. A folder that is not there is an empty one. */
TFTRT_API tftrt_code tftrt_engine_cache_list(const char *dir, int json, char **out,
                                             tftrt_error *err);
TFTRT_API tftrt_code tftrt_engine_cache_clear(const char *dir, int64_t *engines, int64_t *bytes,
                                              tftrt_error *err);

#ifdef __cplusplus
}
#endif
#endif
