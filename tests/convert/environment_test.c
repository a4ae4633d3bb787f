// TF-TRT's environment variables, each as shared/spec converter-api, section 8, has it.
#define _GNU_SOURCE  // memmem
#include "base/environment.h"

#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"

static char scratch[64];
static corpus_t corpus;
static golden_t golden;

static int load(void **state) {
  (void)state;
  char *wanted[] = {"mnist_cnn"};
  strcpy(scratch, "/tmp/tftrt_environment_XXXXXX");
  if (!mkdtemp(scratch)) return -1;
  corpus_list(TESTS_DIR "/models/small", 1, wanted, &corpus);
  golden_load(&corpus.v[0], &golden);
  return 0;
}

static int unload(void **state) {
  (void)state;
  golden_free(&golden);
  corpus_free(&corpus);
  status_free(file_remove_tree(scratch));
  return 0;
}

static int clear(void **state) {
  (void)state;
  const env_var_t *v;
  for (int i = 0; (v = env_at(i)); i++)
    if (strncmp(v->name, "TF_", 3) == 0) unsetenv(v->name);
  return 0;
}

static converter_t *converted(void) {
  converter_t *c;
  assert_ok(converter_for(&corpus.v[0], &golden.cases.v[0],
                          &(conversion_t){.maximum_cached_engines = 16}, &c));
  assert_ok(converter_convert(c, NULL));
  return c;
}

static void assert_warned(const converter_t *c, const char *part) {
  for (int i = 0; i < converter_n_warnings(c); i++)
    if (strstr(converter_warning(c, i), part)) return;
  fail_msg("no warning of %d tells \"%s\"", converter_n_warnings(c), part);
}

static int count_engines(converter_t *c) {
  char *json;
  int n = 0;
  assert_ok(converter_explain(c, true, &json));
  for (const char *p = json; (p = strstr(p, "\"native_segment\"")); p++) n++;
  mem_free(json);
  return n;
}

static char *read_file(const char *path) {
  file_map_t *m;
  assert_ok(file_map_open(path, &m));
  char *text = mem_strndup((const char *)m->data, m->size);
  file_map_unref(m);
  return text;
}

static void op_denylist_is_a_comma_list_of_op_types_never_converted(void **state) {
  (void)state;
  setenv("TF_TRT_OP_DENYLIST", "Relu6,Conv2D", 1);
  converter_t *c = converted();
  char *text;
  assert_ok(converter_explain(c, false, &text));
  const char *reason = strstr(text, "Denylisted with the env var TF_TRT_OP_DENYLIST:\n    Conv2D");
  assert_non_null(reason);
  assert_int_equal(count_engines(c), 2);  // one before and one behind the second convolution
  mem_free(text);
  converter_destroy(c);
}

static void max_allowed_engines_keeps_only_the_largest_segments(void **state) {
  (void)state;
  setenv("TF_TRT_OP_DENYLIST", "Conv2D", 1);
  setenv("TF_TRT_MAX_ALLOWED_ENGINES", "1", 1);
  converter_t *c = converted();
  assert_int_equal(count_engines(c), 1);
  converter_destroy(c);
  setenv("TF_TRT_MAX_ALLOWED_ENGINES", "0", 1);
  c = converted();
  assert_int_equal(count_engines(c), 2);
  converter_destroy(c);
}

static void show_detailed_report_as_a_number_tells_ops_and_reasons(void **state) {
  (void)state;
  setenv("TF_TRT_OP_DENYLIST", "Conv2D", 1);
  converter_t *c = converted();
  assert_int_equal(converter_n_warnings(c), 0);
  converter_destroy(c);
  setenv("TF_TRT_SHOW_DETAILED_REPORT", "1", 1);
  c = converted();
  assert_warned(c,
                "\n\t- Conv2D -> 2x\n\t\t- [Count: 2x] Denylisted with the env var "
                "TF_TRT_OP_DENYLIST");
  converter_destroy(c);
  setenv("TF_TRT_SHOW_DETAILED_REPORT", "0", 1);
  c = converted();
  assert_int_equal(converter_n_warnings(c), 0);
  converter_destroy(c);
}

static void show_detailed_report_as_a_path_writes_csv(void **state) {
  (void)state;
  char *path = file_join(scratch, "report.csv");
  setenv("TF_TRT_OP_DENYLIST", "Conv2D", 1);
  setenv("TF_TRT_SHOW_DETAILED_REPORT", path, 1);
  converter_t *c = converted();
  char *csv = read_file(path);
  assert_string_equal(csv,
                      "OP Name|Reason|Count\n"
                      "Conv2D|Denylisted with the env var TF_TRT_OP_DENYLIST|2\n"
                      "Placeholder|it is an input of the signature|1\n");
  assert_warned(c, "TensorRT unsupported/non-converted OP Report:");
  mem_free(csv);
  converter_destroy(c);
  setenv("TF_TRT_SHOW_DETAILED_REPORT", "/nowhere/report.csv", 1);
  c = converted();  // goes on, as in TF-TRT
  assert_warned(c, "/nowhere/report.csv");
  converter_destroy(c);
  mem_free(path);
}

