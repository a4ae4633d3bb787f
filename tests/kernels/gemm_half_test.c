#include "kernels/gemm_half.h"

#include <stdlib.h>

#include "base/mem.h"
#include "kernels/isa.h"
#include "test.h"

static unsigned seed = 1;
static float rnd(void) {
  seed = seed * 1664525u + 1013904223u;
  return (float)(int)(seed >> 8) / (float)(1 << 23) - 1.0f;
}
static uint16_t *halves(int64_t n, float scale) {
  uint16_t *p = mem_alloc((size_t)(n + 1) * sizeof *p);
  for (int64_t i = 0; i < n; i++) p[i] = float_to_half(scale * rnd());
  return p;
}
static float *floats(int64_t n) {
  float *p = mem_alloc((size_t)(n + 1) * sizeof *p);
  for (int64_t i = 0; i < n; i++) p[i] = rnd();
  return p;
}
static double value(dtype_t type, const void *p, int64_t i) {
  return type == DT_FLOAT ? (double)((const float *)p)[i]
                          : (double)half_to_float(((const uint16_t *)p)[i]);
}

static void shrink(float *x, int64_t n, const void *arg) {
  for (int64_t i = 0; i < n; i++) x[i] *= *(const float *)arg;
}

// Rounding of both operands to integers: about 2^-12 of sqrt(k) sized sums, a few times that where
// there are many; and of the result.
static void near(double got, double want, double size, bool half_out, const char *what, int64_t i,
                 int64_t j) {
  double bound = (gemm_half_is_fast() ? 1e-3 : 1e-5) * size + 1e-6;
  if (half_out) bound += fabs(want) * 0x1p-11 + 0x1p-25;
  if (!(fabs(got - want) <= bound))
    fail_msg("%s [%lld,%lld]: %.9g, expected %.9g", what, (long long)i, (long long)j, got, want);
}

enum {
  TRANSPOSED_A = 1,
  TRANSPOSED_B = 2,
  EPILOGUE = 4,
  FLOAT_OUT = 8,
  FLOAT_B = 16,
  SAME_RESIDUAL = 32,  // of C's type, else of the other
  WAYS = 64
};

