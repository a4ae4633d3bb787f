// Precision mode AUTO: the bound holds when it is measured otherwise, only what must be is kept,
// and the choice is in the model.
#include "convert/auto_precision.h"

#include <stdio.h>
#include <stdlib.h>

#include "accuracy/compare.h"
#include "convert/convert_corpus.h"
#include "runtime/segment_build.h"
#include "spoil.h"

static char scratch[64], spoiled[80];
static corpus_t corpus;

static int load(void **state) {
  (void)state;
  char *wanted[] = {"mnist_cnn", "resnet_tiny", "densenet_tiny_fixed4", "qat_cnn", "bert_tiny"};
  strcpy(scratch, "/tmp/tftrt_auto_XXXXXX");
  if (!mkdtemp(scratch)) return -1;
  corpus_list(TESTS_DIR "/models/small", 5, wanted, &corpus);
  snprintf(spoiled, sizeof spoiled, "%s/spoiled", scratch);
  assert_ok(
      spoil_model(TESTS_DIR "/models/small/mnist_cnn/saved_model", spoiled, spoil_convolution));
  return corpus.n == 5 ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  corpus_free(&corpus);
  status_free(file_remove_tree(scratch));
  return 0;
}

// The first case of a model, `sets` times.
typedef struct feed {
  golden_t golden;
  const signature_t *signature;  // NULL: the converter's first
  const converter_t *c;
  int next, sets;
  inputs_t in;
} feed_t;

static status_t next_case(void *self, const tensor_t **inputs, bool *end) {
  feed_t *f = self;
  *end = f->next++ >= f->sets;
  if (*end) return NULL;
  read_inputs(&f->golden.cases.v[0], f->signature ? f->signature : converter_signature(f->c, 0),
              &f->in);
  *inputs = f->in.v;
  return NULL;
}

static input_source_t start_feed(feed_t *f, const char *model, const converter_t *c) {
  *f = (feed_t){.c = c, .sets = 2};
  golden_load(corpus_model(&corpus, model), &f->golden);
  return (input_source_t){next_case, f};
}

static void end_feed(feed_t *f) {
  free_inputs(&f->in);
  golden_free(&f->golden);
}

// max_error below 0: none.
static converter_options_t options(const char *dir, double max_error) {
  return (converter_options_t){.struct_size = sizeof(converter_options_t),
                               .dir = dir,
                               .precision_mode = "AUTO",
                               .bounds_error = max_error >= 0,
                               .max_error = max_error,
                               .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                               .minimum_segment_size = 3,
                               .maximum_cached_engines = 1,
                               .use_calibration = true,
                               .allow_build_at_runtime = true,
                               .rule_tactics = true,
                               .threads = 2};
}

// Converts, calibrated and measured over the first case; builds for it where that is left.
static status_t choose(const converter_options_t *o, const char *model, converter_t **c) {
  feed_t f, again;
  assert_ok(converter_create(o, c));
  input_source_t source = start_feed(&f, model, *c), shapes = start_feed(&again, model, *c);
  status_t st = converter_convert(*c, &source);
  if (!st && !(*c)->choice) st = converter_build(*c, NULL, &shapes);
  end_feed(&f);
  end_feed(&again);
  return st;
}

// The largest error of a saved model, and the layer that adds most, as `compare` finds them.
static double error_of(const char *source, const char *converted, const char *model,
                       layer_errors_t **layers) {
  compare_options_t o = {.threads = 2, .per_layer = layers != NULL};
  side_t *a, *b;
  comparison_t *c;
  feed_t f;
  o.inputs = start_feed(&f, model, NULL);
  assert_ok(side_open(source, &o, &a));
  assert_ok(side_open(converted, &o, &b));
  f.signature = compare_signature(a, b);
  assert_ok(compare_sides(a, b, &o, &c));
  assert_int_equal(c->warnings.n, 0);
  double error = 0;
  for (size_t i = 0; i < c->outputs.n; i++)
    if (c->outputs.v[i].d.max_abs > error) error = c->outputs.v[i].d.max_abs;
  if (layers) {
    *layers = c->layers;
    c->layers = NULL;
  }
  comparison_destroy(c);
  side_close(a);
  side_close(b);
  end_feed(&f);
  return error;
}

