// Converts corpus models, for the tests of this room.
#ifndef TFTRT_TESTS_CONVERT_H
#define TFTRT_TESTS_CONVERT_H

#include "convert/converter.h"
#include "corpus.h"

typedef struct conversion {
  const char *name;
  bool dynamic_shape;
  op_set_t op_set;
  bool no_runtime_build;
  bool all_signatures;
  int minimum_segment_size, maximum_cached_engines;  // 0: the defaults, 3 and 1
  const char *precision_mode, *profile_strategy;
  bool use_calibration, compat_2_17;
} conversion_t;

// The inputs of one golden case, for build().
typedef struct case_inputs {
  tensor_t *in;
  bool given;
} case_inputs_t;

static inline status_t give_inputs(void *self, const tensor_t **inputs, bool *end) {
  case_inputs_t *c = self;
  *end = c->given;
  c->given = true;
  *inputs = c->in;
  return NULL;
}

// Builds for the inputs of a case, which is of any of the signatures that are converted.
static inline status_t build_from(converter_t *c, const golden_case_t *first) {
  int at = 0;
  while (converter_signature(c, at) &&
         strcmp(converter_signature(c, at)->key, first->signature) != 0)
    at++;
  const signature_t *s = converter_signature(c, at);
  if (!s) return converter_build(c, first->signature, NULL);
  npz_t z = npz_open(first->path);
  case_inputs_t inputs = {.in = mem_calloc((size_t)s->n_inputs + 1, sizeof(tensor_t))};
  for (int i = 0; i < s->n_inputs; i++) inputs.in[i] = input_array(&z, &s->inputs[i]);
  status_t st = converter_build(c, s->key, &(input_source_t){give_inputs, &inputs});
  for (int i = 0; i < s->n_inputs; i++) tensor_unref(&inputs.in[i]);
  mem_free(inputs.in);
  npz_close(&z);
  return st;
}

// Options as the program has them, for the signature of a golden case of a corpus model.
static inline status_t converter_for(const corpus_model_t *cm, const golden_case_t *first,
                                     const conversion_t *how, converter_t **out) {
  tag_list_t tags;
  split_tags(first->tags, &tags);
  converter_options_t o = {
      .struct_size = sizeof o,
      .dir = cm->saved,
      .tags = tags.tag,
      .n_tags = tags.n,
      .signature = first->signature,
      .dynamic_shape = how->dynamic_shape,
      .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
      .profile_strategy = how->profile_strategy,
      .precision_mode = how->precision_mode,
      .minimum_segment_size = how->minimum_segment_size ? how->minimum_segment_size : 3,
      .maximum_cached_engines = how->maximum_cached_engines ? how->maximum_cached_engines : 1,
      .use_calibration = how->use_calibration,
      .compat_2_17 = how->compat_2_17,
      .allow_build_at_runtime = !how->no_runtime_build,
      .op_set = how->op_set,
      .all_signatures = how->all_signatures,
      .rule_tactics = true,
      .threads = 2};
  return converter_create(&o, out);
}

// Convert, build for the case's inputs, save. A warning is a failure.
static inline status_t convert(const corpus_model_t *cm, const golden_case_t *first,
                               const conversion_t *how, const char *target) {
  converter_t *c;
  TRY(converter_for(cm, first, how, &c));
  status_t st = status_prefix(converter_convert(c, NULL), "convert");
  if (!st) st = status_prefix(build_from(c, first), "build");
  if (!st && converter_n_warnings(c)) st = FAIL(UNKNOWN, "%s", converter_warning(c, 0));
  if (!st) st = status_prefix(converter_save(c, target, true), "save");
  converter_destroy(c);
  return st;
}

typedef struct outcome {
  score_t score;
  int engines;
  int64_t runs, hits;
  char native[256];  // why an engine did not serve
} outcome_t;

static inline void add_engines(model_t *m, outcome_t *o) {
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

// Runs all golden cases, in their order, on the model there.
static inline status_t run_golden(const golden_t *g, const char *dir, outcome_t *o) {
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

static inline bool first_of_signature(const golden_t *g, size_t i) {
  const golden_case_t *c = &g->cases.v[i];
  return i == 0 || strcmp(c->signature, c[-1].signature) != 0 || strcmp(c->tags, c[-1].tags) != 0;
}

#endif
