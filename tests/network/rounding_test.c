// Rounding of weights: every error within a step, sums of a kernel's and of a channel's within
// half.
#include "network/rounding.h"

#include <math.h>
#include <stdlib.h>

#include "test.h"

static double uniform(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (double)*state / 4294967296.0 * 2 - 1;
}

typedef struct sums {
  double most, kernel, channel, squares;
} sums_t;

static sums_t errors(const float *w, int64_t positions, int64_t inputs, int64_t channels,
                     const float *scale, const int8_t *q) {
  sums_t s = {0};
  for (int64_t c = 0; c < channels; c++) {
    double channel = 0;
    for (int64_t i = 0; i < inputs; i++) {
      double kernel = 0;
      for (int64_t p = 0; p < positions; p++) {
        int64_t at = (p * inputs + i) * channels + c;
        double e = (double)q[at] - (double)w[at] / (double)scale[c];
        s.most = fmax(s.most, fabs(e));
        s.squares += e * e;
        kernel += e;
      }
      s.kernel = fmax(s.kernel, fabs(kernel));
      channel += kernel;
    }
    s.channel = fmax(s.channel, fabs(channel));
  }
  return s;
}

static void sums_are_small(void **state) {
  (void)state;
  static const int64_t cases[][3] = {{9, 16, 8}, {1, 300, 5}, {9, 1, 32}, {25, 3, 7}, {1, 1, 4}};
  uint32_t seed = 7;
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    int64_t positions = cases[k][0], inputs = cases[k][1], channels = cases[k][2];
    int64_t n = positions * inputs * channels;
    float *w = malloc((size_t)n * sizeof *w), *scale = calloc((size_t)channels, sizeof *scale);
    int8_t *q = malloc((size_t)n);
    for (int64_t i = 0; i < n; i++) {
      w[i] = (float)uniform(&seed);
      scale[i % channels] = fmaxf(scale[i % channels], fabsf(w[i]) / 127);
    }
    round_weights(w, positions, inputs, channels, scale, q);
    sums_t s = errors(w, positions, inputs, channels, scale, q);
    assert_true(s.most < 1 + 1e-3);
    assert_true(s.channel <= 0.5 + 1e-2);
    // A kernel moves once more, for its channel's sake.
    assert_true(s.kernel <= 1.5 + 1e-2);
    // 1/12 is what rounding to nearest has.
    if (n > 1000) assert_true(s.squares / (double)n < 1.6 / 12);
    free(w);
    free(scale);
    free(q);
  }
}

// Equal inputs, as nearly all that is behind a ReLU is positive: the sum is what it was.
static void a_mean_shifts_nothing(void **state) {
  (void)state;
  enum { INPUTS = 512, CHANNELS = 16 };
  static float w[INPUTS * CHANNELS], scale[CHANNELS];
  static int8_t q[INPUTS * CHANNELS];
  uint32_t seed = 3;
  double shift = 0, of_nearest = 0;
  for (int c = 0; c < CHANNELS; c++) scale[c] = 1.0f / 127;
  for (int i = 0; i < INPUTS * CHANNELS; i++) w[i] = (float)uniform(&seed);
  round_weights(w, 1, INPUTS, CHANNELS, scale, q);
  for (int c = 0; c < CHANNELS; c++) {
    double sum = 0, nearest = 0;
    for (int i = c; i < INPUTS * CHANNELS; i += CHANNELS) {
      double x = (double)(w[i] / scale[c]);
      sum += q[i] - x;
      nearest += rint(x) - x;
    }
    shift += fabs(sum) / CHANNELS;
    of_nearest += fabs(nearest) / CHANNELS;
  }
  assert_true(shift <= 0.5 + 1e-2);
  assert_true(of_nearest > 5 * shift);
}

static void steps_and_ends_stay(void **state) {
  (void)state;
  static const float w[] = {1, -1, 0.5f, 0, 127.0f / 254, -3.0f / 254};
  float scale = 1.0f / 127;
  int8_t q[6];
  round_weights(w, 1, 1, 1, &scale, q);
  assert_int_equal(q[0], 127);
  round_weights(w + 1, 1, 1, 1, &scale, q);
  assert_int_equal(q[0], -127);
  round_weights(w + 3, 1, 1, 1, &scale, q);
  assert_int_equal(q[0], 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sums_are_small),
                                     cmocka_unit_test(a_mean_shifts_nothing),
                                     cmocka_unit_test(steps_and_ends_stay)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
