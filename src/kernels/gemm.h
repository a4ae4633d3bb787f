// Single-precision matrix product C[M,N] = epilogue(A[M,K] * B[K,N] (+ C)), packed, cache-blocked
// and register-blocked after Goto and van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication" (2008): B lies in panels of NR columns, a micro-kernel keeps MR x NR sums in
// registers. The instruction set is chosen at run time (base/cpu.h).
//
// All sizes are elements. Nothing here fails except where a status is returned (a packing buffer
// whose size comes from the caller's matrices). Any thread may call; `threads` is for parallel_for.
#ifndef TFTRT_KERNELS_GEMM_H
#define TFTRT_KERNELS_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "tensor/dtype.h"

// What happens to a tile of C while it is hot: (alpha * sum + bias + residual), clamped, then act.
typedef struct gemm_epilogue {
  float alpha;            // 0 means 1
  const float *bias;      // [N] or NULL
  const float *residual;  // [M, N] with rows ld_residual apart, or NULL; may be C itself
                          // (ld_residual == ldc, alpha 0 or 1, not accumulating)
  int64_t ld_residual;
  bool clamp;  // relu: lo 0, hi INFINITY; relu6: 0, 6. NaN stays NaN
  float lo, hi;
  void (*act)(float *x, int64_t n, const void *arg);  // NULL, or applied in place to row pieces
  const void *act_arg;
} gemm_epilogue_t;

// Where rows of A come from: a strided matrix, or a function that writes them (implicit im2col).
typedef struct gemm_rows {
  const float *a;
  int64_t rs, cs;  // row and column stride
  // Writes A[row .. row+n_rows) x [k .. k+kc) to dst, rows ld apart. NULL: a, rs, cs are used.
  void (*pack)(const void *ctx, int64_t row, int64_t n_rows, int64_t k, int64_t kc, float *dst,
               int64_t ld);
  const void *ctx;
} gemm_rows_t;

// Weights packed once, used many times. The layout depends on the machine: never store it.
size_t gemm_packed_floats(int64_t k, int64_t n);  // 0 when it overflows or k or n is 0
void gemm_pack_b(int64_t k, int64_t n, const float *b, int64_t rs, int64_t cs, float *packed,
                 int threads);
// c: rows ldc apart, columns adjacent. accumulate: C's old values are added to the sums. ep may be
// NULL.
void gemm_packed(int64_t m, int64_t n, int64_t k, const gemm_rows_t *rows, const float *packed_b,
                 float *c, int64_t ldc, bool accumulate, const gemm_epilogue_t *ep, int threads);

// Both sides as they lie. RESOURCE_EXHAUSTED when there is no room for packing B.
status_t gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_rs, int64_t a_cs,
              const float *b, int64_t b_rs, int64_t b_cs, float *c, int64_t ldc, bool accumulate,
              const gemm_epilogue_t *ep, int threads);

// `batch` products; element i of the batch starts at a + a_at[i], b + b_at[i], c + i * m * n
// (row-major, dense). a_at and b_at are offsets in elements, so that broadcast batches need no
// copy.
typedef struct gemm_batch {
  int64_t batch, m, n, k;
  const int64_t *a_at, *b_at;
  int64_t a_rs, a_cs, b_rs, b_cs;
} gemm_batch_t;
status_t gemm_batch(const gemm_batch_t *g, const float *a, const float *b, float *c,
                    const gemm_epilogue_t *ep, int threads);

// Bytes that it allocates while it runs, for panels of B.
size_t gemm_batch_scratch(const gemm_batch_t *g, int threads);

// The same product for any numeric dtype (half and bfloat16 through float, complex too; integers
// wrap). conj_a, conj_b: complex operands are conjugated. No epilogue. UNIMPLEMENTED for other
// dtypes. a_len and b_len: elements in the buffers, for converting 16-bit types.
status_t gemm_batch_any(const gemm_batch_t *g, dtype_t dtype, const void *a, int64_t a_len,
                        const void *b, int64_t b_len, void *c, bool conj_a, bool conj_b,
                        int threads);

#endif
