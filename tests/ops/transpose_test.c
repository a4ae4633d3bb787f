// Transposes, reversals, rolls, layout permutations. Expected values are TensorFlow 2.21's.
#include "ops/lower_case.h"

static void transposes(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("Transpose");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(2), 1, 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3, 2), 0, 0, 3, 1, 4, 2, 5);
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 4), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
          17, 18, 19, 20, 21, 22, 23);
  CASE_IN(&c, DT_INT32, SHAPE(3), 2, 0, 1);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(4, 2, 3), 0, 0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10,
           14, 18, 22, 3, 7, 11, 15, 19, 23);
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN(&c, DT_INT64, SHAPE(2, 3, 4), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
          17, 18, 19, 20, 21, 22, 23);
  CASE_IN(&c, DT_INT64, SHAPE(3), 0, 2, 1);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(2, 4, 3), 0, 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, 12, 16, 20, 13,
           17, 21, 14, 18, 22, 15, 19, 23);
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN(&c, DT_UINT8, SHAPE(1, 2, 2, 3), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  CASE_IN(&c, DT_INT32, SHAPE(4), 0, 3, 1, 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_UINT8, SHAPE(1, 3, 2, 2), 0, 0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11);
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 1, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(3), 1, 0, 2);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 3), 0, 0, 1, 2, 3, 4, 5);
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(0, 3));
  CASE_IN(&c, DT_INT32, SHAPE(2), 1, 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT_EMPTY(&c, 0, DT_FLOAT, SHAPE(3, 0));
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 3);
  CASE_IN_EMPTY(&c, DT_INT32, SHAPE(0));
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE_SCALAR, 0, 3);
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN_STRINGS(&c, SHAPE(2, 2), "a", "b", "c", "d");
  CASE_IN(&c, DT_INT32, SHAPE(2), 1, 0);
  CASE_RUN(&c);
  CASE_REFUSED(&c, "data type string is not supported");
  CASE_OUT_STRINGS(&c, 0, SHAPE(2, 2), "a", "c", "b", "d");
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN(&c, DT_HALF, SHAPE(4, 6), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
          18, 19, 20, 21, 22, 23);
  CASE_IN(&c, DT_INT32, SHAPE(2), 1, 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_HALF, SHAPE(6, 4), 0, 0, 6, 12, 18, 1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21,
           4, 10, 16, 22, 5, 11, 17, 23);
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN(&c, DT_DOUBLE, SHAPE(5, 7), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
          18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34);
  CASE_IN(&c, DT_INT32, SHAPE(2), -1, 0);
  CASE_RUN(&c);
  CASE_REFUSED(&c, "data type float64 is not supported");
  CASE_OUT(&c, 0, DT_DOUBLE, SHAPE(7, 5), 0, 0, 7, 14, 21, 28, 1, 8, 15, 22, 29, 2, 9, 16, 23, 30,
           3, 10, 17, 24, 31, 4, 11, 18, 25, 32, 5, 12, 19, 26, 33, 6, 13, 20, 27, 34);
  op_case_end(&c);
  c = op_case("ConjugateTranspose");
  CASE_IN(&c, DT_COMPLEX64, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(2), 1, 0);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_COMPLEX64, SHAPE(3, 2), 0, 0, 3, 1, 4, 2, 5);
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(2), 0, 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "not a permutation");
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(1), 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "perm has 1 entries");
  op_case_end(&c);
  c = op_case("Transpose");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(2), 0, 2);
  CASE_FAILS(&c, INVALID_ARGUMENT, "not a permutation");
  op_case_end(&c);
  c = op_case("InvertPermutation");
  CASE_IN(&c, DT_INT32, SHAPE(5), 3, 4, 0, 2, 1);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(5), 0, 2, 4, 3, 0, 1);
  op_case_end(&c);
  c = op_case("InvertPermutation");
  CASE_IN(&c, DT_INT64, SHAPE(1), 0);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(1), 0, 0);
  op_case_end(&c);
  c = op_case("InvertPermutation");
  CASE_IN(&c, DT_INT32, SHAPE(2), 0, 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "0 is duplicated");
  op_case_end(&c);
  c = op_case("InvertPermutation");
  CASE_IN(&c, DT_INT32, SHAPE(2), 0, 2);
  CASE_FAILS(&c, INVALID_ARGUMENT, "2 is not between 0 and 2");
  op_case_end(&c);
}

