// tftrt_converter, and the two that tell of a model on disk: tftrt_summary, tftrt_explain.
#include "convert/converter.h"

#include <string.h>

#include "api/api.h"
#include "api/feed.h"
#include "api/profiles.h"
#include "base/cpu.h"
#include "base/mem.h"

struct tftrt_converter {
  converter_t *c;
  VEC(struct fed *) feeds;
  added_profiles_t profiles;
};

static const tftrt_converter_options defaults = {
    .struct_size = sizeof defaults,
    .max_workspace_size_bytes = DEFAULT_WORKSPACE_BYTES,
    .precision_mode = "FP32",
    .minimum_segment_size = 3,
    .maximum_cached_engines = 1,
    .use_calibration = 1,
    .allow_build_at_runtime = 1,
    .op_set = "all",
    .backend = "cpu",
    .max_error = -1,
    .min_cosine = -1};

// Those of the converter's options that TF-TRT once had in a structure of their own.
static tftrt_conversion_params default_params(void) {
  return (tftrt_conversion_params){.struct_size = sizeof(tftrt_conversion_params),
                                   .max_workspace_size_bytes = defaults.max_workspace_size_bytes,
                                   .precision_mode = defaults.precision_mode,
                                   .minimum_segment_size = defaults.minimum_segment_size,
                                   .maximum_cached_engines = defaults.maximum_cached_engines,
                                   .use_calibration = defaults.use_calibration,
                                   .allow_build_at_runtime = defaults.allow_build_at_runtime};
}

void tftrt_converter_options_init_sized(tftrt_converter_options *o, uint32_t struct_size) {
  api_init_options(o, struct_size, &defaults, sizeof defaults);
}

void tftrt_conversion_params_init_sized(tftrt_conversion_params *p, uint32_t struct_size) {
  tftrt_conversion_params init = default_params();
  api_init_options(p, struct_size, &init, sizeof init);
}

status_t api_read_converter_options(const tftrt_converter_options *options,
                                    tftrt_converter_options *o) {
  *o = defaults;
  return api_read_options(options, "tftrt_converter_options", o, sizeof *o);
}

status_t api_take_conversion_params(const tftrt_conversion_params *params,
                                    tftrt_converter_options *o) {
  tftrt_conversion_params p = default_params();
  TRY(api_read_options(params, "tftrt_conversion_params", &p, sizeof p));
  o->max_workspace_size_bytes = p.max_workspace_size_bytes;
  o->precision_mode = p.precision_mode;
  o->minimum_segment_size = p.minimum_segment_size;
  o->maximum_cached_engines = p.maximum_cached_engines;
  o->use_calibration = p.use_calibration;
  o->allow_build_at_runtime = p.allow_build_at_runtime;
  return NULL;
}

static status_t translate(const tftrt_converter_options *o, converter_options_t *out) {
  *out = (converter_options_t){.struct_size = sizeof *out,
                               .dir = o->input_saved_model_dir,
                               .graph_def = o->graph_def,
                               .graph_def_size = o->graph_def ? o->graph_def_size : 0,
                               .graph_nodes = {.kept = o->kept_nodes,
                                               .n_kept = o->kept_nodes ? o->n_kept_nodes : 0,
                                               .fed = o->fed_nodes,
                                               .n_fed = o->fed_nodes ? o->n_fed_nodes : 0},
                               .device_type = o->device_type,
                               .library_stays = o->library_stays != 0,
                               .static_batch = o->static_batch,
                               .keep_variables = o->keep_variables != 0,
                               .tags = o->input_saved_model_tags,
                               .n_tags = o->input_saved_model_tags ? o->n_tags : 0,
                               .signature = o->input_saved_model_signature_key,
                               .signatures = o->signature_keys,
                               .n_signatures = o->signature_keys ? o->n_signature_keys : 0,
                               .all_signatures = o->all_signatures != 0,
                               .dynamic_shape = o->use_dynamic_shape != 0,
                               .profile_strategy = o->dynamic_shape_profile_strategy,
                               .max_workspace_bytes = o->max_workspace_size_bytes,
                               .precision_mode = o->precision_mode,
                               .minimum_segment_size = o->minimum_segment_size,
                               .maximum_cached_engines = o->maximum_cached_engines,
                               .use_calibration = o->use_calibration != 0,
                               .allow_build_at_runtime = o->allow_build_at_runtime != 0,
                               .backend = o->backend,
                               .threads = cpu_threads(o->threads),
                               .progress = o->progress,
                               .progress_user = o->progress_user,
                               .max_memory_bytes = o->max_memory_bytes,
                               .timing_cache = o->timing_cache_file};
  if (o->op_set && strcmp(o->op_set, "tf-trt") == 0)
    out->op_set = OP_SET_TF_TRT;
  else if (o->op_set && strcmp(o->op_set, "all") != 0)
    return FAIL(INVALID_ARGUMENT, "op_set is \"all\" or \"tf-trt\", not \"%s\"", o->op_set);
  if (o->compat && strcmp(o->compat, "2.17") != 0)
    return FAIL(INVALID_ARGUMENT, "compat is \"2.17\" or nothing, not \"%s\"", o->compat);
  out->compat_2_17 = o->compat != NULL;
  out->bounds_error = !(o->max_error < 0);
  out->bounds_cosine = !(o->min_cosine <= -1);
  out->max_error = o->max_error;
  out->min_cosine = o->min_cosine;
  out->calibrator = o->calibrator;
  out->calibration_table = o->calibration_table;
  return NULL;
}

