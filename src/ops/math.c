#include "ops/math.h"

#include <inttypes.h>
#include <stdio.h>

#include "kernels/convert.h"

status_t math_no_kernel(const op_ctx_t *c, int i) {
  return OP_FAIL(c, UNIMPLEMENTED, "no kernel for %s", dtype_name(c->in[i].dtype));
}

dtype_t math_compute_dtype(dtype_t t) { return t == DT_HALF || t == DT_BFLOAT16 ? DT_FLOAT : t; }

status_t math_wide(op_ctx_t *c, const tensor_t *t, dtype_t as, tensor_t *wide) {
  if (t->dtype == as) {
    *wide = tensor_ref(t);
    return NULL;
  }
  TRY(op_temp(c, as, &t->shape, wide));
  convert(t->dtype, as, t->data, wide->data, tensor_elements(t), false, c->threads);
  return NULL;
}

status_t math_out(op_ctx_t *c, int i, const shape_t *s, dtype_t as, tensor_t *wide) {
  if (c->node->out_dtype[i] != as) return op_temp(c, as, s, wide);
  tensor_t *out;
  TRY(op_out(c, i, s, &out));
  *wide = tensor_ref(out);
  return NULL;
}

status_t math_narrow(op_ctx_t *c, int i, tensor_t *wide) {
  status_t st = NULL;
  dtype_t to = c->node->out_dtype[i];
  if (to != wide->dtype) {
    tensor_t *out;
    st = op_out(c, i, &wide->shape, &out);
    if (!st)
      convert(wide->dtype, to, wide->data, out->data, tensor_elements(out), false, c->threads);
  }
  tensor_unref(wide);
  return st;
}

status_t math_axis(const op_ctx_t *c, int in, int rank, int *axis) {
  int64_t v;
  TRY(op_int(c, in, &v));
  if (v < -rank || v >= rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "axis %" PRId64 " is out of range [%d, %d)", v, -rank,
                   rank);
  *axis = (int)(v < 0 ? v + rank : v);
  return NULL;
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
