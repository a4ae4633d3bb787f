// Functions that ask for a conversion of their own, beside what black_box_test compares with real
// TF-TRT's answers: weights, what is not as it should be, converted models as sources.
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"
#include "convert/state.h"
#include "formats/wire.h"

static char scratch[64];

typedef struct case_model {
  corpus_t list;
  golden_t golden;
} case_model_t;

static const corpus_model_t *open_case(const char *name, case_model_t *m) {
  char *wanted[] = {(char *)(uintptr_t)name};
  *m = (case_model_t){0};
  corpus_list(TESTS_DIR "/models/tf_trt_tests", 1, wanted, &m->list);
  assert_int_equal(m->list.n, 1);
  golden_load(&m->list.v[0], &m->golden);
  return &m->list.v[0];
}

static void close_case(case_model_t *m) {
  golden_free(&m->golden);
  corpus_free(&m->list);
}

static int engines_in_functions(const converter_t *c) {
  int n = 0;
  for (size_t i = 0; i < c->engines.n; i++) n += c->engines.v[i].part->function != NULL;
  return n;
}

static void runs_on_engines(const golden_t *g, const char *dir, int engines) {
  outcome_t o = {0};
  assert_ok(run_golden(g, dir, &o));
  if (o.score.worst > 1) fail_msg("differs by %g at %s", o.score.worst, o.score.where);
  if (*o.native) fail_msg("%s", o.native);
  assert_int_equal(o.engines, engines);
  assert_int_equal(o.hits, o.runs);
  assert_true(o.runs > 0);
}

// ---------------------------------------------------------------- weights

static int count_ops(const graph_t *g, const char *op) {
  int n = 0;
  for (int i = 0; i < g->n_nodes; i++) n += !g->nodes[i]->dead && strcmp(g->nodes[i]->op, op) == 0;
  return n;
}

static void weights_of_all_calls_are_the_functions(void **state) {
  (void)state;
  case_model_t m;
  const corpus_model_t *cm = open_case("tf_function_weights", &m);
  conversion_t how = {.op_set = OP_SET_ALL};
  converter_t *c;
  assert_ok(converter_for(cm, &m.golden.cases.v[0], &how, &c));
  assert_ok(converter_convert(c, NULL));
  assert_int_equal(c->engines.n, 1);
  const engine_node_t *e = &c->engines.v[0];
  assert_int_equal(e->n_inputs, 1);
  assert_int_equal(count_ops(e->function->body, "MatMul"), 1);
  assert_int_equal(count_ops(e->function->body, "Const"), 2);  // weights and bias
  assert_int_equal(e->part->function->n_args, 1);
  for (int i = 0; i < c->graph->n_nodes; i++)
    if (strstr(c->graph->nodes[i]->op, "PartitionedCall"))
      assert_int_equal(c->graph->nodes[i]->n_in, 1);
  assert_int_equal(count_ops(c->graph, "Const"), 0);
  assert_ok(build_from(c, &m.golden.cases.v[0]));
  char *dir = file_join(scratch, "weights");
  assert_ok(converter_save(c, dir, true));
  converter_destroy(c);
  runs_on_engines(&m.golden, dir, 1);
  mem_free(dir);
  close_case(&m);
}

// ---------------------------------------------------------------- precision AUTO

static void precision_auto_leaves_what_functions_say(void **state) {
  (void)state;
  case_model_t m;
  const corpus_model_t *cm = open_case("tf_function_twice", &m);
  const golden_case_t *first = &m.golden.cases.v[0];
  converter_options_t o = {.struct_size = sizeof o,
                           .dir = cm->saved,
                           .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                           .precision_mode = "AUTO",
                           .bounds_error = true,
                           .max_error = 0.1,
                           .minimum_segment_size = 2,
                           .maximum_cached_engines = 2,
                           .allow_build_at_runtime = true,
                           .rule_tactics = true,
                           .threads = 2};
  converter_t *c;
  assert_ok(converter_create(&o, &c));
  assert_ok(converter_convert(c, NULL));
  assert_ok(build_from(c, first));
  assert_int_equal(c->engines.n, 2);
  for (size_t i = 0; i < c->engines.n; i++) {
    const engine_node_t *e = &c->engines.v[i];
    assert_true(e->built.n > 0);
    if (!e->part->function) continue;
    assert_string_equal(node_string(e->node, "precision_mode"), "FP16");
    assert_null(node_attr(e->node, "_tftrt_precision"));
  }
  char *dir = file_join(scratch, "auto");
  assert_ok(converter_save(c, dir, true));
  converter_destroy(c);
  m.golden.noise = 0.1;
  runs_on_engines(&m.golden, dir, 2);
  mem_free(dir);
  close_case(&m);
}

