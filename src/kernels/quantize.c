#include "kernels/quantize.h"

#include "base/cpu.h"
#define NAME(f) f##_generic
#include "kernels/quantize_loops.h"

void quantize_floats(const quantize_how_t *q, const float *x, uint8_t *y, int64_t n) {
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512)) {
    quantize_avx512(q, x, y, n);
    return;
  }
  if (cpu_has(CPU_AVX2)) {
    quantize_avx2(q, x, y, n);
    return;
  }
#endif
  quantize_generic(q, x, y, n);
}

void dequantize_numbers(const uint8_t *x, bool is_unsigned, float zero, float scale, float *y,
                        int64_t n) {
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512)) {
    dequantize_avx512(x, is_unsigned, zero, scale, y, n);
    return;
  }
  if (cpu_has(CPU_AVX2)) {
    dequantize_avx2(x, is_unsigned, zero, scale, y, n);
    return;
  }
#endif
  dequantize_generic(x, is_unsigned, zero, scale, y, n);
}
