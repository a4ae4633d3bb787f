// Options, and convert(): the pipeline from SavedModel to graph with engines, top to bottom.
#include "convert/converter.h"

#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/environment.h"
#include "base/file.h"
#include "convert/calibrate.h"
#include "convert/measure.h"
#include "convert/profiles.h"
#include "convert/restore.h"
#include "graph/passes.h"
#include "saved_model/writer.h"

static const char *const strategies[] = {"Range", "Optimal", "Range+Optimal",
                                         "ImplicitBatchModeCompatible"};

static bool is_auto(const char *p) { return strcmp(p, "AUTO") == 0 || strcmp(p, "auto") == 0; }

static status_t check_bounds(const converter_options_t *o) {
  bool bounded = o->bounds_error || o->bounds_cosine;
  if ((o->bounds_error && !(o->max_error >= 0)) || (o->bounds_cosine && !(o->min_cosine <= 1)))
    return FAIL(INVALID_ARGUMENT, "max_error is a number from 0 on, min_cosine one up to 1");
  if (is_auto(o->precision_mode) && !bounded)
    return FAIL(INVALID_ARGUMENT, "precision mode AUTO needs a bound: max_error or min_cosine");
  if (!is_auto(o->precision_mode) && bounded)
    return FAIL(INVALID_ARGUMENT,
                "max_error and min_cosine are bounds of precision mode AUTO, not of %s",
                o->precision_mode);
  return NULL;
}

// Ours, beside TF-TRT's modes: engines say FP16 to TensorFlow.
static bool is_bf16(const char *p) { return strcmp(p, "BF16") == 0 || strcmp(p, "bf16") == 0; }

static bool known_precision(const char *p) {
  if (is_auto(p)) return true;
  static const char *const modes[] = {"FP32", "FP16", "INT8", "fp32", "fp16", "int8"};
  for (int i = 0; i < 6; i++)
    if (strcmp(p, modes[i]) == 0) return true;
  return is_bf16(p);
}

static const char *canonical_precision(const char *p) {
  return strcasecmp(p, "fp16") == 0 || is_bf16(p) ? "FP16"
         : strcasecmp(p, "int8") == 0             ? "INT8"
                                                  : "FP32";
}

static status_t check_graph_def(const converter_options_t *o) {
  if (o->dir && *o->dir)
    return FAIL(INVALID_ARGUMENT,
                "Can only specify one of input_graph_def and input_saved_model_dir");
  if (o->graph_nodes.n_kept < 1)
    return FAIL(INVALID_ARGUMENT, "a GraphDef is converted for nodes of it: kept_nodes is empty");
  return NULL;
}

// TF-TRT's checks, in its order and words.
static status_t check_options(const converter_options_t *o, const char **strategy) {
  if (!known_precision(o->precision_mode))
    return FAIL(INVALID_ARGUMENT,
                "precision mode '%s' is not supported.It should be one of ['FP32', 'FP16', 'INT8', "
                "'fp32', 'fp16', 'int8']",
                o->precision_mode);
  if (o->minimum_segment_size <= 0 && o->minimum_segment_size != -1)
    return FAIL(INVALID_ARGUMENT,
                "minimum segment size should be positive or -1 (to disable main graph "
                "conversion).");
  *strategy = "";
  if (o->dynamic_shape) {
    const char *asked = o->profile_strategy;
    if (!asked) asked = o->compat_2_17 ? "Range" : "ImplicitBatchModeCompatible";
    for (int i = 0; i < 4; i++)
      if (strcasecmp(asked, strategies[i]) == 0) *strategy = strategies[i];
    if (!**strategy)
      return FAIL(INVALID_ARGUMENT,
                  "profile_strategy '%s' is not supported. It should be one of ['Range', "
                  "'Optimal', 'Range+Optimal', 'ImplicitBatchModeCompatible']",
                  asked);
  }
  TRY(check_bounds(o));
  calibrator_t calibrator;
  if (o->calibrator && !calibrator_from_name(o->calibrator, &calibrator))
    return FAIL(INVALID_ARGUMENT,
                "calibrator '%s' is not known. It should be one of ['entropy', 'minmax', "
                "'percentile', 'mse']",
                o->calibrator);
  if (!backend_find(o->backend))
    return FAIL(INVALID_ARGUMENT, "there is no backend '%s'", o->backend);
  if (o->static_batch && (!o->graph_def || o->static_batch < 0 || o->dynamic_shape))
    return FAIL(
        INVALID_ARGUMENT,
        "static_batch is the batch of a GraphDef's engines in implicit batch mode, not %lld",
        (long long)o->static_batch);
  if (o->keep_variables && (!o->dynamic_shape || o->graph_def))
    return FAIL(INVALID_ARGUMENT, "keep_variables: only %s",
                o->graph_def ? "of a SavedModel: variables of a GraphDef stay variables anyway"
                             : "with use_dynamic_shape");
  if (o->graph_def) return check_graph_def(o);
  if (!o->dir || !*o->dir)
    return FAIL(INVALID_ARGUMENT, "input_saved_model_dir: expected a directory, got none");
  return NULL;
}

