// Every model of the corpus in INT8: calibrated (entropy) on its golden inputs and on jittered
// copies of them, by convert() and by build(), saved, opened again, and run over its golden cases
// against what TensorFlow computed in float32. A signature of which nothing computes in 8 bits is
// held to the tolerance of FP32 (corpus.h), and so is what has quantization nodes of its own.
//
// How far an output may be follows from how many layers compute in 8 bits. Rounding to steps of
// range/127 is an error of range/127/sqrt(12): of values whose range is 6 times their RMS, as a
// normal distribution's is that calibration hardly clips, 1.4 % of their size; of weights, whose
// range a channel has for itself, half of that; both together 1.5 %. PER_LAYER leaves a quarter for
// longer tails. Such errors are independent, so those of n layers are sqrt(n) times that.
//
//   int8_models_test [<model> ...]
#include <stdio.h>
#include <stdlib.h>

#include "accuracy/difference.h"
#include "convert/convert_corpus.h"
#include "convert/detections.h"

#define PER_LAYER 0.02

static const struct {
  const char *model;
  double per_layer;
} EXCEPTIONS[] = {
    {"mobilenet_tiny", 0.03},  // projections of random weights: most of what they sum cancels
};

// Outputs that are places of largest scores, which random weights put near each other, or counts of
// what values were rounded to. All other outputs of integers, booleans and strings must be equal.
static const struct {
  const char *model, *output;
} CHOICES[] = {{"decoder_step", "next"},          {"has_unsupported_numeric", "bincount"},
               {"preproc_classifier", "classes"}, {"tcn_conformer", "greedy"},
               {"unet_tiny", "classes"},          {"v1_session", "classes"}};

static char scratch[64];

// ---------------------------------------------------------------- inputs

// Golden inputs of a signature, each as it is and then JITTERED times with noise.
enum { JITTERED = 3 };
typedef struct feed {
  const signature_t *s;
  const golden_case_t *at, *first;
  int copy;
  uint32_t seed;
  tensor_t *in;
} feed_t;

static void drop(feed_t *f) {
  for (int i = 0; f->in && i < f->s->n_inputs; i++) tensor_unref(&f->in[i]);
  mem_free(f->in);
  f->in = NULL;
}

static float noise(feed_t *f) {  // between -1 and 1
  f->seed = f->seed * 1664525u + 1013904223u;
  return (float)(f->seed >> 8) / 8388608.0f - 1;
}

// Floats move by up to a twentieth of their RMS; all else stays.
static void jitter(feed_t *f, tensor_t *t) {
  if (t->dtype != DT_FLOAT) return;
  int64_t n = tensor_elements(t);
  float *v = t->data;
  double square = 0;
  for (int64_t i = 0; i < n; i++) square += (double)v[i] * (double)v[i];
  float most = 0.05f * (float)sqrt(square / (double)(n ? n : 1));
  for (int64_t i = 0; i < n; i++) v[i] += most * noise(f);
}

static bool of_signature(const golden_case_t *c, const golden_case_t *first) {
  return c->file && strcmp(c->signature, first->signature) == 0 &&
         strcmp(c->tags, first->tags) == 0;
}

static status_t next_case(void *self, const tensor_t **inputs, bool *end) {
  feed_t *f = self;
  drop(f);
  *end = !of_signature(f->at, f->first);
  if (*end) return NULL;
  f->in = mem_calloc((size_t)f->s->n_inputs + 1, sizeof(tensor_t));
  npz_t z = npz_open(f->at->path);
  for (int i = 0; i < f->s->n_inputs; i++) {
    tensor_t borrowed = input_array(&z, &f->s->inputs[i]);
    assert_ok(tensor_copy(&borrowed, &f->in[i]));
    tensor_unref(&borrowed);
    if (f->copy) jitter(f, &f->in[i]);
  }
  npz_close(&z);
  f->at += f->copy == JITTERED;
  f->copy = (f->copy + 1) % (JITTERED + 1);
  *inputs = f->in;
  return NULL;
}

// ---------------------------------------------------------------- converting

typedef struct check {
  const corpus_model_t *cm;
  const golden_t *g;
  const golden_case_t *first;  // of the signature
  bool dynamic;
  char *dir;
  int int8_layers;  // of one engine of each TRTEngineOp; 0: the model says what is quantized
  detections_t boxes;
  bool saved;
} check_t;

// What cannot be calibrated: its golden inputs are NaN and infinite.
static bool has_no_ranges(const check_t *k) {
  return strcmp(k->cm->name, "ops_unary") == 0 && strcmp(k->first->signature, "special") == 0;
}

