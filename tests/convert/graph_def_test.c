// GraphDefs in memory: what SavedModels of constants alone have as their graph becomes a converted
// GraphDef, which is run as the source of another converter and held to TensorFlow's outputs.
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"
#include "formats/tf_fields.h"
#include "formats/wire.h"
#include "graph/graph.h"

typedef struct source {
  saved_model_t *model;
  const signature_t *signature;
  converter_options_t o;
  const char *kept[32];
} source_t;

static void source_open(const corpus_model_t *cm, source_t *s) {
  const meta_graph_t *g;
  assert_ok(saved_model_open(cm->saved, &s->model));
  assert_ok(saved_model_find(s->model, NULL, 0, &g));
  assert_ok(meta_graph_signature(g, NULL, &s->signature));
  assert_true(s->signature->n_outputs < 32);
  for (int i = 0; i < s->signature->n_outputs; i++) s->kept[i] = s->signature->outputs[i].tensor;
  s->o = (converter_options_t){.struct_size = sizeof s->o,
                               .graph_def = g->graph_def,
                               .graph_def_size = g->graph_def_size,
                               .graph_nodes = {.kept = s->kept, .n_kept = s->signature->n_outputs},
                               .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                               .minimum_segment_size = 2,
                               .maximum_cached_engines = 4,
                               .use_calibration = true,
                               .allow_build_at_runtime = true,
                               .op_set = OP_SET_TF_TRT,
                               .compat_2_17 = true,
                               .rule_tactics = true,
                               .threads = 2};
}

static const tensor_info_t *by_tensor(const tensor_info_t *list, int n, const char *tensor) {
  for (int i = 0; i < n; i++)
    if (strcmp(list[i].tensor, tensor) == 0) return &list[i];
  fail_msg("the GraphDef's %s is not in the signature", tensor);
  return NULL;
}

// Inputs of the GraphDef, whose keys are tensors, from those of the signature.
static void read_graph_inputs(const golden_case_t *from, const signature_t *saved,
                              const signature_t *s, inputs_t *in) {
  free_inputs(in);
  npz_t z = npz_open(from->path);
  for (int i = 0; i < s->n_inputs; i++)
    in->v[i] = input_array(&z, by_tensor(saved->inputs, saved->n_inputs, s->inputs[i].key));
  npz_close(&z);
}

typedef struct graph_inputs {
  const source_t *source;
  const converter_t *c;
  const golden_case_t *at;
  inputs_t in;
} graph_inputs_t;

static status_t give(void *self, const tensor_t **inputs, bool *end) {
  graph_inputs_t *g = self;
  *end = !g->at->file;
  if (*end) return NULL;
  read_graph_inputs(g->at++, g->source->signature, converter_signature(g->c, 0), &g->in);
  *inputs = g->in.v;
  return NULL;
}

static score_t worst_of_cases(converter_t *c, const source_t *s, const golden_t *g) {
  const signature_t *graph = converter_signature(c, 0), *saved = s->signature;
  score_t score = {0};
  for (size_t k = 0; k < g->cases.n; k++) {
    const golden_case_t *one = &g->cases.v[k];
    inputs_t in = {0};
    tensor_t out[32] = {0};
    read_graph_inputs(one, saved, graph, &in);
    assert_ok(converter_run(c, NULL, in.v, out));
    npz_t z = npz_open(one->path);
    for (int i = 0; i < saved->n_outputs; i++) {
      const char *key = saved->outputs[i].key;
      int at = 0;
      while (strcmp(graph->outputs[at].key, saved->outputs[i].tensor) != 0) at++;
      tensor_t golden = npz_get(&z, "out.", key, saved->outputs[i].dtype);
      compare(&score, key, &out[at], &golden, noise_of(g->manifest, one->file, key) + g->noise,
              precision_of(g->manifest) + g->precision);
      tensor_unref(&golden);
    }
    npz_close(&z);
    for (int i = 0; i < graph->n_outputs; i++) tensor_unref(&out[i]);
    free_inputs(&in);
  }
  return score;
}

typedef struct found {  // in a GraphDef, parsed again
  int engines, statics, with_table, with_library;
} found_t;

static found_t look(const uint8_t *data, size_t size) {
  arena_t *arena = arena_create();
  library_t *library = library_create(arena);
  graph_t *g = graph_create(arena, library);
  found_t f = {0};
  assert_ok(graph_parse(data, size, g));
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    if (strcmp(n->op, "TRTEngineOp") != 0) continue;
    const attr_value_t *plan = node_attr(n, "serialized_segment");
    f.engines++;
    f.statics += node_bool(n, "static_engine", true) && plan && plan->s.n;
    f.with_table += *node_string(n, "calibration_data") != '\0';
    f.with_library += node_attr(n, "_tftrt_library") != NULL;
    assert_non_null(node_attr(n, "max_batch_size"));  // though it is the default
    bool named = library_find(library, node_native_segment(n).name) != NULL;
    assert_true(named != (node_attr(n, "_tftrt_library") != NULL));
  }
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  return f;
}

