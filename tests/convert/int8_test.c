// INT8: the converter's states, messages and tables (the page, and converter-api.md 4.2, 5, 6).
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"
#include "convert/state.h"
#include "runtime/segment_build.h"

static char scratch[64];
static corpus_t corpus;

static int load(void **state) {
  (void)state;
  char *wanted[] = {"mnist_cnn", "densenet_tiny_fixed4", "qat_cnn",
                    "qdq_mlp",   "resnet_tiny",          "cond_case"};
  strcpy(scratch, "/tmp/tftrt_int8_XXXXXX");
  if (!mkdtemp(scratch)) return -1;
  corpus_list(TESTS_DIR "/models/small", 6, wanted, &corpus);
  return corpus.n == 6 ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  corpus_free(&corpus);
  status_free(file_remove_tree(scratch));
  return 0;
}

// All cases of a model, one after the other; or none.
typedef struct feed {
  const converter_t *c;
  const golden_t *g;
  size_t next, most;
  inputs_t in;
  float poison;  // goes into the first element when it is not 0
} feed_t;

static status_t next_case(void *self, const tensor_t **inputs, bool *end) {
  feed_t *f = self;
  *end = f->next >= f->g->cases.n || f->next >= f->most;
  if (*end) return NULL;
  read_inputs(&f->g->cases.v[f->next++], converter_signature(f->c, 0), &f->in);
  if (f->poison != 0) TENSOR_DATA(float, &f->in.v[0])[0] = f->poison;
  *inputs = f->in.v;
  return NULL;
}

typedef struct setup {
  golden_t golden;
  converter_t *c;
  feed_t feed;
  input_source_t source;
} setup_t;

static converter_options_t options(const char *model) {
  return (converter_options_t){.struct_size = sizeof(converter_options_t),
                               .dir = corpus_model(&corpus, model)->saved,
                               .precision_mode = "INT8",
                               .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                               .minimum_segment_size = 3,
                               .maximum_cached_engines = 1,
                               .use_calibration = true,
                               .allow_build_at_runtime = true,
                               .rule_tactics = true,
                               .threads = 2};
}

static setup_t start(const char *model, const converter_options_t *o) {
  setup_t s = {0};
  golden_load(corpus_model(&corpus, model), &s.golden);
  assert_ok(converter_create(o, &s.c));
  return s;
}

static const input_source_t *feed(setup_t *s) {
  s->feed.c = s->c;
  s->feed.g = &s->golden;
  if (!s->feed.most) s->feed.most = 100;
  s->source = (input_source_t){next_case, &s->feed};
  return &s->source;
}

static void finish(setup_t *s) {
  converter_destroy(s->c);
  free_inputs(&s->feed.in);
  golden_free(&s->golden);
}

static void fails(status_t st, code_t code, const char *message) {
  assert_non_null(st);
  if (status_code(st) != code || !strstr(status_message(st), message))
    fail_msg("%s: %s", code_name(status_code(st)), status_message(st));
  status_free(st);
}

static const char *table_of(const converter_t *c, size_t i) {
  return node_string(c->engines.v[i].node, "calibration_data");
}

static void the_argument_must_fit(void **state) {
  (void)state;
  converter_options_t o = options("mnist_cnn");
  setup_t s = start("mnist_cnn", &o);
  fails(converter_convert(s.c, NULL), CODE_INVALID_ARGUMENT,
        "Should specify calibration_input_fn because INT8 calibration is needed");
  finish(&s);
  o.precision_mode = "FP32";
  s = start("mnist_cnn", &o);
  fails(converter_convert(s.c, feed(&s)), CODE_INVALID_ARGUMENT,
        "Should not specify calibration_input_fn because INT8 calibration is not needed");
  finish(&s);
  o = options("mnist_cnn");
  o.use_calibration = false;
  s = start("mnist_cnn", &o);
  fails(converter_convert(s.c, feed(&s)), CODE_INVALID_ARGUMENT, "Should not specify");
  finish(&s);
  o = options("mnist_cnn");
  o.calibrator = "guess";
  fails(converter_create(&o, &s.c), CODE_INVALID_ARGUMENT, "calibrator 'guess' is not known");
}

