// What the converter makes of a corpus model in op set "tf-trt", in the form in which
// tests/models/tf-trt has real TF-TRT's answers (made by an oracle: the real converter asked in a
// process of its own): engines with name, inputs, attributes, shapes and segment nodes; the rest of
// the graph; the summary.
#ifndef TFTRT_TESTS_CONVERT_TF_TRT_ANSWER_H
#define TFTRT_TESTS_CONVERT_TF_TRT_ANSWER_H

#include <jansson.h>

#include "base/mem.h"
#include "base/text.h"
#include "convert/state.h"
#include "ops/op.h"
#include "test.h"

typedef struct answer_mode {
  const char *name;  // in file names
  const char *short_name;
  const char *precision;
  bool dynamic;
} answer_mode_t;

static inline json_t *shapes_json(const node_t *n, const char *attr) {
  json_t *list = json_array();
  const attr_value_t *a = node_attr(n, attr);
  for (size_t i = 0; a && i < a->n_list; i++) {
    const shape_t *s = &a->list[i].shape;
    json_t *dims = s->rank < 0 ? json_null() : json_array();
    for (int d = 0; d < s->rank; d++) json_array_append_new(dims, json_integer(s->d[d]));
    json_array_append_new(list, dims);
  }
  return list;
}

static inline json_t *types_json(const node_t *n, const char *attr) {
  json_t *list = json_array();
  const dtype_t *types = NULL;
  int count = node_types(n, attr, &types);
  for (int i = 0; i < count; i++) json_array_append_new(list, json_integer(types[i]));
  return list;
}

static inline json_t *inputs_json(const node_t *n) {
  json_t *list = json_array();
  for (int i = 0; i < n->n_in; i++) {
    const input_t *in = &n->in[i];
    json_array_append_new(list, in->port ? json_sprintf("%s:%d", in->src->name, in->port)
                                         : json_string(in->src->name));
  }
  for (int i = 0; i < n->n_control; i++)
    json_array_append_new(list, json_sprintf("^%s", n->control[i]->name));
  return list;
}

static inline json_t *attributes_json(const node_t *n) {
  json_t *map = json_object();
  for (const attr_t *a = n->attrs; a; a = a->next) {
    const attr_value_t *v = a->value;
    if (v->kind == ATTR_STRING) json_object_set_new(map, a->name, json_stringn(v->s.p, v->s.n));
    if (v->kind == ATTR_INT) json_object_set_new(map, a->name, json_integer(v->i));
    if (v->kind == ATTR_BOOL) json_object_set_new(map, a->name, json_boolean(v->b));
  }
  return map;
}

static inline json_t *engine_json(const engine_node_t *e) {
  const node_t *n = e->node;
  const graph_t *body = e->function->body;
  json_t *nodes = json_object(), *ret = json_object();
  for (int i = 0; i < body->n_nodes; i++)
    if (!body->nodes[i]->dead && strcmp(body->nodes[i]->op, "_Arg") != 0)
      json_object_set_new(nodes, body->nodes[i]->name, json_string(body->nodes[i]->op));
  for (int i = 0; i < body->n_rets; i++) {
    const node_t *src = body->rets[i].src;
    const char *out;
    int k;
    op_output_name(src, body->rets[i].port, &out, &k);
    json_object_set_new(ret, body->ret_names[i],
                        strcmp(src->op, "_Arg") == 0 ? json_string(src->name)
                                                     : json_sprintf("%s:%s:%d", src->name, out, k));
  }
  return json_pack("{s:s s:o s:s s:o s:o s:o s:o s:o s:s s:o s:o}", "name", n->name, "inputs",
                   inputs_json(n), "device", n->device, "InT", types_json(n, "InT"), "OutT",
                   types_json(n, "OutT"), "input_shapes", shapes_json(n, "input_shapes"),
                   "output_shapes", shapes_json(n, "output_shapes"), "attributes",
                   attributes_json(n), "segment_func", node_func(n, "segment_func")->name, "nodes",
                   nodes, "ret", ret);
}

static inline void add_summary_line(void *user, const char *line) {
  text_t *t = user;
  text_printf(t, "%s%s", t->n ? "\n" : "", line);
}

