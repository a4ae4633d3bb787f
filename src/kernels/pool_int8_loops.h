// The loops of kernels/pool_int8.h over the compiler's vectors; included by one file per
// instruction set, which defines NAME(f), what its function f is called.
#include <string.h>

#include "kernels/pool_int8_isa.h"
#include "kernels/pool_window.h"

// 257 * 255 is the most that 16 bits hold.
enum { HALF = AVERAGE_CHANNELS / 2, MOST_SHORT = 257, MOST_COLUMNS = 64 };
typedef uint8_t bytes_t __attribute__((vector_size(HALF)));
typedef uint16_t shorts_t __attribute__((vector_size(2 * HALF)));

// Numbers are summed as unsigned ones; signed ones are 128 too large then.
static inline uint8_t flip_of(const average_job_t *j) { return j->a->is_signed ? 0x80 : 0; }

// Adds AVERAGE_CHANNELS channels of a window's pixels, in 16 bits for as long as those suffice.
static void NAME(sum_block)(const average_job_t *j, const pool_window_t *w, const uint8_t *x,
                            uint32_t *sums) {
  const int64_t step = j->s.in_c;
  shorts_t lo = {0}, hi = {0};
  bytes_t flip = {0};
  int n = 0;
  flip |= flip_of(j);
  EACH_PIXEL(*w, &j->s, at) {
    bytes_t a, b;
    memcpy(&a, x + at * step, sizeof a);
    memcpy(&b, x + at * step + HALF, sizeof b);
    lo += __builtin_convertvector(a ^ flip, shorts_t);
    hi += __builtin_convertvector(b ^ flip, shorts_t);
    if (++n < MOST_SHORT) continue;
    for (int c = 0; c < HALF; c++) sums[c] += lo[c], sums[HALF + c] += hi[c];
    lo = hi = (shorts_t){0};
    n = 0;
  }
  for (int c = 0; c < HALF; c++) sums[c] += lo[c], sums[HALF + c] += hi[c];
}

static void NAME(sum_few)(const average_job_t *j, const pool_window_t *w, const uint8_t *x,
                          int channels, uint32_t *sums) {
  const int64_t step = j->s.in_c;
  const uint8_t flip = flip_of(j);
  if (step == 1) {
    uint32_t sum = 0;
    EACH_PIXEL(*w, &j->s, at) sum += (uint8_t)(x[at] ^ flip);
    sums[0] = sum;
    return;
  }
  EACH_PIXEL(*w, &j->s, at) {
    const uint8_t *v = x + at * step;
    for (int c = 0; c < channels; c++) sums[c] += (uint8_t)(v[c] ^ flip);
  }
}

// Half to even without a call: sums beyond 2^23 have no fraction. |v| is at most 510 here.
static inline float NAME(nearest)(float v) {
  const float big = 12582912.0f;
  return (v + big) - big;
}

static inline __attribute__((always_inline)) void NAME(finish)(const average_job_t *j,
                                                               const pool_window_t *w,
                                                               const uint32_t *sums, int64_t at,
                                                               int channels) {
  const average_int8_t *a = j->a;
  const conv_shape_t *s = &j->s;
  const float n = (float)(a->count_padding ? s->kernel[0] * s->kernel[1] * s->kernel[2] : w->count);
  const int32_t zero = (int32_t)w->count * (a->zero + flip_of(j));
  float v[AVERAGE_CHANNELS];
  if (a->ratio == 1) {
    for (int c = 0; c < channels; c++) v[c] = (float)((int32_t)sums[c] - zero) / n;
  } else {
    const float by = a->ratio / n;
    for (int c = 0; c < channels; c++) v[c] = (float)((int32_t)sums[c] - zero) * by;
  }
  if (a->type == DT_FLOAT) {
    memcpy((float *)j->y + at, v, (size_t)channels * sizeof *v);
    return;
  }
  // Limits before rounding: they are whole numbers, so nothing is rounded across them.
  const float least = (float)((a->type == DT_UINT8 ? 0 : -128) - a->y_zero), most = least + 255;
  const float start = (float)a->y_zero;
  uint8_t *y = (uint8_t *)j->y + at;
  for (int c = 0; c < channels; c++) {
    float number = v[c] == v[c] ? 1.0f : 0.0f, t = v[c];
    t = t > most ? most : t;
    t = t > least ? t : least;
    y[c] = (uint8_t)(int)((NAME(nearest)(t) + start) * number);
  }
}

