// The options of a conversion, shared by convert and explain.
#ifndef TFTRT_CLI_CONVERSION_H
#define TFTRT_CLI_CONVERSION_H

#include "cli.h"

enum { CONVERSION_OPTIONS = 16 };
typedef struct conversion_flags {
  const char *tags, *signature, *precision, *op_set, *backend, *strategy, *compat;
  bool dynamic_shape, no_calibration, no_runtime_build;
  int64_t min_segment_size, max_cached_engines, threads, workspace;
  list_t tag_list;
} conversion_flags_t;

// Sets defaults and fills defs (ended by an empty one).
void conversion_options(conversion_flags_t *f, option_def_t *defs);
void conversion_fill(conversion_flags_t *f, const char *source, tftrt_converter_options *o);

#endif
