// Calls of functions: PartitionedCall, If, Case, While, For.
#include <string.h>

#include "ops/env.h"
#include "ops/functional_infer.h"
#include "ops/op.h"

static status_t call(op_ctx_t *c, const func_ref_t *f, int first) {
  if (!c->env) return OP_FAIL(c, FAILED_PRECONDITION, "no functions can be called here");
  if (!f) return OP_FAIL(c, INVALID_ARGUMENT, "the node names no function");
  // Borrowed, not taken: call() leaves them alone, so the cast drops no promise.
  return c->env->call(c->env, f, (tensor_t *)c->in + first, c->n_in - first, false, c->out,
                      c->n_out);
}

static status_t partitioned_call(op_ctx_t *c) { return call(c, node_func(c->node, "f"), 0); }

// A condition may be any tensor: a scalar is true when it is not zero (or not ""), others when they
// are not empty.
static status_t truth(const op_ctx_t *c, const tensor_t *t, bool *out) {
  if (t->shape.rank > 0) {
    *out = tensor_elements(t) > 0;
  } else if (t->dtype == DT_STRING) {
    *out = TENSOR_DATA(str_t, t)->n > 0;
  } else if (dtype_is_float(t->dtype) || dtype_is_int(t->dtype) || t->dtype == DT_BOOL) {
    *out = tensor_number_at(t, 0) != 0;
  } else {
    return OP_FAIL(c, INVALID_ARGUMENT, "a %s is no condition", dtype_name(t->dtype));
  }
  return NULL;
}

static status_t if_kernel(op_ctx_t *c) {
  bool yes = false;
  TRY(truth(c, &c->in[0], &yes));
  return call(c, node_func(c->node, yes ? "then_branch" : "else_branch"), 1);
}

static status_t case_kernel(op_ctx_t *c) {
  int64_t i = 0;
  TRY(op_int(c, 0, &i));
  const attr_value_t *branches = node_attr(c->node, "branches");
  if (!branches || branches->kind != ATTR_LIST || branches->n_list == 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "the node has no branches");
  if (i < 0 || (size_t)i >= branches->n_list) i = (int64_t)branches->n_list - 1;
  return call(c, &branches->list[i].func, 1);
}

static void unref_all(tensor_t *t, int n) {
  for (int i = 0; i < n; i++) tensor_unref(&t[i]);
}

// The loop's state is owned here and moves into each call of the body, which may thus write to it
// in place.
static status_t while_kernel(op_ctx_t *c) {
  const func_ref_t *cond = node_func(c->node, "cond"), *body = node_func(c->node, "body");
  if (!c->env) return OP_FAIL(c, FAILED_PRECONDITION, "no functions can be called here");
  if (!cond || !body) return OP_FAIL(c, INVALID_ARGUMENT, "cond or body is missing");
  int n = c->n_in;
  tensor_t *state = mem_calloc(2 * (size_t)n + 1, sizeof *state), *next = state + n;
  for (int i = 0; i < n; i++) state[i] = tensor_ref(&c->in[i]);
  status_t st = NULL;
  for (;;) {
    if (c->env->cancelled && c->env->cancelled(c->env)) {
      st = OP_FAIL(c, CANCELLED, "the run was cancelled");
      break;
    }
    tensor_t test = {0};
    st = c->env->call(c->env, cond, state, n, false, &test, 1);
    bool go_on = false;
    if (!st) st = truth(c, &test, &go_on);
    tensor_unref(&test);
    if (st || !go_on) break;
    st = c->env->call(c->env, body, state, n, true, next, n);
    if (st) break;
    memcpy(state, next, (size_t)n * sizeof *state);
    memset(next, 0, (size_t)n * sizeof *next);
  }
  if (!st)
    for (int i = 0; i < n; i++) op_out_take(c, i, state[i]);
  else
    unref_all(state, n);
  mem_free(state);
  return st;
}

static status_t for_kernel(op_ctx_t *c) {
  int64_t start, limit, delta;
  TRY(op_int(c, 0, &start));
  TRY(op_int(c, 1, &limit));
  TRY(op_int(c, 2, &delta));
  const func_ref_t *body = node_func(c->node, "body");
  if (!c->env || !body) return OP_FAIL(c, INVALID_ARGUMENT, "body is missing");
  if (delta == 0 || (delta > 0 && start > limit) || (delta < 0 && start < limit))
    return OP_FAIL(c, INVALID_ARGUMENT, "start %lld, limit %lld, delta %lld make no loop",
                   (long long)start, (long long)limit, (long long)delta);
  int n = c->n_in - 3;
  tensor_t *args = mem_calloc(2 * (size_t)n + 1, sizeof *args), *next = args + n + 1;
  for (int i = 0; i < n; i++) args[i + 1] = tensor_ref(&c->in[i + 3]);
  status_t st = NULL;
  for (int64_t i = start; !st && (delta > 0 ? i < limit : i > limit); i += delta) {
    st = tensor_from_ints(DT_INT32, &SHAPE_SCALAR, &i, &args[0]);
    if (!st) st = c->env->call(c->env, body, args, n + 1, true, next, n);
    if (!st) {
      memcpy(args + 1, next, (size_t)n * sizeof *args);
      memset(next, 0, (size_t)n * sizeof *next);
    }
  }
  for (int i = 0; i < n; i++) {
    if (st)
      tensor_unref(&args[i + 1]);
    else
      op_out_take(c, i, args[i + 1]);
  }
  tensor_unref(&args[0]);
  mem_free(args);
  return st;
}

