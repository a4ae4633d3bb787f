#include "base/work.h"

#include "base/clock.h"
#include "base/mem.h"

enum { TELL_EVERY_MS = 50 };

static _Thread_local work_place_t here;

void work_init(work_t *w, work_progress_fn progress, void *user, size_t memory_limit) {
  *w = (work_t){.progress = progress,
                .user = user,
                .memory_limit = memory_limit,
                .owner = pthread_self(),
                .stage = ""};
}

work_place_t work_enter(work_t *w, int64_t share) {
  work_place_t before = here;
  here = (work_place_t){.work = w, .share = share};
  before.memory_limit = mem_set_limit(w ? w->memory_limit : 0);
  return before;
}

void work_leave(const work_place_t *before) {
  mem_set_limit(before->memory_limit);
  here = *before;
}

static status_t cancelled(const work_t *w) {
  return FAIL(CANCELLED, "cancelled while %s", *w->stage ? w->stage : "starting");
}

status_t work_tell_again(work_t *w) {
  w->last_told = clock_ns();
  int64_t done = atomic_load_explicit(&w->done, memory_order_relaxed);
  if (done > w->total) done = w->total;
  if (w->progress && w->progress(w->user, w->stage, done, w->total))
    atomic_store(&w->stopped, true);
  return atomic_load(&w->stopped) ? cancelled(w) : NULL;
}

status_t work_tell(work_t *w, const char *stage, int64_t done, int64_t total) {
  w->stage = stage;
  w->total = total;
  atomic_store_explicit(&w->done, done, memory_order_relaxed);
  return work_tell_again(w);
}

status_t work_check(void) {
  work_t *w = here.work;
  if (!w) return NULL;
  if (atomic_load_explicit(&w->stopped, memory_order_relaxed)) return cancelled(w);
  if (!w->progress || !pthread_equal(w->owner, pthread_self())) return NULL;
  return clock_ns() - w->last_told < TELL_EVERY_MS * (int64_t)1000000 ? NULL : work_tell_again(w);
}

bool work_stopped(void) {
  status_t st = work_check();
  status_free(st);
  return st != NULL;
}

void work_advance(int64_t units) {
  if (here.work) atomic_fetch_add_explicit(&here.work->done, units, memory_order_relaxed);
}

void work_fraction(double f) {
  int64_t now = (int64_t)(f * (double)here.share);
  if (now > here.share) now = here.share;
  if (now <= here.given) return;
  work_advance(now - here.given);
  here.given = now;
}
