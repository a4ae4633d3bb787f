// A growing text.
#ifndef TFTRT_BASE_TEXT_H
#define TFTRT_BASE_TEXT_H

#include <stddef.h>

typedef struct text {
  char *v;  // NUL-terminated once anything was added; mem_free it
  size_t n, cap;
} text_t;

void text_add(text_t *t, const char *s);
void text_add_n(text_t *t, const char *s, size_t n);
void text_printf(text_t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// As a JSON string, quotes included.
void text_quoted(text_t *t, const char *s);
void text_pad(text_t *t, size_t width);  // spaces until n is width
void text_clear(text_t *t);              // keeps the memory
void text_free(text_t *t);
char *text_take(text_t *t);  // the string, "" when nothing was added; t is empty then

#endif
