// Ops that reorder: transposes, reversals, rolls, layout permutations.
#include <string.h>

#include "ops/array.h"

// ---------------------------------------------------------------- Transpose

static bool permutation_ok(const int64_t *v, int n, int *perm) {
  bool seen[SHAPE_MAX_RANK] = {0};
  for (int i = 0; i < n; i++) {
    if (!axis_ok(v[i], n, &perm[i]) || seen[perm[i]]) return false;
    seen[perm[i]] = true;
  }
  return true;
}

static status_t transpose_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0), *p = infer_in(c, 1);
  int64_t v[SHAPE_MAX_RANK];
  int n, perm[SHAPE_MAX_RANK];
  TRY(infer_rank(c, 1, 1));
  if (!infer_ints(c, 1, v, SHAPE_MAX_RANK, &n)) {
    int64_t rank = in->rank >= 0 ? in->rank : p->rank == 1 ? p->d[0] : -1;
    shape_t out =
        rank >= 0 && rank <= SHAPE_MAX_RANK ? shape_unknown_dims((int)rank) : SHAPE_UNKNOWN;
    infer_out(c, 0, &out);
    return NULL;
  }
  if (in->rank >= 0 && in->rank != n)
    return OP_FAIL(c, INVALID_ARGUMENT, "perm has %d entries, but the input has %d dimensions", n,
                   in->rank);
  if (!permutation_ok(v, n, perm))
    return OP_FAIL(c, INVALID_ARGUMENT, "perm is not a permutation of the %d dimensions", n);
  shape_t out = shape_unknown_dims(n);
  for (int i = 0; i < n && in->rank >= 0; i++) out.d[i] = in->d[perm[i]];
  infer_out(c, 0, &out);
  return NULL;
}

static status_t transpose_kernel(op_ctx_t *c) {
  const shape_t *in = &c->in[0].shape;
  int64_t v[SHAPE_MAX_RANK];
  int n, perm[SHAPE_MAX_RANK];
  TRY(op_ints(c, 1, v, SHAPE_MAX_RANK, &n));
  if (n != in->rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "perm has %d entries, but the input has %d dimensions", n,
                   in->rank);
  if (!permutation_ok(v, n, perm))
    return OP_FAIL(c, INVALID_ARGUMENT, "perm is not a permutation of the %d dimensions", n);
  shape_t s = {.rank = n};
  // When only dims of 1 change their place, no element moves.
  int last = -1;
  bool moves = false;
  for (int i = 0; i < n; i++) {
    s.d[i] = in->d[perm[i]];
    if (s.d[i] == 1) continue;
    moves |= perm[i] < last;
    last = perm[i];
  }
  bool conjugate =
      strcmp(c->node->op, "ConjugateTranspose") == 0 && dtype_is_complex(c->in[0].dtype);
  if (!moves && !conjugate) {
    op_forward(c, 0, 0, &s);
    return NULL;
  }
  tensor_t *out;
  TRY(op_out(c, 0, &s, &out));
  TRY(transpose_copy(out->dtype, in, perm, c->in[0].data, out->data, c->threads));
  int64_t count = conjugate ? tensor_elements(out) : 0;
  for (int64_t i = 0; i < count; i++) {
    if (out->dtype == DT_COMPLEX64)
      TENSOR_DATA(float, out)[2 * i + 1] *= -1;
    else
      TENSOR_DATA(double, out)[2 * i + 1] *= -1;
  }
  return NULL;
}

static bool transpose_accept(lower_ctx_t *c, char *reason, size_t n) {
  int64_t v[SHAPE_MAX_RANK];
  int count, perm[SHAPE_MAX_RANK];
  if (!accept_array(c, 0, reason, n)) return false;
  if (!lower_ints(c, 1, v, SHAPE_MAX_RANK, &count)) REFUSE("the permutation is not a constant");
  if (count != lower_shape(c, 0)->rank || !permutation_ok(v, count, perm))
    REFUSE("the permutation does not fit the input");
  return true;
}

static status_t transpose_lower(lower_ctx_t *c) {
  int64_t v[SHAPE_MAX_RANK];
  int count, perm[SHAPE_MAX_RANK];
  if (!lower_ints(c, 1, v, SHAPE_MAX_RANK, &count) || !permutation_ok(v, count, perm))
    return OP_FAIL(c, INTERNAL, "the permutation is not a constant");
  c->out[0] = net_transpose(c->net, c->in[0], perm, count);
  return NULL;
}

