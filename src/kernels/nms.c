#include "kernels/nms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parallel.h"

float box_iou(const float *a, const float *b) {
  float ay1 = fminf(a[0], a[2]), ax1 = fminf(a[1], a[3]);
  float ay2 = fmaxf(a[0], a[2]), ax2 = fmaxf(a[1], a[3]);
  float by1 = fminf(b[0], b[2]), bx1 = fminf(b[1], b[3]);
  float by2 = fmaxf(b[0], b[2]), bx2 = fmaxf(b[1], b[3]);
  float area_a = (ay2 - ay1) * (ax2 - ax1), area_b = (by2 - by1) * (bx2 - bx1);
  if (!(area_a > 0) || !(area_b > 0)) return 0;
  float h = fmaxf(fminf(ay2, by2) - fmaxf(ay1, by1), 0);
  float w = fmaxf(fminf(ax2, bx2) - fmaxf(ax1, bx1), 0);
  float common = h * w;
  return common / (area_a + area_b - common);
}

typedef struct candidate {
  float score;
  int32_t index;
  int64_t seen;  // selected boxes that it was compared with already
} candidate_t;

// A binary heap: the best candidate on top.
static bool better(const candidate_t *a, const candidate_t *b) {
  return a->score > b->score || (a->score == b->score && a->index < b->index);
}

static void sift_down(candidate_t *heap, int64_t n, int64_t i) {
  for (;;) {
    int64_t top = i, left = 2 * i + 1;
    if (left < n && better(&heap[left], &heap[top])) top = left;
    if (left + 1 < n && better(&heap[left + 1], &heap[top])) top = left + 1;
    if (top == i) return;
    candidate_t t = heap[i];
    heap[i] = heap[top], heap[top] = t;
    i = top;
  }
}

