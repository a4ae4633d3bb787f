#include "runtime/initialise.h"

#include <string.h>

#include "base/file.h"
#include "saved_model/writer.h"

status_t bind_assets(const saved_model_t *m, const meta_graph_t *meta, graph_t *g) {
  for (int i = 0; i < meta->n_assets; i++) {
    const asset_t *a = &meta->assets[i];
    const char *colon = strrchr(a->tensor, ':');
    char *name = mem_strndup(a->tensor, colon ? (size_t)(colon - a->tensor) : strlen(a->tensor));
    node_t *n = graph_find(g, name);
    mem_free(name);
    if (!n) continue;
    tensor_t t;
    TRY(tensor_alloc(DT_STRING, &SHAPE_SCALAR, &t));
    char *dir = file_join(saved_model_dir(m), "assets");
    char *path = file_join(dir, a->filename);
    status_t st = str_set(TENSOR_DATA(str_t, &t), path, strlen(path));
    mem_free(path);
    mem_free(dir);
    if (!st) {
      node_t *c = graph_add_const(g, n->name, &t);
      graph_redirect(g, n, 0, c, 0);
      graph_redirect_control(g, n, c);
    }
    tensor_unref(&t);
    TRY(st);
  }
  return NULL;
}

// Cut down to the init op, or (part >= 0) to one of the nodes that it waits for.
static status_t cut(const saved_model_t *m, const meta_graph_t *meta, int part, arena_t *arena,
                    graph_t *g, int *parts) {
  node_t *init = graph_find(g, meta->init_op);
  if (!init) return FAIL(NOT_FOUND, "the init op '%s' is not in the graph", meta->init_op);
  *parts = init->n_control;
  g->control_rets = arena_alloc(arena, sizeof(node_t *));
  g->control_rets[0] = part < 0 ? init : init->control[part];
  g->n_control_rets = 1;
  TRY(bind_assets(m, meta, g));
  TRY(graph_prune(g));
  return weights_load(m, g);
}

static status_t run_part(const saved_model_t *m, const meta_graph_t *meta,
                         const exec_services_t *services, int part, int *parts) {
  arena_t *arena = NULL;
  library_t *library = NULL;
  graph_t *g = NULL;
  executable_t *x = NULL;
  status_t st = meta_graph_graph(m, meta, &arena, &library, &g);
  if (!st) st = cut(m, meta, part, arena, g, parts);
  if (!st) st = executable_create(g, services, &x);
  if (!st) st = executable_run(x, NULL, NULL);
  executable_destroy(x);
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  return status_prefix(st, "%s: initialiser '%s'", saved_model_dir(m), meta->init_op);
}

status_t run_init_op(const saved_model_t *m, const meta_graph_t *meta,
                     const exec_services_t *services, char **undone) {
  *undone = NULL;
  if (!meta->init_op || !*meta->init_op) return NULL;
  int parts = 0;
  status_t st = run_part(m, meta, services, -1, &parts);
  if (status_code(st) != CODE_UNIMPLEMENTED) return st;
  *undone = mem_strdup(status_message(st));
  status_free(st);
  for (int i = 0; i < parts; i++) {
    st = run_part(m, meta, services, i, &parts);
    if (st && status_code(st) != CODE_UNIMPLEMENTED) return st;
    status_free(st);
  }
  return NULL;
}
