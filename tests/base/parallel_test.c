// Loops cover their range once, in the child of a fork as in its parent; regions have the threads
// that were asked for, which end with the thread that they work for.
#include "base/parallel.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

enum { N = 100000, THREADS = 4 };

static void add_one(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  int *counts = ctx;
  for (int64_t i = begin; i < end; i++) counts[i]++;
}

static int wrong_after(int rounds) {
  int *counts = calloc(N, sizeof *counts), wrong = 0;
  for (int r = 0; r < rounds; r++) parallel_for(THREADS, N, 1, add_one, counts);
  for (int i = 0; i < N; i++) wrong += counts[i] != rounds;
  free(counts);
  return wrong;
}

static void every_item_is_visited_once(void **state) {
  (void)state;
  assert_int_equal(wrong_after(1), 0);
  assert_int_equal(wrong_after(10), 0);
}

static void note_threads(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)begin;
  (void)end;
  if (thread > 0) *(int *)ctx = 1;
}

static bool uses_others(void) {
  int others = 0;
  parallel_for(2, 2, 1, note_threads, &others);
  return others;
}

static void *in_new_thread(void *result) {
  *(int *)result = wrong_after(3);
  return NULL;
}

static int wrong_in_new_thread(void) {
  int wrong = 1;
  pthread_t thread;
  if (pthread_create(&thread, NULL, in_new_thread, &wrong)) return 1;
  pthread_join(thread, NULL);
  return wrong;
}

// Runs it in a child; its result must be 0.
static void in_child(int (*what)(bool with_others), bool with_others) {
#if defined(__SANITIZE_THREAD__)  // which ends a child that starts threads
  skip();
#endif
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) _exit(what(with_others) ? 1 : 0);
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static int wrong_in_child(bool with_others) {
  return wrong_after(3) || uses_others() != with_others || parallel_set_threads(2) != THREADS ||
         wrong_in_new_thread();
}

// A child that waited for the parent's threads would never end.
static void a_child_has_threads_of_its_own(void **state) {
  (void)state;
  assert_int_equal(wrong_after(1), 0);
  int before = parallel_set_threads(THREADS);
  bool with_others = uses_others();
  in_child(wrong_in_child, with_others);
  parallel_set_threads(before);
  assert_int_equal(uses_others(), with_others);
  assert_int_equal(wrong_after(3), 0);
}

#if !defined(__SANITIZE_ADDRESS__)  // which needs more room than is left here
static void note_team(void *data) {
  if (parallel_number() == 0) *(int *)data = parallel_team();
}

static int wrong_without_room(bool with_others) {
  (void)with_others;
  enum { MANY = 600 };  // more than there are old stacks of
  int team = 0;
  const struct rlimit none = {1 << 20, 1 << 20};
  parallel_lacked();
  if (wrong_after(1) || parallel_lacked()) return 1;
  if (setrlimit(RLIMIT_AS, &none)) return 1;
  parallel_begin(MANY, note_team, &team);
  note_team(&team);
  parallel_end();
  return team >= MANY || !parallel_lacked() || parallel_lacked();
}

// No more threads can be started: there are fewer, and it is known.
static void threads_that_lack_are_known(void **state) {
  (void)state;
  in_child(wrong_without_room, false);
}
#endif

// ---------------------------------------------------------------- regions

typedef struct region {
  int team, numbers[THREADS * 2], inner, late;
  atomic_int came;
} region_t;

static void in_inner(void *data) {
  region_t *r = data;
  if (parallel_team() != 1 || parallel_number() != 0) r->inner = -1000;
}

static void in_region(void *data) {
  region_t *r = data;
  int number = parallel_number();
  r->numbers[number]++;
  for (int round = 1; round <= 50; round++) {
    atomic_fetch_add(&r->came, 1);
    parallel_barrier();
    if (atomic_load(&r->came) < round * parallel_team()) r->late = 1;
    parallel_barrier();
  }
  if (number != parallel_team() - 1) return;
  r->team = parallel_team();
  parallel_begin(2, in_inner, r);  // alone: the others are busy
  in_inner(r);
  parallel_end();
  r->inner += parallel_number() + 1;
}

static void check_region(int threads) {
  region_t r = {0};
  parallel_begin(threads, in_region, &r);
  in_region(&r);
  parallel_end();
  assert_int_equal(r.team, threads);
  for (int i = 0; i < THREADS * 2; i++) assert_int_equal(r.numbers[i], i < threads);
  assert_int_equal(r.late, 0);
  assert_int_equal(r.inner, threads);
  assert_false(parallel_inside());
  assert_int_equal(parallel_team(), 1);
}

static void regions_grow_and_shrink(void **state) {
  (void)state;
  static const int threads[] = {2, 1, THREADS, 3, THREADS * 2, 2, 1, THREADS};
  for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) check_region(threads[i]);
  for (int i = 0; i < 3; i++) {  // the others sleep by now
    usleep(5000);
    check_region(3);
  }
}

static void no_threads_are_as_many_as_were_set(void **state) {
  (void)state;
  int before = parallel_set_threads(3);
  region_t r = {0};
  parallel_begin(0, in_region, &r);
  in_region(&r);
  parallel_end();
  assert_int_equal(r.team, 3);
  assert_int_equal(parallel_set_threads(before), 3);
}

static void *with_a_pool(void *result) {
  *(int *)result = wrong_after(3);
  return NULL;
}

static int threads_of_process(void) {
  int n = 0;
  DIR *d = opendir("/proc/self/task");
  assert_non_null(d);
  for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
  closedir(d);
  return n;
}

// Many threads compute at once, each with others of its own, which end with it.
static void a_threads_pool_ends_with_it(void **state) {
  (void)state;
  int before = threads_of_process(), wrong[6];
  pthread_t threads[6];
  for (int i = 0; i < 6; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, with_a_pool, &wrong[i]), 0);
  for (int i = 0; i < 6; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(wrong[i], 0);
  }
  // A thread that was joined may be listed for another moment.
  for (int i = 0; i < 1000 && threads_of_process() > before; i++) usleep(1000);
  assert_int_equal(threads_of_process(), before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_item_is_visited_once),
    cmocka_unit_test(regions_grow_and_shrink),
    cmocka_unit_test(no_threads_are_as_many_as_were_set),
    cmocka_unit_test(a_threads_pool_ends_with_it),
    cmocka_unit_test(a_child_has_threads_of_its_own),
#if !defined(__SANITIZE_ADDRESS__)
    cmocka_unit_test(threads_that_lack_are_known),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
