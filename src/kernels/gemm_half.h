// Matrix products of half-precision (IEEE binary16) operands: C[M,N] = epilogue(A[M,K] * B[K,N]).
//
// Where the CPU has AVX512-FP16, terms are multiplied and added in half precision, which is twice
// as fast as float: HALF_STEPS terms in registers, HALF_LEVELS of such sums in half precision too,
// and everything above, with the epilogue, in float (the epilogue of a single such chain in half
// precision where that loses nothing but one more rounding). (Summing in blocks: Higham, "Accuracy
// and Stability of Numerical Algorithms", 2nd ed., 4.2.) Each output has two such chains, of even
// and of odd k. The relative error of a random sum is about 2^-10, below that of bfloat16 operands
// with exact sums (2^-9). Elsewhere the terms are floats and their sum is one of floats.
//
// No sum in half precision overflows: each column of B is scaled by a power of two, undone in
// float, such that the sum of |b| over the terms of a chain is at most 15/16 of what `a_max` leaves
// below 65504; rounding adds at most (1 + 2^-11)^(HALF_STEPS + HALF_LEVELS), 2.6 %. What it costs:
// where |A| is below about 2^-26 a_max (10^-3 when nothing is known of A), sums become subnormal
// and lose digits.
//
// All sizes are elements, f16 values are uint16_t. Nothing fails or allocates: callers give the
// scratch memory. Any thread may call; `threads` is for parallel_for.
#ifndef TFTRT_KERNELS_GEMM_HALF_H
#define TFTRT_KERNELS_GEMM_HALF_H

#include "kernels/gemm.h"

enum { HALF_MR = 14, HALF_NR = 32, HALF_STEPS = 48, HALF_LEVELS = 4 };

// Does this CPU (base/cpu.h) multiply in half precision, and was the library built for it?
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
// of `run` terms; each is padded to an even number. type: DT_HALF or DT_FLOAT (rounded once). The
// layout depends on the machine: never store it.
size_t gemm_half_packed_bytes(int64_t runs, int64_t run, int64_t n);  // 0: too large, or empty
void gemm_half_pack_b(int64_t runs, int64_t run, int64_t n, dtype_t type, const void *b, int64_t rs,
                      int64_t cs, float a_max, void *packed, int threads);
#define HALF_MAX 65504.0f  // a_max of which nothing is known

// A: row and column strides; B was packed with runs = 1, run = k. C: rows ldc apart.
typedef struct half_matrix {
  const uint16_t *a;
  int64_t rs, cs;
} half_matrix_t;
size_t gemm_half_scratch(int64_t m, int64_t k, int64_t rs, int64_t cs, int threads);  // bytes
void gemm_half_packed(int64_t m, int64_t n, int64_t k, const half_matrix_t *a, const void *packed_b,
                      void *c, int64_t ldc, const half_epilogue_t *ep, void *scratch, int threads);

// `batch` products as gemm_batch: element i starts at a + a_at[i], b + b_at[i], c + i * m * n. B is
// packed as it goes. a_max bounds |A|.
size_t gemm_half_batch_scratch(const gemm_batch_t *g, int threads);
void gemm_half_batch(const gemm_batch_t *g, const uint16_t *a, const uint16_t *b, void *c,
                     float a_max, const half_epilogue_t *ep, void *scratch, int threads);

#endif