static status_t create(const tftrt_converter_options *options, bool only_explain,
                       converter_t **out) {
  tftrt_converter_options o;
  converter_options_t inner;
  *out = NULL;
  if (!options) return FAIL(INVALID_ARGUMENT, "the converter's options are NULL");
  TRY(api_read_converter_options(options, &o));
  if (o.conversion_params) TRY(api_take_conversion_params(o.conversion_params, &o));
  TRY(translate(&o, &inner));
  inner.only_explain = only_explain;
  char *cache_dir = api_engine_cache_dir(o.engine_cache_dir);
  inner.engine_cache_dir = cache_dir;
  status_t st = converter_create(&inner, out);
  mem_free(cache_dir);
  TRY(st);
  if (o.conversion_params)
    converter_warn(*out,
                   "conversion_params is deprecated: Use individual converter parameters instead");
  return NULL;
}

tftrt_code tftrt_converter_create(const tftrt_converter_options *o, tftrt_converter **out,
                                  tftrt_error *err) {
  *out = NULL;
  converter_t *c;
  status_t s = create(o, false, &c);
  if (s) return api_report(s, err);
  *out = mem_calloc(1, sizeof **out);
  (*out)->c = c;
  return TFTRT_OK;
}

// The caller's input function. The signature is known once the converter has opened the model,
// which is before it asks for inputs.
typedef struct fed {
  feed_t feed;
  const converter_t *converter;
  char *key;  // NULL: the first signature
} fed_t;

static const signature_t *find_signature(const converter_t *c, const char *key) {
  for (int i = 0; i < converter_n_signatures(c); i++) {
    const signature_t *s = converter_signature(c, i);
    if (!key || strcmp(s->key, key) == 0) return s;
  }
  return NULL;
}

static status_t next_inputs(void *self, const tensor_t **inputs, bool *end) {
  fed_t *f = self;
  f->feed.signature = find_signature(f->converter, f->key);
  if (!f->feed.signature)
    return FAIL(NOT_FOUND, "signature '%s' is not converted", f->key ? f->key : "");
  return feed_next(&f->feed, inputs, end);
}

// Kept until the converter goes: calibration may be put off until build().
static fed_t *feed(tftrt_converter *c, const char *key, tftrt_input_fn fn, void *user) {
  if (!fn) return NULL;
  fed_t *f = mem_calloc(1, sizeof *f);
  *f = (fed_t){
      .feed = {.fn = fn, .user = user}, .converter = c->c, .key = key ? mem_strdup(key) : NULL};
  vec_push(&c->feeds, f);
  return f;
}

static void free_feed(fed_t *f) {
  feed_free(&f->feed);
  mem_free(f->key);
  mem_free(f);
}

void tftrt_converter_destroy(tftrt_converter *c) {
  if (!c) return;
  for (size_t i = 0; i < c->feeds.n; i++) free_feed(c->feeds.v[i]);
  vec_free(&c->feeds);
  added_profiles_free(&c->profiles);
  converter_destroy(c->c);
  mem_free(c);
}

tftrt_code tftrt_converter_calibrate_with(tftrt_converter *c, const char *key,
                                          tftrt_input_fn inputs, void *user, tftrt_error *err) {
  fed_t *f = key ? feed(c, key, inputs, user) : NULL;
  if (!f)
    return api_report(FAIL(INVALID_ARGUMENT, "%s is NULL", key ? "inputs" : "signature_key"), err);
  converter_set_calibration(c->c, key, &(input_source_t){next_inputs, f});
  return TFTRT_OK;
}

tftrt_code tftrt_converter_measure_with(tftrt_converter *c, const char *key, tftrt_input_fn inputs,
                                        void *user, tftrt_error *err) {
  fed_t *f = feed(c, key, inputs, user);
  if (!f) return api_report(FAIL(INVALID_ARGUMENT, "inputs is NULL"), err);
  converter_measure_with(c->c, key, &(input_source_t){next_inputs, f});
  return TFTRT_OK;
}

