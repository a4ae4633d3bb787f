// A graph of one TRTEngineOp, for the tests of its kernel.
#ifndef TFTRT_TESTS_ENGINE_WORLD_H
#define TFTRT_TESTS_ENGINE_WORLD_H

#include "runtime/engines.h"
#include "test.h"

typedef struct world {
  arena_t *arena;
  library_t *library;
  graph_t *g;
  node_t *op;
  engines_t *engines;
  exec_services_t services;
} world_t;

static inline status_t run_engine(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                                  int n_in, tensor_t *out, int n_out) {
  return engines_run(((world_t *)self)->engines, env, node, in, n_in, out, n_out);
}

static inline node_t *float_arg(graph_t *g, const char *op) {
  node_t *n = graph_add_node(g, op, "x");
  node_set_type(g, n, *op == '_' ? "T" : "dtype", DT_FLOAT);
  node_set_outputs(g, n, 1);
  n->out_dtype[0] = DT_FLOAT;
  n->out_shape[0] = SHAPE(-1, 3);
  g->args = arena_alloc(g->arena, sizeof *g->args);
  g->args[0] = n;
  g->n_args = 1;
  return n;
}

static inline void float_ret(graph_t *g, node_t *n) {
  g->rets = arena_alloc(g->arena, sizeof *g->rets);
  g->rets[0] = (input_t){n, 0};
  g->n_rets = 1;
}

// The segment computes tanh(x)^2; the engine op gets x of [-1, 3].
static inline void world_create(world_t *w, const char *backend) {
  *w = (world_t){.arena = arena_create()};
  w->library = library_create(w->arena);
  graph_t *body = library_add(w->library, "TRTEngineOp_000_000_native_segment")->body;
  node_t *x = float_arg(body, "_Arg");
  node_t *tanh = graph_add_node(body, "Tanh", "tanh"), *sq = graph_add_node(body, "Square", "sq");
  node_add_input(body, tanh, x, 0);
  node_add_input(body, sq, tanh, 0);
  node_set_type(body, tanh, "T", DT_FLOAT);
  node_set_type(body, sq, "T", DT_FLOAT);
  assert_ok(node_resolve(body, tanh));
  assert_ok(node_resolve(body, sq));
  float_ret(body, sq);

  w->g = graph_create(w->arena, w->library);
  node_t *in = float_arg(w->g, "Placeholder");
  w->op = graph_add_node(w->g, "TRTEngineOp", "scope/TRTEngineOp_000_000");
  node_add_input(w->g, w->op, in, 0);
  dtype_t t = DT_FLOAT;
  node_set_types(w->g, w->op, "InT", &t, 1);
  node_set_types(w->g, w->op, "OutT", &t, 1);
  shape_t s = SHAPE(-1, 3);
  node_set_shapes(w->g, w->op, "input_shapes", &s, 1);
  node_set_func(w->g, w->op, "segment_func", "TRTEngineOp_000_000_native_segment");
  node_set_bool(w->g, w->op, "static_engine", false);
  node_set_bool(w->g, w->op, "use_calibration", false);
  node_set_string(w->g, w->op, "precision_mode", "FP32", 4);
  assert_ok(node_resolve(w->g, w->op));
  float_ret(w->g, w->op);

  w->services = (exec_services_t){
      .self = w, .resources = resources_create(), .threads = 1, .run_engine = run_engine};
  w->engines =
      engines_create(backend ? backend_find(backend) : NULL, NULL, w->services.resources, 1);
  engines_add_library(w->engines, w->library);
}

static inline void world_destroy(world_t *w) {
  graph_destroy(w->g);
  library_destroy(w->library);
  engines_destroy(w->engines);
  resources_destroy(w->services.resources);
  arena_destroy(w->arena);
}

static inline tensor_t some_input(shape_t s) {
  tensor_t in;
  assert_ok(tensor_alloc(DT_FLOAT, &s, &in));
  for (int64_t i = 0; i < tensor_elements(&in); i++)
    TENSOR_DATA(float, &in)[i] = 0.1f * (float)(i % 40) - 2;
  return in;
}

