// Control flow of TF1 graphs. A kernel here only moves its input; an output that it leaves empty is
// dead, and what follows from that is the dataflow executor's business.
#include "ops/env.h"
#include "ops/op.h"

static status_t forward(op_ctx_t *c) {
  op_forward(c, 0, 0, &c->in[0].shape);
  return NULL;
}

static status_t switch_kernel(op_ctx_t *c) {
  int64_t pred = 0;
  TRY(op_int(c, 1, &pred));
  op_forward(c, pred ? 1 : 0, 0, &c->in[0].shape);
  return NULL;
}

static status_t switch_n(op_ctx_t *c) {
  int64_t i = 0;
  TRY(op_int(c, 1, &i));
  if (i < 0 || i >= c->n_out) i = c->n_out - 1;
  op_forward(c, (int)i, 0, &c->in[0].shape);
  return NULL;
}

// The one input that is there; the executor runs a Merge as soon as there is one.
static status_t merge(op_ctx_t *c) {
  for (int64_t i = 0; i < c->n_in; i++) {
    if (tensor_empty(&c->in[i])) continue;
    op_forward(c, 0, (int)i, &c->in[i].shape);
    tensor_t *index;
    TRY(op_out(c, 1, &SHAPE_SCALAR, &index));
    TENSOR_DATA(int32_t, index)[0] = (int32_t)i;
    return NULL;
  }
  return OP_FAIL(c, INTERNAL, "no input is alive");
}

static status_t nothing(op_ctx_t *c) {
  (void)c;
  return NULL;
}

static status_t infer_switch(infer_ctx_t *c) {
  for (int i = 0; i < c->node->n_out; i++) infer_out(c, i, infer_in(c, 0));
  return NULL;
}

// What all inputs agree on; those not inferred yet (back edges of loops) make it unknown.
static status_t infer_merge(infer_ctx_t *c) {
  shape_t s = *infer_in(c, 0);
  for (int i = 1; i < c->node->n_in; i++) {
    const shape_t *b = infer_in(c, i);
    if (s.rank != b->rank) s = SHAPE_UNKNOWN;
    for (int d = 0; d < s.rank; d++)
      if (s.d[d] != b->d[d]) s.d[d] = -1;
  }
  infer_out(c, 0, &s);
  infer_out(c, 1, &SHAPE_SCALAR);
  return NULL;
}

#define MOVE(NAME, SIG, ATTRS, INFER, KERNEL)                                   \
  {                                                                             \
    .name = NAME, .sig = SIG, .attrs = ATTRS, .infer = INFER, .kernel = KERNEL, \
    .flags = OP_NO_FOLD                                                         \
  }
#define ENTER_ATTRS \
  "T: type; frame_name: string; is_constant: bool = false; parallel_iterations: int = 10"
#define SWITCH_SIG "data: T, pred: bool -> output_false: T, output_true: T"
#define MERGE_SIG "inputs: N * T -> output: T, value_index: int32"

const op_def_t ops_control_flow[] = {
    MOVE("Switch", SWITCH_SIG, "T: type", infer_switch, switch_kernel),
    MOVE("RefSwitch", SWITCH_SIG, "T: type", infer_switch, switch_kernel),
    MOVE("_SwitchN", "data: T, output_index: int32 -> outputs: num_outs * T",
         "num_outs: int; T: type", infer_switch, switch_n),
    MOVE("Merge", MERGE_SIG, "T: type; N: int", infer_merge, merge),
    MOVE("RefMerge", MERGE_SIG, "T: type; N: int", infer_merge, merge),
    MOVE("Enter", "data: T -> output: T", ENTER_ATTRS, NULL, forward),
    MOVE("RefEnter", "data: T -> output: T", ENTER_ATTRS, NULL, forward),
    MOVE("Exit", "data: T -> output: T", "T: type", infer_same, forward),
    MOVE("RefExit", "data: T -> output: T", "T: type", infer_same, forward),
    MOVE("NextIteration", "data: T -> output: T", "T: type", infer_same, forward),
    MOVE("RefNextIteration", "data: T -> output: T", "T: type", infer_same, forward),
    MOVE("LoopCond", "input: bool -> output: bool", "", infer_same, forward),
    MOVE("ControlTrigger", "->", "", NULL, nothing),
    {0},
};