void converter_warn(converter_t *c, const char *fmt, ...) {
  char text[2048];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  if (c->owner) c = c->owner;
  vec_push(&c->warnings, arena_strdup(c->own, text));
}

static void warn_sentence(void *user, const char *sentence) {
  converter_warn(user, "%s", sentence);
}

static const char *const *copy_strings(arena_t *a, const char *const *from, int n) {
  const char **copy = arena_alloc(a, ((size_t)n + 1) * sizeof *copy);
  for (int i = 0; i < n; i++) copy[i] = arena_strdup(a, from[i]);
  return copy;
}

static status_t open_caches(converter_t *c) {
  const char *dir = c->o.engine_cache_dir, *file = c->o.timing_cache;
  c->o.engine_cache_dir = NULL;
  if (dir) c->cache = build_cache_open(dir, env_number("TFTRT_CACHE_SIZE"));
  if (!file) return NULL;
  c->o.timing_cache = arena_strdup(c->own, file);
  c->timing = timing_cache_create();
  if (!file_exists(file)) return NULL;
  status_t st = timing_cache_load(c->timing, file);
  if (st && status_code(st) == CODE_DATA_LOSS) {  // of another program, perhaps: not written over
    status_t refused = FAIL(INVALID_ARGUMENT, "timing cache: %s", status_message(st));
    status_free(st);
    return refused;
  }
  return st;
}

static void note_half(converter_t *c) {
  const backend_t *b = backend_find(c->o.backend);
  if (strcmp(c->o.precision_mode, "FP16") != 0 || !b->half_note) return;
  const char *note = b->half_note(c->bf16 ? HALF_BFLOAT16 : HALF_FASTER);
  if (note) converter_warn(c, "%s", note);
}

status_t converter_create(const converter_options_t *o, converter_t **out) {
  *out = NULL;
  converter_options_t checked = *o;
  const char *strategy = "";
  if (!checked.precision_mode) checked.precision_mode = "FP32";
  if (!checked.backend) checked.backend = "cpu";
  TRY(check_options(&checked, &strategy));
  converter_t *c = mem_calloc(1, sizeof *c);
  c->own = arena_create();
  c->o = checked;
  c->strategy = strategy;
  c->last_number = -1;
  if (checked.dir) c->o.dir = arena_strdup(c->own, checked.dir);
  c->o.backend = arena_strdup(c->own, checked.backend);
  c->o.precision_mode = canonical_precision(checked.precision_mode);
  c->automatic = is_auto(checked.precision_mode);
  c->may_calibrate = checked.use_calibration;
  c->bf16 = is_bf16(checked.precision_mode);
  if (checked.calibrator) c->o.calibrator = arena_strdup(c->own, checked.calibrator);
  if (checked.calibration_table)
    c->o.calibration_table = arena_strdup(c->own, checked.calibration_table);
  if (checked.signature) c->o.signature = arena_strdup(c->own, checked.signature);
  c->o.signatures = copy_strings(c->own, checked.signatures, checked.n_signatures);
  c->o.tags = copy_strings(c->own, checked.tags, checked.n_tags);
  c->o.graph_nodes.kept =
      copy_strings(c->own, checked.graph_nodes.kept, checked.graph_nodes.n_kept);
  c->o.graph_nodes.fed = copy_strings(c->own, checked.graph_nodes.fed, checked.graph_nodes.n_fed);
  c->o.keep_engines |= checked.graph_def != NULL;
  if (checked.device_type) c->o.device_type = arena_strdup(c->own, checked.device_type);
  size_t most = checked.max_memory_bytes > 0 ? (size_t)checked.max_memory_bytes : 0;
  work_init(&c->work, checked.progress, checked.progress_user, most);
  status_t st = open_caches(c);
  if (st) {
    converter_destroy(c);
    return st;
  }
  env_check(warn_sentence, c);
  note_half(c);
  bool asked = env_list_has(env_text("TF_TRT_EXPERIMENTAL_FEATURES"), "disable_graph_freezing");
  c->o.keep_variables |= asked && checked.dynamic_shape && !checked.graph_def;
  if (asked && !checked.dynamic_shape)
    converter_warn(c,
                   "Disabling graph freezing is only possible in dynamic shape mode. The graph "
                   "will be frozen.");
  *out = c;
  return NULL;
}

