// Ops that trade space for depth or batch, and back.
#include <string.h>

#include "ops/array.h"

// ---------------------------------------------------------------- SpaceToDepth, DepthToSpace

typedef struct depth_axes {
  int h, w, c;
  int64_t block;
  bool to_depth, channels_last;
} depth_axes_t;

static status_t depth_axes(const node_t *node, const shape_t *in, depth_axes_t *a) {
  *a = (depth_axes_t){.block = node_int(node, "block_size", 0),
                      .to_depth = strcmp(node->op, "SpaceToDepth") == 0,
                      .channels_last = node_string_is(node, "data_format", "NHWC")};
  if (!a->channels_last && !node_string_is(node, "data_format", "NCHW"))
    return FAIL(UNIMPLEMENTED, "%s '%s': data format %s", node->op, node->name,
                node_string(node, "data_format"));
  if (a->block < 2 || a->block > 1 << 20)
    return FAIL(INVALID_ARGUMENT, "%s '%s': block size should be > 1, but was: %" PRId64, node->op,
                node->name, a->block);
  if (in->rank >= 0 && in->rank != 4)
    return FAIL(INVALID_ARGUMENT, "%s '%s': input rank should be: 4 instead of: %d", node->op,
                node->name, in->rank);
  a->h = a->channels_last ? 1 : 2;
  a->w = a->h + 1;
  a->c = a->channels_last ? 3 : 1;
  return NULL;
}

static status_t depth_shape(const node_t *node, const depth_axes_t *a, const shape_t *in,
                            shape_t *out) {
  int64_t b = a->block, h = in->d[a->h], w = in->d[a->w], c = in->d[a->c];
  *out = *in;
  if (a->to_depth) {
    if ((h >= 0 && h % b) || (w >= 0 && w % b))
      return FAIL(INVALID_ARGUMENT,
                  "%s '%s': image width %" PRId64 " and height %" PRId64
                  " should be divisible by block_size: %" PRId64,
                  node->op, node->name, w, h, b);
    out->d[a->h] = h < 0 ? -1 : h / b;
    out->d[a->w] = w < 0 ? -1 : w / b;
    out->d[a->c] = dim_mul(c, b * b);
  } else {
    if (c >= 0 && c % (b * b))
      return FAIL(INVALID_ARGUMENT,
                  "%s '%s': input depth dimension %" PRId64 " should be divisible by: %" PRId64,
                  node->op, node->name, c, b * b);
    out->d[a->h] = dim_mul(h, b);
    out->d[a->w] = dim_mul(w, b);
    out->d[a->c] = c < 0 ? -1 : c / (b * b);
  }
  return NULL;
}

static status_t depth_infer(infer_ctx_t *c) {
  depth_axes_t a;
  shape_t out = shape_unknown_dims(4);
  TRY(depth_axes(c->node, infer_in(c, 0), &a));
  if (infer_in(c, 0)->rank == 4) TRY(depth_shape(c->node, &a, infer_in(c, 0), &out));
  infer_out(c, 0, &out);
  return NULL;
}

static status_t depth_kernel(op_ctx_t *c) {
  depth_axes_t a;
  shape_t s;
  tensor_t *out;
  TRY(depth_axes(c->node, &c->in[0].shape, &a));
  TRY(depth_shape(c->node, &a, &c->in[0].shape, &s));
  TRY(op_out(c, 0, &s, &out));
  const shape_t *space = a.to_depth ? &c->in[0].shape : &s,
                *depth = a.to_depth ? &s : &c->in[0].shape;
  int64_t x[SHAPE_MAX_RANK], y[SHAPE_MAX_RANK], b = a.block, channels = space->d[a.c];
  shape_strides(space, x);
  shape_strides(depth, y);
  // The same walk over both arrays: batch, row, row in the block, column, column in the block,
  // channel.
  const struct {
    int64_t n, space, depth;
  } walk[6] = {{space->d[0], x[0], y[0]},          {depth->d[a.h], b * x[a.h], y[a.h]},
               {b, x[a.h], y[a.c] * b * channels}, {depth->d[a.w], b * x[a.w], y[a.w]},
               {b, x[a.w], y[a.c] * channels},     {channels, x[a.c], y[a.c]}};
  strided_t copy = {0};
  for (int i = 0; i < 6; i++)
    strided_dim(&copy, walk[i].n, a.to_depth ? walk[i].space : walk[i].depth,
                a.to_depth ? walk[i].depth : walk[i].space);
  return strided_copy(out->dtype, &copy, c->in[0].data, out->data, c->threads);
}

static bool depth_accept(lower_ctx_t *c, char *reason, size_t n) {
  const char *format = node_string(c->node, "data_format");
  if (strcmp(format, "NHWC") != 0 && strcmp(format, "NCHW") != 0) REFUSE("data format %s", format);
  return accept_array(c, 0, reason, n);
}

