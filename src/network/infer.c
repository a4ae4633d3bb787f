// Shapes of a layer's outputs from its inputs' shapes and what is known of their values.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "network/known.h"

typedef struct infer {
  const layer_t *l;
  const layer_params_t *p;
  const shape_t *in;
  const known_t *const *v;
  const tensor_t *const *t;  // NULL, or whole values
  shape_t *out;
  char why[320];
} infer_t;

#define BAD(c, ...) (snprintf((c)->why, sizeof(c)->why, __VA_ARGS__), false)
#define SHOW(s) shape_format((s), (char[128]){0}, 128)

static bool rank_is(infer_t *c, int i, int rank) {
  if (c->in[i].rank < 0 || c->in[i].rank == rank) return true;
  return BAD(c, "input %d must have rank %d, not shape %s", i, rank, SHOW(&c->in[i]));
}

static bool scalar(const infer_t *c, int i, int64_t *out) {
  if (i >= c->l->n_in || !c->v[i] || c->v[i]->n != 1) return false;
  *out = c->v[i]->v[0];
  return !known_is_unknown(*out);
}

static int64_t dim_from(const infer_t *c, int i, int at) {
  return i < c->l->n_in && c->v[i] && at < c->v[i]->n ? known_to_dim(c->v[i]->v[at]) : -1;
}

static bool axis_of(infer_t *c, int axis, int rank, int *out) {
  *out = axis_resolve(axis, rank);
  return *out >= 0 || BAD(c, "axis %d is not in [%d, %d)", axis, -rank, rank);
}

static int64_t dim_add(int64_t a, int64_t b) {
  int64_t r;
  if (b == 0) return a;
  if (a == 0) return b;
  if (a < 0 || b < 0) return dim_derived(DERIVED_ADD, a, b);
  return __builtin_add_overflow(a, b, &r) ? -1 : r;
}

static int64_t dim_mul(int64_t a, int64_t b) {
  int64_t r;
  if (b == 1) return a;
  if (a == 1) return b;
  if (a == 0 || b == 0) return 0;
  if (a < 0 || b < 0) return dim_derived(DERIVED_MUL, a, b);
  return __builtin_mul_overflow(a, b, &r) ? -1 : r;
}

// A shape given as an int vector, input i.
static bool shape_from(infer_t *c, int i, shape_t *out) {
  const known_t *k = c->v[i];
  if (!rank_is(c, i, 1) && c->in[i].rank != 0) return false;
  int64_t rank = k ? k->n : c->in[i].rank == 1 ? c->in[i].d[0] : -1;
  if (rank > SHAPE_MAX_RANK)
    return BAD(c, "a shape of %" PRId64 " dims is more than %d", rank, SHAPE_MAX_RANK);
  *out = rank < 0 ? SHAPE_UNKNOWN : shape_unknown_dims((int)rank);
  for (int d = 0; k && d < k->n; d++) {
    if (!known_is_unknown(k->v[d]) && k->v[d] < 0)
      return BAD(c, "dim %d of the shape in input %d is negative: %" PRId64, d, i, k->v[d]);
    out->d[d] = known_to_dim(k->v[d]);
  }
  return true;
}

static bool like_input(infer_t *c) {
  for (int i = 0; i < c->l->n_out; i++) c->out[i] = c->in[0];
  return true;
}

static bool broadcast_inputs(infer_t *c) {
  shape_t s = c->in[0];
  for (int i = 1; i < c->l->n_in; i++) {
    shape_t r;
    if (!shape_broadcast(&s, &c->in[i], &r))
      return BAD(c, "shapes %s and %s do not broadcast", SHOW(&s), SHOW(&c->in[i]));
    s = r;
  }
  c->out[0] = s;
  return true;
}

// ---- convolutions, pools, matrix multiplication ------------------------------------------------

void conv_geometry(int64_t in, int64_t window, int64_t stride, int64_t dilation, bool same,
                   int64_t pad_begin, int64_t pad_end, int64_t *out, int64_t *before) {
  *before = same ? 0 : pad_begin;
  *out = -1;
  if (stride < 1) stride = 1;
  if (dilation < 1) dilation = 1;
  int64_t effective = (window - 1) * dilation + 1;
  if (in < 0 || window < 1) {
    int64_t room = same ? 0 : pad_begin + pad_end - effective + 1;
    if (in < 0 && (same || window > 0))  // at stride 1 the symbol itself may stay
      *out = stride == 1 && room == 0
                 ? in
                 : dim_derived(DERIVED_WINDOW, in, same ? stride : (room * 65536 + stride) * 2 + 1);
    return;
  }
  if (same) {
    *out = in / stride + (in % stride != 0);
    int64_t total = (*out - 1) * stride + effective - in;
    *before = total > 0 ? total / 2 : 0;
    return;
  }
  int64_t room = in + pad_begin + pad_end - effective;
  *out = room < 0 ? 0 : room / stride + 1;
}

static bool window_dims(infer_t *c, int spatial, bool channels_last, const int64_t *window,
                        const int64_t *strides, const int64_t *dilations, bool same,
                        const int64_t *begin, const int64_t *end) {
  const shape_t *x = &c->in[0];
  if (spatial < 1 || spatial > 3) return BAD(c, "%d spatial dims", spatial);
  if (!rank_is(c, 0, spatial + 2)) return false;
  shape_t *out = &c->out[0];
  *out = shape_unknown_dims(spatial + 2);
  if (x->rank >= 0) out->d[0] = x->d[0];
  for (int i = 0; i < spatial; i++) {
    int axis = channels_last ? 1 + i : 2 + i;
    int64_t in = x->rank >= 0 ? x->d[axis] : -1, before;
    if (window[i] == 0) return BAD(c, "an empty window in spatial dim %d", i);
    conv_geometry(in, window[i], strides[i], dilations ? dilations[i] : 1, same, begin[i], end[i],
                  &out->d[axis], &before);
    int64_t span = (window[i] - 1) * (dilations && dilations[i] > 0 ? dilations[i] : 1) + 1;
    if (in > 0 && window[i] > 0 && !same && in + begin[i] + end[i] < span)
      return BAD(c, "a window of %" PRId64 " does not fit the input %s in spatial dim %d", span,
                 SHOW(x), i);
  }
  return true;
}

