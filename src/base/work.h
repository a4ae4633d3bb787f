// Long work: how far it is, whether it is still wanted, and how much memory it may take. The caller
// of a long operation makes a work_t and enters it in every thread that works for it; what runs
// there asks work_check() every few milliseconds of its time, however deep it is, and so needs no
// arguments for it. Outside of any work the functions do nothing.
#ifndef TFTRT_BASE_WORK_H
#define TFTRT_BASE_WORK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef int (*work_progress_fn)(void *user, const char *stage, int64_t done, int64_t total);

typedef struct work {
  // Called in the owner's thread alone, several times a second; non-zero: stop. NULL: nobody asks.
  work_progress_fn progress;
  void *user;
  size_t memory_limit;  // see mem_set_limit; 0: none
  pthread_t owner;
  const char *stage;  // static; "" before the first
  int64_t total;      // units of the stage
  _Atomic int64_t done;
  atomic_bool stopped;
  int64_t last_told;  // ns
} work_t;

void work_init(work_t *w, work_progress_fn progress, void *user, size_t memory_limit);

// Where a thread was before work_enter; to be given back to work_leave in the same thread.
typedef struct work_place {
  work_t *work;
  int64_t share, given;
  size_t memory_limit;
} work_place_t;
// From now on this thread works for w (NULL: for nobody). `share`: units of the stage that its
// piece of work counts for, see work_fraction; 0 where it counts none.
work_place_t work_enter(work_t *w, int64_t share);
void work_leave(const work_place_t *before);

// The owner's: a stage begins, is at `done` of `total`. CANCELLED when it is to stop.
status_t work_tell(work_t *w, const char *stage, int64_t done, int64_t total);
// The owner's, while others work: tells how far they are.
status_t work_tell_again(work_t *w);

// CANCELLED when the current work is to stop. Cheap.
status_t work_check(void);
bool work_stopped(void);  // the same as a question
// So much more of the stage is done.
void work_advance(int64_t units);
// This thread's share is done so far (0 to 1; going back does nothing).
void work_fraction(double f);

#endif
