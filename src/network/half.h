// 16-bit precision: which layers compute on FP16 or BF16 tensors, and putting them there.
//
// Convolutions, transposed ones, products and attention are chosen (their first two inputs, for
// attention three, are of the 16-bit type; bias and residual may be FP32); elementwise chains,
// pools and layers that move follow where what reads them is in 16 bits. A layer on 16-bit tensors
// is what it is on FP32 tensors of the same values, its results rounded once (network/eval.h).
#ifndef TFTRT_NETWORK_HALF_H
#define TFTRT_NETWORK_HALF_H

#include "network/network.h"

// Is the layer one whose type is chosen?
bool layer_has_half(const layer_t *l);
// Why such a layer must not compute on `to` (DT_HALF, DT_BFLOAT16) tensors: it is kept, its tensors
// are not FP32, values do not fit. NULL when it may. A sentence that lives as long as the program.
const char *layer_refuses_half(const network_t *n, const layer_t *l, dtype_t to);

// Puts layers on 16-bit tensors: type[i] is DT_HALF or DT_BFLOAT16 for layers[i], anything else
// leaves it as it is; only what layer_has_half counts, and what refuses stays. The network is
// optimised (and so compacted) already; inputs and outputs of the network keep their types. Adds
// CAST layers, rounds constants, compacts; layer_t.why says of layers that stay why. Sets n->half
// to HALF_NONE.
status_t network_assign_half(network_t *n, const dtype_t *type);

// For choosing types: what moving tensors costs between layers of the given types, bytes read and
// written by layers other than the chosen ones (casts, elementwise chains, moves). sizes[t] is the
// number of elements of tensor t.
int64_t network_half_traffic(const network_t *n, const dtype_t *type, const int64_t *sizes);

#endif
