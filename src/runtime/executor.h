// Runs graphs. An executable is a graph and the functions that it calls, scheduled once; runs of it
// are independent of each other and may go on in many threads.
//
// Graphs without TF1 control flow get a static schedule: nodes in topological order, each value
// released after its last reader, buffers reused through the pool of the run. Graphs with Switch,
// Merge, Enter, Exit, NextIteration are run by dataflow (runtime/dataflow.h).
#ifndef TFTRT_RUNTIME_EXECUTOR_H
#define TFTRT_RUNTIME_EXECUTOR_H

#include "graph/graph.h"
#include "ops/env.h"

// What all executables of a model share. Must outlive them; all functions are thread-safe. NULL
// functions: that service is absent.
typedef struct resources resources_t;
typedef struct exec_services {
  void *self;
  resources_t *resources;
  int threads;  // per run, for loops inside kernels
  // The checkpoint's value of a variable.
  status_t (*variable)(void *self, const char *name, tensor_t *out);
  // Called once for each function body before it is scheduled: to inline, freeze, ...
  status_t (*prepare_body)(void *self, graph_t *body);
  // TRTEngineOp and its resource ops (see op_env_t.run_engine).
  status_t (*run_engine)(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                         int n_in, tensor_t *out, int n_out);
  void (*print)(void *self, const char *text, size_t n);
} exec_services_t;

typedef struct executable executable_t;

// Schedules the nodes that g's rets and control_rets need, and all functions that they call.
// UNIMPLEMENTED lists, in one message, every op that has no native kernel with how often it occurs.
// g, its arena and its library stay the caller's and must outlive the executable; they are not
// changed but for bodies (prepare_body).
status_t executable_create(graph_t *g, const exec_services_t *services, executable_t **out);
void executable_destroy(executable_t *x);  // NULL is fine; no run may be going on
// in: [n_args], borrowed; out: [n_rets], receives owned tensors (all empty after an error). Any
// thread.
status_t executable_run(executable_t *x, const tensor_t *in, tensor_t *out);
// How often runs asked the system for tensor memory so far.
int64_t executable_system_allocations(executable_t *x);

// Resources by container and name: variables, tables, engine caches.
resources_t *resources_create(void);
void resources_destroy(resources_t *r);  // NULL is fine
object_t *resources_get(resources_t *r, const char *container, const char *name,
                        object_t *(*make)(void *arg), void *arg);
bool resources_remove(resources_t *r, const char *container, const char *name, const object_t *o);

#endif