// ---------------------------------------------------------------- GraphDefs

typedef struct source {
  case_model_t m;
  saved_model_t *saved;
  const char *kept[4];
  uint8_t *graph_def;
  converter_options_t o;
} source_t;

static void open_source(const char *name, source_t *s) {
  const corpus_model_t *cm = open_case(name, &s->m);
  const meta_graph_t *g;
  const signature_t *signature;
  assert_ok(saved_model_open(cm->saved, &s->saved));
  assert_ok(saved_model_find(s->saved, NULL, 0, &g));
  assert_ok(meta_graph_signature(g, NULL, &signature));
  assert_int_equal(signature->n_outputs, 1);
  s->kept[0] = signature->outputs[0].tensor;
  s->graph_def = mem_alloc(g->graph_def_size);
  memcpy(s->graph_def, g->graph_def, g->graph_def_size);
  s->o = (converter_options_t){.struct_size = sizeof s->o,
                               .graph_def = s->graph_def,
                               .graph_def_size = g->graph_def_size,
                               .graph_nodes = {.kept = s->kept, .n_kept = 1},
                               .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                               .minimum_segment_size = 2,
                               .maximum_cached_engines = 1,
                               .allow_build_at_runtime = true,
                               .op_set = OP_SET_TF_TRT,
                               .rule_tactics = true,
                               .threads = 2};
}

static void close_source(source_t *s) {
  saved_model_close(s->saved);
  mem_free(s->graph_def);
  close_case(&s->m);
}

// The bytes behind the first `text` in the GraphDef.
static uint8_t *behind(const source_t *s, const char *text) {
  size_t n = strlen(text);
  for (size_t i = 0; i + n < s->o.graph_def_size; i++)
    if (memcmp(s->graph_def + i, text, n) == 0) return s->graph_def + i + n;
  fail_msg("'%s' is not in the GraphDef", text);
  return NULL;
}

static converter_t *convert_source(const source_t *s) {
  converter_t *c;
  assert_ok(converter_create(&s->o, &c));
  assert_ok(converter_convert(c, NULL));
  return c;
}

static void stays_and_says(const source_t *s, const char *attribute, const char *why) {
  converter_t *c = convert_source(s);
  assert_int_equal(engines_in_functions(c), 0);
  assert_int_equal(converter_n_warnings(c), 1);
  const char *text = converter_warning(c, 0);
  if (!strstr(text, "__inference_inner_") || !strstr(text, attribute) || !strstr(text, why))
    fail_msg("'%s' names no function, '%s' or '%s'", text, attribute, why);
  converter_destroy(c);
}

static const char *const ints[] = {"_tftrt_max_batch_size", "_tftrt_max_workspace_size_bytes",
                                   "_tftrt_minimum_segment_size", "_tftrt_max_cached_engines"};
static const char *const bools[] = {"_tftrt_is_dyn_op", "_tftrt_use_calibration",
                                    "_tftrt_use_implicit_batch", "_tftrt_allow_build_at_runtime"};
static const char *const strings[] = {"_tftrt_trt_logger_name", "_tftrt_precision_mode",
                                      "_tftrt_profile_strategy"};
enum { TAG_B = 5 << 3, TAG_I = 3 << 3 };  // of an AttrValue

// A map's entry: the key, then 0x12, the value's size, the value: a tag and a varint.
static void another_type(source_t *s, const char *attribute, uint8_t tag, const char *why) {
  uint8_t *value = behind(s, attribute) + 2, before = *value;
  assert_true(before == TAG_B || before == TAG_I);
  *value = tag;
  stays_and_says(s, attribute, why);
  *value = before;
}

static void missing(source_t *s, const char *attribute) {
  uint8_t *end = behind(s, attribute), before = end[-1];
  end[-1] = 'X';
  stays_and_says(s, attribute, "it has no attribute");
  end[-1] = before;
}

