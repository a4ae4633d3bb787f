// TF-TRT's summary(), character for character (its layout: Keras's model summary).
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "convert/converter.h"
#include "convert/precisions.h"
#include "convert/state.h"
#include "graph/passes.h"

enum { COLUMNS = 9 };
static const char *const titles[COLUMNS] = {"TRTEngineOP Name", "Device",       "# Nodes",
                                            "# Inputs",         "# Outputs",    "Input DTypes",
                                            "Output Dtypes",    "Input Shapes", "Output Shapes"};
static const double fractions[COLUMNS] = {.20, .09, .05, .09, .09, .12, .12, .12, .12};

typedef struct table {
  print_fn print;
  void *user;
  size_t position[COLUMNS];
} table_t;

static void print_row(const table_t *t, char *const *fields) {
  text_t line = {0};
  for (int i = 0; i < COLUMNS; i++) {
    if (i) text_add(&line, " ");
    text_add(&line, fields[i]);
    if (line.n > t->position[i]) {
      line.n = t->position[i] - 4;
      text_add(&line, " ...");
    }
    text_pad(&line, t->position[i]);
  }
  t->print(t->user, line.v);
  text_free(&line);
}

static void print_rule(const table_t *t, const char *before, char c, int n) {
  text_t line = {0};
  text_add(&line, before);
  for (int i = 0; i < n; i++) text_add_n(&line, &c, 1);
  if (c == '-') text_add(&line, "\n");
  t->print(t->user, line.v);
  text_free(&line);
}

static char *dtype_list(const node_t *n, const char *attr, int *count) {
  const dtype_t *types = NULL;
  text_t s = {0};
  *count = node_types(n, attr, &types);
  text_add(&s, "[");
  for (int i = 0; i < *count; i++) text_printf(&s, "%s'%s'", i ? ", " : "", dtype_name(types[i]));
  text_add(&s, "]");
  return text_take(&s);
}

static char *shape_list(const node_t *n, const char *attr) {
  const attr_value_t *a = node_shapes(n, attr);
  text_t s = {0};
  text_add(&s, "[");
  for (size_t i = 0; a && i < a->n_list; i++) {
    const shape_t *shape = &a->list[i].shape;
    text_add(&s, i ? ", [" : "[");
    for (int d = 0; d < shape->rank; d++)
      text_printf(&s, "%s%" PRId64, d ? ", " : "", shape->d[d] < 0 ? (int64_t)-1 : shape->d[d]);
    text_add(&s, "]");
  }
  text_add(&s, "]");
  return text_take(&s);
}

int count_segment(const graph_t *body) {
  int n = 0;
  for (int i = 0; i < body->n_nodes; i++)
    n += !body->nodes[i]->dead && strcmp(body->nodes[i]->op, "_Arg") != 0;
  return n;
}

static int by_op(const void *a, const void *b) {
  return strcmp((*(node_t *const *)a)->op, (*(node_t *const *)b)->op);
}

static void print_op_counts(const table_t *t, const graph_t *body) {
  VEC(node_t *) nodes = {0};
  for (int i = 0; i < body->n_nodes; i++)
    if (!body->nodes[i]->dead && strcmp(body->nodes[i]->op, "_Arg") != 0)
      vec_push(&nodes, body->nodes[i]);
  if (nodes.n) qsort(nodes.v, nodes.n, sizeof *nodes.v, by_op);
  t->print(t->user, "");
  for (size_t i = 0, next; i < nodes.n; i = next) {
    for (next = i; next < nodes.n && strcmp(nodes.v[next]->op, nodes.v[i]->op) == 0;) next++;
    char line[256];
    snprintf(line, sizeof line, "\t- %s: %zux", nodes.v[i]->op, next - i);
    t->print(t->user, line);
  }
  vec_free(&nodes);
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(node_t *const *)a)->name, (*(node_t *const *)b)->name);
}

static status_t print_engine(const table_t *t, const graph_t *g, const node_t *n, bool detailed,
                             int *converted) {
  func_ref_t f = node_native_segment(n);
  graph_t *body = NULL;
  if (f.name) TRY(library_body(g->library, f.name, &body));
  int count = body ? count_segment(body) : 0, n_in, n_out;
  *converted += count;
  const char *slash = n->device ? strrchr(n->device, '/') : NULL;
  char *fields[COLUMNS];
  fields[0] = mem_strdup(n->name);
  fields[1] = mem_strdup(slash ? slash + 1 : n->device ? n->device : "");
  fields[2] = mem_printf("%d", count);
  fields[5] = dtype_list(n, "InT", &n_in);
  fields[6] = dtype_list(n, "OutT", &n_out);
  fields[3] = mem_printf("%d", n_in);
  fields[4] = mem_printf("%d", n_out);
  fields[7] = shape_list(n, "input_shapes");
  fields[8] = shape_list(n, node_attr(n, "_output_shapes") ? "_output_shapes" : "output_shapes");
  print_row(t, fields);
  for (int i = 0; i < COLUMNS; i++) mem_free(fields[i]);
  if (detailed && body) print_op_counts(t, body);
  return NULL;
}

