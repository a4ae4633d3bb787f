// String tensors in a bundle: the lengths as varints, the masked CRC of the lengths, the characters
// one after the other. The CRCs count each length as a 32-bit number (64 when it needs it).
#include <string.h>

#include "formats/bundle_internal.h"
#include "formats/bytes.h"
#include "formats/crc32c.h"

static uint32_t add_length(uint32_t crc, uint64_t n) {
  uint8_t bytes[8];
  int width = n > UINT32_MAX ? 8 : 4;
  bytes_put(bytes, n, width);
  return crc32c_extend(crc, bytes, (size_t)width);
}

status_t bundle_strings_parse(const uint8_t *data, const bundle_entry_t *e, tensor_t *out,
                              uint32_t *crc) {
  // Each string takes at least the one byte of its length: a huge shape cannot cost memory.
  int64_t n = shape_elements(&e->shape);
  if (n < 0 || (uint64_t)n > e->size)
    return FAIL(DATA_LOSS, "%s: %lld strings in %llu bytes", e->key, (long long)n,
                (unsigned long long)e->size);
  TRY(tensor_alloc(DT_STRING, &e->shape, out));
  str_t *s = TENSOR_DATA(str_t, out);
  wire_t w = wire_open(data, e->size);
  status_t st = NULL;
  *crc = 0;
  for (int64_t i = 0; i < n && !st; i++) {
    uint64_t length = 0;
    if (!wire_item_varint(&w, &length, &st)) {
      if (!st) st = FAIL(DATA_LOSS, "the lengths of strings are cut off");
    } else if (length > (uint64_t)(w.end - w.p)) {
      st = FAIL(DATA_LOSS, "a string is longer than the entry");
    } else {
      *crc = add_length(*crc, length);
      s[i].n = length;  // p stays NULL until the characters are known to be there
    }
  }
  if (!st && w.end - w.p < 4) st = FAIL(DATA_LOSS, "the checksum of the lengths is cut off");
  if (!st && bytes_get32(w.p) != crc32c_mask(*crc))
    st = FAIL(DATA_LOSS, "the checksum of the strings' lengths is wrong");
  if (!st) {
    *crc = crc32c_extend(*crc, w.p, 4);
    w.p += 4;
  }
  for (int64_t i = 0; i < n && !st; i++) {
    size_t length = s[i].n;
    s[i] = (str_t){0};
    if (length > (size_t)(w.end - w.p)) {
      st = FAIL(DATA_LOSS, "a string is longer than the entry");
      break;
    }
    *crc = crc32c_extend(*crc, w.p, length);
    st = str_set(&s[i], (const char *)w.p, length);
    w.p += length;
  }
  if (!st && w.p != w.end) st = FAIL(DATA_LOSS, "bytes are left over after the strings");
  if (!st) return NULL;
  for (int64_t i = 0; i < n; i++)
    if (!s[i].p) s[i].n = 0;
  tensor_unref(out);
  return status_prefix(st, "%s", e->key);
}

void bundle_strings_encode(const tensor_t *t, wire_out_t *out, uint32_t *crc) {
  int64_t n = tensor_elements(t);
  const str_t *s = TENSOR_DATA(str_t, t);
  uint32_t c = 0;
  for (int64_t i = 0; i < n; i++) {
    wire_put_varint(out, s[i].n);
    c = add_length(c, s[i].n);
  }
  uint8_t check[4];
  bytes_put(check, crc32c_mask(c), 4);
  wire_put_raw(out, check, 4);
  c = crc32c_extend(c, check, 4);
  for (int64_t i = 0; i < n; i++) {
    wire_put_raw(out, s[i].p, s[i].n);
    c = crc32c_extend(c, s[i].p, s[i].n);
  }
  *crc = c;
}
