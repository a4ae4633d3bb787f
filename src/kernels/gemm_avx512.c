#include "kernels/gemm_tile.h"

#if defined(__AVX512F__)
#include <immintrin.h>

// 14 x 32: 28 sums, 2 vectors of B and a broadcast of A fill 31 of 32 registers.
enum { MR = 14, NR = 32 };
#define INLINE static inline __attribute__((always_inline))

INLINE void finish_row(const gemm_tile_t *t, int i, __m512 s0, __m512 s1, __mmask16 m0,
                       __mmask16 m1) {
  float *c = t->c + i * t->ldc;
  const gemm_epilogue_t *e = t->ep;
  if (t->load_c) {
    s0 = _mm512_add_ps(s0, _mm512_maskz_loadu_ps(m0, c));
    s1 = _mm512_add_ps(s1, _mm512_maskz_loadu_ps(m1, c + 16));
  }
  if (e) {
    if (e->alpha != 0 && e->alpha != 1) {
      __m512 alpha = _mm512_set1_ps(e->alpha);
      s0 = _mm512_mul_ps(s0, alpha), s1 = _mm512_mul_ps(s1, alpha);
    }
    if (t->bias) {
      s0 = _mm512_add_ps(s0, _mm512_maskz_loadu_ps(m0, t->bias));
      s1 = _mm512_add_ps(s1, _mm512_maskz_loadu_ps(m1, t->bias + 16));
    }
    if (t->residual) {
      const float *r = t->residual + i * e->ld_residual;
      s0 = _mm512_add_ps(s0, _mm512_maskz_loadu_ps(m0, r));
      s1 = _mm512_add_ps(s1, _mm512_maskz_loadu_ps(m1, r + 16));
    }
    if (e->clamp) {  // min and max give their second operand for NaN
      __m512 lo = _mm512_set1_ps(e->lo), hi = _mm512_set1_ps(e->hi);
      s0 = _mm512_min_ps(hi, _mm512_max_ps(lo, s0));
      s1 = _mm512_min_ps(hi, _mm512_max_ps(lo, s1));
    }
  }
  _mm512_mask_storeu_ps(c, m0, s0);
  _mm512_mask_storeu_ps(c + 16, m1, s1);
}

INLINE void tile_rows(const gemm_tile_t *t, const int mr) {
  __m512 s0[MR], s1[MR];
#pragma GCC unroll 14
  for (int i = 0; i < mr; i++) s0[i] = s1[i] = _mm512_setzero_ps();
  const int64_t lda = t->lda;
  const float *a0 = t->a, *a3 = a0 + 3 * lda, *a6 = a0 + 6 * lda, *a9 = a0 + 9 * lda,
              *a12 = a0 + 12 * lda;  // three rows from each: few enough pointers for the registers
  const float *b = t->b;
  for (int64_t k = t->k; k > 0; k--) {
    __m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + 16);
#pragma GCC unroll 14
    for (int i = 0; i < mr; i++) {
      const float *p = i < 3 ? a0 : i < 6 ? a3 : i < 9 ? a6 : i < 12 ? a9 : a12;
      __m512 a = _mm512_set1_ps(p[(i % 3) * lda]);
      s0[i] = _mm512_fmadd_ps(a, b0, s0[i]);
      s1[i] = _mm512_fmadd_ps(a, b1, s1[i]);
    }
    b += NR;
    a0++, a3++, a6++, a9++, a12++;
  }
  unsigned cols = (unsigned)t->cols;
  __mmask16 m0 = (__mmask16)(cols >= 16 ? 0xffffu : (1u << cols) - 1);
  __mmask16 m1 = (__mmask16)(cols >= 32 ? 0xffffu : cols <= 16 ? 0 : (1u << (cols - 16)) - 1);
#pragma GCC unroll 14
  for (int i = 0; i < mr; i++) finish_row(t, i, s0[i], s1[i], m0, m1);
}

// Half a panel: for narrow products (16 columns or fewer) the second vector would be wasted.
INLINE void tile_narrow(const gemm_tile_t *t, const int mr) {
  __m512 s0[MR];
#pragma GCC unroll 14
  for (int i = 0; i < mr; i++) s0[i] = _mm512_setzero_ps();
  const int64_t lda = t->lda;
  const float *a0 = t->a, *a3 = a0 + 3 * lda, *a6 = a0 + 6 * lda, *a9 = a0 + 9 * lda,
              *a12 = a0 + 12 * lda;
  const float *b = t->b;
  for (int64_t k = t->k; k > 0; k--) {
    __m512 b0 = _mm512_loadu_ps(b);
#pragma GCC unroll 14
    for (int i = 0; i < mr; i++) {
      const float *p = i < 3 ? a0 : i < 6 ? a3 : i < 9 ? a6 : i < 12 ? a9 : a12;
      s0[i] = _mm512_fmadd_ps(_mm512_set1_ps(p[(i % 3) * lda]), b0, s0[i]);
    }
    b += NR;
    a0++, a3++, a6++, a9++, a12++;
  }
  __mmask16 m0 = (__mmask16)(t->cols >= 16 ? 0xffffu : (1u << (unsigned)t->cols) - 1);
#pragma GCC unroll 14
  for (int i = 0; i < mr; i++) finish_row(t, i, s0[i], s0[i], m0, 0);
}

static void tile(const gemm_tile_t *t) {
#define ROWS(n) \
  case n: t->cols > 16 ? tile_rows(t, n) : tile_narrow(t, n); break;
  switch (t->rows) {
    ROWS(1)
    ROWS(2)
    ROWS(3)
    ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
  }
#undef ROWS
  gemm_act(t);
}

static void row(int64_t n, int64_t k, const float *x, int64_t xs, const float *b, int64_t rs,
                float *y) {
  for (int64_t j = 0; j < n; j += 64) {
    __mmask16 m[4];
    __m512 s[4];
    for (int v = 0; v < 4; v++) {
      int64_t left = n - j - 16 * v;
      m[v] = (__mmask16)(left >= 16 ? 0xffff : left <= 0 ? 0 : (1u << left) - 1);
      s[v] = _mm512_setzero_ps();
    }
    const float *p = b + j;
    for (int64_t i = 0; i < k; i++, p += rs) {
      __m512 a = _mm512_set1_ps(x[i * xs]);
#pragma GCC unroll 4
      for (int v = 0; v < 4; v++)
        s[v] = _mm512_fmadd_ps(a, _mm512_maskz_loadu_ps(m[v], p + 16 * v), s[v]);
    }
    for (int v = 0; v < 4; v++) _mm512_mask_storeu_ps(y + j + 16 * v, m[v], s[v]);
  }
}

static float dot(int64_t n, const float *x, const float *y) {
  __m512 s[4];
  for (int v = 0; v < 4; v++) s[v] = _mm512_setzero_ps();
  int64_t i = 0;
  for (; i + 64 <= n; i += 64)
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++)
      s[v] =
          _mm512_fmadd_ps(_mm512_loadu_ps(x + i + 16 * v), _mm512_loadu_ps(y + i + 16 * v), s[v]);
  for (; i < n; i += 16) {
    __mmask16 m = (__mmask16)(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
    s[0] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, x + i), _mm512_maskz_loadu_ps(m, y + i), s[0]);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s[0], s[1]), _mm512_add_ps(s[2], s[3])));
}

const gemm_isa_t gemm_avx512 = {MR, NR, tile, row, dot};
#endif
