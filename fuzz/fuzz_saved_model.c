// saved_model.pb: opened, its signatures cut out, functions parsed.
#include <string.h>

#include "fuzz.h"
#include "saved_model/saved_model.h"

static void walk_signatures(const saved_model_t *m, const meta_graph_t *g) {
  for (int i = 0; i < g->n_signatures && i < 4; i++) {
    arena_t *arena;
    library_t *library;
    graph_t *graph;
    status_t st = signature_graph(m, g, &g->signatures[i], &arena, &library, &graph);
    if (st) {
      status_free(st);
      continue;
    }
    size_t k = 0;
    const char *name;
    while (map_next(library->functions, &k, &name, NULL)) {
      graph_t *body;
      status_free(library_body(library, name, &body));
    }
    graph_destroy(graph);
    library_destroy(library);
    arena_destroy(arena);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[128];
  snprintf(path, sizeof path, "%s/saved_model.pb", fuzz_dir());
  fuzz_put(path, data, size);
  saved_model_t *m;
  status_t st = saved_model_open(fuzz_dir(), &m);
  if (st) {
    status_free(st);
    return 0;
  }
  for (int i = 0; i < saved_model_n_meta_graphs(m) && i < 4; i++)
    walk_signatures(m, saved_model_meta_graph(m, i));
  saved_model_close(m);
  return 0;
}
