// One entry per TensorFlow op: signature, shape function, native kernel, lowering to network
// layers. The lists "runs natively", "an engine takes it" and docs/ops.md are made from this table.
// One op family per file src/ops/<family>.c, which exports an array ended by {0} and has one line
// in src/ops/families.inc.
#ifndef TFTRT_OPS_OP_H
#define TFTRT_OPS_OP_H

#include "graph/graph.h"
#include "network/network.h"

typedef struct infer_ctx infer_ctx_t;
typedef struct op_ctx op_ctx_t;
typedef struct lower_ctx lower_ctx_t;

enum {
  OP_STATEFUL = 1,     // never folded, merged or dropped while something may see its effect
  OP_COMMUTATIVE = 2,  // the two first inputs may be swapped
  OP_NO_FOLD = 4,      // stateless, yet not to be folded (control flow, placeholders, Q/DQ, ...)
  OP_CALLS = 8,        // calls functions named in attributes
  OP_CHEAP_FOLD =
      16,  // folding does not need the values of its inputs (Shape, Rank, Size of known shapes)
  OP_LATE_INPUTS = 32,  // a NodeDef without inputs is right too: they come from elsewhere
};

typedef struct op_def {
  const char *name;
  // Inputs and outputs as TensorFlow's OpDef has them: "x: T, y: T -> z: T"; a list is "inputs: N *
  // T" (number attr) or "args: Tin" where Tin is a list(type) attr; a fixed dtype is its OpDef name
  // ("-> index: int32"). Output names matter: function bodies refer to "node:<output name>:<i>".
  const char *sig;
  // "T: type; transpose_a: bool = false; k: int = 3; axes: list(int) = []; data_format: string =
  // 'NHWC'; f: func".
  const char *attrs;
  status_t (*infer)(infer_ctx_t *c);  // NULL: outputs of unknown shape
  status_t (*kernel)(op_ctx_t *c);    // NULL: cannot run natively
  // NULL: no engine takes it. `accept` (may be NULL) says whether this node can be lowered: when
  // not, it returns false and writes the reason. It sees shapes, dtypes and known values through
  // the same lower_ctx as `lower`.
  bool (*accept)(lower_ctx_t *c, char *reason, size_t n);
  status_t (*lower)(lower_ctx_t *c);
  unsigned flags;
  const char
      *note;  // for docs/ops.md: what the entry does not do, or does its own way; may be NULL
} op_def_t;

const op_def_t *op_find(const char *name);
// Every entry, in table order: for (int i = 0; (d = op_at(i)); i++)
const op_def_t *op_at(int i);

// The parsed form of sig and attrs, made once.
typedef struct op_arg {
  const char *name;
  dtype_t dtype;            // fixed dtype, or DT_INVALID
  const char *type_attr;    // or the attr that holds it
  const char *number_attr;  // "N * T": the attr with the count
  const char *list_attr;    // list(type) attr
} op_arg_t;
typedef struct op_attr_def {
  const char *name;
  const char *type;              // "type", "int", "list(int)", ...
  const attr_value_t *fallback;  // NULL: no default
} op_attr_def_t;
typedef struct op_signature {
  op_arg_t *in, *out;
  int n_in, n_out;
  op_attr_def_t *attrs;
  int n_attrs;
} op_signature_t;
const op_signature_t *op_signature(const op_def_t *d);
// The flat output index of "<output name>:<i>" for this node; -1 when there is none.
int op_output_index(const node_t *n, const char *out_name, int i);
// The reverse, for writing function bodies: the output's name and the index within it.
void op_output_name(const node_t *n, int port, const char **name, int *i);

// ---------------------------------------------------------------- shape functions

