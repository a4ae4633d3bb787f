// The Triton backend behind a fake of the server's side (fake_triton.h). In the real server:
// tests/conformance/triton_test.py.
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tftrt/tftrt.h>
#include <unistd.h>

#include "fake_triton.h"
#include "test.h"

#define SMALL TESTS_DIR "/models/small/"

static TRITONBACKEND_Backend backend = {
    {(char *)"{\"cmdline\":{\"default-max-batch-size\":\"4\"}}"}};
static char repository[64];

// <repository>/1/<name> is a corpus model.
static int make_repository(void **state) {
  (void)state;
  char path[256], target[256];
  static const char *const models[] = {"mnist_cnn", "vocab_asset", "passthrough", "dlrm_tiny"};
  strcpy(repository, "/tmp/tftrt_backend_XXXXXX");
  if (!mkdtemp(repository)) return -1;
  snprintf(path, sizeof path, "%s/1", repository);
  if (mkdir(path, 0700)) return -1;
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    snprintf(path, sizeof path, "%s/1/%s", repository, models[i]);
    snprintf(target, sizeof target, SMALL "%s/saved_model", models[i]);
    if (symlink(target, path)) return -1;
  }
  return 0;
}

static int remove_repository(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", repository);
  return system(command);
}

static TRITONBACKEND_Model model_of(const char *file, const char *more) {
  char text[1024];
  snprintf(text, sizeof text, "{\"default_model_filename\":\"%s\"%s}", file, more);
  return (TRITONBACKEND_Model){.backend = &backend,
                               .name = file,
                               .repository = repository,
                               .config = strdup(text),
                               .auto_complete = true};
}

static void assert_fine(TRITONSERVER_Error *e) {
  if (e) fail_msg("%s", TRITONSERVER_ErrorMessage(e));
}

static void assert_refused(TRITONSERVER_Error *e, const char *part) {
  assert_non_null(e);
  if (!strstr(TRITONSERVER_ErrorMessage(e), part)) fail_msg("%s", TRITONSERVER_ErrorMessage(e));
  TRITONSERVER_ErrorDelete(e);
}

static void start(TRITONBACKEND_Model *m, TRITONBACKEND_ModelInstance *i) {
  *i = (TRITONBACKEND_ModelInstance){.model = m, .kind = TRITONSERVER_INSTANCEGROUPKIND_CPU};
  if (!m->state) assert_fine(TRITONBACKEND_ModelInitialize(m));
  assert_fine(TRITONBACKEND_ModelInstanceInitialize(i));
}

static void stop(TRITONBACKEND_Model *m, TRITONBACKEND_ModelInstance *i, int n) {
  for (int k = 0; k < n; k++) assert_fine(TRITONBACKEND_ModelInstanceFinalize(&i[k]));
  assert_fine(TRITONBACKEND_ModelFinalize(m));
  free(m->config);
  assert_int_equal(fake_errors, 0);
}

// ------------------------------------------------------------------ requests

static tftrt_arrays *golden_of(const char *path) {
  tftrt_arrays *a;
  tftrt_error e = TFTRT_ERROR_INIT;
  if (tftrt_arrays_load(path, &a, &e)) fail_msg("%s", e.message);
  return a;
}

static tftrt_tensor array(const tftrt_arrays *a, const char *name) {
  tftrt_tensor t;
  assert_int_equal(tftrt_arrays_get(a, name, &t, NULL), TFTRT_OK);
  return t;
}

// Rows first..first+rows-1 of a tensor as an input, in two buffers where that can be.
static TRITONBACKEND_Input input_of(const char *name, TRITONSERVER_DataType type,
                                    const tftrt_tensor *t, int64_t first, int64_t rows) {
  TRITONBACKEND_Input in = {.name = name, .type = type, .rank = (uint32_t)t->rank};
  for (int d = 0; d < t->rank; d++) in.shape[d] = t->dims[d];
  size_t row = t->bytes / (size_t)t->dims[0];
  const char *data = (const char *)t->data + row * (size_t)first;
  in.shape[0] = rows;
  in.bytes = row * (uint64_t)rows;
  in.buffers[0].data = data;
  in.buffers[0].size = in.bytes / 3;
  in.buffers[1].data = data + in.bytes / 3;
  in.buffers[1].size = in.bytes - in.bytes / 3;
  in.n_buffers = 2;
  return in;
}

static TRITONBACKEND_Request image_request(const tftrt_tensor *images, int64_t first,
                                           int64_t rows) {
  TRITONBACKEND_Request r = {.n_inputs = 1, .outputs = {"output_0"}, .n_outputs = 1};
  r.inputs[0] = input_of("image", TRITONSERVER_TYPE_FP32, images, first, rows);
  return r;
}