void converter_keep_engines(converter_t *c) { c->o.keep_engines = true; }

// Back to before convert(): after a failure it may be called again.
void converter_forget(converter_t *c) {
  for (size_t i = 0; i < c->others.n; i++) converter_destroy(c->others.v[i]);
  vec_free(&c->others);
  stop_runner(c);
  if (c->signature) forget_inputs(c);
  c->choice = NULL;
  for (size_t i = 0; i < c->engines.n; i++) {
    engine_node_t *e = &c->engines.v[i];
    for (size_t k = 0; k < e->built.n; k++) mem_free(e->built.v[k].plan.data);
    vec_free(&e->built);
    vec_free(&e->failed);
    forget_shape_sets(e);
    vec_free(&e->wanted);
  }
  vec_free(&c->engines);
  for (size_t i = 0; i < c->parts.n; i++) {
    segmentation_destroy(c->parts.v[i]->segmentation);
    mem_free(c->parts.v[i]);
  }
  vec_free(&c->parts);
  graph_destroy(c->graph);
  library_destroy(c->library);
  arena_destroy(c->arena);
  if (!c->owner) saved_model_close(c->model);
  c->last_number = -1;
  c->graph = NULL;
  c->library = NULL;
  c->arena = NULL;
  c->model = NULL;
  c->meta = NULL;
  c->signature = NULL;
  c->pending = (input_source_t){0};
  c->converted = c->calibrated = c->reopened = false;
  vec_free(&c->restored);
  ranges_destroy(c->old_ranges);
  c->old_ranges = NULL;
}

void converter_destroy(converter_t *c) {
  if (!c) return;
  converter_forget(c);
  build_cache_close(c->cache);
  timing_cache_destroy(c->timing);
  vec_free(&c->warnings);
  vec_free(&c->calibrations);
  vec_free(&c->measures);
  arena_destroy(c->own);
  mem_free(c);
}

int converter_n_warnings(const converter_t *c) { return (int)c->warnings.n; }

const char *converter_warning(const converter_t *c, int i) {
  return i >= 0 && (size_t)i < c->warnings.n ? c->warnings.v[i] : NULL;
}

work_place_t converter_begin(converter_t *c) {
  c->work.owner = pthread_self();
  atomic_store(&c->work.stopped, false);
  mem_set_refused(0);
  return work_enter(&c->work, 0);
}

status_t converter_end(converter_t *c, const work_place_t *before, status_t st) {
  work_leave(before);
  if (!c->o.max_memory_bytes || status_code(st) != CODE_RESOURCE_EXHAUSTED || !mem_refused())
    return st;
  return status_prefix(st, "max_memory_bytes of %lld do not do", (long long)c->o.max_memory_bytes);
}

status_t report_progress(converter_t *c, const char *stage, int64_t done, int64_t total) {
  return work_tell(&converter_top(c)->work, stage, done, total);
}

static int max_engines(void) {
  int64_t n = env_number("TF_TRT_MAX_ALLOWED_ENGINES");
  return n < 0 ? 0 : n > INT_MAX ? INT_MAX : (int)n;
}

status_t open_model(converter_t *c) {
  const converter_options_t *o = &c->o;
  TRY(o->graph_def
          ? saved_model_from_graph(o->graph_def, o->graph_def_size, &o->graph_nodes, &c->model)
          : saved_model_open(o->dir, &c->model));
  TRY(saved_model_find(c->model, o->tags, o->graph_def ? 0 : o->n_tags, &c->meta));
  return find_signatures(c);
}

