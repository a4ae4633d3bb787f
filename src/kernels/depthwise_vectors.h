// Vectors of V_WIDTH floats for depthwise_inner.h: 1, 8 (AVX2) or 16 (AVX-512).
#ifndef TFTRT_KERNELS_DEPTHWISE_VECTORS_H
#define TFTRT_KERNELS_DEPTHWISE_VECTORS_H

#if V_WIDTH > 1
#include <immintrin.h>
#endif
#include <stdint.h>

#if V_WIDTH == 16
#define V __m512
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
#elif V_WIDTH == 8
static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

#define V __m256
#define MASK __m256i
#define MASK_OF(n) _mm256_loadu_si256((const __m256i *)(lanes + 8 - (n)))
#define V_LOAD(p, m, full) ((full) ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, m))
#define V_STORE(p, m, full, v) ((full) ? _mm256_storeu_ps(p, v) : _mm256_maskstore_ps(p, m, v))
#define V_ZERO _mm256_setzero_ps()
#define V_SET(x) _mm256_set1_ps(x)
#define V_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define V_ADD(a, b) _mm256_add_ps(a, b)
#define V_MUL(a, b) _mm256_mul_ps(a, b)
#define V_MIN(a, b) _mm256_min_ps(a, b)
#define V_MAX(a, b) _mm256_max_ps(a, b)
#else
#define V float
#define MASK int
#define MASK_OF(n) ((int)(n))
#define V_LOAD(p, m, full) ((void)(m), (void)(full), *(p))
#define V_STORE(p, m, full, v) (*(p) = (v))
#define V_ZERO 0.0f
#define V_SET(x) (x)
#define V_FMA(a, b, c) ((a) * (b) + (c))
#define V_ADD(a, b) ((a) + (b))
#define V_MUL(a, b) ((a) * (b))
#define V_MIN(a, b) ((b) > (a) ? (a) : (b))
#define V_MAX(a, b) ((b) < (a) ? (a) : (b))
#endif

#endif
