// The op plug-in, loaded as TensorFlow loads it, in a program that exports a small TensorFlow
// (fake_tensorflow.h). Answers are held to TensorFlow's own (golden).
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../tensorflow/message.h"
#include "base/file.h"
#include "base/mem.h"
#include "fake_tensorflow.h"
#include "formats/wire.h"
#include "npz.h"
#include "saved_model/writer.h"
#include "test.h"
#include "tftrt/engine_op.h"

#define MNIST TESTS_DIR "/models/small/mnist_cnn"
#define OLD_MODEL TESTS_DIR "/models/tf-trt-saved/resnet_tiny"

static char scratch[64];

// ---------------------------------------------------------------- models

typedef struct hosted {  // what TensorFlow tells a kernel
  char *dir, *asset;
  file_map_t *pb;
  bytes_view_t node_def, library;
} hosted_t;

static bool is_engine(bytes_view_t node) {
  enum { NODE_DEF_OP = 2 };
  bytes_view_t op = message_field(node, NODE_DEF_OP);
  return op.size == 11 && memcmp(op.data, "TRTEngineOp", 11) == 0;
}

static void find_node(bytes_view_t within, uint32_t field, bytes_view_t *out) {
  for (bytes_view_t n; message_next(&within, field, &n);)
    if (is_engine(n)) *out = n;
}

static hosted_t hosted_open(const char *dir) {
  enum { META_GRAPH = 2, GRAPH = 2, NODE = 1, LIBRARY = 2, FUNCTION = 1, FUNCTION_NODE = 3 };
  hosted_t h = {.dir = mem_strdup(dir)};
  char *path = file_join(dir, "saved_model.pb");
  assert_ok(file_map_open(path, &h.pb));
  mem_free(path);
  bytes_view_t all = {h.pb->data, h.pb->size};
  bytes_view_t graph = message_field(message_field(all, META_GRAPH), GRAPH);
  h.library = message_field(graph, LIBRARY);
  find_node(graph, NODE, &h.node_def);
  bytes_view_t functions = h.library;
  for (bytes_view_t f; !h.node_def.data && message_next(&functions, FUNCTION, &f);)
    find_node(f, FUNCTION_NODE, &h.node_def);
  assert_non_null(h.node_def.data);
  return h;
}

static void hosted_close(hosted_t *h) {
  file_map_unref(h->pb);
  mem_free(h->dir);
  mem_free(h->asset);
}

static char *convert(const char *name, int build, int allow_build) {
  tftrt_error e = TFTRT_ERROR_INIT;
  char *dir = file_join(scratch, name);
  tftrt_converter_options o;
  tftrt_converter *c;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = MNIST "/saved_model";
  o.threads = 2;
  o.maximum_cached_engines = 4;
  o.allow_build_at_runtime = allow_build;
  if (tftrt_converter_create(&o, &c, &e) || tftrt_converter_convert(c, NULL, NULL, &e) ||
      (build && tftrt_converter_build_default(c, 4, &e)) || tftrt_converter_save(c, dir, 1, &e))
    fail_msg("%s", e.message);
  tftrt_converter_destroy(c);
  return dir;
}

// With the asset of its engine, or that says that there is none. Takes dir over.
static hosted_t open_with_asset(char *dir, bool built) {
  char file[80];
  hosted_t h = hosted_open(dir);
  bytes_view_t node = node_def_name(h.node_def);
  size_t from = node.size;
  while (from && node.data[from - 1] != '/') from--;
  snprintf(file, sizeof file, "assets/%s.%.*s", built ? "trt-serialized-engine" : "tftrt-no-engine",
           (int)(node.size - from), node.data + from);
  h.asset = file_join(dir, file);
  assert_true(file_exists(h.asset));
  mem_free(dir);
  return h;
}

static hosted_t converted(const char *name, int build) {
  return open_with_asset(convert(name, build, 1), build);
}

// ---------------------------------------------------------------- runs

static void put_attr(wire_out_t *w, const char *key, bytes_view_t value) {
  enum { NODE_DEF_ATTR = 5, ATTR_S = 2 };
  size_t at = wire_begin(w, NODE_DEF_ATTR), v;
  wire_put_string(w, 1, key);
  v = wire_begin(w, 2);
  wire_put_bytes(w, ATTR_S, value.data, value.size);
  wire_end(w, v);
  wire_end(w, at);
}

// What the model's initialising operation does: a handle, and the asset told to it.
static int initialize(const hosted_t *h, const char *asset, char *message) {
  wire_out_t w = {0};
  TF_Tensor *in[2] = {NULL, fake_string(asset)};
  bytes_view_t id = node_def_string(h->node_def, "_tftrt_id");
  wire_put_string(&w, 1, "make");
  wire_put_string(&w, 2, "CreateTRTResourceHandle");
  put_attr(&w, "resource_name", node_def_name(h->node_def));
  if (id.size) put_attr(&w, "_tftrt_id", id);
  fake_kernel_t *make = fake_kernel_create("CreateTRTResourceHandle", w.data, w.size, NULL);
  fake_kernel_t *load = fake_kernel_create("InitializeTRTResource", "\012\001i", 3, NULL);
  int code = fake_run(make, NULL, 0, in, 1, NULL, 0, message);
  if (!code) code = fake_run(load, in, 2, NULL, 0, NULL, 0, message);
  fake_kernel_destroy(make);
  fake_kernel_destroy(load);
  TF_DeleteTensor(in[0]);
  TF_DeleteTensor(in[1]);
  wire_out_free(&w);
  return code;
}

static void keep(void *data, size_t size, void *arg) {
  (void)data;
  (void)size;
  (void)arg;
}

static void release_malloced(void *data, size_t size, void *arg) {
  (void)size;
  (void)arg;
  free(data);
}

static TF_Tensor *borrow(const tensor_t *t) {
  return TF_NewTensor((int)t->dtype, t->shape.d, t->shape.rank, t->data, tensor_bytes(t), keep,
                      NULL);
}

typedef struct golden_run {
  tensor_t in, out;
} golden_run_t;

enum { CASES = 3 };
static golden_run_t golden[CASES];

