// Detection: non-maximum suppression.
#include "kernels/nms.h"

#include <math.h>
#include <string.h>

#include "ops/float_op.h"
#include "ops/window.h"

// NonMaxSuppression has version 1, ..., NonMaxSuppressionV5 version 5.
static int version(const node_t *n) {
  char last = n->op[strlen(n->op) - 1];
  return last >= '2' && last <= '5' ? last - '0' : 1;
}

static status_t check_boxes(const node_t *n, const shape_t *boxes, const shape_t *scores) {
  struct {
    const node_t *node;
  } c = {n};
  char text[128];
  if (boxes->rank >= 0 && (boxes->rank != 2 || (boxes->d[1] >= 0 && boxes->d[1] != 4)))
    return OP_FAIL(&c, INVALID_ARGUMENT, "boxes must be [num_boxes, 4], they are %s",
                   shape_format(boxes, text, sizeof text));
  if (scores->rank >= 0 && scores->rank != 1)
    return OP_FAIL(&c, INVALID_ARGUMENT, "scores must be a vector, they are %s",
                   shape_format(scores, text, sizeof text));
  if (boxes->rank == 2 && scores->rank == 1 && boxes->d[0] >= 0 && scores->d[0] >= 0 &&
      boxes->d[0] != scores->d[0])
    return OP_FAIL(&c, INVALID_ARGUMENT, "there are %" PRId64 " boxes and %" PRId64 " scores",
                   boxes->d[0], scores->d[0]);
  return NULL;
}

static bool padded(const node_t *n) {
  return version(n) >= 4 && node_bool(n, "pad_to_max_output_size", false);
}

static status_t nms_infer(infer_ctx_t *c) {
  TRY(check_boxes(c->node, infer_in(c, 0), infer_in(c, 1)));
  int64_t most = -1;
  if (padded(c->node)) infer_int(c, 2, &most);
  shape_t out = SHAPE(most < 0 ? -1 : most), scalar = SHAPE_SCALAR;
  int outputs = c->node->n_out;
  infer_out(c, 0, &out);
  if (version(c->node) == 5) infer_out(c, 1, &out);
  if (version(c->node) >= 4) infer_out(c, outputs - 1, &scalar);
  return NULL;
}

