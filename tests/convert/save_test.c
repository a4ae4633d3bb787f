// Where converted models are written, and that nothing else is touched.
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"
#include "convert/state.h"
#include "saved_model/writer.h"

static char scratch[64];
static corpus_t corpus;
static const corpus_model_t *model;
static golden_t golden;

static int load(void **state) {
  (void)state;
  char *wanted[] = {"mnist_cnn"};
  strcpy(scratch, "/tmp/tftrt_save_XXXXXX");
  if (!mkdtemp(scratch)) return -1;
  corpus_list(TESTS_DIR "/models/small", 1, wanted, &corpus);
  model = &corpus.v[0];
  golden_load(model, &golden);
  return 0;
}

static int unload(void **state) {
  (void)state;
  golden_free(&golden);
  corpus_free(&corpus);
  status_free(file_remove_tree(scratch));
  return 0;
}

// The model there is right, and its one engine served all runs.
static void runs_with_engine(const char *dir) {
  model_t *m;
  score_t score = {0};
  engine_stats_t stats[2];
  assert_ok(open_with_tags(dir, "", true, &m));
  for (size_t i = 0; i < golden.cases.n; i++)
    assert_ok(run_case(m, &golden, &golden.cases.v[i], &score));
  assert_true(score.worst <= 1);
  assert_int_equal(model_engine_stats(m, stats, 2), 1);
  assert_int_equal(stats[0].hits, golden.cases.n);
  assert_int_equal(stats[0].builds, 0);
  model_close(m);
}

static void same_files(const char *a, const char *b) {
  char **names, **other;
  size_t n, n_other;
  assert_ok(file_list_dir(a, &names, &n));
  assert_ok(file_list_dir(b, &other, &n_other));
  assert_int_equal(n, n_other);
  for (size_t i = 0; i < n; i++) {
    assert_string_equal(names[i], other[i]);
    char *x = file_join(a, names[i]), *y = file_join(b, names[i]);
    file_map_t *p, *q;
    if (file_is_dir(x)) {
      same_files(x, y);
    } else {
      assert_ok(file_map_open(x, &p));
      assert_ok(file_map_open(y, &q));
      assert_int_equal(p->size, q->size);
      if (p->size) assert_memory_equal(p->data, q->data, p->size);
      file_map_unref(p);
      file_map_unref(q);
    }
    mem_free(x);
    mem_free(y);
    mem_free(names[i]);
    mem_free(other[i]);
  }
  mem_free(names);
  mem_free(other);
}

static converter_t *converted(const corpus_model_t *cm) {
  converter_t *c;
  assert_ok(
      converter_for(cm, &golden.cases.v[0], &(conversion_t){.maximum_cached_engines = 16}, &c));
  assert_ok(converter_convert(c, NULL));
  assert_ok(build_from(c, &golden.cases.v[0]));
  return c;
}

static void saves_twice(void **state) {
  (void)state;
  char *a = file_join(scratch, "a"), *b = file_join(scratch, "nested/not/there/b/");
  converter_t *c = converted(model);
  assert_ok(converter_save(c, a, true));
  assert_ok(converter_save(c, b, true));
  same_files(a, b);
  assert_ok(converter_save(c, a, true));  // over itself
  same_files(a, b);
  converter_destroy(c);
  runs_with_engine(a);
  mem_free(a);
  mem_free(b);
}

static void saves_over_its_source(void **state) {
  (void)state;
  char *a = file_join(scratch, "source"), *b = file_join(scratch, "other");
  saved_model_t *m;
  saved_model_writer_t *w;
  assert_ok(saved_model_open(model->saved, &m));
  assert_ok(saved_model_writer_create(m, a, &w));
  assert_ok(saved_model_writer_finish(w));
  saved_model_close(m);
  corpus_model_t copy = {.name = model->name, .saved = a, .dir = model->dir};
  converter_t *c = converted(&copy);
  assert_ok(converter_save(c, a, true));
  runs_with_engine(a);
  assert_ok(converter_save(c, b, true));  // its source is gone from disk, but not from memory
  same_files(a, b);
  converter_destroy(c);
  mem_free(a);
  mem_free(b);
}

// A model that is open goes on while another takes its place.
static void a_running_model_is_replaced(void **state) {
  (void)state;
  char *a = file_join(scratch, "running");
  model_t *m;
  score_t score = {0};
  converter_t *c = converted(model);
  assert_ok(converter_save(c, a, true));
  assert_ok(open_with_tags(a, "", true, &m));
  assert_ok(converter_save(c, a, false));
  for (size_t i = 0; i < golden.cases.n; i++)
    assert_ok(run_case(m, &golden, &golden.cases.v[i], &score));
  assert_true(score.worst <= 1);
  model_close(m);
  converter_destroy(c);
  mem_free(a);
}

