#include "formats/wire.h"

#include <float.h>

#include "test.h"

static wire_field_t only_field(const void *bytes, size_t n) {
  wire_t w = wire_open(bytes, n);
  wire_field_t f;
  status_t st = NULL;
  assert_true(wire_next(&w, &f, &st));
  assert_null(st);
  wire_field_t more;
  assert_false(wire_next(&w, &more, &st));
  assert_null(st);
  return f;
}

// Messages of the encoding specification: field 1 = 150; field 2 = "testing"; field 3 = {1: 150};
// field 6 packed [3, 270, 86942].
static void reads_the_specifications_examples(void **state) {
  (void)state;
  wire_field_t f = only_field("\x08\x96\x01", 3);
  uint64_t u = 0;
  assert_int_equal(f.number, 1);
  assert_ok(wire_get_u64(&f, &u));
  assert_int_equal(u, 150);

  f = only_field("\x12\x07testing", 9);
  const uint8_t *data;
  size_t size;
  assert_int_equal(f.number, 2);
  assert_ok(wire_get_bytes(&f, &data, &size));
  assert_int_equal(size, 7);
  assert_memory_equal(data, "testing", 7);
  arena_t *arena = arena_create();
  const char *text;
  assert_ok(wire_get_string(&f, arena, &text));
  assert_string_equal(text, "testing");
  arena_destroy(arena);

  f = only_field("\x1a\x03\x08\x96\x01", 5);
  wire_t sub;
  assert_ok(wire_get_message(&f, &sub));
  status_t st;
  assert_true(wire_next(&sub, &f, &st));
  assert_ok(wire_get_u64(&f, &u));
  assert_int_equal(u, 150);

  f = only_field("\x32\x06\x03\x8E\x02\x9E\xA7\x05", 8);
  const uint64_t packed[] = {3, 270, 86942};
  wire_t items;
  assert_ok(wire_get_repeated(&f, WIRE_VARINT, &items));
  size_t n = 0;
  while (wire_item_varint(&items, &u, &st)) assert_int_equal(u, packed[n++]);
  assert_null(st);
  assert_int_equal(n, 3);
  f = only_field("\x30\x8e\x02", 3);  // the same field, not packed
  assert_ok(wire_get_repeated(&f, WIRE_VARINT, &items));
  assert_true(wire_item_varint(&items, &u, &st));
  assert_int_equal(u, 270);
  assert_false(wire_item_varint(&items, &u, &st));
}

