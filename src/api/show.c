// tftrt_show: what a SavedModel holds, as text in the layout of `saved_model_cli show --all`, or
// JSON.
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/mem.h"
#include "base/text.h"
#include "saved_model/saved_model.h"

typedef struct op_count {
  const char *op;
  int64_t n;
} op_count_t;

typedef struct op_counts {
  map_t *index;  // op -> position + 1
  VEC(op_count_t) list;
} op_counts_t;

static void count_ops(op_counts_t *c, const graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    const char *op = g->nodes[i]->op;
    if (strcmp(op, "_Arg") == 0) continue;
    size_t at = (size_t)(uintptr_t)map_get(c->index, op);
    if (!at) {
      op_count_t fresh = {op, 0};
      vec_push(&c->list, fresh);
      at = c->list.n;
      map_put(c->index, op, (void *)(uintptr_t)at);
    }
    c->list.v[at - 1].n++;
  }
}

static int by_count(const void *a, const void *b) {
  const op_count_t *x = a, *y = b;
  if (x->n != y->n) return x->n < y->n ? 1 : -1;
  return strcmp(x->op, y->op);
}

// A loaded main graph with its functions, kept while the counts' names are in use.
typedef struct contents {
  arena_t *arena;
  library_t *library;
  graph_t *graph;
  op_counts_t ops;
  int64_t functions;
} contents_t;

static status_t read_contents(const saved_model_t *m, const meta_graph_t *g, contents_t *c) {
  *c = (contents_t){0};
  TRY(meta_graph_graph(m, g, &c->arena, &c->library, &c->graph));
  c->ops.index = map_create();
  count_ops(&c->ops, c->graph);
  size_t i = 0;
  const char *name;
  while (map_next(c->library->functions, &i, &name, NULL)) {
    graph_t *body;
    TRY(library_body(c->library, name, &body));
    count_ops(&c->ops, body);
    c->functions++;
  }
  if (c->ops.list.n) qsort(c->ops.list.v, c->ops.list.n, sizeof *c->ops.list.v, by_count);
  return NULL;
}

static void free_contents(contents_t *c) {
  map_destroy(c->ops.index);
  vec_free(&c->ops.list);
  graph_destroy(c->graph);
  library_destroy(c->library);
  arena_destroy(c->arena);
}

// "DT_FLOAT" for DT_FLOAT.
static void add_dtype(text_t *t, dtype_t d) {
  text_add(t, "DT_");
  for (const char *p = dtype_tf_name(d); *p; p++) {
    char c = (char)toupper((unsigned char)*p);
    text_add_n(t, &c, 1);
  }
}

static void add_infos(text_t *t, const char *word, const tensor_info_t *list, int n) {
  text_printf(t, "  The given SavedModel SignatureDef contains the following %s(s):\n", word);
  for (int i = 0; i < n; i++) {
    const tensor_info_t *info = &list[i];
    text_printf(t, "    %ss['%s'] tensor_info:\n        dtype: ", word, info->key);
    add_dtype(t, info->dtype);
    text_add(t, "\n        shape: ");
    if (info->shape.rank < 0) text_add(t, "unknown_rank");
    for (int d = 0; d < info->shape.rank; d++)
      text_printf(t, "%s%" PRId64, d ? ", " : "(",
                  info->shape.d[d] < 0 ? (int64_t)-1 : info->shape.d[d]);
    if (info->shape.rank >= 0) text_add(t, info->shape.rank ? ")" : "()");
    text_printf(t, "\n        name: %s\n", info->tensor);
  }
}

static void add_tags(text_t *t, const meta_graph_t *g) {
  for (int i = 0; i < g->n_tags; i++) text_printf(t, "%s%s", i ? ", " : "", g->tags[i]);
}

