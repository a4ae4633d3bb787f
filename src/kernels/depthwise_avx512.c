#if defined(__AVX512F__)
#include <immintrin.h>
#include <stdint.h>

#define V __m512
#define V_WIDTH 16
#define MASK __mmask16
#define MASK_OF(n) ((__mmask16)(0xffffu >> (16 - (n))))
#define V_LOAD(p, m, full) ((full) ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(m, p))
#define V_STORE(p, m, full, v) ((full) ? _mm512_storeu_ps(p, v) : _mm512_mask_storeu_ps(p, m, v))
#define V_ZERO _mm512_setzero_ps()
#define V_SET(x) _mm512_set1_ps(x)
#define V_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define V_ADD(a, b) _mm512_add_ps(a, b)
#define V_MUL(a, b) _mm512_mul_ps(a, b)
#define V_MIN(a, b) _mm512_min_ps(a, b)
#define V_MAX(a, b) _mm512_max_ps(a, b)
#define DEPTHWISE_ROWS depthwise_rows_avx512
#include "kernels/depthwise_inner.h"
#endif
