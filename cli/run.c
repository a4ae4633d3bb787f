#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "inputs.h"
#include "stats.h"

static void print_tensor_head(const char *name, const tftrt_tensor *t) {
  printf("%s %s[", name, tftrt_dtype_name(t->dtype));
  for (int i = 0; i < t->rank; i++) printf("%s%lld", i ? "," : "", (long long)t->dims[i]);
  fputs("]", stdout);
  size_t n = t->bytes / tftrt_dtype_size(t->dtype);
  for (size_t i = 0; i < n && i < 8; i++) {
    switch (t->dtype) {
      case TFTRT_FLOAT: printf(" %g", (double)((float *)t->data)[i]); break;
      case TFTRT_DOUBLE: printf(" %g", ((double *)t->data)[i]); break;
      case TFTRT_INT32: printf(" %d", ((int32_t *)t->data)[i]); break;
      case TFTRT_INT64: printf(" %lld", (long long)((int64_t *)t->data)[i]); break;
      case TFTRT_BOOL: printf(" %s", ((uint8_t *)t->data)[i] ? "true" : "false"); break;
      case TFTRT_UINT8: printf(" %u", ((uint8_t *)t->data)[i]); break;
      case TFTRT_STRING: {
        tftrt_string s = ((tftrt_string *)t->data)[i];
        printf(" \"%.*s\"", (int)(s.size > 60 ? 60 : s.size), s.data ? s.data : "");
        break;
      }
      default: i = n;
    }
  }
  puts(n > 8 ? " ..." : "");
}

typedef struct run {
  tftrt_model *model;
  const char *signature, *out_path;
  tftrt_tensor inputs[MAX_INPUTS], outputs[MAX_INPUTS];
  int n_out;
} run_t;

static void release(run_t *r) {
  for (int i = 0; i < r->n_out; i++) tftrt_tensor_release(&r->outputs[i]);
  r->n_out = 0;
}

// in_path NULL: the signature has no inputs, or all have defaults.
static tftrt_code run_file(run_t *r, const char *in_path, tftrt_error *e) {
  tftrt_arrays *arrays = NULL;
  int n_in = 0;
  release(r);
  tftrt_code code =
      in_path ? tftrt_arrays_load(in_path, &arrays, e) : tftrt_arrays_create(&arrays, e);
  if (!code) code = inputs_from_arrays(r->model, r->signature, arrays, r->inputs, &n_in, e);
  if (!code) {
    int n = tftrt_model_output_count(r->model, r->signature);
    code = tftrt_model_run(r->model, r->signature, r->inputs, n_in, r->outputs, n, e);
    if (!code) r->n_out = n;
  }
  tftrt_arrays_destroy(arrays);
  return code;
}

static tftrt_code give_outputs(const run_t *r, tftrt_error *e) {
  tftrt_arrays *results = NULL;
  tftrt_code code = tftrt_arrays_create(&results, e);
  for (int i = 0; !code && i < r->n_out; i++) {
    tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
    code = tftrt_model_output(r->model, r->signature, i, &info, e);
    if (code) break;
    if (r->out_path)
      code = tftrt_arrays_put(results, info.name, &r->outputs[i], e);
    else if (!common.quiet && !common.json)
      print_tensor_head(info.name, &r->outputs[i]);
  }
  if (!code && r->out_path) code = tftrt_arrays_save(results, r->out_path, e);
  tftrt_arrays_destroy(results);
  return code;
}

static bool parse_policy(const char *text, tftrt_fallback *out) {
  static const char *const names[] = {"native", "build", "fail"};
  for (int i = 0; i < 3; i++)
    if (strcmp(text, names[i]) == 0) {
      *out = (tftrt_fallback)i;
      return true;
    }
  return false;
}

int cmd_run(int argc, char **argv) {
  const char *out_path = NULL, *signature = NULL, *tags = NULL, *backend = NULL, *compat = NULL,
             *engine_cache = NULL, *on_fallback = "native";
  list_t in_files = {0};
  int64_t threads = 0;
  bool stats = false;
  const option_def_t defs[] = {
      {"inputs", 'i', OPTION_FILES, &in_files, "IN.npz...",
       "arrays named as the signature's inputs; of several, each is run"},
      {"outputs", 'o', OPTION_STRING, &out_path, "OUT.npz",
       "where the outputs (of the last inputs) go; without it, their heads are printed"},
      {"signature", 's', OPTION_STRING, &signature, "KEY", "signature (serving_default)"},
      {"tags", 0, OPTION_STRING, &tags, "A,B", "meta graph (serve)"},
      {"threads", 't', OPTION_INT, &threads, "N", "CPUs to use (all)"},
      {"backend", 0, OPTION_STRING, &backend, "cpu|ref", "backend of the engines"},
      {"on-fallback", 0, OPTION_STRING, &on_fallback, "native|build|fail",
       "when no engine serves a shape: run op by op, make one serve, or fail (native); TF-TRT's "
       "own "
       "models get engines by build alone"},
      {"engine-cache", 0, OPTION_STRING, &engine_cache, "DIR|off",
       "where engines that are made are kept (the user's cache)"},
      {"compat", 0, OPTION_STRING, &compat, "2.17", "engine caches as TensorFlow 2.17's"},
      {"stats", 0, OPTION_FLAG, &stats, NULL, "what the engines did"},
      {0}};
  const char *words[1];
  int n;
  int rc = parse_options(find_command("run"), defs, argc, argv, 1, 1, words, &n);
  if (rc >= 0) return rc;
  tftrt_model_options o;
  tftrt_model_options_init(&o);
  if (!parse_policy(on_fallback, &o.on_fallback))
    return usage_error("--on-fallback is native, build or fail, not '%s'", on_fallback);
  list_t t = {0};
  if (tags) split_list(tags, ',', &t);
  o.tags = t.n ? t.v : NULL;
  o.n_tags = t.n;
  o.threads = (int)threads;
  o.compat = compat;
  o.engine_cache_dir = engine_cache;
  if (backend) o.backend = backend;

  tftrt_error e = TFTRT_ERROR_INIT;
  run_t r = {.signature = signature, .out_path = out_path};
  tftrt_code code = tftrt_model_open(words[0], &o, &r.model, &e);
  if (!code && !in_files.n) code = run_file(&r, NULL, &e);
  for (int i = 0; i < in_files.n && !code; i++) code = run_file(&r, in_files.v[i], &e);
  if (!code) code = give_outputs(&r, &e);
  if (!code && stats) code = print_stats(r.model, &e);
  release(&r);
  tftrt_model_close(r.model);
  return code ? report_error(&e) : EXIT_DONE;
}
