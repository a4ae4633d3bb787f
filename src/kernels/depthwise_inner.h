// Depthwise rows over vectors of channels, written once; included by one file per instruction set,
// which defines:
//   V, V_WIDTH, MASK, MASK_OF(n) (selects the first n, 1 .. V_WIDTH, floats of a vector),
//   V_LOAD(p, m, full), V_STORE(p, m, full, v) (full: the mask is all ones, a constant), V_ZERO,
//   V_SET(x), V_FMA(a, b, c), V_ADD, ...  by depthwise_vectors.h
//   DEPTHWISE_ROWS      the name of the function made here
// and, where x, y and the residual are not floats:
//   DW_JOB, DW_EPILOGUE the job's and the epilogue's type
//   DW_X                their elements' type
//   DW_LOAD, DW_STORE   as V_LOAD and V_STORE, from and to such elements
//
// A tile of R x T outputs shares every input vector among the taps that need it, so that the loads
// per multiplication fall well below one; kernel size and stride are constants for the common
// cases.
#include "kernels/conv_inner.h"

#define DW_INLINE static inline __attribute__((always_inline))

#ifndef DW_JOB
#define DW_JOB depthwise_job_t
#define DW_EPILOGUE gemm_epilogue_t
#define DW_X float
#define DW_LOAD V_LOAD
#define DW_STORE V_STORE
DW_INLINE void dw_act(const DW_JOB *j, int64_t at, int64_t n) {
  if (j->ep && j->ep->act) j->ep->act(j->y + at, n, j->ep->act_arg);
}
#else
#define dw_act depthwise_half_act
#endif

// Sum, then bias, residual and clamp.
DW_INLINE void dw_store(const DW_JOB *j, int64_t at, int64_t c, MASK m, const bool full, V v) {
  const DW_EPILOGUE *e = j->ep;
  if (e) {
    if (e->alpha != 0 && e->alpha != 1) v = V_MUL(v, V_SET(e->alpha));
    if (e->bias) v = V_ADD(v, V_LOAD(e->bias + c, m, full));
    if (e->residual) v = V_ADD(v, DW_LOAD((const DW_X *)e->residual + at, m, full));
    if (e->clamp) v = V_MIN(V_SET(e->hi), V_MAX(V_SET(e->lo), v));  // NaN stays
  }
  DW_STORE(j->y + at, m, full, v);
}

// One vector of channels, from c on, of one output; at its edges, and where channels are left over.
static void dw_point(const DW_JOB *j, const DW_X *x, int64_t y0, int64_t x0, int64_t at,
                     int64_t c) {
  const conv_shape_t *s = &j->s;
  const int64_t C = s->in_c, W = s->in[2], H = s->in[1], K = s->kernel[1];
  int64_t left = C - c;
  MASK m = MASK_OF(left < V_WIDTH ? left : V_WIDTH);
  V acc = V_ZERO;
  for (int64_t ky = y0 < 0 ? -y0 : 0; ky < K && y0 + ky < H; ky++)
    for (int64_t kx = x0 < 0 ? -x0 : 0; kx < K && x0 + kx < W; kx++)
      acc = V_FMA(DW_LOAD(x + (ky * W + kx) * C + c, m, false),
                  V_LOAD(j->w + (ky * K + kx) * C + c, m, false), acc);
  dw_store(j, at + c, c, m, false, acc);
}

