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
  bool keep_variables;
} conversion_t;

// One set of inputs.
typedef struct inputs {
  tensor_t v[32];
} inputs_t;

static inline void free_inputs(inputs_t *in) {
  for (size_t i = 0; i < sizeof in->v / sizeof *in->v; i++) tensor_unref(&in->v[i]);
}

// Those of a golden case, in the place of what is there.
static inline void read_inputs(const golden_case_t *from, const signature_t *s, inputs_t *in) {
  free_inputs(in);
  assert_true((size_t)s->n_inputs <= sizeof in->v / sizeof *in->v);
  npz_t z = npz_open(from->path);
  for (int i = 0; i < s->n_inputs; i++) in->v[i] = input_array(&z, &s->inputs[i]);
  npz_close(&z);
}

// The inputs of golden cases, for build(): of `at` and those behind it that are of the same
// signature.
typedef struct case_inputs {
  const signature_t *signature;
  const golden_case_t *at, *first;
  inputs_t in;
} case_inputs_t;

static inline status_t give_inputs(void *self, const tensor_t **inputs, bool *end) {
  case_inputs_t *c = self;
  *end = !c->at->file || strcmp(c->at->signature, c->first->signature) != 0 ||
         strcmp(c->at->tags, c->first->tags) != 0;
  if (*end) return NULL;
  read_inputs(c->at++, c->signature, &c->in);
  *inputs = c->in.v;
  return NULL;
}

// Builds for the inputs of all cases from `first` on that are of its signature, which is any of
// those that are converted.
static inline status_t build_from(converter_t *c, const golden_case_t *first) {
  int at = 0;
  while (converter_signature(c, at) &&
         strcmp(converter_signature(c, at)->key, first->signature) != 0)
    at++;
  case_inputs_t inputs = {.signature = converter_signature(c, at), .at = first, .first = first};
  if (!inputs.signature) return converter_build(c, first->signature, NULL);
  status_t st = converter_build(c, inputs.signature->key, &(input_source_t){give_inputs, &inputs});
  free_inputs(&inputs.in);
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
      .keep_variables = how->keep_variables,
      .rule_tactics = true,
      .threads = 2};
  return converter_create(&o, out);
}

// TF-TRT says so too, whenever a model has QuantizeAndDequantizeV2.
static inline const char *first_warning(const converter_t *c) {
  for (int i = 0; i < converter_n_warnings(c); i++)
    if (!strstr(converter_warning(c, i), "Using explicit QDQ mode")) return converter_warning(c, i);
  return NULL;
}

// Convert, build for the inputs of its cases, save. A warning is a failure.
static inline status_t convert(const corpus_model_t *cm, const golden_case_t *first,
                               const conversion_t *how, const char *target) {
  converter_t *c;
  TRY(converter_for(cm, first, how, &c));
  status_t st = status_prefix(converter_convert(c, NULL), "convert");
  if (!st) st = status_prefix(build_from(c, first), "build");
  if (!st && first_warning(c)) st = FAIL(UNKNOWN, "%s", first_warning(c));
  if (!st) st = status_prefix(converter_save(c, target, true), "save");
  converter_destroy(c);
  return st;
}

typedef struct outcome {
  score_t score;
  int engines;
  int64_t runs, hits;
  char native[600];  // why an engine did not serve
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
static inline status_t run_golden_as(const golden_t *g, const char *dir, fallback_policy_t policy,
                                     outcome_t *o) {
  model_t *m = NULL;
  const char *tags = "";
  status_t st = NULL;
  for (size_t i = 0; i < g->cases.n && !st; i++) {
    const golden_case_t *c = &g->cases.v[i];
    if (!m || strcmp(c->tags, tags) != 0) {
      add_engines(m, o);
      model_close(m);
      m = NULL;
      st = open_with_policy(dir, c->tags, true, policy, &m);
      tags = c->tags;
    }
    if (!st) st = status_prefix(run_case(m, g, c, &o->score), "%s", c->file);
  }
  add_engines(m, o);
  model_close(m);
  return st;
}

static inline status_t run_golden(const golden_t *g, const char *dir, outcome_t *o) {
  return run_golden_as(g, dir, FALLBACK_NATIVE, o);
}

static inline bool first_of_signature(const golden_t *g, size_t i) {
  const golden_case_t *c = &g->cases.v[i];
  return i == 0 || strcmp(c->signature, c[-1].signature) != 0 || strcmp(c->tags, c[-1].tags) != 0;
}

#endif
