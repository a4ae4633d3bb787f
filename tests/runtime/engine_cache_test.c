// Which engine serves which shapes, when one is built, what falls back: TF-TRT's rules
// (runtime.md 4 and 9, trt_engine_op_test, trt_lru_cache_test), and where the page differs.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/engine_world.h"

#define NATIVE "TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"
#define ABORT_BUILDS "TF_TRT_ABORT_CUDA_ENGINE_BUILD"

static int clear(void **state) {
  (void)state;
  unsetenv(NATIVE);
  unsetenv(ABORT_BUILDS);
  return 0;
}

typedef struct run_world {
  world_t w;
  executable_t *x;
} run_world_t;

// An engine op whose input the graph knows as [?, ?].
static run_world_t *begin(int capacity) {
  run_world_t *r = mem_calloc(1, sizeof *r);
  world_create(&r->w, "cpu");
  world_partial(&r->w, SHAPE(-1, -1));
  world_capacity(&r->w, capacity);
  return r;
}

static void end(run_world_t *r) {
  executable_destroy(r->x);
  world_destroy(&r->w);
  mem_free(r);
}

static void run(run_world_t *r, int64_t a, int64_t b) {
  if (!r->x) assert_ok(executable_create(r->w.g, &r->w.services, &r->x));
  run_shape(r->x, SHAPE(a, b));
}

static status_t try_run(run_world_t *r, int64_t a, int64_t b) {
  if (!r->x) TRY(executable_create(r->w.g, &r->w.services, &r->x));
  return run_status(r->x, SHAPE(a, b));
}

// Every run was served or fell back; so many engines were built and are held.
#define expect(r, HITS, BUILDS, FALLBACKS, ENGINES)  \
  do {                                               \
    engine_stats_t s_ = stats_of(&(r)->w);           \
    assert_int_equal(s_.hits, (HITS));               \
    assert_int_equal(s_.builds, (BUILDS));           \
    assert_int_equal(s_.fallbacks, (FALLBACKS));     \
    assert_int_equal(s_.engines, (ENGINES));         \
    assert_int_equal(s_.runs, (HITS) + (FALLBACKS)); \
  } while (0)

static const char *reason(run_world_t *r) { return stats_of(&r->w).last_fallback_reason; }

// ---------------------------------------------------------------- implicit batch mode

static void implicit_capacity_1_batch_2_then_1_is_one_engine(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  run(r, 2, 3);
  run(r, 1, 3);
  expect(r, 2, 1, 0, 1);
  end(r);
}

// The page: "If the number of cached engines is already at max but none of them supports the input
// shapes, the TRTEngineOp will fall back to run the original TF subgraph".
static void a_full_cache_falls_back(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  run(r, 2, 3);
  run(r, 3, 3);
  expect(r, 1, 1, 1, 1);
  assert_non_null(strstr(reason(r), "maximum_cached_engines=1"));
  run(r, 2, 3);
  run(r, 1, 3);
  expect(r, 3, 1, 1, 1);
  end(r);
  r = begin(2);
  run(r, 2, 3);
  run(r, 3, 3);
  expect(r, 2, 2, 0, 2);
  end(r);
}

// runtime.md 4.2: the oldest goes, whichever was used last.
static void compat_2_17_evicts_the_oldest(void **state) {
  (void)state;
  for (int by_attribute = 0; by_attribute < 2; by_attribute++) {
    run_world_t *r = begin(2);
    if (by_attribute)
      node_set_string(r->w.g, r->w.op, "_tftrt_compat", "2.17", 4);
    else
      engines_set_compat(r->w.engines);
    run(r, 1, 1);
    run(r, 1, 2);
    run(r, 1, 1);
    expect(r, 3, 2, 0, 2);
    run(r, 1, 3);  // the engine of [1,1] goes, although [1,2] was used before it
    expect(r, 4, 3, 0, 2);
    run(r, 1, 2);
    expect(r, 5, 3, 0, 2);
    run(r, 1, 1);
    expect(r, 6, 4, 0, 2);
    end(r);
  }
}

