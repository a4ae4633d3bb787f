#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "conversion.h"
#include "inputs.h"
#include "profiles.h"

// Input sets of one signature, one npz file each.
typedef struct source {
  tftrt_converter *converter;
  const char *key;  // NULL: the first signature
  const list_t *files;
  int next;
  tftrt_arrays *arrays;
  tftrt_error error;
} source_t;

// Does the file hold all inputs of the signature?
static bool fits(tftrt_converter *c, const char *key, const tftrt_arrays *a) {
  int n = tftrt_converter_input_count(c, key);
  for (int i = 0; i < n; i++) {
    tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
    tftrt_tensor t;
    if (tftrt_converter_input(c, key, i, &info, NULL) || tftrt_arrays_get(a, info.name, &t, NULL))
      return false;
  }
  return n >= 0;
}

static tftrt_code take(source_t *s, tftrt_tensor *inputs, int n) {
  for (int i = 0; i < n; i++) {
    tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
    tftrt_code code = tftrt_converter_input(s->converter, s->key, i, &info, &s->error);
    if (!code) code = input_from_arrays(s->arrays, &info, &inputs[i], &s->error);
    if (code) return code;
  }
  return TFTRT_OK;
}

// With several signatures a file belongs to those whose inputs it has.
static int next_inputs(void *user, tftrt_tensor *inputs, int n) {
  source_t *s = user;
  bool choose = tftrt_converter_signature_count(s->converter) > 1;
  while (s->next < s->files->n) {
    tftrt_arrays_destroy(s->arrays);
    s->arrays = NULL;
    if (tftrt_arrays_load(s->files->v[s->next++], &s->arrays, &s->error)) return -1;
    if (choose && !fits(s->converter, s->key, s->arrays)) continue;
    return take(s, inputs, n) ? -1 : 1;
  }
  return 0;
}

// Errors tell which file the inputs are of.
static void tell_error(const source_t *s, tftrt_error *e) {
  char message[sizeof e->message];
  if (s->error.code) *e = s->error;
  if (!s->next || (!s->error.code && strncmp(e->message, "input '", 7) != 0)) return;
  const char *file = s->files->v[s->next - 1];
  if (strstr(e->message, file)) return;
  memcpy(message, e->message, sizeof message);
  snprintf(e->message, sizeof e->message, "%.400s: %.600s", file, message);
}

// Which signatures have files: with one it has all, with several a file is for those that it fits,
// of which there must be one.
static tftrt_code find_files(tftrt_converter *c, const list_t *files, bool *has, tftrt_error *e) {
  int n = tftrt_converter_signature_count(c);
  has[0] = n == 1 && files->n;
  for (int i = 0; i < files->n && n > 1; i++) {
    tftrt_arrays *a = NULL;
    bool any = false;
    tftrt_code code = tftrt_arrays_load(files->v[i], &a, e);
    for (int k = 0; k < n && !code; k++) {
      bool fit = fits(c, tftrt_converter_signature(c, k), a);
      any |= fit;
      has[k] |= fit;
    }
    tftrt_arrays_destroy(a);
    if (!code && !any) {
      code = e->code = TFTRT_NOT_FOUND;
      snprintf(e->message, sizeof e->message,
               "%s has all inputs of none of the signatures that are converted", files->v[i]);
    }
    if (code) return code;
  }
  return TFTRT_OK;
}

tftrt_code build_from_files(tftrt_converter *c, const list_t *files, tftrt_error *e) {
  int n = tftrt_converter_signature_count(c);
  bool *has = calloc((size_t)n + 1, sizeof *has), all = true;
  tftrt_code code = find_files(c, files, has, e);
  for (int i = 0; i < n && !code; i++) {
    source_t s = {.converter = c,
                  .key = tftrt_converter_signature(c, i),
                  .files = files,
                  .error = TFTRT_ERROR_INIT};
    all &= has[i];
    if (!has[i]) continue;
    code = tftrt_converter_build_signature(c, s.key, next_inputs, &s, e);
    tftrt_arrays_destroy(s.arrays);
    if (code) tell_error(&s, e);
  }
  free(has);
  return code || all ? code : tftrt_converter_build_default(c, 1, e);
}

