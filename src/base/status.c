#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct status {
  code_t code;
  int line;
  const char *file;
  char *message;
};

static char *format_message(const char *fmt, va_list ap) {
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  if (n < 0) n = 0;
  char *text = mem_alloc((size_t)n + 1);
  vsnprintf(text, (size_t)n + 1, fmt, again);
  va_end(again);
  return text;
}

status_t status_make(code_t code, const char *file, int line, const char *fmt, ...) {
  status_t s = mem_alloc(sizeof *s);
  va_list ap;
  va_start(ap, fmt);
  *s =
      (struct status){.code = code, .line = line, .file = file, .message = format_message(fmt, ap)};
  va_end(ap);
  return s;
}

status_t status_prefix(status_t s, const char *fmt, ...) {
  if (!s) return NULL;
  va_list ap;
  va_start(ap, fmt);
  char *prefix = format_message(fmt, ap);
  va_end(ap);
  size_t np = strlen(prefix), nm = strlen(s->message);
  char *joined = mem_alloc(np + 2 + nm + 1);
  memcpy(joined, prefix, np);
  memcpy(joined + np, ": ", 2);
  memcpy(joined + np + 2, s->message, nm + 1);
  mem_free(prefix);
  mem_free(s->message);
  s->message = joined;
  return s;
}

void status_free(status_t s) {
  if (!s) return;
  mem_free(s->message);
  mem_free(s);
}

code_t status_code(status_t s) { return s ? s->code : CODE_OK; }
const char *status_message(status_t s) { return s ? s->message : ""; }
const char *status_file(status_t s) { return s ? s->file : ""; }
int status_line(status_t s) { return s ? s->line : 0; }

const char *code_name(code_t code) {
  static const char *const names[] = {"OK",
                                      "CANCELLED",
                                      "UNKNOWN",
                                      "INVALID_ARGUMENT",
                                      "DEADLINE_EXCEEDED",
                                      "NOT_FOUND",
                                      "ALREADY_EXISTS",
                                      "PERMISSION_DENIED",
                                      "RESOURCE_EXHAUSTED",
                                      "FAILED_PRECONDITION",
                                      "ABORTED",
                                      "OUT_OF_RANGE",
                                      "UNIMPLEMENTED",
                                      "INTERNAL",
                                      "UNAVAILABLE",
                                      "DATA_LOSS",
                                      "UNAUTHENTICATED"};
  return (unsigned)code < sizeof names / sizeof *names ? names[code] : "UNKNOWN";
}