static bool infer_conv(infer_t *c) {
  const conv_params_t *p = &c->p->conv;
  int s = p->spatial, channel_axis = p->channels_last ? s + 1 : 1;
  const shape_t *x = &c->in[0], *w = &c->in[1];
  int64_t window[3] = {-1, -1, -1};
  if (s < 1 || s > 3) return BAD(c, "%d spatial dims", s);
  if (!rank_is(c, 1, s + 2)) return false;
  for (int i = 0; i < s && w->rank > 0; i++) window[i] = w->d[i];
  if (!window_dims(c, s, p->channels_last, window, p->strides, p->dilations, p->same, p->pad_begin,
                   p->pad_end))
    return false;
  if (w->rank < 0) return true;
  int64_t channels = x->rank < 0 ? -1 : x->d[channel_axis], w_in = w->d[s], m = w->d[s + 1];
  if (p->depthwise) {
    if (channels >= 0 && w_in >= 0 && channels != w_in)
      return BAD(c, "input %s and depthwise filter %s differ in channels", SHOW(x), SHOW(w));
    c->out[0].d[channel_axis] = dim_mul(w_in, m);
    return true;
  }
  if (channels >= 0 && w_in >= 0) {
    int64_t groups = p->groups > 0 ? p->groups : w_in ? channels / w_in : 0;
    if (groups < 1 || w_in * groups != channels || (m >= 0 && m % groups))
      return BAD(c, "input %s and filter %s do not fit in channels", SHOW(x), SHOW(w));
  }
  c->out[0].d[channel_axis] = m;
  return true;
}

static bool infer_deconv(infer_t *c) {
  const conv_params_t *p = &c->p->conv;
  int s = p->spatial;
  const shape_t *x = &c->in[0], *w = &c->in[1];
  if (s < 1 || s > 3) return BAD(c, "%d spatial dims", s);
  if (!rank_is(c, 0, s + 2) || !rank_is(c, 1, s + 2)) return false;
  shape_t *out = &c->out[0];
  *out = shape_unknown_dims(s + 2);
  int channel_axis = p->channels_last ? s + 1 : 1;
  if (x->rank >= 0) out->d[0] = x->d[0];
  if (w->rank >= 0) out->d[channel_axis] = w->d[s];
  if (x->rank >= 0 && w->rank >= 0 && x->d[channel_axis] >= 0 && w->d[s + 1] >= 0 &&
      x->d[channel_axis] != w->d[s + 1])
    return BAD(c, "input %s and filter %s differ in channels", SHOW(x), SHOW(w));
  for (int i = 0; i < s; i++) {
    int axis = p->channels_last ? 1 + i : 2 + i;
    int64_t size = dim_from(c, 2, i), back, before;
    out->d[axis] = size;
    if (x->rank < 0 || w->rank < 0 || size < 0 || x->d[axis] < 0 || w->d[i] < 1) continue;
    conv_geometry(size, w->d[i], p->strides[i], p->dilations[i], p->same, p->pad_begin[i],
                  p->pad_end[i], &back, &before);
    if (back != x->d[axis])
      return BAD(c, "an output size of %" PRId64 " in spatial dim %d does not give input %s", size,
                 i, SHOW(x));
  }
  return true;
}

static bool infer_pool(infer_t *c) {
  int64_t none[3] = {0};
  bool same = c->p->pool.same;
  return window_dims(c, c->p->pool.spatial, c->p->pool.channels_last, c->p->pool.window,
                     c->p->pool.strides, NULL, same, same ? none : c->p->pool.pad_begin,
                     same ? none : c->p->pool.pad_end) &&
         (c->in[0].rank < 0 ||
          (c->out[0].d[c->p->pool.channels_last ? c->p->pool.spatial + 1 : 1] =
               c->in[0].d[c->p->pool.channels_last ? c->p->pool.spatial + 1 : 1],
           true));
}

static bool infer_matmul(infer_t *c) {
  const shape_t *a = &c->in[0], *b = &c->in[1];
  c->out[0] = SHAPE_UNKNOWN;
  if (a->rank < 0 || b->rank < 0) return true;
  if (a->rank < 2 || b->rank < 2)
    return BAD(c, "shapes %s and %s are not matrices", SHOW(a), SHOW(b));
  bool ta = c->p->matmul.transpose_a, tb = c->p->matmul.transpose_b;
  int64_t m = a->d[a->rank - (ta ? 1 : 2)], ka = a->d[a->rank - (ta ? 2 : 1)];
  int64_t kb = b->d[b->rank - (tb ? 1 : 2)], n = b->d[b->rank - (tb ? 2 : 1)];
  shape_t batch_a = shape_of(a->rank - 2, a->d), batch_b = shape_of(b->rank - 2, b->d);
  if ((ka >= 0 && kb >= 0 && ka != kb) || !shape_broadcast(&batch_a, &batch_b, &c->out[0]))
    return BAD(c, "shapes %s%s and %s%s do not multiply", SHOW(a), ta ? " (transposed)" : "",
               SHOW(b), tb ? " (transposed)" : "");
  c->out[0].d[c->out[0].rank++] = m;
  c->out[0].d[c->out[0].rank++] = n;
  return true;
}

// ---- axes -----------------------------------------------------------------------------------

