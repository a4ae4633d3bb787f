#include "kernels/gemm.h"

#include <stdlib.h>

#include "base/mem.h"
#include "kernels/isa.h"
#include "tensor/tensor.h"
#include "test.h"

static unsigned seed = 1;
static float rnd(void) {
  seed = seed * 1664525u + 1013904223u;
  return (float)(int)(seed >> 8) / (float)(1 << 23) - 1.0f;
}
static float *randoms(int64_t n) {
  float *p = mem_alloc((size_t)n * sizeof *p);
  for (int64_t i = 0; i < n; i++) p[i] = rnd();
  return p;
}
static void near(float got, double want, double scale, const char *what, int64_t i, int64_t j) {
  if (fabs((double)got - want) > 2e-6 * scale + 1e-6)
    fail_msg("%s [%lld,%lld]: %.9g, expected %.9g", what, (long long)i, (long long)j, (double)got,
             want);
}

static void halve(float *x, int64_t n, const void *arg) {
  for (int64_t i = 0; i < n; i++) x[i] *= *(const float *)arg;
}

// One product against double loops: strided A and B, with everything in the epilogue.
static void check(int64_t m, int64_t n, int64_t k, bool ta, bool tb, bool full, bool packed,
                  int threads) {
  float *a = randoms(m * k + 1), *b = randoms(k * n + 1), *bias = randoms(n), *r = randoms(m * n);
  float *c = randoms(m * (n + 3)), *old = mem_alloc((size_t)(m * (n + 3)) * sizeof *old);
  memcpy(old, c, (size_t)(m * (n + 3)) * sizeof *old);
  int64_t ars = ta ? 1 : k, acs = ta ? m : 1, brs = tb ? 1 : n, bcs = tb ? k : 1;
  float half = 0.5f;
  gemm_epilogue_t e = {.alpha = 0.75f,
                       .bias = bias,
                       .residual = r,
                       .ld_residual = n,
                       .clamp = true,
                       .lo = -0.5f,
                       .hi = 1.5f,
                       .act = halve,
                       .act_arg = &half};
  if (packed) {
    float *p = mem_try_alloc(gemm_packed_floats(k, n) * sizeof *p);
    gemm_pack_b(k, n, b, brs, bcs, p, threads);
    gemm_rows_t rows = {a, ars, acs, NULL, NULL};
    gemm_packed(m, n, k, &rows, p, c, n + 3, full, full ? &e : NULL, threads);
    mem_aligned_free(p);
  } else {
    assert_ok(gemm(m, n, k, a, ars, acs, b, brs, bcs, c, n + 3, full, full ? &e : NULL, threads));
  }
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n + 3; j++) {
      double s = full ? (double)old[i * (n + 3) + j] : 0;
      if (j >= n) {  // between the rows: untouched
        assert_true(c[i * (n + 3) + j] == old[i * (n + 3) + j]);
        continue;
      }
      for (int64_t q = 0; q < k; q++)
        s += (double)a[i * ars + q * acs] * (double)b[q * brs + j * bcs];
      if (full) {
        s = 0.75 * s + (double)bias[j] + (double)r[i * n + j];
        s = 0.5 * (s < -0.5 ? -0.5 : s > 1.5 ? 1.5 : s);
      }
      near(c[i * (n + 3) + j], s, sqrt((double)k), "C", i, j);
    }
  mem_free(a), mem_free(b), mem_free(bias), mem_free(r), mem_free(c), mem_free(old);
}

static void test_sizes(void **state) {
  (void)state;
  static const int64_t ms[] = {1, 2, 3, 5, 6, 14, 15, 29, 171}, ns[] = {1, 7, 16, 17, 32, 33, 65},
                       ks[] = {1, 3, 64, 321, 700};
  for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
    for (size_t j = 0; j < sizeof ns / sizeof *ns; j++)
      for (size_t q = 0; q < sizeof ks / sizeof *ks; q++)
        for (int v = 0; v < 8; v++)
          check(ms[i], ns[j], ks[q], v & 1, v & 2, v & 4, (i + j + q) & 1, 1 + (int)(q & 1));
}

static void test_large_in_parallel(void **state) {
  (void)state;
  check(257, 130, 512, false, false, true, true, 4);
  check(20, 500, 300, false, true, true, false, 3);  // more columns than rows for the threads
  check(1, 1000, 333, false, false, true, false, 3);
  check(1, 1000, 333, false, true, false, false, 3);
}