// Calls inlined, and what an earlier conversion put into the graph: it stays, or gives way.
static status_t prepare(converter_t *c, graph_t *g) {
  bool tf_trt = c->o.op_set == OP_SET_TF_TRT, is_signature = g == c->graph;
  stays_fn *stays = functions_that_stay(c);
  if (tf_trt && !c->o.library_stays) {
    TRY(graph_lower_control_flow(g, stays));
  } else if (!c->o.library_stays) {
    // A SavedModel's signature is a call that is none of the model's own.
    const node_t *signature = is_signature && !c->o.graph_def ? graph_only_call(g) : NULL;
    TRY(graph_inline_calls_unless(g, stays, signature));
  }
  if (!c->o.graph_def) TRY(graph_name_segments(g));
  return c->o.keep_engines ? weights_load(c->model, g) : restore_engines(c, g);
}

// Results of a function are nodes of their own in TensorFlow, which read what the Identity reads.
static status_t drop_result_identities(graph_t *g) {
  for (int i = 0; i < g->n_rets; i++)
    while (strcmp(g->rets[i].src->op, "Identity") == 0 && !g->rets[i].src->n_control)
      g->rets[i] = g->rets[i].src->in[0];
  return graph_prune(g);
}

static status_t simplify_graph(converter_t *c, const char *precision_mode, graph_t *g) {
  saved_model_source_t source = {c->model, c->meta};
  variable_source_t variables = saved_model_variables(&source);
  bool tf_trt = c->o.op_set == OP_SET_TF_TRT;
  TRY(tf_trt ? graph_simplify_tf_trt(g) : graph_simplify(g));
  if (c->o.keep_variables) TRY(graph_pin_variables(g, &variables));
  if (tf_trt && strcmp(precision_mode, "FP16") == 0) TRY(graph_split_casts(g));
  graph_compact(g);
  for (int i = 0; tf_trt && !c->o.graph_def && i < g->n_nodes; i++) g->nodes[i]->device = "";
  return NULL;
}

static status_t simplify_signature(converter_t *c) {
  saved_model_source_t source = {c->model, c->meta};
  variable_source_t variables = saved_model_variables(&source);
  bool as_loaded = c->o.op_set == OP_SET_TF_TRT && !c->o.graph_def;
  if (as_loaded) TRY(graph_unwrap_signature(c->graph));
  TRY(prepare(c, c->graph));
  TRY(report_progress(c, "freezing", 1, 3));
  if (!c->o.keep_variables) TRY(graph_freeze(c->graph, &variables));
  TRY(report_progress(c, "simplifying", 2, 3));
  if (as_loaded) c->graph->n_control_rets = 0;
  return simplify_graph(c, c->o.precision_mode, c->graph);
}

static status_t find_segments(converter_t *c, part_t *p) {
  segment_options_t o = {.struct_size = sizeof o,
                         .op_set = c->o.op_set,
                         .minimum_segment_size = p->minimum_segment_size,
                         .implicit_batch = !p->dynamic_shape,
                         .precision_mode = p->precision_mode,
                         .use_calibration = p->use_calibration,
                         .max_engines = max_engines(),
                         .denylist = env_text("TF_TRT_OP_DENYLIST"),
                         .explicit_precision = uses_explicit_precision(c, p),
                         .static_engines = p->static_batch > 0,
                         .function_body = p->function != NULL,
                         .live_variables = c->o.graph_def != NULL,
                         .device_type = c->o.graph_def ? c->o.device_type : NULL};
  return segment_graph(p->graph, &o, &p->segmentation);
}

static void number_above(const char *name, int *number) {
  const char *p = strstr(name, "TRTEngineOp_");
  int taken = p ? atoi(p + strlen("TRTEngineOp_")) : -1;
  if (taken >= *number && taken < 1000000) *number = taken + 1;
}

// A model may have engines already, of other signatures or tags; engines go by their names.
static void skip_taken_numbers(const converter_t *c, part_t *p) {
  size_t at = 0;
  const char *name;
  while (map_next(c->library->functions, &at, &name, NULL)) number_above(name, &p->number);
  for (int i = 0; i < saved_model_n_meta_graphs(c->model); i++) {
    const meta_graph_t *g = saved_model_meta_graph(c->model, i);
    for (int k = 0; k < g->n_assets; k++) number_above(g->assets[k].filename, &p->number);
  }
}

// A graph of its own for each signature and each function that is converted by itself, so a number
// of its own, as TF-TRT numbers graphs.
static void number_graph(converter_t *c, part_t *p) {
  static atomic_int graphs;
  converter_t *top = converter_top(c);
  if (p->minimum_segment_size == -1) return;
  p->number = atomic_fetch_add(&graphs, 1);
  skip_taken_numbers(c, p);
  if (p->number <= top->last_number) p->number = top->last_number + 1;
  top->last_number = p->number;
}

