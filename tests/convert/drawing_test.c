// Drawings of converted graphs, read by the grammar of Graphviz's dot language and compared with
// the graph of the model that is saved.
#include "convert/drawing.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert_corpus.h"

static char scratch[64], *path;

static int begin(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_drawing_XXXXXX");
  if (!mkdtemp(scratch)) return -1;
  path = file_join(scratch, "graph.dot");
  return 0;
}

static int end(void **state) {
  (void)state;
  unsetenv("TF_TRT_EXPORT_GRAPH_VIZ_PATH");
  mem_free(path);
  status_free(file_remove_tree(scratch));
  return 0;
}

// ---------------------------------------------------------------- the language

typedef struct statement {
  char *from, *to;         // to NULL: a node
  char *label, *style;     // NULL: none
  const char *in_cluster;  // label of the subgraph, owned by the drawing; NULL: outside
} statement_t;

typedef struct drawing {
  VEC(statement_t) nodes, edges;
  VEC(char *) clusters;
  char *title;
} drawing_t;

typedef struct reader_state {
  const char *at;
  drawing_t *d;
} cursor_t;

static void skip_space(cursor_t *c) {
  while (isspace((unsigned char)*c->at)) c->at++;
}

static bool take(cursor_t *c, const char *token) {
  skip_space(c);
  if (strncmp(c->at, token, strlen(token)) != 0) return false;
  c->at += strlen(token);
  return true;
}

static void expect(cursor_t *c, const char *token) {
  if (!take(c, token)) fail_msg("expected '%s' at: %.60s", token, c->at);
}

// An identifier: quoted, a word or a number. In quotes \" alone is an escape of the language;
// labels have more, which unescape() reads.
static char *identifier(cursor_t *c) {
  text_t t = {0};
  skip_space(c);
  if (*c->at == '"') {
    for (c->at++; *c->at != '"'; c->at++) {
      if (!*c->at) fail_msg("a string without end: %s", t.v);
      if (*c->at == '\\' && c->at[1]) text_add_n(&t, c->at++, 1);
      text_add_n(&t, c->at, 1);
    }
    c->at++;
    return text_take(&t);
  }
  for (; isalnum((unsigned char)*c->at) || *c->at == '_' || *c->at == '.'; c->at++)
    text_add_n(&t, c->at, 1);
  if (!t.n) fail_msg("expected an identifier at: %.60s", c->at);
  return text_take(&t);
}

static char *unescape(char *quoted) {
  text_t t = {0};
  for (const char *p = quoted; *p; p++) {
    bool amp = strncmp(p, "&amp;", 5) == 0;
    if (*p == '&') assert_true(amp);  // no other entity is meant
    bool escape = *p == '\\';
    if (escape) p++;
    text_add_n(&t, escape && *p == 'n' ? "\n" : p, 1);
    if (amp) p += 4;
  }
  mem_free(quoted);
  return text_take(&t);
}

static void attributes(cursor_t *c, statement_t *s) {
  if (!take(c, "[")) return;
  while (!take(c, "]")) {
    char *name = identifier(c);
    expect(c, "=");
    char *value = identifier(c);
    if (strcmp(name, "label") == 0)
      s->label = unescape(value);
    else if (strcmp(name, "style") == 0)
      s->style = value;
    else
      mem_free(value);
    mem_free(name);
    take(c, ",");
  }
}

static void free_statement(statement_t *s) {
  mem_free(s->from);
  mem_free(s->to);
  mem_free(s->label);
  mem_free(s->style);
}

static void statements(cursor_t *c, const char *cluster) {
  while (!take(c, "}")) {
    statement_t s = {.in_cluster = cluster};
    if (take(c, "subgraph ")) {
      char *name = identifier(c);
      assert_int_equal(strncmp(name, "cluster", 7), 0);  // else it is no box
      mem_free(name);
      expect(c, "{");
      expect(c, "label=");
      vec_push(&c->d->clusters, unescape(identifier(c)));
      expect(c, ";");
      statements(c, c->d->clusters.v[c->d->clusters.n - 1]);
      continue;
    }
    s.from = identifier(c);
    bool edge = take(c, "->"), attribute = !edge && take(c, "=");
    if (edge || attribute) s.to = identifier(c);
    attributes(c, &s);
    expect(c, ";");
    bool defaults = strcmp(s.from, "node") == 0 || strcmp(s.from, "edge") == 0;
    if (edge) {
      vec_push(&c->d->edges, s);
    } else if (!attribute && !defaults) {
      vec_push(&c->d->nodes, s);
    } else {
      if (attribute && strcmp(s.from, "label") == 0) c->d->title = mem_strdup(s.to);
      free_statement(&s);
    }
  }
}

