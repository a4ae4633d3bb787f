// TRTEngineOp: engines are built, saved, loaded, shared by threads; the native segment runs where
// no engine does.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/engine_world.h"
#include "runtime/segment_build.h"

static void built_when_first_needed(void **state) {
  (void)state;
  for (int i = 0; backend_at(i); i++) {
    world_t w;
    executable_t *x;
    world_create(&w, backend_at(i)->name);
    world_capacity(&w, 4);
    assert_ok(executable_create(w.g, &w.services, &x));
    for (int64_t rows = 1; rows < 5; rows++) run_and_check(x, rows);
    run_and_check(x, 2);
    engine_stats_t s = stats_of(&w);
    assert_int_equal(s.runs, 5);
    if (s.hits != 5) print_message("%s\n", s.last_fallback_reason);
    assert_int_equal(s.hits, 5);
    assert_int_equal(s.builds, 4);  // each batch is larger than all before
    assert_int_equal(s.fallbacks, 0);
    executable_destroy(x);
    world_destroy(&w);
  }
}

static void native_without_an_engine(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  world_create(&w, "ref");
  node_set_bool(w.g, w.op, "_allow_build_at_runtime", false);
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 2);
  run_and_check(x, 3);
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.hits, 0);
  assert_int_equal(s.builds, 0);
  assert_int_equal(s.fallbacks, 2);
  assert_non_null(strstr(s.last_fallback_reason, "allow_build_at_runtime=False"));
  executable_destroy(x);
  world_destroy(&w);
}

static void native_without_a_backend(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  world_create(&w, NULL);
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 2);
  assert_int_equal(stats_of(&w).fallbacks, 1);
  executable_destroy(x);
  world_destroy(&w);
}

static void native_for_shapes_that_the_graph_excludes(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  world_create(&w, "ref");
  shape_t s = SHAPE(4, 3);
  node_set_shapes(w.g, w.op, "input_shapes", &s, 1);
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 4);
  run_and_check(x, 5);
  engine_stats_t st = stats_of(&w);
  assert_int_equal(st.hits, 1);
  assert_int_equal(st.fallbacks, 1);
  assert_non_null(strstr(st.last_fallback_reason, "[[5,3]] != [[4,3]]"));
  executable_destroy(x);
  world_destroy(&w);
}

static void engines_are_saved_and_loaded(void **state) {
  (void)state;
  char path[] = "/tmp/tftrt-engines-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  world_t w;
  executable_t *x;
  world_create(&w, "ref");
  assert_fails(resource_op(&w, "SerializeTRTResource", "TRTEngineOp_000_000", path, false),
               NOT_FOUND, "not yet created");
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 2);
  assert_fails(resource_op(&w, "SerializeTRTResource", "TRTEngineOp_000_000", "", false),
               INVALID_ARGUMENT, "filename cannot be empty.");
  assert_ok(resource_op(&w, "SerializeTRTResource", "TRTEngineOp_000_000", path, false));
  executable_destroy(x);
  world_destroy(&w);

  world_create(&w, "ref");
  node_set_bool(w.g, w.op, "_allow_build_at_runtime", false);
  assert_ok(resource_op(&w, "InitializeTRTResource", "TRTEngineOp_000_000", path, false));
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 2);
  run_and_check(x, 1);
  assert_int_equal(stats_of(&w).hits, 2);
  executable_destroy(x);
  world_destroy(&w);

  assert_ok(file_write(path, "no records", 10));
  world_create(&w, "ref");
  assert_fails(resource_op(&w, "InitializeTRTResource", "TRTEngineOp_000_000", path, false),
               DATA_LOSS, path);
  unlink(path);
  assert_fails(resource_op(&w, "InitializeTRTResource", "TRTEngineOp_000_000", path, false),
               NOT_FOUND, path);
  world_destroy(&w);
}

// A file may name any node of the segment as one that reads a variable.
static void nodes_that_read_no_variable_are_no_constants(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  const char *name = "tanh";
  world_create(&w, "ref");
  node_set_strings(w.g, w.op, ATTR_VARIABLES, &name, 1);
  assert_ok(executable_create(w.g, &w.services, &x));
  for (int i = 0; i < 2; i++) run_and_check(x, 2);
  assert_int_equal(stats_of(&w).hits, 2);
  executable_destroy(x);
  world_destroy(&w);
}

static void *many_shapes(void *x) {
  for (int i = 0; i < 100; i++) run_and_check(x, 7 - i % 7);
  return NULL;
}

static void threads_share_an_engine(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  world_create(&w, backend_at(0)->name);
  assert_ok(executable_create(w.g, &w.services, &x));
  pthread_t t[4];
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&t[i], NULL, many_shapes, x), 0);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.hits, 400);
  assert_int_equal(s.builds, 1);  // of batch 7, which all wanted first
  executable_destroy(x);
  world_destroy(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(built_when_first_needed),
      cmocka_unit_test(native_without_an_engine),
      cmocka_unit_test(native_without_a_backend),
      cmocka_unit_test(native_for_shapes_that_the_graph_excludes),
      cmocka_unit_test(engines_are_saved_and_loaded),
      cmocka_unit_test(nodes_that_read_no_variable_are_no_constants),
      cmocka_unit_test(threads_share_an_engine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
