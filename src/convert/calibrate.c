#include "convert/calibrate.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "convert/measure.h"
#include "convert/restore.h"
#include "network/ranges.h"
#include "ops/env.h"
#include "runtime/engine_observer.h"
#include "runtime/executor.h"
#include "runtime/segment_build.h"

static bool wants_int8(const converter_t *c) { return strcmp(c->o.precision_mode, "INT8") == 0; }
static bool needed(const converter_t *c) { return wants_int8(c) && c->o.use_calibration; }

// ---------------------------------------------------------------- one engine under observation

typedef struct observed {
  engine_node_t *e;
  bool reached, begun;
  engine_observer_t *observer;  // NULL: it cannot be observed
} observed_t;

typedef struct calibrating {
  converter_t *c;
  const backend_t *backend;
  observed_t *engines;  // one for each of c->engines
  int sets;             // of inputs so far
} calibrating_t;

// ---------------------------------------------------------------- the graph over the inputs

static observed_t *find_observed(calibrating_t *k, const node_t *node) {
  for (size_t i = 0; i < k->c->engines.n; i++)
    if (strcmp(k->c->engines.v[i].node->name, node->name) == 0) return &k->engines[i];
  return NULL;
}

static void warn_unobserved(calibrating_t *k, observed_t *o, status_t st) {
  converter_warn(k->c, "Warning calibration error for %s: %s", o->e->node->name,
                 status_message(st));
  status_free(st);
}

// Stands in for the TRTEngineOp kernel. Engines of an earlier conversion run natively.
static status_t run_engine(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                           int n_in, tensor_t *out, int n_out) {
  calibrating_t *k = self;
  observed_t *o = find_observed(k, node);
  if (o) o->reached = true;
  if (o && n_in == o->e->n_inputs && !o->begun) {
    o->begun = true;
    bool waits = node_bool(o->e->node, "use_calibration", false);
    status_t st = waits ? engine_observer_create(o->e->function->body, node->name, k->backend,
                                                 k->c->o.threads, &o->observer)
                        : NULL;
    if (st) warn_unobserved(k, o, st);
    if (!o->e->wanted.n) {
      shape_t *shapes = arena_alloc(k->c->own, ((size_t)n_in + 1) * sizeof *shapes);
      for (int i = 0; i < n_in; i++) shapes[i] = in[i].shape;
      vec_push(&o->e->wanted, shapes);
    }
  }
  if (o && o->observer)
    return status_prefix(engine_observer_run(o->observer, in, n_in, out, n_out),
                         "calibrating %s, inputs %d", node->name, k->sets);
  func_ref_t segment = node_native_segment(node);
  if (!segment.name) return FAIL(INVALID_ARGUMENT, "node %s: it has no native segment", node->name);
  return env->call(env, &segment, (tensor_t *)(uintptr_t)in, n_in, false, out, n_out);
}

static status_t run_inputs(calibrating_t *k, converter_executable_t *x,
                           const input_source_t *source) {
  int n_rets = k->c->graph->n_rets;
  tensor_t *out = mem_calloc((size_t)n_rets + 1, sizeof *out);
  status_t st = NULL;
  for (;;) {
    const tensor_t *in;
    bool end = false;
    TRY_GOTO(st, done, source->next(source->self, &in, &end));
    if (end) break;
    k->sets++;
    if (k->c->automatic) TRY_GOTO(st, done, keep_inputs(k->c, in));
    TRY_GOTO(st, done, converter_executable_run(x, in, out));
    for (int i = 0; i < n_rets; i++) tensor_unref(&out[i]);
    TRY_GOTO(st, done, report_progress(k->c, "calibrating", k->sets, k->sets + 1));
  }
  if (!k->sets)
    st = FAIL(INVALID_ARGUMENT,
              "calibration_input_fn gave no inputs: there is nothing to calibrate with");
done:
  mem_free(out);
  return st;
}

// ---------------------------------------------------------------- tables

