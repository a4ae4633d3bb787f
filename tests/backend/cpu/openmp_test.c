// A library made for OpenMP's runtime computes on our pool once it is bound to it, and as OpenMP
// says. One that needs more of the runtime is left alone.
#define _GNU_SOURCE
#include "backend/cpu/openmp.h"

#include <dlfcn.h>
#include <string.h>

#include "backend/cpu/openmp_loops.h"
#include "base/parallel.h"
#include "test.h"

static run_loops_fn open_library(const char *path, const char **unknown) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) fail_msg("%s", dlerror());
  *unknown = openmp_bind(handle);
  run_loops_fn run;
  *(void **)&run = dlsym(handle, "run_loops");
  assert_non_null(run);
  return run;
}

// Threads of the region; all of it is checked.
static int run(run_loops_fn fn, loops_t l) {
  l.is_ours = parallel_inside;
  fn(&l);
  int team = l.teams[0];
  for (int i = 0; i < LOOPS_MOST; i++) {
    bool up = l.step > 0, in = up ? i >= l.from && i < l.to : i <= l.from && i > l.to;
    assert_int_equal(l.visits[i], in && (i - l.from) % l.step == 0);
    assert_int_equal(l.teams[i], i < team ? team : 0);
    assert_int_equal(l.came[i], i < team);
    assert_int_equal(l.inside[i], i < team);
    assert_int_equal(l.missed[i], 0);
  }
  assert_int_equal(l.most, parallel_threads());
  assert_int_equal(l.after, 1);
  return team;
}

static void it_computes_on_our_pool(void **state) {
  (void)state;
  const char *unknown;
  run_loops_fn fn = open_library(OPENMP_LOOPS, &unknown);
  if (unknown) fail_msg("%s is not known", unknown);
  static const loops_t loops[] = {
      {.threads = 3, .from = 0, .to = 64, .step = 1},
      {.threads = 3, .from = 1, .to = 64, .step = 1, .by_start = true},
      {.threads = 4, .from = 3, .to = 50, .step = 7, .chunk = 2},
      {.threads = 2, .from = 63, .to = 0, .step = -3, .chunk = 5, .by_start = true},
      {.threads = 5, .from = 40, .to = -1, .step = -1},
      {.threads = 4, .from = 10, .to = 12, .step = 1},  // less than there are threads
      {.threads = 4, .from = 10, .to = 10, .step = 1, .chunk = 1},
      {.threads = 3, .from = 10, .to = 9, .step = 1},
  };
  for (int round = 0; round < 20; round++)
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
      assert_int_equal(run(fn, loops[i]), loops[i].threads);
}

static void it_has_the_threads_that_were_set(void **state) {
  (void)state;
  const char *unknown;
  run_loops_fn fn = open_library(OPENMP_LOOPS, &unknown);
  const loops_t loop = {.from = 0, .to = 64, .step = 1};
  int before = parallel_set_threads(3);
  assert_int_equal(run(fn, loop), 3);
  assert_int_equal(parallel_set_threads(1), 3);
  assert_int_equal(run(fn, loop), 1);
  loops_t sets = loop;
  sets.set = 4;
  assert_int_equal(run(fn, sets), 4);
  assert_int_equal(parallel_set_threads(before), 4);
}

static void what_is_not_known_is_named(void **state) {
  (void)state;
  const char *unknown;
  open_library(OPENMP_UNKNOWN, &unknown);
  assert_non_null(unknown);
  assert_string_equal(unknown, "GOMP_critical_start");
}

static void a_library_without_openmp_is_left_alone(void **state) {
  (void)state;
  void *handle = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
  assert_non_null(handle);
  assert_null(openmp_bind(handle));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_computes_on_our_pool),
      cmocka_unit_test(it_has_the_threads_that_were_set),
      cmocka_unit_test(what_is_not_known_is_named),
      cmocka_unit_test(a_library_without_openmp_is_left_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
