// Every node: in which engine, or why not. Text for people, JSON for programs.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "convert/precisions.h"
#include "convert/state.h"

static bool structural(const node_t *n) {
  return strcmp(n->op, "Const") == 0 || strcmp(n->op, "_Arg") == 0 ||
         strcmp(n->op, "Placeholder") == 0;
}

static bool is_engine(const node_t *n) { return strcmp(n->op, "TRTEngineOp") == 0; }

// The engines of the graph and of functions that are converted by themselves: those made here, and
// those that the model came with.
typedef VEC(const node_t *) engine_list_t;

static engine_list_t list_engines(const converter_t *c) {
  engine_list_t list = {0};
  for (size_t k = 0; k < c->parts.n; k++) {
    const graph_t *g = c->parts.v[k]->graph;
    for (int i = 0; i < g->n_nodes; i++)
      if (!g->nodes[i]->dead && is_engine(g->nodes[i])) vec_push(&list, g->nodes[i]);
  }
  return list;
}

// Why nodes are in no engine, but for engines.
typedef VEC(refusal_t) refusals_t;

static refusals_t list_refusals(const converter_t *c) {
  refusals_t list = {0};
  for (size_t k = 0; k < c->parts.n; k++) {
    const segmentation_t *s = c->parts.v[k]->segmentation;
    for (int i = 0; i < s->n_refusals; i++)
      if (!is_engine(s->refusals[i].node)) vec_push(&list, s->refusals[i]);
  }
  return list;
}

// The native segment of an engine; NULL when the model has none.
static const graph_t *segment_of(const converter_t *c, const node_t *engine) {
  func_ref_t f = node_native_segment(engine);
  graph_t *body = NULL;
  if (f.name) status_free(library_body(c->library, f.name, &body));
  return body;
}

static const engine_node_t *made_here(const converter_t *c, const node_t *engine) {
  for (size_t i = 0; i < c->engines.n; i++)
    if (c->engines.v[i].node == engine) return &c->engines.v[i];
  return NULL;
}

static json_t *shapes_json(const shape_t *shapes, int n) {
  json_t *list = json_array();
  for (int i = 0; i < n; i++) {
    json_t *dims = json_array();
    for (int d = 0; d < shapes[i].rank; d++)
      json_array_append_new(dims, json_integer(shapes[i].d[d]));
    json_array_append_new(list, dims);
  }
  return list;
}

static json_t *built_json(const built_engine_t *b, int n_inputs) {
  json_t *counts = NULL;
  status_free(plan_precisions_json(&b->plan, &counts));
  return json_pack("{s:o, s:I, s:o}", "input_shapes", shapes_json(b->shapes, n_inputs),
                   "plan_bytes", (json_int_t)b->plan.size, "layers_by_precision",
                   counts ? counts : json_object());
}

static json_t *node_json(const node_t *n, const char *engine) {
  json_t *o = json_pack("{s:s, s:s}", "name", n->name, "op", n->op);
  if (engine) json_object_set_new(o, "engine", json_string(engine));
  return o;
}

static json_t *explain_signature(const converter_t *c) {
  json_t *engines = json_array(), *nodes = json_array();
  int in_engines = 0, native = 0;
  engine_list_t list = list_engines(c);
  for (size_t i = 0; i < list.n; i++) {
    const node_t *engine = list.v[i];
    const engine_node_t *e = made_here(c, engine);
    func_ref_t f = node_native_segment(engine);
    json_t *o = json_pack("{s:s, s:s, s:i, s:i}", "name", engine->name, "native_segment",
                          f.name ? f.name : "", "inputs", engine->n_in, "outputs", engine->n_out);
    json_t *built = json_array();
    for (size_t k = 0; e && k < e->built.n; k++)
      json_array_append_new(built, built_json(&e->built.v[k], e->n_inputs));
    json_object_set_new(o, "engines", built);
    json_array_append_new(engines, o);
    const graph_t *body = segment_of(c, engine);
    for (int k = 0; body && k < body->n_nodes; k++) {
      const node_t *n = body->nodes[k];
      if (n->dead || strcmp(n->op, "_Arg") == 0) continue;
      json_array_append_new(nodes, node_json(n, engine->name));
      in_engines += !structural(n);
    }
  }
  vec_free(&list);
  refusals_t refusals = list_refusals(c);
  for (size_t i = 0; i < refusals.n; i++) {
    const refusal_t *r = &refusals.v[i];
    json_t *o = node_json(r->node, NULL);
    json_object_set_new(o, "code", json_string(r->code));
    json_object_set_new(o, "reason", json_string(r->reason));
    json_array_append_new(nodes, o);
    native += !structural(r->node);
  }
  vec_free(&refusals);
  json_t *o =
      json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:o}", "schema", "tftrt.report/1", "command",
                "explain", "model", c->o.dir, "signature", c->signature->key, "nodes_in_engines",
                in_engines, "nodes_native", native, "engines", engines, "nodes", nodes);
  if (c->choice) json_object_set_new(o, "precision", precision_json(c));
  return o;
}

