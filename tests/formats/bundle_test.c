// The bundle data/tf.* was written by TensorFlow (tf.raw_ops.SaveV2); the values are those given
// to it.
#include "formats/bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

#define TF_BUNDLE TESTS_DIR "/formats/data/tf"

static char scratch[64];

static int make_scratch(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_bundle_XXXXXX");
  return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state) {
  (void)state;
  status_free(file_remove_tree(scratch));
  return 0;
}

static bundle_t *open_bundle(const char *prefix) {
  bundle_t *b;
  assert_ok(bundle_open(prefix, &b));
  return b;
}

static void expect(const bundle_t *b, const char *key, dtype_t dtype, shape_t shape,
                   const void *bytes) {
  tensor_t t;
  assert_ok(bundle_read(b, key, &t));
  assert_int_equal(t.dtype, dtype);
  assert_true(shape_equal(&t.shape, &shape));
  assert_memory_equal(t.data, bytes, tensor_bytes(&t));
  tensor_unref(&t);
}

#define EXPECT(b, key, DT, shape, type, ...) expect(b, key, DT, shape, (const type[]){__VA_ARGS__})

static void expect_strings(const bundle_t *b) {
  tensor_t t;
  assert_ok(bundle_read(b, "strings", &t));
  const str_t *s = TENSOR_DATA(str_t, &t);
  assert_int_equal(tensor_elements(&t), 4);
  assert_int_equal(s[0].n, 0);
  assert_int_equal(s[1].n, 1);
  assert_memory_equal(s[1].p, "a", 1);
  assert_int_equal(s[2].n, 11);
  assert_memory_equal(s[2].p, "hello\0world", 11);
  assert_int_equal(s[3].n, 300);
  tensor_unref(&t);
  assert_ok(bundle_read(b, "s0", &t));
  assert_int_equal(t.shape.rank, 0);
  assert_memory_equal(TENSOR_DATA(str_t, &t)->p, "scalar", 6);
  tensor_unref(&t);
}

static void expect_all(const bundle_t *b) {
  EXPECT(b, "f32", DT_FLOAT, SHAPE(2, 3), float, 0, 0.25f, 0.5f, 0.75f, 1, 1.25f);
  EXPECT(b, "f16", DT_HALF, SHAPE(3), uint16_t, 0x3e00, 0xc000, 0x7bff);
  EXPECT(b, "bf16", DT_BFLOAT16, SHAPE(3), uint16_t, 0x3f80, 0xbf00, 0x4040);
  EXPECT(b, "f64", DT_DOUBLE, SHAPE(1, 1), double, 1e300);
  EXPECT(b, "i8", DT_INT8, SHAPE(2), int8_t, -128, 127);
  EXPECT(b, "u8", DT_UINT8, SHAPE(2), uint8_t, 0, 255);
  EXPECT(b, "i16", DT_INT16, SHAPE(1), int16_t, -32768);
  EXPECT(b, "u16", DT_UINT16, SHAPE(1), uint16_t, 65535);
  EXPECT(b, "i32", DT_INT32, SHAPE_SCALAR, int32_t, -7);
  EXPECT(b, "i64", DT_INT64, SHAPE(2), int64_t, INT64_C(1) << 40, -1);
  EXPECT(b, "u32", DT_UINT32, SHAPE(1), uint32_t, 4000000000u);
  EXPECT(b, "u64", DT_UINT64, SHAPE(1), uint64_t, UINT64_C(1) << 63);
  EXPECT(b, "bool", DT_BOOL, SHAPE(3), uint8_t, 1, 0, 1);
  EXPECT(b, "c64", DT_COMPLEX64, SHAPE(1), float, 1, 2);
  EXPECT(b, "c128", DT_COMPLEX128, SHAPE(1), double, 3, -4);
  EXPECT(b, "empty", DT_FLOAT, SHAPE(0, 3), float, 0);
  expect_strings(b);
  float part[70];
  for (int i = 0; i < 70; i++) part[i] = (float)i;
  expect(b, "part", DT_FLOAT, SHAPE(10, 7), part);
  int32_t grid[40];
  for (int i = 0; i < 40; i++) grid[i] = i;
  expect(b, "grid", DT_INT32, SHAPE(5, 8), grid);
}

