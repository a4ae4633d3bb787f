#define _XOPEN_SOURCE 700  // nftw, mkdtemp
#include "convert.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fault_t run_converter(const load_conversion_t *c, tftrt_converter *converter,
                             const char *folder) {
  tftrt_error e = TFTRT_ERROR_INIT;
  CHECK(library_error(tftrt_converter_convert(converter, NULL, NULL, &e), &e));
  CHECK(library_error(tftrt_converter_build_default(converter, c->batch, &e), &e));
  for (int i = 0; i < tftrt_converter_warning_count(converter); i++)
    log_line(TRITONSERVER_LOG_WARN, "%s: %s", c->name, tftrt_converter_warning(converter, i));
  return library_error(tftrt_converter_save(converter, folder, 1, &e), &e);
}

static fault_t convert_to(const load_conversion_t *c, const char *folder) {
  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_converter_options o;
  tftrt_converter *converter;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = c->dir;
  o.input_saved_model_tags = c->tags;
  o.n_tags = c->n_tags;
  o.input_saved_model_signature_key = c->signature;
  o.precision_mode = c->precision_mode;
  o.threads = c->threads;
  CHECK(library_error(tftrt_converter_create(&o, &converter, &e), &e));
  fault_t f = run_converter(c, converter, folder);
  tftrt_converter_destroy(converter);
  return f;
}

fault_t convert_when_loading(const load_conversion_t *c, char **folder) {
  const char *base = getenv("TMPDIR");
  *folder = format_text("%s/tftrt_triton_XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(*folder)) {
    fault_t f = REFUSE(INTERNAL, "%s: %s", *folder, strerror(errno));
    free(*folder);
    *folder = NULL;
    return f;
  }
  return convert_to(c, *folder);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at) {
  (void)s, (void)kind, (void)at;
  return remove(path);
}

void remove_folder(const char *folder) {
  if (nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS))
    log_line(TRITONSERVER_LOG_WARN, "%s: %s", folder, strerror(errno));
}