status_t summarize_graph(const graph_t *g, int line_length, bool detailed, print_fn print,
                         void *user) {
  if (line_length < 160)
    return FAIL(INVALID_ARGUMENT,
                "Invalid `line_length` value has been received: %d. Minimum: 160.", line_length);
  table_t t = {.print = print, .user = user};
  size_t at = 0;
  for (int i = 0; i < COLUMNS; i++)
    t.position[i] = at += (size_t)((double)line_length * fractions[i]);
  VEC(node_t *) engines = {0};
  int others = 0, converted = 0;
  for (int i = 0; i < g->n_nodes; i++) {
    if (g->nodes[i]->dead) continue;
    if (strcmp(g->nodes[i]->op, "TRTEngineOp") == 0)
      vec_push(&engines, g->nodes[i]);
    else
      others++;
  }
  if (engines.n) qsort(engines.v, engines.n, sizeof *engines.v, by_name);
  print_row(&t, (char *const *)(uintptr_t)titles);
  print_rule(&t, "", '=', line_length);
  status_t st = NULL;
  for (size_t i = 0; i < engines.n && !st; i++) {
    if (engines.n != 1) print_rule(&t, "\n", '-', 40);
    st = print_engine(&t, g, engines.v[i], detailed, &converted);
  }
  size_t n_engines = engines.n;
  vec_free(&engines);
  if (st) return st;
  char line[128];
  int total = converted + others;
  print_rule(&t, "\n", '=', line_length);
  snprintf(line, sizeof line, "[*] Total number of TensorRT engines: %zu", n_engines);
  print(user, line);
  snprintf(line, sizeof line, "[*] %% of OPs Converted: %.2f%% [%d/%d]\n",
           total ? 100.0 * converted / total : 0.0, converted, total);
  print(user, line);
  return NULL;
}

status_t converter_summary(const converter_t *c, int line_length, bool detailed, print_fn print,
                           void *user) {
  if (!c->converted)
    return FAIL(FAILED_PRECONDITION,
                "Impossible to call `TrtGraphConverterV2.summary()` before calling "
                "TrtGraphConverterV2.convert()`.");
  if (!c->others.n) return summarize_graph(c->graph, line_length, detailed, print, user);
  for (size_t i = 0; i <= c->others.n; i++) {
    const converter_t *one = i ? c->others.v[i - 1] : c;
    text_t title = {0};
    text_printf(&title, "Signature '%s'", one->signature->key);
    print(user, title.v);
    text_free(&title);
    TRY(summarize_graph(one->graph, line_length, detailed, print, user));
  }
  return NULL;
}

static bool has_engines(const graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++)
    if (!g->nodes[i]->dead && strcmp(g->nodes[i]->op, "TRTEngineOp") == 0) return true;
  return false;
}

// The first graph with engines among g and the functions it calls, breadth first by depth.
static status_t find_engines(graph_t *g, int depth, const graph_t **out) {
  if (has_engines(g)) {
    *out = g;
    return graph_name_segments(g);
  }
  for (int i = 0; i < g->n_nodes && depth < 16; i++) {
    const func_ref_t *f = g->nodes[i]->dead ? NULL : node_func(g->nodes[i], "f");
    graph_t *body;
    if (!f || !library_find(g->library, f->name)) continue;
    TRY(library_body(g->library, f->name, &body));
    TRY(find_engines(body, depth + 1, out));
    if (*out) return NULL;
  }
  return NULL;
}

// Calls visit with the graph of a signature that its TRTEngineOps stand in; with the signature's
// own graph when there are none.
static status_t visit_engines(const char *dir, const char *const *tags, int n_tags,
                              const char *signature,
                              status_t (*visit)(const graph_t *g, void *user), void *user) {
  saved_model_t *m = NULL;
  arena_t *arena = NULL;
  library_t *library = NULL;
  graph_t *g = NULL;
  const meta_graph_t *meta;
  const signature_t *s;
  const graph_t *with_engines = NULL;
  status_t st = saved_model_open(dir, &m);
  if (!st) st = saved_model_find(m, tags, n_tags, &meta);
  if (!st) st = meta_graph_signature(meta, signature, &s);
  if (!st) st = signature_graph(m, meta, s, &arena, &library, &g);
  if (!st) st = find_engines(g, 0, &with_engines);
  if (!st) st = visit(with_engines ? with_engines : g, user);
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  saved_model_close(m);
  return st;
}

typedef struct text_request {
  int line_length;
  bool detailed;
  print_fn print;
  void *user;
} text_request_t;

static status_t visit_text(const graph_t *g, void *user) {
  const text_request_t *r = user;
  return summarize_graph(g, r->line_length, r->detailed, r->print, r->user);
}

status_t summarize_saved_model(const char *dir, const char *const *tags, int n_tags,
                               const char *signature, int line_length, bool detailed,
                               print_fn print, void *user) {
  text_request_t r = {line_length, detailed, print, user};
  return visit_engines(dir, tags, n_tags, signature, visit_text, &r);
}

