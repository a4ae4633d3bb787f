#include "formats/tfrecord.h"

#include "test.h"

// A TRTEngineInstance record as TF-TRT writes it.
static const uint8_t RECORD[] = {0x24, 0,    0,    0,    0,    0,    0,    0,    0x42, 0x2b, 0x80,
                                 0x4d, 0x0a, 0x0c, 0x12, 0x02, 0x08, 0x04, 0x12, 0x02, 0x08, 0x01,
                                 0x12, 0x02, 0x08, 0x01, 0x0a, 0x0c, 0x12, 0x02, 0x08, 0x04, 0x12,
                                 0x02, 0x08, 0x01, 0x12, 0x02, 0x08, 0x01, 0x12, 0x06, 'E',  'N',
                                 'G',  'I',  'N',  'E',  0xbf, 0xd1, 0x29, 0xad};

static status_t first(const uint8_t *data, size_t n, const uint8_t **record, size_t *size) {
  tfrecord_reader_t r = {.data = data, .size = n, .name = "x"};
  status_t st;
  return tfrecord_next(&r, record, size, &st) ? NULL : st ? st : FAIL(OUT_OF_RANGE, "end");
}

static void writes_what_tensorflow_writes(void **state) {
  (void)state;
  wire_out_t w = {0};
  tfrecord_append(&w, RECORD + 12, 0x24);
  assert_int_equal(w.size, sizeof RECORD);
  assert_memory_equal(w.data, RECORD, w.size);
  wire_out_free(&w);
}

static void reads_it_back(void **state) {
  (void)state;
  wire_out_t w = {0};
  const char *texts[] = {"one", "", "three"};
  for (int i = 0; i < 3; i++) tfrecord_append(&w, texts[i], strlen(texts[i]));
  tfrecord_reader_t r = {.data = w.data, .size = w.size, .name = "x"};
  const uint8_t *record;
  size_t n;
  status_t st;
  for (int i = 0; i < 3; i++) {
    assert_true(tfrecord_next(&r, &record, &n, &st));
    assert_int_equal(n, strlen(texts[i]));
    assert_memory_equal(record, texts[i], n);
  }
  assert_false(tfrecord_next(&r, &record, &n, &st));
  assert_null(st);
  wire_out_free(&w);
  assert_fails(first(NULL, 0, &record, &n), OUT_OF_RANGE, "end");  // no bytes, no records
}

static void refuses_damage(void **state) {
  (void)state;
  const uint8_t *record;
  size_t n;
  for (size_t cut = 1; cut < sizeof RECORD; cut++)
    assert_fails(first(RECORD, cut, &record, &n), DATA_LOSS, "cut off");
  for (size_t at = 0; at < sizeof RECORD; at++) {
    uint8_t bad[sizeof RECORD];
    memcpy(bad, RECORD, sizeof bad);
    bad[at] ^= 0x10;
    assert_fails(first(bad, sizeof bad, &record, &n), DATA_LOSS, "checksum");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(writes_what_tensorflow_writes),
                                     cmocka_unit_test(reads_it_back),
                                     cmocka_unit_test(refuses_damage)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