static void check(int64_t m, int64_t n, int64_t k, int way, int threads) {
  const bool ta = way & TRANSPOSED_A, tb = way & TRANSPOSED_B, full = way & EPILOGUE;
  const dtype_t out = way & FLOAT_OUT ? DT_FLOAT : DT_HALF, bt = way & FLOAT_B ? DT_FLOAT : DT_HALF;
  const int64_t ars = ta ? 1 : k, acs = ta ? m : 1, brs = tb ? 1 : n, bcs = tb ? k : 1, ldc = n + 3;
  uint16_t *a = halves(m * k, 1);
  void *b = way & FLOAT_B ? (void *)floats(k * n) : halves(k * n, 1);
  const dtype_t rt = !(way & FLOAT_OUT) == !(way & SAME_RESIDUAL) ? DT_FLOAT : DT_HALF;
  void *r = rt == DT_HALF ? (void *)halves(m * n, 1) : floats(m * n);
  void *c = out == DT_FLOAT ? (void *)floats(m * ldc) : halves(m * ldc, 1);
  void *old = mem_alloc((size_t)(m * ldc) * dtype_size(out));
  memcpy(old, c, (size_t)(m * ldc) * dtype_size(out));
  float *bias = floats(n), half = 0.5f;
  half_epilogue_t e = {.out_type = out};
  if (full)
    e = (half_epilogue_t){.alpha = 0.75f,
                          .bias = bias,
                          .residual = r,
                          .residual_type = rt,
                          .ld_residual = n,
                          .clamp = true,
                          .lo = -0.5f,
                          .hi = 1.5f,
                          .act = way & FLOAT_B ? shrink : NULL,
                          .act_arg = &half,
                          .out_type = out};
  void *packed = mem_try_alloc(gemm_half_packed_bytes(1, k, n));
  void *scratch = mem_try_alloc(gemm_half_scratch(m, k, threads) + 1);
  gemm_half_pack_b(1, k, 1, n, bt, b, brs, bcs, packed, threads);
  half_matrix_t am = {a, ars, acs};
  gemm_half_packed(m, n, k, &am, packed, c, ldc, &e, scratch, threads);
  double *ad = mem_alloc((size_t)(m * k) * sizeof *ad),
         *bd = mem_alloc((size_t)(k * n) * sizeof *bd);
  for (int64_t i = 0; i < m * k; i++) ad[i] = value(DT_HALF, a, i);
  for (int64_t i = 0; i < k * n; i++)
    bd[i] = gemm_half_is_fast() ? value(bt, b, i)
                                : (double)half_to_float(float_to_half((float)value(bt, b, i)));
  double error = 0, power = 0;
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < ldc; j++) {
      if (j >= n) {  // between the rows: untouched
        assert_true(value(out, c, i * ldc + j) == value(out, old, i * ldc + j));
        continue;
      }
      double s = 0;
      for (int64_t q = 0; q < k; q++) s += ad[i * ars + q * acs] * bd[q * brs + j * bcs];
      if (full) {
        s = 0.75 * s + (double)bias[j] + value(rt, r, i * n + j);
        s = s < -0.5 ? -0.5 : s > 1.5 ? 1.5 : s;
        if (e.act) s *= 0.5;
      }
      double got = value(out, c, i * ldc + j);
      near(got, s, sqrt((double)k), out == DT_HALF, "C", i, j);
      error += (got - s) * (got - s), power += s * s;
    }
  // The promise of gemm_half.h, where there are enough outputs to tell; results in f16 are rounded
  // themselves.
  const double most = out == DT_FLOAT ? 0x1.8p-13 : 0x1.2p-12;
  if (!full && m * n > 500 && sqrt(error / power) > most)
    fail_msg("relative error %g of %lld x %lld x %lld", sqrt(error / power), (long long)m,
             (long long)n, (long long)k);
  mem_free(a), mem_free(b), mem_free(bias), mem_free(r), mem_free(c), mem_free(old);
  mem_free(ad), mem_free(bd), mem_aligned_free(packed), mem_aligned_free(scratch);
}

static void test_sizes(void **state) {
  (void)state;
  static const int64_t ms[] = {1, 2, 5, 13, 14, 15, 29}, ns[] = {1, 7, 16, 17, 32, 33, 65},
                       ks[] = {1, 2, 31, 65, 600};
  for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
    for (size_t j = 0; j < sizeof ns / sizeof *ns; j++)
      for (size_t q = 0; q < sizeof ks / sizeof *ks; q++)
        for (int way = 0; way < WAYS; way += 3 + (int)(i + j + q) % 4)
          check(ms[i], ns[j], ks[q], way, 1 + (int)(q & 1));
}

static void test_large_in_parallel(void **state) {
  (void)state;
  check(257, 130, 512, 0, 4);
  check(20, 500, 300, EPILOGUE | FLOAT_OUT, 3);  // more columns than rows for the threads
  check(1, 1000, 333, TRANSPOSED_B, 3);
  check(130, 40, 2048, FLOAT_OUT, 2);  // rows 4096 bytes apart are copied
}

// Every row count of the micro-kernel, full and narrow.
static void test_every_tile(void **state) {
  (void)state;
  for (int64_t m = 1; m <= HALF_MR; m++)
    for (int64_t n = 16; n <= 32; n += 16) check(m, n, 300, FLOAT_OUT, 1);
}

// A sum and its bias are beyond f16, with the residual they are not.
static void test_residual_back_in_range(void **state) {
  (void)state;
  enum { K = 2, N = 32 };
  uint16_t a[K] = {float_to_half(60000), float_to_half(0)}, b[K * N], c[N], r[N];
  float bias[N];
  for (int j = 0; j < N; j++) {
    b[j] = float_to_half(1), b[N + j] = 0, bias[j] = 9000;
    r[j] = float_to_half(-30000);
  }
  void *packed = mem_try_alloc(gemm_half_packed_bytes(1, K, N));
  void *scratch = mem_try_alloc(gemm_half_scratch(1, K, 1) + 1);
  gemm_half_pack_b(1, K, 1, N, DT_HALF, b, N, 1, packed, 1);
  half_matrix_t am = {a, K, 1};
  half_epilogue_t e = {.bias = bias, .residual = r, .residual_type = DT_HALF, .ld_residual = N};
  gemm_half_packed(1, N, K, &am, packed, c, N, &e, scratch, 1);
  for (int j = 0; j < N; j++) assert_float_equal(half_to_float(c[j]), 39000, 64);
  mem_aligned_free(packed), mem_aligned_free(scratch);
}

