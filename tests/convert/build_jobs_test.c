// Building many engines: side by side with the same result, cancelled anywhere, taken up again from
// the cache, within a limit of memory.
#include "convert/build_jobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"

enum { MANY = 10 };  // engines of the model ops_unary
static char scratch[64];
static corpus_t corpus;
static golden_t golden[2];  // mnist_cnn, ops_unary

static int load(void **state) {
  (void)state;
  char *wanted[] = {"mnist_cnn", "ops_unary"};
  strcpy(scratch, "/tmp/tftrt_jobs_XXXXXX");
  if (!mkdtemp(scratch)) return -1;
  corpus_list(TESTS_DIR "/models/small", 2, wanted, &corpus);
  for (int i = 0; i < 2; i++) golden_load(&corpus.v[i], &golden[i]);
  return 0;
}

static int unload(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) golden_free(&golden[i]);
  corpus_free(&corpus);
  status_free(file_remove_tree(scratch));
  return 0;
}

// What the callback heard, and when it stops.
typedef struct ear {
  int calls, stop_at;   // 0: never
  const char *stop_in;  // at the first call of this stage with something but not all done
  int64_t last, last_total;
  char stages[512], stage[64];
  bool backwards;
} ear_t;

static int hear(void *user, const char *stage, int64_t done, int64_t total) {
  ear_t *e = user;
  if (strcmp(stage, e->stage) != 0) {
    snprintf(e->stage, sizeof e->stage, "%s", stage);
    size_t n = strlen(e->stages);
    snprintf(e->stages + n, sizeof e->stages - n, "%s, ", stage);
    e->last = 0;
  }
  e->backwards |= done < e->last || done > total || done < 0;
  e->last = done;
  e->last_total = total;
  if (e->stop_in && strcmp(stage, e->stop_in) == 0 && done > 0 && done < total) return 1;
  return ++e->calls == e->stop_at;
}

static converter_options_t options(int model, ear_t *ear, int threads) {
  return (converter_options_t){.struct_size = sizeof(converter_options_t),
                               .dir = corpus.v[model].saved,
                               .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                               .minimum_segment_size = 3,
                               .maximum_cached_engines = 1,
                               .allow_build_at_runtime = true,
                               .rule_tactics = true,
                               .threads = threads,
                               .progress = ear ? hear : NULL,
                               .progress_user = ear};
}

static status_t convert_and_build(const converter_options_t *o, int model, converter_t **out) {
  assert_ok(converter_create(o, out));
  TRY(converter_convert(*out, NULL));
  return build_from(*out, &golden[model].cases.v[0]);
}

static void the_number_of_threads_changes_nothing(void **state) {
  (void)state;
  converter_t *c[3];
  const int threads[] = {1, 3, 16};
  for (int i = 0; i < 3; i++) {
    converter_options_t o = options(1, NULL, threads[i]);
    assert_ok(convert_and_build(&o, 1, &c[i]));
    assert_int_equal(c[i]->engines.n, MANY);
    assert_int_equal(converter_n_warnings(c[i]), 0);
  }
  for (size_t e = 0; e < MANY; e++)
    for (int i = 1; i < 3; i++) {
      const built_engine_t *a = c[0]->engines.v[e].built.v, *b = c[i]->engines.v[e].built.v;
      assert_int_equal(c[i]->engines.v[e].built.n, 1);
      assert_int_equal(a->plan.size, b->plan.size);
      assert_memory_equal(a->plan.data, b->plan.data, a->plan.size);
    }
  for (int i = 0; i < 3; i++) converter_destroy(c[i]);
}

// Warnings come in the order of the engines, whoever fails first.
static void warnings_are_in_order(void **state) {
  (void)state;
  converter_options_t o = options(1, NULL, 4);
  o.max_workspace_bytes = 1;  // no elementwise layer can run
  converter_t *c;
  assert_ok(convert_and_build(&o, 1, &c));
  int n = converter_n_warnings(c), last = -1;
  assert_true(n > 1);
  for (int i = 0; i < n; i++) {
    const char *text = converter_warning(c, i), *name = strstr(text, "TRTEngineOp_");
    assert_non_null(strstr(text, "bytes of scratch memory; the workspace is 1"));
    assert_non_null(strstr(text, "layer "));
    assert_non_null(name);
    int number = atoi(name + strlen("TRTEngineOp_000_"));
    assert_true(number > last);
    last = number;
  }
  converter_destroy(c);
}

