// Calibration: what is counted, and the four ways to choose a range.
#include "network/histogram.h"

#include <math.h>

#include "base/mem.h"
#include "test.h"

static double unit(uint32_t *x) {
  *x = *x * 1664525u + 1013904223u;
  return (*x >> 8) / 16777216.0;
}
static double normal(uint32_t *x) {
  double u = unit(x) + 1e-9, v = unit(x);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static bool add(histogram_t *h, const float *v, int64_t n) {
  shape_t s = SHAPE(n);
  tensor_t t = tensor_borrow(DT_FLOAT, &s, (void *)(uintptr_t)v, (size_t)n * sizeof *v, NULL, NULL);
  bool ok = histogram_add(h, &t);
  tensor_unref(&t);
  return ok;
}

static histogram_t *bell(bool rectified) {
  histogram_t *h = mem_calloc(1, sizeof *h);
  uint32_t seed = 7;
  for (int i = 0; i < 50; i++) {
    float v[1000];
    for (int k = 0; k < 1000; k++) v[k] = (float)normal(&seed);
    for (int k = 0; rectified && k < 1000; k++) v[k] = v[k] > 0 ? v[k] : 0;
    assert_true(add(h, v, 1000));
  }
  return h;
}

static void counts_all(void **state) {
  (void)state;
  histogram_t *h = mem_calloc(1, sizeof *h);
  const float v[] = {0, -0.0f, 1, -2, 1000, 1e-30f, -65504};
  for (int i = 0; i < 7; i++) assert_true(add(h, &v[i], 1));
  int64_t n = 0;
  for (int i = 0; i < HISTOGRAM_BINS; i++) n += h->bins[i];
  assert_int_equal(h->zeros, 2);
  assert_int_equal(n, 5);
  assert_int_equal(h->count, 7);
  assert_true(h->max == 65504 && h->width * HISTOGRAM_BINS >= 65504);
  assert_true(h->least == -65504 && h->most == 1000);
  mem_free(h);
}

static void doubling_keeps_the_counts_in_place(void **state) {
  (void)state;
  histogram_t *h = mem_calloc(1, sizeof *h);
  uint32_t seed = 3;
  float all[2000];
  for (int i = 0; i < 2000; i++) {
    all[i] = (float)(unit(&seed) * (i < 1000 ? 1 : 100));
    assert_true(add(h, &all[i], 1));
  }
  for (int b = 1; b < HISTOGRAM_BINS; b *= 3) {
    int64_t below = h->zeros, want = 0;
    for (int i = 0; i < b; i++) below += h->bins[i];
    for (int i = 0; i < 2000; i++) want += all[i] < (float)b * h->width;
    assert_in_range(below, want - 1, want + 1);  // a value on an edge
  }
  mem_free(h);
}

static void refuses_what_is_no_number(void **state) {
  (void)state;
  histogram_t *h = mem_calloc(1, sizeof *h);
  const float v[] = {1, NAN, 2}, w[] = {INFINITY}, x[] = {3, -INFINITY};
  assert_false(add(h, v, 3));
  assert_false(add(h, w, 1));
  assert_false(add(h, x, 2));
  assert_int_equal(h->count, 0);
  uint16_t halves[] = {0x3c00, 0x7e00};  // 1, NaN
  shape_t s = SHAPE(2);
  tensor_t t = tensor_borrow(DT_HALF, &s, halves, sizeof halves, NULL, NULL);
  assert_false(histogram_add(h, &t));
  halves[1] = 0xc400;  // -4
  assert_true(histogram_add(h, &t));
  assert_true(h->max == 4);
  tensor_unref(&t);
  mem_free(h);
}

// The published pseudocode, step by step, on arrays.
static double divergence(const histogram_t *h, int m, int levels) {
  double p[HISTOGRAM_BINS], q[HISTOGRAM_BINS], sum_p = 0, sum_q = 0, d = 0;
  for (int i = 0; i < m; i++) p[i] = (double)h->bins[i];
  for (int i = m; i < HISTOGRAM_BINS; i++) p[m - 1] += (double)h->bins[i];
  for (int g = 0; g < levels; g++) {
    double level = 0;
    int used = 0, from = g * m / levels, to = (g + 1) * m / levels;
    for (int i = from; i < to; i++) level += (double)h->bins[i], used += h->bins[i] != 0;
    for (int i = from; i < to; i++) q[i] = h->bins[i] ? level / used : 0;
  }
  for (int i = 0; i < m; i++) sum_p += p[i], sum_q += q[i];
  for (int i = 0; i < m; i++) {
    if (p[i] <= 0) continue;
    if (q[i] <= 0) return HUGE_VAL;
    d += p[i] / sum_p * log((p[i] / sum_p) / (q[i] / sum_q));
  }
  return d;
}

// What a cut at m costs: each value's distance from what stands for it, squared, as 8 bits would
// give it; beyond the cut twice.
static double cost(const histogram_t *h, int m) {
  double t = fmin(m * (double)h->width, (double)h->max), sum = 0;
  double step = (fmin(t, (double)h->most) + fmin(t, -(double)h->least)) / 255;
  for (int i = 0; i < HISTOGRAM_BINS; i++) {
    double x = fmin((i + 0.5) * (double)h->width, (double)h->max);
    sum += (double)h->bins[i] * (i < m ? step * step / 12 : 2 * (x - t) * (x - t));
  }
  return sum;
}

// Many values below 1, and few of up to 2.
static histogram_t *long_tail(bool rectified) {
  histogram_t *h = mem_calloc(1, sizeof *h);
  for (int i = 0; i < HISTOGRAM_BINS; i++) {
    h->bins[i] = i < 1024 ? 100000000 - 50000 * i : 1 + (2047 - i) / 512;
    h->count += h->bins[i];
  }
  h->width = 1 / 1024.0f;
  h->max = h->most = 2;
  h->least = rectified ? 0 : -2;
  return h;
}

static void entropy_is_the_least_divergence(void **state) {
  (void)state;
  for (int rectified = 0; rectified < 2; rectified++) {
    histogram_t *h = long_tail(rectified);
    int levels = histogram_levels(h), first = HISTOGRAM_BINS;
    assert_int_equal(levels, rectified ? 256 : 128);
    for (int m = HISTOGRAM_BINS; m >= 128; m--)
      if (cost(h, m) < cost(h, first)) first = m;
    double least = HUGE_VAL;
    for (int m = HISTOGRAM_BINS; m >= first; m--) least = fmin(least, divergence(h, m, levels));
    float range = histogram_range(h, CALIBRATOR_ENTROPY);
    int chosen = (int)lrintf(range / h->width);
    assert_true(fabs(divergence(h, chosen, levels) - least) < 1e-9);
    assert_in_range(chosen, first, HISTOGRAM_BINS);
    assert_true(range < 0.95f * h->max);  // it cuts
    mem_free(h);
  }
}

// One value far away, where cutting it off would cost more than coarser steps do.
static void entropy_cuts_nothing_that_costs_more(void **state) {
  (void)state;
  histogram_t *h = bell(true);
  const float far[] = {8};
  assert_true(add(h, far, 1));
  assert_true(histogram_range(h, CALIBRATOR_ENTROPY) > 7.5f);
  mem_free(h);
}

// Few values, none near 0: cutting all but one of them would leave no divergence at all.
static void entropy_keeps_nearly_all(void **state) {
  (void)state;
  histogram_t *h = mem_calloc(1, sizeof *h);
  for (int i = 0; i < 64; i++) {
    float v = 0.3f + (float)i / 150;
    assert_true(add(h, &v, 1));
  }
  assert_true(histogram_range(h, CALIBRATOR_ENTROPY) > 0.71f);
  mem_free(h);
}

// Divergence counts values, however large they are: a tail of one in a thousand, which is most of
// what there is, stays.
static void entropy_keeps_a_thin_tail(void **state) {
  (void)state;
  histogram_t *h = bell(true);
  uint32_t seed = 5;
  for (int i = 0; i < 25; i++) {
    float v = (float)(20 + 10 * unit(&seed));
    assert_true(add(h, &v, 1));
  }
  assert_true(histogram_range(h, CALIBRATOR_ENTROPY) > 29);
  mem_free(h);
}

static void the_others(void **state) {
  (void)state;
  histogram_t *h = bell(false);
  float max = histogram_range(h, CALIBRATOR_MINMAX);
  assert_true(max == h->max);
  // 99.99 % of a normal distribution's magnitudes are below 3.89.
  float most = histogram_range(h, CALIBRATOR_PERCENTILE);
  assert_true(fabsf(most - 3.89f) < 0.25f);
  // The best clip of a normal distribution at 8 bits is near 3.9 sigma (Banner et al., "Post
  // training 4-bit quantization", 2018: 3.89).
  float best = histogram_range(h, CALIBRATOR_MSE);
  assert_true(best > 3.5f && best <= max);
  mem_free(h);
  histogram_t *zero = mem_calloc(1, sizeof *zero);
  const float zeros[] = {0, 0, 0};
  assert_true(add(zero, zeros, 3));
  for (int how = 0; how < 4; how++) assert_true(histogram_range(zero, (calibrator_t)how) == 1);
  mem_free(zero);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_all),
      cmocka_unit_test(doubling_keeps_the_counts_in_place),
      cmocka_unit_test(refuses_what_is_no_number),
      cmocka_unit_test(entropy_is_the_least_divergence),
      cmocka_unit_test(entropy_cuts_nothing_that_costs_more),
      cmocka_unit_test(entropy_keeps_nearly_all),
      cmocka_unit_test(entropy_keeps_a_thin_tail),
      cmocka_unit_test(the_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
