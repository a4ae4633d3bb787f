// The loops of kernels/quantize.h, for the compiler to vectorise; included by one file per
// instruction set, which defines NAME(f), what its function f is called, and HAS_EVEN where it has
// one of its own.
#include "kernels/quantize_isa.h"

// Half to even without a call: sums beyond 2^23 have no fraction. |v| is at most 510 here.
static inline float nearest(float v) {
  const float big = 12582912.0f;
  return (v + big) - big;
}

#if !defined(HAS_EVEN)
static void NAME(even)(const quantize_how_t *q, const float *x, uint8_t *y, int64_t n) {
  const float base = q->base, by = q->by, least = q->least, most = q->most, start = q->start;
  // Limits before rounding: they are whole numbers, so nothing is rounded across them.
  for (int64_t i = 0; i < n; i++) {
    float v = (x[i] - base) * by;
    float number = v == v ? 1.0f : 0.0f;
    v = v > most ? most : v;
    v = v > least ? v : least;
    y[i] = (uint8_t)(int)((nearest(v) + start) * number);
  }
}
#endif

static void NAME(up)(const quantize_how_t *q, const float *x, uint8_t *y, int64_t n) {
  const float base = q->base, by = q->by, least = q->least, most = q->most, start = q->start;
  for (int64_t i = 0; i < n; i++) {
    float v = (x[i] - base) * by;
    float number = v == v ? 1.0f : 0.0f;
    v = v > most ? most : v;
    v = v > least ? v : least;
    float t = v + 0.5f, r = nearest(t);
    v = r - (r > t ? 1.0f : 0.0f);
    v = v > most ? most : v;
    y[i] = (uint8_t)(int)((v + start) * number);
  }
}

void NAME(quantize)(const quantize_how_t *q, const float *x, uint8_t *y, int64_t n) {
  if (q->half_up)
    NAME(up)(q, x, y, n);
  else
    NAME(even)(q, x, y, n);
}

void NAME(dequantize)(const uint8_t *x, bool is_unsigned, float zero, float scale, float *y,
                      int64_t n) {
  if (is_unsigned)
    for (int64_t i = 0; i < n; i++) y[i] = ((float)x[i] - zero) * scale;
  else
    for (int64_t i = 0; i < n; i++) y[i] = ((float)(int8_t)x[i] - zero) * scale;
}