static void export_trt_engines_path_gets_raw_engines_and_dims(void **state) {
  (void)state;
  char *dir = file_join(scratch, "raw/engines"), *target = file_join(scratch, "exported");
  setenv("TF_TRT_EXPORT_TRT_ENGINES_PATH", dir, 1);
  converter_t *c = converted();
  const golden_case_t *last = &golden.cases.v[golden.cases.n - 1];
  assert_ok(build_from(c, last));
  assert_ok(converter_save(c, target, true));
  converter_destroy(c);
  char **names;
  size_t n;
  assert_ok(file_list_dir(dir, &names, &n));
  assert_int_equal(n, 2);
  assert_int_equal(strncmp(names[0], "TRTEngineOp_", strlen("TRTEngineOp_")), 0);
  assert_int_equal(strncmp(names[1], "dims-TRTEngineOp_", strlen("dims-TRTEngineOp_")), 0);
  char *path = file_join(dir, names[1]), *dims = read_file(path);
  npz_t z = npz_open(last->path);
  tensor_t image = npz_get(&z, "in.", "image", DT_FLOAT);
  char want[128];
  snprintf(want, sizeof want, "TensorRTInputPH_0:%dx28x28x1\n", (int)image.shape.d[0]);
  assert_string_equal(dims, want);
  tensor_unref(&image);
  npz_close(&z);
  // The plan of the asset and the raw one are the same bytes.
  char *plan_path = file_join(dir, names[0]);
  char *asset_name = mem_printf("exported/assets/trt-serialized-engine.%s", names[0]);
  char *asset_path = file_join(scratch, asset_name);
  file_map_t *plan, *asset;
  assert_ok(file_map_open(plan_path, &plan));
  assert_ok(file_map_open(asset_path, &asset));
  assert_true(plan->size > 1000);
  assert_non_null(memmem(asset->data, asset->size, plan->data, plan->size));
  file_map_unref(plan);
  file_map_unref(asset);
  for (size_t i = 0; i < n; i++) mem_free(names[i]);
  mem_free(names);
  mem_free(path);
  mem_free(dims);
  mem_free(plan_path);
  mem_free(asset_name);
  mem_free(asset_path);
  mem_free(dir);
  mem_free(target);
}

// testTrtGraphConverter_AllowEngineNativeSegmentExecution: with the native segment disallowed and
// builds aborted, build() fails; after that it may be called again. Unlike in TF-TRT, where the
// failed build is remembered, the second build() makes the engine.
static void native_segments_disallowed_and_builds_aborted_fail_build_which_may_be_retried(
    void **state) {
  (void)state;
  char *target = file_join(scratch, "retried");
  setenv("TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION", "False", 1);
  setenv("TF_TRT_ABORT_CUDA_ENGINE_BUILD", "True", 1);
  converter_t *c = converted();
  assert_fails(build_from(c, &golden.cases.v[0]), ABORTED,
               "User disallowed engine native segment execution.");
  clear(NULL);
  assert_ok(build_from(c, &golden.cases.v[0]));
  assert_fails(build_from(c, &golden.cases.v[0]), UNIMPLEMENTED, "build() is already called");
  assert_ok(converter_save(c, target, true));
  converter_destroy(c);
  outcome_t o = {0};
  assert_ok(run_golden(&golden, target, &o));
  assert_true(o.score.worst <= 1);
  assert_int_equal(o.hits, golden.cases.n);
  mem_free(target);
}

static void abort_cuda_engine_build_alone_leaves_native_segments(void **state) {
  (void)state;
  setenv("TF_TRT_ABORT_CUDA_ENGINE_BUILD", "1", 1);
  converter_t *c = converted();
  assert_ok(build_from(c, &golden.cases.v[0]));
  assert_warned(c, "Engine creation aborted by TF_TRT_ABORT_CUDA_ENGINE_BUILD variable");
  converter_destroy(c);
}

static void native_segment_disallowed_at_run_time_fails_the_op(void **state) {
  (void)state;
  char *target = file_join(scratch, "bare");
  converter_t *c;
  assert_ok(converter_for(&corpus.v[0], &golden.cases.v[0],
                          &(conversion_t){.no_runtime_build = true, .maximum_cached_engines = 16},
                          &c));
  assert_ok(converter_convert(c, NULL));
  assert_ok(converter_save(c, target, true));
  converter_destroy(c);
  outcome_t o = {0};
  assert_ok(run_golden(&golden, target, &o));
  assert_int_equal(o.hits, 0);
  setenv("TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION", "0", 1);
  assert_fails(run_golden(&golden, target, &o), ABORTED,
               "User disallowed engine native segment execution.");
  mem_free(target);
}

