#include "runtime/engine_inputs.h"

#include <string.h>

#include "base/mem.h"

static uint8_t nothing[64];
static buffer_t nowhere = {.refs = 1, .dtype = DT_UINT8, .data = nothing, .size = 1};
static const tensor_t place = {.dtype = DT_UINT8, .buf = &nowhere, .data = nothing};  // a scalar

engine_inputs_t engine_inputs(const tensor_t *in, int n_in) {
  engine_inputs_t x = {.v = in};
  for (int i = 0; i < n_in; i++) {
    if (in[i].dtype != DT_RESOURCE) continue;
    if (!x.changed) {
      x.changed = mem_alloc((size_t)n_in * sizeof *x.changed);
      memcpy(x.changed, in, (size_t)n_in * sizeof *in);
      x.v = x.changed;
    }
    x.changed[i] = place;
  }
  return x;
}

void engine_inputs_free(engine_inputs_t *x) { mem_free(x->changed); }
