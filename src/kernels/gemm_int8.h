// Matrix product of 8-bit numbers, C[M,N] = finish(A[M,K] * B[K,N]): A unsigned or signed, B
// signed, sums exact in 32 bits (K at most GEMM_INT8_MOST_K), packed and register-blocked as
// kernels/gemm.h is. All of K is summed before anything is written, so that C is 8-bit too.
//
// Instruction sets: VNNI with 512 and with 256 bits; before VNNI pairs of 16-bit products.
#ifndef TFTRT_KERNELS_GEMM_INT8_H
#define TFTRT_KERNELS_GEMM_INT8_H

#include "kernels/int8_finish.h"

enum { GEMM_INT8_MOST_K = 65536 };

// Where rows of A come from: a matrix whose rows are rs bytes apart, or a function that writes the
// K numbers of each of n rows to dst, ld bytes apart.
typedef struct gemm_int8_rows {
  const uint8_t *a;
  int64_t rs;
  void (*write)(const void *ctx, int64_t row, int64_t n, uint8_t *dst, int64_t ld);  // or NULL
  const void *ctx;
  bool is_signed;
  int zero;  // what stands for the real value 0
} gemm_int8_rows_t;

// B packed once. The layout depends on the machine: never store it.
size_t gemm_int8_packed_bytes(int64_t k, int64_t n);  // a multiple of 4; 0: overflow, or nothing
void gemm_int8_pack(int64_t k, int64_t n, const int8_t *b, int64_t rs, void *packed, int threads);
// Rows of c are ldc elements apart, columns adjacent; the product's first column is column
// `channel` of c, and that channel of finish.
void gemm_int8(int64_t m, int64_t n, int64_t k, const gemm_int8_rows_t *rows, const void *packed,
               void *c, int64_t ldc, const int8_finish_t *finish, int64_t channel, int threads);

#endif