// Scalar float input i; the fallback when this version has no such input.
static status_t threshold(op_ctx_t *c, int i, int since, float fallback, float *v) {
  *v = fallback;
  if (version(c->node) < since) return NULL;
  if (tensor_elements(&c->in[i]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "input %d must be a scalar", i);
  *v = (float)tensor_number_at(&c->in[i], 0);
  return NULL;
}

static status_t nms_kernel(op_ctx_t *c) {
  int v = version(c->node);
  nms_options_t o = {0};
  tensor_t boxes = {0}, scores = {0}, index = {0}, kept_scores = {0}, *out;
  TRY(check_boxes(c->node, &c->in[0].shape, &c->in[1].shape));
  TRY(op_int(c, 2, &o.most));
  if (o.most < 0 || o.most > INT32_MAX)
    return OP_FAIL(c, INVALID_ARGUMENT, "max_output_size is %" PRId64, o.most);
  TRY(threshold(c, 3, 2, node_float(c->node, "iou_threshold", 0.5f), &o.iou_threshold));
  TRY(threshold(c, 4, 3, -INFINITY, &o.score_threshold));
  TRY(threshold(c, 5, 5, 0, &o.soft_sigma));
  if (!(o.iou_threshold >= 0 && o.iou_threshold <= 1))
    return OP_FAIL(c, INVALID_ARGUMENT, "iou_threshold must be in [0, 1]");
  if (!(o.soft_sigma >= 0)) return OP_FAIL(c, INVALID_ARGUMENT, "soft_nms_sigma must be >= 0");
  int64_t wanted = o.most, n_boxes = c->in[0].shape.d[0], n = 0;
  if (o.most > n_boxes) o.most = n_boxes;
  shape_t room = SHAPE(o.most);
  status_t st = NULL;
  TRY_GOTO(st, done, op_floats(c, 0, &boxes));
  TRY_GOTO(st, done, op_floats(c, 1, &scores));
  TRY_GOTO(st, done, op_temp(c, DT_INT32, &room, &index));
  TRY_GOTO(st, done, op_temp(c, DT_FLOAT, &room, &kept_scores));
  TRY_GOTO(
      st, done,
      nms_select(boxes.data, 4, scores.data, 1, n_boxes, &o, index.data, kept_scores.data, &n));
  shape_t s = SHAPE(padded(c->node) ? wanted : n), scalar = SHAPE_SCALAR;
  TRY_GOTO(st, done, op_out(c, 0, &s, &out));
  for (int64_t i = 0; i < s.d[0]; i++)
    TENSOR_DATA(int32_t, out)[i] = i < n ? TENSOR_DATA(int32_t, &index)[i] : 0;
  if (v == 5) {
    TRY_GOTO(st, done, op_out(c, 1, &s, &out));
    for (int64_t i = 0; i < s.d[0]; i++)
      tensor_set_number(out, i, i < n ? (double)TENSOR_DATA(float, &kept_scores)[i] : 0);
  }
  if (v >= 4) {
    TRY_GOTO(st, done, op_out(c, c->n_out - 1, &scalar, &out));
    *TENSOR_DATA(int32_t, out) = (int32_t)n;
  }
done:
  tensor_unref(&boxes);
  tensor_unref(&scores);
  tensor_unref(&index);
  tensor_unref(&kept_scores);
  return st;
}

// ---------------------------------------------------------------- CombinedNonMaxSuppression

static status_t combined_check(const node_t *n, const shape_t *boxes, const shape_t *scores) {
  struct {
    const node_t *node;
  } c = {n};
  char a[128], b[128];
  bool ok = (boxes->rank < 0 || boxes->rank == 4) && (scores->rank < 0 || scores->rank == 3);
  if (ok && boxes->rank == 4 && boxes->d[3] >= 0) ok = boxes->d[3] == 4;
  if (ok && boxes->rank == 4 && scores->rank == 3) {
    int64_t any;
    ok = dim_merge(boxes->d[0], scores->d[0], &any) && dim_merge(boxes->d[1], scores->d[1], &any) &&
         (boxes->d[2] == 1 || dim_merge(boxes->d[2], scores->d[2], &any));
  }
  if (ok) return NULL;
  return OP_FAIL(
      &c, INVALID_ARGUMENT,
      "boxes %s and scores %s must be [batch, boxes, 1 or classes, 4] and [batch, boxes, "
      "classes]",
      shape_format(boxes, a, sizeof a), shape_format(scores, b, sizeof b));
}

static status_t combined_infer(infer_ctx_t *c) {
  const shape_t *boxes = infer_in(c, 0), *scores = infer_in(c, 1);
  TRY(combined_check(c->node, boxes, scores));
  int64_t batch = boxes->rank == 4 ? boxes->d[0] : -1, classes = -1, per_class, total = -1;
  if (scores->rank == 3) {
    if (batch < 0) batch = scores->d[0];
    classes = scores->d[2];
  }
  if (infer_int(c, 3, &total) && node_bool(c->node, "pad_per_class", false)) {
    int64_t all = infer_int(c, 2, &per_class) ? dim_mul(per_class, classes) : -1;
    total = all < 0 ? -1 : all < total ? all : total;
  }
  if (total < 0) total = -1;
  shape_t out[] = {SHAPE(batch, total, 4), SHAPE(batch, total), SHAPE(batch, total), SHAPE(batch)};
  for (int i = 0; i < 4; i++) infer_out(c, i, &out[i]);
  return NULL;
}

static status_t combined_kernel(op_ctx_t *c) {
  const shape_t *boxes = &c->in[0].shape, *scores = &c->in[1].shape;
  TRY(combined_check(c->node, boxes, scores));
  nms_combined_t o = {.batch = boxes->d[0],
                      .boxes = boxes->d[1],
                      .box_classes = boxes->d[2],
                      .classes = scores->d[2],
                      .clip = node_bool(c->node, "clip_boxes", true)};
  TRY(op_int(c, 2, &o.per_class));
  TRY(op_int(c, 3, &o.total));
  if (o.per_class <= 0 || o.total <= 0 || o.per_class > INT32_MAX || o.total > INT32_MAX)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "max_output_size_per_class and max_total_size must be positive");
  for (int i = 4; i < 6; i++)
    if (tensor_elements(&c->in[i]) != 1)
      return OP_FAIL(c, INVALID_ARGUMENT, "input %d must be a scalar", i);
  o.iou_threshold = (float)tensor_number_at(&c->in[4], 0);
  o.score_threshold = (float)tensor_number_at(&c->in[5], 0);
  if (!(o.iou_threshold >= 0 && o.iou_threshold <= 1))
    return OP_FAIL(c, INVALID_ARGUMENT, "iou_threshold must be in [0, 1]");
  if (node_bool(c->node, "pad_per_class", false)) {
    int64_t all = dim_mul(o.per_class, o.classes);
    if (all < o.total) o.total = all;
  }
  shape_t shapes[] = {SHAPE(o.batch, o.total, 4), SHAPE(o.batch, o.total), SHAPE(o.batch, o.total),
                      SHAPE(o.batch)};
  tensor_t *out[4];
  for (int i = 0; i < 4; i++) TRY(op_out(c, i, &shapes[i], &out[i]));
  status_t st = nms_combined(&o, c->in[0].data, c->in[1].data, out[0]->data, out[1]->data,
                             out[2]->data, out[3]->data, c->threads);
  return status_prefix(st, "%s '%s'", c->node->op, c->node->name);
}

