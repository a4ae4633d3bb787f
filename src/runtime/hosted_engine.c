#include "runtime/hosted_engine.h"

#include <string.h>

#include "base/cpu.h"
#include "base/environment.h"
#include "formats/tf_fields.h"
#include "formats/wire.h"
#include "graph/passes.h"
#include "ops/variables.h"
#include "runtime/segment_build.h"
#include "saved_model/writer.h"

struct hosted_engine {
  arena_t *arena;
  library_t *library;
  graph_t *graph;
  node_t *node;
  int n_variables;    // the last inputs: values of variables (ATTR_VARIABLES)
  bool *overwritten;  // [n_variables]
  signature_t signature;
  saved_model_t *saved;  // NULL: nothing is outside of plan and segment
  map_t *inside;         // weights by key that the native segment holds itself: const tensor_t *
  weight_source_t weights;
  exec_services_t services;
  engines_t *engines;
  build_cache_t *build_cache;  // NULL: none
  executable_t *executable;
};

// ---------------------------------------------------------------- services

static status_t missing(const hosted_engine_t *h, const char *key) {
  return FAIL(
      FAILED_PRECONDITION,
      "%s: weight \"%s\" is in the SavedModel's variables, and it is not known where that is: "
      "the model's initialising operation has not run",
      hosted_engine_name(h), key);
}

static status_t read_weight(void *self, const char *key, tensor_t *out) {
  const hosted_engine_t *h = self;
  const tensor_t *inside = map_get(h->inside, key);
  if (inside) {
    *out = tensor_ref(inside);
    return NULL;
  }
  return h->saved ? saved_model_bundle_tensor(h->saved, key, out) : missing(h, key);
}

// All bodies are prepared before the first run, so that `inside` needs no lock.
static status_t take_weight(void *self, const char *key, const tensor_t *value) {
  hosted_engine_t *h = self;
  if (value) map_put(h->inside, key, (void *)(uintptr_t)value);
  return value || h->saved ? NULL : missing(h, key);
}

static status_t prepare_body(void *self, graph_t *body) {
  hosted_engine_t *h = self;
  TRY(graph_inline_calls(body));
  TRY(weights_each(body, take_weight, h));
  return h->saved ? weights_load(h->saved, body) : NULL;
}

static status_t run_engine(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                           int n_in, tensor_t *out, int n_out) {
  return engines_run(((hosted_engine_t *)self)->engines, env, node, in, n_in, out, n_out);
}

// ---------------------------------------------------------------- the graph

// The NodeDef without its inputs, which are nodes of the host, as a GraphDef with the library.
static status_t write_graph(const hosted_engine_options_t *o, wire_out_t *w) {
  wire_t node = wire_open(o->node_def, o->node_def_size);
  wire_field_t f;
  status_t st;
  size_t at = wire_begin(w, TF_GRAPH_DEF_NODE);
  while (wire_next(&node, &f, &st))
    if (f.number != TF_NODE_DEF_INPUT) wire_put_raw(w, f.raw, f.raw_size);
  TRY(st);
  wire_end(w, at);
  if (o->library_size) wire_put_bytes(w, TF_GRAPH_DEF_LIBRARY, o->library, o->library_size);
  return wire_out_status(w);
}

static status_t parse_graph(hosted_engine_t *h, const hosted_engine_options_t *o) {
  wire_out_t w = {0};
  status_t st = write_graph(o, &w);
  uint8_t *data = st ? NULL : arena_alloc(h->arena, w.size + 1);
  if (data) memcpy(data, w.data, w.size);
  size_t size = w.size;
  wire_out_free(&w);
  if (!st) st = graph_parse(data, size, h->graph);
  if (st) return status_prefix(st, "a hosted TRTEngineOp");
  for (int i = 0; i < h->graph->n_nodes; i++)
    if (strcmp(h->graph->nodes[i]->op, "TRTEngineOp") == 0) h->node = h->graph->nodes[i];
  if (!h->node) return FAIL(INVALID_ARGUMENT, "a hosted TRTEngineOp: the node is none");
  return NULL;
}

