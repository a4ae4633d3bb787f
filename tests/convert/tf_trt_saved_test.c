// Models that real TF-TRT 2.17 saved (tests/models/tf-trt-saved) as input: run, given engines,
// converted anew; as TF 1 and 2.0 wrote them; with TensorRT's plans in them; with nothing that
// could run.
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"
#include "convert/state.h"
#include "formats/wire.h"
#include "graph/passes.h"
#include "saved_model/writer.h"

static char *NAMES[] = {"bert_tiny", "dynamic_shapes", "fp16_mixed", "lstm_text",
                        "qat_cnn",   "resnet_tiny",    "ssd_tiny"};
enum { MODELS = sizeof NAMES / sizeof *NAMES };
static char scratch[64];

static int make_scratch(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_tf_trt_XXXXXX");
  return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state) {
  (void)state;
  status_free(file_remove_tree(scratch));
  return 0;
}

typedef struct saved {
  corpus_t list;
  golden_t golden;
  corpus_model_t model;  // what TF-TRT saved, with the golden cases of its source
} saved_t;

static saved_t open_saved(int i) {
  saved_t s = {0};
  corpus_list(TESTS_DIR "/models/small", 1, &NAMES[i], &s.list);
  golden_load(&s.list.v[0], &s.golden);
  size_t kept = 0;  // one signature is converted, and there is no other
  for (size_t k = 0; k < s.golden.cases.n; k++) {
    golden_case_t c = s.golden.cases.v[k];
    if (strcmp(c.signature, "serving_default") == 0) {
      s.golden.cases.v[kept++] = c;
      continue;
    }
    mem_free(c.file);
    mem_free(c.path);
  }
  s.golden.cases.n = kept;
  s.model = s.list.v[0];
  s.model.saved = mem_printf(TESTS_DIR "/models/tf-trt-saved/%s", NAMES[i]);
  return s;
}

static void close_saved(saved_t *s) {
  mem_free(s->model.saved);
  golden_free(&s->golden);
  corpus_free(&s->list);
}

static outcome_t runs_right_as(const saved_t *s, const char *dir, fallback_policy_t policy) {
  outcome_t o = {0};
  assert_ok(run_golden_as(&s->golden, dir, policy, &o));
  if (o.score.worst > 1) fail_msg("%s: %g tolerances at %s", dir, o.score.worst, o.score.where);
  return o;
}

static outcome_t runs_right(const saved_t *s, const char *dir) {
  return runs_right_as(s, dir, FALLBACK_NATIVE);
}

// The native segments run, which is what is returned, and engines once they are asked for.
static outcome_t runs_both_ways(const saved_t *s, const char *dir) {
  outcome_t o = runs_right(s, dir);
  assert_true(o.engines > 0 && o.runs > 0);
  assert_int_equal(o.hits, 0);
  outcome_t asked = runs_right_as(s, dir, FALLBACK_BUILD);
  assert_true(asked.engines > 0 && asked.hits > 0);
  return o;
}

static void run_as_they_are(void **state) {
  (void)state;
  for (int i = 0; i < MODELS; i++) {
    saved_t s = open_saved(i);
    outcome_t o = runs_both_ways(&s, s.model.saved);
    assert_non_null(strstr(o.native, "engines are not asked for"));
    close_saved(&s);
  }
}

static status_t reopen(const saved_t *s, const char *dir, converter_t **out) {
  corpus_model_t m = s->model;
  m.saved = (char *)(uintptr_t)dir;
  TRY(converter_for(&m, &s->golden.cases.v[0], &(conversion_t){0}, out));
  return converter_reopen(*out);
}

// As bytes, without the ids that engines have here.
static wire_out_t without_ids(library_t *l, const function_t *f) {
  wire_out_t w = {0};
  function_t copy = *f;
  graph_t *body;
  assert_ok(library_body(l, f->name, &body));
  for (int i = 0; i < body->n_nodes; i++) {
    body->nodes[i]->raw = NULL;
    node_remove_attr(body->nodes[i], ENGINE_ID_ATTR);
  }
  copy.raw = NULL;
  copy.body = body;
  assert_ok(function_write(&copy, &w, 1));
  return w;
}

