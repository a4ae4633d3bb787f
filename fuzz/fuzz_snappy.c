// Snappy blocks.
#include "formats/snappy.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *out;
  size_t n;
  status_t st = snappy_decompress(data, size, "x", &out, &n);
  if (!st) mem_aligned_free(out);
  status_free(st);
  return 0;
}
