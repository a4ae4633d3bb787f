// A caller's tftrt_input_fn as an input_source_t.
#ifndef TFTRT_API_FEED_H
#define TFTRT_API_FEED_H

#include "api/api.h"
#include "runtime/runtime.h"

typedef struct feed {
  tftrt_input_fn fn;
  void *user;
  const signature_t *signature;  // whose inputs they are; may be set as late as the first call
  int n;
  tftrt_tensor *given;
  tensor_t *tensors;
} feed_t;

// For input_source_t.next; self is a feed_t. INVALID_ARGUMENT names the input whose dtype or shape
// does not fit the signature.
status_t feed_next(void *self, const tensor_t **inputs, bool *end);
void feed_drop(feed_t *f);  // the inputs given last are not used any more
void feed_free(feed_t *f);  // what it holds, not f

#endif
