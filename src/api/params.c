// tftrt_params: the converter's options from a JSON file.
#include "api/params.h"

#include <jansson.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "api/api.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

enum { MAX_TEXTS = 64 };

struct tftrt_params {
  json_t *root;
  const char *tags[MAX_TEXTS], *signatures[MAX_TEXTS];
};

typedef enum kind { TEXT, FLAG, NUMBER, SIZE, REAL, TEXTS, NESTED } kind_t;

typedef struct field {
  const char *name;
  kind_t kind;
  size_t at;  // where in the struct
} field_t;

#define OPTION(name, kind) \
  { #name, kind, offsetof(tftrt_converter_options, name) }
static const field_t options[] = {OPTION(input_saved_model_dir, TEXT),
                                  OPTION(input_saved_model_tags, TEXTS),
                                  OPTION(input_saved_model_signature_key, TEXT),
                                  OPTION(use_dynamic_shape, FLAG),
                                  OPTION(dynamic_shape_profile_strategy, TEXT),
                                  OPTION(max_workspace_size_bytes, SIZE),
                                  OPTION(precision_mode, TEXT),
                                  OPTION(minimum_segment_size, NUMBER),
                                  OPTION(maximum_cached_engines, NUMBER),
                                  OPTION(use_calibration, FLAG),
                                  OPTION(allow_build_at_runtime, FLAG),
                                  OPTION(conversion_params, NESTED),
                                  OPTION(signature_keys, TEXTS),
                                  OPTION(all_signatures, FLAG),
                                  OPTION(op_set, TEXT),
                                  OPTION(backend, TEXT),
                                  OPTION(compat, TEXT),
                                  OPTION(threads, NUMBER),
                                  OPTION(max_memory_bytes, SIZE),
                                  OPTION(engine_cache_dir, TEXT),
                                  OPTION(timing_cache_file, TEXT),
                                  OPTION(calibrator, TEXT),
                                  OPTION(calibration_table, TEXT),
                                  OPTION(max_error, REAL),
                                  OPTION(min_cosine, REAL),
                                  OPTION(keep_variables, FLAG),
                                  {0}};

#define PARAM(name, kind) \
  { #name, kind, offsetof(tftrt_conversion_params, name) }
static const field_t conversion_params[] = {PARAM(max_workspace_size_bytes, SIZE),
                                            PARAM(precision_mode, TEXT),
                                            PARAM(minimum_segment_size, NUMBER),
                                            PARAM(maximum_cached_engines, NUMBER),
                                            PARAM(use_calibration, FLAG),
                                            PARAM(allow_build_at_runtime, FLAG),
                                            {0}};

static const field_t *find(const field_t *fields, const char *name) {
  for (; fields->name; fields++)
    if (strcmp(fields->name, name) == 0) return fields;
  return NULL;
}

static bool all_texts(const json_t *v) {
  for (size_t i = 0; i < json_array_size(v); i++)
    if (!json_is_string(json_array_get(v, i))) return false;
  return true;
}

static status_t check_object(const json_t *object, const field_t *fields);

// What is wrong with a value, NULL when nothing is.
static const char *wrong(const json_t *v, kind_t kind) {
  switch (kind) {
    case TEXT: return json_is_string(v) ? NULL : "a text";
    case FLAG: return json_is_boolean(v) ? NULL : "true or false";
    case REAL: return json_is_number(v) ? NULL : "a number";
    case SIZE: return json_is_integer(v) ? NULL : "a whole number";
    case NUMBER:
      return json_is_integer(v) && json_integer_value(v) >= INT_MIN &&
                     json_integer_value(v) <= INT_MAX
                 ? NULL
                 : "a whole number of 32 bits";
    case TEXTS:
      return json_is_array(v) && json_array_size(v) <= MAX_TEXTS && all_texts(v)
                 ? NULL
                 : "a list of at most 64 texts";
    case NESTED: return json_is_object(v) ? NULL : "an object";
  }
  return NULL;
}

static status_t unknown_key(const char *key, const field_t *fields) {
  text_t known = {0};
  for (const field_t *f = fields; f->name; f++)
    text_printf(&known, "%s%s", f == fields ? "" : ", ", f->name);
  status_t st = FAIL(INVALID_ARGUMENT, "there is no parameter '%s'; there are: %s", key, known.v);
  text_free(&known);
  return st;
}

static status_t check_object(const json_t *object, const field_t *fields) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    const field_t *f = find(fields, key);
    if (!f) return unknown_key(key, fields);
    if (json_is_null(value)) continue;
    const char *expected = wrong(value, f->kind);
    if (expected) return FAIL(INVALID_ARGUMENT, "'%s' must be %s", key, expected);
    if (f->kind == NESTED) TRY(status_prefix(check_object(value, conversion_params), "'%s'", key));
  }
  return NULL;
}

