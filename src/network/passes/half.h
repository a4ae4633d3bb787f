// Inside 16-bit precision: what the choice of layers means for every tensor.
#ifndef TFTRT_NETWORK_PASSES_HALF_H
#define TFTRT_NETWORK_PASSES_HALF_H

#include "network/network.h"

typedef enum half_class {
  HALF_OTHER,        // FP32 in and out
  HALF_CHOSEN,       // has a type of its own
  HALF_ELEMENTWISE,  // computes in FP32, reads and writes any type
  HALF_WIDE,         // the same, and what it reads had better be FP32
  HALF_SHAPE,        // reads no elements
  HALF_MOVES         // reads and writes one type
} half_class_t;

half_class_t half_class(const layer_t *l);
int half_factors(const layer_t *l);  // of a chosen layer: inputs of its type

typedef struct half_types {
  dtype_t *layer;   // [n_layers] of chosen and moving ones
  dtype_t *tensor;  // [n_tensors] as it will be stored
  bool *kept;       // [n_layers] in FP32
  bool *sum;        // [n_tensors] in FP32, for what is added to it
} half_types_t;

// type: [n_layers], for the chosen ones.
half_types_t half_types(const network_t *n, const dtype_t *type);
void half_types_free(half_types_t *h);
// The type in which the layer wants its input i.
dtype_t half_operand(const half_types_t *h, const layer_t *l, int i);

#endif