// All functions of the source are there, byte for byte but for the ids.
static void same_functions(const char *from, const char *to) {
  saved_model_t *m[2];
  arena_t *arena[2];
  library_t *library[2];
  graph_t *g[2];
  for (int i = 0; i < 2; i++) {
    assert_ok(saved_model_open(i ? to : from, &m[i]));
    assert_ok(
        meta_graph_graph(m[i], saved_model_meta_graph(m[i], 0), &arena[i], &library[i], &g[i]));
  }
  size_t at = 0;
  const char *name;
  void *value;
  while (map_next(library[0]->functions, &at, &name, &value)) {
    const function_t *a = value, *b = library_find(library[1], name);
    assert_non_null(b);
    if (a->raw_size == b->raw_size && memcmp(a->raw, b->raw, a->raw_size) == 0) continue;
    wire_out_t was = without_ids(library[0], a), is = without_ids(library[1], b);
    assert_int_equal(was.size, is.size);
    assert_memory_equal(was.data, is.data, was.size);
    wire_out_free(&was);
    wire_out_free(&is);
  }
  for (int i = 0; i < 2; i++) {
    graph_destroy(g[i]);
    library_destroy(library[i]);
    arena_destroy(arena[i]);
    saved_model_close(m[i]);
  }
}

static void build_for(const saved_t *s, const char *from, const char *to) {
  converter_t *c = NULL;
  assert_ok(reopen(s, from, &c));
  c->o.compat_2_17 = strstr(from, "qat_cnn") != NULL;  // no range for all: native, as in TF-TRT
  assert_ok(build_from(c, &s->golden.cases.v[0]));
  assert_ok(converter_save(c, to, true));
  converter_destroy(c);
}

static void engines_are_added(void **state) {
  (void)state;
  for (int i = 0; i < MODELS; i++) {
    saved_t s = open_saved(i);
    char *dir = file_join(scratch, NAMES[i]);
    model_t *m;
    score_t score = {0};
    engine_stats_t stats[16];
    build_for(&s, s.model.saved, dir);
    same_functions(s.model.saved, dir);
    build_for(&s, dir, dir);  // in place, over its own engines
    same_functions(s.model.saved, dir);
    assert_ok(open_with_policy(dir, "", true, FALLBACK_BUILD, &m));
    assert_ok(run_case(m, &s.golden, &s.golden.cases.v[0], &score));
    assert_true(score.worst <= 1);
    int n = model_engine_stats(m, stats, 16);
    for (int k = 0; k < n; k++) {  // INT8 without a range: TF-TRT runs that natively, too
      bool no_range = stats[k].fallbacks && strcmp(NAMES[i], "qat_cnn") == 0 &&
                      strstr(stats[k].last_fallback_reason, "INT8 needs a range");
      if (!no_range && (stats[k].builds || stats[k].hits != stats[k].runs))
        fail_msg("%s: runs %d hits %d builds %d: %s", stats[k].name, (int)stats[k].runs,
                 (int)stats[k].hits, (int)stats[k].builds, stats[k].last_fallback_reason);
    }
    model_close(m);
    runs_right(&s, dir);
    mem_free(dir);
    close_saved(&s);
  }
}

static bool has_function(const char *dir, const char *part) {
  saved_model_t *m;
  arena_t *arena;
  library_t *library;
  graph_t *g;
  bool found = false;
  assert_ok(saved_model_open(dir, &m));
  assert_ok(meta_graph_graph(m, saved_model_meta_graph(m, 0), &arena, &library, &g));
  size_t at = 0;
  const char *name;
  while (map_next(library->functions, &at, &name, NULL)) found |= strstr(name, part) != NULL;
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  saved_model_close(m);
  return found;
}

