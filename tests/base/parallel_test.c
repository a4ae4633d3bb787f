// Loops cover their range once, in the child of a fork as in its parent.
#include "base/parallel.h"

#include <pthread.h>
#include <stdlib.h>
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

#if defined(__SANITIZE_THREAD__)  // which ends a child that starts threads
static int wrong_in_new_thread(void) { return 0; }
#else
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
#endif

// A child that waited for the parent's threads would never end.
static void a_child_computes_without_its_parents_threads(void **state) {
  (void)state;
  assert_int_equal(wrong_after(1), 0);
  bool with_others = uses_others();
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    int wrong = wrong_after(3) || uses_others() || parallel_set_threads(THREADS) != 1;
    _exit(wrong || wrong_after(1) || wrong_in_new_thread() ? 1 : 0);
  }
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_int_equal(uses_others(), with_others);
  assert_int_equal(wrong_after(3), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_item_is_visited_once),
      cmocka_unit_test(a_child_computes_without_its_parents_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
