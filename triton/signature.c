#include "signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fault_t no_signature(tftrt_model *m, const char *key) {
  char keys[512];
  size_t at = 0;
  keys[0] = 0;
  for (int i = 0; i < tftrt_model_signature_count(m) && at < sizeof keys; i++) {
    int n =
        snprintf(keys + at, sizeof keys - at, "%s%s", i ? ", " : "", tftrt_model_signature(m, i));
    at += n > 0 ? (size_t)n : 0;
  }
  return REFUSE(NOT_FOUND, "the model has no signature '%s'; it has: %s",
                key ? key : "serving_default", keys);
}

static fault_t read_side(tftrt_model *m, const char *key, bool outputs, int n, tensor_spec_t *out) {
  for (int i = 0; i < n; i++) {
    tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
    tftrt_error e = TFTRT_ERROR_INIT;
    CHECK(library_error((outputs ? tftrt_model_output : tftrt_model_input)(m, key, i, &info, &e),
                        &e));
    out[i] = (tensor_spec_t){.name = info.name, .dtype = info.dtype, .rank = info.rank};
    memcpy(out[i].dims, info.dims, sizeof out[i].dims);
  }
  return NULL;
}

// "serving_default", or the only one, as in the library.
static const char *default_key(tftrt_model *m) {
  if (tftrt_model_input_count(m, "serving_default") >= 0) return "serving_default";
  return tftrt_model_signature_count(m) == 1 ? tftrt_model_signature(m, 0) : NULL;
}

fault_t signature_read(tftrt_model *m, const char *key, signature_t *out) {
  *out = (signature_t){0};
  const char *found = key ? NULL : default_key(m);
  for (int i = 0; key && i < tftrt_model_signature_count(m); i++)
    if (strcmp(tftrt_model_signature(m, i), key) == 0) found = tftrt_model_signature(m, i);
  if (!found) return no_signature(m, key);
  out->key = found;
  out->n_inputs = tftrt_model_input_count(m, found);
  out->n_outputs = tftrt_model_output_count(m, found);
  out->inputs = get_memory((size_t)out->n_inputs, sizeof *out->inputs);
  out->outputs = get_memory((size_t)out->n_outputs, sizeof *out->outputs);
  fault_t f = read_side(m, found, false, out->n_inputs, out->inputs);
  if (!f) f = read_side(m, found, true, out->n_outputs, out->outputs);
  if (f) signature_free(out);
  return f;
}

void signature_free(signature_t *s) {
  free(s->inputs);
  free(s->outputs);
  *s = (signature_t){0};
}

int spec_index(const tensor_spec_t *specs, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(specs[i].name, name) == 0) return i;
  return -1;
}

bool spec_may_batch(const tensor_spec_t *t) { return t->rank > 0 && t->dims[0] < 0; }

const char *shape_text(const int64_t *dims, int rank, char *buffer, size_t size) {
  size_t at = 0;
  snprintf(buffer, size, rank < 0 ? "unknown" : "[");
  if (rank < 0) return buffer;
  at = 1;
  for (int i = 0; i < rank && at < size; i++) {
    int n = snprintf(buffer + at, size - at, "%s%lld", i ? "," : "", (long long)dims[i]);
    at += n > 0 ? (size_t)n : 0;
  }
  if (at < size) snprintf(buffer + at, size - at, "]");
  return buffer;
}
