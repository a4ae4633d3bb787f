// Reads every model of tests/models. What TensorFlow says about them: data/variables.txt (each
// variable's value in a Session after TensorFlow's loader restored it: model, meta graph, count,
// CRC-32 over name, dtype, shape and bytes, sorted by name) and data/signatures.txt (from
// MetaGraphDefs read with TensorFlow's own classes).
#include "saved_model/saved_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "saved_model/internal.h"
#include "test.h"

#define MODELS TESTS_DIR "/models/small/"
#define DATA TESTS_DIR "/saved_model/data/"

static saved_model_t *open_model(const char *name) {
  char *dir = mem_printf(MODELS "%s/saved_model", name);
  saved_model_t *m;
  assert_ok(saved_model_open(dir, &m));
  mem_free(dir);
  return m;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

// The same CRC over the variables that the saver restores.
static uint32_t crc_of_variables(const saved_model_t *m, const meta_graph_t *g, size_t *count) {
  VEC(const char *) names = {0};
  size_t i = 0;
  const char *name;
  void *value;
  while (map_next(m->restored[g->index], &i, &name, &value)) vec_push(&names, name);
  qsort(names.v, names.n, sizeof *names.v, by_text);
  uLong crc = 0;
  for (size_t k = 0; k < names.n; k++) {
    tensor_t t;
    assert_ok(saved_model_variable(m, g, names.v[k], &t));
    char head[1024];
    int n = snprintf(head, sizeof head, "%s %s ", names.v[k], dtype_name(t.dtype));
    for (int d = 0; d < t.shape.rank; d++)
      n += snprintf(head + n, sizeof head - (size_t)n, "%s%" PRId64, d ? "," : "", t.shape.d[d]);
    head[n++] = '\n';
    crc = crc32(crc, (const Bytef *)head, (uInt)n);
    crc = crc32(crc, t.data, (uInt)tensor_bytes(&t));
    tensor_unref(&t);
  }
  *count = names.n;
  vec_free(&names);
  return (uint32_t)crc;
}

static void variables_are_tensorflows(void **state) {
  (void)state;
  FILE *f = fopen(DATA "variables.txt", "r");
  assert_non_null(f);
  char name[64];
  int graph, lines = 0;
  size_t count, got;
  unsigned crc;
  while (fscanf(f, "%63s %d %zu %x", name, &graph, &count, &crc) == 4) {
    saved_model_t *m = open_model(name);
    uint32_t ours = crc_of_variables(m, saved_model_meta_graph(m, graph), &got);
    if (got != count || ours != crc)
      fail_msg("%s: %zu variables with CRC %08x, expected %zu with %08x", name, got, ours, count,
               crc);
    saved_model_close(m);
    lines++;
  }
  fclose(f);
  assert_int_equal(lines, 47);
}

static void print_info(FILE *out, const char *what, const tensor_info_t *t) {
  char shape[256];
  fprintf(out, "    %s %s %s %s %s\n", what, t->key, t->tensor, dtype_name(t->dtype),
          shape_format(&t->shape, shape, sizeof shape));
}

static void describe(FILE *out, const char *name, const saved_model_t *m) {
  for (int i = 0; i < saved_model_n_meta_graphs(m); i++) {
    const meta_graph_t *g = saved_model_meta_graph(m, i);
    fprintf(out, "%s", name);
    for (int k = 0; k < g->n_tags; k++) fprintf(out, " %s", g->tags[k]);
    fprintf(out, " tf=%s init=%s restore=%s\n", g->tf_version, g->init_op ? g->init_op : "-",
            g->restore_op ? g->restore_op : "-");
    for (int k = 0; k < g->n_assets; k++)
      fprintf(out, "  asset %s %s\n", g->assets[k].tensor, g->assets[k].filename);
    for (int k = 0; k < g->n_signatures; k++) {
      const signature_t *s = &g->signatures[k];
      fprintf(out, "  %s %s\n", s->key, s->method);
      for (int j = 0; j < s->n_inputs; j++) print_info(out, "in", &s->inputs[j]);
      for (int j = 0; j < s->n_outputs; j++) print_info(out, "out", &s->outputs[j]);
    }
  }
}

static void signatures_are_tensorflows(void **state) {
  (void)state;
  char **names;
  size_t n;
  assert_ok(file_list_dir(MODELS, &names, &n));
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  int models = 0;
  for (size_t i = 0; i < n; i++) {
    char *dir = mem_printf(MODELS "%s", names[i]);
    if (file_is_dir(dir)) {
      saved_model_t *m = open_model(names[i]);
      describe(out, names[i], m);
      saved_model_close(m);
      models++;
    }
    mem_free(dir);
    mem_free(names[i]);
  }
  mem_free(names);
  fclose(out);
  assert_int_equal(models, 55);
  file_map_t *expected;
  assert_ok(file_map_open(DATA "signatures.txt", &expected));
  size_t at = 0;
  while (at < size && at < expected->size && text[at] == (char)expected->data[at]) at++;
  while (at && text[at - 1] != '\n') at--;
  if (size != expected->size || at != size)
    fail_msg("differs at byte %zu: got %.200s, expected %.200s", at, text + at,
             (const char *)expected->data + at);
  file_map_unref(expected);
  free(text);
}

static void finds_tags_and_signatures(void **state) {
  (void)state;
  saved_model_t *m = open_model("multi_tags");
  const meta_graph_t *g;
  assert_ok(saved_model_find(m, NULL, 0, &g));
  assert_int_equal(g->index, 0);
  assert_ok(saved_model_find(m, (const char *[]){"gpu", "serve"}, 2, &g));
  assert_int_equal(g->index, 1);
  assert_fails(saved_model_find(m, (const char *[]){"train"}, 1, &g), NOT_FOUND,
               "tags {train}; there are {serve}, {serve, gpu}");
  saved_model_close(m);
  m = open_model("multi_sig");
  const signature_t *s;
  g = saved_model_meta_graph(m, 0);
  assert_ok(meta_graph_signature(g, NULL, &s));
  assert_string_equal(s->key, "serving_default");
  assert_fails(meta_graph_signature(g, "nothing", &s), NOT_FOUND,
               "no signature \"nothing\"; there are \"");
  saved_model_close(m);
}

static void variables_by_other_names(void **state) {
  (void)state;
  saved_model_t *m = open_model("keras2_cnn");
  const meta_graph_t *g = saved_model_meta_graph(m, 0);
  tensor_t a, b;
  assert_ok(saved_model_variable(m, g, "conv2d/kernel", &a));
  assert_ok(
      saved_model_variable(m, g, "layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE", &b));
  assert_int_equal(tensor_bytes(&a), tensor_bytes(&b));
  assert_memory_equal(a.data, b.data, tensor_bytes(&a));
  tensor_unref(&b);
  assert_ok(
      saved_model_bundle_tensor(m, "layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE", &b));
  assert_ptr_equal(a.data, b.data);  // mapped, not copied
  tensor_unref(&a);
  tensor_unref(&b);
  assert_fails(saved_model_variable(m, g, "conv9/kernel", &a), NOT_FOUND,
               "no variable \"conv9/kernel\"");
  saved_model_source_t source = {m, g};
  variable_source_t v = saved_model_variables(&source);
  assert_ok(v.read(v.self, "conv2d/kernel", &a));
  tensor_unref(&a);
  saved_model_close(m);
}

// ---------------------------------------------------------------- damage

static void put(const char *dir, const char *name, const void *bytes, size_t n) {
  char *path = file_join(dir, name);
  assert_ok(file_write(path, bytes, n));
  mem_free(path);
}

static void damage_is_one_clear_error(void **state) {
  (void)state;
  char dir[] = "/tmp/tftrt_saved_model_XXXXXX";
  assert_non_null(mkdtemp(dir));
  saved_model_t *m;
  assert_fails(saved_model_open("/tmp/tftrt no such directory", &m), NOT_FOUND,
               "no such directory");
  assert_fails(saved_model_open(dir, &m), NOT_FOUND, "saved_model.pb");
  put(dir, "saved_model.pbtxt", "x", 1);
  assert_fails(saved_model_open(dir, &m), UNIMPLEMENTED, "text format");
  put(dir, "saved_model.pb", "", 0);
  assert_fails(saved_model_open(dir, &m), DATA_LOSS, "no meta graph");
  file_map_t *pb, *data, *index;
  assert_ok(file_map_open(MODELS "fp16_io/saved_model/saved_model.pb", &pb));
  assert_ok(file_map_open(MODELS "fp16_io/saved_model/variables/variables.index", &index));
  assert_ok(
      file_map_open(MODELS "fp16_io/saved_model/variables/variables.data-00000-of-00001", &data));
  for (size_t keep = 1; keep < pb->size; keep += 501) {
    put(dir, "saved_model.pb", pb->data, keep);
    assert_fails(saved_model_open(dir, &m), DATA_LOSS, "saved_model.pb: ");
  }
  put(dir, "saved_model.pb", pb->data, pb->size);
  assert_ok(saved_model_open(dir, &m));  // variables are missed when they are asked for
  tensor_t t;
  assert_fails(saved_model_variable(m, saved_model_meta_graph(m, 0), "Variable", &t), NOT_FOUND,
               "no variables/ directory");
  saved_model_close(m);
  char *variables = file_join(dir, "variables");
  assert_ok(file_make_dirs(variables));
  put(variables, "variables.data-00000-of-00001", data->data, data->size);
  assert_fails(saved_model_open(dir, &m), NOT_FOUND, "variables.index");
  put(variables, "variables.index", index->data, index->size);
  assert_ok(saved_model_open(dir, &m));
  saved_model_close(m);
  put(variables, "variables.data-00000-of-00001", data->data, data->size - 1);
  assert_fails(saved_model_open(dir, &m), DATA_LOSS, "the file is cut off");
  // An asset that is not there, and one that is somewhere else.
  const char *names[] = {"words.txt", "../../etc/passwd"};
  for (int i = 0; i < 2; i++) {
    wire_out_t w = {0};
    size_t graph = wire_begin(&w, 2), asset = wire_begin(&w, 6);
    wire_put_string(&w, 2, names[i]);
    wire_end(&w, asset);
    wire_end(&w, graph);
    put(dir, "saved_model.pb", w.data, w.size);
    wire_out_free(&w);
    status_free(file_remove_tree(variables));
    if (i)
      assert_fails(saved_model_open(dir, &m), INVALID_ARGUMENT, "leaves assets/");
    else
      assert_fails(saved_model_open(dir, &m), NOT_FOUND, "assets/words.txt is missing");
  }
  mem_free(variables);
  file_map_unref(pb);
  file_map_unref(data);
  file_map_unref(index);
  assert_ok(file_remove_tree(dir));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(variables_are_tensorflows), cmocka_unit_test(signatures_are_tensorflows),
      cmocka_unit_test(finds_tags_and_signatures), cmocka_unit_test(variables_by_other_names),
      cmocka_unit_test(damage_is_one_clear_error)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
