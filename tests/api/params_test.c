// tftrt_params: the converter's arguments from JSON, and ConversionParams.
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "test.h"
#include "tftrt/tftrt.h"

static char path[64];

static int load(void **state) {
  (void)state;
  strcpy(path, "/tmp/tftrt_params_XXXXXX");
  int fd = mkstemp(path);
  return fd < 0 ? -1 : 0;
}

static int unload(void **state) {
  (void)state;
  return remove(path);
}

static tftrt_params *read(const char *json) {
  tftrt_params *p;
  tftrt_error e = TFTRT_ERROR_INIT;
  assert_ok(file_write(path, json, strlen(json)));
  if (tftrt_params_load(path, &p, &e)) fail_msg("%s: %s", json, e.message);
  return p;
}

static void refused(const char *json, const char *part) {
  tftrt_params *p;
  tftrt_error e = TFTRT_ERROR_INIT;
  assert_ok(file_write(path, json, strlen(json)));
  assert_int_equal(tftrt_params_load(path, &p, &e), TFTRT_INVALID_ARGUMENT);
  assert_null(p);
  if (!strstr(e.message, part) || !strstr(e.message, path)) fail_msg("%s: %s", json, e.message);
}

// converter-api.md, section 1: fields of TrtConversionParams and their defaults; section 2: the
// Converter's arguments and theirs.
static void defaults_are_tf_trts(void **state) {
  (void)state;
  tftrt_converter_options o;
  tftrt_conversion_params p;
  tftrt_converter_options_init(&o);
  tftrt_conversion_params_init(&p);
  assert_null(o.input_saved_model_dir);
  assert_null(o.input_saved_model_tags);
  assert_null(o.input_saved_model_signature_key);
  assert_int_equal(o.use_dynamic_shape, 0);
  assert_null(o.dynamic_shape_profile_strategy);
  assert_true(o.max_workspace_size_bytes == 9223372036854775295);
  assert_string_equal(o.precision_mode, "FP32");
  assert_int_equal(o.minimum_segment_size, 3);
  assert_int_equal(o.maximum_cached_engines, 1);
  assert_int_equal(o.use_calibration, 1);
  assert_int_equal(o.allow_build_at_runtime, 1);
  assert_null(o.conversion_params);
  assert_true(p.max_workspace_size_bytes == 9223372036854775295);
  assert_string_equal(p.precision_mode, "FP32");
  assert_int_equal(p.minimum_segment_size, 3);
  assert_int_equal(p.maximum_cached_engines, 1);
  assert_int_equal(p.use_calibration, 1);
  assert_int_equal(p.allow_build_at_runtime, 1);
}

static void every_argument_can_be_given(void **state) {
  (void)state;
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  tftrt_params *p = read(
      "{\"input_saved_model_dir\": \"model\", \"input_saved_model_tags\": [\"serve\", \"gpu\"],"
      "\"input_saved_model_signature_key\": \"score\", \"use_dynamic_shape\": true,"
      "\"dynamic_shape_profile_strategy\": \"Range\", \"max_workspace_size_bytes\": 4294967297,"
      "\"precision_mode\": \"fp16\", \"minimum_segment_size\": 7, \"maximum_cached_engines\": 16,"
      "\"use_calibration\": false, \"allow_build_at_runtime\": false, \"op_set\": \"tf-trt\","
      "\"backend\": \"ref\", \"compat\": \"2.17\", \"threads\": 3}");
  assert_int_equal(tftrt_params_apply(p, &o, NULL), TFTRT_OK);
  assert_string_equal(o.input_saved_model_dir, "model");
  assert_int_equal(o.n_tags, 2);
  assert_string_equal(o.input_saved_model_tags[1], "gpu");
  assert_string_equal(o.input_saved_model_signature_key, "score");
  assert_int_equal(o.use_dynamic_shape, 1);
  assert_string_equal(o.dynamic_shape_profile_strategy, "Range");
  assert_true(o.max_workspace_size_bytes == 4294967297);
  assert_string_equal(o.precision_mode, "fp16");
  assert_int_equal(o.minimum_segment_size, 7);
  assert_int_equal(o.maximum_cached_engines, 16);
  assert_int_equal(o.use_calibration, 0);
  assert_int_equal(o.allow_build_at_runtime, 0);
  assert_string_equal(o.op_set, "tf-trt");
  assert_string_equal(o.backend, "ref");
  assert_string_equal(o.compat, "2.17");
  assert_int_equal(o.threads, 3);
  tftrt_params_destroy(p);
}

static void what_is_null_or_left_out_stays(void **state) {
  (void)state;
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  o.minimum_segment_size = 9;
  tftrt_params *p = read("{\"precision_mode\": null, \"use_dynamic_shape\": null}");
  assert_int_equal(tftrt_params_apply(p, &o, NULL), TFTRT_OK);
  assert_string_equal(o.precision_mode, "FP32");
  assert_int_equal(o.use_dynamic_shape, 0);
  assert_int_equal(o.minimum_segment_size, 9);
  tftrt_params_destroy(p);
}

// "when given, arguments 6-11 are all ignored and the namedtuple is used instead"
static void conversion_params_go_before_the_arguments(void **state) {
  (void)state;
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  tftrt_params *p = read(
      "{\"precision_mode\": \"INT8\", \"minimum_segment_size\": 9, \"use_dynamic_shape\": true,"
      "\"conversion_params\": {\"precision_mode\": \"FP16\", \"maximum_cached_engines\": 4}}");
  assert_int_equal(tftrt_params_apply(p, &o, NULL), TFTRT_OK);
  assert_string_equal(o.precision_mode, "FP16");
  assert_int_equal(o.minimum_segment_size, 3);
  assert_int_equal(o.maximum_cached_engines, 4);
  assert_int_equal(o.use_dynamic_shape, 1);
  tftrt_params_destroy(p);
}

static void what_is_wrong_is_named(void **state) {
  (void)state;
  refused("{\"precision\": \"FP16\"}", "there is no parameter 'precision'; there are: input_saved");
  refused("{\"conversion_params\": {\"use_dynamic_shape\": true}}",
          "'conversion_params': there is no parameter 'use_dynamic_shape'");
  refused("{\"precision_mode\": 16}", "'precision_mode' must be a text");
  refused("{\"use_calibration\": 1}", "'use_calibration' must be true or false");
  refused("{\"minimum_segment_size\": 4294967299}",
          "'minimum_segment_size' must be a whole number");
  refused("{\"minimum_segment_size\": 3.5}", "'minimum_segment_size' must be a whole number");
  refused("{\"input_saved_model_tags\": \"serve\"}", "'input_saved_model_tags' must be a list");
  refused("{\"input_saved_model_tags\": [\"serve\", 1]}",
          "'input_saved_model_tags' must be a list");
  refused("{\"threads\": 1, \"threads\": 2}", "duplicate");
  refused("[1]", "expected one JSON object");
  refused("{\"threads\": ", "line 1");
  refused("", "line");
  tftrt_params *p;
  tftrt_error e = TFTRT_ERROR_INIT;
  assert_int_equal(tftrt_params_load("/nowhere/p.json", &p, &e), TFTRT_NOT_FOUND);
  assert_non_null(strstr(e.message, "/nowhere/p.json"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(defaults_are_tf_trts),
                                     cmocka_unit_test(every_argument_can_be_given),
                                     cmocka_unit_test(what_is_null_or_left_out_stays),
                                     cmocka_unit_test(conversion_params_go_before_the_arguments),
                                     cmocka_unit_test(what_is_wrong_is_named)};
  return cmocka_run_group_tests(tests, load, unload);
}
