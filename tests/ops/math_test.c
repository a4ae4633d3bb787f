// The mathematical ops against TensorFlow's results.
#include "ops/golden.h"

static void test_unary(void **state) { (void)state, golden_run("unary"); }
static void test_binary(void **state) { (void)state, golden_run("binary"); }
static void test_cast(void **state) { (void)state, golden_run("cast"); }
static void test_reduce(void **state) { (void)state, golden_run("reduce"); }
static void test_fft(void **state) { (void)state, golden_run("fft"); }
static void test_matrix_diag(void **state) { (void)state, golden_run("matrix_diag"); }
static void test_linalg(void **state) { (void)state, golden_run("linalg"); }
static void test_random(void **state) { (void)state, golden_run("random"); }
static void test_segment(void **state) { (void)state, golden_run("segment"); }

// u diag(s) v^T is the matrix, whichever signs the vectors have.
static void test_svd_vectors(void **state) {
  (void)state;
  static const double a[] = {1, 2, 3, -4, 5, 6, 0.5, -2, 7, 1, 1, 1};
  for (int full = 0; full < 2; full++)
    for (int turned = 0; turned < 2; turned++) {
      int m = turned ? 3 : 4, n = turned ? 4 : 3;
      op_case_t c = op_case("Svd");
      case_in_tensor(&c, case_tensor(DT_DOUBLE, SHAPE(m, n), a, 12));
      node_set_bool(c.g, c.node, "full_matrices", full);
      CASE_RUN(&c);
      int cu = (int)c.out[1].shape.d[1], cv = (int)c.out[2].shape.d[1];
      assert_int_equal(cu, full ? m : 3);
      assert_int_equal(cv, full ? n : 3);
      const double *sv = c.out[0].data, *u = c.out[1].data, *v = c.out[2].data;
      for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
          double sum = 0;
          for (int k = 0; k < 3; k++) sum += u[i * cu + k] * sv[k] * v[j * cv + k];
          assert_true(fabs(sum - a[i * n + j]) < 1e-12);
        }
      for (int k = 0; k < cu; k++)
        for (int l = 0; l < cu; l++) {
          double sum = 0;
          for (int i = 0; i < m; i++) sum += u[i * cu + k] * u[i * cu + l];
          assert_true(fabs(sum - (k == l)) < 1e-12);
        }
      op_case_end(&c);
    }
}

static void test_eigenvectors(void **state) {
  (void)state;
  static const double a[] = {4, 1, -2, 1, 3, 0.5, -2, 0.5, 1};
  op_case_t c = op_case("SelfAdjointEigV2");
  case_in_tensor(&c, case_tensor(DT_DOUBLE, SHAPE(3, 3), a, 9));
  CASE_RUN(&c);
  const double *w = c.out[0].data, *v = c.out[1].data;
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < 3; i++) {
      double sum = 0;
      for (int j = 0; j < 3; j++) sum += a[i * 3 + j] * v[j * 3 + k];
      assert_true(fabs(sum - w[k] * v[i * 3 + k]) < 1e-12);
    }
  op_case_end(&c);
}

static void test_strings(void **state) {
  (void)state;
  op_case_t c = op_case("Equal");
  CASE_IN_STRINGS(&c, SHAPE(2, 2), "a", "bc", "", "a");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "a");
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(2, 2), 0, 1, 0, 0, 1);
  op_case_end(&c);
  c = op_case("Add");
  CASE_IN_STRINGS(&c, SHAPE(2), "x", "");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "yz");
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(2), "xyz", "yz");
  op_case_end(&c);
  c = op_case("SelectV2");
  CASE_IN(&c, DT_BOOL, SHAPE(2), 1, 0);
  CASE_IN_STRINGS(&c, SHAPE(2), "yes", "yes");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "no");
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(2), "yes", "no");
  op_case_end(&c);
}

#define REFUSES(op, code, part, ...) \
  do {                               \
    op_case_t c = op_case(op);       \
    __VA_ARGS__;                     \
    CASE_FAILS(&c, code, part);      \
    op_case_end(&c);                 \
  } while (0)

