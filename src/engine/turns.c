#define _GNU_SOURCE
#include "engine/turns.h"

#include <pthread.h>
#include <stdbool.h>

// Builds hold it for reading, who measures for writing; a writer that waits goes first, or there
// would always be a reader.
static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static _Thread_local bool entered;

status_t turns_build(const backend_t *b, const network_t *n, const build_options_t *o,
                     bytes_t *plan) {
  pthread_rwlock_rdlock(&lock);
  entered = true;
  status_t st = b->build(n, o, plan);
  entered = false;
  pthread_rwlock_unlock(&lock);
  return st;
}

void turns_alone(void) {
  if (entered) pthread_rwlock_unlock(&lock);
  pthread_rwlock_wrlock(&lock);
}

void turns_together(void) {
  pthread_rwlock_unlock(&lock);
  if (entered) pthread_rwlock_rdlock(&lock);
}
