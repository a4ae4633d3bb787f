// A converted model through the public header: what happens where no engine serves, and what is
// told of it.
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/build_cache.h"
#include "test.h"
#include "tftrt/tftrt.h"

#define MNIST TESTS_DIR "/models/small/mnist_cnn/saved_model"

static char scratch[64];
static tftrt_error e = TFTRT_ERROR_INIT;

static void assert_done(tftrt_code code) {
  if (code) fail_msg("%s: %s (%s:%d)", tftrt_code_name(code), e.message, e.file, e.line);
}

static int load(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_model_XXXXXX");
  return mkdtemp(scratch) ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  status_free(file_remove_tree(scratch));
  return 0;
}

static tftrt_tensor image(int64_t batch, float *data) {
  tftrt_tensor t = {.dtype = TFTRT_FLOAT, .rank = 4, .dims = {batch, 28, 28, 1}, .data = data};
  t.bytes = (size_t)batch * 28 * 28 * sizeof *data;
  for (size_t i = 0; i < t.bytes / sizeof *data; i++) data[i] = (float)(i % 29) / 29;
  return t;
}

typedef struct feeder {
  int at, n;
  int64_t batches[4];
  float data[8 * 28 * 28];
} feeder_t;

static int feed(void *user, tftrt_tensor *inputs, int n) {
  feeder_t *f = user;
  assert_int_equal(n, 1);
  if (f->at == f->n) return 0;
  inputs[0] = image(f->batches[f->at++], f->data);
  return 1;
}

static char *convert(const char *name, const char *strategy) {
  static feeder_t f;
  char *dir = file_join(scratch, name);
  tftrt_converter_options o;
  tftrt_converter *c;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = MNIST;
  o.threads = 2;
  o.use_dynamic_shape = strategy != NULL;
  o.dynamic_shape_profile_strategy = strategy;
  f = (feeder_t){.n = strategy ? 2 : 1, .batches = {2, 4}};
  assert_done(tftrt_converter_create(&o, &c, &e));
  assert_done(tftrt_converter_convert(c, NULL, NULL, &e));
  assert_done(tftrt_converter_build(c, feed, &f, &e));
  assert_done(tftrt_converter_save(c, dir, 1, &e));
  tftrt_converter_destroy(c);
  return dir;
}

static tftrt_code run_batch(tftrt_model *m, int64_t batch) {
  static float data[8 * 28 * 28];
  tftrt_tensor in = image(batch, data), out;
  tftrt_code code = tftrt_model_run(m, NULL, &in, 1, &out, 1, &e);
  tftrt_tensor_release(&out);
  return code;
}

static tftrt_model *open_with(const char *dir, tftrt_fallback policy, const char *compat) {
  tftrt_model_options o;
  tftrt_model *m;
  tftrt_model_options_init(&o);
  assert_int_equal(o.on_fallback, TFTRT_FALLBACK_NATIVE);
  o.threads = 2;
  o.on_fallback = policy;
  o.compat = compat;
  assert_done(tftrt_model_open(dir, &o, &m, &e));
  return m;
}

static tftrt_engine_stats stats_of(tftrt_model *m) {
  tftrt_engine_stats s = TFTRT_ENGINE_STATS_INIT;
  assert_int_equal(tftrt_model_engine_count(m), 1);
  assert_done(tftrt_model_engine_stats(m, 0, &s, &e));
  return s;
}

// Beyond the engine's shapes: natively, with an engine made, or not at all.
static void policies(void **state) {
  (void)state;
  static const char *const strategies[] = {NULL, "Range"};
  for (int i = 0; i < 2; i++) {
    char *dir = convert(i ? "dynamic" : "implicit", strategies[i]);
    int64_t known = i ? 3 : 2, beyond = i ? 5 : 3;
    tftrt_model *m = open_with(dir, TFTRT_FALLBACK_NATIVE, NULL);
    assert_done(run_batch(m, known));
    assert_done(run_batch(m, beyond));
    tftrt_engine_stats s = stats_of(m);
    assert_int_equal(s.runs, 2);
    assert_int_equal(s.cache_hits, 1);
    assert_int_equal(s.fallbacks, 1);
    assert_int_equal(s.fallback_reasons, 1);
    assert_int_equal(s.engines, 1);
    assert_int_equal(s.profiles, i);
    assert_int_equal(s.contexts, 1);
    assert_int_equal(s.contexts_made, 1);
    assert_true(s.context_bytes > 0 && s.context_seconds > 0);
    const char *reason;
    int64_t count;
    assert_done(tftrt_model_engine_fallback(m, 0, 0, &reason, &count, &e));
    assert_string_equal(reason, s.last_fallback_reason);
    assert_int_equal(count, 1);
    assert_int_equal(tftrt_model_engine_fallback(m, 0, 1, &reason, &count, &e), TFTRT_OUT_OF_RANGE);
    tftrt_model_close(m);

    m = open_with(dir, TFTRT_FALLBACK_BUILD, NULL);
    assert_done(run_batch(m, known));
    assert_done(run_batch(m, beyond));
    s = stats_of(m);
    assert_int_equal(s.cache_hits, 2);
    assert_int_equal(s.builds, !i);  // with profiles the engine only gets one more
    assert_int_equal(s.profiles, 2 * i);
    assert_int_equal(s.engines, 1);
    tftrt_model_close(m);

    m = open_with(dir, TFTRT_FALLBACK_FAIL, NULL);
    assert_done(run_batch(m, known));
    assert_int_equal(run_batch(m, beyond), TFTRT_ABORTED);
    assert_non_null(strstr(e.message, "User disallowed engine native segment execution."));
    tftrt_model_close(m);
    mem_free(dir);
  }
}

