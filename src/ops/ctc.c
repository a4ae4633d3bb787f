// CTCGreedyDecoder: the best class of every step, blanks and repetitions left out.
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "ops/math.h"
#include "ops/sparse.h"

static status_t greedy_infer(infer_ctx_t *c) {
  const shape_t *x = infer_in(c, 0);
  TRY(infer_rank(c, 0, 3));
  infer_sparse(c, 0, 1, 2, -1, 2);
  shape_t s = SHAPE(x->rank == 3 ? x->d[1] : -1, 1);
  infer_out(c, 3, &s);
  return NULL;
}

static status_t greedy_check(const op_ctx_t *c, int64_t *blank) {
  const tensor_t *x = &c->in[0], *lengths = &c->in[1];
  if (x->dtype != DT_FLOAT && x->dtype != DT_DOUBLE) return math_no_kernel(c, 0);
  if (x->shape.rank != 3 || lengths->shape.rank != 1 || lengths->shape.d[0] != x->shape.d[1] ||
      x->shape.d[2] < 1)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "inputs must be [time, batch, classes], sequence_length [batch]");
  *blank = node_int(c->node, "blank_index", -1);
  if (*blank < 0) *blank += x->shape.d[2];
  if (*blank < 0 || *blank >= x->shape.d[2])
    return OP_FAIL(c, INVALID_ARGUMENT, "blank_index %" PRId64 " of %" PRId64 " classes", *blank,
                   x->shape.d[2]);
  for (int64_t b = 0; b < x->shape.d[1]; b++)
    if (index_at(lengths, b) < 0 || index_at(lengths, b) > x->shape.d[0])
      return OP_FAIL(c, INVALID_ARGUMENT, "sequence_length(%" PRId64 ") is not in [0, %" PRId64 "]",
                     b, x->shape.d[0]);
  return NULL;
}

static status_t greedy_kernel(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  int64_t blank = 0;
  TRY(greedy_check(c, &blank));
  int64_t steps = x->shape.d[0], batch = x->shape.d[1], classes = x->shape.d[2], n = 0, widest = 0;
  bool merge = node_bool(c->node, "merge_repeated", false);
  tensor_t *index, *values, *score;
  shape_t s = SHAPE(batch, 1);
  TRY(op_out(c, 3, &s, &score));
  int64_t *found =
      mem_calloc((size_t)(3 * steps * batch) + 1, sizeof *found);  // row, column, class
  for (int64_t b = 0; b < batch; b++) {
    int64_t before = -1, column = 0;
    double sum = 0;
    for (int64_t t = 0; t < index_at(&c->in[1], b); t++) {
      int64_t best = 0, row = (t * batch + b) * classes;
      for (int64_t k = 1; k < classes; k++)
        if (tensor_number_at(x, row + k) > tensor_number_at(x, row + best)) best = k;
      sum -= tensor_number_at(x, row + best);
      if (best != blank && !(merge && best == before)) {
        memcpy(found + 3 * n++, (int64_t[]){b, column++, best}, 3 * sizeof *found);
      }
      before = best;
    }
    if (column > widest) widest = column;
    tensor_set_number(score, b, sum);
  }
  shape_t is = SHAPE(n, 2), vs = SHAPE(n);
  status_t st = op_out(c, 0, &is, &index);
  if (!st) st = op_out(c, 1, &vs, &values);
  for (int64_t k = 0; k < n && !st; k++) {
    memcpy(TENSOR_DATA(int64_t, index) + 2 * k, found + 3 * k, 2 * sizeof *found);
    TENSOR_DATA(int64_t, values)[k] = found[3 * k + 2];
  }
  mem_free(found);
  return st ? st : op_out_ints(c, 2, 1, 2, (int64_t[]){batch, widest});
}

const op_def_t ops_ctc[] = {
    {.name = "CTCGreedyDecoder",
     .sig = "inputs: T, sequence_length: int32 -> decoded_indices: int64, decoded_values: int64, "
            "decoded_shape: int64, log_probability: T",
     .attrs = "merge_repeated: bool = false; blank_index: int = -1; T: type = float",
     .infer = greedy_infer,
     .kernel = greedy_kernel},
    {0},
};