static void converted_anew(void **state) {
  (void)state;
  static const conversion_t HOW[] = {{.name = "implicit"},
                                     {.name = "dynamic", .dynamic_shape = true}};
  for (int i = 0; i < MODELS; i++) {
    for (int k = 0; k < 2; k++) {
      saved_t s = open_saved(i);
      char *dir = file_join(scratch, "anew");
      assert_ok(convert(&s.model, &s.golden.cases.v[0], &HOW[k], dir));
      outcome_t o = runs_right(&s, dir);
      assert_true(o.hits > 0);
      if (strcmp(NAMES[i], "resnet_tiny") == 0) {  // and nothing of the old engine is left
        assert_true(has_function(s.model.saved, "TRTEngineOp_149_000_native_segment"));
        assert_false(has_function(dir, "TRTEngineOp_149_000_native_segment"));
      }
      mem_free(dir);
      close_saved(&s);
    }
  }
}

// ---------------------------------------------------------------- what is written

// A function's name with every number as N: TensorFlow counts per process.
static char *unnumbered(const char *name) {
  char *out = mem_strdup(name);
  size_t n = 0;
  for (const char *p = name; *p; p++) {
    bool digit = *p >= '0' && *p <= '9';
    if (digit && n && out[n - 1] == 'N') continue;
    out[n++] = digit ? 'N' : *p;
  }
  out[n] = 0;
  return out;
}

static void count_functions(const char *dir, map_t *counts) {
  saved_model_t *m;
  arena_t *arena;
  library_t *library;
  graph_t *g;
  assert_ok(saved_model_open(dir, &m));
  assert_ok(meta_graph_graph(m, saved_model_meta_graph(m, 0), &arena, &library, &g));
  size_t at = 0;
  const char *name;
  while (map_next(library->functions, &at, &name, NULL)) {
    char *plain = unnumbered(name);
    map_put(counts, plain, (void *)((uintptr_t)map_get(counts, plain) + 1));
    mem_free(plain);
  }
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  saved_model_close(m);
}

// TF-TRT's functions are there under its names, as many as there: native segments, the function
// around them, save and restore. (The signature's wrapper has the name that the source gave it; and
// functions of the source that its object graph names stay.)
static void functions_have_tf_trts_names(void **state) {
  (void)state;
  for (int i = 0; i < MODELS; i++) {
    saved_t s = open_saved(i);
    char *dir = file_join(scratch, "names");
    corpus_model_t source = s.model;
    source.saved = s.list.v[0].saved;
    bool qat = strcmp(NAMES[i], "qat_cnn") == 0;
    conversion_t how = {
        .name = "tf-trt",
        .op_set = OP_SET_TF_TRT,
        .dynamic_shape = strcmp(NAMES[i], "lstm_text") != 0 && strcmp(NAMES[i], "resnet_tiny") != 0,
        .precision_mode = qat ? "INT8" : "FP32",
        .compat_2_17 = qat};
    converter_t *c = NULL;
    assert_ok(converter_for(&source, &s.golden.cases.v[0], &how, &c));
    assert_ok(converter_convert(c, NULL));
    assert_ok(converter_save(c, dir, true));
    converter_destroy(c);
    map_t *theirs = map_create(), *ours = map_create();
    count_functions(s.model.saved, theirs);
    count_functions(dir, ours);
    size_t at = 0;
    const char *name;
    void *count;
    while (map_next(theirs, &at, &name, &count))
      if (strncmp(name, "__inference_signature_wrapper", 29) != 0 && map_get(ours, name) != count)
        fail_msg("%s: %s is there %zu times, with TF-TRT %zu", NAMES[i], name,
                 (size_t)(uintptr_t)map_get(ours, name), (size_t)(uintptr_t)count);
    map_destroy(theirs);
    map_destroy(ours);
    mem_free(dir);
    close_saved(&s);
  }
}

// ---------------------------------------------------------------- other forms

// Writes the model with its TRTEngineOps changed.
typedef void (*change_fn)(graph_t *g, node_t *engine, const char *segment);

