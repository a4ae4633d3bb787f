#include "kernels/conv.h"

#include <stdlib.h>

#include "kernels/conv_loops.h"
#include "kernels/isa.h"
#include "tensor/tensor.h"
#include "test.h"

static void twice(float *x, int64_t n, const void *arg) {
  (void)arg;
  for (int64_t i = 0; i < n; i++) x[i] *= 2;
}

static void check(conv_kind_t kind, conv_shape_t s) {
  bool back = kind == CONV_TRANSPOSED;
  if (s.groups == 0) s.groups = 1;
  int64_t ni = s.batch * volume(&s, s.in) * s.in_c, no = s.batch * volume(&s, s.out) * s.out_c;
  int64_t nx = back ? no : ni, ny = back ? ni : no, y_c = back ? s.in_c : s.out_c;
  int64_t cg = kind == CONV_DEPTHWISE ? 1 : s.in_c / s.groups;
  float *x = randoms(nx), *w = randoms(volume(&s, s.kernel) * cg * s.out_c), *y = randoms(ny);
  float *bias = randoms(y_c), *r = randoms(ny);
  double *want = expected(kind, &s, x, w);
  gemm_epilogue_t e = {
      .bias = bias, .residual = r, .clamp = true, .lo = -2, .hi = 2.5f, .act = twice};
  for (int full = 0; full < 2; full++) {
    gemm_epilogue_t *ep = full ? &e : NULL;
    if (kind == CONV_DEPTHWISE) {
      assert_ok(depthwise_run(&s, x, w, y, ep, 2));
    } else {
      size_t n = back ? deconv_packed_floats(&s) : conv_packed_floats(&s);
      float *packed = mem_try_alloc(n * sizeof *packed + 1);
      if (back)
        assert_ok(deconv_pack(&s, w, packed, 2));
      else
        conv_pack(&s, w, packed, 2);
      assert_ok((back ? deconv_run : conv_run)(&s, x, packed, y, ep, 2));
      mem_aligned_free(packed);
    }
    for (int64_t i = 0; i < ny; i++) {
      double v = want[i];
      if (full) {
        int64_t pixels = ny / s.batch / y_c;
        v += (double)bias[s.channels_last ? i % y_c : i / pixels % y_c] + (double)r[i];
        v = 2 * (v < -2 ? -2 : v > 2.5 ? 2.5 : v);
      }
      // rounding grows with the root of the number of terms, twice as the activation doubles it
      if (fabs((double)y[i] - v) > 2e-6 * sqrt((double)(volume(&s, s.kernel) * s.in_c)) + 5e-6)
        fail_msg("kind %d kernel %lld stride %lld, C %lld M %lld: [%lld] %g, expected %g", kind,
                 (long long)s.kernel[0], (long long)s.stride[0], (long long)s.in_c,
                 (long long)s.out_c, (long long)i, (double)y[i], v);
    }
  }
  mem_free(x), mem_free(w), mem_free(y), mem_free(bias), mem_free(r), mem_free(want);
}

static void test_conv(void **state) {
  (void)state;
  static const int64_t cs[][2] = {{1, 1}, {3, 32}, {5, 7}, {16, 33}, {64, 16}};
  for (int i = 0; i < 5; i++)
    for (int64_t k = 1; k <= 5; k += 2)
      for (int64_t stride = 1; stride <= 3; stride++)
        for (int64_t dilation = 1; dilation <= (stride == 1 ? 2 : 1); dilation++)
          for (int same = 0; same < 2; same++) {
            conv_shape_t s = shape2(11, 13, cs[i][0], cs[i][1], k, stride, dilation, same);
            check(CONV_PLAIN, s);
            s.channels_last = false;
            check(CONV_PLAIN, s);
          }
  check(CONV_PLAIN, shape2(9, 9, 128, 40, 3, 1, 1, true));  // K in several blocks, runs of 384
}

static void test_conv_grouped(void **state) {
  (void)state;
  for (int64_t k = 1; k <= 3; k += 2)
    for (int last = 0; last < 2; last++) {
      conv_shape_t s = shape2(7, 8, 12, 18, k, 1, 1, true);
      s.groups = 3, s.channels_last = last;
      check(CONV_PLAIN, s);
      s.groups = 6;
      check(CONV_PLAIN, s);
    }
}

