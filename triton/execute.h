// Requests run: gathered into as few runs as their shapes allow, and answered each.
#ifndef TFTRT_TRITON_EXECUTE_H
#define TFTRT_TRITON_EXECUTE_H

#include "model.h"

// What one instance needs to run; one thread at a time.
typedef struct instance instance_t;
instance_t *instance_create(TRITONBACKEND_ModelInstance *handle, served_model_t *model);
void instance_destroy(instance_t *i);

// Answers and releases every request. Those with equal shapes behind the batch dim are one run;
// when that fails they are run one by one, so that an error is the answer of the request that it
// belongs to alone.
void execute(instance_t *i, TRITONBACKEND_Request **requests, uint32_t n);

#endif
