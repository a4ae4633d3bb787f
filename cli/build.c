#include <stdio.h>

#include "cli.h"
#include "commands.h"
#include "conversion.h"

static void print_line(void *user, const char *line) { fprintf(user, "%s\n", line); }

static tftrt_code report(tftrt_converter *c, const char *dir, const tftrt_converter_options *o,
                         tftrt_error *e) {
  if (common.quiet) return TFTRT_OK;
  if (!common.json) return tftrt_converter_summary(c, 160, common.verbose, print_line, stdout, e);
  char *text = NULL;
  tftrt_code code = tftrt_summary_json(dir, o->input_saved_model_tags, o->n_tags,
                                       o->input_saved_model_signature_key, &text, e);
  if (!code) fputs(text, stdout);
  tftrt_free(text);
  return code;
}

int cmd_build(int argc, char **argv) {
  list_t files = {0}, signatures = {0}, tags = {0};
  const char *target = NULL, *tag_text = NULL, *backend = NULL, *compat = NULL;
  int64_t threads = 0;
  bool all = false;
  const option_def_t defs[] = {
      {"build-inputs", 0, OPTION_FILES, &files, "F.npz...",
       "build engines for the shapes of these inputs (may be repeated)"},
      {"output", 'o', OPTION_STRING, &target, "DST", "write there; without it, in place"},
      {"signature", 's', OPTION_LIST, &signatures, "KEY",
       "signature to build for (serving_default); may be repeated"},
      {"all-signatures", 0, OPTION_FLAG, &all, NULL, "build for every signature"},
      {"tags", 0, OPTION_STRING, &tag_text, "A,B", "meta graph (serve)"},
      {"backend", 0, OPTION_STRING, &backend, "cpu|ref", "which backend builds the engines (cpu)"},
      {"compat", 0, OPTION_STRING, &compat, "2.17",
       "as TensorFlow 2.17 did, where its documentation says otherwise"},
      {"threads", 't', OPTION_INT, &threads, "N", "CPUs to use (all)"},
      {0}};
  const char *words[1];
  int n;
  int rc = parse_options(find_command("build"), defs, argc, argv, 1, 1, words, &n);
  if (rc >= 0) return rc;
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = words[0];
  if (tag_text) split_list(tag_text, ',', &tags);
  o.input_saved_model_tags = tags.n ? tags.v : NULL;
  o.n_tags = tags.n;
  if (signatures.n) o.input_saved_model_signature_key = signatures.v[0];
  o.signature_keys = signatures.n ? signatures.v : NULL;
  o.n_signature_keys = signatures.n;
  o.all_signatures = all;
  if (backend) o.backend = backend;
  o.compat = compat;
  o.threads = (int)threads;
  o.progress = progress_printer();
  catch_interrupts();

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_converter *c = NULL;
  const char *dir = target ? target : words[0];
  tftrt_code code = tftrt_converter_open(&o, &c, &e);
  if (!code) code = build_from_files(c, &files, &e);
  if (!code) code = tftrt_converter_save(c, dir, 1, &e);
  for (int i = 0; c && i < tftrt_converter_warning_count(c) && !common.quiet; i++)
    fprintf(stderr, "tftrt: warning: %s\n", tftrt_converter_warning(c, i));
  if (!code) code = report(c, dir, &o, &e);
  tftrt_converter_destroy(c);
  return code ? report_error(&e) : EXIT_DONE;
}
