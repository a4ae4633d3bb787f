// The Converter through the public header: converter-api.md, sections 2 to 6, sentence by sentence.
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "test.h"
#include "tftrt/tftrt.h"

#define MODELS TESTS_DIR "/models/small/"
#define MNIST MODELS "mnist_cnn/saved_model"

static char scratch[64];

static int load(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_converter_XXXXXX");
  return mkdtemp(scratch) ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  status_free(file_remove_tree(scratch));
  return 0;
}

static tftrt_error e = TFTRT_ERROR_INIT;

static void assert_done(tftrt_code code) {
  if (code) fail_msg("%s: %s (%s:%d)", tftrt_code_name(code), e.message, e.file, e.line);
}

static void assert_error(tftrt_code got, tftrt_code want, const char *message) {
  if (got != want) fail_msg("got %s: %s", tftrt_code_name(got), e.message);
  assert_string_equal(e.message, message);
}

static tftrt_converter_options options(void) {
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = MNIST;
  o.threads = 2;
  return o;
}

static tftrt_converter *create(const tftrt_converter_options *o) {
  tftrt_converter *c = NULL;
  assert_done(tftrt_converter_create(o, &c, &e));
  return c;
}

static tftrt_converter *converted(const tftrt_converter_options *o) {
  tftrt_converter *c = create(o);
  assert_done(tftrt_converter_convert(c, NULL, NULL, &e));
  return c;
}

static void not_created(const tftrt_converter_options *o, const char *message) {
  tftrt_converter *c = NULL;
  assert_error(tftrt_converter_create(o, &c, &e), TFTRT_INVALID_ARGUMENT, message);
  assert_null(c);
}

// Inputs: images in the shapes that a list asks for.
typedef struct feeder {
  int64_t batches[4];
  int n, at, ends_with;
  tftrt_tensor change;  // dtype and dims, if rank is not 0
  float fill[4];        // what the images of each batch are made of
  float data[4 * 28 * 28];
} feeder_t;

static int feed(void *user, tftrt_tensor *inputs, int n_inputs) {
  feeder_t *f = user;
  assert_int_equal(n_inputs, 1);
  if (f->at == f->n) return f->ends_with;
  for (size_t i = 0; i < sizeof f->data / sizeof *f->data; i++) f->data[i] = f->fill[f->at];
  inputs[0] = (tftrt_tensor){
      .dtype = TFTRT_FLOAT, .rank = 4, .dims = {f->batches[f->at++], 28, 28, 1}, .data = f->data};
  if (f->change.rank) {
    inputs[0].dtype = f->change.dtype;
    inputs[0].rank = f->change.rank;
    memcpy(inputs[0].dims, f->change.dims, sizeof f->change.dims);
  }
  inputs[0].bytes = tftrt_dtype_size(inputs[0].dtype);
  for (int i = 0; i < inputs[0].rank; i++) inputs[0].bytes *= (size_t)inputs[0].dims[i];
  return 1;
}

// ---------------------------------------------------------------- constructor

static void precision_mode_is_all_upper_or_all_lower(void **state) {
  (void)state;
  static const char *const good[] = {"FP32", "FP16", "INT8", "fp32",
                                     "fp16", "int8", "BF16", "bf16"};
  static const char *const bad[] = {"Fp32", "fp99", "", "Bf16"};
  tftrt_converter_options o = options();
  for (int i = 0; i < 8; i++) {
    o.precision_mode = good[i];
    tftrt_converter_destroy(create(&o));
  }
  for (int i = 0; i < 4; i++) {
    char message[256];
    o.precision_mode = bad[i];
    snprintf(message, sizeof message,
             "precision mode '%s' is not supported.It should be one of ['FP32', 'FP16', 'INT8', "
             "'fp32', 'fp16', 'int8']",
             bad[i]);
    not_created(&o, message);
  }
}

static void minimum_segment_size_is_positive_or_minus_one(void **state) {
  (void)state;
  static const char message[] =
      "minimum segment size should be positive or -1 (to disable main graph conversion).";
  tftrt_converter_options o = options();
  o.minimum_segment_size = 0;
  not_created(&o, message);
  o.minimum_segment_size = -2;
  not_created(&o, message);
  o.minimum_segment_size = -1;
  tftrt_converter_destroy(create(&o));
}

static void profile_strategy_is_compared_without_case_and_only_in_dynamic_mode(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  o.dynamic_shape_profile_strategy = "Best";
  tftrt_converter_destroy(create(&o));
  o.use_dynamic_shape = 1;
  not_created(&o,
              "profile_strategy 'Best' is not supported. It should be one of ['Range', 'Optimal', "
              "'Range+Optimal', 'ImplicitBatchModeCompatible']");
  static const char *const good[] = {"range", "OPTIMAL", "Range+optimal",
                                     "implicitbatchmodecompatible"};
  for (int i = 0; i < 4; i++) {
    o.dynamic_shape_profile_strategy = good[i];
    tftrt_converter_destroy(create(&o));
  }
}

