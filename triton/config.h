// A model's configuration (ModelConfig as JSON) and the signature that it is to fit.
#ifndef TFTRT_TRITON_CONFIG_H
#define TFTRT_TRITON_CONFIG_H

#include <jansson.h>

#include "signature.h"

// As Triton serialises it; json_decref it. INTERNAL when it is not one JSON object.
fault_t config_parse(const char *text, size_t size, json_t **out);
// Fills in what the configuration leaves out: inputs, outputs, their types and dims, and, where all
// of them have an unknown first dim and none is listed with its first dim, max_batch_size and
// dynamic batching. Outputs that Triton has no type for, or of unknown rank, are left out with a
// warning. *changed tells whether it did anything. `name` is the model's, for messages.
fault_t config_complete(json_t *config, const signature_t *s, int64_t default_max_batch_size,
                        const char *name, bool *changed);
// INVALID_ARG names the input or output that is missing, not the signature's, of another type or of
// dims that do not fit. *max_batch_size 0: shapes are the signature's; else theirs without the
// first dim.
fault_t config_check(const json_t *config, const signature_t *s, int64_t *max_batch_size);
// How many instances there will be.
int config_instances(const json_t *config);

#endif
