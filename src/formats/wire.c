#include "formats/wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- reading

wire_t wire_open(const void *data, size_t size) {
  const uint8_t *p = data;
  return (wire_t){.p = p, .end = size ? p + size : p, .base = p};
}

static status_t bad(const uint8_t *base, const uint8_t *at, const char *what) {
  return FAIL(DATA_LOSS, "bad protobuf at byte %td: %s", at - base, what);
}

static bool read_varint(wire_t *w, uint64_t *out, status_t *st) {
  const uint8_t *start = w->p;
  uint64_t v = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (w->p == w->end) {
      *st = bad(w->base, start, "a varint is cut off");
      return false;
    }
    uint8_t b = *w->p++;
    if (shift < 64) v |= (uint64_t)(b & 0x7f) << shift;
    if (!(b & 0x80)) {
      *out = v;
      return true;
    }
  }
  *st = bad(w->base, start, "a varint is longer than 10 bytes");
  return false;
}

static bool read_fixed(wire_t *w, size_t n, uint64_t *out, status_t *st) {
  if ((size_t)(w->end - w->p) < n) {
    *st = bad(w->base, w->p, n == 4 ? "a 4-byte value is cut off" : "an 8-byte value is cut off");
    return false;
  }
  uint64_t v = 0;
  for (size_t i = 0; i < n; i++) v |= (uint64_t)w->p[i] << (8 * i);
  w->p += n;
  *out = v;
  return true;
}

static bool read_value(wire_t *w, wire_field_t *f, status_t *st) {
  f->data = w->p;
  switch (f->type) {
    case WIRE_VARINT:
      if (!read_varint(w, &f->value, st)) return false;
      break;
    case WIRE_FIXED64:
    case WIRE_FIXED32:
      if (!read_fixed(w, f->type == WIRE_FIXED64 ? 8 : 4, &f->value, st)) return false;
      break;
    case WIRE_BYTES: {
      uint64_t n;
      const uint8_t *start = w->p;
      if (!read_varint(w, &n, st)) return false;
      if (n > (uint64_t)(w->end - w->p)) {
        *st = FAIL(DATA_LOSS,
                   "bad protobuf at byte %td: field %" PRIu32 " says %" PRIu64
                   " bytes, but only %td are left",
                   start - w->base, f->number, n, w->end - w->p);
        return false;
      }
      f->data = w->p;
      w->p += n;
      break;
    }
    default:
      *st = FAIL(DATA_LOSS, "bad protobuf at byte %td: field %" PRIu32 " has wire type %d",
                 f->raw - w->base, f->number, (int)f->type);
      return false;
  }
  f->size = (size_t)(w->p - f->data);
  return true;
}

bool wire_next(wire_t *w, wire_field_t *f, status_t *st) {
  *st = NULL;
  if (w->p == w->end) return false;
  *f = (wire_field_t){.raw = w->p, .base = w->base, .depth = w->depth};
  uint64_t tag;
  if (!read_varint(w, &tag, st)) return false;
  if (tag >> 3 == 0 || tag > UINT32_MAX) {
    *st = bad(w->base, f->raw, "not a field number");
    return false;
  }
  f->number = (uint32_t)(tag >> 3);
  f->type = (wire_type_t)(tag & 7);
  if (!read_value(w, f, st)) return false;
  f->raw_size = (size_t)(w->p - f->raw);
  return true;
}

static status_t expect(const wire_field_t *f, wire_type_t type) {
  if (f->type == type) return NULL;
  return FAIL(DATA_LOSS,
              "bad protobuf at byte %td: field %" PRIu32 " has wire type %d, expected %d",
              f->raw - f->base, f->number, (int)f->type, (int)type);
}

status_t wire_get_u64(const wire_field_t *f, uint64_t *out) {
  TRY(expect(f, WIRE_VARINT));
  *out = f->value;
  return NULL;
}

status_t wire_get_i64(const wire_field_t *f, int64_t *out) {
  TRY(expect(f, WIRE_VARINT));
  *out = (int64_t)f->value;
  return NULL;
}

status_t wire_get_i32(const wire_field_t *f, int32_t *out) {
  TRY(expect(f, WIRE_VARINT));
  *out = (int32_t)(uint32_t)f->value;
  return NULL;
}

status_t wire_get_bool(const wire_field_t *f, bool *out) {
  TRY(expect(f, WIRE_VARINT));
  *out = f->value != 0;
  return NULL;
}

status_t wire_get_float(const wire_field_t *f, float *out) {
  TRY(expect(f, WIRE_FIXED32));
  uint32_t bits = (uint32_t)f->value;
  memcpy(out, &bits, sizeof bits);
  return NULL;
}

status_t wire_get_double(const wire_field_t *f, double *out) {
  TRY(expect(f, WIRE_FIXED64));
  memcpy(out, &f->value, sizeof f->value);
  return NULL;
}

status_t wire_get_bytes(const wire_field_t *f, const uint8_t **data, size_t *size) {
  TRY(expect(f, WIRE_BYTES));
  *data = f->data;
  *size = f->size;
  return NULL;
}

