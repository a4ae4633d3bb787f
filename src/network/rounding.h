// Rounding weights to steps so that errors of a channel cancel.
#ifndef TFTRT_NETWORK_ROUNDING_H
#define TFTRT_NETWORK_ROUNDING_H

#include <stdint.h>

// q[i] = w[i] / scale[i % channels] as integers in -127 .. 127, w being [positions, inputs,
// channels]: the kernel of an input is its positions. Rounded to nearest, then some are rounded to
// the other side, those that were nearest to the middle, until the errors of each kernel, and of
// each channel, sum up to half a step at most. Inputs whose mean is not zero, as those behind a
// ReLU, then shift no output: C. Guo et al., "SQuant: On-the-Fly Data-Free Quantization via
// Diagonal Hessian Approximation", ICLR 2022 (its two inner terms).
void round_weights(const float *w, int64_t positions, int64_t inputs, int64_t channels,
                   const float *scale, int8_t *q);

#endif
