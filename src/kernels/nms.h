// Non-maximum suppression of boxes, with TensorFlow's order, ties and thresholds.
#ifndef TFTRT_KERNELS_NMS_H
#define TFTRT_KERNELS_NMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

// Intersection over union of two boxes (y1, x1, y2, x2) with corners in any order; 0 for an empty
// box.
float box_iou(const float *a, const float *b);

// Boxes in the order of their scores (ties: lower index first), each kept unless it overlaps a kept
// one by more than iou_threshold. soft_sigma > 0: overlapping boxes lose score instead (Bodla et
// al., "Soft-NMS", 2017). Only scores above score_threshold count. At most `most` are written to
// index and (may be NULL) score; *n tells how many. RESOURCE_EXHAUSTED when there is no room.
typedef struct nms_options {
  float iou_threshold, score_threshold, soft_sigma;
  int64_t most;
} nms_options_t;
// stride: floats from one box to the next (4 when dense); score_stride alike.
status_t nms_select(const float *boxes, int64_t stride, const float *scores, int64_t score_stride,
                    int64_t n_boxes, const nms_options_t *o, int32_t *index, float *score,
                    int64_t *n);

// TensorFlow's CombinedNonMaxSuppression: per image and class, then the best of all classes.
typedef struct nms_combined {
  int64_t batch, boxes, box_classes, classes;  // box_classes: 1 (shared) or classes
  int64_t per_class, total;                    // total: also the width of the outputs
  float iou_threshold, score_threshold;
  bool clip;
} nms_combined_t;
// boxes [batch, boxes, box_classes, 4], scores [batch, boxes, classes]; out_boxes [batch, total,
// 4], out_scores and out_classes [batch, total], valid [batch]; unused places are 0.
status_t nms_combined(const nms_combined_t *o, const float *boxes, const float *scores,
                      float *out_boxes, float *out_scores, float *out_classes, int32_t *valid,
                      int threads);

#endif
