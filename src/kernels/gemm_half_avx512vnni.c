#include "kernels/gemm_half_inner.h"

#if defined(__AVX512VNNI__)
#include <immintrin.h>
#include <math.h>

// 14 x 32: 28 sums, 2 vectors of B and a pair of A fill 31 of 32 registers.
enum { PANEL = 2 * HALF_NR, PAIRS = HALF_TERMS / 2 };
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))  // once for all tiles

typedef struct sums {
  float total[HALF_MR][HALF_NR] __attribute__((aligned(64)));
} sums_t;

// Adds, in 16 lanes, the products of two pairs.
INLINE __m512i dot(__m512i sum, __m512i x, __m512i w) {
  // gcc copies every sum before and after the intrinsic in nested loops.
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
  return sum;
}

INLINE __m512i broadcast_pair(const char *p) {
  int pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return _mm512_set1_epi32(pair);
}

INLINE __m512 magnitude(__m512 x) {
  return _mm512_castsi512_ps(
      _mm512_and_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)));
}

INLINE __m512 load_as_float(dtype_t type, const void *base, int64_t at, __mmask16 m) {
  if (type == DT_FLOAT) return _mm512_maskz_loadu_ps(m, (const float *)base + at);
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, (const uint16_t *)base + at));
}
INLINE void store_float(dtype_t type, void *base, int64_t at, __mmask16 m, __m512 x) {
  if (type == DT_FLOAT)
    _mm512_mask_storeu_ps((float *)base + at, m, x);
  else
    _mm256_mask_storeu_epi16((uint16_t *)base + at, m, _mm512_cvtps_ph(x, _MM_FROUND_NO_EXC));
}

INLINE __mmask16 columns_of(const half_tile_t *t, int v) {
  const int left = t->cols - 16 * v;
  return (__mmask16)(left >= 16 ? 0xffff : (1u << left) - 1);
}

// Finished sums, rows of nv vectors together, through the activation.
static void activate(const half_tile_t *t, sums_t *m, int nv) {
  float *x = &m->total[0][0];
  t->ep->act(x, t->rows * nv * 16, t->ep->act_arg);
  for (int i = 0; i < t->rows; i++)
    for (int v = 0; v < nv; v++)
      store_float(t->ep->out_type, t->c, i * t->ldc + 16 * v, columns_of(t, v),
                  _mm512_load_ps(x + (i * nv + v) * 16));
}

NOINLINE static void finish(const half_tile_t *t, sums_t *m, int nv) {
  const half_epilogue_t *e = t->ep;
  const __m512 alpha = _mm512_set1_ps(e->alpha == 0 ? 1 : e->alpha);
  const __m512 lo = _mm512_set1_ps(e->lo), hi = _mm512_set1_ps(e->hi);
  __mmask16 mask[2];
  __m512 scale[2], bias[2];
  for (int v = 0; v < nv; v++) {
    mask[v] = columns_of(t, v);
    scale[v] = _mm512_mul_ps(_mm512_loadu_ps(t->scale + 16 * v), alpha);
    bias[v] = t->bias ? _mm512_maskz_loadu_ps(mask[v], t->bias + 16 * v) : _mm512_setzero_ps();
  }
  for (int i = 0; i < t->rows; i++)
    for (int v = 0; v < nv; v++) {
      __m512 x = _mm512_fmadd_ps(_mm512_load_ps(&m->total[i][16 * v]), scale[v], bias[v]);
      if (t->residual)
        x = _mm512_add_ps(
            x, load_as_float(e->residual_type, t->residual, i * e->ld_residual + 16 * v, mask[v]));
      // Both give their second for NaN.
      if (e->clamp) x = _mm512_max_ps(lo, x);
      if (e->clamp && e->hi < INFINITY) x = _mm512_min_ps(hi, x);
      if (e->act)  // over totals that have been read
        _mm512_store_ps(&m->total[0][0] + (i * nv + v) * 16, x);
      else
        store_float(e->out_type, t->c, i * t->ldc + 16 * v, mask[v], x);
    }
  if (e->act) activate(t, m, nv);
}

INLINE void add_sum(float *total, __m512i sum, __m512 scale, bool first) {
  __m512 x = _mm512_cvtepi32_ps(sum);
  x = first ? _mm512_mul_ps(x, scale) : _mm512_fmadd_ps(x, scale, _mm512_load_ps(total));
  _mm512_store_ps(total, x);
}