static void sift_up(candidate_t *heap, int64_t i) {
  for (; i > 0 && better(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2) {
    candidate_t t = heap[i];
    heap[i] = heap[(i - 1) / 2], heap[(i - 1) / 2] = t;
  }
}

status_t nms_select(const float *boxes, int64_t stride, const float *scores, int64_t score_stride,
                    int64_t n_boxes, const nms_options_t *o, int32_t *index, float *score,
                    int64_t *n) {
  size_t bytes;
  candidate_t *heap = NULL;
  *n = 0;
  if (size_mul((size_t)n_boxes, sizeof *heap, &bytes)) heap = mem_try_alloc(bytes + 1);
  if (!heap)
    return FAIL(RESOURCE_EXHAUSTED, "no room for %lld candidate boxes", (long long)n_boxes);
  int64_t left = 0;
  for (int64_t i = 0; i < n_boxes; i++) {
    float s = scores[i * score_stride];
    if (s > o->score_threshold) heap[left++] = (candidate_t){s, (int32_t)i, 0};
  }
  for (int64_t i = left / 2 - 1; i >= 0; i--) sift_down(heap, left, i);
  const bool soft = o->soft_sigma > 0;
  const float decay = soft ? -0.5f / o->soft_sigma : 0;
  while (*n < o->most && left > 0) {
    candidate_t c = heap[0];
    heap[0] = heap[--left];
    sift_down(heap, left, 0);
    float before = c.score;
    bool dropped = false;
    // The last selected are the likeliest to overlap.
    for (int64_t j = *n - 1; j >= c.seen; j--) {
      float iou = box_iou(boxes + c.index * stride, boxes + index[j] * stride);
      c.score *= iou <= o->iou_threshold ? (soft ? expf(decay * iou * iou) : 1.0f) : 0.0f;
      dropped = !soft && iou > o->iou_threshold;
      if (dropped || c.score <= o->score_threshold) break;
    }
    c.seen = *n;
    if (dropped) continue;
    if (c.score == before) {
      if (score) score[*n] = c.score;
      index[(*n)++] = c.index;
    } else if (c.score > o->score_threshold) {
      heap[left] = c;  // with its new score it may come later
      sift_up(heap, left++);
    }
  }
  mem_aligned_free(heap);
  return NULL;
}

// ---------------------------------------------------------------- combined

typedef struct detection {
  float score;
  int32_t box, class;
  int64_t order;  // of finding: ties keep it
} detection_t;

static int by_score(const void *a, const void *b) {
  const detection_t *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return x->order < y->order ? -1 : 1;
}

typedef struct combined_job {
  const nms_combined_t *o;
  const float *boxes, *scores;
  float *out_boxes, *out_scores, *out_classes;
  int32_t *valid;
  detection_t *found;  // [batch, classes * most]
  int32_t *index;      // [batch, most]
  int64_t most;
  bool *failed;
} combined_job_t;

static void combined_images(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const combined_job_t *j = ctx;
  const nms_combined_t *o = j->o;
  for (int64_t b = begin; b < end; b++) {
    const float *boxes = j->boxes + b * o->boxes * o->box_classes * 4;
    const float *scores = j->scores + b * o->boxes * o->classes;
    detection_t *found = j->found + b * o->classes * j->most;
    int32_t *index = j->index + b * j->most;
    nms_options_t options = {o->iou_threshold, o->score_threshold, 0, j->most};
    int64_t n = 0;
    for (int64_t k = 0; k < o->classes; k++) {
      const float *own = boxes + (o->box_classes > 1 ? k * 4 : 0);
      int64_t kept;
      status_t st = nms_select(own, o->box_classes * 4, scores + k, o->classes, o->boxes, &options,
                               index, NULL, &kept);
      if (st) {
        status_free(st);
        j->failed[b] = true;
        return;
      }
      for (int64_t i = 0; i < kept; i++, n++)
        found[n] = (detection_t){scores[index[i] * o->classes + k], index[i], (int32_t)k, n};
    }
    qsort(found, (size_t)n, sizeof *found, by_score);
    if (n > o->total) n = o->total;
    j->valid[b] = (int32_t)n;
    for (int64_t i = 0; i < o->total; i++) {
      int64_t at = b * o->total + i;
      bool used = i < n;
      const float *box =
          used ? boxes +
                     (found[i].box * o->box_classes + (o->box_classes > 1 ? found[i].class : 0)) * 4
               : NULL;
      for (int d = 0; d < 4; d++) {
        float v = used ? box[d] : 0;
        j->out_boxes[at * 4 + d] = o->clip ? fmaxf(fminf(v, 1), 0) : v;
      }
      j->out_scores[at] = used ? found[i].score : 0;
      j->out_classes[at] = used ? (float)found[i].class : 0;
    }
  }
}

status_t nms_combined(const nms_combined_t *o, const float *boxes, const float *scores,
                      float *out_boxes, float *out_scores, float *out_classes, int32_t *valid,
                      int threads) {
  int64_t most = o->per_class < o->boxes ? o->per_class : o->boxes;
  size_t found, index, total;
  char *memory = NULL;
  if (size_mul((size_t)o->batch * (size_t)o->classes, (size_t)most, &found) &&
      size_mul(found, sizeof(detection_t), &found) &&
      size_mul((size_t)o->batch * (size_t)most, sizeof(int32_t), &index) &&
      size_add(found, index, &total) && size_add(total, (size_t)o->batch, &total))
    memory = mem_try_alloc(total + 1);
  if (!memory)
    return FAIL(RESOURCE_EXHAUSTED, "no room for the detections of %lld boxes",
                (long long)o->boxes);
  combined_job_t j = {o,
                      boxes,
                      scores,
                      out_boxes,
                      out_scores,
                      out_classes,
                      valid,
                      (detection_t *)memory,
                      (int32_t *)(memory + found),
                      most,
                      (bool *)(memory + found + index)};
  memset(j.failed, 0, (size_t)o->batch);
  parallel_for(threads, o->batch, 1, combined_images, &j);
  bool failed = false;
  for (int64_t b = 0; b < o->batch; b++) failed |= j.failed[b];
  mem_aligned_free(memory);
  return failed ? FAIL(RESOURCE_EXHAUSTED, "no room for %lld candidate boxes", (long long)o->boxes)
                : NULL;
}
