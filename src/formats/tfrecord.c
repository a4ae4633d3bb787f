#include "formats/tfrecord.h"

#include <inttypes.h>

#include "formats/bytes.h"
#include "formats/crc32c.h"

// length (8 bytes), masked CRC of it (4), the record, masked CRC of that (4).
enum { HEAD = 12, TAIL = 4 };

bool tfrecord_next(tfrecord_reader_t *r, const uint8_t **record, size_t *size, status_t *st) {
  *st = NULL;
  size_t left = r->size - r->at;
  if (!left) return false;
  const uint8_t *p = r->data + r->at;
  if (left < HEAD) {
    *st = FAIL(DATA_LOSS, "%s: record header at byte %zu is cut off", r->name, r->at);
    return false;
  }
  uint64_t n = bytes_get64(p);
  if (crc32c_mask(crc32c(p, 8)) != bytes_get32(p + 8)) {
    *st = FAIL(DATA_LOSS, "%s: checksum of the record length at byte %zu is wrong", r->name, r->at);
    return false;
  }
  if (left - HEAD < TAIL || n > left - HEAD - TAIL) {
    *st = FAIL(DATA_LOSS, "%s: record of %" PRIu64 " bytes at byte %zu is cut off", r->name, n,
               r->at);
    return false;
  }
  if (crc32c_mask(crc32c(p + HEAD, n)) != bytes_get32(p + HEAD + n)) {
    *st = FAIL(DATA_LOSS, "%s: checksum of the record at byte %zu is wrong", r->name, r->at);
    return false;
  }
  *record = p + HEAD;
  *size = n;
  r->at += HEAD + n + TAIL;
  return true;
}

void tfrecord_append(wire_out_t *out, const void *record, size_t size) {
  uint8_t head[HEAD], tail[TAIL];
  bytes_put(head, size, 8);
  bytes_put(head + 8, crc32c_mask(crc32c(head, 8)), 4);
  bytes_put(tail, crc32c_mask(crc32c(record, size)), 4);
  wire_put_raw(out, head, HEAD);
  wire_put_raw(out, record, size);
  wire_put_raw(out, tail, TAIL);
}
