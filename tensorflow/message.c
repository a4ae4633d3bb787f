#include "message.h"

#include <string.h>

typedef struct field {
  uint32_t number;
  bytes_view_t value; /* empty of a number */
} field_t;

static bool varint(bytes_view_t *m, uint64_t *out) {
  *out = 0;
  for (int shift = 0; shift < 64 && m->size; shift += 7) {
    uint8_t b = *m->data++;
    m->size--;
    *out |= (uint64_t)(b & 127) << shift;
    if (b < 128) return true;
  }
  return false;
}

static bool skip(bytes_view_t *m, uint64_t n) {
  if (n > m->size) return false;
  m->data += n;
  m->size -= n;
  return true;
}

// False at the end, and where the message is damaged.
static bool next(bytes_view_t *m, field_t *out) {
  uint64_t tag, n;
  *out = (field_t){0};
  if (!m->size || !varint(m, &tag)) return false;
  out->number = (uint32_t)(tag >> 3);
  switch (tag & 7) {
    case 0: return varint(m, &n);
    case 1: return skip(m, 8);
    case 5: return skip(m, 4);
    case 2: {
      if (!varint(m, &n)) return false;
      const uint8_t *at = m->data;
      if (!skip(m, n)) return false;
      out->value = (bytes_view_t){at, n};
      return true;
    }
    default: return false;
  }
}

bytes_view_t message_field(bytes_view_t m, uint32_t number) {
  bytes_view_t found = {0};
  for (field_t f; next(&m, &f);)
    if (f.number == number && f.value.data) found = f.value;
  return found;
}

bool message_next(bytes_view_t *m, uint32_t number, bytes_view_t *out) {
  for (field_t f; next(m, &f);) {
    if (f.number != number || !f.value.data) continue;
    *out = f.value;
    return true;
  }
  return false;
}

static bool is(bytes_view_t v, const char *text) {
  return v.data && v.size == strlen(text) && memcmp(v.data, text, v.size) == 0;
}

bytes_view_t node_def_name(bytes_view_t node_def) { return message_field(node_def, 1); }

// The AttrValue.
static bytes_view_t node_def_attr(bytes_view_t node_def, const char *attr) {
  enum { NODE_DEF_ATTR = 5, MAP_KEY = 1, MAP_VALUE = 2 };
  for (field_t f; next(&node_def, &f);)
    if (f.number == NODE_DEF_ATTR && is(message_field(f.value, MAP_KEY), attr))
      return message_field(f.value, MAP_VALUE);
  return (bytes_view_t){0};
}

bytes_view_t node_def_string(bytes_view_t node_def, const char *attr) {
  enum { ATTR_S = 2, ATTR_FUNC = 10, FUNC_NAME = 1 };
  bytes_view_t value = node_def_attr(node_def, attr);
  bytes_view_t text = message_field(value, ATTR_S);
  return text.data ? text : message_field(message_field(value, ATTR_FUNC), FUNC_NAME);
}

bool node_def_bool(bytes_view_t node_def, const char *attr, bool otherwise) {
  enum { ATTR_B = 5 << 3 };  // the tag of AttrValue.b, a number
  bytes_view_t value = node_def_attr(node_def, attr);
  return value.size == 2 && value.data[0] == ATTR_B ? value.data[1] != 0 : otherwise;
}

bytes_view_t resource_handle_name(bytes_view_t proto) { return message_field(proto, 3); }

bool op_list_has(bytes_view_t op_list, const char *op) {
  for (field_t f; next(&op_list, &f);)
    if (f.number == 1 && is(message_field(f.value, 1), op)) return true;
  return false;
}
