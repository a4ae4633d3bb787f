// A bundle's index (its first two bytes say how long a data file goes with it), all tensors read.
// Block checksums would stop almost every mutation, so they are put right first.
#include <string.h>

#include "formats/bundle.h"
#include "formats/bytes.h"
#include "formats/crc32c.h"
#include "fuzz.h"

// Blocks follow one another, then the footer: the handles in it name the last two.
static void fix_checksum(uint8_t *p, size_t size, uint64_t offset, uint64_t n) {
  if (offset > size || size - offset < 5 || n > size - offset - 5) return;
  bytes_put(p + offset + n + 1, crc32c_mask(crc32c(p + offset, n + 1)), 4);
}

static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *v) {
  *v = 0;
  for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
    uint8_t b = *(*p)++;
    *v |= (uint64_t)(b & 0x7f) << shift;
    if (!(b & 0x80)) return true;
  }
  return false;
}

static void fix_checksums(uint8_t *data, size_t size) {
  if (size < 48) return;
  const uint8_t *p = data + size - 48, *end = data + size - 8;
  uint64_t offset, n;
  for (int i = 0; i < 2 && varint(&p, end, &offset) && varint(&p, end, &n); i++)
    fix_checksum(data, size, offset, n);
  // The first data block starts the file and, in small tables, is the only one: it ends where the
  // meta block starts.
  p = data + size - 48;
  if (varint(&p, end, &offset) && offset > 5) fix_checksum(data, size, 0, offset - 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  char index[128], shard[128], prefix[80];
  snprintf(prefix, sizeof prefix, "%s/v", fuzz_dir());
  snprintf(index, sizeof index, "%s.index", prefix);
  snprintf(shard, sizeof shard, "%s.data-00000-of-00001", prefix);
  static uint8_t content[65536];
  fuzz_put(shard, content, bytes_get16(data));
  uint8_t *copy = malloc(size);
  memcpy(copy, data, size);
  fix_checksums(copy + 2, size - 2);
  fuzz_put(index, copy + 2, size - 2);
  free(copy);
  bundle_t *b;
  status_t st = bundle_open(prefix, &b);
  for (size_t i = 0; !st && i < bundle_count(b); i++) {
    tensor_t t;
    status_free(bundle_read(b, bundle_entry(b, i)->key, &t));
    tensor_unref(&t);
  }
  if (!st) bundle_close(b);
  status_free(st);
  return 0;
}