static void print_line(void *user, const char *line) {
  fputs(line, user);
  fputc('\n', user);
}

static tftrt_code report(tftrt_converter *c, tftrt_error *e) {
  if (!common.json)
    return common.quiet ? TFTRT_OK
                        : tftrt_converter_summary(c, 160, common.verbose, print_line, stdout, e);
  char *text = NULL;
  tftrt_code code = tftrt_converter_explain(c, 1, &text, e);
  if (!code) fputs(text, stdout);
  tftrt_free(text);
  return code;
}

// The keys of the signatures beyond the first, before they are converted.
static tftrt_code list_others(const tftrt_converter_options *o, list_t *keys, tftrt_model **model,
                              tftrt_error *e) {
  for (int i = 1; i < o->n_signature_keys; i++) keys->v[keys->n++] = o->signature_keys[i];
  if (!o->all_signatures) return TFTRT_OK;
  tftrt_model_options mo;
  tftrt_model_options_init(&mo);
  mo.tags = o->input_saved_model_tags;
  mo.n_tags = o->n_tags;
  tftrt_code code = tftrt_model_open(o->input_saved_model_dir, &mo, model, e);
  keys->n = 0;
  for (int i = 0; !code && i < tftrt_model_signature_count(*model) && keys->n < LIST_MAX; i++)
    keys->v[keys->n++] = tftrt_model_signature(*model, i);
  return code;
}

// Of calibration, which may be put off until build, and of measuring errors.
static source_t sources[LIST_MAX + 1], measures[LIST_MAX + 1];

static tftrt_code calibration_error(tftrt_code code, tftrt_error *e) {
  for (int i = 0; i <= LIST_MAX && code; i++) tell_error(&sources[i], e);
  for (int i = 0; i <= LIST_MAX && code; i++) tell_error(&measures[i], e);
  return code;
}

// Which files calibrate, and which errors are measured over with --precision auto.
typedef struct input_files {
  const list_t *calibration, *measuring;
} input_files_t;

static source_t source_of(tftrt_converter *c, const char *key, const list_t *files) {
  return (source_t){.converter = c, .key = key, .files = files, .error = TFTRT_ERROR_INIT};
}

// *model owns names of signatures as long as calibration may go on.
static tftrt_code convert(tftrt_converter *c, const tftrt_converter_options *o,
                          const input_files_t *files, tftrt_model **model, tftrt_error *e) {
  list_t others = {0};
  bool calibrates = files->calibration->n > 0, measures_too = files->measuring->n > 0;
  tftrt_code code = TFTRT_OK;
  if (calibrates || measures_too) code = list_others(o, &others, model, e);
  for (int i = 0; i <= others.n && !code; i++) {
    const char *key = i ? others.v[i - 1] : NULL;
    sources[i] = source_of(c, key, files->calibration);
    measures[i] = source_of(c, key, files->measuring);
    if (i && calibrates) code = tftrt_converter_calibrate_with(c, key, next_inputs, &sources[i], e);
    if (!code && measures_too)
      code = tftrt_converter_measure_with(c, key, next_inputs, &measures[i], e);
  }
  if (!code) code = tftrt_converter_convert(c, calibrates ? next_inputs : NULL, &sources[0], e);
  return calibration_error(code, e);
}

static bool is_auto(const char *precision) {
  return strcmp(precision, "auto") == 0 || strcmp(precision, "AUTO") == 0;
}