static void golden_open(void) {
  for (int i = 0; i < CASES; i++) {
    char path[300];
    snprintf(path, sizeof path, MNIST "/golden/serving_default.%d.npz", i);
    npz_t z = npz_open(path);
    golden[i].in = npz_get(&z, "in.", "image", DT_FLOAT);
    golden[i].out = npz_get(&z, "out.", "output_0", DT_FLOAT);
    assert_false(tensor_empty(&golden[i].in) || tensor_empty(&golden[i].out));
    npz_close(&z);
  }
}

static double difference(const TF_Tensor *t, const tensor_t *want) {
  double worst = 0;
  if (TF_TensorByteSize(t) != tensor_bytes(want) || TF_NumDims(t) != want->shape.rank) return 1e30;
  const float *a = TF_TensorData(t), *b = TENSOR_DATA(float, want);
  for (int64_t i = 0; i < tensor_elements(want); i++)
    worst = fmax(worst, fabs((double)(a[i] - b[i])));
  return worst;
}

// One run of a golden case: how far off, or -1 - the code, and the message.
static double run(fake_kernel_t *k, const hosted_t *h, int which, char *message) {
  TF_Tensor *in = borrow(&golden[which].in), *out = NULL;
  int code = fake_run(k, &in, 1, &out, 1, h->library.data, h->library.size, message);
  double off = code ? -1.0 - code : difference(out, &golden[which].out);
  TF_DeleteTensor(in);
  if (out) TF_DeleteTensor(out);
  return off;
}

static fake_kernel_t *kernel(const hosted_t *h) {
  const char *message;
  fake_kernel_t *k =
      fake_kernel_create("TRTEngineOp", h->node_def.data, h->node_def.size, &message);
  if (!k) fail_msg("%s", message);
  return k;
}

// ---------------------------------------------------------------- tests

static int load(void **state) {
  (void)state;
  // An OpList with SerializeTRTResource: TensorFlow has that op already.
  static const char known[] = "\012\026\012\024SerializeTRTResource";
  fake_set_op_list(known, sizeof known - 1);
  strcpy(scratch, "/tmp/tftrt_plugin_XXXXXX");
  if (!mkdtemp(scratch)) return -1;
  golden_open();
  for (int i = 0; i < 2; i++)  // as a script that loads it twice
    if (!dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL)) fail_msg("%s", dlerror());
  return 0;
}

static int unload(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    tensor_unref(&golden[i].in);
    tensor_unref(&golden[i].out);
  }
  status_free(file_remove_tree(scratch));
  return 0;
}

