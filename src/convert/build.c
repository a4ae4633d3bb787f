// build(): runs the converted graph over the inputs to learn which shapes reach each TRTEngineOp,
// then builds the engines.
#include <string.h>

#include "base/environment.h"
#include "base/stream.h"
#include "convert/auto_precision.h"
#include "convert/build_jobs.h"
#include "convert/calibrate.h"
#include "convert/profiles.h"
#include "convert/restore.h"
#include "ops/env.h"
#include "runtime/executor.h"

static engine_node_t *find_engine(converter_t *c, const node_t *n) {
  for (size_t i = 0; i < c->engines.n; i++)
    if (strcmp(c->engines.v[i].node->name, canonical_name(n->name)) == 0) return &c->engines.v[i];
  return NULL;
}

bool any_dynamic_shape(const converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++)
    if (has_dynamic_shape(&c->engines.v[i])) return true;
  return false;
}

static bool same_shapes(const shape_t *a, const shape_t *b, int n) {
  for (int i = 0; i < n; i++)
    if (!shape_equal(&a[i], &b[i])) return false;
  return true;
}

// Stands in for the TRTEngineOp kernel: notes the shapes, runs the native segment. Engines of an
// earlier conversion are no concern of this one.
static status_t note_shapes(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                            int n_in, tensor_t *out, int n_out) {
  converter_t *c = self;
  engine_node_t *e = find_engine(c, node);
  func_ref_t segment = node_native_segment(node);
  if (!segment.name || (e && n_in != e->n_inputs))
    return FAIL(INVALID_ARGUMENT, "node %s: it has no native segment that fits", node->name);
  bool known = !e;
  shape_t *shapes = arena_alloc(c->own, ((size_t)n_in + 1) * sizeof *shapes);
  for (int i = 0; i < n_in; i++) shapes[i] = in[i].shape;
  for (size_t i = 0; !known && i < e->wanted.n; i++)
    known = same_shapes(e->wanted.v[i], shapes, n_in);
  if (!known) vec_push(&e->wanted, shapes);
  if (e && has_dynamic_shape(e)) note_shape_set(e, in, c->bound);
  return env->call(env, &segment, (tensor_t *)(uintptr_t)in, n_in, false, out, n_out);
}

// Runs that give bounds go in threes.
static status_t after_run(converter_t *c) {
  if (c->bound < 0) return NULL;
  c->bound = (c->bound + 1) % 3;
  for (size_t i = 0; i < c->engines.n && !c->bound; i++) TRY(finish_bounds(&c->engines.v[i]));
  return NULL;
}

static status_t run_all(converter_t *c, converter_executable_t *x, const input_source_t *inputs,
                        int *count) {
  tensor_t *out = mem_calloc((size_t)c->graph->n_rets + 1, sizeof *out);
  status_t st = NULL;
  for (bool end = false; !st; (*count)++) {
    const tensor_t *in;
    st = inputs->next(inputs->self, &in, &end);
    if (st || end) break;
    if (c->automatic && !c->o.use_calibration && !c->any_shape) st = keep_inputs(c, in);
    if (st) break;
    st = converter_executable_run(x, in, out);
    for (int i = 0; i < c->graph->n_rets; i++) tensor_unref(&out[i]);
    if (!st) st = after_run(c);
    if (!st) st = report_progress(c, "collecting shapes", *count, *count + 1);
  }
  mem_free(out);
  return st;
}

static status_t collect_shapes(converter_t *c, const input_source_t *inputs, int *count) {
  converter_executable_t *x;
  *count = 0;
  for (size_t i = 0; i < c->engines.n; i++)
    if (has_dynamic_shape(&c->engines.v[i]) && !c->engines.v[i].is_shape)
      find_shape_inputs(c, &c->engines.v[i]);
  TRY(converter_executable_create(c, note_shapes, c, &x));
  status_t st = run_all(c, x, inputs, count);
  converter_executable_destroy(x);
  return st;
}

static bool served(const engine_node_t *e, const shape_t *want) {
  for (size_t i = 0; i < e->built.n; i++)
    if (batch_fits(want, e->built.v[i].shapes, e->n_inputs)) return true;
  for (size_t i = 0; i < e->failed.n; i++)
    if (batch_fits(want, e->failed.v[i].shapes, e->n_inputs)) return true;
  return false;
}