INLINE void tile_rows(const half_tile_t *t, const int mr, const int nv) {
  const int half = (mr + 1) / 2;
  sums_t m;
  __m512i s0[HALF_MR], s1[HALF_MR];
#pragma GCC unroll 14
  for (int i = 0; i < mr; i++) s0[i] = s1[i] = _mm512_setzero_si512();
  const uint16_t *b = t->b, *soon = t->soon;
  int64_t room = PAIRS;
  bool first = true;
  for (int g = 0; g < t->segments; g++) {
    const half_segment_t *seg = &t->seg[g];
    const char *p = (const char *)seg->first, *q = (const char *)seg->second;
    // Few enough registers for every row's address: base + {0, 1, 2, 4} x stride, or x 3, or x 5.
    const int64_t d = 2 * seg->stride, d3 = 3 * d, d5 = 5 * d;
    const bool ends = g == t->segments - 1 || seg[1].scale != seg->scale;
    for (int64_t left = seg->k / 2; left > 0;) {
      int64_t n = left < room ? left : room;
      left -= n, room -= n;
      for (; n > 0; n--) {
        __m512i b0 = _mm512_loadu_si512(b), b1 = nv > 1 ? _mm512_loadu_si512(b + 32) : b0;
#pragma GCC unroll 14
        for (int i = 0; i < mr; i++) {
          const char *base = i < half ? p : q;
          const int r = i < half ? i : i - half;
          const int64_t at = r == 3 ? d3 : r == 5 ? d5 : r == 6 ? 2 * d3 : r * d;
          __m512i a = broadcast_pair(base + at);
          s0[i] = dot(s0[i], a, b0);
          if (nv > 1) s1[i] = dot(s1[i], a, b1);
        }
        _mm_prefetch((const char *)soon, _MM_HINT_T1);
        b += PANEL, p += 4, q += 4, soon += PANEL / 2;
      }
      if (room > 0 && !(ends && left == 0)) continue;
#pragma GCC unroll 14
      for (int i = 0; i < mr; i++) {
        const __m512 scale = _mm512_set1_ps(seg->scale[i]);
        add_sum(m.total[i], s0[i], scale, first);
        if (nv > 1) add_sum(m.total[i] + 16, s1[i], scale, first);
        s0[i] = s1[i] = _mm512_setzero_si512();
      }
      first = false;
      room = PAIRS;
    }
  }
  finish(t, &m, nv);
}

static void tile(const half_tile_t *t) {
#define ROWS(n) \
  case n: t->cols > 16 ? tile_rows(t, n, 2) : tile_rows(t, n, 1); break;
  switch (t->rows) {
    ROWS(1)
    ROWS(2)
    ROWS(3)
    ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
  }
#undef ROWS
}

// ---------------------------------------------------------------- A

INLINE __mmask32 first_of(int64_t n) { return (__mmask32)(n >= 32 ? 0xffffffff : (1u << n) - 1); }

// Of 16-bit unsigned lanes.
INLINE int largest_lane(__m512i x) {
  __m256i y = _mm256_max_epu16(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
  __m128i z = _mm_max_epu16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
  z = _mm_minpos_epu16(_mm_xor_si128(z, _mm_set1_epi16(-1)));  // the least of the complements
  return 0xffff ^ _mm_extract_epi16(z, 0);
}

static bool make_ints(const uint16_t *x, int64_t n, uint16_t *d, float *scale) {
  const __m512i magnitudes = _mm512_set1_epi16(0x7fff);
  __m512i most = _mm512_setzero_si512();
  enum { AHEAD = 2048 };  // what follows is the next row, mostly
  for (int64_t i = 0; i < n; i += 32) {
    _mm_prefetch((const char *)(x + i) + AHEAD, _MM_HINT_T0);
    __m512i h = _mm512_maskz_loadu_epi16(first_of(n - i), x + i);
    most = _mm512_max_epu16(most, _mm512_and_si512(h, magnitudes));
  }
  const int largest = largest_lane(most);
  if (largest >= 0x7c00) return false;
  // Its power of two, as f16's subnormals are floats' normals; of 0 any.
  const int up = largest ? HALF_BITS_A - 1 - half_exponent((uint16_t)largest) : 0;
  *scale = power_of_two(-up);
  const __m512 by = _mm512_set1_ps(power_of_two(up));
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 m = (__mmask16)first_of(n - i);
    __m512 f = _mm512_mul_ps(_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, x + i)), by);
    _mm256_mask_storeu_epi16(d + i, m, _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(f)));
  }
  return true;
}

