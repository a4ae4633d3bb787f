// Weights that are a stored tensor times a factor per channel (batch normalisation folded into a
// convolution): the stored tensor stays where it is, and a plan holds its key and the factors.
#ifndef TFTRT_NETWORK_WEIGHT_SCALE_H
#define TFTRT_NETWORK_WEIGHT_SCALE_H

#include "network/network.h"

// out[i] = stored[i] * factor[(i / inner) % n]. stored has n * inner * k elements, of a float
// dtype.
status_t weight_scale_apply(const tensor_t *stored, const weight_scale_t *s, tensor_t *out);

// The constant t times `factor`: a new constant that keeps t's key, if it has one. NULL when there
// is no memory for it.
net_tensor_t *weight_scale_constant(network_t *n, const net_tensor_t *t, const double *factor,
                                    int64_t count, int64_t inner);

// The float32 values that an FP16 constant was rounded from: a new reference, or an empty tensor
// (no buffer) where they are not kept.
status_t weight_unrounded(const net_tensor_t *t, tensor_t *out);

#endif