static char *make_table(const calibrating_t *k, const observed_t *o) {
  calibrator_t how = CALIBRATOR_ENTROPY;
  if (k->c->o.calibrator) calibrator_from_name(k->c->o.calibrator, &how);
  return engine_observer_table(o->observer, how);
}

// "<file>", of several signatures "<file>.<key>", of several engines "....<number>".
static char *table_path(const converter_t *c, size_t engine) {
  text_t t = {0};
  text_add(&t, c->o.calibration_table);
  if (c->owner || c->others.n) text_printf(&t, ".%s", c->signature->key);
  if (c->engines.n > 1) text_printf(&t, ".%03d", (int)engine);
  return text_take(&t);
}

static status_t keep_table(converter_t *c, size_t engine, const char *text) {
  node_set_string(c->graph, c->engines.v[engine].node, "calibration_data", text, strlen(text));
  if (!c->o.calibration_table) return NULL;
  char *path = table_path(c, engine);
  status_t st = file_write(path, text, strlen(text));
  mem_free(path);
  return st;
}

static status_t calibrate(converter_t *c, const input_source_t *source) {
  calibrating_t k = {.c = c, .backend = backend_find(c->o.backend)};
  k.engines = mem_calloc(c->engines.n + 1, sizeof *k.engines);
  for (size_t i = 0; i < c->engines.n; i++) k.engines[i].e = &c->engines.v[i];
  converter_executable_t *x;
  status_t st = converter_executable_create(c, run_engine, &k, &x);
  if (!st) st = run_inputs(&k, x, source);
  converter_executable_destroy(x);
  for (size_t i = 0; i < c->engines.n && !st; i++) {
    if (!node_bool(c->engines.v[i].node, "use_calibration", false)) continue;
    if (!k.engines[i].reached)  // of a branch that was not taken
      warn_unobserved(&k, &k.engines[i],
                      FAIL(NOT_FOUND, "none of the calibration inputs reached it"));
    if (!k.engines[i].observer) continue;
    if (engine_observer_saw_no_values(k.engines[i].observer)) {
      st = FAIL(INVALID_ARGUMENT, "calibrating %s: all calibration inputs are empty",
                k.engines[i].e->node->name);
      break;
    }
    char *text = make_table(&k, &k.engines[i]);
    st = keep_table(c, i, text);
    mem_free(text);
  }
  for (size_t i = 0; i < c->engines.n; i++) engine_observer_destroy(k.engines[i].observer);
  mem_free(k.engines);
  c->calibrated = !st;
  return st;
}

static status_t read_tables(converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++) {
    if (!node_bool(c->engines.v[i].node, "use_calibration", false)) continue;
    char *path = table_path(c, i);
    file_map_t *file = NULL;
    ranges_t *ranges = NULL;
    status_t st = file_map_open(path, &file);
    if (!st) st = ranges_parse((const char *)file->data, file->size, path, &ranges);
    if (!st)
      node_set_string(c->graph, c->engines.v[i].node, "calibration_data", (const char *)file->data,
                      file->size);
    ranges_destroy(ranges);
    if (file) file_map_unref(file);
    mem_free(path);
    TRY(st);
  }
  c->calibrated = true;
  return NULL;
}

// ---------------------------------------------------------------- the converter's states

static bool static_inputs(const converter_t *c) {
  for (int i = 0; i < c->signature->n_inputs; i++)
    if (!shape_known(&c->signature->inputs[i].shape)) return false;
  return true;
}

status_t check_ranges_given(const converter_t *c, const input_source_t *calibration) {
  bool given = calibration || c->o.calibration_table || c->old_ranges || c->o.only_explain ||
               c->o.graph_def;  // converter_calibrate comes later
  if (!needed(c) || given) return NULL;
  return FAIL(INVALID_ARGUMENT,
              "Should specify calibration_input_fn because INT8 calibration is needed");
}

status_t check_calibration(const converter_t *c, const input_source_t *calibration) {
  if (c->o.only_explain) return NULL;
  if (!needed(c) && calibration)
    return FAIL(INVALID_ARGUMENT,
                "Should not specify calibration_input_fn because INT8 calibration is not needed");
  return NULL;
}