// What it is timed at: the optimum of the first profile.
static status_t fill_profiles(converter_t *c, engine_node_t *e, build_options_t *o) {
  if (!has_dynamic_shape(e) || c->any_shape) return NULL;
  TRY(make_profiles(e));
  o->profiles = e->profiles;
  o->opt_shapes = e->profiles->list.v[0].opt.shapes;
  return NULL;
}

static status_t build_one(converter_t *c, engine_node_t *e, shape_t *shapes) {
  build_options_t o = {
      .struct_size = sizeof o,
      .threads = c->o.threads,
      .max_workspace = node_int(e->node, "workspace_size_bytes", c->o.max_workspace_bytes),
      .opt_shapes = shapes,
      .time_tactics = !c->o.rule_tactics,
      .timing = converter_top(c)->timing};
  built_engine_t b = {.shapes = e->any_key ? e->any_key : shapes, .order = e->next++};
  segment_precision_t precision = segment_precision_of(e->node);
  bool beyond_limit = false;
  status_t st = fill_profiles(c, e, &o);
  if (!st) st = build_segment(c, e, shapes, &precision, &o, &b.plan, &beyond_limit);
  if (!st) {
    vec_push(&e->built, b);
    return NULL;
  }
  bool no_range = precision.int8 && status_code(st) == CODE_FAILED_PRECONDITION;
  if (status_code(st) == CODE_CANCELLED || beyond_limit ||
      (no_range && !c->o.compat_2_17 && !c->reopened))
    return st;
  vec_push(&e->failed, b);
  status_t refused = NULL;
  if (!env_flag("TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"))
    refused = FAIL(ABORTED, "User disallowed engine native segment execution. %s cannot serve: %s",
                   e->node->name, status_message(st));
  else  // as in TF-TRT; unlike there, it is said
    engine_warn(
        e, "Engine creation for %s failed. The native segment will be used instead. Reason: %s",
        e->node->name, status_message(st));
  status_free(st);
  if (refused) return refused;
  return NULL;
}

static void evict_oldest(engine_node_t *e) {
  bool failed = !e->built.n || (e->failed.n && e->failed.v[0].order < e->built.v[0].order);
  built_engine_t *v = failed ? e->failed.v : e->built.v;
  size_t *n = failed ? &e->failed.n : &e->built.n;
  mem_free(v[0].plan.data);
  memmove(&v[0], &v[1], (*n - 1) * sizeof *v);
  (*n)--;
}

static status_t build_engine(converter_t *c, engine_node_t *e) {
  int64_t most = node_int(e->node, "max_cached_engines_count", 1);
  size_t room = most > 0 ? (size_t)most : SIZE_MAX;
  if (waits_for_calibration(e)) {
    if (c->reopened)
      engine_warn(e,
                  "%s waits for calibration, and no engine is built for it: converting the model "
                  "anew, with calibration inputs, calibrates it",
                  e->node->name);
    return NULL;
  }
  if (has_dynamic_shape(e))  // one engine has all profiles
    return e->wanted.n && !e->built.n ? build_one(c, e, e->wanted.v[0]) : NULL;
  for (size_t i = 0; i < e->wanted.n; i++) {
    if (served(e, e->wanted.v[i])) continue;
    if (e->built.n + e->failed.n >= room) {  // full: TF 2.17 evicts, its documentation says native
      if (!c->o.compat_2_17) continue;
      evict_oldest(e);
    }
    TRY(build_one(c, e, e->wanted.v[i]));
  }
  return NULL;
}

static status_t build_first(converter_t *c, engine_node_t *e) {
  return build_one(c, e, e->wanted.v[0]);
}

status_t build_calibrated(converter_t *c) {
  TRY(build_all(c, build_first));
  TRY(choose_precision(c, build_first));
  for (size_t i = 0; i < c->engines.n; i++) c->engines.v[i].wanted.n = 0;
  return NULL;
}

// NULL: there are dims beside the batch that are not known.
static shape_t *static_shapes(const converter_t *c, const engine_node_t *e, int64_t batch) {
  shape_t *partial = partial_shapes(e), *known = NULL;
  bool all = true;
  for (int k = 0; k < e->n_inputs; k++) {
    if (partial[k].rank > 0 && partial[k].d[0] < 0) partial[k].d[0] = batch;
    all &= shape_known(&partial[k]);
  }
  if (all) {
    known = arena_alloc(c->own, ((size_t)e->n_inputs + 1) * sizeof *known);
    memcpy(known, partial, (size_t)e->n_inputs * sizeof *known);
  }
  mem_free(partial);
  return known;
}

