// Vectors for kernels on 8-bit numbers, for the instruction set that the including file is compiled
// for: 32-bit lanes, each of which sums the products of a group of adjacent numbers: four unsigned
// with four signed ones (VNNI), or two 16-bit ones (before). vpmaddubsw, which would take four
// without VNNI, is not used: its sums of pairs saturate.
#ifndef TFTRT_KERNELS_INT8_SIMD_H
#define TFTRT_KERNELS_INT8_SIMD_H

#if defined(__AVX2__)
#include <immintrin.h>
#include <string.h>

#include "kernels/int8_finish.h"

#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512VNNI__) || (defined(__AVXVNNI__) && !defined(__AVX512F__))
enum { GROUP = 4 };
#else
enum { GROUP = 2 };
#endif

#if defined(__AVX512F__)
enum { LANES = 16 };
typedef __m512i vi_t;
typedef __m512 vf_t;

INLINE vi_t vi_load(const void *p) { return _mm512_loadu_si512(p); }
INLINE void vi_store(void *p, vi_t v) { _mm512_storeu_si512(p, v); }
INLINE vi_t vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
INLINE vi_t vi_mul(vi_t a, vi_t b) { return _mm512_mullo_epi32(a, b); }
INLINE vf_t vf_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void vf_store(float *p, vf_t v) { _mm512_storeu_ps(p, v); }
// Adds, lane by lane, the products of two groups.
INLINE vi_t vi_dot(vi_t sum, vi_t x, vi_t w) {
#if defined(__AVX512VNNI__)
  // gcc copies every sum before and after the intrinsic in nested loops.
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
  return sum;
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(x, w));
#endif
}
// LANES groups of signed bytes.
INLINE vi_t vi_load_groups(const int8_t *p) {
#if defined(__AVX512VNNI__)
  return _mm512_loadu_si512(p);
#else
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p));
#endif
}

INLINE __mmask16 first(int n) { return (__mmask16)(n >= 16 ? 0xffffu : (1u << n) - 1); }

INLINE vf_t scaled(vi_t sum, vf_t scale, vf_t bias) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, bias);
}

// Real values of sums; n: lanes that are elements of y.
INLINE vf_t finish_real(const int8_finish_t *e, vi_t sum, int64_t channel, int64_t at, int n) {
  vf_t v = scaled(sum, vf_load(e->scale + channel), vf_load(e->bias + channel));
  if (!e->residual) return v;
  vf_t r;
  if (e->residual_type == DT_FLOAT) {
    r = _mm512_maskz_loadu_ps(first(n), (const float *)e->residual + at);
  } else {
    __m128i q = _mm_maskz_loadu_epi8(first(n), (const uint8_t *)e->residual + at);
    vi_t wide = e->residual_type == DT_UINT8 ? _mm512_cvtepu8_epi32(q) : _mm512_cvtepi8_epi32(q);
    r = _mm512_cvtepi32_ps(_mm512_sub_epi32(wide, vi_set1(e->residual_zero)));
  }
  return _mm512_add_ps(v, _mm512_mul_ps(r, _mm512_set1_ps(e->residual_scale)));
}

INLINE void finish_store(const int8_finish_t *e, void *y, int64_t at, vf_t v, int n) {
  if (e->act) v = _mm512_mul_ps(v, _mm512_set1_ps(e->by));
  // min and max give their second operand for NaN
  if (e->clamp) v = _mm512_min_ps(_mm512_set1_ps(e->hi), _mm512_max_ps(_mm512_set1_ps(e->lo), v));
  if (e->type == DT_FLOAT) {
    _mm512_mask_storeu_ps((float *)y + at, first(n), v);
    return;
  }
  __mmask16 number = _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q);
  vi_t q = _mm512_maskz_cvtps_epi32(number, v);
  q = _mm512_maskz_add_epi32(number, q, vi_set1(e->zero));
  _mm_mask_storeu_epi8((uint8_t *)y + at, first(n), _mm512_cvtepi32_epi8(q));
}

// Four vectors to 8 bits at once where e->saturates: to y + at[i] each.
INLINE void finish_store_four(const int8_finish_t *e, void *y, const int64_t *at, vf_t v0, vf_t v1,
                              vf_t v2, vf_t v3) {
  vi_t a = _mm512_packs_epi32(_mm512_cvtps_epi32(v0), _mm512_cvtps_epi32(v1));
  vi_t b = _mm512_packs_epi32(_mm512_cvtps_epi32(v2), _mm512_cvtps_epi32(v3));
  if (e->zero) {
    vi_t zero = _mm512_set1_epi16((int16_t)e->zero);
    a = _mm512_adds_epi16(a, zero), b = _mm512_adds_epi16(b, zero);
  }
  vi_t q = e->type == DT_UINT8 ? _mm512_packus_epi16(a, b) : _mm512_packs_epi16(a, b);
  q = _mm512_permutexvar_epi32(
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), q);
  uint8_t *to = y;
  _mm_storeu_si128((__m128i *)(to + at[0]), _mm512_castsi512_si128(q));
  _mm_storeu_si128((__m128i *)(to + at[1]), _mm512_extracti32x4_epi32(q, 1));
  _mm_storeu_si128((__m128i *)(to + at[2]), _mm512_extracti32x4_epi32(q, 2));
  _mm_storeu_si128((__m128i *)(to + at[3]), _mm512_extracti32x4_epi32(q, 3));
}

