// Structs whose first field is their size in the calling program: written no further than that,
// read no further than both sides know.
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "tftrt/compare.h"
#include "tftrt/engine_op.h"

// A field that is added must make its struct longer, so none may end in padding that it would fill.
#define ENDS_WITH(type, field)                                                       \
  _Static_assert(offsetof(type, field) + sizeof(((type *)0)->field) == sizeof(type), \
                 "another field is the last of " #type ", or padding is behind it")
ENDS_WITH(tftrt_model_options, engine_cache_dir);
ENDS_WITH(tftrt_conversion_params, allow_build_at_runtime);
ENDS_WITH(tftrt_converter_options, reserved);
ENDS_WITH(tftrt_tensor_info, dims);
ENDS_WITH(tftrt_engine_stats, build_seconds);
ENDS_WITH(tftrt_compare_options, reserved);
ENDS_WITH(tftrt_layer_error, cosine);
ENDS_WITH(tftrt_difference, histogram);
ENDS_WITH(tftrt_engine_op_options, release_input);

enum { LONGEST = 4096 };  // a greater struct_size is memory that nobody set

static uint32_t size_of(const void *s) {
  uint32_t size;
  memcpy(&size, s, sizeof size);
  return size;
}

static void set_size(void *s, uint32_t size) { memcpy(s, &size, sizeof size); }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static status_t check_size(uint32_t size, const char *type) {
  if (size > sizeof(void *) && size <= LONGEST && size % _Alignof(void *) == 0) return NULL;
  return FAIL(INVALID_ARGUMENT,
              "%s: struct_size is %u, which no such struct has: it was not initialised", type,
              (unsigned)size);
}

void api_init_options(void *out, uint32_t size, const void *defaults, size_t known) {
  if (size < sizeof size) return;
  memset(out, 0, size);
  memcpy(out, defaults, least(size, known));
  set_size(out, size);
}

status_t api_read_options(const void *from, const char *type, void *to, size_t known) {
  uint32_t size = size_of(from);
  TRY(check_size(size, type));
  for (size_t i = known; i < size; i++)
    if (((const char *)from)[i])
      return FAIL(INVALID_ARGUMENT,
                  "%s: the program sets an option that this library (version %s) does not know, "
                  "at byte %zu of its %u",
                  type, tftrt_version(), i, (unsigned)size);
  memcpy(to, from, least(size, known));
  set_size(to, (uint32_t)known);
  return NULL;
}

status_t api_write_struct(const void *from, size_t known, const char *type, void *to) {
  uint32_t size = size_of(to);
  TRY(check_size(size, type));
  memcpy(to, from, least(size, known));
  set_size(to, size);
  return NULL;
}

// An error's code and message were in it from the first version on: they are always filled.
tftrt_code api_report(status_t s, tftrt_error *err) {
  tftrt_code code = (tftrt_code)status_code(s);
  if (err) {
    uint32_t size = err->struct_size;
    err->code = code;
    snprintf(err->message, sizeof err->message, "%s", status_message(s));
    if (size >= offsetof(tftrt_error, line)) err->file = status_file(s);
    if (size >= sizeof *err) err->line = status_line(s);
  }
  status_free(s);
  return code;
}