status_t build_static(converter_t *c) {
  bool any = false;
  for (size_t i = 0; i < c->engines.n; i++) {
    engine_node_t *e = &c->engines.v[i];
    if (e->part->static_batch <= 0) continue;
    any = true;
    int64_t batch = node_int(e->node, "max_batch_size", -1);  // its nodes', where they say one
    if (batch <= 0) batch = e->part->static_batch;
    node_set_int(c->graph, e->node, "max_batch_size", batch);
    shape_t *shapes = static_shapes(c, e, batch);
    if (shapes) vec_push(&e->wanted, shapes);
  }
  if (!any) return NULL;
  TRY(build_all(c, build_engine));
  for (size_t i = 0; i < c->engines.n; i++) c->engines.v[i].wanted.n = 0;
  return NULL;
}

static status_t check_not_built(const converter_t *c) {
  if (!c->built) return NULL;
  return FAIL(UNIMPLEMENTED,
              "build() is already called. It is not supported to call build() more than once.");
}

// Native segments ran to find the shapes: their weights need not stay in memory.
static void forget_in(const graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    const attr_value_t *v = g->nodes[i]->dead ? NULL : node_attr(g->nodes[i], "value");
    if (v && v->kind == ATTR_TENSOR && v->tensor.buf && v->tensor.buf->mapped)
      stream_forget(v->tensor.data, tensor_bytes(&v->tensor));
  }
}

static void forget_weights(const converter_t *c) {
  forget_in(c->graph);
  for (size_t i = 0; i < c->engines.n; i++) forget_in(c->engines.v[i].function->body);
}

// Nobody said for which shapes: the engines, whose networks take all, are to serve all. In
// dynamic-shape mode they have no profiles, which says the same.
static void make_keys_of_any(converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++) {
    engine_node_t *e = &c->engines.v[i];
    shape_t *partial = partial_shapes(e);
    e->any_key = NULL;
    if (c->any_shape && !has_dynamic_shape(e))
      e->any_key = arena_alloc(c->own, ((size_t)e->n_inputs + 1) * sizeof *e->any_key);
    for (int k = 0; k < e->n_inputs && e->any_key; k++) {
      e->any_key[k] = partial[k];
      for (int d = 0; d < partial[k].rank; d++)
        if (partial[k].d[d] < 0) e->any_key[k].d[d] = -1;
    }
    mem_free(partial);
  }
}

static status_t build_with(converter_t *c, const input_source_t *inputs, bool bounds) {
  TRY(check_not_built(c));
  if (!inputs)
    return FAIL(FAILED_PRECONDITION,
                "input_fn is None. Method build() needs input_fn to be specified in order to build "
                "TensorRT engines");
  if (!c->converted) return FAIL(FAILED_PRECONDITION, "Need to call convert() before build()");
  int count;
  for (size_t i = 0; i < c->engines.n; i++) c->engines.v[i].failed.n = 0;  // of a build() before
  c->bound = bounds ? 0 : -1;
  make_keys_of_any(c);
  TRY(collect_shapes(c, inputs, &count));
  if (bounds && c->bound)
    return FAIL(INVALID_ARGUMENT, "profiles are made of three sets of inputs each, not of %d",
                c->bound);
  if (!count) return FAIL(FAILED_PRECONDITION, "Failed to convert input to tensor.");
  TRY(finish_calibration(c));
  for (size_t i = 0; c->reopened && i < c->engines.n; i++) make_room(&c->engines.v[i]);
  forget_weights(c);
  TRY(build_all(c, build_engine));
  TRY(choose_precision(c, build_engine));
  c->built = true;
  return NULL;
}

status_t converter_build(converter_t *c, const char *signature, const input_source_t *inputs) {
  converter_t *one = c;
  if (c->converted) TRY(find_converter(c, signature, &one));
  runner_destroy(one->runner);  // it has the engines of before
  one->runner = NULL;
  work_place_t before = converter_begin(c);
  return converter_end(c, &before, build_with(one, inputs, false));
}