static bool axes_mask(infer_t *c, int rank, unsigned *mask) {
  *mask = 0;
  for (int i = 0; i < c->p->n_axes; i++) {
    int axis;
    if (!axis_of(c, c->p->axes[i], rank, &axis)) return false;
    *mask |= 1u << axis;
  }
  return true;
}

static bool infer_reduce(infer_t *c) {
  const shape_t *x = &c->in[0];
  c->out[0] = SHAPE_UNKNOWN;
  unsigned mask;
  if (x->rank < 0) return true;
  if (!axes_mask(c, x->rank, &mask)) return false;
  shape_t out = SHAPE_SCALAR;
  for (int i = 0; i < x->rank; i++) {
    if (!(mask >> i & 1))
      out.d[out.rank++] = x->d[i];
    else if (c->p->reduce.keep_dims)
      out.d[out.rank++] = 1;
  }
  c->out[0] = out;
  return true;
}

static bool infer_axis_checked(infer_t *c) {
  unsigned mask;
  int axis = c->l->type == LAYER_SOFTMAX ? c->p->softmax.axis : c->p->axis;
  bool one = c->l->type == LAYER_SOFTMAX || c->l->type == LAYER_CUMULATIVE;
  if (c->in[0].rank >= 0 && one && !axis_of(c, axis, c->in[0].rank, &axis)) return false;
  if (c->in[0].rank >= 0 && !one && !axes_mask(c, c->in[0].rank, &mask)) return false;
  return like_input(c);
}

static bool infer_concat(infer_t *c) {
  shape_t s = SHAPE_UNKNOWN;
  for (int i = 0; i < c->l->n_in && s.rank < 0; i++) s = c->in[i];
  c->out[0] = SHAPE_UNKNOWN;
  int axis;
  if (s.rank < 0) return true;
  if (!axis_of(c, c->p->axis, s.rank, &axis)) return false;
  int64_t total = 0;
  for (int i = 0; i < c->l->n_in; i++) {
    shape_t x = c->in[i];
    total = dim_add(total, x.rank < 0 ? -1 : axis < x.rank ? x.d[axis] : -1);
    if (x.rank < 0) continue;
    if (x.rank != s.rank)
      return BAD(c, "inputs %s and %s differ in rank", SHOW(&c->in[0]), SHOW(&x));
    x.d[axis] = s.d[axis] = -1;
    if (!shape_merge(&s, &x, &s))
      return BAD(c, "inputs %s and %s differ outside axis %d", SHOW(&c->in[0]), SHOW(&c->in[i]),
                 axis);
  }
  s.d[axis] = total;
  c->out[0] = s;
  return true;
}

static bool infer_split(infer_t *c) {
  const shape_t *x = &c->in[0];
  int axis, n = c->l->n_out;
  for (int i = 0; i < n; i++) c->out[i] = *x;
  if (x->rank < 0) return true;
  if (!axis_of(c, c->p->axis, x->rank, &axis)) return false;
  int64_t dim = x->d[axis];
  if (c->l->n_in < 2) {
    if (dim >= 0 && dim % n)
      return BAD(c, "dim %d of %s does not split into %d equal parts", axis, SHOW(x), n);
    for (int i = 0; i < n; i++) c->out[i].d[axis] = n == 1 ? dim : dim >= 0 ? dim / n : -1;
    return true;
  }
  const known_t *sizes = c->v[1];
  if (sizes && sizes->n != n) return BAD(c, "%d sizes for %d outputs", sizes->n, n);
  int64_t sum = 0;
  int rest = -1;
  for (int i = 0; i < n; i++) {
    int64_t size = sizes ? sizes->v[i] : KNOWN_UNKNOWN;
    c->out[i].d[axis] = known_to_dim(size);
    if (size == -1 && rest >= 0) return BAD(c, "more than one size of -1");
    if (size == -1)
      rest = i;
    else
      sum = known_is_unknown(size) || sum < 0 ? -1 : dim_add(sum, size);
  }
  if (dim < 0 || sum < 0) return true;
  if (rest >= 0 ? sum > dim : sum != dim)
    return BAD(c, "the sizes add up to %" PRId64 ", dim %d of %s is another", sum, axis, SHOW(x));
  if (rest >= 0) c->out[rest].d[axis] = dim - sum;
  return true;
}

static bool infer_slice(infer_t *c) {
  slice_plan_t plan;
  const shape_t *b = &c->in[1];
  int n = c->v[1] ? c->v[1]->n : b->rank == 1 && b->d[0] >= 0 ? (int)b->d[0] : -1;
  const known_t *strides = c->l->n_in > 3 ? c->v[3] : NULL;
  if (!slice_resolve(c->l, &c->in[0], n, c->v[1], c->v[2], strides, &plan, c->why, sizeof c->why))
    return false;
  c->out[0] = plan.out;
  return true;
}

static bool infer_pad(infer_t *c) {
  const shape_t *x = &c->in[0];
  const known_t *k = c->v[1];
  c->out[0] = *x;
  if (x->rank < 0) return true;
  if (k && k->n != 2 * x->rank)
    return BAD(c, "paddings of %d numbers for an input %s", k->n, SHOW(x));
  for (int i = 0; i < x->rank; i++) {
    int64_t before = k ? k->v[2 * i] : KNOWN_UNKNOWN, after = k ? k->v[2 * i + 1] : KNOWN_UNKNOWN;
    bool known = !known_is_unknown(before) && !known_is_unknown(after);
    if (known && (before < 0 || after < 0)) return BAD(c, "negative padding in dim %d", i);
    c->out[0].d[i] = known ? dim_add(x->d[i], dim_add(before, after)) : -1;
    int64_t most = before > after ? before : after;
    int64_t room = x->d[i] - (c->p->pad.mode == PAD_REFLECT);
    if (known && c->p->pad.mode != PAD_CONSTANT && x->d[i] >= 0 && most > room)
      return BAD(c, "mirror padding of %" PRId64 " is too much for dim %d of %s", most, i, SHOW(x));
  }
  return true;
}

