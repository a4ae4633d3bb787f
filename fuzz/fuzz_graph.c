// A graph from anywhere through everything that happens before it is run: calls inlined, shapes
// inferred, constants folded (which runs kernels), simplified, cut into segments.
#include "fuzz.h"
#include "graph/passes.h"
#include "saved_model/saved_model.h"
#include "segment/segment.h"

static void prepare(const saved_model_t *m, const meta_graph_t *g, const signature_t *s) {
  arena_t *arena;
  library_t *library;
  graph_t *graph;
  status_t st = signature_graph(m, g, s, &arena, &library, &graph);
  if (st) {
    status_free(st);
    return;
  }
  const segment_options_t o = {
      .struct_size = sizeof o, .minimum_segment_size = 3, .precision_mode = "FP32"};
  segmentation_t *segments = NULL;
  st = graph_inline_calls(graph);
  if (!st) st = graph_simplify(graph);
  if (!st) st = segment_graph(graph, &o, &segments);
  if (!st) segmentation_destroy(segments);
  status_free(st);
  graph_destroy(graph);
  library_destroy(library);
  arena_destroy(arena);
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
  const meta_graph_t *g = saved_model_n_meta_graphs(m) ? saved_model_meta_graph(m, 0) : NULL;
  for (int i = 0; g && i < g->n_signatures && i < 2; i++) prepare(m, g, &g->signatures[i]);
  saved_model_close(m);
  return 0;
}
