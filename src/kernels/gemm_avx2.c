#include "kernels/gemm_tile.h"

#if defined(__AVX2__)
#include <immintrin.h>

// 6 x 16: 12 sums, 2 vectors of B and a broadcast of A in 16 registers.
enum { MR = 6, NR = 16 };

#define INLINE static inline __attribute__((always_inline))

// One vector of a row, columns v * 8 on.
INLINE void finish(const gemm_tile_t *t, int i, int v, __m256 x) {
  const gemm_epilogue_t *e = t->ep;
  float *c = t->c + i * t->ldc + 8 * v;
  if (t->load_c) x = _mm256_add_ps(x, _mm256_loadu_ps(c));
  if (e) {
    if (e->alpha != 0 && e->alpha != 1) x = _mm256_mul_ps(x, _mm256_set1_ps(e->alpha));
    if (t->bias) x = _mm256_add_ps(x, _mm256_loadu_ps(t->bias + 8 * v));
    if (t->residual)
      x = _mm256_add_ps(x, _mm256_loadu_ps(t->residual + i * e->ld_residual + 8 * v));
    if (e->clamp)  // min and max give their second operand for NaN
      x = _mm256_min_ps(_mm256_set1_ps(e->hi), _mm256_max_ps(_mm256_set1_ps(e->lo), x));
  }
  _mm256_storeu_ps(c, x);
}

INLINE void tile_rows(const gemm_tile_t *t, const int mr) {
  __m256 s0[MR], s1[MR];  // apart, as gcc keeps an array of pairs in memory
#pragma GCC unroll 6
  for (int i = 0; i < mr; i++) s0[i] = s1[i] = _mm256_setzero_ps();
  const int64_t lda = t->lda;
  const float *a0 = t->a, *a3 = a0 + 3 * lda, *b = t->b;
  for (int64_t k = t->k; k > 0; k--) {
    __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
#pragma GCC unroll 6
    for (int i = 0; i < mr; i++) {
      __m256 a = _mm256_broadcast_ss((i < 3 ? a0 : a3) + (i % 3) * lda);
      s0[i] = _mm256_fmadd_ps(a, b0, s0[i]);
      s1[i] = _mm256_fmadd_ps(a, b1, s1[i]);
    }
    b += NR;
    a0++, a3++;
  }
  if (t->cols == NR) {
#pragma GCC unroll 6
    for (int i = 0; i < mr; i++) {
      finish(t, i, 0, s0[i]);
      finish(t, i, 1, s1[i]);
    }
    return;
  }
  float sums[MR * NR];
#pragma GCC unroll 6
  for (int i = 0; i < mr; i++) {
    _mm256_storeu_ps(sums + i * NR, s0[i]);
    _mm256_storeu_ps(sums + i * NR + 8, s1[i]);
  }
  gemm_finish(t, sums, NR);
}

static void tile(const gemm_tile_t *t) {
  switch (t->rows) {
    case 1: tile_rows(t, 1); break;
    case 2: tile_rows(t, 2); break;
    case 3: tile_rows(t, 3); break;
    case 4: tile_rows(t, 4); break;
    case 5: tile_rows(t, 5); break;
    case 6: tile_rows(t, 6); break;
  }
  gemm_act(t);
}

static void row(int64_t n, int64_t k, const float *x, int64_t xs, const float *b, int64_t rs,
                float *y) {
  int64_t j = 0;
  for (; j + 32 <= n; j += 32) {
    __m256 s[4];
    for (int v = 0; v < 4; v++) s[v] = _mm256_setzero_ps();
    const float *p = b + j;
    for (int64_t i = 0; i < k; i++, p += rs) {
      __m256 a = _mm256_broadcast_ss(x + i * xs);
#pragma GCC unroll 4
      for (int v = 0; v < 4; v++) s[v] = _mm256_fmadd_ps(a, _mm256_loadu_ps(p + 8 * v), s[v]);
    }
    for (int v = 0; v < 4; v++) _mm256_storeu_ps(y + j + 8 * v, s[v]);
  }
  if (j < n) gemm_generic.row(n - j, k, x, xs, b + j, rs, y + j);
}

static float dot(int64_t n, const float *x, const float *y) {
  __m256 s[4];
  for (int v = 0; v < 4; v++) s[v] = _mm256_setzero_ps();
  int64_t i = 0;
  for (; i + 32 <= n; i += 32)
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++)
      s[v] = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + 8 * v), _mm256_loadu_ps(y + i + 8 * v), s[v]);
  float part[8], sum = 0;
  _mm256_storeu_ps(part, _mm256_add_ps(_mm256_add_ps(s[0], s[1]), _mm256_add_ps(s[2], s[3])));
  for (int v = 0; v < 8; v++) sum += part[v];
  for (; i < n; i++) sum += x[i] * y[i];
  return sum;
}

const gemm_isa_t gemm_avx2 = {MR, NR, tile, row, dot};
#endif
