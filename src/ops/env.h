// What a run offers to kernels beyond their inputs. runtime/ fills the table; ops/ and kernels know
// only this page. Every function may be called from the thread of the run only, but many runs share
// the model's resources.
#ifndef TFTRT_OPS_ENV_H
#define TFTRT_OPS_ENV_H

#include "graph/graph.h"

typedef struct op_env op_env_t;
struct op_env {
  int threads;
  // A tensor from the run's buffer pool; unref gives it back. Steady-state runs allocate nothing
  // from the system.
  status_t (*alloc)(op_env_t *env, dtype_t dtype, const shape_t *shape, tensor_t *out);
  // Calls a function of the library. in: n_in tensors; with `take` the callee consumes them (they
  // are empty afterwards, on errors too), so that a loop body can write into its own arguments;
  // else they stay the caller's. out[] receives owned tensors; all empty after an error.
  status_t (*call)(op_env_t *env, const func_ref_t *f, tensor_t *in, int n_in, bool take,
                   tensor_t *out, int n_out);
  // Named resources that live as long as the loaded model (variables, tables, counters, random
  // seeds): a new reference, or NULL. `make` (may be NULL) creates it when absent; thread-safe,
  // made once. A `make` that fails leaves its status in arg and returns NULL.
  object_t *(*resource)(op_env_t *env, const char *container, const char *name,
                        object_t *(*make)(void *arg), void *arg);
  // Forgets the resource of that name, or (name NULL) the entry that is `o`; false when absent.
  bool (*resource_remove)(op_env_t *env, const char *container, const char *name,
                          const object_t *o);
  // The value that the model's checkpoint holds for a variable: mapped. NOT_FOUND when it has none.
  status_t (*variable)(op_env_t *env, const char *name, tensor_t *out);
  bool (*cancelled)(op_env_t *env);  // long loops ask now and then
  // Text of Print and PrintV2; NULL: nobody listens.
  void (*print)(op_env_t *env, const char *text, size_t n);
  // Runs a TRTEngineOp or one of the resource ops around it (ops/trt_engine.c); NULL where there
  // are no engines. out[] receives owned tensors.
  status_t (*run_engine)(op_env_t *env, const node_t *node, const tensor_t *in, int n_in,
                         tensor_t *out, int n_out);
};

#endif
