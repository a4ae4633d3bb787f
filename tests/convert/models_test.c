// Every model of the corpus, converted: each signature that has golden cases, in three modes. The
// converted model, saved and opened again, is run over all golden cases of the source, those of
// signatures that were not converted too, against what TensorFlow computed.
//
//   models_test [<corpus folder> [<model> ...]]
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "convert/converter.h"
#include "corpus.h"

static const struct mode {
  const char *name;
  bool dynamic_shape;
  op_set_t op_set;
} MODES[] = {{"implicit", false, OP_SET_ALL},
             {"dynamic", true, OP_SET_ALL},
             {"tf-trt", false, OP_SET_TF_TRT}};
enum { N_MODES = sizeof MODES / sizeof *MODES };

// Models in which there is nothing that an engine would take; all others must be served by one.
static const char *const NO_ENGINE[] = {"cond_case", "passthrough", "qdq_mlp", "unknown_rank",
                                        "while_loops"};

static char scratch[64];

// ---------------------------------------------------------------- converting

// The inputs of one golden case, for build().
typedef struct case_inputs {
  tensor_t *in;
  bool given;
} case_inputs_t;

static status_t give_inputs(void *self, const tensor_t **inputs, bool *end) {
  case_inputs_t *c = self;
  *end = c->given;
  c->given = true;
  *inputs = c->in;
  return NULL;
}

static status_t build_from(converter_t *c, const golden_case_t *first) {
  const signature_t *s = converter_signature(c);
  npz_t z = npz_open(first->path);
  case_inputs_t inputs = {.in = mem_calloc((size_t)s->n_inputs + 1, sizeof(tensor_t))};
  for (int i = 0; i < s->n_inputs; i++) inputs.in[i] = input_array(&z, &s->inputs[i]);
  status_t st = converter_build(c, &(input_source_t){give_inputs, &inputs});
  for (int i = 0; i < s->n_inputs; i++) tensor_unref(&inputs.in[i]);
  mem_free(inputs.in);
  npz_close(&z);
  return st;
}

static status_t convert(const corpus_model_t *cm, const golden_case_t *first,
                        const struct mode *mode, const char *target) {
  tag_list_t tags;
  split_tags(first->tags, &tags);
  converter_options_t o = {.struct_size = sizeof o,
                           .dir = cm->saved,
                           .tags = tags.tag,
                           .n_tags = tags.n,
                           .signature = first->signature,
                           .dynamic_shape = mode->dynamic_shape,
                           .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                           .minimum_segment_size = 3,
                           .maximum_cached_engines = 1,
                           .allow_build_at_runtime = true,
                           .op_set = mode->op_set,
                           .rule_tactics = true,
                           .threads = 2};
  converter_t *c;
  TRY(converter_create(&o, &c));
  status_t st = status_prefix(converter_convert(c, NULL), "convert");
  if (!st) st = status_prefix(build_from(c, first), "build");
  if (!st && converter_n_warnings(c)) st = FAIL(UNKNOWN, "%s", converter_warning(c, 0));
  if (!st) st = status_prefix(converter_save(c, target, true), "save");
  converter_destroy(c);
  return st;
}

// ---------------------------------------------------------------- running

typedef struct outcome {
  score_t score;
  int engines;
  int64_t runs, hits;
  char native[256];  // why an engine did not serve
} outcome_t;

static void add_engines(model_t *m, outcome_t *o) {
  engine_stats_t stats[64];
  int n = m ? model_engine_stats(m, stats, 64) : 0;
  assert_true(n <= 64);
  o->engines += n;
  for (int i = 0; i < n; i++) {
    o->runs += stats[i].runs;
    o->hits += stats[i].hits;
    if (stats[i].fallbacks)
      snprintf(o->native, sizeof o->native, "%s: %s", stats[i].name, stats[i].last_fallback_reason);
  }
}

static status_t run_golden(const golden_t *g, const char *dir, outcome_t *o) {
  model_t *m = NULL;
  const char *tags = "";
  status_t st = NULL;
  for (size_t i = 0; i < g->cases.n && !st; i++) {
    const golden_case_t *c = &g->cases.v[i];
    if (!m || strcmp(c->tags, tags) != 0) {
      add_engines(m, o);
      model_close(m);
      m = NULL;
      st = open_with_tags(dir, c->tags, true, &m);
      tags = c->tags;
    }
    if (!st) st = status_prefix(run_case(m, g, c, &o->score), "%s", c->file);
  }
  add_engines(m, o);
  model_close(m);
  return st;
}

static bool first_of_signature(const golden_t *g, size_t i) {
  const golden_case_t *c = &g->cases.v[i];
  return i == 0 || strcmp(c->signature, c[-1].signature) != 0 || strcmp(c->tags, c[-1].tags) != 0;
}

// Converts one signature in one mode, and prints a line of the table. Returns why it is wrong;
// NULL.
static char *check(const corpus_model_t *cm, const golden_t *g, const golden_case_t *first,
                   const struct mode *mode, int64_t *hits) {
  outcome_t o = {0};
  char *why = NULL, *dir = file_join(scratch, cm->name);
  status_t st = convert(cm, first, mode, dir);
  if (!st) st = status_prefix(run_golden(g, dir, &o), "run");
  printf("    %-24s %-16s %-8s  %2d engines served %3lld of %3lld runs  %.3g\n", cm->name,
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
