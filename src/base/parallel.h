// Data-parallel loops over a pool of threads that oneDNN computes with, too (backend/cpu/openmp.h),
// so that threads are not doubled. Each thread that asks has a pool of its own, which ends with it;
// threads are started when first needed, and wait as base/gate.h says.
#ifndef TFTRT_BASE_PARALLEL_H
#define TFTRT_BASE_PARALLEL_H

#include <stdbool.h>
#include <stdint.h>

typedef void (*parallel_fn)(void *ctx, int64_t begin, int64_t end, int thread);

// Calls fn over [0, n) cut into at most `threads` contiguous pieces of at least `grain` items;
// returns when all are done. threads <= 1, or too little work: one call in the calling thread.
// `thread` is 0 .. pieces-1. Inside of another loop: one call. The child of a fork() has threads of
// its own. Workers' floating-point mode is the caller's.
void parallel_for(int threads, int64_t n, int64_t grain, parallel_fn fn, void *ctx);

// ---- what oneDNN's parallel regions are made of: `threads` (0: parallel_threads()) threads run
// fn(data), of which the caller is one: it begins, runs fn itself, and ends. Where no more threads
// can be had there are fewer; in a region a region has one thread.
typedef void (*parallel_region_fn)(void *data);
void parallel_begin(int threads, parallel_region_fn fn, void *data);
void parallel_end(void);  // waits for the others
// Of the region that this thread is in: its threads, which of them this is (the caller is 0), and a
// point where each of them waits for all. Outside: 1, 0, nothing.
int parallel_team(void);
int parallel_number(void);
void parallel_barrier(void);
bool parallel_inside(void);  // in a region, be it of one thread
// Had a region that this thread began, outside of others, fewer threads than it should, since this
// was asked last?
bool parallel_lacked(void);

// How many threads regions that do not say it have when called from this thread (all CPUs until it
// is set); returns what it was before.
int parallel_set_threads(int threads);
int parallel_threads(void);

#endif
