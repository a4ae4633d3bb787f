// The loops that are built once per instruction set. elementwise_loops.h holds the one source of
// them; elementwise_generic.c, _avx2.c and _avx512.c build it.
#ifndef TFTRT_KERNELS_ELEMENTWISE_ISA_H
#define TFTRT_KERNELS_ELEMENTWISE_ISA_H

#include "kernels/elementwise.h"

typedef struct ew_isa {
  ew_unary_loop unary_f32[EW_UNARY_COUNT];  // NULL: not worth vectorising
  ew_binary_loop binary_f32[EW_BINARY_COUNT];
  ew_binary_loop binary_i32[EW_BINARY_COUNT];
  void (*half_to_float)(const uint16_t *x, float *y, int64_t n);
  void (*float_to_half)(const float *x, uint16_t *y, int64_t n);
  void (*bfloat16_to_float)(const uint16_t *x, float *y, int64_t n);
  void (*float_to_bfloat16)(const float *x, uint16_t *y, int64_t n);
  // Whole runs; the sums are of blocks that are added in double. -inf when empty.
  double (*sum_f32)(const float *x, int64_t n);
  double (*sum_square_f32)(const float *x, int64_t n);
  float (*max_f32)(const float *x, int64_t n);
} ew_isa_t;

extern const ew_isa_t ew_isa_generic, ew_isa_avx2, ew_isa_avx512;
const ew_isa_t *ew_isa(void);  // the best one that this CPU runs

#endif
