// The functions of depthwise_int8_inner.h, written once over the vectors of kernels/int8_simd.h;
// included by one file per instruction set, which defines DEPTHWISE_INT8_ISA, the table's name.
#include "kernels/depthwise_int8_inner.h"
#include "kernels/int8_simd.h"

enum { MOST_T = LANES == 16 ? 6 : 4, MOST_SUMS = 2 * MOST_T };

// Results of one vector of channels of R x T outputs.
INLINE void dw_finish(const depthwise_int8_t *j, const vi_t *sum, int64_t at, int64_t channel,
                      int n, const int R, const int T) {
  const int8_finish_t *e = j->finish;
  const int64_t C = j->s.in_c, W = j->s.out[2];
  float real[MOST_SUMS * LANES];
  if (finish_four(e, n)) {
    vf_t scale = vf_load(e->scale + channel), bias = vf_load(e->bias + channel);
#pragma GCC unroll 3
    for (int i = 0; i < R * T; i += 4) {
      vf_t v[4];
      int64_t to[4];
#pragma GCC unroll 4
      for (int k = 0; k < 4; k++) {  // the last ones of a row once more, where there are no others
        const int from = i + k < R * T ? i + k : R * T - 1;
        to[k] = at + (from / T * W + from % T) * C;
        v[k] = scaled(sum[from], scale, bias);
      }
      finish_store_four(e, j->y, to, v[0], v[1], v[2], v[3]);
    }
    return;
  }
#pragma GCC unroll 12
  for (int i = 0; i < R * T; i++) {
    int64_t to = at + (i / T * W + i % T) * C;
    vf_t v = finish_real(e, sum[i], channel, to, n);
    if (e->act)
      vf_store(real + i * LANES, v);
    else
      finish_store(e, j->y, to, v, n);
  }
  if (!e->act) return;
  e->act(real, R * T * LANES, e->act_arg);
  for (int i = 0; i < R * T; i++)
    finish_store(e, j->y, at + (i / T * W + i % T) * C, vf_load(real + i * LANES), n);
}

// One vector of channels of R x T outputs. line: of their first column and channel.
INLINE void dw_vector(const depthwise_int8_t *j, const int32_t *line, const int32_t *w, int64_t at,
                      int64_t channel, int n, const int R, const int T) {
  const conv_shape_t *s = &j->s;
  const int64_t C = s->in_c, next_t = s->stride[2] * C, next_k = s->dilation[2] * C;
  vi_t sum[MOST_SUMS], start = vi_mul(vi_load(w), vi_set1(-j->zero));
#pragma GCC unroll 12
  for (int i = 0; i < R * T; i++) sum[i] = start;
  w += LANES;
  for (int64_t g = 0; g < j->groups; g++, line += j->columns * C) {
    const int32_t *x = line;
    for (int64_t k = s->kernel[2]; k > 0; k--, x += next_k, w += j->rows * LANES) {
      vi_t w0 = vi_load(w), w1 = R > 1 ? vi_load(w + LANES) : w0;
#pragma GCC unroll 6
      for (int t = 0; t < T; t++) {
        vi_t v = vi_load(x + t * next_t);
        sum[t] = vi_dot(sum[t], v, w0);
        if (R > 1) sum[T + t] = vi_dot(sum[T + t], v, w1);
      }
    }
  }
  dw_finish(j, sum, at, channel, n, R, T);
}

// A row or two of one vector of channels.
INLINE void dw_rows(const depthwise_int8_t *j, const int32_t *line, const int32_t *w, int64_t at,
                    int64_t channel, int n, const int R) {
  const conv_shape_t *s = &j->s;
  const int64_t W = s->out[2], tiles = (W + MOST_T - 1) / MOST_T;
  for (int64_t i = 0; i < tiles; i++) {
    int64_t x = W * i / tiles, t = W * (i + 1) / tiles - x;
    const int32_t *from = line + x * s->stride[2] * s->in_c + channel;
    int64_t to = at + x * s->in_c + channel;
#define TILE(T) \
  case T: dw_vector(j, from, w, to, channel, n, R, T); break;
    switch (t) {
      TILE(1)
      TILE(2)
      TILE(3)
      TILE(4)
#if defined(__AVX512F__)
      TILE(5)
      TILE(6)
#endif
    }
#undef TILE
  }
}

