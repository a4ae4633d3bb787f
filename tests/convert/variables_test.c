// Conversions that leave variables as they are (TF-TRT's experimental feature
// disable_graph_freezing). That their results are TensorFlow's, for every model of the corpus, is
// models_test's: modes "variables" and "tf-trt vars".
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"
#include "convert/state.h"

static char scratch[64];

static int load(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_variables_XXXXXX");
  return mkdtemp(scratch) ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  status_free(file_remove_tree(scratch));
  return 0;
}

typedef struct subject {
  corpus_t corpus;
  const corpus_model_t *cm;
  golden_t golden;
  char *saved, *again;
} subject_t;

static subject_t subject(const char *folder, const char *name) {
  subject_t s = {.saved = file_join(scratch, "saved"), .again = file_join(scratch, "again")};
  corpus_list(folder, 1, (char **)(uintptr_t)&name, &s.corpus);
  s.cm = corpus_model(&s.corpus, name);
  golden_load(s.cm, &s.golden);
  return s;
}

static void done(subject_t *s) {
  status_free(file_remove_tree(s->saved));
  status_free(file_remove_tree(s->again));
  mem_free(s->saved);
  mem_free(s->again);
  golden_free(&s->golden);
  corpus_free(&s->corpus);
}

static const conversion_t kept = {.dynamic_shape = true,
                                  .keep_variables = true,
                                  .op_set = OP_SET_TF_TRT,
                                  .minimum_segment_size = 2};

static void assert_right(const subject_t *s, const char *dir, bool by_engines) {
  outcome_t o = {0};
  assert_ok(run_golden(&s->golden, dir, &o));
  if (o.score.worst > 1) fail_msg("%s differs by %.3g at %s", dir, o.score.worst, o.score.where);
  assert_true(o.runs > 0);
  if (by_engines && o.hits != o.runs) fail_msg("ran natively: %s", o.native);
}

// What real TF-TRT 2.17.1 puts into the segment (../shared/oracle, FP32, dynamic shapes, minimum
// segment size 2, TF_TRT_EXPERIMENTAL_FEATURES=disable_graph_freezing).
static const char *const V1_SESSION[] = {"net/BiasAdd",
                                         "net/FusedBatchNormV3",
                                         "net/MaxPool",
                                         "net/Relu",
                                         "net/Reshape",
                                         "net/Reshape/shape",
                                         "net/b",
                                         "net/b/read",
                                         "net/bb",
                                         "net/bb/read",
                                         "net/beta",
                                         "net/beta/read",
                                         "net/conv",
                                         "net/gamma",
                                         "net/gamma/read",
                                         "net/k",
                                         "net/k/read",
                                         "net/logits",
                                         "net/mean",
                                         "net/mean/read",
                                         "net/logits/MatMul",
                                         "net/var",
                                         "net/var/read",
                                         "net/w",
                                         "net/w/read",
                                         NULL};
static const char *const READ_VARIABLES[] = {
    "StatefulPartitionedCall/add", "StatefulPartitionedCall/add/ReadVariableOp",
    "StatefulPartitionedCall/mul", "StatefulPartitionedCall/mul/ReadVariableOp", NULL};

static void assert_segment(const char *folder, const char *name, const char *const *nodes,
                           int n_inputs) {
  subject_t s = subject(folder, name);
  converter_t *c;
  size_t at = 0;
  while (strcmp(s.golden.cases.v[at].signature, "serving_default") != 0) at++;
  assert_ok(converter_for(s.cm, &s.golden.cases.v[at], &kept, &c));
  assert_ok(converter_convert(c, NULL));
  assert_int_equal(c->engines.n, 1);
  const graph_t *body = c->engines.v[0].function->body;
  int count = 0;
  for (; nodes[count]; count++)
    if (!graph_find(body, nodes[count])) fail_msg("%s has no %s", name, nodes[count]);
  assert_int_equal(body->n_nodes - body->n_args, count);
  // Beside TF-TRT's inputs there are the variables' values, the last ones.
  const attr_value_t *variables = node_attr(c->engines.v[0].node, "_tftrt_variables");
  assert_non_null(variables);
  assert_int_equal(c->engines.v[0].node->n_in - (int)variables->n_list, n_inputs);
  converter_destroy(c);
  done(&s);
}

static void segments_are_tf_trts(void **state) {
  (void)state;
  assert_segment(TESTS_DIR "/models/small", "v1_session", V1_SESSION, 1);
  assert_segment(TESTS_DIR "/models/tf_trt_tests", "read_variables", READ_VARIABLES, 3);
}

static const char *const WITH_VARIABLES[][2] = {
    {TESTS_DIR "/models/small", "v1_session"},
    {TESTS_DIR "/models/small", "mnist_cnn"},
    {TESTS_DIR "/models/tf_trt_tests", "read_variables"}};
enum { N_MODELS = sizeof WITH_VARIABLES / sizeof *WITH_VARIABLES };

static void engines_are_built_by_runs(void **state) {
  (void)state;
  for (int i = 0; i < N_MODELS; i++) {
    subject_t s = subject(WITH_VARIABLES[i][0], WITH_VARIABLES[i][1]);
    conversion_t how = kept;
    how.profile_strategy = "Range";
    converter_t *c;
    assert_ok(converter_for(s.cm, &s.golden.cases.v[0], &how, &c));
    assert_ok(converter_convert(c, NULL));
    assert_ok(converter_save(c, s.saved, true));
    converter_destroy(c);
    outcome_t o = {0};
    assert_ok(run_golden_as(&s.golden, s.saved, FALLBACK_BUILD, &o));
    assert_true(o.score.worst <= 1);
    assert_true(o.hits > 0 && o.hits == o.runs);
    done(&s);
  }
}

