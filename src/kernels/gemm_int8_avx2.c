#if defined(__AVX2__)
// 6 x 16: 12 sums, 2 vectors of B, one of A and one of products in 16 registers.
enum { MR = 6 };
#define CASES ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
#define GEMM_INT8_ISA gemm_int8_avx2
#include "kernels/gemm_int8_inner.h"
#endif
