// Convolutions of 8-bit numbers, channels last: x unsigned or signed, w signed, sums exact in 32
// bits, finished while they are hot (kernels/int8_finish.h). Sizes are elements; nothing here is
// checked against the buffers, callers have done so. Any thread may call.
#ifndef TFTRT_KERNELS_CONV_INT8_H
#define TFTRT_KERNELS_CONV_INT8_H

#include "base/status.h"
#include "kernels/conv.h"
#include "kernels/int8_finish.h"

typedef struct conv_int8 {
  conv_shape_t s;  // channels_last is not looked at
  bool is_signed;  // x
  int zero;        // of x: what lies outside is the real value 0, which is this number
} conv_int8_t;

// Sums of so many products surely fit in 32 bits.
enum { CONV_INT8_MOST_PRODUCTS = 65536 };

// w: [kernel..., in_c / groups, out_c]. Implicit im2col into gemm_int8; a 1 x 1 convolution of
// stride 1 is the product itself. 0 bytes: overflow, nothing to do, or too many products.
size_t conv_int8_packed_bytes(const conv_int8_t *c);
void conv_int8_pack(const conv_int8_t *c, const int8_t *w, void *packed, int threads);
void conv_int8_run(const conv_int8_t *c, const void *x, const void *packed, void *y,
                   const int8_finish_t *finish, int threads);

// Every input channel by itself: w is [kernel h, kernel w, in_c], out_c == in_c, groups == in_c, 1
// or 2 spatial dims. scratch: of so many bytes, for all threads together.
size_t depthwise_int8_packed_bytes(const conv_int8_t *c);
void depthwise_int8_pack(const conv_int8_t *c, const int8_t *w, void *packed);
size_t depthwise_int8_scratch(const conv_int8_t *c, int threads);  // 0: overflow
void depthwise_int8_run(const conv_int8_t *c, const void *x, const void *packed, void *y,
                        const int8_finish_t *finish, void *scratch, int threads);

// Any of them in plain loops, weights as they lie, depthwise with any multiplier.
// RESOURCE_EXHAUSTED: no memory for a point's sums.
status_t conv_int8_plain(const conv_int8_t *c, const void *x, const int8_t *w, void *y,
                         const int8_finish_t *finish, int threads);

#endif
