// tf.train.Example and SequenceExample: records of named features, read in place.
#ifndef TFTRT_FORMATS_EXAMPLE_H
#define TFTRT_FORMATS_EXAMPLE_H

#include "formats/wire.h"
#include "tensor/tensor.h"

typedef struct feature {
  const char *key;
  size_t key_size;
  dtype_t dtype;  // DT_STRING, DT_FLOAT, DT_INT64; DT_INVALID: the feature is there, but empty
  const uint8_t *list;  // the BytesList, FloatList or Int64List
  size_t size;
  int64_t count;  // of values
} feature_t;

// Where one feature's values go on: tensor t from element `at`, which has room for f->count.
status_t feature_values(const feature_t *f, tensor_t *t, int64_t at);

// Calls `each` for every feature of an Example, or of the context of a SequenceExample (both have
// Features as field 1), in file order; a key may come again, and the last one counts.
typedef status_t (*feature_fn)(void *self, const feature_t *f);
status_t example_features(const void *data, size_t size, feature_fn each, void *self);

// Calls `each` for every step of every feature list of a SequenceExample: the key is the list's,
// `step` counts from 0. A list without steps is told once, with step -1.
typedef status_t (*step_fn)(void *self, const feature_t *f, int64_t step);
status_t example_feature_lists(const void *data, size_t size, step_fn each, void *self);

#endif
