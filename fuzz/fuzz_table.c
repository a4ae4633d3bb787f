// Vocabulary files: a table is filled from one and told. The first byte chooses the columns and
// dtypes.
#include "fuzz.h"
#include "graph/passes.h"
#include "runtime/executor.h"

static node_t *table(graph_t *g, dtype_t keys, dtype_t values) {
  node_t *n = graph_add_node(g, "HashTableV2", "table");
  node_set_string(g, n, "shared_name", "words", 5);
  node_set_type(g, n, "key_dtype", keys);
  node_set_type(g, n, "value_dtype", values);
  return n;
}

static node_t *file_name(graph_t *g, const char *path) {
  tensor_t t;
  if (tensor_alloc(DT_STRING, &SHAPE_SCALAR, &t)) abort();
  if (str_set(TENSOR_DATA(str_t, &t), path, strlen(path))) abort();
  node_t *n = graph_add_const(g, "path", &t);
  tensor_unref(&t);
  return n;
}

// The nodes in front of `last`, then run; what it gives is freed.
static status_t run(graph_t *g, const exec_services_t *services, int n_out) {
  for (int i = 0; i < g->n_nodes; i++) TRY(node_resolve(g, g->nodes[i]));
  executable_t *x = NULL;
  tensor_t out[2] = {0}, none;
  status_t st = executable_create(g, services, &x);
  if (!st) st = executable_run(x, &none, n_out ? out : &none);
  for (int i = 0; i < n_out; i++) tensor_unref(&out[i]);
  executable_destroy(x);
  return st;
}

static graph_t *fills(arena_t *arena, library_t *library, const char *path, uint8_t how,
                      dtype_t keys, dtype_t values) {
  graph_t *g = graph_create(arena, library);
  node_t *n = graph_add_node(g, "InitializeTableFromTextFileV2", "fill");
  node_add_input(g, n, table(g, keys, values), 0);
  node_add_input(g, n, file_name(g, path), 0);
  node_set_int(g, n, "key_index", how % 5 - 2);
  node_set_int(g, n, "value_index", how / 5 % 5 - 2);
  node_set_int(g, n, "offset", how / 25 % 2);
  node_set_string(g, n, "delimiter", ",", 1);
  g->control_rets = arena_alloc(arena, sizeof *g->control_rets);
  g->control_rets[0] = n;
  g->n_control_rets = 1;
  return g;
}

static graph_t *tells(arena_t *arena, library_t *library, dtype_t keys, dtype_t values) {
  graph_t *g = graph_create(arena, library);
  node_t *n = graph_add_node(g, "LookupTableExportV2", "tell");
  node_add_input(g, n, table(g, keys, values), 0);
  node_set_type(g, n, "Tkeys", keys);
  node_set_type(g, n, "Tvalues", values);
  g->rets = arena_alloc(arena, 2 * sizeof *g->rets);
  g->rets[0] = (input_t){n, 0};
  g->rets[1] = (input_t){n, 1};
  g->n_rets = 2;
  return g;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size) return 0;
  static const dtype_t dtypes[] = {DT_STRING, DT_INT64, DT_FLOAT, DT_INT32};
  uint8_t how = data[0];
  dtype_t keys = dtypes[how & 1], values = dtypes[how >> 6];
  char path[128];
  snprintf(path, sizeof path, "%s/table", fuzz_dir());
  fuzz_put(path, data + 1, size - 1);
  arena_t *arena = arena_create();
  library_t *library = library_create(arena);
  exec_services_t services = {.resources = resources_create(), .threads = 1};
  graph_t *fill = fills(arena, library, path, how, keys, values),
          *tell = tells(arena, library, keys, values);
  status_t st = run(fill, &services, 0);
  if (!st) st = run(tell, &services, 2);
  status_free(st);
  graph_destroy(fill);
  graph_destroy(tell);
  library_destroy(library);
  resources_destroy(services.resources);
  arena_destroy(arena);
  return 0;
}
