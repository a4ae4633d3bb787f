// Little-endian numbers in files.
#ifndef TFTRT_FORMATS_BYTES_H
#define TFTRT_FORMATS_BYTES_H

#include <stdint.h>

static inline uint64_t bytes_get(const uint8_t *p, int n) {
  uint64_t v = 0;
  for (int i = 0; i < n; i++) v |= (uint64_t)p[i] << (8 * i);
  return v;
}

static inline uint16_t bytes_get16(const uint8_t *p) { return (uint16_t)bytes_get(p, 2); }
static inline uint32_t bytes_get32(const uint8_t *p) { return (uint32_t)bytes_get(p, 4); }
static inline uint64_t bytes_get64(const uint8_t *p) { return bytes_get(p, 8); }

static inline void bytes_put(uint8_t *p, uint64_t v, int n) {
  for (int i = 0; i < n; i++) p[i] = (uint8_t)(v >> (8 * i));
}

#endif
