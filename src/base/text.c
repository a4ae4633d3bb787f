#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void reserve(text_t *t, size_t more) {
  if (t->n + more + 1 <= t->cap) return;
  t->cap = 2 * (t->n + more + 1);
  t->v = mem_realloc(t->v, t->cap);
}

void text_add_n(text_t *t, const char *s, size_t n) {
  reserve(t, n);
  memcpy(t->v + t->n, s, n);
  t->n += n;
  t->v[t->n] = 0;
}

void text_add(text_t *t, const char *s) { text_add_n(t, s, strlen(s)); }

void text_printf(text_t *t, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0) return;
  reserve(t, (size_t)n);
  va_start(ap, fmt);
  vsnprintf(t->v + t->n, (size_t)n + 1, fmt, ap);
  va_end(ap);
  t->n += (size_t)n;
}

void text_quoted(text_t *t, const char *s) {
  text_add(t, "\"");
  for (; *s; s++) {
    if (*s == '"' || *s == '\\' || (unsigned char)*s < 0x20)
      text_printf(t, "\\u%04x", (unsigned char)*s);
    else
      text_add_n(t, s, 1);
  }
  text_add(t, "\"");
}

void text_pad(text_t *t, size_t width) {
  while (t->n < width) text_add_n(t, " ", 1);
}

void text_clear(text_t *t) {
  t->n = 0;
  if (t->v) *t->v = 0;
}

void text_free(text_t *t) {
  mem_free(t->v);
  *t = (text_t){0};
}

char *text_take(text_t *t) {
  reserve(t, 0);
  t->v[t->n] = 0;
  char *v = t->v;
  *t = (text_t){0};
  return v;
}