static void ops_are_registered_once_where_they_are_missing(void **state) {
  (void)state;
  assert_int_equal(fake_ops(), 4);
  assert_int_equal(fake_kernels(), 5);
  assert_null(fake_op_text("SerializeTRTResource"));
  const char *engine = fake_op_text("TRTEngineOp");
  static const char *const lines[] = {"attr segment_func: func = {}\n",
                                      "attr workspace_size_bytes: int\n", "input in_tensor: InT\n",
                                      "output out_tensor: OutT\n",
                                      "attr profile_strategy: string = ''\n"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    assert_non_null(strstr(engine, lines[i]));
  assert_null(strstr(engine, "is stateful"));
  assert_non_null(strstr(fake_op_text("InitializeTRTResource"), "is stateful"));
  assert_string_equal(fake_op_shape("TRTEngineOp"), "unknown");
  assert_string_equal(fake_op_shape("CreateTRTResourceHandle"), "scalar");
  assert_string_equal(fake_op_shape("InitializeTRTResource"), "");
}

static void engines_of_assets_run(void **state) {
  (void)state;
  char message[256];
  hosted_t h = converted("built", 1);
  int before = fake_tensors();
  assert_int_equal(initialize(&h, h.asset, message), 0);
  fake_kernel_t *k = kernel(&h);
  for (int i = 0; i < 2 * CASES; i++) {
    double off = run(k, &h, i % CASES, message);
    if (off < 0 || off > 1e-5) fail_msg("case %d: %g %s", i % CASES, off, message);
  }
  fake_kernel_destroy(k);
  assert_int_equal(fake_tensors(), before);  // nothing of TensorFlow's is kept
  hosted_close(&h);
}

// TensorFlow aligns what it allocates; what it is given may be aligned to elements only.
static void unaligned_inputs_run(void **state) {
  (void)state;
  char message[256];
  hosted_t h = converted("unaligned", 1);
  assert_int_equal(initialize(&h, h.asset, message), 0);
  fake_kernel_t *k = kernel(&h);
  tensor_t aligned = golden[1].in;
  size_t bytes = tensor_bytes(&aligned);
  char *memory = malloc(bytes + 64);
  for (size_t offset = 4; offset < 64; offset += 20) {
    golden[1].in.data = memory + offset;
    memcpy(memory + offset, aligned.data, bytes);
    double off = run(k, &h, 1, message);
    if (off < 0 || off > 1e-5) fail_msg("%zu: %g %s", offset, off, message);
  }
  golden[1].in = aligned;
  free(memory);
  fake_kernel_destroy(k);
  hosted_close(&h);
}

// Without an engine the asset tells where the weights are; a model is where it is loaded from.
static void engines_are_built_where_the_model_is(void **state) {
  (void)state;
  char message[256], moved[100], asset[400];
  hosted_t h = converted("unbuilt", 0);
  fake_kernel_t *early = kernel(&h);
  assert_true(run(early, &h, 0, message) < -1);
  assert_non_null(strstr(message, "initialising operation has not run"));
  fake_kernel_destroy(early);

  snprintf(moved, sizeof moved, "%s/moved", scratch);
  assert_int_equal(rename(h.dir, moved), 0);
  snprintf(asset, sizeof asset, "%s%s", moved, h.asset + strlen(h.dir));
  assert_int_equal(initialize(&h, asset, message), 0);
  fake_kernel_t *k = kernel(&h);
  double off = run(k, &h, 1, message);
  if (off < 0 || off > 1e-5) fail_msg("%g %s", off, message);
  fake_kernel_destroy(k);
  hosted_close(&h);
}

static void native_segments_run_where_nothing_may_be_built(void **state) {
  (void)state;
  char message[256];
  char *dir = convert("native", 0, 0);
  hosted_t h = hosted_open(dir);
  char *assets = file_join(dir, "assets"), **names;
  size_t n;
  assert_ok(file_list_dir(assets, &names, &n));
  assert_int_equal(n, 1);
  h.asset = file_join(assets, names[0]);
  assert_int_equal(initialize(&h, h.asset, message), 0);
  fake_kernel_t *k = kernel(&h);
  double off = run(k, &h, 2, message);
  if (off < 0 || off > 1e-5) fail_msg("%g %s", off, message);
  fake_kernel_destroy(k);

  setenv("TFTRT_ON_FALLBACK", "fail", 1);
  k = kernel(&h);
  assert_true(run(k, &h, 2, message) < -1);
  assert_non_null(strstr(message, "TRTEngineOp_"));
  fake_kernel_destroy(k);
  unsetenv("TFTRT_ON_FALLBACK");
  mem_free(names[0]);
  mem_free(names);
  mem_free(assets);
  mem_free(dir);
  hosted_close(&h);
}

// Native segments first in models of TF-TRT; engines when asked for. None where there is none.
static void models_of_tf_trt(void **state) {
  (void)state;
  char message[256];
  hosted_t h = hosted_open(OLD_MODEL);
  static const int64_t dims[4] = {1, 32, 32, 3};
  float *image = calloc(32 * 32 * 3, sizeof *image);
  float first = 0;
  static const char *const policies[] = {"native", "build", "fail"};
  for (int i = 0; i < 3; i++) {
    setenv("TFTRT_ON_FALLBACK", policies[i], 1);
    fake_kernel_t *k = kernel(&h);
    TF_Tensor *in = TF_NewTensor(1, dims, 4, image, 32 * 32 * 3 * sizeof *image, keep, NULL), *out;
    int code = fake_run(k, &in, 1, &out, 1, h.library.data, h.library.size, message);
    if (i == 2) {
      assert_int_not_equal(code, 0);
    } else {
      if (code) fail_msg("%s: %s", policies[i], message);
      float now = *(float *)TF_TensorData(out);
      if (i) assert_true(fabsf(now - first) < 1e-4f);
      first = now;
      TF_DeleteTensor(out);
    }
    TF_DeleteTensor(in);
    fake_kernel_destroy(k);
  }
  unsetenv("TFTRT_ON_FALLBACK");
  free(image);
  hosted_close(&h);
}

// A NodeDef without its attribute segment_func.
static void without_segment(bytes_view_t node, wire_out_t *out) {
  enum { NODE_DEF_ATTR = 5 };
  wire_t w = wire_open(node.data, node.size);
  wire_field_t f;
  status_t st = NULL;
  while (wire_next(&w, &f, &st)) {
    bytes_view_t key = f.number == NODE_DEF_ATTR ? message_field((bytes_view_t){f.data, f.size}, 1)
                                                 : (bytes_view_t){0};
    if (key.size != 12 || memcmp(key.data, "segment_func", 12) != 0)
      wire_put_raw(out, f.raw, f.raw_size);
  }
  assert_ok(st);
}

// TF-TRT's remove_native_segments: all that is left is a plan of TensorRT's.
static void nothing_that_could_run(void **state) {
  (void)state;
  char message[256], asset[100];
  hosted_t h = hosted_open(OLD_MODEL);
  wire_out_t node = {0}, records = {0};
  shape_t shape = {.rank = 4, .d = {1, 32, 32, 3}};
  static const char plan[] = "ptrt, and what else TensorRT writes";
  snprintf(asset, sizeof asset, "%s/trt-serialized-engine", scratch);
  saved_engine_record(&shape, 1, plan, sizeof plan, &records);
  FILE *f = fopen(asset, "wb");
  assert_int_equal(fwrite(records.data, 1, records.size, f), records.size);
  assert_int_equal(fclose(f), 0);

  without_segment(h.node_def, &node);
  bytes_view_t whole = h.node_def;
  h.node_def = (bytes_view_t){node.data, node.size};
  assert_int_equal(initialize(&h, asset, message), 0);
  fake_kernel_t *k = kernel(&h);
  static const int64_t dims[4] = {1, 32, 32, 3};
  float *image = calloc(32 * 32 * 3, sizeof *image);
  TF_Tensor *in = TF_NewTensor(1, dims, 4, image, 32 * 32 * 3 * sizeof *image, keep, NULL), *out;
  assert_int_not_equal(fake_run(k, &in, 1, &out, 1, h.library.data, h.library.size, message), 0);
  assert_non_null(strstr(message, "native segment is not found"));
  assert_non_null(strstr(message, "TRTEngineOp_149_000"));
  assert_non_null(strstr(message, asset));
  TF_DeleteTensor(in);
  fake_kernel_destroy(k);
  h.node_def = whole;
  free(image);
  wire_out_free(&node);
  wire_out_free(&records);
  hosted_close(&h);
}

static void bad_calls_are_told(void **state) {
  (void)state;
  char message[256];
  hosted_t h = converted("bad", 1);
  assert_int_equal(initialize(&h, "/nowhere/assets/file", message), TFTRT_NOT_FOUND);
  assert_non_null(strstr(message, "/nowhere/assets/file"));
  assert_int_equal(initialize(&h, "", message), TFTRT_INVALID_ARGUMENT);
  assert_string_equal(message, "filename cannot be empty.");
  TF_Tensor *words = fake_string("word"), *out[2] = {0};
  fake_kernel_t *k = kernel(&h);
  assert_int_equal(initialize(&h, h.asset, message), 0);
  assert_int_equal(fake_run(k, &words, 1, out, 1, h.library.data, h.library.size, message),
                   TFTRT_UNIMPLEMENTED);
  assert_int_not_equal(fake_run(k, NULL, 0, out, 1, h.library.data, h.library.size, message), 0);
  assert_non_null(strstr(message, "input"));
  fake_kernel_destroy(k);

  k = fake_kernel_create("SerializeTRTResource", "", 0, NULL);
  TF_Tensor *two[2] = {words, words};
  assert_int_equal(fake_run(k, two, 2, NULL, 0, NULL, 0, message), TFTRT_NOT_FOUND);
  assert_string_equal(message, "Resource TF-TRT/word does not exist.");
  fake_kernel_destroy(k);
  k = fake_kernel_create("GetCalibrationDataOp", "", 0, NULL);
  assert_int_equal(fake_run(k, &words, 1, out, 1, NULL, 0, message), TFTRT_NOT_FOUND);
  fake_kernel_destroy(k);
  TF_DeleteTensor(words);
  hosted_close(&h);
}

static void put_bool(wire_out_t *w, const char *key, bool value) {
  enum { NODE_DEF_ATTR = 5, ATTR_B = 5 };
  size_t at = wire_begin(w, NODE_DEF_ATTR), v;
  wire_put_string(w, 1, key);
  v = wire_begin(w, 2);
  wire_put_u64(w, ATTR_B, value);
  wire_end(w, v);
  wire_end(w, at);
}

static int serialize(const char *name, const char *file, bool engines, bool forget, char *message) {
  wire_out_t w = {0};
  TF_Tensor *in[2] = {fake_string(name), fake_string(file)};
  put_bool(&w, "delete_resource", forget);
  put_bool(&w, "save_gpu_specific_engines", engines);
  fake_kernel_t *k = fake_kernel_create("SerializeTRTResource", w.data, w.size, NULL);
  int code = fake_run(k, in, 2, NULL, 0, NULL, 0, message);
  fake_kernel_destroy(k);
  TF_DeleteTensor(in[0]);
  TF_DeleteTensor(in[1]);
  wire_out_free(&w);
  return code;
}

static status_t count_record(void *user, const shape_t *shapes, int n, const uint8_t *plan,
                             size_t size) {
  (void)shapes;
  assert_true(n > 0 && plan && size > 0);
  ++*(int *)user;
  return NULL;
}

static int records_in(const char *file) {
  int n = 0;
  file_map_t *map;
  assert_ok(file_map_open(file, &map));
  assert_ok(saved_engine_records(map->data, map->size, file, count_record, &n));
  file_map_unref(map);
  return n;
}

// What a run built is written; an engine of the file serves where none may be built.
static void engines_are_serialized(void **state) {
  (void)state;
  char message[256], file[100], empty[100], name[100];
  hosted_t h = converted("serialized", 0);
  bytes_view_t full = node_def_name(h.node_def);
  size_t from = full.size;
  while (from && full.data[from - 1] != '/') from--;
  snprintf(name, sizeof name, "%.*s", (int)(full.size - from), full.data + from);
  snprintf(file, sizeof file, "%s/written", scratch);
  snprintf(empty, sizeof empty, "%s/empty", scratch);
  assert_int_equal(initialize(&h, h.asset, message), 0);
  assert_int_equal(serialize(name, file, true, false, message), TFTRT_NOT_FOUND);
  fake_kernel_t *k = kernel(&h);
  assert_true(run(k, &h, 0, message) >= 0);
  assert_int_equal(serialize(name, empty, false, false, message), 0);
  assert_int_equal(records_in(empty), 0);
  assert_int_equal(serialize(name, file, true, true, message), 0);
  assert_int_equal(records_in(file), 1);
  assert_int_equal(serialize(name, empty, true, false, message), TFTRT_NOT_FOUND);  // deleted
  double off = run(k, &h, 0, message);  // and is built anew
  assert_true(off >= 0 && off <= 1e-5);
  assert_int_equal(serialize(name, empty, true, false, message), 0);
  assert_int_equal(records_in(empty), 1);
  fake_kernel_destroy(k);
  assert_int_equal(serialize(name, file, true, false, message), TFTRT_NOT_FOUND);
  hosted_close(&h);
}

static void calibration_data_is_the_nodes(void **state) {
  (void)state;
  char message[256];
  hosted_t h = converted("calibrated", 0);
  wire_out_t node = {0};
  static const char table[] = "TRT-8601-EntropyCalibration2\nTensorRTInputPH_0: 3c010a14\n";
  bytes_view_t whole = h.node_def, full = node_def_name(h.node_def);
  char name[100];
  size_t from = full.size;
  while (from && full.data[from - 1] != '/') from--;
  snprintf(name, sizeof name, "%.*s", (int)(full.size - from), full.data + from);
  TF_Tensor *in = fake_string(name), *out = NULL;
  fake_kernel_t *get = fake_kernel_create("GetCalibrationDataOp", "", 0, NULL);
  assert_int_equal(initialize(&h, h.asset, message), 0);
  for (int i = 0; i < 2; i++) {
    if (i) {
      wire_put_raw(&node, whole.data, whole.size);
      put_attr(&node, "calibration_data", (bytes_view_t){(const uint8_t *)table, strlen(table)});
      h.node_def = (bytes_view_t){node.data, node.size};
    }
    fake_kernel_t *k = kernel(&h);
    assert_true(run(k, &h, 0, message) >= 0);
    int code = fake_run(get, &in, 1, &out, 1, NULL, 0, message);
    assert_int_equal(code, i ? 0 : TFTRT_UNKNOWN);
    if (!i) assert_string_equal(message, "Calibration table is empty.");
    fake_kernel_destroy(k);
  }
  const TF_TString *text = TF_TensorData(out);
  assert_int_equal(TF_StringGetSize(text), strlen(table));
  assert_memory_equal(TF_StringGetDataPointer(text), table, strlen(table));
  TF_DeleteTensor(out);
  TF_DeleteTensor(in);
  fake_kernel_destroy(get);
  h.node_def = whole;
  wire_out_free(&node);
  hosted_close(&h);
}

// ---------------------------------------------------------------- calibration

static int next_golden(void *user, tftrt_tensor *inputs, int n) {
  int *at = user;
  assert_int_equal(n, 1);
  if (*at == CASES) return 0;
  const tensor_t *t = &golden[(*at)++].in;
  inputs[0] = (tftrt_tensor){
      .dtype = TFTRT_FLOAT, .rank = t->shape.rank, .data = t->data, .bytes = tensor_bytes(t)};
  for (int d = 0; d < t->shape.rank; d++) inputs[0].dims[d] = t->shape.d[d];
  return 1;
}

// Calibrated with the golden inputs by the converter; no engine is saved.
static hosted_t calibrated(const char *name) {
  tftrt_error e = TFTRT_ERROR_INIT;
  char *dir = file_join(scratch, name), **names;
  size_t n;
  int at = 0;
  tftrt_converter_options o;
  tftrt_converter *c;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = MNIST "/saved_model";
  o.precision_mode = "INT8";
  o.threads = 2;
  o.maximum_cached_engines = 4;
  if (tftrt_converter_create(&o, &c, &e) || tftrt_converter_convert(c, next_golden, &at, &e) ||
      tftrt_converter_save(c, dir, 0, &e))
    fail_msg("%s", e.message);
  tftrt_converter_destroy(c);
  hosted_t h = hosted_open(dir);
  char *assets = file_join(dir, "assets");
  assert_ok(file_list_dir(assets, &names, &n));
  assert_int_equal(n, 1);
  h.asset = file_join(assets, names[0]);
  mem_free(names[0]);
  mem_free(names);
  mem_free(assets);
  mem_free(dir);
  return h;
}

static void put_without_attr(wire_out_t *w, bytes_view_t node, const char *attr) {
  enum { NODE_DEF_ATTR = 5, KEY = 1 };
  wire_t in = wire_open(node.data, node.size);
  wire_field_t f;
  status_t st;
  while (wire_next(&in, &f, &st)) {
    bytes_view_t key = {0};
    if (f.number == NODE_DEF_ATTR) key = message_field((bytes_view_t){f.data, f.size}, KEY);
    if (key.size != strlen(attr) || memcmp(key.data, attr, key.size) != 0)
      wire_put_raw(w, f.raw, f.raw_size);
  }
  assert_ok(st);
}

static void put_named(wire_out_t *w, bytes_view_t node, const char *name) {
  enum { NODE_DEF_NAME = 1 };
  wire_t in = wire_open(node.data, node.size);
  wire_field_t f;
  status_t st;
  wire_put_string(w, NODE_DEF_NAME, name);
  while (wire_next(&in, &f, &st))
    if (f.number != NODE_DEF_NAME) wire_put_raw(w, f.raw, f.raw_size);
  assert_ok(st);
}

static int get_table(bytes_view_t node_def, char *table, size_t cap, char *message) {
  char name[100];
  bytes_view_t full = node_def_name(node_def);
  size_t from = full.size;
  while (from && full.data[from - 1] != '/') from--;
  snprintf(name, sizeof name, "%.*s", (int)(full.size - from), full.data + from);
  TF_Tensor *in = fake_string(name), *out = NULL;
  fake_kernel_t *get = fake_kernel_create("GetCalibrationDataOp", "", 0, NULL);
  int code = fake_run(get, &in, 1, &out, 1, NULL, 0, message);
  if (!code) {
    const TF_TString *text = TF_TensorData(out);
    snprintf(table, cap, "%.*s", (int)TF_StringGetSize(text), TF_StringGetDataPointer(text));
    TF_DeleteTensor(out);
  }
  TF_DeleteTensor(in);
  fake_kernel_destroy(get);
  return code;
}

// While it waits a node runs as in float, and its table becomes that of the converter's calibration
// over the same inputs; engines are built with it then.
static void nodes_that_wait_are_calibrated(void **state) {
  (void)state;
  char message[256], want[4000], got[4000], file[100];
  double int8[CASES];
  hosted_t h = calibrated("int8");
  bytes_view_t whole = h.node_def, told = node_def_string(whole, "calibration_data");
  wire_out_t node = {0};
  assert_in_range(told.size, 30, sizeof want - 1);
  snprintf(want, sizeof want, "%.*s", (int)told.size, told.data);
  put_without_attr(&node, whole, "calibration_data");
  assert_int_equal(initialize(&h, h.asset, message), 0);

  fake_kernel_t *k = kernel(&h);  // what a calibrated node answers
  for (int i = 0; i < CASES; i++) {
    int8[i] = run(k, &h, i, message);
    assert_true(int8[i] > 0 && int8[i] < 0.05);
  }
  fake_kernel_destroy(k);

  h.node_def = (bytes_view_t){node.data, node.size};
  for (int round = 0; round < 3; round++) {
    assert_int_equal(get_table(h.node_def, got, sizeof got, message),
                     round < 2 ? TFTRT_NOT_FOUND : 0);
    k = kernel(&h);
    for (int i = 0; i < CASES; i++) {
      double off = run(k, &h, i, message);
      if (off < 0 || off > 1e-5) fail_msg("round %d, case %d: %g %s", round, i, off, message);
    }
    if (round == 1) fake_kernel_destroy(k);  // as scripts that ask when the session is closed
    if (round == 2) {                        // the engine for the first inputs is built and written
      snprintf(file, sizeof file, "%s/int8.engine", scratch);
      char name[100];
      snprintf(name, sizeof name, "%s", strstr(h.asset, "TRTEngineOp_"));
      assert_int_equal(serialize(name, file, true, false, message), 0);
      assert_int_equal(records_in(file), 1);
    }
    assert_int_equal(get_table(h.node_def, got, sizeof got, message), 0);
    assert_string_equal(got, want);
    if (round == 1) continue;
    for (int i = 0; i < CASES; i++) assert_true(run(k, &h, i, message) == int8[i]);
    hosted_t infer = h;
    infer.node_def = whole;
    fake_kernel_t *sharing = kernel(&infer);
    for (int i = 0; i < CASES; i++) assert_true(run(sharing, &h, i, message) == int8[i]);
    assert_int_equal(get_table(h.node_def, got, sizeof got, message), 0);
    fake_kernel_destroy(k);
    fake_kernel_destroy(sharing);
  }
  wire_out_free(&node);
  hosted_close(&h);
}

// Two models have engines of one name. They cannot be told apart while both are calibrated; one
// that has been is no hindrance, though its session is still open.
static void models_are_calibrated_one_after_the_other(void **state) {
  (void)state;
  char message[256], tables[3][4000];
  hosted_t h[2] = {calibrated("int8_one"), calibrated("int8_other")};
  wire_out_t nodes[2] = {{0}};
  fake_kernel_t *k[2];
  for (int i = 0; i < 2; i++) {
    wire_out_t waits = {0};
    put_without_attr(&waits, h[i].node_def, "calibration_data");
    put_named(&nodes[i], (bytes_view_t){waits.data, waits.size}, "TRTEngineOp_000_000");
    wire_out_free(&waits);
    h[i].node_def = (bytes_view_t){nodes[i].data, nodes[i].size};
    assert_int_equal(initialize(&h[i], h[i].asset, message), 0);
    k[i] = kernel(&h[i]);
    assert_true(run(k[i], &h[i], i, message) >= 0);
    for (int again = 0; again < 2; again++)  // the last one's
      assert_int_equal(get_table(h[i].node_def, tables[2 * again], sizeof *tables, message), 0);
    if (i == 0) strcpy(tables[1], tables[0]);
  }
  assert_string_equal(tables[0], tables[2]);
  assert_string_not_equal(tables[0], tables[1]);
  for (int i = 0; i < 2; i++) fake_kernel_destroy(k[i]);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(initialize(&h[i], h[i].asset, message), 0);
    k[i] = kernel(&h[i]);
    assert_true(run(k[i], &h[i], i, message) >= 0);
  }
  assert_int_equal(get_table(h[0].node_def, tables[0], sizeof *tables, message),
                   TFTRT_FAILED_PRECONDITION);
  for (int i = 0; i < 2; i++) {
    fake_kernel_destroy(k[i]);
    wire_out_free(&nodes[i]);
    hosted_close(&h[i]);
  }
}