static drawing_t read_drawing(const char *text) {
  drawing_t d = {0};
  cursor_t c = {text, &d};
  expect(&c, "digraph ");
  mem_free(identifier(&c));
  expect(&c, "{");
  statements(&c, NULL);
  skip_space(&c);
  assert_string_equal(c.at, "");
  return d;
}

static void free_drawing(drawing_t *d) {
  for (size_t i = 0; i < d->nodes.n; i++) free_statement(&d->nodes.v[i]);
  for (size_t i = 0; i < d->edges.n; i++) free_statement(&d->edges.v[i]);
  for (size_t i = 0; i < d->clusters.n; i++) mem_free(d->clusters.v[i]);
  vec_free(&d->nodes);
  vec_free(&d->edges);
  vec_free(&d->clusters);
  mem_free(d->title);
}

static const statement_t *node_of(const drawing_t *d, const char *id) {
  const statement_t *found = NULL;
  for (size_t i = 0; i < d->nodes.n; i++) {
    if (strcmp(d->nodes.v[i].from, id) != 0) continue;
    assert_null(found);  // drawn once
    found = &d->nodes.v[i];
  }
  return found;
}

static int count_edges(const drawing_t *d, const char *from, const char *to, bool dashed) {
  int n = 0;
  for (size_t i = 0; i < d->edges.n; i++) {
    const statement_t *e = &d->edges.v[i];
    bool is_dashed = e->style && strcmp(e->style, "dashed") == 0;
    n += strcmp(e->from, from) == 0 && strcmp(e->to, to) == 0 && is_dashed == dashed;
  }
  return n;
}

// ---------------------------------------------------------------- converted models

static char *read_text(void) {
  file_map_t *m;
  assert_ok(file_map_open(path, &m));
  char *text = mem_strndup((const char *)m->data, m->size);
  file_map_unref(m);
  return text;
}

// Converts a model while the variable is set; saves it into *dir. The drawing's text is returned.
static char *converted_drawing(char *model, const conversion_t *how, char **dir) {
  corpus_t corpus = {0};
  golden_t golden;
  converter_t *c;
  corpus_list(TESTS_DIR "/models/small", 1, &model, &corpus);
  golden_load(&corpus.v[0], &golden);
  setenv("TF_TRT_EXPORT_GRAPH_VIZ_PATH", path, 1);
  assert_ok(converter_for(&corpus.v[0], &golden.cases.v[0], how, &c));
  assert_ok(converter_convert(c, NULL));
  assert_null(first_warning(c));
  unsetenv("TF_TRT_EXPORT_GRAPH_VIZ_PATH");
  *dir = file_join(scratch, model);
  assert_ok(converter_save(c, *dir, true));
  converter_destroy(c);
  golden_free(&golden);
  corpus_free(&corpus);
  return read_text();
}

// The function that has the engines, in the saved model's library; a model has one.
static const graph_t *saved_graph(library_t *library) {
  size_t at = 0;
  const char *name;
  while (map_next(library->functions, &at, &name, NULL)) {
    graph_t *body;
    assert_ok(library_body(library, name, &body));
    for (int i = 0; i < body->n_nodes; i++)
      if (strcmp(body->nodes[i]->op, "TRTEngineOp") == 0) return body;
  }
  fail_msg("no engine is saved");
  return NULL;
}

// What a node of the saved function is in the drawing: arguments go by the signature's names for
// them, to which a function may add a number.
static const char *drawn_as(const drawing_t *d, const node_t *n) {
  if (strcmp(n->op, "_Arg") != 0) return n->name;
  for (size_t i = 0; i < d->nodes.n; i++) {
    const char *input = strstr(d->nodes.v[i].label, "\ninput ");
    if (input && strncmp(n->name, input + 7, strlen(input + 7)) == 0) return d->nodes.v[i].from;
  }
  return n->name;
}

