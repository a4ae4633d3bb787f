// Ops of serving signatures with the results that TensorFlow gave (tests/ops/golden/serving.py).
#include "ops/golden.h"

static void test_ragged(void **state) { (void)state, golden_run("ragged"); }
static void test_unicode(void **state) { (void)state, golden_run("unicode"); }
static void test_example(void **state) { (void)state, golden_run("example"); }
static void test_serialized(void **state) { (void)state, golden_run("serialized"); }
static void test_sparse_math(void **state) { (void)state, golden_run("sparse_math"); }
static void test_audio(void **state) { (void)state, golden_run("audio"); }
static void test_cells(void **state) { (void)state, golden_run("cells"); }
static void test_grads(void **state) { (void)state, golden_run("grads"); }

// Damaged records are refused, whatever the place of the damage; nothing is read beyond them.
static void test_damaged_example(void **state) {
  (void)state;
  // Features { feature { key: "x" value { float_list { value: 1 value: 2 } } } }
  static const char whole[] =
      "\x0a\x13\x0a\x11\x0a\x01x\x12\x0c\x12\x0a\x0a\x08\x00\x00\x80\x3f\x00\x00\x00\x40";
  size_t n = sizeof whole - 1;
  for (size_t cut = 1; cut < n; cut++) {
    op_case_t c = op_case("ParseSingleExample");
    tensor_t t;
    assert_ok(tensor_alloc(DT_STRING, &SHAPE_SCALAR, &t));
    assert_ok(str_set(TENSOR_DATA(str_t, &t), whole, cut));
    case_in_tensor(&c, t);
    CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(0));
    golden_list(&c, "dense_keys", "texts", (char[]){"x78"}, &(char *){""});
    golden_list(&c, "sparse_keys", "texts", (char[]){""}, &(char *){""});
    shape_t two = SHAPE(2);
    node_set_shapes(c.g, c.node, "dense_shapes", &two, 1);
    node_set_types(c.g, c.node, "sparse_types", NULL, 0);
    node_set_int(c.g, c.node, "num_sparse", 0);
    CASE_FAILS(&c, DATA_LOSS, "could not parse example 0");
    op_case_end(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ragged),          cmocka_unit_test(test_unicode),
      cmocka_unit_test(test_example),         cmocka_unit_test(test_serialized),
      cmocka_unit_test(test_sparse_math),     cmocka_unit_test(test_audio),
      cmocka_unit_test(test_grads),           cmocka_unit_test(test_cells),
      cmocka_unit_test(test_damaged_example),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