static char *save(converter_t *c, const char *name, bool engines) {
  char *dir = mem_printf("%s/%s", scratch, name);
  assert_ok(converter_save(c, dir, engines));
  return dir;
}

static int count_int8(const layer_errors_t *l) {
  int n = 0;
  for (int i = 0; i < l->n; i++) n += l->v[i].heavy && strcmp(l->v[i].precision, "int8") == 0;
  return n;
}

// The error of INT8 throughout is measured first; bounds below it make more and more layers higher.
static void a_tighter_bound_keeps_more(void **state) {
  (void)state;
  const char *source = corpus_model(&corpus, "resnet_tiny")->saved;
  static const double parts[] = {2, 0.7, 0.35, 0.1, 0.001};
  double full = 0;
  int kept[5];
  for (int i = 0; i < 5; i++) {
    converter_options_t o = options(source, i ? full * parts[i] : 1e9);
    converter_t *c;
    layer_errors_t *layers;
    assert_ok(choose(&o, "resnet_tiny", &c));
    if (!i) full = c->choice->chosen.max_abs;
    char *dir = save(c, "resnet", true);
    double error = error_of(source, dir, "resnet_tiny", &layers);
    assert_true(error <= o.max_error);
    assert_true(fabs(error - c->choice->chosen.max_abs) < 1e-5);
    kept[i] = c->choice->n_kept;
    assert_int_equal(count_int8(layers), c->choice->candidates - kept[i]);
    assert_true(c->choice->candidates > 15);
    assert_true(kept[i] >= (i ? kept[i - 1] : 0));
    layer_errors_destroy(layers);
    converter_destroy(c);
    mem_free(dir);
  }
  assert_int_equal(kept[0], 0);
  assert_true(kept[1] > 0 && kept[1] < kept[3]);
  assert_true(kept[4] > kept[2]);
}

static const char *const bad_layer = "conv2d_1_2/Relu";

static void assert_bad_layer_kept(const converter_t *c) {
  assert_int_equal(c->choice->n_kept, 1);
  const kept_layer_t *k = &c->choice->kept[0];
  assert_non_null(strstr(k->layer, bad_layer));
  assert_string_equal(k->was, "int8");
  assert_true(strcmp(k->is, "int8") != 0);
  assert_true(k->own_before > 0.5 && k->own_after < 0.01);
  assert_true(c->choice->fastest.max_abs > 0.1 && c->choice->chosen.max_abs < 0.02);
}

// One spoiled layer: it alone is put back, in any mode of converting.
static void the_bad_layer_is_put_back(void **state) {
  (void)state;
  for (int mode = 0; mode < 3; mode++) {
    converter_options_t o = options(spoiled, 0.02);
    converter_t *c;
    o.dynamic_shape = mode == 1;
    if (mode == 2) o.bounds_error = false, o.bounds_cosine = true, o.min_cosine = 0.999;
    assert_ok(choose(&o, "mnist_cnn", &c));
    assert_bad_layer_kept(c);
    char *dir = save(c, "one", true);
    assert_true(error_of(spoiled, dir, "mnist_cnn", NULL) < 0.02);
    converter_destroy(c);
    mem_free(dir);
  }
}