// testTrtGraphConverter_RemoveNativeSegments
static void remove_native_segments_runs_from_prebuilt_engines(void **state) {
  (void)state;
  char *target = file_join(scratch, "without_segments");
  setenv("TF_TRT_EXPERIMENTAL_FEATURES", "remove_native_segments", 1);
  converter_t *c;
  assert_ok(converter_for(&corpus.v[0], &golden.cases.v[0],
                          &(conversion_t){.no_runtime_build = true, .maximum_cached_engines = 16},
                          &c));
  assert_ok(converter_convert(c, NULL));
  assert_ok(build_from(c, &golden.cases.v[0]));
  assert_ok(converter_save(c, target, true));
  clear(NULL);
  char *pb_path = file_join(target, "saved_model.pb");
  file_map_t *pb;
  assert_ok(file_map_open(pb_path, &pb));
  assert_null(memmem(pb->data, pb->size, "native_segment", strlen("native_segment")));
  file_map_unref(pb);
  outcome_t o = {0};
  assert_ok(run_golden(&golden, target, &o));
  assert_true(o.score.worst <= 1);
  assert_int_equal(o.hits, golden.cases.n);
  // summary() still works (in TF-TRT it raises), and so does another save, with segments.
  char *explained;
  assert_ok(converter_explain(c, false, &explained));
  assert_non_null(strstr(explained, "Conv2D"));
  mem_free(explained);
  assert_ok(converter_save(c, target, true));
  assert_ok(file_map_open(pb_path, &pb));
  assert_non_null(memmem(pb->data, pb->size, "native_segment", strlen("native_segment")));
  file_map_unref(pb);
  converter_destroy(c);
  mem_free(pb_path);
  mem_free(target);
}

static void a_model_without_segments_and_engines_says_so(void **state) {
  (void)state;
  char *target = file_join(scratch, "nothing_to_run");
  setenv("TF_TRT_EXPERIMENTAL_FEATURES", "remove_native_segments", 1);
  converter_t *c = converted();
  assert_ok(converter_save(c, target, true));
  converter_destroy(c);
  outcome_t o = {0};
  assert_fails(
      run_golden(&golden, target, &o), ABORTED,
      "Native segment execution is enabled but  native segment is not found in the graph.");
  mem_free(target);
}

static void variables_without_effect_are_warned_about(void **state) {
  (void)state;
  static const char *const ignored[] = {"TF_TRT_OP_FAKELIST",
                                        "TF_TRT_SPARSE_MODE",
                                        "TF_TRT_ENABLE_LAYOUT_OPTIMIZER",
                                        "TF_TRT_FIXED_ALGORITHM_ID",
                                        "TF_TRT_ALLOW_NMS_TOPK_OVERRIDE",
                                        "TF_DEBUG_TRT_ALLOW_INEFFICIENT_TRANSPOSE"};
  size_t n = sizeof ignored / sizeof *ignored;
  for (size_t i = 0; i < n; i++) setenv(ignored[i], "1", 1);
  converter_t *c = converted();
  assert_int_equal(converter_n_warnings(c), n);
  for (size_t i = 0; i < n; i++) assert_warned(c, ignored[i]);
  converter_destroy(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(op_denylist_is_a_comma_list_of_op_types_never_converted, clear),
      cmocka_unit_test_teardown(max_allowed_engines_keeps_only_the_largest_segments, clear),
      cmocka_unit_test_teardown(show_detailed_report_as_a_number_tells_ops_and_reasons, clear),
      cmocka_unit_test_teardown(show_detailed_report_as_a_path_writes_csv, clear),
      cmocka_unit_test_teardown(export_trt_engines_path_gets_raw_engines_and_dims, clear),
      cmocka_unit_test_teardown(
          native_segments_disallowed_and_builds_aborted_fail_build_which_may_be_retried, clear),
      cmocka_unit_test_teardown(abort_cuda_engine_build_alone_leaves_native_segments, clear),
      cmocka_unit_test_teardown(native_segment_disallowed_at_run_time_fails_the_op, clear),
      cmocka_unit_test_teardown(remove_native_segments_runs_from_prebuilt_engines, clear),
      cmocka_unit_test_teardown(a_model_without_segments_and_engines_says_so, clear),
      cmocka_unit_test_teardown(variables_without_effect_are_warned_about, clear)};
  clear(NULL);
  return cmocka_run_group_tests(tests, load, unload);
}
