// Threads share engines: a build holds up those alone who need that engine, one model with three
// shapes and room for two engines gives right answers. Run it under ThreadSanitizer too.
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/engine_world.h"

enum { THREADS = 8, ROUNDS = 60 };

// A backend whose builds wait for each other: two of them must be going on at the same time.
static struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int building, together, builds;
  bool meet;  // builds wait until there are two
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool wait_until(const int *n, int want) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_sec += 60;  // only a test that fails gets there
  int rc = 0;
  while (*n < want && rc != ETIMEDOUT) rc = pthread_cond_timedwait(&gate.changed, &gate.lock, &t);
  return *n >= want;
}

static status_t gated_build(const network_t *n, const build_options_t *o, bytes_t *plan) {
  pthread_mutex_lock(&gate.lock);
  gate.builds++;
  if (++gate.building > gate.together) gate.together = gate.building;
  pthread_cond_broadcast(&gate.changed);
  bool met = !gate.meet || wait_until(&gate.together, 2);
  gate.building--;
  pthread_mutex_unlock(&gate.lock);
  if (!met) return FAIL(UNKNOWN, "the other build never began");
  return backend_find("ref")->build(n, o, plan);
}

static void gate_reset(bool meet) {
  pthread_mutex_lock(&gate.lock);
  gate.building = gate.together = gate.builds = 0;
  gate.meet = meet;
  pthread_mutex_unlock(&gate.lock);
}

typedef struct job {
  executable_t *x;
  shape_t shapes[3];
  int n_shapes, rounds, first;
} job_t;

static void *work(void *arg) {
  const job_t *j = arg;
  for (int i = 0; i < j->rounds; i++) run_shape(j->x, j->shapes[(i + j->first) % j->n_shapes]);
  return NULL;
}

static void run_jobs(job_t *jobs, int n) {
  pthread_t t[THREADS];
  for (int i = 0; i < n; i++) assert_int_equal(pthread_create(&t[i], NULL, work, &jobs[i]), 0);
  for (int i = 0; i < n; i++) pthread_join(t[i], NULL);
}

static void world_begin(world_t *w, executable_t **x, const backend_t *b, int capacity) {
  world_create(w, "ref");
  if (b) {
    engines_destroy(w->engines);
    w->engines = engines_create(b, NULL, w->services.resources, 1);
    engines_add_library(w->engines, w->library);
  }
  world_partial(w, SHAPE(-1, -1));
  world_capacity(w, capacity);
  assert_ok(executable_create(w->g, &w->services, x));
}

static void world_end(world_t *w, executable_t *x) {
  executable_destroy(x);
  world_destroy(w);
}

static void engines_are_built_side_by_side(void **state) {
  (void)state;
  backend_t b = *backend_find("ref");
  b.build = gated_build;
  world_t w;
  executable_t *x;
  gate_reset(true);
  world_begin(&w, &x, &b, 2);
  job_t jobs[2] = {{.x = x, .shapes = {SHAPE(2, 3)}, .n_shapes = 1, .rounds = 1},
                   {.x = x, .shapes = {SHAPE(2, 5)}, .n_shapes = 1, .rounds = 1}};
  run_jobs(jobs, 2);
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.builds, 2);
  assert_int_equal(s.hits, 2);
  world_end(&w, x);
}

// One build, for the eight that ask for it at once.
static void who_needs_the_same_engine_waits(void **state) {
  (void)state;
  backend_t b = *backend_find("ref");
  b.build = gated_build;
  world_t w;
  executable_t *x;
  gate_reset(false);
  world_begin(&w, &x, &b, 2);
  job_t jobs[THREADS];
  for (int i = 0; i < THREADS; i++)
    jobs[i] = (job_t){.x = x, .shapes = {SHAPE(2, 3)}, .n_shapes = 1, .rounds = 4};
  run_jobs(jobs, THREADS);
  engine_stats_t s = stats_of(&w);
  assert_int_equal(gate.builds, 1);
  assert_int_equal(s.builds, 1);
  assert_int_equal(s.hits, 4 * THREADS);
  world_end(&w, x);
}

typedef struct holder {
  pthread_t thread;
  job_t job;
} holder_t;

// While an engine is built, shapes that there is an engine for are served.
static void a_build_holds_up_nobody_else(void **state) {
  (void)state;
  backend_t b = *backend_find("ref");
  b.build = gated_build;
  world_t w;
  executable_t *x;
  gate_reset(false);
  world_begin(&w, &x, &b, 3);
  run_shape(x, SHAPE(2, 3));
  gate_reset(true);
  holder_t h = {.job = {.x = x, .shapes = {SHAPE(2, 5)}, .n_shapes = 1, .rounds = 1}};
  assert_int_equal(pthread_create(&h.thread, NULL, work, &h.job), 0);
  pthread_mutex_lock(&gate.lock);
  assert_true(wait_until(&gate.building, 1));
  pthread_mutex_unlock(&gate.lock);
  for (int i = 0; i < 10; i++) run_shape(x, SHAPE(1 + i % 2, 3));
  assert_int_equal(stats_of(&w).hits, 11);  // and the build is still going on
  run_shape(x, SHAPE(2, 7));                // the second build, which ends the first one's wait
  pthread_join(h.thread, NULL);
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.builds, 3);
  assert_int_equal(s.hits, 13);
  world_end(&w, x);
}

// 8 threads, three shapes, a cache of two.
static void eight_threads(const char *compat, const char *strategy, engine_stats_t *out) {
  world_t w;
  executable_t *x;
  world_begin(&w, &x, NULL, 2);
  if (compat) node_set_string(w.g, w.op, "_tftrt_compat", compat, strlen(compat));
  if (strategy) world_dynamic(&w, strategy);
  job_t jobs[THREADS];
  for (int i = 0; i < THREADS; i++)
    jobs[i] = (job_t){.x = x,
                      .shapes = {SHAPE(4, 3), SHAPE(2, 5), SHAPE(3, 7)},
                      .n_shapes = 3,
                      .rounds = ROUNDS,
                      .first = i % 3};
  run_jobs(jobs, THREADS);
  *out = stats_of(&w);
  assert_int_equal(out->runs, THREADS * ROUNDS);
  assert_int_equal(out->hits + out->fallbacks, THREADS * ROUNDS);
  world_end(&w, x);
}

static void eight_threads_three_shapes_cache_of_two(void **state) {
  (void)state;
  engine_stats_t s;
  eight_threads(NULL, NULL, &s);
  assert_int_equal(s.builds, 2);
  assert_int_equal(s.hits, THREADS * ROUNDS / 3 * 2);
  assert_int_equal(s.engines, 2);
  eight_threads("2.17", NULL, &s);  // engines take turns
  assert_int_equal(s.fallbacks, 0);
  assert_true(s.builds >= 3);
  assert_int_equal(s.engines, 2);
  eight_threads(NULL, "Optimal", &s);  // the first shape's profile alone
  assert_int_equal(s.builds, 1);
  assert_int_equal(s.hits, THREADS * ROUNDS / 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(engines_are_built_side_by_side),
      cmocka_unit_test(who_needs_the_same_engine_waits),
      cmocka_unit_test(a_build_holds_up_nobody_else),
      cmocka_unit_test(eight_threads_three_shapes_cache_of_two),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
