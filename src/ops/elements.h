// Elements of any dtype, strings and objects too, moved between tensors.
#ifndef TFTRT_OPS_ELEMENTS_H
#define TFTRT_OPS_ELEMENTS_H

#include "ops/op.h"

// Copies n elements of equal dtype from src[from] to dst[to]; dst must be the only owner's.
status_t elements_copy(tensor_t *dst, int64_t to, const tensor_t *src, int64_t from, int64_t n);
void elements_zero(tensor_t *t, int64_t from, int64_t n);  // 0, false, "", NULL
// Row i of t along dim 0, without copying: shares the buffer.
tensor_t elements_row(const tensor_t *t, int64_t i);
// The next lengths[i] rows of t, from row *at on, in the same way; moves *at on. INVALID_ARGUMENT
// where there are not so many.
status_t elements_next_rows(op_ctx_t *c, const tensor_t *t, const tensor_t *lengths, int64_t i,
                            int64_t *at, tensor_t *out);
// Elements per row of dim 0; 1 for a vector. t must have rank >= 1.
int64_t elements_per_row(const tensor_t *t);
// "[1 2 3...]"-like text of up to `most` elements (all when < 0), as TensorFlow's SummarizeValue
// prints them; mem_free the result.
char *elements_text(const tensor_t *t, int64_t most);

#endif
