// float32 to 8-bit numbers and back, in vectors of whatever instruction set there is. One thread;
// callers split the work.
#ifndef TFTRT_KERNELS_QUANTIZE_H
#define TFTRT_KERNELS_QUANTIZE_H

#include <stdbool.h>
#include <stdint.h>

// In float32: y = nearest((x - base) * by limited to [least, most]) + start; 0 for NaN. The limits
// are whole numbers, and so is start; results fit the type (-128 .. 127, or 0 .. 255 as unsigned).
typedef struct quantize_how {
  float base, by, least, most, start;
  bool half_up;  // floor(v + 0.5); else to the nearest, halves to the even number
} quantize_how_t;

void quantize_floats(const quantize_how_t *q, const float *x, uint8_t *y, int64_t n);
// y = (x - zero) * scale
void dequantize_numbers(const uint8_t *x, bool is_unsigned, float zero, float scale, float *y,
                        int64_t n);

#endif