static void implicit_mode_calibrates_and_builds_in_convert(void **state) {
  (void)state;
  converter_options_t o = options("mnist_cnn");
  setup_t s = start("mnist_cnn", &o);
  assert_ok(converter_convert(s.c, feed(&s)));
  assert_int_equal(s.feed.next, s.golden.cases.n);
  assert_int_equal(s.c->engines.n, 1);
  const engine_node_t *e = &s.c->engines.v[0];
  assert_true(node_bool(e->node, "use_calibration", false));
  assert_string_equal(node_string(e->node, "precision_mode"), "INT8");
  const char *table = table_of(s.c, 0);
  assert_int_equal(strncmp(table, "TRT-8601-EntropyCalibration2\nTensorRTInputPH_0: 3", 49), 0);
  assert_int_equal(e->built.n, 1);  // "one TRT engine will be generated" for the calibration shape
  // It can be saved without build(), and what is saved has table and engine.
  char *dir = file_join(scratch, "implicit");
  assert_ok(converter_save(s.c, dir, true));
  outcome_t out = {0};
  assert_ok(run_golden(&s.golden, dir, &out));
  assert_int_equal(out.engines, 1);
  // Without the engine, the first run builds it from the table.
  assert_ok(converter_save(s.c, dir, false));
  model_t *m;
  engine_stats_t stats[2];
  score_t score = {0};
  assert_ok(open_with_tags(dir, "", true, &m));
  assert_ok(run_case(m, &s.golden, &s.golden.cases.v[0], &score));
  assert_int_equal(model_engine_stats(m, stats, 2), 1);
  assert_int_equal(stats[0].builds, 1);
  assert_int_equal(stats[0].fallbacks, 0);
  model_close(m);
  mem_free(dir);
  finish(&s);
}

// Engines in branches that the calibration inputs do not take: said, and they run natively.
static void engines_that_calibration_did_not_reach_are_warned_about(void **state) {
  (void)state;
  converter_options_t o = options("cond_case");
  o.op_set = OP_SET_TF_TRT;
  o.minimum_segment_size = 1;
  setup_t s = start("cond_case", &o);
  s.feed.most = 1;
  assert_ok(converter_convert(s.c, feed(&s)));
  int warned = 0, without = 0;
  for (size_t i = 0; i < s.c->engines.n; i++) {
    char *want = mem_printf("Warning calibration error for %s: none of the calibration inputs",
                            s.c->engines.v[i].node->name);
    for (int k = 0; k < converter_n_warnings(s.c); k++)
      warned += strstr(converter_warning(s.c, k), want) != NULL;
    mem_free(want);
    without += *table_of(s.c, i) == 0;
  }
  assert_true(warned > 0 && warned < (int)s.c->engines.n);
  assert_int_equal(warned, without);
  char *dir = file_join(scratch, "unreached");
  assert_ok(converter_save(s.c, dir, true));
  model_t *m;
  score_t score = {0};
  assert_ok(open_with_tags(dir, "", true, &m));
  for (size_t i = 0; i < s.golden.cases.n; i++)  // the other branches too
    assert_ok(run_case(m, &s.golden, &s.golden.cases.v[i], &score));
  model_close(m);
  mem_free(dir);
  finish(&s);
}

