// Op set "tf-trt" against real TF-TRT 2.17.1: all that the oracle tells of its answers for the 53
// corpus models, in four modes. Compared are
//   engines     how many there are, and the ops in each (Const aside), in any order
//   numbers     the same, in the order of the engines' names
//   attributes  of the nodes, their devices and functions
//   ports       dtypes and shapes of each engine's inputs and outputs, in any order
//   order       the same, in order
//   consts      how many constants each engine holds
//   rest        the ops of the rest of the graph
//   names       of all nodes, what each input of an engine reads and what each output is
//   summary     the text, unless it tells only of what differs above
// When engines or their numbers differ, so does all that follows. tf_trt_differences.txt lists what
// differs, with the reason; what differs and is not listed fails, and so does what is listed and
// agrees.
//
// <model>.<mode>.json is real TF-TRT's answer, <model>.<mode>.2.json another one of a later run:
// its common subgraph elimination and its walks depend on addresses, so that answers vary for some
// models.
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "convert/tf_trt_answer.h"

enum { NEEDED_PERCENT = 90 };

static const answer_mode_t MODES[] = {{"fp32-dynamic", "dynamic", "FP32", true},
                                      {"fp32-implicit", "implicit", "FP32", false},
                                      {"fp16-dynamic", "fp16", "FP16", true},
                                      {"int8-dynamic", "int8", "INT8", true}};

static const char *const ASPECTS[] = {"engines", "numbers", "attributes", "ports",  "order",
                                      "consts",  "rest",    "names",      "summary"};
enum { ENGINES, NUMBERS, ATTRIBUTES, PORTS, ORDER, CONSTS, REST, NAMES, SUMMARY, N_ASPECTS };

// ---------------------------------------------------------------- one aspect of an answer

static int by_dump(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

// The items' texts, sorted, one a line.
static void add_sorted(text_t *t, json_t *items) {
  size_t n = json_array_size(items);
  char **texts = mem_calloc(n + 1, sizeof *texts);
  for (size_t i = 0; i < n; i++)
    texts[i] = json_dumps(json_array_get(items, i), JSON_ENCODE_ANY | JSON_SORT_KEYS);
  if (n) qsort(texts, n, sizeof *texts, by_dump);
  for (size_t i = 0; i < n; i++) {
    text_printf(t, "%s\n", texts[i]);
    free(texts[i]);
  }
  mem_free(texts);
  json_decref(items);
}

static json_t *ops_of(json_t *nodes, int consts) {  // consts: 0 without, 1 with, 2 only
  json_t *list = json_array(), *op;
  const char *name;
  json_object_foreach(nodes, name, op) {
    bool is_const = strcmp(json_string_value(op), "Const") == 0;
    if (consts == 1 || is_const == (consts == 2)) json_array_append(list, op);
  }
  return list;
}

static json_t *ports_of(json_t *engine, const char *types, const char *shapes) {
  json_t *list = json_array(), *type;
  size_t i;
  json_array_foreach(json_object_get(engine, types), i, type) {
    json_t *shape = json_array_get(json_object_get(engine, shapes), i);
    json_array_append_new(list, json_pack("[O O]", type, shape ? shape : json_null()));
  }
  return list;
}

// In the order of their numbers.
static json_t *rets_of(json_t *engine) {
  json_t *ret = json_object_get(engine, "ret"), *list = json_array();
  for (size_t i = 0; i < json_object_size(ret); i++) {
    char *name = mem_printf("tensorrtoutputph_%zu", i);
    json_array_append(list, json_object_get(ret, name));
    mem_free(name);
  }
  return list;
}

static void add_json(text_t *t, json_t *v) {
  char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_SORT_KEYS);
  text_printf(t, "%s\n", text);
  free(text);
}