static void is_drawn(const drawing_t *d, const graph_t *g) {
  size_t edges = (size_t)g->n_rets;
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    const statement_t *s = node_of(d, drawn_as(d, n));
    if (!s) fail_msg("%s is not drawn", n->name);
    if (strcmp(n->op, "_Arg") != 0 && !strstr(s->label, n->op))
      fail_msg("%s: no %s in \"%s\"", n->name, n->op, s->label);
    for (int k = 0; k < n->n_in; k++) {
      int times = 0;
      for (int j = 0; j < n->n_in; j++) times += n->in[j].src == n->in[k].src;
      if (count_edges(d, drawn_as(d, n->in[k].src), n->name, false) != times)
        fail_msg("%s does not read %s %d times", n->name, n->in[k].src->name, times);
    }
    for (int k = 0; k < n->n_control; k++)
      if (count_edges(d, drawn_as(d, n->control[k]), n->name, true) != 1)
        fail_msg("%s is not drawn behind %s", n->name, n->control[k]->name);
    edges += (size_t)(n->n_in + n->n_control);
  }
  assert_int_equal(d->nodes.n, g->n_nodes + g->n_rets);
  assert_int_equal(d->edges.n, edges);
}

static void drawings_have_the_nodes_and_edges_of_what_is_saved(void **state) {
  (void)state;
  static char *MODELS[] = {"mnist_cnn", "lstm_text", "decoder_step", "ssd_tiny"};
  int dashed = 0;
  for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
    saved_model_t *m;
    arena_t *arena;
    library_t *library;
    graph_t *g;
    char *dir, *text = converted_drawing(MODELS[i], &(conversion_t){.op_set = OP_SET_TF_TRT}, &dir);
    drawing_t d = read_drawing(text);
    assert_ok(saved_model_open(dir, &m));
    assert_ok(meta_graph_graph(m, saved_model_meta_graph(m, 0), &arena, &library, &g));
    is_drawn(&d, saved_graph(library));
    for (size_t k = 0; k < d.edges.n; k++) dashed += d.edges.v[k].style != NULL;
    graph_destroy(g);
    library_destroy(library);
    arena_destroy(arena);
    saved_model_close(m);
    free_drawing(&d);
    mem_free(text);
    mem_free(dir);
  }
  assert_true(dashed > 0);  // else this says nothing of them
}

// By summary() of the model, engine 0 has 8 nodes and reads the image.
static void engines_tell_name_precision_and_nodes(void **state) {
  (void)state;
  char *dir,
      *text = converted_drawing(
          "mnist_cnn", &(conversion_t){.op_set = OP_SET_TF_TRT, .precision_mode = "BF16"}, &dir);
  drawing_t d = read_drawing(text);
  int engines = 0;
  for (size_t i = 0; i < d.nodes.n; i++) {
    const char *label = d.nodes.v[i].label;
    if (strncmp(label, "TRTEngineOp_", 12) != 0) continue;
    assert_non_null(strstr(label, "\nTRTEngineOp, BF16, "));
    engines += strstr(label, ", 8 nodes") || strstr(label, ", 3 nodes");
  }
  assert_int_equal(engines, 2);
  for (size_t i = 0; i < d.edges.n; i++)
    if (strcmp(d.edges.v[i].from, "image") == 0) {
      assert_int_equal(strncmp(d.edges.v[i].to, "TRTEngineOp_", 12), 0);
      assert_string_equal(d.edges.v[i].label, "float32 [?,28,28,1]");
    }
  assert_string_equal(node_of(&d, "image")->label, "image\ninput image");
  assert_string_equal(node_of(&d, "output output_0")->label, "output_0\noutput");
  assert_non_null(strstr(d.title, "mnist_cnn"));
  free_drawing(&d);
  mem_free(text);
  mem_free(dir);
}

static void each_of_several_signatures_is_a_cluster(void **state) {
  (void)state;
  char *dir, *text = converted_drawing("multi_sig", &(conversion_t){.all_signatures = true}, &dir);
  drawing_t d = read_drawing(text);
  saved_model_t *m;
  assert_ok(saved_model_open(dir, &m));
  const meta_graph_t *meta = saved_model_meta_graph(m, 0);
  size_t expected = 0;
  for (int i = 0; i < meta->n_signatures; i++) {
    const char *key = meta->signatures[i].key;
    if (strcmp(key, "__saved_model_init_op") == 0) continue;
    expected++;
    size_t drawn = 0, inputs = 0;
    for (size_t k = 0; k < d.nodes.n; k++) {
      if (!d.nodes.v[k].in_cluster || strcmp(d.nodes.v[k].in_cluster, key) != 0) continue;
      assert_int_equal(strncmp(d.nodes.v[k].from, key, strlen(key)), 0);
      inputs += strstr(d.nodes.v[k].label, "\ninput ") != NULL;
      drawn++;
    }
    assert_true(drawn > 0);
    assert_int_equal(inputs, meta->signatures[i].n_inputs);
  }
  assert_true(expected > 1);
  assert_int_equal(d.clusters.n, expected);
  saved_model_close(m);
  free_drawing(&d);
  mem_free(text);
  mem_free(dir);
}

