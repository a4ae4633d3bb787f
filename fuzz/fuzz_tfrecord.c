// Engine assets: TFRecords of TRTEngineInstance. Checksums are put right, so that the messages are
// reached.
#include <string.h>

#include "formats/bytes.h"
#include "formats/crc32c.h"
#include "fuzz.h"
#include "saved_model/writer.h"

static status_t ignore(void *user, const shape_t *shapes, int n, const uint8_t *plan, size_t size) {
  uint64_t *sum = user;
  for (int i = 0; i < n; i++) *sum += (uint64_t)shapes[i].rank;
  for (size_t i = 0; i < size; i++) *sum += plan[i];
  return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint64_t sum = 0;
  status_free(saved_engine_records(data, size, "x", ignore, &sum));
  uint8_t *copy = malloc(size ? size : 1);
  if (size) memcpy(copy, data, size);
  for (size_t at = 0; size - at >= 16;) {
    uint64_t n = bytes_get64(copy + at);
    bytes_put(copy + at + 8, crc32c_mask(crc32c(copy + at, 8)), 4);
    if (n > size - at - 16) break;
    bytes_put(copy + at + 12 + n, crc32c_mask(crc32c(copy + at + 12, n)), 4);
    at += 16 + n;
  }
  status_free(saved_engine_records(copy, size, "x", ignore, &sum));
  free(copy);
  return 0;
}