static inline json_t *graph_json(const converter_t *c, const graph_t *g) {
  json_t *engines = json_array(), *rest = json_object();
  for (size_t i = 0; i < c->engines.n; i++)
    if (graph_find(g, c->engines.v[i].node->name) == c->engines.v[i].node)
      json_array_append_new(engines, engine_json(&c->engines.v[i]));
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    if (!n->dead && strcmp(n->op, "TRTEngineOp") != 0 && strcmp(n->op, "_Arg") != 0)
      json_object_set_new(rest, n->name, json_string(n->op));
  }
  return json_pack("{s:o s:o}", "engines", engines, "rest", rest);
}

// "__inference_inner_18_frozen" -> "inner"; mem_free it.
static inline char *own_name(const char *function) {
  static const char prefix[] = "__inference_";
  bool made = strncmp(function, prefix, strlen(prefix)) == 0;
  char *name = mem_strdup(made ? function + strlen(prefix) : function);
  char *frozen = strstr(name, "_frozen");
  if (frozen) *frozen = 0;
  size_t n = strlen(name);
  while (n && name[n - 1] >= '0' && name[n - 1] <= '9') n--;
  if (n && name[n - 1] == '_') name[n - 1] = 0;
  return name;
}

// Functions that ask for a conversion of their own.
static inline json_t *functions_json(const converter_t *c) {
  json_t *map = json_object();
  functions_t called = {0};
  assert_ok(graph_called_functions(c->graph, &called));
  for (size_t i = 0; i < called.n; i++) {
    const function_t *f = called.v[i];
    if (!function_attr(f, "_tftrt_convert_function")) continue;
    json_t *o = graph_json(c, f->body);
    node_t attributes = {.attrs = f->attrs};
    json_object_set_new(o, "attributes", attributes_json(&attributes));
    char *name = own_name(f->name);
    json_object_set_new(map, name, o);
    mem_free(name);
  }
  vec_free(&called);
  return map;
}

static inline json_t *converted_json(const converter_t *c) {
  json_t *answer = graph_json(c, c->graph);
  text_t summary = {0};
  assert_ok(converter_summary(c, 160, true, add_summary_line, &summary));
  json_object_set_new(answer, "summary", json_string(summary.v));
  json_object_set_new(answer, "functions", functions_json(c));
  text_free(&summary);
  return answer;
}

static inline converter_options_t answer_options(const answer_mode_t *mode, const char *dir) {
  return (converter_options_t){.struct_size = sizeof(converter_options_t),
                               .dir = dir,
                               .dynamic_shape = mode->dynamic,
                               .precision_mode = mode->precision,
                               .max_workspace_bytes = DEFAULT_WORKSPACE_BYTES,
                               .minimum_segment_size = 3,
                               .maximum_cached_engines = 1,
                               .allow_build_at_runtime = true,
                               .op_set = OP_SET_TF_TRT,
                               .compat_2_17 = true,
                               .threads = 1};
}

static inline json_t *our_answer(const char *model, const answer_mode_t *mode) {
  char *dir = mem_printf(TESTS_DIR "/models/small/%s/saved_model", model);
  converter_options_t o = answer_options(mode, dir);
  converter_t *c;
  assert_ok(converter_create(&o, &c));
  assert_ok(converter_convert(c, NULL));
  json_t *answer = converted_json(c);
  converter_destroy(c);
  mem_free(dir);
  return answer;
}

// The graph's number in engine names counts what a process has converted; it becomes 000.
static inline void number_zero(char *text) {
  for (char *p = text; (p = strstr(p, "TRTEngineOp_")); p += 12)
    if (strlen(p) > 16 && p[15] == '_') memcpy(p + 12, "000", 3);
}

// Takes `answer`; NULL stays NULL.
static inline json_t *with_number_zero(json_t *answer) {
  char *text = answer ? json_dumps(answer, JSON_ENCODE_ANY) : NULL;
  json_decref(answer);
  if (!text) return NULL;
  number_zero(text);
  answer = json_loads(text, 0, NULL);
  free(text);
  return answer;
}

#endif
