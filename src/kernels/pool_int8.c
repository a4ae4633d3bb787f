#include "kernels/pool_int8.h"

#include "base/cpu.h"
#include "base/parallel.h"
#include "kernels/conv_inner.h"
#define NAME(f) f##_generic
#include "kernels/pool_int8_loops.h"

static void items_part(void *ctx, int64_t begin, int64_t end, int thread) {
  const average_job_t *j = ctx;
  (void)thread;
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512)) {
    average_avx512(j, begin, end);
    return;
  }
  if (cpu_has(CPU_AVX2)) {
    average_avx2(j, begin, end);
    return;
  }
#endif
  average_generic(j, begin, end);
}

void average_int8(const average_int8_t *a, const void *x, void *y, int threads) {
  average_job_t j = {.a = a, .s = conv_widen(&a->s), .x = x, .y = y};
  const conv_shape_t *s = &j.s;
  int64_t taps = s->kernel[0] * s->kernel[1] * s->kernel[2], pixels = s->out[2];
  j.blocks = (s->in_c + AVERAGE_CHANNELS - 1) / AVERAGE_CHANNELS;
  j.rows = s->in_c >= AVERAGE_CHANNELS && s->kernel[2] <= AVERAGE_ROW_WINDOW &&
           taps <= AVERAGE_ROW_PIXELS && pixels > 1;
  int64_t items = s->batch * s->out[0] * s->out[1] * j.blocks * (j.rows ? 1 : pixels);
  parallel_for(threads, items, 1024 / (taps * (j.rows ? pixels : 1) + 1) + 1, items_part, &j);
}