status_t params_parse(const void *text, size_t size, tftrt_params **out) {
  json_error_t e;
  *out = NULL;
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
  if (!root) return FAIL(INVALID_ARGUMENT, "line %d: %s", e.line, e.text);
  status_t st = json_is_object(root) ? check_object(root, options)
                                     : FAIL(INVALID_ARGUMENT, "expected one JSON object");
  if (st) {
    json_decref(root);
    return st;
  }
  *out = mem_calloc(1, sizeof **out);
  (*out)->root = root;
  return NULL;
}

static status_t load(const char *path, tftrt_params **out) {
  file_map_t *m;
  if (!path) return FAIL(INVALID_ARGUMENT, "the parameters' file is NULL");
  TRY(file_map_open(path, &m));
  status_t st =
      status_prefix(params_parse(m->size ? (const char *)m->data : "", m->size, out), "%s", path);
  file_map_unref(m);
  return st;
}

tftrt_code tftrt_params_load(const char *path, tftrt_params **out, tftrt_error *err) {
  *out = NULL;
  return api_report(load(path, out), err);
}

static void put(const field_t *f, const json_t *v, void *to) {
  char *at = (char *)to + f->at;
  int64_t size = json_integer_value(v);
  int number = json_is_boolean(v) ? json_is_true(v) : (int)size;
  const char *text = json_string_value(v);
  if (f->kind == TEXT) memcpy(at, &text, sizeof text);
  double real = json_number_value(v);
  if (f->kind == REAL) memcpy(at, &real, sizeof real);
  if (f->kind == SIZE) memcpy(at, &size, sizeof size);
  if (f->kind == FLAG || f->kind == NUMBER) memcpy(at, &number, sizeof number);
}

// NULL when it is left out or null.
static const json_t *value_of(const json_t *object, const field_t *f) {
  const json_t *v = json_object_get(object, f->name);
  return v && !json_is_null(v) ? v : NULL;
}

static void put_all(const json_t *object, const field_t *fields, void *to) {
  for (const field_t *f = fields; f->name; f++)
    if (value_of(object, f)) put(f, value_of(object, f), to);
}

static int list_texts(const tftrt_params *p, const char *key, const char **out) {
  const json_t *list = json_object_get(p->root, key);
  int n = (int)json_array_size(list);
  for (int i = 0; i < n; i++) out[i] = json_string_value(json_array_get(list, (size_t)i));
  return n;
}

static status_t apply(tftrt_params *p, tftrt_converter_options *out) {
  tftrt_converter_options o;
  TRY(api_read_converter_options(out, &o));
  for (const field_t *f = options; f->name; f++)
    if (f->at >= out->struct_size && value_of(p->root, f))
      return FAIL(INVALID_ARGUMENT, "'%s' is newer than the program, whose options end before it",
                  f->name);
  put_all(p->root, options, &o);
  int n = list_texts(p, "input_saved_model_tags", p->tags);
  if (n) o.input_saved_model_tags = p->tags, o.n_tags = n;
  n = list_texts(p, "signature_keys", p->signatures);
  if (n) o.signature_keys = p->signatures, o.n_signature_keys = n;
  const json_t *nested = json_object_get(p->root, "conversion_params");
  if (json_is_object(nested)) {  // all of its fields count, also those that it leaves out
    tftrt_conversion_params c;
    tftrt_conversion_params_init(&c);
    put_all(nested, conversion_params, &c);
    TRY(api_take_conversion_params(&c, &o));
  }
  return api_write_struct(&o, sizeof o, "tftrt_converter_options", out);
}

tftrt_code tftrt_params_apply(const tftrt_params *p, tftrt_converter_options *o, tftrt_error *err) {
  return api_report(apply((tftrt_params *)(uintptr_t)p, o), err);
}

void tftrt_params_destroy(tftrt_params *p) {
  if (!p) return;
  json_decref(p->root);
  mem_free(p);
}
