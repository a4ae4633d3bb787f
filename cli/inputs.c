#include "inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tftrt_code fail(tftrt_error *e, tftrt_code code, const char *what, const char *name) {
  e->code = code;
  snprintf(e->message, sizeof e->message, "%s '%s'", what, name);
  return code;
}

tftrt_code input_from_arrays(const tftrt_arrays *a, const tftrt_tensor_info *info,
                             tftrt_tensor *input, tftrt_error *e) {
  tftrt_code code = tftrt_arrays_get(a, info->name, input, e);
  // NumPy has no bfloat16: its bits come as uint16.
  if (!code && info->dtype == TFTRT_BFLOAT16 && input->dtype == TFTRT_UINT16)
    input->dtype = TFTRT_BFLOAT16;
  return code;
}

tftrt_code inputs_from_arrays(const tftrt_model *m, const char *signature, const tftrt_arrays *a,
                              tftrt_tensor *inputs, int *n, tftrt_error *e) {
  *n = tftrt_model_input_count(m, signature);
  if (*n < 0 || *n > MAX_INPUTS)
    return fail(e, TFTRT_NOT_FOUND, "the model has no signature",
                signature ? signature : "serving_default");
  for (int i = 0; i < *n; i++) {
    tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
    tftrt_code code = tftrt_model_input(m, signature, i, &info, e);
    if (!code) code = input_from_arrays(a, &info, &inputs[i], e);
    if (code) return code;
  }
  return TFTRT_OK;
}

static const char *shape_for(const list_t *shapes, const char *name, int64_t *dims, int *rank) {
  char key[256];
  for (int i = 0; i < shapes->n; i++)
    if (parse_shape(shapes->v[i], key, sizeof key, dims, rank) && strcmp(key, name) == 0)
      return shapes->v[i];
  return NULL;
}

static void fill(tftrt_tensor *t) {
  uint32_t x = 12345;
  size_t n = t->bytes / (tftrt_dtype_size(t->dtype) ? tftrt_dtype_size(t->dtype) : 1);
  for (size_t i = 0; i < n; i++) {
    x = x * 1664525u + 1013904223u;
    float f = (float)(x >> 8) / 16777216.0f - 0.5f;
    switch (t->dtype) {
      case TFTRT_FLOAT: ((float *)t->data)[i] = f; break;
      case TFTRT_DOUBLE: ((double *)t->data)[i] = (double)f; break;
      case TFTRT_INT32: ((int32_t *)t->data)[i] = (int32_t)(x >> 31); break;
      case TFTRT_INT64: ((int64_t *)t->data)[i] = (int64_t)(x >> 31); break;
      case TFTRT_BOOL:
      case TFTRT_UINT8:
      case TFTRT_INT8: ((uint8_t *)t->data)[i] = (uint8_t)(x >> 31); break;
      default: break;  // zeros
    }
  }
}

tftrt_code inputs_made_up(const tftrt_model *m, const char *signature, const list_t *shapes,
                          tftrt_tensor *inputs, int *n, tftrt_error *e) {
  int count = tftrt_model_input_count(m, signature);
  *n = 0;
  if (count < 0 || count > MAX_INPUTS)
    return fail(e, TFTRT_NOT_FOUND, "the model has no signature",
                signature ? signature : "serving_default");
  for (int i = 0; i < shapes->n; i++) {
    char key[256];
    int64_t dims[TFTRT_MAX_RANK];
    int rank, found = 0;
    if (!parse_shape(shapes->v[i], key, sizeof key, dims, &rank))
      return fail(e, TFTRT_INVALID_ARGUMENT, "a shape is written NAME=1x224x224x3, not",
                  shapes->v[i]);
    for (int k = 0; k < count; k++) {
      tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
      if (!tftrt_model_input(m, signature, k, &info, NULL)) found |= strcmp(info.name, key) == 0;
    }
    if (!found) return fail(e, TFTRT_INVALID_ARGUMENT, "the signature has no input", key);
  }
  for (; *n < count; (*n)++) {
    tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
    tftrt_code code = tftrt_model_input(m, signature, *n, &info, e);
    if (code) return code;
    tftrt_tensor *t = &inputs[*n];
    *t = (tftrt_tensor){.dtype = info.dtype};
    int rank = 0;
    if (!shape_for(shapes, info.name, t->dims, &rank)) {
      if (info.rank < 0)
        return fail(e, TFTRT_INVALID_ARGUMENT, "give --shape for the input of unknown rank",
                    info.name);
      rank = info.rank;
      for (int d = 0; d < rank; d++) t->dims[d] = info.dims[d] < 0 ? 1 : info.dims[d];
    }
    t->rank = rank;
    t->bytes = tftrt_dtype_size(info.dtype);
    for (int d = 0; d < rank; d++)
      if (__builtin_mul_overflow(t->bytes, (size_t)t->dims[d], &t->bytes))
        return fail(e, TFTRT_RESOURCE_EXHAUSTED, "too large a shape for input", info.name);
    size_t rounded = (t->bytes + 63) / 64 * 64;
    t->data = aligned_alloc(64, rounded ? rounded : 64);
    if (!t->data) return fail(e, TFTRT_RESOURCE_EXHAUSTED, "out of memory for input", info.name);
    memset(t->data, 0, rounded);
    fill(t);
  }
  return TFTRT_OK;
}

void free_made_up(tftrt_tensor *inputs, int n) {
  for (int i = 0; i < n; i++) free(inputs[i].data);
}
