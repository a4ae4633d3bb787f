#include "conversion.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#define NOT_GIVEN INT64_MIN

void conversion_options(conversion_flags_t *f, option_def_t *defs) {
  *f = (conversion_flags_t){.min_segment_size = NOT_GIVEN,
                            .max_cached_engines = NOT_GIVEN,
                            .threads = NOT_GIVEN,
                            .workspace = NOT_GIVEN,
                            .max_memory = NOT_GIVEN,
                            .max_error = (double)NAN,
                            .min_cosine = (double)NAN};
  const option_def_t table[] = {
      {"params", 0, OPTION_STRING, &f->params_file, "FILE.json",
       "arguments of the Converter in JSON; flags override them"},
      {"precision", 'p', OPTION_STRING, &f->precision, "fp32|fp16|bf16|int8|auto",
       "precision mode (fp32); auto: the fastest within a bound"},
      {"max-error", 0, OPTION_NUMBER, &f->max_error, "E", "auto: largest error of the outputs"},
      {"min-cosine", 0, OPTION_NUMBER, &f->min_cosine, "C", "auto: least cosine of the outputs"},
      {"fp16", 0, OPTION_FLAG, &f->fp16, NULL, NULL},
      {"int8", 0, OPTION_FLAG, &f->int8, NULL, NULL},
      {"signature", 's', OPTION_LIST, &f->signatures, "KEY",
       "signature to convert (serving_default); may be repeated"},
      {"all-signatures", 0, OPTION_FLAG, &f->all_signatures, NULL, "convert every signature"},
      {"tags", 0, OPTION_STRING, &f->tags, "A,B", "meta graph (serve)"},
      {"dynamic-shape", 0, OPTION_FLAG, &f->dynamic_shape, NULL,
       "dynamic shapes (profiles) instead of implicit batch"},
      {"profile-strategy", 0, OPTION_STRING, &f->strategy, "S",
       "Range, Optimal, Range+Optimal, ImplicitBatchModeCompatible"},
      {"min-segment-size", 0, OPTION_INT, &f->min_segment_size, "N",
       "fewest nodes of an engine (3)"},
      {"max-cached-engines", 0, OPTION_INT, &f->max_cached_engines, "N",
       "engines kept per TRTEngineOp (1)"},
      {"workspace-size", 0, OPTION_SIZE, &f->workspace, "BYTES",
       "scratch memory a tactic may take, e.g. 1GiB"},
      {"op-set", 0, OPTION_STRING, &f->op_set, "all|tf-trt",
       "what engines take: all they can, or what TF-TRT took"},
      {"backend", 0, OPTION_STRING, &f->backend, "cpu|ref",
       "which backend builds the engines (cpu)"},
      {"compat", 0, OPTION_STRING, &f->compat, "2.17",
       "as TensorFlow 2.17 did, where its documentation says otherwise"},
      {"no-calibration", 0, OPTION_FLAG, &f->no_calibration, NULL,
       "int8: ranges come from quantization nodes"},
      {"calibrator", 0, OPTION_STRING, &f->calibrator, "HOW",
       "int8: entropy, minmax, percentile or mse (entropy)"},
      {"calibration-table", 0, OPTION_STRING, &f->calibration_table, "FILE",
       "int8: write the ranges there; without --calibration-inputs, read them"},
      {"no-runtime-build", 0, OPTION_FLAG, &f->no_runtime_build, NULL,
       "never build engines while running"},
      {"keep-variables", 0, OPTION_FLAG, &f->keep_variables, NULL,
       "variables stay variables, engines hold their values"},
      {"max-memory", 0, OPTION_SIZE, &f->max_memory, "BYTES",
       "memory to hold at a time, beside mapped weights"},
      {"engine-cache", 0, OPTION_STRING, &f->engine_cache, "DIR|off",
       "where finished engines are kept (the user's cache)"},
      {"timing-cache", 0, OPTION_STRING, &f->timing_cache, "FILE",
       "times of tactics, read and written"},
      {"timingCacheFile", 0, OPTION_STRING, &f->timing_cache, NULL, NULL},
      {"threads", 't', OPTION_INT, &f->threads, "N", "CPUs to use (all)"},
      {0}};
  memcpy(defs, table, sizeof table);
}

static void take_int(int64_t given, int *out) {
  if (given != NOT_GIVEN) *out = given > INT_MAX ? INT_MAX : given < INT_MIN ? INT_MIN : (int)given;
}

int conversion_fill(conversion_flags_t *f, const char *source, tftrt_converter_options *o) {
  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_converter_options_init(o);
  if (f->params_file) {
    if (tftrt_params_load(f->params_file, &f->params, &e)) return report_error(&e);
    if (tftrt_params_apply(f->params, o, &e)) return report_error(&e);
  }
  if (f->tags) split_list(f->tags, ',', &f->tag_list);
  if (f->tag_list.n) {
    o->input_saved_model_tags = f->tag_list.v;
    o->n_tags = f->tag_list.n;
  }
  if (source) o->input_saved_model_dir = source;
  if (!o->input_saved_model_dir)
    return usage_error("no SavedModel is named, neither as SRC nor in --params");
  if (f->fp16 || f->int8) {
    if (f->precision) return usage_error("--precision and --fp16 or --int8 are two of a kind");
    f->precision = f->int8 ? "int8" : "fp16";
  }
  if (f->signatures.n) {
    o->input_saved_model_signature_key = f->signatures.v[0];
    o->signature_keys = f->signatures.v;
    o->n_signature_keys = f->signatures.n;
  }
  if (f->all_signatures) o->all_signatures = 1;
  if (f->keep_variables) o->keep_variables = 1;
  if (f->max_memory != NOT_GIVEN) o->max_memory_bytes = f->max_memory;
  if (f->engine_cache) o->engine_cache_dir = f->engine_cache;
  if (f->timing_cache) o->timing_cache_file = f->timing_cache;
  if (f->dynamic_shape) o->use_dynamic_shape = 1;
  if (f->strategy) o->dynamic_shape_profile_strategy = f->strategy;
  if (f->workspace != NOT_GIVEN) o->max_workspace_size_bytes = f->workspace;
  if (f->precision) o->precision_mode = f->precision;
  take_int(f->min_segment_size, &o->minimum_segment_size);
  take_int(f->max_cached_engines, &o->maximum_cached_engines);
  take_int(f->threads, &o->threads);
  if (f->no_calibration) o->use_calibration = 0;
  if (f->no_runtime_build) o->allow_build_at_runtime = 0;
  if (f->op_set) o->op_set = f->op_set;
  if (f->backend) o->backend = f->backend;
  if (f->compat) o->compat = f->compat;
  if (!isnan(f->max_error)) o->max_error = f->max_error;
  if (!isnan(f->min_cosine)) o->min_cosine = f->min_cosine;
  if (f->calibrator) o->calibrator = f->calibrator;
  if (f->calibration_table) o->calibration_table = f->calibration_table;
  o->progress = progress_printer();
  return -1;
}

void conversion_free(conversion_flags_t *f) { tftrt_params_destroy(f->params); }
