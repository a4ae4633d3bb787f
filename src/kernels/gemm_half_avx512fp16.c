#include "kernels/gemm_half_inner.h"

#if defined(__AVX512FP16__)
#include <immintrin.h>

// 14 x 32: 28 sums, 2 vectors of B and a broadcast of A fill 31 of 32 registers. A vector of B
// holds pairs (k, k + 1) of 16 columns, and a pair of A is broadcast as 32 bits: a broadcast of 16
// would take the port that multiplies. So a sum's even lanes add even k, its odd lanes odd k.
enum { LANES = 2 * HALF_NR };
#define INLINE static inline __attribute__((always_inline))

typedef struct sums {
  uint16_t part[HALF_MR][LANES] __attribute__((aligned(64)));  // of 1 .. HALF_LEVELS in registers
  float total[HALF_MR][LANES] __attribute__((aligned(64)));
} sums_t;

INLINE __m512 part_as_float(const uint16_t *p) { return _mm512_cvtxph_ps(_mm256_load_ph(p)); }

#define NOINLINE __attribute__((noinline))  // once for all tiles

NOINLINE static void add_parts(sums_t *m, int rows, int nv, bool first) {
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < 32 * nv; j += 16) {
      __m512 x = part_as_float(&m->part[i][j]);
      if (!first) x = _mm512_add_ps(x, _mm512_load_ps(&m->total[i][j]));
      _mm512_store_ps(&m->total[i][j], x);
    }
}

// The pairs' sums of 16 columns.
INLINE __m512 join_pairs(const sums_t *m, int i, int v, bool total) {
  const __m512i evens =
      _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
  __m512 x = part_as_float(&m->part[i][32 * v]), y = part_as_float(&m->part[i][32 * v + 16]);
  if (total) {
    x = _mm512_add_ps(x, _mm512_load_ps(&m->total[i][32 * v]));
    y = _mm512_add_ps(y, _mm512_load_ps(&m->total[i][32 * v + 16]));
  }
  return _mm512_add_ps(_mm512_permutex2var_ps(x, evens, y), _mm512_permutex2var_ps(x, odds, y));
}

INLINE __m512 magnitude(__m512 x) {
  return _mm512_castsi512_ps(
      _mm512_and_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)));
}

INLINE __m512 load_as_float(dtype_t type, const void *base, int64_t at, __mmask16 m) {
  if (type == DT_FLOAT) return _mm512_maskz_loadu_ps(m, (const float *)base + at);
  __m256i h = _mm256_maskz_loadu_epi16(m, (const uint16_t *)base + at);
  return _mm512_cvtxph_ps(_mm256_castsi256_ph(h));
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

static void finish_floats(const half_tile_t *t, sums_t *m, bool total, int nv) {
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
      __m512 x = _mm512_fmadd_ps(join_pairs(m, i, v, total), scale[v], bias[v]);
      if (t->residual)
        x = _mm512_add_ps(
            x, load_as_float(e->residual_type, t->residual, i * e->ld_residual + 16 * v, mask[v]));
      if (e->clamp) x = _mm512_min_ps(hi, _mm512_max_ps(lo, x));  // both give their second for NaN
      if (e->act)                                                 // over totals that have been read
        _mm512_store_ps(&m->total[0][0] + (i * nv + v) * 16, x);
      else
        store_float(e->out_type, t->c, i * t->ldc + 16 * v, mask[v], x);
    }
}

// ---- the usual end, in half precision: one chain for each sum, no activation. It takes half as
// long as the way through float, which products of few k feel. No sum overflows that would not in
// float: a fused multiply-add rounds once, and before a residual is added both are halved.

// The pairs' sums of 32 columns.
INLINE __m512h join_halves(const uint16_t *part) {
  const __mmask32 high = 0xaaaaaaaa;
  const __m512i order = _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1,
                                         30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  __m512i x = _mm512_load_si512(part), y = _mm512_load_si512(part + 32);
  __m512i even = _mm512_mask_blend_epi16(high, x, _mm512_slli_epi32(y, 16));
  __m512i odd = _mm512_mask_blend_epi16(high, _mm512_srli_epi32(x, 16), y);
  __m512h sum = _mm512_add_ph(_mm512_castsi512_ph(even), _mm512_castsi512_ph(odd));
  return _mm512_castsi512_ph(_mm512_permutexvar_epi16(order, _mm512_castph_si512(sum)));
}

INLINE __m512h narrow(__m512 x, __m512 y) {
  __m512i low = _mm512_castsi256_si512(_mm512_cvtps_ph(x, _MM_FROUND_NO_EXC));
  return _mm512_castsi512_ph(_mm512_inserti64x4(low, _mm512_cvtps_ph(y, _MM_FROUND_NO_EXC), 1));
}

