// The life of an engine cache (trt_engine_resource_ops_test), engines in the node itself
// (static_engine), and inputs whose values shapes depend on.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/plan.h"
#include "runtime/engine_world.h"
#include "saved_model/writer.h"

#define NAME "TRTEngineOp_000_000"

static char path[64];

static int load(void **state) {
  (void)state;
  strcpy(path, "/tmp/tftrt-resources-XXXXXX");
  int fd = mkstemp(path);
  return fd < 0 ? -1 : close(fd);
}

static int unload(void **state) {
  (void)state;
  return unlink(path);
}

static void world_begin(world_t *w, const char *strategy) {
  world_create(w, "ref");
  world_partial(w, SHAPE(-1, -1));
  world_capacity(w, 2);
  if (strategy) world_dynamic(w, strategy);
}

static void run_once(world_t *w, int64_t a, int64_t b) {
  executable_t *x;
  assert_ok(executable_create(w->g, &w->services, &x));
  run_shape(x, SHAPE(a, b));
  executable_destroy(x);
}

typedef struct records {
  int n;
  shape_t shape;
  profiles_t *profiles;
  uint8_t *plan;
  size_t size;
} records_t;

static status_t take_record(void *user, const shape_t *shapes, int n, const uint8_t *plan,
                            size_t size) {
  records_t *r = user;
  assert_int_equal(n, 1);
  r->n++;
  r->shape = shapes[0];
  if (!r->profiles) TRY(plan_profiles(plan, size, &r->profiles));
  mem_free(r->plan);
  r->plan = mem_alloc(size);
  r->size = size;
  memcpy(r->plan, plan, size);
  return NULL;
}

static records_t read_records(void) {
  records_t r = {0};
  file_map_t *map;
  assert_ok(file_map_open(path, &map));
  assert_ok(saved_engine_records(map->data, map->size, path, take_record, &r));
  file_map_unref(map);
  return r;
}

static void records_free(records_t *r) {
  profiles_destroy(r->profiles);
  mem_free(r->plan);
}

static void a_handle_makes_no_cache(void **state) {
  (void)state;
  world_t w;
  world_begin(&w, NULL);
  assert_fails(resource_op(&w, "DestroyResourceOp", NAME, NULL, false), NOT_FOUND,
               "Resource TF-TRT/" NAME " does not exist.");
  assert_fails(resource_op(&w, "SerializeTRTResource", NAME, path, false), NOT_FOUND,
               "TRTEngineCacheResource not yet created");
  assert_int_equal(engines_stats(w.engines, NULL, 0), 0);
  world_destroy(&w);
}

static void an_empty_file_gives_an_empty_cache(void **state) {
  (void)state;
  world_t w;
  world_begin(&w, NULL);
  assert_ok(file_write(path, "", 0));
  assert_ok(resource_op(&w, "InitializeTRTResource", NAME, path, false));
  assert_int_equal(stats_of(&w).engines, 0);
  // Nothing is in it, so nothing is written.
  assert_ok(resource_op(&w, "SerializeTRTResource", NAME, path, true));
  records_t r = read_records();
  assert_int_equal(r.n, 0);
  records_free(&r);
  assert_fails(resource_op(&w, "DestroyResourceOp", NAME, NULL, false), NOT_FOUND,
               "does not exist.");
  // Made again, and destroyed once.
  assert_ok(resource_op(&w, "InitializeTRTResource", NAME, path, false));
  assert_ok(resource_op(&w, "DestroyResourceOp", NAME, NULL, false));
  assert_fails(resource_op(&w, "DestroyResourceOp", NAME, NULL, false), NOT_FOUND,
               "does not exist.");
  world_destroy(&w);
}

