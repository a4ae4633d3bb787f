// Convolutions of 8-bit numbers with exact 32-bit sums, channels last. A product is a convolution
// of points. Plain loops: for machines without a kernel library or instructions for it.
#ifndef TFTRT_KERNELS_INT8_H
#define TFTRT_KERNELS_INT8_H

#include <stdbool.h>
#include <stdint.h>

typedef struct int8_conv {
  int64_t batch, in[3], out[3], window[3], stride[3], dilation[3], before[3];
  int64_t c_in, c_out, groups;  // depthwise: groups is c_in
  bool is_unsigned;             // x; else signed
  int zero_point;               // of x; what lies outside is 0, which is this number
} int8_conv_t;

// sums[c_out] of one output point go to `done`, with the point's number; called from the threads.
typedef void (*int8_done_fn)(void *user, int64_t point, const int32_t *sums);

// x [batch, in.., c_in], w [window.., c_in / groups, c_out] signed. False: no memory.
bool int8_conv_run(const int8_conv_t *g, const void *x, const int8_t *w, int8_done_fn done,
                   void *user, int threads);

#endif
