// Layers that move elements without changing them: bytes are copied, so every dtype works.
#include <string.h>

#include "network/eval/eval_internal.h"

static void copy_one(tensor_t *out, int64_t to, const tensor_t *in, int64_t from) {
  size_t size = dtype_size(out->dtype);
  memcpy((char *)out->data + (size_t)to * size, (const char *)in->data + (size_t)from * size, size);
}

// out[i] = in[base + coord . strides]
static void copy_strided(tensor_t *out, const tensor_t *in, int64_t base, const int64_t *strides) {
  int64_t coord[SHAPE_MAX_RANK] = {0}, n = tensor_elements(out);
  for (int64_t i = 0; i < n; i++, eval_next(&out->shape, coord))
    copy_one(out, i, in, base + eval_offset(coord, strides, out->shape.rank));
}

status_t eval_copy(const layer_t *l, const tensor_t *in, tensor_t *out) {
  if (in->dtype != out->dtype) return EVAL_BAD(l, "%s", "the output has another dtype");
  if (tensor_bytes(out)) memcpy(out->data, in->data, tensor_bytes(out));
  return NULL;
}

static status_t same_dtypes(const layer_t *l, const tensor_t *in, int n, dtype_t t) {
  for (int i = 0; i < n; i++)
    if (in[i].dtype != t) return EVAL_BAD(l, "input %d has another dtype than the output", i);
  return NULL;
}

// Concat and Pack.
status_t eval_join(const layer_t *l, const tensor_t *in, tensor_t *out) {
  TRY(same_dtypes(l, in, l->n_in, out->dtype));
  eval_axis_t a = eval_axis_of(&out->shape, axis_resolve(l->p.axis, out->shape.rank));
  size_t size = dtype_size(out->dtype), row = (size_t)(a.dim * a.inner) * size, at = 0;
  for (int i = 0; i < l->n_in; i++) {
    size_t part = a.outer ? tensor_bytes(&in[i]) / (size_t)a.outer : 0;
    for (int64_t o = 0; o < a.outer && part; o++)
      memcpy((char *)out->data + (size_t)o * row + at, (const char *)in[i].data + (size_t)o * part,
             part);
    at += part;
  }
  return NULL;
}

// Split and Unpack.
status_t eval_split(const layer_t *l, const tensor_t *in, tensor_t *out) {
  TRY(same_dtypes(l, out, l->n_out, in->dtype));
  eval_axis_t a = eval_axis_of(&in->shape, axis_resolve(l->p.axis, in->shape.rank));
  size_t size = dtype_size(in->dtype), row = (size_t)(a.dim * a.inner) * size, at = 0;
  for (int i = 0; i < l->n_out; i++) {
    size_t part = a.outer ? tensor_bytes(&out[i]) / (size_t)a.outer : 0;
    for (int64_t o = 0; o < a.outer && part; o++)
      memcpy((char *)out[i].data + (size_t)o * part, (const char *)in->data + (size_t)o * row + at,
             part);
    at += part;
  }
  return NULL;
}

status_t eval_slice(const layer_t *l, const tensor_t *in, tensor_t *out) {
  arena_t *arena = arena_create();
  const known_t *k[3] = {NULL, NULL, NULL};
  for (int i = 1; i < l->n_in && i < 4; i++) k[i - 1] = known_from_tensor(arena, &in[i]);
  slice_plan_t plan;
  char why[256] = "begin is missing";
  bool ok = k[0] && slice_resolve(l, &in->shape, k[0]->n, k[0], k[1], k[2], &plan, why, sizeof why);
  arena_destroy(arena);
  if (!ok) return EVAL_BAD(l, "%s", why);
  // New and shrunk axes do not change the order of elements: walk x's dims with their counts.
  int64_t own[SHAPE_MAX_RANK], strides[SHAPE_MAX_RANK], base = 0;
  shape_strides(&in->shape, own);
  tensor_t flat = *out;
  flat.shape = (shape_t){.rank = plan.rank};
  for (int d = 0; d < plan.rank; d++) {
    flat.shape.d[d] = plan.d[d].count;
    strides[d] = own[d] * plan.d[d].stride;
    base += own[d] * plan.d[d].begin;
  }
  copy_strided(&flat, in, base, strides);
  return NULL;
}

// Where position i of a padded dim comes from; -1: from the padding.
static int64_t pad_source(int mode, int64_t i, int64_t before, int64_t dim) {
  int64_t at = i - before;
  if (at >= 0 && at < dim) return at;
  if (mode == PAD_CONSTANT) return -1;
  int skip = mode == PAD_REFLECT;  // the edge itself is not repeated
  return at < 0 ? -at - 1 + skip : 2 * dim - at - 1 - skip;
}