static void assert_close(const TRITONBACKEND_Output *o, const tftrt_tensor *want, int64_t first,
                         int64_t rows) {
  assert_non_null(o);
  assert_int_equal(o->type, TRITONSERVER_TYPE_FP32);
  assert_int_equal(o->shape[0], rows);
  size_t row = want->bytes / sizeof(float) / (size_t)want->dims[0];
  assert_int_equal(o->size, row * (size_t)rows * sizeof(float));
  const float *a = o->data, *b = (const float *)want->data + row * (size_t)first;
  for (size_t i = 0; i < row * (size_t)rows; i++)
    if (!(fabsf(a[i] - b[i]) < 1e-5f)) fail_msg("[%zu]: %g, not %g", i, a[i], b[i]);
}

static void execute(TRITONBACKEND_ModelInstance *i, TRITONBACKEND_Request *r, uint32_t n) {
  TRITONBACKEND_Request *list[FAKE_MAX];
  for (uint32_t k = 0; k < n; k++) list[k] = &r[k];
  assert_fine(TRITONBACKEND_ModelInstanceExecute(i, list, n));
  for (uint32_t k = 0; k < n; k++) assert_true(r[k].released && r[k].response);
}

static void assert_answer_is_error(TRITONBACKEND_Request *r, TRITONSERVER_Error_Code code,
                                   const char *part) {
  assert_int_equal(r->response->code, code);
  if (!strstr(r->response->error, part)) fail_msg("%s", r->response->error);
  fake_request_free(r);
}

// ------------------------------------------------------------------ tests

static json_t *config_of(const TRITONBACKEND_Model *m) { return json_loads(m->config, 0, NULL); }

static json_t *member(const json_t *config, const char *side, size_t i, const char *key) {
  return json_object_get(json_array_get(json_object_get(config, side), i), key);
}

static void configuration_is_completed(void **state) {
  (void)state;
  TRITONBACKEND_Model m = model_of("mnist_cnn", "");
  TRITONBACKEND_ModelInstance i;
  start(&m, &i);
  json_t *c = config_of(&m), *dims = json_pack("[i,i,i]", 28, 28, 1);
  assert_int_equal(json_integer_value(json_object_get(c, "max_batch_size")), 4);
  assert_true(json_is_object(json_object_get(c, "dynamic_batching")));
  assert_string_equal(json_string_value(member(c, "input", 0, "name")), "image");
  assert_string_equal(json_string_value(member(c, "input", 0, "data_type")), "TYPE_FP32");
  assert_true(json_equal(member(c, "input", 0, "dims"), dims));
  json_decref(c);
  json_decref(dims);
  stop(&m, &i, 1);

  // A scalar among the inputs: no batch.
  m = model_of("passthrough", ",\"input\":[{\"name\":\"s\",\"data_type\":\"TYPE_INVALID\"}]");
  start(&m, &i);
  c = config_of(&m);
  assert_int_equal(json_integer_value(json_object_get(c, "max_batch_size")), 0);
  assert_null(json_object_get(c, "dynamic_batching"));
  assert_int_equal(json_array_size(json_object_get(c, "input")), 4);
  dims = json_pack("[i]", 1);
  assert_true(json_equal(member(c, "input", 0, "dims"), dims));
  json_decref(c);
  json_decref(dims);
  stop(&m, &i, 1);
}

static void wrong_configurations(void **state) {
  (void)state;
  static const struct {
    const char *more, *part;
  } cases[] = {
      {",\"parameters\":{\"threads\":{\"string_value\":\"-1\"}}", "'threads' is '-1'"},
      {",\"parameters\":{\"tags\":{\"string_value\":\"serve,\"}}", "a tag is empty"},
      {",\"parameters\":{\"thread\":{\"string_value\":\"1\"}}", "no parameter 'thread'"},
      {",\"parameters\":{\"signature\":{\"string_value\":\"x\"}}", "serving_default"},
      {",\"input\":[{\"name\":\"image\",\"data_type\":\"TYPE_BOOL\"}]", "TYPE_BOOL"},
      {",\"output\":[{\"name\":\"x\",\"data_type\":\"TYPE_BOOL\",\"dims\":[1]}]", "no output 'x'"},
      {",\"max_batch_size\":3,\"input\":[{\"name\":\"image\",\"dims\":[\"1\",28,28,1]}]",
       "[-1,1,28,28,1]"}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    TRITONBACKEND_Model m = model_of("mnist_cnn", cases[k].more);
    assert_refused(TRITONBACKEND_ModelInitialize(&m), cases[k].part);
    assert_null(m.state);
    free(m.config);
  }
  TRITONBACKEND_Model m = model_of("mnist_cnn", "");
  m.auto_complete = false;
  assert_refused(TRITONBACKEND_ModelInitialize(&m), "input 'image' is not configured");
  m.auto_complete = true;
  TRITONBACKEND_ModelInstance i, gpu = {.model = &m, .kind = TRITONSERVER_INSTANCEGROUPKIND_GPU};
  start(&m, &i);
  assert_refused(TRITONBACKEND_ModelInstanceInitialize(&gpu), "CPU");
  stop(&m, &i, 1);
}

