// What the engines of a model did.
#include "api/stats.h"

#include <jansson.h>
#include <string.h>

#include "api/api.h"
#include "api/model.h"

int tftrt_model_engine_count(tftrt_model *m) { return model_engine_stats(m->model, NULL, 0); }

// mem_free *out.
static int all_stats(const tftrt_model *m, engine_stats_t **out) {
  int n = model_engine_stats(m->model, NULL, 0);
  *out = mem_calloc((size_t)n + 1, sizeof **out);
  int now = model_engine_stats(m->model, *out, n);  // there may be more by now
  return now < n ? now : n;
}

static const char stats_type[] = "tftrt_engine_stats";

status_t api_engine_stats(const engine_stats_t *s, tftrt_engine_stats *out) {
  tftrt_engine_stats stats = {
      .name = s->name,
      .runs = s->runs,
      .cache_hits = s->hits,
      .builds = s->builds,
      .failed_builds = s->failed_builds,
      .fallbacks = s->fallbacks,
      .last_fallback_reason = s->last_fallback_reason ? s->last_fallback_reason : "",
      .fallback_reasons = s->n_reasons,
      .engines = s->engines,
      .profiles = s->profiles,
      .contexts = s->contexts,
      .context_bytes = s->context_bytes,
      .contexts_made = s->contexts_made,
      .context_seconds = (double)s->context_ns / 1e9,
      .build_seconds = (double)s->build_ns / 1e9};
  return api_write_struct(&stats, sizeof stats, stats_type, out);
}

static status_t engine_stats(const tftrt_model *m, int i, tftrt_engine_stats *out) {
  tftrt_engine_stats none = {0};
  TRY(api_write_struct(&none, sizeof none, stats_type, out));
  engine_stats_t *all;
  int n = all_stats(m, &all);
  status_t st = i >= 0 && i < n ? api_engine_stats(&all[i], out)
                                : FAIL(OUT_OF_RANGE, "the model has %d engines, not %d", n, i + 1);
  mem_free(all);
  return st;
}

tftrt_code tftrt_model_engine_stats(tftrt_model *m, int i, tftrt_engine_stats *out,
                                    tftrt_error *err) {
  return api_report(engine_stats(m, i, out), err);
}

tftrt_code tftrt_model_engine_fallback(tftrt_model *m, int i, int k, const char **reason,
                                       int64_t *count, tftrt_error *err) {
  *reason = NULL;
  *count = 0;
  if (model_engine_reason(m->model, i, k, reason, count)) return TFTRT_OK;
  return api_report(FAIL(OUT_OF_RANGE, "engine %d has no fallback reason %d", i, k), err);
}

static json_t *reasons(const tftrt_model *m, int i, int n) {
  json_t *list = json_array();
  for (int k = 0; k < n; k++) {
    const char *text = "";
    int64_t count = 0;
    if (!model_engine_reason(m->model, i, k, &text, &count)) break;
    json_array_append_new(list,
                          json_pack("{s:s, s:I}", "reason", text, "count", (json_int_t)count));
  }
  return list;
}

static json_t *profiles(const tftrt_model *m, int i) {
  profiles_t *p = model_engine_profiles(m->model, i);
  text_t t = {0};
  if (p) profiles_json(p, NULL, &t);
  json_t *list = p ? json_loads(t.v, 0, NULL) : json_array();
  text_free(&t);
  profiles_destroy(p);
  return list;
}

static json_t *engine(const tftrt_model *m, int i, const engine_stats_t *s) {
  return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:f, s:f, s:s, s:o, s:o}",
                   "name", s->name, "runs", (json_int_t)s->runs, "cache_hits", (json_int_t)s->hits,
                   "builds", (json_int_t)s->builds, "failed_builds", (json_int_t)s->failed_builds,
                   "fallbacks", (json_int_t)s->fallbacks, "engines", s->engines, "contexts",
                   s->contexts, "context_bytes", (json_int_t)s->context_bytes, "contexts_made",
                   (json_int_t)s->contexts_made, "context_seconds", (double)s->context_ns / 1e9,
                   "build_seconds", (double)s->build_ns / 1e9, "last_fallback_reason",
                   s->last_fallback_reason ? s->last_fallback_reason : "", "fallback_reasons",
                   reasons(m, i, s->n_reasons), "profiles", profiles(m, i));
}

tftrt_code tftrt_model_stats_json(tftrt_model *m, char **out, tftrt_error *err) {
  engine_stats_t *all;
  int n = all_stats(m, &all);
  json_t *list = json_array();
  for (int i = 0; i < n; i++) json_array_append_new(list, engine(m, i, &all[i]));
  json_t *top = json_pack("{s:s, s:o}", "schema", "tftrt.report/1", "engines", list);
  *out = top ? json_dumps(top, JSON_INDENT(1)) : NULL;
  json_decref(top);
  mem_free(all);
  return *out ? TFTRT_OK : api_report(FAIL(INTERNAL, "the report cannot be written"), err);
}

tftrt_code tftrt_model_engine_profile(tftrt_model *m, int i, char **out, tftrt_error *err) {
  *out = model_engine_profile(m->model, i);
  if (*out) return TFTRT_OK;
  return api_report(
      FAIL(FAILED_PRECONDITION, "engine %d has not run yet, or cannot be measured", i), err);
}