// Channels [c, c + channels) of a pixel; they are the last of a block that begins `before` earlier.
static void NAME(pixel)(const average_job_t *j, int64_t pixel, int64_t c, int before,
                        int channels) {
  const conv_shape_t *s = &j->s;
  const pool_window_t w = pool_window(s, pixel);
  const uint8_t *x = j->x + w.image * s->in[0] * s->in[1] * s->in[2] * s->in_c + c - before;
  uint32_t sums[AVERAGE_CHANNELS] = {0};
  if (before + channels == AVERAGE_CHANNELS)
    NAME(sum_block)(j, &w, x, sums);
  else
    NAME(sum_few)(j, &w, x, channels, sums);
  NAME(finish)(j, &w, sums + before, pixel * s->in_c + c, channels);
}

// The same for the pixels of an output row, whose windows share their columns' sums: all sums fit
// in 16 bits.
static void NAME(shared_row)(const average_job_t *j, int64_t row, int64_t c, int before,
                             int channels) {
  const conv_shape_t *s = &j->s;
  const int64_t step = s->in_c, pixels = s->out[2], first = row * pixels;
  shorts_t lo[MOST_COLUMNS], hi[MOST_COLUMNS];  // of columns [from, to)
  bytes_t flip = {0};
  flip |= flip_of(j);
  pool_window_t w = pool_window(s, first);
  const uint8_t *x = j->x + w.image * s->in[0] * s->in[1] * s->in[2] * step + c - before;
  int64_t from = 0, to = 0;
  for (int64_t o = 0; o < pixels; o++) {
    pool_window_column(s, o, &w);
    if (o == 0 || w.hi[2] > from + MOST_COLUMNS) from = to = w.lo[2];
    for (; to < w.hi[2]; to++) {
      shorts_t a = {0}, b = {0};
      for (int64_t z = w.lo[0]; z < w.hi[0]; z++)
        for (int64_t y = w.lo[1]; y < w.hi[1]; y++) {
          const uint8_t *at = x + ((z * s->in[1] + y) * s->in[2] + to) * step;
          bytes_t p, q;
          memcpy(&p, at, sizeof p);
          memcpy(&q, at + HALF, sizeof q);
          a += __builtin_convertvector(p ^ flip, shorts_t);
          b += __builtin_convertvector(q ^ flip, shorts_t);
        }
      lo[to - from] = a, hi[to - from] = b;
    }
    shorts_t a = {0}, b = {0};
    for (int64_t k = w.lo[2]; k < w.hi[2]; k++) a += lo[k - from], b += hi[k - from];
    uint32_t sums[AVERAGE_CHANNELS];
    for (int k = 0; k < HALF; k++) sums[k] = a[k], sums[HALF + k] = b[k];
    if (channels == AVERAGE_CHANNELS)  // loops of a known length
      NAME(finish)(j, &w, sums, (first + o) * step + c, AVERAGE_CHANNELS);
    else
      NAME(finish)(j, &w, sums + before, (first + o) * step + c, channels);
  }
}

void NAME(average)(const average_job_t *j, int64_t begin, int64_t end) {
  const conv_shape_t *s = &j->s;
  for (int64_t i = begin; i < end; i++) {
    const int64_t c = i % j->blocks * AVERAGE_CHANNELS, left = s->in_c - c;
    const int channels = left < AVERAGE_CHANNELS ? (int)left : AVERAGE_CHANNELS;
    // The last block is read from further back, where there is something before it.
    const int before = c > 0 ? AVERAGE_CHANNELS - channels : 0;
    if (j->rows)
      NAME(shared_row)(j, i / j->blocks, c, before, channels);
    else
      NAME(pixel)(j, i / j->blocks, c, before, channels);
  }
}