// testTrtGraphConverter_DynamicOp, lru_cache_test: natively nothing may run, so engines take turns.
static void where_native_is_disallowed_a_full_cache_evicts(void **state) {
  (void)state;
  static const int batches[] = {1, 2, 4, 2};
  run_world_t *r = begin(1);
  setenv(NATIVE, "False", 1);
  for (int i = 0; i < 4; i++) run(r, batches[i], 3);
  expect(r, 4, 3, 0, 1);
  end(r);
}

static void capacity_0_has_no_limit(void **state) {
  (void)state;
  run_world_t *r = begin(0);
  for (int i = 1; i <= 20; i++) run(r, 1, i);
  expect(r, 20, 20, 0, 20);
  end(r);
}

// trt_engine_op_test, DynamicEngines.
static void engines_by_other_dims(void **state) {
  (void)state;
  run_world_t *r = begin(3);
  run(r, 2, 2);
  expect(r, 1, 1, 0, 1);
  run(r, 1, 2);
  expect(r, 2, 1, 0, 1);
  run(r, 3, 2);
  expect(r, 3, 2, 0, 2);
  run(r, 10, 10);
  expect(r, 4, 3, 0, 3);
  run(r, 1, 10);
  expect(r, 5, 3, 0, 3);
  end(r);
}

// Of a failed build for batch 2 and an engine for batch 3, batch 1 finds the former: the smallest
// that is large enough counts.
static void the_smallest_fitting_batch_counts(void **state) {
  (void)state;
  run_world_t *r = begin(2);
  setenv(ABORT_BUILDS, "True", 1);
  run(r, 2, 3);
  unsetenv(ABORT_BUILDS);
  run(r, 3, 3);
  expect(r, 1, 1, 1, 1);
  run(r, 1, 3);
  run(r, 2, 3);
  expect(r, 1, 1, 3, 1);
  run(r, 3, 3);
  expect(r, 2, 1, 3, 1);
  end(r);
  r = begin(2);  // and the other way round
  run(r, 2, 3);
  setenv(ABORT_BUILDS, "True", 1);
  run(r, 3, 3);
  run(r, 1, 3);
  expect(r, 2, 1, 1, 1);
  end(r);
}

// runtime.md 4.1: after a failed build for batch 8, batches up to 8 go straight to native; a bigger
// one is tried.
static void failed_builds_take_a_place(void **state) {
  (void)state;
  run_world_t *r = begin(2);
  setenv(ABORT_BUILDS, "True", 1);
  run(r, 8, 3);
  engine_stats_t s = stats_of(&r->w);
  assert_int_equal(s.failed_builds, 1);
  assert_int_equal(s.empty, 1);
  assert_non_null(strstr(reason(r), "Engine creation for TRTEngineOp_000_000 failed"));
  assert_non_null(strstr(reason(r), ABORT_BUILDS));
  unsetenv(ABORT_BUILDS);
  run(r, 4, 3);
  run(r, 8, 3);
  expect(r, 0, 0, 3, 0);
  assert_int_equal(stats_of(&r->w).failed_builds, 1);  // not tried again
  run(r, 9, 3);
  expect(r, 1, 1, 3, 1);
  run(r, 10, 3);  // full
  expect(r, 1, 1, 4, 1);
  end(r);
}

static void without_builds_at_run_time(void **state) {
  (void)state;
  run_world_t *r = begin(2);
  node_set_bool(r->w.g, r->w.op, "_allow_build_at_runtime", false);
  run(r, 2, 3);
  expect(r, 0, 0, 1, 0);
  assert_int_equal(stats_of(&r->w).empty, 1);  // as TF-TRT's empty cache entry
  assert_non_null(strstr(reason(r),
                         "Found no engine in cache matching input shapes. Not building "
                         "a new engine because allow_build_at_runtime=False."));
  setenv(NATIVE, "False", 1);
  assert_fails(try_run(r, 2, 3), ABORTED, "User disallowed engine native segment execution.");
  end(r);
  unsetenv(NATIVE);
  r = begin(0);  // where there is no limit, no places are noted
  node_set_bool(r->w.g, r->w.op, "_allow_build_at_runtime", false);
  for (int i = 1; i < 5; i++) run(r, i, 3);
  expect(r, 0, 0, 4, 0);
  assert_int_equal(stats_of(&r->w).empty, 0);
  end(r);
}