// The layer of the largest error comes first, the one that does harm second: then the first
// returns.
static void what_need_not_be_kept_returns(void **state) {
  (void)state;
  char *source = mem_printf("%s/harmless", scratch);
  assert_ok(spoil_model(TESTS_DIR "/models/small/mnist_cnn/saved_model", source, spoil_harmlessly));
  double full = 0;
  for (int i = 0; i < 2; i++) {
    converter_options_t o = options(source, i ? 0.5 * full : 1e9);
    converter_t *c;
    assert_ok(choose(&o, "mnist_cnn", &c));
    full = c->choice->fastest.max_abs;
    assert_true(c->choice->chosen.max_abs <= o.max_error);
    assert_int_equal(c->choice->n_kept, i);
    char *dir = save(c, "returned", true);
    layer_errors_t *layers;
    double error = error_of(source, dir, "mnist_cnn", &layers);
    assert_true(error <= o.max_error);
    assert_true(fabs(error - c->choice->chosen.max_abs) < 1e-5);
    double spoiled_error = 0, next = 0;
    for (int k = 0; k < layers->n; k++) {
      const layer_error_t *l = &layers->v[k];
      const bool bad = strstr(l->name, bad_layer) != NULL,
                 dense = strstr(l->name, "logits") != NULL;
      if (!l->heavy) continue;
      if (bad) spoiled_error = difference_relative_l2(&l->own);
      if (!bad) next = fmax(next, difference_relative_l2(&l->own));
      assert_int_equal(strcmp(l->precision, "int8") == 0, !i || !dense);
    }
    assert_true(spoiled_error > 2 * next);  // so that it was put back first
    if (i) assert_non_null(strstr(c->choice->kept[0].layer, "logits"));
    layer_errors_destroy(layers);
    converter_destroy(c);
    mem_free(dir);
  }
  mem_free(source);
}

// The node says what is kept, so that an engine which the run builds is assigned alike.
static void the_choice_is_in_the_model(void **state) {
  (void)state;
  converter_options_t o = options(spoiled, 0.02);
  converter_t *c;
  assert_ok(choose(&o, "mnist_cnn", &c));
  const attr_value_t *names = node_attr(c->engines.v[0].node, ATTR_KEEP_16BIT);
  assert_non_null(names);
  assert_int_equal(names->n_list, 1);
  assert_non_null(strstr(names->list[0].s.p, bad_layer));
  assert_null(node_attr(c->engines.v[0].node, ATTR_KEEP_FP32));
  char *bare = save(c, "bare", false);
  layer_errors_t *layers;
  assert_true(error_of(spoiled, bare, "mnist_cnn", &layers) < 0.02);
  assert_int_equal(count_int8(layers), c->choice->candidates - 1);
  bool found = false;
  for (int i = 0; i < layers->n; i++) {
    if (!layers->v[i].heavy || strcmp(layers->v[i].precision, "int8") == 0) continue;
    found = strstr(layers->v[i].name, bad_layer) != NULL;
  }
  assert_true(found);
  layer_errors_destroy(layers);
  // An engine that `tftrt build` adds is, too.
  converter_t *again;
  feed_t f;
  converter_options_t reopen = options(bare, -1);
  reopen.precision_mode = "FP32";
  assert_ok(converter_create(&reopen, &again));
  assert_ok(converter_reopen(again));
  input_source_t source = start_feed(&f, "mnist_cnn", again);
  assert_ok(converter_build(again, NULL, &source));
  char *rebuilt = save(again, "rebuilt", true);
  assert_true(error_of(spoiled, rebuilt, "mnist_cnn", NULL) < 0.02);
  end_feed(&f);
  converter_destroy(again);
  converter_destroy(c);
  mem_free(rebuilt);
  mem_free(bare);
}

static void a_bound_that_nothing_meets(void **state) {
  (void)state;
  converter_t *c;
  converter_options_t o = options(spoiled, 0);
  assert_fails(
      choose(&o, "mnist_cnn", &c), FAILED_PRECONDITION,
      "precision AUTO: a largest error of 0 cannot be met: with all layers in FP32 it is ");
  converter_destroy(c);
  o.bounds_error = false;
  o.bounds_cosine = true;
  o.min_cosine = 1;
  o.dynamic_shape = true;
  assert_fails(choose(&o, "mnist_cnn", &c), FAILED_PRECONDITION,
               "precision AUTO: a cosine of 1 cannot be met: with all layers in FP32 it is 0.9");
  converter_destroy(c);
}

