// Several signatures in one converter: all of them are converted in the model that is saved.
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"
#include "saved_model/writer.h"

static char scratch[64];

static int load(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_signatures_XXXXXX");
  return mkdtemp(scratch) ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  status_free(file_remove_tree(scratch));
  return 0;
}

static void take(corpus_t *list, char *name, golden_t *g) {
  corpus_list(TESTS_DIR "/models/small", 1, &name, list);
  assert_int_equal(list->n, 1);
  golden_load(&list->v[0], g);
}

static void drop(corpus_t *list, golden_t *g) {
  golden_free(g);
  corpus_free(list);
}

// Every model of the corpus with several signatures in one meta graph.
static void convert_all(op_set_t op_set) {
  conversion_t how = {.all_signatures = true, .maximum_cached_engines = 16, .op_set = op_set};
  static char *models[] = {"audio_stft", "bf16_mixed",     "bigru",       "effnet_tiny",
                           "mnist_cnn",  "mobilenet_tiny", "multi_sig",   "ops_conv",
                           "ops_shape",  "ops_unary",      "passthrough", "stateful_pair",
                           "v1_session", "vocab_asset",    "while_loops"};
  for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
    corpus_t list = {0};
    golden_t g;
    converter_t *c;
    take(&list, models[m], &g);
    char *dir = file_join(scratch, models[m]);
    assert_ok(converter_for(&list.v[0], &g.cases.v[0], &how, &c));
    assert_ok(converter_convert(c, NULL));
    int n = 0;
    for (size_t k = 0; k < g.cases.n; k++) {
      if (!first_of_signature(&g, k)) continue;
      assert_ok(build_from(c, &g.cases.v[k]));
      assert_fails(build_from(c, &g.cases.v[k]), UNIMPLEMENTED, "build() is already called");
      n++;
    }
    assert_true(n >= 1);  // some have golden cases of one alone
    assert_true(converter_n_signatures(c) >= n && converter_n_signatures(c) > 1);
    if (converter_n_warnings(c)) fail_msg("%s: %s", models[m], converter_warning(c, 0));
    assert_ok(converter_save(c, dir, true));
    converter_destroy(c);
    outcome_t o = {0};
    assert_ok(run_golden(&g, dir, &o));
    if (o.score.worst > 1)
      fail_msg("%s differs by %g at %s", models[m], o.score.worst, o.score.where);
    if (*o.native) fail_msg("%s: %s", models[m], o.native);
    assert_int_equal(o.hits, o.runs);
    mem_free(dir);
    drop(&list, &g);
  }
}

static void all_signatures_are_converted_and_right(void **state) {
  (void)state;
  convert_all(OP_SET_ALL);
  convert_all(OP_SET_TF_TRT);
}

// Names of engines in a JSON report, as "000_000,001_000,".
static void engine_numbers(const converter_t *c, char *out, size_t size) {
  char *json;
  size_t at = 0;
  assert_ok(converter_explain(c, true, &json));
  out[0] = 0;
  for (const char *p = json; (p = strstr(p, "\"name\": \"TRTEngineOp_")); p++)
    at += (size_t)snprintf(out + at, size - at, "%.7s,", p + strlen("\"name\": \"TRTEngineOp_"));
  mem_free(json);
}

static converter_t *convert_listed(const corpus_model_t *cm, const char *first,
                                   const char *const *more, int n) {
  converter_t *c;
  converter_options_t o = {.struct_size = sizeof o,
                           .dir = cm->saved,
                           .signature = first,
                           .signatures = more,
                           .n_signatures = n,
                           .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                           .minimum_segment_size = 3,
                           .maximum_cached_engines = 1,
                           .allow_build_at_runtime = true,
                           .rule_tactics = true,
                           .threads = 2};
  assert_ok(converter_create(&o, &c));
  return c;
}