static void another_letter(source_t *s, const char *value, const char *attribute, const char *why) {
  uint8_t *end = behind(s, value), before = end[-1];
  end[-1] = 'x';
  stays_and_says(s, attribute, why);
  end[-1] = before;
}

static void what_is_asked_wrongly_is_named(void **state) {
  (void)state;
  source_t s;
  open_source("tf_function", &s);
  for (int i = 0; i < 4; i++) {
    missing(&s, ints[i]);
    another_type(&s, ints[i], TAG_B, "is no int");
    missing(&s, bools[i]);
    another_type(&s, bools[i], TAG_I, "is no bool");
  }
  for (int i = 0; i < 3; i++) missing(&s, strings[i]);
  another_type(&s, "_tftrt_convert_function", TAG_I, "is no bool");
  another_letter(&s, "FP16", "_tftrt_precision_mode", "Invalid precision mode name: FP1x");
  another_letter(&s, "Range", "_tftrt_profile_strategy", "Invalid profile strategy: Rangx");
  uint8_t *calibrated = behind(&s, "_tftrt_use_calibration") + 3;
  *calibrated = 1;
  stays_and_says(&s, "_tftrt_use_calibration", "Calibration with FP32 or FP16 is not supported");
  *calibrated = 0;
  converter_t *c = convert_source(&s);
  assert_int_equal(engines_in_functions(c), 1);
  assert_int_equal(converter_n_warnings(c), 0);
  converter_destroy(c);
  close_source(&s);
}

// Of a GraphDef functions that may be inlined stay, too, as TensorFlow 1 inlines none before
// TF-TRT.
static void a_graph_def_has_engines_in_functions(void **state) {
  (void)state;
  source_t s;
  open_source("tf_function_inlined", &s);
  converter_t *c = convert_source(&s);
  uint8_t *data;
  size_t size;
  assert_ok(converter_graph_def(c, &data, &size));
  arena_t *arena = arena_create();
  library_t *library = library_create(arena);
  graph_t *g = graph_create(arena, library), *body;
  assert_ok(graph_parse(data, size, g));
  functions_t called = {0};
  assert_ok(graph_called_functions(g, &called));
  assert_int_equal(called.n, 1);
  assert_non_null(function_attr(called.v[0], "_tftrt_convert_function"));
  assert_ok(library_body(library, called.v[0]->name, &body));
  const node_t *engine = NULL;
  for (int i = 0; i < body->n_nodes; i++)
    if (strcmp(body->nodes[i]->op, "TRTEngineOp") == 0) engine = body->nodes[i];
  assert_non_null(engine);
  assert_non_null(node_attr(engine, "max_cached_engines_count"));  // though it is the default
  assert_non_null(library_find(library, node_native_segment(engine).name));
  vec_free(&called);
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  mem_free(data);
  converter_destroy(c);
  close_source(&s);
}

// The inputs of all cases; a GraphDef's are named by their tensors.
typedef struct graph_inputs {
  signature_t signature;
  tensor_info_t info;
  case_inputs_t cases;
} graph_inputs_t;

static input_source_t inputs_of(const source_t *s, const converter_t *c, graph_inputs_t *in) {
  const golden_case_t *first = &s->m.golden.cases.v[0];
  in->signature = *converter_signature(c, 0);
  assert_int_equal(in->signature.n_inputs, 1);
  in->info = in->signature.inputs[0];
  in->info.key = "input_0";
  in->signature.inputs = &in->info;
  in->cases = (case_inputs_t){.signature = &in->signature, .at = first, .first = first};
  return (input_source_t){give_inputs, &in->cases};
}

static void engines_are_calibrated_with_the_graph(void **state) {
  (void)state;
  source_t s;
  graph_inputs_t inputs;
  open_source("tf_function_twice", &s);
  *(behind(&s, "_tftrt_use_calibration") + 3) = 1;
  s.o.precision_mode = "INT8";
  s.o.use_calibration = true;
  converter_t *c = convert_source(&s);
  input_source_t source = inputs_of(&s, c, &inputs);
  assert_ok(converter_calibrate(c, &source));
  free_inputs(&inputs.cases.in);
  assert_int_equal(c->engines.n, 2);
  for (size_t i = 0; i < c->engines.n; i++)
    assert_non_null(strstr(node_string(c->engines.v[i].node, "calibration_data"), "Calibration"));
  converter_destroy(c);
  close_source(&s);
}