static void what_cannot_be_calibrated_runs_natively(void **state) {
  (void)state;
  char message[256], got[400];
  hosted_t h = calibrated("int8_of_nothing");
  wire_out_t node = {0};
  put_without_attr(&node, h.node_def, "calibration_data");
  h.node_def = (bytes_view_t){node.data, node.size};
  assert_int_equal(initialize(&h, h.asset, message), 0);
  float *values = TENSOR_DATA(float, &golden[0].in), kept = values[0];
  fake_kernel_t *k = kernel(&h);
  values[0] = NAN;
  assert_true(run(k, &h, 0, message) != 0);
  values[0] = kept;
  assert_int_equal(get_table(h.node_def, got, sizeof got, message), TFTRT_UNKNOWN);
  assert_non_null(strstr(message, "Calibration table is empty."));
  assert_non_null(strstr(message, "NaN or infinite"));
  double off = run(k, &h, 1, message);
  assert_true(off >= 0 && off <= 1e-5);
  fake_kernel_destroy(k);
  wire_out_free(&node);
  hosted_close(&h);
}

// ---------------------------------------------------------------- variables

#define VARIABLES TESTS_DIR "/models/tf_trt_tests/read_variables"

static int next_one(void *user, tftrt_tensor *inputs, int n) {
  static float one = 1;
  int *left = user;
  assert_int_equal(n, 1);
  if (!*left) return 0;
  --*left;
  inputs[0] = (tftrt_tensor){
      .dtype = TFTRT_FLOAT, .rank = 3, .dims = {1, 1, 1}, .data = &one, .bytes = sizeof one};
  return 1;
}

