// The passes that decide what is computed in 8 bits, in this order (optimize.c).
#ifndef TFTRT_NETWORK_PASSES_QUANTIZE_H
#define TFTRT_NETWORK_PASSES_QUANTIZE_H

#include "network/network.h"

int pass_int8_implicit(network_t *n);  // convolutions and products whose ranges are known
int pass_int8_moves(network_t *n);     // Q up, DQ down, through what moves numbers; Q(DQ(x)) is x
int pass_int8_explicit(network_t *n);  // convolutions and products of DQ(x) and DQ(constant)
int pass_int8_means(network_t *n);     // means of DQ(x), or of what is quantized for others
int pass_int8_outputs(network_t *n);   // Q behind such a layer, 8-bit residuals
// A product with a transposed constant, or DQ(constant), takes a copy that is not transposed; dims
// that are added behind DQ(constant) are the constant's own. For layers about to compute in 8 bits:
// copies have no key in the bundle.
void straighten_weights(network_t *n, layer_t *l);
// pass_int8_implicit takes l; logarithms: what tensors_of_logarithms gives.
bool becomes_int8(const network_t *n, const layer_t *l, const bool *logarithms);
// When all is decided: says of convolutions and products that are not in 8 bits why (layer.why).
void note_float_layers(network_t *n);

#endif
