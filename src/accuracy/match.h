// Which tensor of a network in FP32 a tensor of the same network in lower precision stands for.
#ifndef TFTRT_ACCURACY_MATCH_H
#define TFTRT_ACCURACY_MATCH_H

#include "network/network.h"

// Both are optimised, from one lowered network. [planned->n_tensors], by id: the FP32 network's
// tensor, NULL where there is none (what was fused otherwise, what is not of real numbers).
// mem_free it.
const net_tensor_t **match_tensors(const network_t *planned, const network_t *reference);

#endif
