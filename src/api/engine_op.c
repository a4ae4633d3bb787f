// tftrt_engine_op: a TRTEngineOp of another runtime's graph.
#include "tftrt/engine_op.h"

#include <string.h>

#include "api/api.h"
#include "api/stats.h"
#include "base/cpu.h"
#include "base/environment.h"
#include "base/mem.h"
#include "runtime/hosted_engine.h"

struct tftrt_engine_op {
  hosted_engine_t *engine;
  void (*release_input)(void *owner);
};

static tftrt_fallback fallback_asked(void) {
  const char *asked = env_text("TFTRT_ON_FALLBACK");
  if (strcmp(asked, "build") == 0) return TFTRT_FALLBACK_BUILD;
  return strcmp(asked, "fail") == 0 ? TFTRT_FALLBACK_FAIL : TFTRT_FALLBACK_NATIVE;
}

static const tftrt_engine_op_options none = {.struct_size = sizeof none};

void tftrt_engine_op_options_init_sized(tftrt_engine_op_options *o, uint32_t struct_size) {
  tftrt_engine_op_options defaults = none;
  defaults.threads = (int32_t)env_number("TFTRT_THREADS");
  defaults.on_fallback = fallback_asked();
  api_init_options(o, struct_size, &defaults, sizeof defaults);
}

static status_t create(const tftrt_engine_op_options *options, tftrt_engine_op *out) {
  tftrt_engine_op_options o = none;
  if (!options) return FAIL(INVALID_ARGUMENT, "tftrt_engine_op_options is NULL");
  TRY(api_read_options(options, "tftrt_engine_op_options", &o, sizeof o));
  if (!o.node_def) return FAIL(INVALID_ARGUMENT, "node_def is NULL");
  hosted_engine_options_t h = {.node_def = o.node_def,
                               .node_def_size = o.node_def_size,
                               .library = o.function_library,
                               .library_size = o.function_library ? o.function_library_size : 0,
                               .saved_model_dir = o.saved_model_dir,
                               .engine_file = o.engine_file,
                               .backend = o.backend,
                               .threads = cpu_threads(o.threads)};
  TRY(api_fallback_policy(o.on_fallback, &h.on_fallback));
  char *cache_dir = api_engine_cache_dir(o.engine_cache_dir);
  h.engine_cache_dir = cache_dir;
  status_t st = hosted_engine_create(&h, &out->engine);
  out->release_input = o.release_input;
  mem_free(cache_dir);
  return st;
}

tftrt_code tftrt_engine_op_create(const tftrt_engine_op_options *o, tftrt_engine_op **out,
                                  tftrt_error *err) {
  *out = NULL;
  tftrt_engine_op op = {0};
  status_t st = create(o, &op);
  if (st) return api_report(st, err);
  *out = mem_alloc(sizeof **out);
  **out = op;
  return TFTRT_OK;
}

void tftrt_engine_op_destroy(tftrt_engine_op *op) {
  if (!op) return;
  hosted_engine_destroy(op->engine);
  mem_free(op);
}

int tftrt_engine_op_input_count(const tftrt_engine_op *op) {
  return hosted_engine_signature(op->engine)->n_inputs;
}

int tftrt_engine_op_output_count(const tftrt_engine_op *op) {
  return hosted_engine_signature(op->engine)->n_outputs;
}

// ---------------------------------------------------------------- runs

typedef struct run_args {
  tftrt_engine_op *op;
  const tftrt_tensor *inputs;
  bool ran;
} run_args_t;

typedef struct kept_input {
  void (*release)(void *owner);
  void *owner;
} kept_input_t;

static void release_kept(buffer_t *b) {
  kept_input_t *k = b->owner;
  k->release(k->owner);
  mem_free(k);
}

// Variables' values that the caller gives away, which engines may hold beyond the run.
static status_t run_with_variables(const run_args_t *a, int n_in, const tensor_t *in,
                                   tensor_t *out) {
  const hosted_engine_t *e = a->op->engine;
  int first = n_in - hosted_engine_n_variables(e);
  tensor_t *all = mem_calloc((size_t)n_in, sizeof *all);
  for (int i = 0; i < n_in; i++) {
    bool given = i >= first && a->op->release_input && a->inputs[i].owner;
    if (!given || hosted_engine_is_overwritten(e, i - first)) {
      all[i] = tensor_ref(&in[i]);
      continue;
    }
    kept_input_t *k = mem_alloc(sizeof *k);
    *k = (kept_input_t){a->op->release_input, a->inputs[i].owner};
    all[i] =
        tensor_borrow(in[i].dtype, &in[i].shape, in[i].data, tensor_bytes(&in[i]), release_kept, k);
  }
  status_t st = hosted_engine_run(a->op->engine, all, out);
  for (int i = 0; i < n_in; i++) tensor_unref(&all[i]);
  mem_free(all);
  return st;
}

static status_t run(void *self, const signature_t *s, const tensor_t *in, tensor_t *out) {
  run_args_t *a = self;
  a->ran = true;
  return hosted_engine_n_variables(a->op->engine) ? run_with_variables(a, s->n_inputs, in, out)
                                                  : hosted_engine_run(a->op->engine, in, out);
}

int tftrt_engine_op_variable_count(const tftrt_engine_op *op) {
  return hosted_engine_n_variables(op->engine);
}

tftrt_code tftrt_engine_op_run(tftrt_engine_op *op, const tftrt_tensor *inputs, int n_inputs,
                               tftrt_tensor *outputs, int n_outputs, tftrt_error *err) {
  for (int i = 0; i < n_outputs; i++) outputs[i] = (tftrt_tensor){0};
  run_args_t a = {.op = op, .inputs = inputs};
  status_t st = api_run(hosted_engine_signature(op->engine), (api_run_fn){run, &a}, inputs,
                        n_inputs, outputs, n_outputs);
  int first = n_inputs - hosted_engine_n_variables(op->engine);
  for (int i = first < 0 ? 0 : first; op->release_input && i < n_inputs; i++) {
    bool kept = a.ran && !hosted_engine_is_overwritten(op->engine, i - first);
    if (!kept && inputs[i].owner) op->release_input(inputs[i].owner);
  }
  return api_report(st, err);
}

tftrt_code tftrt_engine_op_stats(tftrt_engine_op *op, tftrt_engine_stats *out, tftrt_error *err) {
  engine_stats_t stats = {.name = hosted_engine_name(op->engine)};
  engines_stats(hosted_engine_engines(op->engine), &stats, 1);
  return api_report(api_engine_stats(&stats, out), err);
}

tftrt_code tftrt_engine_op_save(tftrt_engine_op *op, const char *engine_file, tftrt_error *err) {
  return api_report(engine_file && *engine_file
                        ? hosted_engine_save(op->engine, engine_file)
                        : FAIL(INVALID_ARGUMENT, "filename cannot be empty."),
                    err);
}

tftrt_code tftrt_engine_op_calibration(tftrt_engine_op *op, char **table, tftrt_error *err) {
  *table = NULL;
  return api_report(hosted_engine_calibration(op->engine, table), err);
}

void tftrt_engine_op_forget(tftrt_engine_op *op) { hosted_engine_forget(op->engine); }
