// TRTEngineOp on the CPU. Inputs are used where they are; outputs are the library's memory, given
// to TensorFlow.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engines.h"
#include "kernels.h"

enum { FEW = 16 };

// The library of functions can be had during a run alone, so the first run makes the engine.
static engine_t *engine_of(node_t *n, TF_OpKernelContext *c) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  engine_t *e = __atomic_load_n((engine_t **)&n->engine, __ATOMIC_ACQUIRE);
  if (e) return e;
  TF_Status *s = tf.TF_NewStatus();
  TF_Buffer *library = tf.TF_NewBuffer();
  bytes_view_t segment = node_def_string(n->node_def, "_tftrt_library"); /* online.c's nodes */
  tftrt_error err = TFTRT_ERROR_INIT;
  if (!segment.size) {
    tf.TF_GetSerializedFunctionDefLibrary(c, library, s);
    segment = (bytes_view_t){library->data, library->length};
  }
  if (tf.TF_GetCode(s))
    tf.TF_OpKernelContext_Failure(c, s);
  else if (engine_take(n->node_def, segment, &e, &err))
    fail(c, (int)err.code, "%s", err.message);
  tf.TF_DeleteBuffer(library);
  tf.TF_DeleteStatus(s);
  if (!e) return NULL;
  pthread_mutex_lock(&lock);
  engine_t *kept = n->engine;
  if (!kept) __atomic_store_n((engine_t **)&n->engine, e, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&lock);
  if (kept) engine_give(e);
  return kept ? kept : e;
}

void engine_destroy(void *node) {
  node_t *n = node;
  if (n) engine_give(n->engine);
  node_destroy(n);
}

/* A handle of TensorFlow's is nothing to engines: the variable's value is an input too. */
static tftrt_tensor handle_place(void) {
  static char nothing[64];
  return (tftrt_tensor){.dtype = TFTRT_UINT8, .data = nothing, .bytes = 1};
}

// False when it is no tensor that an engine can take; c is told.
static bool take_input(TF_OpKernelContext *c, int i, TF_Tensor *t, tftrt_tensor *out) {
  enum { RESOURCE = 20 };
  int rank = tf.TF_NumDims(t), dtype = tf.TF_TensorType(t);
  if (dtype == RESOURCE) {
    *out = handle_place();
    return true;
  }
  if (rank > TFTRT_MAX_RANK || dtype == TFTRT_STRING || !tftrt_dtype_size((tftrt_dtype)dtype)) {
    fail(c, TFTRT_UNIMPLEMENTED, "TRTEngineOp: input %d, of TensorFlow's dtype %d and rank %d, %s",
         i, dtype, rank, "is nothing that engines take outside of their graph");
    return false;
  }
  *out = (tftrt_tensor){.dtype = (tftrt_dtype)dtype,
                        .rank = rank,
                        .data = tf.TF_TensorData(t),
                        .bytes = tf.TF_TensorByteSize(t)};
  for (int d = 0; d < rank; d++) out->dims[d] = tf.TF_Dim(t, d);
  return true;
}

static bool take_inputs(TF_OpKernelContext *c, int n, TF_Tensor **tensors, tftrt_tensor *out) {
  TF_Status *s = tf.TF_NewStatus();
  bool ok = true;
  for (int i = 0; ok && i < n; i++) {
    tf.TF_GetInput(c, i, &tensors[i], s);
    if (tf.TF_GetCode(s)) {
      tf.TF_OpKernelContext_Failure(c, s);
      ok = false;
    } else {
      ok = take_input(c, i, tensors[i], &out[i]);
    }
  }
  tf.TF_DeleteStatus(s);
  return ok;
}

static void release(void *data, size_t size, void *arg) {
  (void)data;
  (void)size;
  tftrt_tensor_release(arg);
  free(arg);
}

static bool give_output(TF_OpKernelContext *c, int i, const tftrt_tensor *t) {
  static _Alignas(64) char nothing[64]; /* of a tensor without elements */
  TF_Status *s = tf.TF_NewStatus();
  tftrt_tensor *kept = malloc(sizeof *kept);
  if (!kept) abort();
  *kept = *t;
  TF_Tensor *out = tf.TF_NewTensor((int)t->dtype, t->dims, t->rank, t->bytes ? t->data : nothing,
                                   t->bytes, release, kept);
  tf.TF_SetOutput(c, i, out, s);
  bool ok = !tf.TF_GetCode(s);
  if (!ok) tf.TF_OpKernelContext_Failure(c, s);
  tf.TF_DeleteTensor(out);
  tf.TF_DeleteStatus(s);
  return ok;
}

static void run(engine_t *e, TF_OpKernelContext *c, const tftrt_tensor *in, int n_in) {
  tftrt_tensor few[FEW];
  tftrt_error err = TFTRT_ERROR_INIT;
  int n = tf.TF_NumOutputs(c), given = 0;
  tftrt_tensor *out = n <= FEW ? few : calloc((size_t)n, sizeof *out);
  if (!out) abort();
  if (tftrt_engine_op_run(engine_op(e), in, n_in, out, n, &err)) {
    fail(c, (int)err.code, "%s", err.message);
  } else {
    for (bool ok = true; ok && given < n; given++) ok = give_output(c, given, &out[given]);
    for (int i = given; i < n; i++) tftrt_tensor_release(&out[i]);
  }
  if (out != few) free(out);
}

void engine_compute(void *node, TF_OpKernelContext *c) {
  TF_Tensor *few_tensors[FEW] = {0};
  tftrt_tensor few[FEW];
  engine_t *e = engine_of(node, c);
  if (!e) return;
  int n = tf.TF_NumInputs(c);
  bool is_few = n <= FEW;
  TF_Tensor **tensors = is_few ? few_tensors : calloc((size_t)n, sizeof(TF_Tensor *));
  tftrt_tensor *in = is_few ? few : calloc((size_t)n, sizeof *in);
  if (!tensors || !in) abort();
  engine_runs(e);
  bool taken = take_inputs(c, n, tensors, in);
  // Another node that has the engine, too, may have had more inputs.
  int first = n - tftrt_engine_op_variable_count(engine_op(e));
  for (int i = first < 0 ? 0 : first; taken && i < n; i++) {
    in[i].owner = tensors[i];  // the library's from now on
    tensors[i] = NULL;
  }
  if (taken) run(e, c, in, n);
  for (int i = 0; i < n; i++)
    if (tensors[i]) tf.TF_DeleteTensor(tensors[i]);
  if (is_few) return;
  free(tensors);
  free(in);
}