static void show_text(text_t *t, const meta_graph_t *g, const contents_t *c) {
  text_add(t, "\nMetaGraphDef with tag-set: '");
  add_tags(t, g);
  text_add(t, "' contains the following SignatureDefs:\n");
  for (int i = 0; i < g->n_signatures; i++) {
    const signature_t *s = &g->signatures[i];
    text_printf(t, "\nsignature_def['%s']:\n", s->key);
    add_infos(t, "input", s->inputs, s->n_inputs);
    add_infos(t, "output", s->outputs, s->n_outputs);
    text_printf(t, "  Method name is: %s\n", s->method);
  }
  text_printf(
      t,
      "\nThe MetaGraph (TensorFlow %s) has %d nodes and %" PRId64 " functions with these ops:\n ",
      g->tf_version && *g->tf_version ? g->tf_version : "?", c->graph->n_nodes, c->functions);
  for (size_t i = 0; i < c->ops.list.n; i++)
    text_printf(t, " %s:%" PRId64, c->ops.list.v[i].op, c->ops.list.v[i].n);
  text_add(t, "\n");
  for (int i = 0; i < g->n_assets; i++) text_printf(t, "Asset: %s\n", g->assets[i].filename);
}

static json_t *infos_json(const tensor_info_t *list, int n) {
  json_t *o = json_object();
  for (int i = 0; i < n; i++) {
    json_t *shape = list[i].shape.rank < 0 ? json_null() : json_array();
    for (int d = 0; d < list[i].shape.rank; d++)
      json_array_append_new(shape, json_integer(list[i].shape.d[d] < 0 ? -1 : list[i].shape.d[d]));
    json_object_set_new(o, list[i].key,
                        json_pack("{s:s, s:o, s:s}", "dtype", dtype_name(list[i].dtype), "shape",
                                  shape, "name", list[i].tensor));
  }
  return o;
}

static json_t *show_json(const meta_graph_t *g, const contents_t *c) {
  json_t *tags = json_array(), *signatures = json_object(), *ops = json_object(),
         *assets = json_array();
  for (int i = 0; i < g->n_tags; i++) json_array_append_new(tags, json_string(g->tags[i]));
  for (int i = 0; i < g->n_signatures; i++) {
    const signature_t *s = &g->signatures[i];
    json_object_set_new(
        signatures, s->key,
        json_pack("{s:o, s:o, s:s}", "inputs", infos_json(s->inputs, s->n_inputs), "outputs",
                  infos_json(s->outputs, s->n_outputs), "method_name", s->method));
  }
  for (size_t i = 0; i < c->ops.list.n; i++)
    json_object_set_new(ops, c->ops.list.v[i].op, json_integer(c->ops.list.v[i].n));
  for (int i = 0; i < g->n_assets; i++)
    json_array_append_new(assets, json_string(g->assets[i].filename));
  return json_pack("{s:o, s:s, s:o, s:i, s:I, s:o, s:o}", "tags", tags, "tensorflow",
                   g->tf_version ? g->tf_version : "", "signatures", signatures, "nodes",
                   c->graph->n_nodes, "functions", (json_int_t)c->functions, "ops", ops, "assets",
                   assets);
}

static status_t show(const char *dir, bool json, char **out) {
  saved_model_t *m;
  TRY(saved_model_open(dir, &m));
  text_t t = {0};
  json_t *graphs = json_array();
  status_t st = NULL;
  for (int i = 0; i < saved_model_n_meta_graphs(m) && !st; i++) {
    const meta_graph_t *g = saved_model_meta_graph(m, i);
    contents_t c;
    st = read_contents(m, g, &c);
    if (!st && json)
      json_array_append_new(graphs, show_json(g, &c));
    else if (!st)
      show_text(&t, g, &c);
    free_contents(&c);
  }
  if (!st && json) {
    json_t *root = json_pack("{s:s, s:s, s:s, s:O}", "schema", "tftrt.report/1", "command", "show",
                             "model", dir, "meta_graphs", graphs);
    char *dumped = json_dumps(root, JSON_INDENT(1));
    text_printf(&t, "%s\n", dumped ? dumped : "{}");
    free(dumped);
    json_decref(root);
  }
  json_decref(graphs);
  saved_model_close(m);
  if (!st) *out = text_take(&t);
  text_free(&t);
  return st;
}

tftrt_code tftrt_show(const char *dir, int json, char **out, tftrt_error *err) {
  *out = NULL;
  if (!dir) return api_report(FAIL(INVALID_ARGUMENT, "the model's directory is NULL"), err);
  return api_report(show(dir, json != 0, out), err);
}
