#include "kernels/conv_half.h"

#include <stdlib.h>

#include "kernels/conv_loops.h"
#include "kernels/isa.h"
#include "test.h"

static void twice(float *x, int64_t n, const void *arg) {
  (void)arg;
  for (int64_t i = 0; i < n; i++) x[i] *= 2;
}

static uint16_t *to_halves(float *x, int64_t n) {  // x becomes what they hold
  uint16_t *h = mem_alloc((size_t)(n + 1) * sizeof *h);
  for (int64_t i = 0; i < n; i++) {
    h[i] = float_to_half(x[i]);
    x[i] = half_to_float(h[i]);
  }
  return h;
}

// Against the definition; everything that the epilogue has, or nothing, into either type. The
// input lies between infinities: nothing beside it may be read into a sum.
static void check(conv_shape_t s, int threads) {
  int64_t nx = s.batch * volume(&s, s.in) * s.in_c, ny = s.batch * volume(&s, s.out) * s.out_c;
  int64_t nw = volume(&s, s.kernel) * s.in_c / s.groups * s.out_c;
  enum { BESIDE = 64 };
  float *x = randoms(nx), *w = randoms(nw), *bias = randoms(s.out_c), *r = randoms(ny);
  uint16_t *hx = to_halves(x, nx), *hw = to_halves(w, nw), *hr = to_halves(r, ny);
  uint16_t *in = mem_alloc((size_t)(nx + 2 * BESIDE) * sizeof *in);
  for (int64_t i = 0; i < nx + 2 * BESIDE; i++) in[i] = float_to_half(INFINITY);
  memcpy(in + BESIDE, hx, (size_t)nx * sizeof *in);
  void *y = mem_alloc((size_t)ny * sizeof(float));
  double *want = expected(CONV_PLAIN, &s, x, w);
  void *packed = mem_try_alloc(conv_half_packed_bytes(&s));
  void *scratch = mem_try_alloc(conv_half_scratch(&s, threads) + 1);
  for (int way = 0; way < 4; way++) {
    const bool full = way & 1, float_out = way & 2;
    half_epilogue_t e = {.out_type = float_out ? DT_FLOAT : DT_HALF};
    if (full) {
      e.bias = bias, e.residual = float_out ? (void *)hr : r;
      e.residual_type = float_out ? DT_HALF : DT_FLOAT;
      e.clamp = true, e.lo = -2, e.hi = 2.5f, e.act = twice;
    }
    conv_half_pack(&s, full ? DT_FLOAT : DT_HALF, full ? (void *)w : hw, packed, threads);
    conv_half_run(&s, in + BESIDE, packed, y, &e, scratch, threads);
    int64_t terms = volume(&s, s.kernel) * (s.in_c / s.groups);
    double size = sqrt((double)terms);
    for (int64_t i = 0; i < ny; i++) {
      double v = want[i];
      double got = float_out ? (double)((float *)y)[i] : (double)half_to_float(((uint16_t *)y)[i]);
      if (full) {
        v += (double)bias[i % s.out_c] + (double)r[i];
        v = 2 * (v < -2 ? -2 : v > 2.5 ? 2.5 : v);
      }
      double bound = (gemm_half_is_fast() ? 1e-3 : 1e-5) * size + 1e-5;
      if (!float_out) bound += fabs(v) * 0x1p-11;
      if (!(fabs(got - v) <= bound))
        fail_msg("kernel %lld stride %lld, C %lld M %lld: [%lld] %g, expected %g",
                 (long long)s.kernel[0], (long long)s.stride[0], (long long)s.in_c,
                 (long long)s.out_c, (long long)i, got, v);
    }
  }
  mem_free(x), mem_free(w), mem_free(bias), mem_free(r), mem_free(hx), mem_free(hw), mem_free(hr);
  mem_free(in), mem_free(y), mem_free(want), mem_aligned_free(packed), mem_aligned_free(scratch);
}

// Odd and few channels, even ones, many; widths of one tile, several, and less than half of one.
static void test_shapes(void **state) {
  (void)state;
  static const int64_t cs[][2] = {{1, 1}, {3, 32}, {5, 7}, {8, 40}, {16, 33}, {64, 16}};
  static const int64_t sizes[][2] = {{11, 13}, {8, 7}, {5, 31}};
  int n = 0;
  for (size_t i = 0; i < sizeof cs / sizeof *cs; i++)
    for (size_t z = 0; z < sizeof sizes / sizeof *sizes; z++)
      for (int64_t k = 1; k <= 5; k += 2)
        for (int64_t stride = 1; stride <= 3; stride++)
          for (int64_t dilation = 1; dilation <= (stride == 1 && k < 5 ? 2 : 1); dilation++)
            for (int same = 0; same < 2; same++)
              check(shape2(sizes[z][0], sizes[z][1], cs[i][0], cs[i][1], k, stride, dilation, same),
                    1 + n++ % 3);
}