static hosted_t with_variables_as(const char *name, const char *precision, int build) {
  int calibrations = 1;
  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_converter_options o;
  tftrt_converter *c;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = VARIABLES "/saved_model";
  o.use_dynamic_shape = 1;
  o.precision_mode = precision;
  o.op_set = "tf-trt";
  o.minimum_segment_size = 2;
  o.threads = 2;
  char *dir = file_join(scratch, name);
  setenv("TF_TRT_EXPERIMENTAL_FEATURES", "disable_graph_freezing", 1);
  bool calibrate = strcmp(precision, "INT8") == 0;
  if (tftrt_converter_create(&o, &c, &e) ||
      tftrt_converter_convert(c, calibrate ? next_one : NULL, &calibrations, &e) ||
      ((build || calibrate) && tftrt_converter_build_default(c, 4, &e)) ||
      tftrt_converter_save(c, dir, build, &e))
    fail_msg("%s", e.message);
  unsetenv("TF_TRT_EXPERIMENTAL_FEATURES");
  tftrt_converter_destroy(c);
  return open_with_asset(dir, build || calibrate);
}

static hosted_t with_variables(int build) {
  return with_variables_as(build ? "variables_built" : "variables", "FP32", build);
}

static TF_Tensor *one_float(float v, int rank) {
  static const int64_t dims[3] = {1, 1, 1};
  float *data = malloc(sizeof *data);
  *data = v;
  return TF_NewTensor(DT_FLOAT, dims, rank, data, sizeof *data, release_malloced, NULL);
}