static status_t invert_infer(infer_ctx_t *c) {
  TRY(infer_rank(c, 0, 1));
  return infer_same(c);
}

static status_t invert_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0];
  tensor_t *out;
  if (in->shape.rank != 1) return OP_FAIL(c, INVALID_ARGUMENT, "expects a 1-D vector");
  TRY(op_out(c, 0, &in->shape, &out));
  int64_t n = tensor_elements(in);
  for (int64_t i = 0; i < n; i++) index_set(out, i, -1);
  for (int64_t i = 0; i < n; i++) {
    int64_t to = index_at(in, i);
    if (to < 0 || to >= n)
      return OP_FAIL(c, INVALID_ARGUMENT, "%" PRId64 " is not between 0 and %" PRId64, to, n);
    if (index_at(out, to) != -1)
      return OP_FAIL(c, INVALID_ARGUMENT, "%" PRId64 " is duplicated in the input", to);
    index_set(out, to, i);
  }
  return NULL;
}

// ---------------------------------------------------------------- Reverse, ReverseV2

static status_t reverse_axes(const op_ctx_t *c, bool *axes) {
  int64_t v[SHAPE_MAX_RANK];
  int n, axis, rank = c->in[0].shape.rank;
  memset(axes, 0, SHAPE_MAX_RANK * sizeof *axes);
  TRY(op_ints(c, 1, v, SHAPE_MAX_RANK, &n));
  bool flags = c->in[1].dtype == DT_BOOL;  // Reverse has one bool for every dim
  if (flags && n != rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "dims has %d entries, but the input has %d dimensions", n,
                   rank);
  for (int i = 0; i < n; i++) {
    if (flags) {
      axes[i] = v[i] != 0;
      continue;
    }
    TRY(op_axis_of(c, v[i], rank, &axis));
    if (axes[axis]) return OP_FAIL(c, INVALID_ARGUMENT, "axis %d specified more than once", axis);
    axes[axis] = true;
  }
  return NULL;
}

static status_t reverse_kernel(op_ctx_t *c) {
  const shape_t *s = &c->in[0].shape;
  bool axes[SHAPE_MAX_RANK], any = false;
  tensor_t *out;
  TRY(reverse_axes(c, axes));
  pieces_t dims[SHAPE_MAX_RANK];
  for (int i = 0; i < s->rank; i++) {
    bool back = axes[i] && s->d[i] > 1;
    any |= back;
    dims[i] = (pieces_t){1, {{back ? s->d[i] - 1 : 0, 0, s->d[i], back ? -1 : 1, 1}}};
  }
  if (!any) {
    op_forward(c, 0, 0, s);
    return NULL;
  }
  TRY(op_out(c, 0, s, &out));
  return pieces_copy(out->dtype, s, s, dims, c->in[0].data, out->data, c->threads);
}

static bool reverse_known_axes(lower_ctx_t *c, int *axes, int *n) {
  int64_t v[SHAPE_MAX_RANK];
  int count, rank = lower_shape(c, 0)->rank;
  if (!lower_ints(c, 1, v, SHAPE_MAX_RANK, &count)) return false;
  bool flags = lower_dtype(c, 1) == DT_BOOL;
  *n = 0;
  for (int i = 0; i < count; i++) {
    if (*n == NET_MAX_AXES || (flags && count != rank)) return false;
    if (flags && v[i])
      axes[(*n)++] = i;
    else if (!flags && !axis_ok(v[i], rank, &axes[(*n)++]))
      return false;
  }
  return true;
}

static bool reverse_accept(lower_ctx_t *c, char *reason, size_t n) {
  int axes[NET_MAX_AXES], count;
  if (!accept_array(c, 0, reason, n)) return false;
  if (!reverse_known_axes(c, axes, &count))
    REFUSE("the axes are not constants, or out of range, or more than %d", NET_MAX_AXES);
  return true;
}

static status_t reverse_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  if (!reverse_known_axes(c, p.axes, &p.n_axes))
    return OP_FAIL(c, INTERNAL, "the axes are not constants");
  return lower_layer(c, p.n_axes ? LAYER_REVERSE : LAYER_IDENTITY, 0, 1, &p);
}

