#include "api/api.h"

#include "base/mem.h"

_Static_assert(sizeof(tftrt_string) == sizeof(str_t), "strings are handed out as they are");
_Static_assert((int)TFTRT_MAX_RANK == (int)SHAPE_MAX_RANK, "one limit of ranks");

const char *tftrt_version(void) { return "0.1.0"; }
const char *tftrt_code_name(tftrt_code code) { return code_name((code_t)code); }
const char *tftrt_dtype_name(tftrt_dtype dtype) { return dtype_name((dtype_t)dtype); }
size_t tftrt_dtype_size(tftrt_dtype dtype) { return dtype_size((dtype_t)dtype); }
void tftrt_free(void *p) { mem_free(p); }

void tftrt_tensor_release(tftrt_tensor *t) {
  if (!t) return;
  if (t->owner) {
    tensor_t *owner = t->owner;
    tensor_unref(owner);
    mem_free(owner);
  }
  *t = (tftrt_tensor){0};
}

status_t api_tensor_in(const tftrt_tensor *t, const char *name, tensor_t *out) {
  *out = (tensor_t){0};
  size_t bytes = dtype_size((dtype_t)t->dtype);
  shape_t shape = {.rank = t->rank};
  if (!bytes || t->dtype == 20 || t->dtype == 21)
    return FAIL(INVALID_ARGUMENT, "input '%s': dtype %d cannot be passed in", name, (int)t->dtype);
  if (t->rank < 0 || t->rank > SHAPE_MAX_RANK)
    return FAIL(INVALID_ARGUMENT, "input '%s': rank %d is not in 0..%d", name, t->rank,
                SHAPE_MAX_RANK);
  for (int i = 0; i < t->rank; i++) {
    shape.d[i] = t->dims[i];
    if (t->dims[i] < 0 || !size_mul(bytes, (size_t)t->dims[i], &bytes))
      return FAIL(INVALID_ARGUMENT, "input '%s': dim %d is %lld", name, i, (long long)t->dims[i]);
  }
  if (bytes != t->bytes)
    return FAIL(INVALID_ARGUMENT, "input '%s': its shape takes %zu bytes, but it has %zu", name,
                bytes, t->bytes);
  if (bytes && !t->data) return FAIL(INVALID_ARGUMENT, "input '%s': data is NULL", name);
  if (t->dtype != TFTRT_STRING) {
    *out = tensor_borrow((dtype_t)t->dtype, &shape, t->data, bytes, NULL, NULL);
    return NULL;
  }
  TRY(tensor_alloc(DT_STRING, &shape, out));
  const tftrt_string *from = t->data;
  for (int64_t i = 0; i < tensor_elements(out); i++) {
    status_t s = str_set(TENSOR_DATA(str_t, out) + i, from[i].data, from[i].size);
    if (s) {
      tensor_unref(out);
      return s;
    }
  }
  return NULL;
}

status_t api_tensor_info(const tensor_info_t *t, tftrt_tensor_info *out) {
  tftrt_tensor_info info = {0};
  if (t) {
    info.name = t->key;
    info.dtype = (tftrt_dtype)t->dtype;
    info.rank = t->shape.rank;
    for (int d = 0; d < info.rank; d++) info.dims[d] = t->shape.d[d] < 0 ? -1 : t->shape.d[d];
  }
  return api_write_struct(&info, sizeof info, "tftrt_tensor_info", out);
}

void api_tensor_out(tensor_t *t, tftrt_tensor *out) {
  *out = (tftrt_tensor){.dtype = (tftrt_dtype)t->dtype, .rank = t->shape.rank};
  for (int i = 0; i < t->shape.rank; i++) out->dims[i] = t->shape.d[i];
  out->data = t->data;
  out->bytes = tensor_bytes(t);
  tensor_t *owner = mem_alloc(sizeof *owner);
  *owner = *t;
  *t = (tensor_t){0};
  out->owner = owner;
}
