// Native segments as TF-TRT told them until TensorFlow 1.14: the function by its name alone, or, in
// nodes without static engines, a GraphDef in the place of the engine.
#include <stdio.h>

#include "graph/passes.h"
#include "graph/rewrite.h"

static const char input_prefix[] = "TensorRTInputPH", output_prefix[] = "TensorRTOutputPH";

static node_t *numbered(const graph_t *g, const char *prefix, int i) {
  char name[48];
  snprintf(name, sizeof name, "%s_%d", prefix, i);
  return graph_find(g, name);
}

static int count_numbered(const graph_t *g, const char *prefix) {
  int n = 0;
  while (numbered(g, prefix, n)) n++;
  return n;
}

static status_t not_one(const node_t *engine, const char *why) {
  return FAIL(INVALID_ARGUMENT, "node %s: serialized_segment is no native segment: %s",
              engine->name, why);
}

// A Placeholder becomes an argument.
static void make_argument(graph_t *body, node_t *n, int i, dtype_t dtype) {
  node_set_op(n, "_Arg");
  n->n_in = n->n_control = 0;
  node_remove_attr(n, "shape");
  node_remove_attr(n, "dtype");
  node_set_type(body, n, "T", dtype);
  node_set_int(body, n, "index", i);
  node_set_outputs(body, n, 1);
  n->out_dtype[0] = dtype;
  body->args[i] = n;
  body->arg_names[i] = n->name;
}

static status_t take_arguments(function_t *f, const node_t *engine) {
  graph_t *body = f->body;
  f->n_args = body->n_args = count_numbered(body, input_prefix);
  f->args = arena_alloc(body->arena, ((size_t)f->n_args + 1) * sizeof *f->args);
  body->args = arena_alloc(body->arena, ((size_t)f->n_args + 1) * sizeof *body->args);
  body->arg_names = arena_alloc(body->arena, ((size_t)f->n_args + 1) * sizeof *body->arg_names);
  for (int i = 0; i < f->n_args; i++) {
    node_t *n = numbered(body, input_prefix, i);
    if (!rewrite_is(n, "Placeholder") || n->n_out != 1)
      return not_one(engine, "its inputs are no Placeholders");
    f->args[i] = (arg_def_t){n->name, n->out_dtype[0]};
    make_argument(body, n, i, n->out_dtype[0]);
  }
  return NULL;
}

// What an Identity gives that nothing but the result needs: the Identity goes.
static input_t without_identity(graph_t *body, node_t *n, const readers_t *readers) {
  bool read = readers->begin[n->id] != readers->begin[n->id + 1];
  if (read || !rewrite_is(n, "Identity") || n->n_in != 1) return (input_t){n, 0};
  input_t from = n->in[0];
  graph_remove_node(body, n);
  return from;
}

static status_t take_results(function_t *f, const node_t *engine) {
  graph_t *body = f->body;
  f->n_rets = body->n_rets = count_numbered(body, output_prefix);
  f->rets = arena_alloc(body->arena, ((size_t)f->n_rets + 1) * sizeof *f->rets);
  body->rets = arena_alloc(body->arena, ((size_t)f->n_rets + 1) * sizeof *body->rets);
  body->ret_names = arena_alloc(body->arena, ((size_t)f->n_rets + 1) * sizeof *body->ret_names);
  if (!f->n_rets) return not_one(engine, "it has no outputs");
  for (int i = 0; i < f->n_rets; i++)
    if (numbered(body, output_prefix, i)->n_out != 1)
      return not_one(engine, "its outputs are no Identities");
  readers_t readers = graph_readers(body);
  for (int i = 0; i < f->n_rets; i++) {
    node_t *n = numbered(body, output_prefix, i);
    f->rets[i] = (arg_def_t){n->name, n->out_dtype[0]};
    body->rets[i] = without_identity(body, n, &readers);
    body->ret_names[i] = n->name;
  }
  readers_free(&readers);
  graph_compact(body);
  return NULL;
}

// The segment in a node that is to build its engines itself.
static status_t make_function(graph_t *g, node_t *engine, const char **name) {
  const attr_value_t *segment = node_attr(engine, "serialized_segment");
  *name = NULL;
  if (node_bool(engine, "static_engine", true) || !segment || !segment->s.n) return NULL;
  *name = arena_printf(g->arena, "%s_native_segment", engine->name);
  for (int i = 1; library_find(g->library, *name); i++)
    *name = arena_printf(g->arena, "%s_native_segment_%d", engine->name, i);
  function_t *f = library_add(g->library, *name);
  TRY(status_prefix(graph_parse((const uint8_t *)segment->s.p, segment->s.n, f->body),
                    "node %s: serialized_segment", engine->name));
  TRY(take_arguments(f, engine));
  return take_results(f, engine);
}

static bool names_function(const node_t *n) {
  const func_ref_t *f = node_func(n, "segment_func");
  return f && f->name && *f->name;
}

status_t graph_name_segments(graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    if (n->dead || !rewrite_is(n, "TRTEngineOp") || names_function(n)) continue;
    const char *name = node_native_segment(n).name;
    if (!name) TRY(make_function(g, n, &name));
    if (name) node_set_func(g, n, "segment_func", name);
  }
  return NULL;
}
