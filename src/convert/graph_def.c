// The converted graph of a GraphDef as a GraphDef again: whole, with all weights in it.
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "convert/state.h"
#include "formats/tf_fields.h"
#include "formats/wire.h"
#include "ops/op.h"
#include "saved_model/writer.h"

// ---------------------------------------------------------------- names

// "name:port"; the name is the arena's.
static const char *split(arena_t *a, const char *tensor, int *port) {
  const char *colon = strrchr(tensor, ':');
  *port = atoi(colon + 1);
  return arena_printf(a, "%.*s", (int)(colon - tensor), tensor);
}

static void rename_read(graph_t *g, node_t *n, const char *name) {
  graph_rename_node(g, n, name);
  for (int i = 0; i < g->n_nodes; i++) {  // what was read names it as it was
    node_t *reader = g->nodes[i];
    for (int k = 0; k < reader->n_in; k++)
      if (reader->in[k].src == n) reader->raw = NULL;
    for (int k = 0; k < reader->n_control; k++)
      if (reader->control[k] == n) reader->raw = NULL;
  }
}

// A node of this name that hands on what the results named "name:0", "name:1", ... are now.
static node_t *hand_on(graph_t *g, const char *name) {
  VEC(input_t) from = {0};
  VEC(dtype_t) types = {0};
  for (int i = 0; i < g->n_rets; i++) {
    int port;
    if (strcmp(split(g->arena, g->ret_names[i], &port), name) != 0) continue;
    const input_t *r = &g->rets[i];
    while (from.n <= (size_t)port) {  // sorted as text: 10 comes before 2
      vec_push(&from, *r);
      vec_push(&types, DT_INVALID);
    }
    from.v[port] = *r;
    types.v[port] = r->src->out_dtype[r->port];
  }
  node_t *n = graph_add_node(g, from.n == 1 ? "Identity" : "IdentityN", name);
  n->def = op_find(n->op);
  n->device = from.v[0].src->device;
  if (from.n == 1)
    node_set_type(g, n, "T", types.v[0]);
  else
    node_set_types(g, n, "T", types.v, (int)from.n);
  node_set_outputs(g, n, (int)from.n);
  for (size_t i = 0; i < from.n; i++) {
    node_add_input(g, n, from.v[i].src, from.v[i].port);
    n->out_dtype[i] = types.v[i];
    n->out_shape[i] = from.v[i].src->out_shape[from.v[i].port];
  }
  vec_free(&from);
  vec_free(&types);
  return n;
}

static void restore_result(graph_t *g, int i) {
  int port;
  const char *name = split(g->arena, g->ret_names[i], &port);
  if (g->rets[i].port == port && strcmp(g->rets[i].src->name, name) == 0) return;
  node_t *there = graph_find(g, name);
  if (there && port >= there->n_out) {  // another one of this name
    rename_read(g, there, name);
    there = NULL;
  }
  g->rets[i] = (input_t){there ? there : hand_on(g, name), port};
}

// A target that is no node any more: one that waits for all that must run.
static void restore_target(graph_t *g, const char *name) {
  if (graph_find(g, name)) return;
  node_t *n = graph_add_node(g, "NoOp", name);
  n->def = op_find("NoOp");
  if (g->n_control_rets) n->device = g->control_rets[0]->device;
  node_set_outputs(g, n, 0);
  for (int i = 0; i < g->n_control_rets; i++) node_add_control(g, n, g->control_rets[i]);
}

void restore_names(converter_t *c) {
  graph_t *g = c->graph;
  for (int i = 0; i < g->n_args; i++) {
    int port;
    const char *name = split(g->arena, g->arg_names[i], &port);
    if (strcmp(g->args[i]->name, name) != 0 && !graph_find(g, name))
      rename_read(g, g->args[i], name);
  }
  for (int i = 0; i < g->n_rets; i++) restore_result(g, i);
  for (int i = 0; i < c->signature->n_targets; i++) restore_target(g, c->signature->targets[i]);
}

// ---------------------------------------------------------------- writing

typedef struct library_writer {
  library_t *library;
  map_t *written;
  wire_out_t *w;
} library_writer_t;

