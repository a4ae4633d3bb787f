// TensorProtos as TensorFlow 2.21 writes them (tf.make_tensor_proto and hand-set fields).
#include "formats/wire.h"
#include "graph/graph.h"
#include "test.h"

static tensor_t parse(const char *bytes, size_t n) {
  tensor_t t;
  assert_ok(tensor_parse_proto((const uint8_t *)bytes, n, &t));
  return t;
}
#define PARSE(s) parse(s, sizeof(s) - 1)

static const struct {
  const char *bytes;
  size_t n;
  dtype_t dtype;
  int elements;
  double v[6];
} numbers[] = {
    {"\010\001\022\010\022\002\010\002\022\002\010\003\052\014\000\000\200\077\000\000\000\100\000"
     "\000\040\100",
     sizeof("\010\001\022\010\022\002\010\002\022\002\010\003\052\014\000\000\200\077\000\000\000"
            "\100\000\000\040\100") -
         1,
     DT_FLOAT,
     6,
     {1, 2, 2.5, 2.5, 2.5, 2.5}},
    {"\010\023\022\004\022\002\010\003\152\005\200\170\200\200\003",
     sizeof("\010\023\022\004\022\002\010\003\152\005\200\170\200\200\003") - 1,
     DT_HALF,
     3,
     {1, -2, -2}},
    {"\010\016\022\004\022\002\010\002\152\002\200\177",
     sizeof("\010\016\022\004\022\002\010\002\152\002\200\177") - 1,
     DT_BFLOAT16,
     2,
     {1, 1}},
    {"\010\012\022\004\022\002\010\003\132\002\001\000",
     sizeof("\010\012\022\004\022\002\010\003\132\002\001\000") - 1,
     DT_BOOL,
     3,
     {1, 0, 0}},
    {"\010\006\022\004\022\002\010\002\072\013\375\377\377\377\377\377\377\377\377\001\005",
     sizeof(
         "\010\006\022\004\022\002\010\002\072\013\375\377\377\377\377\377\377\377\377\001\005") -
         1,
     DT_INT8,
     2,
     {-3, 5}},
    {"\010\021\022\004\022\002\010\002\072\003\377\377\003",
     sizeof("\010\021\022\004\022\002\010\002\072\003\377\377\003") - 1,
     DT_UINT16,
     2,
     {65535, 65535}},
    {"\010\011\122\012\200\200\200\200\200\340\377\377\377\001",
     sizeof("\010\011\122\012\200\200\200\200\200\340\377\377\377\001") - 1,
     DT_INT64,
     1,
     {-1099511627776.0}},
    {"\010\027\022\004\022\002\010\001\212\001\012\201\200\200\200\200\200\200\200\200\001",
     sizeof(
         "\010\027\022\004\022\002\010\001\212\001\012\201\200\200\200\200\200\200\200\200\001") -
         1,
     DT_UINT64,
     1,
     {9223372036854775808.0}},
    {"\010\003\022\004\022\002\010\004",
     sizeof("\010\003\022\004\022\002\010\004") - 1,
     DT_INT32,
     4,
     {0, 0, 0, 0}},
    {"\010\002\022\010\022\002\010\002\022\002\010\002\042\040\000\000\000\000\000\000\000\000\000"
     "\000\000\000\000\000\360\077\000\000\000\000\000\000\000\100\000\000\000\000\000\000\010\100",
     sizeof("\010\002\022\010\022\002\010\002\022\002\010\002\042\040\000\000\000\000\000\000\000"
            "\000\000\000\000\000\000\000\360\077\000\000\000\000\000\000\000\100\000\000\000\000"
            "\000\000\010\100") -
         1,
     DT_DOUBLE,
     4,
     {0, 1, 2, 3}},
};

static void numbers_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    tensor_t t = parse(numbers[i].bytes, numbers[i].n);
    assert_int_equal(t.dtype, numbers[i].dtype);
    assert_int_equal(tensor_elements(&t), numbers[i].elements);
    for (int k = 0; k < numbers[i].elements; k++)
      assert_true(tensor_number_at(&t, k) == numbers[i].v[k]);
    // And back.
    wire_out_t w = {0};
    assert_ok(tensor_write_proto(&t, &w, 1));
    wire_t r = wire_open(w.data, w.size);
    wire_field_t f;
    status_t st = NULL;
    assert_true(wire_next(&r, &f, &st));
    tensor_t again;
    assert_ok(tensor_parse_proto(f.data, f.size, &again));
    assert_true(tensor_equal(&t, &again));
    wire_out_free(&w);
    tensor_unref(&t);
    tensor_unref(&again);
  }
}

static void others_are_read(void **state) {
  (void)state;
  tensor_t t = PARSE("\010\010\022\004\022\002\010\002\112\010\000\000\200\077\000\000\000\100");
  assert_int_equal(t.dtype, DT_COMPLEX64);
  assert_true(TENSOR_DATA(float, &t)[0] == 1 && TENSOR_DATA(float, &t)[3] == 2);
  tensor_unref(&t);
  t = PARSE("\010\001\022\006\022\000\022\002\010\003");
  assert_int_equal(t.shape.rank, 2);
  assert_int_equal(tensor_elements(&t), 0);
  tensor_unref(&t);
  t = PARSE("\010\007\022\004\022\002\010\003\102\001\141\102\000\102\003\170\000\171");
  const str_t *s = t.data;
  assert_int_equal(s[0].n, 1);
  assert_int_equal(s[1].n, 0);
  assert_memory_equal(s[2].p, "x\0y", 3);
  tensor_unref(&t);
  t = PARSE("\010\007\022\004\022\002\010\002\102\002\150\151");
  assert_memory_equal(TENSOR_DATA(str_t, &t)[1].p, "hi", 2);
  tensor_unref(&t);
}

#define REFUSED(s, code, part) \
  assert_fails(tensor_parse_proto((const uint8_t *)(s), sizeof(s) - 1, &t), code, part)

static void bad_ones_are_refused(void **state) {
  (void)state;
  tensor_t t;
  REFUSED("\010\003\022\004\022\002\010\001\072\002\001\002", INVALID_ARGUMENT, "more values");
  REFUSED("\010\003\022\004\022\002\010\002\042\004\061\062\063\064", INVALID_ARGUMENT,
          "4 bytes of content");
  REFUSED(
      "\010\001\022\014\022\004\010\200\200\100\022\004\010\200\200\100\052\004\000\000\200\077",
      RESOURCE_EXHAUSTED, "too large");
  REFUSED(
      "\010\001\022\015\022\013\010\377\377\377\377\377\377\377\377\377\001\052\004\000\000\200"
      "\077",
      INVALID_ARGUMENT, "[?]");
  REFUSED("\010\143", INVALID_ARGUMENT, "dtype 99");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_read),
      cmocka_unit_test(others_are_read),
      cmocka_unit_test(bad_ones_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