tftrt_code tftrt_converter_precision(tftrt_converter *c, const char *key, int json, char **out,
                                     tftrt_error *err) {
  return api_report(converter_precision(c->c, key, json != 0, out), err);
}

tftrt_code tftrt_converter_convert(tftrt_converter *c, tftrt_input_fn calibration, void *user,
                                   tftrt_error *err) {
  fed_t *f = feed(c, NULL, calibration, user);
  status_t st = converter_convert(c->c, f ? &(input_source_t){next_inputs, f} : NULL);
  if (f) feed_drop(&f->feed);
  return api_report(st, err);
}

static status_t add_profile(tftrt_converter *c, const char *key, const tftrt_profile_input *inputs,
                            int n) {
  if (!converter_n_signatures(c->c))
    return FAIL(FAILED_PRECONDITION, "Need to call convert() before adding profiles");
  const signature_t *s = find_signature(c->c, key);
  if (!s) return FAIL(NOT_FOUND, "signature '%s' is not converted", key);
  return added_profiles_add(&c->profiles, s, inputs, n);
}

tftrt_code tftrt_converter_add_profile(tftrt_converter *c, const char *key,
                                       const tftrt_profile_input *inputs, int n, tftrt_error *err) {
  return api_report(add_profile(c, key, inputs, n), err);
}

tftrt_code tftrt_converter_open(const tftrt_converter_options *o, tftrt_converter **out,
                                tftrt_error *err) {
  tftrt_code code = tftrt_converter_create(o, out, err);
  if (code) return code;
  code = api_report(converter_reopen((*out)->c), err);
  if (!code) return code;
  tftrt_converter_destroy(*out);
  *out = NULL;
  return code;
}

tftrt_code tftrt_converter_build_signature(tftrt_converter *c, const char *key,
                                           tftrt_input_fn inputs, void *user, tftrt_error *err) {
  const signature_t *s = find_signature(c->c, key);
  if (s && added_profiles_of(&c->profiles, s))
    return api_report(
        inputs ? FAIL(INVALID_ARGUMENT,
                      "signature '%s' has profiles that were added: build takes no inputs", s->key)
               : added_profiles_build(&c->profiles, s, c->c),
        err);
  fed_t *f = feed(c, key, inputs, user);
  status_t st = converter_build(c->c, key, f ? &(input_source_t){next_inputs, f} : NULL);
  if (f) feed_drop(&f->feed);
  return api_report(st, err);
}

tftrt_code tftrt_converter_build_profiles(tftrt_converter *c, const char *key,
                                          tftrt_input_fn inputs, void *user, tftrt_error *err) {
  fed_t *f = feed(c, key, inputs, user);
  status_t st = converter_build_profiles(c->c, key, f ? &(input_source_t){next_inputs, f} : NULL);
  if (f) feed_drop(&f->feed);
  return api_report(st, err);
}

tftrt_code tftrt_converter_build(tftrt_converter *c, tftrt_input_fn inputs, void *user,
                                 tftrt_error *err) {
  return tftrt_converter_build_signature(c, NULL, inputs, user, err);
}

int tftrt_converter_signature_count(const tftrt_converter *c) {
  return converter_n_signatures(c->c);
}

const char *tftrt_converter_signature(const tftrt_converter *c, int i) {
  const signature_t *s = converter_signature(c->c, i);
  return s ? s->key : NULL;
}

int tftrt_converter_input_count(const tftrt_converter *c, const char *key) {
  const signature_t *s = find_signature(c->c, key);
  return s ? s->n_inputs : -1;
}

int tftrt_converter_output_count(const tftrt_converter *c, const char *key) {
  const signature_t *s = find_signature(c->c, key);
  return s ? s->n_outputs : -1;
}

static status_t tell_tensor(const tftrt_converter *c, const char *key, int i, bool output,
                            tftrt_tensor_info *out) {
  TRY(api_tensor_info(NULL, out));
  const signature_t *s = find_signature(c->c, key);
  if (!s) return FAIL(NOT_FOUND, "signature '%s' is not converted", key ? key : "");
  int n = output ? s->n_outputs : s->n_inputs;
  if (i < 0 || i >= n)
    return FAIL(OUT_OF_RANGE, "signature '%s' has %d %s, not %d", s->key, n,
                output ? "outputs" : "inputs", i + 1);
  return api_tensor_info(output ? &s->outputs[i] : &s->inputs[i], out);
}

tftrt_code tftrt_converter_input(const tftrt_converter *c, const char *key, int i,
                                 tftrt_tensor_info *out, tftrt_error *err) {
  return api_report(tell_tensor(c, key, i, false, out), err);
}

tftrt_code tftrt_converter_output(const tftrt_converter *c, const char *key, int i,
                                  tftrt_tensor_info *out, tftrt_error *err) {
  return api_report(tell_tensor(c, key, i, true, out), err);
}