struct infer_ctx {
  graph_t *graph;
  node_t *node;
};
// Shape, dtype and known value of input i. Never NULL for shape; the value is NULL when unknown.
const shape_t *infer_in(const infer_ctx_t *c, int i);
dtype_t infer_in_dtype(const infer_ctx_t *c, int i);
const tensor_t *infer_value(const infer_ctx_t *c, int i);
// Input i as a list of dims: known elements, -1 (or a symbol) for unknown ones. False when not even
// its length is known.
bool infer_dims(const infer_ctx_t *c, int i, shape_t *out);
void infer_out(infer_ctx_t *c, int i, const shape_t *s);
// Tells that output i (an integer scalar or vector) holds these dims, some maybe unknown: known
// shape arithmetic.
void infer_out_dims(infer_ctx_t *c, int i, const shape_t *dims);
int64_t infer_new_symbol(infer_ctx_t *c);
// Ready-made ones.
status_t infer_same(infer_ctx_t *c);       // every output like input 0
status_t infer_broadcast(infer_ctx_t *c);  // output 0 = broadcast of inputs 0 and 1
status_t infer_scalar(infer_ctx_t *c);     // output 0 is a scalar

// ---------------------------------------------------------------- native kernels

struct op_env;  // runtime/: functions, resources, buffer pool; opaque to kernels
struct op_ctx {
  const node_t *node;
  const tensor_t *in;  // [n_in], borrowed
  int n_in;
  tensor_t
      *out;  // [n_out], empty at the start; the kernel fills each (op_out, op_out_take, op_forward)
  int n_out;
  int threads;           // for parallel_for
  const bool *last_use;  // [n_in] or NULL: nobody reads that input after this node (op_out_like)
  struct op_env *env;    // NULL while folding constants: stateful services are then absent
};
// Allocates output i (from the run's buffer pool) with the node's output dtype. Not zeroed.
status_t op_out(op_ctx_t *c, int i, const shape_t *s, tensor_t **out);
status_t op_out_typed(op_ctx_t *c, int i, dtype_t dtype, const shape_t *s, tensor_t **out);
void op_out_take(op_ctx_t *c, int i, tensor_t t);  // gives the reference away
void op_forward(op_ctx_t *c, int i, int in,
                const shape_t *s);  // output i is input `in` under shape s, no copy
// As op_out with in's dtype and shape, but reuses the input's buffer when nobody else holds it.
status_t op_out_like(op_ctx_t *c, int i, int in, tensor_t **out);
status_t op_temp(op_ctx_t *c, dtype_t dtype, const shape_t *s,
                 tensor_t *out);  // scratch; tensor_unref it
// FAIL(...) prefixed with "<op> <node name>": return OP_FAIL(c, INVALID_ARGUMENT, "...", ...)
#define OP_FAIL(c, CODE, fmt, ...) \
  FAIL(CODE, "%s '%s': " fmt, (c)->node->op, (c)->node->name __VA_OPT__(, ) __VA_ARGS__)
// Input i as ints (axes, shapes, sizes): INVALID_ARGUMENT when it has more than max elements.
status_t op_ints(const op_ctx_t *c, int i, int64_t *v, int max, int *n);
status_t op_int(const op_ctx_t *c, int i, int64_t *v);  // a scalar (or one element)

// ---------------------------------------------------------------- lowering

struct lower_ctx {
  graph_t *graph;
  const node_t *node;
  network_t *net;
  net_tensor_t *in[64];  // inputs already lowered (constants too); `accept` must not use these
  int n_in;
  net_tensor_t
      *out[64];  // to be set by `lower`, one per output; NULL for outputs that nothing reads
  int n_out;
};
const shape_t *lower_shape(const lower_ctx_t *c, int in);  // as inferred for the graph
dtype_t lower_dtype(const lower_ctx_t *c, int in);
const tensor_t *lower_value(const lower_ctx_t *c, int in);  // known value or NULL
const shape_t *lower_out_shape(const lower_ctx_t *c, int out);
// Known small integer input; false when its value is not known.
bool lower_ints(const lower_ctx_t *c, int in, int64_t *v, int max, int *n);

#endif
