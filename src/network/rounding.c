#include "network/rounding.h"

#include <math.h>
#include <stddef.h>

typedef struct kernel {  // one input's weights of one output channel
  const float *w;
  int8_t *q;
  int64_t n, stride;
  float step;
} kernel_t;

static float error_at(const kernel_t *k, int64_t i) {
  return (float)k->q[i * k->stride] - k->w[i * k->stride] / k->step;
}

// Rounds the weight that costs least to the other side, so that the sum of errors goes down (sign
// 1) or up (-1) by one. False: none can be.
static float flip(const kernel_t *k, float sign) {
  int64_t best = -1;
  float most = 0;
  for (int64_t i = 0; i < k->n; i++) {
    float e = sign * error_at(k, i), to = (float)k->q[i * k->stride] - sign;
    if (e > most && to >= -127 && to <= 127) most = e, best = i;
  }
  if (best < 0) return 0;
  k->q[best * k->stride] = (int8_t)(k->q[best * k->stride] - (int)sign);
  return sign;
}

// The sum of a kernel's errors, half a step at most where weights can be moved.
static float settle_kernel(const kernel_t *k) {
  float sum = 0;
  for (int64_t i = 0; i < k->n; i++) sum += error_at(k, i);
  while (fabsf(sum) > 0.5f) {
    float moved = flip(k, sum > 0 ? 1.0f : -1.0f);
    if (moved == 0) break;
    sum -= moved;
  }
  return sum;
}

static float sum_of(const kernel_t *k) {
  float sum = 0;
  for (int64_t i = 0; i < k->n; i++) sum += error_at(k, i);
  return sum;
}

// Over the kernels of a channel: the next one to move is that whose own sum leans most that way.
static void settle_channel(const kernel_t *first, int64_t inputs, int64_t stride, float sum) {
  while (fabsf(sum) > 0.5f) {
    float sign = sum > 0 ? 1.0f : -1.0f, most = 0;
    kernel_t k = *first, best = {0};
    for (int64_t i = 0; i < inputs; i++, k.w += stride, k.q += stride) {
      float e = sign * sum_of(&k);
      if (e > most) most = e, best = k;
    }
    float moved = best.q ? flip(&best, sign) : 0;
    if (moved == 0) return;
    sum -= moved;
  }
}

static int8_t nearest(float x) {
  x = rintf(x);
  return (int8_t)(x > 127 ? 127 : x < -127 ? -127 : x);
}

void round_weights(const float *w, int64_t positions, int64_t inputs, int64_t channels,
                   const float *scale, int8_t *q) {
  for (int64_t i = 0; i < positions * inputs * channels; i++)
    q[i] = nearest(w[i] / scale[i % channels]);
  for (int64_t c = 0; c < channels; c++) {
    kernel_t first = {w + c, q + c, positions, inputs * channels, scale[c]}, k = first;
    float sum = 0;
    for (int64_t i = 0; i < inputs; i++, k.w += channels, k.q += channels) sum += settle_kernel(&k);
    settle_channel(&first, inputs, channels, sum);
  }
}
