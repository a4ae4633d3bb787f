// Loops over short runs of floats that stay in the first-level cache: what fused elementwise
// layers, softmax, normalisations and reductions are made of. The same source (tile_impl.h) is
// compiled for every instruction set; tile_ops() gives the best that this CPU has.
#ifndef TFTRT_BACKEND_CPU_TILE_H
#define TFTRT_BACKEND_CPU_TILE_H

#include "network/network.h"

typedef void (*tile_unary_fn)(int64_t n, const float *x, float *y, float alpha, float beta);
typedef void (*tile_binary_fn)(int64_t n, const float *a, const float *b, float *y);
typedef void (*tile_compare_fn)(int64_t n, const float *a, const float *b, uint8_t *y);
typedef void (*tile_logic_fn)(int64_t n, const uint8_t *a, const uint8_t *b, uint8_t *y);

typedef struct tile_ops {
  const char *name;
  // NULL where only the definition (unary_eval, binary_eval) is at hand. y may be x, a or b.
  tile_unary_fn unary[UNARY_COUNT];
  tile_unary_fn gelu_half;  // UNARY_GELU_ERF for results that are rounded to 16 bits
  tile_binary_fn binary[BINARY_COUNT];
  tile_compare_fn compare[BINARY_COUNT];
  tile_logic_fn logic[BINARY_COUNT];
  void (*select)(int64_t n, const uint8_t *c, const float *a, const float *b, float *y);
  // y = softmax(scale * x) of one row, or its logarithm.
  void (*softmax)(int64_t n, const float *x, float *y, float scale, bool log);
  // y = (x - mean) / sqrt(var + eps) * scale + offset of one row; offset may be NULL.
  void (*norm)(int64_t n, const float *x, const float *scale, const float *offset, float eps,
               float *y);
  // One row to one number: the sum, the largest, the smallest, the sum of squares.
  float (*sum)(int64_t n, const float *x);
  float (*max)(int64_t n, const float *x);
  float (*min)(int64_t n, const float *x);
  float (*sum_square)(int64_t n, const float *x);
  // y[i] += x[i] * x[i]
  void (*add_square)(int64_t n, const float *x, float *y);
} tile_ops_t;

const tile_ops_t *tile_ops(void);
extern const tile_ops_t tile_ops_generic, tile_ops_avx2, tile_ops_avx512;

#endif
