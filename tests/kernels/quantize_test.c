// float32 to 8-bit numbers and back against their definition in double, on every instruction set.
#include "kernels/quantize.h"

#include <math.h>
#include <string.h>

#include "kernels/isa.h"
#include "tensor/tensor.h"
#include "test.h"

enum { N = 1031 };  // no vector's multiple

static float values[N];

static void make_values(float step) {
  unsigned seed = 7;
  for (int i = 0; i < N; i++) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = ((float)(seed >> 8) / (float)(1 << 24) - 0.5f) * 600 * step;
  }
  for (int i = 0; i < 400; i++) values[i] = (float)(i - 200) * 0.5f * step;  // exact halves, too
  const float odd[] = {NAN, INFINITY, -INFINITY, -NAN, 0.0f, -0.0f, 1e30f, -1e30f, 1e-40f};
  memcpy(values + 500, odd, sizeof odd);
}

static int expected(const quantize_how_t *q, float x) {
  float v = (x - q->base) * q->by;  // float32 is part of the definition
  if (isnan(v)) return 0;
  double r = q->half_up ? (double)floorf(v + 0.5f) : rint((double)v);
  double lo = (double)q->least, hi = (double)q->most;
  return (int)((r < lo ? lo : r > hi ? hi : r) + (double)q->start);
}

static void numbers_are_nearest(void **state) {
  (void)state;
  static const quantize_how_t ways[] = {
      {0, 1 / 0.25f, -128, 127, 0, false},  {0, 1 / 0.25f, 0, 255, 0, false},
      {0, 1 / 0.25f, -127, 127, 0, true},   {0, 1 / 0.03f, -113, 142, 113, false},
      {0, 1 / 0.03f, -118, 137, -10, true}, {-3.5f, 1 / 0.125f, 0, 255, 0, true},
      {0, 3.7f, -200, 55, 200, false},      {-3.5f, 1 / 0.125f, 0, 255, 0, false},
  };
  for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
    const quantize_how_t *q = &ways[k];
    make_values(1 / q->by);
    for (int begin = 0; begin < 3; begin++)
      for (int n = 0; n <= N - begin; n += n < 70 ? 1 : 137) {
        uint8_t y[N + 8];
        memset(y, 0xa5, sizeof y);
        quantize_floats(q, values + begin, y, n);
        for (int i = 0; i < n; i++) {
          int want = expected(q, values[begin + i]);
          if (y[i] != (uint8_t)want)
            fail_msg("way %d: %g gives %d, not %d", (int)k, (double)values[begin + i], y[i], want);
        }
        assert_int_equal(y[n], 0xa5);
      }
  }
}

static void values_come_back(void **state) {
  (void)state;
  uint8_t x[256 + 3];
  float y[256 + 3];
  for (int i = 0; i < 256 + 3; i++) x[i] = (uint8_t)(i * 7);
  for (int is_unsigned = 0; is_unsigned < 2; is_unsigned++)
    for (int n = 0; n <= 256 + 3; n++) {
      for (int i = 0; i < 256 + 3; i++) y[i] = -1;
      dequantize_numbers(x, is_unsigned, 9, 0.37f, y, n);
      for (int i = 0; i < n; i++) {
        float number = is_unsigned ? (float)x[i] : (float)(int8_t)x[i];
        assert_true(y[i] == (number - 9) * 0.37f);
      }
      if (n < 256 + 3) assert_true(y[n] == -1);
    }
}

int main(int argc, char **argv) {
  (void)argc;
  run_for_each_isa(argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_nearest),
      cmocka_unit_test(values_come_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