// x * product + sum, of ones; -1 - code: an error.
static double run_variables(fake_kernel_t *k, const hosted_t *h, TF_Tensor *product, TF_Tensor *sum,
                            char *message) {
  static char nothing[64];
  const int64_t none = 0;
  TF_Tensor *handle = TF_NewTensor(20, &none, 0, nothing, 1, keep, NULL), *x = one_float(1, 3);
  // The node's inputs: handle, x, handle, and what the two nodes read.
  TF_Tensor *in[5] = {handle, x, handle, product, sum}, *out = NULL;
  int code = fake_run(k, in, 5, &out, 1, h->library.data, h->library.size, message);
  double v = code ? -1.0 - code : (double)*(const float *)TF_TensorData(out);
  if (out) TF_DeleteTensor(out);
  TF_DeleteTensor(x);
  TF_DeleteTensor(handle);
  return v;
}

// The variables are 2 and 40: ones in, 42 out.
static void variables_are_inputs_that_engines_hold(void **state) {
  (void)state;
  for (int policy = 0; policy < 3; policy++) {  // an asset's engine, one built by a run, neither
    char message[256] = "";
    hosted_t h = with_variables(policy == 0);
    int before = fake_tensors();
    assert_int_equal(initialize(&h, h.asset, message), 0);
    if (policy == 2) setenv("TF_TRT_ABORT_CUDA_ENGINE_BUILD", "1", 1);
    if (policy != 2) setenv("TFTRT_ON_FALLBACK", policy ? "build" : "fail", 1);
    fake_kernel_t *k = kernel(&h);
    npz_t z = npz_open(VARIABLES "/golden/serving_default.0.npz");
    tensor_t want = npz_get(&z, "out.", "output_0", DT_FLOAT);
    assert_true(tensor_number_at(&want, 0) == 42);
    tensor_unref(&want);
    npz_close(&z);
    TF_Tensor *two = one_float(2, 0), *forty = one_float(40, 0), *six = one_float(6, 0);
    for (int i = 0; i < 2; i++) {
      double v = run_variables(k, &h, two, forty, message);
      if (v != 42) fail_msg("policy %d: %g %s", policy, v, message);
    }
    // An assignment: engines with the old value serve no more. Then the old value again.
    for (int i = 0; i < 4; i++) {
      double v = run_variables(k, &h, i % 2 ? two : six, forty, message);
      if (v != (i % 2 ? 42 : 46)) fail_msg("policy %d, run %d: %g %s", policy, i, v, message);
    }
    unsetenv("TFTRT_ON_FALLBACK");
    unsetenv("TF_TRT_ABORT_CUDA_ENGINE_BUILD");
    TF_DeleteTensor(forty);
    TF_DeleteTensor(two);
    TF_DeleteTensor(six);
    fake_kernel_destroy(k);
    assert_int_equal(fake_tensors(), before);
    hosted_close(&h);
  }
}