static void dynamic_mode_calibrates_in_build(void **state) {
  (void)state;
  converter_options_t o = options("mnist_cnn");
  o.dynamic_shape = true;
  setup_t s = start("mnist_cnn", &o);
  assert_ok(converter_convert(s.c, feed(&s)));
  assert_int_equal(s.feed.next, 0);
  assert_string_equal(table_of(s.c, 0), "");
  char *dir = file_join(scratch, "dynamic");
  fails(converter_save(s.c, dir, true), CODE_FAILED_PRECONDITION,
        "A model that requires INT8 calibration has to be built before saving it. Call build() to "
        "build and calibrate the TensorRT engines.");
  assert_ok(build_from(s.c, &s.golden.cases.v[0]));
  assert_int_equal(s.feed.next, s.golden.cases.n);
  assert_int_equal(strncmp(table_of(s.c, 0), "TRT-", 4), 0);
  assert_int_equal(s.c->engines.v[0].built.n, 1);
  assert_ok(converter_save(s.c, dir, true));
  mem_free(dir);
  finish(&s);
}

// The page: "(or if the graph has static input shapes) then we run calibration and build the
// calibrated engine during conversion". TF 2.17 never did in dynamic shape mode.
static void static_shapes_calibrate_in_convert(void **state) {
  (void)state;
  for (int compat = 0; compat < 2; compat++) {
    converter_options_t o = options("densenet_tiny_fixed4");
    o.dynamic_shape = true;
    o.compat_2_17 = compat;
    setup_t s = start("densenet_tiny_fixed4", &o);
    assert_ok(converter_convert(s.c, feed(&s)));
    assert_true(s.c->engines.n > 0);
    assert_int_equal(strncmp(table_of(s.c, 0), "TRT-", 4) == 0, !compat);
    assert_int_equal(s.c->engines.v[0].built.n, !compat);
    finish(&s);
  }
}

static void tables_are_files_too(void **state) {
  (void)state;
  char *file = file_join(scratch, "table.txt");
  converter_options_t o = options("mnist_cnn");
  o.calibration_table = file;
  setup_t s = start("mnist_cnn", &o), again;
  fails(converter_convert(s.c, NULL), CODE_NOT_FOUND, "table.txt");
  finish(&s);
  s = start("mnist_cnn", &o);
  assert_ok(converter_convert(s.c, feed(&s)));
  again = start("mnist_cnn", &o);
  assert_ok(converter_convert(again.c, NULL));
  assert_string_equal(table_of(again.c, 0), table_of(s.c, 0));
  assert_ok(build_from(again.c, &again.golden.cases.v[0]));
  assert_int_equal(again.c->engines.v[0].built.n, 1);
  finish(&s);
  finish(&again);
  // A table of another model: the tensors without a range are named.
  static const char other[] = "TRT-8601-EntropyCalibration2\nsomething: 3c010204\n";
  assert_ok(file_write(file, other, strlen(other)));
  s = start("mnist_cnn", &o);
  assert_ok(converter_convert(s.c, NULL));
  fails(build_from(s.c, &s.golden.cases.v[0]), CODE_FAILED_PRECONDITION, "there is none for '");
  finish(&s);
  assert_ok(file_write(file, "nonsense\n", 9));
  s = start("mnist_cnn", &o);
  fails(converter_convert(s.c, NULL), CODE_INVALID_ARGUMENT, "table.txt is no calibration table");
  finish(&s);
  mem_free(file);
}

static void every_calibrator(void **state) {
  (void)state;
  static const char *const names[] = {"entropy", "minmax", "percentile", "mse"};
  char *tables[4];
  for (int i = 0; i < 4; i++) {
    converter_options_t o = options("densenet_tiny_fixed4");
    o.calibrator = names[i];
    setup_t s = start("densenet_tiny_fixed4", &o);
    assert_ok(converter_convert(s.c, feed(&s)));
    tables[i] = mem_strdup(table_of(s.c, 0));
    assert_true(!i || strcmp(tables[i], tables[0]) != 0);
    finish(&s);
  }
  for (int i = 0; i < 4; i++) mem_free(tables[i]);
}