// INT8 without calibration: TF 2.17 runs natively what it has no ranges for, its documentation says
// that it is an error. What cannot be lowered at all says so when it is built.
static status_t check_ranges(converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++) {
    const engine_node_t *e = &c->engines.v[i];
    if (e->part->function) continue;  // it says its precision itself
    segment_precision_t p = {
        .int8 = true, .explicit_ranges = node_bool(e->node, "use_explicit_precision", false)};
    network_t *net = NULL;
    status_t st = segment_lower(e->function->body, e->node->name, &p, &net);
    network_destroy(net);
    if (status_code(st) == CODE_FAILED_PRECONDITION) return st;
    status_free(st);
  }
  return NULL;
}

bool waits_for_calibration(const engine_node_t *e) {
  return node_string_is(e->node, "precision_mode", "INT8") &&
         node_bool(e->node, "use_calibration", true) && !*node_string(e->node, "calibration_data");
}

static bool has_engines_of_its_own(const converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++)
    if (!c->engines.v[i].part->function) return true;
  return false;
}

static bool any_engine_waits(const converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++)
    if (node_bool(c->engines.v[i].node, "use_calibration", false)) return true;
  return false;
}

status_t start_calibration(converter_t *c, const input_source_t *calibration) {
  if (c->o.only_explain) return NULL;
  if (wants_int8(c) && !c->o.use_calibration) {
    if (!c->o.compat_2_17) TRY(check_ranges(c));
    if (has_engines_of_its_own(c) && node_string_is(c->engines.v[0].node, "precision_mode", "FP16"))
      converter_warn(c, "Set engine precision to FP16 due to missing QDQ OP");
    return NULL;
  }
  if (!needed(c)) return NULL;
  if (!any_engine_waits(c)) {
    if (has_engines_of_its_own(c))
      converter_warn(
          c, "The model's own quantization nodes decide what is quantized; nothing was calibrated");
    c->calibrated = true;
    return NULL;
  }
  if (!calibration && c->o.calibration_table) return read_tables(c);
  if (!calibration && c->o.graph_def) return NULL;
  if (!calibration) return take_old_ranges(c);
  if (c->o.dynamic_shape && (c->o.compat_2_17 || !static_inputs(c))) {
    c->pending = *calibration;
    return NULL;
  }
  TRY(calibrate(c, calibration));
  return build_calibrated(c);
}

status_t finish_calibration(converter_t *c) {
  if (!needed(c) || c->calibrated) return NULL;
  if (!c->pending.next)
    return FAIL(FAILED_PRECONDITION,
                "Need to provide the calibration_input_fn arg while calling convert().");
  status_t st = calibrate(c, &c->pending);
  c->calibration_failed = st != NULL;
  return c->owner || c->others.n ? status_prefix(st, "signature '%s'", c->signature->key) : st;
}

static status_t calibrate_now(converter_t *c, const input_source_t *source) {
  if (!c->converted) return FAIL(FAILED_PRECONDITION, "Need to call convert() before calibrate()");
  if (needed(c) && !any_engine_waits(c)) return NULL;
  if (!needed(c) || c->calibrated)
    return FAIL(FAILED_PRECONDITION,
                needed(c) ? "calibrate() is already called" : "INT8 calibration is not needed");
  if (!source) return FAIL(INVALID_ARGUMENT, "calibration has no inputs");
  return calibrate(c, source);
}

status_t converter_calibrate(converter_t *c, const input_source_t *source) {
  stop_runner(c);
  work_place_t before = converter_begin(c);
  return converter_end(c, &before, calibrate_now(c, source));
}

status_t check_calibrated(const converter_t *c) {
  if (needed(c) && !c->calibrated)
    return FAIL(FAILED_PRECONDITION,
                "A model that requires INT8 calibration has to be built before saving it. Call "
                "build() to build and calibrate the TensorRT engines.");
  for (size_t i = 0; i < c->others.n; i++) TRY(check_calibrated(c->others.v[i]));
  return NULL;
}