status_t eval_pad(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const shape_t *s = &out->shape;
  int64_t own[SHAPE_MAX_RANK], coord[SHAPE_MAX_RANK] = {0}, n = tensor_elements(out);
  shape_strides(&in->shape, own);
  bool value = l->n_in > 2;
  if (value && (in[2].dtype != out->dtype || tensor_elements(&in[2]) != 1))
    return EVAL_BAD(l, "%s", "the value is not a scalar of the output's dtype");
  for (int64_t i = 0; i < n; i++, eval_next(s, coord)) {
    int64_t from = 0;
    bool outside = false;
    for (int d = 0; d < s->rank; d++) {
      int64_t at = pad_source(l->p.pad.mode, coord[d], eval_int(&in[1], 2 * d), in->shape.d[d]);
      outside = outside || at < 0;
      from += at * own[d];
    }
    if (!outside)
      copy_one(out, i, in, from);
    else if (value)
      copy_one(out, i, &in[2], 0);
    else
      memset((char *)out->data + (size_t)i * dtype_size(out->dtype), 0, dtype_size(out->dtype));
  }
  return NULL;
}

status_t eval_gather(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const shape_t *x = &in[0].shape, *idx = &in[1].shape;
  int axis = axis_resolve(l->p.axis, x->rank), batch = l->p.gather.batch_dims;
  if (batch < 0) batch += idx->rank;
  eval_axis_t a = eval_axis_of(x, axis);
  int64_t batches = 1;
  for (int i = 0; i < batch; i++) batches *= x->d[i];
  int64_t per_batch = batches ? tensor_elements(&in[1]) / batches : 0;
  int64_t outer = batches ? a.outer / batches : 0;
  size_t row = (size_t)a.inner * dtype_size(out->dtype);
  char *to = out->data;
  for (int64_t b = 0; b < batches; b++)
    for (int64_t o = 0; o < outer; o++)
      for (int64_t i = 0; i < per_batch; i++) {
        int64_t at = eval_int(&in[1], b * per_batch + i);
        if (at < 0 || at >= a.dim)
          return EVAL_BAD(l, "indices[%lld] = %lld is not in [0, %lld)",
                          (long long)(b * per_batch + i), (long long)at, (long long)a.dim);
        if (row)
          memcpy(to, (const char *)in[0].data + (size_t)((b * outer + o) * a.dim + at) * row, row);
        to += row;
      }
  return NULL;
}

status_t eval_gather_nd(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const shape_t *x = &in[0].shape, *idx = &in[1].shape;
  int depth = (int)idx->d[idx->rank - 1];
  int64_t own[SHAPE_MAX_RANK], rows = 1, inner = 1;
  shape_strides(x, own);
  for (int i = 0; i < idx->rank - 1; i++) rows *= idx->d[i];
  for (int i = depth; i < x->rank; i++) inner *= x->d[i];
  size_t row = (size_t)inner * dtype_size(out->dtype);
  for (int64_t r = 0; r < rows; r++) {
    int64_t from = 0;
    for (int k = 0; k < depth; k++) {
      int64_t at = eval_int(&in[1], r * depth + k);
      if (at < 0 || at >= x->d[k])
        return EVAL_BAD(l, "indices[%lld,%d] = %lld is not in [0, %lld)", (long long)r, k,
                        (long long)at, (long long)x->d[k]);
      from += at * own[k];
    }
    if (row)
      memcpy((char *)out->data + (size_t)r * row,
             (const char *)in[0].data + (size_t)from * dtype_size(out->dtype), row);
  }
  return NULL;
}

status_t eval_transpose(const layer_t *l, const tensor_t *in, tensor_t *out) {
  int64_t own[SHAPE_MAX_RANK], strides[SHAPE_MAX_RANK];
  shape_strides(&in->shape, own);
  for (int i = 0; i < out->shape.rank; i++) strides[i] = own[l->p.transpose.perm[i]];
  copy_strided(out, in, 0, strides);
  return NULL;
}

status_t eval_broadcast(const layer_t *l, const tensor_t *in, tensor_t *out) {
  (void)l;
  int64_t strides[SHAPE_MAX_RANK];
  eval_broadcast_strides(&in->shape, &out->shape, strides);
  copy_strided(out, in, 0, strides);
  return NULL;
}

status_t eval_tile(const layer_t *l, const tensor_t *in, tensor_t *out) {
  (void)l;
  int64_t own[SHAPE_MAX_RANK], coord[SHAPE_MAX_RANK] = {0}, n = tensor_elements(out);
  shape_strides(&in->shape, own);
  for (int64_t i = 0; i < n; i++, eval_next(&out->shape, coord)) {
    int64_t from = 0;
    for (int d = 0; d < in->shape.rank; d++) from += coord[d] % in->shape.d[d] * own[d];
    copy_one(out, i, in, from);
  }
  return NULL;
}

status_t eval_reverse(const layer_t *l, const tensor_t *in, tensor_t *out) {
  int64_t strides[SHAPE_MAX_RANK], base = 0;
  shape_strides(&in->shape, strides);
  unsigned mask = 0;
  for (int i = 0; i < l->p.n_axes; i++) mask |= 1u << axis_resolve(l->p.axes[i], in->shape.rank);
  for (int d = 0; d < in->shape.rank; d++) {
    if (!(mask >> d & 1)) continue;
    base += (in->shape.d[d] - 1) * strides[d];
    strides[d] = -strides[d];
  }
  copy_strided(out, in, base, strides);
  return NULL;
}

