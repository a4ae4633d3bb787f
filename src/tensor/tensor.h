// Tensors: a dtype, a shape and a reference-counted, 64-byte aligned, row-major buffer.
//
// tensor_t is a small value. Copying the struct does NOT take a reference: use tensor_ref for a
// second owner, and tensor_unref when an owner is done. A buffer with more than one owner must not
// be written to.
#ifndef TFTRT_TENSOR_TENSOR_H
#define TFTRT_TENSOR_TENSOR_H

#include <stdatomic.h>

#include "base/status.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

// An element of a DT_STRING tensor. p is owned by the buffer (mem_alloc) and may hold any bytes;
// NULL when n is 0.
typedef struct str {
  char *p;
  size_t n;
} str_t;

// What an element of a DT_RESOURCE or DT_VARIANT tensor points at. Reference-counted; `type` tells
// what it really is.
typedef struct object object_t;
typedef struct object_type {
  const char *name;
  void (*destroy)(object_t *self);
} object_type_t;
struct object {
  const object_type_t *type;
  atomic_int refs;
};
object_t *object_ref(object_t *o);  // NULL stays NULL
void object_unref(object_t *o);

typedef struct buffer buffer_t;
struct buffer {
  atomic_int refs;
  dtype_t dtype;  // what the elements are, for freeing strings and objects
  void *data;
  size_t size;                   // bytes
  void (*release)(buffer_t *b);  // frees data (not b); NULL: nothing to free
  void *owner;                   // for release
  bool pooled;                   // release takes this struct back too: it is not freed after
  bool mapped;                   // data lies in a read-only map of a file: see base/stream.h
};

typedef struct tensor {
  dtype_t dtype;
  shape_t shape;  // always fully known for a tensor with a buffer
  buffer_t *buf;  // NULL: no tensor
  void *data;     // where element 0 is; inside buf
} tensor_t;

// Not zeroed for plain dtypes; strings are empty, objects NULL. RESOURCE_EXHAUSTED when too large.
status_t tensor_alloc(dtype_t dtype, const shape_t *shape, tensor_t *out);
// A tensor on memory of someone else: release(b) is called when the last owner is gone (may be
// NULL).
tensor_t tensor_borrow(dtype_t dtype, const shape_t *shape, void *data, size_t bytes,
                       void (*release)(buffer_t *), void *owner);
tensor_t tensor_ref(const tensor_t *t);
void tensor_unref(tensor_t *t);  // clears *t; fine on an empty one
static inline bool tensor_empty(const tensor_t *t) { return t->buf == NULL; }
bool tensor_unique(const tensor_t *t);  // one owner only: may be overwritten in place

int64_t tensor_elements(const tensor_t *t);
size_t tensor_bytes(const tensor_t *t);
// The same buffer under another shape of equal element count; takes a new reference.
tensor_t tensor_reshaped(const tensor_t *t, const shape_t *shape);
status_t tensor_copy(const tensor_t *t, tensor_t *out);   // deep
status_t str_set(str_t *s, const char *bytes, size_t n);  // copies; frees the old

// Scalars and small integer tensors as int64 (int32, int64, uint8, int8, int16, bool...).
// INVALID_ARGUMENT otherwise.
status_t tensor_int_at(const tensor_t *t, int64_t i, int64_t *out);
double tensor_number_at(const tensor_t *t, int64_t i);  // any real dtype; NaN for others
void tensor_set_number(tensor_t *t, int64_t i, double v);
status_t tensor_from_ints(dtype_t dtype, const shape_t *shape, const int64_t *values,
                          tensor_t *out);  // int32 or int64

#define TENSOR_DATA(type, t) ((type *)(t)->data)

#endif
