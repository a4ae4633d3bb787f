// data/*.npz and data/*.npy were written by numpy; the values are those given to it.
#include "formats/npz.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"

#define DATA TESTS_DIR "/formats/data/"

static void expect(const npz_t *z, const char *name, dtype_t dtype, shape_t shape,
                   const void *bytes) {
  tensor_t t;
  assert_ok(npz_get(z, name, &t));
  assert_int_equal(t.dtype, dtype);
  assert_true(shape_equal(&t.shape, &shape));
  assert_memory_equal(t.data, bytes, tensor_bytes(&t));
  tensor_unref(&t);
}

#define EXPECT(z, name, DT, shape, type, ...) \
  expect(z, name, DT, shape, (const type[]){__VA_ARGS__})

static void expect_strings(const npz_t *z, const char *name, int n, const char *const *texts) {
  tensor_t t;
  assert_ok(npz_get(z, name, &t));
  assert_int_equal(t.dtype, DT_STRING);
  assert_int_equal(tensor_elements(&t), n);
  for (int i = 0; i < n; i++) {
    const str_t *s = TENSOR_DATA(str_t, &t) + i;
    assert_int_equal(s->n, strlen(texts[i]));
    if (s->n) assert_memory_equal(s->p, texts[i], s->n);
  }
  tensor_unref(&t);
}

static void expect_common(const npz_t *z) {
  EXPECT(z, "f32", DT_FLOAT, SHAPE(2, 3), float, 0, 0.25f, 0.5f, 0.75f, 1, 1.25f);
  EXPECT(z, "f16", DT_HALF, SHAPE(3), uint16_t, 0x3e00, 0xc000, 0x7bff);
  EXPECT(z, "f64", DT_DOUBLE, SHAPE_SCALAR, double, 1e300);
  EXPECT(z, "i8", DT_INT8, SHAPE(2), int8_t, -128, 127);
  EXPECT(z, "u8", DT_UINT8, SHAPE(2), uint8_t, 0, 255);
  EXPECT(z, "i16", DT_INT16, SHAPE(1), int16_t, -32768);
  EXPECT(z, "u16", DT_UINT16, SHAPE(1), uint16_t, 65535);
  EXPECT(z, "i32", DT_INT32, SHAPE_SCALAR, int32_t, -7);
  EXPECT(z, "i64", DT_INT64, SHAPE(2), int64_t, INT64_C(1) << 40, -1);
  EXPECT(z, "u32", DT_UINT32, SHAPE(1), uint32_t, 4000000000u);
  EXPECT(z, "u64", DT_UINT64, SHAPE(1), uint64_t, UINT64_C(1) << 63);
  EXPECT(z, "bool", DT_BOOL, SHAPE(3), uint8_t, 1, 0, 1);
  EXPECT(z, "c64", DT_COMPLEX64, SHAPE(1), float, 1, 2);
  EXPECT(z, "c128", DT_COMPLEX128, SHAPE(1), double, 3, -4);
  EXPECT(z, "empty", DT_FLOAT, SHAPE(0, 3), float, 0);
  expect_strings(z, "S", 3, (const char *[]){"", "a", "hello world"});
  int32_t count[24];
  for (int i = 0; i < 24; i++) count[i] = i;
  expect(z, "fortran", DT_INT32, SHAPE(2, 3, 4), count);
}

