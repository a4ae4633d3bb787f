#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

fault_t make_error(TRITONSERVER_Error_Code code, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return TRITONSERVER_ErrorNew(code, text);
}

fault_t library_error(tftrt_code code, const tftrt_error *e) {
  switch (code) {
    case TFTRT_OK: return NULL;
    case TFTRT_INVALID_ARGUMENT:
    case TFTRT_OUT_OF_RANGE: return REFUSE(INVALID_ARG, "%s", e->message);
    case TFTRT_NOT_FOUND: return REFUSE(NOT_FOUND, "%s", e->message);
    case TFTRT_ALREADY_EXISTS: return REFUSE(ALREADY_EXISTS, "%s", e->message);
    case TFTRT_UNIMPLEMENTED: return REFUSE(UNSUPPORTED, "%s", e->message);
    case TFTRT_UNAVAILABLE:
    case TFTRT_RESOURCE_EXHAUSTED: return REFUSE(UNAVAILABLE, "%s", e->message);
    case TFTRT_CANCELLED: return REFUSE(CANCELLED, "%s", e->message);
    default: return REFUSE(INTERNAL, "%s: %s", tftrt_code_name(code), e->message);
  }
}

void log_line(TRITONSERVER_LogLevel level, const char *format, ...) {
  char text[2048];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fault_t e = TRITONSERVER_LogMessage(level, "tftrt", 0, text);
  if (e) TRITONSERVER_ErrorDelete(e);
}

void drop_error(fault_t e) {
  if (!e) return;
  log_line(TRITONSERVER_LOG_ERROR, "%s", TRITONSERVER_ErrorMessage(e));
  TRITONSERVER_ErrorDelete(e);
}

void *get_memory(size_t n, size_t size) {
  void *p = calloc(n ? n : 1, size ? size : 1);
  if (!p) abort();
  return p;
}

char *copy_text(const char *text) { return text ? format_text("%s", text) : NULL; }

char *format_text(const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = get_memory(1, (size_t)n + 1);
  va_start(args, format);
  vsnprintf(text, (size_t)n + 1, format, args);
  va_end(args);
  return text;
}
