#include "ops/math.h"

#include <stdio.h>

status_t math_no_kernel(const op_ctx_t *c, int i) {
  return OP_FAIL(c, UNIMPLEMENTED, "no kernel for %s", dtype_name(c->in[i].dtype));
}

bool math_accept(const lower_ctx_t *c, int in, unsigned kinds, char *reason, size_t n) {
  dtype_t t = lower_dtype(c, in);
  unsigned kind = 0;
  switch (t) {
    case DT_FLOAT:
    case DT_HALF:
    case DT_BFLOAT16: kind = ENGINE_FLOATS; break;
    case DT_INT32:
    case DT_INT64: kind = ENGINE_INTS; break;
    case DT_INT8:
    case DT_UINT8: kind = ENGINE_BYTES; break;
    case DT_BOOL: kind = ENGINE_BOOL; break;
    default: break;
  }
  if (kind & kinds) return true;
  snprintf(reason, n, "engines do not compute %s in %s", c->node->op, dtype_name(t));
  return false;
}

bool accept_floats(lower_ctx_t *c, char *reason, size_t n) {
  return math_accept(c, 0, ENGINE_FLOATS, reason, n);
}

bool accept_numbers(lower_ctx_t *c, char *reason, size_t n) {
  return math_accept(c, 0, ENGINE_FLOATS | ENGINE_INTS, reason, n);
}

bool accept_bools(lower_ctx_t *c, char *reason, size_t n) {
  return math_accept(c, 0, ENGINE_BOOL, reason, n);
}

bool math_const_axes(const lower_ctx_t *c, int in, int *axes, int *n_axes, char *reason, size_t n) {
  int64_t v[SHAPE_MAX_RANK];
  int count, rank = lower_shape(c, 0)->rank;
  if (!lower_ints(c, in, v, SHAPE_MAX_RANK, &count)) {
    snprintf(reason, n, "the reduction indices are not constant");
    return false;
  }
  if (rank < 0) {
    snprintf(reason, n, "the rank of the input is not known");
    return false;
  }
  bool on[SHAPE_MAX_RANK] = {0};
  for (int i = 0; i < count; i++) {
    if (v[i] < -rank || v[i] >= rank) {
      snprintf(reason, n, "axis %d is out of range for rank %d", (int)v[i], rank);
      return false;
    }
    on[v[i] < 0 ? v[i] + rank : v[i]] = true;
  }
  *n_axes = 0;
  for (int i = 0; i < rank; i++) {
    if (!on[i]) continue;
    if (*n_axes == NET_MAX_AXES) {
      snprintf(reason, n, "more than %d axes", NET_MAX_AXES);
      return false;
    }
    axes[(*n_axes)++] = i;
  }
  return true;
}
