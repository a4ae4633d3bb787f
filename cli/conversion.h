// The options of a conversion, shared by convert and explain.
#ifndef TFTRT_CLI_CONVERSION_H
#define TFTRT_CLI_CONVERSION_H

#include "cli.h"

enum { CONVERSION_OPTIONS = 32 };
typedef struct conversion_flags {
  const char *params_file, *tags, *precision, *op_set, *backend, *strategy, *compat;
  const char *calibrator, *calibration_table, *engine_cache, *timing_cache;
  int64_t max_memory;            // NOT_GIVEN
  double max_error, min_cosine;  // NAN: not given
  bool dynamic_shape, no_calibration, no_runtime_build, fp16, int8, all_signatures, keep_variables;
  int64_t min_segment_size, max_cached_engines, threads, workspace;  // NOT_GIVEN
  list_t tag_list, signatures;
  tftrt_params *params;
} conversion_flags_t;

// Sets defaults and fills defs (ended by an empty one).
void conversion_options(conversion_flags_t *f, option_def_t *defs);
// Fills o from --params and, over that, from the flags. source NULL: the parameters name it.
// Returns -1, or an exit code when something is wrong, which is told. *o is good until
// conversion_free.
int conversion_fill(conversion_flags_t *f, const char *source, tftrt_converter_options *o);
void conversion_free(conversion_flags_t *f);

// Builds engines from npz files, one set of inputs each; with several signatures a file belongs to
// those whose inputs it has. Signatures without files are built for their own shapes.
tftrt_code build_from_files(tftrt_converter *c, const list_t *files, tftrt_error *e);

#endif
