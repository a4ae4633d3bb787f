#include "conversion.h"

#include <string.h>

void conversion_options(conversion_flags_t *f, option_def_t *defs) {
  tftrt_converter_options d;
  tftrt_converter_options_init(&d);
  *f = (conversion_flags_t){.min_segment_size = d.minimum_segment_size,
                            .max_cached_engines = d.maximum_cached_engines,
                            .workspace = d.max_workspace_size_bytes};
  const option_def_t table[] = {
      {"precision", 'p', OPTION_STRING, &f->precision, "fp32|fp16|int8", "precision mode (fp32)"},
      {"signature", 's', OPTION_STRING, &f->signature, "KEY",
       "signature to convert (serving_default)"},
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
      {"no-runtime-build", 0, OPTION_FLAG, &f->no_runtime_build, NULL,
       "never build engines while running"},
      {"threads", 't', OPTION_INT, &f->threads, "N", "CPUs to use (all)"},
      {0}};
  memcpy(defs, table, sizeof table);
}

void conversion_fill(conversion_flags_t *f, const char *source, tftrt_converter_options *o) {
  tftrt_converter_options_init(o);
  if (f->tags) split_list(f->tags, ',', &f->tag_list);
  o->input_saved_model_dir = source;
  o->input_saved_model_tags = f->tag_list.n ? f->tag_list.v : NULL;
  o->n_tags = f->tag_list.n;
  o->input_saved_model_signature_key = f->signature;
  o->use_dynamic_shape = f->dynamic_shape;
  o->dynamic_shape_profile_strategy = f->strategy;
  o->max_workspace_size_bytes = f->workspace;
  if (f->precision) o->precision_mode = f->precision;
  o->minimum_segment_size = (int)f->min_segment_size;
  o->maximum_cached_engines = (int)f->max_cached_engines;
  o->use_calibration = !f->no_calibration;
  o->allow_build_at_runtime = !f->no_runtime_build;
  if (f->op_set) o->op_set = f->op_set;
  if (f->backend) o->backend = f->backend;
  o->compat = f->compat;
  o->threads = (int)f->threads;
  o->progress = progress_printer();
}