static part_t *add_signature_part(converter_t *c) {
  part_t *p = mem_alloc(sizeof *p);
  *p = (part_t){.graph = c->graph,
                .precision_mode = c->o.precision_mode,
                .strategy = c->strategy,
                .dynamic_shape = c->o.dynamic_shape,
                .use_calibration = c->o.use_calibration,
                .allow_build_at_runtime = true,  // until it is saved
                .minimum_segment_size = c->o.minimum_segment_size,
                .maximum_cached_engines = c->o.maximum_cached_engines,
                .max_workspace_bytes = c->o.max_workspace_bytes,
                .max_batch = -1,
                .static_batch = c->o.static_batch};
  vec_push(&c->parts, p);
  return p;
}

static status_t convert_part(converter_t *c, part_t *p) {
  TRY(find_segments(c, p));
  number_graph(c, p);
  return make_engine_nodes(c, p);
}

static status_t convert_function(converter_t *c, part_t *p) {
  TRY(prepare(c, p->graph));
  TRY(simplify_graph(c, p->precision_mode, p->graph));
  if (c->o.op_set == OP_SET_TF_TRT) TRY(drop_result_identities(p->graph));
  return convert_part(c, p);
}

static status_t convert_parts(converter_t *c, const input_source_t *calibration,
                              asking_t **functions) {
  part_t *p = add_signature_part(c);
  if (c->automatic && !c->o.use_calibration && !uses_explicit_precision(c, p))
    p->precision_mode = c->o.precision_mode = "FP16";  // nothing has a range
  TRY(check_ranges_given(c, calibration));
  TRY(find_asking_functions(c, functions));
  TRY(convert_part(c, p));
  if (c->o.graph_def) restore_names(c);
  return convert_asking_functions(c, *functions, convert_function);
}

static status_t convert_signature(converter_t *c, const input_source_t *calibration) {
  asking_t *functions = NULL;
  TRY(report_progress(c, "reading", 0, 3));
  TRY(signature_graph(c->model, c->meta, c->signature, &c->arena, &c->library, &c->graph));
  c->library->opaque = c->o.library_stays;
  TRY(simplify_signature(c));
  status_t st = convert_parts(c, calibration, &functions);
  asking_destroy(functions);
  TRY(st);
  report_refusals(c);
  for (size_t i = 0; i < c->engines.n && !c->o.graph_def; i++)
    TRY(weights_assign_keys(c->engines.v[i].function->body, EXTERNAL_WEIGHT_BYTES));
  c->converted = true;
  TRY(start_calibration(c, calibration));
  TRY(build_static(c));
  return report_progress(c, "converting", 3, 3);
}

static const input_source_t *calibration_of(const converter_t *c, const char *key) {
  for (size_t i = 0; i < c->calibrations.n; i++)
    if (strcmp(c->calibrations.v[i].signature, key) == 0) return &c->calibrations.v[i].source;
  return NULL;
}

static status_t convert_all(converter_t *c, const input_source_t *calibration) {
  TRY(open_model(c));
  for (size_t i = 0; i < c->others.n; i++) {
    const char *key = c->others.v[i]->signature->key;
    TRY(status_prefix(check_calibration(c, calibration_of(c, key)), "signature '%s'", key));
  }
  TRY(convert_signature(c, calibration));
  for (size_t i = 0; i < c->others.n; i++) {
    const char *key = c->others.v[i]->signature->key;
    TRY(status_prefix(convert_signature(c->others.v[i], calibration_of(c, key)), "signature '%s'",
                      key));
  }
  export_drawing(c);
  return NULL;
}

// What precision AUTO tries first: INT8 where ranges are given, or the graph has its own.
static void begin_automatic(converter_t *c, const input_source_t *calibration) {
  bool ranges = calibration || c->o.calibration_table;
  c->o.precision_mode = "INT8";
  c->o.use_calibration = ranges && c->may_calibrate;
  if (!c->timing) c->timing = timing_cache_create();  // engines are built again and again
}

status_t converter_convert(converter_t *c, const input_source_t *calibration) {
  if (c->converted) return FAIL(FAILED_PRECONDITION, "convert() is already called");
  if (c->automatic) begin_automatic(c, calibration);
  TRY(check_calibration(c, calibration));
  work_place_t before = converter_begin(c);
  status_t st = converter_end(c, &before, convert_all(c, calibration));
  if (st) converter_forget(c);
  return st;
}
