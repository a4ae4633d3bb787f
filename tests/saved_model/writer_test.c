// Models that are written: what must be the same is the same, byte for byte, and what was put in is
// there, read back through graph_t.
#include "saved_model/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "formats/bundle.h"
#include "formats/wire.h"
#include "graph/passes.h"
#include "test.h"

#define MODELS TESTS_DIR "/models/small/"

static char scratch[64];

static int make_scratch(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_writer_XXXXXX");
  return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state) {
  (void)state;
  status_free(file_remove_tree(scratch));
  return 0;
}

static saved_model_t *open_dir(const char *dir) {
  saved_model_t *m;
  assert_ok(saved_model_open(dir, &m));
  return m;
}

static saved_model_t *open_model(const char *name) {
  char *dir = mem_printf(MODELS "%s/saved_model", name);
  saved_model_t *m = open_dir(dir);
  mem_free(dir);
  return m;
}

static void same_file(const char *a, const char *b, const char *name) {
  char *pa = file_join(a, name), *pb = file_join(b, name);
  file_map_t *x, *y;
  assert_ok(file_map_open(pa, &x));
  assert_ok(file_map_open(pb, &y));
  if (x->size != y->size || memcmp(x->data, y->data, x->size) != 0)
    fail_msg("%s and %s differ", pa, pb);
  file_map_unref(x);
  file_map_unref(y);
  mem_free(pa);
  mem_free(pb);
}

static void same_bundle(const char *a, const char *b) {
  char *pa = file_join(a, "variables/variables"), *pb = file_join(b, "variables/variables");
  bundle_t *x, *y;
  assert_ok(bundle_open(pa, &x));
  assert_ok(bundle_open(pb, &y));
  for (size_t i = 0; i < bundle_count(x); i++) {
    const char *key = bundle_entry(x, i)->key;
    if (!*key) continue;  // a slice
    tensor_t s, t;
    assert_ok(bundle_read(x, key, &s));
    assert_ok(bundle_read(y, key, &t));
    assert_true(s.dtype == t.dtype && shape_equal(&s.shape, &t.shape));
    if (dtype_is_plain(s.dtype) && tensor_bytes(&s))
      assert_memory_equal(s.data, t.data, tensor_bytes(&s));
    tensor_unref(&s);
    tensor_unref(&t);
  }
  bundle_close(x);
  bundle_close(y);
  mem_free(pa);
  mem_free(pb);
}

static void an_untouched_model_is_written_as_it_was(void **state) {
  (void)state;
  char **names;
  size_t n;
  int models = 0;
  assert_ok(file_list_dir(MODELS, &names, &n));
  for (size_t i = 0; i < n; i++) {
    char *dir = mem_printf(MODELS "%s/saved_model", names[i]);
    if (file_is_dir(dir)) {
      saved_model_t *m = open_dir(dir);
      char *out = file_join(scratch, names[i]);
      saved_model_writer_t *w;
      assert_ok(saved_model_writer_create(m, out, &w));
      assert_ok(saved_model_writer_finish(w));
      saved_model_close(m);
      same_file(dir, out, "saved_model.pb");
      same_bundle(dir, out);
      status_free(file_remove_tree(out));
      mem_free(out);
      models++;
    }
    mem_free(dir);
    mem_free(names[i]);
  }
  mem_free(names);
  assert_int_equal(models, 55);
}

typedef struct work {
  arena_t *arena;
  library_t *library;
  graph_t *graph;
} work_t;

// A signature, inlined and frozen: a graph as a conversion hands it over.
static work_t frozen(const saved_model_t *m, const meta_graph_t *g, const char *key) {
  work_t k;
  const signature_t *s;
  assert_ok(meta_graph_signature(g, key, &s));
  assert_ok(signature_graph(m, g, s, &k.arena, &k.library, &k.graph));
  saved_model_source_t source = {m, g};
  variable_source_t variables = saved_model_variables(&source);
  assert_ok(graph_inline_calls(k.graph));
  assert_ok(graph_freeze(k.graph, &variables));
  assert_ok(graph_prune(k.graph));
  return k;
}

static void drop(work_t *k) {
  graph_destroy(k->graph);
  library_destroy(k->library);
  arena_destroy(k->arena);
}

static int count_op(const graph_t *g, const char *op) {
  int n = 0;
  for (int i = 0; i < g->n_nodes; i++) n += !g->nodes[i]->dead && strcmp(g->nodes[i]->op, op) == 0;
  return n;
}