// A bound that only FP32 meets gives a model in FP32, without ranges.
static void all_in_fp32(void **state) {
  (void)state;
  converter_t *c;
  converter_options_t o = options(spoiled, 2e-6);
  assert_ok(choose(&o, "mnist_cnn", &c));
  assert_int_equal(c->choice->n_kept, c->choice->candidates);
  const node_t *n = c->engines.v[0].node;
  for (int i = 0; i < c->choice->n_kept; i++)
    if (strcmp(c->choice->kept[i].is, "fp32") != 0) fail_msg("%s", c->choice->kept[i].is);
  char *dir = save(c, "fp32", true);
  assert_true(error_of(spoiled, dir, "mnist_cnn", NULL) <= 2e-6);
  if (!node_attr(n, ATTR_KEEP_16BIT)) {
    assert_string_equal(node_string(n, "precision_mode"), "FP32");
    assert_string_equal(node_string(n, "calibration_data"), "");
  }
  converter_destroy(c);
  mem_free(dir);
}

// Without ranges there is no INT8; errors are measured over the inputs of build(), or over others.
static void without_calibration(void **state) {
  (void)state;
  for (int given = 0; given < 2; given++) {
    converter_options_t o = options(spoiled, 0.02);
    converter_t *c;
    feed_t f, g;
    assert_ok(converter_create(&o, &c));
    input_source_t build = start_feed(&f, "mnist_cnn", c), measure = start_feed(&g, "mnist_cnn", c);
    g.sets = 1;
    if (given) converter_measure_with(c, NULL, &measure);
    assert_ok(converter_convert(c, NULL));
    assert_ok(converter_build(c, NULL, &build));
    assert_int_equal(c->choice->chosen.sets, given ? 1 : 2);
    assert_true(c->choice->chosen.max_abs <= 0.02);
    for (int i = 0; i < c->choice->n_kept; i++)
      assert_true(strcmp(c->choice->kept[i].was, "int8") != 0);
    end_feed(&f);
    end_feed(&g);
    converter_destroy(c);
  }
}

// A model with quantization nodes is INT8 without calibration, and its layers can be put back.
static void quantization_nodes(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    converter_options_t o = options(corpus_model(&corpus, "qat_cnn")->saved, i ? 1e9 : 1e-4);
    converter_t *c;
    feed_t f;
    assert_ok(converter_create(&o, &c));
    input_source_t build = start_feed(&f, "qat_cnn", c);
    assert_ok(converter_convert(c, NULL));
    assert_ok(converter_build(c, NULL, &build));
    assert_true(c->choice->candidates > 0);
    assert_true(c->choice->chosen.max_abs <= o.max_error);
    end_feed(&f);
    converter_destroy(c);
  }
}

// With 16 bits between 8 and 32, and products that are chosen beside those of constant weights: all
// in FP32 is FP32, whatever else was faster.
static void a_transformer(void **state) {
  (void)state;
  static const double bounds[] = {0.1, 0.01, 0.001, 1e-5};
  const char *source = corpus_model(&corpus, "bert_tiny")->saved;
  for (int i = 0; i < 4; i++) {
    converter_options_t o = options(source, bounds[i]);
    converter_t *c;
    assert_ok(choose(&o, "bert_tiny", &c));
    assert_true(c->choice->fp32.max_abs < 1e-5);
    char *dir = save(c, "bert", true);
    assert_true(error_of(source, dir, "bert_tiny", NULL) <= bounds[i]);
    converter_destroy(c);
    mem_free(dir);
  }
}