static status_t write_function(library_writer_t *x, const char *name);

static status_t write_called(library_writer_t *x, const graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    if (n->dead) continue;
    if (!n->def) TRY(write_function(x, n->op));
    for (const attr_t *a = n->attrs; a; a = a->next) {
      if (a->value->kind == ATTR_FUNC && a->value->func.name)
        TRY(write_function(x, a->value->func.name));
      if (a->value->kind != ATTR_LIST || a->value->list_kind != ATTR_FUNC) continue;
      for (size_t k = 0; k < a->value->n_list; k++)
        if (a->value->list[k].func.name) TRY(write_function(x, a->value->list[k].func.name));
    }
  }
  return NULL;
}

static status_t write_function(library_writer_t *x, const char *name) {
  const function_t *f = library_find(x->library, name);
  graph_t *body;
  if (!f || map_has(x->written, name)) return NULL;
  map_put(x->written, name, x);
  TRY(library_body(x->library, name, &body));
  TRY(function_write(f, x->w, TF_LIBRARY_FUNCTION));
  return write_called(x, body);
}

// Versions and whatever else the source has beside nodes and (unless it stays) the library.
static status_t write_rest(const converter_t *c, wire_out_t *w) {
  wire_t r = wire_open(c->o.graph_def, c->o.graph_def_size);
  wire_field_t f;
  status_t st;
  while (wire_next(&r, &f, &st))
    if (f.number != TF_GRAPH_DEF_NODE && (f.number != TF_GRAPH_DEF_LIBRARY || c->o.library_stays))
      wire_put_raw(w, f.raw, f.raw_size);
  return st;
}

static status_t write_graph(const converter_t *c, wire_out_t *w) {
  library_writer_t x = {.library = c->library, .written = map_create(), .w = w};
  for (size_t i = 0; i < c->engines.n; i++)  // as TF-TRT's own
    c->engines.v[i].node->with_defaults = true;
  status_t st = graph_write_nodes(c->graph, w, TF_GRAPH_DEF_NODE);
  if (!c->o.library_stays) {
    size_t at = wire_begin(w, TF_GRAPH_DEF_LIBRARY);
    if (!st) st = write_called(&x, c->graph);
    wire_end(w, at);
  }
  map_destroy(x.written);
  if (!st) st = write_rest(c, w);
  return st ? st : wire_out_status(w);
}

static status_t put_segment_in_node(converter_t *c, const engine_node_t *e) {
  wire_out_t w = {0};
  library_writer_t x = {.library = c->library, .written = map_create(), .w = &w};
  status_t st = write_function(&x, e->function->name);
  if (!st) st = wire_out_status(&w);
  if (!st) node_set_string(c->graph, e->node, NODE_LIBRARY_ATTR, (const char *)w.data, w.size);
  map_destroy(x.written);
  wire_out_free(&w);
  return st;
}

// A static engine is in its node; one that could not be built is built by the first run, as in
// TF-TRT.
static void embed_engines(converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++) {
    const engine_node_t *e = &c->engines.v[i];
    if (!e->built.n || e->part->static_batch <= 0) continue;
    node_set_bool(c->graph, e->node, "static_engine", true);
    node_set_string(c->graph, e->node, "serialized_segment", (const char *)e->built.v[0].plan.data,
                    e->built.v[0].plan.size);
  }
}

status_t converter_graph_def(converter_t *c, uint8_t **out, size_t *size) {
  *out = NULL;
  if (!c->o.graph_def)
    return FAIL(INVALID_ARGUMENT, "only what was converted from a GraphDef becomes one again");
  if (!c->converted) return FAIL(FAILED_PRECONDITION, "Need to call convert() before graph_def()");
  embed_engines(c);
  TRY(mark_nodes(c));
  for (size_t i = 0; c->o.library_stays && i < c->engines.n; i++)
    TRY(put_segment_in_node(c, &c->engines.v[i]));
  wire_out_t w = {0};
  status_t st = write_graph(c, &w);
  if (!st) {
    *size = w.size;
    *out = mem_alloc(w.size + 1);
    memcpy(*out, w.data, w.size);
  }
  wire_out_free(&w);
  return st;
}
