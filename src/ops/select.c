// Select and SelectV2: elements of one or another tensor.
#include <stdio.h>

#include "kernels/elementwise.h"
#include "ops/elements.h"
#include "ops/math.h"

static status_t infer_select(infer_ctx_t *c) {
  shape_t out;
  if (!shape_merge(infer_in(c, 1), infer_in(c, 2), &out))
    return OP_FAIL(c, INVALID_ARGUMENT, "'then' and 'else' must have the same shape");
  infer_out(c, 0, &out);
  return NULL;
}

static status_t infer_select_v2(infer_ctx_t *c) {
  shape_t out;
  if (!shape_broadcast(infer_in(c, 1), infer_in(c, 2), &out) ||
      !shape_broadcast(&out, infer_in(c, 0), &out))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "condition, 'then' and 'else' cannot be broadcast together");
  infer_out(c, 0, &out);
  return NULL;
}

typedef struct {
  const uint8_t *cond;
  const tensor_t *a, *b;
  tensor_t *y;
  status_t status;
} objects_t;

static void object_row(void *arg, const int64_t *at, const int64_t *step, int64_t out, int64_t n) {
  objects_t *j = arg;
  for (int64_t i = 0; i < n && !j->status; i++) {
    bool first = j->cond[at[0] + i * step[0]];
    int64_t from = first ? at[1] + i * step[1] : at[2] + i * step[2];
    j->status = elements_copy(j->y, out + i, first ? j->a : j->b, from, 1);
  }
}

static status_t run(op_ctx_t *c, const shape_t *cond) {
  bcast_t plan;
  shape_t shape;
  if (c->in[0].dtype != DT_BOOL) return math_no_kernel(c, 0);
  if (!bcast_plan(3, (const shape_t *[]){cond, &c->in[1].shape, &c->in[2].shape}, &plan, &shape))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "condition, 'then' and 'else' cannot be broadcast together");
  tensor_t *y;
  TRY(op_out(c, 0, &shape, &y));
  const uint8_t *bits = TENSOR_DATA(uint8_t, &c->in[0]);
  if (dtype_is_plain(y->dtype) && ew_select(dtype_size(y->dtype), bits, c->in[1].data,
                                            c->in[2].data, y->data, &plan, c->threads))
    return NULL;
  objects_t j = {bits, &c->in[1], &c->in[2], y, NULL};
  bcast_run(&plan, 1, object_row, &j);
  return j.status;
}

static status_t kernel_select_v2(op_ctx_t *c) { return run(c, &c->in[0].shape); }

static status_t kernel_select(op_ctx_t *c) {
  const shape_t *cond = &c->in[0].shape, *then = &c->in[1].shape;
  if (!shape_equal(then, &c->in[2].shape))
    return OP_FAIL(c, INVALID_ARGUMENT, "'then' and 'else' must have the same size");
  shape_t wide = *cond;
  if (cond->rank == 1 && then->rank > 1) {  // one condition for each row
    if (cond->d[0] != then->d[0])
      return OP_FAIL(c, INVALID_ARGUMENT, "the condition has %lld elements for %lld rows",
                     (long long)cond->d[0], (long long)then->d[0]);
    wide = (shape_t){.rank = then->rank};
    for (int i = 0; i < wide.rank; i++) wide.d[i] = i ? 1 : cond->d[0];
  } else if (cond->rank != 0 && !shape_equal(cond, then)) {
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "the condition's shape is neither a scalar nor that of 'then'");
  }
  return run(c, &wide);
}

static bool accept_select_v2(lower_ctx_t *c, char *reason, size_t n) {
  return math_accept(c, 1, ENGINE_FLOATS | ENGINE_INTS | ENGINE_BOOL, reason, n);
}

static bool accept_select(lower_ctx_t *c, char *reason, size_t n) {
  const shape_t *cond = lower_shape(c, 0), *then = lower_shape(c, 1);
  if (!accept_select_v2(c, reason, n)) return false;
  if (cond->rank >= 0 && then->rank >= 0) return true;
  snprintf(reason, n, "the ranks of the condition and the operands are not known");
  return false;
}

static status_t lower(lower_ctx_t *c) {
  net_tensor_t *cond = c->in[0];
  int extra = lower_shape(c, 1)->rank - 1;
  if (c->node->op[6] == 0 && lower_shape(c, 0)->rank == 1)  // Select: a condition for each row
    for (int i = 0; i < extra; i++) cond = net_expand_dims(c->net, cond, -1);
  c->out[0] = net_select(c->net, cond, c->in[1], c->in[2]);
  return NULL;
}

const op_def_t ops_select[] = {
    {.name = "Select",
     .sig = "condition: bool, t: T, e: T -> output: T",
     .attrs = "T: type",
     .infer = infer_select,
     .kernel = kernel_select,
     .accept = accept_select,
     .lower = lower},
    {.name = "SelectV2",
     .sig = "condition: bool, t: T, e: T -> output: T",
     .attrs = "T: type",
     .infer = infer_select_v2,
     .kernel = kernel_select_v2,
     .accept = accept_select_v2,
     .lower = lower},
    {0},
};