static void add_engine(text_t *t, json_t *e, int aspect) {
  json_t *nodes = json_object_get(e, "nodes"), *made;
  text_printf(t, "%s\n", json_string_value(json_object_get(e, "name")));
  switch (aspect) {
    case NUMBERS: add_sorted(t, ops_of(nodes, 0)); break;
    case CONSTS: add_sorted(t, ops_of(nodes, 2)); break;
    case ATTRIBUTES:
      add_json(t, json_object_get(e, "attributes"));
      add_json(t, json_object_get(e, "device"));
      add_json(t, json_object_get(e, "segment_func"));
      break;
    case PORTS:
      add_sorted(t, ports_of(e, "InT", "input_shapes"));
      text_add(t, "->\n");
      add_sorted(t, ports_of(e, "OutT", "output_shapes"));
      break;
    case ORDER:
      made = json_pack("[o o]", ports_of(e, "InT", "input_shapes"),
                       ports_of(e, "OutT", "output_shapes"));
      add_json(t, made);
      json_decref(made);
      break;
    case NAMES:
      add_json(t, nodes);
      add_sorted(t, json_deep_copy(json_object_get(e, "inputs")));
      add_sorted(t, rets_of(e));
      break;
  }
}

static char *aspect_text(json_t *answer, int aspect) {
  text_t t = {0};
  text_add(&t, "");
  if (aspect == SUMMARY) text_add(&t, json_string_value(json_object_get(answer, "summary")));
  if (aspect == REST) add_sorted(&t, ops_of(json_object_get(answer, "rest"), 1));
  if (aspect == NAMES) add_json(&t, json_object_get(answer, "rest"));
  json_t *engines = json_object_get(answer, "engines"), *e;
  size_t n = json_array_size(engines), i;
  for (size_t at = 0; at < n && aspect != SUMMARY && aspect != REST; at++) {  // by their names
    char name[32];
    for (size_t k = 0; k < 1000; k++) {
      snprintf(name, sizeof name, "TRTEngineOp_000_%03zu", k);
      json_array_foreach(engines, i, e) if (strcmp(json_string_value(json_object_get(e, "name")),
                                                   name) == 0) add_engine(&t, e, aspect);
    }
    break;
  }
  return text_take(&t);
}

static bool same_aspect(json_t *ours, json_t *theirs, int aspect) {
  char *a = aspect_text(ours, aspect), *b = aspect_text(theirs, aspect);
  bool same = strcmp(a, b) == 0;
  mem_free(a);
  mem_free(b);
  return same;
}

// ---------------------------------------------------------------- all of them

// Bit i: ASPECTS[i] differs.
static unsigned differences(json_t *ours, json_t *theirs) {
  if (!same_aspect(ours, theirs, ENGINES)) return 1U << ENGINES;
  if (!same_aspect(ours, theirs, NUMBERS)) return 1U << NUMBERS;
  unsigned out = 0;
  for (int i = ATTRIBUTES; i < N_ASPECTS; i++)
    if (!same_aspect(ours, theirs, i)) out |= 1U << i;
  if (out & 1U << PORTS) out &= ~(1U << ORDER);
  if (out & (1U << PORTS | 1U << ORDER | 1U << CONSTS | 1U << REST)) out &= ~(1U << SUMMARY);
  return out;
}

static json_t *read_answer(const char *model, const char *mode, const char *run) {
  char *path = mem_printf(TESTS_DIR "/models/tf-trt/%s.%s%s.json", model, mode, run);
  json_t *root = json_load_file(path, 0, NULL);
  mem_free(path);
  return with_number_zero(root);
}

static int bits(unsigned x) {
  int n = 0;
  for (; x; x &= x - 1) n++;
  return n;
}

// Is word one of the items of "a,b,c", n bytes?
static bool item_of(const char *list, size_t n, const char *word) {
  for (const char *end = list + n; list < end;) {
    size_t len = strcspn(list, ", :");
    if (len == strlen(word) && memcmp(list, word, len) == 0) return true;
    list += len + 1;
  }
  return false;
}