static void requests_are_one_run(void **state) {
  (void)state;
  tftrt_arrays *golden = golden_of(SMALL "mnist_cnn/golden/serving_default.1.npz");
  tftrt_tensor images = array(golden, "in.image"), want = array(golden, "out.output_0");
  TRITONBACKEND_Model m = model_of("mnist_cnn", "");
  TRITONBACKEND_ModelInstance i;
  start(&m, &i);
  TRITONBACKEND_Request r[] = {image_request(&images, 0, 1), image_request(&images, 0, 2),
                               image_request(&images, 1, 1)};
  execute(&i, r, 3);
  assert_close(fake_output(&r[0], "output_0"), &want, 0, 1);
  assert_close(fake_output(&r[1], "output_0"), &want, 0, 2);
  assert_close(fake_output(&r[2], "output_0"), &want, 1, 1);
  assert_int_equal(i.runs, 1);
  assert_int_equal(i.rows, 4);
  assert_int_equal(i.succeeded, 3);
  for (int k = 0; k < 3; k++) fake_request_free(&r[k]);
  stop(&m, &i, 1);
  tftrt_arrays_destroy(golden);
}

// Each is the answer of its own request; the last one is right.
static void errors_stay_with_their_requests(void **state) {
  (void)state;
  tftrt_arrays *golden = golden_of(SMALL "mnist_cnn/golden/serving_default.1.npz");
  tftrt_tensor images = array(golden, "in.image"), want = array(golden, "out.output_0");
  TRITONBACKEND_Model m = model_of("mnist_cnn", "");
  TRITONBACKEND_ModelInstance i;
  start(&m, &i);
  TRITONBACKEND_Request r[8];
  for (int k = 0; k < 8; k++) r[k] = image_request(&images, k % 2, 1);
  r[0].inputs[0].bytes -= 4;
  r[1].inputs[0].type = TRITONSERVER_TYPE_INT32;
  r[2].inputs[0].name = "picture";
  r[3].inputs[0].shape[1] = 14;
  r[3].inputs[0].shape[2] = 56;
  r[4].inputs[0].memory = TRITONSERVER_MEMORY_GPU;
  r[5].cancelled = true;
  r[6].outputs[0] = "output_1";
  execute(&i, r, 8);
  assert_close(fake_output(&r[7], "output_0"), &want, 1, 1);
  fake_request_free(&r[7]);
  assert_answer_is_error(&r[0], TRITONSERVER_ERROR_INVALID_ARG,
                         "input 'image' of shape [1,28,28,1]");
  assert_answer_is_error(&r[1], TRITONSERVER_ERROR_INVALID_ARG, "wants float32");
  assert_answer_is_error(&r[2], TRITONSERVER_ERROR_INVALID_ARG, "image");
  assert_answer_is_error(&r[3], TRITONSERVER_ERROR_INVALID_ARG, "got [1,14,56,1]");
  assert_answer_is_error(&r[4], TRITONSERVER_ERROR_UNSUPPORTED, "GPU");
  assert_answer_is_error(&r[5], TRITONSERVER_ERROR_CANCELLED, "cancelled");
  assert_answer_is_error(&r[6], TRITONSERVER_ERROR_NOT_FOUND, "no output 'output_1'");
  assert_int_equal(i.failed, 7);
  assert_int_equal(i.succeeded, 1);

  fake_output_memory = TRITONSERVER_MEMORY_GPU;
  execute(&i, &r[7], 1);
  assert_answer_is_error(&r[7], TRITONSERVER_ERROR_UNSUPPORTED, "output 'output_0'");
  fake_output_memory = TRITONSERVER_MEMORY_CPU;
  stop(&m, &i, 1);
  tftrt_arrays_destroy(golden);
}

