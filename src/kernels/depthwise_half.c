// Depthwise convolutions of f16 tensors, for any machine and the choice among machines.
#include "base/cpu.h"
#include "base/parallel.h"
#include "kernels/conv_half.h"
#include "kernels/conv_inner.h"
#include "kernels/to_float.h"

#define V_WIDTH 1
#include "kernels/depthwise_vectors.h"
#define DEPTHWISE_ROWS depthwise_half_generic
#define DW_JOB depthwise_half_job_t
#define DW_EPILOGUE half_epilogue_t
#define DW_X uint16_t
#define DW_LOAD(p, m, full) ((void)(m), (void)(full), half_to_float(*(p)))
#define DW_STORE(p, m, full, v) (*(p) = float_to_half(v))
#include "kernels/depthwise_inner.h"

// Outputs [at, at + n), which are rounded already; the activation's results are once more.
void depthwise_half_act(const depthwise_half_job_t *j, int64_t at, int64_t n) {
  enum { PIECE = 512 };
  float x[PIECE];
  if (!j->ep || !j->ep->act) return;
  for (int64_t i = 0; i < n; i += PIECE) {
    int64_t some = n - i < PIECE ? n - i : PIECE;
    floats_from(DT_HALF, j->y + at + i, some, x);
    j->ep->act(x, some, j->ep->act_arg);
    floats_to(DT_HALF, x, some, j->y + at + i);
  }
}

bool depthwise_half_supports(const conv_shape_t *s) {
  return s->channels_last && s->spatial <= 2 && s->in_c == s->out_c;
}

typedef struct rows_job {
  depthwise_half_job_t j;
  depthwise_half_fn fn;
} rows_job_t;

static void rows_piece(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const rows_job_t *r = ctx;
  r->fn(&r->j, begin, end);
}

void depthwise_half_run(const conv_shape_t *shape, const uint16_t *x, const float *w, uint16_t *y,
                        const half_epilogue_t *ep, int threads) {
  conv_shape_t s = conv_widen(shape);
  rows_job_t r = {{s, x, w, y, ep}, depthwise_half_generic};
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512)) r.fn = depthwise_half_avx512;
#endif
  double row = (double)s.out[2] * (double)s.out_c * (double)(s.kernel[1] * s.kernel[2]);
  parallel_for(threads, s.batch * s.out[1], (int64_t)(32768 / (row + 1)) + 1, rows_piece, &r);
}
