// Pads. Expected values are TensorFlow 2.21's.
#include "ops/lower_case.h"

static void pads(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("Pad");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 1, 0, 0, 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3, 5), 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 5, 0, 0);
  op_case_end(&c);
  c = op_case("Pad");
  CASE_IN(&c, DT_INT64, SHAPE(2), 0, 1);
  CASE_IN(&c, DT_INT64, SHAPE(1, 2), 0, 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(2), 0, 0, 1);
  op_case_end(&c);
  c = op_case("PadV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 2), 0, 1, 2, 3);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 1, 1, 2, 0);
  CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 9);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(4, 4), 0, 9, 9, 9, 9, 9, 9, 0, 1, 9, 9, 2, 3, 9, 9, 9, 9);
  op_case_end(&c);
  c = op_case("PadV2");
  CASE_IN_EMPTY(&c, DT_UINT8, SHAPE(0, 2));
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 1, 0, 0, 1);
  CASE_IN(&c, DT_UINT8, SHAPE_SCALAR, 3);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_UINT8, SHAPE(1, 3), 0, 3, 3, 3);
  op_case_end(&c);
  c = op_case("Pad");
  CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 5);
  CASE_IN_EMPTY(&c, DT_INT32, SHAPE(0, 2));
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE_SCALAR, 0, 5);
  op_case_end(&c);
  c = op_case("Pad");
  CASE_IN(&c, DT_FLOAT, SHAPE(2), 0, 1);
  CASE_IN(&c, DT_INT32, SHAPE(1, 2), -1, 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "non-negative");
  op_case_end(&c);
  c = op_case("Pad");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 2), 0, 1, 2, 3);
  CASE_IN(&c, DT_INT32, SHAPE(1, 2), 1, 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "shape [2,2]");
  op_case_end(&c);
}

static void mirrors(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("MirrorPad");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 1, 1, 2, 2);
  node_set_string(c.g, c.node, "mode", "REFLECT", 7);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(4, 7), 0, 5, 4, 3, 4, 5, 4, 3, 2, 1, 0, 1, 2, 1, 0, 5, 4, 3, 4, 5,
           4, 3, 2, 1, 0, 1, 2, 1, 0);
  op_case_end(&c);
  c = op_case("MirrorPad");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(2, 2), 2, 1, 0, 3);
  node_set_string(c.g, c.node, "mode", "SYMMETRIC", 9);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(5, 6), 0, 3, 4, 5, 5, 4, 3, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 3,
           4, 5, 5, 4, 3, 3, 4, 5, 5, 4, 3);
  op_case_end(&c);
  c = op_case("MirrorPad");
  CASE_IN(&c, DT_INT32, SHAPE(4), 0, 1, 2, 3);
  CASE_IN(&c, DT_INT64, SHAPE(1, 2), 0, 2);
  node_set_string(c.g, c.node, "mode", "REFLECT", 7);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(6), 0, 0, 1, 2, 3, 2, 1);
  op_case_end(&c);
  c = op_case("MirrorPad");
  CASE_IN(&c, DT_FLOAT, SHAPE(3), 0, 1, 2);
  CASE_IN(&c, DT_INT32, SHAPE(1, 2), 3, 0);
  node_set_string(c.g, c.node, "mode", "REFLECT", 7);
  CASE_FAILS(&c, INVALID_ARGUMENT, "at most 2");
  op_case_end(&c);
  c = op_case("MirrorPad");
  CASE_IN(&c, DT_FLOAT, SHAPE(3), 0, 1, 2);
  CASE_IN(&c, DT_INT32, SHAPE(1, 2), 0, 4);
  node_set_string(c.g, c.node, "mode", "SYMMETRIC", 9);
  CASE_FAILS(&c, INVALID_ARGUMENT, "at most 3");
  op_case_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pads),
      cmocka_unit_test(mirrors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