static void reversals(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("ReverseV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(1), 1);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3), 0, 2, 1, 0, 5, 4, 3);
  op_case_end(&c);
  c = op_case("ReverseV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 2), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  CASE_IN(&c, DT_INT64, SHAPE(2), 0, -1);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2), 0, 7, 6, 9, 8, 11, 10, 1, 0, 3, 2, 5, 4);
  op_case_end(&c);
  c = op_case("ReverseV2");
  CASE_IN(&c, DT_UINT8, SHAPE(4), 0, 1, 2, 3);
  CASE_IN(&c, DT_INT32, SHAPE(1), 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_UINT8, SHAPE(4), 0, 3, 2, 1, 0);
  op_case_end(&c);
  c = op_case("ReverseV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN_EMPTY(&c, DT_INT32, SHAPE(0));
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3), 0, 0, 1, 2, 3, 4, 5);
  op_case_end(&c);
  c = op_case("ReverseV2");
  CASE_IN_STRINGS(&c, SHAPE(3), "a", "b", "c");
  CASE_IN(&c, DT_INT32, SHAPE(1), 0);
  CASE_RUN(&c);
  CASE_REFUSED(&c, "data type string is not supported");
  CASE_OUT_STRINGS(&c, 0, SHAPE(3), "c", "b", "a");
  op_case_end(&c);
  c = op_case("ReverseV2");
  CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(0, 3));
  CASE_IN(&c, DT_INT32, SHAPE(1), 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT_EMPTY(&c, 0, DT_FLOAT, SHAPE(0, 3));
  op_case_end(&c);
  c = op_case("ReverseV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(2), 1, -1);
  CASE_FAILS(&c, INVALID_ARGUMENT, "axis 1 specified more than once");
  op_case_end(&c);
  c = op_case("ReverseV2");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(1), 2);
  CASE_FAILS(&c, INVALID_ARGUMENT, "axis 2 is out of range");
  op_case_end(&c);
  c = op_case("Reverse");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_BOOL, SHAPE(2), 1, 0);
  CASE_RUN(&c);
  CASE_LOWERS(&c, 0);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3), 0, 3, 4, 5, 0, 1, 2);
  op_case_end(&c);
  c = op_case("ReverseSequence");
  CASE_IN(&c, DT_FLOAT, SHAPE(3, 4), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  CASE_IN(&c, DT_INT64, SHAPE(3), 2, 0, 4);
  node_set_int(c.g, c.node, "seq_dim", 1);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3, 4), 0, 1, 0, 2, 3, 4, 5, 6, 7, 11, 10, 9, 8);
  op_case_end(&c);
  c = op_case("ReverseSequence");
  CASE_IN(&c, DT_FLOAT, SHAPE(4, 2, 3), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
          17, 18, 19, 20, 21, 22, 23);
  CASE_IN(&c, DT_INT32, SHAPE(2), 3, 1);
  node_set_int(c.g, c.node, "seq_dim", 0);
  node_set_int(c.g, c.node, "batch_dim", 1);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(4, 2, 3), 0, 12, 13, 14, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 15,
           16, 17, 18, 19, 20, 21, 22, 23);
  op_case_end(&c);
  c = op_case("ReverseSequence");
  CASE_IN(&c, DT_FLOAT, SHAPE(3, 4), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  CASE_IN(&c, DT_INT64, SHAPE(3), 2, 0, 5);
  node_set_int(c.g, c.node, "seq_dim", 1);
  CASE_FAILS(&c, INVALID_ARGUMENT, "is not between 0 and 4");
  op_case_end(&c);
  c = op_case("ReverseSequence");
  CASE_IN(&c, DT_FLOAT, SHAPE(3, 4), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  CASE_IN(&c, DT_INT64, SHAPE(2), 2, 0);
  node_set_int(c.g, c.node, "seq_dim", 1);
  CASE_FAILS(&c, INVALID_ARGUMENT, "seq_lengths");
  op_case_end(&c);
}

static void rolls(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("Roll");
  CASE_IN(&c, DT_FLOAT, SHAPE(5), 0, 1, 2, 3, 4);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 2);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 0);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(5), 0, 3, 4, 0, 1, 2);
  op_case_end(&c);
  c = op_case("Roll");
  CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
  CASE_IN(&c, DT_INT32, SHAPE(2), 1, -1);
  CASE_IN(&c, DT_INT32, SHAPE(2), 0, 1);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3), 0, 4, 5, 3, 1, 2, 0);
  op_case_end(&c);
  c = op_case("Roll");
  CASE_IN(&c, DT_FLOAT, SHAPE(3, 3, 2), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
          17);
  CASE_IN(&c, DT_INT32, SHAPE(3), 1, 2, -4);
  CASE_IN(&c, DT_INT64, SHAPE(3), 0, 0, 2);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3, 3, 2), 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
           16, 17);
  op_case_end(&c);
  c = op_case("Roll");
  CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(2, 0));
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 0);
  CASE_RUN(&c);
  CASE_OUT_EMPTY(&c, 0, DT_FLOAT, SHAPE(2, 0));
  op_case_end(&c);
  c = op_case("Roll");
  CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 1);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "1-D or higher");
  op_case_end(&c);
}