static void rewrite(const saved_t *s, const char *to, change_fn change) {
  saved_model_t *m;
  const meta_graph_t *meta;
  const signature_t *signature;
  arena_t *arena;
  library_t *library;
  graph_t *g;
  saved_model_writer_t *w;
  assert_ok(saved_model_open(s->model.saved, &m));
  assert_ok(saved_model_find(m, NULL, 0, &meta));
  assert_ok(meta_graph_signature(meta, "serving_default", &signature));
  assert_ok(signature_graph(m, meta, signature, &arena, &library, &g));
  assert_ok(graph_inline_calls(g));
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    if (strcmp(n->op, "TRTEngineOp") != 0) continue;
    change(g, n, node_native_segment(n).name);
  }
  assert_ok(saved_model_writer_create(m, to, &w));
  assert_ok(saved_model_writer_signature(w, meta, "serving_default", g));
  assert_ok(saved_model_writer_finish(w));
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  saved_model_close(m);
}

static const char TENSORRT_PLAN[] = "ptrt\0\0\0\0 a TensorRT plan, as far as can be told here";

// TF 2.0: static engines, no shapes, none of the attributes of later versions, the segment named in
// segment_funcdef_name.
static void as_tf_2_0(graph_t *g, node_t *n, const char *segment) {
  static const char *const LATER[] = {"input_shapes",     "output_shapes",
                                      "_output_shapes",   "_use_implicit_batch",
                                      "max_batch_size",   "_allow_build_at_runtime",
                                      "profile_strategy", "use_explicit_precision",
                                      "segment_func",     "_has_manual_control_dependencies"};
  for (size_t i = 0; i < sizeof LATER / sizeof *LATER; i++) node_remove_attr(n, LATER[i]);
  node_set_string(g, n, "segment_funcdef_name", segment, strlen(segment));
  node_set_bool(g, n, "static_engine", true);
  node_set_string(g, n, "serialized_segment", TENSORRT_PLAN, sizeof TENSORRT_PLAN);
  graph_rename_node(g, n, "TRTEngineOp_0");
}

// The segment as a GraphDef: inputs are Placeholders, outputs Identities, numbered. mem_free it.
static wire_out_t as_graph_def(graph_t *g, const char *segment) {
  graph_t *body;
  wire_out_t w = {0};
  assert_ok(library_body(g->library, segment, &body));
  graph_t *copy = graph_clone(body, g->arena);
  for (int i = 0; i < copy->n_nodes; i++) copy->nodes[i]->raw = NULL;  // their inputs change names
  for (int i = 0; i < copy->n_args; i++) {
    node_t *n = copy->args[i];
    char name[32];
    snprintf(name, sizeof name, "TensorRTInputPH_%d", i);
    dtype_t dtype = node_type(n, "T");
    node_set_op(n, "Placeholder");
    node_remove_attr(n, "T");
    node_remove_attr(n, "index");
    node_set_type(copy, n, "dtype", dtype);
    graph_rename_node(copy, n, name);
  }
  for (int i = 0; i < copy->n_rets; i++) {
    char name[32];
    snprintf(name, sizeof name, "TensorRTOutputPH_%d", i);
    node_t *n = graph_add_node(copy, "Identity", name);
    node_add_input(copy, n, copy->rets[i].src, copy->rets[i].port);
    node_set_type(copy, n, "T", copy->rets[i].src->out_dtype[copy->rets[i].port]);
  }
  assert_ok(graph_write_nodes(copy, &w, 1));
  assert_ok(wire_out_status(&w));
  graph_destroy(copy);
  return w;
}

// TF 1.8 to 1.14, is_dynamic_op=True: the segment is in the node, and in a function unless
// use_function_backup was False.
static void as_tf_1(graph_t *g, node_t *n, const char *segment) {
  wire_out_t w = as_graph_def(g, segment);
  as_tf_2_0(g, n, segment);
  graph_rename_node(g, n, "my_trt_op_0");
  node_remove_attr(n, "use_calibration");  // which came with 1.13
  node_set_bool(g, n, "static_engine", false);
  node_set_string(g, n, "serialized_segment", (const char *)w.data, w.size);
  wire_out_free(&w);
}

