// Reading rows by index.
#ifndef TFTRT_KERNELS_GATHER_H
#define TFTRT_KERNELS_GATHER_H

#include "base/status.h"
#include "tensor/tensor.h"

// params [batch, outer, size, inner], indices [batch, n] (int32, int64 or int16) ->
// out [batch, outer, n, inner]. *bad: the flat position of the first index outside [0, size), -1
// when all are inside; nothing is written when one is not.
status_t gather_rows(dtype_t dtype, const void *params, int64_t batch, int64_t outer, int64_t size,
                     int64_t inner, const tensor_t *indices, int64_t n, void *out, int threads,
                     int64_t *bad);

// params [dims..., inner] with k leading dims, indices [n, k] -> out [n, inner]. As above.
status_t gather_nd_rows(dtype_t dtype, const void *params, const int64_t *dims, int k,
                        int64_t inner, const tensor_t *indices, int64_t n, void *out, int threads,
                        int64_t *bad);

// Turns indices [n, k] into flat row numbers of an array with k leading dims.
void flat_rows(const tensor_t *indices, int64_t n, const int64_t *dims, int k, int64_t *rows,
               int64_t *bad);

#endif
