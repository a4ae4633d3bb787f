// Models that real TF-TRT 2.17 saved (tests/models/tf-trt-saved) as input: run, given engines,
// converted anew; as TF 2.0 wrote them; with TensorRT's plans in them; with nothing that could run.
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

// All functions of the source are there, byte for byte.
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
    assert_int_equal(a->raw_size, b->raw_size);
    assert_memory_equal(a->raw, b->raw, a->raw_size);
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

static void tf_2_0s_form(void **state) {
  (void)state;
  saved_t s = open_saved(5);
  char *dir = file_join(scratch, "old"), *built = file_join(scratch, "old-built");
  char *anew = file_join(scratch, "old-anew");
  rewrite(&s, dir, as_tf_2_0);
  runs_both_ways(&s, dir);  // TensorRT's plan is replaced by one of ours
  build_for(&s, dir, built);
  runs_right(&s, built);
  corpus_model_t old = s.model;
  old.saved = dir;
  assert_ok(convert(&old, &s.golden.cases.v[0], &(conversion_t){0}, anew));
  outcome_t o = runs_right(&s, anew);
  assert_true(o.hits > 0);
  mem_free(dir);
  mem_free(built);
  mem_free(anew);
  close_saved(&s);
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

static void nothing_that_could_run(void **state) {
  (void)state;
  saved_t s = open_saved(5);
  char *dir = file_join(scratch, "nothing");
  converter_t *c = NULL;
  rewrite(&s, dir, without_segment);
  corpus_model_t m = s.model;
  m.saved = dir;
  assert_ok(converter_for(&m, &s.golden.cases.v[0], &(conversion_t){0}, &c));
  for (int i = 0; i < 2; i++) {
    status_t st = i ? converter_reopen(c) : converter_convert(c, NULL);
    assert_int_equal(status_code(st), CODE_NOT_FOUND);
    assert_non_null(strstr(status_message(st), "nothing/saved_model.pb: node "));
    assert_non_null(strstr(status_message(st), "neither an engine nor a native segment"));
    status_free(st);
  }
  converter_destroy(c);
  mem_free(dir);
  close_saved(&s);
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
      cmocka_unit_test(tf_2_0s_form),
      cmocka_unit_test(tensorrt_plans_are_replaced),
      cmocka_unit_test(nothing_that_could_run),
      cmocka_unit_test(what_is_not_converted_is_not_reopened),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
