// Reading environment variables as TensorFlow does, and saying what has no effect.
#include "base/environment.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

// TensorFlow 2.17's ReadBoolFromEnvVar: 0, 1, true, false in any case; anything else is the
// default.
static void booleans_accept_0_1_true_false(void **state) {
  (void)state;
  static const char name[] = "TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION";
  static const struct {
    const char *text;
    bool value;
  } cases[] = {{"0", false},     {"1", true},    {"false", false}, {"FALSE", false},
               {"False", false}, {"true", true}, {"TRUE", true},   {"no", true},
               {"", true},       {"00", true},   {" 0", true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    setenv(name, cases[i].text, 1);
    assert_int_equal(env_flag(name), cases[i].value);
  }
  unsetenv(name);
  assert_true(env_flag(name));
  assert_false(env_flag("TF_TRT_ABORT_CUDA_ENGINE_BUILD"));
}

static void numbers_have_defaults(void **state) {
  (void)state;
  static const char name[] = "TF_TRT_MAX_ALLOWED_ENGINES";
  assert_int_equal(env_number(name), 20);
  static const struct {
    const char *text;
    int value;
  } cases[] = {{"3", 3}, {"-1", -1}, {"0", 0}, {"3x", 20}, {"", 20}, {"99999999999999999999", 20}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    setenv(name, cases[i].text, 1);
    assert_int_equal(env_number(name), cases[i].value);
  }
  unsetenv(name);
}

static void lists_are_split_at_commas(void **state) {
  (void)state;
  assert_true(env_list_has("A,B,Conv2D", "Conv2D"));
  assert_true(env_list_has("Conv2D", "Conv2D"));
  assert_true(env_list_has("Conv2D,,A", "A"));
  assert_false(env_list_has("Conv2DBackpropInput,A", "Conv2D"));
  assert_false(env_list_has("", "Conv2D"));
  assert_false(env_list_has("XConv2D", "Conv2D"));
}

typedef struct heard {
  char text[8][512];
  int n;
} heard_t;

static void hear(void *user, const char *sentence) {
  heard_t *h = user;
  assert_true(h->n < 8);
  snprintf(h->text[h->n++], sizeof h->text[0], "%s", sentence);
}

static void what_has_no_effect_is_said_once(void **state) {
  (void)state;
  heard_t h = {0};
  env_check(hear, &h);
  assert_int_equal(h.n, 0);
  setenv("TF_TRT_FIXED_ALGORITHM_ID", "3", 1);
  setenv("TF_TRT_OP_DENYLIST", "Conv2D", 1);
  setenv("TF_TRT_MAX_ALLOWED_ENGINES", "many", 1);
  setenv("TF_TRT_EXPERIMENTAL_FEATURES", "remove_native_segments,disable_logger_filtering,x", 1);
  env_check(hear, &h);
  assert_int_equal(h.n, 3);
  assert_string_equal(h.text[0],
                      "Failed to parse the env-var ${TF_TRT_MAX_ALLOWED_ENGINES} into int64: many. "
                      "Use the default value: 20");
  assert_non_null(strstr(h.text[1], "disable_logger_filtering, x has no effect"));
  assert_non_null(strstr(h.text[2], "TF_TRT_FIXED_ALGORITHM_ID is set and has no effect"));
  unsetenv("TF_TRT_FIXED_ALGORITHM_ID");
  unsetenv("TF_TRT_OP_DENYLIST");
  unsetenv("TF_TRT_MAX_ALLOWED_ENGINES");
  unsetenv("TF_TRT_EXPERIMENTAL_FEATURES");
}

// The fourteen of converter-api.md, section 8.
static void the_table_has_all_of_tf_trt(void **state) {
  (void)state;
  static const char *const names[] = {"TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION",
                                      "TF_TRT_ABORT_CUDA_ENGINE_BUILD",
                                      "TF_TRT_OP_DENYLIST",
                                      "TF_TRT_OP_FAKELIST",
                                      "TF_TRT_MAX_ALLOWED_ENGINES",
                                      "TF_TRT_SHOW_DETAILED_REPORT",
                                      "TF_TRT_EXPORT_GRAPH_VIZ_PATH",
                                      "TF_TRT_EXPORT_TRT_ENGINES_PATH",
                                      "TF_TRT_EXPERIMENTAL_FEATURES",
                                      "TF_TRT_ENABLE_LAYOUT_OPTIMIZER",
                                      "TF_TRT_SPARSE_MODE",
                                      "TF_TRT_FIXED_ALGORITHM_ID",
                                      "TF_TRT_ALLOW_NMS_TOPK_OVERRIDE",
                                      "TF_DEBUG_TRT_ALLOW_INEFFICIENT_TRANSPOSE"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    bool found = false;
    const env_var_t *v;
    for (int k = 0; (v = env_at(k)); k++) found |= strcmp(v->name, names[i]) == 0;
    if (!found) fail_msg("%s is not in the table", names[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(booleans_accept_0_1_true_false),
                                     cmocka_unit_test(numbers_have_defaults),
                                     cmocka_unit_test(lists_are_split_at_commas),
                                     cmocka_unit_test(what_has_no_effect_is_said_once),
                                     cmocka_unit_test(the_table_has_all_of_tf_trt)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
