// TFRecord files: records of any bytes, each with CRCs (tensorflow/core/lib/io/record_reader.h).
#ifndef TFTRT_FORMATS_TFRECORD_H
#define TFTRT_FORMATS_TFRECORD_H

#include <stdbool.h>

#include "formats/wire.h"

typedef struct tfrecord_reader {  // over bytes in memory; set data, size and name, the rest is 0
  const uint8_t *data;
  size_t size;
  const char *name;  // for messages: the file
  size_t at;
} tfrecord_reader_t;

// The next record, inside data; false at the end (an empty file has no records), and with *st set
// to DATA_LOSS when the file is cut off or a CRC is wrong.
bool tfrecord_next(tfrecord_reader_t *r, const uint8_t **record, size_t *size, status_t *st);

void tfrecord_append(wire_out_t *out, const void *record, size_t size);

#endif
