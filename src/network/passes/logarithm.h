// Spectra of sound: where a logarithm is taken of what layers compute, what is small counts as much
// as what is large, and roundings of 16 and 8 bits are large there.
#ifndef TFTRT_NETWORK_PASSES_LOGARITHM_H
#define TFTRT_NETWORK_PASSES_LOGARITHM_H

#include "network/network.h"

#define WHY_LOGARITHM "a logarithm is taken of what it computes"

// [n_tensors], mem_free it: does a logarithm see the tensor, with nothing but linear and
// elementwise layers between?
bool *tensors_of_logarithms(const network_t *n);
bool becomes_logarithm(const network_t *n, const layer_t *l);  // the same of one layer's result

#endif
