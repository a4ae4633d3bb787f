#include "tftrt/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "inputs.h"

// Sets of inputs: one from each file, or one that is made up.
typedef struct source {
  tftrt_model *model;  // whose signature it is
  const char *signature;
  const list_t *files, *shapes;
  int next;
  tftrt_arrays *arrays;
  tftrt_tensor made_up[MAX_INPUTS];
  int n_made_up;
  tftrt_error error;
} source_t;

static int next_inputs(void *user, tftrt_tensor *inputs, int n_inputs) {
  source_t *s = user;
  int n;
  if (!s->files->n && !s->n_made_up) {
    if (inputs_made_up(s->model, s->signature, s->shapes, s->made_up, &s->n_made_up, &s->error))
      return -1;
    memcpy(inputs, s->made_up, (size_t)n_inputs * sizeof *inputs);
    return s->n_made_up == n_inputs ? 1 : -1;
  }
  tftrt_arrays_destroy(s->arrays);
  s->arrays = NULL;
  if (s->next == s->files->n) return 0;
  if (tftrt_arrays_load(s->files->v[s->next++], &s->arrays, &s->error)) return -1;
  return inputs_from_arrays(s->model, s->signature, s->arrays, inputs, &n, &s->error) ? -1 : 1;
}

static bool is_file(const char *path) {
  size_t n = strlen(path);
  return n > 4 && strcmp(path + n - 4, ".npz") == 0;
}

static const char *const bin_names[TFTRT_ERROR_BINS] = {
    "0",          "below 1e-8", "1e-8..1e-7",  "1e-7..1e-6", "1e-6..1e-5",
    "1e-5..1e-4", "1e-4..1e-3", "1e-3..0.01",  "0.01..0.1",  "0.1..1",
    "1..10",      "10..100",    "100 and more"};

static void print_histogram(const tftrt_difference *d) {
  enum { WIDTH = 40 };
  int64_t most = 1;
  for (int i = 0; i < TFTRT_ERROR_BINS; i++)
    if (d->histogram[i] > most) most = d->histogram[i];
  for (int i = 0; i < TFTRT_ERROR_BINS; i++) {
    if (!d->histogram[i]) continue;
    int n = (int)((double)d->histogram[i] / (double)most * WIDTH + 0.999);
    printf("  %-13s %9lld %.*s\n", bin_names[i], (long long)d->histogram[i], n,
           "########################################");
  }
}

static void print_output(const tftrt_difference *d) {
  printf("%s (%s, %lld elements, %lld of them differ)\n", d->name, tftrt_dtype_name(d->dtype),
         (long long)d->count, (long long)d->unequal);
  printf("  max error %.4g, mean error %.4g, relative L2 %.4g, cosine %.8f\n", d->max_abs,
         d->mean_abs, d->relative_l2, d->cosine);
  if (d->classes) {
    printf("  top-1 agreement %.2f %%", 100 * d->top1);
    if (d->top5 >= 0) printf(", top-5 %.2f %%", 100 * d->top5);
    printf(" of %lld rows, %lld classes\n", (long long)d->rows, (long long)d->classes);
  }
  if (d->not_finite) printf("  %lld elements are NaN or infinite\n", (long long)d->not_finite);
  print_histogram(d);
}

// Names are cut at their front: what tells layers apart is at the end.
static void print_cut(const char *text, int width) {
  int n = (int)strlen(text);
  if (n > width)
    printf("..%s", text + n - width + 2);
  else
    printf("%-*s", width, text);
}

static tftrt_code print_layers(const tftrt_comparison *c, tftrt_error *e) {
  int n = tftrt_comparison_layer_count(c);
  if (n)
    printf("%-36s %-18s %-5s %10s %10s %10s  %s\n", "layer, worst first", "type", "", "own rel.L2",
           "own max", "acc.rel.L2", "kernel");
  for (int i = 0; i < n; i++) {
    tftrt_layer_error l = TFTRT_LAYER_ERROR_INIT;
    tftrt_code code = tftrt_comparison_layer(c, i, &l, e);
    if (code) return code;
    print_cut(l.name, 36);
    printf(" %-18.18s %-5s %10.3g %10.3g %10.3g  %s%s%s\n", l.type, l.precision, l.own_relative_l2,
           l.own_max_abs, l.relative_l2, l.kernel, *l.why ? "; " : "", l.why);
  }
  return TFTRT_OK;
}

static tftrt_code print_text(const tftrt_comparison *c, tftrt_error *e) {
  for (int i = 0; i < tftrt_comparison_output_count(c); i++) {
    tftrt_difference d = TFTRT_DIFFERENCE_INIT;
    tftrt_code code = tftrt_comparison_output(c, i, &d, e);
    if (code) return code;
    print_output(&d);
  }
  return print_layers(c, e);
}

