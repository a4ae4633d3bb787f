// What a signature takes and gives, as the library tells it.
#ifndef TFTRT_TRITON_SIGNATURE_H
#define TFTRT_TRITON_SIGNATURE_H

#include <stdbool.h>
#include <tftrt/tftrt.h>

#include "util.h"

typedef struct tensor_spec {
  const char *name;  // the model's
  tftrt_dtype dtype;
  int rank;                     // -1: unknown
  int64_t dims[TFTRT_MAX_RANK]; /* -1: unknown */
} tensor_spec_t;

typedef struct signature {
  const char *key;  // the model's
  int n_inputs, n_outputs;
  tensor_spec_t *inputs, *outputs;
} signature_t;

// key NULL: the default one. NOT_FOUND lists the keys that there are. signature_free it.
fault_t signature_read(tftrt_model *m, const char *key, signature_t *out);
void signature_free(signature_t *s);
int spec_index(const tensor_spec_t *specs, int n, const char *name);  // -1: there is none
// Whether the first dim of t may be that of a batch: it is there, and not fixed.
bool spec_may_batch(const tensor_spec_t *t);
// "[2,-1]"; returns buffer.
const char *shape_text(const int64_t *dims, int rank, char *buffer, size_t size);

#endif
