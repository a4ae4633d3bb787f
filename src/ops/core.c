// Ops that every graph has: constants, arguments, identities.
#include "ops/array.h"

static status_t const_infer(infer_ctx_t *c) {
  attr_value_t *a = node_attr(c->node, "value");
  const tensor_t *t;
  if (!a) return OP_FAIL(c, INVALID_ARGUMENT, "has no attribute 'value'");
  status_t st = attr_tensor(a, &t);
  if (st) return status_prefix(st, "Const '%s'", c->node->name);
  infer_out(c, 0, &t->shape);
  if (tensor_empty(t)) return NULL;  // the content is somewhere else
  if (!c->node->out_value)
    c->node->out_value = arena_alloc(c->graph->arena, sizeof *c->node->out_value);
  if (tensor_empty(&c->node->out_value[0])) c->node->out_value[0] = tensor_ref(t);
  return NULL;
}

static status_t const_kernel(op_ctx_t *c) {
  attr_value_t *a = node_attr(c->node, "value");
  const tensor_t *t;
  if (!a) return OP_FAIL(c, INVALID_ARGUMENT, "has no attribute 'value'");
  TRY(attr_tensor(a, &t));
  op_out_take(c, 0, tensor_ref(t));
  return NULL;
}

static status_t placeholder_infer(infer_ctx_t *c) {
  shape_t s = node_shape(c->node, "shape");
  infer_out(c, 0, &s);
  return NULL;
}

static status_t identities_infer(infer_ctx_t *c) {
  for (int i = 0; i < c->node->n_out; i++) {
    shape_t dims;
    infer_out(c, i, infer_in(c, i));
    if (infer_in(c, i)->rank >= 0 && infer_in(c, i)->rank <= 1 && infer_dims(c, i, &dims))
      infer_out_dims(c, i, &dims);
  }
  return NULL;
}

static status_t identities_kernel(op_ctx_t *c) {
  for (int i = 0; i < c->n_out; i++) op_forward(c, i, i, &c->in[i].shape);
  return NULL;
}

static bool identities_accept(lower_ctx_t *c, char *reason, size_t n) {
  for (int i = 0; i < c->node->n_in; i++)
    if (!accept_dtype(c, lower_dtype(c, i), reason, n)) return false;
  return true;
}

static status_t identities_lower(lower_ctx_t *c) {
  for (int i = 0; i < c->node->n_out; i++) {
    layer_params_t p = {0};
    c->out[i] = net_layer1(c->net, LAYER_IDENTITY, 1, &c->in[i], c->in[i]->dtype, &p);
  }
  return NULL;
}

#define IDENTITY                                                                       \
  .infer = identities_infer, .kernel = identities_kernel, .accept = identities_accept, \
  .lower = identities_lower

static status_t no_op(op_ctx_t *c) {
  (void)c;
  return NULL;
}

static status_t ensure_infer(infer_ctx_t *c) {
  shape_t want = node_shape(c->node, "shape"), s;
  char a[128], b[128];
  if (!shape_merge(infer_in(c, 0), &want, &s))
    return OP_FAIL(c, INVALID_ARGUMENT, "shape %s is not compatible with expected shape %s",
                   shape_format(infer_in(c, 0), a, sizeof a), shape_format(&want, b, sizeof b));
  infer_out(c, 0, &s);
  return NULL;
}

static status_t ensure_kernel(op_ctx_t *c) {
  shape_t want = node_shape(c->node, "shape");
  char a[128], b[128];
  if (!shape_compatible(&c->in[0].shape, &want))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "shape of tensor %s is not compatible with expected shape %s",
                   shape_format(&c->in[0].shape, a, sizeof a), shape_format(&want, b, sizeof b));
  op_forward(c, 0, 0, &c->in[0].shape);
  return NULL;
}

static status_t empty_infer(infer_ctx_t *c) {
  shape_t s = SHAPE_UNKNOWN;
  infer_dims(c, 0, &s);
  infer_out(c, 0, &s);
  return NULL;
}

// Zeros even when `init` does not ask for it: the same input gives the same output.
static status_t empty_kernel(op_ctx_t *c) {
  shape_t s;
  tensor_t *out;
  TRY(op_dims(c, 0, "shape", &s));
  TRY(op_out(c, 0, &s, &out));
  return op_zero(c, out);
}

const op_def_t ops_core[] = {
    {.name = "NoOp", .sig = "->", .attrs = "", .kernel = no_op},
    {.name = "Const",
     .sig = "-> output: dtype",
     .attrs = "value: tensor; dtype: type",
     .infer = const_infer,
     .kernel = const_kernel},
    {.name = "Placeholder",
     .sig = "-> output: dtype",
     .attrs = "dtype: type; shape: shape",
     .infer = placeholder_infer,
     .flags = OP_NO_FOLD},
    {.name = "PlaceholderWithDefault",
     .sig = "input: dtype -> output: dtype",
     .attrs = "dtype: type; shape: shape",
     .infer = placeholder_infer,
     .kernel = identities_kernel,
     .flags = OP_NO_FOLD},
    {.name = "_Arg", .sig = "-> output: T", .attrs = "T: type; index: int", .flags = OP_NO_FOLD},
    {.name = "_Retval",
     .sig = "input: T ->",
     .attrs = "T: type; index: int",
     .kernel = no_op,
     .flags = OP_NO_FOLD},
    {.name = "Identity", .sig = "input: T -> output: T", .attrs = "T: type", IDENTITY},
    {.name = "IdentityN", .sig = "input: T -> output: T", .attrs = "T: list(type)", IDENTITY},
    {.name = "Snapshot", .sig = "input: T -> output: T", .attrs = "T: type", IDENTITY},
    {.name = "StopGradient", .sig = "input: T -> output: T", .attrs = "T: type", IDENTITY},
    {.name = "PreventGradient",
     .sig = "input: T -> output: T",
     .attrs = "T: type; message: string = ''",
     IDENTITY},
    {.name = "EnsureShape",
     .sig = "input: T -> output: T",
     .attrs = "shape: shape; T: type",
     .infer = ensure_infer,
     .kernel = ensure_kernel},
    {.name = "Empty",
     .sig = "shape: int32 -> output: dtype",
     .attrs = "dtype: type; init: bool = false",
     .infer = empty_infer,
     .kernel = empty_kernel},
    {0},
};
