// TensorProto <-> tensor_t.
#include <pthread.h>
#include <string.h>

#include "formats/tf_fields.h"
#include "formats/wire.h"
#include "graph/proto.h"

status_t shape_parse_proto(wire_t w, shape_t *out) {
  *out = SHAPE_SCALAR;
  bool unknown = false;
  status_t st = NULL;
  wire_field_t f;
  while (wire_next(&w, &f, &st)) {
    if (f.number == TF_SHAPE_UNKNOWN_RANK) {
      TRY(wire_get_bool(&f, &unknown));
    } else if (f.number == TF_SHAPE_DIM) {
      if (out->rank == SHAPE_MAX_RANK)
        return FAIL(UNIMPLEMENTED, "a shape with more than %d dims", SHAPE_MAX_RANK);
      int64_t size = 0;
      wire_t sub;
      wire_field_t d;
      TRY(wire_get_message(&f, &sub));
      while (wire_next(&sub, &d, &st))
        if (d.number == TF_DIM_SIZE) TRY(wire_get_i64(&d, &size));
      if (st) return st;
      // Below -1: Grappler's symbols, in attributes that it gives to functions (_input_shapes).
      out->d[out->rank++] = size < -1 ? -1 : size;
    }
  }
  if (unknown) *out = SHAPE_UNKNOWN;
  return st;
}

// What a TensorProto says, before there is a tensor.
typedef struct proto {
  dtype_t dtype;
  shape_t shape;
  const uint8_t *content;
  size_t content_size;
  tensor_t t;
  int64_t n, filled;  // elements, and how many of them have come
} proto_t;

// The field that holds values of a dtype, and how one value is encoded.
static uint32_t values_field(dtype_t t, wire_type_t *type) {
  *type = WIRE_VARINT;
  switch (t) {
    case DT_FLOAT: *type = WIRE_FIXED32; return TF_TENSOR_FLOAT_VAL;
    case DT_DOUBLE: *type = WIRE_FIXED64; return TF_TENSOR_DOUBLE_VAL;
    case DT_COMPLEX64: *type = WIRE_FIXED32; return TF_TENSOR_SCOMPLEX_VAL;
    case DT_COMPLEX128: *type = WIRE_FIXED64; return TF_TENSOR_DCOMPLEX_VAL;
    case DT_HALF:
    case DT_BFLOAT16: return TF_TENSOR_HALF_VAL;
    case DT_STRING: *type = WIRE_BYTES; return TF_TENSOR_STRING_VAL;
    case DT_INT64: return TF_TENSOR_INT64_VAL;
    case DT_BOOL: return TF_TENSOR_BOOL_VAL;
    case DT_UINT32: return TF_TENSOR_UINT32_VAL;
    case DT_UINT64: return TF_TENSOR_UINT64_VAL;
    case DT_INT32:
    case DT_INT16:
    case DT_INT8:
    case DT_UINT8:
    case DT_UINT16:
    case DT_QINT8:
    case DT_QUINT8:
    case DT_QINT16:
    case DT_QUINT16:
    case DT_QINT32: return TF_TENSOR_INT_VAL;
    default: return 0;
  }
}

static status_t too_many(const proto_t *p) {
  char text[128];
  return FAIL(INVALID_ARGUMENT, "a tensor of shape %s with more values than that",
              shape_format(&p->shape, text, sizeof text));
}

// One record of the values field: a value, or many packed. Values are written little-endian, which
// is how they lie in memory here.
static status_t read_values(const wire_field_t *f, wire_type_t type, proto_t *p) {
  size_t size = dtype_size(p->dtype);
  if (p->dtype == DT_COMPLEX64 || p->dtype == DT_COMPLEX128) size /= 2;
  int64_t room = (int64_t)(tensor_bytes(&p->t) / size);
  uint8_t *to = p->t.data;
  status_t st = NULL;
  if (type == WIRE_BYTES) {
    const uint8_t *s;
    size_t n;
    if (p->filled == room) return too_many(p);
    TRY(wire_get_bytes(f, &s, &n));
    return str_set(TENSOR_DATA(str_t, &p->t) + p->filled++, (const char *)s, n);
  }
  wire_t items;
  TRY(wire_get_repeated(f, type, &items));
  uint64_t v64 = 0;
  uint32_t v32 = 0;
  for (;;) {
    bool more = type == WIRE_VARINT    ? wire_item_varint(&items, &v64, &st)
                : type == WIRE_FIXED32 ? wire_item_fixed32(&items, &v32, &st)
                                       : wire_item_fixed64(&items, &v64, &st);
    if (!more) return st;
    if (p->filled == room) return too_many(p);
    if (p->dtype == DT_BOOL) v64 = v64 != 0;
    memcpy(to + (size_t)p->filled++ * size,
           type == WIRE_FIXED32 ? (const void *)&v32 : (const void *)&v64, size);
  }
}

