#include "runtime/segment_build.h"

#include <stdio.h>
#include <string.h>

#include "base/environment.h"
#include "engine/turns.h"
#include "graph/passes.h"
#include "network/ranges.h"
#include "ops/op.h"

// What became of the outputs of a node: the tensors of the network by node id and port.
typedef struct lowering {
  graph_t *body;
  network_t *net;
  net_tensor_t ***made;  // [n_nodes][n_out]
} lowering_t;

// A Const, or a variable that counts as one.
static status_t lower_const(lowering_t *l, const node_t *n) {
  const tensor_t *value = !tensor_empty(&n->pinned)             ? &n->pinned
                          : n->out_value && n->out_value[0].buf ? &n->out_value[0]
                                                                : NULL;
  if (!value) TRY(status_prefix(attr_tensor(node_attr(n, "value"), &value), "Const '%s'", n->name));
  const char *key = node_string(n, "_tftrt_weight");
  l->made[n->id][0] = network_add_constant(l->net, n->name, value, *key ? key : NULL);
  return NULL;
}

static status_t lower_node(lowering_t *l, const node_t *n) {
  if (!n->def || !n->def->lower)
    return FAIL(UNIMPLEMENTED, "node '%s': no layer for op %s", n->name, n->op);
  lower_ctx_t c = {.graph = l->body, .node = n, .net = l->net, .n_in = n->n_in, .n_out = n->n_out};
  size_t max = sizeof c.in / sizeof *c.in;
  if ((size_t)n->n_in > max || (size_t)n->n_out > max)
    return FAIL(UNIMPLEMENTED, "node '%s': more than %zu inputs or outputs", n->name, max);
  char reason[512] = "";
  if (n->def->accept && !n->def->accept(&c, reason, sizeof reason))
    return FAIL(UNIMPLEMENTED, "node '%s' (%s): %s", n->name, n->op, reason);
  for (int i = 0; i < n->n_in; i++) c.in[i] = l->made[n->in[i].src->id][n->in[i].port];
  l->net->tf_node = n->name;
  TRY(status_prefix(n->def->lower(&c), "node '%s' (%s)", n->name, n->op));
  char name[512];
  for (int i = 0; i < n->n_out; i++) {
    l->made[n->id][i] = c.out[i];
    snprintf(name, sizeof name, i ? "%s:%d" : "%s", n->name, i);
    if (c.out[i]) network_name_tensor(l->net, c.out[i], name);
  }
  return NULL;
}

static status_t lower_all(lowering_t *l, node_t *const *order) {
  graph_t *body = l->body;
  char name[64];
  for (int i = 0; i < body->n_args; i++) {
    node_t *arg = body->args[i];
    snprintf(name, sizeof name, "TensorRTInputPH_%d", i);
    dtype_t dtype = arg->out_dtype[0];
    bool handle = dtype == DT_RESOURCE;  // nothing reads it: a place among the inputs
    l->made[arg->id][0] = network_add_input(l->net, name, handle ? DT_UINT8 : dtype,
                                            handle ? &SHAPE_SCALAR : &arg->out_shape[0]);
    network_name_tensor(l->net, l->made[arg->id][0], name);
  }
  for (int i = 0; i < body->n_nodes; i++) {
    const node_t *n = order[i];
    if (!n || n->dead || strcmp(n->op, "_Arg") == 0) continue;
    bool constant = strcmp(n->op, "Const") == 0 || !tensor_empty(&n->pinned);
    TRY(constant ? lower_const(l, n) : lower_node(l, n));
  }
  for (int i = 0; i < body->n_rets; i++) {
    net_tensor_t *t = l->made[body->rets[i].src->id][body->rets[i].port];
    // An output must be a layer's own and not be marked twice.
    bool taken = !t->producer;
    for (int k = 0; k < l->net->n_outputs; k++) taken |= l->net->outputs[k] == t;
    if (taken) t = net_layer1(l->net, LAYER_IDENTITY, 1, &t, t->dtype, NULL);
    network_mark_output(l->net, t);
  }
  return network_infer(l->net);
}

// Shape inference over a segment alone sees less than over the whole graph that it was cut from:
// what was known there is put back.
static status_t infer_with_known(graph_t *body) {
  VEC(shape_t) known = {0};
  for (int i = 0; i < body->n_nodes; i++)
    for (int k = 0; k < body->nodes[i]->n_out; k++) vec_push(&known, body->nodes[i]->out_shape[k]);
  status_t st = graph_infer_shapes(body);
  size_t at = 0;
  for (int i = 0; i < body->n_nodes && !st; i++)
    for (int k = 0; k < body->nodes[i]->n_out && at < known.n; k++, at++) {
      shape_t *s = &body->nodes[i]->out_shape[k];
      for (int d = 0; d < known.v[at].rank; d++)  // symbols of another graph mean nothing here
        if (known.v[at].d[d] < 0) known.v[at].d[d] = -1;
      shape_merge(s, &known.v[at], s);
    }
  vec_free(&known);
  return st;
}

