#include "kernels/slice.h"

#include <inttypes.h>

static bool bit(int64_t mask, int i) { return i < 64 && ((mask >> i) & 1); }

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

// One dim that an entry of the spec slices.
static status_t resolve_dim(const slice_spec_t *s, int i, int dim, const shape_t *in,
                            slice_dims_t *out) {
  int64_t n = in->d[dim], stride = s->strides[i], b = s->begin[i], e = s->end[i];
  if (stride == 0) return FAIL(INVALID_ARGUMENT, "strides[%d] must be non-zero", i);
  bool shrink = bit(s->shrink_axis_mask, i), b_known = !bit(s->begin_unknown, i);
  if (shrink) {
    if (stride < 0)
      return FAIL(INVALID_ARGUMENT,
                  "only stride 1 allowed on non-range indexing (strides[%d] = %" PRId64 ")", i,
                  stride);
    if (b_known && n >= 0 && (b < -n || b >= n))
      return FAIL(INVALID_ARGUMENT,
                  "slice index %" PRId64 " of dimension %d out of bounds (size %" PRId64 ")", b,
                  dim, n);
    out->start[dim] = b < 0 ? b + (n >= 0 ? n : 0) : b;
    out->step[dim] = 1;
    out->box.d[dim] = 1;
    return NULL;
  }
  bool whole_b = bit(s->begin_mask, i), whole_e = bit(s->end_mask, i);
  out->step[dim] = stride;
  if (whole_b && whole_e && (stride == 1 || stride == -1)) {
    out->start[dim] = stride == 1 ? 0 : n - 1;
    out->box.d[dim] = n;  // known, unknown or symbol alike
    return NULL;
  }
  bool e_known = !bit(s->end_unknown, i) || whole_e;
  b_known = b_known || whole_b;
  if (n >= 0 && b_known && e_known) {
    int64_t lo = stride > 0 ? 0 : -1, hi = stride > 0 ? n : n - 1;
    b = whole_b ? (stride > 0 ? lo : hi) : clamp(b < 0 ? b + n : b, lo, hi);
    e = whole_e ? (stride > 0 ? hi : lo) : clamp(e < 0 ? e + n : e, lo, hi);
    int64_t span = stride > 0 ? e - b : b - e;
    // The unsigned negation is right for INT64_MIN too.
    uint64_t step = stride > 0 ? (uint64_t)stride : 0 - (uint64_t)stride;
    out->start[dim] = b;
    out->box.d[dim] = span <= 0 ? 0 : (int64_t)(((uint64_t)span - 1) / step) + 1;
    return NULL;
  }
  out->start[dim] = 0;
  out->box.d[dim] = -1;
  // With an unknown size, x[2:5] may still be shorter than 3; only an empty interval is certain.
  bool b_sign = whole_b || (b_known && b >= 0), e_sign = !whole_e && e_known && e >= 0;
  if (b_known && e_known && !whole_e && !whole_b && (b < 0) == (e < 0) &&
      (stride > 0 ? b >= e : b <= e))
    out->box.d[dim] = 0;
  else if (b_sign && e_sign && stride > 0 && (whole_b ? 0 : b) >= e)
    out->box.d[dim] = 0;
  return NULL;
}

status_t slice_spec_resolve(const slice_spec_t *s, const shape_t *in, slice_dims_t *out) {
  *out = (slice_dims_t){.box = {.rank = in->rank}};
  if (s->n >= 64) return FAIL(INVALID_ARGUMENT, "a slice of %d entries is too long", s->n);
  int ellipsis = -1, used = 0, added = 0;  // used: input dims that entries behind the ellipsis take
  for (int i = 0; i < s->n; i++) {
    if (bit(s->ellipsis_mask, i)) {
      if (ellipsis >= 0)
        return FAIL(INVALID_ARGUMENT, "multiple ellipses in slice spec not allowed");
      ellipsis = i;
    } else if (!bit(s->new_axis_mask, i)) {
      used++;
    } else {
      added++;
    }
  }
  if (used > in->rank)
    return FAIL(INVALID_ARGUMENT, "index out of range using input dim %d; input has only %d dims",
                in->rank, in->rank);
  if (in->rank + added > SHAPE_MAX_RANK)
    return FAIL(INVALID_ARGUMENT, "a slice of %d dimensions: more than %d", in->rank + added,
                SHAPE_MAX_RANK);
  int dim = 0;
  shape_t *f = &out->final;
  // Without an ellipsis there is one behind the last entry.
  for (int i = 0; i <= s->n; i++) {
    if (i == s->n ? ellipsis < 0 : i == ellipsis) {
      for (int k = in->rank - used; k > 0; k--, dim++) {
        out->step[dim] = 1;
        out->box.d[dim] = in->d[dim];
        out->from[f->rank] = dim;
        f->d[f->rank++] = in->d[dim];
      }
    } else if (i < s->n && bit(s->new_axis_mask, i)) {
      out->from[f->rank] = -1;
      f->d[f->rank++] = 1;
    } else if (i < s->n) {
      TRY(resolve_dim(s, i, dim, in, out));
      if (!bit(s->shrink_axis_mask, i)) {
        out->from[f->rank] = dim;
        f->d[f->rank++] = out->box.d[dim];
      }
      dim++;
    }
  }
  return NULL;
}