// ---------------------------------------------------------------- ReverseSequence

static status_t sequence_kernel(op_ctx_t *c) {
  const shape_t *s = &c->in[0].shape;
  int seq, batch;
  tensor_t *out;
  TRY(op_axis_of(c, node_int(c->node, "seq_dim", 0), s->rank, &seq));
  TRY(op_axis_of(c, node_int(c->node, "batch_dim", 0), s->rank, &batch));
  if (seq == batch) return OP_FAIL(c, INVALID_ARGUMENT, "batch_dim == seq_dim == %d", seq);
  if (c->in[1].shape.rank != 1 || c->in[1].shape.d[0] != s->d[batch])
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "seq_lengths must be a vector with one length for each of %" PRId64 " batches",
                   s->d[batch]);
  TRY(op_out(c, 0, s, &out));
  pieces_t dims[SHAPE_MAX_RANK];
  for (int i = 0; i < s->rank; i++) dims[i] = (pieces_t){1, {{0, 0, s->d[i], 1, 1}}};
  for (int64_t b = 0; b < s->d[batch]; b++) {
    int64_t n = index_at(&c->in[1], b), size = s->d[seq];
    if (n < 0 || n > size)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "seq_lengths[%" PRId64 "] = %" PRId64 " is not between 0 and %" PRId64, b, n,
                     size);
    dims[batch].p[0] = (piece_t){b, b, 1, 1, 1};
    dims[seq] = (pieces_t){2, {{n - 1, 0, n, -1, 1}, {n, n, size - n, 1, 1}}};
    TRY(pieces_copy(out->dtype, s, s, dims, c->in[0].data, out->data, c->threads));
  }
  return NULL;
}

// ---------------------------------------------------------------- Roll

static status_t roll_kernel(op_ctx_t *c) {
  const shape_t *s = &c->in[0].shape;
  int64_t shift[64], axes[64], total[SHAPE_MAX_RANK] = {0};
  int n_shift, n_axes, axis;
  tensor_t *out;
  TRY(op_ints(c, 1, shift, 64, &n_shift));
  TRY(op_ints(c, 2, axes, 64, &n_axes));
  if (n_shift != n_axes)
    return OP_FAIL(c, INVALID_ARGUMENT, "shift and axis must have the same size, not %d and %d",
                   n_shift, n_axes);
  if (s->rank < 1) return OP_FAIL(c, INVALID_ARGUMENT, "input must be 1-D or higher");
  for (int i = 0; i < n_axes; i++) {
    TRY(op_axis_of(c, axes[i], s->rank, &axis));
    int64_t size = s->d[axis] > 0 ? s->d[axis] : 1;
    total[axis] = ((total[axis] + shift[i] % size) % size + size) % size;
  }
  TRY(op_out(c, 0, s, &out));
  pieces_t dims[SHAPE_MAX_RANK];
  for (int i = 0; i < s->rank; i++) {
    int64_t k = total[i], size = s->d[i];
    dims[i] = (pieces_t){k ? 2 : 1, {{0, k, size - k, 1, 1}, {size - k, 0, k, 1, 1}}};
  }
  return pieces_copy(out->dtype, s, s, dims, c->in[0].data, out->data, c->threads);
}

// ---------------------------------------------------------------- DataFormat*

// For each position of dst_format the position of that letter in src_format.
static status_t format_map(const op_ctx_t *c, int *map, int *rank) {
  const char *src = node_string(c->node, "src_format"), *dst = node_string(c->node, "dst_format");
  size_t n = strlen(src);
  if ((n != 4 && n != 5) || strlen(dst) != n)
    return OP_FAIL(c, INVALID_ARGUMENT, "formats '%s' and '%s' must both have 4 or 5 letters", src,
                   dst);
  for (size_t i = 0; i < n; i++) {
    const char *at = strchr(src, dst[i]);
    if (!at)
      return OP_FAIL(c, INVALID_ARGUMENT, "formats '%s' and '%s' have unlike letters", src, dst);
    map[i] = (int)(at - src);
  }
  *rank = (int)n;
  return NULL;
}

