// What engines get of a TRTEngineOp's inputs. Handles of variables are for the native segment,
// which reads the variables; networks have a scalar in their places that nothing reads
// (segment_lower).
#ifndef TFTRT_RUNTIME_ENGINE_INPUTS_H
#define TFTRT_RUNTIME_ENGINE_INPUTS_H

#include "tensor/tensor.h"

typedef struct engine_inputs {
  const tensor_t *v;  // the op's own where there is no handle among them
  tensor_t *changed;  // NULL: none is
} engine_inputs_t;

engine_inputs_t engine_inputs(const tensor_t *in, int n_in);
void engine_inputs_free(engine_inputs_t *x);

#endif