// Without plans the first run builds.
static void engines_may_stay_out(void **state) {
  (void)state;
  char *a = file_join(scratch, "bare");
  model_t *m;
  score_t score = {0};
  engine_stats_t stats[2];
  converter_t *c = converted(model);
  assert_ok(converter_save(c, a, false));
  converter_destroy(c);
  assert_ok(open_with_tags(a, "", true, &m));
  for (size_t i = 0; i < golden.cases.n; i++)
    assert_ok(run_case(m, &golden, &golden.cases.v[i], &score));
  assert_true(score.worst <= 1);
  assert_int_equal(model_engine_stats(m, stats, 2), 1);
  assert_in_range(stats[0].builds, 1, golden.cases.n);
  assert_int_equal(stats[0].hits, golden.cases.n);
  assert_int_equal(stats[0].fallbacks, 0);
  model_close(m);
  mem_free(a);
}

// The TRTEngineOp in a saved model's function library.
static const node_t *saved_engine_node(library_t *l) {
  size_t at = 0;
  const char *name;
  while (map_next(l->functions, &at, &name, NULL)) {
    graph_t *body;
    assert_ok(library_body(l, name, &body));
    for (int i = 0; i < body->n_nodes; i++)
      if (strcmp(body->nodes[i]->op, "TRTEngineOp") == 0) return body->nodes[i];
  }
  fail_msg("there is no TRTEngineOp");
  return NULL;
}

// graph-format.md, section 6.
static void attributes_equal_to_the_ops_defaults_are_not_written(void **state) {
  (void)state;
  static const char *const absent[] = {"calibration_data",
                                       "profile_strategy",
                                       "use_explicit_precision",
                                       "segment_funcdef_name",
                                       "cached_engine_batches",
                                       "fixed_input_size",
                                       NULL};
  static const char *const present[] = {"static_engine",
                                        "serialized_segment",
                                        "max_batch_size",
                                        "use_calibration",
                                        "workspace_size_bytes",
                                        "precision_mode",
                                        "segment_func",
                                        "InT",
                                        "OutT",
                                        "input_shapes",
                                        "output_shapes",
                                        "_use_implicit_batch",
                                        "_allow_build_at_runtime",
                                        NULL};
  char *a = file_join(scratch, "defaults");
  converter_t *c = converted(model);
  assert_ok(converter_save(c, a, true));
  converter_destroy(c);
  saved_model_t *m;
  arena_t *arena;
  library_t *library;
  graph_t *g;
  assert_ok(saved_model_open(a, &m));
  assert_ok(meta_graph_graph(m, saved_model_meta_graph(m, 0), &arena, &library, &g));
  const node_t *n = saved_engine_node(library);
  for (int i = 0; absent[i]; i++)
    if (node_attr(n, absent[i])) fail_msg("%s is there", absent[i]);
  for (int i = 0; present[i]; i++)
    if (!node_attr(n, present[i])) fail_msg("%s is not there", present[i]);
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  saved_model_close(m);
  mem_free(a);
}

// A model that TF 2.0 converted: TRTEngineOp_0, and nothing of shapes, modes or strategies.
static void models_of_tf_2_0_without_shape_attributes_run(void **state) {
  (void)state;
  static const char *const later[] = {
      "input_shapes",           "output_shapes",           "_output_shapes",
      "_use_implicit_batch",    "_allow_build_at_runtime", "profile_strategy",
      "use_explicit_precision", "max_batch_size"};
  char *a = file_join(scratch, "tf_2_0");
  converter_t *c;
  assert_ok(converter_for(model, &golden.cases.v[0], &(conversion_t){0}, &c));
  assert_ok(converter_convert(c, NULL));
  assert_int_equal(c->engines.n, 1);
  node_t *n = c->engines.v[0].node;
  for (size_t i = 0; i < sizeof later / sizeof *later; i++) node_remove_attr(n, later[i]);
  graph_rename_node(c->graph, n, "TRTEngineOp_0");
  assert_ok(converter_save(c, a, true));
  converter_destroy(c);
  model_t *m;
  score_t score = {0};
  engine_stats_t stats[2];
  assert_ok(open_with_tags(a, "", true, &m));
  for (size_t i = 0; i < golden.cases.n; i++)
    assert_ok(run_case(m, &golden, &golden.cases.v[i], &score));
  assert_true(score.worst <= 1);
  assert_int_equal(model_engine_stats(m, stats, 2), 1);
  assert_string_equal(stats[0].name, "TRTEngineOp_0");
  if (!stats[0].builds) fail_msg("not built: %s", stats[0].last_fallback_reason);
  assert_true(stats[0].hits >= 1);
  model_close(m);
  mem_free(a);
}