static tensor_info_t *describe(hosted_engine_t *h, const char *what, const char *types,
                               const char *shapes, int *n) {
  const dtype_t *dtypes;
  *n = node_types(h->node, types, &dtypes);
  const attr_value_t *known = node_shapes(h->node, shapes);
  tensor_info_t *all = arena_alloc(h->arena, ((size_t)*n + 1) * sizeof *all);
  for (int i = 0; i < *n; i++) {
    const char *key = arena_printf(h->arena, "%s %d", what, i);
    bool told = known && known->n_list == (size_t)*n;
    all[i] = (tensor_info_t){.key = key,
                             .tensor = key,
                             // Nothing reads a handle: a byte takes its place.
                             .dtype = dtypes[i] == DT_RESOURCE ? DT_UINT8 : dtypes[i],
                             .shape = told ? known->list[i].shape : SHAPE_UNKNOWN};
  }
  return all;
}

// Arguments before the node, results behind it.
static status_t add_borders(hosted_engine_t *h) {
  graph_t *g = h->graph;
  signature_t *s = &h->signature;
  s->key = h->node->name;
  s->method = "";
  s->inputs = describe(h, "input", "InT", "input_shapes", &s->n_inputs);
  s->outputs = describe(h, "output", "OutT", "output_shapes", &s->n_outputs);
  if (s->n_outputs != h->node->n_out)
    return FAIL(INVALID_ARGUMENT, "%s: OutT names %d outputs, the node has %d", s->key,
                s->n_outputs, h->node->n_out);
  g->n_args = s->n_inputs;
  g->n_rets = s->n_outputs;
  g->args = arena_alloc(h->arena, ((size_t)g->n_args + 1) * sizeof *g->args);
  g->arg_names = arena_alloc(h->arena, ((size_t)g->n_args + 1) * sizeof *g->arg_names);
  g->rets = arena_alloc(h->arena, ((size_t)g->n_rets + 1) * sizeof *g->rets);
  g->ret_names = arena_alloc(h->arena, ((size_t)g->n_rets + 1) * sizeof *g->ret_names);
  for (int i = 0; i < g->n_args; i++) {
    node_t *arg = graph_add_node(g, "Placeholder", s->inputs[i].key);
    node_set_type(g, arg, "dtype", s->inputs[i].dtype);
    TRY(node_resolve(g, arg));
    node_add_input(g, h->node, arg, 0);
    g->args[i] = arg;
    g->arg_names[i] = s->inputs[i].key;
    // What does not fit these runs natively, as in TensorFlow: engines ask the node themselves.
    s->inputs[i].shape = SHAPE_UNKNOWN;
  }
  for (int i = 0; i < g->n_rets; i++) {
    g->rets[i] = (input_t){h->node, i};
    g->ret_names[i] = s->outputs[i].key;
  }
  return NULL;
}

// ---------------------------------------------------------------- variables

// The host's variables are out of reach: nodes of the segment that read them take the values that
// are inputs.
static status_t read_inputs(hosted_engine_t *h, graph_t *body, const attr_value_t *names) {
  int first = body->n_args - h->n_variables;
  if (first < 0 || body->n_args != h->signature.n_inputs)
    return FAIL(INVALID_ARGUMENT,
                "it has %d arguments, the node %d inputs, of which %d are values of variables",
                body->n_args, h->signature.n_inputs, h->n_variables);
  h->overwritten = arena_alloc(h->arena, (size_t)h->n_variables * sizeof *h->overwritten);
  for (int i = 0; i < h->n_variables; i++) {
    const char *name = names->list[i].s.p;
    node_t *n = graph_find(body, name), *arg = body->args[first + i];
    if (!n || strcmp(n->op, "_Arg") == 0 || n->n_out != 1 || n->out_dtype[0] != arg->out_dtype[0])
      return FAIL(INVALID_ARGUMENT, "no node '%s' reads a variable of input %d's dtype", name,
                  first + i);
    h->overwritten[i] = strcmp(n->op, "ReadVariableOp") != 0;
    while (n->n_in) node_remove_input(n, n->n_in - 1);
    node_set_op(n, "Identity");
    node_set_type(h->graph, n, "T", arg->out_dtype[0]);
    node_add_input(body, n, arg, 0);
    TRY(node_resolve(body, n));
  }
  return NULL;
}