static void engines_and_profiles_are_restored(void **state) {
  (void)state;
  static const int64_t shapes[3][2] = {{1, 2}, {4, 5}, {6, 7}};
  world_t w;
  world_begin(&w, "Optimal");
  node_set_bool(w.g, w.op, "_profile_generation_mode", true);
  for (int i = 0; i < 3; i++) run_once(&w, shapes[i][0], shapes[i][1]);
  node_set_bool(w.g, w.op, "_profile_generation_mode", false);
  run_once(&w, 4, 5);
  assert_ok(resource_op(&w, "SerializeTRTResource", NAME, path, true));
  world_destroy(&w);
  records_t r = read_records();
  assert_int_equal(r.n, 1);
  const shape_t key = SHAPE(4, 5);  // of the first input that reached the engine
  assert_true(shape_equal(&r.shape, &key));
  assert_int_equal(r.profiles->list.n, 3);

  world_begin(&w, "Optimal");
  node_set_bool(w.g, w.op, "_allow_build_at_runtime", false);
  assert_ok(resource_op(&w, "InitializeTRTResource", NAME, path, false));
  assert_int_equal(stats_of(&w).profiles, 3);
  for (int i = 0; i < 3; i++) run_once(&w, shapes[i][0], shapes[i][1]);
  run_once(&w, 4, 6);
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.hits, 3);
  assert_int_equal(s.fallbacks, 1);
  assert_ok(resource_op(&w, "DestroyResourceOp", NAME, NULL, false));
  assert_ok(resource_op(&w, "InitializeTRTResource", NAME, path, false));
  run_once(&w, 6, 7);
  assert_int_equal(stats_of(&w).hits, 1);  // another cache
  world_destroy(&w);
  records_free(&r);
}

// runtime.md 4.2: surplus records evict earlier ones. Places of failed builds are not written.
static void records_beyond_the_capacity(void **state) {
  (void)state;
  world_t w;
  world_begin(&w, NULL);
  world_capacity(&w, 4);
  for (int i = 1; i <= 3; i++) run_once(&w, i, 3);
  setenv("TF_TRT_ABORT_CUDA_ENGINE_BUILD", "1", 1);
  run_once(&w, 9, 3);
  unsetenv("TF_TRT_ABORT_CUDA_ENGINE_BUILD");
  assert_ok(resource_op(&w, "SerializeTRTResource", NAME, path, true));
  world_destroy(&w);
  records_t r = read_records();
  assert_int_equal(r.n, 3);
  records_free(&r);
  world_begin(&w, NULL);
  assert_ok(resource_op(&w, "InitializeTRTResource", NAME, path, false));  // max count 1
  assert_int_equal(stats_of(&w).engines, 1);
  world_destroy(&w);
}

// ---------------------------------------------------------------- static engines

static void make_plan(records_t *out, const char *strategy) {
  world_t w;
  world_begin(&w, strategy);
  run_once(&w, 2, 3);
  assert_ok(resource_op(&w, "SerializeTRTResource", NAME, path, true));
  world_destroy(&w);
  *out = read_records();
  assert_int_equal(out->n, 1);
}

static void world_static(world_t *w, const char *strategy, const void *plan, size_t size) {
  world_begin(w, strategy);
  world_capacity(w, 1);
  node_set_bool(w->g, w->op, "static_engine", true);
  node_set_string(w->g, w->op, "serialized_segment", plan, size);
}

static void an_engine_in_the_node(void **state) {
  (void)state;
  static const char *const strategies[] = {NULL, "ImplicitBatchModeCompatible"};
  for (int i = 0; i < 2; i++) {
    records_t r;
    world_t w;
    make_plan(&r, strategies[i]);
    world_static(&w, strategies[i], r.plan, r.size);
    node_set_bool(w.g, w.op, "_allow_build_at_runtime", false);
    node_set_int(w.g, w.op, "max_batch_size", 2);
    run_once(&w, 2, 3);
    run_once(&w, 1, 3);
    engine_stats_t s = stats_of(&w);
    assert_int_equal(s.hits, 2);
    assert_int_equal(s.builds, 0);
    run_once(&w, 3, 3);  // beyond its batch
    s = stats_of(&w);
    assert_int_equal(s.fallbacks, 1);
    assert_int_equal(s.engines, 1);
    world_destroy(&w);
    records_free(&r);
  }
}

