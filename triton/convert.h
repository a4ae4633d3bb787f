// Converting a SavedModel when it is loaded (parameter precision_mode).
#ifndef TFTRT_TRITON_CONVERT_H
#define TFTRT_TRITON_CONVERT_H

#include "util.h"

typedef struct load_conversion {
  const char *dir;
  const char *const *tags;  // NULL: the library's default
  int n_tags;
  const char *signature, *precision_mode;
  int64_t batch;     // the largest that engines are built for
  int threads;       // 0: all
  const char *name;  // for the log
} load_conversion_t;

// Writes the converted model into a new folder below TMPDIR (/tmp). free() and remove_folder it.
fault_t convert_when_loading(const load_conversion_t *c, char **folder);
void remove_folder(const char *folder);

#endif
