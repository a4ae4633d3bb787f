#include "base/parallel.h"

#include "base/cpu.h"

#ifdef _OPENMP
#include <omp.h>
#endif

void parallel_for(int threads, int64_t n, int64_t grain, parallel_fn fn, void *ctx) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  int64_t pieces = n / grain;
  if (pieces > threads) pieces = threads;
#ifdef _OPENMP
  if (pieces > 1) {
    unsigned mode = cpu_float_mode();  // workers compute as the caller does
#pragma omp parallel num_threads((int)pieces)
    {
      cpu_set_float_mode(mode);
      int t = omp_get_thread_num(), nt = omp_get_num_threads();
      int64_t begin = n * t / nt, end = n * (t + 1) / nt;
      if (begin < end) fn(ctx, begin, end, t);
    }
    return;
  }
#endif
  fn(ctx, 0, n, 0);
}
