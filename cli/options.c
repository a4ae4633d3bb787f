#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

common_t common;

static const option_def_t common_defs[] = {
    {"json", 0, OPTION_FLAG, &common.json, NULL, "facts as one JSON object on stdout"},
    {"quiet", 'q', OPTION_FLAG, &common.quiet, NULL, "no messages but errors"},
    {"verbose", 'v', OPTION_FLAG, &common.verbose, NULL, "more messages"},
    {"no-progress", 0, OPTION_FLAG, &common.no_progress, NULL, "no progress on the terminal"},
    {"help", 'h', OPTION_FLAG, &common.help, NULL, "this text"},
    {0},
};

int usage_error(const char *fmt, ...) {
  va_list ap;
  fputs("tftrt: ", stderr);
  va_start(ap, fmt);
  vfprintf(stderr, fmt, ap);
  va_end(ap);
  fputs("\nTry 'tftrt help'.\n", stderr);
  return EXIT_USAGE;
}

static void print_options(const option_def_t *defs) {
  for (; defs->name; defs++) {
    if (!defs->help) continue;
    char left[64];
    snprintf(left, sizeof left, "%s%c%s--%s%s%s", defs->letter ? "-" : " ",
             defs->letter ? defs->letter : ' ', defs->letter ? ", " : "  ", defs->name,
             defs->value ? " " : "", defs->value ? defs->value : "");
    printf("  %-34s %s\n", left, defs->help);
  }
}

// "64MiB", "1GB", "4096" in bytes; false when it is not a size.
static bool parse_size(const char *text, int64_t *out) {
  static const struct {
    const char *suffix;
    double scale;
  } units[] = {
      {"", 1},        {"B", 1},         {"K", 1024}, {"KiB", 1024},     {"KB", 1e3},
      {"M", 1048576}, {"MiB", 1048576}, {"MB", 1e6}, {"G", 1073741824}, {"GiB", 1073741824},
      {"GB", 1e9}};
  char *end;
  double v = strtod(text, &end);
  if (end == text || v < 0) return false;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    if (strcmp(end, units[i].suffix) != 0) continue;
    v *= units[i].scale;
    *out = v >= 9.2e18 ? INT64_MAX : (int64_t)v;
    return true;
  }
  return false;
}

static int take_item(const option_def_t *d, const char *item) {
  list_t *l = d->target;
  if (l->n == LIST_MAX) return usage_error("--%s is given too often", d->name);
  l->v[l->n++] = item;
  return -1;
}

static bool is_npz(const char *word) {
  size_t n = strlen(word);
  return *word != '-' && n > 4 && strcmp(word + n - 4, ".npz") == 0;
}

static int take(const option_def_t *d, const char *arg) {
  char *end;
  switch (d->kind) {
    case OPTION_FLAG: *(bool *)d->target = true; return -1;
    case OPTION_STRING: *(const char **)d->target = arg; return -1;
    case OPTION_SIZE:
      return parse_size(arg, d->target) ? -1
                                        : usage_error("--%s: '%s' is not a size", d->name, arg);
    case OPTION_INT:
      errno = 0;
      *(int64_t *)d->target = strtoll(arg, &end, 10);
      if (end == arg || *end || errno)
        return usage_error("--%s: '%s' is not a number", d->name, arg);
      return -1;
    case OPTION_NUMBER:
      errno = 0;
      *(double *)d->target = strtod(arg, &end);
      if (end == arg || *end || errno || !isfinite(*(double *)d->target))
        return usage_error("--%s: '%s' is not a number", d->name, arg);
      return -1;
    case OPTION_FILES:
    case OPTION_LIST: return take_item(d, arg);
    case OPTION_SHAPES: {
      list_t parts;
      split_list(arg, ',', &parts);
      for (int i = 0; i < parts.n; i++) {
        int rc = take_item(d, parts.v[i]);
        if (rc >= 0) return rc;
      }
      return -1;
    }
  }
  return -1;
}

static int print_help(const command_t *c, const option_def_t *defs) {
  printf("usage: tftrt %s %s\n\n%s\n\n", c->name, c->usage, c->summary);
  print_options(defs);
  print_options(common_defs);
  return EXIT_DONE;
}

int parse_options(const command_t *c, const option_def_t *defs, int argc, char **argv, int min,
                  int max, const char **words, int *n_words) {
  enum { MAX_OPTIONS = 64 };
  struct option longs[MAX_OPTIONS + 1] = {0};
  const option_def_t *all[MAX_OPTIONS];
  char letters[3 * MAX_OPTIONS] = "";
  int n = 0;
  const option_def_t *tables[] = {defs, common_defs};
  for (int t = 0; t < 2; t++) {
    for (const option_def_t *d = tables[t]; d->name && n < MAX_OPTIONS; d++) {
      longs[n] = (struct option){d->name, d->kind == OPTION_FLAG ? no_argument : required_argument,
                                 NULL, 256 + n};
      if (d->letter) {
        size_t at = strlen(letters);
        snprintf(letters + at, sizeof letters - at, "%c%s", d->letter,
                 d->kind == OPTION_FLAG ? "" : ":");
      }
      all[n++] = d;
    }
  }
  optind = 1;
  opterr = 0;
  for (int o; (o = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
    const option_def_t *d = NULL;
    for (int i = 0; i < n && !d; i++)
      if (o == 256 + i || (o != '?' && o == all[i]->letter)) d = all[i];
    if (!d) return usage_error("%s: unknown or incomplete option '%s'", c->name, argv[optind - 1]);
    int rc = take(d, optarg);
    if (rc >= 0) return rc;
    while (d->kind == OPTION_FILES && optind < argc && is_npz(argv[optind]))
      if ((rc = take_item(d, argv[optind++])) >= 0) return rc;
  }
  if (common.help) return print_help(c, defs);
  *n_words = argc - optind;
  if (*n_words < min || *n_words > max) return usage_error("usage: tftrt %s %s", c->name, c->usage);
  for (int i = 0; i < *n_words; i++) words[i] = argv[optind + i];
  return -1;
}

typedef struct copy {
  struct copy *before;
  char text[];
} copy_t;

// Lives as long as the program.
static char *kept_copy(const char *text) {
  static copy_t *last;
  size_t n = strlen(text) + 1;
  copy_t *c = malloc(sizeof *c + n);
  if (!c) abort();
  c->before = last;
  last = c;
  return memcpy(c->text, text, n);
}

// The list points into a copy.
void split_list(const char *text, char separator, list_t *out) {
  out->n = 0;
  char *copy = kept_copy(text);
  for (char *p = copy; p && out->n < LIST_MAX;) {
    char *next = strchr(p, separator);
    if (next) *next++ = 0;
    if (*p) out->v[out->n++] = p;
    p = next;
  }
}

bool parse_shape(const char *text, char *name, size_t name_size, int64_t *dims, int *rank) {
  const char *mark = strrchr(text, '=');
  if (!mark) mark = strrchr(text, ':');
  if (!mark || mark == text || (size_t)(mark - text) >= name_size) return false;
  memcpy(name, text, (size_t)(mark - text));
  name[mark - text] = 0;
  *rank = 0;
  const char *p = mark + 1;
  if (!*p || strcmp(p, "scalar") == 0) return true;
  while (*rank < TFTRT_MAX_RANK) {
    char *end;
    if (!isdigit((unsigned char)*p)) return false;
    dims[(*rank)++] = strtoll(p, &end, 10);
    if (!*end) return true;
    if (*end != 'x' && *end != ',') return false;
    p = end + 1;
  }
  return false;
}
