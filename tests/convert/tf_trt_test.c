// Op set "tf-trt" against real TF-TRT 2.17.1: number of engines, their attributes, op counts inside
// each (Const and Identity aside), in dynamic shape and in implicit batch mode, over
// tests/models/tf-trt. Models that differ are listed with the reason in tf_trt_differences.txt; one
// that differs and is not listed fails, and so does a listed one that agrees.
//
// <model>.fp32-<mode>.json is real TF-TRT's answer, <model>.fp32-<mode>.2.json another one of a
// later run: its common subgraph elimination depends on addresses, so that answers vary for some
// models.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "convert/state.h"
#include "test.h"

enum { MAX_ENGINES = 64, NEEDED_PERCENT = 90 };

typedef struct engines {  // one text for each engine, sorted
  int n;
  char *text[MAX_ENGINES];
} engines_t;

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *join(char **items, size_t n) {
  text_t t = {0};
  text_add(&t, "");
  if (n) qsort(items, n, sizeof *items, by_text);
  for (size_t i = 0; i < n; i++) text_printf(&t, "%s%s", i ? " " : "", items[i]);
  return text_take(&t);
}

// attributes: mem_free'd here.
static void add_engine(engines_t *e, char *attributes, const char **ops, size_t n) {
  assert_true(e->n < MAX_ENGINES);
  char *joined = join((char **)(uintptr_t)ops, n);
  e->text[e->n++] = mem_printf("%s %s", joined, attributes);
  mem_free(joined);
  mem_free(attributes);
  qsort(e->text, (size_t)e->n, sizeof *e->text, by_text);
}

static void engines_free(engines_t *e) {
  for (int i = 0; i < e->n; i++) mem_free(e->text[i]);
}

static bool engines_equal(const engines_t *a, const engines_t *b) {
  bool same = a->n == b->n;
  for (int i = 0; same && i < a->n; i++) same = strcmp(a->text[i], b->text[i]) == 0;
  return same;
}

static const char *const STRINGS[] = {"precision_mode", "profile_strategy"};
static const char *const INTS[] = {"max_batch_size", "max_cached_engines_count",
                                   "workspace_size_bytes"};
static const char *const BOOLS[] = {"use_calibration", "static_engine", "use_explicit_precision",
                                    "_use_implicit_batch", "_allow_build_at_runtime"};

static char *their_attributes(json_t *a) {
  text_t t = {0};
  for (int i = 0; i < 2; i++)
    text_printf(&t, "%s ", json_string_value(json_object_get(a, STRINGS[i])));
  for (int i = 0; i < 3; i++)
    text_printf(&t, "%lld ", (long long)json_integer_value(json_object_get(a, INTS[i])));
  for (int i = 0; i < 5; i++)
    text_printf(&t, "%d", (int)json_is_true(json_object_get(a, BOOLS[i])));
  return text_take(&t);
}

static char *our_attributes(const node_t *n) {
  text_t t = {0};
  for (int i = 0; i < 2; i++) text_printf(&t, "%s ", node_string(n, STRINGS[i]));
  for (int i = 0; i < 3; i++) text_printf(&t, "%lld ", (long long)node_int(n, INTS[i], 0));
  for (int i = 0; i < 5; i++) text_printf(&t, "%d", (int)node_bool(n, BOOLS[i], false));
  return text_take(&t);
}

static bool counts(const char *op) {
  return strcmp(op, "Const") != 0 && strcmp(op, "Identity") != 0 && strcmp(op, "_Arg") != 0;
}

