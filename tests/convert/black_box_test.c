// A counterpart of each black-box test class of TF-TRT (docs/tf-trt-tests.md):
// tests/models/tf_trt_tests has a model of each, tests/models/tf_trt_tests/answers what real
// TF-TRT 2.17.1 made of it.
//
// engines   op set "tf-trt" and minimum segment size 2 give the real engines: their numbers, nodes,
//           inputs and attributes, in FP32, FP16 and INT8 (without calibration), in implicit batch
//           mode and with dynamic shapes. Differences: black_box_differences.txt.
// outputs   converted, with dynamic shapes built with zeros of every input shape, saved, opened
//           again, and run twice for each shape, engines alone, gives TensorFlow's outputs.
//
//   black_box_test [FOLDER/] [MODEL...]      another folder of the same form
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"
#include "convert/tf_trt_answer.h"

static char scratch[64];

// ---------------------------------------------------------------- engines

enum { MAX_ENGINES = 32 };

typedef struct engines {  // one text for each, sorted
  int n;
  char *text[MAX_ENGINES];
} engines_t;

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void engines_free(engines_t *e) {
  for (int i = 0; i < e->n; i++) mem_free(e->text[i]);
}

static bool engines_equal(const engines_t *a, const engines_t *b) {
  bool same = a->n == b->n;
  for (int i = 0; same && i < a->n; i++) same = strcmp(a->text[i], b->text[i]) == 0;
  return same;
}

// Adds the list's names, sorted.
static void add_names(text_t *t, const char **names, size_t n) {
  if (n) qsort(names, n, sizeof *names, by_text);
  for (size_t i = 0; i < n; i++) text_printf(t, " %s", names[i]);
}

static void add_attributes(text_t *t, json_t *a) {
  static const char *const strings[] = {"precision_mode", "profile_strategy"};
  static const char *const ints[] = {"max_batch_size", "max_cached_engines_count",
                                     "workspace_size_bytes"};
  static const char *const bools[] = {"use_calibration", "static_engine", "use_explicit_precision",
                                      "_use_implicit_batch", "_allow_build_at_runtime"};
  for (int i = 0; i < 2; i++)
    text_printf(t, " %s", json_string_value(json_object_get(a, strings[i])));
  for (int i = 0; i < 3; i++)
    text_printf(t, " %lld", (long long)json_integer_value(json_object_get(a, ints[i])));
  for (int i = 0; i < 5; i++)
    text_printf(t, " %d", (int)json_is_true(json_object_get(a, bools[i])));
}

// "001": how many nodes, and the names of those that are no Const; inputs; attributes.
static char *engine_text(json_t *engine) {
  text_t t = {0};
  VEC(const char *) nodes = {0}, inputs = {0};
  json_t *op, *input, *all = json_object_get(engine, "nodes");
  const char *name;
  size_t i;
  json_object_foreach(all, name, op) {
    if (strcmp(json_string_value(op), "Const") != 0) vec_push(&nodes, name);
  }
  json_array_foreach(json_object_get(engine, "inputs"), i, input)
      vec_push(&inputs, json_string_value(input));
  text_printf(&t, "%s: %d nodes,",
              strrchr(json_string_value(json_object_get(engine, "name")), '_') + 1,
              (int)json_object_size(all));
  add_names(&t, nodes.v, nodes.n);
  text_add(&t, "; from");
  add_names(&t, inputs.v, inputs.n);
  text_add(&t, ";");
  add_attributes(&t, json_object_get(engine, "attributes"));
  vec_free(&nodes);
  vec_free(&inputs);
  return text_take(&t);
}

static void add_engines_of(json_t *graph, const char *where, engines_t *out) {
  json_t *engine;
  size_t i;
  json_array_foreach(json_object_get(graph, "engines"), i, engine) {
    char *text = engine_text(engine);
    assert_true(out->n < MAX_ENGINES);
    out->text[out->n++] = mem_printf("%s%s", where, text);
    mem_free(text);
  }
}