#define CALL_ATTRS                                                                         \
  "Tin: list(type); Tout: list(type); f: func; config: string = ''; config_proto: string " \
  "= ''; executor_type: string = ''"
#define IF_SIG "cond: Tcond, input: Tin -> output: Tout"
#define IF_ATTRS                                                                           \
  "Tcond: type; Tin: list(type); Tout: list(type); then_branch: func; else_branch: func; " \
  "output_shapes: list(shape) = []"
#define CASE_SIG "branch_index: int32, input: Tin -> output: Tout"
#define CASE_ATTRS \
  "Tin: list(type); Tout: list(type); branches: list(func); output_shapes: list(shape) = []"
#define WHILE_ATTRS                                                          \
  "T: list(type); cond: func; body: func; output_shapes: list(shape) = []; " \
  "parallel_iterations: int = 10"

const op_def_t ops_functional[] = {
    {.name = "PartitionedCall",
     .sig = "args: Tin -> output: Tout",
     .attrs = CALL_ATTRS,
     .infer = infer_call,
     .kernel = partitioned_call,
     .flags = OP_CALLS | OP_NO_FOLD},
    {.name = "BatchFunction",
     .sig = "in_tensors: Tin, captured_tensors: Tcaptured -> out_tensors: Tout",
     .attrs = "f: func; num_batch_threads: int; max_batch_size: int; batch_timeout_micros: int; "
              "max_enqueued_batches: int = 10; allowed_batch_sizes: list(int) = []; container: "
              "string = ''; shared_name: string = ''; batching_queue: string = ''; Tin: "
              "list(type); Tcaptured: list(type) = []; Tout: list(type); "
              "enable_large_batch_splitting: bool = false",
     .kernel = partitioned_call,
     .flags = OP_CALLS | OP_STATEFUL | OP_NO_FOLD,
     .note = "each run is a batch of its own"},
    {.name = "StatefulPartitionedCall",
     .sig = "args: Tin -> output: Tout",
     .attrs = CALL_ATTRS,
     .infer = infer_call,
     .kernel = partitioned_call,
     .flags = OP_CALLS | OP_STATEFUL | OP_NO_FOLD},
    {.name = "If",
     .sig = IF_SIG,
     .attrs = IF_ATTRS,
     .infer = infer_if,
     .kernel = if_kernel,
     .flags = OP_CALLS | OP_STATEFUL | OP_NO_FOLD},
    {.name = "StatelessIf",
     .sig = IF_SIG,
     .attrs = IF_ATTRS,
     .infer = infer_if,
     .kernel = if_kernel,
     .flags = OP_CALLS | OP_NO_FOLD},
    {.name = "Case",
     .sig = CASE_SIG,
     .attrs = CASE_ATTRS,
     .infer = infer_case,
     .kernel = case_kernel,
     .flags = OP_CALLS | OP_STATEFUL | OP_NO_FOLD},
    {.name = "StatelessCase",
     .sig = CASE_SIG,
     .attrs = CASE_ATTRS,
     .infer = infer_case,
     .kernel = case_kernel,
     .flags = OP_CALLS | OP_NO_FOLD},
    {.name = "While",
     .sig = "input: T -> output: T",
     .attrs = WHILE_ATTRS,
     .infer = infer_while,
     .kernel = while_kernel,
     .flags = OP_CALLS | OP_STATEFUL | OP_NO_FOLD},
    {.name = "StatelessWhile",
     .sig = "input: T -> output: T",
     .attrs = WHILE_ATTRS,
     .infer = infer_while,
     .kernel = while_kernel,
     .flags = OP_CALLS | OP_NO_FOLD},
    {.name = "For",
     .sig = "start: int32, limit: int32, delta: int32, input: T -> output: T",
     .attrs = "T: list(type); body: func",
     .kernel = for_kernel,
     .flags = OP_CALLS | OP_NO_FOLD},
    {0},
};