// One full vector of channels, from c on, of a tile of outputs; the corner of its taps is (y0, x0),
// of its outputs `at`.
DW_INLINE void dw_vector(const DW_JOB *j, const DW_X *x, int64_t y0, int64_t x0, int64_t at,
                         int64_t c, const int K, const int S, const int R, const int T,
                         const bool inside) {
  const conv_shape_t *s = &j->s;
  const int64_t C = s->in_c, W = s->in[2], H = s->in[1];
  const MASK m = MASK_OF(V_WIDTH);
  V acc[8], w[25];
  (void)m;
#pragma GCC unroll 8
  for (int i = 0; i < R * T; i++) acc[i] = V_ZERO;
#pragma GCC unroll 25
  for (int i = 0; i < K * K; i++) w[i] = V_LOAD(j->w + i * C + c, m, true);
#pragma GCC unroll 16
  for (int iy = 0; iy < (R - 1) * S + K; iy++) {
    if (!inside && (y0 + iy < 0 || y0 + iy >= H)) continue;
#pragma GCC unroll 16
    for (int ix = 0; ix < (T - 1) * S + K; ix++) {
      if (!inside && (x0 + ix < 0 || x0 + ix >= W)) continue;
      V v = DW_LOAD(x + (iy * W + ix) * C + c, m, true);
#pragma GCC unroll 8
      for (int i = 0; i < R * T; i++) {
        const int ky = iy - i / T * S, kx = ix - i % T * S;
        if (ky >= 0 && ky < K && kx >= 0 && kx < K) acc[i] = V_FMA(v, w[ky * K + kx], acc[i]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R * T; i++)
    dw_store(j, at + (i / T * s->out[2] + i % T) * C + c, c, m, true, acc[i]);
}

// Outputs (oy .. oy+R) x (ox .. ox+T) of image b, from channel c on.
static void dw_points(const DW_JOB *j, int64_t b, int64_t oy, int64_t ox, int64_t S, int64_t R,
                      int64_t T, int64_t c) {
  const conv_shape_t *s = &j->s;
  const int64_t C = s->in_c, W = s->in[2], H = s->in[1];
  for (int64_t i = 0; i < R * T; i++) {
    int64_t y = oy + i / T, x = ox + i % T, y0 = y * S - s->pad[1], x0 = x * S - s->pad[2];
    for (int64_t k = c; k < C; k += V_WIDTH)
      dw_point(j, j->x + ((b * H + y0) * W + x0) * C, y0, x0,
               ((b * s->out[1] + y) * s->out[2] + x) * C, k);
  }
}

// The same, all channels; inside: no tap is padding.
DW_INLINE void dw_tile(const DW_JOB *j, int64_t b, int64_t oy, int64_t ox, const int K, const int S,
                       const int R, const int T, const bool inside) {
  const conv_shape_t *s = &j->s;
  const int64_t C = s->in_c, W = s->in[2], H = s->in[1];
  const int64_t y0 = oy * S - s->pad[1], x0 = ox * S - s->pad[2];
  const DW_X *x = j->x + ((b * H + y0) * W + x0) * C;
  int64_t at = ((b * s->out[1] + oy) * s->out[2] + ox) * C, c = 0;
  for (; c + V_WIDTH <= C; c += V_WIDTH) dw_vector(j, x, y0, x0, at, c, K, S, R, T, inside);
  if (c < C) dw_points(j, b, oy, ox, S, R, T, c);
}

// T outputs of one or two rows; T is what is left of a row, up to 4. Tiles of every kind would be
// fastest, but each takes a second to compile: those of one and two columns go point by point.
DW_INLINE void dw_some(const DW_JOB *j, int64_t b, int64_t oy, int64_t ox, const int K, const int S,
                       const int R, int64_t T) {
  const conv_shape_t *s = &j->s;
  int64_t y0 = oy * S - s->pad[1], x0 = ox * S - s->pad[2];
  bool inside =
      y0 >= 0 && x0 >= 0 && y0 + (R - 1) * S + K <= s->in[1] && x0 + 3 * S + K <= s->in[2];
  if (T == 4 && inside)
    dw_tile(j, b, oy, ox, K, S, R, 4, true);
  else if (T == 4)
    dw_tile(j, b, oy, ox, K, S, R, 4, false);
  else if (T == 3)
    dw_tile(j, b, oy, ox, K, S, R, 3, false);
  else
    dw_points(j, b, oy, ox, S, R, T, 0);
  for (int r = 0; r < R; r++)
    dw_act(j, ((b * s->out[1] + oy + r) * s->out[2] + ox) * s->in_c, T * s->in_c);
}

#define DW_ROWS(NAME, K, S)                                         \
  static void NAME(const DW_JOB *j, int64_t begin, int64_t end) {   \
    const conv_shape_t *s = &j->s;                                  \
    int64_t ow = s->out[2], tiles = (ow + 3) / 4;                   \
    for (int64_t r = begin; r < end;) {                             \
      int64_t b = r / s->out[1], oy = r % s->out[1];                \
      bool pair = r + 1 < end && oy + 1 < s->out[1];                \
      for (int64_t i = 0; i < tiles; i++) {                         \
        int64_t ox = ow * i / tiles, t = ow * (i + 1) / tiles - ox; \
        if (pair)                                                   \
          dw_some(j, b, oy, ox, K, S, 2, t);                        \
        else                                                        \
          dw_some(j, b, oy, ox, K, S, 1, t);                        \
      }                                                             \
      r += pair ? 2 : 1;                                            \
    }                                                               \
  }
DW_ROWS(dw_rows_3_1, 3, 1)
DW_ROWS(dw_rows_3_2, 3, 2)
DW_ROWS(dw_rows_5_1, 5, 1)
DW_ROWS(dw_rows_5_2, 5, 2)

// Any kernel, stride and dilation: four vectors of channels at a time, so that the sums do not wait
// for each other.
static void dw_rows_any(const DW_JOB *j, int64_t begin, int64_t end) {
  const conv_shape_t *s = &j->s;
  const int64_t C = s->in_c;
  for (int64_t r = begin; r < end; r++)
    for (int64_t ox = 0; ox < s->out[2]; ox++) {
      int64_t b = r / s->out[1], oy = r % s->out[1], at = (r * s->out[2] + ox) * C;
      for (int64_t c0 = 0; c0 < C; c0 += 4 * V_WIDTH) {
        V acc[4];
        MASK m[4];
        int n = 0;
        for (; n < 4 && c0 + n * V_WIDTH < C; n++) {
          int64_t left = C - c0 - n * V_WIDTH;
          acc[n] = V_ZERO, m[n] = MASK_OF(left < V_WIDTH ? left : V_WIDTH);
        }
        for (int64_t ky = 0; ky < s->kernel[1]; ky++) {
          int64_t iy = oy * s->stride[1] - s->pad[1] + ky * s->dilation[1];
          if (iy < 0 || iy >= s->in[1]) continue;
          for (int64_t kx = 0; kx < s->kernel[2]; kx++) {
            int64_t ix = ox * s->stride[2] - s->pad[2] + kx * s->dilation[2];
            if (ix < 0 || ix >= s->in[2]) continue;
            const DW_X *x = j->x + ((b * s->in[1] + iy) * s->in[2] + ix) * C + c0;
            const float *w = j->w + (ky * s->kernel[2] + kx) * C + c0;
            for (int i = 0; i < n; i++)
              acc[i] = V_FMA(DW_LOAD(x + i * V_WIDTH, m[i], false),
                             V_LOAD(w + i * V_WIDTH, m[i], false), acc[i]);
          }
        }
        for (int i = 0; i < n; i++)
          dw_store(j, at + c0 + i * V_WIDTH, c0 + i * V_WIDTH, m[i], false, acc[i]);
      }
      dw_act(j, at, C);
    }
}

void DEPTHWISE_ROWS(const DW_JOB *j, int64_t begin, int64_t end) {
  const conv_shape_t *s = &j->s;
  int64_t k = s->kernel[1], st = s->stride[1];
  bool square = k == s->kernel[2] && st == s->stride[2];
  bool dense = s->dilation[1] == 1 && s->dilation[2] == 1;
  if (square && dense && k == 3 && st == 1)
    dw_rows_3_1(j, begin, end);
  else if (square && dense && k == 3 && st == 2)
    dw_rows_3_2(j, begin, end);
  else if (square && dense && k == 5 && st == 1)
    dw_rows_5_1(j, begin, end);
  else if (square && dense && k == 5 && st == 2)
    dw_rows_5_2(j, begin, end);
  else
    dw_rows_any(j, begin, end);
}
