#include "formats/crc32c.h"

#include "test.h"

// RFC 3720, B.4, and the usual check value.
static void follows_rfc_3720(void **state) {
  (void)state;
  uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
  for (int i = 0; i < 32; i++) {
    ones[i] = 0xff;
    up[i] = (uint8_t)i;
    down[i] = (uint8_t)(31 - i);
  }
  const uint8_t pdu[48] = {
      0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02};
  const struct {
    const void *data;
    size_t n;
    uint32_t crc;
  } known[] = {{zeros, 32, 0x8a9136aa},
               {ones, 32, 0x62a8ab43},
               {up, 32, 0x46dd794e},
               {down, 32, 0x113fdb5c},
               {pdu, 48, 0xd9963a56},
               {"123456789", 9, 0xe3069283},
               {"", 0, 0}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    assert_int_equal(crc32c(known[i].data, known[i].n), known[i].crc);
    assert_int_equal(crc32c_extend_portable(0, known[i].data, known[i].n), known[i].crc);
    for (size_t cut = 0; cut <= known[i].n; cut++) {
      uint32_t head = crc32c(known[i].data, cut);
      assert_int_equal(crc32c_extend(head, (const uint8_t *)known[i].data + cut, known[i].n - cut),
                       known[i].crc);
    }
  }
  assert_int_equal(crc32c_unmask(crc32c_mask(0xd9963a56)), 0xd9963a56);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(follows_rfc_3720)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
