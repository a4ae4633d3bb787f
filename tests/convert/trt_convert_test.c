// Counterparts of what TF-TRT's trt_convert_test.py and trt_engine_op_shape_test.py ask of the
// Converter as a whole, with models of the same form (docs/tf-trt-tests.md has the list).
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"
#include "convert/state.h"

static char scratch[64];
static corpus_t corpus;

static int load(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_trt_convert_XXXXXX");
  if (!mkdtemp(scratch)) return -1;
  corpus_list(TESTS_DIR "/models/tf_trt_tests", 0, NULL, &corpus);
  return corpus.n ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  corpus_free(&corpus);
  status_free(file_remove_tree(scratch));
  return 0;
}

static int clear(void **state) {
  (void)state;
  unsetenv("TF_TRT_ABORT_CUDA_ENGINE_BUILD");
  unsetenv("TF_TRT_EXPERIMENTAL_FEATURES");
  return 0;
}

// A model, its converter after convert(), and where it is saved.
typedef struct subject {
  const corpus_model_t *cm;
  golden_t golden;
  converter_t *c;
  char *saved;
} subject_t;

static subject_t subject(const char *name, const conversion_t *how) {
  subject_t s = {.cm = corpus_model(&corpus, name), .saved = file_join(scratch, "saved")};
  golden_load(s.cm, &s.golden);
  conversion_t as_tf_trt = *how;
  as_tf_trt.op_set = OP_SET_TF_TRT;
  as_tf_trt.minimum_segment_size = 2;
  assert_ok(converter_for(s.cm, &s.golden.cases.v[0], &as_tf_trt, &s.c));
  return s;
}

static void done(subject_t *s) {
  converter_destroy(s->c);
  golden_free(&s->golden);
  assert_ok(file_remove_tree(s->saved));
  mem_free(s->saved);
}

// The first n cases, for calibration.
typedef struct feed {
  subject_t *s;
  size_t at, n;
  inputs_t in;
} feed_t;

static status_t next_case(void *self, const tensor_t **inputs, bool *end) {
  feed_t *f = self;
  *end = f->at >= f->n;
  if (*end) return NULL;
  read_inputs(&f->s->golden.cases.v[f->at++], converter_signature(f->s->c, 0), &f->in);
  *inputs = f->in.v;
  return NULL;
}

static const char native_allowed[] = "TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION";

// Runs all cases on the saved model, twice each, by engines alone or not.
static status_t run_saved(const subject_t *s, bool by_engines, outcome_t *o) {
  model_t *m;
  model_options_t options = {.struct_size = sizeof options, .threads = 2};
  *o = (outcome_t){0};
  TRY(model_open(s->saved, &options, &m));
  status_t st = NULL;
  if (by_engines) setenv(native_allowed, "False", 1);
  for (size_t i = 0; i < 2 * s->golden.cases.n && !st; i++)
    st = run_case(m, &s->golden, &s->golden.cases.v[i / 2], &o->score);
  unsetenv(native_allowed);
  add_engines(m, o);
  model_close(m);
  return st;
}

static void assert_right(const subject_t *s, bool by_engines, int engines) {
  outcome_t o;
  assert_ok(run_saved(s, by_engines, &o));
  if (o.score.worst > 1) fail_msg("differs by %.3g at %s", o.score.worst, o.score.where);
  assert_int_equal(o.engines, engines);
}

// The bytes of all engine assets that were saved; -1: there are none.
static int64_t asset_bytes(const subject_t *s) {
  char *dir = file_join(s->saved, "assets"), **names;
  size_t n = 0;
  int64_t bytes = -1;
  status_free(file_list_dir(dir, &names, &n));
  for (size_t i = 0; i < n; i++) {
    char *path = file_join(dir, names[i]);
    file_map_t *map;
    assert_non_null(strstr(names[i], "trt-serialized-engine."));
    assert_ok(file_map_open(path, &map));
    bytes = (bytes < 0 ? 0 : bytes) + (int64_t)map->size;
    file_map_unref(map);
    mem_free(path);
    mem_free(names[i]);
  }
  if (n) mem_free(names);
  mem_free(dir);
  return bytes;
}

// ---------------------------------------------------------------- build, save

static void built_for_several_shapes(const char *model, const conversion_t *how, int engines) {
  subject_t s = subject(model, how);
  assert_ok(converter_convert(s.c, NULL));
  assert_int_equal(s.c->engines.n, engines);
  assert_ok(converter_save(s.c, s.saved, true));
  assert_true(asset_bytes(&s) <= 0);
  assert_ok(build_from(s.c, &s.golden.cases.v[0]));
  assert_ok(converter_save(s.c, s.saved, true));
  assert_true(asset_bytes(&s) > 0);
  assert_right(&s, true, engines);
  done(&s);
}

