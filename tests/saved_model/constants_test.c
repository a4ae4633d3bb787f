// Where constants of nodes that stay native are when a model is written, and that the main graph
// loses what nothing needs any more.
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"
#include "graph/passes.h"
#include "saved_model/writer_internal.h"

static char scratch[64];

static int make(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_constants_XXXXXX");
  return mkdtemp(scratch) ? 0 : -1;
}

static int clean(void **state) {
  (void)state;
  status_free(file_remove_tree(scratch));
  return 0;
}

typedef struct example {
  corpus_t corpus;
  golden_t golden;
  saved_model_t *model;
  const meta_graph_t *meta;
} example_t;

static void open_example(example_t *x, char *name) {
  *x = (example_t){0};
  corpus_list(TESTS_DIR "/models/small", 1, &name, &x->corpus);
  golden_load(&x->corpus.v[0], &x->golden);
  assert_ok(saved_model_open(x->corpus.v[0].saved, &x->model));
  assert_ok(saved_model_find(x->model, NULL, 0, &x->meta));
}

static void close_example(example_t *x) {
  saved_model_close(x->model);
  golden_free(&x->golden);
  corpus_free(&x->corpus);
}

// The signature frozen and simplified, all of it native, written to scratch/name.
static char *write_native(example_t *x, const char *key, const char *name, size_t variable_bytes,
                          int64_t inline_bytes) {
  const signature_t *s;
  arena_t *arena;
  library_t *library;
  graph_t *g;
  saved_model_writer_t *w;
  char *target = file_join(scratch, name);
  saved_model_source_t source = {x->model, x->meta};
  variable_source_t variables = saved_model_variables(&source);
  assert_ok(meta_graph_signature(x->meta, key, &s));
  assert_ok(signature_graph(x->model, x->meta, s, &arena, &library, &g));
  assert_ok(graph_inline_calls(g));
  assert_ok(graph_freeze(g, &variables));
  assert_ok(graph_simplify(g));
  assert_ok(saved_model_writer_create(x->model, target, &w));
  w->variable_bytes = variable_bytes;
  w->inline_bytes = inline_bytes;
  assert_ok(saved_model_writer_signature(w, x->meta, s->key, g));
  assert_ok(saved_model_writer_finish(w));
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  return target;
}

typedef struct counts {
  int reads, stripped;
  size_t inlined;  // bytes of constants of 64 bytes or more
} counts_t;

// In the functions that the writer made.
static counts_t count(const char *dir) {
  saved_model_t *m;
  const meta_graph_t *meta;
  arena_t *arena;
  library_t *library;
  graph_t *g;
  counts_t c = {0};
  assert_ok(saved_model_open(dir, &m));
  assert_ok(saved_model_find(m, NULL, 0, &meta));
  assert_ok(meta_graph_graph(m, meta, &arena, &library, &g));
  size_t at = 0;
  const char *name;
  while (map_next(library->functions, &at, &name, NULL)) {
    graph_t *body;
    if (!strstr(name, "__inference_pruned")) continue;
    assert_ok(library_body(library, name, &body));
    for (int i = 0; i < body->n_nodes; i++) {
      const node_t *n = body->nodes[i];
      c.reads += strcmp(n->op, "ReadVariableOp") == 0;
      if (strcmp(n->op, "Const") != 0) continue;
      const tensor_t *t;
      assert_ok(attr_tensor(node_attr(n, "value"), &t));
      size_t bytes = dtype_is_plain(t->dtype) ? tensor_bytes(t) : 0;
      if (*node_string(n, WEIGHT_ATTR))
        c.stripped++;
      else if (bytes >= 64)
        c.inlined += bytes;
    }
  }
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  saved_model_close(m);
  return c;
}

static void runs_right(const example_t *x, const char *dir) {
  outcome_t o = {0};
  assert_ok(run_golden(&x->golden, dir, &o));
  assert_true(o.score.worst <= 1);
}

static void variables_are_read_again(void **state) {
  (void)state;
  example_t x;
  open_example(&x, "mnist_cnn");
  char *inlined = write_native(&x, "serving_default", "inlined", 1 << 20, 1 << 20);
  char *read = write_native(&x, "serving_default", "read", 64, 1 << 20);
  counts_t before = count(inlined), after = count(read);
  assert_int_equal(before.reads, 0);
  assert_true(before.inlined > 10000);
  assert_true(after.reads >= 3);
  assert_int_equal(after.stripped, 0);
  assert_true(after.inlined < 1000);
  runs_right(&x, inlined);
  runs_right(&x, read);
  mem_free(inlined);
  mem_free(read);
  close_example(&x);
}

// No variables: constants stay up to the bound, and go to the bundle beyond.
static void other_constants_are_bounded(void **state) {
  (void)state;
  example_t x;
  open_example(&x, "big_const");
  char *inlined = write_native(&x, "serving_default", "all_inline", 64, 1 << 20);
  char *some = write_native(&x, "serving_default", "some", 64, 4096);
  char *none = write_native(&x, "serving_default", "none", 64, 0);
  counts_t a = count(inlined), b = count(some), c = count(none);
  assert_int_equal(a.stripped, 0);
  assert_true(a.inlined > 250 * 1024);
  assert_true(b.stripped > 0 && b.inlined > 0 && b.inlined <= 4096);
  assert_true(c.stripped > b.stripped);
  assert_int_equal(c.inlined, 0);
  runs_right(&x, inlined);
  runs_right(&x, some);
  runs_right(&x, none);
  mem_free(inlined);
  mem_free(some);
  mem_free(none);
  close_example(&x);
}

static bool has_node(const char *dir, const char *op) {
  saved_model_t *m;
  const meta_graph_t *meta;
  arena_t *arena;
  library_t *library;
  graph_t *g;
  bool found = false;
  assert_ok(saved_model_open(dir, &m));
  assert_ok(saved_model_find(m, NULL, 0, &meta));
  assert_ok(meta_graph_graph(m, meta, &arena, &library, &g));
  for (int i = 0; i < g->n_nodes; i++) found |= strcmp(g->nodes[i]->op, op) == 0;
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  saved_model_close(m);
  return found;
}

// Two signatures of a TF1 graph: what both are made of stays until both are converted.
static void what_nothing_needs_goes(void **state) {
  (void)state;
  example_t x, y;
  open_example(&x, "v1_session");
  char *one = write_native(&x, "serving_default", "one", 1 << 20, 1 << 20);
  assert_true(has_node(x.corpus.v[0].saved, "Softmax"));
  assert_false(has_node(one, "Softmax"));
  assert_false(has_node(one, "ArgMax"));
  assert_true(has_node(one, "Conv2D"));
  runs_right(&x, one);
  // Once more, the other signature of what was written.
  y = x;
  assert_ok(saved_model_open(one, &y.model));
  assert_ok(saved_model_find(y.model, NULL, 0, &y.meta));
  char *both = write_native(&y, "logits_only", "both", 1 << 20, 1 << 20);
  saved_model_close(y.model);
  assert_false(has_node(both, "Conv2D"));
  assert_true(has_node(both, "VariableV2"));  // saving and restoring needs them
  assert_true(has_node(both, "Placeholder"));
  runs_right(&x, both);
  mem_free(one);
  mem_free(both);
  close_example(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(variables_are_read_again),
                                     cmocka_unit_test(other_constants_are_bounded),
                                     cmocka_unit_test(what_nothing_needs_goes)};
  return cmocka_run_group_tests(tests, make, clean);
}
