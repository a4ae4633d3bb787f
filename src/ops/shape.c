// Ops that ask for shapes or change them without touching the elements.
#include <string.h>

#include "ops/array.h"

// ---------------------------------------------------------------- Shape, ShapeN, Size, Rank

static status_t shape_infer(infer_ctx_t *c) {
  for (int i = 0; i < c->node->n_out; i++) {
    const shape_t *s = infer_in(c, i);
    shape_t out = SHAPE(s->rank < 0 ? -1 : s->rank);
    infer_out(c, i, &out);
    if (s->rank >= 0) infer_out_dims(c, i, s);
  }
  return NULL;
}

static status_t shape_kernel(op_ctx_t *c) {
  for (int i = 0; i < c->n_out; i++)
    TRY(op_out_ints(c, i, 1, c->in[i].shape.rank, c->in[i].shape.d));
  return NULL;
}

static status_t size_infer(infer_ctx_t *c) {
  const shape_t *s = infer_in(c, 0);
  infer_out(c, 0, &SHAPE_SCALAR);
  if (s->rank < 0) return NULL;
  shape_t n = SHAPE(1);
  for (int i = 0; i < s->rank; i++) n.d[0] = dim_mul(n.d[0], s->d[i]);
  infer_out_dims(c, 0, &n);
  return NULL;
}

static status_t size_kernel(op_ctx_t *c) {
  int64_t n = tensor_elements(&c->in[0]);
  return op_out_ints(c, 0, 0, 1, &n);
}

static status_t rank_infer(infer_ctx_t *c) {
  infer_out(c, 0, &SHAPE_SCALAR);
  shape_t r = SHAPE(infer_in(c, 0)->rank);
  if (r.d[0] >= 0) infer_out_dims(c, 0, &r);
  return NULL;
}

static status_t rank_kernel(op_ctx_t *c) {
  int64_t n = c->in[0].shape.rank;
  return op_out_ints(c, 0, 0, 1, &n);
}

static status_t shape_lower(lower_ctx_t *c) {
  for (int i = 0; i < c->node->n_out; i++) {
    layer_params_t p = {0};
    c->out[i] = net_layer1(c->net, LAYER_SHAPE, 1, &c->in[i], c->node->out_dtype[i], &p);
  }
  return NULL;
}

static status_t size_lower(lower_ctx_t *c) {
  return lower_layer(c, LAYER_SIZE, 0, 1, &(layer_params_t){0});
}

static status_t rank_lower(lower_ctx_t *c) {
  return lower_layer(c, LAYER_RANK, 0, 1, &(layer_params_t){0});
}

static bool shape_accept(lower_ctx_t *c, char *reason, size_t n) {
  for (int i = 0; i < c->node->n_in; i++)
    if (!accept_array(c, i, reason, n)) return false;
  return true;
}

// ---------------------------------------------------------------- Reshape

