// The mathematical ops against TensorFlow's results.
#include "ops/golden.h"

static void test_unary(void **state) { (void)state, golden_run("unary"); }
static void test_binary(void **state) { (void)state, golden_run("binary"); }
static void test_cast(void **state) { (void)state, golden_run("cast"); }
static void test_reduce(void **state) { (void)state, golden_run("reduce"); }
static void test_fft(void **state) { (void)state, golden_run("fft"); }
static void test_quantize(void **state) { (void)state, golden_run("quantize"); }
static void test_matrix_diag(void **state) { (void)state, golden_run("matrix_diag"); }
static void test_segment(void **state) { (void)state, golden_run("segment"); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_unary),       cmocka_unit_test(test_binary),
      cmocka_unit_test(test_cast),        cmocka_unit_test(test_reduce),
      cmocka_unit_test(test_segment),     cmocka_unit_test(test_fft),
      cmocka_unit_test(test_matrix_diag), cmocka_unit_test(test_quantize)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
