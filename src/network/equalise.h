// Equalisation: channels of what convolutions and products read in 8 bits are given factors, so
// that those with small values do not have to do with the few steps that the largest leaves them.
// What makes a tensor is divided by them (a channel of weights and bias, of a normalisation's scale
// and offset), what reads it is multiplied (an input of weights). Functions in between are
// positively homogeneous, so the network computes in float what it did before. Weights of output
// channels have scales of their own, so dividing costs nothing; multiplying makes weights unequal
// instead, except depthwise ones.
//
// M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019;
// G. Xiao et al., "SmoothQuant", 2022. Here factors are chosen of a few powers of the channels'
// ranges by the error expected of all readers of a tensor, from the channels' mean squares.
#ifndef TFTRT_NETWORK_EQUALISE_H
#define TFTRT_NETWORK_EQUALISE_H

#include "network/network.h"

// Of a fused network in float: the tensors whose channels calibration should observe, by id; their
// last axis is channels. wanted: [n_tensors], all false.
void network_equalisable(network_t *n, bool *wanted);
// Equalises a fused network whose tensors have channels (net_tensor_t) and that is about to compute
// in 8 bits (n->int8). Returns how many groups of tensors were given factors (channel_factor).
int pass_equalise(network_t *n);

#endif