static void checks_come_in_order(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  o.use_dynamic_shape = 1;
  o.dynamic_shape_profile_strategy = "Best";
  o.minimum_segment_size = 0;
  o.precision_mode = "fp99";
  tftrt_converter *c;
  tftrt_converter_create(&o, &c, &e);
  assert_non_null(strstr(e.message, "precision mode"));
  o.precision_mode = "FP32";
  tftrt_converter_create(&o, &c, &e);
  assert_non_null(strstr(e.message, "minimum segment size"));
  o.minimum_segment_size = 3;
  tftrt_converter_create(&o, &c, &e);
  assert_non_null(strstr(e.message, "profile_strategy"));
}

static void maximum_cached_engines_is_not_validated(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  o.maximum_cached_engines = 0;
  tftrt_converter_destroy(create(&o));
}

static void input_saved_model_dir_is_required(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  o.input_saved_model_dir = NULL;
  not_created(&o, "input_saved_model_dir: expected a directory, got none");
}

static void conversion_params_replace_the_arguments_and_are_deprecated(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  tftrt_conversion_params p;
  tftrt_conversion_params_init(&p);
  p.precision_mode = "fp99";
  o.conversion_params = &p;
  tftrt_converter *c;
  assert_int_equal(tftrt_converter_create(&o, &c, &e), TFTRT_INVALID_ARGUMENT);
  p.precision_mode = "FP32";
  o.precision_mode = "fp99";  // ignored
  c = create(&o);
  assert_int_equal(tftrt_converter_warning_count(c), 1);
  assert_non_null(
      strstr(tftrt_converter_warning(c, 0), "Use individual converter parameters instead"));
  tftrt_converter_destroy(c);
}

static void disable_graph_freezing_without_dynamic_shape_is_warned_about(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  setenv("TF_TRT_EXPERIMENTAL_FEATURES", "disable_graph_freezing", 1);
  tftrt_converter *c = create(&o);
  assert_int_equal(tftrt_converter_warning_count(c), 1);
  assert_string_equal(
      tftrt_converter_warning(c, 0),
      "Disabling graph freezing is only possible in dynamic shape mode. The graph will be frozen.");
  tftrt_converter_destroy(c);
  o.use_dynamic_shape = 1;
  c = create(&o);
  assert_int_equal(tftrt_converter_warning_count(c), 0);
  tftrt_converter_destroy(c);
  // Asked for by the option it must be possible.
  unsetenv("TF_TRT_EXPERIMENTAL_FEATURES");
  o.keep_variables = 1;
  c = create(&o);
  tftrt_converter_destroy(c);
  o.use_dynamic_shape = 0;
  assert_int_equal(tftrt_converter_create(&o, &c, &e), TFTRT_INVALID_ARGUMENT);
  assert_string_equal(e.message, "keep_variables: only with use_dynamic_shape");
  unsetenv("TF_TRT_EXPERIMENTAL_FEATURES");
}

// ---------------------------------------------------------------- convert

static void an_unknown_signature_key_fails_in_convert(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  o.input_saved_model_signature_key = "no_such_key";
  tftrt_converter *c = create(&o);
  assert_int_equal(tftrt_converter_convert(c, NULL, NULL, &e), TFTRT_NOT_FOUND);
  assert_non_null(strstr(e.message, "no_such_key"));
  assert_non_null(strstr(e.message, "serving_default"));
  tftrt_converter_destroy(c);
}

static void unknown_tags_fail_in_convert(void **state) {
  (void)state;
  static const char *const tags[] = {"train"};
  tftrt_converter_options o = options();
  o.input_saved_model_tags = tags;
  o.n_tags = 1;
  tftrt_converter *c = create(&o);
  assert_int_equal(tftrt_converter_convert(c, NULL, NULL, &e), TFTRT_NOT_FOUND);
  assert_non_null(strstr(e.message, "train"));
  tftrt_converter_destroy(c);
}

static void a_directory_without_a_model_fails_in_convert(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  o.input_saved_model_dir = "/nowhere/model";
  tftrt_converter *c = create(&o);
  assert_int_equal(tftrt_converter_convert(c, NULL, NULL, &e), TFTRT_NOT_FOUND);
  assert_non_null(strstr(e.message, "/nowhere/model"));
  tftrt_converter_destroy(c);
}

