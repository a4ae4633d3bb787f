// Convolutions and products on 8-bit tensors, as their makers see them.
#ifndef TFTRT_BACKEND_CPU_INT8_H
#define TFTRT_BACKEND_CPU_INT8_H

#include "backend/cpu/cpu.h"

typedef struct int8_layer {
  int bias, residual;  // inputs' indexes; -1: none
  int64_t channels;    // of the output
  float *scale;        // [channels]: of a product of x and w
  activation_t act;
} int8_layer_t;

// With the kernels of kernels/conv_int8.h; no step where they do not take the layer. `i` is copied.
status_t make_own_int8_step(backend_context_t *c, const layer_t *l, const int8_layer_t *i,
                            step_t *s);

#endif
