// Inside kernels/quantize: the functions of each instruction set.
#ifndef TFTRT_KERNELS_QUANTIZE_ISA_H
#define TFTRT_KERNELS_QUANTIZE_ISA_H

#include "kernels/quantize.h"

#define QUANTIZE_ISA(isa)                                                                      \
  void quantize_##isa(const quantize_how_t *q, const float *x, uint8_t *y, int64_t n);         \
  void dequantize_##isa(const uint8_t *x, bool is_unsigned, float zero, float scale, float *y, \
                        int64_t n);
QUANTIZE_ISA(generic)
QUANTIZE_ISA(avx2)
QUANTIZE_ISA(avx512)
#undef QUANTIZE_ISA

#endif