static bool is_native(const char *op) {
  return strcmp(op, "Const") != 0 && strcmp(op, "Identity") != 0;
}

// Of a function that asks for a conversion of its own: engines, what stays, attributes.
static void add_function(json_t *function, const char *name, engines_t *out) {
  text_t t = {0};
  VEC(const char *) rest = {0};
  json_t *op;
  const char *node;
  json_object_foreach(json_object_get(function, "rest"), node, op) {
    if (is_native(json_string_value(op))) vec_push(&rest, node);
  }
  char *where = mem_printf("%s/", name);
  add_engines_of(function, where, out);
  mem_free(where);
  char *attributes = json_dumps(json_object_get(function, "attributes"), JSON_SORT_KEYS);
  text_printf(&t, "%s: rest", name);
  add_names(&t, rest.v, rest.n);
  text_printf(&t, "; attributes %s", attributes);
  assert_true(out->n < MAX_ENGINES);
  out->text[out->n++] = text_take(&t);
  free(attributes);
  vec_free(&rest);
}

// Takes the answer; false when there is none.
static bool engines_of(json_t *answer, engines_t *out) {
  json_t *root = with_number_zero(answer), *function;
  const char *name;
  json_t *list = json_object_get(root, "engines");
  *out = (engines_t){0};
  add_engines_of(root, "", out);
  json_object_foreach(json_object_get(root, "functions"), name, function)
      add_function(function, name, out);
  qsort(out->text, (size_t)out->n, sizeof *out->text, by_text);
  bool found = list != NULL;
  json_decref(root);
  return found;
}

static void print_engines(const char *whose, const engines_t *e) {
  for (int i = 0; i < e->n; i++) print_error("    %s %s\n", whose, e->text[i]);
}

static const char *const PRECISIONS[] = {"FP32", "FP16", "INT8"};

static bool has_mode(const golden_t *g, const char *mode) {
  const char *modes = strstr(g->manifest, "\"modes\"");
  const char *end = modes ? strchr(modes, ']') : NULL, *at = modes ? strstr(modes, mode) : NULL;
  return at && at < end;
}

static bool says(const golden_t *g, const char *key) { return strstr(g->manifest, key) != NULL; }

static conversion_t conversion(const golden_t *g, bool dynamic, const char *precision) {
  const char *kept = strstr(g->manifest, "\"engines_kept\": ");
  assert_non_null(kept);
  return (conversion_t){.dynamic_shape = dynamic,
                        .op_set = OP_SET_TF_TRT,
                        .minimum_segment_size = 2,
                        .maximum_cached_engines = atoi(kept + strlen("\"engines_kept\": ")),
                        .precision_mode = precision};
}

// The answer's path; mem_free it.
static char *answer_of(const corpus_model_t *cm, const char *precision, bool dynamic,
                       const char *run) {
  char lower[8] = {0};
  for (int i = 0; precision[i]; i++)
    lower[i] = (char)(precision[i] >= 'A' ? precision[i] - 'A' + 'a' : precision[i]);
  return mem_printf("%s/../answers/%s.%s-%s%s.json", cm->dir, cm->name, lower,
                    dynamic ? "dynamic" : "implicit", run);
}

static bool same_engines(const corpus_model_t *cm, const golden_t *g, const char *precision,
                         bool dynamic, bool quiet) {
  engines_t ours, theirs;
  converter_t *c;
  conversion_t how = conversion(g, dynamic, precision);
  how.maximum_cached_engines = 1;
  how.compat_2_17 = true;  // INT8 without calibration is no error there
  how.profile_strategy = "ImplicitBatchModeCompatible";
  assert_ok(converter_for(cm, &g->cases.v[0], &how, &c));
  assert_ok(converter_convert(c, NULL));
  engines_of(converted_json(c), &ours);
  converter_destroy(c);
  bool same = false;
  for (int run = 1; run <= 2 && !same; run++) {
    char *path = answer_of(cm, precision, dynamic, run == 1 ? "" : ".2");
    bool found = engines_of(json_load_file(path, 0, NULL), &theirs);
    if (run == 1 && !found) fail_msg("no answer %s", path);
    mem_free(path);
    same = found && engines_equal(&ours, &theirs);
    if (run == 1 && !same && !quiet) {
      print_error("%s, %s %s:\n", cm->name, precision, dynamic ? "dynamic" : "implicit");
      print_engines("TF-TRT's", &theirs);
      print_engines("ours    ", &ours);
    }
    engines_free(&theirs);
  }
  engines_free(&ours);
  return same;
}

