#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "inputs.h"

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double at(const double *sorted, int n, double q) {
  int i = (int)(q * (double)(n - 1) + 0.5);
  return sorted[i];
}

static void print_times(double *t, int n, double load, double first) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += t[i];
  qsort(t, (size_t)n, sizeof *t, by_value);
  double mean = sum / n;
  if (common.json) {
    printf(
        "{\"schema\": \"tftrt.report/1\", \"runs\": %d, \"load_ms\": %.4f, \"first_ms\": %.4f, "
        "\"min_ms\": %.4f, "
        "\"median_ms\": %.4f, \"p90_ms\": %.4f, \"p99_ms\": %.4f, \"mean_ms\": %.4f, "
        "\"runs_per_second\": %.3f}\n",
        n, load, first, t[0], at(t, n, 0.5), at(t, n, 0.9), at(t, n, 0.99), mean, 1e3 / mean);
    return;
  }
  printf("load %.2f ms, first run %.2f ms, then %d runs:\n", load, first, n);
  printf("min %.3f ms, median %.3f ms, p90 %.3f ms, p99 %.3f ms, mean %.3f ms, %.1f runs/s\n", t[0],
         at(t, n, 0.5), at(t, n, 0.9), at(t, n, 0.99), mean, 1e3 / mean);
}

static tftrt_code run_once(tftrt_model *m, const char *signature, const tftrt_tensor *in, int n_in,
                           double *ms, tftrt_error *e) {
  tftrt_tensor out[MAX_INPUTS] = {0};
  int n_out = tftrt_model_output_count(m, signature);
  if (n_out > MAX_INPUTS) n_out = MAX_INPUTS;
  double t0 = now_seconds();
  tftrt_code code = tftrt_model_run(m, signature, in, n_in, out, n_out, e);
  *ms = 1e3 * (now_seconds() - t0);
  for (int i = 0; i < n_out; i++) tftrt_tensor_release(&out[i]);
  return code;
}

static void start_profile(tftrt_model *m) {
  for (int i = 0; i < tftrt_model_engine_count(m); i++) {
    char *text = NULL;
    if (!tftrt_model_engine_profile(m, i, &text, NULL)) tftrt_free(text);
  }
}

static void print_profile(tftrt_model *m) {
  for (int i = 0; i < tftrt_model_engine_count(m); i++) {
    char *text = NULL;
    if (tftrt_model_engine_profile(m, i, &text, NULL)) continue;
    puts(text);
    tftrt_free(text);
  }
}

int cmd_bench(int argc, char **argv) {
  const char *in_path = NULL, *signature = NULL, *tags = NULL, *backend = NULL;
  list_t shapes = {0};
  int64_t threads = 0, runs = 50, warmup = 5;
  bool profile = false;
  const option_def_t defs[] = {
      {"inputs", 'i', OPTION_STRING, &in_path, "IN.npz", "arrays named as the signature's inputs"},
      {"shape", 0, OPTION_LIST, &shapes, "NAME=1x224x224x3",
       "made-up input of this shape (unknown dims: 1)"},
      {"signature", 's', OPTION_STRING, &signature, "KEY", "signature (serving_default)"},
      {"tags", 0, OPTION_STRING, &tags, "A,B", "meta graph (serve)"},
      {"threads", 't', OPTION_INT, &threads, "N", "CPUs to use (all)"},
      {"runs", 'n', OPTION_INT, &runs, "N", "counted runs (50)"},
      {"warmup", 'w', OPTION_INT, &warmup, "N", "runs before, not counted (5)"},
      {"backend", 0, OPTION_STRING, &backend, "cpu|ref", "backend of the engines"},
      {"profile", 'p', OPTION_FLAG, &profile, NULL, "times per layer of every engine"},
      {0}};
  const char *words[1];
  int n;
  int rc = parse_options(find_command("bench"), defs, argc, argv, 1, 1, words, &n);
  if (rc >= 0) return rc;
  if (runs < 1 || runs > 1000000 || warmup < 0)
    return usage_error("--runs is 1 to 1000000, --warmup 0 or more");
  list_t t = {0};
  if (tags) split_list(tags, ',', &t);
  tftrt_model_options o;
  tftrt_model_options_init(&o);
  o.tags = t.n ? t.v : NULL;
  o.n_tags = t.n;
  o.threads = (int)threads;
  if (backend) o.backend = backend;

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_arrays *arrays = NULL;
  tftrt_model *m = NULL;
  tftrt_tensor inputs[MAX_INPUTS];
  int n_in = 0;
  double t0 = now_seconds(), load, first = 0, ms;
  tftrt_code code = tftrt_model_open(words[0], &o, &m, &e);
  if (!code) code = tftrt_model_prepare(m, signature, &e);
  load = 1e3 * (now_seconds() - t0);
  if (!code && in_path) code = tftrt_arrays_load(in_path, &arrays, &e);
  if (!code)
    code = in_path ? inputs_from_arrays(m, signature, arrays, inputs, &n_in, &e)
                   : inputs_made_up(m, signature, &shapes, inputs, &n_in, &e);
  if (!code) code = run_once(m, signature, inputs, n_in, &first, &e);
  for (int64_t i = 0; !code && i < warmup; i++)
    code = run_once(m, signature, inputs, n_in, &ms, &e);
  if (!code && profile) start_profile(m);
  double *times = malloc((size_t)runs * sizeof *times);
  int done = 0;
  catch_interrupts();
  for (; times && !code && done < runs && !interrupted(); done++)
    code = run_once(m, signature, inputs, n_in, &times[done], &e);
  if (!code && done) print_times(times, done, load, first);
  if (!code && profile) print_profile(m);
  free(times);
  if (!in_path) free_made_up(inputs, n_in);
  tftrt_arrays_destroy(arrays);
  tftrt_model_close(m);
  return code ? report_error(&e) : interrupted() ? EXIT_INTERRUPTED : EXIT_DONE;
}