static int cancel(void *user, const char *stage, int64_t done, int64_t total) {
  (void)stage, (void)done, (void)total;
  return *(int *)user;
}

static void forget(void *user, const char *line) { (void)user, (void)line; }

static void a_failed_convert_leaves_nothing_and_may_be_retried(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  int stop = 1;
  char *text;
  o.progress = cancel;
  o.progress_user = &stop;
  tftrt_converter *c = create(&o);
  assert_int_equal(tftrt_converter_convert(c, NULL, NULL, &e), TFTRT_CANCELLED);
  assert_int_equal(tftrt_converter_summary(c, 160, 1, forget, NULL, &e), TFTRT_FAILED_PRECONDITION);
  assert_int_equal(tftrt_converter_explain(c, 0, &text, &e), TFTRT_FAILED_PRECONDITION);
  stop = 0;
  assert_done(tftrt_converter_convert(c, NULL, NULL, &e));
  assert_done(tftrt_converter_summary(c, 160, 1, forget, NULL, &e));
  tftrt_converter_destroy(c);
}

static void convert_is_called_once(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  tftrt_converter *c = converted(&o);
  assert_int_equal(tftrt_converter_convert(c, NULL, NULL, &e), TFTRT_FAILED_PRECONDITION);
  tftrt_converter_destroy(c);
}

static void a_calibration_function_is_given_when_and_only_when_it_is_needed(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  feeder_t f = {.n = 1, .batches = {1}};
  tftrt_converter *c = create(&o);
  assert_error(tftrt_converter_convert(c, feed, &f, &e), TFTRT_INVALID_ARGUMENT,
               "Should not specify calibration_input_fn because INT8 calibration is not needed");
  assert_done(tftrt_converter_convert(c, NULL, NULL, &e));  // nothing was begun
  tftrt_converter_destroy(c);
  o.precision_mode = "INT8";
  c = create(&o);
  assert_error(tftrt_converter_convert(c, NULL, NULL, &e), TFTRT_INVALID_ARGUMENT,
               "Should specify calibration_input_fn because INT8 calibration is needed");
  tftrt_converter_destroy(c);
  o.use_calibration = 0;
  c = create(&o);
  assert_error(tftrt_converter_convert(c, feed, &f, &e), TFTRT_INVALID_ARGUMENT,
               "Should not specify calibration_input_fn because INT8 calibration is not needed");
  tftrt_converter_destroy(c);
}

