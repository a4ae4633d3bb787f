// What quantization ops do to one channel: shared by their kernels and their lowering.
#ifndef TFTRT_OPS_QUANTIZE_H
#define TFTRT_OPS_QUANTIZE_H

#include "ops/op.h"

// A tensor as [outer, channels, inner]; axis -1: one channel.
typedef struct channels {
  int64_t outer, channels, inner;
} channels_t;
channels_t quantize_channels(const shape_t *s, int axis);

// FakeQuant*: the range moved so that 0 is exactly one of the quantized values, and the step.
typedef struct nudged {
  float min, max, scale, inverse;
} nudged_t;
nudged_t quantize_nudge(float min, float max, float quant_min, float quant_max);

// QuantizeAndDequantize*: the symmetric scale that the wider side of the range asks for, in the
// tensor's own precision. inverse is the step.
typedef struct qdq {
  double min, max, scale, inverse;
} qdq_t;
qdq_t quantize_qdq(bool wide, double min, double max, bool is_signed, int64_t bits, bool narrow);

// QuantizeV2 and Dequantize.
typedef enum quantize_mode { MIN_COMBINED, MIN_FIRST, SCALED } quantize_mode_t;
quantize_mode_t quantize_mode(const node_t *n);
bool quantize_limits(dtype_t t, double *lowest, double *highest);  // of a quantized dtype

// min and max as the op gives them back; number = value * scale, with base and rounding by mode.
typedef struct quantizer {
  float min, max, scale, base;
} quantizer_t;
quantizer_t quantize_quantizer(const node_t *n, dtype_t to, double given_min, double given_max);
// value = (number + shift) * scale + base
typedef struct dequantizer {
  double scale, shift, base;
} dequantizer_t;
dequantizer_t quantize_dequantizer(const node_t *n, dtype_t from, double min, double max);

bool accept_fake_quant(lower_ctx_t *c, char *reason, size_t n);
status_t lower_fake_quant(lower_ctx_t *c);
bool accept_qdq(lower_ctx_t *c, char *reason, size_t n);
status_t lower_qdq(lower_ctx_t *c);
bool accept_quantize(lower_ctx_t *c, char *reason, size_t n);
status_t lower_quantize(lower_ctx_t *c);
bool accept_dequantize(lower_ctx_t *c, char *reason, size_t n);
status_t lower_dequantize(lower_ctx_t *c);

#endif