// One signature is the object itself; several are a list in it.
static char *explain_json(const converter_t *c) {
  json_t *root = explain_signature(c);
  if (c->others.n) {
    json_t *signatures = json_pack("[o]", root);
    for (size_t i = 0; i < c->others.n; i++)
      json_array_append_new(signatures, explain_signature(c->others.v[i]));
    root = json_pack("{s:s, s:s, s:s, s:o}", "schema", "tftrt.report/1", "command", "explain",
                     "model", c->o.dir, "signatures", signatures);
  }
  char *dumped = json_dumps(root, JSON_INDENT(1));
  json_decref(root);
  text_t t = {0};
  text_add(&t, dumped ? dumped : "{}");
  text_add(&t, "\n");
  free(dumped);
  return text_take(&t);
}

static int by_reason(const void *a, const void *b) {
  const refusal_t *x = a, *y = b;
  int order = strcmp(x->reason, y->reason);
  if (!order) order = strcmp(x->node->op, y->node->op);
  return order ? order : strcmp(x->node->name, y->node->name);
}

static char *explain_text(const converter_t *c) {
  text_t t = {0};
  if (c->owner || c->others.n) text_printf(&t, "Signature '%s':\n", c->signature->key);
  int in_engines = 0, native = 0;
  engine_list_t list = list_engines(c);
  for (size_t i = 0; i < list.n; i++) {
    const graph_t *body = segment_of(c, list.v[i]);
    text_printf(&t, "%s takes:\n", list.v[i]->name);
    for (int k = 0; body && k < body->n_nodes; k++) {
      const node_t *n = body->nodes[k];
      if (n->dead || structural(n)) continue;
      text_printf(&t, "  %-28s %s\n", n->op, n->name);
      in_engines++;
    }
  }
  size_t n_engines = list.n;
  vec_free(&list);
  refusals_t all = list_refusals(c), sorted = {0};
  for (size_t i = 0; i < all.n; i++)
    if (!structural(all.v[i].node)) vec_push(&sorted, all.v[i]);
  if (sorted.n) qsort(sorted.v, sorted.n, sizeof *sorted.v, by_reason);
  if (sorted.n) text_add(&t, "Native, because\n");
  for (size_t i = 0; i < sorted.n; i++) {
    const refusal_t *r = &sorted.v[i];
    if (!i || strcmp(r->reason, r[-1].reason) != 0) text_printf(&t, "  %s:\n", r->reason);
    text_printf(&t, "    %-26s %s\n", r->node->op, r->node->name);
    native++;
  }
  vec_free(&all);
  vec_free(&sorted);
  text_printf(&t, "%d of %d nodes (constants and inputs not counted) are in %zu engines.\n",
              in_engines, in_engines + native, n_engines);
  for (size_t i = 0; i < c->others.n; i++) {
    char *other = explain_text(c->others.v[i]);
    text_printf(&t, "\n%s", other);
    mem_free(other);
  }
  return text_take(&t);
}

status_t converter_explain(const converter_t *c, bool json, char **out) {
  *out = NULL;
  if (!c->converted) return FAIL(FAILED_PRECONDITION, "convert() has not been called");
  *out = json ? explain_json(c) : explain_text(c);
  return NULL;
}
