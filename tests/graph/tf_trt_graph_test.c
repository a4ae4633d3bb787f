// Compares the graph that we make of a model with the one that real TF-TRT 2.17.1 segmented: node
// names and ops, without Const, Identity and NoOp, which no engine is made of. With arguments,
// shows the differences:
//   tf_trt_graph_test MODELS_DIR JSON_DIR [model ...]
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/map.h"
#include "graph/passes.h"
#include "saved_model/saved_model.h"
#include "test.h"

// Models whose graphs are the same, of those that TF-TRT converts: a floor that may only rise.
enum { EXPECTED_EQUAL = 40 };

static bool counts(const char *op) {
  return strcmp(op, "Const") != 0 && strcmp(op, "Identity") != 0 && strcmp(op, "NoOp") != 0;
}

// The names and ops below "nodes" and "rest" of an oracle's JSON (one entry a line, keys sorted).
static map_t *read_oracle(const char *path) {
  FILE *f = fopen(path, "r");
  if (!f) return NULL;
  map_t *nodes = map_create();
  char line[4096], name[2048], op[256];
  bool inside = false;
  while (fgets(line, sizeof line, f)) {
    if (strstr(line, "\"error\":")) {
      map_destroy(nodes);
      fclose(f);
      return NULL;
    }
    if (strstr(line, "\"nodes\": {") || strstr(line, "\"rest\": {")) {
      inside = true;
    } else if (inside && strchr(line, '}')) {
      inside = false;
    } else if (inside && sscanf(line, " \"%2047[^\"]\": \"%255[^\"]\"", name, op) == 2 &&
               counts(op) && strncmp(name, "unused_control_flow_input", 25) != 0) {
      map_put(nodes, name, strdup(op));
    }
  }
  fclose(f);
  return nodes;
}

static void forget(map_t *m) {
  size_t i = 0;
  void *v;
  while (map_next(m, &i, NULL, &v)) free(v);
  map_destroy(m);
}

static status_t prepare(const char *dir, saved_model_t **m, arena_t **arena, library_t **library,
                        graph_t **g) {
  const meta_graph_t *meta;
  const signature_t *s;
  TRY(saved_model_open(dir, m));
  TRY(saved_model_find(*m, NULL, 0, &meta));
  TRY(meta_graph_signature(meta, NULL, &s));
  TRY(signature_graph(*m, meta, s, arena, library, g));
  saved_model_source_t source = {*m, meta};
  variable_source_t variables = saved_model_variables(&source);
  TRY(graph_unwrap_signature(*g));
  TRY(graph_lower_control_flow(*g, NULL));
  TRY(graph_freeze(*g, &variables));
  (*g)->n_control_rets = 0;
  return graph_simplify_tf_trt(*g);
}

// How many nodes too many or too few there are of any op, whatever their names.
static int compare_ops(const graph_t *g, map_t *want) {
  map_t *ops = map_create();
  size_t i = 0;
  const char *op;
  void *v;
  while (map_next(want, &i, NULL, &v)) map_put(ops, v, (void *)((intptr_t)map_get(ops, v) + 1));
  for (int k = 0; k < g->n_nodes; k++)
    if (counts(g->nodes[k]->op))
      map_put(ops, g->nodes[k]->op, (void *)((intptr_t)map_get(ops, g->nodes[k]->op) - 1));
  int bad = 0;
  for (i = 0; map_next(ops, &i, &op, &v);) bad += abs((int)(intptr_t)v);
  map_destroy(ops);
  return bad;
}

// How many nodes differ.
static int compare(const graph_t *g, map_t *want, bool show) {
  int bad = 0;
  size_t i = 0;
  const char *name;
  void *op;
  while (map_next(want, &i, &name, &op)) {
    const node_t *n = graph_find(g, name);
    if (n && strcmp(n->op, op) == 0) continue;
    bad++;
    if (show) printf("  %-12s %s (theirs %s)\n", n ? n->op : "missing", name, (char *)op);
  }
  for (int k = 0; k < g->n_nodes; k++) {
    const node_t *n = g->nodes[k];
    if (!counts(n->op) || map_has(want, n->name)) continue;
    bad++;
    if (show) printf("  %-12s %s (theirs none)\n", n->op, n->name);
  }
  return bad;
}

