// The least of disturbed timings, and when it is believed.
#include "backend/cpu/least_time.h"

#include "test.h"

static least_time_t of(int n, const int64_t *ns) {
  least_time_t t = {0};
  for (int i = 0; i < n; i++) least_time_add(&t, ns[i]);
  return t;
}

static void test_least_in_any_order(void **state) {
  static const int64_t orders[][4] = {{500000, 300000, 900000, 310000},
                                      {310000, 300000, 500000, 900000},
                                      {300000, 310000, 900000, 500000}};
  (void)state;
  for (int i = 0; i < 3; i++) {
    least_time_t t = of(4, orders[i]);
    assert_int_equal(t.least, 300000);
    assert_int_equal(t.next, 310000);
  }
}

static void test_settled_when_seen_twice(void **state) {
  (void)state;
  assert_false(least_time_settled(&(least_time_t){0}));
  assert_false(least_time_settled(&(least_time_t){.least = 300000}));
  least_time_t spread = of(4, (int64_t[]){300000, 500000, 900000, 700000});
  assert_false(least_time_settled(&spread));
  least_time_add(&spread, 309000);  // 3 % more
  assert_true(least_time_settled(&spread));
  least_time_add(&spread, 200000);  // all before were disturbed
  assert_false(least_time_settled(&spread));
  least_time_add(&spread, 201000);
  assert_true(least_time_settled(&spread));
}

static void test_short_times_differ_by_a_tick(void **state) {
  (void)state;
  least_time_t t = of(2, (int64_t[]){0, 900});
  assert_int_equal(t.least, 1);  // 0 is "not timed"
  assert_true(least_time_settled(&t));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_least_in_any_order),
                                     cmocka_unit_test(test_settled_when_seen_twice),
                                     cmocka_unit_test(test_short_times_differ_by_a_tick)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