static status_t dim_map_kernel(op_ctx_t *c) {
  int map[5], back[5], rank;
  tensor_t *out;
  TRY(format_map(c, map, &rank));
  for (int i = 0; i < rank; i++) back[map[i]] = i;
  TRY(op_out_like(c, 0, 0, &out));
  for (int64_t i = 0, n = tensor_elements(out); i < n; i++) {
    int64_t axis = index_at(&c->in[0], i) % rank;
    index_set(out, i, back[axis < 0 ? axis + rank : axis]);
  }
  return NULL;
}

// Permutes a vector (or the rows of an [n, 2] matrix) of per-dim values; one that has only the
// spatial dims loses the letters N and C from both formats.
static status_t vec_permute_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0];
  int map[5], rank;
  tensor_t *out;
  TRY(format_map(c, map, &rank));
  if (in->shape.rank < 1 || in->shape.rank > 2 || (in->shape.rank == 2 && in->shape.d[1] != 2))
    return OP_FAIL(c, INVALID_ARGUMENT, "input must be a vector or a matrix with 2 columns");
  if (in->shape.d[0] == rank - 2) {
    const char *src = node_string(c->node, "src_format"), *dst = node_string(c->node, "dst_format");
    int n = 0;
    for (int i = 0; i < rank; i++) {
      if (dst[i] == 'N' || dst[i] == 'C') continue;
      int at = 0;
      for (const char *p = src; *p != dst[i]; p++) at += *p != 'N' && *p != 'C';
      map[n++] = at;
    }
    rank = n;
  }
  if (in->shape.d[0] != rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "input has %" PRId64 " entries, the formats have %d",
                   in->shape.d[0], rank);
  TRY(op_out(c, 0, &in->shape, &out));
  int64_t cols = in->shape.rank == 2 ? 2 : 1;
  for (int i = 0; i < rank; i++)
    for (int64_t k = 0; k < cols; k++)
      index_set(out, i * cols + k, index_at(in, map[i] * cols + k));
  return NULL;
}

#define TRANSPOSE                                                                   \
  .infer = transpose_infer, .kernel = transpose_kernel, .accept = transpose_accept, \
  .lower = transpose_lower
#define REVERSE \
  .infer = infer_same, .kernel = reverse_kernel, .accept = reverse_accept, .lower = reverse_lower

const op_def_t ops_transpose[] = {
    {.name = "Transpose",
     .sig = "x: T, perm: Tperm -> y: T",
     .attrs = "T: type; Tperm: type = int32",
     TRANSPOSE},
    {.name = "ConjugateTranspose",
     .sig = "x: T, perm: Tperm -> y: T",
     .attrs = "T: type; Tperm: type = int32",
     TRANSPOSE},
    {.name = "InvertPermutation",
     .sig = "x: T -> y: T",
     .attrs = "T: type = int32",
     .infer = invert_infer,
     .kernel = invert_kernel},
    {.name = "Reverse", .sig = "tensor: T, dims: bool -> output: T", .attrs = "T: type", REVERSE},
    {.name = "ReverseV2",
     .sig = "tensor: T, axis: Tidx -> output: T",
     .attrs = "Tidx: type = int32; T: type",
     REVERSE},
    {.name = "ReverseSequence",
     .sig = "input: T, seq_lengths: Tlen -> output: T",
     .attrs = "seq_dim: int; batch_dim: int = 0; T: type; Tlen: type = int64",
     .infer = infer_same,
     .kernel = sequence_kernel},
    {.name = "Roll",
     .sig = "input: T, shift: Tshift, axis: Taxis -> output: T",
     .attrs = "T: type; Tshift: type; Taxis: type",
     .infer = infer_same,
     .kernel = roll_kernel},
    {.name = "DataFormatDimMap",
     .sig = "x: T -> y: T",
     .attrs = "T: type = int32; src_format: string = 'NHWC'; dst_format: string = 'NCHW'",
     .infer = infer_same,
     .kernel = dim_map_kernel},
    {.name = "DataFormatVecPermute",
     .sig = "x: T -> y: T",
     .attrs = "T: type = int32; src_format: string = 'NHWC'; dst_format: string = 'NCHW'",
     .infer = infer_same,
     .kernel = vec_permute_kernel},
    {0},
};
