// Ops that cut a part out of an array.
#include "kernels/slice.h"

#include "ops/array.h"

// ---------------------------------------------------------------- StridedSlice

typedef struct spec_ints {
  int64_t begin[64], end[64], strides[64];
} spec_ints_t;

static void spec_masks(const node_t *n, slice_spec_t *s) {
  s->begin_mask = node_int(n, "begin_mask", 0);
  s->end_mask = node_int(n, "end_mask", 0);
  s->ellipsis_mask = node_int(n, "ellipsis_mask", 0);
  s->new_axis_mask = node_int(n, "new_axis_mask", 0);
  s->shrink_axis_mask = node_int(n, "shrink_axis_mask", 0);
}

// begin or end as far as they are known; bits of *unknown for the rest.
static bool spec_known(const infer_ctx_t *c, int i, int n, int64_t *v, int64_t *unknown) {
  int count;
  shape_t dims;
  *unknown = 0;
  if (infer_ints(c, i, v, 64, &count)) return count == n;
  if (infer_dims(c, i, &dims) && dims.rank == n) {
    for (int k = 0; k < n; k++) {
      v[k] = dims.d[k];
      if (v[k] < 0) *unknown |= (int64_t)1 << k;
    }
    return true;
  }
  for (int k = 0; k < n; k++) v[k] = 0;
  *unknown = -1;
  return true;
}

static status_t strided_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  spec_ints_t v;
  slice_spec_t spec = {.begin = v.begin, .end = v.end, .strides = v.strides};
  slice_dims_t r;
  if (in->rank < 0 || !infer_ints(c, 3, v.strides, 64, &spec.n)) return NULL;
  if (!spec_known(c, 1, spec.n, v.begin, &spec.begin_unknown) ||
      !spec_known(c, 2, spec.n, v.end, &spec.end_unknown))
    return OP_FAIL(c, INVALID_ARGUMENT, "begin, end and strides must have the same length");
  spec_masks(c->node, &spec);
  status_t st = slice_spec_resolve(&spec, in, &r);
  if (st) return status_prefix(st, "StridedSlice '%s'", c->node->name);
  // x[0:e] and x[:e] of an unknown e: a range that ends at a symbol has that many elements, if the
  // input is so long; that is not known.
  infer_out(c, 0, &r.final);
  // The content of a vector of known dims: shape arithmetic.
  shape_t dims, part = {0};
  if (in->rank == 1 && r.final.rank <= 1 && infer_dims(c, 0, &dims) &&
      !(spec.begin_unknown | spec.end_unknown) && r.box.d[0] >= 0 && dims.rank == in->d[0] &&
      r.final.rank == (spec.shrink_axis_mask ? 0 : 1)) {
    for (int64_t i = 0; i < r.box.d[0]; i++)
      part.d[part.rank++] = dims.d[r.start[0] + i * r.step[0]];
    infer_out_dims(c, 0, &part);
  }
  return NULL;
}

static status_t copy_box(op_ctx_t *c, const slice_dims_t *r) {
  const shape_t *in = &c->in[0].shape;
  tensor_t *out;
  bool whole = true;
  pieces_t dims[SHAPE_MAX_RANK];
  for (int i = 0; i < in->rank; i++) {
    whole &= r->box.d[i] == in->d[i] && (r->step[i] == 1 || in->d[i] == 1);
    dims[i] = (pieces_t){1, {{r->start[i], 0, r->box.d[i], r->step[i], 1}}};
  }
  if (whole) {
    op_forward(c, 0, 0, &r->final);
    return NULL;
  }
  TRY(op_out(c, 0, &r->final, &out));
  return pieces_copy(out->dtype, in, &r->box, dims, c->in[0].data, out->data, c->threads);
}

static status_t strided_kernel(op_ctx_t *c) {
  spec_ints_t v;
  slice_spec_t spec = {.begin = v.begin, .end = v.end, .strides = v.strides};
  slice_dims_t r;
  int n_end, n_strides;
  TRY(op_ints(c, 1, v.begin, 64, &spec.n));
  TRY(op_ints(c, 2, v.end, 64, &n_end));
  TRY(op_ints(c, 3, v.strides, 64, &n_strides));
  if (spec.n != n_end || spec.n != n_strides)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "begin, end and strides must have the same length, not %d, %d and %d", spec.n,
                   n_end, n_strides);
  spec_masks(c->node, &spec);
  status_t st = slice_spec_resolve(&spec, &c->in[0].shape, &r);
  if (st) return status_prefix(st, "StridedSlice '%s'", c->node->name);
  return copy_box(c, &r);
}

static bool strided_accept(lower_ctx_t *c, char *reason, size_t n) {
  int64_t strides[64];
  int count;
  if (!accept_array(c, 0, reason, n)) return false;
  if (!lower_ints(c, 3, strides, 64, &count)) REFUSE("the strides are not constants");
  return accept_shape_input(c, 1, "the begin", reason, n) &&
         accept_shape_input(c, 2, "the end", reason, n);
}

