#include "bytes.h"

#include <string.h>

enum { PREFIX = 4 };

bool bytes_parse(const void *buffer, size_t size, size_t n, tftrt_string *out) {
  const unsigned char *p = buffer;
  for (size_t i = 0; i < n; i++) {
    if (size < PREFIX) return false;
    size_t length = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    p += PREFIX, size -= PREFIX;
    if (size < length) return false;
    out[i] = (tftrt_string){(const char *)p, length};
    p += length, size -= length;
  }
  return size == 0;
}

bool bytes_size(const tftrt_string *elements, size_t n, size_t *out) {
  size_t size = 0;
  for (size_t i = 0; i < n; i++) {
    if (elements[i].size > UINT32_MAX || size > SIZE_MAX - PREFIX - elements[i].size) return false;
    size += PREFIX + elements[i].size;
  }
  *out = size;
  return true;
}

void bytes_write(const tftrt_string *elements, size_t n, void *out) {
  unsigned char *p = out;
  for (size_t i = 0; i < n; i++) {
    size_t length = elements[i].size;
    for (int b = 0; b < PREFIX; b++) *p++ = (unsigned char)(length >> 8 * b);
    if (length) memcpy(p, elements[i].data, length);
    p += length;
  }
}