#else  // AVX2
enum { LANES = 8 };
typedef __m256i vi_t;
typedef __m256 vf_t;

INLINE vi_t vi_load(const void *p) { return _mm256_loadu_si256(p); }
INLINE void vi_store(void *p, vi_t v) { _mm256_storeu_si256(p, v); }
INLINE vi_t vi_set1(int32_t x) { return _mm256_set1_epi32(x); }
INLINE vi_t vi_mul(vi_t a, vi_t b) { return _mm256_mullo_epi32(a, b); }
INLINE vf_t vf_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void vf_store(float *p, vf_t v) { _mm256_storeu_ps(p, v); }
INLINE vi_t vi_dot(vi_t sum, vi_t x, vi_t w) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(sum, x, w);
#else
  return _mm256_add_epi32(sum, _mm256_madd_epi16(x, w));
#endif
}
INLINE vi_t vi_load_groups(const int8_t *p) {
#if defined(__AVXVNNI__)
  return _mm256_loadu_si256((const __m256i *)p);
#else
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
#endif
}

INLINE vf_t scaled(vi_t sum, vf_t scale, vf_t bias) {
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, bias);
}

INLINE vf_t finish_real(const int8_finish_t *e, vi_t sum, int64_t channel, int64_t at, int n) {
  vf_t v = scaled(sum, vf_load(e->scale + channel), vf_load(e->bias + channel));
  if (!e->residual) return v;
  vf_t r;
  if (e->residual_type == DT_FLOAT) {
    float few[8] = {0};
    const float *from = (const float *)e->residual + at;
    if (n < 8) memcpy(few, from, (size_t)n * sizeof *few);
    r = vf_load(n < 8 ? few : from);
  } else {
    uint8_t few[8] = {0};
    const uint8_t *from = (const uint8_t *)e->residual + at;
    if (n < 8) memcpy(few, from, (size_t)n);
    __m128i q = _mm_loadl_epi64((const __m128i *)(n < 8 ? few : from));
    vi_t wide = e->residual_type == DT_UINT8 ? _mm256_cvtepu8_epi32(q) : _mm256_cvtepi8_epi32(q);
    r = _mm256_cvtepi32_ps(_mm256_sub_epi32(wide, vi_set1(e->residual_zero)));
  }
  return _mm256_add_ps(v, _mm256_mul_ps(r, _mm256_set1_ps(e->residual_scale)));
}

INLINE void finish_store(const int8_finish_t *e, void *y, int64_t at, vf_t v, int n) {
  if (e->act) v = _mm256_mul_ps(v, _mm256_set1_ps(e->by));
  if (e->clamp) v = _mm256_min_ps(_mm256_set1_ps(e->hi), _mm256_max_ps(_mm256_set1_ps(e->lo), v));
  if (e->type == DT_FLOAT) {
    float few[8];
    float *to = (float *)y + at;
    vf_store(n < 8 ? few : to, v);
    if (n < 8) memcpy(to, few, (size_t)n * sizeof *few);
    return;
  }
  vi_t number = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_ORD_Q));
  vi_t q = _mm256_add_epi32(_mm256_cvtps_epi32(v), vi_set1(e->zero));
  q = _mm256_and_si256(_mm256_and_si256(q, number), vi_set1(0xff));
  __m128i p = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  p = _mm_packus_epi16(p, p);
  uint8_t few[8], *to = (uint8_t *)y + at;
  _mm_storel_epi64((__m128i *)(n < 8 ? few : to), p);
  if (n < 8) memcpy(to, few, (size_t)n);
}

INLINE void finish_store_four(const int8_finish_t *e, void *y, const int64_t *at, vf_t v0, vf_t v1,
                              vf_t v2, vf_t v3) {
  vi_t a = _mm256_packs_epi32(_mm256_cvtps_epi32(v0), _mm256_cvtps_epi32(v1));
  vi_t b = _mm256_packs_epi32(_mm256_cvtps_epi32(v2), _mm256_cvtps_epi32(v3));
  if (e->zero) {
    vi_t zero = _mm256_set1_epi16((int16_t)e->zero);
    a = _mm256_adds_epi16(a, zero), b = _mm256_adds_epi16(b, zero);
  }
  vi_t q = e->type == DT_UINT8 ? _mm256_packus_epi16(a, b) : _mm256_packs_epi16(a, b);
  q = _mm256_permutevar8x32_epi32(q, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  __m128i lo = _mm256_castsi256_si128(q), hi = _mm256_extracti128_si256(q, 1);
  uint8_t *to = y;
  _mm_storel_epi64((__m128i *)(to + at[0]), lo);
  _mm_storel_epi64((__m128i *)(to + at[1]), _mm_srli_si128(lo, 8));
  _mm_storel_epi64((__m128i *)(to + at[2]), hi);
  _mm_storel_epi64((__m128i *)(to + at[3]), _mm_srli_si128(hi, 8));
}
#endif

// Do vectors of n elements go out four at a time? Residuals are read one by one.
INLINE bool finish_four(const int8_finish_t *e, int n) {
  return e->saturates && !e->residual && n == LANES;
}

// A group of a row, in every lane.
INLINE vi_t vi_broadcast(const void *p) {
  int32_t group;
  memcpy(&group, p, sizeof group);
  return vi_set1(group);
}

#endif
#endif
