// Every model of the corpus, run natively, against what TensorFlow computed for it.
//
//   models_test [<corpus folder> [<model> ...]]      TFTRT_TEST_SIMPLIFY=1: with graph_simplify
//
// Without arguments also the models that TensorFlow's own TF-TRT converted and saved.
#include "corpus.h"

// How often the engines of a converted model served, and why not.
static void print_engines(model_t *m) {
  engine_stats_t stats[64];
  int n = m ? model_engine_stats(m, stats, 64) : 0;
  int64_t runs = 0, hits = 0;
  const char *reason = NULL;
  for (int i = 0; i < n && i < 64; i++) {
    runs += stats[i].runs;
    hits += stats[i].hits;
    if (stats[i].fallbacks) reason = stats[i].last_fallback_reason;
  }
  if (n) printf("    %d engines served %lld of %lld runs", n, (long long)hits, (long long)runs);
  if (n) printf("%s%s\n", reason ? "; native: " : "", reason ? reason : "");
}

static void model_matches_tensorflow(void **state) {
  const corpus_model_t *cm = *state;
  golden_t golden;
  golden_load(cm, &golden);
  model_t *m = NULL;
  const char *tags = "";
  score_t score = {0};
  status_t st = NULL;
  for (size_t i = 0; i < golden.cases.n && !st; i++) {
    const golden_case_t *c = &golden.cases.v[i];
    if (!m || strcmp(c->tags, tags) != 0) {
      model_close(m);
      m = NULL;
      st = open_with_tags(cm->saved, c->tags, getenv("TFTRT_TEST_SIMPLIFY") != NULL, &m);
      tags = c->tags;
    }
    if (!st) st = status_prefix(run_case(m, &golden, c, &score), "%s", c->file);
  }
  print_engines(m);
  model_close(m);
  printf("    %-26s %2zu cases  %s %.3g %s\n", cm->name, golden.cases.n,
         st ? "failed" : "difference / tolerance", score.worst, score.where);
  golden_free(&golden);
  if (st) fail_msg("%s: %s", code_name(status_code(st)), status_message(st));
  if (score.worst > 1) fail_msg("differs from TensorFlow at %s", score.where);
}

// Bare SavedModels whose golden results are below `golden`.
static void add_tf_trt_models(corpus_t *models, const char *folder, const char *golden) {
  char **names;
  size_t n;
  assert_ok(file_list_dir(folder, &names, &n));
  for (size_t i = 0; i < n; i++) {
    corpus_model_t m = {mem_printf("%s (by TF-TRT)", names[i]), file_join(folder, names[i]),
                        file_join(golden, names[i])};
    vec_push(models, m);
    mem_free(names[i]);
  }
  mem_free(names);
}

int main(int argc, char **argv) {
  corpus_t models = {0};
  const char *small = TESTS_DIR "/models/small";
  corpus_list(argc > 1 ? argv[1] : small, argc > 2 ? argc - 2 : 0, argv + 2, &models);
  if (argc == 1) add_tf_trt_models(&models, TESTS_DIR "/models/tf-trt-saved", small);
  int failed = corpus_run("models", &models, model_matches_tensorflow);
  corpus_free(&models);
  return failed;
}
