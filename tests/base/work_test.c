#include "base/work.h"

#include "base/mem.h"
#include "base/stream.h"
#include "test.h"

typedef struct heard {
  int times;
  int stop_at;
  const char *stage;
  int64_t done, total;
} heard_t;

static int hear(void *user, const char *stage, int64_t done, int64_t total) {
  heard_t *h = user;
  h->stage = stage;
  h->done = done;
  h->total = total;
  return ++h->times == h->stop_at;
}

static void outside_of_work_nothing_happens(void **state) {
  (void)state;
  assert_ok(work_check());
  work_advance(5);
  work_fraction(0.5);
}

static void progress_is_told(void **state) {
  (void)state;
  heard_t h = {0};
  work_t w;
  work_init(&w, hear, &h, 0);
  work_place_t before = work_enter(&w, 100);
  assert_ok(work_tell(&w, "saving", 0, 200));
  assert_string_equal(h.stage, "saving");
  assert_int_equal(h.total, 200);
  work_fraction(0.25);
  work_fraction(0.2);  // no way back
  work_advance(7);
  assert_ok(work_tell_again(&w));
  assert_int_equal(h.done, 32);
  work_fraction(2);
  work_advance(500);
  assert_ok(work_tell_again(&w));
  assert_int_equal(h.done, 200);  // never more than all
  work_leave(&before);
  work_advance(1);
  assert_int_equal(w.done, 607);
}

static void the_callback_cancels(void **state) {
  (void)state;
  heard_t h = {.stop_at = 2};
  work_t w;
  work_init(&w, hear, &h, 0);
  work_place_t before = work_enter(&w, 0);
  assert_ok(work_tell(&w, "reading", 0, 1));
  assert_fails(work_tell(&w, "freezing", 0, 1), CANCELLED, "cancelled while freezing");
  assert_fails(work_check(), CANCELLED, "cancelled while freezing");
  uint8_t byte = 0;
  uint64_t hash = 1;
  assert_fails(stream_pass(&byte, 1, false, stream_hash, &hash), CANCELLED, "freezing");
  work_leave(&before);
  assert_ok(work_check());
}

static void *other_thread(void *arg) {
  work_t *w = arg;
  work_place_t before = work_enter(w, 10);
  status_t st;
  while (!(st = work_check())) work_fraction(0.5);
  work_leave(&before);
  return st;
}

// Another thread's check sees what the owner's callback said, and does not call it.
static void other_threads_are_stopped(void **state) {
  (void)state;
  heard_t h = {.stop_at = 3};
  work_t w;
  work_init(&w, hear, &h, 0);
  assert_ok(work_tell(&w, "building engines", 0, 10));
  pthread_t t;
  assert_int_equal(pthread_create(&t, NULL, other_thread, &w), 0);
  status_t st = NULL;
  while (!st) st = work_tell_again(&w);
  assert_int_equal(status_code(st), CODE_CANCELLED);
  status_free(st);
  void *said;
  pthread_join(t, &said);
  assert_fails((status_t)said, CANCELLED, "building engines");
  assert_int_equal(h.times, 3);
}

static void memory_is_limited(void **state) {
  (void)state;
  size_t had = mem_held();
  void *a = mem_try_alloc(1 << 20);
  assert_non_null(a);
  assert_true(mem_held() >= had + (1 << 20));
  work_t w;
  work_init(&w, NULL, NULL, mem_held() + (4 << 20));
  work_place_t before = work_enter(&w, 0);
  mem_set_refused(0);
  assert_null(mem_try_alloc(5 << 20));
  assert_int_equal(mem_refused(), 5 << 20);
  void *b = mem_try_alloc(3 << 20);
  assert_non_null(b);
  assert_null(mem_try_alloc(3 << 20));
  assert_null(mem_try_realloc(b, 8 << 20));
  assert_non_null(b = mem_try_realloc(b, 2 << 20));
  work_leave(&before);
  void *c = mem_try_alloc(16 << 20);  // no limit outside
  assert_non_null(c);
  mem_free(a);
  mem_aligned_free(b);
  mem_free(c);
  assert_int_equal(mem_held(), had);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(outside_of_work_nothing_happens), cmocka_unit_test(progress_is_told),
      cmocka_unit_test(the_callback_cancels), cmocka_unit_test(other_threads_are_stopped),
      cmocka_unit_test(memory_is_limited)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
