// Snappy decompression through the system's libsnappy.so.1, loaded when first needed.
#ifndef TFTRT_FORMATS_SNAPPY_H
#define TFTRT_FORMATS_SNAPPY_H

#include <stdint.h>

#include "base/status.h"

// *out is freed with mem_aligned_free. UNIMPLEMENTED when the library is not installed, DATA_LOSS
// for bad bytes; `name` is the file, for the message.
status_t snappy_decompress(const uint8_t *data, size_t size, const char *name, uint8_t **out,
                           size_t *out_size);

#endif