// TensorRT's plans cannot be loaded: an engine is built, where that is allowed.
static void an_engine_in_the_node_that_cannot_be_loaded(void **state) {
  (void)state;
  static const char plan[] = "ptrt and what TensorRT writes";
  world_t w;
  world_static(&w, NULL, plan, sizeof plan);
  node_set_int(w.g, w.op, "max_batch_size", 4);
  run_once(&w, 2, 3);
  run_once(&w, 4, 3);  // the node says so
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.hits, 2);
  assert_int_equal(s.builds, 1);
  run_once(&w, 5, 3);
  assert_int_equal(stats_of(&w).fallbacks, 1);
  world_destroy(&w);
  world_static(&w, NULL, plan, sizeof plan);
  node_set_bool(w.g, w.op, "_allow_build_at_runtime", false);
  run_once(&w, 2, 3);
  s = stats_of(&w);
  assert_int_equal(s.fallbacks, 1);
  assert_non_null(strstr(s.last_fallback_reason, "allow_build_at_runtime=False"));
  assert_int_equal(s.empty, 1);
  world_destroy(&w);
}

// ---------------------------------------------------------------- shape tensors

// y = tanh(reshape(x, dims)); x of [?], dims int32 [2].
static void shapes_world(world_t *w, const char *strategy) {
  *w = (world_t){.arena = arena_create()};
  w->library = library_create(w->arena);
  w->g = graph_create(w->arena, w->library);
  graph_t *body = library_add(w->library, NAME "_native_segment")->body, *graphs[] = {body, w->g};
  for (int k = 0; k < 2; k++) {
    graph_t *g = graphs[k];
    g->args = arena_alloc(g->arena, 2 * sizeof *g->args);
    g->n_args = 2;
    for (int i = 0; i < 2; i++) {
      dtype_t t = i ? DT_INT32 : DT_FLOAT;
      node_t *n = graph_add_node(g, k ? "Placeholder" : "_Arg", i ? "dims" : "x");
      node_set_type(g, n, k ? "dtype" : "T", t);
      node_set_outputs(g, n, 1);
      n->out_dtype[0] = t;
      n->out_shape[0] = i ? SHAPE(2) : SHAPE(-1);
      g->args[i] = n;
    }
  }
  node_t *reshape = graph_add_node(body, "Reshape", "reshape"),
         *tanh = graph_add_node(body, "Tanh", "tanh");
  node_add_input(body, reshape, body->args[0], 0);
  node_add_input(body, reshape, body->args[1], 0);
  node_set_type(body, reshape, "T", DT_FLOAT);
  node_set_type(body, reshape, "Tshape", DT_INT32);
  node_add_input(body, tanh, reshape, 0);
  node_set_type(body, tanh, "T", DT_FLOAT);
  assert_ok(node_resolve(body, reshape));
  assert_ok(node_resolve(body, tanh));
  float_ret(body, tanh);
  w->op = graph_add_node(w->g, "TRTEngineOp", NAME);
  for (int i = 0; i < 2; i++) node_add_input(w->g, w->op, w->g->args[i], 0);
  dtype_t in[] = {DT_FLOAT, DT_INT32}, out = DT_FLOAT;
  node_set_types(w->g, w->op, "InT", in, 2);
  node_set_types(w->g, w->op, "OutT", &out, 1);
  shape_t s[] = {SHAPE(-1), SHAPE(2)};
  node_set_shapes(w->g, w->op, "input_shapes", s, 2);
  node_set_func(w->g, w->op, "segment_func", NAME "_native_segment");
  node_set_bool(w->g, w->op, "static_engine", false);
  node_set_bool(w->g, w->op, "use_calibration", false);
  node_set_string(w->g, w->op, "precision_mode", "FP32", 4);
  world_dynamic(w, strategy);
  assert_ok(node_resolve(w->g, w->op));
  float_ret(w->g, w->op);
  w->services = (exec_services_t){
      .self = w, .resources = resources_create(), .threads = 1, .run_engine = run_engine};
  w->engines = engines_create(backend_find("cpu"), NULL, w->services.resources, 1);
  engines_add_library(w->engines, w->library);
}

static void run_reshape(executable_t *x, int32_t a, int32_t b) {
  const shape_t want = SHAPE(a, b), two = SHAPE(2);
  tensor_t in[2] = {some_input(SHAPE((int64_t)a * b))}, out;
  assert_ok(tensor_from_ints(DT_INT32, &two, (int64_t[]){a, b}, &in[1]));
  assert_ok(executable_run(x, in, &out));
  assert_true(shape_equal(&out.shape, &want));
  for (int64_t i = 0; i < tensor_elements(&out); i++)
    assert_float_equal(TENSOR_DATA(float, &out)[i], tanhf(TENSOR_DATA(float, &in[0])[i]), 1e-6f);
  tensor_unref(&in[0]);
  tensor_unref(&in[1]);
  tensor_unref(&out);
}