// "[*] <engine>, engine for <shapes>: <n> layers int8, ..." of the first engine of each.
static int count_int8_layers(const char *text) {
  const char *last = "";
  size_t last_size = 0;
  int layers = 0;
  for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
    size_t size = strcspn(line, ",");
    bool again = size == last_size && memcmp(line, last, size) == 0;
    const char *counts = line;
    int n = 0, read = 0;
    for (const char *p; (p = strstr(counts, "]: ")) && p < strchr(line, '\n');) counts = p + 3;
    if (!again && sscanf(counts, "%d layers int8%n", &n, &read) == 1 && read) layers += n;
    last = line;
    last_size = size;
  }
  return layers;
}

static status_t convert_int8(check_t *k, const signature_t *s) {
  conversion_t how = {.precision_mode = "INT8",
                      .use_calibration = true,
                      .dynamic_shape = k->dynamic,
                      .profile_strategy = "Range",
                      .maximum_cached_engines = 16};
  feed_t f = {.s = s, .at = k->first, .first = k->first, .seed = 1};
  input_source_t source = {next_case, &f};
  converter_t *c;
  TRY(converter_for(k->cm, k->first, &how, &c));
  status_t st = status_prefix(converter_convert(c, &source), "convert");
  if (!st) st = status_prefix(build_from(c, k->first), "build");
  if (!st) st = status_prefix(converter_save(c, k->dir, true), "save");
  k->saved = !st;
  if (!st) {
    char *text;
    tag_list_t tags;
    split_tags(k->first->tags, &tags);
    st = summarize_precisions(k->dir, tags.tag, tags.n, k->first->signature, false, &text);
    const char *warning = converter_n_warnings(c) ? converter_warning(c, 0) : "";
    bool own = strstr(warning, "The model's own quantization nodes decide") != NULL;
    if (!st && !own) k->int8_layers = count_int8_layers(text);
    if (!st) mem_free(text);
  }
  drop(&f);
  converter_destroy(c);
  return st;
}

// ---------------------------------------------------------------- running

static bool is_choice(const check_t *k, const char *output) {
  for (size_t i = 0; i < sizeof CHOICES / sizeof *CHOICES; i++)
    if (strcmp(CHOICES[i].model, k->cm->name) == 0 && strcmp(CHOICES[i].output, output) == 0)
      return true;
  return false;
}

static double bound(const check_t *k) {
  double per_layer = PER_LAYER;
  for (size_t i = 0; i < sizeof EXCEPTIONS / sizeof *EXCEPTIONS; i++)
    if (strcmp(EXCEPTIONS[i].model, k->cm->name) == 0) per_layer = EXCEPTIONS[i].per_layer;
  return per_layer * sqrt(k->int8_layers);
}

// What is wrong with an output; NULL. A tenth of the choices may be others, and one.
static char *judge(const check_t *k, const tensor_info_t *info, const difference_t *d) {
  double error = difference_relative_l2(d), most = bound(k);
  if (dtype_is_float(info->dtype)) {
    if (error > most) return mem_printf("relative L2 error %.4f, above %.4f", error, most);
    if ((double)d->top1 + 1 < 0.9 * (double)d->rows)
      return mem_printf("top-1 agrees in %lld of %lld rows", (long long)d->top1,
                        (long long)d->rows);
    return NULL;
  }
  double allowed = is_choice(k, info->key) ? 0.1 * (double)d->count + 1 : 0;
  return (double)d->unequal <= allowed
             ? NULL
             : mem_printf("%lld of %lld differ", (long long)d->unequal, (long long)d->count);
}

// Adds the outputs of one case to differences[], or their largest difference in tolerances of FP32
// to *exact.
static void run_and_add(check_t *k, model_t *m, const signature_t *s, const golden_case_t *c,
                        difference_t *differences, score_t *exact) {
  npz_t z = npz_open(c->path);
  tensor_t *in = mem_calloc((size_t)s->n_inputs + 1, sizeof *in);
  tensor_t *out = mem_calloc((size_t)s->n_outputs + 1, sizeof *out);
  tensor_t *want = mem_calloc((size_t)s->n_outputs + 1, sizeof *want);
  for (int i = 0; i < s->n_inputs; i++) in[i] = input_array(&z, &s->inputs[i]);
  assert_ok(model_run(m, s->key, in, out));
  for (int i = 0; i < s->n_outputs; i++) {
    const char *key = s->outputs[i].key;
    want[i] = npz_get(&z, "out.", key, s->outputs[i].dtype);
    assert_false(tensor_empty(&want[i]));
    if (k->int8_layers)
      assert_ok(difference_add(&differences[i], &want[i], &out[i]));
    else
      compare(exact, key, &out[i], &want[i], noise_of(k->g->manifest, c->file, key) + k->g->noise,
              precision_of(k->g->manifest) + k->g->precision);
  }
  find_detections(&k->boxes, s, want, out);
  for (int i = 0; i < s->n_inputs; i++) tensor_unref(&in[i]);
  for (int i = 0; i < s->n_outputs; i++) tensor_unref(&out[i]);
  for (int i = 0; i < s->n_outputs; i++) tensor_unref(&want[i]);
  mem_free(in);
  mem_free(out);
  mem_free(want);
  npz_close(&z);
}