static tftrt_code report_precisions(tftrt_converter *c, const tftrt_converter_options *o,
                                    const char *dir, tftrt_error *e) {
  tftrt_code code = TFTRT_OK;
  for (int i = 0; i < tftrt_converter_signature_count(c) && !code; i++) {
    const char *key = tftrt_converter_signature(c, i);
    char *text = NULL, *choice = NULL;
    code = tftrt_precision_summary(dir, o->input_saved_model_tags, o->n_tags, key, common.verbose,
                                   &text, e);
    if (!code && is_auto(o->precision_mode))
      code = tftrt_converter_precision(c, key, 0, &choice, e);
    if (!code) printf("%s%s", text, choice ? choice : "");
    tftrt_free(text);
    tftrt_free(choice);
  }
  return code;
}

int cmd_convert(int argc, char **argv) {
  conversion_flags_t f;
  option_def_t defs[CONVERSION_OPTIONS + PROFILE_OPTIONS + 12];
  profile_flags_t profiles;
  list_t build_files = {0}, calibration_files = {0}, measure_files = {0};
  bool no_save = false, no_build = false;
  conversion_options(&f, defs);
  int at = 0;
  while (defs[at].name) at++;
  profile_options(&profiles, &defs[at]);
  at += PROFILE_OPTIONS;
  const option_def_t more[] = {
      {"build-inputs", 0, OPTION_FILES, &build_files, "F.npz...",
       "build engines for the shapes of these inputs (may be repeated)"},
      {"calibration-inputs", 0, OPTION_FILES, &calibration_files, "F.npz...",
       "int8: calibrate over these inputs (may be repeated)"},
      {"inputs", 'i', OPTION_FILES, &measure_files, "F.npz...",
       "auto: measure errors over these inputs, and calibrate where nothing else does"},
      {"no-build", 0, OPTION_FLAG, &no_build, NULL, "leave engines to be built by the first run"},
      {"no-save-engines", 0, OPTION_FLAG, &no_save, NULL,
       "write no engines, only what they are rebuilt from"},
      {0}};
  memcpy(&defs[at], more, sizeof more);
  const char *words[2];
  int n;
  int rc = parse_options(find_command("convert"), defs, argc, argv, 1, 2, words, &n);
  if (rc >= 0) return rc;
  tftrt_converter_options o;
  rc = conversion_fill(&f, n == 2 ? words[0] : NULL, &o);
  if (rc >= 0) return rc;
  if (profile_flags_given(&profiles) && build_files.n)
    return usage_error("profiles are given as shapes or as --build-inputs, not as both");
  if (profile_flags_given(&profiles)) o.use_dynamic_shape = 1;
  bool automatic = is_auto(o.precision_mode);
  if (measure_files.n && !automatic)
    return usage_error("--inputs are for --precision auto, to measure errors over");
  if (automatic && no_build) return usage_error("--precision auto builds engines, to measure them");
  bool calibrate_too =
      automatic && !calibration_files.n && !o.calibration_table && o.use_calibration;
  catch_interrupts();

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_converter *c = NULL;
  tftrt_model *model = NULL;
  tftrt_code code = tftrt_converter_create(&o, &c, &e);
  if (!code)
    code = convert(
        c, &o,
        &(input_files_t){calibrate_too ? &measure_files : &calibration_files, &measure_files},
        &model, &e);
  if (!code && profile_flags_given(&profiles)) code = profile_flags_add(&profiles, c, &e);
  if (!code && !no_build) code = calibration_error(build_from_files(c, &build_files, &e), &e);
  if (!code) code = tftrt_converter_save(c, words[n - 1], !no_save, &e);
  for (int i = 0; c && i < tftrt_converter_warning_count(c) && !common.quiet; i++)
    fprintf(stderr, "tftrt: warning: %s\n", tftrt_converter_warning(c, i));
  if (!code) code = report(c, &e);
  if (!code && !common.json && !common.quiet) code = report_precisions(c, &o, words[n - 1], &e);
  tftrt_converter_destroy(c);
  tftrt_model_close(model);
  conversion_free(&f);
  return code ? report_error(&e) : EXIT_DONE;
}