// What calibration cannot use: one error that says why, and nothing that could be saved.
static void what_cannot_be_calibrated_with_is_said(void **state) {
  (void)state;
  static const struct {
    int64_t batch;
    int n, ends_with;  // sets of inputs, and what is returned behind them
    tftrt_tensor change;
    float fill;
    const char *message;
  } bad[] = {
      {.n = 0,
       .message = "calibration_input_fn gave no inputs: there is nothing to calibrate with"},
      {.n = 0, .ends_with = -1, .message = "Failed to convert input to tensor."},
      {.n = 1,
       .batch = 2,
       .change = {.dtype = TFTRT_INT32, .rank = 4, .dims = {2, 28, 28, 1}},
       .message = "input 'image': the signature wants float32 [?,28,28,1], got int32 [2,28,28,1]"},
      {.n = 1,
       .batch = 2,
       .change = {.dtype = TFTRT_FLOAT, .rank = 4, .dims = {2, 27, 28, 1}},
       .message =
           "input 'image': the signature wants float32 [?,28,28,1], got float32 [2,27,28,1]"},
      {.n = 1,
       .batch = 2,
       .change = {.dtype = TFTRT_FLOAT, .rank = 3, .dims = {2, 28, 28}},
       .message = "input 'image': the signature wants float32 [?,28,28,1], got float32 [2,28,28]"},
      {.n = 1, .batch = 0, .message = ": all calibration inputs are empty"},
      {.n = 1,
       .batch = 2,
       .fill = NAN,
       .message = ", inputs 1: tensor 'TensorRTInputPH_0' has a value that is NaN or infinite"},
      {.n = 1,
       .batch = 2,
       .fill = -INFINITY,
       .message = ", inputs 1: tensor 'TensorRTInputPH_0' has a value that is NaN or infinite"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    for (int dynamic = 0; dynamic < 2; dynamic++) {
      tftrt_converter_options o = options();
      feeder_t f = {.n = bad[i].n,
                    .batches = {bad[i].batch},
                    .change = bad[i].change,
                    .fill = {bad[i].fill},
                    .ends_with = bad[i].ends_with};
      feeder_t shape = {.n = 1, .batches = {2}};
      char *dir = file_join(scratch, "not_calibrated");
      o.precision_mode = "INT8";
      o.use_dynamic_shape = dynamic;
      tftrt_converter *c = create(&o);
      tftrt_code code = tftrt_converter_convert(c, feed, &f, &e);
      if (dynamic) {
        assert_int_equal(code, TFTRT_OK);
        code = tftrt_converter_build(c, feed, &shape, &e);
      }
      if (code != TFTRT_INVALID_ARGUMENT || !strstr(e.message, bad[i].message))
        fail_msg("%s: %s", tftrt_code_name(code), e.message);
      code = tftrt_converter_save(c, dir, 1, &e);
      assert_int_equal(code, TFTRT_FAILED_PRECONDITION);
      if (dynamic)
        assert_string_equal(e.message,
                            "A model that requires INT8 calibration has to be built before saving "
                            "it. Call build() to build and calibrate the TensorRT engines.");
      assert_false(file_exists(dir));
      tftrt_converter_destroy(c);
      mem_free(dir);
    }
}

static void minimum_segment_size_minus_one_leaves_the_graph(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  char *text;
  o.minimum_segment_size = -1;
  tftrt_converter *c = converted(&o);
  assert_done(tftrt_converter_explain(c, 0, &text, &e));
  assert_non_null(strstr(text, " are in 0 engines."));
  tftrt_free(text);
  tftrt_converter_destroy(c);
}

static float input_scale(const char *table) {
  file_map_t *m;
  assert_ok(file_map_open(table, &m));
  char *text = mem_strndup((const char *)m->data, m->size);
  file_map_unref(m);
  const char *at = strstr(text, "TensorRTInputPH_0: ");
  assert_non_null(at);
  uint32_t bits = (uint32_t)strtoul(at + strlen("TensorRTInputPH_0: "), NULL, 16);
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  mem_free(text);
  return scale;
}

// TF-TRT skips batches whose size is not the first one's.
static void batches_of_any_size_count_in_calibration(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  char *table = file_join(scratch, "ranges");
  feeder_t f = {.n = 2, .batches = {2, 3}, .fill = {1, 127}};
  o.precision_mode = "INT8";
  o.calibrator = "minmax";
  o.calibration_table = table;
  tftrt_converter *c = create(&o);
  assert_done(tftrt_converter_convert(c, feed, &f, &e));
  tftrt_converter_destroy(c);
  assert_true(input_scale(table) == 1.0f);  // of 127 steps
  mem_free(table);
}

// ---------------------------------------------------------------- build

static void build_checks_come_in_order(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  feeder_t f = {.n = 1, .batches = {2}};
  tftrt_converter *c = create(&o);
  assert_error(tftrt_converter_build(c, NULL, NULL, &e), TFTRT_FAILED_PRECONDITION,
               "input_fn is None. Method build() needs input_fn to be specified in order to build "
               "TensorRT engines");
  assert_error(tftrt_converter_build(c, feed, &f, &e), TFTRT_FAILED_PRECONDITION,
               "Need to call convert() before build()");
  assert_done(tftrt_converter_convert(c, NULL, NULL, &e));
  assert_done(tftrt_converter_build(c, feed, &f, &e));
  static const char again[] =
      "build() is already called. It is not supported to call build() more than once.";
  assert_error(tftrt_converter_build(c, feed, &f, &e), TFTRT_UNIMPLEMENTED, again);
  assert_error(tftrt_converter_build(c, NULL, NULL, &e), TFTRT_UNIMPLEMENTED, again);
  assert_error(tftrt_converter_build_default(c, 1, &e), TFTRT_UNIMPLEMENTED, again);
  tftrt_converter_destroy(c);
}

static void a_generator_that_yields_nothing_fails_and_build_may_be_retried(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  tftrt_converter *c = converted(&o);
  feeder_t none = {.n = 0}, broken = {.n = 1, .batches = {1}, .ends_with = -1},
           good = {.n = 1, .batches = {1}};
  assert_error(tftrt_converter_build(c, feed, &none, &e), TFTRT_FAILED_PRECONDITION,
               "Failed to convert input to tensor.");
  assert_error(tftrt_converter_build(c, feed, &broken, &e), TFTRT_INVALID_ARGUMENT,
               "Failed to convert input to tensor.");
  assert_done(tftrt_converter_build(c, feed, &good, &e));
  tftrt_converter_destroy(c);
}

static void inputs_of_wrong_dtype_or_shape_are_named(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  tftrt_converter *c = converted(&o);
  feeder_t f = {.n = 1, .batches = {1}};
  f.change = (tftrt_tensor){.dtype = TFTRT_INT32, .rank = 4, .dims = {1, 28, 28, 1}};
  assert_int_equal(tftrt_converter_build(c, feed, &f, &e), TFTRT_INVALID_ARGUMENT);
  assert_non_null(strstr(e.message, "input 'image': the signature wants float32"));
  assert_non_null(strstr(e.message, "got int32 [1,28,28,1]"));
  f = (feeder_t){.n = 1, .batches = {1}};
  f.change = (tftrt_tensor){.dtype = TFTRT_FLOAT, .rank = 4, .dims = {1, 28, 27, 1}};
  assert_int_equal(tftrt_converter_build(c, feed, &f, &e), TFTRT_INVALID_ARGUMENT);
  assert_non_null(strstr(e.message, "input 'image'"));
  assert_non_null(strstr(e.message, "got float32 [1,28,27,1]"));
  f = (feeder_t){.n = 1, .batches = {1}};
  f.change = (tftrt_tensor){.dtype = TFTRT_FLOAT, .rank = 3, .dims = {28, 28, 1}};
  assert_int_equal(tftrt_converter_build(c, feed, &f, &e), TFTRT_INVALID_ARGUMENT);
  assert_non_null(strstr(e.message, "got float32 [28,28,1]"));
  f = (feeder_t){.n = 1, .batches = {1}};  // and after all that
  assert_done(tftrt_converter_build(c, feed, &f, &e));
  tftrt_converter_destroy(c);
}

static void signatures_tell_their_inputs_and_each_is_built_once(void **state) {
  (void)state;
  static const char *const keys[] = {"serve"};
  tftrt_converter_options o = options();
  o.signature_keys = keys;
  o.n_signature_keys = 1;
  o.input_saved_model_signature_key = "serving_default";
  feeder_t f = {.n = 1, .batches = {2}};
  tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
  tftrt_converter *c = create(&o);
  assert_int_equal(tftrt_converter_signature_count(c), 0);
  assert_int_equal(tftrt_converter_input_count(c, NULL), -1);
  assert_done(tftrt_converter_convert(c, NULL, NULL, &e));
  assert_int_equal(tftrt_converter_signature_count(c), 2);
  assert_string_equal(tftrt_converter_signature(c, 0), "serving_default");
  assert_string_equal(tftrt_converter_signature(c, 1), "serve");
  assert_null(tftrt_converter_signature(c, 2));
  assert_int_equal(tftrt_converter_input_count(c, "serve"), 1);
  assert_int_equal(tftrt_converter_input_count(c, "train"), -1);
  assert_done(tftrt_converter_input(c, "serve", 0, &info, &e));
  assert_string_equal(info.name, "image");
  assert_int_equal(info.rank, 4);
  assert_int_equal(info.dims[0], -1);
  assert_int_equal(tftrt_converter_input(c, NULL, 1, &info, &e), TFTRT_OUT_OF_RANGE);
  assert_int_equal(tftrt_converter_build_signature(c, "train", feed, &f, &e), TFTRT_NOT_FOUND);
  assert_done(tftrt_converter_build_signature(c, "serve", feed, &f, &e));
  f.at = 0;
  assert_int_equal(tftrt_converter_build_signature(c, "serve", feed, &f, &e), TFTRT_UNIMPLEMENTED);
  assert_done(tftrt_converter_build_default(c, 1, &e));  // the one that is left
  assert_int_equal(tftrt_converter_build_default(c, 1, &e), TFTRT_UNIMPLEMENTED);
  tftrt_converter_destroy(c);
}

// ---------------------------------------------------------------- save

static int64_t asset_bytes(const char *model) {
  char *dir = file_join(model, "assets"), **names = NULL;
  size_t n = 0;
  int64_t bytes = -1;  // none
  if (file_is_dir(dir)) assert_ok(file_list_dir(dir, &names, &n));
  for (size_t i = 0; i < n; i++) {
    char *path = file_join(dir, names[i]);
    file_map_t *m;
    if (strncmp(names[i], "trt-serialized-engine.", 22) == 0) {
      assert_ok(file_map_open(path, &m));
      bytes = (bytes < 0 ? 0 : bytes) + (int64_t)m->size;
      file_map_unref(m);
    }
    mem_free(path);
    mem_free(names[i]);
  }
  mem_free(names);
  mem_free(dir);
  return bytes;
}

static void save_before_convert_fails(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  char *dir = file_join(scratch, "early");
  tftrt_converter *c = create(&o);
  assert_error(tftrt_converter_save(c, dir, 1, &e), TFTRT_FAILED_PRECONDITION,
               "Need to call convert() before save()");
  assert_false(file_is_dir(dir));
  tftrt_converter_destroy(c);
  mem_free(dir);
}

static void save_before_build_is_legal_and_writes_no_engine_assets(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  char *dir = file_join(scratch, "unbuilt");
  feeder_t f = {.n = 1, .batches = {2}};
  tftrt_converter *c = converted(&o);
  assert_done(tftrt_converter_save(c, dir, 1, &e));
  assert_int_equal(asset_bytes(dir), -1);
  assert_done(tftrt_converter_build(c, feed, &f, &e));
  assert_done(tftrt_converter_save(c, dir, 1, &e));
  assert_true(asset_bytes(dir) > 0);
  tftrt_converter_destroy(c);
  mem_free(dir);
}

static void save_without_gpu_specific_engines_writes_an_empty_asset(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  char *dir = file_join(scratch, "empty_asset");
  feeder_t f = {.n = 1, .batches = {2}};
  tftrt_converter *c = converted(&o);
  assert_done(tftrt_converter_build(c, feed, &f, &e));
  assert_done(tftrt_converter_save(c, dir, 0, &e));
  assert_int_equal(asset_bytes(dir), 0);
  assert_done(tftrt_converter_save(c, dir, 1, &e));  // TF-TRT's second save has no engines
  assert_true(asset_bytes(dir) > 0);
  tftrt_converter_destroy(c);
  mem_free(dir);
}

// The batches of the engines built, as digits.
static int engine_batches(tftrt_converter *c) {
  char *text;
  int batches = 0;
  assert_done(tftrt_converter_explain(c, 1, &text, &e));
  for (const char *p = text; (p = strstr(p, "\"input_shapes\": [")); p++)
    batches = 10 * batches + atoi(p + strcspn(p, "0123456789"));
  tftrt_free(text);
  return batches;
}

// Runs images in batches and gives the stats of the one engine.
static tftrt_engine_stats run_batches(const char *dir, const int64_t *batches, int n) {
  static float data[8 * 28 * 28];
  tftrt_model *m;
  tftrt_engine_stats stats = TFTRT_ENGINE_STATS_INIT;
  assert_done(tftrt_model_open(dir, NULL, &m, &e));
  for (int i = 0; i < n; i++) {
    tftrt_tensor in = {.dtype = TFTRT_FLOAT,
                       .rank = 4,
                       .dims = {batches[i], 28, 28, 1},
                       .data = data,
                       .bytes = (size_t)batches[i] * 28 * 28 * sizeof(float)},
                 out;
    assert_done(tftrt_model_run(m, "serving_default", &in, 1, &out, 1, &e));
    assert_int_equal(out.dims[0], batches[i]);
    tftrt_tensor_release(&out);
  }
  assert_int_equal(tftrt_model_engine_count(m), 1);
  assert_done(tftrt_model_engine_stats(m, 0, &stats, &e));
  stats.name = stats.last_fallback_reason = NULL;  // they go with the model
  tftrt_model_close(m);
  return stats;
}

// The page: "If the number of cached engines is already at max but none of them supports the input
// shapes, the TRTEngineOp will fall back". TF 2.17 evicts the oldest.
static void a_full_cache_falls_back_and_evicts_in_compat_2_17(void **state) {
  (void)state;
  for (int compat = 0; compat < 2; compat++) {
    tftrt_converter_options o = options();
    char *dir = file_join(scratch, compat ? "evicts" : "falls_back");
    feeder_t f = {.n = 3, .batches = {1, 2, 3}};  // each is too large for the engines before it
    o.maximum_cached_engines = 2;
    o.allow_build_at_runtime = 0;
    o.compat = compat ? "2.17" : NULL;
    tftrt_converter *c = converted(&o);
    assert_done(tftrt_converter_build(c, feed, &f, &e));
    assert_int_equal(engine_batches(c), compat ? 23 : 12);
    assert_done(tftrt_converter_save(c, dir, 1, &e));
    tftrt_converter_destroy(c);
    tftrt_engine_stats s = run_batches(dir, (int64_t[]){3, 2}, 2);
    assert_int_equal(s.cache_hits, compat ? 2 : 1);  // batch 3 has an engine only where 1 gave way
    assert_int_equal(s.fallbacks, compat ? 0 : 1);
    mem_free(dir);
  }
}

static void allow_build_at_runtime_is_applied_at_save(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  char *dir = file_join(scratch, "no_builds");
  for (int allow = 0; allow < 2; allow++) {
    o.allow_build_at_runtime = allow;
    tftrt_converter *c = converted(&o);
    assert_done(tftrt_converter_save(c, dir, 1, &e));
    tftrt_converter_destroy(c);
    tftrt_engine_stats s = run_batches(dir, (int64_t[]){2}, 1);
    assert_int_equal(s.builds, allow);
    assert_int_equal(s.fallbacks, !allow);
  }
  mem_free(dir);
}

// ---------------------------------------------------------------- profiles added

static tftrt_profile_input image(int64_t min, int64_t opt, int64_t max) {
  return (tftrt_profile_input){.name = "image",
                               .rank = 4,
                               .min = {min, 28, 28, 1},
                               .opt = {opt, 28, 28, 1},
                               .max = {max, 28, 28, 1}};
}

static void not_added(tftrt_converter *c, const tftrt_profile_input *p, int n,
                      const char *message) {
  assert_error(tftrt_converter_add_profile(c, NULL, p, n, &e), TFTRT_INVALID_ARGUMENT, message);
}

static void profiles_that_make_no_sense_are_refused(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  o.use_dynamic_shape = 1;
  tftrt_profile_input p = image(1, 2, 4), twice[2] = {p, p};
  tftrt_converter *c = create(&o);
  assert_error(tftrt_converter_add_profile(c, NULL, &p, 1, &e), TFTRT_FAILED_PRECONDITION,
               "Need to call convert() before adding profiles");
  assert_done(tftrt_converter_convert(c, NULL, NULL, &e));
  assert_int_equal(tftrt_converter_add_profile(c, "train", &p, 1, &e), TFTRT_NOT_FOUND);
  not_added(c, NULL, 0, "the profile needs shapes for input 'image', which is [?,28,28,1]");
  not_added(c, twice, 2, "input 'image' is in the profile twice");
  p.name = "picture";
  not_added(c, &p, 1, "signature 'serving_default' has no input 'picture'");
  p = image(1, 4, 2);
  not_added(c, &p, 1, "input 'image': dim 0 is 4 in its opt shape, 2 in its max");
  p = image(0, 1, 1);
  not_added(c, &p, 1, "input 'image': dim 0 of its min shape is 0");
  p = image(1, 1, 1);
  p.max[1] = 29;
  not_added(c, &p, 1,
            "input 'image': the signature wants shape [?,28,28,1], its max shape is [1,29,28,1]");
  p.rank = 13;
  not_added(c, &p, 1, "input 'image': rank 13 is not in 0..12");
  tftrt_converter_destroy(c);
  o.use_dynamic_shape = 0;
  c = converted(&o);
  p = image(1, 2, 4);
  assert_done(tftrt_converter_add_profile(c, NULL, &p, 1, &e));
  assert_int_equal(tftrt_converter_build(c, NULL, NULL, &e), TFTRT_INVALID_ARGUMENT);
  assert_non_null(strstr(e.message, "dynamic-shape mode"));
  tftrt_converter_destroy(c);
}

static void engines_serve_the_profiles_that_were_added(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  char *dir = file_join(scratch, "profiles");
  tftrt_profile_input a = image(1, 1, 2), b = image(5, 6, 8);
  feeder_t f = {.n = 1, .batches = {2}};
  o.use_dynamic_shape = 1;
  o.allow_build_at_runtime = 0;
  for (int how = 0; how < 2; how++) {
    tftrt_converter *c = converted(&o);
    assert_done(tftrt_converter_add_profile(c, NULL, &a, 1, &e));
    assert_done(tftrt_converter_add_profile(c, "serving_default", &b, 1, &e));
    assert_error(tftrt_converter_build(c, feed, &f, &e), TFTRT_INVALID_ARGUMENT,
                 "signature 'serving_default' has profiles that were added: build takes no inputs");
    assert_done(how ? tftrt_converter_build_default(c, 1, &e)
                    : tftrt_converter_build(c, NULL, NULL, &e));
    assert_int_equal(tftrt_converter_build(c, NULL, NULL, &e), TFTRT_UNIMPLEMENTED);
    assert_done(tftrt_converter_save(c, dir, 1, &e));
    tftrt_converter_destroy(c);
    tftrt_engine_stats s = run_batches(dir, (int64_t[]){1, 2, 3, 4, 5, 8}, 6);
    assert_int_equal(s.cache_hits, 4);
    assert_int_equal(s.fallbacks, 2);  // 3 and 4 are in neither
    assert_int_equal(s.profiles, 2);
  }
  mem_free(dir);
}

// ---------------------------------------------------------------- summary

static void summary_before_convert_fails_in_tf_trts_words(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  tftrt_converter *c = create(&o);
  assert_error(tftrt_converter_summary(c, 160, 1, forget, NULL, &e), TFTRT_FAILED_PRECONDITION,
               "Impossible to call `TrtGraphConverterV2.summary()` before calling "
               "TrtGraphConverterV2.convert()`.");
  tftrt_converter_destroy(c);
}

static void summary_lines_are_at_least_160_long(void **state) {
  (void)state;
  tftrt_converter_options o = options();
  tftrt_converter *c = converted(&o);
  assert_error(tftrt_converter_summary(c, 159, 1, forget, NULL, &e), TFTRT_INVALID_ARGUMENT,
               "Invalid `line_length` value has been received: 159. Minimum: 160.");
  assert_done(tftrt_converter_summary(c, 160, 1, forget, NULL, &e));
  tftrt_converter_destroy(c);
}

typedef struct lines {
  char text[64][256];
  int n;
} lines_t;

static void keep_line(void *user, const char *line) {
  lines_t *l = user;
  assert_true(l->n < 64);
  snprintf(l->text[l->n++], sizeof l->text[0], "%s", line);
}

// Header, rule, the engine's row, then once with nothing before the op counts, the end.
static void summary_calls_back_once_a_line(void **state) {
  (void)state;
  static lines_t brief, detailed;
  tftrt_converter_options o = options();
  tftrt_converter *c = converted(&o);
  assert_done(tftrt_converter_summary(c, 160, 0, keep_line, &brief, &e));
  assert_done(tftrt_converter_summary(c, 160, 1, keep_line, &detailed, &e));
  tftrt_converter_destroy(c);
  assert_int_equal(brief.n, 6);
  assert_int_equal(strlen(brief.text[0]), 158);
  assert_int_equal(strlen(brief.text[1]), 160);
  assert_int_equal(strlen(brief.text[2]), 158);
  assert_int_equal(brief.text[3][0], '\n');
  assert_int_equal(strlen(brief.text[3]), 161);
  assert_string_equal(brief.text[4], "[*] Total number of TensorRT engines: 1");
  assert_int_equal(brief.text[5][strlen(brief.text[5]) - 1], '\n');
  assert_true(detailed.n > 8);
  assert_string_equal(detailed.text[3], "");
  assert_int_equal(strncmp(detailed.text[4], "\t- ", 3), 0);
  for (int i = 5; i < detailed.n - 3; i++)  // sorted by op
    assert_true(strcmp(detailed.text[i - 1], detailed.text[i]) < 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(precision_mode_is_all_upper_or_all_lower),
      cmocka_unit_test(minimum_segment_size_is_positive_or_minus_one),
      cmocka_unit_test(profile_strategy_is_compared_without_case_and_only_in_dynamic_mode),
      cmocka_unit_test(checks_come_in_order),
      cmocka_unit_test(maximum_cached_engines_is_not_validated),
      cmocka_unit_test(input_saved_model_dir_is_required),
      cmocka_unit_test(conversion_params_replace_the_arguments_and_are_deprecated),
      cmocka_unit_test(disable_graph_freezing_without_dynamic_shape_is_warned_about),
      cmocka_unit_test(an_unknown_signature_key_fails_in_convert),
      cmocka_unit_test(unknown_tags_fail_in_convert),
      cmocka_unit_test(a_directory_without_a_model_fails_in_convert),
      cmocka_unit_test(a_failed_convert_leaves_nothing_and_may_be_retried),
      cmocka_unit_test(convert_is_called_once),
      cmocka_unit_test(a_calibration_function_is_given_when_and_only_when_it_is_needed),
      cmocka_unit_test(minimum_segment_size_minus_one_leaves_the_graph),
      cmocka_unit_test(what_cannot_be_calibrated_with_is_said),
      cmocka_unit_test(batches_of_any_size_count_in_calibration),
      cmocka_unit_test(build_checks_come_in_order),
      cmocka_unit_test(a_generator_that_yields_nothing_fails_and_build_may_be_retried),
      cmocka_unit_test(inputs_of_wrong_dtype_or_shape_are_named),
      cmocka_unit_test(signatures_tell_their_inputs_and_each_is_built_once),
      cmocka_unit_test(save_before_convert_fails),
      cmocka_unit_test(save_before_build_is_legal_and_writes_no_engine_assets),
      cmocka_unit_test(save_without_gpu_specific_engines_writes_an_empty_asset),
      cmocka_unit_test(a_full_cache_falls_back_and_evicts_in_compat_2_17),
      cmocka_unit_test(allow_build_at_runtime_is_applied_at_save),
      cmocka_unit_test(profiles_that_make_no_sense_are_refused),
      cmocka_unit_test(engines_serve_the_profiles_that_were_added),
      cmocka_unit_test(summary_calls_back_once_a_line),
      cmocka_unit_test(summary_before_convert_fails_in_tf_trts_words),
      cmocka_unit_test(summary_lines_are_at_least_160_long)};
  return cmocka_run_group_tests(tests, load, unload);
}
