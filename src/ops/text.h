// Building strings: a growable buffer that becomes an element of a string tensor.
#ifndef TFTRT_OPS_TEXT_H
#define TFTRT_OPS_TEXT_H

#include <string.h>

#include "ops/array.h"

typedef VEC(char) text_t;

static inline void text_add(text_t *t, const char *p, size_t n) {
  if (!n) return;
  if (t->n + n > t->cap) vec_reserve(t, 2 * (t->n + n));
  memcpy(t->v + t->n, p, n);
  t->n += n;
}
static inline void text_add_str(text_t *t, const str_t *s) { text_add(t, s->p, s->n); }
static inline void text_add_c(text_t *t, const char *s) { text_add(t, s, strlen(s)); }
// Copies the text into a string element and empties the buffer.
static inline status_t text_take(text_t *t, str_t *to) {
  size_t n = t->n;
  t->n = 0;
  return str_set(to, t->v, n);
}

static inline const str_t *str_at(const tensor_t *t, int64_t i) {
  return TENSOR_DATA(str_t, t) + i;
}
// Bytes of the UTF-8 character at p (1 for a stray byte), at most n.
static inline size_t utf8_length(const char *p, size_t n) {
  size_t k = 1;
  while (k < n && ((unsigned char)p[k] & 0xC0) == 0x80) k++;
  return k;
}
// A number as StringToNumber reads it, blanks around it allowed, put into out[i].
bool str_to_number(const char *p, size_t n, tensor_t *out, int64_t i);
static inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

#endif