static status_t reshape_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  shape_t s;
  TRY(infer_rank(c, 1, 1));
  if (!infer_dims(c, 1, &s)) return NULL;
  // One dim at most may be found from the number of elements; a constant's -1 or an unknown one.
  int unknown = -1, n_unknown = 0;
  int64_t known = 1;
  for (int i = 0; i < s.rank; i++) {
    if (s.d[i] >= 0) {
      known = dim_mul(known, s.d[i]);
    } else {
      unknown = i;
      n_unknown++;
    }
  }
  const tensor_t *value = infer_value(c, 1);
  int64_t total = shape_elements(in);
  char a[128], b[128];
  if (value)
    for (int i = 0; i < s.rank; i++) {
      int64_t v = 0;
      TRY(tensor_int_at(value, i, &v));
      if (v < -1)
        return OP_FAIL(c, INVALID_ARGUMENT, "size %d must be non-negative, not %" PRId64, i, v);
    }
  if (value && n_unknown > 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "only one input size may be -1, not both of %s",
                   shape_format(&s, b, sizeof b));
  if (n_unknown == 0 && total >= 0 && total != known)
    return OP_FAIL(c, INVALID_ARGUMENT, "cannot reshape a tensor of shape %s to shape %s",
                   shape_format(in, a, sizeof a), shape_format(&s, b, sizeof b));
  if (n_unknown == 1 && total >= 0 && known > 0) {
    if (total % known)
      return OP_FAIL(c, INVALID_ARGUMENT, "cannot reshape a tensor of shape %s to shape %s",
                     shape_format(in, a, sizeof a), shape_format(&s, b, sizeof b));
    s.d[unknown] = total / known;
  } else if (n_unknown == 1 && in->rank >= 0 && known > 0 && s.d[unknown] == -1) {
    // [B,7,7,64] to [-1,3136]: when the known dims cancel, the one symbol that is left is the dim.
    int64_t fixed = 1, symbol = 0;
    int n_symbols = 0;
    for (int i = 0; i < in->rank; i++) {
      if (in->d[i] >= 0) {
        fixed = dim_mul(fixed, in->d[i]);
      } else {
        symbol = in->d[i];
        n_symbols++;
      }
    }
    if (n_symbols == 1 && fixed == known) s.d[unknown] = symbol;
  } else if (n_unknown > 1 && !value && total >= 0 && known > 0 && known == total) {
    for (int i = 0; i < s.rank; i++)
      if (s.d[i] < 0) s.d[i] = 1;
  }
  infer_out(c, 0, &s);
  shape_t dims;  // a reshaped scalar or vector of known content keeps it
  if (in->rank >= 0 && in->rank <= 1 && s.rank <= 1 && infer_dims(c, 0, &dims))
    infer_out_dims(c, 0, &dims);
  return NULL;
}

static status_t reshape_kernel(op_ctx_t *c) {
  shape_t s = {0};
  if (c->in[1].shape.rank != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the shape must be a vector, but has %d dimensions",
                   c->in[1].shape.rank);
  TRY(op_ints(c, 1, s.d, SHAPE_MAX_RANK, &s.rank));
  const shape_t *in = &c->in[0].shape;
  int64_t known = 1, total = tensor_elements(&c->in[0]);
  int unknown = -1;
  bool zero = false;
  for (int i = 0; i < s.rank; i++) {
    if (s.d[i] == -1) {
      if (unknown >= 0)
        return OP_FAIL(c, INVALID_ARGUMENT, "only one input size may be -1, not both %d and %d",
                       unknown, i);
      unknown = i;
    } else if (s.d[i] < 0) {
      return OP_FAIL(c, INVALID_ARGUMENT, "size %d must be non-negative, not %" PRId64, i, s.d[i]);
    } else if (s.d[i] == 0) {
      zero = true;
    } else {
      known = dim_mul(known, s.d[i]);
    }
  }
  if (unknown >= 0 && known > 0) {
    // A zero among the sizes stands against the zeros of the input; the other dims say how large
    // the missing one is.
    int64_t rest = 1;
    for (int i = 0; i < in->rank; i++)
      if (in->d[i] > 0 || !zero) rest = dim_mul(rest, in->d[i]);
    if (!zero && rest % known)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "input to reshape is a tensor with %" PRId64
                     " values, but the requested shape requires a multiple of %" PRId64,
                     total, known);
    s.d[unknown] = rest / known;
  }
  if (shape_elements(&s) != total)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "input to reshape is a tensor with %" PRId64
                   " values, but the requested shape has %" PRId64,
                   total, shape_elements(&s));
  op_forward(c, 0, 0, &s);
  return NULL;
}

static bool reshape_accept(lower_ctx_t *c, char *reason, size_t n) {
  return accept_array(c, 0, reason, n) && accept_shape_input(c, 1, "the shape", reason, n);
}

static status_t reshape_lower(lower_ctx_t *c) {
  c->out[0] = net_reshape(c->net, c->in[0], c->in[1]);
  return NULL;
}