// A dear layer of a large error waits behind cheap ones of smaller errors, but not behind harmless
// ones; what costs nothing comes first; without times errors decide.
static void worth_is_error_for_time(void **state) {
  (void)state;
  const double ms = 1e-3;
  double dear = precision_worth(0.1, 1 * ms, 11 * ms),
         cheap = precision_worth(0.05, 1 * ms, 2 * ms);
  assert_true(cheap > dear);
  assert_true(dear > precision_worth(0.01, 1 * ms, 2 * ms));
  assert_true(precision_worth(0.05, 2 * ms, 1 * ms) > cheap);
  assert_true(precision_worth(0.1, 0, 0) > precision_worth(0.05, 0, 0));
  assert_true(precision_worth(0.1, 0, 5 * ms) > precision_worth(0.05, 1 * ms, 0));
}

// By the clock of this machine: whatever it says, the bound holds, and what is kept has its price.
static void layers_are_ranked_by_the_clock(void **state) {
  (void)state;
  const char *source = corpus_model(&corpus, "resnet_tiny")->saved;
  double full = 0;
  for (int i = 0; i < 2; i++) {
    converter_options_t o = options(source, i ? 0.5 * full : 1e9);
    converter_t *c;
    char *text;
    o.rule_tactics = false;
    assert_ok(choose(&o, "resnet_tiny", &c));
    if (!i) full = c->choice->fastest.max_abs;
    assert_true(c->choice->chosen.max_abs <= o.max_error);
    int priced = 0;
    for (int k = 0; k < c->choice->n_kept; k++) priced += isfinite(c->choice->kept[k].costs);
    assert_int_equal(priced, c->choice->n_kept);
    assert_true(!i || c->choice->n_kept > 0);
    assert_ok(converter_precision(c, NULL, true, &text));
    assert_true(!i || strstr(text, "\"costs_ms\": "));
    mem_free(text);
    char *dir = save(c, "clock", true);
    assert_true(error_of(source, dir, "resnet_tiny", NULL) <= o.max_error);
    converter_destroy(c);
    mem_free(dir);
  }
}

static void what_is_refused(void **state) {
  (void)state;
  converter_t *c;
  converter_options_t o = options(spoiled, -1);
  assert_fails(converter_create(&o, &c), INVALID_ARGUMENT,
               "precision mode AUTO needs a bound: max_error or min_cosine");
  o = options(spoiled, 1);
  o.precision_mode = "INT8";
  assert_fails(converter_create(&o, &c), INVALID_ARGUMENT,
               "max_error and min_cosine are bounds of precision mode AUTO, not of INT8");
  o = options(spoiled, 1);
  o.bounds_cosine = true;
  o.min_cosine = 1.5;
  assert_fails(converter_create(&o, &c), INVALID_ARGUMENT, "min_cosine one up to 1");
  o = options(spoiled, 1);
  assert_ok(converter_create(&o, &c));
  assert_ok(converter_convert(c, NULL));
  char *text;
  assert_fails(converter_precision(c, NULL, false, &text), FAILED_PRECONDITION,
               "precision AUTO has not chosen yet");
  assert_fails(converter_build_default(c, 1), INVALID_ARGUMENT,
               "precision AUTO needs inputs to measure errors over");
  converter_destroy(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_tighter_bound_keeps_more),
      cmocka_unit_test(the_bad_layer_is_put_back),
      cmocka_unit_test(what_need_not_be_kept_returns),
      cmocka_unit_test(the_choice_is_in_the_model),
      cmocka_unit_test(a_bound_that_nothing_meets),
      cmocka_unit_test(all_in_fp32),
      cmocka_unit_test(without_calibration),
      cmocka_unit_test(quantization_nodes),
      cmocka_unit_test(a_transformer),
      cmocka_unit_test(worth_is_error_for_time),
      cmocka_unit_test(layers_are_ranked_by_the_clock),
      cmocka_unit_test(what_is_refused),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
