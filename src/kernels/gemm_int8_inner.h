// The register tile of gemm_int8, written once over the vectors of kernels/int8_simd.h; included by
// one file per instruction set, which defines MR (rows of a tile), GEMM_INT8_ISA (the table's name)
// and CASES (a case of the rows' switch for each of 1 .. MR).
#include "kernels/gemm_int8_tile.h"
#include "kernels/int8_simd.h"

enum { NV = 2, NR = NV * LANES };

// Results of a tile whose sums are there, vectors [0, nv) of each row.
INLINE void finish_rows(const gemm_int8_tile_t *t, const vi_t *s0, const vi_t *s1, const int mr,
                        const int nv) {
  const int8_finish_t *e = t->finish;
  float real[MR * NR];
  int n0 = t->cols < LANES ? t->cols : LANES, n1 = t->cols - n0;
  if (nv > 1 && finish_four(e, n1)) {
    vf_t scale0 = vf_load(e->scale + t->channel), scale1 = vf_load(e->scale + t->channel + LANES);
    vf_t bias0 = vf_load(e->bias + t->channel), bias1 = vf_load(e->bias + t->channel + LANES);
#pragma GCC unroll 7
    for (int i = 0; i < mr; i += 2) {
      const int k = i + 1 < mr ? i + 1 : i;
      int64_t a = t->at + i * t->ldc, b = t->at + k * t->ldc;
      int64_t to[] = {a, a + LANES, b, b + LANES};
      finish_store_four(e, t->c, to, scaled(s0[i], scale0, bias0), scaled(s1[i], scale1, bias1),
                        scaled(s0[k], scale0, bias0), scaled(s1[k], scale1, bias1));
    }
    return;
  }
#pragma GCC unroll 14
  for (int i = 0; i < mr; i++) {
    int64_t at = t->at + i * t->ldc;
    vf_t v = finish_real(e, s0[i], t->channel, at, n0);
    if (e->act)
      vf_store(real + i * nv * LANES, v);
    else
      finish_store(e, t->c, at, v, n0);
    if (nv < 2) continue;
    v = finish_real(e, s1[i], t->channel + LANES, at + LANES, n1);
    if (e->act)
      vf_store(real + (i * nv + 1) * LANES, v);
    else
      finish_store(e, t->c, at + LANES, v, n1);
  }
  if (!e->act) return;
  e->act(real, mr * nv * LANES, e->act_arg);
  for (int i = 0; i < mr; i++) {
    int64_t at = t->at + i * t->ldc;
    finish_store(e, t->c, at, vf_load(real + i * nv * LANES), n0);
    if (nv > 1) finish_store(e, t->c, at + LANES, vf_load(real + (i * nv + 1) * LANES), n1);
  }
}

INLINE void tile_rows(const gemm_int8_tile_t *t, const int mr, const int nv) {
  vi_t s0[MR], s1[MR], too_large = vi_set1(-t->zero);
  vi_t start0 = vi_mul(vi_load(t->sums_b), too_large);
  vi_t start1 = nv > 1 ? vi_mul(vi_load(t->sums_b + LANES), too_large) : start0;
#pragma GCC unroll 14
  for (int i = 0; i < mr; i++) s0[i] = start0, s1[i] = start1;
  const int64_t lda = t->lda;
  const uint8_t *a0 = t->a, *a3 = a0 + 3 * lda, *a6 = a0 + 6 * lda, *a9 = a0 + 9 * lda,
                *a12 = a0 + 12 * lda;
  const int8_t *b = t->b;
  for (int64_t k = t->groups; k > 0; k--) {
    vi_t b0 = vi_load_groups(b), b1 = nv > 1 ? vi_load_groups(b + LANES * GROUP) : b0;
#pragma GCC unroll 14
    for (int i = 0; i < mr; i++) {
      const uint8_t *p = i < 3 ? a0 : i < 6 ? a3 : i < 9 ? a6 : i < 12 ? a9 : a12;
      vi_t a = vi_broadcast(p + (i % 3) * lda);
      s0[i] = vi_dot(s0[i], a, b0);
      if (nv > 1) s1[i] = vi_dot(s1[i], a, b1);
    }
    b += NR * GROUP;
    a0 += 4, a3 += 4, a6 += 4, a9 += 4, a12 += 4;
  }
  finish_rows(t, s0, s1, mr, nv);
}

// Half a panel: for narrow products the second vector would be wasted.
static void tile(const gemm_int8_tile_t *t) {
#define ROWS(n) \
  case n: t->cols > LANES ? tile_rows(t, n, 2) : tile_rows(t, n, 1); break;
  switch (t->rows) { CASES }
#undef ROWS
}

static void groups(const uint8_t *row, int64_t k, uint8_t flip, uint8_t *dst) {
  int64_t filled = (k + GROUP - 1) / GROUP * GROUP;
#if defined(__AVX512VNNI__) || (defined(__AVXVNNI__) && !defined(__AVX512F__))
  for (int64_t i = 0; i < k; i++) dst[i] = row[i] ^ flip;
  for (int64_t i = k; i < filled; i++) dst[i] = 0;
#else
  int16_t *wide = (int16_t *)(void *)dst;
  for (int64_t i = 0; i < k; i++) wide[i] = row[i] ^ flip;
  for (int64_t i = k; i < filled; i++) wide[i] = 0;
#endif
}

const gemm_int8_isa_t GEMM_INT8_ISA = {MR, NR, GROUP, GROUP == 2, tile, groups};
