// Ops that put a border around an array.
#include <string.h>

#include "ops/array.h"

static status_t pad_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0), *p = infer_in(c, 1);
  int64_t v[2 * SHAPE_MAX_RANK];
  int n;
  shape_t out = *in;
  TRY(infer_rank(c, 1, 2));
  if (in->rank < 0) {
    if (p->rank == 2 && p->d[0] >= 0 && p->d[0] <= SHAPE_MAX_RANK) {
      out = shape_unknown_dims((int)p->d[0]);
      infer_out(c, 0, &out);
    }
    return NULL;
  }
  if (p->rank == 2 && ((p->d[0] >= 0 && p->d[0] != in->rank) || (p->d[1] >= 0 && p->d[1] != 2)))
    return OP_FAIL(c, INVALID_ARGUMENT, "paddings must have shape [%d,2]", in->rank);
  if (infer_ints(c, 1, v, 2 * SHAPE_MAX_RANK, &n) && n == 2 * in->rank) {
    for (int i = 0; i < in->rank; i++) {
      if (v[2 * i] < 0 || v[2 * i + 1] < 0)
        return OP_FAIL(c, INVALID_ARGUMENT, "paddings must be non-negative");
      out.d[i] = dim_add(in->d[i], v[2 * i] + v[2 * i + 1]);
    }
  } else {
    out = shape_unknown_dims(in->rank);
  }
  infer_out(c, 0, &out);
  return NULL;
}

static status_t pad_sizes(const op_ctx_t *c, int64_t *v, shape_t *out) {
  const shape_t *in = &c->in[0].shape, *p = &c->in[1].shape;
  int n;
  if (p->rank != 2 || p->d[0] != in->rank || p->d[1] != 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "paddings must have shape [%d,2]", in->rank);
  TRY(op_ints(c, 1, v, 2 * SHAPE_MAX_RANK, &n));
  *out = *in;
  for (int i = 0; i < in->rank; i++) {
    if (v[2 * i] < 0 || v[2 * i + 1] < 0)
      return OP_FAIL(c, INVALID_ARGUMENT, "paddings must be non-negative");
    out->d[i] = dim_add(in->d[i], dim_add(v[2 * i], v[2 * i + 1]));
    if (out->d[i] < 0) return OP_FAIL(c, RESOURCE_EXHAUSTED, "the result is too large");
  }
  return NULL;
}

static status_t pad_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0];
  int64_t v[2 * SHAPE_MAX_RANK];
  shape_t s;
  tensor_t *out;
  TRY(pad_sizes(c, v, &s));
  if (shape_equal(&s, &in->shape)) {
    op_forward(c, 0, 0, &s);
    return NULL;
  }
  if (c->n_in > 2 && tensor_elements(&c->in[2]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "constant_values must be a scalar");
  TRY(op_out(c, 0, &s, &out));
  if (c->n_in > 2)
    TRY(fill_elements(out->dtype, c->in[2].data, out->data, tensor_elements(out), c->threads));
  else
    TRY(op_zero(c, out));
  pieces_t dims[SHAPE_MAX_RANK];
  for (int i = 0; i < s.rank; i++) dims[i] = (pieces_t){1, {{0, v[2 * i], in->shape.d[i], 1, 1}}};
  return pieces_copy(out->dtype, &in->shape, &s, dims, in->data, out->data, c->threads);
}

static status_t mirror_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0];
  bool reflect = node_string_is(c->node, "mode", "REFLECT");
  int64_t v[2 * SHAPE_MAX_RANK], edge = reflect;  // REFLECT leaves the edge itself out
  shape_t s;
  tensor_t *out;
  if (!reflect && !node_string_is(c->node, "mode", "SYMMETRIC"))
    return OP_FAIL(c, INVALID_ARGUMENT, "mode must be REFLECT or SYMMETRIC, not '%s'",
                   node_string(c->node, "mode"));
  TRY(pad_sizes(c, v, &s));
  pieces_t dims[SHAPE_MAX_RANK];
  for (int i = 0; i < s.rank; i++) {
    int64_t n = in->shape.d[i], b = v[2 * i], a = v[2 * i + 1];
    if (b > n - edge || a > n - edge)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "paddings must be at most %" PRId64 " in dimension %d: %" PRId64 ", %" PRId64,
                     n - edge < 0 ? 0 : n - edge, i, b, a);
    dims[i] = (pieces_t){
        3, {{0, b, n, 1, 1}, {b - 1 + edge, 0, b, -1, 1}, {n - 1 - edge, b + n, a, -1, 1}}};
  }
  TRY(op_out(c, 0, &s, &out));
  return pieces_copy(out->dtype, &in->shape, &s, dims, in->data, out->data, c->threads);
}

static bool pad_accept(lower_ctx_t *c, char *reason, size_t n) {
  return accept_array(c, 0, reason, n) && accept_shape_input(c, 1, "the padding", reason, n);
}

static status_t pad_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  p.pad.mode = PAD_CONSTANT;
  if (strcmp(c->node->op, "MirrorPad") == 0)
    p.pad.mode = node_string_is(c->node, "mode", "REFLECT") ? PAD_REFLECT : PAD_SYMMETRIC;
  return lower_layer(c, LAYER_PAD, 0, c->node->n_in, &p);
}

#define PAD(kernel_) .infer = pad_infer, .kernel = kernel_, .accept = pad_accept, .lower = pad_lower

const op_def_t ops_pad[] = {
    {.name = "Pad",
     .sig = "input: T, paddings: Tpaddings -> output: T",
     .attrs = "T: type; Tpaddings: type = int32",
     PAD(pad_kernel)},
    {.name = "PadV2",
     .sig = "input: T, paddings: Tpaddings, constant_values: T -> output: T",
     .attrs = "T: type; Tpaddings: type = int32",
     PAD(pad_kernel)},
    {.name = "MirrorPad",
     .sig = "input: T, paddings: Tpaddings -> output: T",
     .attrs = "T: type; Tpaddings: type = int32; mode: string",
     PAD(mirror_kernel)},
    {0},
};