static void reads_tensorflows_bundle(void **state) {
  (void)state;
  bundle_t *b = open_bundle(TF_BUNDLE);
  expect_all(b);
  assert_int_equal(bundle_count(b), 20 + 3 + 4);  // the slices are entries too
  tensor_t t;
  assert_fails(bundle_read(b, "no such", &t), NOT_FOUND, "no tensor \"no such\"");
  bundle_close(b);
  bundle_t *absent;
  assert_fails(bundle_open(TESTS_DIR "/formats/data/absent", &absent), NOT_FOUND, "absent.index");
}

static void reads_boxes_across_slices(void **state) {
  (void)state;
  bundle_t *b = open_bundle(TF_BUNDLE);
  tensor_t t;
  const struct {
    const char *key;
    bundle_slice_t box;
    int width;
  } boxes[] = {{"part", {.start = {4, 0}, .length = {3, 7}}, 7},  // just a stored slice
               {"part", {.start = {3, 2}, .length = {5, 4}}, 7},  // of all three
               {"grid", {.start = {1, 3}, .length = {3, 4}}, 8},  // of all four
               {"grid", {.start = {0, 0}, .length = {0, 4}}, 8},  // nothing
               {"f32", {.start = {1, 1}, .length = {1, 2}}, 3}};  // of a tensor without slices
  for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
    const bundle_slice_t *box = &boxes[i].box;
    assert_ok(bundle_read_slice(b, boxes[i].key, box, &t));
    assert_int_equal(t.shape.d[0], box->length[0]);
    assert_int_equal(t.shape.d[1], box->length[1]);
    for (int64_t r = 0; r < box->length[0]; r++)
      for (int64_t c = 0; c < box->length[1]; c++) {
        double v = tensor_number_at(&t, r * box->length[1] + c);
        double expected = (double)((box->start[0] + r) * boxes[i].width + box->start[1] + c);
        assert_true(v == (boxes[i].width == 3 ? expected / 4 : expected));
      }
    tensor_unref(&t);
  }
  assert_fails(
      bundle_read_slice(b, "grid", &(bundle_slice_t){.start = {4, 0}, .length = {2, 1}}, &t),
      INVALID_ARGUMENT, "outside of tensor \"grid\"");
  bundle_close(b);
}

static void a_copy_is_the_same(void **state) {
  (void)state;
  bundle_t *b = open_bundle(TF_BUNDLE);
  char *prefix = file_join(scratch, "copy");
  bundle_writer_t *w;
  assert_ok(bundle_writer_create(prefix, &w));
  for (size_t i = bundle_count(b); i-- > 0;) {
    const char *key = bundle_entry(b, i)->key;
    if (*key) assert_ok(bundle_writer_copy(w, b, key));
  }
  assert_fails(bundle_writer_copy(w, b, "f32"), ALREADY_EXISTS, "\"f32\" is added twice");
  assert_ok(bundle_writer_finish(w));
  bundle_t *copy = open_bundle(prefix);
  assert_int_equal(bundle_count(copy), bundle_count(b));
  expect_all(copy);
  bundle_close(copy);
  bundle_close(b);
  mem_free(prefix);
}

