// Expected numbers are TensorFlow 2.21's.
#include "ops/lower_run.h"

static void test_matmul(void **state) {
  (void)state;
  {
    op_case_t c = op_case("MatMul");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 1.75, -1, -1.25, -0.25, 1.5, 0);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 4), 1.5, 0.5, 0, -0.25, -0.5, -1, 2, -0.25, 1, -2, 0.75, -0.5);
    node_set_bool(c.g, c.node, "transpose_a", false);
    node_set_bool(c.g, c.node, "transpose_b", false);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 4), 1e-6, 1.875, 4.375, -2.9375, 0.4375, -1.125, -1.625, 3,
             -0.3125);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MatMul");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), -1.75, -1, -1.75, -0.75, 0.25, -1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(4, 3), -1.25, 0.75, 1.75, 2, 1, 0.75, 0.25, 0.25, 1, -1.25, 1.5,
            1.5);
    node_set_bool(c.g, c.node, "transpose_a", false);
    node_set_bool(c.g, c.node, "transpose_b", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 4), 1e-6, -1.625, -5.8125, -2.4375, -1.9375, -1.5, -2.375,
             -1.625, -0.9375);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MatMul");
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 2), -1.5, 0.5, 1.5, -0.5, 0.5, -0.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 4), 1.75, 1, 0.25, 0, 1.75, -0.75, 0.25, -1, 1, 0.25, 0.75,
            -0.5);
    node_set_bool(c.g, c.node, "transpose_a", true);
    node_set_bool(c.g, c.node, "transpose_b", false);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 4), 1e-6, 0.5, -2.5, 0.375, -1.75, -0.75, 0.6875, -0.5625,
             0.875);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MatMul");
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 2), 0.75, -1.75, 1.5, 2, 2, 1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(4, 3), -1.75, -2, 1.25, 0.5, 0, -1.75, -1, 1, 0.5, -0.25, 1.75, -2);
    node_set_bool(c.g, c.node, "transpose_a", true);
    node_set_bool(c.g, c.node, "transpose_b", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 4), 1e-6, -1.8125, -3.125, 1.75, -1.5625, 0.9375, -3.5, 4.5,
             0.9375);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MatMul");
    CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(2, 0));
    CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(0, 2));
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2), 1e-6, 0, 0, 0, 0);
    op_case_end(&c);
  }
}

