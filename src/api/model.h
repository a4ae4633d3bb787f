// What a tftrt_model is.
#ifndef TFTRT_API_MODEL_H
#define TFTRT_API_MODEL_H

#include "runtime/runtime.h"
#include "tftrt/tftrt.h"

struct tftrt_model {
  model_t *model;
};

#endif
