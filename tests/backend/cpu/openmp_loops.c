// A library that uses OpenMP's runtime as oneDNN does; of the calls that compilers make of pragmas.
// UNKNOWN: one that uses more of it than there is.
#include "backend/cpu/openmp_loops.h"

#include <stdbool.h>

void GOMP_parallel(void (*fn)(void *), void *data, unsigned threads, unsigned flags);
void GOMP_parallel_start(void (*fn)(void *), void *data, unsigned threads);
void GOMP_parallel_end(void);
void GOMP_barrier(void);
bool GOMP_loop_static_start(long from, long to, long step, long chunk, long *begin, long *end);
bool GOMP_loop_static_next(long *begin, long *end);
void GOMP_loop_end(void);
void GOMP_loop_end_nowait(void);
int omp_get_max_threads(void);
int omp_get_num_threads(void);
int omp_get_thread_num(void);
void omp_set_num_threads(int threads);
int omp_in_parallel(void);

#if defined(UNKNOWN)
void GOMP_critical_start(void);
__attribute__((visibility("default"))) void enter(void);
void enter(void) { GOMP_critical_start(); }
#endif

static void body(void *data) {
  loops_t *l = data;
  int team = omp_get_num_threads(), number = omp_get_thread_num();
  long begin, end;
  l->teams[number] = team;
  l->inside[number] = omp_in_parallel() && l->is_ours();
  for (bool more = GOMP_loop_static_start(l->from, l->to, l->step, l->chunk, &begin, &end); more;
       more = GOMP_loop_static_next(&begin, &end))
    for (long i = begin; l->step > 0 ? i < end : i > end; i += l->step) l->visits[i]++;
  if (l->chunk)
    GOMP_loop_end_nowait();
  else
    GOMP_loop_end();
  l->came[number] = 1;
  GOMP_barrier();
  for (int i = 0; i < team; i++) l->missed[number] += !l->came[i];
}

#define EXPORTED __attribute__((visibility("default")))
EXPORTED void run_loops(loops_t *l);
void run_loops(loops_t *l) {
  if (l->set) omp_set_num_threads(l->set);
  l->most = omp_get_max_threads();
  if (l->by_start) {
    GOMP_parallel_start(body, l, (unsigned)l->threads);
    body(l);
    GOMP_parallel_end();
  } else {
    GOMP_parallel(body, l, (unsigned)l->threads, 0);
  }
  l->after = omp_get_num_threads() + omp_get_thread_num() + omp_in_parallel();
}
