// TRTEngineOp: engines are built, saved, loaded, shared by threads; the native segment runs where
// no engine does.
#include "runtime/engines.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"

typedef struct world {
  arena_t *arena;
  library_t *library;
  graph_t *g;
  node_t *op;
  engines_t *engines;
  exec_services_t services;
} world_t;

static status_t run_engine(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                           int n_in, tensor_t *out, int n_out) {
  return engines_run(((world_t *)self)->engines, env, node, in, n_in, out, n_out);
}

static node_t *float_arg(graph_t *g, const char *op) {
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

static void float_ret(graph_t *g, node_t *n) {
  g->rets = arena_alloc(g->arena, sizeof *g->rets);
  g->rets[0] = (input_t){n, 0};
  g->n_rets = 1;
}

// The segment computes tanh(x)^2; the engine op gets x of [-1, 3].
static void world_create(world_t *w, const char *backend) {
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

static void world_destroy(world_t *w) {
  graph_destroy(w->g);
  library_destroy(w->library);
  engines_destroy(w->engines);
  resources_destroy(w->services.resources);
  arena_destroy(w->arena);
}

static void run_and_check(executable_t *x, int64_t rows) {
  tensor_t in, out;
  shape_t s = SHAPE(rows, 3);
  assert_ok(tensor_alloc(DT_FLOAT, &s, &in));
  for (int64_t i = 0; i < 3 * rows; i++) TENSOR_DATA(float, &in)[i] = 0.1f * (float)(i % 40) - 2;
  assert_ok(executable_run(x, &in, &out));
  assert_true(shape_equal(&out.shape, &s));
  for (int64_t i = 0; i < 3 * rows; i++) {
    double v = tanh((double)TENSOR_DATA(float, &in)[i]);
    assert_float_equal(TENSOR_DATA(float, &out)[i], (float)(v * v), 1e-6f);
  }
  tensor_unref(&in);
  tensor_unref(&out);
}

static engine_stats_t stats_of(world_t *w) {
  engine_stats_t s = {0};
  assert_int_equal(engines_stats(w->engines, &s, 1), 1);
  assert_string_equal(s.name, "TRTEngineOp_000_000");
  return s;
}

static void built_when_first_needed(void **state) {
  (void)state;
  for (int i = 0; backend_at(i); i++) {
    world_t w;
    executable_t *x;
    world_create(&w, backend_at(i)->name);
    assert_ok(executable_create(w.g, &w.services, &x));
    for (int64_t rows = 1; rows < 5; rows++) run_and_check(x, rows);
    run_and_check(x, 2);
    engine_stats_t s = stats_of(&w);
    assert_int_equal(s.runs, 5);
    if (s.hits != 5) print_message("%s\n", s.last_fallback_reason);
    assert_int_equal(s.hits, 5);
    assert_int_equal(s.builds, 1);
    assert_int_equal(s.fallbacks, 0);
    executable_destroy(x);
    world_destroy(&w);
  }
}

static void native_without_an_engine(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  world_create(&w, "ref");
  node_set_bool(w.g, w.op, "_allow_build_at_runtime", false);
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 2);
  run_and_check(x, 3);
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.hits, 0);
  assert_int_equal(s.builds, 0);
  assert_int_equal(s.fallbacks, 2);
  assert_non_null(strstr(s.last_fallback_reason, "allow_build_at_runtime=False"));
  executable_destroy(x);
  world_destroy(&w);
}

static void native_without_a_backend(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  world_create(&w, NULL);
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 2);
  assert_int_equal(stats_of(&w).fallbacks, 1);
  executable_destroy(x);
  world_destroy(&w);
}

static void native_for_shapes_that_the_graph_excludes(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  world_create(&w, "ref");
  shape_t s = SHAPE(4, 3);
  node_set_shapes(w.g, w.op, "input_shapes", &s, 1);
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 4);
  run_and_check(x, 5);
  engine_stats_t st = stats_of(&w);
  assert_int_equal(st.hits, 1);
  assert_int_equal(st.fallbacks, 1);
  assert_non_null(strstr(st.last_fallback_reason, "[5,3] != [4,3]"));
  executable_destroy(x);
  world_destroy(&w);
}