static bool infer_gather(infer_t *c) {
  const shape_t *x = &c->in[0], *idx = &c->in[1];
  c->out[0] = SHAPE_UNKNOWN;
  if (x->rank < 0 || idx->rank < 0) return true;
  int axis, batch = c->p->gather.batch_dims;
  if (!axis_of(c, c->p->axis, x->rank, &axis)) return false;
  if (batch < 0) batch += idx->rank;
  if (batch < 0 || batch > axis || batch > idx->rank)
    return BAD(c, "batch_dims %d with axis %d and indices %s", batch, axis, SHOW(idx));
  shape_t s = SHAPE_SCALAR;
  if (x->rank - 1 + idx->rank - batch > SHAPE_MAX_RANK)
    return BAD(c, "a result of rank %d is more than %d", x->rank - 1 + idx->rank - batch,
               SHAPE_MAX_RANK);
  for (int i = 0; i < axis; i++) s.d[s.rank++] = x->d[i];
  for (int i = 0; i < batch; i++)
    if (!dim_merge(x->d[i], idx->d[i], &s.d[i]))
      return BAD(c, "params %s and indices %s differ in batch dim %d", SHOW(x), SHOW(idx), i);
  for (int i = batch; i < idx->rank; i++) s.d[s.rank++] = idx->d[i];
  for (int i = axis + 1; i < x->rank; i++) s.d[s.rank++] = x->d[i];
  c->out[0] = s;
  return true;
}

static bool infer_gather_nd(infer_t *c) {
  const shape_t *x = &c->in[0], *idx = &c->in[1];
  c->out[0] = SHAPE_UNKNOWN;
  if (x->rank < 0 || idx->rank < 0) return true;
  if (idx->rank < 1) return BAD(c, "indices must have at least rank 1");
  int64_t depth = idx->d[idx->rank - 1];
  if (depth < 0) return true;
  if (depth > x->rank)
    return BAD(c, "indices %s index more dims than params %s have", SHOW(idx), SHOW(x));
  shape_t s = shape_of(idx->rank - 1, idx->d);
  if (s.rank + x->rank - (int)depth > SHAPE_MAX_RANK)
    return BAD(c, "a result of more than %d dims", SHAPE_MAX_RANK);
  for (int i = (int)depth; i < x->rank; i++) s.d[s.rank++] = x->d[i];
  c->out[0] = s;
  return true;
}

static bool infer_transpose(infer_t *c) {
  int n = c->p->transpose.n;
  const int *perm = c->p->transpose.perm;
  unsigned seen = 0;
  if (n < 0 || n > SHAPE_MAX_RANK || !rank_is(c, 0, n))
    return BAD(c, "a permutation of %d for input %s", n, SHOW(&c->in[0]));
  c->out[0] = shape_unknown_dims(n);
  for (int i = 0; i < n; i++) {
    if (perm[i] < 0 || perm[i] >= n || seen >> perm[i] & 1)
      return BAD(c, "perm[%d] = %d does not make a permutation", i, perm[i]);
    seen |= 1u << perm[i];
    if (c->in[0].rank >= 0) c->out[0].d[i] = c->in[0].d[perm[i]];
  }
  return true;
}

// ---- shapes -------------------------------------------------------------------------------------

// What a reshape's missing dim must be: dims that both sides have cancel out, symbols too.
static int64_t missing_dim(const shape_t *x, const shape_t *target, int missing) {
  int64_t have = 1, want = 1, left[SHAPE_MAX_RANK];
  int n_left = 0;
  for (int i = 0; i < x->rank; i++) {
    if (x->d[i] >= 0)
      have = dim_mul(have, x->d[i]);
    else
      left[n_left++] = x->d[i];
  }
  for (int i = 0; i < target->rank; i++) {
    if (i == missing) continue;
    if (target->d[i] >= 0) {
      want = dim_mul(want, target->d[i]);
      continue;
    }
    int at = 0;
    while (at < n_left && (left[at] != target->d[i] || left[at] == -1)) at++;
    if (at == n_left) return -1;
    left[at] = left[--n_left];
  }
  if (have < 0 || want <= 0) return -1;
  if (have % want) return -1;
  if (n_left == 0) return have / want;
  int64_t product = left[0];  // in the order in which Prod of a shape multiplies
  for (int i = 1; i < n_left; i++) product = dim_mul(product, left[i]);
  return dim_mul(product, have / want);
}

static bool infer_reshape(infer_t *c) {
  const shape_t *x = &c->in[0];
  const known_t *k = c->v[1];
  shape_t s;
  if (!k) return shape_from(c, 1, &c->out[0]);
  if (k->n > SHAPE_MAX_RANK) return BAD(c, "a shape of %d dims", k->n);
  s = shape_unknown_dims(k->n);
  int missing = -1, unknown = 0, plain_unknown = -1;
  for (int i = 0; i < k->n; i++) {
    s.d[i] = known_to_dim(k->v[i]);
    if (known_is_unknown(k->v[i])) {
      unknown++;
      if (s.d[i] == -1) plain_unknown = i;
    } else if (k->v[i] == -1) {
      if (missing >= 0) return BAD(c, "only one dim of a new shape may be -1");
      missing = i;
    } else if (k->v[i] < 0) {
      return BAD(c, "dim %d of the new shape is %" PRId64, i, k->v[i]);
    }
  }
  if (x->rank >= 0) {
    int solve = missing >= 0 ? missing : unknown == 1 ? plain_unknown : -1;
    if (solve >= 0) s.d[solve] = missing_dim(x, &s, solve);
    if (shape_known(x) && unknown == 0) {
      bool bad = !shape_known(&s) || shape_elements(&s) != shape_elements(x);
      if (bad) {
        if (missing >= 0) s.d[missing] = -1;
        return BAD(c, "cannot reshape %s to %s", SHOW(x), SHOW(&s));
      }
    }
  }
  c->out[0] = s;
  return true;
}