// Sums whose parts are far beyond what f16 holds, and whose total is not: one column cancels within
// a chain, one from chain to chain; and the largest values there are.
static void test_no_overflow(void **state) {
  (void)state;
  enum { K = 512, N = 3 };
  uint16_t a[K], b[K * N], c[N];
  for (int k = 0; k < K; k++) {
    a[k] = float_to_half(60000);
    b[k * N] = float_to_half(k / 16 % 2 ? -3.0f : 3.0f);
    b[k * N + 1] = float_to_half(k < K / 2 ? 2.5f : -2.5f);
    b[k * N + 2] = float_to_half(k == 7 ? 1 : k == 9 ? 0.0625f : 0);
  }
  void *packed = mem_try_alloc(gemm_half_packed_bytes(1, K, N));
  void *scratch = mem_try_alloc(gemm_half_scratch(1, K, 1) + 1);
  gemm_half_pack_b(1, K, 1, N, DT_HALF, b, N, 1, packed, 1);
  half_matrix_t am = {a, K, 1};
  gemm_half_packed(1, N, K, &am, packed, c, N, NULL, scratch, 1);
  for (int j = 0; j < 2; j++)  // zero but for roundings, which are of the size of the terms' sum
    assert_true(fabsf(half_to_float(c[j])) <= 0x1p-13f * K * 60000 * 3);
  assert_float_equal(half_to_float(c[2]), 63750, 32);
  mem_aligned_free(packed), mem_aligned_free(scratch);
}

static void test_nan_and_infinity(void **state) {
  (void)state;
  enum { K = 40, N = 2 };
  uint16_t a[3 * K], b[K * N];
  float c[3 * N];
  for (int k = 0; k < 3 * K; k++) a[k] = float_to_half(0.5f);
  for (int k = 0; k < K * N; k++) b[k] = float_to_half(1);
  a[5] = float_to_half(NAN), a[K + 5] = float_to_half(INFINITY);
  void *packed = mem_try_alloc(gemm_half_packed_bytes(1, K, N));
  void *scratch = mem_try_alloc(gemm_half_scratch(3, K, 1) + 1);
  gemm_half_pack_b(1, K, 1, N, DT_HALF, b, N, 1, packed, 1);
  half_matrix_t am = {a, K, 1};
  half_epilogue_t e = {.clamp = true, .lo = 0, .hi = INFINITY, .out_type = DT_FLOAT};
  gemm_half_packed(3, N, K, &am, packed, c, N, &e, scratch, 1);
  for (int j = 0; j < N; j++) {
    assert_true(isnan(c[j]));
    assert_true(isinf(c[N + j]));
    assert_float_equal(c[2 * N + j], 20, 20 * 0x1p-12f);
  }
  mem_aligned_free(packed), mem_aligned_free(scratch);
}

// As many products of the largest operands as 32 bits hold are summed before floats are: every
// chain is as large as it can be, of either sign, and with pairs of opposite signs.
static void test_largest_chains(void **state) {
  (void)state;
  enum { K = 4 * HALF_TERMS + 6, N = 4 };
  static const float signs[N][2] = {{1, 1}, {-1, -1}, {1, -1}, {-1, 1}};
  uint16_t a[K], b[K * N];
  float c[N];
  for (int k = 0; k < K; k++) {
    a[k] = float_to_half(65504);
    for (int j = 0; j < N; j++)
      b[k * N + j] = float_to_half(k / HALF_TERMS == j ? 0 : 65504 * signs[j][k % 2]);
  }
  void *packed = mem_try_alloc(gemm_half_packed_bytes(1, K, N));
  void *scratch = mem_try_alloc(gemm_half_scratch(1, K, 1) + 1);
  gemm_half_pack_b(1, K, 1, N, DT_HALF, b, N, 1, packed, 1);
  half_matrix_t am = {a, K, 1};
  half_epilogue_t e = {.out_type = DT_FLOAT};
  gemm_half_packed(1, N, K, &am, packed, c, N, &e, scratch, 1);
  const float most = 65504.0f * 65504 * (K - HALF_TERMS);
  for (int j = 0; j < N; j++)
    assert_float_equal(c[j], most * (signs[j][0] + signs[j][1]) / 2, most * 0x1p-10f);
  mem_aligned_free(packed), mem_aligned_free(scratch);
}