static void test_batch(void **state) {
  (void)state;
  {
    op_case_t c = op_case("BatchMatMulV2");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 1, 2, 3), 1, -0.75, 2, -2, -1.5, 0.25, 1.5, -0.5, -1, 1.5, 0.25,
            -1.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 3, 2), -1.25, 0, 2, -1.75, -2, 2, 1, -0.25, 0.5, 0.25, -1.25, -2,
            -0.25, -2, -1, -1.25, -1.75, -1.25);
    node_set_bool(c.g, c.node, "adj_x", false);
    node_set_bool(c.g, c.node, "adj_y", false);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 2), 1e-6, -6.75, 5.3125, -1, 3.125, -1.875, -4.4375,
             -3.0625, -0.375, -3, -3.5625, 1.5625, 5.5625, -0.875, -1.125, 1.125, -2.9375, 2.5, 1.5,
             3.1875, 2.1875, 1.875, -1.125, 1.5625, -1.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BatchMatMulV2");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 1, 2, 3), 1.75, -1.25, 2, -1, 0.75, 0, 0.75, 1.75, 1.25, -0.25,
            -1.25, 1);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 2, 3), 1, 1.75, 0, -0.5, -0.5, 1, -0.25, 0.5, 1.75, -0.75, -1,
            0.25, 0.25, -2, -1.5, 1, -0.5, 0);
    node_set_bool(c.g, c.node, "adj_x", false);
    node_set_bool(c.g, c.node, "adj_y", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 2), 1e-6, -0.4375, 1.75, 0.3125, 0.125, 2.4375, 0.4375,
             0.625, 0, -0.0625, 2.375, -1.75, -1.375, 3.8125, 0, -2.4375, 1.75, 2.875, -2, 1.1875,
             1.6875, -5.1875, -0.125, 0.9375, 0.375);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BatchMatMulV2");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 1, 3, 2), -1.75, 0.75, 1, 1, 1.25, -1, -0.25, 0.25, -0.5, 1.75,
            0.75, 2);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 3, 2), -0.75, -1.25, 1.25, -2, -1.75, 1.25, 0, 1.5, 1.25, 0.25,
            0.5, -2, -1.5, 2, -0.5, 0.25, 0.25, 1.25);
    node_set_bool(c.g, c.node, "adj_x", true);
    node_set_bool(c.g, c.node, "adj_y", false);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 2), 1e-6, 0.375, 1.75, 2.4375, -4.1875, 1.875, -4.875,
             0.75, 3.375, 2.4375, -1.6875, -1.875, 0.5, -1.75, 2.25, -1.5, -1.3125, -0.25, -2,
             3.1875, -3.1875, 0.8125, 0.3125, -0.75, 3.4375);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BatchMatMulV2");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 1, 3, 2), -0.25, 1, 2, -2, 1, 0.25, 1.5, -1.5, 2, 0.75, -0.75,
            2);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 2, 3), 0.25, 0.75, 0.5, -2, 0, -1, -0.75, 0.75, 1.5, 0.5, 2,
            -0.25, 1.75, 2, 1.5, 1.75, 1.25, 0.25);
    node_set_bool(c.g, c.node, "adj_x", true);
    node_set_bool(c.g, c.node, "adj_y", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 2), 1e-6, 1.9375, -0.5, -1.125, -2.25, 3.1875, 3.625,
             -1.875, -3.5625, 5.0625, 2.3125, -1.875, -0.6875, 1.5, -2.25, 1.1875, 1, -0.75, 4.9375,
             4.6875, 0.25, 5.5, 4.9375, 1.875, -1.1875);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BatchMatMul");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 3), -1.5, -0.75, 1.5, 0.25, -1.25, 1.75, -2, -1.25, -0.5, -2,
            -1.75, -1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 1), 0.75, 1.75, 0.75, -1, 0, 1.25);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2, 1), 1e-6, -1.3125, -0.6875, 1.375, 0.125);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BatchMatMulV2");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 3), 0.75, -0.25, -0.25, -0.25, 1.25, -1.25, -1.75, 0, 1.75,
            0.5, -0.25, -2);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 2), 0, 1.25, 1, -1.5, -1.25, -2);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2, 2), 1e-6, 0.0625, 1.8125, 2.8125, 0.3125, -2.1875,
             -5.6875, 2.25, 5);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BatchMatMulV3");
    CASE_IN(&c, DT_INT8, SHAPE(2, 2, 3), 5, -4, 6, -4, 0, 0, 1, -5, 4, 6, -2, 6);
    CASE_IN(&c, DT_INT8, SHAPE(2, 3, 2), -3, -1, -3, 3, 5, 9, -1, 4, -5, 5, -5, 9);
    node_set_type(c.g, c.node, "Tout", DT_INT32);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_INT32, SHAPE(2, 2, 2), 0, 27, 37, 12, 4, 4, 15, -26, 68);
    op_case_end(&c);
  }
}

static void test_matmul_dtypes(void **state) {
  (void)state;
  {
    op_case_t c = op_case("MatMul");
    CASE_IN(&c, DT_DOUBLE, SHAPE(2, 3), 5, -5, -1, 2, -8, -7);
    CASE_IN(&c, DT_DOUBLE, SHAPE(3, 2), 3, -4, -2, 6, 4, 3);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_DOUBLE, SHAPE(2, 2), 1e-6, 21, -53, -6, -77);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MatMul");
    CASE_IN(&c, DT_HALF, SHAPE(2, 3), 4, 8, -8, 3, -7, 0);
    CASE_IN(&c, DT_HALF, SHAPE(3, 2), -7, 7, -6, 4, -4, 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_HALF, SHAPE(2, 2), 1e-6, -44, 28, 21, -7);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MatMul");
    CASE_IN(&c, DT_INT32, SHAPE(2, 3), 3, -3, -1, -3, -3, -2);
    CASE_IN(&c, DT_INT32, SHAPE(3, 2), 8, 2, 6, -4, 6, -2);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_INT32, SHAPE(2, 2), 0, 0, 20, -54, 10);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MatMul");
    CASE_IN(&c, DT_INT64, SHAPE(2, 3), 5, -6, 4, 8, 6, -3);
    CASE_IN(&c, DT_INT64, SHAPE(3, 2), 0, 1, 4, -1, 6, -2);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_INT64, SHAPE(2, 2), 0, 0, 3, 6, 8);
    op_case_end(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_matmul),
      cmocka_unit_test(test_batch),
      cmocka_unit_test(test_matmul_dtypes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
