// CRC-32C (Castagnoli), as iSCSI has it (RFC 3720, B.4), and the masked form that TFRecord files
// and LevelDB tables keep.
#ifndef TFTRT_FORMATS_CRC32C_H
#define TFTRT_FORMATS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

// The CRC of what `crc` is the CRC of, followed by data. Start with 0.
uint32_t crc32c_extend(uint32_t crc, const void *data, size_t n);
uint32_t crc32c_extend_portable(uint32_t crc, const void *data, size_t n);  // without SSE4.2

static inline uint32_t crc32c(const void *data, size_t n) { return crc32c_extend(0, data, n); }
static inline uint32_t crc32c_mask(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }
static inline uint32_t crc32c_unmask(uint32_t masked) {
  uint32_t rotated = masked - 0xa282ead8u;
  return rotated >> 17 | rotated << 15;
}

#endif
