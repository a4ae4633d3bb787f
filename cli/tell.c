// show, doctor, ops, summary, explain: commands that only tell.
#include <stdio.h>

#include "cli.h"
#include "commands.h"
#include "conversion.h"

static int print_text(tftrt_code code, char *text, const tftrt_error *e) {
  if (code != TFTRT_OK) return report_error(e);
  fputs(text, stdout);
  tftrt_free(text);
  return EXIT_DONE;
}

int cmd_show(int argc, char **argv) {
  const option_def_t defs[] = {{0}};
  const char *words[1];
  int n;
  int rc = parse_options(find_command("show"), defs, argc, argv, 1, 1, words, &n);
  if (rc >= 0) return rc;
  tftrt_error e = TFTRT_ERROR_INIT;
  char *text = NULL;
  tftrt_code code = tftrt_show(words[0], common.json, &text, &e);
  return print_text(code, text, &e);
}

int cmd_doctor(int argc, char **argv) {
  const option_def_t defs[] = {{0}};
  int n;
  int rc = parse_options(find_command("doctor"), defs, argc, argv, 0, 0, NULL, &n);
  if (rc >= 0) return rc;
  tftrt_error e = TFTRT_ERROR_INIT;
  char *text = NULL;
  tftrt_code code = tftrt_doctor(common.json, &text, &e);
  return print_text(code, text, &e);
}

int cmd_ops(int argc, char **argv) {
  bool markdown = false;
  const option_def_t defs[] = {
      {"markdown", 0, OPTION_FLAG, &markdown, NULL, "as docs/ops.md has them"}, {0}};
  int n;
  int rc = parse_options(find_command("ops"), defs, argc, argv, 0, 0, NULL, &n);
  if (rc >= 0) return rc;
  tftrt_error e = TFTRT_ERROR_INIT;
  char *text = NULL;
  tftrt_code code = tftrt_ops(common.json ? 1 : markdown ? 2 : 0, &text, &e);
  return print_text(code, text, &e);
}

static void print_line(void *user, const char *line) {
  fputs(line, user);
  fputc('\n', user);
}

int cmd_summary(int argc, char **argv) {
  const char *tags = NULL, *signature = NULL;
  bool detailed = false;
  int64_t length = 160;
  const option_def_t defs[] = {
      {"detailed", 'd', OPTION_FLAG, &detailed, NULL,
       "op counts of every engine, precision of every layer"},
      {"line-length", 'l', OPTION_INT, &length, "N", "width of the table, at least 160"},
      {"tags", 0, OPTION_STRING, &tags, "A,B", "meta graph (serve)"},
      {"signature", 's', OPTION_STRING, &signature, "KEY", "signature (serving_default)"},
      {0}};
  const char *words[1];
  int n;
  int rc = parse_options(find_command("summary"), defs, argc, argv, 1, 1, words, &n);
  if (rc >= 0) return rc;
  list_t t = {0};
  if (tags) split_list(tags, ',', &t);
  tftrt_error e = TFTRT_ERROR_INIT;
  if (common.json) {
    char *text = NULL;
    tftrt_code code = tftrt_summary_json(words[0], t.n ? t.v : NULL, t.n, signature, &text, &e);
    return print_text(code, text, &e);
  }
  if (tftrt_summary(words[0], t.n ? t.v : NULL, t.n, signature, (int)length, detailed, print_line,
                    stdout, &e))
    return report_error(&e);
  char *text = NULL;
  tftrt_code code =
      tftrt_precision_summary(words[0], t.n ? t.v : NULL, t.n, signature, detailed, &text, &e);
  return print_text(code, text, &e);
}

int cmd_explain(int argc, char **argv) {
  conversion_flags_t f;
  option_def_t defs[CONVERSION_OPTIONS + 1];
  conversion_options(&f, defs);
  const char *words[1];
  int n;
  int rc = parse_options(find_command("explain"), defs, argc, argv, 1, 1, words, &n);
  if (rc >= 0) return rc;
  tftrt_converter_options o;
  rc = conversion_fill(&f, words[0], &o);
  if (rc >= 0) return rc;
  tftrt_error e = TFTRT_ERROR_INIT;
  char *text = NULL;
  tftrt_code code = tftrt_explain(&o, common.json, &text, &e);
  conversion_free(&f);
  return print_text(code, text, &e);
}
