#include <immintrin.h>

#include "kernels/quantize_isa.h"

// 16 of them, as 32-bit numbers. The conversion rounds as the default mode of the CPU says, half to
// even.
static inline __attribute__((always_inline)) __m512i numbers(const quantize_how_t *q, __m512 x,
                                                             bool based) {
  __m512 v = based ? _mm512_sub_ps(x, _mm512_set1_ps(q->base)) : x;
  v = _mm512_mul_ps(v, _mm512_set1_ps(q->by));
  __mmask16 number = _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q);
  v = _mm512_max_ps(_mm512_min_ps(v, _mm512_set1_ps(q->most)), _mm512_set1_ps(q->least));
  __m512i i = _mm512_cvtps_epi32(v);
  return _mm512_maskz_add_epi32(number, i, _mm512_set1_epi32((int)q->start));
}

static inline __attribute__((always_inline)) void even(const quantize_how_t *q, const float *x,
                                                       uint8_t *y, int64_t n, bool based) {
  const __m512i low = _mm512_set1_epi16(0xff);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    __m512i a = numbers(q, _mm512_loadu_ps(x + i), based);
    __m512i b = numbers(q, _mm512_loadu_ps(x + i + 16), based);
    __m512i c = numbers(q, _mm512_loadu_ps(x + i + 32), based);
    __m512i d = numbers(q, _mm512_loadu_ps(x + i + 48), based);
    a = _mm512_and_si512(_mm512_packs_epi32(a, b), low);
    c = _mm512_and_si512(_mm512_packs_epi32(c, d), low);
    // Packing keeps to each quarter of a vector.
    _mm512_storeu_si512(y + i, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(a, c)));
  }
  for (; i < n; i += 16) {
    __mmask16 some = (__mmask16)(n - i >= 16 ? 0xffffu : (1u << (n - i)) - 1);
    __m512i a = numbers(q, _mm512_maskz_loadu_ps(some, x + i), based);
    _mm_mask_storeu_epi8(y + i, some, _mm512_cvtepi32_epi8(a));
  }
}

static void even_avx512(const quantize_how_t *q, const float *x, uint8_t *y, int64_t n) {
  if (q->base != 0)
    even(q, x, y, n, true);
  else
    even(q, x, y, n, false);
}

#define HAS_EVEN
#define NAME(f) f##_avx512
#include "kernels/quantize_loops.h"
