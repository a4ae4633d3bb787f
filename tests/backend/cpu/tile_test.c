// Every loop of every instruction set that this CPU has, against double precision (libm).
#include "backend/cpu/tile.h"

#include "base/cpu.h"
#include "test.h"

enum { N = 1003 };  // leaves a tail behind every vector width

static int tables(const tile_ops_t **out) {
  int n = 0;
  out[n++] = &tile_ops_generic;
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX2)) out[n++] = &tile_ops_avx2;
  if (cpu_has(CPU_AVX512)) out[n++] = &tile_ops_avx512;
#endif
  return n;
}

static float at(int i, float lo, float hi) {
  return lo + (hi - lo) * (float)((i * 619) % N) / (float)(N - 1);
}

static bool close_to(float got, double want, double relative) {
  if (want != want) return got != got;
  want = (double)(float)want;  // overflows where float does
  if (isinf(want)) return (double)got == want;
  return fabs((double)got - want) <= relative * fabs(want) + 1e-7;
}

static void unary_matches_the_definition(void **state) {
  (void)state;
  const tile_ops_t *ops[3];
  for (int k = tables(ops) - 1; k >= 0; k--)
    for (int op = 0; op < UNARY_COUNT; op++) {
      if (!ops[k]->unary[op]) continue;
      float x[N], y[N];
      for (int i = 0; i < N; i++) x[i] = at(i, -9, 9);
      x[0] = 0, x[1] = 100, x[2] = -100, x[3] = NAN, x[4] = 1e-6f, x[5] = -1e-6f;
      ops[k]->unary[op](N, x, y, 0.25f, 0.75f);
      for (int i = 0; i < N; i++) {
        double want = unary_eval((unary_op_t)op, x[i], 0.25f, 0.75f);
        if (!close_to(y[i], want, 4e-6))
          fail_msg("%s %s(%.9g) = %.9g, want %.9g", ops[k]->name, unary_op_name((unary_op_t)op),
                   (double)x[i], (double)y[i], want);
      }
    }
}

static void binary_matches_the_definition(void **state) {
  (void)state;
  const tile_ops_t *ops[3];
  for (int k = tables(ops) - 1; k >= 0; k--)
    for (int op = 0; op < BINARY_COUNT; op++) {
      float a[N], b[N], y[N];
      uint8_t z[N];
      for (int i = 0; i < N; i++) a[i] = at(i, -3, 3), b[i] = at(i * 7 % N, -2, 2);
      b[1] = 0, a[2] = b[2], a[3] = NAN, b[4] = NAN, a[5] = 0, b[5] = 0;
      if (ops[k]->binary[op]) ops[k]->binary[op](N, a, b, y);
      if (ops[k]->compare[op]) ops[k]->compare[op](N, a, b, z);
      for (int i = 0; i < N; i++) {
        double want = binary_eval((binary_op_t)op, a[i], b[i]);
        if (ops[k]->binary[op] && !close_to(y[i], want, 1e-6))
          fail_msg("%s %s(%g, %g) = %g, want %g", ops[k]->name, binary_op_name((binary_op_t)op),
                   (double)a[i], (double)b[i], (double)y[i], want);
        if (ops[k]->compare[op] && z[i] != (want != 0))
          fail_msg("%s %s(%g, %g) = %d", ops[k]->name, binary_op_name((binary_op_t)op),
                   (double)a[i], (double)b[i], z[i]);
      }
    }
}

static void rows_match_double_precision(void **state) {
  (void)state;
  const tile_ops_t *ops[3];
  for (int k = tables(ops) - 1; k >= 0; k--)
    for (int n = 1; n <= N; n += n < 40 ? 1 : 321) {
      float x[N], y[N], g[N], b[N];
      double sum = 0, square = 0, top = -INFINITY, low = INFINITY, total = 0, var = 0;
      for (int i = 0; i < n; i++) {
        x[i] = at(i, -4, 5), g[i] = at(i, 0.5f, 2), b[i] = at(i, -1, 1);
        sum += (double)x[i];
        square += (double)x[i] * (double)x[i];
        top = fmax(top, (double)x[i]);
        low = fmin(low, (double)x[i]);
      }
      assert_true(close_to(ops[k]->sum(n, x), sum, 1e-5) || fabs(sum) < 1e-2);
      assert_true(close_to(ops[k]->sum_square(n, x), square, 1e-5));
      assert_true((double)ops[k]->max(n, x) == top);
      assert_true((double)ops[k]->min(n, x) == low);
      for (int i = 0; i < n; i++) {
        total += exp(((double)x[i] - top) * 0.5);
        var += ((double)x[i] - sum / n) * ((double)x[i] - sum / n) / n;
      }
      for (int log_form = 0; log_form < 2; log_form++) {
        ops[k]->softmax(n, x, y, 0.5f, log_form);
        for (int i = 0; i < n; i++) {
          double e = ((double)x[i] - top) * 0.5;
          assert_true(close_to(y[i], log_form ? e - log(total) : exp(e) / total, 2e-6));
        }
      }
      for (int offset = 0; offset < 2; offset++) {
        ops[k]->norm(n, x, g, offset ? b : NULL, 1e-3f, y);
        for (int i = 0; i < n; i++) {
          double want = ((double)x[i] - sum / n) / sqrt(var + 1e-3) * (double)g[i];
          if (offset) want += (double)b[i];
          assert_true(fabs((double)y[i] - want) < 2e-5);
        }
      }
    }
}

static void nan_reaches_the_extremes(void **state) {
  (void)state;
  const tile_ops_t *ops[3];
  for (int k = tables(ops) - 1; k >= 0; k--)
    for (int where = 0; where < 40; where++) {
      float x[40];
      for (int i = 0; i < 40; i++) x[i] = (float)i;
      x[where] = NAN;
      assert_true(isnan(ops[k]->max(40, x)));
      assert_true(isnan(ops[k]->min(40, x)));
      assert_true(isnan(ops[k]->sum(40, x)));
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(unary_matches_the_definition),
      cmocka_unit_test(binary_matches_the_definition),
      cmocka_unit_test(rows_match_double_precision),
      cmocka_unit_test(nan_reaches_the_extremes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
