#include "base/map.h"

#include <stdio.h>

#include "test.h"

static void keeps_what_was_put(void **state) {
  (void)state;
  map_t *m = map_create();
  char key[32];
  static int values[2000];
  for (int i = 0; i < 2000; i++) {
    snprintf(key, sizeof key, "key/%d", i);
    map_put(m, key, &values[i]);
  }
  assert_int_equal(map_count(m), 2000);
  for (int i = 0; i < 2000; i += 2) {
    snprintf(key, sizeof key, "key/%d", i);
    assert_true(map_remove(m, key));
    assert_false(map_remove(m, key));
  }
  for (int i = 0; i < 2000; i++) {
    snprintf(key, sizeof key, "key/%d", i);
    assert_ptr_equal(map_get(m, key), i % 2 ? &values[i] : NULL);
  }
  map_put(m, "key/1", &values[0]);
  assert_ptr_equal(map_get(m, "key/1"), &values[0]);
  assert_int_equal(map_count(m), 1000);
  map_destroy(m);
}

static void walks_in_order_of_insertion(void **state) {
  (void)state;
  map_t *m = map_create();
  const char *words[] = {"z", "a", "m", "", "b"};
  for (int i = 0; i < 5; i++) map_put(m, words[i], (void *)words[i]);
  map_remove(m, "m");
  const char *expected[] = {"z", "a", "", "b"};
  size_t i = 0, n = 0;
  const char *k;
  void *v;
  while (map_next(m, &i, &k, &v)) assert_string_equal(k, expected[n++]);
  assert_int_equal(n, 4);
  map_destroy(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_what_was_put),
                                     cmocka_unit_test(walks_in_order_of_insertion)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