static bool infer_squeeze(infer_t *c) {
  const shape_t *x = &c->in[0];
  unsigned mask;
  c->out[0] = SHAPE_UNKNOWN;
  if (x->rank < 0) return true;
  if (!axes_mask(c, x->rank, &mask)) return false;
  shape_t s = SHAPE_SCALAR;
  for (int i = 0; i < x->rank; i++) {
    if (c->p->n_axes == 0 && x->d[i] < 0) return true;  // may be 1: not even the rank is known
    bool drop = c->p->n_axes ? mask >> i & 1 : x->d[i] == 1;
    if (drop && x->d[i] >= 0 && x->d[i] != 1)
      return BAD(c, "cannot squeeze dim %d of %s", i, SHOW(x));
    if (!drop) s.d[s.rank++] = x->d[i];
  }
  c->out[0] = s;
  return true;
}

static bool insert_dim(infer_t *c, const shape_t *x, int axis, int64_t dim) {
  c->out[0] = SHAPE_UNKNOWN;
  if (x->rank < 0) return true;
  if (x->rank == SHAPE_MAX_RANK) return BAD(c, "a result of more than %d dims", SHAPE_MAX_RANK);
  if (!axis_of(c, axis, x->rank + 1, &axis)) return false;
  shape_t s = {.rank = x->rank + 1};
  for (int i = 0; i < s.rank; i++) s.d[i] = i == axis ? dim : x->d[i - (i > axis)];
  c->out[0] = s;
  return true;
}

static bool infer_expand_dims(infer_t *c) {
  return insert_dim(c, &c->in[0], c->p->n_axes ? c->p->axes[0] : 0, 1);
}

static bool infer_pack(infer_t *c) {
  shape_t s = c->in[0];
  for (int i = 1; i < c->l->n_in; i++)
    if (!shape_merge(&s, &c->in[i], &s))
      return BAD(c, "inputs %s and %s differ", SHOW(&c->in[0]), SHOW(&c->in[i]));
  return insert_dim(c, &s, c->p->axis, c->l->n_in);
}

static bool infer_one_hot(infer_t *c) {
  int axis = c->p->axis;
  return insert_dim(c, &c->in[0], axis, dim_from(c, 1, 0));
}

static bool drop_axis(infer_t *c, int axis) {
  const shape_t *x = &c->in[0];
  shape_t s = {.rank = x->rank - 1};
  for (int i = 0; i < s.rank; i++) s.d[i] = x->d[i + (i >= axis)];
  for (int i = 0; i < c->l->n_out; i++) c->out[i] = s;
  return true;
}

static bool infer_unpack(infer_t *c) {
  const shape_t *x = &c->in[0];
  int axis;
  for (int i = 0; i < c->l->n_out; i++) c->out[i] = SHAPE_UNKNOWN;
  if (x->rank < 0) return true;
  if (!axis_of(c, c->p->axis, x->rank, &axis)) return false;
  if (x->d[axis] >= 0 && x->d[axis] != c->l->n_out)
    return BAD(c, "dim %d of %s for %d outputs", axis, SHOW(x), c->l->n_out);
  return drop_axis(c, axis);
}

static bool infer_arg(infer_t *c) {
  int axis;
  c->out[0] = SHAPE_UNKNOWN;
  if (c->in[0].rank < 0) return true;
  return axis_of(c, c->p->axis, c->in[0].rank, &axis) && drop_axis(c, axis);
}

static bool infer_broadcast(infer_t *c) {
  shape_t s, r;
  if (!shape_from(c, 1, &s)) return false;
  if (!shape_broadcast(&c->in[0], &s, &r) || (r.rank >= 0 && s.rank >= 0 && r.rank != s.rank))
    return BAD(c, "%s does not broadcast to %s", SHOW(&c->in[0]), SHOW(&s));
  for (int i = 0; i < s.rank && r.rank >= 0; i++)
    if (s.d[i] >= 0 && s.d[i] != r.d[i])
      return BAD(c, "%s does not broadcast to %s", SHOW(&c->in[0]), SHOW(&s));
  c->out[0] = s.rank >= 0 ? s : SHAPE_UNKNOWN;
  return true;
}

static bool infer_tile(infer_t *c) {
  const shape_t *x = &c->in[0];
  const known_t *k = c->v[1];
  c->out[0] = *x;
  if (x->rank < 0) return true;
  if (k && k->n != x->rank) return BAD(c, "%d multiples for %s", k->n, SHOW(x));
  for (int i = 0; i < x->rank; i++) {
    if (k && !known_is_unknown(k->v[i]) && k->v[i] < 0) return BAD(c, "a negative multiple");
    c->out[0].d[i] = dim_mul(x->d[i], k ? known_to_dim(k->v[i]) : -1);
  }
  return true;
}

static bool infer_shape(infer_t *c) {
  c->out[0] = SHAPE(c->in[0].rank);
  return true;
}

static bool infer_scalar(infer_t *c) {
  c->out[0] = SHAPE_SCALAR;
  return true;
}

static bool infer_fill(infer_t *c) { return shape_from(c, 0, &c->out[0]); }