// Of a model, converted in a way: what is in the GraphDef, and whether it gives TensorFlow's
// outputs. The bounds are tolerances of the corpus.
static found_t converted(const corpus_model_t *cm, const converter_options_t *how, bool calibrates,
                         double bound) {
  golden_t g;
  source_t s;
  converter_t *c, *again;
  uint8_t *data;
  size_t size;
  golden_load(cm, &g);
  source_open(cm, &s);
  s.o.precision_mode = how->precision_mode;
  s.o.static_batch = how->static_batch;
  s.o.library_stays = how->library_stays;
  assert_ok(converter_create(&s.o, &c));
  assert_ok(converter_convert(c, NULL));
  if (calibrates) {
    graph_inputs_t in = {.source = &s, .c = c, .at = g.cases.v};
    assert_ok(converter_calibrate(c, &(input_source_t){give, &in}));
    free_inputs(&in.in);
  }
  assert_ok(converter_graph_def(c, &data, &size));
  converter_destroy(c);
  s.o.graph_def = data;
  s.o.graph_def_size = size;
  s.o.precision_mode = NULL;
  s.o.static_batch = 0;
  s.o.minimum_segment_size = -1;  // the engines that are in it stay
  if (!how->library_stays) {      // which only the plug-in for TensorFlow runs
    assert_ok(converter_create(&s.o, &again));
    assert_ok(converter_convert(again, NULL));
    score_t score = worst_of_cases(again, &s, &g);
    if (score.worst > bound)
      fail_msg("%s: %g tolerances at %s", cm->name, score.worst, score.where);
    converter_destroy(again);
  }
  found_t f = look(data, size);
  mem_free(data);
  saved_model_close(s.model);
  golden_free(&g);
  return f;
}

static void a_graph_def_gives_the_same_outputs(void **state) {
  found_t f = converted(*state, &(converter_options_t){0}, false, 1);
  assert_int_equal(f.statics, 0);
  assert_int_equal(f.with_library, 0);
}

static void static_engines_are_in_their_nodes(void **state) {
  found_t f = converted(*state, &(converter_options_t){.static_batch = 8}, false, 1);
  assert_int_equal(f.statics, f.engines);
}

static void segments_may_be_in_their_nodes(void **state) {
  found_t f = converted(*state, &(converter_options_t){.library_stays = true}, false, 1);
  assert_int_equal(f.with_library, f.engines);
}

static char *const models[] = {
    "simple_single_engine", "simple_multi_engines", "concatenation",    "const_broadcast",
    "conv2d_nhwc",          "identity_output",      "memory_alignment", "vgg_block",
    "trt_mode_static"};

static void calibration_is_in_the_nodes(void **state) {
  const corpus_t *all = *state;
  // 8 bits: half a percent of outputs up to a few units, in tolerances of 1e-5.
  found_t f = converted(corpus_model(all, "simple_single_engine"),
                        &(converter_options_t){.precision_mode = "INT8"}, true, 2e4);
  assert_int_equal(f.engines, 1);
  assert_int_equal(f.with_table, 1);
}

static void engines_are_there(void **state) {
  const corpus_t *all = *state;
  assert_int_equal(
      converted(corpus_model(all, "simple_multi_engines"), &(converter_options_t){0}, false, 1)
          .engines,
      2);
}

static node_t *add_unary(graph_t *g, const char *op, const char *name, node_t *x, int64_t batch) {
  node_t *n = graph_add_node(g, op, name);
  node_set_outputs(g, n, 1);
  node_add_input(g, n, x, 0);
  node_set_type(g, n, "T", DT_FLOAT);
  if (batch) node_set_int(g, n, MAX_BATCH_ATTR, batch);
  return n;
}

// Abs and Exp of x, pairs with a largest batch or none; then twice the same Abs.
static void write_annotated(wire_out_t *w) {
  static const int64_t batches[] = {16, 0, 8, 8};
  arena_t *arena = arena_create();
  library_t *library = library_create(arena);
  graph_t *g = graph_create(arena, library);
  node_t *x = graph_add_node(g, "Placeholder", "x");
  node_set_outputs(g, x, 1);
  node_set_type(g, x, "dtype", DT_FLOAT);
  node_set_shape(g, x, "shape", &(shape_t){.rank = 2, .d = {-1, 3}});
  for (int i = 0; i < 4; i++) {
    char name[2][8];
    snprintf(name[0], sizeof name[0], "abs%d", i);
    snprintf(name[1], sizeof name[1], "exp%d", i);
    x = add_unary(g, "Abs", name[0], x, batches[i]);
    x = add_unary(g, "Exp", name[1], x, batches[i]);
  }
  add_unary(g, "Identity", "kept0", add_unary(g, "Abs", "p", x, 4), 0);
  add_unary(g, "Identity", "kept1", add_unary(g, "Abs", "q", x, 8), 0);
  assert_ok(graph_write_nodes(g, w, TF_GRAPH_DEF_NODE));
  assert_ok(wire_out_status(w));
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
}