static void compat_of_a_run(void **state) {
  (void)state;
  char *dir = convert("compat", NULL);
  tftrt_model *m = open_with(dir, TFTRT_FALLBACK_NATIVE, "2.17");
  assert_done(run_batch(m, 2));
  assert_done(run_batch(m, 3));
  tftrt_engine_stats s = stats_of(m);
  assert_int_equal(s.builds, 1);  // for which the saved engine went
  assert_int_equal(s.engines, 1);
  assert_int_equal(s.fallbacks, 0);
  tftrt_model_close(m);
  tftrt_model_options o;
  tftrt_model_options_init(&o);
  o.compat = "2.16";
  assert_int_equal(tftrt_model_open(dir, &o, &m, &e), TFTRT_INVALID_ARGUMENT);
  assert_string_equal(e.message, "compat is \"2.17\" or nothing, not \"2.16\"");
  tftrt_model_options_init(&o);
  o.on_fallback = (tftrt_fallback)7;
  assert_int_equal(tftrt_model_open(dir, &o, &m, &e), TFTRT_INVALID_ARGUMENT);
  assert_null(m);
  mem_free(dir);
}

static void see_file(void *self, const build_cache_entry_t *e) {
  char **path = self;
  assert_null(*path);
  assert_true(e->whole);
  *path = mem_printf("%s/kept/%s", scratch, e->name);
}

// What a run builds is kept, and taken up by the next process: its file is used, not written.
static void built_engines_are_kept(void **state) {
  (void)state;
  char *dir = convert("kept_model", NULL), *kept = file_join(scratch, "kept"), *path = NULL;
  struct stat before, after;
  for (int i = 0; i < 2; i++) {
    tftrt_model_options o;
    tftrt_model *m;
    tftrt_model_options_init(&o);
    o.threads = 2;
    o.on_fallback = TFTRT_FALLBACK_BUILD;
    o.engine_cache_dir = kept;
    assert_done(tftrt_model_open(dir, &o, &m, &e));
    assert_done(run_batch(m, 3));
    tftrt_engine_stats s = stats_of(m);
    assert_int_equal(s.builds, 1);
    assert_int_equal(s.cache_hits, 1);
    tftrt_model_close(m);
    mem_free(path);
    path = NULL;
    assert_ok(build_cache_list(kept, see_file, &path));  // one
    assert_int_equal(stat(path, i ? &after : &before), 0);
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    if (!i) assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
  }
  assert_int_equal(after.st_ino, before.st_ino);
  assert_true(after.st_mtim.tv_sec > 1000);
  mem_free(path);
  mem_free(kept);
  mem_free(dir);
}

static json_t *first(const json_t *o, const char *key) {
  return json_array_get(json_object_get(o, key), 0);
}

static void stats_in_json(void **state) {
  (void)state;
  char *dir = convert("json", "Range"), *text;
  tftrt_model *m = open_with(dir, TFTRT_FALLBACK_NATIVE, NULL);
  assert_done(run_batch(m, 4));
  assert_done(run_batch(m, 1));
  assert_done(tftrt_model_stats_json(m, &text, &e));
  json_t *top = json_loads(text, 0, NULL);
  assert_non_null(top);
  assert_string_equal(json_string_value(json_object_get(top, "schema")), "tftrt.report/1");
  const json_t *engine = first(top, "engines");
  assert_int_equal(json_integer_value(json_object_get(engine, "cache_hits")), 1);
  const json_t *why = first(engine, "fallback_reasons");
  assert_int_equal(json_integer_value(json_object_get(why, "count")), 1);
  assert_non_null(strstr(json_string_value(json_object_get(why, "reason")), "profile"));
  const json_t *input = first(first(engine, "profiles"), "inputs");
  assert_string_equal(json_string_value(json_object_get(input, "name")), "TensorRTInputPH_0");
  assert_int_equal(json_integer_value(first(input, "min")), 2);
  assert_int_equal(json_integer_value(first(input, "max")), 4);
  json_decref(top);
  tftrt_free(text);
  tftrt_model_close(m);
  mem_free(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(policies), cmocka_unit_test(compat_of_a_run),
                                     cmocka_unit_test(built_engines_are_kept),
                                     cmocka_unit_test(stats_in_json)};
  return cmocka_run_group_tests(tests, load, unload);
}
