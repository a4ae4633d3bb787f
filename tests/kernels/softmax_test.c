#include "kernels/softmax.h"

#include "kernels/isa.h"
#include "test.h"

static void test_against_double(void **state) {
  (void)state;
  enum { ROWS = 3, MOST = 200 };
  float x[ROWS * MOST], y[ROWS * MOST];
  for (int64_t n = 1; n <= MOST; n += 7)
    for (int log = 0; log < 2; log++) {
      for (int64_t i = 0; i < ROWS * n; i++) x[i] = (float)((i * 7919) % 101) * 0.3f - 15.0f;
      softmax_rows(x, y, ROWS, n, 0.5f, log, 2);
      for (int64_t r = 0; r < ROWS; r++) {
        double top = -1e30, sum = 0;
        for (int64_t i = 0; i < n; i++) top = fmax(top, 0.5 * (double)x[r * n + i]);
        for (int64_t i = 0; i < n; i++) sum += exp(0.5 * (double)x[r * n + i] - top);
        for (int64_t i = 0; i < n; i++) {
          double e = 0.5 * (double)x[r * n + i] - top;
          double want = log ? e - log1p(sum - 1) : exp(e) / sum;
          if (fabs((double)y[r * n + i] - want) > 1e-6 * (1 + fabs(want)))
            fail_msg("n %lld log %d [%lld]: %.9g, expected %.9g", (long long)n, log, (long long)i,
                     (double)y[r * n + i], want);
        }
      }
    }
}

int main(int argc, char **argv) {
  (void)argc;
  run_for_each_isa(argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_double)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
