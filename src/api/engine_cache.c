// The folder of finished engines.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/api.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/build_cache.h"

// mem_free *out.
static status_t folder(const char *dir, char **out) {
  *out = dir && *dir ? mem_strdup(dir) : build_cache_default_dir();
  if (*out) return NULL;
  return FAIL(FAILED_PRECONDITION,
              "there is no engine cache: TFTRT_CACHE is off, or neither it nor HOME is set");
}

typedef struct listing {
  text_t text;
  json_t *engines;  // NULL: text is wanted
  int count;
  int64_t bytes;
} listing_t;

char *api_engine_cache_dir(const char *option) {
  if (!option) return build_cache_default_dir();
  return strcmp(option, "off") == 0 ? NULL : mem_strdup(option);
}

static void add(void *user, const build_cache_entry_t *e) {
  listing_t *l = user;
  l->count++;
  l->bytes += e->bytes;
  time_t used = (time_t)e->used;
  struct tm tm;
  char when[32] = "";
  if (gmtime_r(&used, &tm)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
  if (l->engines)
    json_array_append_new(l->engines,
                          json_pack("{s:s, s:I, s:s, s:b}", "file", e->name, "bytes",
                                    (json_int_t)e->bytes, "used", when, "whole", (int)e->whole));
  else
    text_printf(&l->text, "%12lld  %s  %s%s\n", (long long)e->bytes, when, e->name,
                e->whole ? "" : "  damaged");
}

static status_t list(const char *dir, int json, char **out) {
  char *path;
  TRY(folder(dir, &path));
  listing_t l = {.engines = json ? json_array() : NULL};
  status_t st = build_cache_list(path, add, &l);
  if (st && status_code(st) == CODE_NOT_FOUND) {  // nothing was kept yet
    status_free(st);
    st = NULL;
  }
  if (!st && json) {
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:O, s:I}", "schema", "tftrt.report/1", "command", "cache list",
                  "folder", path, "engines", l.engines, "bytes", (json_int_t)l.bytes);
    char *dumped = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    if (dumped) text_printf(&l.text, "%s\n", dumped);
    free(dumped);
    json_decref(root);
  } else if (!st) {
    text_printf(&l.text, "%d engines, %lld bytes in %s\n", l.count, (long long)l.bytes, path);
  }
  json_decref(l.engines);
  mem_free(path);
  *out = text_take(&l.text);
  return st;
}

tftrt_code tftrt_engine_cache_list(const char *dir, int json, char **out, tftrt_error *err) {
  *out = NULL;
  status_t st = list(dir, json, out);
  if (st) {
    mem_free(*out);
    *out = NULL;
  }
  return api_report(st, err);
}

tftrt_code tftrt_engine_cache_clear(const char *dir, int64_t *engines, int64_t *bytes,
                                    tftrt_error *err) {
  char *path;
  *engines = *bytes = 0;
  status_t st = folder(dir, &path);
  if (st) return api_report(st, err);
  st = build_cache_clear(path, engines, bytes);
  if (st && status_code(st) == CODE_NOT_FOUND) {
    status_free(st);
    st = NULL;
  }
  mem_free(path);
  return api_report(st, err);
}
