// tftrt_ops: the op table as a list for people, programs and docs/ops.md.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/mem.h"
#include "base/text.h"
#include "ops/op.h"
#include "segment/tf_trt.h"

static int by_name(const void *a, const void *b) {
  return strcmp((*(const op_def_t *const *)a)->name, (*(const op_def_t *const *)b)->name);
}

static const op_def_t **sorted_ops(int *n) {
  *n = 0;
  while (op_at(*n)) ++*n;
  const op_def_t **v = mem_calloc((size_t)*n + 1, sizeof *v);
  for (int i = 0; i < *n; i++) v[i] = op_at(i);
  qsort(v, (size_t)*n, sizeof *v, by_name);
  return v;
}

static const char *in_engines(const op_def_t *d) {
  if (!d->lower) return "";
  return d->accept ? "yes, with conditions" : "yes";
}

static const char *in_tf_trt(const op_def_t *d) {
  const rule_t *r = tf_trt_rule(d->name);
  if (!r || !d->lower) return "";
  return r->explicit_only ? "dynamic shapes only" : "yes";
}

static char *as_json(const op_def_t *const *v, int n) {
  json_t *list = json_array();
  for (int i = 0; i < n; i++) {
    const rule_t *r = tf_trt_rule(v[i]->name);
    json_array_append_new(
        list,
        json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:s}", "op", v[i]->name, "native",
                  v[i]->kernel != NULL, "engine", v[i]->lower != NULL, "engine_conditions",
                  v[i]->accept != NULL, "tf_trt", r && v[i]->lower, "tf_trt_implicit_batch",
                  r && v[i]->lower && !r->explicit_only, "note", v[i]->note ? v[i]->note : ""));
  }
  json_t *root =
      json_pack("{s:s, s:s, s:o}", "schema", "tftrt.report/1", "command", "ops", "ops", list);
  char *dumped = json_dumps(root, JSON_INDENT(1));
  text_t t = {0};
  text_printf(&t, "%s\n", dumped ? dumped : "{}");
  free(dumped);
  json_decref(root);
  return text_take(&t);
}

static char *as_markdown(const op_def_t *const *v, int n) {
  text_t t = {0};
  int native = 0, engines = 0, tf_trt = 0;
  for (int i = 0; i < n; i++) {
    native += v[i]->kernel != NULL;
    engines += v[i]->lower != NULL;
    tf_trt += *in_tf_trt(v[i]) != '\0';
  }
  text_printf(
      &t,
      "# Ops\n\nMade by `tftrt ops --markdown` from the op table (src/ops); a test compares "
      "the two.\n\n%d TensorFlow ops are known: %d run natively, %d can become layers of an "
      "engine, %d of these also in op\nset `tf-trt`, under TF-TRT's own rules. \"With "
      "conditions\" depends on dtypes, ranks and attributes: `tftrt explain`\ntells the "
      "reason for every node that stays outside.\n\n"
      "| op | natively | in engines | in op set tf-trt | notes |\n|---|---|---|---|---|\n",
      n, native, engines, tf_trt);
  for (int i = 0; i < n; i++)
    text_printf(&t, "| %s | %s | %s | %s | %s |\n", v[i]->name, v[i]->kernel ? "yes" : "",
                in_engines(v[i]), in_tf_trt(v[i]), v[i]->note ? v[i]->note : "");
  return text_take(&t);
}

static char *as_text(const op_def_t *const *v, int n) {
  text_t t = {0};
  for (int i = 0; i < n; i++) {
    size_t start = t.n;
    text_add(&t, v[i]->name);
    text_pad(&t, start + 40);
    text_printf(&t, " %-8s%-8s%s\n", v[i]->kernel ? "native" : "", v[i]->lower ? "engine" : "",
                *in_tf_trt(v[i]) ? "tf-trt" : "");
  }
  return text_take(&t);
}

tftrt_code tftrt_ops(int format, char **out, tftrt_error *err) {
  int n;
  if (format < 0 || format > 2)
    return api_report(FAIL(INVALID_ARGUMENT, "there is no format %d", format), err);
  const op_def_t **v = sorted_ops(&n);
  *out = format == 1 ? as_json(v, n) : format == 2 ? as_markdown(v, n) : as_text(v, n);
  mem_free(v);
  return TFTRT_OK;
}
