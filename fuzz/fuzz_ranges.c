// Calibration tables: read, and when they are read, written and read again with the same result.
#include "fuzz.h"
#include "network/ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ranges_t *r = NULL, *again = NULL;
  status_t st = ranges_parse((const char *)data, size, "table", &r);
  if (!st) {
    char *text = ranges_format(r);
    status_t bad = ranges_parse(text, strlen(text), "table", &again);
    if (bad || ranges_count(again) != ranges_count(r)) abort();
    mem_free(text);
  }
  status_free(st);
  ranges_destroy(r);
  ranges_destroy(again);
  return 0;
}