static status_t strided_lower(lower_ctx_t *c) {
  slice_spec_t s = {0};
  spec_masks(c->node, &s);
  layer_params_t p = {.slice = {.begin_mask = s.begin_mask,
                                .end_mask = s.end_mask,
                                .ellipsis_mask = s.ellipsis_mask,
                                .new_axis_mask = s.new_axis_mask,
                                .shrink_axis_mask = s.shrink_axis_mask}};
  return lower_layer(c, LAYER_SLICE, 0, 4, &p);
}

// ---------------------------------------------------------------- Slice

static status_t slice_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  shape_t size, begin;
  if (!infer_dims(c, 2, &size)) {
    if (in->rank >= 0) {
      size = shape_unknown_dims(in->rank);
      infer_out(c, 0, &size);
    }
    return NULL;
  }
  if (in->rank >= 0 && in->rank != size.rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "begin and size need %d entries, got %d", in->rank,
                   size.rank);
  shape_t out = size;
  bool rest = infer_value(c, 2) != NULL;  // only then -1 surely means "up to the end"
  bool begins = infer_dims(c, 1, &begin) && begin.rank == size.rank;
  for (int i = 0; i < size.rank; i++) {
    if (size.d[i] >= 0 || !rest) continue;
    out.d[i] = -1;
    if (in->rank >= 0 && begins && begin.d[i] == 0)
      out.d[i] = in->d[i];
    else if (in->rank >= 0 && begins && begin.d[i] > 0 && in->d[i] >= begin.d[i])
      out.d[i] = in->d[i] - begin.d[i];
  }
  infer_out(c, 0, &out);
  shape_t dims, part = {0};
  if (in->rank == 1 && begins && begin.d[0] >= 0 && out.d[0] >= 0 && infer_dims(c, 0, &dims) &&
      begin.d[0] + out.d[0] <= dims.rank) {
    for (int64_t i = 0; i < out.d[0]; i++) part.d[part.rank++] = dims.d[begin.d[0] + i];
    infer_out_dims(c, 0, &part);
  }
  return NULL;
}

static status_t slice_kernel(op_ctx_t *c) {
  const shape_t *in = &c->in[0].shape;
  int64_t begin[SHAPE_MAX_RANK], size[SHAPE_MAX_RANK];
  int nb, ns;
  TRY(op_ints(c, 1, begin, SHAPE_MAX_RANK, &nb));
  TRY(op_ints(c, 2, size, SHAPE_MAX_RANK, &ns));
  if (nb != in->rank || ns != in->rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "begin and size need %d entries, got %d and %d", in->rank,
                   nb, ns);
  slice_dims_t r = {.box = {.rank = in->rank}};
  for (int i = 0; i < in->rank; i++) {
    if (begin[i] < 0 || begin[i] > in->d[i])
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "expected begin[%d] in [0, %" PRId64 "], but got %" PRId64, i, in->d[i],
                     begin[i]);
    int64_t most = in->d[i] - begin[i], n = size[i] == -1 ? most : size[i];
    if (n < 0 || n > most)
      return OP_FAIL(c, INVALID_ARGUMENT, "expected size[%d] in [0, %" PRId64 "], but got %" PRId64,
                     i, most, size[i]);
    r.start[i] = begin[i];
    r.step[i] = 1;
    r.box.d[i] = n;
  }
  r.final = r.box;
  return copy_box(c, &r);
}

static bool slice_accept(lower_ctx_t *c, char *reason, size_t n) {
  return accept_array(c, 0, reason, n) && accept_shape_input(c, 1, "the begin", reason, n) &&
         accept_shape_input(c, 2, "the size", reason, n);
}

static status_t slice_lower(lower_ctx_t *c) {
  return lower_layer(c, LAYER_SLICE, 0, 3, &(layer_params_t){.slice = {.size_mode = true}});
}

const op_def_t ops_slice[] = {
    {.name = "Slice",
     .sig = "input: T, begin: Index, size: Index -> output: T",
     .attrs = "T: type; Index: type",
     .infer = slice_infer,
     .kernel = slice_kernel,
     .accept = slice_accept,
     .lower = slice_lower},
    {.name = "StridedSlice",
     .sig = "input: T, begin: Index, end: Index, strides: Index -> output: T",
     .attrs = "T: type; Index: type; begin_mask: int = 0; end_mask: int = 0; ellipsis_mask: int = "
              "0; new_axis_mask: int = 0; shrink_axis_mask: int = 0",
     .infer = strided_infer,
     .kernel = strided_kernel,
     .accept = strided_accept,
     .lower = strided_lower},
    {0},
};
