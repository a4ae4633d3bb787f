// cache list|clear: the folder of finished engines.
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"

static int list_engines(const char *dir) {
  tftrt_error e = TFTRT_ERROR_INIT;
  char *text = NULL;
  if (tftrt_engine_cache_list(dir, common.json, &text, &e)) return report_error(&e);
  fputs(text, stdout);
  tftrt_free(text);
  return EXIT_DONE;
}

static int clear_engines(const char *dir) {
  tftrt_error e = TFTRT_ERROR_INIT;
  int64_t engines, bytes;
  if (tftrt_engine_cache_clear(dir, &engines, &bytes, &e)) return report_error(&e);
  if (!common.quiet)
    printf("%lld engines removed, %lld bytes\n", (long long)engines, (long long)bytes);
  return EXIT_DONE;
}

int cmd_cache(int argc, char **argv) {
  const char *dir = NULL, *words[1];
  const option_def_t defs[] = {{"engine-cache", 0, OPTION_STRING, &dir, "DIR",
                                "the folder (TFTRT_CACHE, else tftrt/engines in the user's cache)"},
                               {0}};
  int n;
  int rc = parse_options(find_command("cache"), defs, argc, argv, 1, 1, words, &n);
  if (rc >= 0) return rc;
  if (strcmp(words[0], "list") == 0) return list_engines(dir);
  if (strcmp(words[0], "clear") == 0) return clear_engines(dir);
  return usage_error("cache: list or clear, not '%s'", words[0]);
}