static inline void run_shape(executable_t *x, shape_t s) {
  tensor_t in = some_input(s), out;
  assert_ok(executable_run(x, &in, &out));
  assert_true(shape_equal(&out.shape, &s));
  for (int64_t i = 0; i < tensor_elements(&in); i++) {
    double v = tanh((double)TENSOR_DATA(float, &in)[i]);
    assert_float_equal(TENSOR_DATA(float, &out)[i], (float)(v * v), 1e-6f);
  }
  tensor_unref(&in);
  tensor_unref(&out);
}

static inline void run_and_check(executable_t *x, int64_t rows) { run_shape(x, SHAPE(rows, 3)); }

static inline status_t run_status(executable_t *x, shape_t s) {
  tensor_t in = some_input(s), out = {0};
  status_t st = executable_run(x, &in, &out);
  tensor_unref(&in);
  tensor_unref(&out);
  return st;
}

// What the graph knows of the input.
static inline void world_partial(world_t *w, shape_t s) {
  node_set_shapes(w->g, w->op, "input_shapes", &s, 1);
  function_t *f = library_find(w->library, "TRTEngineOp_000_000_native_segment");
  f->body->args[0]->out_shape[0] = w->g->args[0]->out_shape[0] = s;
}

static inline void world_capacity(world_t *w, int n) {
  node_set_int(w->g, w->op, "max_cached_engines_count", n);
}

static inline void world_dynamic(world_t *w, const char *strategy) {
  node_set_bool(w->g, w->op, "_use_implicit_batch", false);
  node_set_string(w->g, w->op, "profile_strategy", strategy, strlen(strategy));
}

static inline engine_stats_t stats_of(world_t *w) {
  engine_stats_t s = {0};
  assert_int_equal(engines_stats(w->engines, &s, 1), 1);
  assert_string_equal(s.name, "TRTEngineOp_000_000");
  return s;
}

static inline node_t *string_const(graph_t *g, const char *name, const char *text) {
  tensor_t t;
  assert_ok(tensor_alloc(DT_STRING, &SHAPE_SCALAR, &t));
  assert_ok(str_set(TENSOR_DATA(str_t, &t), text, strlen(text)));
  node_t *c = graph_add_const(g, name, &t);
  tensor_unref(&t);
  return c;
}

// Runs one of the resource ops: on a handle of that name, or on the name itself, and with a path
// where it takes one (else NULL).
static inline status_t resource_op(world_t *w, const char *op, const char *name, const char *path,
                                   bool remove) {
  arena_t *arena = arena_create();
  graph_t *g = graph_create(arena, w->library);
  bool by_handle = strcmp(op, "InitializeTRTResource") == 0 || strcmp(op, "DestroyResourceOp") == 0;
  node_t *first = NULL, *second = NULL;
  if (by_handle) {
    first = graph_add_node(g, "CreateTRTResourceHandle", "handle");
    node_set_string(g, first, "resource_name", name, strlen(name));
    assert_ok(node_resolve(g, first));
  } else {
    first = string_const(g, "name", name);
  }
  if (path) second = string_const(g, "path", path);
  node_t *n = graph_add_node(g, op, "op");
  node_add_input(g, n, first, 0);
  if (second) node_add_input(g, n, second, 0);
  if (strcmp(op, "DestroyResourceOp") == 0) node_set_bool(g, n, "ignore_lookup_error", false);
  if (strcmp(op, "SerializeTRTResource") == 0) node_set_bool(g, n, "delete_resource", remove);
  assert_ok(node_resolve(g, n));
  g->control_rets = arena_alloc(arena, sizeof *g->control_rets);
  g->control_rets[0] = n;
  g->n_control_rets = 1;
  executable_t *x = NULL;
  tensor_t none;
  status_t st = executable_create(g, &w->services, &x);
  if (!st) st = executable_run(x, &none, &none);
  executable_destroy(x);
  graph_destroy(g);
  arena_destroy(arena);
  return st;
}

#endif