// Engines are numbered by process; all else is the same text.
static void equal_conversions_give_equal_drawings(void **state) {
  (void)state;
  char *text[2], *dir;
  for (int i = 0; i < 2; i++) {
    text[i] = converted_drawing("ssd_tiny", &(conversion_t){0}, &dir);
    mem_free(dir);
    for (char *p = text[i]; (p = strstr(p, "TRTEngineOp_")); p += 12) memset(p + 12, '0', 3);
  }
  assert_string_equal(text[0], text[1]);
  for (int i = 0; i < 2; i++) mem_free(text[i]);
}

// ---------------------------------------------------------------- names of any kind

static void names_are_escaped(void **state) {
  (void)state;
  static const char *const NAMES[] = {"a\"b",
                                      "back\\",
                                      "\\n\\l",
                                      "&lt;",
                                      "two\nlines",
                                      "x -> y",
                                      "a/name/that/is/in/many/scopes/and/so/in/more/lines"};
  enum { N = sizeof NAMES / sizeof *NAMES };
  arena_t *arena = arena_create();
  library_t *library = library_create(arena);
  graph_t *g = graph_create(arena, library);
  node_t *last = NULL;
  for (int i = 0; i < N; i++) {
    node_t *n = graph_add_node(g, "NoOp", NAMES[i]);
    if (last) node_add_control(g, n, last);
    last = n;
  }
  text_t t = {0};
  drawn_graph_t one = {"", g};
  draw_graphs(&t, "\"quoted\" \\", &one, 1);
  drawing_t d = read_drawing(t.v);
  assert_int_equal(d.nodes.n, N);
  assert_int_equal(d.edges.n, N - 1);
  for (int i = 0; i < N; i++) {
    char *flat = mem_strdup(d.nodes.v[i].label), *end_of_name = strrchr(flat, '\n');
    assert_string_equal(end_of_name, "\nNoOp");
    *end_of_name = 0;
    size_t n = 0;
    if (strchr(NAMES[i], '/')) {  // without the breaks between scopes
      assert_non_null(strchr(flat, '\n'));
      for (const char *p = flat; *p; p++)
        if (*p != '\n') flat[n++] = *p;
      flat[n] = 0;
    }
    assert_string_equal(flat, NAMES[i]);
    if (i) assert_string_equal(d.edges.v[i - 1].to, d.nodes.v[i].from);
    mem_free(flat);
  }
  free_drawing(&d);
  text_free(&t);
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
}

static void a_drawing_that_cannot_be_written_is_warned_about(void **state) {
  (void)state;
  char *model = "mnist_cnn";
  corpus_t corpus = {0};
  golden_t golden;
  converter_t *c;
  corpus_list(TESTS_DIR "/models/small", 1, &model, &corpus);
  golden_load(&corpus.v[0], &golden);
  setenv("TF_TRT_EXPORT_GRAPH_VIZ_PATH", "/nowhere/graph.dot", 1);
  assert_ok(converter_for(&corpus.v[0], &golden.cases.v[0], &(conversion_t){0}, &c));
  assert_ok(converter_convert(c, NULL));
  assert_int_equal(converter_n_warnings(c), 1);
  assert_non_null(strstr(converter_warning(c, 0), "TF_TRT_EXPORT_GRAPH_VIZ_PATH: "));
  assert_non_null(strstr(converter_warning(c, 0), "/nowhere/graph.dot"));
  unsetenv("TF_TRT_EXPORT_GRAPH_VIZ_PATH");
  converter_destroy(c);
  golden_free(&golden);
  corpus_free(&corpus);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(drawings_have_the_nodes_and_edges_of_what_is_saved),
      cmocka_unit_test(engines_tell_name_precision_and_nodes),
      cmocka_unit_test(each_of_several_signatures_is_a_cluster),
      cmocka_unit_test(equal_conversions_give_equal_drawings),
      cmocka_unit_test(names_are_escaped),
      cmocka_unit_test(a_drawing_that_cannot_be_written_is_warned_about)};
  return cmocka_run_group_tests(tests, begin, end);
}
