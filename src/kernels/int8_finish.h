// What becomes of exact 32-bit sums of 8-bit products: real values, and from them float32 or 8-bit
// results. Every instruction set computes it in this order, in float32, each operation rounded:
//
//   v = sum * scale[channel] + bias[channel], rounded once (fmaf)
//   v = v + (residual - residual_zero) * residual_scale
//   v = act(v) * by                        where there is an act
//   v = v limited to [lo, hi]              where clamp is set; it must be for 8-bit results
//   y = v, or the nearest whole number (half to even) + zero; 0 for NaN
//
// A caller that wants few operations divides scale, bias and residual_scale by the output's step.
#ifndef TFTRT_KERNELS_INT8_FINISH_H
#define TFTRT_KERNELS_INT8_FINISH_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"

// Floats behind the last channel's that scale and bias must have room for: vectors are read whole.
enum { INT8_PADDING = 32 };

typedef struct int8_finish {
  const float *scale;     // [channels + INT8_PADDING]
  const float *bias;      // the same, or NULL
  const void *residual;   // where y's elements are in y, or NULL; may be y itself
  dtype_t residual_type;  // DT_FLOAT, DT_INT8, DT_UINT8
  float residual_scale;   // of either type
  int residual_zero;      // of 8-bit types
  void (*act)(float *x, int64_t n, const void *arg);  // in place; NULL: none
  const void *act_arg;
  float by;  // behind act
  bool clamp;
  float lo, hi;
  dtype_t type;  // of y: DT_FLOAT, DT_INT8, DT_UINT8
  int zero;      // of 8-bit y
  // The caller knows that lo and hi are an 8-bit type's limits, and that all v are numbers below
  // 2^30: then few operations do. Never with an act.
  bool saturates;
} int8_finish_t;

// One sum; `at` is the element's index in y.
static inline float int8_real(const int8_finish_t *e, int32_t sum, int64_t channel, int64_t at) {
  float v = fmaf((float)sum, e->scale[channel], e->bias[channel]);
  if (!e->residual) return v;
  switch (e->residual_type) {
    case DT_FLOAT: return v + ((const float *)e->residual)[at] * e->residual_scale;
    case DT_UINT8:
      return v + (float)(((const uint8_t *)e->residual)[at] - e->residual_zero) * e->residual_scale;
    default:
      return v + (float)(((const int8_t *)e->residual)[at] - e->residual_zero) * e->residual_scale;
  }
}

static inline void int8_store(const int8_finish_t *e, void *y, int64_t at, float v) {
  if (e->act) v *= e->by;
  if (e->clamp) v = v < e->lo ? e->lo : v > e->hi ? e->hi : v;
  if (e->type == DT_FLOAT) {
    ((float *)y)[at] = v;
    return;
  }
  ((uint8_t *)y)[at] = (uint8_t)(v == v ? (int)rintf(v) + e->zero : 0);
}

// n channels of one point, from `channel` on; the first one is element `at` of y.
static inline void int8_finish_sums(const int8_finish_t *e, void *y, int64_t at,
                                    const int32_t *sums, int64_t channel, int64_t n) {
  float v[64];
  for (int64_t i = 0; i < n; i += 64) {
    int64_t some = n - i < 64 ? n - i : 64;
    for (int64_t k = 0; k < some; k++)
      v[k] = int8_real(e, sums[i + k], channel + i + k, at + i + k);
    if (e->act) e->act(v, some, e->act_arg);
    for (int64_t k = 0; k < some; k++) int8_store(e, y, at + i + k, v[k]);
  }
}

#endif
