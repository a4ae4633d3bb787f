// Data-parallel loops over one shared OpenMP pool (libgomp, the same one that oneDNN uses, so
// threads are not doubled).
#ifndef TFTRT_BASE_PARALLEL_H
#define TFTRT_BASE_PARALLEL_H

#include <stdint.h>

typedef void (*parallel_fn)(void *ctx, int64_t begin, int64_t end, int thread);

// Calls fn over [0, n) cut into at most `threads` contiguous pieces of at least `grain` items;
// returns when all are done. threads <= 1, or too little work: one call in the calling thread.
// `thread` is 0 .. pieces-1.
void parallel_for(int threads, int64_t n, int64_t grain, parallel_fn fn, void *ctx);

#endif