// Constants of a frozen graph by name, to compare with those of the written one.
static void same_constants(const graph_t *a, const graph_t *b, size_t least) {
  size_t n = 0;
  for (int i = 0; i < a->n_nodes; i++) {
    node_t *x = a->nodes[i];
    if (x->dead || strcmp(x->op, "Const") != 0 || !*node_string(x, "_tftrt_weight")) continue;
    char *inner = mem_printf("StatefulPartitionedCall/PartitionedCall/%s", x->name);
    node_t *y = graph_find(b, inner);
    if (!y) {
      mem_free(inner);
      inner = mem_printf("StatefulPartitionedCall/StatefulPartitionedCall/%s", x->name);
      y = graph_find(b, inner);
    }
    if (!y) fail_msg("no node %s", inner);
    const tensor_t *s, *t;
    assert_ok(attr_tensor(node_attr(x, "value"), &s));
    assert_ok(attr_tensor(node_attr(y, "value"), &t));
    assert_true(s->dtype == t->dtype && shape_equal(&s->shape, &t->shape));
    assert_memory_equal(s->data, t->data, tensor_bytes(s));
    mem_free(inner);
    n++;
  }
  assert_true(n >= least);
}

static uint64_t data_size(const char *dir) {
  char *path = file_join(dir, "variables/variables.data-00000-of-00001");
  file_map_t *m;
  assert_ok(file_map_open(path, &m));
  uint64_t size = m->size;
  file_map_unref(m);
  mem_free(path);
  return size;
}

// TensorFlow takes them for those of the function's outputs.
static void results_tell_shapes(const work_t *k, const signature_t *s) {
  const node_t *call = NULL;
  for (int i = 0; i < k->graph->n_nodes; i++)
    if (strcmp(k->graph->nodes[i]->op, "StatefulPartitionedCall") == 0) call = k->graph->nodes[i];
  graph_t *body;
  assert_ok(library_body(k->library, node_func(call, "f")->name, &body));
  for (int i = 0; i < s->n_outputs; i++) {
    const char *colon = strchr(s->outputs[i].tensor, ':');
    const node_t *result = body->rets[colon ? atoi(colon + 1) : 0].src;
    const attr_value_t *told = node_attr(result, "_output_shapes");
    assert_non_null(told);
    assert_int_equal(told->n_list, 1);
    assert_true(shape_equal(&told->list[0].shape, &s->outputs[i].shape));
  }
}

// A TF2 model (its wrapper function gets a new body) and a TF1 model (a call is added).
static void converted_signatures_come_back(void **state) {
  (void)state;
  const struct {
    const char *name;
    size_t weights;
    bool tf1;
  } models[] = {{"resnet_tiny", 10, false}, {"lstm_text", 3, false}, {"v1_session", 0, true}};
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    saved_model_t *m = open_model(models[i].name);
    const meta_graph_t *g = saved_model_meta_graph(m, 0);
    work_t k = frozen(m, g, "serving_default");
    assert_ok(weights_assign_keys(k.graph, 4096));
    char *out = file_join(scratch, models[i].name);
    saved_model_writer_t *w;
    assert_ok(saved_model_writer_create(m, out, &w));
    assert_ok(saved_model_writer_signature(w, g, "serving_default", k.graph));
    assert_ok(saved_model_writer_finish(w));

    saved_model_t *o = open_dir(out);
    const meta_graph_t *h = saved_model_meta_graph(o, 0);
    const signature_t *s, *t;
    assert_ok(meta_graph_signature(g, NULL, &s));
    assert_ok(meta_graph_signature(h, NULL, &t));
    assert_int_equal(s->n_inputs, t->n_inputs);
    assert_int_equal(s->n_outputs, t->n_outputs);
    for (int j = 0; j < s->n_outputs; j++) {
      assert_string_equal(s->outputs[j].key, t->outputs[j].key);
      assert_true(shape_equal(&s->outputs[j].shape, &t->outputs[j].shape));
      assert_int_equal(strcmp(s->outputs[j].tensor, t->outputs[j].tensor) != 0, models[i].tf1);
    }
    work_t back;
    assert_ok(signature_graph(o, h, t, &back.arena, &back.library, &back.graph));
    assert_int_equal(count_op(back.graph, "StatefulPartitionedCall"), 1);
    results_tell_shapes(&back, t);
    assert_ok(graph_inline_calls(back.graph));
    assert_ok(graph_prune(back.graph));
    assert_ok(weights_load(o, back.graph));
    assert_int_equal(count_op(back.graph, "VarHandleOp") + count_op(back.graph, "VariableV2"), 0);
    assert_int_equal(count_op(back.graph, "MatMul"), count_op(k.graph, "MatMul"));
    same_constants(k.graph, back.graph, models[i].weights);
    // Weights that are variables too are stored once; what else there is, is alignment.
    char *source = mem_printf(MODELS "%s/saved_model", models[i].name);
    assert_in_range(data_size(out), 0, data_size(source) + 64 * 400);
    mem_free(source);
    drop(&back);
    drop(&k);
    saved_model_close(o);
    saved_model_close(m);
    mem_free(out);
  }
}

