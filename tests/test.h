// What every test includes: cmocka with its prerequisites, and checks for statuses.
#ifndef TFTRT_TESTS_TEST_H
#define TFTRT_TESTS_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// clang-format off: cmocka.h needs the headers above first
#include <cmocka.h>
// clang-format on

#include "base/status.h"

#define assert_ok(expr)                                                                           \
  do {                                                                                            \
    status_t ok_ = (expr);                                                                        \
    if (ok_)                                                                                      \
      fail_msg("%s: %s (%s:%d)", #expr, status_message(ok_), status_file(ok_), status_line(ok_)); \
  } while (0)

// The call fails with this code, and its message holds `part`.
#define assert_fails(expr, CODE, part)                                                       \
  do {                                                                                       \
    status_t bad_ = (expr);                                                                  \
    if (!bad_) fail_msg("%s succeeded", #expr);                                              \
    if (status_code(bad_) != CODE_##CODE || !strstr(status_message(bad_), (part)))           \
      fail_msg("%s: got %s: %s", #expr, code_name(status_code(bad_)), status_message(bad_)); \
    status_free(bad_);                                                                       \
  } while (0)

#endif