// The last value given stands for all that follow; none at all means zeros.
static status_t fill_tail(proto_t *p) {
  if (p->dtype == DT_STRING) {
    str_t *s = p->t.data;
    for (int64_t i = p->filled; p->filled && i < p->n; i++)
      TRY(str_set(&s[i], s[p->filled - 1].p, s[p->filled - 1].n));
    return NULL;
  }
  size_t size = dtype_size(p->dtype), bytes = tensor_bytes(&p->t);
  if (p->dtype == DT_COMPLEX64 || p->dtype == DT_COMPLEX128) p->filled /= 2;
  uint8_t *data = p->t.data;
  if (!p->filled) memset(data, 0, bytes);
  for (size_t at = (size_t)p->filled * size; p->filled && at < bytes; at += size)
    memcpy(data + at, data + at - size, size);
  return NULL;
}

// Strings in tensor_content: all lengths as varints, then the bytes one after another.
static status_t read_string_content(proto_t *p) {
  wire_t w = wire_open(p->content, p->content_size);
  status_t st = NULL;
  size_t *length = mem_try_alloc(((size_t)p->n + 1) * sizeof *length);
  if (!length) return FAIL(RESOURCE_EXHAUSTED, "out of memory for %zu strings", (size_t)p->n);
  for (int64_t i = 0; i < p->n && !st; i++) {
    uint64_t v;
    if (!wire_item_varint(&w, &v, &st) && !st) st = FAIL(DATA_LOSS, "string lengths are cut off");
    length[i] = (size_t)v;
  }
  const uint8_t *at = w.p;
  for (int64_t i = 0; i < p->n && !st; i++) {
    if (length[i] > (size_t)(w.end - at)) {
      st = FAIL(DATA_LOSS, "string content is cut off");
    } else {
      st = str_set(TENSOR_DATA(str_t, &p->t) + i, (const char *)at, length[i]);
      at += length[i];
    }
  }
  mem_aligned_free(length);
  return st;
}

static status_t read_content(proto_t *p) {
  if (p->dtype == DT_STRING) return read_string_content(p);
  if (!dtype_is_plain(p->dtype))
    return FAIL(UNIMPLEMENTED, "a constant of dtype %s", dtype_name(p->dtype));
  char text[128];
  if (p->content_size != tensor_bytes(&p->t))
    return FAIL(INVALID_ARGUMENT, "a %s tensor of shape %s with %zu bytes of content",
                dtype_name(p->dtype), shape_format(&p->shape, text, sizeof text), p->content_size);
  if (p->content_size) memcpy(p->t.data, p->content, p->content_size);
  return NULL;
}

static status_t read_all_values(const uint8_t *data, size_t size, proto_t *p) {
  wire_type_t type;
  uint32_t field = values_field(p->dtype, &type);
  if (!field) return FAIL(UNIMPLEMENTED, "a constant of dtype %s", dtype_name(p->dtype));
  wire_t w = wire_open(data, size);
  wire_field_t f;
  status_t st = NULL;
  while (wire_next(&w, &f, &st))
    if (f.number == field) TRY(read_values(&f, type, p));
  if (st) return st;
  return fill_tail(p);
}

static status_t read_head(const uint8_t *data, size_t size, proto_t *p) {
  wire_t w = wire_open(data, size);
  wire_field_t f;
  status_t st = NULL;
  int32_t dtype = 0;
  while (wire_next(&w, &f, &st)) {
    wire_t sub;
    switch (f.number) {
      case TF_TENSOR_DTYPE: TRY(wire_get_i32(&f, &dtype)); break;
      case TF_TENSOR_TENSOR_SHAPE:
        TRY(wire_get_message(&f, &sub));
        TRY(shape_parse_proto(sub, &p->shape));
        break;
      case TF_TENSOR_TENSOR_CONTENT: TRY(wire_get_bytes(&f, &p->content, &p->content_size)); break;
    }
  }
  if (st) return st;
  if (dtype <= 0 || dtype >= DT_MAX)
    return FAIL(INVALID_ARGUMENT, "a tensor of unknown dtype %d", dtype);
  p->dtype = (dtype_t)dtype;
  return NULL;
}

