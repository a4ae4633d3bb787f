// What a run offers to kernels beyond their inputs. runtime/ fills the table; ops/ and kernels know
// only this page.
#ifndef TFTRT_OPS_ENV_H
#define TFTRT_OPS_ENV_H

#include "graph/graph.h"

typedef struct op_env op_env_t;
struct op_env {
  int threads;
  // A tensor from the run's buffer pool; unref gives it back. Steady-state runs allocate nothing
  // from the system.
  status_t (*alloc)(op_env_t *env, dtype_t dtype, const shape_t *shape, tensor_t *out);
  // Calls a function of the library with borrowed inputs; out[] receives owned tensors.
  status_t (*call)(op_env_t *env, const func_ref_t *f, const tensor_t *in, int n_in, tensor_t *out,
                   int n_out);
  // Named resources that live as long as the loaded model (variables, tables, counters, random
  // seeds): returns a new reference, or NULL. `make` (may be NULL) creates it when absent;
  // thread-safe, made once.
  object_t *(*resource)(op_env_t *env, const char *container, const char *name,
                        object_t *(*make)(void *arg), void *arg);
  bool (*resource_remove)(op_env_t *env, const char *container, const char *name);
  // Resources that live for one run only (TensorArray, stacks).
  object_t *(*step_resource)(op_env_t *env, const char *name, object_t *(*make)(void *arg),
                             void *arg);
  bool (*cancelled)(op_env_t *env);  // long loops ask now and then
  // Absolute path of an asset file of the model, for table initialisers; NULL when there is none of
  // that name.
  const char *(*asset_path)(op_env_t *env, const char *name);
};

#endif
