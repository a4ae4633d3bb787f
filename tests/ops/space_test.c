// Space, depth and batch. Expected values are TensorFlow 2.21's.
#include "ops/lower_case.h"

static void depth(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("SpaceToDepth");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 4, 2), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  node_set_int(c.g, c.node, "block_size", 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 2, 8), 0, 0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14,
           15);
  op_case_end(&c);
  c = op_case("DepthToSpace");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 1, 2, 8), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  node_set_int(c.g, c.node, "block_size", 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 4, 2), 0, 0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14,
           15);
  op_case_end(&c);
  c = op_case("SpaceToDepth");
  CASE_IN(&c, DT_UINT8, SHAPE(2, 3, 3, 1), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
          17);
  node_set_int(c.g, c.node, "block_size", 3);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_UINT8, SHAPE(2, 1, 1, 9), 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
           15, 16, 17);
  op_case_end(&c);
  c = op_case("DepthToSpace");
  CASE_IN(&c, DT_HALF, SHAPE(2, 2, 1, 4), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  node_set_int(c.g, c.node, "block_size", 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_HALF, SHAPE(2, 4, 2, 1), 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
           15);
  op_case_end(&c);
  c = op_case("SpaceToDepth");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 2, 2), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  node_set_int(c.g, c.node, "block_size", 2);
  CASE_FAILS(&c, INVALID_ARGUMENT, "divisible by block_size: 2");
  op_case_end(&c);
  c = op_case("DepthToSpace");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 6), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
          17, 18, 19, 20, 21, 22, 23);
  node_set_int(c.g, c.node, "block_size", 2);
  CASE_FAILS(&c, INVALID_ARGUMENT, "divisible by: 4");
  op_case_end(&c);
}

static void batch(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("SpaceToBatchND");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 4, 1), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 0, 0, 0, 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(4, 2, 2, 1), 0, 0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13,
           15);
  op_case_end(&c);
  c = op_case("SpaceToBatchND");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 5, 2), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
          17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
          39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59);
  CASE_IN(&c, DT_INT32, SHAPE(2), 2, 3);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 1, 0, 2, 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(12, 2, 3, 2), 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 13, 18, 19, 0, 0, 0,
           0, 0, 0, 0, 0, 42, 43, 48, 49, 0, 0, 0, 0, 0, 0, 0, 0, 14, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0,
           0, 44, 45, 0, 0, 0, 0, 0, 0, 0, 0, 10, 11, 16, 17, 0, 0, 0, 0, 0, 0, 0, 0, 40, 41, 46,
           47, 0, 0, 0, 0, 2, 3, 8, 9, 0, 0, 22, 23, 28, 29, 0, 0, 32, 33, 38, 39, 0, 0, 52, 53, 58,
           59, 0, 0, 4, 5, 0, 0, 0, 0, 24, 25, 0, 0, 0, 0, 34, 35, 0, 0, 0, 0, 54, 55, 0, 0, 0, 1,
           6, 7, 0, 0, 20, 21, 26, 27, 0, 0, 30, 31, 36, 37, 0, 0, 50, 51, 56, 57, 0, 0);
  op_case_end(&c);
  c = op_case("SpaceToBatchND");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 5, 2), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  CASE_IN(&c, DT_INT64, SHAPE(1), 3);
  CASE_IN(&c, DT_INT32, SHAPE(1, 2), 4, 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3, 3, 2), 0, 0, 0, 0, 0, 4, 5, 0, 0, 0, 1, 6, 7, 0, 0, 2, 3, 8,
           9);
  op_case_end(&c);
  c = op_case("SpaceToBatchND");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN_EMPTY(&c, DT_INT32, SHAPE(0));
  CASE_IN_EMPTY(&c, DT_INT32, SHAPE(0, 2));
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3), 0, 0, 1, 2, 3, 4, 5);
  op_case_end(&c);
  c = op_case("BatchToSpaceND");
  CASE_IN(&c, DT_FLOAT, SHAPE(4, 2, 2, 1), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 0, 0, 0, 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 4, 1), 0, 0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11,
           15);
  op_case_end(&c);
  c = op_case("BatchToSpaceND");
  CASE_IN(&c, DT_FLOAT, SHAPE(12, 2, 2, 1), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
          16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,
          38, 39, 40, 41, 42, 43, 44, 45, 46, 47);
  CASE_IN(&c, DT_INT32, SHAPE(2), 2, 3);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 1, 0, 2, 1);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 3, 1), 0, 40, 25, 33, 18, 3, 11, 42, 27, 35, 44, 29, 37, 22,
           7, 15, 46, 31, 39);
  op_case_end(&c);
  c = op_case("BatchToSpaceND");
  CASE_IN(&c, DT_FLOAT, SHAPE(3, 3, 2), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
          17);
  CASE_IN(&c, DT_INT64, SHAPE(1), 3);
  CASE_IN(&c, DT_INT32, SHAPE(1, 2), 4, 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 2), 0, 8, 9, 14, 15, 4, 5);
  op_case_end(&c);
  c = op_case("SpaceToBatch");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 1), 0, 1, 2, 3);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 1, 1, 0, 0);
  node_set_int(c.g, c.node, "block_size", 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(4, 2, 1, 1), 0, 0, 2, 0, 3, 0, 0, 1, 0);
  op_case_end(&c);
  c = op_case("BatchToSpace");
  CASE_IN(&c, DT_FLOAT, SHAPE(4, 1, 2, 1), 0, 1, 2, 3, 4, 5, 6, 7);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 0, 0, 1, 0);
  node_set_int(c.g, c.node, "block_size", 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 3, 1), 0, 2, 1, 3, 6, 5, 7);
  op_case_end(&c);
  c = op_case("SpaceToBatchND");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 0, 0, 0, 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "not divisible by block size 2");
  op_case_end(&c);
  c = op_case("BatchToSpaceND");
  CASE_IN(&c, DT_FLOAT, SHAPE(3, 2, 2, 1), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 0, 0, 0, 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "batch size 3 is not divisible");
  op_case_end(&c);
  c = op_case("BatchToSpaceND");
  CASE_IN(&c, DT_FLOAT, SHAPE(4, 1, 1, 1), 0, 1, 2, 3);
  CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 2, 2, 0, 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "crops");
  op_case_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(depth),
      cmocka_unit_test(batch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
