// Errors as values. A status_t is NULL on success, else a heap object with a code, a message and
// the place it was made. Codes are those of absl/TensorFlow (TF_Code). Whoever receives a non-NULL
// status owns it: return it, or status_free it.
#ifndef TFTRT_BASE_STATUS_H
#define TFTRT_BASE_STATUS_H

#include <stddef.h>

typedef enum code {
  CODE_OK = 0,
  CODE_CANCELLED = 1,
  CODE_UNKNOWN = 2,
  CODE_INVALID_ARGUMENT = 3,
  CODE_DEADLINE_EXCEEDED = 4,
  CODE_NOT_FOUND = 5,
  CODE_ALREADY_EXISTS = 6,
  CODE_PERMISSION_DENIED = 7,
  CODE_RESOURCE_EXHAUSTED = 8,
  CODE_FAILED_PRECONDITION = 9,
  CODE_ABORTED = 10,
  CODE_OUT_OF_RANGE = 11,
  CODE_UNIMPLEMENTED = 12,
  CODE_INTERNAL = 13,
  CODE_UNAVAILABLE = 14,
  CODE_DATA_LOSS = 15,
  CODE_UNAUTHENTICATED = 16,
} code_t;

typedef struct status *status_t;

status_t status_make(code_t code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), returns_nonnull));
// Puts "<prefix>: " before the message; returns s. NULL stays NULL.
status_t status_prefix(status_t s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void status_free(status_t s);  // NULL is fine
code_t status_code(status_t s);
const char *status_message(status_t s);  // "" for NULL; owned by s
const char *status_file(status_t s);
int status_line(status_t s);
const char *code_name(code_t code);  // "INVALID_ARGUMENT"

// return FAIL(INVALID_ARGUMENT, "node %s: ...", name);
#define FAIL(CODE, ...) status_make(CODE_##CODE, __FILE__, __LINE__, __VA_ARGS__)

// TRY(f()): returns from the enclosing status_t function when f fails.
#define TRY(expr)                        \
  do {                                   \
    status_t try_status_ = (expr);       \
    if (try_status_) return try_status_; \
  } while (0)

// TRY_GOTO(st, out, f()): st = f(); jumps to out when it failed.
#define TRY_GOTO(st, label, expr) \
  do {                            \
    (st) = (expr);                \
    if (st) goto label;           \
  } while (0)

#endif
