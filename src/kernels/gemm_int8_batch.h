// Products of 8-bit matrices, none of which is known before: C[i] = finish(A[i] * B[i]), A unsigned
// or signed, B signed, sums exact in 32 bits, by kernels/gemm_int8.h.
#ifndef TFTRT_KERNELS_GEMM_INT8_BATCH_H
#define TFTRT_KERNELS_GEMM_INT8_BATCH_H

#include "kernels/gemm.h"
#include "kernels/gemm_int8.h"

typedef struct gemm_int8_batch {
  const gemm_batch_t *g;  // offsets and strides in elements; k at most GEMM_INT8_MOST_K
  bool is_signed;         // A
  int zero;               // of A
} gemm_int8_batch_t;

size_t gemm_int8_batch_scratch(const gemm_int8_batch_t *b, int threads);  // bytes; 0: overflow
// C: [batch, m, n] of finish->type. finish has no residual. scratch: for all threads together. Any
// thread may call.
void gemm_int8_batch(const gemm_int8_batch_t *b, const void *x, const int8_t *w, void *y,
                     const int8_finish_t *finish, void *scratch, int threads);

#endif