static status_t depth_lower(lower_ctx_t *c) {
  depth_axes_t a;
  TRY(depth_axes(c->node, lower_shape(c, 0), &a));
  layer_params_t p = {.block = (int)a.block, .channels_last = a.channels_last};
  return lower_layer(c, a.to_depth ? LAYER_SPACE_TO_DEPTH : LAYER_DEPTH_TO_SPACE, 0, 1, &p);
}

// ---------------------------------------------------------------- SpaceToBatch, BatchToSpace

// block sizes and [before, after] of each of m spatial dims, behind the batch dim.
typedef struct batch_args {
  int m;
  int64_t block[SHAPE_MAX_RANK], edge[2 * SHAPE_MAX_RANK];
  bool to_batch;
} batch_args_t;

static bool is_to_batch(const node_t *n) { return strncmp(n->op, "SpaceToBatch", 12) == 0; }
static bool is_nd(const node_t *n) { return n->n_in == 3; }

static status_t batch_shape(const node_t *node, const batch_args_t *a, const shape_t *in,
                            shape_t *out) {
  int64_t blocks = 1;
  *out = *in;
  if (in->rank < a->m + 1)
    return FAIL(INVALID_ARGUMENT, "%s '%s': the input needs at least %d dimensions, has %d",
                node->op, node->name, a->m + 1, in->rank);
  for (int i = 0; i < a->m; i++) {
    int64_t b = a->block[i], d = in->d[i + 1], e0 = a->edge[2 * i], e1 = a->edge[2 * i + 1];
    if (b < 1 || e0 < 0 || e1 < 0)
      return FAIL(INVALID_ARGUMENT,
                  "%s '%s': block shape must be positive, paddings and crops not negative",
                  node->op, node->name);
    blocks = dim_mul(blocks, b);
    if (d < 0) {
      out->d[i + 1] = -1;
    } else if (a->to_batch) {
      int64_t padded = dim_add(d, dim_add(e0, e1));
      if (padded < 0 || padded % b)
        return FAIL(INVALID_ARGUMENT,
                    "%s '%s': padded size %" PRId64
                    " of dimension %d is not divisible by block size %" PRId64,
                    node->op, node->name, padded, i + 1, b);
      out->d[i + 1] = padded / b;
    } else {
      int64_t whole = dim_mul(d, b);
      if (whole < 0 || e0 > whole || e1 > whole - e0)
        return FAIL(INVALID_ARGUMENT, "%s '%s': crops of dimension %d are larger than it: %" PRId64,
                    node->op, node->name, i + 1, whole);
      out->d[i + 1] = whole - e0 - e1;
    }
  }
  if (blocks < 0)
    return FAIL(INVALID_ARGUMENT, "%s '%s': blocks are too large", node->op, node->name);
  if (a->to_batch) {
    out->d[0] = dim_mul(in->d[0], blocks);
  } else if (in->d[0] >= 0) {
    if (in->d[0] % blocks)
      return FAIL(INVALID_ARGUMENT, "%s '%s': batch size %" PRId64 " is not divisible by %" PRId64,
                  node->op, node->name, in->d[0], blocks);
    out->d[0] = in->d[0] / blocks;
  } else {
    out->d[0] = blocks == 1 ? in->d[0] : -1;
  }
  return NULL;
}

static bool batch_block(const node_t *node, batch_args_t *a) {
  a->to_batch = is_to_batch(node);
  if (is_nd(node)) return false;
  a->m = 2;
  a->block[0] = a->block[1] = node_int(node, "block_size", 0);
  return true;
}

static status_t batch_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  batch_args_t a;
  int edges;
  if (in->rank < 0) return NULL;
  shape_t out = shape_unknown_dims(in->rank);
  bool known = batch_block(c->node, &a) || infer_ints(c, 1, a.block, SHAPE_MAX_RANK, &a.m);
  if (known && infer_ints(c, is_nd(c->node) ? 2 : 1, a.edge, 2 * SHAPE_MAX_RANK, &edges) &&
      edges == 2 * a.m)
    TRY(batch_shape(c->node, &a, in, &out));
  else
    for (int i = known ? a.m + 1 : in->rank; i < in->rank; i++) out.d[i] = in->d[i];
  infer_out(c, 0, &out);
  return NULL;
}

static int64_t ceil_div(int64_t a, int64_t b) { return a > 0 ? (a + b - 1) / b : 0; }