static void reads_numpys_archives(void **state) {
  (void)state;
  const char *files[] = {DATA "stored.npz", DATA "deflated.npz"};
  for (int i = 0; i < 2; i++) {
    npz_t *z;
    assert_ok(npz_open(files[i], &z));
    assert_int_equal(npz_count(z), 22);
    assert_string_equal(npz_name(z, 0), "f32");
    expect_common(z);
    expect_strings(z, "U", 4, (const char *[]){"", "h\u00e9", "\u6c34", "\U0001f600z"});
    expect_strings(z, "FU", 4, (const char *[]){"a", "b", "c", "d"});
    EXPECT(z, "big", DT_FLOAT, SHAPE(4), float, 0, 1, 2, 3);
    EXPECT(z, "bigc", DT_COMPLEX64, SHAPE(1), float, 1, 2);
    expect_strings(z, "bigU", 1, (const char *[]){"\u6c34"});
    tensor_t t;
    assert_fails(npz_get(z, "nothing", &t), NOT_FOUND, "no array \"nothing\"; there are f32, ");
    npz_close(z);
  }
  tensor_t t;
  assert_fails(npy_read(DATA "object.npy", &t), UNIMPLEMENTED, "object.npy: ");
  assert_fails(npy_read(DATA "date.npy", &t), UNIMPLEMENTED, "");
  assert_fails(npy_read(DATA "stored.npz", &t), DATA_LOSS, "not an array");
}

static void writes_what_it_reads(void **state) {
  (void)state;
  char path[] = "/tmp/tftrt_npz_XXXXXX";
  close(mkstemp(path));
  npz_t *z;
  assert_ok(npz_open(DATA "stored.npz", &z));
  npz_writer_t *w;
  assert_ok(npz_create(path, &w));
  for (size_t i = 0; i < npz_count(z); i++) {
    tensor_t t;
    assert_ok(npz_read(z, i, &t));
    assert_ok(npz_add(w, npz_name(z, i), &t));
    tensor_unref(&t);
  }
  assert_ok(npz_finish(w));
  npz_close(z);
  assert_ok(npz_open(path, &z));
  assert_int_equal(npz_count(z), 22);
  expect_common(z);
  npz_close(z);
  unlink(path);
}

// An array is written as numpy writes it, byte for byte.
static void npy_is_numpys(void **state) {
  (void)state;
  shape_t shape = SHAPE(2, 3);
  float values[] = {0, 0.25f, 0.5f, 0.75f, 1, 1.25f};
  tensor_t t = tensor_borrow(DT_FLOAT, &shape, values, sizeof values, NULL, NULL);
  wire_out_t w = {0};
  assert_ok(npy_write(&t, &w));
  const char head[] =
      "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  assert_int_equal(w.size, 128 + 24);
  assert_memory_equal(w.data, head, sizeof head - 1);
  for (size_t i = sizeof head - 1; i < 127; i++) assert_int_equal(w.data[i], ' ');
  assert_int_equal(w.data[127], '\n');
  assert_memory_equal(w.data + 128, values, 24);
  wire_out_free(&w);
  tensor_unref(&t);
}

static status_t read_all(const uint8_t *data, size_t size) {
  npz_t *z;
  TRY(npz_open_bytes(data, size, "x.npz", &z));
  status_t st = NULL;
  for (size_t i = 0; i < npz_count(z) && !st; i++) {
    tensor_t t;
    st = npz_read(z, i, &t);
    tensor_unref(&t);
  }
  npz_close(z);
  return st;
}

static void damage_is_one_clear_error(void **state) {
  (void)state;
  const char *files[] = {DATA "stored.npz", DATA "deflated.npz"};
  for (int i = 0; i < 2; i++) {
    file_map_t *m;
    assert_ok(file_map_open(files[i], &m));
    assert_ok(read_all(m->data, m->size));
    for (size_t keep = 0; keep < m->size; keep += 3)
      assert_fails(read_all(m->data, keep), DATA_LOSS, "x.npz: ");
    uint8_t *bad = mem_alloc(m->size);
    for (size_t at = 0; at < m->size; at++) {  // any outcome but a crash; often DATA_LOSS
      memcpy(bad, m->data, m->size);
      bad[at] ^= 0x41;
      status_free(read_all(bad, m->size));
    }
    mem_free(bad);
    file_map_unref(m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_numpys_archives), cmocka_unit_test(writes_what_it_reads),
      cmocka_unit_test(npy_is_numpys), cmocka_unit_test(damage_is_one_clear_error)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