static void as_tf_1_without_function(graph_t *g, node_t *n, const char *segment) {
  as_tf_1(g, n, segment);
  node_set_string(g, n, "segment_funcdef_name", "", 0);
}

static void old_forms(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int model;
    change_fn change;
  } FORMS[] = {{"tf-2.0", 5, as_tf_2_0},
               {"tf-1", 5, as_tf_1},
               {"tf-1-node", 5, as_tf_1_without_function},
               {"tf-1-node-two-inputs", 3, as_tf_1_without_function}};
  for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
    saved_t s = open_saved(FORMS[i].model);
    char *dir = file_join(scratch, FORMS[i].name), *built = mem_printf("%s-built", dir);
    char *anew = mem_printf("%s-anew", dir);
    rewrite(&s, dir, FORMS[i].change);
    runs_both_ways(&s, dir);  // TensorRT's plan is replaced by one of ours
    build_for(&s, dir, built);
    outcome_t o = runs_right(&s, built);
    if (!o.hits) fail_msg("%s: %s", FORMS[i].name, o.native);
    corpus_model_t old = s.model;
    old.saved = dir;
    assert_ok(convert(&old, &s.golden.cases.v[0], &(conversion_t){0}, anew));
    o = runs_right(&s, anew);
    assert_true(o.hits > 0);
    mem_free(dir);
    mem_free(built);
    mem_free(anew);
    close_saved(&s);
  }
}

static void shapes_of_another_type(graph_t *g, node_t *n, const char *segment) {
  const dtype_t types[] = {DT_FLOAT, DT_FLOAT, DT_FLOAT};
  (void)segment;
  node_set_types(g, n, "input_shapes", types, n->n_in);
  node_set_types(g, n, "output_shapes", types, n->n_out);
}

// They count as none, whoever reads them.
static void lists_of_types_are_no_shapes(void **state) {
  (void)state;
  saved_t s = open_saved(5);
  char *dir = file_join(scratch, "types"), *built = file_join(scratch, "types-built"), *text = NULL;
  rewrite(&s, dir, shapes_of_another_type);
  runs_both_ways(&s, dir);
  build_for(&s, dir, built);
  runs_right(&s, built);
  assert_ok(summarize_precisions(built, NULL, 0, NULL, true, &text));
  mem_free(text);
  corpus_model_t changed = s.model;
  changed.saved = dir;
  assert_ok(convert(&changed, &s.golden.cases.v[0], &(conversion_t){0}, built));
  runs_right(&s, built);
  mem_free(dir);
  mem_free(built);
  close_saved(&s);
}

static void never_calibrated(graph_t *g, node_t *n, const char *segment) {
  (void)segment;
  node_set_string(g, n, "precision_mode", "INT8", 4);
  node_set_bool(g, n, "use_calibration", true);
}

typedef struct calibration_inputs {
  converter_t *c;
  case_inputs_t cases;
} calibration_inputs_t;

static status_t give_calibration_inputs(void *self, const tensor_t **inputs, bool *end) {
  calibration_inputs_t *x = self;
  x->cases.signature = converter_signature(x->c, 0);
  return give_inputs(&x->cases, inputs, end);
}