static bool infer_range(infer_t *c) {
  c->out[0] = SHAPE(-1);
  int64_t a, b, d;
  if (scalar(c, 0, &a) && scalar(c, 1, &b) && scalar(c, 2, &d)) {
    if (d == 0) return BAD(c, "delta is 0");
    int64_t span = b - a;
    if (span == 0 || (span < 0) != (d < 0))
      c->out[0].d[0] = 0;
    else
      c->out[0].d[0] = span / d + (span % d != 0);
    if (span != 0 && (span < 0) != (d < 0))
      return BAD(c, "limit %" PRId64 " is on the wrong side of start %" PRId64, b, a);
    return true;
  }
  if (scalar(c, 0, &a) && a == 0 && scalar(c, 2, &d) && d == 1) c->out[0].d[0] = dim_from(c, 1, 0);
  const tensor_t *const *t = c->t;
  if (t && t[0] && t[1] && t[2] && dtype_is_float(t[0]->dtype)) {
    double from = tensor_number_at(t[0], 0), to = tensor_number_at(t[1], 0);
    double count = ceil(fabs((to - from) / tensor_number_at(t[2], 0)));
    if (!(count < 1e9)) return BAD(c, "a range of %g elements", count);
    c->out[0].d[0] = (int64_t)count;
  }
  return true;
}

// ---- images, and the rest -----------------------------------------------------------------------

static bool infer_resize(infer_t *c) {
  if (!rank_is(c, 0, 4)) return false;
  c->out[0] = shape_unknown_dims(4);
  if (c->in[0].rank == 4) {
    c->out[0].d[0] = c->in[0].d[0];
    c->out[0].d[3] = c->in[0].d[3];
  }
  if (c->v[1] && c->v[1]->n != 2) return BAD(c, "a size of %d numbers", c->v[1]->n);
  for (int i = 0; i < 2; i++) c->out[0].d[1 + i] = dim_from(c, 1, i);
  return true;
}

static bool infer_topk(infer_t *c) {
  const shape_t *x = &c->in[0];
  like_input(c);
  if (x->rank < 0) return true;
  if (x->rank == 0) return BAD(c, "the input must have at least rank 1");
  int64_t k = dim_from(c, 1, 0), last = x->d[x->rank - 1];
  if (k >= 0 && last >= 0 && k > last)
    return BAD(c, "input must have at least k columns: %" PRId64 " of %s", k, SHOW(x));
  for (int i = 0; i < c->l->n_out; i++) c->out[i].d[x->rank - 1] = k;
  return true;
}

static bool infer_depth_space(infer_t *c) {
  const shape_t *x = &c->in[0];
  int64_t b = c->p->block;
  if (!rank_is(c, 0, 4)) return false;
  if (b < 1) return BAD(c, "block size %" PRId64, b);
  c->out[0] = shape_unknown_dims(4);
  if (x->rank < 0) return true;
  c->out[0].d[0] = x->d[0];
  int channel = c->p->channels_last ? 3 : 1, h = c->p->channels_last ? 1 : 2;
  bool deeper = c->l->type == LAYER_SPACE_TO_DEPTH;
  for (int i = 1; i < 4; i++) {
    int64_t by = i == channel ? b * b : b, d = x->d[i];
    bool divide = (i == channel) != deeper;
    if (divide && d >= 0 && d % by)
      return BAD(c, "dim %d of %s is not a multiple of %" PRId64, i, SHOW(x), by);
    c->out[0].d[i] = d < 0 ? -1 : divide ? d / by : dim_mul(d, by);
  }
  (void)h;
  return true;
}

// No dim of an engine's tensor is larger, so that arithmetic on two of them, or on one and a
// parameter, cannot overflow.
static const int64_t MAX_DIM = INT32_MAX;

static bool infer_space_batch(infer_t *c) {
  const shape_t *x = &c->in[0];
  const known_t *block = c->v[1], *pad = c->v[2];
  bool to_batch = c->l->type == LAYER_SPACE_TO_BATCH;
  if (x->rank < 0) return like_input(c);
  c->out[0] = *x;
  if (!block || !pad) {
    c->out[0] = shape_unknown_dims(x->rank);
    return true;
  }
  int n = block->n;
  if (n + 1 > x->rank || pad->n != 2 * n)
    return BAD(c, "block shape of %d and paddings of %d numbers for %s", n, pad->n, SHOW(x));
  int64_t batch = x->d[0], all = 1;
  for (int i = 0; i < n; i++) {
    int64_t b = block->v[i], p0 = pad->v[2 * i], p1 = pad->v[2 * i + 1], d = x->d[1 + i];
    if (known_is_unknown(b) || known_is_unknown(p0) || known_is_unknown(p1)) {
      all = -1;
      c->out[0].d[1 + i] = -1;
      continue;
    }
    if (b < 1 || p0 < 0 || p1 < 0 || b > MAX_DIM || p0 > MAX_DIM || p1 > MAX_DIM)
      return BAD(c, "block %" PRId64 " in dim %d", b, i);
    all = dim_mul(all, b);
    if (d < 0) {
      c->out[0].d[1 + i] = -1;
      continue;
    }
    int64_t full = to_batch ? d + p0 + p1 : d * b - p0 - p1;
    if (full < 0 || (to_batch && full % b))
      return BAD(c, "dim %d of %s does not fit block %" PRId64, 1 + i, SHOW(x), b);
    c->out[0].d[1 + i] = to_batch ? full / b : full;
  }
  if (!to_batch && batch >= 0 && all > 0 && batch % all)
    return BAD(c, "batch of %s is not a multiple of %" PRId64, SHOW(x), all);
  c->out[0].d[0] = to_batch               ? dim_mul(batch, all)
                   : all == 1             ? batch
                   : batch < 0 || all < 1 ? -1
                                          : batch / all;
  return true;
}

