// What a conversion keeps of its source: tag sets, signatures with all that they tell, assets, and
// (tests/convert/models_test.c) that the signatures which were not converted still run. TF-TRT
// keeps one signature, under the tag "serve".
#define _GNU_SOURCE  // memmem
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"

static char scratch[64];

static void same_infos(const char *what, const tensor_info_t *a, int n_a, const tensor_info_t *b,
                       int n_b) {
  assert_int_equal(n_a, n_b);
  for (int i = 0; i < n_a; i++) {
    assert_string_equal(a[i].key, b[i].key);
    if (a[i].dtype != b[i].dtype || !shape_equal(&a[i].shape, &b[i].shape))
      fail_msg("%s '%s' has another dtype or shape", what, a[i].key);
  }
}

static void same_signatures(const meta_graph_t *a, const meta_graph_t *b) {
  assert_int_equal(a->n_signatures, b->n_signatures);
  for (int i = 0; i < a->n_signatures; i++) {
    const signature_t *x = &a->signatures[i], *y = &b->signatures[i];
    assert_string_equal(x->key, y->key);
    assert_string_equal(x->method, y->method);
    same_infos("input", x->inputs, x->n_inputs, y->inputs, y->n_inputs);
    same_infos("output", x->outputs, x->n_outputs, y->outputs, y->n_outputs);
  }
}

static void same_asset(const char *source, const char *target, const char *filename) {
  char *name = mem_printf("assets/%s", filename);
  char *a = file_join(source, name), *b = file_join(target, name);
  file_map_t *x, *y;
  assert_ok(file_map_open(a, &x));
  assert_ok(file_map_open(b, &y));
  assert_int_equal(x->size, y->size);
  if (x->size) assert_memory_equal(x->data, y->data, x->size);
  file_map_unref(x);
  file_map_unref(y);
  mem_free(name);
  mem_free(a);
  mem_free(b);
}

static void all_but_the_converted_graph_is_kept(void **state) {
  const corpus_model_t *cm = *state;
  golden_t g;
  saved_model_t *a, *b;
  golden_load(cm, &g);
  char *dir = file_join(scratch, cm->name);
  converter_t *c;
  assert_ok(converter_for(cm, &g.cases.v[0], &(conversion_t){0}, &c));
  assert_ok(converter_convert(c, NULL));
  assert_ok(converter_save(c, dir, true));
  converter_destroy(c);
  assert_ok(saved_model_open(cm->saved, &a));
  assert_ok(saved_model_open(dir, &b));
  assert_int_equal(saved_model_n_meta_graphs(a), saved_model_n_meta_graphs(b));
  for (int i = 0; i < saved_model_n_meta_graphs(a); i++) {
    const meta_graph_t *x = saved_model_meta_graph(a, i), *y = saved_model_meta_graph(b, i);
    assert_int_equal(x->n_tags, y->n_tags);
    for (int k = 0; k < x->n_tags; k++) assert_string_equal(x->tags[k], y->tags[k]);
    same_signatures(x, y);
    assert_true(y->n_assets >= x->n_assets);
    for (int k = 0; k < x->n_assets; k++) {
      assert_string_equal(x->assets[k].filename, y->assets[k].filename);
      same_asset(cm->saved, dir, x->assets[k].filename);
    }
  }
  saved_model_close(a);
  saved_model_close(b);
  assert_ok(file_remove_tree(dir));
  mem_free(dir);
  golden_free(&g);
}

static bool holds(const char *dir, const char *text) {
  char *path = file_join(dir, "saved_model.pb");
  file_map_t *m;
  assert_ok(file_map_open(path, &m));
  bool found = memmem(m->data, m->size, text, strlen(text)) != NULL;
  file_map_unref(m);
  mem_free(path);
  return found;
}

// Converted anew without engines: what loaded those of before is gone, and all else as in the
// source. (What TensorFlow says to it: tests/conformance/back_to_tensorflow.py.)
static void engines_that_go_leave_nothing(void **state) {
  const corpus_model_t *cm = *state;
  golden_t g;
  golden_load(cm, &g);
  const golden_case_t *first = g.cases.v;
  while (strcmp(first->signature, "serving_default") != 0) first++;
  char *dir = file_join(scratch, "with"), *back = file_join(scratch, "without");
  corpus_model_t converted = *cm;
  conversion_t small = {.minimum_segment_size = 1}, none = {.minimum_segment_size = -1};
  converter_t *c;
  saved_model_t *a, *b;
  outcome_t o = {0};
  converted.saved = dir;
  assert_ok(convert(cm, first, &small, dir));
  assert_true(holds(dir, "trt-serialized-engine") && holds(dir, "CreateTRTResourceHandle"));
  assert_ok(converter_for(&converted, first, &none, &c));
  assert_ok(converter_convert(c, NULL));
  assert_ok(converter_save(c, back, true));
  converter_destroy(c);
  assert_false(holds(back, "TRTEngineOp") || holds(back, "TRTResource"));
  assert_false(holds(back, "trt-serialized-engine"));
  assert_ok(saved_model_open(cm->saved, &a));
  assert_ok(saved_model_open(back, &b));
  const meta_graph_t *x = saved_model_meta_graph(a, 0), *y = saved_model_meta_graph(b, 0);
  assert_int_equal(x->n_assets, y->n_assets);
  for (int k = 0; k < x->n_assets; k++) same_asset(cm->saved, back, x->assets[k].filename);
  int kept = x->n_assets;
  saved_model_close(a);
  saved_model_close(b);
  char *assets = file_join(back, "assets");
  assert_true(kept || !file_exists(assets));
  assert_ok(run_golden(&g, back, &o));
  assert_int_equal(o.engines, 0);
  if (o.score.worst > 1) fail_msg("%g tolerances at %s", o.score.worst, o.score.where);
  // Engines again: the assets of those come behind what is left.
  converted.saved = back;
  assert_ok(convert(&converted, first, &small, dir));
  o = (outcome_t){0};
  assert_ok(run_golden(&g, dir, &o));
  assert_true(o.engines > 0 && o.hits > 0 && o.score.worst <= 1);
  mem_free(assets);
  mem_free(dir);
  mem_free(back);
  golden_free(&g);
}

int main(void) {
  static char *converted[] = {"mnist_cnn", "vocab_asset", "v1_session", "bert_tiny", "ssd_tiny"};
  corpus_t models = {0};
  strcpy(scratch, "/tmp/tftrt_kept_XXXXXX");
  assert_non_null(mkdtemp(scratch));
  corpus_list(TESTS_DIR "/models/small", 0, NULL, &models);
  int failed = corpus_run("kept", &models, all_but_the_converted_graph_is_kept);
  corpus_free(&models);
  corpus_list(TESTS_DIR "/models/small", sizeof converted / sizeof *converted, converted, &models);
  failed += corpus_run("gone", &models, engines_that_go_leave_nothing);
  corpus_free(&models);
  status_free(file_remove_tree(scratch));
  return failed;
}
