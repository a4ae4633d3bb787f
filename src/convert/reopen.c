// A converted model on disk, ours or TF-TRT's, as a converter in the state after convert(): engines
// may be built for it and written into it; its graph stays as it is.
#include <string.h>

#include "base/file.h"
#include "convert/restore.h"
#include "graph/passes.h"
#include "saved_model/writer.h"

typedef struct reading {
  converter_t *c;
  engine_node_t *e;
  const backend_t *backend;
  int foreign;
} reading_t;

static status_t read_weight(void *self, const char *key, tensor_t *out) {
  return saved_model_bundle_tensor(((converter_t *)self)->model, key, out);
}

// Engines that can be loaded here stay beside new ones; others are replaced.
static status_t keep_plan(void *user, const shape_t *shapes, int n, const uint8_t *plan,
                          size_t size) {
  reading_t *r = user;
  weight_source_t weights = {read_weight, r->c};
  backend_engine_t *engine = NULL;
  status_t st = n == r->e->n_inputs ? r->backend->load(plan, size, &weights, &engine)
                                    : FAIL(INVALID_ARGUMENT, "it is for %d inputs", n);
  if (st) {
    if (!r->foreign++)
      converter_warn(r->c, "an engine of %s cannot be loaded and is left out: %s", r->e->node->name,
                     status_message(st));
    status_free(st);
    return NULL;
  }
  r->backend->unload(engine);
  built_engine_t b = {.shapes = arena_alloc(r->c->own, ((size_t)n + 1) * sizeof *b.shapes)};
  if (n) memcpy(b.shapes, shapes, (size_t)n * sizeof *shapes);
  b.plan.data = mem_alloc(size + 1);
  memcpy(b.plan.data, plan, size);
  b.plan.size = size;
  vec_push(&r->e->built, b);
  return NULL;
}

static status_t read_engines(converter_t *c, engine_node_t *e) {
  reading_t r = {.c = c, .e = e, .backend = backend_find(c->o.backend)};
  return saved_engines(saved_model_dir(c->model), e->node->name, keep_plan, &r);
}

static status_t load_segment(converter_t *c, engine_node_t *e, const char *segment) {
  graph_t *body;
  TRY(library_body(c->library, segment, &body));
  TRY(graph_inline_calls(body));
  TRY(weights_load(c->model, body));
  TRY(weights_pin(c->model, body));
  if (body->n_args != e->n_inputs || body->n_rets < e->node->n_out)
    return FAIL(INVALID_ARGUMENT, "node %s: it has no native segment that fits", e->node->name);
  const attr_value_t *shapes = node_shapes(e->node, "input_shapes");
  bool known = shapes && (int)shapes->n_list == e->n_inputs;
  for (int i = 0; i < e->n_inputs; i++)  // TF 2.0 does not tell them
    body->args[i]->out_shape[0] = known ? shapes->list[i].shape : SHAPE_UNKNOWN;
  e->function = library_find(c->library, segment);
  return NULL;
}

static status_t add_engine(converter_t *c, node_t *n) {
  func_ref_t f = node_native_segment(n);
  bool has_segment = f.name && library_find(c->library, f.name);
  TRY(check_engine(c, n, has_segment));
  if (!has_segment) {
    converter_warn(c, "%s has no native segment: nothing can be built for it", n->name);
    return NULL;
  }
  const char *name = canonical_name(n->name);
  for (size_t i = 0; i < c->engines.n; i++)  // of a function that is called several times
    if (strcmp(c->engines.v[i].node->name, name) == 0) return NULL;
  if (name != n->name) graph_rename_node(c->graph, n, name);
  engine_node_t e = {.node = n, .n_inputs = n->n_in};
  TRY(load_segment(c, &e, f.name));
  vec_push(&c->engines, e);
  return read_engines(c, &c->engines.v[c->engines.n - 1]);
}

static status_t reopen_signature(converter_t *c) {
  saved_model_source_t source = {c->model, c->meta};
  variable_source_t variables = saved_model_variables(&source);
  TRY(signature_graph(c->model, c->meta, c->signature, &c->arena, &c->library, &c->graph));
  TRY(graph_inline_calls(c->graph));
  TRY(graph_name_segments(c->graph));
  TRY(graph_freeze(c->graph, &variables));
  TRY(weights_load(c->model, c->graph));
  TRY(graph_prune(c->graph));
  for (int i = 0; i < c->graph->n_nodes; i++)
    if (strcmp(c->graph->nodes[i]->op, "TRTEngineOp") == 0) TRY(add_engine(c, c->graph->nodes[i]));
  c->reopened = c->converted = true;
  c->o.dynamic_shape = any_dynamic_shape(c);
  c->calibrated = true;  // ranges are where they were calibrated, in the nodes
  return NULL;
}

status_t converter_reopen(converter_t *c) {
  if (c->converted) return FAIL(FAILED_PRECONDITION, "convert() is already called");
  size_t engines = 0;
  status_t st = open_model(c);
  if (!st) st = reopen_signature(c);
  for (size_t i = 0; i < c->others.n && !st; i++) {
    st = status_prefix(reopen_signature(c->others.v[i]), "signature '%s'",
                       c->others.v[i]->signature->key);
    engines += c->others.v[i]->engines.n;
  }
  if (!st && !c->engines.n && !engines)
    st = FAIL(FAILED_PRECONDITION,
              "%s: signature '%s' has no TRTEngineOp with a native segment; it is to be converted "
              "first",
              c->o.dir, c->signature->key);
  if (st) converter_forget(c);
  return st;
}

void make_room(engine_node_t *e) {
  if (!has_dynamic_shape(e) || !e->wanted.n) return;
  for (size_t i = 0; i < e->built.n; i++) mem_free(e->built.v[i].plan.data);
  e->built.n = 0;
}