static status_t take_variables(hosted_engine_t *h) {
  const attr_value_t *names = node_strings(h->node, ATTR_VARIABLES);
  func_ref_t segment = node_native_segment(h->node);
  if (!segment.name || !library_find(h->library, segment.name)) return NULL;
  graph_t *body;
  TRY(library_body(h->library, segment.name, &body));
  h->n_variables = names ? (int)names->n_list : 0;
  status_t st = names ? read_inputs(h, body, names) : NULL;
  for (int i = 0; i < body->n_nodes && !st; i++)
    if (op_reads_variable(body->nodes[i]->op))
      st = FAIL(UNIMPLEMENTED,
                "its node '%s' reads a variable, whose value is no input (TF-TRT's "
                "disable_graph_freezing): variables of this TensorFlow are out of reach. `tftrt "
                "convert` makes such a model one that works here",
                body->nodes[i]->name);
  return status_prefix(st, "%s: function %s", h->node->name, segment.name);
}

static status_t start(hosted_engine_t *h, const hosted_engine_options_t *o) {
  const backend_t *backend = backend_find(o->backend ? o->backend : "cpu");
  if (!backend) return FAIL(NOT_FOUND, "there is no backend '%s'", o->backend);
  TRY(parse_graph(h, o));
  TRY(add_borders(h));
  TRY(graph_name_segments(h->graph));
  TRY(take_variables(h));
  if (o->saved_model_dir) TRY(saved_model_open(o->saved_model_dir, &h->saved));
  h->weights = (weight_source_t){read_weight, h};
  h->services = (exec_services_t){.self = h,
                                  .resources = resources_create(),
                                  .threads = cpu_threads(o->threads),
                                  .prepare_body = prepare_body,
                                  .run_engine = run_engine};
  h->engines = engines_create(backend, &h->weights, h->services.resources, h->services.threads);
  engines_set_policy(h->engines, o->on_fallback);
  engines_set_old_native(h->engines);
  engines_set_calibrating(h->engines);
  if (o->engine_cache_dir)
    h->build_cache = build_cache_open(o->engine_cache_dir, env_number("TFTRT_CACHE_SIZE"));
  engines_set_build_cache(h->engines, h->build_cache);
  engines_add_library(h->engines, h->library);
  TRY(executable_create(h->graph, &h->services, &h->executable));
  return o->engine_file ? engines_load(h->engines, h->node, o->engine_file) : NULL;
}

status_t hosted_engine_create(const hosted_engine_options_t *o, hosted_engine_t **out) {
  *out = NULL;
  hosted_engine_t *h = mem_calloc(1, sizeof *h);
  h->arena = arena_create();
  h->library = library_create(h->arena);
  h->graph = graph_create(h->arena, h->library);
  h->inside = map_create();
  status_t st = start(h, o);
  if (st)
    hosted_engine_destroy(h);
  else
    *out = h;
  return st;
}

void hosted_engine_destroy(hosted_engine_t *h) {
  if (!h) return;
  executable_destroy(h->executable);
  engines_destroy(h->engines);
  build_cache_close(h->build_cache);
  resources_destroy(h->services.resources);
  graph_destroy(h->graph);
  library_destroy(h->library);
  map_destroy(h->inside);
  saved_model_close(h->saved);
  arena_destroy(h->arena);
  mem_free(h);
}

const char *hosted_engine_name(const hosted_engine_t *h) { return h->node->name; }

int hosted_engine_n_variables(const hosted_engine_t *h) { return h->n_variables; }

bool hosted_engine_is_overwritten(const hosted_engine_t *h, int i) { return h->overwritten[i]; }

const signature_t *hosted_engine_signature(const hosted_engine_t *h) { return &h->signature; }

status_t hosted_engine_run(hosted_engine_t *h, const tensor_t *in, tensor_t *out) {
  return executable_run(h->executable, in, out);
}

engines_t *hosted_engine_engines(hosted_engine_t *h) { return h->engines; }

status_t hosted_engine_save(hosted_engine_t *h, const char *path) {
  return engines_save(h->engines, h->node, path);
}

status_t hosted_engine_calibration(hosted_engine_t *h, char **table) {
  return engines_calibration(h->engines, h->node, table);
}

void hosted_engine_forget(hosted_engine_t *h) { engines_forget(h->engines, h->node); }