// graph-format.md, section 2: <graph> is a counter, incremented once per graph that is converted,
// also when no segment results.
static void engines_are_numbered_by_graph(void **state) {
  (void)state;
  static const char *const more[] = {"decode", "encode", "mix-v1.0", "encode"};
  corpus_t list = {0};
  golden_t g;
  char numbers[256];
  take(&list, "multi_sig", &g);
  converter_t *c = convert_listed(&list.v[0], "serving_default", more, 4);
  assert_ok(converter_convert(c, NULL));
  assert_int_equal(converter_n_signatures(c), 4);
  assert_string_equal(converter_signature(c, 0)->key, "serving_default");
  assert_string_equal(converter_signature(c, 3)->key, "mix-v1.0");
  engine_numbers(c, numbers, sizeof numbers);
  int first, encode, mix;
  assert_int_equal(sscanf(numbers, "%d_000,%d_000,%d_000,", &first, &encode, &mix), 3);
  assert_int_equal(encode, first + 2);  // decode has no segment, but is a graph
  assert_int_equal(mix, first + 3);
  converter_destroy(c);
  drop(&list, &g);
}

// Names that a model already has are never given again, to none of the signatures.
static void numbers_do_not_meet_those_of_an_earlier_conversion(void **state) {
  (void)state;
  static const char *const more[] = {"encode", "mix-v1.0"};
  corpus_t list = {0};
  golden_t g;
  char numbers[256];
  take(&list, "multi_sig", &g);
  char *once = file_join(scratch, "once"), *twice = file_join(scratch, "twice");
  assert_ok(file_make_dirs(once));
  // An asset of another model's engine, with a number that the counter will not have reached.
  saved_model_t *source;
  saved_model_writer_t *w;
  assert_ok(saved_model_open(list.v[0].saved, &source));
  assert_ok(saved_model_writer_create(source, once, &w));
  assert_ok(saved_model_writer_engine(w, saved_model_meta_graph(source, 0),
                                      &(saved_engine_t){.name = "TRTEngineOp_777_000"}));
  assert_ok(saved_model_writer_finish(w));
  saved_model_close(source);
  corpus_model_t taken = {.name = list.v[0].name, .saved = once, .dir = list.v[0].dir};
  converter_t *c = convert_listed(&taken, "serving_default", more, 2);
  assert_ok(converter_convert(c, NULL));
  engine_numbers(c, numbers, sizeof numbers);
  assert_string_equal(numbers, "778_000,779_000,780_000,");
  assert_ok(converter_save(c, twice, true));
  converter_destroy(c);
  mem_free(once);
  mem_free(twice);
  drop(&list, &g);
}

static void a_key_that_is_not_there_is_named(void **state) {
  (void)state;
  static const char *const more[] = {"encode", "nothing"};
  corpus_t list = {0};
  golden_t g;
  take(&list, "multi_sig", &g);
  converter_t *c = convert_listed(&list.v[0], NULL, more, 2);
  assert_fails(converter_convert(c, NULL), NOT_FOUND, "nothing");
  converter_destroy(c);
  c = convert_listed(&list.v[0], NULL, more, 1);
  assert_ok(converter_convert(c, NULL));
  assert_int_equal(converter_n_signatures(c), 1);
  assert_string_equal(converter_signature(c, 0)->key, "encode");
  assert_fails(build_from(c, &(golden_case_t){.signature = "decode"}), NOT_FOUND,
               "signature 'decode' is not converted; converted are: 'encode'");
  converter_destroy(c);
  drop(&list, &g);
}

static void count_line(void *user, const char *line) {
  int *counts = user;
  counts[0] += strncmp(line, "Signature '", strlen("Signature '")) == 0;
  counts[1] += strncmp(line, "[*] Total number of TensorRT engines", 36) == 0;
}

static void the_summary_is_one_for_each_signature(void **state) {
  (void)state;
  static const char *const more[] = {"decode", "mix-v1.0"};
  corpus_t list = {0};
  golden_t g;
  int counts[2] = {0};
  take(&list, "multi_sig", &g);
  converter_t *c = convert_listed(&list.v[0], "encode", more, 2);
  assert_ok(converter_convert(c, NULL));
  assert_ok(converter_summary(c, 160, true, count_line, counts));
  assert_int_equal(counts[0], 3);
  assert_int_equal(counts[1], 3);
  converter_destroy(c);
  drop(&list, &g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_signatures_are_converted_and_right),
      cmocka_unit_test(engines_are_numbered_by_graph),
      cmocka_unit_test(numbers_do_not_meet_those_of_an_earlier_conversion),
      cmocka_unit_test(a_key_that_is_not_there_is_named),
      cmocka_unit_test(the_summary_is_one_for_each_signature)};
  return cmocka_run_group_tests(tests, load, unload);
}