// DepthToSpace: out[b, h*k+i, w*k+j, c] = in[b, h, w, (i*k+j)*C + c]; SpaceToDepth is its inverse.
status_t eval_depth_space(const layer_t *l, const tensor_t *in, tensor_t *out) {
  bool last = l->p.channels_last, to_space = l->type == LAYER_DEPTH_TO_SPACE;
  tensor_t *deep = to_space ? (tensor_t *)in : out, *wide = to_space ? out : (tensor_t *)in;
  int ch = last ? 3 : 1, h = last ? 1 : 2;
  int64_t k = l->p.block, channels = wide->shape.d[ch], own[4], coord[4] = {0};
  shape_strides(&deep->shape, own);
  int64_t n = tensor_elements(wide);
  for (int64_t i = 0; i < n; i++, eval_next(&wide->shape, coord)) {
    int64_t y = coord[h], x = coord[h + 1];
    int64_t at = coord[0] * own[0] + y / k * own[h] + x / k * own[h + 1] +
                 ((y % k * k + x % k) * channels + coord[ch]) * own[ch];
    if (to_space)
      copy_one(out, i, in, at);
    else
      copy_one(out, at, in, i);
  }
  return NULL;
}

// Walks the side with the large batch: its batch index is block offset * batch + b.
status_t eval_space_batch(const layer_t *l, const tensor_t *in, tensor_t *out) {
  bool to_batch = l->type == LAYER_SPACE_TO_BATCH;
  const tensor_t *many = to_batch ? out : &in[0], *few = to_batch ? &in[0] : out;
  int n_blocks = (int)tensor_elements(&in[1]);
  int64_t own[SHAPE_MAX_RANK], coord[SHAPE_MAX_RANK] = {0}, n = tensor_elements(many);
  shape_strides(&few->shape, own);
  int64_t batch = few->shape.d[0];
  if (to_batch && tensor_bytes(out)) memset(out->data, 0, tensor_bytes(out));
  for (int64_t i = 0; i < n; i++, eval_next(&many->shape, coord)) {
    int64_t offset = batch ? coord[0] / batch : 0, at = batch ? coord[0] % batch * own[0] : 0;
    bool inside = batch > 0;
    for (int d = n_blocks - 1; d >= 0; d--) {
      int64_t block = eval_int(&in[1], d);
      int64_t p = coord[1 + d] * block + offset % block - eval_int(&in[2], 2 * d);
      offset /= block;
      inside = inside && p >= 0 && p < few->shape.d[1 + d];
      at += p * own[1 + d];
    }
    for (int d = 1 + n_blocks; d < many->shape.rank; d++) at += coord[d] * own[d];
    if (!inside) continue;
    if (to_batch)
      copy_one(out, i, &in[0], at);
    else
      copy_one(out, at, &in[0], i);
  }
  return NULL;
}

// ---- made from shapes -----------------------------------------------------------------------

status_t eval_shape(const layer_t *l, const tensor_t *in, tensor_t *out) {
  if (l->type == LAYER_RANK) {
    eval_set_int(out, 0, in->shape.rank);
  } else if (l->type == LAYER_SIZE) {
    eval_set_int(out, 0, tensor_elements(in));
  } else {
    for (int i = 0; i < in->shape.rank; i++) eval_set_int(out, i, in->shape.d[i]);
  }
  return NULL;
}

status_t eval_fill(const layer_t *l, const tensor_t *in, tensor_t *out) {
  int64_t n = tensor_elements(out);
  if (in[1].dtype != out->dtype || tensor_elements(&in[1]) != 1)
    return EVAL_BAD(l, "%s", "the value is not a scalar of the output's dtype");
  for (int64_t i = 0; i < n; i++) copy_one(out, i, &in[1], 0);
  return NULL;
}

status_t eval_range(const layer_t *l, const tensor_t *in, tensor_t *out) {
  (void)l;
  int64_t n = tensor_elements(out);
  for (int64_t i = 0; i < n; i++) {
    if (eval_exact(out->dtype))
      eval_set_int(out, i, eval_int(&in[0], 0) + i * eval_int(&in[2], 0));
    else
      tensor_set_number(out, i,
                        tensor_number_at(&in[0], 0) + (double)i * tensor_number_at(&in[2], 0));
  }
  return NULL;
}

status_t eval_one_hot(const layer_t *l, const tensor_t *in, tensor_t *out) {
  eval_axis_t a = eval_axis_of(&out->shape, axis_resolve(l->p.axis, out->shape.rank));
  TRY(same_dtypes(l, &in[2], 2, out->dtype));
  for (int64_t o = 0; o < a.outer; o++)
    for (int64_t d = 0; d < a.dim; d++)
      for (int64_t i = 0; i < a.inner; i++) {
        bool on = eval_int(&in[0], o * a.inner + i) == d;
        copy_one(out, (o * a.dim + d) * a.inner + i, &in[on ? 2 : 3], 0);
      }
  return NULL;
}