// Rows and columns of very different sizes do not lose each other's digits.
static void test_scales(void **state) {
  (void)state;
  enum { M = 40, N = 40, K = 70 };
  uint16_t *a = halves(M * K, 1), *b = halves(K * N, 1);
  float c[M * N];
  for (int i = 0; i < M; i++)
    for (int k = 0; k < K; k++)
      a[i * K + k] = float_to_half(half_to_float(a[i * K + k]) * ldexpf(1, i % 3 * 7 - 12));
  for (int k = 0; k < K; k++)
    for (int j = 0; j < N; j++)
      b[k * N + j] = float_to_half(half_to_float(b[k * N + j]) * ldexpf(1, j % 4 * 5 - 9));
  void *packed = mem_try_alloc(gemm_half_packed_bytes(1, K, N));
  void *scratch = mem_try_alloc(gemm_half_scratch(M, K, 2) + 1);
  gemm_half_pack_b(1, K, 1, N, DT_HALF, b, N, 1, packed, 2);
  half_matrix_t am = {a, K, 1};
  half_epilogue_t e = {.out_type = DT_FLOAT};
  gemm_half_packed(M, N, K, &am, packed, c, N, &e, scratch, 2);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      double s = 0;
      for (int k = 0; k < K; k++) s += value(DT_HALF, a, i * K + k) * value(DT_HALF, b, k * N + j);
      double size = ldexp(sqrt(K), i % 3 * 7 - 12 + j % 4 * 5 - 9);
      near((double)c[i * N + j], s, size, false, "scaled", i, j);
    }
  mem_free(a), mem_free(b), mem_aligned_free(packed), mem_aligned_free(scratch);
}

// Elements next to which others are so large that little would be left of them are refused, in
// float or half, along rows or columns; zeros, and a few of them, are not.
static void test_fits(void **state) {
  (void)state;
  enum { K = 64, N = 40 };
  void *packed = mem_try_alloc(gemm_half_packed_bytes(1, K, N));
  for (int way = 0; way < 4; way++) {
    const bool tb = way & 1, is_float = way & 2;
    for (int large = 0; large < 5; large++) {
      float b[K * N];
      uint16_t h[K * N];
      for (int i = 0; i < K * N; i++) {
        const int k = tb ? i % K : i / N, j = tb ? i / K : i % N;
        b[i] = 0.02f * rnd();
        if (j == 35 && large == 1 && k % 2 == 0) b[i] = 1000;
        if (j == 35 && large == 2 && k == 3) b[i] = 3;
        if (j == 35 && large == 3 && k != 3) b[i] = 0;
        if (j == 35 && large == 4 && k == 3) b[i] = INFINITY;
        h[i] = float_to_half(b[i]);
      }
      gemm_half_pack_b(1, K, 1, N, is_float ? DT_FLOAT : DT_HALF, is_float ? (void *)b : h,
                       tb ? 1 : N, tb ? K : 1, packed, 1);
      const bool fits = large != 1 && large != 4;
      if (gemm_half_is_fast() && gemm_half_fits(packed, N) != fits)
        fail_msg("way %d, large %d: fits %d", way, large, !fits);
    }
  }
  mem_aligned_free(packed);
}

