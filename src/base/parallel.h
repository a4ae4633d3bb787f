// Data-parallel loops over one shared pool of threads: libgomp's, the same one that oneDNN uses, so
// threads are not doubled. It is opened at run time, as its waiting policy is fixed when it is
// loaded: threads that wait for work must not spin for long, or whatever else runs on the machine
// is slowed down by orders of magnitude, and we with it. Without libgomp loops run in the caller.
#ifndef TFTRT_BASE_PARALLEL_H
#define TFTRT_BASE_PARALLEL_H

#include <stdbool.h>
#include <stdint.h>

typedef void (*parallel_fn)(void *ctx, int64_t begin, int64_t end, int thread);

// Calls fn over [0, n) cut into at most `threads` contiguous pieces of at least `grain` items;
// returns when all are done. threads <= 1, or too little work: one call in the calling thread.
// `thread` is 0 .. pieces-1. In the child of a fork() the thread that forked runs loops alone when
// it had run any with others before.
void parallel_for(int threads, int64_t n, int64_t grain, parallel_fn fn, void *ctx);

// Opens libgomp when that has not been done; false when it cannot be had. To be called before a
// library that links it is opened. Where neither GOMP_SPINCOUNT nor OMP_WAIT_POLICY is set and
// libgomp is not loaded yet, GOMP_SPINCOUNT is set while it loads, and unset again.
bool parallel_init(void);
// How many threads libraries on this pool (oneDNN) use when called from this thread; returns what
// it was before.
int parallel_set_threads(int threads);

#endif
