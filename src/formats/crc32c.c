#include "formats/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "formats/bytes.h"

// Eight tables, so that eight bytes are taken at a time ("slicing by 8").
static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
    table[0][i] = c;
  }
  for (int k = 1; k < 8; k++)
    for (int i = 0; i < 256; i++)
      table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
}

uint32_t crc32c_extend_portable(uint32_t crc, const void *data, size_t n) {
  pthread_once(&table_once, make_table);
  const uint8_t *p = data;
  uint32_t c = ~crc;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t v = bytes_get64(p) ^ c;
    c = 0;
    for (int k = 0; k < 8; k++) c ^= table[7 - k][v >> (8 * k) & 0xff];
  }
  for (; n; n--) c = c >> 8 ^ table[0][(c ^ *p++) & 0xff];
  return ~c;
}

#ifdef __x86_64__
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t extend_sse42(uint32_t crc, const uint8_t *p,
                                                               size_t n) {
  uint64_t c = ~crc;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t v;
    memcpy(&v, p, 8);
    c = _mm_crc32_u64(c, v);
  }
  for (; n; n--) c = _mm_crc32_u8((uint32_t)c, *p++);
  return ~(uint32_t)c;
}

uint32_t crc32c_extend(uint32_t crc, const void *data, size_t n) {
  if (__builtin_cpu_supports("sse4.2")) return extend_sse42(crc, data, n);
  return crc32c_extend_portable(crc, data, n);
}
#else
uint32_t crc32c_extend(uint32_t crc, const void *data, size_t n) {
  return crc32c_extend_portable(crc, data, n);
}
#endif