status_t wire_get_message(const wire_field_t *f, wire_t *sub) {
  TRY(expect(f, WIRE_BYTES));
  if (f->depth + 1 > WIRE_MAX_DEPTH)
    return bad(f->base, f->raw, "messages are nested more than 100 deep");
  *sub = (wire_t){f->data, f->data + f->size, f->base, f->depth + 1};
  return NULL;
}

status_t wire_get_string(const wire_field_t *f, arena_t *arena, const char **out) {
  TRY(expect(f, WIRE_BYTES));
  if (f->size && memchr(f->data, 0, f->size))
    return bad(f->base, f->data, "a name has a NUL character inside");
  *out = arena_strndup(arena, (const char *)f->data, f->size);
  return NULL;
}

status_t wire_get_repeated(const wire_field_t *f, wire_type_t type, wire_t *items) {
  if (f->type != WIRE_BYTES) TRY(expect(f, type));
  *items = (wire_t){f->data, f->data + f->size, f->base, f->depth};
  return NULL;
}

bool wire_item_varint(wire_t *items, uint64_t *out, status_t *st) {
  *st = NULL;
  return items->p != items->end && read_varint(items, out, st);
}

bool wire_item_fixed32(wire_t *items, uint32_t *out, status_t *st) {
  *st = NULL;
  uint64_t v;
  if (items->p == items->end || !read_fixed(items, 4, &v, st)) return false;
  *out = (uint32_t)v;
  return true;
}

bool wire_item_fixed64(wire_t *items, uint64_t *out, status_t *st) {
  *st = NULL;
  return items->p != items->end && read_fixed(items, 8, out, st);
}

// ---------------------------------------------------------------- writing

status_t wire_out_status(const wire_out_t *w) {
  if (w->failed)
    return FAIL(RESOURCE_EXHAUSTED, "out of memory for a message of %zu bytes", w->size);
  return NULL;
}

void wire_out_free(wire_out_t *w) {
  mem_free(w->data);
  *w = (wire_out_t){0};
}

static bool make_room(wire_out_t *w, size_t n) {
  size_t need;
  if (w->failed) return false;
  if (!size_add(w->size, n, &need)) return !(w->failed = true);
  if (need <= w->cap) return true;
  size_t cap = need + need / 2 + 64;
  uint8_t *grown = cap > need ? mem_try_realloc(w->data, cap) : NULL;
  if (!grown) return !(w->failed = true);
  w->data = grown;
  w->cap = cap;
  return true;
}

void wire_put_raw(wire_out_t *w, const void *bytes, size_t n) {
  if (!n || !make_room(w, n)) return;
  memcpy(w->data + w->size, bytes, n);
  w->size += n;
}

static size_t encode_varint(uint64_t v, uint8_t bytes[10]) {
  size_t n = 0;
  for (; v >= 0x80; v >>= 7) bytes[n++] = (uint8_t)(v | 0x80);
  bytes[n++] = (uint8_t)v;
  return n;
}

void wire_put_varint(wire_out_t *w, uint64_t v) {
  uint8_t bytes[10];
  wire_put_raw(w, bytes, encode_varint(v, bytes));
}

void wire_put_tag(wire_out_t *w, uint32_t field, wire_type_t type) {
  wire_put_varint(w, (uint64_t)field << 3 | (uint64_t)type);
}

void wire_put_u64(wire_out_t *w, uint32_t field, uint64_t v) {
  wire_put_tag(w, field, WIRE_VARINT);
  wire_put_varint(w, v);
}

void wire_put_i64(wire_out_t *w, uint32_t field, int64_t v) { wire_put_u64(w, field, (uint64_t)v); }

static void put_little_endian(wire_out_t *w, uint64_t v, size_t n) {
  uint8_t bytes[8];
  for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(v >> (8 * i));
  wire_put_raw(w, bytes, n);
}

void wire_put_fixed32(wire_out_t *w, uint32_t field, uint32_t v) {
  wire_put_tag(w, field, WIRE_FIXED32);
  put_little_endian(w, v, 4);
}

void wire_put_float(wire_out_t *w, uint32_t field, float v) {
  uint32_t bits;
  memcpy(&bits, &v, sizeof bits);
  wire_put_fixed32(w, field, bits);
}

void wire_put_double(wire_out_t *w, uint32_t field, double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  wire_put_tag(w, field, WIRE_FIXED64);
  put_little_endian(w, bits, 8);
}

void wire_put_bytes(wire_out_t *w, uint32_t field, const void *bytes, size_t n) {
  wire_put_tag(w, field, WIRE_BYTES);
  wire_put_varint(w, n);
  wire_put_raw(w, bytes, n);
}

void wire_put_string(wire_out_t *w, uint32_t field, const char *s) {
  wire_put_bytes(w, field, s, strlen(s));
}

size_t wire_begin(wire_out_t *w, uint32_t field) {
  wire_put_tag(w, field, WIRE_BYTES);
  wire_put_raw(w, "", 1);  // room for the usual length; wire_end makes more when needed
  return w->size;
}

void wire_end(wire_out_t *w, size_t at) {
  if (w->failed) return;
  uint8_t length[10];
  size_t size = w->size - at, n = encode_varint(size, length);
  if (!make_room(w, n - 1)) return;
  if (n > 1 && size) memmove(w->data + at + n - 1, w->data + at, size);
  memcpy(w->data + at - 1, length, n);
  w->size += n - 1;
}
