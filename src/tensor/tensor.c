#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

object_t *object_ref(object_t *o) {
  if (o) atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
  return o;
}

void object_unref(object_t *o) {
  if (o && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1) o->type->destroy(o);
}

static void release_owned(buffer_t *b) {
  if (b->dtype == DT_STRING) {
    str_t *s = b->data;
    for (size_t i = 0; i < b->size / sizeof *s; i++) mem_free(s[i].p);
  } else if (b->dtype == DT_RESOURCE || b->dtype == DT_VARIANT) {
    object_t **o = b->data;
    for (size_t i = 0; i < b->size / sizeof *o; i++) object_unref(o[i]);
  }
  mem_aligned_free(b->data);
}

static status_t checked_bytes(dtype_t dtype, const shape_t *shape, size_t *bytes) {
  int64_t n = shape_elements(shape);
  char text[128];
  if (!dtype_size(dtype))
    return FAIL(INVALID_ARGUMENT, "cannot allocate a tensor of dtype %d", (int)dtype);
  if (n < 0 || !size_mul((size_t)n, dtype_size(dtype), bytes) || *bytes > (size_t)1 << 46)
    return FAIL(RESOURCE_EXHAUSTED, "a %s tensor of shape %s is too large or not fully defined",
                dtype_name(dtype), shape_format(shape, text, sizeof text));
  return NULL;
}

status_t tensor_alloc(dtype_t dtype, const shape_t *shape, tensor_t *out) {
  *out = (tensor_t){0};
  size_t bytes = 0;
  TRY(checked_bytes(dtype, shape, &bytes));
  void *data = mem_try_alloc(bytes);
  char text[128];
  if (!data)
    return FAIL(RESOURCE_EXHAUSTED, "out of memory for a %s tensor of shape %s (%zu bytes)",
                dtype_name(dtype), shape_format(shape, text, sizeof text), bytes);
  if (!dtype_is_plain(dtype)) memset(data, 0, bytes);
  *out = tensor_borrow(dtype, shape, data, bytes, release_owned, NULL);
  return NULL;
}

tensor_t tensor_borrow(dtype_t dtype, const shape_t *shape, void *data, size_t bytes,
                       void (*release)(buffer_t *), void *owner) {
  buffer_t *b = mem_alloc(sizeof *b);
  *b = (buffer_t){.dtype = dtype, .data = data, .size = bytes, .release = release, .owner = owner};
  atomic_init(&b->refs, 1);
  return (tensor_t){.dtype = dtype, .shape = *shape, .buf = b, .data = data};
}

tensor_t tensor_ref(const tensor_t *t) {
  if (t->buf) atomic_fetch_add_explicit(&t->buf->refs, 1, memory_order_relaxed);
  return *t;
}

void tensor_unref(tensor_t *t) {
  buffer_t *b = t->buf;
  *t = (tensor_t){0};
  if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1) return;
  bool pooled = b->pooled;  // release may hand b to another thread
  if (b->release) b->release(b);
  if (!pooled) mem_free(b);
}

bool tensor_unique(const tensor_t *t) {
  return t->buf && atomic_load_explicit(&t->buf->refs, memory_order_acquire) == 1;
}

int64_t tensor_elements(const tensor_t *t) { return shape_elements(&t->shape); }
size_t tensor_bytes(const tensor_t *t) { return (size_t)tensor_elements(t) * dtype_size(t->dtype); }

tensor_t tensor_reshaped(const tensor_t *t, const shape_t *shape) {
  tensor_t r = tensor_ref(t);
  r.shape = *shape;
  return r;
}

status_t str_set(str_t *s, const char *bytes, size_t n) {
  char *copy = NULL;
  if (n) {
    copy = mem_try_alloc(n);
    if (!copy) return FAIL(RESOURCE_EXHAUSTED, "out of memory for a string of %zu bytes", n);
    memcpy(copy, bytes, n);
  }
  mem_free(s->p);
  *s = (str_t){copy, n};
  return NULL;
}

status_t tensor_copy(const tensor_t *t, tensor_t *out) {
  TRY(tensor_alloc(t->dtype, &t->shape, out));
  int64_t n = tensor_elements(t);
  if (t->dtype == DT_STRING) {
    for (int64_t i = 0; i < n; i++) {
      const str_t *s = TENSOR_DATA(str_t, t) + i;
      status_t st = str_set(TENSOR_DATA(str_t, out) + i, s->p, s->n);
      if (st) {
        tensor_unref(out);
        return st;
      }
    }
  } else if (!dtype_is_plain(t->dtype)) {
    for (int64_t i = 0; i < n; i++)
      TENSOR_DATA(object_t *, out)[i] = object_ref(TENSOR_DATA(object_t *, t)[i]);
  } else {
    memcpy(out->data, t->data, tensor_bytes(t));
  }
  return NULL;
}

