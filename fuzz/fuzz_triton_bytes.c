// Triton's BYTES tensors, and back.
#include "../triton/bytes.h"
#include "fuzz.h"

enum { MOST = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size) return 0;
  size_t n = data[0] % MOST, bytes;
  tftrt_string strings[MOST];
  if (!bytes_parse(data + 1, size - 1, n, strings)) return 0;
  if (!bytes_size(strings, n, &bytes) || bytes != size - 1) abort();
  uint8_t *again = malloc(bytes + 1);
  if (!again) abort();
  bytes_write(strings, n, again);
  if (memcmp(again, data + 1, bytes) != 0) abort();
  free(again);
  return 0;
}