// Is "<model> <precision>-<mode>: <reason>" a line of the list? Both may be "all".
static bool listed(const char *list, const char *model, const char *precision, const char *mode) {
  bool found = false;
  for (const char *line = list; line && *line && !found; line = strchr(line, '\n')) {
    char who[64], what[8], how[16], reason[32];
    line += *line == '\n';
    found = sscanf(line, "%63s %7[^-]-%15[^:]: %31c", who, what, how, reason) == 4 &&
            strcmp(who, model) == 0 && (strcmp(what, "all") == 0 || strcmp(what, precision) == 0) &&
            (strcmp(how, "all") == 0 || strcmp(how, mode) == 0);
  }
  return found;
}

static void engines_are_tf_trts(void **state) {
  const corpus_model_t *cm = *state;
  golden_t g;
  golden_load(cm, &g);
  file_map_t *list;
  assert_ok(file_map_open(TESTS_DIR "/convert/black_box_differences.txt", &list));
  char *reasons = mem_printf("%.*s", (int)list->size, (const char *)list->data);
  file_map_unref(list);
  int wrong = 0;
  for (int dynamic = 0; dynamic < 2; dynamic++)
    for (size_t i = 0; i < sizeof PRECISIONS / sizeof *PRECISIONS; i++) {
      const char *mode = dynamic ? "dynamic" : "implicit";
      bool differs = listed(reasons, cm->name, PRECISIONS[i], mode);
      bool same = same_engines(cm, &g, PRECISIONS[i], dynamic, differs);
      wrong += same == differs;
      if (same && differs)
        print_error("%s, %s %s: agrees, but is listed\n", cm->name, PRECISIONS[i], mode);
    }
  mem_free(reasons);
  golden_free(&g);
  assert_int_equal(wrong, 0);
}

// ---------------------------------------------------------------- outputs

// The inputs of all cases, or zeros of their shapes.
typedef struct feed {
  const converter_t *c;
  const golden_t *g;
  size_t next;
  bool zeros;
  inputs_t in;
} feed_t;

static status_t next_case(void *self, const tensor_t **inputs, bool *end) {
  feed_t *f = self;
  *end = f->next >= f->g->cases.n;
  if (*end) return NULL;
  const signature_t *s = converter_signature(f->c, 0);
  read_inputs(&f->g->cases.v[f->next++], s, &f->in);
  for (int i = 0; f->zeros && i < s->n_inputs; i++)
    memset(f->in.v[i].data, 0, tensor_bytes(&f->in.v[i]));
  *inputs = f->in.v;
  return NULL;
}

static void convert_and_save(const corpus_model_t *cm, const golden_t *g, const conversion_t *how,
                             const char *dir) {
  converter_t *c;
  assert_ok(converter_for(cm, &g->cases.v[0], how, &c));
  feed_t calibration = {.c = c, .g = g}, zeros = {.c = c, .g = g, .zeros = true};
  input_source_t values = {next_case, &calibration}, shapes = {next_case, &zeros};
  assert_ok(converter_convert(c, how->use_calibration ? &values : NULL));
  if (how->dynamic_shape) assert_ok(converter_build(c, NULL, &shapes));
  for (int i = 0; i < converter_n_warnings(c); i++) print_message("%s\n", converter_warning(c, i));
  assert_ok(converter_save(c, dir, true));
  free_inputs(&calibration.in);
  free_inputs(&zeros.in);
  converter_destroy(c);
}

