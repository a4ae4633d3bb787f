#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "conversion.h"
#include "inputs.h"

// Input sets for build(), one npz file each.
typedef struct source {
  const list_t *files;
  int next;
  const char *signature;
  tftrt_model *model;  // only asked for the names of inputs
  tftrt_arrays *arrays;
  tftrt_error error;
} source_t;

static int next_inputs(void *user, tftrt_tensor *inputs, int n_inputs) {
  source_t *s = user;
  int n;
  tftrt_arrays_destroy(s->arrays);
  s->arrays = NULL;
  if (s->next == s->files->n) return 0;
  if (tftrt_arrays_load(s->files->v[s->next++], &s->arrays, &s->error) ||
      inputs_from_arrays(s->model, s->signature, s->arrays, inputs, &n, &s->error))
    return -1;
  return n == n_inputs ? 1 : -1;
}

static void print_line(void *user, const char *line) {
  fputs(line, user);
  fputc('\n', user);
}

int cmd_convert(int argc, char **argv) {
  conversion_flags_t f;
  option_def_t defs[CONVERSION_OPTIONS + 12];
  list_t build_files = {0}, calibration_files = {0};
  bool no_save = false, no_build = false;
  conversion_options(&f, defs);
  int at = 0;
  while (defs[at].name) at++;
  const option_def_t more[] = {
      {"build-inputs", 0, OPTION_FILES, &build_files, "F.npz...",
       "build engines for the shapes of these inputs (may be repeated)"},
      {"calibration-inputs", 0, OPTION_FILES, &calibration_files, "F.npz...",
       "int8: calibrate over these inputs (may be repeated)"},
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
  const char *target = words[n - 1];
  catch_interrupts();

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_converter *c = NULL;
  source_t build = {.files = &build_files,
                    .signature = o.input_saved_model_signature_key,
                    .error = TFTRT_ERROR_INIT};
  source_t calibration = build;
  calibration.files = &calibration_files;
  tftrt_model_options mo;
  tftrt_model_options_init(&mo);
  mo.tags = o.input_saved_model_tags;
  mo.n_tags = o.n_tags;
  tftrt_code code = tftrt_converter_create(&o, &c, &e);
  if (!code && (build_files.n || calibration_files.n)) {
    code = tftrt_model_open(o.input_saved_model_dir, &mo, &build.model, &e);
    calibration.model = build.model;
  }
  if (!code)
    code = tftrt_converter_convert(c, calibration_files.n ? next_inputs : NULL, &calibration, &e);
  if (code && calibration.error.code) e = calibration.error;
  if (!code && !no_build)
    code = build_files.n ? tftrt_converter_build(c, next_inputs, &build, &e)
                         : tftrt_converter_build_default(c, 1, &e);
  if (code && build.error.code) e = build.error;
  if (!code) code = tftrt_converter_save(c, target, !no_save, &e);
  for (int i = 0; c && i < tftrt_converter_warning_count(c) && !common.quiet; i++)
    fprintf(stderr, "tftrt: warning: %s\n", tftrt_converter_warning(c, i));
  if (!code && common.json) {
    char *text = NULL;
    code = tftrt_converter_explain(c, 1, &text, &e);
    if (!code) fputs(text, stdout);
    tftrt_free(text);
  } else if (!code && !common.quiet) {
    code = tftrt_converter_summary(c, 160, common.verbose, print_line, stdout, &e);
  }
  tftrt_arrays_destroy(build.arrays);
  tftrt_arrays_destroy(calibration.arrays);
  tftrt_model_close(build.model);
  tftrt_converter_destroy(c);
  conversion_free(&f);
  return code ? report_error(&e) : EXIT_DONE;
}