static void without_native_segment(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  node_set_bool(r->w.g, r->w.op, "_allow_build_at_runtime", false);
  node_remove_attr(r->w.op, "segment_func");
  assert_fails(try_run(r, 2, 3), ABORTED, "native segment is not found in the graph.");
  end(r);
}

// ---------------------------------------------------------------- dynamic shapes

static void explicit_range_of_collected_shapes(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  world_dynamic(&r->w, "Range");
  node_set_bool(r->w.g, r->w.op, "_profile_generation_mode", true);
  run(r, 1, 16);
  run(r, 2, 32);
  expect(r, 0, 0, 2, 0);
  node_set_bool(r->w.g, r->w.op, "_profile_generation_mode", false);
  run(r, 1, 16);
  run(r, 2, 24);
  run(r, 2, 32);
  expect(r, 3, 1, 2, 1);
  assert_int_equal(stats_of(&r->w).profiles, 1);
  run(r, 3, 16);
  expect(r, 3, 1, 3, 1);
  assert_non_null(strstr(reason(r), "profile"));
  profiles_t *p = engines_profiles(r->w.engines, 0);
  text_t t = {0};
  profiles_text(p, NULL, &t);
  assert_string_equal(t.v, "profile 0: TensorRTInputPH_0 min [1,16] opt [2,32] max [2,32]\n");
  text_free(&t);
  profiles_destroy(p);
  node_set_bool(r->w.g, r->w.op, "_profile_generation_mode", true);
  assert_fails(try_run(r, 1, 16), UNIMPLEMENTED,
               "Cannot collect new shapes when profiles are already created.");
  end(r);
}

static void explicit_strategies(void **state) {
  (void)state;
  static const struct {
    const char *strategy;
    int profiles;
    bool between, smaller;  // is [2,24], is [1,32] served?
  } cases[] = {{"Optimal", 2, false, false},
               {"Range", 1, true, true},
               {"Range+Optimal", 3, true, true},
               {"ImplicitBatchModeCompatible", 2, false, true},
               {"", 1, true, true}};  // TF-TRT's kernel takes none as Range
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    run_world_t *r = begin(1);
    world_dynamic(&r->w, cases[i].strategy);
    node_set_bool(r->w.g, r->w.op, "_profile_generation_mode", true);
    run(r, 1, 16);
    run(r, 2, 32);
    node_set_bool(r->w.g, r->w.op, "_profile_generation_mode", false);
    run(r, 2, 32);
    run(r, 1, 16);
    expect(r, 2, 1, 2, 1);
    assert_int_equal(stats_of(&r->w).profiles, cases[i].profiles);
    run(r, 2, 24);
    run(r, 1, 32);
    int64_t hits = stats_of(&r->w).hits;
    assert_int_equal(hits, 2 + cases[i].between + cases[i].smaller);
    end(r);
  }
}

// runtime.md 7: without build() the first shape set is the only one; trt_engine_op_test,
// DynamicShapes: an incompatible shape runs natively, the cache keeps its one engine.
static void explicit_first_shapes_make_the_profiles(void **state) {
  (void)state;
  run_world_t *r = begin(8);
  world_dynamic(&r->w, "Optimal");
  run(r, 2, 2);
  run(r, 2, 2);
  run(r, 1, 37);
  run(r, 1, 2);
  expect(r, 2, 1, 2, 1);
  end(r);
  r = begin(1);
  world_dynamic(&r->w, "ImplicitBatchModeCompatible");
  run(r, 2, 2);
  run(r, 1, 2);
  run(r, 3, 2);
  expect(r, 2, 1, 1, 1);
  end(r);
}

static void explicit_without_builds_makes_no_engine(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  world_dynamic(&r->w, "Range");
  node_set_bool(r->w.g, r->w.op, "_allow_build_at_runtime", false);
  run(r, 2, 2);
  run(r, 3, 2);
  expect(r, 0, 0, 2, 0);
  assert_non_null(strstr(reason(r), "allow_build_at_runtime=False"));
  end(r);
}

static void explicit_failed_build_is_not_tried_again(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  world_dynamic(&r->w, "Range");
  setenv(ABORT_BUILDS, "True", 1);
  run(r, 2, 2);
  unsetenv(ABORT_BUILDS);
  run(r, 2, 2);
  expect(r, 0, 0, 2, 0);
  assert_int_equal(stats_of(&r->w).failed_builds, 1);
  end(r);
}