// As in TF-TRT's tests; then an engine that the cache has no room for takes the oldest one's.
static const char native_allowed[] = "TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION";

static void run_saved(const golden_t *g, const conversion_t *how, const char *dir, bool native) {
  model_t *m;
  model_options_t o = {.struct_size = sizeof o, .threads = 2};
  assert_ok(model_open(dir, &o, &m));
  score_t score = {0};
  if (!native) setenv(native_allowed, "False", 1);
  for (size_t i = 0; i < g->cases.n; i++)
    for (int twice = 0; twice < 2; twice++) assert_ok(run_case(m, g, &g->cases.v[i], &score));
  outcome_t told = {0};
  add_engines(m, &told);
  unsetenv(native_allowed);
  print_message("    %-9s %s %s: %d engines, %d runs, %.3g of the tolerance\n",
                how->dynamic_shape ? "dynamic" : "implicit", how->precision_mode,
                how->op_set == OP_SET_TF_TRT ? "tf-trt" : "all", told.engines, (int)told.runs,
                score.worst);
  if (*told.native) print_message("      ran natively, %s\n", told.native);
  model_close(m);
  if (score.worst > 1) fail_msg("differs by %.3g tolerances at %s", score.worst, score.where);
}

static void outputs_are(const corpus_model_t *cm, golden_t *g, const char *precision,
                        op_set_t op_set) {
  char *dir = file_join(scratch, cm->name);
  for (int dynamic = 0; dynamic < 2; dynamic++) {
    if (!has_mode(g, dynamic ? "dynamic" : "implicit")) continue;
    conversion_t how = conversion(g, dynamic, precision);
    how.op_set = op_set;
    how.use_calibration = strcmp(precision, "INT8") == 0;
    convert_and_save(cm, g, &how, dir);
    bool native = says(g, "\"fallback\": true");
    run_saved(g, &how, dir, native);
    assert_ok(file_remove_tree(dir));
  }
  mem_free(dir);
}

static void outputs_are_tensorflows(void **state) {
  golden_t g;
  golden_load(*state, &g);
  outputs_are(*state, &g, "FP32", OP_SET_TF_TRT);
  outputs_are(*state, &g, "FP32", OP_SET_ALL);
  golden_free(&g);
}

// What TF-TRT's tests allow: 2e-2 and 1e-2 for FP16, 3e-1 and 1e-1 for INT8.
static void outputs_of_less_precision_are_near(void **state) {
  golden_t g;
  golden_load(*state, &g);
  g.noise = 1e-2;
  g.precision = 1e-2;
  outputs_are(*state, &g, "FP16", OP_SET_TF_TRT);
  g.noise = 4e-2;  // eight times as coarse
  g.precision = 4e-2;
  outputs_are(*state, &g, "BF16", OP_SET_TF_TRT);
  g.noise = 15e-2;
  g.precision = 1e-1;
  outputs_are(*state, &g, "INT8", OP_SET_TF_TRT);
  golden_free(&g);
}

int main(int argc, char **argv) {
  corpus_t models = {0};
  strcpy(scratch, "/tmp/tftrt_black_box_XXXXXX");
  assert_non_null(mkdtemp(scratch));
  bool other = argc > 1 && strchr(argv[1], '/');
  corpus_list(other ? argv[1] : TESTS_DIR "/models/tf_trt_tests", argc - 1 - other,
              argv + 1 + other, &models);
  size_t n = 0;
  corpus_t answers = {0};
  for (size_t i = 0; i < models.n; i++) {
    if (strcmp(models.v[i].name, "answers") == 0)
      vec_push(&answers, models.v[i]);
    else
      models.v[n++] = models.v[i];
  }
  models.n = n;
  corpus_free(&answers);  // no models
  int failed = corpus_run("engines", &models, engines_are_tf_trts) +
               corpus_run("outputs", &models, outputs_are_tensorflows) +
               corpus_run("less precision", &models, outputs_of_less_precision_are_near);
  corpus_free(&models);
  status_free(file_remove_tree(scratch));
  return failed;
}
