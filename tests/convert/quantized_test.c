// Graphs with quantization nodes (tests/models/make_quantized.py) in INT8, against TensorFlow's
// simulated quantization: each quantization op, and each way from a quantized tensor to a layer
// that computes in 8 bits. Results are multiples of one step. They are TensorFlow's but for sums
// that lie so near the middle between two steps that float32's rounding decides: at most one in a
// hundred, and by one step. Where the graph lets it, nothing between the quantization nodes may
// stay in float.
//
//   quantized_test [<signature> ...]
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"

#define PATHS TESTS_DIR "/models/quantized"

static const struct {
  const char *signature, *layer, *why;
} IN_FLOAT[] = {
    {"four_bits", "CONVOLUTION", "no 8-bit layer has so few steps"},
    {"sixteen_bits", "CONVOLUTION", "no 8-bit layer has so many steps"},
    {"attention", "SOFTMAX", "its exponentials have more than 8 bits"},
    {"attention_heads", "SOFTMAX", "its exponentials have more than 8 bits"},
    {"quantize_dequantize_min_combined", "CONVOLUTION", "none of its steps need be 0"},

};

static const conversion_t MODES[] = {
    {.name = "implicit"},
    {.name = "dynamic", .dynamic_shape = true, .profile_strategy = "Range"},
    {.name = "calibrated", .use_calibration = true},
    {.name = "tf-trt", .op_set = OP_SET_TF_TRT, .minimum_segment_size = 1}};
enum { N_MODES = sizeof MODES / sizeof *MODES };

static char scratch[64];
static golden_t golden;
static corpus_t models;

static double step_of(const char *signature) {  // "steps": {"<signature>": x
  char key[160];
  snprintf(key, sizeof key, "\"%s\": ", signature);
  const char *at = strstr(golden.manifest, key);
  assert_non_null(at);
  return strtod(at + strlen(key), NULL);
}

static bool may_be_float(const char *signature, const char *layer, size_t n) {
  static const char *const others[] = {"FUSED_ELEMENTWISE", "ELEMENTWISE", "UNARY", "CAST"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strlen(others[i]) == n && memcmp(others[i], layer, n) == 0) return true;
  for (size_t i = 0; i < sizeof IN_FLOAT / sizeof *IN_FLOAT; i++)
    if (strcmp(IN_FLOAT[i].signature, signature) == 0 && strlen(IN_FLOAT[i].layer) == n &&
        memcmp(IN_FLOAT[i].layer, layer, n) == 0)
      return true;
  return false;
}

// The layer that is in float and should not be; NULL.
static char *float_layer(const char *dir, const char *signature) {
  static const char mark[] = "    fp32  ";
  char *text, *wrong = NULL;
  assert_ok(summarize_precisions(dir, NULL, 0, signature, true, &text));
  if (!strstr(text, "[*] ")) wrong = mem_strdup("no engine was saved");
  for (const char *p = text; !wrong && (p = strstr(p, mark));) {
    p += strlen(mark);
    if (!may_be_float(signature, p, strcspn(p, " "))) wrong = mem_strndup(p, strcspn(p, "\n"));
  }
  mem_free(text);
  return wrong;
}

static status_t no_inputs(void *self, const tensor_t **inputs, bool *end) {
  (void)self;
  (void)inputs;
  *end = true;  // the graph's own nodes decide: nothing is asked for
  return NULL;
}

static status_t convert_as(const golden_case_t *c, const conversion_t *how, const char *dir) {
  conversion_t int8 = *how;
  converter_t *k;
  int8.precision_mode = "INT8";
  TRY(converter_for(&models.v[0], c, &int8, &k));
  input_source_t source = {no_inputs, NULL};
  status_t st =
      status_prefix(converter_convert(k, how->use_calibration ? &source : NULL), "convert");
  if (!st) st = status_prefix(build_from(k, c), "build");
  if (!st) st = status_prefix(converter_save(k, dir, true), "save");
  converter_destroy(k);
  return st;
}

// Differences in steps.
static char *run_one(const golden_case_t *c, const char *dir) {
  double step = step_of(c->signature), most = 0;
  int64_t flips = 0, inexact = 0, n;
  const signature_t *s;
  outcome_t o = {0};
  model_t *m;
  assert_ok(open_with_tags(dir, "", true, &m));
  assert_ok(meta_graph_signature(model_meta_graph(m), c->signature, &s));
  npz_t z = npz_open(c->path);
  tensor_t in = input_array(&z, &s->inputs[0]), want = npz_get(&z, "out.", "y", DT_FLOAT), out;
  assert_ok(model_run(m, c->signature, &in, &out));
  assert_true(shape_equal(&want.shape, &out.shape));
  n = tensor_elements(&want);
  for (int64_t i = 0; i < n; i++) {
    double d = fabs(tensor_number_at(&want, i) - tensor_number_at(&out, i)) / step;
    most = fmax(most, d);
    flips += d > 0.5;
    inexact += d > 1e-3 && fabs(d - 1) > 1e-3;
  }
  add_engines(m, &o);
  tensor_unref(&in);
  tensor_unref(&want);
  tensor_unref(&out);
  npz_close(&z);
  model_close(m);
  printf("%lld of %lld numbers differ, by %.4g steps\n", (long long)flips, (long long)n, most);
  if (*o.native) return mem_printf("ran natively, %s", o.native);
  if (inexact || flips * 100 > n)
    return mem_printf("%lld of %lld numbers differ, %lld by other than a step", (long long)flips,
                      (long long)n, (long long)inexact);
  return NULL;
}

static void equals_simulated_quantization(void **state) {
  const golden_case_t *c = *state;
  char *dir = file_join(scratch, c->signature), *wrong = NULL;
  for (int k = 0; k < N_MODES && !wrong; k++) {
    assert_ok(convert_as(c, &MODES[k], dir));
    printf("    %-32s %-10s ", c->signature, MODES[k].name);
    wrong = run_one(c, dir);
    if (!wrong && MODES[k].op_set != OP_SET_TF_TRT) wrong = float_layer(dir, c->signature);
    if (wrong) printf("      ^ %s\n", wrong);
    assert_ok(file_remove_tree(dir));
  }
  mem_free(dir);
  if (wrong) fail_msg("%s", wrong);
}

int main(int argc, char **argv) {
  strcpy(scratch, "/tmp/tftrt_quantized_XXXXXX");
  assert_non_null(mkdtemp(scratch));
  corpus_list(PATHS, 0, NULL, &models);
  assert_int_equal(models.n, 1);
  golden_load(&models.v[0], &golden);
  struct CMUnitTest *tests = mem_calloc(golden.cases.n + 1, sizeof *tests);
  size_t n = 0;
  for (size_t i = 0; i < golden.cases.n; i++) {
    golden_case_t *c = &golden.cases.v[i];
    bool wanted = argc < 2;
    for (int k = 1; k < argc; k++) wanted = wanted || strcmp(argv[k], c->signature) == 0;
    if (wanted)
      tests[n++] = (struct CMUnitTest){
          .name = c->signature, .test_func = equals_simulated_quantization, .initial_state = c};
  }
  int failed = _cmocka_run_group_tests("graphs with quantization nodes", tests, n, NULL, NULL);
  mem_free(tests);
  golden_free(&golden);
  corpus_free(&models);
  status_free(file_remove_tree(scratch));
  return failed;
}
