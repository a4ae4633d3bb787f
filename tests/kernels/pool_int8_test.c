// Means of windows that lie outside of the image, as paddings beyond the window give them: nothing
// but the image is read, and what is outside counts as zeros.
#define _GNU_SOURCE
#include "kernels/pool_int8.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "test.h"

enum { WIDTH = 5, BEFORE = 7, AFTER = 90, WINDOW = 2, OUT = BEFORE + WIDTH + AFTER - WINDOW + 1 };

static void windows_outside(void **state) {
  (void)state;
  static const int64_t channels[] = {1, 3, 64, 130};
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  // The image ends where no page is.
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(pages != MAP_FAILED);
  assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
  for (int k = 0; k < 4; k++) {
    const int64_t c = channels[k];
    uint8_t *x = (uint8_t *)pages + page - (size_t)(WIDTH * c);
    float *y = mem_alloc((size_t)(OUT * c) * sizeof *y);
    memset(x, 12, (size_t)(WIDTH * c));
    average_int8_t a = {.s = {.spatial = 1,
                              .batch = 1,
                              .in_c = c,
                              .out_c = c,
                              .in = {WIDTH},
                              .out = {OUT},
                              .kernel = {WINDOW},
                              .stride = {1},
                              .dilation = {1},
                              .pad = {BEFORE},
                              .groups = 1},
                        .count_padding = true,
                        .zero = 2,
                        .ratio = 1,
                        .type = DT_FLOAT};
    average_int8(&a, x, y, 1);
    for (int64_t o = 0; o < OUT; o++) {
      int inside = 0;
      for (int64_t i = o - BEFORE; i < o - BEFORE + WINDOW; i++) inside += i >= 0 && i < WIDTH;
      for (int64_t m = 0; m < c; m++)
        assert_float_equal(y[o * c + m], (float)inside * 10 / WINDOW, 0);
    }
    mem_free(y);
  }
  munmap(pages, 2 * page);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(windows_outside)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
