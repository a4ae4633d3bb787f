#include "parameters.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static fault_t read_signature(const char *value, parameters_t *p) {
  p->signature = copy_text(value);
  return NULL;
}

static fault_t read_precision_mode(const char *value, parameters_t *p) {
  p->precision_mode = copy_text(value);
  return NULL;
}

// Separated by commas.
static fault_t read_tags(const char *value, parameters_t *p) {
  size_t most = 1;
  for (const char *c = value; *c; c++) most += *c == ',';
  p->tags = get_memory(most, sizeof *p->tags);
  for (const char *at = value;; at++) {
    size_t n = strcspn(at, ",");
    if (!n) return REFUSE(INVALID_ARG, "parameter 'tags' is '%s': a tag is empty", value);
    p->tags[p->n_tags++] = format_text("%.*s", (int)n, at);
    at += n;
    if (!*at) return NULL;
  }
}

static fault_t read_threads(const char *value, parameters_t *p) {
  char *end;
  long n = strtol(value, &end, 10);
  if (!*value || *end || n < 0 || n > 4096)
    return REFUSE(INVALID_ARG, "parameter 'threads' is '%s': it must be a number in 0..4096",
                  value);
  p->threads = (int)n;
  return NULL;
}

static fault_t read_on_fallback(const char *value, parameters_t *p) {
  static const struct {
    const char *name;
    tftrt_fallback policy;
  } policies[] = {{"native", TFTRT_FALLBACK_NATIVE},
                  {"build", TFTRT_FALLBACK_BUILD},
                  {"fail", TFTRT_FALLBACK_FAIL}};
  for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
    p->on_fallback = policies[i].policy;
    if (strcmp(value, policies[i].name) == 0) return NULL;
  }
  return REFUSE(INVALID_ARG, "parameter 'on_fallback' is '%s': it must be native, build or fail",
                value);
}

static const struct {
  const char *name;
  fault_t (*read)(const char *value, parameters_t *p);
} known[] = {{"signature", read_signature},
             {"tags", read_tags},
             {"threads", read_threads},
             {"on_fallback", read_on_fallback},
             {"precision_mode", read_precision_mode}};
enum { N_KNOWN = sizeof known / sizeof *known };

static fault_t read_one(const char *key, const json_t *value, parameters_t *out) {
  const char *text = json_string_value(json_object_get(value, "string_value"));
  for (int i = 0; i < N_KNOWN; i++) {
    if (strcmp(key, known[i].name) != 0) continue;
    if (!text) return REFUSE(INVALID_ARG, "parameter '%s' has no string_value", key);
    return known[i].read(text, out);
  }
  if (strncmp(key, "TRITON_", 7) == 0) return NULL;
  return REFUSE(INVALID_ARG,
                "there is no parameter '%s'; there are: signature, tags, threads, on_fallback, "
                "precision_mode",
                key);
}

fault_t parameters_read(const json_t *config, parameters_t *out) {
  *out = (parameters_t){.threads = -1};
  json_t *all = json_object_get(config, "parameters"), *value;
  const char *key;
  json_object_foreach(all, key, value) {
    fault_t f = read_one(key, value, out);
    if (!f) continue;
    parameters_free(out);
    return f;
  }
  return NULL;
}

void parameters_free(parameters_t *p) {
  for (int i = 0; i < p->n_tags; i++) free(p->tags[i]);
  free(p->tags);
  free(p->signature);
  free(p->precision_mode);
  *p = (parameters_t){0};
}
