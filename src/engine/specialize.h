// A network for concrete input shapes: every tensor's shape, the values of all that depends on
// shapes (and constants) alone, and the layers that are left to run. Backends make their contexts
// from it.
#ifndef TFTRT_ENGINE_SPECIALIZE_H
#define TFTRT_ENGINE_SPECIALIZE_H

#include "network/network.h"

typedef struct specialized {
  arena_t *arena;
  const network_t *net;  // must outlive this
  shape_t *shapes;       // [net->n_tensors], by tensor id; known for all that live layers touch
  tensor_t
      *values;  // [net->n_tensors], by tensor id; empty where only the run tells. Constants are
                // references to the network's. Network outputs may be among them: copy those.
  const layer_t **layers;  // [n_layers] to run, in order; none of their outputs has a value
  int n_layers;
} specialized_t;

// shapes: [n_inputs], concrete. values: [n_inputs], values of the inputs that network_shape_inputs
// names, empty tensors elsewhere; NULL: none. INVALID_ARGUMENT, naming input or layer, when shapes
// cannot be; FAILED_PRECONDITION when a shape depends on an input whose value is missing.
// Any thread; the network is only read.
status_t specialize(const network_t *n, const shape_t *shapes, const tensor_t *values,
                    specialized_t **out);
void specialized_free(specialized_t *s);  // NULL is fine

// Shapes of a live layer's tensors, for convenience.
static inline const shape_t *spec_shape(const specialized_t *s, const net_tensor_t *t) {
  return &s->shapes[t->id];
}
static inline const tensor_t *spec_value(const specialized_t *s, const net_tensor_t *t) {
  return s->values[t->id].buf ? &s->values[t->id] : NULL;
}

#endif