// INT8 that was saved before GetCalibrationDataOp was asked: native, and both say how it becomes
// INT8, which does it.
static void waiting_for_calibration(void **state) {
  (void)state;
  saved_t s = open_saved(5);
  char *dir = file_join(scratch, "waits"), *anew = file_join(scratch, "waits-no-more");
  static const char how[] = "converting the model anew, with calibration inputs, calibrates it";
  converter_t *c = NULL;
  rewrite(&s, dir, never_calibrated);
  outcome_t o = runs_right_as(&s, dir, FALLBACK_BUILD);
  assert_int_equal(o.hits, 0);
  assert_non_null(strstr(o.native, how));
  assert_ok(reopen(&s, dir, &c));
  assert_ok(build_from(c, &s.golden.cases.v[0]));
  assert_int_equal(converter_n_warnings(c), 1);
  assert_non_null(strstr(converter_warning(c, 0), how));
  converter_destroy(c);

  corpus_model_t m = s.model;
  m.saved = dir;
  conversion_t int8 = {.precision_mode = "INT8", .use_calibration = true};
  assert_ok(converter_for(&m, &s.golden.cases.v[0], &int8, &c));
  const golden_case_t *first = &s.golden.cases.v[0];
  calibration_inputs_t inputs = {.c = c, .cases = {.at = first, .first = first}};
  assert_ok(converter_convert(c, &(input_source_t){give_calibration_inputs, &inputs}));
  assert_ok(converter_save(c, anew, true));
  converter_destroy(c);
  free_inputs(&inputs.cases.in);
  outcome_t after = {0};
  assert_ok(run_golden(&s.golden, anew, &after));
  assert_true(after.hits > 0 && after.score.worst > 1);  // in 8 bits
  mem_free(dir);
  mem_free(anew);
  close_saved(&s);
}

// As if TF-TRT had saved the model with these assets: no node has an id.
static void forget_ids(const char *dir) {
  char *path = file_join(dir, "saved_model.pb"), *print = file_join(dir, "fingerprint.pb");
  file_map_t *map;
  assert_ok(file_map_open(path, &map));
  size_t n = strlen(ENGINE_ID_ATTR), found = 0, size = map->size;
  char *bytes = mem_alloc(size);
  memcpy(bytes, map->data, size);
  file_map_unref(map);
  for (size_t i = 0; i + n <= size; i++)
    if (memcmp(bytes + i, ENGINE_ID_ATTR, n) == 0) bytes[i + n - 1] = 'x', found++;
  assert_true(found > 0);
  assert_ok(file_write(path, bytes, size));
  remove(print);
  mem_free(bytes);
  mem_free(path);
  mem_free(print);
}

// An asset with a plan of TensorRT's: told, and replaced.
static void tensorrt_plans_are_replaced(void **state) {
  (void)state;
  saved_t s = open_saved(5);
  char *dir = file_join(scratch, "plan");
  char *asset = file_join(dir, "assets/trt-serialized-engine.TRTEngineOp_149_000");
  shape_t shape = {.rank = 4, .d = {1, 32, 32, 3}};
  wire_out_t records = {0};
  converter_t *c;
  build_for(&s, s.model.saved, dir);
  saved_engine_record(&shape, 1, TENSORRT_PLAN, sizeof TENSORRT_PLAN, &records);
  assert_ok(file_write(asset, records.data, records.size));
  wire_out_free(&records);
  forget_ids(dir);
  runs_both_ways(&s, dir);
  assert_ok(reopen(&s, dir, &c));
  assert_int_equal(converter_n_warnings(c), 1);
  assert_non_null(strstr(converter_warning(c, 0), "TRTEngineOp_149_000 cannot be loaded"));
  assert_ok(build_from(c, &s.golden.cases.v[0]));
  assert_ok(converter_save(c, dir, true));
  converter_destroy(c);
  assert_ok(reopen(&s, dir, &c));
  assert_int_equal(converter_n_warnings(c), 0);
  converter_destroy(c);
  mem_free(dir);
  mem_free(asset);
  close_saved(&s);
}

static void without_segment(graph_t *g, node_t *n, const char *segment) {
  (void)g, (void)segment;
  node_remove_attr(n, "segment_func");
}

static void with_tensorrts_engine(graph_t *g, node_t *n, const char *segment) {
  as_tf_2_0(g, n, segment);
  node_set_string(g, n, "segment_funcdef_name", "", 0);
}

// TF 1.7, which had no segments.
static void as_tf_1_7(graph_t *g, node_t *n, const char *segment) {
  with_tensorrts_engine(g, n, segment);
  node_set_string(g, n, "serialized_engine", TENSORRT_PLAN, sizeof TENSORRT_PLAN);
  node_remove_attr(n, "serialized_segment");
  node_remove_attr(n, "precision_mode");
}

