// Models that are converted already, by real TF-TRT (models/tf-trt-saved) and by us: they run, get
// engines, and are converted anew; what comes out is TensorFlow's.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/map.h"
#include "convert/converter.h"
#include "convert_corpus.h"
#include "graph/passes.h"
#include "saved_model/writer.h"
#include "test.h"

static const char *const saved[] = {"bert_tiny", "dynamic_shapes", "fp16_mixed", "lstm_text",
                                    "qat_cnn",   "resnet_tiny",    "ssd_tiny"};
enum { N_SAVED = sizeof saved / sizeof *saved };

static char *saved_dir(const char *name) {
  return mem_printf(TESTS_DIR "/models/tf-trt-saved/%s", name);
}

// The golden cases of a model of models/small.
static void load_golden(const char *name, corpus_t *corpus, golden_t *golden) {
  char *names[] = {(char *)(uintptr_t)name};
  corpus_list(TESTS_DIR "/models/small", 1, names, corpus);
  assert_int_equal(corpus->n, 1);
  golden_load(&corpus->v[0], golden);
}

typedef struct ran {
  int64_t runs, hits, builds, fallbacks, engines;
} ran_t;

// Runs all cases of the default signature; returns what the engines did.
static ran_t run_cases(const char *dir, const char *name) {
  corpus_t corpus = {0};
  golden_t golden;
  load_golden(name, &corpus, &golden);
  model_t *m;
  score_t score = {0};
  assert_ok(open_with_tags(dir, "", false, &m));
  for (size_t i = 0; i < golden.cases.n; i++)
    if (strcmp(golden.cases.v[i].signature, "serving_default") == 0)
      assert_ok(run_case(m, &golden, &golden.cases.v[i], &score));
  assert_true(score.worst <= 1);
  ran_t r = {0};
  engine_stats_t stats[64];
  int n = model_engine_stats(m, stats, 64);
  for (int i = 0; i < n; i++) {
    r.runs += stats[i].runs;
    r.hits += stats[i].hits;
    r.builds += stats[i].builds;
    r.fallbacks += stats[i].fallbacks;
    r.engines += stats[i].engines;
  }
  model_close(m);
  golden_free(&golden);
  corpus_free(&corpus);
  return r;
}

static converter_t *open_converter(const char *dir, bool keep) {
  converter_options_t o = {.struct_size = sizeof o,
                           .dir = dir,
                           .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                           .precision_mode = "FP32",
                           .minimum_segment_size = 3,
                           .maximum_cached_engines = 8,
                           .use_calibration = true,
                           .allow_build_at_runtime = true,
                           .rule_tactics = true,
                           .threads = 1};
  converter_t *c;
  assert_ok(converter_create(&o, &c));
  assert_ok(keep ? converter_reopen(c) : converter_convert(c, NULL));
  return c;
}

// TF-TRT saved them without engines: the first runs build, within what the graph says.
static void models_of_tf_trt_run(void **state) {
  (void)state;
  for (int i = 0; i < N_SAVED; i++) {
    char *dir = saved_dir(saved[i]);
    ran_t r = run_cases(dir, saved[i]);
    assert_true(r.runs > 0 && r.builds > 0 && r.hits > 0);
    mem_free(dir);
  }
}

static void models_of_tf_trt_get_engines(void **state) {
  for (int i = 0; i < N_SAVED; i++) {
    char *dir = saved_dir(saved[i]), *out = mem_printf("%s/%s", (char *)*state, saved[i]);
    converter_t *c = open_converter(dir, true);
    assert_ok(converter_build_default(c, 8));
    assert_ok(converter_save(c, out, true));
    converter_destroy(c);
    ran_t r = run_cases(out, saved[i]);
    assert_true(r.engines > 0 && r.hits > 0);
    mem_free(out);
    mem_free(dir);
  }
}

static void count_trt_nodes(const char *dir, const char *prefix, int *all, int *with_prefix) {
  saved_model_t *m;
  const meta_graph_t *g;
  const signature_t *s;
  arena_t *arena = NULL;
  library_t *library = NULL;
  graph_t *graph = NULL;
  *all = *with_prefix = 0;
  assert_ok(saved_model_open(dir, &m));
  assert_ok(saved_model_find(m, NULL, 0, &g));
  assert_ok(meta_graph_signature(g, NULL, &s));
  assert_ok(signature_graph(m, g, s, &arena, &library, &graph));
  assert_ok(graph_inline_calls(graph));
  for (int i = 0; i < graph->n_nodes; i++) {
    const node_t *n = graph->nodes[i];
    if (n->dead || strcmp(n->op, "TRTEngineOp") != 0) continue;
    ++*all;
    if (strstr(n->name, prefix)) ++*with_prefix;
  }
  graph_destroy(graph);
  library_destroy(library);
  arena_destroy(arena);
  saved_model_close(m);
}