// The numbers of differing nodes and ops; -1 when the oracle refused the model, -2 when we did.
static int check(const char *models, const char *jsons, const char *name, bool show, int *ops) {
  char *dir = mem_printf("%s/%s/saved_model", models, name);
  char *json = mem_printf("%s/%s.fp32-dynamic.json", jsons, name);
  map_t *want = read_oracle(json);
  int bad = -1;
  if (want) {
    saved_model_t *m = NULL;
    arena_t *arena = NULL;
    library_t *library = NULL;
    graph_t *g = NULL;
    status_t st = prepare(dir, &m, &arena, &library, &g);
    bad = st ? -2 : compare(g, want, show);
    *ops = st ? -2 : compare_ops(g, want);
    if (st) printf("%s: %s\n", name, status_message(st));
    status_free(st);
    graph_destroy(g);
    library_destroy(library);
    arena_destroy(arena);
    saved_model_close(m);
    forget(want);
  }
  mem_free(dir);
  mem_free(json);
  return bad;
}

static void graphs_equal_tf_trts(void **state) {
  (void)state;
  char **names;
  size_t n;
  int equal = 0, all = 0, ops = 0;
  assert_ok(file_list_dir(TESTS_DIR "/models/small", &names, &n));
  for (size_t i = 0; i < n; i++) {
    char *dir = mem_printf("%s/models/small/%s", TESTS_DIR, names[i]);
    if (file_is_dir(dir)) {
      int bad = check(TESTS_DIR "/models/small", TESTS_DIR "/models/tf-trt", names[i], false, &ops);
      all += bad != -1;
      equal += bad != -1 && ops == 0;
      if (bad > 0) print_message("%s: %d nodes differ, %d ops\n", names[i], bad, ops);
    }
    mem_free(dir);
    mem_free(names[i]);
  }
  mem_free(names);
  print_message("%d of %d graphs equal TF-TRT's\n", equal, all);
  assert_true(all > 40);
  assert_true(equal >= EXPECTED_EQUAL);
}

// Our own pipeline runs on every model, keeps arguments and results, and comes to rest: a second
// time changes nothing.
static void simplify_rests(const char *name) {
  char *dir = mem_printf("%s/models/small/%s/saved_model", TESTS_DIR, name);
  saved_model_t *m;
  const meta_graph_t *meta;
  assert_ok(saved_model_open(dir, &m));
  assert_ok(saved_model_find(m, NULL, 0, &meta));
  for (int i = 0; i < meta->n_signatures; i++) {
    const signature_t *s = &meta->signatures[i];
    if (!s->n_outputs || strcmp(s->key, "__saved_model_init_op") == 0) continue;
    arena_t *arena;
    library_t *library;
    graph_t *g;
    assert_ok(signature_graph(m, meta, s, &arena, &library, &g));
    saved_model_source_t source = {m, meta};
    variable_source_t variables = saved_model_variables(&source);
    assert_ok(graph_inline_calls(g));
    assert_ok(graph_freeze(g, &variables));
    assert_ok(graph_simplify(g));
    int nodes = g->n_nodes;
    assert_ok(graph_simplify(g));
    if (g->n_nodes != nodes) fail_msg("%s/%s: %d nodes, then %d", name, s->key, nodes, g->n_nodes);
    assert_int_equal(g->n_args, s->n_inputs);
    assert_int_equal(g->n_rets, s->n_outputs);
    for (int k = 0; k < g->n_args; k++)
      assert_ptr_equal(graph_find(g, g->args[k]->name), g->args[k]);
    for (int k = 0; k < g->n_rets; k++) {
      const node_t *n = g->rets[k].src;
      assert_ptr_equal(graph_find(g, n->name), n);
      if (!shape_compatible(&n->out_shape[g->rets[k].port], &s->outputs[k].shape))
        fail_msg("%s/%s: result %s has another shape", name, s->key, s->outputs[k].key);
    }
    graph_destroy(g);
    library_destroy(library);
    arena_destroy(arena);
  }
  saved_model_close(m);
  mem_free(dir);
}

static void every_model_simplifies(void **state) {
  (void)state;
  char **names;
  size_t n;
  assert_ok(file_list_dir(TESTS_DIR "/models/small", &names, &n));
  for (size_t i = 0; i < n; i++) {
    char *dir = mem_printf("%s/models/small/%s", TESTS_DIR, names[i]);
    if (file_is_dir(dir)) simplify_rests(names[i]);
    mem_free(dir);
    mem_free(names[i]);
  }
  mem_free(names);
}

int main(int argc, char **argv) {
  if (argc > 2) {
    char **names = argv + 3;
    size_t n = (size_t)argc - 3;
    if (!n && file_list_dir(argv[1], &names, &n)) return 1;
    for (size_t i = 0; i < n; i++) {
      int ops = 0, bad = check(argv[1], argv[2], names[i], argc > 3, &ops);
      printf("%s: nodes %d ops %d\n", names[i], bad, ops);
    }
    return 0;
  }
  const struct CMUnitTest tests[] = {cmocka_unit_test(graphs_equal_tf_trts),
                                     cmocka_unit_test(every_model_simplifies)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
