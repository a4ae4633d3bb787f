// Ranking: top k, n-th, bounds. Expected values are TensorFlow 2.21's.
#include "ops/lower_case.h"

static void largest(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("TopKV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(6), 1, 5, 2, 5, -3, 0);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 3);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3), 0, 5, 5, 2);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(3), 0, 1, 3, 2);
  op_case_end(&c);
  c = op_case("TopKV2");
  CASE_IN(&c, DT_INT32, SHAPE(3, 7), 1, -6, -1, -9, 1, 2, 0, 1, -3, -9, 3, -2, 5, 8, -7, -7, -8, -4,
          -1, 5, -8);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 4);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(3, 4), 0, 2, 1, 1, 0, 8, 5, 3, 1, 5, -1, -4, -7);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(3, 4), 0, 5, 0, 4, 6, 6, 5, 3, 0, 5, 4, 3, 0);
  op_case_end(&c);
  c = op_case("TopKV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 4), 0, 0, -INFINITY, INFINITY);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 4);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4), 0, INFINITY, 0, 0, -INFINITY);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(1, 4), 0, 3, 0, 1, 2);
  op_case_end(&c);
  c = op_case("TopKV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT_EMPTY(&c, 0, DT_FLOAT, SHAPE(2, 0));
  CASE_OUT_EMPTY(&c, 1, DT_INT32, SHAPE(2, 0));
  op_case_end(&c);
  c = op_case("TopKV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(4), 0, 1, 2, 3);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
  node_set_type(c.g, c.node, "index_type", DT_INT64);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1), 0, 3);
  CASE_OUT(&c, 1, DT_INT64, SHAPE(1), 0, 3);
  op_case_end(&c);
  c = op_case("TopKV2");
  CASE_IN(&c, DT_HALF, SHAPE(3), 3, 3, 3);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_HALF, SHAPE(2), 0, 3, 3);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(2), 0, 0, 1);
  op_case_end(&c);
  c = op_case("TopKV2");
  CASE_IN(&c, DT_UINT8, SHAPE(4), 200, 3, 255, 200);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 3);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_UINT8, SHAPE(3), 0, 255, 200, 200);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(3), 0, 2, 0, 3);
  op_case_end(&c);
  c = op_case("TopKV2");
  CASE_IN(&c, DT_DOUBLE, SHAPE(20), 0.9823674342581601, -1.1010676301114757, -1.1850465270201729,
          -0.20564989942254108, 1.4861483550745902, 0.23671626722691233, -1.0237851399264681,
          -0.7129932001120494, 0.6252449661628293, -0.1605133631869239, -0.76883635031923,
          -0.23003072227793905, 0.7450562664053708, 1.9761107831263025, -1.244123328955937,
          -0.6264169111883692, -0.8037660945765764, -2.4190831731786697, -0.9237920216957886,
          -1.0238757608428377);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 20);
  CASE_RUN(&c);
  CASE_REFUSED(&c, "data type float64 is not supported");
  CASE_OUT(&c, 0, DT_DOUBLE, SHAPE(20), 0, 1.9761107831263025, 1.4861483550745902,
           0.9823674342581601, 0.7450562664053708, 0.6252449661628293, 0.23671626722691233,
           -0.1605133631869239, -0.20564989942254108, -0.23003072227793905, -0.6264169111883692,
           -0.7129932001120494, -0.76883635031923, -0.8037660945765764, -0.9237920216957886,
           -1.0237851399264681, -1.0238757608428377, -1.1010676301114757, -1.1850465270201729,
           -1.244123328955937, -2.4190831731786697);
  CASE_OUT(&c, 1, DT_INT32, SHAPE(20), 0, 13, 4, 0, 12, 8, 5, 9, 3, 11, 15, 7, 10, 16, 18, 6, 19, 1,
           2, 14, 17);
  op_case_end(&c);
  c = op_case("TopKV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(3), 0, 1, 2);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 4);
  CASE_FAILS(&c, INVALID_ARGUMENT, "k = 4");
  op_case_end(&c);
  c = op_case("TopKV2");
  CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 1);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
  CASE_FAILS(&c, INVALID_ARGUMENT, "at least 1 dimension");
  op_case_end(&c);
  c = op_case("TopKV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(3), 0, 1, 2);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, -1);
  CASE_FAILS(&c, INVALID_ARGUMENT, "need k >= 0");
  op_case_end(&c);
}

static void nth(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("NthElement");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 4, 1, 3, 9, 8, 7);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2), 0, 3, 8);
  op_case_end(&c);
  c = op_case("NthElement");
  CASE_IN(&c, DT_INT32, SHAPE(4), 5, 2, 2, 8);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 0);
  node_set_bool(c.g, c.node, "reverse", true);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE_SCALAR, 0, 8);
  op_case_end(&c);
  c = op_case("NthElement");
  CASE_IN(&c, DT_FLOAT, SHAPE(3), 0, 1, 2);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 3);
  CASE_FAILS(&c, INVALID_ARGUMENT, "must be in [0, 3)");
  op_case_end(&c);
  c = op_case("InTopKV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(4, 3), 0.1f, 0.3f, 0.2f, 0.5f, 0.5f, 0.1f, 0.1f, NAN, 0.3f, 0.1f,
          0.2f, 0.3f);
  CASE_IN(&c, DT_INT32, SHAPE(4), 2, 1, 0, 7);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 2);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(4), 0, 1, 1, 0, 0);
  op_case_end(&c);
  c = op_case("InTopK");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0.1f, 0.3f, 0.2f, 0.5f, 0.5f, 0.1f);
  CASE_IN(&c, DT_INT64, SHAPE(2), 0, 0);
  node_set_int(c.g, c.node, "k", 1);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(2), 0, 0, 1);
  op_case_end(&c);
}

static void bounds(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("LowerBound");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 5), 0, 3, 9, 9, 10, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 2, 4, 9, 0, 2, 6);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(2, 3), 0, 1, 2, 2, 0, 1, 5);
  op_case_end(&c);
  c = op_case("UpperBound");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 5), 0, 3, 9, 9, 10, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 2, 4, 9, 0, 2, 6);
  node_set_type(c.g, c.node, "out_type", DT_INT64);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(2, 3), 0, 1, 2, 4, 0, 2, 5);
  op_case_end(&c);
  c = op_case("LowerBound");
  CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(1, 0));
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 1), 1);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(1, 1), 0, 0);
  op_case_end(&c);
  c = op_case("UpperBound");
  CASE_IN(&c, DT_INT32, SHAPE(1, 3), 1, 1, 2);
  CASE_IN(&c, DT_INT32, SHAPE(1, 1), 1);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(1, 1), 0, 2);
  op_case_end(&c);
  c = op_case("LowerBound");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 2), 0, 1, 2, 3);
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 2), 0, 1);
  CASE_FAILS(&c, INVALID_ARGUMENT, "equally many rows");
  op_case_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(largest),
      cmocka_unit_test(nth),
      cmocka_unit_test(bounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