// Runs one of the resource ops with string inputs.
static status_t resource_op(world_t *w, const char *op, const char *name, const char *path) {
  arena_t *arena = arena_create();
  graph_t *g = graph_create(arena, w->library);
  node_t *first = NULL;
  for (int i = 0; i < 2; i++) {
    const char *text = i ? path : name;
    if (i == 0 && strcmp(op, "InitializeTRTResource") == 0) {
      first = graph_add_node(g, "CreateTRTResourceHandle", "handle");
      node_set_string(g, first, "resource_name", name, strlen(name));
      assert_ok(node_resolve(g, first));
      continue;
    }
    tensor_t t;
    assert_ok(tensor_alloc(DT_STRING, &SHAPE_SCALAR, &t));
    assert_ok(str_set(TENSOR_DATA(str_t, &t), text, strlen(text)));
    node_t *c = graph_add_const(g, i ? "path" : "name", &t);
    tensor_unref(&t);
    if (i == 0) first = c;
    if (i == 0) continue;
    node_t *n = graph_add_node(g, op, "op");
    node_add_input(g, n, first, 0);
    node_add_input(g, n, c, 0);
    assert_ok(node_resolve(g, n));
    g->control_rets = arena_alloc(arena, sizeof *g->control_rets);
    g->control_rets[0] = n;
    g->n_control_rets = 1;
  }
  executable_t *x = NULL;
  tensor_t none;
  status_t st = executable_create(g, &w->services, &x);
  if (!st) st = executable_run(x, &none, &none);
  executable_destroy(x);
  graph_destroy(g);
  arena_destroy(arena);
  return st;
}

static void engines_are_saved_and_loaded(void **state) {
  (void)state;
  char path[] = "/tmp/tftrt-engines-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  world_t w;
  executable_t *x;
  world_create(&w, "ref");
  assert_fails(resource_op(&w, "SerializeTRTResource", "TRTEngineOp_000_000", path), NOT_FOUND,
               "not yet created");
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 2);
  assert_fails(resource_op(&w, "SerializeTRTResource", "TRTEngineOp_000_000", ""), INVALID_ARGUMENT,
               "filename cannot be empty.");
  assert_ok(resource_op(&w, "SerializeTRTResource", "TRTEngineOp_000_000", path));
  executable_destroy(x);
  world_destroy(&w);

  world_create(&w, "ref");
  node_set_bool(w.g, w.op, "_allow_build_at_runtime", false);
  assert_ok(resource_op(&w, "InitializeTRTResource", "TRTEngineOp_000_000", path));
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 2);
  run_and_check(x, 7);
  assert_int_equal(stats_of(&w).hits, 2);
  executable_destroy(x);
  world_destroy(&w);

  assert_ok(file_write(path, "no records", 10));
  world_create(&w, "ref");
  assert_fails(resource_op(&w, "InitializeTRTResource", "TRTEngineOp_000_000", path), DATA_LOSS,
               path);
  unlink(path);
  assert_fails(resource_op(&w, "InitializeTRTResource", "TRTEngineOp_000_000", path), NOT_FOUND,
               path);
  world_destroy(&w);
}

static void *many_shapes(void *x) {
  for (int i = 0; i < 100; i++) run_and_check(x, 1 + i % 7);
  return NULL;
}

static void threads_share_an_engine(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  world_create(&w, backend_at(0)->name);
  assert_ok(executable_create(w.g, &w.services, &x));
  pthread_t t[4];
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&t[i], NULL, many_shapes, x), 0);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.hits, 400);
  assert_int_equal(s.builds, 1);
  executable_destroy(x);
  world_destroy(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(built_when_first_needed),
      cmocka_unit_test(native_without_an_engine),
      cmocka_unit_test(native_without_a_backend),
      cmocka_unit_test(native_for_shapes_that_the_graph_excludes),
      cmocka_unit_test(engines_are_saved_and_loaded),
      cmocka_unit_test(threads_share_an_engine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
