// tftrt_compare: two models, or what was recorded of them.
#include "tftrt/compare.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "accuracy/compare.h"
#include "api/api.h"
#include "api/feed.h"
#include "base/cpu.h"

struct tftrt_comparison {
  comparison_t *c;
};

static const tftrt_compare_options defaults = {.struct_size = sizeof defaults, .backend = "cpu"};

void tftrt_compare_options_init_sized(tftrt_compare_options *o, uint32_t struct_size) {
  api_init_options(o, struct_size, &defaults, sizeof defaults);
}

static status_t compare_sides(side_t *a, side_t *b, const tftrt_compare_options *given,
                              compare_options_t *o, comparison_t **out) {
  const signature_t *s = compare_signature(a, b);
  feed_t feed = {.fn = given->inputs, .user = given->user, .signature = s};
  if (s && given->inputs) o->inputs = (input_source_t){feed_next, &feed};
  status_t st = compare(a, b, o, out);
  feed_free(&feed);
  return st;
}

static status_t compare_paths(const char *a, const char *b, const tftrt_compare_options *given,
                              comparison_t **out) {
  if (!a || !b) return FAIL(INVALID_ARGUMENT, "one of the two to compare is NULL");
  compare_options_t o = {.tags = given->tags,
                         .n_tags = given->tags ? given->n_tags : 0,
                         .signature = given->signature_key,
                         .threads = cpu_threads(given->threads),
                         .backend = given->backend};
  side_t *x = NULL, *y = NULL;
  status_t st = side_open(a, &o, &x);
  if (!st) st = side_open(b, &o, &y);
  if (!st) st = compare_sides(x, y, given, &o, out);
  side_close(x);
  side_close(y);
  return st;
}

tftrt_code tftrt_compare(const char *a, const char *b, const tftrt_compare_options *options,
                         tftrt_comparison **out, tftrt_error *err) {
  tftrt_compare_options o = defaults;
  comparison_t *c = NULL;
  *out = NULL;
  status_t st = options ? api_read_options(options, "tftrt_compare_options", &o, sizeof o) : NULL;
  if (!st) st = compare_paths(a, b, &o, &c);
  if (st) return api_report(st, err);
  *out = mem_alloc(sizeof **out);
  (*out)->c = c;
  return TFTRT_OK;
}

void tftrt_comparison_destroy(tftrt_comparison *c) {
  if (!c) return;
  comparison_destroy(c->c);
  mem_free(c);
}

int tftrt_comparison_output_count(const tftrt_comparison *c) { return (int)c->c->outputs.n; }

static tftrt_difference figures(const output_difference_t *o) {
  const difference_t *d = &o->d;
  double rows = d->rows ? (double)d->rows : 1;
  tftrt_difference f = {.name = o->name,
                        .dtype = (tftrt_dtype)o->dtype,
                        .count = d->count,
                        .unequal = d->unequal,
                        .not_finite = d->not_finite,
                        .max_abs = d->max_abs,
                        .mean_abs = difference_mean_abs(d),
                        .relative_l2 = difference_relative_l2(d),
                        .cosine = difference_cosine(d),
                        .classes = d->classes,
                        .rows = d->rows,
                        .top1 = d->classes ? (double)d->top1 / rows : -1,
                        .top5 = d->classes > 5 ? (double)d->top5 / rows : -1};
  memcpy(f.histogram, d->histogram, sizeof f.histogram);
  return f;
}

tftrt_code tftrt_comparison_output(const tftrt_comparison *c, int i, tftrt_difference *out,
                                   tftrt_error *err) {
  int n = tftrt_comparison_output_count(c);
  bool there = i >= 0 && i < n;
  tftrt_difference f = {0};
  if (there) f = figures(&c->c->outputs.v[i]);
  status_t st = api_write_struct(&f, sizeof f, "tftrt_difference", out);
  if (!st && !there) st = FAIL(OUT_OF_RANGE, "the comparison has %d outputs, not %d", n, i + 1);
  return api_report(st, err);
}

// ---- JSON ------------------------------------------------------------------------------------

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *output_json(const output_difference_t *o) {
  tftrt_difference f = figures(o);
  json_t *bins = json_array();
  for (int i = 0; i < TFTRT_ERROR_BINS; i++)
    json_array_append_new(bins, json_integer(f.histogram[i]));
  json_t *j = json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "name", f.name,
                        "dtype", dtype_name(o->dtype), "count", (json_int_t)f.count, "unequal",
                        (json_int_t)f.unequal, "not_finite", (json_int_t)f.not_finite, "max_abs",
                        number(f.max_abs), "mean_abs", number(f.mean_abs), "relative_l2",
                        number(f.relative_l2), "cosine", number(f.cosine), "histogram", bins);
  if (f.classes) {
    json_object_set_new(j, "classes", json_integer(f.classes));
    json_object_set_new(j, "rows", json_integer(f.rows));
    json_object_set_new(j, "top1", json_real(f.top1));
    if (f.top5 >= 0) json_object_set_new(j, "top5", json_real(f.top5));
  }
  return j;
}

tftrt_code tftrt_comparison_json(const tftrt_comparison *c, char **out, tftrt_error *err) {
  json_t *outputs = json_array();
  for (size_t i = 0; i < c->c->outputs.n; i++)
    json_array_append_new(outputs, output_json(&c->c->outputs.v[i]));
  json_t *root = json_pack("{s:s, s:s, s:i, s:o}", "schema", "tftrt.report/1", "command", "compare",
                           "input_sets", c->c->sets, "outputs", outputs);
  *out = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
  json_decref(root);
  return *out ? TFTRT_OK : api_report(FAIL(INTERNAL, "the report cannot be written"), err);
}