static void progress_is_told_in_stages(void **state) {
  (void)state;
  ear_t e = {0};
  converter_options_t o = options(1, &e, 2);
  converter_t *c;
  char *target = file_join(scratch, "told");
  assert_ok(convert_and_build(&o, 1, &c));
  assert_string_equal(e.stages,
                      "reading, freezing, simplifying, converting, collecting shapes, building "
                      "engines, ");
  assert_int_equal(e.last, e.last_total);
  assert_true(e.last >= MANY);
  assert_ok(converter_save(c, target, true));
  assert_string_equal(e.stage, "saving");
  assert_int_equal(e.last, e.last_total);
  assert_true(e.last > 0);
  assert_false(e.backwards);
  converter_destroy(c);
  mem_free(target);
}

static int files_in_scratch(void) {
  char **names;
  size_t n;
  assert_ok(file_list_dir(scratch, &names, &n));
  for (size_t i = 0; i < n; i++) mem_free(names[i]);
  mem_free(names);
  return (int)n;
}

// The callback says stop at its first call, its second, ... until it is not called so often.
static void cancelled_anywhere_nothing_is_left(void **state) {
  (void)state;
  char *target = file_join(scratch, "cancelled");
  int before = files_in_scratch();
  for (int at = 1;; at++) {
    ear_t e = {.stop_at = at};
    converter_options_t o = options(0, &e, 2);
    converter_t *c;
    status_t st = convert_and_build(&o, 0, &c);
    if (!st) st = converter_save(c, target, true);
    converter_destroy(c);
    if (e.calls < at) {
      assert_ok(st);
      break;
    }
    bool after_all = !st && strcmp(e.stage, "saving") == 0 && e.last == e.last_total;
    if (after_all) {  // it was done when it was asked
      assert_ok(file_remove_tree(target));
      continue;
    }
    assert_fails(st, CANCELLED, "cancelled while ");
    assert_int_equal(files_in_scratch(), before);
    assert_true(at < 1000);
  }
  assert_true(file_is_dir(target));
  assert_ok(file_remove_tree(target));
  mem_free(target);
}

// The backend's build never comes to an end, but for work_check.
static status_t endless(converter_t *c, engine_node_t *e) {
  (void)c, (void)e;
  status_t st;
  work_fraction(0.5);
  while (!(st = work_check())) continue;
  return st;
}

static void cancelled_within_one_engine(void **state) {
  (void)state;
  ear_t e = {.stop_in = "building engines"};
  converter_options_t o = options(1, &e, 3);
  converter_t *c;
  assert_fails(convert_and_build(&o, 1, &c), CANCELLED, "cancelled while building engines");
  work_place_t before = converter_begin(c);
  assert_fails(build_all(c, endless), CANCELLED, "cancelled while building engines");
  work_leave(&before);
  // A converter that was stopped can go on.
  e.stop_in = NULL;
  assert_ok(build_from(c, &golden[1].cases.v[0]));
  for (size_t i = 0; i < MANY; i++) assert_int_equal(c->engines.v[i].built.n, 1);
  converter_destroy(c);
}

static void count_one(void *user, const build_cache_entry_t *e) {
  assert_true(e->whole);
  ++*(int *)user;
}
static int cached(const char *dir) {
  int n = 0;
  status_free(build_cache_list(dir, count_one, &n));
  return n;
}