// A constant may claim any shape with one value: what cannot be meant is refused before memory is
// asked for.
enum { MAX_SPLAT_BYTES = 1 << 30 };

status_t tensor_parse_proto(const uint8_t *data, size_t size, tensor_t *out) {
  *out = (tensor_t){0};
  proto_t p = {.shape = SHAPE_SCALAR};
  TRY(read_head(data, size, &p));
  char text[128];
  if (!shape_known(&p.shape))
    return FAIL(INVALID_ARGUMENT, "a constant of shape %s",
                shape_format(&p.shape, text, sizeof text));
  p.n = shape_elements(&p.shape);
  size_t bytes = 0;
  if (p.n < 0 || !size_mul((size_t)p.n, dtype_size(p.dtype), &bytes) ||
      (bytes > MAX_SPLAT_BYTES && bytes / 64 > size))
    return FAIL(RESOURCE_EXHAUSTED, "a constant of shape %s is too large for its %zu bytes",
                shape_format(&p.shape, text, sizeof text), size);
  TRY(tensor_alloc(p.dtype, &p.shape, &p.t));
  status_t st = p.content_size ? read_content(&p) : read_all_values(data, size, &p);
  if (st) {
    tensor_unref(&p.t);
    return st;
  }
  *out = p.t;
  return NULL;
}

// ---------------------------------------------------------------- writing

void shape_write_proto(const shape_t *s, wire_out_t *w, uint32_t field) {
  size_t at = wire_begin(w, field);
  if (s->rank < 0) wire_put_u64(w, TF_SHAPE_UNKNOWN_RANK, 1);
  for (int i = 0; i < s->rank; i++) {
    size_t dim = wire_begin(w, TF_SHAPE_DIM);
    if (s->d[i]) wire_put_i64(w, TF_DIM_SIZE, s->d[i] < 0 ? -1 : s->d[i]);
    wire_end(w, dim);
  }
  wire_end(w, at);
}

status_t tensor_write_proto(const tensor_t *t, wire_out_t *w, uint32_t field) {
  if (t->dtype == DT_RESOURCE || t->dtype == DT_VARIANT)
    return FAIL(UNIMPLEMENTED, "a constant of dtype %s cannot be written", dtype_name(t->dtype));
  size_t at = wire_begin(w, field);
  wire_put_i64(w, TF_TENSOR_DTYPE, t->dtype);
  shape_write_proto(&t->shape, w, TF_TENSOR_TENSOR_SHAPE);
  int64_t n = tensor_elements(t);
  if (t->dtype == DT_STRING) {
    const str_t *s = t->data;
    for (int64_t i = 0; i < n; i++) wire_put_bytes(w, TF_TENSOR_STRING_VAL, s[i].p, s[i].n);
  } else if (n) {
    wire_put_bytes(w, TF_TENSOR_TENSOR_CONTENT, t->data, tensor_bytes(t));
  }
  wire_end(w, at);
  return wire_out_status(w);
}

// ---------------------------------------------------------------- attributes

// Readers of one graph may ask at the same time.
static pthread_mutex_t lazy = PTHREAD_MUTEX_INITIALIZER;

status_t attr_tensor(attr_value_t *a, const tensor_t **out) {
  *out = NULL;
  if (!a || a->kind != ATTR_TENSOR) return FAIL(INVALID_ARGUMENT, "the attribute is no tensor");
  pthread_mutex_lock(&lazy);
  status_t st = NULL;
  if (tensor_empty(&a->tensor)) {
    st = a->tensor_raw ? tensor_parse_proto(a->tensor_raw, a->tensor_size, &a->tensor)
                       : FAIL(INVALID_ARGUMENT, "the attribute holds no tensor");
  }
  pthread_mutex_unlock(&lazy);
  if (!st) *out = &a->tensor;
  return st;
}