// TF-TRT's annotation parts what it differs in, also of what would be one node, and says which
// batch a static engine is for.
static void annotated_batches_are_apart(void **state) {
  (void)state;
  static const char *kept[] = {"kept0", "kept1"};
  wire_out_t w = {0};
  write_annotated(&w);
  converter_options_t o = {.struct_size = sizeof o,
                           .graph_def = w.data,
                           .graph_def_size = w.size,
                           .graph_nodes = {.kept = kept, .n_kept = 2},
                           .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                           .minimum_segment_size = 2,
                           .maximum_cached_engines = 1,
                           .op_set = OP_SET_TF_TRT,
                           .compat_2_17 = true,
                           .rule_tactics = true,
                           .static_batch = 5,
                           .threads = 1};
  converter_t *c;
  uint8_t *data;
  size_t size;
  assert_ok(converter_create(&o, &c));
  assert_ok(converter_convert(c, NULL));
  assert_ok(converter_graph_def(c, &data, &size));
  converter_destroy(c);
  arena_t *arena = arena_create();
  library_t *library = library_create(arena);
  graph_t *g = graph_create(arena, library);
  assert_ok(graph_parse(data, size, g));
  int of_batch[32] = {0}, left = 0;
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    left += strcmp(n->op, "Abs") == 0;
    if (strcmp(n->op, "TRTEngineOp") != 0) continue;
    assert_true(node_bool(n, "static_engine", false));
    of_batch[node_int(n, "max_batch_size", 0)]++;
  }
  assert_int_equal(of_batch[16], 1);
  assert_int_equal(of_batch[5], 1);  // the converter's
  assert_int_equal(of_batch[8], 1);  // both pairs, and q
  assert_int_equal(left, 1);         // p is alone
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  mem_free(data);
  wire_out_free(&w);
}

static status_t try_to_convert(const converter_options_t *o) {
  converter_t *c = NULL;
  status_t st = converter_create(o, &c);
  if (!st) st = converter_convert(c, NULL);
  converter_destroy(c);
  return st;
}

static void bad_arguments_are_named(void **state) {
  const corpus_t *all = *state;
  source_t s;
  source_open(corpus_model(all, "simple_single_engine"), &s);
  converter_options_t o = s.o;
  const char *unknown[] = {"no_such_node"};
  o.graph_nodes.n_kept = 0;
  assert_fails(try_to_convert(&o), INVALID_ARGUMENT, "kept_nodes is empty");
  o.graph_nodes = (graph_nodes_t){.kept = unknown, .n_kept = 1};
  assert_fails(try_to_convert(&o), NOT_FOUND, "no_such_node");
  o = s.o;
  o.graph_nodes.fed = unknown;
  o.graph_nodes.n_fed = 1;
  assert_fails(try_to_convert(&o), NOT_FOUND, "no_such_node");
  o = s.o;
  o.dir = "model";
  assert_fails(try_to_convert(&o), INVALID_ARGUMENT, "Can only specify one of");
  o = s.o;
  o.static_batch = -1;
  assert_fails(try_to_convert(&o), INVALID_ARGUMENT, "static_batch");
  o = s.o;
  o.graph_def_size -= 3;  // cut off
  assert_fails(try_to_convert(&o), DATA_LOSS, "GraphDef");
  converter_t *c;
  uint8_t *data;
  size_t size;
  assert_ok(converter_create(&s.o, &c));
  assert_fails(converter_graph_def(c, &data, &size), FAILED_PRECONDITION, "convert()");
  assert_ok(converter_convert(c, NULL));
  assert_fails(converter_calibrate(c, NULL), FAILED_PRECONDITION, "not needed");
  assert_fails(converter_save(c, "nowhere", true), INVALID_ARGUMENT, "GraphDef");
  converter_destroy(c);
  saved_model_close(s.model);
}

int main(void) {
  corpus_t all = {0};
  corpus_list(TESTS_DIR "/models/tf_trt_tests", (int)(sizeof models / sizeof *models),
              (char **)(uintptr_t)models, &all);
  const struct CMUnitTest others[] = {
      cmocka_unit_test_prestate(calibration_is_in_the_nodes, &all),
      cmocka_unit_test_prestate(engines_are_there, &all),
      cmocka_unit_test(annotated_batches_are_apart),
      cmocka_unit_test_prestate(bad_arguments_are_named, &all),
  };
  int failed = corpus_run("as it is", &all, a_graph_def_gives_the_same_outputs) +
               corpus_run("static engines", &all, static_engines_are_in_their_nodes) +
               corpus_run("segments in nodes", &all, segments_may_be_in_their_nodes) +
               cmocka_run_group_tests(others, NULL, NULL);
  corpus_free(&all);
  return failed;
}
