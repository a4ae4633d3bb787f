#include "stats.h"

#include <stdio.h>

#include "cli.h"

static void print_engine(tftrt_model *m, int i) {
  tftrt_engine_stats s = TFTRT_ENGINE_STATS_INIT;
  if (tftrt_model_engine_stats(m, i, &s, NULL)) return;
  // A model that was converted again still initialises the engines of before: nothing runs them.
  if (!s.runs && !s.engines) return;
  printf("%s: %lld runs, %lld cache hits, %lld builds, %lld fallbacks", s.name, (long long)s.runs,
         (long long)s.cache_hits, (long long)s.builds, (long long)s.fallbacks);
  if (s.failed_builds) printf(", %lld failed builds", (long long)s.failed_builds);
  if (s.builds + s.failed_builds) printf(" (%.3g ms)", s.build_seconds * 1e3);
  printf("; holds %d engines, %d profiles, %d contexts (%.1f MB)", s.engines, s.profiles,
         s.contexts, (double)s.context_bytes / 1e6);
  if (s.contexts_made)
    printf("; a context took %.3g ms", s.context_seconds * 1e3 / (double)s.contexts_made);
  puts("");
  for (int k = 0; k < s.fallback_reasons; k++) {
    const char *reason;
    int64_t count;
    if (!tftrt_model_engine_fallback(m, i, k, &reason, &count, NULL))
      printf("  %lld fallbacks because %s\n", (long long)count, reason);
  }
}

tftrt_code print_stats(tftrt_model *m, tftrt_error *e) {
  char *json = NULL;
  tftrt_code code = common.json ? tftrt_model_stats_json(m, &json, e) : TFTRT_OK;
  if (json) puts(json);
  tftrt_free(json);
  for (int i = 0; !common.json && i < tftrt_model_engine_count(m); i++) print_engine(m, i);
  return code;
}
