// Convolutions of half-precision tensors with the channels last, by the register tiles of
// kernels/gemm_half.h (whose accuracy and bounds hold here), and depthwise ones. Nothing is checked
// against the buffers, callers have done so; nothing allocates. Any thread may call.
#ifndef TFTRT_KERNELS_CONV_HALF_H
#define TFTRT_KERNELS_CONV_HALF_H

#include "kernels/conv.h"
#include "kernels/gemm_half.h"

// 1 or 2 spatial dims, channels last.
bool conv_half_supports(const conv_shape_t *s);

// w: [kernel..., in_c / groups, out_c], of DT_HALF or DT_FLOAT.
size_t conv_half_packed_bytes(const conv_shape_t *s);  // 0 when it overflows or is empty
void conv_half_pack(const conv_shape_t *s, dtype_t type, const void *w, void *packed, int threads);
bool conv_half_fits(const conv_shape_t *s, const void *packed);  // as gemm_half_fits
// x: f16. y and the residual (in y's layout; ld_residual is ignored): of the epilogue's types.
// scratch: conv_half_scratch bytes.
size_t conv_half_scratch(const conv_shape_t *s, int threads);
void conv_half_run(const conv_shape_t *s, const uint16_t *x, const void *packed, void *y,
                   const half_epilogue_t *ep, void *scratch, int threads);

// Every input channel by itself, one output each; w: [kernel h, kernel w, in_c], float. Sums are
// floats, as it is memory that limits it. x, y and the residual are f16.
bool depthwise_half_supports(const conv_shape_t *s);
void depthwise_half_run(const conv_shape_t *s, const uint16_t *x, const float *w, uint16_t *y,
                        const half_epilogue_t *ep, int threads);

#endif
