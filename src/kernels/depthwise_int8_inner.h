// Inside the 8-bit depthwise convolution: one job, and the two functions that each instruction set
// has for it.
#ifndef TFTRT_KERNELS_DEPTHWISE_INT8_INNER_H
#define TFTRT_KERNELS_DEPTHWISE_INT8_INNER_H

#include "kernels/conv_int8.h"

// The rows that a kernel covers are taken in groups (of four bytes or two 16-bit numbers, see
// kernels/int8_simd.h): first the rows of the input that one or two rows of the output need are
// interleaved, so that 32 bits hold a group's numbers of one column and channel (`lines`); then
// each such vector of channels is multiplied with the weights of every output that it belongs to.
// Where two rows of outputs share the interleaved rows, each has the weights in places of its own,
// zeros in the others.
typedef struct depthwise_int8 {
  conv_shape_t s;   // widened
  int rows;         // of outputs at a time: 1 or 2
  int64_t groups;   // of input rows
  int64_t columns;  // of a line: what the kernel covers, padding included
  int64_t vectors;  // of channels
  int zero;         // what x's numbers are too large by, once they are unsigned
  uint8_t flip;     // 0x80 where x is signed
  // [vectors]: the sum of each channel's weights, [lanes]; then [groups][kernel w][rows][lanes] of
  // groups of weights, 4 bytes each
  const int32_t *packed;
  void *y;
  const int8_finish_t *finish;
} depthwise_int8_t;

typedef struct depthwise_int8_isa {
  int lanes, group;
  // Interleaves n numbers of `group` rows into n times 4 bytes.
  void (*interleave)(const uint8_t *const *rows, int64_t n, uint8_t flip, int32_t *line);
  // Outputs of rows [oy, oy + rows) of image b. line: [groups][columns][in_c] of 4 bytes, with room
  // for a vector behind them.
  void (*outputs)(const depthwise_int8_t *j, const int32_t *line, int64_t b, int64_t oy, int rows);
} depthwise_int8_isa_t;

extern const depthwise_int8_isa_t depthwise_int8_avx2, depthwise_int8_avx2vnni,
    depthwise_int8_avx512, depthwise_int8_avx512vnni;
const depthwise_int8_isa_t *depthwise_int8_isa(void);  // the best one here

#endif