// CombinedNonMaxSuppression: boxes [B, N, q, 4], scores [B, N, classes].
static bool infer_nms(infer_t *c) {
  if (!rank_is(c, 0, 4) || !rank_is(c, 1, 3)) return false;
  int64_t batch = -1, classes = -1, per_class, total = -1, most;
  if (c->in[0].rank == 4) batch = c->in[0].d[0];
  if (c->in[1].rank == 3) {
    if (batch < 0) batch = c->in[1].d[0];
    classes = c->in[1].d[2];
  }
  if (scalar(c, 3, &most)) {
    if (most < 0) return BAD(c, "max_total_size is %" PRId64, most);
    total = most;
    if (c->p->nms.pad_per_class) {
      bool known = scalar(c, 2, &per_class) && classes >= 0;
      int64_t all = known ? dim_mul(per_class, classes) : -1;
      total = !known ? -1 : all >= 0 && all < total ? all : total;
    }
  }
  shape_t out[] = {SHAPE(batch, total, 4), SHAPE(batch, total), SHAPE(batch, total), SHAPE(batch)};
  if (c->l->n_out > 4) return BAD(c, "%d outputs", c->l->n_out);
  for (int i = 0; i < c->l->n_out; i++) c->out[i] = out[i];
  return true;
}

// q [B, T, H, D] (layout 0) or [B, H, T, D] (layout 1); the result is like q with v's last dim.
static bool infer_attention(infer_t *c) {
  c->out[0] = c->in[0];
  if (c->in[0].rank >= 1 && c->in[2].rank >= 1)
    c->out[0].d[c->in[0].rank - 1] = c->in[2].d[c->in[2].rank - 1];
  return true;
}

typedef struct rule {
  bool (*infer)(infer_t *c);
  int min_in;
} rule_t;

static const rule_t rules[LAYER_TYPE_COUNT] = {
    [LAYER_IDENTITY] = {like_input, 1},
    [LAYER_UNARY] = {like_input, 1},
    [LAYER_BINARY] = {broadcast_inputs, 2},
    [LAYER_SELECT] = {broadcast_inputs, 3},
    [LAYER_CAST] = {like_input, 1},
    [LAYER_CONV] = {infer_conv, 2},
    [LAYER_DECONV] = {infer_deconv, 3},
    [LAYER_MATMUL] = {infer_matmul, 2},
    [LAYER_POOL] = {infer_pool, 1},
    [LAYER_SOFTMAX] = {infer_axis_checked, 1},
    [LAYER_REDUCE] = {infer_reduce, 1},
    [LAYER_NORM] = {infer_axis_checked, 2},
    [LAYER_CONCAT] = {infer_concat, 1},
    [LAYER_SPLIT] = {infer_split, 1},
    [LAYER_SLICE] = {infer_slice, 3},
    [LAYER_PAD] = {infer_pad, 2},
    [LAYER_GATHER] = {infer_gather, 2},
    [LAYER_GATHER_ND] = {infer_gather_nd, 2},
    [LAYER_TRANSPOSE] = {infer_transpose, 1},
    [LAYER_RESHAPE] = {infer_reshape, 2},
    [LAYER_SQUEEZE] = {infer_squeeze, 1},
    [LAYER_EXPAND_DIMS] = {infer_expand_dims, 1},
    [LAYER_BROADCAST] = {infer_broadcast, 2},
    [LAYER_TILE] = {infer_tile, 2},
    [LAYER_PACK] = {infer_pack, 1},
    [LAYER_UNPACK] = {infer_unpack, 1},
    [LAYER_RESIZE] = {infer_resize, 2},
    [LAYER_TOPK] = {infer_topk, 2},
    [LAYER_ARG] = {infer_arg, 1},
    [LAYER_SHAPE] = {infer_shape, 1},
    [LAYER_SIZE] = {infer_scalar, 1},
    [LAYER_RANK] = {infer_scalar, 1},
    [LAYER_FILL] = {infer_fill, 2},
    [LAYER_RANGE] = {infer_range, 3},
    [LAYER_CUMULATIVE] = {infer_axis_checked, 1},
    [LAYER_ONE_HOT] = {infer_one_hot, 4},
    [LAYER_REVERSE] = {infer_axis_checked, 1},
    [LAYER_DEPTH_TO_SPACE] = {infer_depth_space, 1},
    [LAYER_SPACE_TO_DEPTH] = {infer_depth_space, 1},
    [LAYER_SPACE_TO_BATCH] = {infer_space_batch, 3},
    [LAYER_BATCH_TO_SPACE] = {infer_space_batch, 3},
    [LAYER_LRN] = {like_input, 1},
    [LAYER_NMS] = {infer_nms, 6},
    [LAYER_QUANTIZE] = {like_input, 2},
    [LAYER_DEQUANTIZE] = {like_input, 2},
    [LAYER_FUSED] = {broadcast_inputs, 1},
    [LAYER_ATTENTION] = {infer_attention, 3},
};

// Layers that move elements give what they take; all but a few make one tensor.
static const uint8_t moves[LAYER_TYPE_COUNT] = {
    [LAYER_IDENTITY] = 1,
    [LAYER_RESHAPE] = 1,
    [LAYER_SQUEEZE] = 1,
    [LAYER_EXPAND_DIMS] = 1,
    [LAYER_CONCAT] = 1,
    [LAYER_PACK] = 1,
    [LAYER_SPLIT] = 1,
    [LAYER_UNPACK] = 1,
    [LAYER_TRANSPOSE] = 1,
    [LAYER_SLICE] = 1,
    [LAYER_BROADCAST] = 1,
    [LAYER_TILE] = 1,
    [LAYER_PAD] = 1,
    [LAYER_GATHER] = 1,
    [LAYER_GATHER_ND] = 1,
    [LAYER_REVERSE] = 1,
    [LAYER_DEPTH_TO_SPACE] = 1,
    [LAYER_SPACE_TO_DEPTH] = 1,
    [LAYER_SPACE_TO_BATCH] = 1,
    [LAYER_BATCH_TO_SPACE] = 1,
};

