#if defined(__AVX512F__)
// 14 x 32: 28 sums, 2 vectors of B, one of A and one of products in 32 registers.
enum { MR = 14 };
#define CASES \
  ROWS(1)     \
  ROWS(2)     \
  ROWS(3)     \
  ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
#define GEMM_INT8_ISA gemm_int8_avx512
#include "kernels/gemm_int8_inner.h"
#endif
