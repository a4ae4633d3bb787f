// Distinct elements, differences of lists, positions of what is true. Expected values are
// TensorFlow 2.21's.
#include "ops/op_case.h"

static void distinct(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("Unique");
  CASE_IN(&c, DT_INT32, SHAPE(9), 1, 1, 2, 4, 4, 4, 7, 8, 8);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(5), 0, 1, 2, 4, 7, 8);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(9), 0, 0, 0, 1, 2, 2, 2, 3, 4, 4);
  op_case_end(&c);
  c = op_case("Unique");
  CASE_IN_STRINGS(&c, SHAPE(5), "a", "b", "a", "", "b");
  node_set_type(c.g, c.node, "out_idx", DT_INT64);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(3), "a", "b", "");
  CASE_OUT(&c, 1, DT_INT64, SHAPE(5), 0, 0, 1, 0, 2, 1);
  op_case_end(&c);
  c = op_case("Unique");
  CASE_IN(&c, DT_FLOAT, SHAPE(3), 0, 0, 1.5f);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2), 0, 0, 1.5f);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(3), 0, 0, 0, 1);
  op_case_end(&c);
  c = op_case("Unique");
  CASE_IN_EMPTY(&c, DT_INT32, SHAPE(0));
  CASE_RUN(&c);
  CASE_OUT_EMPTY(&c, 0, DT_INT32, SHAPE(0));
  CASE_OUT_EMPTY(&c, 1, DT_INT32, SHAPE(0));
  op_case_end(&c);
  c = op_case("UniqueV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(3, 3), 1, 0, 0, 1, 0, 0, 2, 0, 0);
  CASE_IN(&c, DT_INT64, SHAPE(1), 0);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3), 0, 1, 0, 0, 2, 0, 0);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(3), 0, 0, 0, 1);
  op_case_end(&c);
  c = op_case("UniqueV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(3, 3), 1, 0, 0, 1, 0, 0, 2, 0, 0);
  CASE_IN(&c, DT_INT64, SHAPE(1), 1);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3, 2), 0, 1, 0, 1, 0, 2, 0);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(3), 0, 0, 1, 1);
  op_case_end(&c);
  c = op_case("UniqueV2");
  CASE_IN(&c, DT_INT64, SHAPE(3), 5, 5, 1);
  CASE_IN_EMPTY(&c, DT_INT64, SHAPE(0));
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(2), 0, 5, 1);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(3), 0, 0, 0, 1);
  op_case_end(&c);
  c = op_case("UniqueWithCounts");
  CASE_IN(&c, DT_INT32, SHAPE(9), 1, 1, 2, 4, 4, 4, 7, 8, 8);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(5), 0, 1, 2, 4, 7, 8);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(9), 0, 0, 0, 1, 2, 2, 2, 3, 4, 4);
  CASE_OUT(&c, 2, DT_INT32, SHAPE(5), 0, 2, 1, 3, 1, 2);
  op_case_end(&c);
  c = op_case("UniqueWithCountsV2");
  CASE_IN(&c, DT_INT64, SHAPE(3), 3, 2, 3);
  CASE_IN(&c, DT_INT64, SHAPE(1), 0);
  node_set_type(c.g, c.node, "out_idx", DT_INT64);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(2), 0, 3, 2);
  CASE_OUT(&c, 1, DT_INT64, SHAPE(3), 0, 0, 1, 0);
  CASE_OUT(&c, 2, DT_INT64, SHAPE(2), 0, 2, 1);
  op_case_end(&c);
  c = op_case("Unique");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 2), 0, 1, 2, 3);
  CASE_FAILS(&c, INVALID_ARGUMENT, "must have 1 dim");
  op_case_end(&c);
  c = op_case("UniqueV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 2), 0, 1, 2, 3);
  CASE_IN(&c, DT_INT64, SHAPE(1), 2);
  CASE_FAILS(&c, INVALID_ARGUMENT, "axis 2 is out of range");
  op_case_end(&c);
}

static void differences(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("ListDiff");
  CASE_IN(&c, DT_INT32, SHAPE(6), 1, 2, 3, 4, 5, 6);
  CASE_IN(&c, DT_INT32, SHAPE(3), 1, 3, 5);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(3), 0, 2, 4, 6);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(3), 0, 1, 3, 5);
  op_case_end(&c);
  c = op_case("ListDiff");
  CASE_IN_STRINGS(&c, SHAPE(2), "a", "b");
  CASE_IN_STRINGS(&c, SHAPE(1), "b");
  node_set_type(c.g, c.node, "out_idx", DT_INT64);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(1), "a");
  CASE_OUT(&c, 1, DT_INT64, SHAPE(1), 0, 0);
  op_case_end(&c);
  c = op_case("ListDiff");
  CASE_IN(&c, DT_FLOAT, SHAPE(3), 0, 1, 2);
  CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(0));
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3), 0, 0, 1, 2);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(3), 0, 0, 1, 2);
  op_case_end(&c);
}

static void positions(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("Where");
  CASE_IN(&c, DT_BOOL, SHAPE(2, 2), 1, 0, 1, 1);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(3, 2), 0, 0, 0, 1, 0, 1, 1);
  op_case_end(&c);
  c = op_case("Where");
  CASE_IN(&c, DT_FLOAT, SHAPE(4), 0, -1.5f, 0, 2);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(2, 1), 0, 1, 3);
  op_case_end(&c);
  c = op_case("Where");
  CASE_IN(&c, DT_BOOL, SHAPE_SCALAR, 1);
  CASE_FAILS(&c, INVALID_ARGUMENT, "a scalar has no positions");
  op_case_end(&c);
  c = op_case("Where");
  CASE_IN(&c, DT_INT64, SHAPE(2, 2, 2), 0, 1, 0, 0, 3, 0, 0, 0);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(2, 3), 0, 0, 0, 1, 1, 0, 0);
  op_case_end(&c);
  c = op_case("Where");
  CASE_IN_EMPTY(&c, DT_BOOL, SHAPE(0, 2));
  CASE_RUN(&c);
  CASE_OUT_EMPTY(&c, 0, DT_INT64, SHAPE(0, 2));
  op_case_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distinct),
      cmocka_unit_test(differences),
      cmocka_unit_test(positions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
