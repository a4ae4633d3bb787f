/* One TRTEngineOp for another program's graph runtime: what TensorFlow's op plug-in (tensorflow/)
 * is made of. Conventions as in tftrt.h.
 *
 * The node comes as TensorFlow's own messages. Runs behave as in a loaded model: an engine when one
 * serves the inputs, one built then where that is allowed, else the native segment, by our own
 * kernels.
 */
#ifndef TFTRT_ENGINE_OP_H
#define TFTRT_ENGINE_OP_H

#include "tftrt/tftrt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Any number of threads may run it at the same time; they share its engines. */
typedef struct tftrt_engine_op tftrt_engine_op;

typedef struct tftrt_engine_op_options {
  uint32_t struct_size;
  int32_t threads; /* CPUs that one run may use; 0: all that the process may use */
  /* tensorflow.NodeDef and tensorflow.FunctionDefLibrary (with the function that segment_func
   * names), serialised. Both are copied. */
  const void *node_def;
  size_t node_def_size;
  const void *function_library; /* NULL: none; then there is no native segment */
  size_t function_library_size;
  /* The SavedModel's directory, where weights are that a plan or a native segment only names; stays
   * mapped as long as the op. NULL: they hold all of them, as TF-TRT's own do. */
  const char *saved_model_dir;
  const char *engine_file; /* TFRecords of TRTEngineInstance: the node's asset. NULL: none */
  const char *backend;     /* NULL: "cpu" */
  tftrt_fallback on_fallback;
  const char *engine_cache_dir; /* as of tftrt_model_options */
  /* Of inputs that the op reads after a run too (tftrt_engine_op_variable_count). Any thread. NULL:
   * such inputs are compared with copies in every run. */
  void (*release_input)(void *owner);
} tftrt_engine_op_options;
/* Writes struct_size bytes: the defaults, zeros beyond those that the library knows. threads and
 * on_fallback are what the environment variables TFTRT_THREADS and TFTRT_ON_FALLBACK say. */
TFTRT_API void tftrt_engine_op_options_init_sized(tftrt_engine_op_options *o, uint32_t struct_size);
static inline void tftrt_engine_op_options_init(tftrt_engine_op_options *o) {
  tftrt_engine_op_options_init_sized(o, (uint32_t)sizeof *o);
}

/* INVALID_ARGUMENT: no node_def, not a TRTEngineOp, a message that cannot be read.
 * FAILED_PRECONDITION: weights are needed, and no saved_model_dir is given. Engines in engine_file
 * that are not for this backend (TensorRT's) are left out, which is no error. */
TFTRT_API tftrt_code tftrt_engine_op_create(const tftrt_engine_op_options *o, tftrt_engine_op **out,
                                            tftrt_error *err);
TFTRT_API void tftrt_engine_op_destroy(tftrt_engine_op *op);           /* outputs stay valid */
TFTRT_API int tftrt_engine_op_input_count(const tftrt_engine_op *op);  /* of InT */
TFTRT_API int tftrt_engine_op_output_count(const tftrt_engine_op *op); /* of OutT */
/* The last so many inputs are values of variables, which engines hold as constants. One that has an
 * owner (tftrt_tensor.owner) is the op's from the run on, after an error too: its memory must not
 * change until release_input gets the owner. Values in the same memory as in the last run are
 * taken for the same; engines with other values are given up. Those of VariableV2, whose memory
 * assignments write to, are released and compared in every run. */
TFTRT_API int tftrt_engine_op_variable_count(const tftrt_engine_op *op);
/* inputs: of InT's dtypes, borrowed until the call returns; in the place of a resource handle any
 * uint8 scalar. outputs: room for
 * tftrt_engine_op_output_count tensors, to be released. */
TFTRT_API tftrt_code tftrt_engine_op_run(tftrt_engine_op *op, const tftrt_tensor *inputs,
                                         int n_inputs, tftrt_tensor *outputs, int n_outputs,
                                         tftrt_error *err);
/* Writes the engines that it has, those that runs built too, as such an engine_file. Ends
 * calibration. Any thread. */
TFTRT_API tftrt_code tftrt_engine_op_save(tftrt_engine_op *op, const char *engine_file,
                                          tftrt_error *err);
/* INT8 ranges in TensorRT's text form: the node's calibration_data. A node that waits for
 * calibration (precision_mode INT8, use_calibration, no calibration_data) runs in float and
 * collects them; this ends that, and later runs build engines with these ranges. UNKNOWN: there are
 * none. Any thread. */
TFTRT_API tftrt_code tftrt_engine_op_calibration(tftrt_engine_op *op, char **table,
                                                 tftrt_error *err);
/* Later runs find none of its engines, and build others where they may. Any thread. */
TFTRT_API void tftrt_engine_op_forget(tftrt_engine_op *op);
/* As tftrt_model_engine_stats: texts live as long as the op. */
TFTRT_API tftrt_code tftrt_engine_op_stats(tftrt_engine_op *op, tftrt_engine_stats *out,
                                           tftrt_error *err);

#ifdef __cplusplus
}
#endif
#endif