// Native segments take their places again and are converted for this backend.
static void models_of_tf_trt_are_converted_anew(void **state) {
  for (int i = 0; i < N_SAVED; i++) {
    char *dir = saved_dir(saved[i]), *out = mem_printf("%s/anew_%s", (char *)*state, saved[i]);
    converter_t *c = open_converter(dir, false);
    assert_ok(converter_build_default(c, 8));
    assert_ok(converter_save(c, out, true));
    converter_destroy(c);
    int before, after, old, none;
    count_trt_nodes(dir, "TRTEngineOp_", &before, &none);
    assert_true(before > 0 && none == before);
    char prefix[32] = "";
    // TF-TRT's graph number in this model, as its first engine has it.
    saved_model_t *m;
    const meta_graph_t *g;
    assert_ok(saved_model_open(dir, &m));
    assert_ok(saved_model_find(m, NULL, 0, &g));
    arena_t *arena = NULL;
    library_t *library = NULL;
    graph_t *graph = NULL;
    assert_ok(meta_graph_graph(m, g, &arena, &library, &graph));
    size_t at = 0;
    const char *name;
    while (!*prefix && map_next(library->functions, &at, &name, NULL)) {
      const char *p = strstr(name, "TRTEngineOp_");
      if (p) snprintf(prefix, sizeof prefix, "%.16s", p);  // TRTEngineOp_123_
    }
    graph_destroy(graph);
    library_destroy(library);
    arena_destroy(arena);
    saved_model_close(m);
    assert_int_equal(strlen(prefix), 16);
    count_trt_nodes(out, prefix, &after, &old);
    assert_true(after > 0);
    assert_int_equal(old, 0);
    ran_t r = run_cases(out, saved[i]);
    assert_true(r.hits > 0);
    mem_free(out);
    mem_free(dir);
  }
}

static status_t give_one(void *self, const tensor_t **inputs, bool *end) {
  tensor_t **next = self;
  *end = *next == NULL;
  *inputs = *next;
  *next = NULL;
  return NULL;
}

// Ours, saved without engines: build() adds one, in place, and the segments stay what they are.
static void engines_are_added_in_place(void **state) {
  corpus_t corpus = {0};
  golden_t golden;
  load_golden("mnist_cnn", &corpus, &golden);
  char *dir = mem_printf("%s/in_place", (char *)*state);
  converter_t *c = open_converter(corpus.v[0].saved, false);
  assert_ok(converter_save(c, dir, true));
  converter_destroy(c);

  c = open_converter(dir, true);
  tensor_t image = {0}, *next = &image;
  shape_t shape = shape_of(4, (int64_t[]){2, 28, 28, 1});
  assert_ok(tensor_alloc(DT_FLOAT, &shape, &image));
  memset(image.data, 0, tensor_bytes(&image));
  assert_ok(converter_build(c, NULL, &(input_source_t){give_one, &next}));
  assert_ok(converter_save(c, dir, true));
  converter_destroy(c);

  model_t *m;
  tensor_t out[1] = {0};
  engine_stats_t stats;
  assert_ok(open_with_tags(dir, "", true, &m));
  assert_ok(model_run(m, "serving_default", &image, out));
  assert_int_equal(model_engine_stats(m, &stats, 1), 1);
  assert_int_equal(stats.hits, 1);
  assert_int_equal(stats.builds, 0);
  tensor_unref(&out[0]);
  tensor_unref(&image);
  model_close(m);
  int all, none;
  count_trt_nodes(dir, "TRTEngineOp_", &all, &none);
  assert_int_equal(all, 1);
  golden_free(&golden);
  corpus_free(&corpus);
  mem_free(dir);
}

static void an_unconverted_model_cannot_get_engines(void **state) {
  (void)state;
  converter_options_t o = {.struct_size = sizeof o,
                           .dir = TESTS_DIR "/models/small/mnist_cnn/saved_model",
                           .precision_mode = "FP32",
                           .minimum_segment_size = 3,
                           .maximum_cached_engines = 1,
                           .threads = 1};
  converter_t *c;
  assert_ok(converter_create(&o, &c));
  assert_fails(converter_reopen(c), FAILED_PRECONDITION, "is to be converted first");
  assert_fails(converter_reopen(c), FAILED_PRECONDITION, "mnist_cnn");
  converter_destroy(c);
}

static int make_scratch(void **state) {
  static char dir[] = "/tmp/tftrt_reopen_XXXXXX";
  *state = mkdtemp(dir);
  return *state ? 0 : -1;
}

static int remove_scratch(void **state) {
  status_free(file_remove_tree(*state));
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(models_of_tf_trt_run),
                                     cmocka_unit_test(models_of_tf_trt_get_engines),
                                     cmocka_unit_test(models_of_tf_trt_are_converted_anew),
                                     cmocka_unit_test(engines_are_added_in_place),
                                     cmocka_unit_test(an_unconverted_model_cannot_get_engines)};
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
