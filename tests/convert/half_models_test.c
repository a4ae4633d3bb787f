// Every model of the corpus in FP16 and in BF16: converted, built for its golden inputs, saved,
// opened again, and run over its golden cases against what TensorFlow computed in float32. A
// signature of which nothing computes in 16 bits is held to the tolerance of FP32 (corpus.h).
//
// How far an output may be follows from how many layers compute in 16 bits: rounding is off by
// a unit at most and by 0.4 of it in the mean of squares; inputs, weights and results are rounded,
// which together is 0.7 units. PER_LAYER is one. Errors of n layers are independent: sqrt(n) times
// that.
//
//   half_models_test [<model> ...]
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accuracy/difference.h"
#include "convert/convert_corpus.h"
#include "convert/detections.h"

#define PER_LAYER 1.0

static const struct {
  const char *name, *layers;
  double unit;  // what rounding is off by at most, relative
} TYPES[] = {{"FP16", "fp16", 0x1p-11}, {"BF16", "bf16", 0x1p-8}};

// Places of largest scores, which random weights put near each other: one in fifty may be another.
static const struct {
  const char *model, *output;
} CHOICES[] = {{"tcn_conformer", "greedy"}, {"unet_tiny", "classes"}};

#define LISTED(list, model, output) listed((const char *const *)(list), sizeof(list), model, output)
static bool listed(const char *const *pairs, size_t size, const char *model, const char *output) {
  for (size_t i = 0; i < size / sizeof *pairs; i += 2)
    if (strcmp(pairs[i], model) == 0 && strcmp(pairs[i + 1], output) == 0) return true;
  return false;
}

// On which paths of lesser CPUs a model converted here runs too.
static const char *const ELSEWHERE[] = {"mnist_cnn", "resnet_tiny", "mobilenet_tiny", "bert_tiny"};
static const char *const ISAS[] = {"avx512_vnni", "avx512", "avx2", "generic"};

static char scratch[64];
static int n_layers[2];  // in 16 bits, of all models

// "..., <n> layers fp16" or ": <n> layers fp16, ..." of all engines that the first one of each
// TRTEngineOp has.
static int count_layers(const char *text, const char *type) {
  int most = 0;
  for (const char *p = text; (p = strstr(p, type)); p++) {
    const char *q = p - 1;
    while (q > text && q[-1] != ',' && q[-1] != ':') q--;
    int n = atoi(q);
    if (n > most) most = n;
  }
  return most;
}

static char *run_all(const char *model, const golden_t *g, const golden_case_t *first,
                     const char *dir, int layers, int type) {
  model_t *m;
  const signature_t *s;
  score_t exact = {0};
  detections_t boxes = {0};
  char *wrong = NULL;
  double worst = 0, most = PER_LAYER * TYPES[type].unit * sqrt(layers);
  assert_ok(open_with_tags(dir, first->tags, true, &m));
  assert_ok(meta_graph_signature(model_meta_graph(m), first->signature, &s));
  difference_t *d = mem_calloc((size_t)s->n_outputs + 1, sizeof *d);
  for (const golden_case_t *c = g->cases.v; c->file; c++) {
    if (strcmp(c->tags, first->tags) != 0) continue;
    if (strcmp(c->signature, first->signature) != 0 || !layers) {
      assert_ok(run_case(m, g, c, &exact));
      continue;
    }
    npz_t z = npz_open(c->path);
    tensor_t *in = mem_calloc((size_t)s->n_inputs + 1, sizeof *in);
    tensor_t *out = mem_calloc((size_t)s->n_outputs + 1, sizeof *out);
    for (int i = 0; i < s->n_inputs; i++) in[i] = input_array(&z, &s->inputs[i]);
    assert_ok(model_run(m, s->key, in, out));
    tensor_t *want = mem_calloc((size_t)s->n_outputs + 1, sizeof *want);
    for (int i = 0; i < s->n_outputs; i++) {
      want[i] = npz_get(&z, "out.", s->outputs[i].key, s->outputs[i].dtype);
      assert_ok(difference_add(&d[i], &want[i], &out[i]));
    }
    find_detections(&boxes, s, want, out);
    for (int i = 0; i < s->n_outputs; i++) tensor_unref(&want[i]);
    mem_free(want);
    for (int i = 0; i < s->n_inputs; i++) tensor_unref(&in[i]);
    for (int i = 0; i < s->n_outputs; i++) tensor_unref(&out[i]);
    mem_free(in), mem_free(out);
    npz_close(&z);
  }
  for (int i = 0; i < s->n_outputs && layers; i++) {
    const char *key = s->outputs[i].key;
    double error = difference_relative_l2(&d[i]);
    if (is_ordered(s, i)) continue;
    if (!dtype_is_float(s->outputs[i].dtype)) {
      int64_t may = LISTED(CHOICES, model, key) ? d[i].count / 50 : 0;
      if (d[i].unequal > may && !wrong)
        wrong = mem_printf("output '%s': %lld of %lld differ", key, (long long)d[i].unequal,
                           (long long)d[i].count);
      continue;
    }
    worst = fmax(worst, error);
    if (!(error <= most) && !wrong)
      wrong = mem_printf("output '%s': relative L2 error %.5f, above %.5f", key, error, most);
  }
  if (boxes.found < boxes.all && !wrong)
    wrong = mem_printf("%d of %d detections found", boxes.found, boxes.all);
  if (exact.worst > 1 && !wrong)
    wrong = mem_printf("differs by %.3g tolerances at %s", exact.worst, exact.where);
  printf("%3d layers, worst output %.5f of %.5f\n", layers, worst, most);
  mem_free(d);
  model_close(m);
  return wrong;
}

