// A GraphDef: the native segment of every TRTEngineOp becomes a network, in the precision that the
// node's attributes say, and is planned as an engine; nothing is run.
#include "engine/backend.h"
#include "fuzz.h"
#include "graph/passes.h"
#include "runtime/segment_build.h"

enum { MAX_ENGINES = 4, MAX_NODES = 200 };

static void plan(network_t *n, const char *backend) {
  bytes_t out = {0};
  status_free(backend_find(backend)->build(n, NULL, &out));
  mem_free(out.data);
}

static void build(graph_t *g, const node_t *engine) {
  func_ref_t segment = node_native_segment(engine);
  graph_t *body;
  if (!segment.name || !g->library) return;
  status_t st = library_body(g->library, segment.name, &body);
  if (st || body->n_nodes > MAX_NODES) {
    status_free(st);
    return;
  }
  arena_t *arena = arena_create();
  shape_t *unknown = arena_alloc(arena, ((size_t)body->n_args + 1) * sizeof *unknown);
  for (int i = 0; i < body->n_args; i++) unknown[i] = SHAPE_UNKNOWN;
  body = segment_copy(body, engine, unknown, arena);
  segment_precision_t precision = segment_precision_of(engine);
  network_t *n;
  st = segment_lower(body, engine->name, &precision, &n);
  if (!st) {
    plan(n, "ref");
    plan(n, "cpu");
    network_destroy(n);
  }
  status_free(st);
  graph_destroy(body);
  arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  arena_t *arena = arena_create();
  library_t *library = library_create(arena);
  graph_t *g = graph_create(arena, library);
  status_t st = graph_parse(data, size, g);
  if (!st) st = graph_name_segments(g);
  int engines = 0;
  for (int i = 0; !st && i < g->n_nodes && engines < MAX_ENGINES; i++)
    if (strcmp(g->nodes[i]->op, "TRTEngineOp") == 0) {
      build(g, g->nodes[i]);
      engines++;
    }
  status_free(st);
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  return 0;
}