// testTrtGraphBuild, testTrtGraphConverter_DynamicConversion_v2
static void assets_are_there_after_build_and_serve(void **state) {
  (void)state;
  built_for_several_shapes("square_and_product", &(conversion_t){.maximum_cached_engines = 2}, 1);
  built_for_several_shapes("square_and_product", &(conversion_t){.dynamic_shape = true}, 1);
  built_for_several_shapes("shape_op_int32", &(conversion_t){.dynamic_shape = true}, 2);
}

// testTrtGraphConverter_ShapeOp_Int32InputOutput_v2
static void integers_go_from_engine_to_engine(void **state) {
  (void)state;
  subject_t s = subject("shape_op_int32", &(conversion_t){.dynamic_shape = true});
  assert_ok(converter_convert(s.c, NULL));
  assert_int_equal(s.c->engines.n, 2);
  const node_t *shape = s.c->engines.v[0].node, *product = s.c->engines.v[1].node;
  const dtype_t *types;
  assert_int_equal(node_types(shape, "InT", &types), 1);
  assert_int_equal(types[0], DT_FLOAT);
  assert_int_equal(node_types(shape, "OutT", &types), 1);
  assert_int_equal(types[0], DT_INT32);
  assert_int_equal(node_types(product, "InT", &types), 1);
  assert_int_equal(types[0], DT_INT32);
  assert_int_equal(node_types(product, "OutT", &types), 1);
  assert_int_equal(types[0], DT_INT32);
  done(&s);
}

// testTrtGraphConverter_Int8Conversion_v2: calibrated with one batch size, built for another.
static void calibration_is_kept_for_other_batch_sizes(void **state) {
  (void)state;
  subject_t s = subject("square_and_product", &(conversion_t){.precision_mode = "INT8",
                                                              .use_calibration = true,
                                                              .maximum_cached_engines = 2});
  feed_t one = {.s = &s, .n = 1};
  assert_ok(converter_convert(s.c, &(input_source_t){next_case, &one}));
  free_inputs(&one.in);
  assert_true(strlen(node_string(s.c->engines.v[0].node, "calibration_data")) > 0);
  assert_ok(build_from(s.c, &s.golden.cases.v[1]));
  assert_ok(converter_save(s.c, s.saved, true));
  model_t *m;
  const graph_t *g;
  assert_ok(model_open(s.saved, &(model_options_t){.struct_size = sizeof(model_options_t)}, &m));
  assert_ok(model_prepare(m, "serving_default"));
  assert_ok(model_graph(m, "serving_default", &g));
  int found = 0;
  for (int i = 0; i < g->n_nodes; i++)
    if (strcmp(g->nodes[i]->op, "TRTEngineOp") == 0)
      found += strlen(node_string(g->nodes[i], "calibration_data")) > 0;
  assert_int_equal(found, 1);
  model_close(m);
  s.golden.noise = 15e-2;  // what TF-TRT's tests allow for INT8
  s.golden.precision = 1e-1;
  assert_right(&s, true, 1);
  done(&s);
}

// testTrtGraphConverter_AllowBuildAtRuntime: built before or not, allowed or not.
static void engines_are_built_at_runtime_only_where_allowed(void **state) {
  (void)state;
  for (int k = 0; k < 4; k++) {
    bool built = k & 1, allowed = k & 2;
    subject_t s = subject("square_and_product", &(conversion_t){.no_runtime_build = !allowed,
                                                                .maximum_cached_engines = 2});
    assert_ok(converter_convert(s.c, NULL));
    if (built) assert_ok(build_from(s.c, &s.golden.cases.v[0]));
    assert_ok(converter_save(s.c, s.saved, true));
    outcome_t o;
    if (built || allowed) {
      assert_right(&s, true, 1);
    } else {
      assert_fails(run_saved(&s, true, &o), ABORTED,
                   "User disallowed engine native segment execution.");
      assert_right(&s, false, 1);
    }
    done(&s);
  }
}

// ---------------------------------------------------------------- the rest

// ShapeValueMaskTest: without an engine the native segment gives the result.
static void aborted_builds_leave_the_native_result(void **state) {
  (void)state;
  setenv("TF_TRT_ABORT_CUDA_ENGINE_BUILD", "1", 1);
  subject_t s = subject("shape_value_mask", &(conversion_t){.dynamic_shape = true});
  assert_ok(converter_convert(s.c, NULL));
  assert_ok(build_from(s.c, &s.golden.cases.v[0]));
  assert_ok(converter_save(s.c, s.saved, true));
  assert_right(&s, false, 1);
  outcome_t o;
  assert_ok(run_saved(&s, false, &o));
  assert_int_equal(o.hits, 0);
  done(&s);
}

static bool is_variable_read(const char *op) {
  return strcmp(op, "ReadVariableOp") == 0 || strcmp(op, "VariableV2") == 0;
}