static void test_conv_1d_3d(void **state) {
  (void)state;
  for (int last = 0; last < 2; last++) {
    conv_shape_t one = {1, last, 2, 5, 6, 1, {17}, {17}, {4}, {1}, {2}, {3}};
    check(CONV_PLAIN, one);
    conv_shape_t three = {3,         last,      2,         3,         4,         1,
                          {5, 6, 7}, {3, 3, 4}, {3, 2, 3}, {2, 2, 2}, {1, 1, 1}, {1, 0, 1}};
    check(CONV_PLAIN, three);
    check(CONV_TRANSPOSED, three);
    one.in_c = one.out_c = 5;
    one.groups = 5;
    check(CONV_DEPTHWISE, one);
  }
}

static void test_depthwise(void **state) {
  (void)state;
  static const int64_t cs[] = {1, 4, 8, 15, 16, 17, 40, 67};
  for (int i = 0; i < 8; i++)
    for (int64_t k = 1; k <= 5; k++)
      for (int64_t stride = 1; stride <= 2; stride++)
        for (int64_t dilation = 1; dilation <= (stride == 1 ? 2 : 1); dilation++)
          for (int same = 0; same < 2; same++) {
            check(CONV_DEPTHWISE, shape2(9, 14, cs[i], cs[i], k, stride, dilation, same || k > 4));
            check(CONV_DEPTHWISE, shape2(6, 5, cs[i], cs[i], k, stride, 1, true));
          }
  conv_shape_t first = shape2(9, 14, 20, 20, 3, 1, 1, true);
  first.channels_last = false;
  check(CONV_DEPTHWISE, first);
  check(CONV_DEPTHWISE, shape2(9, 14, 20, 60, 3, 2, 1, true));  // multiplier 3
  check(CONV_DEPTHWISE, shape2(9, 14, 40, 80, 2, 1, 1, false));
}

static void test_transposed(void **state) {
  (void)state;
  for (int64_t k = 1; k <= 5; k++)
    for (int64_t stride = 1; stride <= 3; stride++)
      for (int64_t dilation = 1; dilation <= (stride == 1 ? 2 : 1); dilation++)
        for (int v = 0; v < 4; v++) {
          conv_shape_t s = shape2(10, 13, 7, 18, k, stride, dilation, v & 1);
          s.channels_last = v & 2;
          check(CONV_TRANSPOSED, s);
        }
}

// Small integers: exact in every dtype.
static void test_other_dtypes(void **state) {
  (void)state;
  static const dtype_t types[] = {DT_FLOAT, DT_HALF, DT_BFLOAT16, DT_DOUBLE, DT_INT32};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (int kind = 0; kind < 3; kind++)
      for (int last = 0; last < 2; last++) {
        conv_shape_t s = shape2(5, 6, 4, kind == CONV_DEPTHWISE ? 8 : 6, 3, 2, 1, true);
        s.channels_last = last;
        if (kind == CONV_PLAIN) s.groups = 2;
        int64_t ni = 2 * 30 * s.in_c, no = 2 * 9 * s.out_c, nw = 9 * 4 * 6;
        bool back = kind == CONV_TRANSPOSED;
        int64_t nx = back ? no : ni, ny = back ? ni : no;
        shape_t sx = SHAPE(nx), sw = SHAPE(nw), sy = SHAPE(ny);
        tensor_t x, w, y;
        assert_ok(tensor_alloc(types[t], &sx, &x));
        assert_ok(tensor_alloc(types[t], &sw, &w));
        assert_ok(tensor_alloc(types[t], &sy, &y));
        float *fx = mem_alloc((size_t)nx * 4), *fw = mem_alloc((size_t)nw * 4);
        for (int64_t i = 0; i < nx; i++) tensor_set_number(&x, i, fx[i] = (float)(i % 3));
        for (int64_t i = 0; i < nw; i++) tensor_set_number(&w, i, fw[i] = (float)(i % 2));
        assert_ok(conv_any((conv_kind_t)kind, &s, types[t], x.data, w.data, y.data, 2));
        double *want = expected((conv_kind_t)kind, &s, fx, fw);
        for (int64_t i = 0; i < ny; i++) assert_true(tensor_number_at(&y, i) == want[i]);
        mem_free(fx), mem_free(fw), mem_free(want);
        tensor_unref(&x), tensor_unref(&w), tensor_unref(&y);
      }
  conv_shape_t s = shape2(5, 6, 4, 6, 3, 2, 1, true);
  assert_fails(conv_any(CONV_PLAIN, &s, DT_INT8, NULL, NULL, NULL, 1), UNIMPLEMENTED, "int8");
}

int main(int argc, char **argv) {
  (void)argc;
  run_for_each_isa(argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conv),       cmocka_unit_test(test_conv_grouped),
      cmocka_unit_test(test_conv_1d_3d), cmocka_unit_test(test_depthwise),
      cmocka_unit_test(test_transposed), cmocka_unit_test(test_other_dtypes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
