// Triton's BYTES tensors: one element after the other, each four bytes of length (least first) and
// that many bytes.
#ifndef TFTRT_TRITON_BYTES_H
#define TFTRT_TRITON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <tftrt/tftrt.h>

// Elements that point into the buffer. False unless it holds exactly n.
bool bytes_parse(const void *buffer, size_t size, size_t n, tftrt_string *out);
// Size of n elements in that form. False when one is longer than four bytes can say, or all are
// more than fits a size_t.
bool bytes_size(const tftrt_string *elements, size_t n, size_t *out);
// Writes bytes_size bytes.
void bytes_write(const tftrt_string *elements, size_t n, void *out);

#endif