static bool combined_accept(lower_ctx_t *c, char *reason, size_t n) {
  if (lower_shape(c, 0)->rank != 4 || lower_shape(c, 1)->rank != 3)
    REFUSE("the ranks of boxes and scores are not known");
  return accept_shape_input(c, 2, "max_output_size_per_class", reason, n) &&
         accept_shape_input(c, 3, "max_total_size", reason, n);
}

static status_t combined_lower(lower_ctx_t *c) {
  layer_params_t p = {0};
  p.nms.pad_per_class = node_bool(c->node, "pad_per_class", false);
  p.nms.clip_boxes = node_bool(c->node, "clip_boxes", true);
  return lower_layer(c, LAYER_NMS, 0, 6, &p);
}

#define NMS(NAME, SIG, ATTRS) \
  { .name = NAME, .sig = SIG, .attrs = ATTRS, .infer = nms_infer, .kernel = nms_kernel }

const op_def_t ops_nms[] = {
    NMS("NonMaxSuppression",
        "boxes: float, scores: float, max_output_size: int32 -> selected_indices: int32",
        "iou_threshold: float = 0.5"),
    NMS("NonMaxSuppressionV2",
        "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold -> "
        "selected_indices: int32",
        "T: type = float; T_threshold: type = float"),
    NMS("NonMaxSuppressionV3",
        "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold, score_threshold: "
        "T_threshold -> selected_indices: int32",
        "T: type = float; T_threshold: type = float"),
    NMS("NonMaxSuppressionV4",
        "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold, score_threshold: "
        "T_threshold -> selected_indices: int32, valid_outputs: int32",
        "T: type = float; T_threshold: type = float; pad_to_max_output_size: bool = false"),
    NMS("NonMaxSuppressionV5",
        "boxes: T, scores: T, max_output_size: int32, iou_threshold: T, score_threshold: T, "
        "soft_nms_sigma: T -> selected_indices: int32, selected_scores: T, valid_outputs: int32",
        "T: type = float; pad_to_max_output_size: bool = false"),
    {.name = "CombinedNonMaxSuppression",
     .sig = "boxes: float, scores: float, max_output_size_per_class: int32, max_total_size: int32, "
            "iou_threshold: float, score_threshold: float -> nmsed_boxes: float, nmsed_scores: "
            "float, nmsed_classes: float, valid_detections: int32",
     .attrs = "pad_per_class: bool = false; clip_boxes: bool = true",
     .infer = combined_infer,
     .kernel = combined_kernel,
     .accept = combined_accept,
     .lower = combined_lower},
    {0},
};