static void test_empty_k(void **state) {
  (void)state;
  float c[4] = {1, 2, 3, 4}, bias[2] = {5, 6};
  gemm_epilogue_t e = {.bias = bias};
  for (int64_t m = 2; m >= 1; m--) {
    assert_ok(gemm(m, 2, 0, c, 0, 1, c, 2, 1, c, 2, false, &e, 1));
    assert_true(c[0] == 5 && c[1] == 6);
  }
}

static void test_nan_passes_clamp(void **state) {
  (void)state;
  for (int n = 1; n <= 40; n += 13)
    for (int m = 1; m <= 5; m += 4) {
      float *a = randoms(m), *b = randoms(n), c[200];
      a[0] = NAN;
      gemm_epilogue_t e = {.clamp = true, .lo = 0, .hi = INFINITY};
      assert_ok(gemm(m, n, 1, a, 1, 1, b, n, 1, c, n, false, &e, 1));
      for (int j = 0; j < n; j++) assert_true(isnan(c[j]));
      mem_free(a), mem_free(b);
    }
}

static void test_batch(void **state) {
  (void)state;
  enum { B = 5, M = 7, N = 9, K = 11 };
  float *a = randoms(B * M * K), *b = randoms(K * N), c[B * M * N];
  int64_t a_at[B], b_at[B] = {0};
  for (int i = 0; i < B; i++) a_at[i] = i * M * K;
  gemm_batch_t g = {B, M, N, K, a_at, b_at, K, 1, N, 1};
  for (int threads = 1; threads < 8; threads += 3) {
    assert_ok(gemm_batch(&g, a, b, c, NULL, threads));
    for (int i = 0; i < B * M; i++)
      for (int j = 0; j < N; j++) {
        double s = 0;
        for (int q = 0; q < K; q++) s += (double)a[i * K + q] * (double)b[q * N + j];
        near(c[i * N + j], s, 4, "batch", i, j);
      }
  }
  mem_free(a), mem_free(b);
}

// Small integers are exact in every dtype.
static void test_other_dtypes(void **state) {
  (void)state;
  static const dtype_t types[] = {DT_DOUBLE, DT_HALF,   DT_BFLOAT16, DT_INT8,  DT_UINT8, DT_INT16,
                                  DT_UINT16, DT_UINT32, DT_INT32,    DT_INT64, DT_UINT64};
  enum { M = 3, N = 4, K = 5 };
  int64_t zero[1] = {0};
  gemm_batch_t g = {1, M, N, K, zero, zero, K, 1, N, 1};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    shape_t sa = SHAPE(M, K), sb = SHAPE(K, N), sc = SHAPE(M, N);
    tensor_t a, b, c;
    assert_ok(tensor_alloc(types[t], &sa, &a));
    assert_ok(tensor_alloc(types[t], &sb, &b));
    assert_ok(tensor_alloc(types[t], &sc, &c));
    for (int i = 0; i < M * K; i++) tensor_set_number(&a, i, i % 4);
    for (int i = 0; i < K * N; i++) tensor_set_number(&b, i, (i * 3) % 5);
    assert_ok(gemm_batch_any(&g, types[t], a.data, M * K, b.data, K * N, c.data, 0, 0, 2));
    for (int i = 0; i < M; i++)
      for (int j = 0; j < N; j++) {
        double s = 0;
        for (int q = 0; q < K; q++) s += (i * K + q) % 4 * (((q * N + j) * 3) % 5);
        assert_true(tensor_number_at(&c, i * N + j) == s);
      }
    tensor_unref(&a), tensor_unref(&b), tensor_unref(&c);
  }
  float x[2] = {1, 2}, y[2] = {3, 4}, z[2];
  gemm_batch_t one = {1, 1, 1, 1, zero, zero, 1, 1, 1, 1};
  assert_ok(gemm_batch_any(&one, DT_COMPLEX64, x, 1, y, 1, z, false, true, 1));
  assert_true(z[0] == 11 && z[1] == 2);  // (1+2i)(3-4i)
  assert_fails(gemm_batch_any(&one, DT_BOOL, x, 1, y, 1, z, 0, 0, 1), UNIMPLEMENTED, "bool");
}

int main(int argc, char **argv) {
  (void)argc;
  run_for_each_isa(argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sizes),   cmocka_unit_test(test_large_in_parallel),
      cmocka_unit_test(test_empty_k), cmocka_unit_test(test_nan_passes_clamp),
      cmocka_unit_test(test_batch),   cmocka_unit_test(test_other_dtypes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