// vocab_asset's answers by TensorFlow for one word each: tests/models/small/vocab_asset.
static void strings(void **state) {
  (void)state;
  tftrt_arrays *golden = golden_of(SMALL "vocab_asset/golden/serving_default.1.npz");
  tftrt_tensor words = array(golden, "in.words"), want = array(golden, "out.y");
  const tftrt_string *s = words.data;
  TRITONBACKEND_Model m = model_of("vocab_asset", "");
  TRITONBACKEND_ModelInstance i;
  start(&m, &i);
  TRITONBACKEND_Request r[FAKE_MAX] = {0};
  unsigned char data[FAKE_MAX][512];
  size_t rows = (size_t)words.dims[0];
  int64_t columns = words.dims[1];
  if (rows < 2 || rows > 4) fail_msg("%zu rows", rows);
  for (size_t k = 0; k < rows; k++) {
    size_t size = 0;
    for (int64_t c = 0; c < columns; c++) {
      const tftrt_string *word = &s[(int64_t)k * columns + c];
      memcpy(data[k] + size, (uint32_t[]){(uint32_t)word->size}, 4);
      if (word->size) memcpy(data[k] + size + 4, word->data, word->size);
      size += 4 + word->size;
    }
    r[k] = (TRITONBACKEND_Request){.n_inputs = 1, .outputs = {"y"}, .n_outputs = 1};
    r[k].inputs[0] = (TRITONBACKEND_Input){.name = "words",
                                           .type = TRITONSERVER_TYPE_BYTES,
                                           .shape = {1, columns},
                                           .rank = 2,
                                           .bytes = size,
                                           .buffers = {{data[k], size}},
                                           .n_buffers = 1};
  }
  execute(&i, r, (uint32_t)rows);
  assert_int_equal(i.runs, 1);
  for (size_t k = 0; k < rows; k++) {
    assert_close(fake_output(&r[k], "y"), &want, (int64_t)k, 1);
    fake_request_free(&r[k]);
  }
  // The first one's strings are longer than its bytes: the others are answered all the same.
  data[0][0] = 0xff;
  execute(&i, r, (uint32_t)rows);
  assert_answer_is_error(&r[0], TRITONSERVER_ERROR_INVALID_ARG, "are not");
  for (size_t k = 1; k < rows; k++) {
    assert_close(fake_output(&r[k], "y"), &want, (int64_t)k, 1);
    fake_request_free(&r[k]);
  }
  stop(&m, &i, 1);
  tftrt_arrays_destroy(golden);
}

// Several instances of one model, each in a thread of its own.
enum { THREADS = 4, CALLS = 12 };

typedef struct worker {
  TRITONBACKEND_ModelInstance *instance;
  const tftrt_tensor *images, *want;
} worker_t;

static void *work(void *at) {
  worker_t *w = at;
  for (int k = 0; k < CALLS; k++) {
    TRITONBACKEND_Request r[] = {image_request(w->images, 0, 1),
                                 image_request(w->images, 0, 1 + k % 2)};
    execute(w->instance, r, 2);
    for (int n = 0; n < 2; n++) {
      assert_close(fake_output(&r[n], "output_0"), w->want, 0, n ? 1 + k % 2 : 1);
      fake_request_free(&r[n]);
    }
  }
  return NULL;
}

static void instances(void **state) {
  (void)state;
  static const char *const modes[] = {
      "", ",\"parameters\":{\"precision_mode\":{\"string_value\":\"FP32\"}}"};
  tftrt_arrays *golden = golden_of(SMALL "mnist_cnn/golden/serving_default.1.npz");
  tftrt_tensor images = array(golden, "in.image"), want = array(golden, "out.output_0");
  for (int mode = 0; mode < 2; mode++) {
    TRITONBACKEND_Model m = model_of("mnist_cnn", modes[mode]);
    TRITONBACKEND_ModelInstance all[THREADS];
    worker_t w[THREADS];
    pthread_t threads[THREADS];
    for (int k = 0; k < THREADS; k++) {
      start(&m, &all[k]);
      w[k] = (worker_t){&all[k], &images, &want};
    }
    for (int k = 0; k < THREADS; k++)
      assert_int_equal(pthread_create(&threads[k], NULL, work, &w[k]), 0);
    for (int k = 0; k < THREADS; k++) {
      pthread_join(threads[k], NULL);
      assert_int_equal(all[k].succeeded, 2 * CALLS);
      assert_int_equal(all[k].runs, CALLS);
    }
    stop(&m, all, THREADS);
  }
  tftrt_arrays_destroy(golden);
}

int main(void) {
  if (TRITONBACKEND_Initialize(&backend)) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(configuration_is_completed),
                                     cmocka_unit_test(wrong_configurations),
                                     cmocka_unit_test(requests_are_one_run),
                                     cmocka_unit_test(errors_stay_with_their_requests),
                                     cmocka_unit_test(strings),
                                     cmocka_unit_test(instances)};
  int failed = cmocka_run_group_tests(tests, make_repository, remove_repository);
  return TRITONBACKEND_Finalize(&backend) ? 1 : failed;
}