static void static_shapes_in_explicit_mode(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  world_partial(&r->w, SHAPE(4, 3));
  world_dynamic(&r->w, "ImplicitBatchModeCompatible");
  run(r, 4, 3);
  expect(r, 1, 1, 0, 1);
  profiles_t *p = engines_profiles(r->w.engines, 0);
  const shape_t four = SHAPE(4, 3);
  assert_true(shape_equal(&p->list.v[0].min.shapes[0], &four));
  profiles_destroy(p);
  end(r);
}

// ---------------------------------------------------------------- policies

static void policy_build(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  engines_set_policy(r->w.engines, FALLBACK_BUILD);
  run(r, 2, 3);
  run(r, 3, 3);
  run(r, 2, 3);
  expect(r, 3, 2, 0, 1);  // the second took the place of the first
  end(r);
  r = begin(1);
  world_dynamic(&r->w, "Optimal");
  engines_set_policy(r->w.engines, FALLBACK_BUILD);
  for (int i = 1; i < 6; i++) run(r, i, 3);
  run(r, 4, 9);
  run(r, 2, 5);  // within what was met
  expect(r, 7, 1, 0, 1);
  assert_int_equal(stats_of(&r->w).profiles, 2);  // its own, and one that grew
  end(r);
  r = begin(1);
  world_dynamic(&r->w, "Optimal");
  engines_set_policy(r->w.engines, FALLBACK_BUILD);
  node_set_bool(r->w.g, r->w.op, "_allow_build_at_runtime", false);
  run(r, 1, 3);
  expect(r, 0, 0, 1, 0);
  end(r);
}

static void policy_fail(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  engines_set_policy(r->w.engines, FALLBACK_FAIL);
  run(r, 2, 3);
  assert_fails(try_run(r, 3, 3), ABORTED, "TRTEngineOp_000_000 cannot serve: the cache is full");
  run(r, 2, 3);
  expect(r, 2, 1, 1, 1);
  end(r);
}

static status_t failing_run(backend_context_t *c, const tensor_t *in, tensor_t *out) {
  (void)c, (void)in, (void)out;
  return FAIL(INTERNAL, "out of order");
}

static void a_failed_run_is_done_again_natively(void **state) {
  (void)state;
  world_t w;
  executable_t *x = NULL;
  backend_t b = *backend_find("ref");
  b.run = failing_run;
  world_create(&w, "ref");
  engines_destroy(w.engines);
  w.engines = engines_create(&b, NULL, w.services.resources, 1);
  engines_add_library(w.engines, w.library);
  assert_ok(executable_create(w.g, &w.services, &x));
  run_and_check(x, 2);
  run_and_check(x, 2);
  engine_stats_t s = stats_of(&w);
  assert_int_equal(s.runs, 2);
  assert_int_equal(s.builds, 1);
  assert_int_equal(s.hits, 0);
  assert_int_equal(s.fallbacks, 2);
  assert_string_equal(s.last_fallback_reason, "Failed to execute engine: out of order");
  engines_set_policy(w.engines, FALLBACK_FAIL);
  assert_fails(run_status(x, SHAPE(2, 3)), ABORTED, "Failed to execute engine: out of order");
  executable_destroy(x);
  world_destroy(&w);
}

static void reasons_are_counted(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  world_partial(&r->w, SHAPE(-1, 3));
  for (int i = 0; i < 3; i++) run(r, 2 + i, 3);  // the first is served
  for (int i = 0; i < 70; i++) run(r, 1, 100 + i);
  const char *text;
  int64_t count, all = 0;
  assert_true(engines_reason(r->w.engines, 0, 0, &text, &count));
  assert_non_null(strstr(text, "the cache is full"));
  assert_int_equal(count, 2);
  int n = stats_of(&r->w).n_reasons;
  assert_in_range(n, 2, 66);  // many shapes do not make as many texts
  for (int k = 0; k < n; k++) {
    assert_true(engines_reason(r->w.engines, 0, k, &text, &count));
    all += count;
  }
  assert_int_equal(all, 72);
  assert_string_equal(text, "other reasons");
  assert_false(engines_reason(r->w.engines, 0, n, &text, &count));
  assert_false(engines_reason(r->w.engines, 1, 0, &text, &count));
  end(r);
}

