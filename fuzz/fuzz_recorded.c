// Outputs that were recorded: two .npz archives, the first as long as the first two bytes say,
// compared and reported.
#include "fuzz.h"
#include "tftrt/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  size_t n = (size_t)data[0] | (size_t)data[1] << 8;
  if (n > size - 2) n = size - 2;
  char a[128], b[128], *json = NULL;
  snprintf(a, sizeof a, "%s/a.npz", fuzz_dir());
  snprintf(b, sizeof b, "%s/b.npz", fuzz_dir());
  fuzz_put(a, data + 2, n);
  fuzz_put(b, data + 2 + n, size - 2 - n);
  tftrt_comparison *c;
  tftrt_compare_options o;
  tftrt_compare_options_init(&o);
  o.threads = 1;
  if (tftrt_compare(a, b, &o, &c, NULL)) return 0;
  for (int i = 0; i < tftrt_comparison_output_count(c); i++) {
    tftrt_difference d = TFTRT_DIFFERENCE_INIT;
    int64_t counted = 0;
    if (tftrt_comparison_output(c, i, &d, NULL)) abort();
    for (int k = 0; k < TFTRT_ERROR_BINS; k++) counted += d.histogram[k];
    if (counted != d.count) abort();
  }
  if (!tftrt_comparison_json(c, &json, NULL)) tftrt_free(json);
  tftrt_comparison_destroy(c);
  return 0;
}
