#include "tensor/dtype.h"

#include "test.h"

// IEEE 754 binary16 values from the standard's own definition: (code, value).
static void half_follows_ieee754(void **state) {
  (void)state;
  const struct {
    uint16_t h;
    float f;
  } known[] = {{0x0000, 0.0f},         {0x3c00, 1.0f},        {0xc000, -2.0f},
               {0x7bff, 65504.0f},     {0x0400, 0x1p-14f},    {0x0001, 0x1p-24f},
               {0x03ff, 0x1.ff8p-15f}, {0x3555, 0x1.554p-2f}, {0x7c00, INFINITY},
               {0xfc00, -INFINITY}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    assert_true(half_to_float(known[i].h) == known[i].f);
    assert_int_equal(float_to_half(known[i].f), known[i].h);
  }
  assert_true(isnan(half_to_float(0x7e00)));
  assert_true(isnan(half_to_float(float_to_half(NAN))));
}

static void half_round_trips_and_rounds_to_even(void **state) {
  (void)state;
  for (uint32_t h = 0; h < 0x10000; h++) {
    float f = half_to_float((uint16_t)h);
    if (isnan(f)) continue;
    assert_int_equal(float_to_half(f), h);
    uint32_t next = h + 1;
    if ((h & 0x7fffu) >= 0x7bffu) continue;
    float middle = (float)(((double)f + (double)half_to_float((uint16_t)next)) / 2);
    assert_int_equal(float_to_half(middle), h & 1 ? next : h);  // ties to even, subnormals too
  }
  assert_int_equal(float_to_half(65519.996f), 0x7bff);
  assert_int_equal(float_to_half(65520.0f), 0x7c00);
}

static void bfloat16_rounds_to_even(void **state) {
  (void)state;
  assert_int_equal(float_to_bfloat16(1.0f), 0x3f80);
  assert_int_equal(float_to_bfloat16(0x1.01p0f), 0x3f80);  // tie, even below
  assert_int_equal(float_to_bfloat16(0x1.03p0f), 0x3f82);  // tie, even above
  assert_int_equal(float_to_bfloat16(0x1.0101p0f), 0x3f81);
  assert_int_equal(float_to_bfloat16(INFINITY), 0x7f80);
  assert_true(isnan(bfloat16_to_float(float_to_bfloat16(NAN))));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(half_follows_ieee754),
                                     cmocka_unit_test(half_round_trips_and_rounds_to_even),
                                     cmocka_unit_test(bfloat16_rounds_to_even)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
