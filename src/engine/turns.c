#define _GNU_SOURCE
#include "engine/turns.h"

#include <pthread.h>
#include <stdbool.h>

// Builds hold it for reading, who measures for writing; a writer that waits goes first, or there
// would always be a reader.
static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static _Thread_local bool entered;

void turns_enter(void) {
  pthread_rwlock_rdlock(&lock);
  entered = true;
}

void turns_leave(void) {
  entered = false;
  pthread_rwlock_unlock(&lock);
}

void turns_alone(void) {
  if (entered) pthread_rwlock_unlock(&lock);
  pthread_rwlock_wrlock(&lock);
}

void turns_together(void) {
  pthread_rwlock_unlock(&lock);
  if (entered) pthread_rwlock_rdlock(&lock);
}
