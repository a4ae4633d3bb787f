// Every model of the corpus, converted: each signature that has golden cases, in all modes. The
// converted model, saved and opened again, is run over all golden cases of the source, those of
// signatures that were not converted too, against what TensorFlow computed.
//
//   models_test [<corpus folder> [<model> ...]]
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "convert/convert_corpus.h"

#define ENGINES .maximum_cached_engines = 16  // one for each shape of the golden cases
static const conversion_t MODES[] = {
    {.name = "implicit", ENGINES},
    {.name = "range", .dynamic_shape = true, .profile_strategy = "Range"},
    {.name = "optimal", .dynamic_shape = true, .profile_strategy = "Optimal"},
    {.name = "range+optimal", .dynamic_shape = true, .profile_strategy = "Range+Optimal"},
    {.name = "batch", .dynamic_shape = true, .profile_strategy = "ImplicitBatchModeCompatible"},
    {.name = "tf-trt", .op_set = OP_SET_TF_TRT, ENGINES},
    {.name = "variables", .dynamic_shape = true, .keep_variables = true},
    {.name = "tf-trt vars",
     .dynamic_shape = true,
     .keep_variables = true,
     .op_set = OP_SET_TF_TRT}};
enum { N_MODES = sizeof MODES / sizeof *MODES };

// Models in which there is nothing that an engine would take; all others must be served by one.
static const char *const NO_ENGINE[] = {"cond_case", "passthrough", "qdq_mlp", "unknown_rank",
                                        "while_loops"};

static char scratch[64];

// Converts one signature in one mode, and prints a line of the table. Returns why it is wrong;
// NULL.
static char *check(const corpus_model_t *cm, const golden_t *g, const golden_case_t *first,
                   const conversion_t *mode, int64_t *hits) {
  outcome_t o = {0};
  char *why = NULL, *dir = file_join(scratch, cm->name);
  status_t st = convert(cm, first, mode, dir);
  if (!st) st = status_prefix(run_golden(g, dir, &o), "run");
  printf("    %-24s %-16s %-13s  %2d engines served %3lld of %3lld runs  %.3g\n", cm->name,
         first->signature, mode->name, o.engines, (long long)o.hits, (long long)o.runs,
         o.score.worst);
  if (st)
    why = mem_printf("%s: %s", code_name(status_code(st)), status_message(st));
  else if (o.score.worst > 1)
    why = mem_printf("differs from TensorFlow by %.3g tolerances at %s", o.score.worst,
                     o.score.where);
  else if (*o.native)
    why = mem_printf("ran natively, %s", o.native);
  *hits += o.hits;
  if (why) printf("      ^ %s\n", why);
  status_free(st);
  assert_ok(file_remove_tree(dir));
  mem_free(dir);
  return why;
}

static void converted_matches_tensorflow(void **state) {
  const corpus_model_t *cm = *state;
  golden_t g;
  golden_load(cm, &g);
  char *wrong = NULL;
  int64_t hits[N_MODES] = {0};
  for (size_t i = 0; i < g.cases.n; i++) {
    if (!first_of_signature(&g, i)) continue;
    for (int k = 0; k < N_MODES; k++) {
      char *why = check(cm, &g, &g.cases.v[i], &MODES[k], &hits[k]);
      if (why && !wrong) wrong = mem_printf("%s, %s: %s", g.cases.v[i].file, MODES[k].name, why);
      mem_free(why);
    }
  }
  golden_free(&g);
  if (wrong) fail_msg("%s", wrong);
  bool none = false;
  for (size_t i = 0; i < sizeof NO_ENGINE / sizeof *NO_ENGINE; i++)
    none |= strcmp(NO_ENGINE[i], cm->name) == 0;
  if (!none && !hits[0]) fail_msg("no engine served");
}

int main(int argc, char **argv) {
  corpus_t models = {0};
  strcpy(scratch, "/tmp/tftrt_converted_XXXXXX");
  assert_non_null(mkdtemp(scratch));
  corpus_list(argc > 1 ? argv[1] : TESTS_DIR "/models/small", argc > 2 ? argc - 2 : 0, argv + 2,
              &models);
  int failed = corpus_run("converted models", &models, converted_matches_tensorflow);
  corpus_free(&models);
  status_free(file_remove_tree(scratch));
  return failed;
}