// False when there is no such file, or TF-TRT refused the model.
static bool read_answer(const char *model, const char *mode, const char *run, engines_t *out) {
  char *path = mem_printf(TESTS_DIR "/models/tf-trt/%s.fp32-%s%s.json", model, mode, run);
  json_t *root = json_load_file(path, 0, NULL), *engine;
  mem_free(path);
  json_t *list = json_object_get(root, "engines");
  size_t i;
  *out = (engines_t){0};
  json_array_foreach(list, i, engine) {
    VEC(const char *) ops = {0};
    const char *name;
    json_t *op;
    json_object_foreach(json_object_get(engine, "nodes"), name, op) {
      if (counts(json_string_value(op))) vec_push(&ops, json_string_value(op));
    }
    add_engine(out, their_attributes(json_object_get(engine, "attributes")), ops.v, ops.n);
    vec_free(&ops);
  }
  bool found = list != NULL;
  json_decref(root);
  return found;
}

static void convert_model(const char *model, bool dynamic, engines_t *out) {
  char *dir = mem_printf(TESTS_DIR "/models/small/%s/saved_model", model);
  converter_options_t o = {.struct_size = sizeof o,
                           .dir = dir,
                           .dynamic_shape = dynamic,
                           .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                           .minimum_segment_size = 3,
                           .maximum_cached_engines = 1,
                           .allow_build_at_runtime = true,
                           .op_set = OP_SET_TF_TRT,
                           .compat_2_17 = true,
                           .threads = 1};
  converter_t *c;
  assert_ok(converter_create(&o, &c));
  assert_ok(converter_convert(c, NULL));
  *out = (engines_t){0};
  for (size_t i = 0; i < c->engines.n; i++) {
    const graph_t *body = c->engines.v[i].function->body;
    VEC(const char *) ops = {0};
    for (int k = 0; k < body->n_nodes; k++)
      if (!body->nodes[k]->dead && counts(body->nodes[k]->op)) vec_push(&ops, body->nodes[k]->op);
    add_engine(out, our_attributes(c->engines.v[i].node), ops.v, ops.n);
    vec_free(&ops);
  }
  converter_destroy(c);
  mem_free(dir);
}

// Is "<model> <mode>: <reason>" a line of the list?
static bool listed(const char *list, const char *model, const char *mode) {
  char *begin = mem_printf("%s %s: ", model, mode);
  bool found = false;
  for (const char *line = list; line && *line && !found; line = strchr(line, '\n')) {
    line += *line == '\n';
    found = strncmp(line, begin, strlen(begin)) == 0 && strlen(line) > strlen(begin) + 20;
  }
  mem_free(begin);
  return found;
}

static void engines_are_tf_trts(void **state) {
  const char *mode = *state;
  char **names;
  size_t n;
  file_map_t *list;
  assert_ok(file_list_dir(TESTS_DIR "/models/small", &names, &n));
  assert_ok(file_map_open(TESTS_DIR "/convert/tf_trt_differences.txt", &list));
  char *reasons = mem_printf("%.*s", (int)list->size, (const char *)list->data);
  int same = 0, total = 0, wrong = 0;
  for (size_t i = 0; i < n; i++) {
    engines_t theirs, ours;
    if (!read_answer(names[i], mode, "", &theirs)) continue;
    convert_model(names[i], strcmp(mode, "dynamic") == 0, &ours);
    bool agrees = engines_equal(&ours, &theirs);
    engines_free(&theirs);
    if (!agrees && read_answer(names[i], mode, ".2", &theirs)) {
      agrees = engines_equal(&ours, &theirs);
      engines_free(&theirs);
    }
    engines_free(&ours);
    total++;
    same += agrees;
    if (agrees == listed(reasons, names[i], mode)) {
      print_error("%s, %s: %s\n", names[i], mode,
                  agrees ? "agrees, but is listed" : "differs, and is not listed");
      wrong++;
    }
  }
  mem_free(reasons);
  file_map_unref(list);
  for (size_t i = 0; i < n; i++) mem_free(names[i]);
  mem_free(names);
  printf("%s: %d of %d\n", mode, same, total);
  assert_int_equal(wrong, 0);
  assert_true(total >= 50);
  assert_true(100 * same >= NEEDED_PERCENT * total);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      {"dynamic shapes", engines_are_tf_trts, NULL, NULL, "dynamic"},
      {"implicit batch", engines_are_tf_trts, NULL, NULL, "implicit"},
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