// ---------------------------------------------------------------- ExpandDims, Squeeze

// The value of a scalar or one-element vector passes through both.
static void pass_dims(infer_ctx_t *c) {
  shape_t dims;
  const shape_t *in = infer_in(c, 0), *out = &c->node->out_shape[0];
  if (in->rank >= 0 && in->rank <= 1 && out->rank >= 0 && out->rank <= 1 && infer_dims(c, 0, &dims))
    infer_out_dims(c, 0, &dims);
}

static status_t expand_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  if (in->rank < 0) return NULL;
  int axis;
  int64_t v;
  shape_t out = in->rank < SHAPE_MAX_RANK ? shape_unknown_dims(in->rank + 1) : SHAPE_UNKNOWN;
  if (infer_int(c, 1, &v)) {
    TRY(infer_axis(c, 1, in->rank + 1, &axis));
    out = shape_insert(in, axis, 1);
  }
  infer_out(c, 0, &out);
  pass_dims(c);
  return NULL;
}

static status_t expand_kernel(op_ctx_t *c) {
  const shape_t *in = &c->in[0].shape;
  int axis;
  TRY(op_axis(c, 1, in->rank + 1, &axis));
  if (in->rank >= SHAPE_MAX_RANK)
    return OP_FAIL(c, INVALID_ARGUMENT, "more than %d dimensions", SHAPE_MAX_RANK);
  shape_t s = shape_insert(in, axis, 1);
  op_forward(c, 0, 0, &s);
  return NULL;
}

static bool expand_accept(lower_ctx_t *c, char *reason, size_t n) {
  int axis;
  return accept_array(c, 0, reason, n) &&
         accept_axis(c, 1, lower_shape(c, 0)->rank + 1, &axis, reason, n);
}

static status_t expand_lower(lower_ctx_t *c) {
  int64_t v;
  int count, axis;
  if (!lower_ints(c, 1, &v, 1, &count) || count != 1 ||
      !axis_ok(v, lower_shape(c, 0)->rank + 1, &axis))
    return OP_FAIL(c, INTERNAL, "the axis is not a constant");
  c->out[0] = net_expand_dims(c->net, c->in[0], axis);
  return NULL;
}

// Marks the dims that go. *all: none are named, every dim of 1 goes.
static status_t squeeze_dims(const node_t *node, int rank, bool *gone, bool *all) {
  const int64_t *dims;
  int n = node_ints(node, "squeeze_dims", &dims);
  if (n == 0) n = node_ints(node, "axis", &dims);
  memset(gone, 0, SHAPE_MAX_RANK * sizeof *gone);
  *all = n == 0;
  for (int i = 0; i < n; i++) {
    int axis;
    if (!axis_ok(dims[i], rank, &axis))
      return FAIL(INVALID_ARGUMENT,
                  "Squeeze '%s': axis %" PRId64 " is out of range for %d dimensions", node->name,
                  dims[i], rank);
    gone[axis] = true;
  }
  return NULL;
}

static status_t squeezed(const node_t *node, const shape_t *in, shape_t *out) {
  bool gone[SHAPE_MAX_RANK], all;
  TRY(squeeze_dims(node, in->rank, gone, &all));
  *out = (shape_t){0};
  for (int i = 0; i < in->rank; i++) {
    if (all && in->d[i] < 0) {  // may or may not be 1
      *out = SHAPE_UNKNOWN;
      return NULL;
    }
    if (gone[i] && in->d[i] != 1 && in->d[i] >= 0)
      return FAIL(INVALID_ARGUMENT,
                  "Squeeze '%s': can not squeeze dim[%d], expected a dimension of 1, got %" PRId64,
                  node->name, i, in->d[i]);
    if (!gone[i] && !(all && in->d[i] == 1)) out->d[out->rank++] = in->d[i];
  }
  return NULL;
}