static void layouts(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("DataFormatDimMap");
  CASE_IN(&c, DT_INT32, SHAPE(4), 0, 1, 2, 3);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(4), 0, 0, 2, 3, 1);
  op_case_end(&c);
  c = op_case("DataFormatDimMap");
  CASE_IN(&c, DT_INT32, SHAPE(3), -1, -2, 1);
  node_set_string(c.g, c.node, "src_format", "NCHW", 4);
  node_set_string(c.g, c.node, "dst_format", "NHWC", 4);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(3), 0, 2, 1, 3);
  op_case_end(&c);
  c = op_case("DataFormatDimMap");
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 4);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE_SCALAR, 0, 0);
  op_case_end(&c);
  c = op_case("DataFormatVecPermute");
  CASE_IN(&c, DT_INT32, SHAPE(4), 7, 4, 9, 3);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(4), 0, 7, 3, 4, 9);
  op_case_end(&c);
  c = op_case("DataFormatVecPermute");
  CASE_IN(&c, DT_INT64, SHAPE(2), 7, 4);
  node_set_string(c.g, c.node, "src_format", "NCHW", 4);
  node_set_string(c.g, c.node, "dst_format", "NHWC", 4);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(2), 0, 7, 4);
  op_case_end(&c);
  c = op_case("DataFormatVecPermute");
  CASE_IN(&c, DT_INT32, SHAPE(4, 2), 7, 4, 9, 3, 4, 5, 5, 1);
  node_set_string(c.g, c.node, "src_format", "NCHW", 4);
  node_set_string(c.g, c.node, "dst_format", "NHWC", 4);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(4, 2), 0, 7, 4, 4, 5, 5, 1, 9, 3);
  op_case_end(&c);
  c = op_case("DataFormatVecPermute");
  CASE_IN(&c, DT_INT32, SHAPE(5), 1, 2, 3, 4, 5);
  node_set_string(c.g, c.node, "src_format", "NDHWC", 5);
  node_set_string(c.g, c.node, "dst_format", "NCDHW", 5);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(5), 0, 1, 5, 2, 3, 4);
  op_case_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(transposes),
      cmocka_unit_test(reversals),
      cmocka_unit_test(rolls),
      cmocka_unit_test(layouts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
