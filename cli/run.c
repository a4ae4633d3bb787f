#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "inputs.h"

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

static void print_stats(tftrt_model *m) {
  int n = tftrt_model_engine_count(m);
  if (common.json) fputs("{\"schema\": \"tftrt.report/1\", \"engines\": [", stdout);
  for (int i = 0; i < n; i++) {
    tftrt_engine_stats s;
    if (tftrt_model_engine_stats(m, i, &s, NULL)) continue;
    if (common.json)
      printf(
          "%s{\"name\": \"%s\", \"runs\": %lld, \"cache_hits\": %lld, \"builds\": %lld, "
          "\"fallbacks\": %lld}",
          i ? ", " : "", s.name, (long long)s.runs, (long long)s.cache_hits, (long long)s.builds,
          (long long)s.fallbacks);
    else
      printf("%s: %lld runs, %lld cache hits, %lld builds, %lld fallbacks%s%s\n", s.name,
             (long long)s.runs, (long long)s.cache_hits, (long long)s.builds,
             (long long)s.fallbacks, *s.last_fallback_reason ? ", last because " : "",
             s.last_fallback_reason);
  }
  if (common.json) puts("]}");
}

int cmd_run(int argc, char **argv) {
  const char *in_path = NULL, *out_path = NULL, *signature = NULL, *tags = NULL, *backend = NULL,
             *on_fallback = NULL;
  int64_t threads = 0;
  bool stats = false;
  const option_def_t defs[] = {
      {"inputs", 'i', OPTION_STRING, &in_path, "IN.npz", "arrays named as the signature's inputs"},
      {"outputs", 'o', OPTION_STRING, &out_path, "OUT.npz",
       "where the outputs go; without it, their heads are printed"},
      {"signature", 's', OPTION_STRING, &signature, "KEY", "signature (serving_default)"},
      {"tags", 0, OPTION_STRING, &tags, "A,B", "meta graph (serve)"},
      {"threads", 't', OPTION_INT, &threads, "N", "CPUs to use (all)"},
      {"backend", 0, OPTION_STRING, &backend, "cpu|ref", "backend of the engines"},
      {"on-fallback", 0, OPTION_STRING, &on_fallback, "native|fail",
       "when no engine fits a shape (native)"},
      {"stats", 0, OPTION_FLAG, &stats, NULL, "what the engines did"},
      {0}};
  const char *words[1];
  int n;
  int rc = parse_options(find_command("run"), defs, argc, argv, 1, 1, words, &n);
  if (rc >= 0) return rc;
  if (on_fallback && strcmp(on_fallback, "native") != 0 && strcmp(on_fallback, "fail") != 0)
    return usage_error("--on-fallback is native or fail, not '%s'", on_fallback);
  list_t t = {0};
  if (tags) split_list(tags, ',', &t);
  tftrt_model_options o;
  tftrt_model_options_init(&o);
  o.tags = t.n ? t.v : NULL;
  o.n_tags = t.n;
  o.threads = (int)threads;
  if (backend) o.backend = backend;
  o.fail_on_fallback = on_fallback && strcmp(on_fallback, "fail") == 0;

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_arrays *arrays = NULL, *results = NULL;
  tftrt_model *m = NULL;
  tftrt_tensor inputs[MAX_INPUTS], outputs[MAX_INPUTS] = {0};
  int n_in = 0, n_out = 0;
  tftrt_code code =
      in_path ? tftrt_arrays_load(in_path, &arrays, &e) : tftrt_arrays_create(&arrays, &e);
  if (!code) code = tftrt_model_open(words[0], &o, &m, &e);
  if (!code) code = inputs_from_arrays(m, signature, arrays, inputs, &n_in, &e);
  if (!code) n_out = tftrt_model_output_count(m, signature);
  if (!code) code = tftrt_model_run(m, signature, inputs, n_in, outputs, n_out, &e);
  if (!code) code = tftrt_arrays_create(&results, &e);
  for (int i = 0; !code && i < n_out; i++) {
    tftrt_tensor_info info;
    code = tftrt_model_output(m, signature, i, &info, &e);
    if (code) break;
    if (out_path)
      code = tftrt_arrays_put(results, info.name, &outputs[i], &e);
    else if (!common.quiet && !common.json)
      print_tensor_head(info.name, &outputs[i]);
  }
  if (!code && out_path) code = tftrt_arrays_save(results, out_path, &e);
  if (!code && stats) print_stats(m);
  for (int i = 0; i < n_out; i++) tftrt_tensor_release(&outputs[i]);
  tftrt_arrays_destroy(results);
  tftrt_arrays_destroy(arrays);
  tftrt_model_close(m);
  return code ? report_error(&e) : EXIT_DONE;
}
