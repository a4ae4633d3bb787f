// One graph (a signature or a function body) made ready to run: inner header of the executor.
#ifndef TFTRT_RUNTIME_PROGRAM_H
#define TFTRT_RUNTIME_PROGRAM_H

#include <pthread.h>

#include "ops/op.h"
#include "runtime/executor.h"
#include "runtime/pool.h"

// What one run of an executable holds; a kernel's env is its first member.
typedef struct run {
  op_env_t env;
  executable_t *executable;
  pool_t *pool;
  int depth;  // of function calls
  struct run *next;
} run_t;

// A node to be run. Indices lead into the program's arrays.
typedef struct step {
  const node_t *node;
  int in0, n_in;    // in_slot, last_use, release, deref
  int out0, n_out;  // slots
} step_t;

typedef struct frame {
  tensor_t *slots;  // [n_slots]; constants are there for good, others empty between runs
  tensor_t *in;     // [max_in]: inputs of the node at work
  struct frame *next;
} frame_t;

typedef struct dataflow dataflow_t;

typedef struct program {
  const graph_t *graph;
  step_t *steps;
  int n_steps;
  int *in_slot;
  bool *last_use;  // nobody reads the value after this, and it is no constant: may be overwritten
  bool *release;   // this was the last reader
  bool *deref;     // the input is a TF1 reference, the node wants its value
  int n_inputs, max_in;
  int n_slots;
  bool *unread;         // [n_slots] nobody reads it at all
  tensor_t *constants;  // [n_slots], references; empty for other slots
  int *arg_slot;        // [n_args], -1: not needed
  int *ret_slot;        // [n_rets]
  bool *ret_deref;
  dataflow_t *dataflow;  // instead of steps, for TF1 control flow
  pthread_mutex_t lock;  // guards frames
  frame_t *frames;
} program_t;

status_t program_create(graph_t *g, program_t **out);
void program_destroy(program_t *p);  // NULL is fine
// With `take`, in[] is consumed (on errors too). out: [n_rets].
status_t program_run(program_t *p, run_t *run, tensor_t *in, int n_in, bool take, tensor_t *out,
                     int n_out);

// Runs one node's kernel. out: [n_out], all empty before, and after an error.
status_t program_run_node(run_t *run, const node_t *n, const tensor_t *in, int n_in,
                          const bool *last_use, tensor_t *out);
// Replaces the TF1 reference in *t (owned) by the value of its variable.
status_t program_dereference(tensor_t *t);
// The nodes that the graph's rets and control_rets need, in topological order; mem_free *order.
status_t program_order(const graph_t *g, node_t ***order, int *n);
bool program_is_arg(const graph_t *g, const node_t *n, int *index);
// The value of a Const node, owned by the node.
status_t program_const_value(const node_t *n, const tensor_t **out);

bool dataflow_needed(node_t *const *order, int n);
status_t dataflow_create(const graph_t *g, node_t *const *order, int n, dataflow_t **out);
void dataflow_destroy(dataflow_t *d);
status_t dataflow_run(dataflow_t *d, run_t *run, const tensor_t *in, tensor_t *out);

#endif