status_t converter_build_profiles(converter_t *c, const char *signature,
                                  const input_source_t *inputs) {
  converter_t *one = c;
  if (!c->o.dynamic_shape && !any_dynamic_shape(c))
    return FAIL(INVALID_ARGUMENT, "profiles can be given in dynamic-shape mode only");
  if (c->converted) TRY(find_converter(c, signature, &one));
  runner_destroy(one->runner);
  one->runner = NULL;
  work_place_t before = converter_begin(c);
  return converter_end(c, &before, build_with(one, inputs, true));
}

// One set of zeros in the signature's shapes.
typedef struct zeros {
  tensor_t *inputs;
  bool given;
} zeros_t;

static status_t give_zeros(void *self, const tensor_t **inputs, bool *end) {
  zeros_t *z = self;
  *end = z->given;
  z->given = true;
  *inputs = z->inputs;
  return NULL;
}

static status_t make_zeros(const signature_t *s, int64_t batch, int64_t dim, tensor_t *inputs) {
  for (int i = 0; i < s->n_inputs; i++) {
    shape_t shape = s->inputs[i].shape;
    if (shape.rank < 0)
      return FAIL(INVALID_ARGUMENT, "the rank of input '%s' is not known", s->inputs[i].key);
    for (int d = 0; d < shape.rank; d++)
      if (shape.d[d] < 0) shape.d[d] = d ? dim : batch;
    TRY(tensor_alloc(s->inputs[i].dtype, &shape, &inputs[i]));
    if (dtype_is_plain(inputs[i].dtype)) memset(inputs[i].data, 0, tensor_bytes(&inputs[i]));
  }
  return NULL;
}

static status_t build_with_zeros(converter_t *c, int64_t batch, int64_t dim) {
  int n = c->signature->n_inputs;
  zeros_t z = {.inputs = mem_calloc((size_t)n + 1, sizeof *z.inputs)};
  input_source_t source = {give_zeros, &z};
  status_t st = make_zeros(c->signature, batch, dim, z.inputs);
  c->any_shape = true;
  if (!st) st = build_with(c, &source, false);
  c->any_shape = false;
  for (int i = 0; i < n; i++) tensor_unref(&z.inputs[i]);
  mem_free(z.inputs);
  return st;
}

static bool has_inner_unknown(const signature_t *s) {
  for (int i = 0; i < s->n_inputs; i++)
    for (int d = 1; d < s->inputs[i].shape.rank; d++)
      if (s->inputs[i].shape.d[d] < 0) return true;
  return false;
}

static status_t build_default(converter_t *c, int64_t batch) {
  static const int64_t dims[] = {16, 128, 1};
  int tries = has_inner_unknown(c->signature) ? 3 : 1;
  status_t st = NULL;
  c->calibration_failed = false;
  for (int i = 0; i < tries; i++) {
    status_free(st);
    st = build_with_zeros(c, batch, dims[i]);
    bool too_large = c->o.max_memory_bytes && status_code(st) == CODE_RESOURCE_EXHAUSTED;
    bool final = too_large || c->calibration_failed || c->choice_failed;
    if (!st || status_code(st) == CODE_CANCELLED || final) return st;
    for (size_t k = 0; k < c->engines.n; k++) {
      c->engines.v[k].wanted.n = 0;
      forget_shape_sets(&c->engines.v[k]);
    }
  }
  status_t bad = finish_calibration(c);  // its inputs do better than zeros
  if (bad) {
    status_free(st);
    return bad;
  }
  converter_warn(
      c,
      "No engine was built, as the model does not run on zeros of the signature's shapes (%s). "
      "Give inputs to build with; else the first run builds.",
      status_message(st));
  status_free(st);
  return NULL;
}

status_t converter_build_default(converter_t *c, int64_t batch) {
  bool all_built = c->built;
  for (size_t i = 0; i < c->others.n; i++) all_built &= c->others.v[i]->built;
  if (all_built) return check_not_built(c);
  if (!c->converted) return FAIL(FAILED_PRECONDITION, "Need to call convert() before build()");
  if (batch < 1) return FAIL(INVALID_ARGUMENT, "a batch cannot be %lld", (long long)batch);
  work_place_t before = converter_begin(c);
  status_t st = c->built ? NULL : build_default(c, batch);
  for (size_t i = 0; !st && i < c->others.n; i++)
    if (!c->others.v[i]->built) st = build_default(c->others.v[i], batch);
  return converter_end(c, &before, st);
}
