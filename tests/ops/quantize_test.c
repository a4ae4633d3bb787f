// Quantization ops against TensorFlow's numbers: the kernels, and the layers that they are lowered
// to, with and without permission for 8 bits.
#include "ops/golden.h"
#include "ops/lower_run.h"

static int in_layers, in_steps;

static void as_layers(op_case_t *c) {
  if (strcmp(c->node->op, "CheckNumerics") == 0 || c->in[0].dtype == DT_DOUBLE) return;
  in_layers += lower_run_mode(c, 0, false, false, false, 2e-6, __FILE__, __LINE__);
  in_steps += lower_run_mode(c, 0, false, false, true, 2e-6, __FILE__, __LINE__);
}

static void as_tensorflow(void **state) {
  (void)state;
  golden_run_also("quantize", as_layers);
  assert_true(in_layers > 60);
  assert_int_equal(in_layers, in_steps);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_tensorflow)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