static void bad_sources(void **state) {
  (void)state;
  converter_options_t o = options("mnist_cnn");
  golden_t none = {0};
  setup_t s = start("mnist_cnn", &o);
  feed(&s);
  s.feed.g = &none;
  fails(converter_convert(s.c, &s.source), CODE_INVALID_ARGUMENT,
        "calibration_input_fn gave no inputs");
  finish(&s);
  const float poisons[] = {NAN, INFINITY};
  for (int i = 0; i < 2; i++) {
    s = start("mnist_cnn", &o);
    s.feed.poison = poisons[i];
    fails(converter_convert(s.c, feed(&s)), CODE_INVALID_ARGUMENT,
          "inputs 1: tensor 'TensorRTInputPH_0' has a value that is NaN or infinite");
    finish(&s);
  }
}

// The page: "quantization nodes will be expected for every tensor ... If a range is missing, an
// error will occur". TF 2.17 made FP16 engines instead.
static void without_calibration_ranges_must_be_there(void **state) {
  (void)state;
  converter_options_t o = options("mnist_cnn");
  o.use_calibration = false;
  setup_t s = start("mnist_cnn", &o);
  fails(converter_convert(s.c, NULL), CODE_FAILED_PRECONDITION, "there is none for '");
  finish(&s);
  o.compat_2_17 = true;
  s = start("mnist_cnn", &o);
  assert_ok(converter_convert(s.c, NULL));
  const node_t *n = s.c->engines.v[0].node;
  assert_string_equal(node_string(n, "precision_mode"), "FP16");
  assert_false(node_bool(n, "use_calibration", true));
  assert_string_equal(converter_warning(s.c, 0),
                      "Set engine precision to FP16 due to missing QDQ OP");
  finish(&s);
}

// How far calibrated engines are from float: relative error of all outputs (L2). The networks have
// random weights, which makes the most of noise; trained ones come much nearer.
static double relative_error(const golden_t *g, const char *dir) {
  model_t *m;
  const signature_t *s;
  double difference = 0, size = 0;
  assert_ok(open_with_tags(dir, "", true, &m));
  assert_ok(meta_graph_signature(model_meta_graph(m), "serving_default", &s));
  for (size_t i = 0; i < g->cases.n; i++) {
    if (strcmp(g->cases.v[i].signature, s->key) != 0) continue;
    npz_t z = npz_open(g->cases.v[i].path);
    tensor_t in[8] = {{0}}, out[8] = {{0}};
    for (int k = 0; k < s->n_inputs; k++) in[k] = input_array(&z, &s->inputs[k]);
    assert_ok(model_run(m, s->key, in, out));
    for (int k = 0; k < s->n_outputs; k++) {
      tensor_t want = npz_get(&z, "out.", s->outputs[k].key, s->outputs[k].dtype);
      for (int64_t at = 0; at < tensor_elements(&want); at++) {
        double a = tensor_number_at(&want, at), b = tensor_number_at(&out[k], at);
        difference += (a - b) * (a - b);
        size += a * a;
      }
      tensor_unref(&want);
      tensor_unref(&out[k]);
    }
    for (int k = 0; k < s->n_inputs; k++) tensor_unref(&in[k]);
    npz_close(&z);
  }
  model_close(m);
  return sqrt(difference / size);
}

static void calibrated_engines_are_near(void **state) {
  (void)state;
  static const char *const models[] = {"mnist_cnn", "resnet_tiny", "densenet_tiny_fixed4"};
  static const char *const how[] = {"entropy", "minmax", "percentile", "mse"};
  char *dir = file_join(scratch, "near");
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 4; k++) {
      converter_options_t o = options(models[i]);
      o.calibrator = how[k];
      o.maximum_cached_engines = 8;
      setup_t s = start(models[i], &o);
      assert_ok(converter_convert(s.c, feed(&s)));
      assert_ok(converter_save(s.c, dir, true));
      double error = relative_error(&s.golden, dir);
      printf("    %s, %s: %.4f\n", models[i], how[k], error);
      assert_true(error > 1e-4);  // 8 bits leave a trace
      assert_true(error < 0.15);
      finish(&s);
    }
  mem_free(dir);
}

