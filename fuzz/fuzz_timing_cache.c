// Timing caches: read, and what was read written and read again.
#include "engine/timing_cache.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  timing_cache_t *c = timing_cache_create();
  status_t st = timing_cache_parse(c, (const char *)data, size, "input");
  if (st && timing_cache_count(c)) abort();
  status_free(st);
  timing_cache_destroy(c);
  return 0;
}
