// Convolution, transposed convolution and their weights packed once. Sizes are elements; nothing
// here is checked against the buffers, callers have done so. Any thread may call.
#ifndef TFTRT_KERNELS_CONV_H
#define TFTRT_KERNELS_CONV_H

#include "kernels/gemm.h"

// A convolution of 1 to 3 spatial dims; of each array the first `spatial` entries count.
typedef struct conv_shape {
  int spatial;
  bool channels_last;  // [N, spatial..., C], else [N, C, spatial...]
  int64_t batch, in_c, out_c, groups;
  int64_t in[3], out[3], kernel[3];
  int64_t stride[3], dilation[3], pad[3];  // pad: before the first element; after follows from out
} conv_shape_t;

// w: [kernel..., in_c / groups, out_c] (TensorFlow's HWIO). Implicit im2col into gemm_packed; a
// 1 x 1 convolution of stride 1 is the product itself.
size_t conv_packed_floats(const conv_shape_t *s);  // 0 when it overflows or is empty
void conv_pack(const conv_shape_t *s, const float *w, float *packed, int threads);
// ep's residual is in y's layout (ld_residual is ignored). RESOURCE_EXHAUSTED when channels come
// first and there is no room to turn the tensors around.
status_t conv_run(const conv_shape_t *s, const float *x, const float *packed, float *y,
                  const gemm_epilogue_t *ep, int threads);

// Bytes that the functions of this file allocate while they run: of copies with the channels last.
size_t conv_scratch(const conv_shape_t *s);

// Every input channel by itself: w is TensorFlow's [kernel h, kernel w, in_c, multiplier], out_c =
// in_c * multiplier; 1 or 2 spatial dims. Not packed.
status_t depthwise_run(const conv_shape_t *s, const float *x, const float *w, float *y,
                       const gemm_epilogue_t *ep, int threads);

// Transposed convolution (the gradient of conv to its input): x is [N, out..., out_c], y is
// [N, in..., in_c], w is [kernel..., in_c, out_c]; `s` describes the convolution whose gradient it
// is. Each phase of the stride is a product of its own, so nothing is scattered or added twice.
// groups must be 1.
size_t deconv_packed_floats(const conv_shape_t *s);
// RESOURCE_EXHAUSTED when there is no room for a transposed copy of w.
status_t deconv_pack(const conv_shape_t *s, const float *w, float *packed, int threads);
status_t deconv_run(const conv_shape_t *s, const float *x, const float *packed, float *y,
                    const gemm_epilogue_t *ep, int threads);

typedef enum conv_kind { CONV_PLAIN, CONV_DEPTHWISE, CONV_TRANSPOSED } conv_kind_t;
// Any of the three for float, half, bfloat16 (through float), double and int32 (plain loops),
// weights as they lie. UNIMPLEMENTED for other dtypes.
status_t conv_any(conv_kind_t kind, const conv_shape_t *s, dtype_t dtype, const void *x,
                  const void *w, void *y, int threads);

#endif