// Engines that runs built with other values are not those of the model that is saved.
static void engines_of_other_values_are_not_saved(void **state) {
  (void)state;
  char message[256] = "";
  hosted_t h = with_variables(true);
  assert_int_equal(initialize(&h, h.asset, message), 0);
  setenv("TFTRT_ON_FALLBACK", "build", 1);
  TF_Tensor *two = one_float(2, 0), *forty = one_float(40, 0), *six = one_float(6, 0);
  for (int changed = 1; changed >= 0; changed--) {
    fake_kernel_t *k = kernel(&h);
    double v = run_variables(k, &h, changed ? six : two, forty, message);
    if (v != (changed ? 46 : 42)) fail_msg("%g %s", v, message);
    assert_int_equal(serialize(strstr(h.asset, "TRTEngineOp_"), h.asset, true, false, message), 0);
    assert_int_equal(records_in(h.asset), !changed);
    fake_kernel_destroy(k);
  }
  unsetenv("TFTRT_ON_FALLBACK");
  TF_DeleteTensor(forty);
  TF_DeleteTensor(two);
  TF_DeleteTensor(six);
  hosted_close(&h);
}

static tftrt_code create_op(const hosted_t *h, const wire_out_t *node, tftrt_error *e) {
  tftrt_engine_op_options o;
  tftrt_engine_op *op = NULL;
  tftrt_engine_op_options_init(&o);
  o.node_def = node->data;
  o.node_def_size = node->size;
  o.function_library = h->library.data;
  o.function_library_size = h->library.size;
  o.saved_model_dir = h->dir;
  tftrt_code code = tftrt_engine_op_create(&o, &op, e);
  tftrt_engine_op_destroy(op);
  return code;
}

static void put_list(wire_out_t *w, const char *key, bytes_view_t list) {
  enum { NODE_DEF_ATTR = 5, ATTR_LIST_VALUE = 1 };
  size_t at = wire_begin(w, NODE_DEF_ATTR), v;
  wire_put_string(w, 1, key);
  v = wire_begin(w, 2);
  wire_put_bytes(w, ATTR_LIST_VALUE, list.data, list.size);
  wire_end(w, v);
  wire_end(w, at);
}

// A NodeDef is somebody's file.
static void bad_variables_are_told(void **state) {
  (void)state;
  enum { LIST_S = 2, LIST_TYPE = 6 };
  static const char *const said[] = {"the node 1 inputs, of which 2 are values of variables",
                                     "no node 'tensorrtinputph_3'", "no node 'nobody'"};
  hosted_t h = with_variables(false);
  for (int which = 0; which < 3; which++) {
    tftrt_error e = TFTRT_ERROR_INIT;
    wire_out_t node = {0}, list = {0};
    const char *attr = which ? "_tftrt_variables" : "InT";
    put_without_attr(&node, h.node_def, attr);
    if (which)
      for (int i = 0; i < 2; i++)
        wire_put_string(&list, LIST_S, which == 1 ? "tensorrtinputph_3" : "nobody");
    else
      wire_put_i64(&list, LIST_TYPE, DT_FLOAT);
    put_list(&node, attr, (bytes_view_t){list.data, list.size});
    if (create_op(&h, &node, &e) != TFTRT_INVALID_ARGUMENT || !strstr(e.message, said[which]))
      fail_msg("%d: %s", which, e.message);
    wire_out_free(&node);
    wire_out_free(&list);
  }
  hosted_close(&h);
}

// A node with the id of another shares its engine, and may have fewer inputs than that has
// variables.
static void nodes_of_one_id_may_differ(void **state) {
  (void)state;
  enum { LIST_TYPE = 6 };
  char message[256] = "";
  hosted_t h = with_variables(true), other = h;
  int before = fake_tensors();
  wire_out_t node = {0}, list = {0};
  put_without_attr(&node, h.node_def, "InT");
  wire_put_i64(&list, LIST_TYPE, DT_FLOAT);
  put_list(&node, "InT", (bytes_view_t){list.data, list.size});
  other.node_def = (bytes_view_t){node.data, node.size};
  assert_int_equal(initialize(&h, h.asset, message), 0);
  fake_kernel_t *k = kernel(&h), *few = kernel(&other);
  TF_Tensor *two = one_float(2, 0), *forty = one_float(40, 0), *out = NULL;
  assert_true(run_variables(k, &h, two, forty, message) == 42);
  assert_int_equal(fake_run(few, &two, 1, &out, 1, h.library.data, h.library.size, message),
                   TFTRT_INVALID_ARGUMENT);
  if (!strstr(message, "has 5 inputs and 1 outputs, called with 1 and 1")) fail_msg("%s", message);
  TF_DeleteTensor(two);
  TF_DeleteTensor(forty);
  fake_kernel_destroy(few);
  fake_kernel_destroy(k);
  assert_int_equal(fake_tensors(), before);
  wire_out_free(&node);
  wire_out_free(&list);
  hosted_close(&h);
}