// ---------------------------------------------------------------- B

// column_scale of 16 columns, whose reciprocals it keeps.
INLINE __m512 column_scales(__m512 largest, __m512 sum, float *reciprocal) {
  __m512 scale = _mm512_min_ps(_mm512_div_ps(_mm512_set1_ps(HALF_LARGEST_B), largest),
                               _mm512_div_ps(_mm512_set1_ps(HALF_SUM_B), sum));
  scale = _mm512_min_ps(scale, _mm512_set1_ps(1e30f));
  // Not finite: so are results.
  __mmask16 fine = _mm512_cmp_ps_mask(sum, _mm512_set1_ps(3e38f), _CMP_LE_OQ);
  _mm512_storeu_ps(reciprocal,
                   _mm512_mask_div_ps(_mm512_set1_ps(NAN), fine, _mm512_set1_ps(1), scale));
  return _mm512_maskz_mov_ps(fine, scale);
}

INLINE void store_pairs(uint16_t *d, __m512 even, __m512 odd, __m512 scale) {
  __m512i x = _mm512_cvtps_epi32(_mm512_mul_ps(even, scale));
  __m512i y = _mm512_cvtps_epi32(_mm512_mul_ps(odd, scale));
  _mm512_storeu_si512(d, _mm512_mask_blend_epi16(0xaaaaaaaa, x, _mm512_slli_epi32(y, 16)));
}

typedef struct measure {
  __m512 largest, sum, chain;
} measure_t;

INLINE void measure_pairs(measure_t *m, __m512 even, __m512 odd, int64_t pair) {
  if (pair % PAIRS == 0) m->chain = _mm512_setzero_ps();
  even = magnitude(even), odd = magnitude(odd);
  // Both give their second for NaN, which therefore stays.
  m->largest = _mm512_max_ps(_mm512_max_ps(even, odd), m->largest);
  m->chain = _mm512_add_ps(m->chain, _mm512_add_ps(even, odd));
  m->sum = _mm512_max_ps(m->chain, m->sum);
}

typedef struct count {
  __m512i small, all;  // elements that are not 0
} count_t;

INLINE void count_small(count_t *c, __m512 even, __m512 odd, __m512 scale) {
  const __m512i one = _mm512_set1_epi32(1);
  const __m512 zero = _mm512_setzero_ps(), most = _mm512_set1_ps(HALF_SMALL);
  __mmask16 e = _mm512_cmp_ps_mask(even, zero, _CMP_NEQ_UQ);
  __mmask16 o = _mm512_cmp_ps_mask(odd, zero, _CMP_NEQ_UQ);
  c->all = _mm512_mask_add_epi32(c->all, e, c->all, one);
  c->all = _mm512_mask_add_epi32(c->all, o, c->all, one);
  e = _mm512_mask_cmp_ps_mask(e, magnitude(_mm512_mul_ps(even, scale)), most, _CMP_LT_OQ);
  o = _mm512_mask_cmp_ps_mask(o, magnitude(_mm512_mul_ps(odd, scale)), most, _CMP_LT_OQ);
  c->small = _mm512_mask_add_epi32(c->small, e, c->small, one);
  c->small = _mm512_mask_add_epi32(c->small, o, c->small, one);
}

static void mark(const half_panel_t *p, int v, const count_t *c) {
  if (!p->strict) return;
  __m512i few = _mm512_mullo_epi32(c->small, _mm512_set1_epi32(HALF_FEW));
  __m512i most = _mm512_add_epi32(c->all, _mm512_set1_epi32(HALF_FEW));
  __mmask16 poor = _mm512_cmpgt_epi32_mask(few, most);
  _mm512_mask_storeu_ps(p->scale + 16 * v, poor, _mm512_set1_ps(NAN));
}