// False when the scales or the bias are not what half precision can hold.
static bool finish_halves(const half_tile_t *t, const sums_t *m) {
  const half_epilogue_t *e = t->ep;
  const __mmask32 mask = (__mmask32)(t->cols >= 32 ? 0xffffffff : (1u << t->cols) - 1);
  const float share = t->residual ? 0.5f : 1;
  const __m512 alpha = _mm512_set1_ps((e->alpha == 0 ? 1 : e->alpha) * share);
  __m512 f[2], b[2];
  __mmask16 fine = 0xffff;
  for (int v = 0; v < 2; v++) {
    const __mmask16 columns = columns_of(t, v);
    f[v] = _mm512_mul_ps(_mm512_loadu_ps(t->scale + 16 * v), alpha);
    b[v] = t->bias ? _mm512_maskz_loadu_ps(columns, t->bias + 16 * v) : _mm512_setzero_ps();
    b[v] = _mm512_mul_ps(b[v], _mm512_set1_ps(share));
    __m512 back = _mm512_cvtph_ps(_mm512_cvtps_ph(f[v], _MM_FROUND_NO_EXC));
    fine &= _mm512_cmp_ps_mask(f[v], back, _CMP_EQ_OQ);
    fine &= _mm512_cmp_ps_mask(magnitude(b[v]), _mm512_set1_ps(HALF_MAX), _CMP_LE_OQ);
  }
  if (fine != 0xffff) return false;
  const __m512h scale = narrow(f[0], f[1]), bias = narrow(b[0], b[1]);
  const __m512 lo = _mm512_set1_ps(e->lo), hi = _mm512_set1_ps(e->hi);
  const __m512h low = narrow(lo, lo), up = narrow(hi, hi);
  const __m512h half = _mm512_castsi512_ph(_mm512_set1_epi16(0x3800));
  const uint16_t *residual = t->residual;
  for (int i = 0; i < t->rows; i++) {
    __m512h x = _mm512_fmadd_ph(join_halves(m->part[i]), scale, bias);
    if (residual) {
      __m512i r = _mm512_maskz_loadu_epi16(mask, residual + i * e->ld_residual);
      x = _mm512_fmadd_ph(_mm512_castsi512_ph(r), half, x);
      x = _mm512_add_ph(x, x);
    }
    if (e->clamp) x = _mm512_min_ph(up, _mm512_max_ph(low, x));  // both give their second for NaN
    _mm512_mask_storeu_epi16((uint16_t *)t->c + i * t->ldc, mask, _mm512_castph_si512(x));
  }
  return true;
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

NOINLINE static void finish(const half_tile_t *t, sums_t *m, bool total, int nv) {
  const half_epilogue_t *e = t->ep;
  const bool halves = e->out_type != DT_FLOAT && (!t->residual || e->residual_type != DT_FLOAT);
  if (nv == 2 && !total && !e->act && halves && finish_halves(t, m)) return;
  finish_floats(t, m, total, nv);
  if (e->act) activate(t, m, nv);
}

INLINE __m512h broadcast_pair(const char *p) {
  int pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return _mm512_castsi512_ph(_mm512_set1_epi32(pair));
}

INLINE void tile_rows(const half_tile_t *t, const int mr, const int nv) {
  const int first = (mr + 1) / 2;
  sums_t m;
  __m512h s0[HALF_MR], s1[HALF_MR];
#pragma GCC unroll 14
  for (int i = 0; i < mr; i++) s0[i] = s1[i] = _mm512_setzero_ph();
  const uint16_t *b = t->b, *soon = t->soon;
  int64_t room = HALF_STEPS;
  int level = 0;
  bool total = false;
  for (int g = 0; g < t->segments; g++) {
    const half_segment_t *seg = &t->seg[g];
    const char *p = (const char *)seg->first, *q = (const char *)seg->second;
    // Few enough registers for every row's address: base + {0, 1, 2, 4} x stride, or x 3, or x 5.
    const int64_t d = 2 * seg->stride, d3 = 3 * d, d5 = 5 * d;
    for (int64_t left = seg->k / 2; left > 0;) {
      int64_t n = left < room ? left : room;
      left -= n, room -= n;
      for (; n > 0; n--) {
        __m512h b0 = _mm512_loadu_ph(b), b1 = _mm512_loadu_ph(b + 32);
#pragma GCC unroll 14
        for (int i = 0; i < mr; i++) {
          const char *base = i < first ? p : q;
          const int r = i < first ? i : i - first;
          const int64_t at = r == 3 ? d3 : r == 5 ? d5 : r == 6 ? 2 * d3 : r * d;
          __m512h a = broadcast_pair(base + at);
          s0[i] = _mm512_fmadd_ph(a, b0, s0[i]);
          if (nv > 1) s1[i] = _mm512_fmadd_ph(a, b1, s1[i]);
        }
        _mm_prefetch((const char *)soon, _MM_HINT_T1);
        b += LANES, p += 4, q += 4, soon += LANES / 2;
      }
      const bool last = g == t->segments - 1 && left == 0;
      if (room > 0 && !last) continue;
      if (level == HALF_LEVELS) {
        add_parts(&m, mr, nv, !total);
        total = true;
        level = 0;
      }
      if (level == 0) {
#pragma GCC unroll 14
        for (int i = 0; i < mr; i++) {
          _mm512_store_ph(m.part[i], s0[i]);
          if (nv > 1) _mm512_store_ph(m.part[i] + 32, s1[i]);
          s0[i] = s1[i] = _mm512_setzero_ph();
        }
      } else {
#pragma GCC unroll 14
        for (int i = 0; i < mr; i++) {
          _mm512_store_ph(m.part[i], _mm512_add_ph(s0[i], _mm512_load_ph(m.part[i])));
          if (nv > 1)
            _mm512_store_ph(m.part[i] + 32, _mm512_add_ph(s1[i], _mm512_load_ph(m.part[i] + 32)));
          s0[i] = s1[i] = _mm512_setzero_ph();
        }
      }
      level++;
      room = HALF_STEPS;
    }
  }
  finish(t, &m, total, nv);
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

// ---------------------------------------------------------------- packing

enum { CHAIN = 2 * HALF_STEPS * HALF_LEVELS };  // terms of two chains, which take turns

// half_column_scale of 16 columns.
INLINE __m512 column_scales(__m512 largest, float a_max) {
  const __m512 zero = _mm512_setzero_ps(), most = _mm512_set1_ps(1e30f);
  __mmask16 fine =
      _mm512_cmp_ps_mask(largest, zero, _CMP_GT_OQ) & _mm512_cmp_ps_mask(largest, most, _CMP_LE_OQ);
  __m512 room = _mm512_set1_ps(HALF_MAX * 15 / 16 / a_max);
  __m512 up = _mm512_getexp_ps(_mm512_div_ps(room, largest));
  up = _mm512_min_ps(_mm512_max_ps(up, _mm512_set1_ps(-24)), _mm512_set1_ps(15));
  return _mm512_mask_scalef_ps(_mm512_set1_ps(1), fine, _mm512_set1_ps(1), up);
}

// Columns adjacent: 16 at a time. `row` -1: the padding of a run.
INLINE __m512 row_of(const half_panel_t *p, int64_t row, int v, __mmask16 m) {
  return row < 0 ? _mm512_setzero_ps() : load_as_float(p->type, p->b, row * p->rs + 16 * v, m);
}
static void pack_rows(const half_panel_t *p, int v) {
  const int left = p->cols - 16 * v;
  const __mmask16 m = (__mmask16)(left >= 16 ? 0xffff : left <= 0 ? 0 : (1u << left) - 1);
  const int64_t pairs = (p->run + 1) / 2;
  __m512 sum[2], largest = _mm512_setzero_ps(), scale = largest;
  sum[0] = sum[1] = largest;
  for (int pass = 0; pass < 2; pass++) {  // measure, then write
    uint16_t *d = p->packed + 32 * v;
    for (int64_t r = 0, at = 0; r < p->runs; r++)
      for (int64_t i = 0; i < pairs; i++, at += 2, d += LANES) {
        const int64_t row = r * p->run + 2 * i;
        __m512 x = row_of(p, row, v, m);
        __m512 y = row_of(p, 2 * i + 1 < p->run ? row + 1 : -1, v, m);
        if (pass == 0) {
          if (at % CHAIN == 0) sum[0] = sum[1] = _mm512_setzero_ps();
          sum[0] = _mm512_add_ps(sum[0], magnitude(x));
          sum[1] = _mm512_add_ps(sum[1], magnitude(y));
          largest = _mm512_max_ps(largest, _mm512_max_ps(sum[0], sum[1]));
          continue;
        }
        __m256i even = _mm512_cvtps_ph(_mm512_mul_ps(x, scale), _MM_FROUND_NO_EXC);
        __m256i odd = _mm512_cvtps_ph(_mm512_mul_ps(y, scale), _MM_FROUND_NO_EXC);
        __m512i pair = _mm512_or_si512(_mm512_cvtepu16_epi32(even),
                                       _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
        _mm512_storeu_si512(d, pair);
      }
    scale = column_scales(largest, p->a_max);
  }
  _mm512_storeu_ps(p->scale + 16 * v, _mm512_div_ps(_mm512_set1_ps(1), scale));
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

// ---- operands of products of two activations: what a chain adds up to is bounded by its terms
// times the largest of them, which takes one look at each.

INLINE __m512i magnitudes(__m512i halves) {
  return _mm512_and_si512(halves, _mm512_set1_epi16(0x7fff));
}

// From the largest magnitudes of 16 columns, as f16 in the lower halves; p->scale from column 16 v.
INLINE __m512 chain_scales(const half_panel_t *p, __m512i largest, int v) {
  const int64_t pairs = (p->run + 1) / 2, terms = pairs < CHAIN / 2 ? pairs : CHAIN / 2;
  __m512 most = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(largest));
  most = _mm512_mul_ps(most, _mm512_set1_ps((float)terms));
  __m512 scale = column_scales(most, p->a_max);
  _mm512_storeu_ps(p->scale + 16 * v, _mm512_div_ps(_mm512_set1_ps(1), scale));
  return scale;
}
// As f16 in both halves.
INLINE __m512h for_pairs(__m512 scale) {
  __m512i half = _mm512_cvtepu16_epi32(_mm512_cvtps_ph(scale, _MM_FROUND_NO_EXC));
  return _mm512_castsi512_ph(_mm512_or_si512(half, _mm512_slli_epi32(half, 16)));
}

// k adjacent: attention's keys.
static void pack_columns(const half_panel_t *p, int v) {
  const int64_t K = p->run;
  __m512i largest = _mm512_setzero_si512();
  for (int64_t k = 0; k < K; k += 32) {
    const __mmask32 m = (__mmask32)(K - k >= 32 ? 0xffffffff : (1u << (K - k)) - 1);
    __m512i r[16];
    for (int j = 0; j < 16; j++) {
      const uint16_t *b = (const uint16_t *)p->b + (16 * v + j) * p->cs + k;
      r[j] = 16 * v + j < p->cols ? _mm512_maskz_loadu_epi16(m, b) : _mm512_setzero_si512();
    }
    transpose(r);
    const int64_t pairs = (K - k + 1) / 2;
    for (int64_t i = 0; i < 16 && i < pairs; i++) {
      largest = _mm512_max_epu16(largest, magnitudes(r[i]));
      _mm512_storeu_si512(p->packed + (k / 2 + i) * LANES + 32 * v, r[i]);
    }
  }
  largest = _mm512_max_epu16(largest, _mm512_srli_epi32(largest, 16));
  const __m512h scale = for_pairs(chain_scales(p, largest, v));
  for (int64_t k = 0; k < K; k += 2) {
    uint16_t *d = p->packed + k / 2 * LANES + 32 * v;
    _mm512_storeu_ph(d, _mm512_mul_ph(_mm512_loadu_ph(d), scale));
  }
}

// Columns adjacent: attention's values.
static void pack_rows_quickly(const half_panel_t *p) {
  const __mmask32 m = (__mmask32)(p->cols >= 32 ? 0xffffffff : (1u << p->cols) - 1);
  const uint16_t *b = p->b;
  __m512i largest = _mm512_setzero_si512();
  for (int64_t k = 0; k < p->run; k++)
    largest = _mm512_max_epu16(largest, magnitudes(_mm512_maskz_loadu_epi16(m, b + k * p->rs)));
  __m512h scale[2];
  for (int v = 0; v < 2; v++) {
    __m256i half = v ? _mm512_extracti64x4_epi64(largest, 1) : _mm512_castsi512_si256(largest);
    scale[v] = for_pairs(chain_scales(p, _mm512_cvtepu16_epi32(half), v));
  }
  for (int64_t k = 0; k < p->run; k += 2, b += 2 * p->rs) {
    __m512i x = _mm512_maskz_loadu_epi16(m, b);
    __m512i y = k + 1 < p->run ? _mm512_maskz_loadu_epi16(m, b + p->rs) : _mm512_setzero_si512();
    for (int v = 0; v < 2; v++) {
      __m256i e = v ? _mm512_extracti64x4_epi64(x, 1) : _mm512_castsi512_si256(x);
      __m256i o = v ? _mm512_extracti64x4_epi64(y, 1) : _mm512_castsi512_si256(y);
      __m512i pair = _mm512_or_si512(_mm512_cvtepu16_epi32(e),
                                     _mm512_slli_epi32(_mm512_cvtepu16_epi32(o), 16));
      _mm512_storeu_ph(p->packed + k / 2 * LANES + 32 * v,
                       _mm512_mul_ph(_mm512_castsi512_ph(pair), scale[v]));
    }
  }
}

static void pack(const half_panel_t *p) {
  const bool rows = p->cs == 1 || p->cols == 1;
  const bool halves = p->runs == 1 && p->type == DT_HALF;
  if (rows && halves && p->quick) {
    pack_rows_quickly(p);
  } else if (rows || (halves && p->rs == 1)) {
    for (int v = 0; v < 2; v++)
      if (rows)
        pack_rows(p, v);
      else
        pack_columns(p, v);
  } else {
    half_generic.pack(p);
  }
}

const half_isa_t half_avx512fp16 = {tile, pack};
#endif