static tftrt_code print_json(const tftrt_comparison *c, tftrt_error *e) {
  char *text = NULL;
  tftrt_code code = tftrt_comparison_json(c, &text, e);
  if (!code) puts(text);
  tftrt_free(text);
  return code;
}

// What is beyond a bound is told; bounds that are not given are NAN.
static int check_bounds(const tftrt_comparison *c, double max_error, double min_cosine) {
  int rc = EXIT_DONE;
  for (int i = 0; i < tftrt_comparison_output_count(c); i++) {
    tftrt_difference d = TFTRT_DIFFERENCE_INIT;
    if (tftrt_comparison_output(c, i, &d, NULL)) continue;
    if (!isnan(max_error) && !(d.max_abs <= max_error)) {
      fprintf(stderr, "tftrt: output '%s': max error %g is above %g\n", d.name, d.max_abs,
              max_error);
      rc = EXIT_GATE;
    }
    if (!isnan(min_cosine) && !(d.cosine >= min_cosine)) {
      fprintf(stderr, "tftrt: output '%s': cosine %.9g is below %.9g\n", d.name, d.cosine,
              min_cosine);
      rc = EXIT_GATE;
    }
  }
  return rc;
}

int cmd_compare(int argc, char **argv) {
  const char *signature = NULL, *tags = NULL, *backend = NULL;
  list_t files = {0}, shapes = {0};
  int64_t threads = 0;
  bool per_layer = false;
  double max_error = (double)NAN, min_cosine = (double)NAN;
  const option_def_t defs[] = {
      {"inputs", 'i', OPTION_FILES, &files, "IN.npz...",
       "arrays named as the signature's inputs; several are run one after the other"},
      {"shape", 0, OPTION_LIST, &shapes, "NAME=1x224x224x3",
       "without --inputs: made-up input of this shape (unknown dims: 1)"},
      {"signature", 's', OPTION_STRING, &signature, "KEY", "signature (serving_default)"},
      {"tags", 0, OPTION_STRING, &tags, "A,B", "meta graph (serve)"},
      {"threads", 't', OPTION_INT, &threads, "N", "CPUs to use (all)"},
      {"backend", 0, OPTION_STRING, &backend, "cpu|ref", "backend of the engines"},
      {"per-layer", 'l', OPTION_FLAG, &per_layer, NULL,
       "the layers of B's engines, those that add the largest error first"},
      {"max-error", 0, OPTION_NUMBER, &max_error, "E",
       "exit with 4 when an output's largest error is above"},
      {"min-cosine", 0, OPTION_NUMBER, &min_cosine, "C",
       "exit with 4 when an output's cosine is below"},
      {0}};
  const char *words[2];
  int n;
  int rc = parse_options(find_command("compare"), defs, argc, argv, 2, 2, words, &n);
  if (rc >= 0) return rc;
  list_t t = {0};
  if (tags) split_list(tags, ',', &t);
  tftrt_compare_options o;
  tftrt_compare_options_init(&o);
  source_t s = {
      .signature = signature, .files = &files, .shapes = &shapes, .error = TFTRT_ERROR_INIT};
  o.tags = t.n ? t.v : NULL;
  o.n_tags = t.n;
  o.signature_key = signature;
  o.threads = (int)threads;
  o.per_layer = per_layer;
  if (backend) o.backend = backend;
  bool recorded = is_file(words[0]) || is_file(words[1]);
  if (recorded && !(is_file(words[0]) && is_file(words[1])) && !files.n)
    return usage_error(
        "recorded outputs are compared over the --inputs that they were recorded of");

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_comparison *c = NULL;
  tftrt_code code = TFTRT_OK;
  if (!is_file(words[0]) || !is_file(words[1])) {
    tftrt_model_options m;
    tftrt_model_options_init(&m);
    m.tags = o.tags;
    m.n_tags = o.n_tags;
    code = tftrt_model_open(is_file(words[0]) ? words[1] : words[0], &m, &s.model, &e);
    o.inputs = next_inputs;
    o.user = &s;
  }
  if (!code) code = tftrt_compare(words[0], words[1], &o, &c, &e);
  if (code && s.error.code) e = s.error;
  if (!code && !common.quiet) code = common.json ? print_json(c, &e) : print_text(c, &e);
  for (int i = 0; c && i < tftrt_comparison_warning_count(c) && !common.quiet; i++)
    fprintf(stderr, "tftrt: warning: %s\n", tftrt_comparison_warning(c, i));
  rc = code ? report_error(&e) : check_bounds(c, max_error, min_cosine);
  tftrt_comparison_destroy(c);
  tftrt_arrays_destroy(s.arrays);
  free_made_up(s.made_up, s.n_made_up);
  tftrt_model_close(s.model);
  return rc;
}