static status_t batch_kernel(op_ctx_t *c) {
  batch_args_t a;
  int edges;
  shape_t s;
  tensor_t *out;
  const shape_t *in = &c->in[0].shape;
  if (!batch_block(c->node, &a)) TRY(op_ints(c, 1, a.block, SHAPE_MAX_RANK, &a.m));
  TRY(op_ints(c, c->n_in - 1, a.edge, 2 * SHAPE_MAX_RANK, &edges));
  if (edges != 2 * a.m)
    return OP_FAIL(c, INVALID_ARGUMENT, "paddings or crops must have shape [%d,2]", a.m);
  TRY(batch_shape(c->node, &a, in, &s));
  TRY(op_out(c, 0, &s, &out));
  if (a.to_batch) TRY(op_zero(c, out));
  // One strided copy for each position within the block: those elements are one slice of the space
  // and one run of batches.
  const shape_t *space = a.to_batch ? in : &s, *blocks = a.to_batch ? &s : in;
  int64_t batch = space->d[0], at[SHAPE_MAX_RANK] = {0}, total = batch ? blocks->d[0] / batch : 0;
  for (int64_t k = 0; k < total; k++) {
    pieces_t dims[SHAPE_MAX_RANK];
    for (int i = 0; i < s.rank; i++) dims[i] = (pieces_t){1, {{0, 0, s.d[i], 1, 1}}};
    dims[0].p[0] =
        a.to_batch ? (piece_t){0, k * batch, batch, 1, 1} : (piece_t){k * batch, 0, batch, 1, 1};
    bool some = true;
    for (int i = 0; i < a.m; i++) {
      int64_t b = a.block[i],
              first = ceil_div(a.edge[2 * i] - at[i], b);          // block row j is space row
      int64_t last = space->d[i + 1] - 1 + a.edge[2 * i] - at[i];  // j * b + at - edge
      int64_t n = last < 0 ? 0 : last / b + 1 - first;
      int64_t row = first * b + at[i] - a.edge[2 * i];
      if (first + n > blocks->d[i + 1]) n = blocks->d[i + 1] - first;
      some &= n > 0;
      dims[i + 1].p[0] =
          a.to_batch ? (piece_t){row, first, n, b, 1} : (piece_t){first, row, n, 1, b};
    }
    if (some) TRY(pieces_copy(out->dtype, in, &s, dims, c->in[0].data, out->data, c->threads));
    for (int i = a.m - 1; i >= 0 && ++at[i] == a.block[i]; i--) at[i] = 0;
  }
  return NULL;
}

static bool batch_accept(lower_ctx_t *c, char *reason, size_t n) {
  int64_t v[2 * SHAPE_MAX_RANK];
  int count;
  if (!accept_array(c, 0, reason, n)) return false;
  for (int i = 1; i < c->node->n_in; i++)
    if (!lower_ints(c, i, v, 2 * SHAPE_MAX_RANK, &count))
      REFUSE("the block shape, paddings or crops are not constants");
  return true;
}

static status_t batch_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  int64_t block = node_int(c->node, "block_size", 0);
  net_tensor_t *in[3] = {c->in[0], c->in[1], c->in[2]};
  if (!is_nd(c->node)) {
    in[2] = c->in[1];
    in[1] = network_const_ints(c->net, c->node->name, DT_INT32, 2, (int64_t[]){block, block});
  }
  c->out[0] = net_layer1(c->net, is_to_batch(c->node) ? LAYER_SPACE_TO_BATCH : LAYER_BATCH_TO_SPACE,
                         3, in, c->node->out_dtype[0], &p);
  return NULL;
}

#define DEPTH \
  .infer = depth_infer, .kernel = depth_kernel, .accept = depth_accept, .lower = depth_lower
#define BATCH \
  .infer = batch_infer, .kernel = batch_kernel, .accept = batch_accept, .lower = batch_lower

const op_def_t ops_space[] = {
    {.name = "SpaceToDepth",
     .sig = "input: T -> output: T",
     .attrs = "T: type; block_size: int; data_format: string = 'NHWC'",
     DEPTH},
    {.name = "DepthToSpace",
     .sig = "input: T -> output: T",
     .attrs = "T: type; block_size: int; data_format: string = 'NHWC'",
     DEPTH},
    {.name = "SpaceToBatchND",
     .sig = "input: T, block_shape: Tblock_shape, paddings: Tpaddings -> output: T",
     .attrs = "T: type; Tblock_shape: type = int32; Tpaddings: type = int32",
     BATCH},
    {.name = "BatchToSpaceND",
     .sig = "input: T, block_shape: Tblock_shape, crops: Tcrops -> output: T",
     .attrs = "T: type; Tblock_shape: type = int32; Tcrops: type = int32",
     BATCH},
    {.name = "SpaceToBatch",
     .sig = "input: T, paddings: Tpaddings -> output: T",
     .attrs = "T: type; Tpaddings: type = int32; block_size: int",
     BATCH},
    {.name = "BatchToSpace",
     .sig = "input: T, crops: Tidx -> output: T",
     .attrs = "T: type; block_size: int; Tidx: type = int32",
     BATCH},
    {0},
};
