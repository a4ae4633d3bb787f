// A pool of tensor buffers by size class, so that a model that runs again and again with the same
// shapes asks the system for nothing. Any thread may allocate from a pool and release to it; a
// tensor keeps its pool alive.
#ifndef TFTRT_RUNTIME_POOL_H
#define TFTRT_RUNTIME_POOL_H

#include "tensor/tensor.h"

typedef struct pool pool_t;

pool_t *pool_create(void);
void pool_release(pool_t *p);  // the owner is done with it; NULL is fine
// As tensor_alloc.
status_t pool_alloc(pool_t *p, dtype_t dtype, const shape_t *shape, tensor_t *out);
int64_t pool_system_allocations(pool_t *p);  // how often the system was asked so far

#endif
