// What a model promises beyond right results: threads, errors, variables that last.
#include <pthread.h>

#include "npz.h"
#include "runtime/runtime.h"

#define SMALL TESTS_DIR "/models/small/"

static model_t *open_small(const char *dir) {
  model_options_t o = {.struct_size = sizeof o, .threads = 1};
  model_t *m = NULL;
  assert_ok(model_open(dir, &o, &m));
  return m;
}

typedef struct job {
  model_t *m;
  const signature_t *s;
  tensor_t in[4];
  tensor_t want;  // output 0 of a run alone
} job_t;

static void *runs(void *arg) {
  const job_t *j = arg;
  for (int i = 0; i < 20; i++) {
    tensor_t out[8] = {0};
    assert_ok(model_run(j->m, NULL, j->in, out));
    assert_true(shape_equal(&out[0].shape, &j->want.shape));
    assert_memory_equal(out[0].data, j->want.data, tensor_bytes(&j->want));
    for (int k = 0; k < j->s->n_outputs; k++) tensor_unref(&out[k]);
  }
  return NULL;
}

// Threads with different batch sizes get, bit for bit, what a run alone gets.
static void threads_do_not_meet(void **state) {
  (void)state;
  static const char *const names[] = {"lstm_text", "resnet_tiny", "v1_control_flow"};
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    char dir[512];
    snprintf(dir, sizeof dir, "%s%s/saved_model", SMALL, names[k]);
    job_t jobs[3] = {0};
    model_t *m = open_small(dir);
    pthread_t threads[6];
    for (int i = 0; i < 3; i++) {
      job_t *j = &jobs[i];
      snprintf(dir, sizeof dir, "%s%s/golden/serving_default.%d.npz", SMALL, names[k], i);
      npz_t z = npz_open(dir);
      j->m = m;
      assert_ok(meta_graph_signature(model_meta_graph(m), NULL, &j->s));
      assert_in_range(j->s->n_inputs, 1, 4);
      assert_in_range(j->s->n_outputs, 1, 8);
      for (int a = 0; a < j->s->n_inputs; a++)
        j->in[a] = npz_get(&z, "in.", j->s->inputs[a].key, j->s->inputs[a].dtype);
      npz_close(&z);
      tensor_t out[8] = {0};
      assert_ok(model_run(m, NULL, j->in, out));
      j->want = tensor_ref(&out[0]);
      for (int a = 0; a < j->s->n_outputs; a++) tensor_unref(&out[a]);
    }
    for (int i = 0; i < 6; i++)
      assert_int_equal(pthread_create(&threads[i], NULL, runs, &jobs[i % 3]), 0);
    for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
    model_close(m);
    for (int i = 0; i < 3; i++) {  // results outlive the model
      assert_true(tensor_elements(&jobs[i].want) > 0);
      tensor_unref(&jobs[i].want);
      for (int a = 0; a < 4; a++) tensor_unref(&jobs[i].in[a]);
    }
  }
}

static void bad_calls_are_refused(void **state) {
  (void)state;
  model_t *m = NULL;
  assert_fails(model_open(SMALL "no_such_model", NULL, &m), NOT_FOUND, "no_such_model");
  const char *tags[] = {"train"};
  model_options_t o = {.struct_size = sizeof o, .tags = tags, .n_tags = 1};
  assert_fails(model_open(SMALL "mnist_cnn/saved_model", &o, &m), NOT_FOUND, "serve");
  o = (model_options_t){.struct_size = sizeof o, .backend = "abacus"};
  assert_fails(model_open(SMALL "mnist_cnn/saved_model", &o, &m), NOT_FOUND, "abacus");

  m = open_small(SMALL "mnist_cnn/saved_model");
  const signature_t *s;
  tensor_t in[1] = {0}, out[1] = {0};
  assert_ok(meta_graph_signature(model_meta_graph(m), NULL, &s));
  assert_int_equal(s->n_inputs, 1);
  assert_fails(model_run(m, "no_such_signature", in, out), NOT_FOUND, "serving_default");
  assert_fails(model_run(m, NULL, in, out), INVALID_ARGUMENT, "is missing");
  shape_t wrong = SHAPE(2, 3);
  assert_ok(tensor_alloc(DT_FLOAT, &wrong, &in[0]));
  assert_fails(model_run(m, NULL, in, out), INVALID_ARGUMENT, "[2,3]");
  tensor_unref(&in[0]);
  assert_ok(tensor_alloc(DT_INT32, &wrong, &in[0]));
  assert_fails(model_run(m, NULL, in, out), INVALID_ARGUMENT, "is int32, expected float32");
  assert_true(tensor_empty(&out[0]));
  tensor_unref(&in[0]);
  model_close(m);
}

static int64_t call_counter(model_t *m) {
  shape_t shape = SHAPE(1, 3);
  tensor_t in, out[2];
  assert_ok(tensor_alloc(DT_FLOAT, &shape, &in));
  memset(in.data, 0, tensor_bytes(&in));
  assert_ok(model_run(m, NULL, &in, out));
  int64_t calls;  // "calls" comes before "y"
  assert_ok(tensor_int_at(&out[0], 0, &calls));
  for (int i = 0; i < 2; i++) tensor_unref(&out[i]);
  tensor_unref(&in);
  return calls;
}

static void *counts(void *m) {
  for (int i = 0; i < 50; i++) call_counter(m);
  return NULL;
}

// Every call is counted, whoever makes it; another opening of the model counts from its beginning.
static void variables_belong_to_the_opened_model(void **state) {
  (void)state;
  model_t *a = open_small(SMALL "stateful_counter/saved_model");
  model_t *b = open_small(SMALL "stateful_counter/saved_model");
  int64_t first = call_counter(a);
  assert_int_equal(call_counter(a), first + 1);
  assert_int_equal(call_counter(b), first);
  pthread_t t[4];
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&t[i], NULL, counts, a), 0);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  assert_int_equal(call_counter(a), first + 202);
  model_close(a);
  model_close(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_do_not_meet),
      cmocka_unit_test(bad_calls_are_refused),
      cmocka_unit_test(variables_belong_to_the_opened_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