static void with_garbage(graph_t *g, node_t *n, const char *segment) {
  as_tf_1_without_function(g, n, segment);
  node_set_string(g, n, "serialized_segment", "\x0a\x7f", 2);
}

static void without_outputs(graph_t *g, node_t *n, const char *segment) {
  as_tf_1_without_function(g, n, segment);
  node_set_string(g, n, "serialized_segment", "\x0a\x0b\x0a\x03one\x12\x04NoOp", 13);
}

// What converting it, adding engines to it and running it say; all name file or node.
static void nothing_that_could_run(void **state) {
  (void)state;
  static const struct {
    change_fn change;
    code_t code, run_code;
    const char *why, *run_why;
  } CASES[] = {
      {without_segment, CODE_NOT_FOUND, CODE_ABORTED,
       "TRTEngineOp_149_000 (TRTEngineOp) has neither an engine nor a "
       "native segment",
       "native segment is not found in the graph"},
      {with_tensorrts_engine, CODE_NOT_FOUND, CODE_ABORTED,
       "TRTEngineOp_0 (TRTEngineOp) has an engine of TensorRT's, and "
       "no native segment that could run in its place",
       "native segment is not found in the graph. TRTEngineOp_0 cannot serve"},
      {as_tf_1_7, CODE_NOT_FOUND, CODE_UNIMPLEMENTED,
       "TRTEngineOp_0 (TRTEngineOp) has neither an engine nor a "
       "native "
       "segment",
       "TRTEngineOp_0': it is TensorFlow 1.7's: an engine of TensorRT's"},
      {with_garbage, CODE_DATA_LOSS, CODE_DATA_LOSS, "my_trt_op_0: serialized_segment",
       "my_trt_op_0: serialized_segment"},
      {without_outputs, CODE_INVALID_ARGUMENT, CODE_INVALID_ARGUMENT,
       "my_trt_op_0: serialized_segment is no native segment: it has no outputs",
       "my_trt_op_0: serialized_segment is no native segment: it has no outputs"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    saved_t s = open_saved(5);
    char *dir = file_join(scratch, "nothing");
    converter_t *c = NULL;
    outcome_t o = {0};
    rewrite(&s, dir, CASES[i].change);
    corpus_model_t m = s.model;
    m.saved = dir;
    assert_ok(converter_for(&m, &s.golden.cases.v[0], &(conversion_t){0}, &c));
    for (int k = 0; k < 3; k++) {
      status_t st = k == 0   ? converter_convert(c, NULL)
                    : k == 1 ? converter_reopen(c)
                             : run_golden(&s.golden, dir, &o);
      const char *why = k < 2 ? CASES[i].why : CASES[i].run_why;
      if (!strstr(status_message(st), why)) fail_msg("%s, not: %s", status_message(st), why);
      assert_int_equal(status_code(st), k < 2 ? CASES[i].code : CASES[i].run_code);
      status_free(st);
    }
    converter_destroy(c);
    mem_free(dir);
    close_saved(&s);
  }
}

static void what_is_not_converted_is_not_reopened(void **state) {
  (void)state;
  saved_t s = open_saved(5);
  converter_t *c = NULL;
  status_t st = reopen(&s, s.list.v[0].saved, &c);
  assert_int_equal(status_code(st), CODE_FAILED_PRECONDITION);
  assert_non_null(strstr(status_message(st), "has no TRTEngineOp"));
  status_free(st);
  converter_destroy(c);
  close_saved(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(run_as_they_are),
      cmocka_unit_test(engines_are_added),
      cmocka_unit_test(converted_anew),
      cmocka_unit_test(functions_have_tf_trts_names),
      cmocka_unit_test(old_forms),
      cmocka_unit_test(lists_of_types_are_no_shapes),
      cmocka_unit_test(waiting_for_calibration),
      cmocka_unit_test(tensorrt_plans_are_replaced),
      cmocka_unit_test(nothing_that_could_run),
      cmocka_unit_test(what_is_not_converted_is_not_reopened),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