static status_t run_converted(void *self, const signature_t *s, const tensor_t *in, tensor_t *out) {
  return converter_run(self, s->key, in, out);
}

tftrt_code tftrt_converter_run(tftrt_converter *c, const char *key, const tftrt_tensor *inputs,
                               int n_inputs, tftrt_tensor *outputs, int n_outputs,
                               tftrt_error *err) {
  for (int i = 0; i < n_outputs; i++) outputs[i] = (tftrt_tensor){0};
  const signature_t *s = find_signature(c->c, key);
  if (!s)
    return api_report(FAIL(NOT_FOUND, "signature '%s' is not converted", key ? key : ""), err);
  return api_report(
      api_run(s, (api_run_fn){run_converted, c->c}, inputs, n_inputs, outputs, n_outputs), err);
}

// Signatures that profiles were added to are built with those.
static status_t build_default(tftrt_converter *c, int64_t batch) {
  int left = converter_n_signatures(c->c);
  for (int i = 0; i < converter_n_signatures(c->c); i++) {
    const signature_t *s = converter_signature(c->c, i);
    if (!converter_built(c->c, i) && added_profiles_of(&c->profiles, s)) {
      TRY(added_profiles_build(&c->profiles, s, c->c));
      left--;
    } else if (converter_built(c->c, i) && c->profiles.n) {
      left--;
    }
  }
  return left || !c->profiles.n ? converter_build_default(c->c, batch) : NULL;
}

tftrt_code tftrt_converter_build_default(tftrt_converter *c, int64_t batch, tftrt_error *err) {
  return api_report(build_default(c, batch), err);
}

int tftrt_converter_warning_count(const tftrt_converter *c) { return converter_n_warnings(c->c); }

const char *tftrt_converter_warning(const tftrt_converter *c, int i) {
  return converter_warning(c->c, i);
}

tftrt_code tftrt_converter_calibrate(tftrt_converter *c, tftrt_input_fn inputs, void *user,
                                     tftrt_error *err) {
  fed_t *f = feed(c, NULL, inputs, user);
  status_t st = converter_calibrate(c->c, f ? &(input_source_t){next_inputs, f} : NULL);
  if (f) feed_drop(&f->feed);
  return api_report(st, err);
}

tftrt_code tftrt_converter_graph_def(tftrt_converter *c, void **out, size_t *size,
                                     tftrt_error *err) {
  uint8_t *data = NULL;
  status_t st = converter_graph_def(c->c, &data, size);
  *out = data;
  return api_report(st, err);
}

tftrt_code tftrt_converter_save(tftrt_converter *c, const char *dir, int save_gpu_specific_engines,
                                tftrt_error *err) {
  if (!dir || !*dir)
    return api_report(FAIL(INVALID_ARGUMENT, "output_saved_model_dir: expected a directory"), err);
  return api_report(converter_save(c->c, dir, save_gpu_specific_engines != 0), err);
}

tftrt_code tftrt_converter_summary(tftrt_converter *c, int line_length, int detailed,
                                   tftrt_print_fn print, void *user, tftrt_error *err) {
  return api_report(converter_summary(c->c, line_length, detailed != 0, print, user), err);
}

tftrt_code tftrt_converter_explain(tftrt_converter *c, int json, char **out, tftrt_error *err) {
  return api_report(converter_explain(c->c, json != 0, out), err);
}

tftrt_code tftrt_explain(const tftrt_converter_options *o, int json, char **out, tftrt_error *err) {
  *out = NULL;
  converter_t *c;
  status_t s = create(o, true, &c);
  if (!s) converter_keep_engines(c);
  if (!s) s = converter_convert(c, NULL);
  if (!s) s = converter_explain(c, json != 0, out);
  converter_destroy(c);
  return api_report(s, err);
}

tftrt_code tftrt_summary(const char *dir, const char *const *tags, int n_tags,
                         const char *signature, int line_length, int detailed, tftrt_print_fn print,
                         void *user, tftrt_error *err) {
  return api_report(summarize_saved_model(dir, tags, tags ? n_tags : 0, signature, line_length,
                                          detailed != 0, print, user),
                    err);
}

tftrt_code tftrt_precision_summary(const char *dir, const char *const *tags, int n_tags,
                                   const char *signature, int detailed, char **out,
                                   tftrt_error *err) {
  return api_report(
      summarize_precisions(dir, tags, tags ? n_tags : 0, signature, detailed != 0, out), err);
}

tftrt_code tftrt_summary_json(const char *dir, const char *const *tags, int n_tags,
                              const char *signature, char **out, tftrt_error *err) {
  return api_report(summarize_saved_model_json(dir, tags, tags ? n_tags : 0, signature, out), err);
}