// A sentence, or "@word", the begin of a line with one.
static void check_reason(const char *list, const char *reason) {
  size_t n = strcspn(reason, "\n");
  if (*reason == '@') {
    char *begin = mem_printf("%.*s: ", (int)n, reason);
    const char *there = strstr(list, begin);
    assert_true(there && (there == list || there[-1] == '\n'));
    n = strcspn(there + strlen(begin), "\n");
    mem_free(begin);
  }
  assert_true(n > 40);
}

// What the list says of a model in a mode: lines "<model> <mode>,... <aspect>,...: <reason>".
static unsigned listed(const char *list, const char *model, const char *mode) {
  unsigned out = 0;
  for (const char *line = list, *next; line && *line; line = next) {
    next = strchr(line, '\n');
    if (next) next++;
    size_t n = strlen(model);
    if (strncmp(line, model, n) != 0 || line[n] != ' ') continue;
    const char *modes = line + n + 1, *aspects = strchr(modes, ' ');
    const char *colon = aspects ? strchr(aspects, ':') : NULL;
    assert_non_null(colon);
    check_reason(list, colon + 2);
    size_t n_modes = (size_t)(aspects - modes), n_aspects = (size_t)(colon - ++aspects);
    if (!item_of(modes, n_modes, mode) && !item_of(modes, n_modes, "all")) continue;
    for (int i = 0; i < N_ASPECTS; i++)
      if (item_of(aspects, n_aspects, ASPECTS[i])) out |= 1U << i;
  }
  return out;
}

static void answers_are_tf_trts(void **state) {
  const answer_mode_t *mode = *state;
  char **names;
  size_t n;
  file_map_t *list;
  assert_ok(file_list_dir(TESTS_DIR "/models/small", &names, &n));
  assert_ok(file_map_open(TESTS_DIR "/convert/tf_trt_differences.txt", &list));
  char *reasons = mem_printf("%.*s", (int)list->size, (const char *)list->data);
  int same = 0, all = 0, total = 0, wrong = 0;
  for (size_t i = 0; i < n; i++) {
    json_t *theirs = read_answer(names[i], mode->name, "");
    if (!json_object_get(theirs, "engines")) {  // TF-TRT refused the model
      json_decref(theirs);
      continue;
    }
    json_t *ours = with_number_zero(our_answer(names[i], mode));
    unsigned differs = differences(ours, theirs);
    json_decref(theirs);
    theirs = differs ? read_answer(names[i], mode->name, ".2") : NULL;
    unsigned other = theirs ? differences(ours, theirs) : differs;
    if (bits(other) < bits(differs)) differs = other;
    json_decref(theirs);
    json_decref(ours);
    total++;
    same += !(differs & 1U << ENGINES);
    all += !differs;
    unsigned told = listed(reasons, names[i], mode->short_name);
    for (int k = 0; k < N_ASPECTS; k++) {
      if (!((told ^ differs) & 1U << k)) continue;
      print_error("%s %s %s: %s\n", names[i], mode->short_name, ASPECTS[k],
                  told & 1U << k ? "agrees, but is listed" : "differs, and is not listed");
      wrong++;
    }
  }
  mem_free(reasons);
  file_map_unref(list);
  for (size_t i = 0; i < n; i++) mem_free(names[i]);
  mem_free(names);
  printf("%s: the engines of %d of %d models, all of %d\n", mode->name, same, total, all);
  assert_int_equal(wrong, 0);
  assert_true(total >= 50);
  if (strcmp(mode->precision, "FP32") == 0) assert_true(100 * same >= NEEDED_PERCENT * total);
}

int main(void) {
  struct CMUnitTest tests[4] = {{0}};
  for (int i = 0; i < 4; i++)
    tests[i] = (struct CMUnitTest){.name = MODES[i].name,
                                   .test_func = answers_are_tf_trts,
                                   .initial_state = (void *)(uintptr_t)&MODES[i]};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
