// The protocol buffer wire format: a cursor that reads it in place, and a growing buffer that
// writes it. Source: the public encoding specification (protobuf.dev/programming-guides/encoding).
#ifndef TFTRT_FORMATS_WIRE_H
#define TFTRT_FORMATS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/status.h"

// ---------------------------------------------------------------- reading
//
// Nothing is copied: what a cursor or a field points at must stay valid as long as it is used.
//
//   status_t st = NULL;
//   wire_field_t f;
//   while (wire_next(&w, &f, &st)) {
//     switch (f.number) {
//       case TF_NODE_DEF_NAME: TRY(wire_get_string(&f, arena, &name)); break;
//       case TF_NODE_DEF_ATTR: TRY(wire_get_message(&f, &sub)); ... break;
//     }  // others are unknown fields: skipped, f.raw has their bytes
//   }
//   return st;
//
// Every failure is DATA_LOSS and names the offset from the start of the outermost message.

enum { WIRE_MAX_DEPTH = 100 };  // of nested messages, the limit that protobuf has by default

typedef enum wire_type {
  WIRE_VARINT = 0,
  WIRE_FIXED64 = 1,
  WIRE_BYTES = 2,  // strings, bytes, messages, packed repeated scalars
  WIRE_FIXED32 = 5,
} wire_type_t;

typedef struct wire {  // a cursor
  const uint8_t *p, *end;
  const uint8_t *base;  // where offsets in messages count from
  int depth;
} wire_t;

typedef struct wire_field {
  uint32_t number;
  wire_type_t type;
  uint64_t value;       // WIRE_VARINT, WIRE_FIXED32, WIRE_FIXED64: the bits
  const uint8_t *data;  // WIRE_BYTES: the content. Else the bytes of the value
  size_t size;
  const uint8_t *raw;  // tag and all, to copy a field as it is
  size_t raw_size;
  const uint8_t *base;  // as in wire_t
  int depth;
} wire_field_t;

wire_t wire_open(const void *data, size_t size);
// The next field; false at the end, and on bad bytes with *st set.
bool wire_next(wire_t *w, wire_field_t *f, status_t *st);

// Values of a field. DATA_LOSS when the field has another wire type than such a value has.
status_t wire_get_u64(const wire_field_t *f, uint64_t *out);  // any varint
status_t wire_get_i64(const wire_field_t *f, int64_t *out);   // int64, int32, enum (not sint)
status_t wire_get_i32(const wire_field_t *f, int32_t *out);   // cut to 32 bits, as protobuf does
status_t wire_get_bool(const wire_field_t *f, bool *out);
status_t wire_get_float(const wire_field_t *f, float *out);
status_t wire_get_double(const wire_field_t *f, double *out);
status_t wire_get_bytes(const wire_field_t *f, const uint8_t **data, size_t *size);
status_t wire_get_message(const wire_field_t *f, wire_t *sub);  // also checks WIRE_MAX_DEPTH
// A NUL-terminated copy in the arena; a string with a NUL inside is refused (for names).
status_t wire_get_string(const wire_field_t *f, arena_t *arena, const char **out);

// Repeated scalars, packed or not: puts a cursor over the values of one field record; then
// wire_item_* until it gives false (the end, or *st set). `type` is that of one value.
status_t wire_get_repeated(const wire_field_t *f, wire_type_t type, wire_t *items);
bool wire_item_varint(wire_t *items, uint64_t *out, status_t *st);
bool wire_item_fixed32(wire_t *items, uint32_t *out, status_t *st);
bool wire_item_fixed64(wire_t *items, uint64_t *out, status_t *st);

// ---------------------------------------------------------------- writing
//
// wire_out_t w = {0}; ...; TRY(wire_out_status(&w)); use w.data, w.size; wire_out_free(&w).
// When memory runs out, later writes do nothing and wire_out_status says RESOURCE_EXHAUSTED.
// Scalars are written also when they are 0: leaving defaults out is the caller's choice.

typedef struct wire_out {
  uint8_t *data;
  size_t size, cap;
  bool failed;
} wire_out_t;

status_t wire_out_status(const wire_out_t *w);
void wire_out_free(wire_out_t *w);

void wire_put_raw(wire_out_t *w, const void *bytes, size_t n);  // as they are, no tag
void wire_put_varint(wire_out_t *w, uint64_t v);                // no tag
void wire_put_tag(wire_out_t *w, uint32_t field, wire_type_t type);
void wire_put_u64(wire_out_t *w, uint32_t field, uint64_t v);  // varint
void wire_put_i64(wire_out_t *w, uint32_t field, int64_t v);   // int32, int64, enum, bool
void wire_put_float(wire_out_t *w, uint32_t field, float v);
void wire_put_double(wire_out_t *w, uint32_t field, double v);
void wire_put_fixed32(wire_out_t *w, uint32_t field, uint32_t v);
void wire_put_bytes(wire_out_t *w, uint32_t field, const void *bytes, size_t n);
void wire_put_string(wire_out_t *w, uint32_t field, const char *s);
// A nested message: size_t at = wire_begin(w, field); ...its fields...; wire_end(w, at);
size_t wire_begin(wire_out_t *w, uint32_t field);
void wire_end(wire_out_t *w, size_t at);

#endif
