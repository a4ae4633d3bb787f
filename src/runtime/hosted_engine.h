// One TRTEngineOp that another program's graph runtime executes (TensorFlow's, through the op
// plug-in): the node and its function library are told as messages, tensors are handed in and out.
// It is a graph of that one node, run by our own executor, so that engines, their cache, builds at
// run time and the native segment behave as in a model of our own.
#ifndef TFTRT_RUNTIME_HOSTED_ENGINE_H
#define TFTRT_RUNTIME_HOSTED_ENGINE_H

#include "runtime/engines.h"

typedef struct hosted_engine hosted_engine_t;

typedef struct hosted_engine_options {
  const uint8_t *node_def;  // NodeDef; copied, as is the library
  size_t node_def_size;
  const uint8_t *library;  // FunctionDefLibrary with the native segment; may be empty
  size_t library_size;
  const char *saved_model_dir;  // where weights are that plan and segment name; NULL: they hold all
  const char *engine_file;      // TFRecords of engines; NULL: none
  const char *backend;          // NULL: "cpu"
  const char *engine_cache_dir;  // where engines that runs build are kept and found; NULL: nowhere
  int threads;                   // per run; 0: as many as CPUs
  fallback_policy_t on_fallback;
} hosted_engine_options_t;

// INVALID_ARGUMENT: no TRTEngineOp, damaged messages. FAILED_PRECONDITION: weights are needed and
// saved_model_dir is NULL.
status_t hosted_engine_create(const hosted_engine_options_t *o, hosted_engine_t **out);
void hosted_engine_destroy(hosted_engine_t *h);  // NULL is fine; no run may be going on
const char *hosted_engine_name(const hosted_engine_t *h);
// The last so many inputs are values of variables, which the engines hold: what is handed in there
// must stay as it is for as long as it has references, or be lent (runtime/engine_variables.h).
int hosted_engine_n_variables(const hosted_engine_t *h);
// Whether assignments write to the memory of the i-th of them (VariableV2), so that it is to be
// lent.
bool hosted_engine_is_overwritten(const hosted_engine_t *h, int i);
// Inputs and outputs as a signature: keys "input <i>" and "output <i>", dtypes, shapes as the node
// tells them; of a handle (DT_RESOURCE) the dtype is DT_UINT8, a scalar that nothing reads. Owned
// by h.
const signature_t *hosted_engine_signature(const hosted_engine_t *h);
// Any thread. in: borrowed; out: receives owned tensors, all empty after an error.
status_t hosted_engine_run(hosted_engine_t *h, const tensor_t *in, tensor_t *out);
// As the functions of runtime/engines.h; any thread.
status_t hosted_engine_save(hosted_engine_t *h, const char *path);
status_t hosted_engine_calibration(hosted_engine_t *h, char **table);
void hosted_engine_forget(hosted_engine_t *h);
engines_t *hosted_engine_engines(hosted_engine_t *h);  // for what they did

#endif
