// BYTES tensors: the form is that of Triton's "Binary Tensor Data Extension".
#include "bytes.h"

#include <stdlib.h>

#include "test.h"

static const unsigned char three[] = {3, 0, 0, 0, 'a', 'b', 'c', 0, 0, 0, 0, 1, 0, 0, 0, 0xff};

static void parsed(void **state) {
  (void)state;
  tftrt_string s[3];
  assert_true(bytes_parse(three, sizeof three, 3, s));
  assert_int_equal(s[0].size, 3);
  assert_memory_equal(s[0].data, "abc", 3);
  assert_int_equal(s[1].size, 0);
  assert_int_equal(s[2].size, 1);
  assert_memory_equal(s[2].data, "\xff", 1);
  assert_true(bytes_parse(NULL, 0, 0, NULL));
}

static void written(void **state) {
  (void)state;
  static const tftrt_string s[] = {{"abc", 3}, {NULL, 0}, {"\xff", 1}};
  unsigned char out[sizeof three];
  size_t size;
  assert_true(bytes_size(s, 3, &size));
  assert_int_equal(size, sizeof three);
  bytes_write(s, 3, out);
  assert_memory_equal(out, three, sizeof three);
  static const tftrt_string long_one = {"", (size_t)1 << 32};
  assert_false(bytes_size(&long_one, 1, &size));
}

// Elements too many or too few, lengths beyond the end.
static void refused(void **state) {
  (void)state;
  tftrt_string s[4];
  assert_false(bytes_parse(three, sizeof three, 2, s));
  assert_false(bytes_parse(three, sizeof three, 4, s));
  for (size_t size = 0; size < sizeof three; size++) assert_false(bytes_parse(three, size, 3, s));
  assert_false(bytes_parse("\xff\xff\xff\xff", 4, 1, s));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(parsed), cmocka_unit_test(written),
                                     cmocka_unit_test(refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
