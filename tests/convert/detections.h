// Detectors' outputs, judged as a user would.
#ifndef TFTRT_TESTS_CONVERT_DETECTIONS_H
#define TFTRT_TESTS_CONVERT_DETECTIONS_H

#include "convert/convert_corpus.h"

// A detector's boxes come in the order of their scores, which fewer bits change where they are
// nearly equal, so each is to be found again, with its class, nearly its score and nearly its
// place. One whose score is nearly the least of those kept may be out.
#define SAME_PLACE 0.9
#define SAME_SCORE 0.005

static inline double overlap(const float *a, const float *b) {  // intersection over union
  double h = fmin((double)a[2], (double)b[2]) - fmax((double)a[0], (double)b[0]);
  double w = fmin((double)a[3], (double)b[3]) - fmax((double)a[1], (double)b[1]);
  double inside = fmax(h, 0) * fmax(w, 0);
  double both = (double)((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]));
  return inside / (both - inside);
}

enum { CLASSES, BOXES, NUM, SCORES, N_PARTS };
static const char *const PARTS[N_PARTS] = {"classes", "boxes", "num", "scores"};

static inline int part_of(const signature_t *s, int part) {
  for (int i = 0; i < s->n_outputs; i++)
    if (strcmp(s->outputs[i].key, PARTS[part]) == 0) return i;
  return -1;
}

static inline bool is_detector(const signature_t *s) {
  for (int i = 0; i < N_PARTS; i++)
    if (part_of(s, i) < 0) return false;
  return true;
}

// Outputs whose rows are in the order of the scores.
static inline bool is_ordered(const signature_t *s, int output) {
  return is_detector(s) && (output == part_of(s, BOXES) || output == part_of(s, CLASSES));
}

typedef struct detections {
  int all, found;
} detections_t;

// Adds those of a run, whose outputs are `out` and should be `expected`; nothing of what is no
// detector.
static inline void find_detections(detections_t *d, const signature_t *s, const tensor_t *expected,
                                   const tensor_t *out) {
  const tensor_t *want[N_PARTS], *got[N_PARTS];
  if (!is_detector(s)) return;
  for (int i = 0; i < N_PARTS; i++)
    want[i] = &expected[part_of(s, i)], got[i] = &out[part_of(s, i)];
  int64_t images = want[SCORES]->shape.d[0], most = want[SCORES]->shape.d[1];
  for (int64_t b = 0; b < images; b++) {
    int n = TENSOR_DATA(int32_t, want[NUM])[b], m = TENSOR_DATA(int32_t, got[NUM])[b];
    const float *scores = TENSOR_DATA(float, want[SCORES]) + b * most;
    const float *classes = TENSOR_DATA(float, want[CLASSES]) + b * most;
    bool taken[256] = {0};
    assert_true(n <= most && m <= most && most <= 256);
    for (int i = 0; i < n; i++) {
      const float *box = TENSOR_DATA(float, want[BOXES]) + (b * most + i) * 4;
      int found = -1;
      for (int j = 0; j < m && found < 0; j++) {
        int64_t at = b * most + j;
        if (!taken[j] && TENSOR_DATA(float, got[CLASSES])[at] == classes[i] &&
            fabsf(TENSOR_DATA(float, got[SCORES])[at] - scores[i]) < (float)SAME_SCORE &&
            overlap(TENSOR_DATA(float, got[BOXES]) + at * 4, box) > SAME_PLACE)
          found = j;
      }
      if (found >= 0) taken[found] = true;
      bool last = n == most && scores[i] - scores[n - 1] < (float)SAME_SCORE;
      d->all += found >= 0 || !last;
      d->found += found >= 0;
    }
  }
}

#endif