// A batch whose B is not finite in one product: there as in floats, elsewhere as ever.
static void test_batch_not_finite(void **state) {
  (void)state;
  enum { BATCH = 3, M = 3, N = 34, K = 20 };
  uint16_t a[BATCH * M * K], b[BATCH * K * N], c[BATCH * M * N];
  int64_t a_at[BATCH], b_at[BATCH];
  for (int i = 0; i < BATCH; i++) a_at[i] = i * M * K, b_at[i] = i * K * N;
  for (int i = 0; i < BATCH * M * K; i++) a[i] = float_to_half(0.5f);
  for (int i = 0; i < BATCH * K * N; i++) b[i] = float_to_half(1);
  b[K * N + 3 * N + 5] = float_to_half(INFINITY);
  b[K * N + 4 * N + 6] = float_to_half(NAN);
  gemm_batch_t g = {BATCH, M, N, K, a_at, b_at, K, 1, N, 1};
  half_epilogue_t e = {0};
  void *scratch = mem_try_alloc(gemm_half_batch_scratch(&g, 1));
  gemm_half_batch(&g, a, b, c, &e, scratch, 1);
  for (int i = 0; i < BATCH * M * N; i++) {
    float y = half_to_float(c[i]);
    if (i / (M * N) == 1 && i % N == 5)
      assert_true(isinf(y) && y > 0);
    else if (i / (M * N) == 1 && i % N == 6)
      assert_true(isnan(y));
    else
      assert_float_equal(y, 10, 10 * 0x1p-11f);
  }
  mem_aligned_free(scratch);
}

// Attention: keys transposed, then probabilities times values; a B that two products share.
static void test_batch(void **state) {
  (void)state;
  enum { BATCH = 5, M = 37, N = 45 };
  static const int64_t ks[] = {24, 75, 500};
  for (int way = 0; way < 12; way++) {
    const int64_t K = ks[way / 4];
    const int threads = 1 + way % 2 * 7;
    const bool tb = way / 2 % 2;
    int64_t a_at[BATCH], b_at[BATCH];
    for (int i = 0; i < BATCH; i++) a_at[i] = i * M * K, b_at[i] = i / 2 * N * K;
    uint16_t *a = halves(BATCH * M * K, 1), *b = halves(BATCH * N * K, 1),
             *c = halves(BATCH * M * N, 1);
    gemm_batch_t g = {BATCH, M, N, K, a_at, b_at, K, 1, tb ? 1 : N, tb ? K : 1};
    half_epilogue_t e = {.alpha = 0.125f};
    void *scratch = mem_try_alloc(gemm_half_batch_scratch(&g, threads));
    gemm_half_batch(&g, a, b, c, &e, scratch, threads);
    for (int64_t i = 0; i < BATCH * M * N; i++) {
      int64_t p = i / (M * N), row = i / N % M, col = i % N;
      double s = 0;
      for (int64_t k = 0; k < K; k++)
        s += value(DT_HALF, a, a_at[p] + row * K + k) *
             value(DT_HALF, b, b_at[p] + (tb ? col * K + k : k * N + col));
      near(value(DT_HALF, c, i), 0.125 * s, 0.125 * sqrt((double)K), true, "batch", p, i % (M * N));
    }
    mem_free(a), mem_free(b), mem_free(c), mem_aligned_free(scratch);
  }
}

static void test_packed_size(void **state) {
  (void)state;
  assert_int_equal(gemm_half_packed_bytes(INT64_MAX / 2, INT64_MAX / 2, 5), 0);
  assert_int_equal(gemm_half_packed_bytes(1, 5, INT64_MAX), 0);
  assert_int_equal(gemm_half_packed_bytes(1, 0, 5), 0);
  assert_int_equal(gemm_half_packed_bytes(3, 5, 33), 64 * 4 + 64 * 18 * 2);
}

int main(int argc, char **argv) {
  (void)argc;
  run_for_each_isa(argv);
  if (!gemm_half_is_fast())
    fprintf(stderr, "no AVX512-VNNI here: the definition alone is tested\n");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_large_in_parallel),
      cmocka_unit_test(test_every_tile),
      cmocka_unit_test(test_no_overflow),
      cmocka_unit_test(test_residual_back_in_range),
      cmocka_unit_test(test_nan_and_infinity),
      cmocka_unit_test(test_largest_chains),
      cmocka_unit_test(test_scales),
      cmocka_unit_test(test_fits),
      cmocka_unit_test(test_batch),
      cmocka_unit_test(test_batch_not_finite),
      cmocka_unit_test(test_packed_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