// This program again, on a CPU of another name.
static char *run_elsewhere(const corpus_model_t *cm, const golden_case_t *first, const char *dir,
                           int layers, int type) {
  char at[24], count[16], which[16];
  golden_t g;
  golden_load(cm, &g);
  for (size_t i = 0; i < g.cases.n; i++)
    if (strcmp(g.cases.v[i].file, first->file) == 0) snprintf(at, sizeof at, "%zu", i);
  golden_free(&g);
  snprintf(count, sizeof count, "%d", layers);
  snprintf(which, sizeof which, "%d", type);
  for (size_t i = 0; i < sizeof ISAS / sizeof *ISAS; i++) {
    int code = 1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
      setenv("TFTRT_CPU_ISA", ISAS[i], 1);
      execl("/proc/self/exe", "half_models_test", "--run", cm->name, dir, at, count, which, NULL);
      _exit(127);
    }
    if (pid < 0 || waitpid(pid, &code, 0) != pid || code != 0)
      return mem_printf("differs, or does not run, with TFTRT_CPU_ISA=%s", ISAS[i]);
  }
  return NULL;
}

static int run_here(char **args) {  // of run_elsewhere
  corpus_t models = {0};
  golden_t g;
  corpus_list(TESTS_DIR "/models/small", 1, args, &models);
  golden_load(&models.v[0], &g);
  printf("%32s %s: ", getenv("TFTRT_CPU_ISA"), TYPES[atoi(args[4])].name);
  char *why =
      run_all(args[0], &g, &g.cases.v[atoi(args[2])], args[1], atoi(args[3]), atoi(args[4]));
  if (why) printf("      ^ %s\n", why);
  const int failed = why != NULL;
  mem_free(why);
  golden_free(&g);
  corpus_free(&models);
  return failed;
}

static void matches_tensorflow(void **state) {
  const corpus_model_t *cm = *state;
  golden_t g;
  char *wrong = NULL;
  golden_load(cm, &g);
  for (size_t i = 0; i < g.cases.n; i++) {
    if (!first_of_signature(&g, i)) continue;
    const golden_case_t *first = &g.cases.v[i];
    for (int t = 0; t < 2; t++) {
      conversion_t how = {
          .precision_mode = TYPES[t].name, .dynamic_shape = true, .profile_strategy = "Range"};
      char *dir = file_join(scratch, cm->name), *text;
      assert_ok(convert(cm, first, &how, dir));
      tag_list_t tags;
      split_tags(first->tags, &tags);
      assert_ok(summarize_precisions(dir, tags.tag, tags.n, first->signature, false, &text));
      int layers = 0, computed = t;  // FP16 mode takes BF16 where the CPU does that faster
      for (int k = t; k < 2; k++) {
        char *key = mem_printf(" layers %s", TYPES[k].layers);
        int n = count_layers(text, key);
        mem_free(key);
        layers += n;
        if (n) computed = k;
      }
      n_layers[t] += layers;
      printf("    %-24s %-16s %s ", cm->name, first->signature, TYPES[t].name);
      char *why = run_all(cm->name, &g, first, dir, layers, computed);
      for (size_t k = 0; k < sizeof ELSEWHERE / sizeof *ELSEWHERE; k++)
        if (!why && strcmp(cm->name, ELSEWHERE[k]) == 0)
          why = run_elsewhere(cm, first, dir, layers, computed);
      if (why) printf("      ^ %s\n", why);
      if (why && !wrong) wrong = mem_printf("%s in %s: %s", first->file, TYPES[t].name, why);
      mem_free(why), mem_free(text);
      assert_ok(file_remove_tree(dir));
      mem_free(dir);
    }
  }
  golden_free(&g);
  if (wrong) fail_msg("%s", wrong);
}

int main(int argc, char **argv) {
  corpus_t models = {0};
  if (argc == 7 && strcmp(argv[1], "--run") == 0) return run_here(argv + 2);
  strcpy(scratch, "/tmp/tftrt_half_models_XXXXXX");
  assert_non_null(mkdtemp(scratch));
  corpus_list(TESTS_DIR "/models/small", argc > 1 ? argc - 1 : 0, argv + 1, &models);
  int failed = corpus_run("models in 16 bits", &models, matches_tensorflow);
  corpus_free(&models);
  status_free(file_remove_tree(scratch));
  if (argc == 1 && n_layers[1] < 100) failed++, printf("%d layers in BF16\n", n_layers[1]);
  return failed;
}