// Runs all cases of the meta graph in their order, as stateful models want it; those of the
// signature count.
static char *run_all(check_t *k, const signature_t *s) {
  difference_t *d = mem_calloc((size_t)s->n_outputs + 1, sizeof *d);
  score_t exact = {0}, others = {0};
  outcome_t o = {0};
  char *wrong = NULL;
  double most = 0;
  model_t *m;
  assert_ok(open_with_tags(k->dir, k->first->tags, true, &m));
  for (size_t i = 0; i < k->g->cases.n; i++) {
    const golden_case_t *c = &k->g->cases.v[i];
    if (of_signature(c, k->first))
      run_and_add(k, m, s, c, d, &exact);
    else if (strcmp(c->tags, k->first->tags) == 0)
      assert_ok(run_case(m, k->g, c, &others));
  }
  add_engines(m, &o);
  model_close(m);
  for (int i = 0; i < s->n_outputs && k->int8_layers; i++) {
    const char *key = s->outputs[i].key;
    if (is_ordered(s, i)) continue;
    if (dtype_is_float(s->outputs[i].dtype)) most = fmax(most, difference_relative_l2(&d[i]));
    char *why = judge(k, &s->outputs[i], &d[i]);
    if (why && !wrong) wrong = mem_printf("output '%s': %s", key, why);
    mem_free(why);
  }
  printf("    %-24s %-16s %-8s %3d layers in 8 bits, worst output %.4f of %.4f, %lld runs\n",
         k->cm->name, s->key, k->dynamic ? "dynamic" : "implicit", k->int8_layers, most, bound(k),
         (long long)o.hits);
  const detections_t *b = &k->boxes;
  if (b->found) printf("      %d of %d detections found again\n", b->found, b->all);
  if (b->found < b->all && !wrong)
    wrong = mem_printf("%d of %d detections found", b->found, b->all);
  if (*o.native && !wrong) wrong = mem_printf("ran natively, %s", o.native);
  if (exact.worst > 1 && !wrong)
    wrong = mem_printf("differs by %.3g tolerances at %s", exact.worst, exact.where);
  if (others.worst > 1 && !wrong)
    wrong = mem_printf("another signature differs by %.3g tolerances at %s", others.worst,
                       others.where);
  if (k->int8_layers && most < 1e-4 && !wrong) wrong = mem_printf("8 bits left no trace");
  mem_free(d);
  return wrong;
}

static char *check(check_t *k) {
  model_t *source;
  const signature_t *s;
  char *wrong = NULL;
  assert_ok(open_with_tags(k->cm->saved, k->first->tags, true, &source));
  assert_ok(meta_graph_signature(model_meta_graph(source), k->first->signature, &s));
  status_t st = convert_int8(k, s);
  if (has_no_ranges(k)) {
    if (!strstr(status_message(st), "has a value that is NaN or infinite"))
      wrong = mem_printf("calibrated on NaN: %s", status_message(st));
  } else if (st) {
    wrong = mem_printf("%s: %s", code_name(status_code(st)), status_message(st));
  } else {
    wrong = run_all(k, s);
  }
  status_free(st);
  model_close(source);
  return wrong;
}

static void calibrated_matches_tensorflow(void **state) {
  golden_t g;
  char *wrong = NULL;
  golden_load(*state, &g);
  for (size_t i = 0; i < g.cases.n; i++) {
    if (!first_of_signature(&g, i)) continue;
    for (int dynamic = 0; dynamic < 2; dynamic++) {
      check_t k = {.cm = *state, .g = &g, .first = &g.cases.v[i], .dynamic = dynamic};
      k.dir = file_join(scratch, k.cm->name);
      char *why = check(&k);
      if (why) printf("      ^ %s\n", why);
      if (why && !wrong) wrong = mem_printf("%s: %s", k.first->file, why);
      mem_free(why);
      if (k.saved) assert_ok(file_remove_tree(k.dir));
      mem_free(k.dir);
    }
  }
  golden_free(&g);
  if (wrong) fail_msg("%s", wrong);
}

int main(int argc, char **argv) {
  corpus_t models = {0};
  strcpy(scratch, "/tmp/tftrt_int8_models_XXXXXX");
  assert_non_null(mkdtemp(scratch));
  corpus_list(TESTS_DIR "/models/small", argc > 1 ? argc - 1 : 0, argv + 1, &models);
  int failed = corpus_run("models in INT8", &models, calibrated_matches_tensorflow);
  corpus_free(&models);
  status_free(file_remove_tree(scratch));
  return failed;
}