// testReadVariableOp, testVariableV2: one segment that reads the variables; ones in, 42 out.
static void variables_are_read_in_segments(void **state) {
  (void)state;
  setenv("TF_TRT_EXPERIMENTAL_FEATURES", "disable_graph_freezing", 1);
  subject_t s = subject("read_variables", &(conversion_t){.dynamic_shape = true,
                                                          .precision_mode = "FP16",
                                                          .profile_strategy = "Optimal"});
  assert_int_equal(converter_n_warnings(s.c), 0);
  assert_ok(converter_convert(s.c, NULL));
  assert_int_equal(s.c->engines.n, 1);
  const graph_t *body = s.c->engines.v[0].function->body;
  int reads = 0;
  for (int i = 0; i < body->n_nodes; i++) reads += is_variable_read(body->nodes[i]->op);
  assert_int_equal(reads, 2);
  assert_ok(build_from(s.c, &s.golden.cases.v[0]));
  assert_ok(converter_save(s.c, s.saved, true));
  npz_t z = npz_open(s.golden.cases.v[0].path);
  tensor_t out = npz_get(&z, "out.", "output_0", DT_FLOAT);
  assert_true(tensor_number_at(&out, 0) == 42);
  tensor_unref(&out);
  npz_close(&z);
  assert_right(&s, true, 1);
  done(&s);
}

static void assert_same_tensors(const tensor_info_t *a, const tensor_info_t *b, int n) {
  for (int i = 0; i < n; i++) {
    assert_string_equal(a[i].key, b[i].key);
    assert_int_equal(a[i].dtype, b[i].dtype);
    assert_true(shape_equal(&a[i].shape, &b[i].shape));
  }
}

static const signature_t *signature_of(model_t *m) {
  const signature_t *s;
  assert_ok(meta_graph_signature(model_meta_graph(m), "serving_default", &s));
  return s;
}

// testRetainSignatureInfo_*: of every model, those made for this among them.
static void signatures_are_retained(void **state) {
  (void)state;
  model_options_t o = {.struct_size = sizeof o};
  int seen = 0;
  for (size_t i = 0; i < corpus.n; i++) {
    if (strcmp(corpus.v[i].name, "answers") == 0) continue;
    subject_t s = subject(corpus.v[i].name, &(conversion_t){0});
    assert_ok(converter_convert(s.c, NULL));
    assert_ok(converter_save(s.c, s.saved, true));
    model_t *before, *after;
    assert_ok(model_open(s.cm->saved, &o, &before));
    assert_ok(model_open(s.saved, &o, &after));
    const signature_t *a = signature_of(before), *b = signature_of(after);
    assert_string_equal(a->method, b->method);
    assert_int_equal(a->n_inputs, b->n_inputs);
    assert_int_equal(a->n_outputs, b->n_outputs);
    assert_same_tensors(a->inputs, b->inputs, a->n_inputs);
    assert_same_tensors(a->outputs, b->outputs, a->n_outputs);
    model_close(before);
    model_close(after);
    done(&s);
    seen++;
  }
  assert_true(seen >= 70);
}

static void assert_shape(const shape_t *got, shape_t want) { assert_true(shape_equal(got, &want)); }

// TRTEngineOpInputOutputShapeTest: what the loaded signature says.
static void shapes_of_the_loaded_signature(void **state) {
  (void)state;
  for (int dynamic = 0; dynamic < 2; dynamic++) {
    subject_t s = subject("trt_engine_op_shape", &(conversion_t){.dynamic_shape = dynamic});
    assert_ok(converter_convert(s.c, NULL));
    assert_ok(converter_save(s.c, s.saved, true));
    model_t *m;
    assert_ok(model_open(s.saved, &(model_options_t){.struct_size = sizeof(model_options_t)}, &m));
    const signature_t *x = signature_of(m);
    assert_int_equal(x->n_inputs, 1);
    assert_int_equal(x->n_outputs, 2);
    assert_shape(&x->inputs[0].shape, SHAPE(-1, 2, 1, 4));
    assert_shape(&x->outputs[0].shape, SHAPE(-1, 2, 4));
    assert_int_equal(x->outputs[1].shape.rank, 0);
    model_close(m);
    done(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(assets_are_there_after_build_and_serve),
      cmocka_unit_test(integers_go_from_engine_to_engine),
      cmocka_unit_test(calibration_is_kept_for_other_batch_sizes),
      cmocka_unit_test(engines_are_built_at_runtime_only_where_allowed),
      cmocka_unit_test_teardown(aborted_builds_leave_the_native_result, clear),
      cmocka_unit_test_teardown(variables_are_read_in_segments, clear),
      cmocka_unit_test(signatures_are_retained),
      cmocka_unit_test(shapes_of_the_loaded_signature),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
