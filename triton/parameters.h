// The parameters of a model's configuration:
//   parameters { key: "threads" value { string_value: "4" } }
#ifndef TFTRT_TRITON_PARAMETERS_H
#define TFTRT_TRITON_PARAMETERS_H

#include <jansson.h>

#include "util.h"

typedef struct parameters {
  char *signature;  // NULL: the default one
  char **tags;      // NULL: {"serve"}, or the model's only meta graph
  int n_tags;
  int threads;  // -1: not given
  tftrt_fallback on_fallback;
  char *precision_mode;  // NULL: nothing is converted when loading
} parameters_t;

// INVALID_ARG names a parameter that is not known, or what is wrong with one. "TRITON_..." are the
// server's own and let pass. parameters_free it.
fault_t parameters_read(const json_t *config, parameters_t *out);
void parameters_free(parameters_t *p);

#endif