// ---------------------------------------------------------------- checks

static void input_shapes_are_verified(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  world_partial(&r->w, SHAPE(-1, 3));
  setenv(NATIVE, "False", 1);  // does not count here
  run(r, 1, 4);
  assert_string_equal(reason(r),
                      "Input shapes do not match input partial shapes stored in graph, for "
                      "scope/TRTEngineOp_000_000: [[1,4]] != [[?,3]]");
  node_set_string(r->w.g, r->w.op, "_tftrt_compat", "2.17", 4);
  run(r, 0, 3);
  assert_string_equal(reason(r),
                      "Incorrect batch dimension, for scope/TRTEngineOp_000_000: [[0,3]]");
  expect(r, 0, 0, 2, 0);
  end(r);
}

static void attributes_are_checked(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  node_set_string(r->w.g, r->w.op, "precision_mode", "FP8", 3);
  assert_fails(try_run(r, 1, 3), INVALID_ARGUMENT, "Invalid precision mode name: FP8");
  node_set_string(r->w.g, r->w.op, "precision_mode", "fp16", 4);
  node_set_bool(r->w.g, r->w.op, "_profile_generation_mode", true);
  assert_fails(try_run(r, 1, 3), INVALID_ARGUMENT,
               "profile_generation_mode_=true is only supported if use_implicit_batch=false");
  world_dynamic(&r->w, "Widest");
  assert_fails(try_run(r, 1, 3), INVALID_ARGUMENT, "Invalid profile strategy: Widest");
  world_dynamic(&r->w, "range");
  node_remove_attr(r->w.op, "input_shapes");
  assert_fails(try_run(r, 1, 3), INVALID_ARGUMENT,
               "Explicit batch mode requires attribute input_shapes to be set.");
  end(r);
}

// ---------------------------------------------------------------- contexts

static void contexts_are_kept_by_shape(void **state) {
  (void)state;
  run_world_t *r = begin(1);
  run(r, 8, 3);
  for (int k = 0; k < 3; k++)
    for (int i = 1; i <= 8; i++) run(r, i, 3);
  engine_stats_t s = stats_of(&r->w);
  assert_int_equal(s.contexts, 8);
  assert_true(s.context_bytes > 0);
  for (int i = 1; i <= 100; i++) run(r, 1 + i % 2, 3);
  assert_int_equal(stats_of(&r->w).contexts, 8);
  end(r);
  r = begin(1);
  run(r, 100, 3);
  for (int i = 1; i <= 100; i++) run(r, i, 3);
  assert_in_range(stats_of(&r->w).contexts, 8, 64);  // not without end
  end(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(implicit_capacity_1_batch_2_then_1_is_one_engine),
      cmocka_unit_test(a_full_cache_falls_back),
      cmocka_unit_test(compat_2_17_evicts_the_oldest),
      cmocka_unit_test_teardown(where_native_is_disallowed_a_full_cache_evicts, clear),
      cmocka_unit_test(capacity_0_has_no_limit),
      cmocka_unit_test(engines_by_other_dims),
      cmocka_unit_test_teardown(the_smallest_fitting_batch_counts, clear),
      cmocka_unit_test_teardown(failed_builds_take_a_place, clear),
      cmocka_unit_test_teardown(without_builds_at_run_time, clear),
      cmocka_unit_test(without_native_segment),
      cmocka_unit_test(explicit_range_of_collected_shapes),
      cmocka_unit_test(explicit_strategies),
      cmocka_unit_test(explicit_first_shapes_make_the_profiles),
      cmocka_unit_test(explicit_without_builds_makes_no_engine),
      cmocka_unit_test_teardown(explicit_failed_build_is_not_tried_again, clear),
      cmocka_unit_test(static_shapes_in_explicit_mode),
      cmocka_unit_test(policy_build),
      cmocka_unit_test(policy_fail),
      cmocka_unit_test(a_failed_run_is_done_again_natively),
      cmocka_unit_test(reasons_are_counted),
      cmocka_unit_test_teardown(input_shapes_are_verified, clear),
      cmocka_unit_test(attributes_are_checked),
      cmocka_unit_test(contexts_are_kept_by_shape),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
