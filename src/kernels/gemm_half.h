// Matrix products of half-precision (IEEE binary16) operands: C[M,N] = epilogue(A[M,K] * B[K,N]).
//
// Where the CPU has AVX512-VNNI, operands become 16-bit integers: rows of A times a power of two,
// such that the largest magnitude of a row lies in [2^13, 2^14), columns of B times a factor, such
// that the largest sum of |b| over HALF_TERMS terms is just below 2^17. So the sums of so many
// products, which are taken in 32-bit integers at twice float's rate, are exact and cannot
// overflow; longer sums and the epilogue are in float. (Block floating point: Wilkinson, "Rounding
// Errors in Algebraic Processes", 1963, 1.) The only errors are those of rounding operands to
// integers: for a row of A less than 2^-14 of its largest element, for a column of B 2^-12 of the
// average |b|. The relative error of a random product is below 2^-12, which rounding both operands
// to f16 comes to. Where something is not finite, and on other CPUs, terms are floats and so is
// their sum.
//
// All sizes are elements, f16 values are uint16_t. Nothing fails or allocates: callers give the
// scratch memory. Any thread may call; `threads` is for parallel_for.
#ifndef TFTRT_KERNELS_GEMM_HALF_H
#define TFTRT_KERNELS_GEMM_HALF_H

#include "kernels/gemm.h"

enum { HALF_MR = 14, HALF_NR = 32, HALF_TERMS = 64 };

// Does this CPU (base/cpu.h) multiply faster so than in float?
bool gemm_half_is_fast(void);

// As gemm_epilogue_t: (alpha * sum + bias + residual), clamped, then act; all in float.
typedef struct half_epilogue {
  float alpha;           // 0 means 1
  const float *bias;     // [N] or NULL
  const void *residual;  // [M, N], rows ld_residual apart, f16 or float; or NULL; may be C itself
  dtype_t residual_type;
  int64_t ld_residual;
  bool clamp;  // NaN stays NaN
  float lo, hi;
  // NULL, or applied to n floats in place. Some of them may stand for no output.
  void (*act)(float *x, int64_t n, const void *arg);
  const void *act_arg;
  dtype_t out_type;  // of C: DT_HALF (also when 0) or DT_FLOAT
} half_epilogue_t;

// B in the order that the kernel reads, with the scales of its columns. K consists of `runs` runs
// of `run` terms; each is padded to an even number. Rows of A have a scale for every `together`
// runs. type: DT_HALF or DT_FLOAT. The layout depends on the machine: never store it.
size_t gemm_half_packed_bytes(int64_t runs, int64_t run, int64_t n);  // 0: too large, or empty
void gemm_half_pack_b(int64_t runs, int64_t run, int64_t together, int64_t n, dtype_t type,
                      const void *b, int64_t rs, int64_t cs, void *packed, int threads);
// False: a column is not finite, or of such different sizes that a quarter of its elements would
// keep less than three bits. Products with it are NaN.
bool gemm_half_fits(const void *packed, int64_t n);

// A: row and column strides; B was packed with runs = together = 1, run = k. C: rows ldc apart.
typedef struct half_matrix {
  const uint16_t *a;
  int64_t rs, cs;
} half_matrix_t;
size_t gemm_half_scratch(int64_t m, int64_t k, int threads);  // bytes
void gemm_half_packed(int64_t m, int64_t n, int64_t k, const half_matrix_t *a, const void *packed_b,
                      void *c, int64_t ldc, const half_epilogue_t *ep, void *scratch, int threads);

// `batch` products as gemm_batch: element i starts at a + a_at[i], b + b_at[i], c + i * m * n. B is
// packed as it goes.
size_t gemm_half_batch_scratch(const gemm_batch_t *g, int threads);
void gemm_half_batch(const gemm_batch_t *g, const uint16_t *a, const uint16_t *b, void *c,
                     const half_epilogue_t *ep, void *scratch, int threads);

#endif