// INT8 that nobody calibrates: as in TF-TRT, such engines run natively.
static void engines_that_wait_for_calibration_are_not_built(void **state) {
  (void)state;
  source_t s;
  graph_inputs_t inputs;
  open_source("tf_function_twice", &s);
  *(behind(&s, "_tftrt_use_calibration") + 3) = 1;
  converter_t *c = convert_source(&s);
  assert_int_equal(engines_in_functions(c), 1);
  input_source_t source = inputs_of(&s, c, &inputs);
  assert_ok(converter_build(c, NULL, &source));
  free_inputs(&inputs.cases.in);
  for (size_t i = 0; i < c->engines.n; i++)
    assert_int_equal(c->engines.v[i].built.n > 0, c->engines.v[i].part->function == NULL);
  converter_destroy(c);
  close_source(&s);
}

// ---------------------------------------------------------------- converted models

static converter_t *converter_of(const char *dir) {
  converter_options_t o = {.struct_size = sizeof o,
                           .dir = dir,
                           .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                           .minimum_segment_size = 2,
                           .maximum_cached_engines = 2,
                           .allow_build_at_runtime = true,
                           .rule_tactics = true,
                           .threads = 2};
  converter_t *c;
  assert_ok(converter_create(&o, &c));
  return c;
}

static void converted_models_are_built_and_converted_again(void **state) {
  (void)state;
  case_model_t m;
  const corpus_model_t *cm = open_case("tf_function_twice", &m);
  char *dir = file_join(scratch, "first"), *again = file_join(scratch, "again");
  converter_t *c = converter_of(cm->saved);
  assert_ok(converter_convert(c, NULL));
  assert_int_equal(engines_in_functions(c), 1);
  assert_ok(converter_save(c, dir, true));
  converter_destroy(c);

  c = converter_of(dir);
  assert_ok(converter_reopen(c));
  assert_int_equal(c->engines.n, 2);
  assert_ok(build_from(c, &m.golden.cases.v[0]));
  assert_ok(converter_save(c, again, true));
  converter_destroy(c);
  runs_on_engines(&m.golden, again, 2);

  c = converter_of(again);
  assert_ok(converter_convert(c, NULL));
  assert_int_equal(engines_in_functions(c), 1);
  assert_int_equal(c->engines.n, 2);
  assert_ok(build_from(c, &m.golden.cases.v[0]));
  assert_ok(converter_save(c, dir, true));
  char *precisions;
  assert_ok(summarize_precisions(dir, NULL, 0, NULL, false, &precisions));
  for (size_t i = 0; i < c->engines.n; i++)
    assert_non_null(strstr(precisions, c->engines.v[i].node->name));
  mem_free(precisions);
  converter_destroy(c);
  runs_on_engines(&m.golden, dir, 2);
  mem_free(dir);
  mem_free(again);
  close_case(&m);
}

static void explain_tells_of_functions(void **state) {
  (void)state;
  case_model_t m;
  const corpus_model_t *cm = open_case("tf_function_nested", &m);
  converter_t *c = converter_of(cm->saved);
  char *text;
  assert_ok(converter_convert(c, NULL));
  assert_ok(converter_explain(c, false, &text));
  assert_int_equal(c->engines.n, 4);
  for (size_t i = 0; i < c->engines.n; i++)
    assert_non_null(strstr(text, c->engines.v[i].node->name));
  assert_non_null(strstr(text, "are in 4 engines"));
  mem_free(text);
  converter_destroy(c);
  close_case(&m);
}

int main(void) {
  strcpy(scratch, "/tmp/tftrt_functions_XXXXXX");
  assert_non_null(mkdtemp(scratch));
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(weights_of_all_calls_are_the_functions),
      cmocka_unit_test(precision_auto_leaves_what_functions_say),
      cmocka_unit_test(what_is_asked_wrongly_is_named),
      cmocka_unit_test(a_graph_def_has_engines_in_functions),
      cmocka_unit_test(engines_are_calibrated_with_the_graph),
      cmocka_unit_test(engines_that_wait_for_calibration_are_not_built),
      cmocka_unit_test(converted_models_are_built_and_converted_again),
      cmocka_unit_test(explain_tells_of_functions),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  status_free(file_remove_tree(scratch));
  return failed;
}