// While a node is calibrated, an assignment is seen too.
static void calibration_sees_assignments(void **state) {
  (void)state;
  char message[256] = "";
  hosted_t h = with_variables_as("variables_int8", "INT8", false);
  wire_out_t node = {0};
  put_without_attr(&node, h.node_def, "calibration_data");
  h.node_def = (bytes_view_t){node.data, node.size};
  assert_int_equal(initialize(&h, h.asset, message), 0);
  fake_kernel_t *k = kernel(&h);
  TF_Tensor *two = one_float(2, 0), *forty = one_float(40, 0), *six = one_float(6, 0);
  for (int i = 0; i < 6; i++) {
    bool changed = i / 2 % 2;
    double v = run_variables(k, &h, changed ? six : two, forty, message);
    if (v != (changed ? 46 : 42)) fail_msg("run %d: %g %s", i, v, message);
  }
  char table[1000] = "";
  assert_int_equal(get_table(h.node_def, table, sizeof table, message), 0);
  assert_int_equal(strstr(table, "EntropyCalibration2") != NULL, 1);
  TF_DeleteTensor(forty);
  TF_DeleteTensor(two);
  TF_DeleteTensor(six);
  fake_kernel_destroy(k);
  wire_out_free(&node);
  hosted_close(&h);
}

typedef struct valued {
  fake_kernel_t *kernel;
  const hosted_t *model;
  int value;  // that the variable has in these runs
  char message[256];
} valued_t;

static void *read_value(void *arg) {
  enum { CALLS = 100 };
  valued_t *r = arg;
  TF_Tensor *value = one_float((float)r->value, 0), *forty = one_float(40, 0);
  char said[256] = "";
  for (int i = 0; i < CALLS && !*r->message; i++) {
    double v = run_variables(r->kernel, r->model, value, forty, said);
    if (v != r->value + 40) snprintf(r->message, sizeof r->message, "%g: %.200s", v, said);
  }
  TF_DeleteTensor(value);
  TF_DeleteTensor(forty);
  return NULL;
}

// A run that has read a variable before it was assigned goes by what it has read, and one after it
// by the new value, whichever comes first.
static void runs_have_their_own_values(void **state) {
  (void)state;
  enum { THREADS = 6 };
  char message[256];
  hosted_t h = with_variables(true);
  int before = fake_tensors();
  assert_int_equal(initialize(&h, h.asset, message), 0);
  setenv("TFTRT_ON_FALLBACK", "build", 1);
  fake_kernel_t *k = kernel(&h);
  valued_t readers[THREADS];
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    readers[i] = (valued_t){.kernel = k, .model = &h, .value = 2 + i / 2};
    assert_int_equal(pthread_create(&threads[i], NULL, read_value, &readers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++)
    if (*readers[i].message) fail_msg("2 + %d + 40: %s", i / 2, readers[i].message);
  unsetenv("TFTRT_ON_FALLBACK");
  fake_kernel_destroy(k);
  assert_int_equal(fake_tensors(), before);
  hosted_close(&h);
}

// ---------------------------------------------------------------- threads

typedef struct worker {
  fake_kernel_t *const *kernels;  // of two sessions
  const hosted_t *model;
  int first;
  double worst;
  char message[256];
} worker_t;

static void *work(void *arg) {
  enum { CALLS = 125 };
  worker_t *w = arg;
  for (int i = 0; i < CALLS && w->worst >= 0; i++) {
    double off =
        run(w->kernels[(i + w->first) % 2], w->model, (i / 2 + w->first) % CASES, w->message);
    if (off < 0 || off > w->worst) w->worst = off;
  }
  return NULL;
}

static void threads_and_sessions_share_engines(void **state) {
  (void)state;
  enum { THREADS = 8 };
  for (int build = 0; build < 2; build++) {  // built by the first who runs, and loaded
    hosted_t h = converted(build ? "threads_built" : "threads", build);
    int before = fake_tensors();
    char message[256];
    assert_int_equal(initialize(&h, h.asset, message), 0);
    fake_kernel_t *kernels[2] = {kernel(&h), kernel(&h)};
    worker_t workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
      workers[i] = (worker_t){.kernels = kernels, .model = &h, .first = i};
      assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
      if (workers[i].worst < 0 || workers[i].worst > 1e-5)
        fail_msg("thread %d: %g %s", i, workers[i].worst, workers[i].message);
    fake_kernel_destroy(kernels[0]);
    double off = run(kernels[1], &h, 0, message);  // which does not need the other
    assert_true(off >= 0 && off <= 1e-5);
    fake_kernel_destroy(kernels[1]);
    assert_int_equal(fake_tensors(), before);
    hosted_close(&h);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ops_are_registered_once_where_they_are_missing),
      cmocka_unit_test(engines_of_assets_run),
      cmocka_unit_test(unaligned_inputs_run),
      cmocka_unit_test(engines_are_built_where_the_model_is),
      cmocka_unit_test(native_segments_run_where_nothing_may_be_built),
      cmocka_unit_test(models_of_tf_trt),
      cmocka_unit_test(nothing_that_could_run),
      cmocka_unit_test(bad_calls_are_told),
      cmocka_unit_test(engines_are_serialized),
      cmocka_unit_test(calibration_data_is_the_nodes),
      cmocka_unit_test(nodes_that_wait_are_calibrated),
      cmocka_unit_test(models_are_calibrated_one_after_the_other),
      cmocka_unit_test(what_cannot_be_calibrated_runs_natively),
      cmocka_unit_test(variables_are_inputs_that_engines_hold),
      cmocka_unit_test(engines_of_other_values_are_not_saved),
      cmocka_unit_test(bad_variables_are_told),
      cmocka_unit_test(nodes_of_one_id_may_differ),
      cmocka_unit_test(calibration_sees_assignments),
      cmocka_unit_test(runs_have_their_own_values),
      cmocka_unit_test(threads_and_sessions_share_engines),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