// What was finished before the interruption is there the next time; nothing is timed again for it.
static void an_interrupted_build_is_taken_up(void **state) {
  (void)state;
  char *dir = file_join(scratch, "engines"), *times = file_join(scratch, "times.json"),
       *other_times = file_join(scratch, "other_times.json");
  ear_t e = {.stop_in = "building engines"};
  converter_options_t o = options(1, &e, 1);
  o.engine_cache_dir = dir;
  converter_t *c;
  assert_fails(convert_and_build(&o, 1, &c), CANCELLED, "building engines");
  int kept = cached(dir);
  assert_in_range(kept, 1, MANY);
  converter_destroy(c);
  o.progress = NULL;
  assert_ok(convert_and_build(&o, 1, &c));
  int all = cached(dir);
  assert_true(all >= kept && all <= MANY);
  converter_destroy(c);

  // With times: the first conversion measures, the second finds the engine and so does not.
  o = options(0, NULL, 1);
  o.engine_cache_dir = dir;
  o.rule_tactics = false;
  o.timing_cache = times;
  assert_ok(convert_and_build(&o, 0, &c));
  assert_int_equal(cached(dir), all + 1);
  bool measures = timing_cache_count(c->timing) > 0;  // not without oneDNN
  bytes_t plan = {mem_alloc(c->engines.v[0].built.v[0].plan.size),
                  c->engines.v[0].built.v[0].plan.size};
  memcpy(plan.data, c->engines.v[0].built.v[0].plan.data, plan.size);
  converter_destroy(c);
  o.timing_cache = other_times;
  assert_ok(convert_and_build(&o, 0, &c));
  assert_int_equal(timing_cache_count(c->timing), 0);
  assert_int_equal(c->engines.v[0].built.v[0].plan.size, plan.size);
  assert_memory_equal(c->engines.v[0].built.v[0].plan.data, plan.data, plan.size);
  assert_int_equal(cached(dir), all + 1);
  converter_destroy(c);
  // Without the cache, but with the times of the first: the same engine, as nothing is measured.
  o.engine_cache_dir = NULL;
  o.timing_cache = times;
  assert_ok(convert_and_build(&o, 0, &c));
  if (measures) {
    assert_int_equal(c->engines.v[0].built.v[0].plan.size, plan.size);
    assert_memory_equal(c->engines.v[0].built.v[0].plan.data, plan.data, plan.size);
  }
  converter_destroy(c);
  mem_free(plan.data);
  mem_free(dir);
  mem_free(times);
  mem_free(other_times);
}

static void a_file_that_is_no_timing_cache_is_refused(void **state) {
  (void)state;
  char *file = file_join(scratch, "mine.txt");
  assert_ok(file_write(file, "mine", 4));
  converter_options_t o = options(0, NULL, 1);
  o.timing_cache = file;
  converter_t *c;
  assert_fails(converter_create(&o, &c), INVALID_ARGUMENT, "mine.txt is no timing cache");
  mem_free(file);
}

// Too little for anything: the message tells what it was for. A little more each time: at last it
// works, and nothing but this failure is met on the way.
static void memory_is_kept_within_a_limit(void **state) {
  (void)state;
  converter_t *c;
  bool failed = false, built = false;
  for (int64_t more = 64 << 10; more < 256 << 20; more *= 2) {
    converter_options_t o = options(0, NULL, 2);
    o.rule_tactics = false;
    o.max_memory_bytes = (int64_t)mem_held() + more;
    status_t st = convert_and_build(&o, 0, &c);
    if (st) {
      assert_int_equal(status_code(st), CODE_RESOURCE_EXHAUSTED);
      assert_non_null(strstr(status_message(st), "max_memory_bytes"));
      assert_non_null(strstr(status_message(st), "bytes"));
      assert_false(built);
      failed = true;
    } else {
      assert_int_equal(c->engines.v[0].built.n, 1);
      built = true;
    }
    status_free(st);
    converter_destroy(c);
  }
  assert_true(failed && built);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_number_of_threads_changes_nothing),
                                     cmocka_unit_test(warnings_are_in_order),
                                     cmocka_unit_test(progress_is_told_in_stages),
                                     cmocka_unit_test(cancelled_anywhere_nothing_is_left),
                                     cmocka_unit_test(cancelled_within_one_engine),
                                     cmocka_unit_test(an_interrupted_build_is_taken_up),
                                     cmocka_unit_test(a_file_that_is_no_timing_cache_is_refused),
                                     cmocka_unit_test(memory_is_kept_within_a_limit)};
  return cmocka_run_group_tests(tests, load, unload);
}