static void test_refusals(void **state) {
  (void)state;
  REFUSES("FloorDiv", INVALID_ARGUMENT, "Integer division by zero",
          CASE_IN(&c, DT_INT32, SHAPE(2), 1, 2), CASE_IN(&c, DT_INT32, SHAPE(2), 1, 0));
  REFUSES("Pow", INVALID_ARGUMENT, "negative integer powers", CASE_IN(&c, DT_INT32, SHAPE(1), 2),
          CASE_IN(&c, DT_INT32, SHAPE(1), -1));
  REFUSES("AddV2", INVALID_ARGUMENT, "[2] vs. [3]", CASE_IN(&c, DT_FLOAT, SHAPE(2), 1, 2),
          CASE_IN(&c, DT_FLOAT, SHAPE(3), 1, 2, 3));
  REFUSES("Sum", INVALID_ARGUMENT, "invalid reduction dimension (2",
          CASE_IN(&c, DT_FLOAT, SHAPE(1, 1), 1), CASE_IN(&c, DT_INT32, SHAPE(1), 2));
  REFUSES("ArgMax", INVALID_ARGUMENT, "is empty", CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(2, 0)),
          CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1));
  REFUSES("CheckNumerics", INVALID_ARGUMENT, "here : Tensor had Inf and NaN values",
          CASE_IN(&c, DT_FLOAT, SHAPE(2), INFINITY, NAN),
          node_set_string(c.g, c.node, "message", "here", 4));
  REFUSES("MatrixInverse", INVALID_ARGUMENT, "not invertible",
          CASE_IN(&c, DT_FLOAT, SHAPE(2, 2), 1, 2, 2, 4));
  REFUSES("SegmentSum", INVALID_ARGUMENT, "not increasing", CASE_IN(&c, DT_FLOAT, SHAPE(2), 1, 2),
          CASE_IN(&c, DT_INT32, SHAPE(2), 1, 0));
  REFUSES("UnsortedSegmentSum", INVALID_ARGUMENT, "out of range",
          CASE_IN(&c, DT_FLOAT, SHAPE(2), 1, 2), CASE_IN(&c, DT_INT32, SHAPE(2), 1, 5),
          CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 3));
  REFUSES("Bincount", INVALID_ARGUMENT, "non-negative", CASE_IN(&c, DT_INT32, SHAPE(1), -1),
          CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 3), CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(0)));
  REFUSES("RFFT", INVALID_ARGUMENT, "at least 8", CASE_IN(&c, DT_FLOAT, SHAPE(3), 1, 2, 3),
          CASE_IN(&c, DT_INT32, SHAPE(1), 8));
  REFUSES("Erfinv", UNIMPLEMENTED, "no kernel for int32", CASE_IN(&c, DT_INT32, SHAPE(1), 1));
}

// Long runs take the threads, the vector loops and their tails.
static void test_large_broadcast(void **state) {
  (void)state;
  enum { ROWS = 4099, COLS = 37 };
  op_case_t c = op_case("Sub");
  shape_t wide = SHAPE(ROWS, COLS), row = SHAPE(COLS);
  tensor_t a, b;
  assert_ok(tensor_alloc(DT_FLOAT, &wide, &a));
  assert_ok(tensor_alloc(DT_FLOAT, &row, &b));
  for (int i = 0; i < ROWS * COLS; i++) TENSOR_DATA(float, &a)[i] = (float)i;
  for (int i = 0; i < COLS; i++) TENSOR_DATA(float, &b)[i] = (float)(3 * i);
  case_in_tensor(&c, a);
  case_in_tensor(&c, b);
  CASE_RUN(&c);
  for (int i = 0; i < ROWS * COLS; i++)
    assert_true(TENSOR_DATA(float, &c.out[0])[i] == (float)i - (float)(3 * (i % COLS)));
  op_case_end(&c);
  c = op_case("Sum");  // exactly, though adding sevens in float goes astray past 2^24
  shape_t all = SHAPE(5000000);
  assert_ok(tensor_alloc(DT_FLOAT, &all, &a));
  for (int i = 0; i < 5000000; i++) TENSOR_DATA(float, &a)[i] = 7;
  case_in_tensor(&c, a);
  CASE_IN(&c, DT_INT32, SHAPE(1), 0);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE_SCALAR, 0, 35000000);
  op_case_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_svd_vectors),
                                     cmocka_unit_test(test_eigenvectors),
                                     cmocka_unit_test(test_strings),
                                     cmocka_unit_test(test_refusals),
                                     cmocka_unit_test(test_large_broadcast),
                                     cmocka_unit_test(test_unary),
                                     cmocka_unit_test(test_binary),
                                     cmocka_unit_test(test_cast),
                                     cmocka_unit_test(test_reduce),
                                     cmocka_unit_test(test_segment),
                                     cmocka_unit_test(test_fft),
                                     cmocka_unit_test(test_random),
                                     cmocka_unit_test(test_linalg),
                                     cmocka_unit_test(test_matrix_diag)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