static void equal_contents_are_stored_once(void **state) {
  (void)state;
  char *prefix = file_join(scratch, "equal");
  bundle_writer_t *w;
  assert_ok(bundle_writer_create(prefix, &w));
  shape_t shape = SHAPE(1000, 25);
  tensor_t a, c;
  assert_ok(tensor_alloc(DT_FLOAT, &shape, &a));
  for (int64_t i = 0; i < 25000; i++) TENSOR_DATA(float, &a)[i] = (float)i;
  assert_ok(tensor_copy(&a, &c));
  TENSOR_DATA(float, &c)[24999] = 0;
  shape_t flat = SHAPE(25000);
  tensor_t other_shape = tensor_reshaped(&a, &flat);
  assert_ok(bundle_writer_add(w, "z", &a));
  assert_ok(bundle_writer_add(w, "tftrt/same", &other_shape));
  assert_int_equal(bundle_writer_bytes(w), 100000);
  assert_ok(bundle_writer_add(w, "b", &c));
  assert_int_equal(bundle_writer_bytes(w), 100032 + 100000);  // padded to 64
  assert_ok(bundle_writer_finish(w));
  bundle_t *b = open_bundle(prefix);
  expect(b, "z", DT_FLOAT, shape, a.data);
  expect(b, "tftrt/same", DT_FLOAT, flat, a.data);
  expect(b, "b", DT_FLOAT, shape, c.data);
  assert_int_equal(bundle_find(b, "z")->offset, bundle_find(b, "tftrt/same")->offset);
  tensor_t t;
  assert_ok(bundle_read(b, "b", &t));
  bundle_close(b);  // what was read stays
  assert_memory_equal(t.data, c.data, 100000);
  tensor_unref(&t);
  tensor_unref(&a);
  tensor_unref(&c);
  tensor_unref(&other_shape);
  mem_free(prefix);
}

// ---------------------------------------------------------------- damage

static void copy_file(const char *from, const char *to, size_t keep, size_t flip) {
  file_map_t *m;
  assert_ok(file_map_open(from, &m));
  uint8_t *bytes = mem_alloc(m->size);
  memcpy(bytes, m->data, m->size);
  if (flip < m->size) bytes[flip] ^= 0x20;
  assert_ok(file_write(to, bytes, keep < m->size ? keep : m->size));
  mem_free(bytes);
  file_map_unref(m);
}

static status_t read_everything(const char *prefix) {
  bundle_t *b;
  TRY(bundle_open(prefix, &b));
  status_t st = NULL;
  for (size_t i = 0; i < bundle_count(b) && !st; i++) {
    tensor_t t = {0};
    const char *key = bundle_entry(b, i)->key;
    if (!*key) continue;
    st = bundle_read(b, key, &t);
    tensor_unref(&t);
  }
  bundle_close(b);
  return st;
}

static void damage_is_one_clear_error(void **state) {
  (void)state;
  char *prefix = file_join(scratch, "bad");
  char *index = mem_printf("%s.index", prefix),
       *data = mem_printf("%s.data-00000-of-00001", prefix);
  const char *tf_index = TF_BUNDLE ".index", *tf_data = TF_BUNDLE ".data-00000-of-00001";
  enum { INDEX_SIZE = 846, DATA_SIZE = 883 };
  copy_file(tf_index, index, SIZE_MAX, SIZE_MAX);
  assert_fails(read_everything(prefix), NOT_FOUND, "data-00000-of-00001");
  copy_file(tf_data, data, SIZE_MAX, SIZE_MAX);
  assert_ok(read_everything(prefix));
  for (size_t keep = 0; keep < DATA_SIZE; keep += 7) {
    copy_file(tf_data, data, keep, SIZE_MAX);
    assert_fails(read_everything(prefix), DATA_LOSS, "the file is cut off");
  }
  for (size_t at = 0; at < DATA_SIZE; at++) {
    copy_file(tf_data, data, SIZE_MAX, at);
    assert_fails(read_everything(prefix), DATA_LOSS, "");
  }
  copy_file(tf_data, data, SIZE_MAX, SIZE_MAX);
  for (size_t keep = 0; keep < INDEX_SIZE; keep++) {
    copy_file(tf_index, index, keep, SIZE_MAX);
    assert_fails(read_everything(prefix), DATA_LOSS, "bad.index");
  }
  // Each bit flip is found, but for the padding and the meta block that nobody reads.
  size_t unnoticed = 0;
  for (size_t at = 0; at < INDEX_SIZE; at++) {
    copy_file(tf_index, index, SIZE_MAX, at);
    status_t st = read_everything(prefix);
    if (!st) unnoticed++;
    status_free(st);
  }
  assert_in_range(unnoticed, 0, 13 + 48);
  mem_free(index);
  mem_free(data);
  mem_free(prefix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_tensorflows_bundle), cmocka_unit_test(reads_boxes_across_slices),
      cmocka_unit_test(a_copy_is_the_same), cmocka_unit_test(equal_contents_are_stored_once),
      cmocka_unit_test(damage_is_one_clear_error)};
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