static status_t count_record(void *user, const shape_t *shapes, int n, const uint8_t *plan,
                             size_t size) {
  int *count = user;
  assert_int_equal(n, 2);
  assert_int_equal(shapes[0].rank, 3);
  assert_int_equal(shapes[0].d[0], 4 + *count);
  assert_int_equal(size, 4);
  assert_memory_equal(plan, "plan", 4);
  ++*count;
  return NULL;
}

static void engines_become_assets(void **state) {
  (void)state;
  wire_out_t records = {0};
  for (int i = 0; i < 2; i++) {
    const shape_t shapes[] = {SHAPE(4 + i, 1, 1), SHAPE(4, 1, 1)};
    saved_engine_record(shapes, 2, "plan", 4, &records);
  }
  const char *models[] = {"resnet_tiny", "v1_session"};
  for (int i = 0; i < 2; i++) {
    saved_model_t *m = open_model(models[i]);
    char *out = file_join(scratch, "engines");
    saved_model_writer_t *w;
    assert_ok(saved_model_writer_create(m, out, &w));
    const meta_graph_t *g = saved_model_meta_graph(m, 0);
    const char *names[] = {"TRTEngineOp_000_000", "TRTEngineOp_000_002"};
    for (int j = 0; j < 2; j++) {
      saved_engine_t e = {.name = names[j],
                          .records = records.data,
                          .size = records.size,
                          .max_cached_engines = 3,
                          .built = true};
      assert_ok(saved_model_writer_engine(w, g, &e));
    }
    assert_ok(saved_model_writer_finish(w));
    saved_model_t *o = open_dir(out);
    const meta_graph_t *h = saved_model_meta_graph(o, 0);
    assert_int_equal(h->n_assets, 2);
    assert_string_equal(h->assets[0].tensor, "asset_path_initializer:0");
    assert_string_equal(h->assets[1].tensor, "asset_path_initializer_1:0");
    assert_string_equal(h->assets[1].filename, "trt-serialized-engine.TRTEngineOp_000_002");
    // The initialising operation waits for both initialisers.
    work_t k;
    assert_ok(meta_graph_graph(o, h, &k.arena, &k.library, &k.graph));
    assert_non_null(h->init_op);
    node_t *init = graph_find(k.graph, h->init_op);
    assert_non_null(init);
    int found = 0;
    for (int j = 0; j < init->n_control; j++) {
      const func_ref_t *f = node_func(init->control[j], "f");
      if (!f) continue;
      graph_t *body;
      assert_ok(library_body(k.library, f->name, &body));
      assert_int_equal(count_op(body, "InitializeTRTResource"), 1);
      found++;
    }
    assert_int_equal(found, 2);
    drop(&k);
    char *path = mem_printf("%s/assets/%s", out, h->assets[0].filename);
    file_map_t *asset;
    assert_ok(file_map_open(path, &asset));
    int count = 0;
    assert_ok(saved_engine_records(asset->data, asset->size, path, count_record, &count));
    assert_int_equal(count, 2);
    assert_fails(saved_engine_records(asset->data, asset->size - 1, path, count_record, &(int){0}),
                 DATA_LOSS, "cut off");
    file_map_unref(asset);
    mem_free(path);
    saved_model_close(o);
    saved_model_close(m);
    mem_free(out);
  }
  wire_out_free(&records);
}

static void refuses_what_does_not_fit(void **state) {
  (void)state;
  saved_model_t *m = open_model("multi_sig");
  const meta_graph_t *g = saved_model_meta_graph(m, 0);
  work_t k = frozen(m, g, "serving_default");
  char *out = file_join(scratch, "refused");
  saved_model_writer_t *w;
  assert_ok(saved_model_writer_create(m, out, &w));
  assert_fails(saved_model_writer_signature(w, g, "nothing", k.graph), NOT_FOUND, "nothing");
  k.graph->arg_names[0] = "wrong";
  assert_fails(saved_model_writer_signature(w, g, "serving_default", k.graph), INVALID_ARGUMENT,
               "\"serving_default\" has no \"wrong\" among its inputs");
  saved_engine_t e = {.name = "../x"};
  assert_fails(saved_model_writer_engine(w, g, &e), INVALID_ARGUMENT, "cannot be an engine's name");
  saved_model_writer_abandon(w);
  assert_false(file_exists(out));
  drop(&k);
  saved_model_close(m);
  mem_free(out);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(an_untouched_model_is_written_as_it_was),
                                     cmocka_unit_test(converted_signatures_come_back),
                                     cmocka_unit_test(engines_become_assets),
                                     cmocka_unit_test(refuses_what_does_not_fit)};
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