static size_t entries(const char *dir) {
  char **names;
  size_t n;
  assert_ok(file_list_dir(dir, &names, &n));
  for (size_t i = 0; i < n; i++) mem_free(names[i]);
  mem_free(names);
  return n;
}

static void refuses_bad_targets(void **state) {
  (void)state;
  char *file = file_join(scratch, "file"), *below = file_join(file, "model"),
       *full = file_join(scratch, "full"), *letter = file_join(full, "letter.txt");
  converter_t *c = converted(model);
  assert_ok(file_write(file, "x", 1));
  assert_ok(file_make_dirs(full));
  assert_ok(file_write(letter, "dear", 4));
  size_t before = entries(scratch);
  assert_fails(converter_save(c, file, true), ALREADY_EXISTS, "/file is there and is no directory");
  assert_fails(converter_save(c, below, true), UNKNOWN, "cannot make directory");
  assert_fails(converter_save(c, full, true), ALREADY_EXISTS, "is no SavedModel");
  assert_fails(converter_save(c, "/proc/tftrt/model", true), NOT_FOUND, "/proc/tftrt");
  assert_fails(converter_save(c, "", true), INVALID_ARGUMENT, "name is empty");
  assert_int_equal(entries(scratch), before);  // and nothing is left aside
  assert_int_equal(entries(full), 1);
  assert_ok(file_remove_tree(letter));
  assert_ok(converter_save(c, full, true));  // an empty directory is as good as none
  runs_with_engine(full);
  converter_destroy(c);
  mem_free(file);
  mem_free(below);
  mem_free(full);
  mem_free(letter);
}

// Converting what is converted: native segments are converted anew, with the same results.
static void converts_again(void **state) {
  (void)state;
  char *a = file_join(scratch, "once"), *b = file_join(scratch, "twice");
  converter_t *c = converted(model);
  assert_ok(converter_save(c, a, true));
  converter_destroy(c);
  corpus_model_t once = {.name = model->name, .saved = a, .dir = model->dir};
  c = converted(&once);
  assert_ok(converter_save(c, b, true));
  converter_destroy(c);
  runs_with_engine(b);
  mem_free(a);
  mem_free(b);
}

// Signature after signature, and one set of tags after the other: all have engines in the end.
static void converts_one_after_the_other(void **state) {
  (void)state;
  static char *names[] = {"multi_sig", "multi_tags"};
  for (int i = 0; i < 2; i++) {
    corpus_t list = {0};
    golden_t g;
    corpus_list(TESTS_DIR "/models/small", 1, &names[i], &list);
    golden_load(&list.v[0], &g);
    char *dir = file_join(scratch, names[i]);
    corpus_model_t from = list.v[0];
    for (size_t k = 0; k < g.cases.n; k++) {
      if (!first_of_signature(&g, k)) continue;
      assert_ok(convert(&from, &g.cases.v[k], &(conversion_t){.maximum_cached_engines = 16}, dir));
      from.saved = dir;
    }
    outcome_t o = {0};
    assert_ok(run_golden(&g, dir, &o));
    assert_true(o.score.worst <= 1);
    assert_string_equal(o.native, "");
    // Of multi_sig, "decode" is too small for an engine, and has three cases.
    assert_int_equal(o.hits, i ? g.cases.n : g.cases.n - 3);
    mem_free(dir);
    golden_free(&g);
    corpus_free(&list);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(saves_twice),
      cmocka_unit_test(saves_over_its_source),
      cmocka_unit_test(engines_may_stay_out),
      cmocka_unit_test(a_running_model_is_replaced),
      cmocka_unit_test(attributes_equal_to_the_ops_defaults_are_not_written),
      cmocka_unit_test(models_of_tf_2_0_without_shape_attributes_run),
      cmocka_unit_test(refuses_bad_targets),
      cmocka_unit_test(converts_again),
      cmocka_unit_test(converts_one_after_the_other)};
  return cmocka_run_group_tests(tests, load, unload);
}
