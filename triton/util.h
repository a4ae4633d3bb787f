// What every file of the backend needs: memory, Triton's errors made of ours, its log.
#ifndef TFTRT_TRITON_UTIL_H
#define TFTRT_TRITON_UTIL_H

#include <stddef.h>
#include <tftrt/tftrt.h>

#include "triton_api.h"

typedef TRITONSERVER_Error *fault_t;  // NULL: success

// Returns from the calling function with the error that an expression gives.
#define CHECK(expression)      \
  do {                         \
    fault_t e_ = (expression); \
    if (e_) return e_;         \
  } while (0)

// TRITONSERVER_ERROR_<code> with a formatted message.
#define REFUSE(code, ...) make_error(TRITONSERVER_ERROR_##code, __VA_ARGS__)
__attribute__((format(printf, 2, 3), returns_nonnull)) fault_t make_error(
    TRITONSERVER_Error_Code code, const char *format, ...);
// Of a call of the library; NULL for TFTRT_OK.
fault_t library_error(tftrt_code code, const tftrt_error *e);
// For what cannot be handed on: logs it.
void drop_error(fault_t e);

__attribute__((format(printf, 2, 3))) void log_line(TRITONSERVER_LogLevel level, const char *format,
                                                    ...);

// Bookkeeping: zeroed, and the process ends where there is no memory. free() it.
void *get_memory(size_t n, size_t size);
char *copy_text(const char *text);
__attribute__((format(printf, 1, 2))) char *format_text(const char *format, ...);

#endif