static status_t squeeze_infer(infer_ctx_t *c) {
  shape_t out;
  if (infer_in(c, 0)->rank < 0) return NULL;
  TRY(squeezed(c->node, infer_in(c, 0), &out));
  infer_out(c, 0, &out);
  pass_dims(c);
  return NULL;
}

static status_t squeeze_kernel(op_ctx_t *c) {
  shape_t out;
  TRY(squeezed(c->node, &c->in[0].shape, &out));
  op_forward(c, 0, 0, &out);
  return NULL;
}

static bool squeeze_accept(lower_ctx_t *c, char *reason, size_t n) {
  if (!accept_array(c, 0, reason, n)) return false;
  if (lower_out_shape(c, 0)->rank < 0)
    REFUSE("which dimensions go depends on a dimension that is not known");
  return true;
}

static status_t squeeze_lower(lower_ctx_t *c) {
  bool gone[SHAPE_MAX_RANK], all;
  const shape_t *in = lower_shape(c, 0);
  int axes[SHAPE_MAX_RANK], n = 0;
  TRY(squeeze_dims(c->node, in->rank, gone, &all));
  for (int i = 0; i < in->rank; i++)
    if (all ? in->d[i] == 1 : gone[i]) axes[n++] = i;
  if (n == 0 || n > NET_MAX_AXES) {
    shape_t out = *lower_out_shape(c, 0);
    if (n == 0) return lower_layer(c, LAYER_IDENTITY, 0, 1, &(layer_params_t){0});
    if (!shape_known(&out))
      return OP_FAIL(c, UNIMPLEMENTED, "squeezes more than %d dimensions", NET_MAX_AXES);
    c->out[0] = net_reshape_to(c->net, c->in[0], out.d, out.rank);
    return NULL;
  }
  c->out[0] = net_squeeze(c->net, c->in[0], axes, n);
  return NULL;
}

const op_def_t ops_shape[] = {
    {.name = "Shape",
     .sig = "input: T -> output: out_type",
     .attrs = "T: type; out_type: type = int32",
     .infer = shape_infer,
     .kernel = shape_kernel,
     .accept = shape_accept,
     .lower = shape_lower,
     .flags = OP_CHEAP_FOLD},
    {.name = "ShapeN",
     .sig = "input: N * T -> output: N * out_type",
     .attrs = "N: int; T: type; out_type: type = int32",
     .infer = shape_infer,
     .kernel = shape_kernel,
     .accept = shape_accept,
     .lower = shape_lower,
     .flags = OP_CHEAP_FOLD},
    {.name = "Size",
     .sig = "input: T -> output: out_type",
     .attrs = "T: type; out_type: type = int32",
     .infer = size_infer,
     .kernel = size_kernel,
     .accept = shape_accept,
     .lower = size_lower,
     .flags = OP_CHEAP_FOLD},
    {.name = "Rank",
     .sig = "input: T -> output: int32",
     .attrs = "T: type",
     .infer = rank_infer,
     .kernel = rank_kernel,
     .accept = shape_accept,
     .lower = rank_lower,
     .flags = OP_CHEAP_FOLD},
    {.name = "Reshape",
     .sig = "tensor: T, shape: Tshape -> output: T",
     .attrs = "T: type; Tshape: type = int32",
     .infer = reshape_infer,
     .kernel = reshape_kernel,
     .accept = reshape_accept,
     .lower = reshape_lower},
    {.name = "ExpandDims",
     .sig = "input: T, dim: Tdim -> output: T",
     .attrs = "T: type; Tdim: type = int32",
     .infer = expand_infer,
     .kernel = expand_kernel,
     .accept = expand_accept,
     .lower = expand_lower},
    {.name = "Squeeze",
     .sig = "input: T -> output: T",
     .attrs = "T: type; squeeze_dims: list(int) = []",
     .infer = squeeze_infer,
     .kernel = squeeze_kernel,
     .accept = squeeze_accept,
     .lower = squeeze_lower},
    {0},
};