// Sets of equal dims that differ in the values of a shape tensor alone are different profiles.
static void values_of_shape_tensors_are_in_profiles(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  shapes_world(&w, "Optimal");
  assert_ok(executable_create(w.g, &w.services, &x));
  node_set_bool(w.g, w.op, "_profile_generation_mode", true);
  run_reshape(x, 3, 4);
  run_reshape(x, 6, 2);
  node_set_bool(w.g, w.op, "_profile_generation_mode", false);
  run_reshape(x, 3, 4);
  run_reshape(x, 6, 2);
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.hits, 2);
  assert_int_equal(s.profiles, 2);
  assert_int_equal(s.contexts, 2);  // a context is for values too
  run_reshape(x, 4, 3);             // the same dims, other values
  assert_int_equal(stats_of(&w).fallbacks, 3);
  executable_destroy(x);
  world_destroy(&w);

  shapes_world(&w, "Range");
  assert_ok(executable_create(w.g, &w.services, &x));
  node_set_bool(w.g, w.op, "_profile_generation_mode", true);
  run_reshape(x, 3, 4);
  run_reshape(x, 6, 2);
  node_set_bool(w.g, w.op, "_profile_generation_mode", false);
  run_reshape(x, 4, 3);
  s = stats_of(&w);
  assert_int_equal(s.hits, 1);
  run_reshape(x, 2, 6);
  assert_int_equal(stats_of(&w).fallbacks, 3);
  executable_destroy(x);
  world_destroy(&w);
}

// An int32 input that only is computed with is no shape tensor: its values do not matter
// (shape_output_test, InputProfile).
static void data_of_small_integers_is_no_shape(void **state) {
  (void)state;
  world_t w;
  executable_t *x;
  world_begin(&w, "Optimal");
  dtype_t t = DT_INT32;
  graph_t *body = library_find(w.library, NAME "_native_segment")->body;
  node_t *arg = body->args[0], *sq = body->rets[0].src, *in = w.g->args[0];
  sq->in[0] = (input_t){arg, 0};  // y = x * x
  node_set_type(body, arg, "T", t);
  node_set_type(body, sq, "T", t);
  node_set_type(w.g, in, "dtype", t);
  arg->out_dtype[0] = in->out_dtype[0] = t;
  graph_remove_node(body, graph_find(body, "tanh"));
  assert_ok(node_resolve(body, sq));
  node_set_types(w.g, w.op, "InT", &t, 1);
  node_set_types(w.g, w.op, "OutT", &t, 1);
  assert_ok(node_resolve(w.g, w.op));
  world_partial(&w, SHAPE(-1));
  assert_ok(executable_create(w.g, &w.services, &x));
  for (int32_t k = 0; k < 3; k++) {
    const shape_t four = SHAPE(4);
    tensor_t v, y;
    assert_ok(tensor_from_ints(DT_INT32, &four, (int64_t[]){k, 2, 3, k}, &v));
    assert_ok(executable_run(x, &v, &y));
    assert_int_equal(TENSOR_DATA(int32_t, &y)[0], k * k);
    tensor_unref(&v);
    tensor_unref(&y);
  }
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.profiles, 1);
  assert_int_equal(s.hits, 3);
  assert_int_equal(s.contexts, 1);
  executable_destroy(x);
  world_destroy(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_handle_makes_no_cache),
      cmocka_unit_test(an_empty_file_gives_an_empty_cache),
      cmocka_unit_test(engines_and_profiles_are_restored),
      cmocka_unit_test(records_beyond_the_capacity),
      cmocka_unit_test(an_engine_in_the_node),
      cmocka_unit_test(an_engine_in_the_node_that_cannot_be_loaded),
      cmocka_unit_test(values_of_shape_tensors_are_in_profiles),
      cmocka_unit_test(data_of_small_integers_is_no_shape),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
