// Eight threads run one converted model of the corpus with the shapes of its golden cases, with
// fewer engines than shapes: right answers in every mode, no race (run it under ThreadSanitizer).
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"

enum { THREADS = 8, ROUNDS = 4 };

static char scratch[64];

static int load(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_threads_XXXXXX");
  return mkdtemp(scratch) ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  status_free(file_remove_tree(scratch));
  return 0;
}

typedef struct job {
  pthread_t thread;
  model_t *model;
  const golden_t *golden;
  size_t first;
  score_t score;
  status_t st;
} job_t;

static void *work(void *arg) {
  job_t *j = arg;
  size_t n = j->golden->cases.n;
  for (size_t i = 0; i < ROUNDS * n && !j->st; i++)
    j->st = run_case(j->model, j->golden, &j->golden->cases.v[(i + j->first) % n], &j->score);
  return NULL;
}

static void run_threads(const golden_t *g, const char *dir, engine_stats_t *out) {
  model_t *m;
  job_t jobs[THREADS] = {{0}};
  assert_ok(open_with_tags(dir, "", true, &m));
  for (size_t i = 0; i < THREADS; i++) {
    jobs[i] = (job_t){.model = m, .golden = g, .first = i};
    assert_int_equal(pthread_create(&jobs[i].thread, NULL, work, &jobs[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(jobs[i].thread, NULL);
  for (int i = 0; i < THREADS; i++) {
    assert_ok(jobs[i].st);
    if (jobs[i].score.worst > 1) fail_msg("%g at %s", jobs[i].score.worst, jobs[i].score.where);
  }
  assert_true(model_engine_stats(m, out, 1) >= 1);
  out->name = out->last_fallback_reason = "";
  model_close(m);
  assert_int_equal(out->runs, THREADS * ROUNDS * g->cases.n);
  assert_int_equal(out->hits + out->fallbacks, out->runs);
}

// Converted without engines: they are built while the threads run.
static void convert_bare(const corpus_model_t *cm, const golden_t *g, const conversion_t *how,
                         const char *dir) {
  converter_t *c;
  assert_ok(converter_for(cm, &g->cases.v[0], how, &c));
  assert_ok(converter_convert(c, NULL));
  assert_ok(converter_save(c, dir, true));
  converter_destroy(c);
}

static void threads_share_a_model(void **state) {
  (void)state;
  static char *models[] = {"bert_tiny", "dynamic_shapes"};
  for (int i = 0; i < 2; i++) {
    corpus_t list = {0};
    golden_t g;
    engine_stats_t s;
    corpus_list(TESTS_DIR "/models/small", 1, &models[i], &list);
    golden_load(&list.v[0], &g);
    assert_true(g.cases.n >= 3);
    char *dir = file_join(scratch, models[i]);
    conversion_t how = {.maximum_cached_engines = 2};
    convert_bare(&list.v[0], &g, &how, dir);
    run_threads(&g, dir, &s);
    assert_in_range(s.builds, 1, 2);
    assert_true(s.engines <= 2);
    assert_ok(file_remove_tree(dir));
    how.compat_2_17 = true;
    convert_bare(&list.v[0], &g, &how, dir);
    run_threads(&g, dir, &s);
    assert_int_equal(s.fallbacks, 0);
    assert_true(s.engines <= 2);
    assert_ok(file_remove_tree(dir));
    // One engine, made for all of the shapes.
    how = (conversion_t){.dynamic_shape = true, .profile_strategy = "Range"};
    assert_ok(convert(&list.v[0], &g.cases.v[0], &how, dir));
    run_threads(&g, dir, &s);
    assert_int_equal(s.fallbacks, 0);
    assert_int_equal(s.builds, 0);
    mem_free(dir);
    golden_free(&g);
    corpus_free(&list);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_a_model)};
  return cmocka_run_group_tests(tests, load, unload);
}