// Engines are added to the saved model, which holds the variables' values as they were.
static void engines_are_added_later(void **state) {
  (void)state;
  for (int i = 0; i < N_MODELS; i++) {
    subject_t s = subject(WITH_VARIABLES[i][0], WITH_VARIABLES[i][1]);
    converter_t *c;
    assert_ok(converter_for(s.cm, &s.golden.cases.v[0], &kept, &c));
    assert_ok(converter_convert(c, NULL));
    assert_ok(converter_save(c, s.saved, true));
    converter_destroy(c);
    corpus_model_t converted = *s.cm;
    converted.saved = s.saved;
    assert_ok(converter_for(&converted, &s.golden.cases.v[0], &kept, &c));
    assert_ok(converter_reopen(c));
    assert_ok(build_from(c, &s.golden.cases.v[0]));
    assert_ok(converter_save(c, s.again, true));
    converter_destroy(c);
    assert_right(&s, s.again, true);
    done(&s);
  }
}

// Once more, with variables or without: native segments take their places again first.
static void converted_models_are_converted_again(void **state) {
  (void)state;
  for (int i = 0; i < 2 * N_MODELS; i++) {
    subject_t s = subject(WITH_VARIABLES[i / 2][0], WITH_VARIABLES[i / 2][1]);
    assert_ok(convert(s.cm, &s.golden.cases.v[0], &kept, s.saved));
    assert_right(&s, s.saved, true);
    corpus_model_t converted = *s.cm;
    converted.saved = s.saved;
    conversion_t how = kept;
    how.keep_variables = i % 2;
    assert_ok(convert(&converted, &s.golden.cases.v[0], &how, s.again));
    assert_right(&s, s.again, true);
    done(&s);
  }
}

// tf_trt_saved is what real TF-TRT 2.17.1 made of the model, with its variables: it runs natively,
// and gets engines when it is converted here.
static void models_of_tf_trt(void **state) {
  (void)state;
  subject_t s = subject(TESTS_DIR "/models/tf_trt_tests", "read_variables");
  char *theirs = file_join(s.cm->dir, "tf_trt_saved");
  assert_right(&s, theirs, false);
  corpus_model_t converted = *s.cm;
  converted.saved = theirs;
  for (int keep = 0; keep < 2; keep++) {
    conversion_t how = kept;
    how.keep_variables = keep;
    assert_ok(convert(&converted, &s.golden.cases.v[0], &how, s.saved));
    assert_right(&s, s.saved, true);
    assert_ok(file_remove_tree(s.saved));
  }
  mem_free(theirs);
  done(&s);
}

static int64_t variable_bytes(const char *dir) {
  char *path = file_join(dir, "variables/variables.data-00000-of-00001");
  file_map_t *map;
  assert_ok(file_map_open(path, &map));
  int64_t size = (int64_t)map->size;
  file_map_unref(map);
  mem_free(path);
  return size;
}

// Of a model without native segments engines alone can serve: they do as long as variables are what
// they were.
static void engines_serve_without_native_segments(void **state) {
  (void)state;
  subject_t s = subject(TESTS_DIR "/models/tf_trt_tests", "read_variables");
  setenv("TF_TRT_EXPERIMENTAL_FEATURES", "remove_native_segments", 1);
  assert_ok(convert(s.cm, &s.golden.cases.v[0], &kept, s.saved));
  unsetenv("TF_TRT_EXPERIMENTAL_FEATURES");
  assert_right(&s, s.saved, true);
  done(&s);
}

// The engines' weights are the variables: their bytes are there once.
static void weights_are_on_disk_once(void **state) {
  (void)state;
  subject_t s = subject(TESTS_DIR "/models/small", "mnist_cnn");
  assert_ok(convert(s.cm, &s.golden.cases.v[0], &kept, s.saved));
  int64_t before = variable_bytes(s.cm->saved), after = variable_bytes(s.saved);
  if (after > before + before / 10)
    fail_msg("%lld bytes of variables became %lld", (long long)before, (long long)after);
  done(&s);
}

// A variable that a signature assigns is no engine's.
static void what_is_assigned_stays_out(void **state) {
  (void)state;
  subject_t s = subject(TESTS_DIR "/models/small", "stateful_pair");
  converter_t *c;
  assert_ok(converter_for(s.cm, &s.golden.cases.v[0], &kept, &c));
  assert_ok(converter_convert(c, NULL));
  for (int i = 0; i < c->graph->n_nodes; i++)
    assert_true(tensor_empty(&c->graph->nodes[i]->pinned));
  converter_destroy(c);
  done(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(segments_are_tf_trts),
      cmocka_unit_test(engines_are_built_by_runs),
      cmocka_unit_test(engines_are_added_later),
      cmocka_unit_test(converted_models_are_converted_again),
      cmocka_unit_test(models_of_tf_trt),
      cmocka_unit_test(engines_serve_without_native_segments),
      cmocka_unit_test(weights_are_on_disk_once),
      cmocka_unit_test(what_is_assigned_stays_out),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