// Bytes from protoc: int64 -2 takes ten bytes; float 1.5; double -2.
static void reads_negative_and_real_numbers(void **state) {
  (void)state;
  wire_field_t f = only_field("\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
  int64_t i;
  int32_t i32;
  assert_ok(wire_get_i64(&f, &i));
  assert_int_equal(i, -2);
  assert_ok(wire_get_i32(&f, &i32));
  assert_int_equal(i32, -2);
  float real;
  f = only_field("\x25\x00\x00\xc0\x3f", 5);
  assert_ok(wire_get_float(&f, &real));
  assert_true(real == 1.5f);
  double wide;
  f = only_field("\x29\0\0\0\0\0\0\0\xc0", 9);
  assert_ok(wire_get_double(&f, &wide));
  assert_true(wide == -2.0);
}

static status_t read_all(const char *bytes, size_t n) {
  wire_t w = wire_open(bytes, n);
  wire_field_t f;
  status_t st = NULL;
  while (wire_next(&w, &f, &st)) {
  }
  return st;
}

static void refuses_bad_bytes_with_their_offset(void **state) {
  (void)state;
  assert_ok(read_all("", 0));
  assert_fails(read_all("\x08\x01\x08\x96", 4), DATA_LOSS, "at byte 3: a varint is cut off");
  assert_fails(read_all("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12), DATA_LOSS,
               "longer than 10 bytes");
  assert_fails(read_all("\x08\x01\x12\x05tes", 7), DATA_LOSS,
               "at byte 3: field 2 says 5 bytes, but only 3 are left");
  assert_fails(read_all("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11), DATA_LOSS,
               "but only 0 are left");
  assert_fails(read_all("\x0d\x01\x02\x03", 4), DATA_LOSS, "4-byte value");
  assert_fails(read_all("\x09\x01\x02\x03\x04\x05\x06\x07", 8), DATA_LOSS, "8-byte value");
  assert_fails(read_all("\x0b", 1), DATA_LOSS, "wire type 3");
  assert_fails(read_all("\x00\x01", 2), DATA_LOSS, "not a field number");
  wire_field_t f = only_field("\x08\x96\x01", 3);
  wire_t sub;
  assert_fails(wire_get_message(&f, &sub), DATA_LOSS, "field 1 has wire type 0, expected 2");
  f = only_field("\x0a\x02\x61\x00", 4);
  arena_t *arena = arena_create();
  const char *text;
  assert_fails(wire_get_string(&f, arena, &text), DATA_LOSS, "NUL");
  arena_destroy(arena);
}

static void limits_the_depth(void **state) {
  (void)state;
  wire_out_t w = {0};
  size_t at[WIRE_MAX_DEPTH + 1];
  for (int i = 0; i <= WIRE_MAX_DEPTH; i++) at[i] = wire_begin(&w, 1);
  for (int i = WIRE_MAX_DEPTH; i >= 0; i--) wire_end(&w, at[i]);
  wire_t c = wire_open(w.data, w.size);
  for (int i = 0; i < WIRE_MAX_DEPTH; i++) {
    wire_field_t f;
    status_t st;
    assert_true(wire_next(&c, &f, &st));
    assert_ok(wire_get_message(&f, &c));
  }
  wire_field_t f;
  status_t st;
  assert_true(wire_next(&c, &f, &st));
  assert_fails(wire_get_message(&f, &c), DATA_LOSS, "nested more than 100 deep");
  wire_out_free(&w);
}

// The same examples the other way round.
static void writes_the_specifications_examples(void **state) {
  (void)state;
  wire_out_t w = {0};
  wire_put_u64(&w, 1, 150);
  wire_put_string(&w, 2, "testing");
  size_t at = wire_begin(&w, 3);
  wire_put_i64(&w, 1, 150);
  wire_end(&w, at);
  wire_put_i64(&w, 1, -2);
  wire_put_float(&w, 4, 1.5f);
  wire_put_double(&w, 5, -2.0);
  const char expected[] =
      "\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"
      "\x25\x00\x00\xc0\x3f\x29\0\0\0\0\0\0\0\xc0";
  assert_ok(wire_out_status(&w));
  assert_int_equal(w.size, sizeof expected - 1);
  assert_memory_equal(w.data, expected, w.size);
  wire_out_free(&w);
}

static void nested_lengths_grow(void **state) {
  (void)state;
  for (size_t n = 0; n < 40000; n = n * 2 + 1) {
    wire_out_t w = {0};
    size_t outer = wire_begin(&w, 1), inner = wire_begin(&w, 2);
    for (size_t i = 0; i < n; i++) wire_put_raw(&w, "abcdefg" + i % 7, 1);
    wire_end(&w, inner);
    wire_put_u64(&w, 3, 7);
    wire_end(&w, outer);
    wire_field_t f = only_field(w.data, w.size);
    wire_t sub;
    status_t st;
    assert_ok(wire_get_message(&f, &sub));
    assert_true(wire_next(&sub, &f, &st));
    assert_int_equal(f.size, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(f.data[i], "abcdefg"[i % 7]);
    assert_true(wire_next(&sub, &f, &st));
    assert_int_equal(f.value, 7);
    assert_int_equal(f.raw_size, 2);
    assert_memory_equal(f.raw, "\x18\x07", 2);
    assert_false(wire_next(&sub, &f, &st));
    wire_out_free(&w);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_the_specifications_examples),
      cmocka_unit_test(reads_negative_and_real_numbers),
      cmocka_unit_test(refuses_bad_bytes_with_their_offset),
      cmocka_unit_test(limits_the_depth),
      cmocka_unit_test(writes_the_specifications_examples),
      cmocka_unit_test(nested_lengths_grow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
