#if defined(__AVX2__)
#include <immintrin.h>
#include <stdint.h>

static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

#define V __m256
#define V_WIDTH 8
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
#define DEPTHWISE_ROWS depthwise_rows_avx2
#include "kernels/depthwise_inner.h"
#endif