segment_precision_t segment_precision_of(const node_t *engine) {
  segment_precision_t p = {.int8 = node_string_is(engine, "precision_mode", "INT8"),
                           .explicit_ranges = node_bool(engine, "use_explicit_precision", false)};
  if (node_string_is(engine, "precision_mode", "FP16"))
    p.half = node_string_is(engine, ATTR_PRECISION, "BF16") ? HALF_BFLOAT16 : HALF_FASTER;
  // As TF-TRT, which allows TensorRT FP16 in mode INT8. What the graph itself quantizes comes out
  // as it simulates that, unless a bound on the error was asked for.
  if (p.int8 && (!p.explicit_ranges || node_string_is(engine, ATTR_PRECISION, "AUTO")))
    p.half = HALF_FASTER;
  p.keep_fp32 = node_strings(engine, ATTR_KEEP_FP32);
  p.keep_16bit = node_strings(engine, ATTR_KEEP_16BIT);
  const attr_value_t *table = node_attr(engine, "calibration_data");
  if (p.int8 && table && table->kind == ATTR_STRING && table->s.n) {
    p.table = table->s.p;
    p.table_size = table->s.n;
  }
  return p;
}

static void keep_all(network_t *net, const attr_value_t *names, dtype_t at_least) {
  for (size_t i = 0; names && i < names->n_list; i++)
    network_keep(net, names->list[i].s.p, at_least);
}

static status_t set_ranges(network_t *net, const segment_precision_t *p) {
  ranges_t *ranges = NULL;
  if (p->table) {
    TRY(ranges_parse(p->table, p->table_size, "calibration_data", &ranges));
    network_apply_ranges(net, ranges);
    ranges_destroy(ranges);
  }
  // As TF-TRT does; calibration knows better how far values go.
  for (int i = 0; i < net->n_layers && net->implicit_ranges; i++) {
    const layer_t *l = net->layers[i];
    bool relu6 = l->type == LAYER_UNARY && l->p.unary.op == UNARY_RELU6;
    if (relu6 && !(l->out[0]->scale > 0)) l->out[0]->scale = 6 / 127.0f;
  }
  return net->implicit_ranges ? network_check_ranges(net) : NULL;
}

graph_t *segment_copy(const graph_t *body, const node_t *engine, const shape_t *at_hand,
                      arena_t *arena) {
  graph_t *copy = graph_clone(body, arena);
  const attr_value_t *told = node_shapes(engine, "input_shapes");
  bool all = told && (int)told->n_list == copy->n_args;
  for (int i = 0; i < copy->n_args; i++) {
    shape_t *shape = &copy->args[i]->out_shape[0];
    *shape = all ? told->list[i].shape : SHAPE_UNKNOWN;
    if (shape->rank >= 0) continue;
    *shape = at_hand[i];
    if (shape->rank > 0) shape->d[0] = -1;
  }
  return copy;
}

status_t segment_lower(graph_t *body, const char *engine_name, const segment_precision_t *precision,
                       network_t **out) {
  *out = NULL;
  TRY(infer_with_known(body));
  node_t **order;
  TRY(graph_topological_order(body, &order));
  lowering_t l = {.body = body, .net = network_create(engine_name)};
  l.net->int8 = precision && precision->int8;
  l.net->half = precision ? precision->half : HALF_NONE;
  l.net->implicit_ranges = l.net->int8 && !precision->explicit_ranges;
  if (precision) {
    keep_all(l.net, precision->keep_fp32, DT_FLOAT);
    keep_all(l.net, precision->keep_16bit, DT_HALF);
  }
  arena_t *scratch = arena_create();
  l.made = arena_alloc(scratch, ((size_t)body->n_nodes + 1) * sizeof *l.made);
  for (int i = 0; i < body->n_nodes; i++) {
    int n_out = body->nodes[i]->n_out > 0 ? body->nodes[i]->n_out : 1;
    l.made[i] = arena_alloc(scratch, (size_t)n_out * sizeof **l.made);
  }
  status_t st = lower_all(&l, order);
  if (!st && precision) st = set_ranges(l.net, precision);
  arena_destroy(scratch);
  mem_free(order);
  if (st) {
    network_destroy(l.net);
    return status_prefix(st, "%s", engine_name);
  }
  *out = l.net;
  return NULL;
}

static status_t read_weight(void *self, const char *key, tensor_t *out) {
  const network_t *n = self;
  for (int i = 0; i < n->n_tensors; i++) {
    const net_tensor_t *t = n->tensors[i];
    if (!t->is_const || !t->weight_key || strcmp(t->weight_key, key) != 0) continue;
    *out = tensor_ref(&t->value);
    return NULL;
  }
  return FAIL(NOT_FOUND, "there is no weight '%s'", key);
}

weight_source_t lowered_weights(const network_t *n) {
  return (weight_source_t){read_weight, (void *)(uintptr_t)n};
}

static status_t build_in_turn(void *backend, const network_t *n, const build_options_t *o,
                              bytes_t *plan) {
  return turns_build(backend, n, o, plan);
}

status_t segment_build(graph_t *body, const char *engine_name, const segment_precision_t *precision,
                       const backend_t *backend, const build_options_t *o, build_cache_t *cache,
                       bytes_t *out) {
  network_t *net;
  *out = (bytes_t){0};
  if (env_flag("TF_TRT_ABORT_CUDA_ENGINE_BUILD"))
    return FAIL(ABORTED, "Engine creation aborted by TF_TRT_ABORT_CUDA_ENGINE_BUILD variable");
  TRY(segment_lower(body, engine_name, precision, &net));
  net->name = "TRTEngineOp";  // engines' numbers differ from model to model
  status_t st = build_cache_provide(
      cache, net, o, backend, (plan_builder_t){build_in_turn, (void *)(uintptr_t)backend}, out);
  network_destroy(net);
  return status_prefix(st, "%s", engine_name);
}