// ---------------------------------------------------------------- JSON

static json_t *ports_json(const node_t *n, const char *types_attr, const char *shapes_attr) {
  const dtype_t *types = NULL;
  int count = node_types(n, types_attr, &types);
  const attr_value_t *shapes = node_shapes(n, shapes_attr);
  json_t *list = json_array();
  for (int i = 0; i < count; i++) {
    bool known = shapes && (size_t)i < shapes->n_list && shapes->list[i].shape.rank >= 0;
    json_t *dims = known ? json_array() : json_null();
    for (int d = 0; known && d < shapes->list[i].shape.rank; d++) {
      int64_t size = shapes->list[i].shape.d[d];
      json_array_append_new(dims, json_integer(size < 0 ? -1 : size));
    }
    json_array_append_new(list,
                          json_pack("{s:s, s:o}", "dtype", dtype_name(types[i]), "shape", dims));
  }
  return list;
}

static json_t *op_counts_json(const graph_t *body) {
  json_t *ops = json_object();
  for (int i = 0; body && i < body->n_nodes; i++) {
    const node_t *n = body->nodes[i];
    if (n->dead || strcmp(n->op, "_Arg") == 0) continue;
    json_int_t before = json_integer_value(json_object_get(ops, n->op));
    json_object_set_new(ops, n->op, json_integer(before + 1));
  }
  return ops;
}

typedef struct json_request {
  const char *dir;
  char *out;
} json_request_t;

static status_t visit_json(const graph_t *g, void *user) {
  json_request_t *r = user;
  json_t *engines = json_array();
  int others = 0, converted = 0;
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    if (n->dead) continue;
    if (strcmp(n->op, "TRTEngineOp") != 0) {
      others++;
      continue;
    }
    func_ref_t f = node_native_segment(n);
    graph_t *body = NULL;
    json_t *saved = NULL;
    status_t st = f.name ? library_body(g->library, f.name, &body) : NULL;
    if (!st) st = precisions_json(r->dir, n, &saved);
    if (st) {
      json_decref(saved);
      json_decref(engines);
      return st;
    }
    int count = body ? count_segment(body) : 0;
    const char *outputs = node_attr(n, "_output_shapes") ? "_output_shapes" : "output_shapes";
    converted += count;
    json_array_append_new(
        engines, json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:s, s:o}", "name", n->name, "device",
                           n->device ? n->device : "", "nodes", count, "inputs",
                           ports_json(n, "InT", "input_shapes"), "outputs",
                           ports_json(n, "OutT", outputs), "ops", op_counts_json(body),
                           "precision_mode", node_string(n, "precision_mode"), "engines", saved));
  }
  json_t *root = json_pack("{s:s, s:s, s:o, s:i, s:i}", "schema", "tftrt.report/1", "command",
                           "summary", "engines", engines, "nodes_converted", converted,
                           "nodes_total", converted + others);
  char *dumped = json_dumps(root, JSON_INDENT(1));
  r->out = mem_printf("%s\n", dumped ? dumped : "{}");
  free(dumped);
  json_decref(root);
  return NULL;
}

status_t summarize_saved_model_json(const char *dir, const char *const *tags, int n_tags,
                                    const char *signature, char **out) {
  json_request_t r = {.dir = dir};
  status_t st = visit_engines(dir, tags, n_tags, signature, visit_json, &r);
  *out = r.out;
  return st;
}

// ---------------------------------------------------------------- precisions

typedef struct precision_request {
  const char *dir;
  bool detailed;
  text_t text;
} precision_request_t;

typedef VEC(node_t *) nodes_t;

static void add_engines(const graph_t *g, nodes_t *out) {
  for (int i = 0; i < g->n_nodes; i++)
    if (!g->nodes[i]->dead && strcmp(g->nodes[i]->op, "TRTEngineOp") == 0)
      vec_push(out, g->nodes[i]);
}

// Those of functions that were converted by themselves, too.
static status_t visit_precisions(const graph_t *g, void *user) {
  precision_request_t *r = user;
  nodes_t engines = {0};
  functions_t called = {0};
  add_engines(g, &engines);
  status_t st = graph_called_functions(g, &called);
  for (size_t i = 0; i < called.n && !st; i++) add_engines(called.v[i]->body, &engines);
  vec_free(&called);
  if (engines.n) qsort(engines.v, engines.n, sizeof *engines.v, by_name);
  for (size_t i = 0; i < engines.n && !st; i++)
    st = precisions_text(r->dir, engines.v[i], r->detailed, &r->text);
  vec_free(&engines);
  return st;
}

status_t summarize_precisions(const char *dir, const char *const *tags, int n_tags,
                              const char *signature, bool detailed, char **out) {
  precision_request_t r = {.dir = dir, .detailed = detailed};
  status_t st = visit_engines(dir, tags, n_tags, signature, visit_precisions, &r);
  *out = st ? NULL : text_take(&r.text);
  text_free(&r.text);
  return st;
}
