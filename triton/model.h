// A model that Triton serves: one loaded SavedModel, shared by all of its instances.
#ifndef TFTRT_TRITON_MODEL_H
#define TFTRT_TRITON_MODEL_H

#include <stdatomic.h>

#include "signature.h"

typedef struct served_model {
  char *name;  // "resnet50/1"
  tftrt_model *m;
  signature_t signature;
  int64_t max_batch_size;  // 0: requests are run one by one
  char *converted;         // the folder of a model that was converted when loading, or NULL
  // A run of several requests gave an output whose first dim is not the batch: they are run one by
  // one from then on.
  atomic_bool rows_are_no_batch;
} served_model_t;

// Opens <repository>/<version>/model.savedmodel (or the configured default_model_filename),
// completes the configuration where Triton asks for it, converts where a parameter asks for it.
// unload it.
fault_t served_model_load(TRITONBACKEND_Model *model, served_model_t **out);
void served_model_unload(served_model_t *m);

#endif
