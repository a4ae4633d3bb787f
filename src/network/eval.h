// What each layer computes, in plain C, slowly and obviously: the definition that every backend is
// held to. The ref backend runs networks with it; folding and specialisation use it for small
// tensors.
#ifndef TFTRT_NETWORK_EVAL_H
#define TFTRT_NETWORK_EVAL_H

#include "network/network.h"

// Runs one layer on concrete inputs [n_in]. Allocates out [n_out] (shapes from layer_infer); the
// caller unrefs them. Float types are computed in double and rounded once to the output's type;
// int64 is exact. INVALID_ARGUMENT for shapes or values that cannot be (an index outside, division
// by zero); UNIMPLEMENTED for dtypes that the layer does not take. Any thread.
status_t layer_eval(const layer_t *l, const tensor_t *in, tensor_t *out);

// Input i of the layer decides its output's shape by its value (a Reshape's shape, a Pad's
// paddings).
bool layer_shape_operand(const layer_t *l, int i);

#endif
