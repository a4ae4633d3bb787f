// TensorFlow's StridedSlice and Slice, resolved against a shape: the rules of
// tensorflow/core/util/strided_slice_op (masks by position in the sparse spec; an ellipsis stands
// for the dims that are left over; negative indices count from the end; ranges are clamped).
#include <inttypes.h>
#include <stdio.h>

#include "network/known.h"

typedef struct spec {  // one position of begin/end/strides
  bool begin_known, end_known, stride_known, begin_mask, end_mask, shrink;
  int64_t begin, end, stride;
} spec_t;

static bool fetch(const known_t *k, int i, int64_t *out) {
  if (!k || i >= k->n) return false;
  *out = k->v[i];
  return !known_is_unknown(*out);
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

static int64_t range_count(int64_t begin, int64_t end, int64_t stride) {
  int64_t interval = end - begin;
  if (interval == 0 || (interval < 0) != (stride < 0)) return 0;
  return interval / stride + (interval % stride != 0);
}

static bool resolve_dim(const spec_t *s, int axis, int64_t dim, const known_t *end_values, int at,
                        slice_dim_t *d, char *why, size_t why_size) {
  *d = (slice_dim_t){.stride = s->stride_known ? s->stride : 1, .count = s->shrink ? 1 : -1};
  if (s->stride_known && s->stride == 0) {
    snprintf(why, why_size, "strides[%d] must be non-zero", axis);
    return false;
  }
  if (s->shrink) {
    if (!s->begin_known || (s->begin < 0 && dim < 0)) return true;
    int64_t b = s->begin < 0 ? s->begin + dim : s->begin;
    if (dim >= 0 && (b < 0 || b >= dim)) {
      snprintf(why, why_size, "slice index %" PRId64 " of dimension %d out of bounds", s->begin,
               axis);
      return false;
    }
    *d = (slice_dim_t){.known = dim >= 0 || b >= 0, .begin = b, .stride = 1, .count = 1};
    return true;
  }
  if (!s->stride_known) return true;
  bool forward = s->stride > 0;
  if (dim < 0) {
    // The whole of an unknown dim, or up to a bound that is that very symbol.
    bool from_start = s->begin_mask || (s->begin_known && s->begin == 0 && forward);
    bool to_end = s->end_mask || (forward && dim <= -2 && end_values && at < end_values->n &&
                                  end_values->v[at] == known_from_dim(dim));
    if (from_start && to_end && (s->stride == 1 || (s->stride == -1 && s->end_mask)))
      d->count = dim;
    return true;
  }
  if (!(s->begin_mask || s->begin_known) || !(s->end_mask || s->end_known)) return true;
  int64_t lo = forward ? 0 : -1, hi = forward ? dim : dim - 1;
  int64_t b = s->begin_mask ? (forward ? 0 : dim - 1)
                            : clamp(s->begin < 0 ? s->begin + dim : s->begin, lo, hi);
  int64_t e =
      s->end_mask ? (forward ? dim : -1) : clamp(s->end < 0 ? s->end + dim : s->end, lo, hi);
  *d = (slice_dim_t){true, b, s->stride, range_count(b, e, s->stride)};
  return true;
}

static bool resolve_sized(const shape_t *x, const known_t *begin, const known_t *size,
                          slice_plan_t *out, char *why, size_t why_size) {
  out->out.rank = x->rank;
  for (int i = 0; i < x->rank; i++) {
    slice_dim_t *d = &out->d[i];
    int64_t dim = x->d[i], b = 0, n = 0;
    bool b_known = fetch(begin, i, &b), n_known = fetch(size, i, &n);
    *d = (slice_dim_t){.stride = 1, .count = -1};
    if (n_known && n >= 0) d->count = n;
    if (!n_known && size && i < size->n) d->count = known_to_dim(size->v[i]);
    if (b_known && n_known && n == -1) d->count = dim >= 0 ? dim - b : b == 0 ? dim : -1;
    if (b_known) d->begin = b;
    d->known = b_known && d->count >= 0;
    if ((n_known && n < -1) || (b_known && b < 0) ||
        (d->known && dim >= 0 && (b > dim || d->count > dim - b || d->count < 0)) ||
        (b_known && dim >= 0 && b > dim)) {
      snprintf(why, why_size,
               "begin %" PRId64 " and size %" PRId64 " do not fit dimension %d of %" PRId64,
               b_known ? b : -1, n_known ? n : -1, i, dim);
      return false;
    }
    out->out.d[i] = d->count;
  }
  return true;
}

bool slice_resolve(const layer_t *l, const shape_t *x, int n_spec, const known_t *begin,
                   const known_t *end, const known_t *strides, slice_plan_t *out, char *why,
                   size_t why_size) {
  *out = (slice_plan_t){.rank = x->rank, .out = SHAPE_UNKNOWN};
  if (x->rank < 0) return true;
  if (l->p.slice.size_mode) return resolve_sized(x, begin, end, out, why, why_size);
  if (n_spec < 0) return true;

  int64_t ellipsis = l->p.slice.ellipsis_mask, new_axis = l->p.slice.new_axis_mask & ~ellipsis;
  if (n_spec < 62) {
    ellipsis &= ((int64_t)1 << n_spec) - 1;
    new_axis &= ((int64_t)1 << n_spec) - 1;
  }
  if (ellipsis & (ellipsis - 1)) {
    snprintf(why, why_size, "multiple ellipses in slice spec");
    return false;
  }
  int taken =
      n_spec - __builtin_popcountll((uint64_t)ellipsis) - __builtin_popcountll((uint64_t)new_axis);
  if (taken > x->rank) {
    snprintf(why, why_size, "index out of range: slice spec of %d dims for a tensor of rank %d",
             taken, x->rank);
    return false;
  }
  int axis = 0, out_rank = 0;
  int64_t dims[2 * SHAPE_MAX_RANK];
  bool seen_ellipsis = false;
  for (int i = 0; i <= n_spec; i++) {
    bool last = i == n_spec;  // an ellipsis is implied at the end
    if (last ? !seen_ellipsis : i < 63 && (ellipsis >> i & 1)) {
      seen_ellipsis = true;
      for (int k = x->rank - taken; k > 0; k--, axis++) {
        out->d[axis] = (slice_dim_t){x->d[axis] >= 0, 0, 1, x->d[axis]};
        if (out_rank < SHAPE_MAX_RANK) dims[out_rank] = x->d[axis];
        out_rank++;
      }
      continue;
    }
    if (last) break;
    if (i < 63 && (new_axis >> i & 1)) {
      if (out_rank < SHAPE_MAX_RANK) dims[out_rank] = 1;
      out_rank++;
      continue;
    }
    spec_t s = {.begin_mask = l->p.slice.begin_mask >> i & 1,
                .end_mask = l->p.slice.end_mask >> i & 1,
                .shrink = l->p.slice.shrink_axis_mask >> i & 1};
    s.begin_known = fetch(begin, i, &s.begin);
    s.end_known = fetch(end, i, &s.end);
    s.stride_known = fetch(strides, i, &s.stride);
    if (!resolve_dim(&s, axis, x->d[axis], end, i, &out->d[axis], why, why_size)) return false;
    if (!s.shrink) {
      if (out_rank < SHAPE_MAX_RANK) dims[out_rank] = out->d[axis].count;
      out_rank++;
    }
    axis++;
  }
  if (out_rank > SHAPE_MAX_RANK) {
    snprintf(why, why_size, "a result of rank %d is more than %d", out_rank, SHAPE_MAX_RANK);
    return false;
  }
  out->out = shape_of(out_rank, dims);
  return true;
}