// The corpus's quantized models in INT8, in every mode: TensorFlow's simulated quantization, but
// for numbers that lie so near the middle between two steps that float32's rounding decides.
static void quantized_models_equal_tensorflow(void **state) {
  (void)state;
  static const struct {
    const char *model;
    bool dynamic, tf_trt, calibrate;
  } modes[] = {
      {"qat_cnn", false, false, false}, {"qat_cnn", true, false, false},
      {"qat_cnn", false, false, true},  {"qat_cnn", false, true, true},
      {"qdq_mlp", false, false, false}, {"qdq_mlp", true, false, false},
      {"qdq_mlp", false, false, true},  {"qdq_mlp", true, true, false},
  };
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    converter_options_t o = options(modes[i].model);
    o.dynamic_shape = modes[i].dynamic;
    o.maximum_cached_engines = 8;
    o.op_set = modes[i].tf_trt ? OP_SET_TF_TRT : OP_SET_ALL;
    o.use_calibration = modes[i].calibrate;
    setup_t s = start(modes[i].model, &o);
    assert_ok(converter_convert(s.c, modes[i].calibrate ? feed(&s) : NULL));
    assert_true(s.c->engines.n > 0);
    assert_string_equal(node_string(s.c->engines.v[0].node, "precision_mode"), "INT8");
    assert_ok(build_from(s.c, &s.golden.cases.v[0]));
    char *dir = file_join(scratch, "quantized");
    assert_ok(converter_save(s.c, dir, true));
    outcome_t out = {0};
    assert_ok(run_golden(&s.golden, dir, &out));
    printf("    %s%s%s%s: %lld of %lld runs by engines, difference / tolerance %.3g at %s\n",
           modes[i].model, modes[i].dynamic ? " dynamic" : "", modes[i].tf_trt ? " tf-trt" : "",
           modes[i].calibrate ? " calibrated" : "", (long long)out.hits, (long long)out.runs,
           out.score.worst, out.score.where);
    if (*out.native) fail_msg("ran natively, %s", out.native);
    assert_true(out.hits > 0 && out.score.worst <= 1);
    mem_free(dir);
    finish(&s);
  }
}

// TF-TRT allows TensorRT FP16 in mode INT8. What a graph's own nodes quantize is simulated in FP32
// by TensorFlow, and computed so.
static void other_layers_may_have_16_bits(void **state) {
  (void)state;
  static const char *const models[] = {"mnist_cnn", "qat_cnn"};
  for (int i = 0; i < 2; i++) {
    converter_options_t o = options(models[i]);
    o.use_calibration = i == 0;
    setup_t s = start(models[i], &o);
    assert_ok(converter_convert(s.c, i ? NULL : feed(&s)));
    assert_true(s.c->engines.n > 0);
    segment_precision_t p = segment_precision_of(s.c->engines.v[0].node);
    assert_true(p.int8);
    assert_int_equal(p.explicit_ranges, i == 1);
    assert_int_equal(p.half, i ? HALF_NONE : HALF_FASTER);
    finish(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_argument_must_fit),
      cmocka_unit_test(implicit_mode_calibrates_and_builds_in_convert),
      cmocka_unit_test(engines_that_calibration_did_not_reach_are_warned_about),
      cmocka_unit_test(dynamic_mode_calibrates_in_build),
      cmocka_unit_test(static_shapes_calibrate_in_convert),
      cmocka_unit_test(tables_are_files_too),
      cmocka_unit_test(every_calibrator),
      cmocka_unit_test(bad_sources),
      cmocka_unit_test(without_calibration_ranges_must_be_there),
      cmocka_unit_test(calibrated_engines_are_near),
      cmocka_unit_test(quantized_models_equal_tensorflow),
      cmocka_unit_test(other_layers_may_have_16_bits),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
