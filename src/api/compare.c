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

static status_t compare_over(side_t *a, side_t *b, const tftrt_compare_options *given,
                             compare_options_t o, comparison_t **out) {
  const signature_t *s = compare_signature(a, b);
  feed_t feed = {.fn = given->inputs, .user = given->user, .signature = s};
  if (s && given->inputs) o.inputs = (input_source_t){feed_next, &feed};
  status_t st = compare_sides(a, b, &o, out);
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
                         .backend = given->backend,
                         .per_layer = given->per_layer != 0};
  side_t *x = NULL, *y = NULL;
  status_t st = side_open(a, &o, &x);
  if (!st) st = side_open(b, &o, &y);
  if (!st) st = compare_over(x, y, given, o, out);
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

int tftrt_comparison_layer_count(const tftrt_comparison *c) {
  return c->c->layers ? c->c->layers->n : 0;
}

static tftrt_layer_error layer_figures(const layer_error_t *l) {
  return (tftrt_layer_error){.n_nodes = l->n_nodes,
                             .engine = l->engine,
                             .name = l->name,
                             .type = l->type,
                             .precision = l->precision,
                             .kernel = l->kernel,
                             .why = l->why ? l->why : "",
                             .nodes = l->nodes,
                             .count = l->own.count,
                             .own_max_abs = l->own.max_abs,
                             .own_mean_abs = difference_mean_abs(&l->own),
                             .own_relative_l2 = difference_relative_l2(&l->own),
                             .own_cosine = difference_cosine(&l->own),
                             .max_abs = l->accumulated.max_abs,
                             .mean_abs = difference_mean_abs(&l->accumulated),
                             .relative_l2 = difference_relative_l2(&l->accumulated),
                             .cosine = difference_cosine(&l->accumulated)};
}

tftrt_code tftrt_comparison_layer(const tftrt_comparison *c, int i, tftrt_layer_error *out,
                                  tftrt_error *err) {
  int n = tftrt_comparison_layer_count(c);
  bool there = i >= 0 && i < n;
  tftrt_layer_error f = {0};
  if (there) f = layer_figures(&c->c->layers->v[i]);
  status_t st = api_write_struct(&f, sizeof f, "tftrt_layer_error", out);
  if (!st && !there) st = FAIL(OUT_OF_RANGE, "the comparison has %d layers, not %d", n, i + 1);
  return api_report(st, err);
}

int tftrt_comparison_warning_count(const tftrt_comparison *c) { return (int)c->c->warnings.n; }

const char *tftrt_comparison_warning(const tftrt_comparison *c, int i) {
  return i >= 0 && (size_t)i < c->c->warnings.n ? c->c->warnings.v[i] : NULL;
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

static json_t *error_json(double max_abs, double mean_abs, double relative_l2, double cosine) {
  return json_pack("{s:o, s:o, s:o, s:o}", "max_abs", number(max_abs), "mean_abs", number(mean_abs),
                   "relative_l2", number(relative_l2), "cosine", number(cosine));
}

static json_t *layer_json(const layer_error_t *l) {
  tftrt_layer_error f = layer_figures(l);
  json_t *nodes = json_array();
  for (int i = 0; i < f.n_nodes; i++) json_array_append_new(nodes, json_string(f.nodes[i]));
  json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:o, s:o}", "engine", f.engine,
                        "layer", f.name, "type", f.type, "precision", f.precision, "kernel",
                        f.kernel, "nodes", nodes, "count", (json_int_t)f.count, "own",
                        error_json(f.own_max_abs, f.own_mean_abs, f.own_relative_l2, f.own_cosine),
                        "accumulated", error_json(f.max_abs, f.mean_abs, f.relative_l2, f.cosine));
  if (*f.why) json_object_set_new(j, "why", json_string(f.why));
  return j;
}

tftrt_code tftrt_comparison_json(const tftrt_comparison *c, char **out, tftrt_error *err) {
  json_t *outputs = json_array();
  for (size_t i = 0; i < c->c->outputs.n; i++)
    json_array_append_new(outputs, output_json(&c->c->outputs.v[i]));
  json_t *root = json_pack("{s:s, s:s, s:i, s:o}", "schema", "tftrt.report/1", "command", "compare",
                           "input_sets", c->c->sets, "outputs", outputs);
  json_t *warnings = json_array();
  for (size_t i = 0; i < c->c->warnings.n; i++)
    json_array_append_new(warnings, json_string(c->c->warnings.v[i]));
  json_object_set_new(root, "warnings", warnings);
  json_t *layers = c->c->layers ? json_array() : NULL;
  for (int i = 0; layers && i < c->c->layers->n; i++)
    json_array_append_new(layers, layer_json(&c->c->layers->v[i]));
  if (layers) json_object_set_new(root, "layers", layers);
  *out = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
  json_decref(root);
  return *out ? TFTRT_OK : api_report(FAIL(INTERNAL, "the report cannot be written"), err);
}