static void outputs(const depthwise_int8_t *j, const int32_t *line, int64_t b, int64_t oy,
                    int rows) {
  const conv_shape_t *s = &j->s;
  int64_t at = (b * s->out[1] + oy) * s->out[2] * s->in_c;
  int64_t each = LANES * (1 + j->groups * s->kernel[2] * j->rows);
  const int32_t *w = j->packed;
  for (int64_t c = 0; c < s->in_c; c += LANES, w += each) {
    int n = (int)(s->in_c - c < LANES ? s->in_c - c : LANES);
    if (rows > 1)
      dw_rows(j, line, w, at, c, n, 2);
    else
      dw_rows(j, line, w, at, c, n, 1);
  }
}

// ---------------------------------------------------------------- interleaving

static inline void interleave_one(const uint8_t *const *rows, int64_t i, uint8_t flip,
                                  int32_t *line) {
  uint32_t v = 0;
  for (int g = 0; g < GROUP; g++) v |= (uint32_t)(uint8_t)(rows[g][i] ^ flip) << (32 / GROUP * g);
  line[i] = (int32_t)v;
}

#if defined(__AVX512VNNI__)
// Dwords are put so that unpacking, which stays within 128 bits, leaves 16 adjacent numbers in each
// result.
static void interleave(const uint8_t *const *rows, int64_t n, uint8_t flip, int32_t *line) {
  const vi_t order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const vi_t flips = _mm512_set1_epi8((char)flip);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    vi_t r[4];
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++)
      r[g] = _mm512_permutexvar_epi32(order, _mm512_xor_si512(vi_load(rows[g] + i), flips));
    vi_t a = _mm512_unpacklo_epi8(r[0], r[1]), b = _mm512_unpackhi_epi8(r[0], r[1]);
    vi_t c = _mm512_unpacklo_epi8(r[2], r[3]), d = _mm512_unpackhi_epi8(r[2], r[3]);
    vi_store(line + i, _mm512_unpacklo_epi16(a, c));
    vi_store(line + i + 16, _mm512_unpackhi_epi16(a, c));
    vi_store(line + i + 32, _mm512_unpacklo_epi16(b, d));
    vi_store(line + i + 48, _mm512_unpackhi_epi16(b, d));
  }
  for (; i < n; i++) interleave_one(rows, i, flip, line);
}
#elif defined(__AVX512F__)
static void interleave(const uint8_t *const *rows, int64_t n, uint8_t flip, int32_t *line) {
  const vi_t flips = vi_set1(flip << 16 | flip);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    vi_t a = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(rows[0] + i)));
    vi_t b = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(rows[1] + i)));
    vi_store(line + i, _mm512_xor_si512(_mm512_or_si512(a, _mm512_slli_epi32(b, 16)), flips));
  }
  for (; i < n; i++) interleave_one(rows, i, flip, line);
}
#elif defined(__AVXVNNI__)
static void interleave(const uint8_t *const *rows, int64_t n, uint8_t flip, int32_t *line) {
  const vi_t order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
  const vi_t flips = _mm256_set1_epi8((char)flip);
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    vi_t r[4];
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++)
      r[g] = _mm256_permutevar8x32_epi32(_mm256_xor_si256(vi_load(rows[g] + i), flips), order);
    vi_t a = _mm256_unpacklo_epi8(r[0], r[1]), b = _mm256_unpackhi_epi8(r[0], r[1]);
    vi_t c = _mm256_unpacklo_epi8(r[2], r[3]), d = _mm256_unpackhi_epi8(r[2], r[3]);
    vi_store(line + i, _mm256_unpacklo_epi16(a, c));
    vi_store(line + i + 8, _mm256_unpackhi_epi16(a, c));
    vi_store(line + i + 16, _mm256_unpacklo_epi16(b, d));
    vi_store(line + i + 24, _mm256_unpackhi_epi16(b, d));
  }
  for (; i < n; i++) interleave_one(rows, i, flip, line);
}
#else
static void interleave(const uint8_t *const *rows, int64_t n, uint8_t flip, int32_t *line) {
  const vi_t flips = vi_set1(flip << 16 | flip);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    vi_t a = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(rows[0] + i)));
    vi_t b = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(rows[1] + i)));
    vi_store(line + i, _mm256_xor_si256(_mm256_or_si256(a, _mm256_slli_epi32(b, 16)), flips));
  }
  for (; i < n; i++) interleave_one(rows, i, flip, line);
}
#endif

const depthwise_int8_isa_t DEPTHWISE_INT8_ISA = {LANES, GROUP, interleave, outputs};