static status_t check_outputs(const layer_t *l) {
  bool many = l->type == LAYER_SPLIT || l->type == LAYER_UNPACK || l->type == LAYER_TOPK ||
              l->type == LAYER_NMS;
  if (l->n_out != 1 && !many)
    return FAIL(INVALID_ARGUMENT, "layer %s (%s) has %d outputs, it makes one", l->name,
                layer_type_name(l->type), l->n_out);
  int joined = l->type == LAYER_CONCAT || l->type == LAYER_PACK ? l->n_in : 1;
  for (int i = 0; moves[l->type] && i < joined; i++)
    for (int o = 0; o < l->n_out; o++)
      if (l->in[i]->dtype != l->out[o]->dtype)
        return FAIL(INVALID_ARGUMENT, "layer %s (%s) cannot make %s of %s", l->name,
                    layer_type_name(l->type), dtype_name(l->out[o]->dtype),
                    dtype_name(l->in[i]->dtype));
  return NULL;
}

static status_t check_dims(const layer_t *l, const shape_t *s, int n) {
  char text[160];
  for (int i = 0; i < n; i++)
    for (int d = 0; d < s[i].rank; d++)
      if (s[i].d[d] > MAX_DIM)
        return FAIL(INVALID_ARGUMENT, "layer %s (%s): the shape %s is too large", l->name,
                    layer_type_name(l->type), shape_format(&s[i], text, sizeof text));
  return NULL;
}

status_t infer_shapes(const layer_t *l, const shape_t *in, const known_t *const *values,
                      const tensor_t *const *tensors, shape_t *out) {
  if ((unsigned)l->type >= LAYER_TYPE_COUNT)
    return FAIL(INVALID_ARGUMENT, "layer %s has type %d, which is none", l->name, (int)l->type);
  const rule_t *r = &rules[l->type];
  infer_t c = {.l = l, .p = &l->p, .in = in, .v = values, .t = tensors, .out = out};
  const layer_params_t *p = &l->p;
  int extra = l->type == LAYER_CONV     ? p->conv.has_bias + p->conv.has_residual
              : l->type == LAYER_DECONV ? p->conv.has_bias
              : l->type == LAYER_MATMUL ? p->matmul.has_bias + p->matmul.has_residual
              : l->type == LAYER_NORM   ? p->norm.has_offset
                                        : 0;
  if (l->n_in < r->min_in + extra)
    return FAIL(INVALID_ARGUMENT, "layer %s (%s) has %d inputs, it needs %d", l->name,
                layer_type_name(l->type), l->n_in, r->min_in + extra);
  TRY(check_outputs(l));
  TRY(check_dims(l, in, l->n_in));
  if (!r->infer(&c))
    return FAIL(INVALID_ARGUMENT, "layer %s (%s): %s", l->name, layer_type_name(l->type), c.why);
  for (int i = 0; i < l->n_out; i++)
    if (shape_known(&out[i]) && shape_elements(&out[i]) < 0)
      return FAIL(INVALID_ARGUMENT, "layer %s (%s): a result of shape %s is too large", l->name,
                  layer_type_name(l->type), SHOW(&out[i]));
  return check_dims(l, out, l->n_out);
}

status_t layer_infer(const layer_t *l, const shape_t *in_shapes, const tensor_t *const *in_values,
                     shape_t *out_shapes) {
  arena_t *arena = arena_create();
  const known_t **values = arena_alloc(arena, ((size_t)l->n_in + 1) * sizeof *values);
  const tensor_t **tensors = arena_alloc(arena, ((size_t)l->n_in + 1) * sizeof *tensors);
  for (int i = 0; i < l->n_in; i++) {
    bool have = in_values && in_values[i] && !tensor_empty(in_values[i]);
    tensors[i] = have ? in_values[i] : NULL;
    values[i] = have ? known_from_tensor(arena, in_values[i]) : NULL;
  }
  status_t st = infer_shapes(l, in_shapes, values, tensors, out_shapes);
  arena_destroy(arena);
  return st;
}

status_t network_infer_layer(network_t *n, layer_t *l) {
  size_t most = (size_t)(l->n_in > l->n_out ? l->n_in : l->n_out) + 1;
  shape_t *in = mem_alloc(most * sizeof *in), *out = mem_alloc(most * sizeof *out);
  const known_t **values = mem_calloc(most, sizeof *values);
  const tensor_t **tensors = mem_calloc(most, sizeof *tensors);
  const known_t **results = mem_calloc(most, sizeof *results);
  for (int i = 0; i < l->n_in; i++) {
    in[i] = l->in[i]->shape;
    values[i] = l->in[i]->known;
    tensors[i] = l->in[i]->is_const && l->in[i]->value.buf ? &l->in[i]->value : NULL;
  }
  status_t st = infer_shapes(l, in, values, tensors, out);
  if (!st) known_eval(n->arena, l, in, values, out, results);
  for (int i = 0; i < l->n_out; i++) {
    l->out[i]->shape = st ? SHAPE_UNKNOWN : out[i];
    for (int d = 0; d < l->out[i]->shape.rank; d++)  // an unknown dim of its own
      if (l->out[i]->shape.d[d] == -1) l->out[i]->shape.d[d] = n->next_symbol--;
    l->out[i]->known = st ? NULL : results[i];
  }
  mem_free(in);
  mem_free(out);
  mem_free(values);
  mem_free(tensors);
  mem_free(results);
  return st;
}

status_t network_infer(network_t *n) {
  for (int i = 0; i < n->n_layers; i++)
    if (!n->layers[i]->dead) TRY(network_infer_layer(n, n->layers[i]));
  return NULL;
}