status_t tensor_int_at(const tensor_t *t, int64_t i, int64_t *out) {
  switch (t->dtype) {
    case DT_INT32:
    case DT_QINT32: *out = TENSOR_DATA(int32_t, t)[i]; return NULL;
    case DT_INT64: *out = TENSOR_DATA(int64_t, t)[i]; return NULL;
    case DT_INT8:
    case DT_QINT8:
      *out = TENSOR_DATA(int8_t, t)[i];  // NOLINT(bugprone-signed-char-misuse): a number
      return NULL;
    case DT_UINT8:
    case DT_BOOL:
    case DT_QUINT8: *out = TENSOR_DATA(uint8_t, t)[i]; return NULL;
    case DT_INT16:
    case DT_QINT16: *out = TENSOR_DATA(int16_t, t)[i]; return NULL;
    case DT_UINT16:
    case DT_QUINT16: *out = TENSOR_DATA(uint16_t, t)[i]; return NULL;
    case DT_UINT32: *out = TENSOR_DATA(uint32_t, t)[i]; return NULL;
    case DT_UINT64: *out = (int64_t)TENSOR_DATA(uint64_t, t)[i]; return NULL;
    default:
      return FAIL(INVALID_ARGUMENT, "expected an integer tensor, got %s", dtype_name(t->dtype));
  }
}

double tensor_number_at(const tensor_t *t, int64_t i) {
  switch (t->dtype) {
    case DT_FLOAT: return (double)TENSOR_DATA(float, t)[i];
    case DT_DOUBLE: return TENSOR_DATA(double, t)[i];
    case DT_HALF: return (double)half_to_float(TENSOR_DATA(uint16_t, t)[i]);
    case DT_BFLOAT16: return (double)bfloat16_to_float(TENSOR_DATA(uint16_t, t)[i]);
    case DT_UINT64: return (double)TENSOR_DATA(uint64_t, t)[i];
    default: {
      int64_t v;
      status_t s = tensor_int_at(t, i, &v);
      if (!s) return (double)v;
      status_free(s);
      return NAN;
    }
  }
}

// What has no integer becomes the least one, as x86 converts.
static int32_t to_int32(double v) { return v > -0x1p31 - 1 && v < 0x1p31 ? (int32_t)v : INT32_MIN; }
static int64_t to_int64(double v) { return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN; }

void tensor_set_number(tensor_t *t, int64_t i, double v) {
  switch (t->dtype) {
    case DT_FLOAT: TENSOR_DATA(float, t)[i] = (float)v; break;
    case DT_DOUBLE: TENSOR_DATA(double, t)[i] = v; break;
    case DT_HALF: TENSOR_DATA(uint16_t, t)[i] = float_to_half((float)v); break;
    case DT_BFLOAT16: TENSOR_DATA(uint16_t, t)[i] = float_to_bfloat16((float)v); break;
    case DT_INT32:
    case DT_QINT32: TENSOR_DATA(int32_t, t)[i] = to_int32(v); break;
    case DT_INT64: TENSOR_DATA(int64_t, t)[i] = to_int64(v); break;
    case DT_INT8:
    case DT_QINT8: TENSOR_DATA(int8_t, t)[i] = (int8_t)to_int32(v); break;
    case DT_UINT8:
    case DT_QUINT8: TENSOR_DATA(uint8_t, t)[i] = (uint8_t)to_int32(v); break;
    case DT_BOOL: TENSOR_DATA(uint8_t, t)[i] = v != 0; break;
    case DT_INT16:
    case DT_QINT16: TENSOR_DATA(int16_t, t)[i] = (int16_t)to_int32(v); break;
    case DT_UINT16:
    case DT_QUINT16: TENSOR_DATA(uint16_t, t)[i] = (uint16_t)to_int32(v); break;
    case DT_UINT32: TENSOR_DATA(uint32_t, t)[i] = (uint32_t)to_int64(v); break;
    case DT_UINT64:
      TENSOR_DATA(uint64_t, t)[i] = v >= 0x1p63 && v < 0x1p64 ? (uint64_t)v : (uint64_t)to_int64(v);
      break;
    default: break;
  }
}

status_t tensor_from_ints(dtype_t dtype, const shape_t *shape, const int64_t *values,
                          tensor_t *out) {
  if (dtype != DT_INT32 && dtype != DT_INT64)
    return FAIL(INVALID_ARGUMENT, "expected int32 or int64, got %s", dtype_name(dtype));
  TRY(tensor_alloc(dtype, shape, out));
  int64_t n = tensor_elements(out);
  for (int64_t i = 0; i < n; i++) {
    if (dtype == DT_INT64)
      TENSOR_DATA(int64_t, out)[i] = values[i];
    else
      TENSOR_DATA(int32_t, out)[i] = (int32_t)values[i];
  }
  return NULL;
}
