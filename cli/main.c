// The program: tftrt <command> ... One file per command; this one finds it.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "commands.h"

const command_t commands[] = {
    {"show", "DIR", "What a SavedModel holds: tags, signatures, inputs, outputs, ops.", cmd_show},
    {"convert", "[SRC] DST", "Puts engines into a SavedModel.", cmd_convert},
    {"build", "DIR [--build-inputs F.npz...] [-o DST]",
     "Adds engines to a converted SavedModel, ours or TF-TRT's.", cmd_build},
    {"run", "DIR --inputs IN.npz [--outputs OUT.npz]",
     "Runs a signature of a SavedModel, converted or not.", cmd_run},
    {"summary", "DIR", "The engines of a converted SavedModel.", cmd_summary},
    {"explain", "SRC|DIR", "Every node: in which engine, or why not.", cmd_explain},
    {"bench", "DIR [--inputs IN.npz | --shape NAME=1x224x224x3 ...]",
     "Measures the latency of a signature.", cmd_bench},
    {"compare", "A B [--inputs IN.npz...]",
     "How far a model's outputs are from another's, or from recorded ones.", cmd_compare},
    {"cache", "list|clear", "The folder of finished engines that conversions take up again.",
     cmd_cache},
    {"ops", "[--markdown]", "TensorFlow's ops: which run natively, which in engines.", cmd_ops},
    {"doctor", "", "Libraries found and tried, CPU features, backends.", cmd_doctor},
    {0},
};

const command_t *find_command(const char *name) {
  for (const command_t *c = commands; c->name; c++)
    if (strcmp(c->name, name) == 0) return c;
  return NULL;
}

int report_error(const tftrt_error *e) {
  progress_end();
  fprintf(stderr, "tftrt: %s\n", e->message);
  if (common.verbose)
    fprintf(stderr, "tftrt: (%s, %s:%d)\n", tftrt_code_name(e->code), e->file, e->line);
  switch (e->code) {
    case TFTRT_NOT_FOUND:
    case TFTRT_DATA_LOSS:
    case TFTRT_UNIMPLEMENTED: return EXIT_MODEL;
    case TFTRT_ABORTED:  // no engine, and native execution is not wanted
    case TFTRT_UNAVAILABLE: return EXIT_MISSING;
    case TFTRT_CANCELLED: return interrupted() ? EXIT_INTERRUPTED : EXIT_FAILED;
    default: return EXIT_FAILED;
  }
}

double now_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int print_usage(FILE *to) {
  fputs("usage: tftrt COMMAND ...\n\n", to);
  for (const command_t *c = commands; c->name; c++) fprintf(to, "  %-8s %s\n", c->name, c->summary);
  fputs(
      "\n'tftrt COMMAND --help' tells its options.\n"
      "Exit codes: 0 done, 1 failed, 2 usage, 3 model unreadable or not supported, 4 gate, 5 "
      "engine or library missing.\n",
      to);
  return to == stdout ? EXIT_DONE : EXIT_USAGE;
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
    printf("tftrt %s\n", tftrt_version());
    return EXIT_DONE;
  }
  if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    return print_usage(stdout);
  const command_t *c = find_command(name);
  if (c) return c->run(argc - 1, argv + 1);
  if (*name) fprintf(stderr, "tftrt: there is no command '%s'\n", name);
  return print_usage(stderr);
}
