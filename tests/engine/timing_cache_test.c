#include "engine/timing_cache.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "test.h"

static char folder[64], path[96];

static int make(void **state) {
  (void)state;
  strcpy(folder, "/tmp/tftrt_timing_XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/times.json", folder);
  return 0;
}

static int clean(void **state) {
  (void)state;
  status_free(file_remove_tree(folder));
  return 0;
}

static void expect(timing_cache_t *c, const char *layer, const char *tactic, int64_t want) {
  int64_t ns = -1;
  assert_true(timing_cache_get(c, "this CPU, 2 threads", layer, tactic, &ns));
  assert_int_equal(ns, want);
}

static void times_are_kept_in_a_file(void **state) {
  (void)state;
  timing_cache_t *a = timing_cache_create(), *b = timing_cache_create();
  const char *m = "this CPU, 2 threads";
  int64_t ns;
  timing_cache_put(a, m, "conv \"1\"", "own", 1234567890123);
  timing_cache_put(a, m, "conv \"1\"", "onednn", 5);
  timing_cache_put(a, "another", "conv \"1\"", "own", 9);
  assert_int_equal(timing_cache_count(a), 3);
  assert_fails(timing_cache_load(b, path), NOT_FOUND, "times.json");
  assert_ok(timing_cache_save(a, path));
  assert_ok(timing_cache_load(b, path));
  expect(b, "conv \"1\"", "own", 1234567890123);
  expect(b, "conv \"1\"", "onednn", 5);
  assert_false(timing_cache_get(b, m, "conv 2", "own", &ns));
  assert_false(timing_cache_get(b, "no such machine", "conv \"1\"", "own", &ns));
  timing_cache_destroy(a);
  timing_cache_destroy(b);
}

// Two conversions that save to one file lose nothing of each other's.
static void saving_adds(void **state) {
  (void)state;
  timing_cache_t *a = timing_cache_create(), *b = timing_cache_create();
  timing_cache_put(a, "this CPU, 2 threads", "matmul", "own", 77);
  assert_ok(timing_cache_save(a, path));
  assert_ok(timing_cache_load(b, path));
  expect(b, "matmul", "own", 77);
  expect(b, "conv \"1\"", "onednn", 5);
  char **names;
  size_t n;
  assert_ok(file_list_dir(folder, &names, &n));
  assert_int_equal(n, 1);  // nothing is left beside it
  mem_free(names[0]);
  mem_free(names);
  timing_cache_destroy(a);
  timing_cache_destroy(b);
}

static void bad(const char *text, const char *part) {
  timing_cache_t *c = timing_cache_create();
  assert_fails(timing_cache_parse(c, text, strlen(text), "f.json"), DATA_LOSS, part);
  assert_int_equal(timing_cache_count(c), 0);
  timing_cache_destroy(c);
}

static void damage_is_one_clear_error(void **state) {
  (void)state;
  bad("", "f.json is no timing cache: line 1");
  bad("[]", "its \"schema\" is not tftrt.timing-cache/1");
  bad("{\"schema\": \"tftrt.timing-cache/2\", \"machines\": {}}", "schema");
  bad("{\"schema\": \"tftrt.timing-cache/1\"}", "\"machines\"");
  bad("{\"schema\": \"tftrt.timing-cache/1\", \"machines\": {\"a\": 3}}", "\"machines\"");
  bad("{\"schema\": \"tftrt.timing-cache/1\", \"machines\": {\"a\": {\"b\": {\"own\": -1}}}}",
      "times");
  bad("{\"schema\": \"tftrt.timing-cache/1\", \"machines\": {\"a\": {\"b\": {\"own\": 1.5}}}}",
      "times");
  // Cut off anywhere, a real file is refused.
  file_map_t *m;
  assert_ok(file_map_open(path, &m));
  timing_cache_t *c = timing_cache_create();
  for (size_t n = 0; n + 1 < m->size; n++) {
    status_t st = timing_cache_parse(c, (const char *)m->data, n, "cut");
    assert_int_equal(status_code(st), CODE_DATA_LOSS);
    status_free(st);
  }
  assert_int_equal(timing_cache_count(c), 0);
  timing_cache_destroy(c);
  file_map_unref(m);
}

static void a_damaged_file_is_written_anew(void **state) {
  (void)state;
  assert_ok(file_write(path, "{", 1));
  timing_cache_t *a = timing_cache_create(), *b = timing_cache_create();
  timing_cache_put(a, "this CPU, 2 threads", "pool", "own", 3);
  assert_ok(timing_cache_save(a, path));
  assert_ok(timing_cache_load(b, path));
  assert_int_equal(timing_cache_count(b), 1);
  timing_cache_destroy(a);
  timing_cache_destroy(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(times_are_kept_in_a_file),
                                     cmocka_unit_test(saving_adds),
                                     cmocka_unit_test(damage_is_one_clear_error),
                                     cmocka_unit_test(a_damaged_file_is_written_anew)};
  return cmocka_run_group_tests(tests, make, clean);
}