// Columns adjacent: 16 at a time. `row` -1: the padding of a run.
INLINE __m512 row_of(const half_panel_t *p, int64_t row, int v, __mmask16 m) {
  return row < 0 ? _mm512_setzero_ps() : load_as_float(p->type, p->b, row * p->rs + 16 * v, m);
}
static void pack_rows(const half_panel_t *p, int v) {
  const int left = p->cols - 16 * v;
  const __mmask16 m = (__mmask16)(left >= 16 ? 0xffff : left <= 0 ? 0 : (1u << left) - 1);
  const int64_t pairs = (p->run + 1) / 2;
  measure_t seen = {0};
  __m512 scale = seen.sum;
  count_t count = {0};
  for (int pass = 0; pass < 2; pass++) {  // measure, then write
    uint16_t *d = p->packed + 32 * v;
    for (int64_t r = 0; r < p->runs; r++)
      for (int64_t i = 0; i < pairs; i++, d += PANEL) {
        const int64_t row = r * p->run + 2 * i;
        __m512 x = row_of(p, row, v, m);
        __m512 y = row_of(p, 2 * i + 1 < p->run ? row + 1 : -1, v, m);
        if (pass == 0) {
          measure_pairs(&seen, x, y, r % p->together * pairs + i);
          continue;
        }
        store_pairs(d, x, y, scale);
        if (p->strict) count_small(&count, x, y, scale);
      }
    if (pass == 0) scale = column_scales(seen.largest, seen.sum, p->scale + 16 * v);
  }
  mark(p, v, &count);
}

// 16 x 16 of 32 bits, turned around.
static void transpose(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  for (int i = 0; i < 4; i++) {  // r[4 q + i]: columns i, i + 4, ... of rows 4 q ..
    __m512i a = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
    __m512i b = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
    __m512i c = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xdd);
    __m512i d = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xdd);
    t[i] = _mm512_shuffle_i32x4(a, b, 0x88);
    t[8 + i] = _mm512_shuffle_i32x4(a, b, 0xdd);
    t[4 + i] = _mm512_shuffle_i32x4(c, d, 0x88);
    t[12 + i] = _mm512_shuffle_i32x4(c, d, 0xdd);
  }
  for (int i = 0; i < 16; i++) r[i] = t[i];
}

INLINE __m512 low_halves(__m512i pairs) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(pairs)); }

// k adjacent, f16: attention's keys.
static void pack_columns(const half_panel_t *p, int v) {
  const int64_t K = p->run;
  measure_t seen = {0};
  for (int64_t k = 0; k < K; k += 32) {
    __m512i r[16];
    for (int j = 0; j < 16; j++) {
      const uint16_t *b = (const uint16_t *)p->b + (16 * v + j) * p->cs + k;
      r[j] = 16 * v + j < p->cols ? _mm512_maskz_loadu_epi16(first_of(K - k), b)
                                  : _mm512_setzero_si512();
    }
    transpose(r);
    for (int64_t i = 0; i < 16 && k + 2 * i < K; i++) {
      measure_pairs(&seen, low_halves(r[i]), low_halves(_mm512_srli_epi32(r[i], 16)), k / 2 + i);
      _mm512_storeu_si512(p->packed + (k / 2 + i) * PANEL + 32 * v, r[i]);
    }
  }
  const __m512 scale = column_scales(seen.largest, seen.sum, p->scale + 16 * v);
  count_t count = {0};
  for (int64_t k = 0; k < K; k += 2) {
    uint16_t *d = p->packed + k / 2 * PANEL + 32 * v;
    __m512i r = _mm512_loadu_si512(d);
    __m512 x = low_halves(r), y = low_halves(_mm512_srli_epi32(r, 16));
    store_pairs(d, x, y, scale);
    if (p->strict) count_small(&count, x, y, scale);
  }
  mark(p, v, &count);
}

static void pack(const half_panel_t *p) {
  const bool rows = p->cs == 1 || p->cols == 1;
  if (rows || (p->runs == 1 && p->type == DT_HALF && p->rs == 1)) {
    for (int v = 0; v < 2; v++)
      if (rows)
        pack_rows(p, v);
      else
        pack_columns(p, v);
  } else {
    half_generic.pack(p);
  }
}

const half_isa_t half_avx512vnni = {tile, pack, make_ints};
#endif