// Pixels 4096 bytes apart are copied apart, many channels are several sums.
static void test_many_channels(void **state) {
  (void)state;
  check(shape2(3, 4, 2048, 33, 1, 1, 1, true), 2);
  check(shape2(5, 4, 1024, 17, 1, 2, 1, true), 1);
  check(shape2(4, 3, 2048, 16, 3, 1, 1, true), 1);
  check(shape2(9, 9, 128, 40, 3, 1, 1, true), 2);
}

// Enough tiles for several blocks, which begin anew within images and at new ones.
static void test_many_tiles(void **state) {
  (void)state;
  conv_shape_t s = shape2(50, 29, 32, 8, 3, 1, 1, true);
  s.batch = 3;
  check(s, 1);
  s = shape2(21, 7, 96, 8, 3, 1, 1, true);
  s.batch = 9;
  check(s, 2);
  s = shape2(61, 40, 3, 8, 7, 2, 1, true);
  check(s, 2);
}

static void test_grouped(void **state) {
  (void)state;
  for (int64_t k = 1; k <= 3; k += 2)
    for (int64_t groups = 2; groups <= 12; groups += groups) {
      conv_shape_t s = shape2(7, 8, 48, 72, k, 1, 1, true);
      s.groups = groups == 8 ? 6 : groups;
      check(s, 2);
    }
}

static void test_one_dimension(void **state) {
  (void)state;
  conv_shape_t s = {1, true, 2, 5, 6, 1, {17}, {17}, {4}, {1}, {2}, {3}};
  check(s, 2);
  s.in_c = 20;
  check(s, 2);
}

static void check_depthwise(conv_shape_t s) {
  int64_t nx = s.batch * volume(&s, s.in) * s.in_c, ny = s.batch * volume(&s, s.out) * s.out_c;
  int64_t nw = volume(&s, s.kernel) * s.in_c;
  float *x = randoms(nx), *w = randoms(nw), *bias = randoms(s.out_c), *r = randoms(ny);
  uint16_t *hx = to_halves(x, nx), *hr = to_halves(r, ny), *y = to_halves(r, ny);
  double *want = expected(CONV_DEPTHWISE, &s, x, w);
  half_epilogue_t e = {
      .bias = bias, .residual = hr, .clamp = true, .lo = -2, .hi = 2.5f, .act = twice};
  for (int full = 0; full < 2; full++) {
    depthwise_half_run(&s, hx, w, y, full ? &e : NULL, 2);
    for (int64_t i = 0; i < ny; i++) {
      double v = want[i], got = (double)half_to_float(y[i]);
      if (full) {
        v += (double)bias[i % s.out_c] + (double)r[i];
        v = 2 * (v < -2 ? -2 : v > 2.5 ? 2.5 : v);
      }
      if (!(fabs(got - v) <= fabs(v) * 0x1p-10 + 1e-5))
        fail_msg("depthwise, kernel %lld, C %lld: [%lld] %g, expected %g", (long long)s.kernel[0],
                 (long long)s.in_c, (long long)i, got, v);
    }
  }
  mem_free(x), mem_free(w), mem_free(bias), mem_free(r), mem_free(hx), mem_free(hr), mem_free(y);
  mem_free(want);
}

static void test_depthwise(void **state) {
  (void)state;
  static const int64_t cs[] = {1, 15, 16, 17, 67};
  for (size_t i = 0; i < sizeof cs / sizeof *cs; i++)
    for (int64_t k = 2; k <= 5; k++)
      for (int64_t stride = 1; stride <= 2; stride++)
        for (int64_t dilation = 1; dilation <= (stride == 1 ? 2 : 1); dilation++)
          check_depthwise(shape2(9, 14, cs[i], cs[i], k, stride, dilation, true));
  check_depthwise(shape2(9, 14, 40, 40, 3, 1, 1, false));
}

static void test_supports(void **state) {
  (void)state;
  conv_shape_t s = shape2(7, 8, 48, 72, 3, 1, 1, true);
  assert_true(conv_half_supports(&s));
  s.channels_last = false;
  assert_false(conv_half_supports(&s));
  conv_shape_t three = {.spatial = 3, .channels_last = true};
  assert_false(conv_half_supports(&three));
  conv_shape_t multiplied = shape2(7, 8, 48, 96, 3, 1, 1, true);
  assert_false(depthwise_half_supports(&multiplied));
}

int main(int argc, char **argv) {
  (void)argc;
  run_for_each_isa(argv);
  if (!gemm_half_is_fast())
    fprintf(stderr, "no AVX512-VNNI here: the definition alone is tested\n");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shapes),        cmocka_unit_test(test_many_channels),
      cmocka_unit_test(test_many_tiles),    cmocka_unit_test(test_grouped),
      cmocka_unit_test(test_one_dimension), cmocka_unit_test(test_depthwise),
      cmocka_unit_test(test_supports),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
