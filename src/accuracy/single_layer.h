// One layer of a network alone: what the backend's kernels make of inputs that are given.
#ifndef TFTRT_ACCURACY_SINGLE_LAYER_H
#define TFTRT_ACCURACY_SINGLE_LAYER_H

#include "engine/backend.h"

// l: of the network that an engine of b has. in: [l->n_in], of the layer's dtypes; fixed: [l->n_in]
// those that do not depend on the run and are constants to the kernels. out: [l->n_out] receives
// owned tensors. Any thread.
status_t single_layer_run(const backend_t *b, const network_t *of, const layer_t *l,
                          const tensor_t *in, const bool *fixed, int threads, tensor_t *out);

#endif
