// From segments to TRTEngineOp nodes, with ports, attributes and native segment functions as
// TF-TRT writes them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/state.h"
#include "graph/passes.h"
#include "ops/op.h"
#include "runtime/segment_build.h"

// One input or output of a segment: the output of a node that crosses its border.
typedef struct port {
  node_t *node;
  int index;
} port_t;

// A segment and its border, as the graph was before any segment was replaced (but in_now).
typedef struct border {
  node_t **nodes;  // in TensorFlow's order
  int n_nodes;
  int64_t max_batch;
  VEC(port_t) in, out;
  VEC(port_t) in_now;        // in, where other segments have become engines
  VEC(node_t *) consts;      // constants, and variables that count as such, from outside: copied
  VEC(node_t *) variables;   // those inside, copied or not: their values are the last inputs
  VEC(node_t *) control_in;  // outside nodes that must run before
  node_t *engine;            // what it became; NULL while it has not
} border_t;

typedef VEC(border_t) borders_t;

static bool is_const(const node_t *n) { return strcmp(n->op, "Const") == 0; }

static bool is_identity(const node_t *n) { return strcmp(n->op, "Identity") == 0; }

static bool is_variable(const node_t *n) { return !tensor_empty(&n->pinned); }

// The Identity behind a VariableV2, which stays where it is, as in TF-TRT.
static bool reads_reference(const node_t *n) {
  return is_identity(n) && n->n_in && is_variable(n->in[0].src) && !n->in[0].src->n_in;
}

// Engines have it as a weight, each its own copy. The node itself stays outside too.
static bool is_variable_weight(const node_t *n) { return is_variable(n) || reads_reference(n); }

static void add_port(border_t *b, bool output, node_t *n, int index) {
  port_t p = {n, index};
  size_t count = output ? b->out.n : b->in.n;
  port_t *list = output ? b->out.v : b->in.v;
  for (size_t i = 0; i < count; i++)
    if (list[i].node == n && list[i].index == index) return;
  if (output)
    vec_push(&b->out, p);
  else
    vec_push(&b->in, p);
}

#define add_once(list, item)                                   \
  do {                                                         \
    size_t at_ = 0;                                            \
    while (at_ < (list)->n && (list)->v[at_] != (item)) at_++; \
    if (at_ == (list)->n) vec_push(list, item);                \
  } while (0)

// Nothing assigns it, so that it may be read at any time.
static void wait_for_nothing(node_t *n) {
  while (n->n_control) node_remove_control(n, n->control[n->n_control - 1]);
}

static void add_variable(border_t *b, node_t *n) {
  for (int i = 0; i < n->n_in; i++) add_port(b, false, n->in[i].src, n->in[i].port);
  add_once(&b->variables, n);
}

// A constant from outside, with what it reads.
static void copy_weight(border_t *b, node_t *n) {
  if (reads_reference(n)) copy_weight(b, n->in[0].src);
  add_once(&b->consts, n);
  if (is_variable(n)) add_variable(b, n);
}

// Ports that several readers of one node make, in the order of TensorFlow's edges.
typedef struct placed {
  int position, port;
} placed_t;

static int by_position(const void *a, const void *b) {
  return ((const placed_t *)a)->position - ((const placed_t *)b)->position;
}

static void find_outputs(const graph_t *g, const bool *member, const readers_t *readers,
                         const int *position, node_t *n, border_t *b) {
  VEC(placed_t) out = {0};
  for (int r = readers->begin[n->id]; r < readers->begin[n->id + 1]; r++) {
    const reader_t *reader = &readers->list[r];
    if (reader->input < 0 || member[reader->node->id]) continue;
    placed_t p = {position[reader->node->id], reader->node->in[reader->input].port};
    vec_push(&out, p);
  }
  if (out.n) qsort(out.v, out.n, sizeof *out.v, by_position);
  for (size_t i = 0; i < out.n; i++) add_port(b, true, n, out.v[i].port);
  vec_free(&out);
  for (int r = 0; r < g->n_rets; r++)
    if (g->rets[r].src == n) add_port(b, true, n, g->rets[r].port);
}

// member[id] is true for the segment's nodes.
static void find_border(const graph_t *g, const bool *member, const readers_t *readers,
                        const int *position, border_t *b) {
  for (int i = 0; i < b->n_nodes; i++) {
    node_t *n = b->nodes[i];
    if (is_variable(n)) {
      add_variable(b, n);
      continue;
    }
    for (int k = 0; k < n->n_in; k++) {
      node_t *src = n->in[k].src;
      if (member[src->id]) continue;
      if (is_const(src) || is_variable_weight(src))
        copy_weight(b, src);
      else
        add_port(b, false, src, n->in[k].port);
    }
    for (int k = 0; k < n->n_control; k++)
      if (!member[n->control[k]->id] && !is_const(n->control[k]))
        add_once(&b->control_in, n->control[k]);
    if (!is_variable_weight(n)) find_outputs(g, member, readers, position, n, b);
  }
}

static status_t find_borders(graph_t *g, const segmentation_t *s, borders_t *out) {
  node_t **order;
  TRY(graph_tf_order(g, &order));
  readers_t readers = graph_readers(g);
  int *position = mem_calloc((size_t)g->n_nodes + 1, sizeof *position);
  bool *member = mem_calloc((size_t)g->n_nodes + 1, sizeof *member);
  for (int i = 0; i < g->n_nodes; i++) position[order[i]->id] = i;
  for (int k = 0; k < s->n_segments; k++) {
    const segment_t *from = &s->segments[k];
    border_t b = {.n_nodes = 0, .max_batch = from->max_batch};
    b.nodes = arena_alloc(g->arena, ((size_t)from->n_nodes + 1) * sizeof *b.nodes);
    for (int i = 0; i < from->n_nodes; i++) member[from->nodes[i]->id] = true;
    for (int i = 0; i < g->n_nodes; i++)
      if (member[order[i]->id]) b.nodes[b.n_nodes++] = order[i];
    find_border(g, member, &readers, position, &b);
    for (int i = 0; i < from->n_nodes; i++) member[from->nodes[i]->id] = false;
    vec_push(out, b);
  }
  readers_free(&readers);
  mem_free(position);
  mem_free(member);
  mem_free(order);
  return NULL;
}

// Where port p comes from now, that other segments may have become engines.
static port_t port_now(const borders_t *all, port_t p) {
  for (size_t k = 0; p.node->dead && k < all->n; k++) {
    const border_t *b = &all->v[k];
    for (size_t i = 0; b->engine && i < b->out.n; i++)
      if (b->out.v[i].node == p.node && b->out.v[i].index == p.index)
        return (port_t){b->engine, (int)i};
  }
  return p;
}

// The node that runs where n did.
static node_t *node_now(const borders_t *all, node_t *n) {
  for (size_t k = 0; n->dead && k < all->n; k++) {
    const border_t *b = &all->v[k];
    for (int i = 0; b->engine && i < b->n_nodes; i++)
      if (b->nodes[i] == n) return b->engine;
  }
  return n;
}

// What TF-TRT's shape inference knows of outputs, by node id: attributes tell it. Empty: the shapes
// of the graph, which know more in op set "tf-trt".
typedef VEC(shape_t *) told_t;

static shape_t told_shape(const told_t *told, const port_t *p) {
  bool kept = (size_t)p->node->id < told->n;
  shape_t s = kept ? told->v[p->node->id][p->index] : p->node->out_shape[p->index];
  for (int i = 0; i < s.rank; i++)
    if (s.d[i] < 0) s.d[i] = -1;
  return s;
}

static shape_t plain_shape(const port_t *p) {
  shape_t s = p->node->out_shape[p->index];
  for (int i = 0; i < s.rank; i++)
    if (s.d[i] < 0) s.d[i] = -1;
  return s;
}

static void copy_attrs(graph_t *to, node_t *n, const node_t *from) {
  for (const attr_t *a = from->attrs; a; a = a->next) {
    attr_value_t *v = node_set_attr(to, n, a->name);
    *v = *a->value;
    v->more_owners = 0;  // the copy is this node's alone
    if (v->kind == ATTR_TENSOR) v->tensor = tensor_ref(&a->value->tensor);
  }
}

static node_t *copy_node(graph_t *to, const node_t *from) {
  node_t *n = graph_add_node(to, from->op, from->name);
  n->def = from->def;
  n->pinned = tensor_ref(&from->pinned);
  copy_attrs(to, n, from);
  node_set_outputs(to, n, from->n_out);
  for (int i = 0; i < from->n_out; i++) {
    n->out_dtype[i] = from->out_dtype[i];
    n->out_shape[i] = from->out_shape[i];
  }
  return n;
}

static node_t *copy_member(graph_t *body, const node_t *from) {
  node_t *n = copy_node(body, from);
  // The variable stays the one outside, whatever names the function's nodes get.
  if (is_variable(from) && !from->n_in && !*node_string(from, "shared_name"))
    node_set_string(body, n, "shared_name", from->name, strlen(from->name));
  return n;
}

static bool is_left_out(const node_t *n) { return is_identity(n) && !reads_reference(n); }

// What a reader of `in` reads in the native segment, where there are no Identity nodes.
static input_t inner_source(const border_t *b, node_t *const *copies, graph_t *body, input_t in) {
  while (copies[in.src->id] && is_left_out(in.src)) in = in.src->in[0];
  if (copies[in.src->id]) return (input_t){copies[in.src->id], in.port};
  for (size_t i = 0; i < b->in.n; i++)
    if (b->in_now.v[i].node == in.src && b->in_now.v[i].index == in.port)
      return (input_t){body->args[i], 0};
  return in;
}

static int n_inputs(const border_t *b) { return (int)(b->in.n + b->variables.n); }

static void add_argument(function_t *f, int i, dtype_t dtype, const shape_t *shape) {
  graph_t *body = f->body;
  const char *name = arena_printf(body->arena, "tensorrtinputph_%d", i);
  node_t *arg = graph_add_node(body, "_Arg", name);
  f->args[i] = (arg_def_t){name, dtype};
  node_set_type(body, arg, "T", dtype);
  node_set_int(body, arg, "index", i);
  node_set_outputs(body, arg, 1);
  arg->out_dtype[0] = dtype;
  arg->out_shape[0] = *shape;
  body->args[i] = arg;
  body->arg_names[i] = name;
}

static void add_arguments(function_t *f, const border_t *b) {
  graph_t *body = f->body;
  int n_in = n_inputs(b);
  f->n_args = body->n_args = n_in;
  f->args = arena_alloc(body->arena, (size_t)n_in * sizeof *f->args);
  body->args = arena_alloc(body->arena, (size_t)n_in * sizeof *body->args);
  body->arg_names = arena_alloc(body->arena, (size_t)n_in * sizeof *body->arg_names);
  for (size_t i = 0; i < b->in.n; i++) {
    const port_t *p = &b->in.v[i];
    shape_t shape = plain_shape(p);
    add_argument(f, (int)i, p->node->out_dtype[p->index], &shape);
  }
  for (size_t i = 0; i < b->variables.n; i++) {
    const tensor_t *value = &b->variables.v[i]->pinned;
    add_argument(f, (int)(b->in.n + i), value->dtype, &value->shape);
  }
}

static void copy_edges(const border_t *b, node_t *const *copies, graph_t *body,
                       const node_t *from) {
  node_t *n = copies[from->id];
  if (is_left_out(from)) return;
  for (int k = 0; k < from->n_in; k++) {
    input_t in = inner_source(b, copies, body, from->in[k]);
    node_add_input(body, n, in.src, in.port);
  }
  for (int k = 0; k < from->n_control; k++)
    if (copies[from->control[k]->id] && !is_left_out(from->control[k]))
      node_add_control(body, n, copies[from->control[k]->id]);
}

// The native segment: arguments tensorrtinputph_<i>, copied constants, the nodes, results
// tensorrtoutputph_<i>.
static void fill_function(function_t *f, const border_t *b, node_t **copies) {
  graph_t *body = f->body;
  arena_t *arena = body->arena;
  int n_out = (int)b->out.n;
  f->n_rets = body->n_rets = n_out;
  f->rets = arena_alloc(arena, (size_t)n_out * sizeof *f->rets);
  body->rets = arena_alloc(arena, (size_t)n_out * sizeof *body->rets);
  body->ret_names = arena_alloc(arena, (size_t)n_out * sizeof *body->ret_names);
  add_arguments(f, b);
  for (size_t i = 0; i < b->consts.n; i++)
    copies[b->consts.v[i]->id] = copy_member(body, b->consts.v[i]);
  for (int i = 0; i < b->n_nodes; i++) copies[b->nodes[i]->id] = copy_member(body, b->nodes[i]);
  for (size_t i = 0; i < b->consts.n; i++) copy_edges(b, copies, body, b->consts.v[i]);
  for (int i = 0; i < b->n_nodes; i++) copy_edges(b, copies, body, b->nodes[i]);
  for (int i = 0; i < n_out; i++) {
    const port_t *p = &b->out.v[i];
    const char *name = arena_printf(arena, "tensorrtoutputph_%d", i);
    f->rets[i] = (arg_def_t){name, p->node->out_dtype[p->index]};
    body->rets[i] = inner_source(b, copies, body, (input_t){p->node, p->index});
    body->ret_names[i] = name;
  }
  for (int i = 0; i < b->n_nodes; i++)
    if (is_left_out(b->nodes[i])) graph_remove_node(body, copies[b->nodes[i]->id]);
  graph_compact(body);
}

static bool has_op(const graph_t *g, const char *const *ops, int n) {
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; k < n && !g->nodes[i]->dead; k++)
      if (strcmp(g->nodes[i]->op, ops[k]) == 0) return true;
  return false;
}

// TF-TRT's four first.
static const char *const quantize_ops[] = {"QuantizeAndDequantizeV2",
                                           "QuantizeAndDequantizeV3",
                                           "FakeQuantWithMinMaxVars",
                                           "FakeQuantWithMinMaxArgs",
                                           "QuantizeAndDequantizeV4",
                                           "FakeQuantWithMinMaxVarsPerChannel",
                                           "QuantizeV2",
                                           "Dequantize"};

static bool is_int8(const part_t *p) { return strcmp(p->precision_mode, "INT8") == 0; }

bool uses_explicit_precision(const converter_t *c, const part_t *p) {
  return c->o.op_set == OP_SET_TF_TRT ? has_op(p->graph, quantize_ops, 1)
                                      : is_int8(p) && has_op(p->graph, quantize_ops, 8);
}

// What becomes of the precision mode. INT8 with no ranges in sight is FP16 in TF-TRT.
typedef struct precision {
  const char *mode;
  bool calibrate, explicit_ranges;
} precision_t;

static precision_t decide_precision(const converter_t *c, const part_t *part) {
  precision_t p = {.mode = part->precision_mode,
                   .explicit_ranges = uses_explicit_precision(c, part)};
  if (p.explicit_ranges) p.mode = "INT8";
  p.calibrate = is_int8(part) && part->use_calibration && !p.explicit_ranges;
  if (is_int8(part) && !part->use_calibration && !has_op(part->graph, quantize_ops, 4) &&
      !p.explicit_ranges)
    p.mode = "FP16";
  return p;
}

static void set_variables(graph_t *g, node_t *n, const border_t *b) {
  const char **names = arena_alloc(g->arena, b->variables.n * sizeof *names);
  for (size_t i = 0; i < b->variables.n; i++) names[i] = b->variables.v[i]->name;
  node_set_strings(g, n, ATTR_VARIABLES, names, (int)b->variables.n);
}

static void set_attributes(const converter_t *c, const part_t *part, const precision_t *p,
                           node_t *n, const function_t *f, const border_t *b, const told_t *told) {
  graph_t *g = part->graph;
  int n_in = n_inputs(b), n_out = (int)b->out.n;
  dtype_t *types = arena_alloc(g->arena, (size_t)(n_in + n_out) * sizeof *types);
  shape_t *shapes = arena_alloc(g->arena, (size_t)(n_in + n_out) * sizeof *shapes);
  for (int i = 0; i < n_in; i++) {
    types[i] = f->args[i].dtype;
    shapes[i] = f->body->args[i]->out_shape[0];
    if ((size_t)i < b->in.n) shapes[i] = told_shape(told, &b->in.v[i]);
    if (types[i] == DT_RESOURCE) shapes[i] = SHAPE_UNKNOWN;  // TF-TRT knows none of a handle
  }
  for (int i = 0; i < n_out; i++) {
    types[n_in + i] = f->rets[i].dtype;
    shapes[n_in + i] = told_shape(told, &b->out.v[i]);
  }
  node_set_types(g, n, "InT", types, n_in);
  node_set_types(g, n, "OutT", types + n_in, n_out);
  node_set_shapes(g, n, "input_shapes", shapes, n_in);
  node_set_shapes(g, n, "output_shapes", shapes + n_in, n_out);
  node_set_shapes(g, n, "_output_shapes", shapes + n_in, n_out);
  node_set_bool(g, n, "static_engine", false);
  node_set_string(g, n, "serialized_segment", "", 0);
  node_set_func(g, n, "segment_func", f->name);
  node_set_string(g, n, "segment_funcdef_name", "", 0);
  node_set_string(g, n, "precision_mode", p->mode, strlen(p->mode));
  node_set_bool(g, n, "use_calibration", p->calibrate);
  node_set_string(g, n, "calibration_data", "", 0);
  node_set_int(g, n, "max_batch_size", b->max_batch >= 0 ? b->max_batch : part->max_batch);
  node_set_int(g, n, "max_cached_engines_count", part->maximum_cached_engines);
  node_set_int(g, n, "workspace_size_bytes", part->max_workspace_bytes);
  node_set_ints(g, n, "cached_engine_batches", NULL, 0);
  node_set_bool(g, n, "fixed_input_size", true);
  node_set_string(g, n, "profile_strategy", part->strategy, strlen(part->strategy));
  node_set_bool(g, n, "use_explicit_precision", p->explicit_ranges);
  node_set_bool(g, n, "_use_implicit_batch", !part->dynamic_shape);
  node_set_bool(g, n, "_allow_build_at_runtime", part->allow_build_at_runtime);
  if (b->variables.n) set_variables(g, n, b);
  if (part->function) return;  // it knows TF-TRT's modes alone
  if (c->bf16) node_set_string(g, n, ATTR_PRECISION, "BF16", 4);
  if (c->automatic) node_set_string(g, n, ATTR_PRECISION, "AUTO", 4);
}

static void free_border(border_t *b) {
  vec_free(&b->in);
  vec_free(&b->in_now);
  vec_free(&b->out);
  vec_free(&b->consts);
  vec_free(&b->variables);
  vec_free(&b->control_in);
}

// Of a GraphDef, whose devices count: that of its nodes, which is a GPU.
static const char *segment_device(const converter_t *c, const border_t *b) {
  for (int i = 0; c->o.graph_def && i < b->n_nodes; i++)
    if (b->nodes[i]->device && *b->nodes[i]->device) return b->nodes[i]->device;
  return "";
}

static status_t replace_segment(converter_t *c, const part_t *part, const precision_t *precision,
                                int index, borders_t *all, const told_t *told) {
  graph_t *g = part->graph;
  border_t *b = &all->v[index];
  // TF-TRT: "Segment has no inputs (possible constfold failure)"
  if (!b->in.n || !b->out.n) return NULL;
  char name[64], function[96];
  snprintf(name, sizeof name, "TRTEngineOp_%03d_%03d", part->number, index);
  snprintf(function, sizeof function, "%s_native_segment", name);
  function_t *f = library_add(c->library, function);
  for (size_t i = 0; i < b->in.n; i++) {
    port_t now = port_now(all, b->in.v[i]);
    vec_push(&b->in_now, now);
  }
  node_t **copies = mem_calloc((size_t)g->n_nodes + 1, sizeof *copies);
  fill_function(f, b, copies);
  mem_free(copies);

  node_t *n = graph_add_node(g, "TRTEngineOp", name);
  n->def = op_find("TRTEngineOp");
  n->device = segment_device(c, b);
  for (size_t i = 0; i < b->in_now.n; i++)
    node_add_input(g, n, b->in_now.v[i].node, b->in_now.v[i].index);
  for (size_t i = 0; i < b->variables.n; i++) {
    wait_for_nothing(b->variables.v[i]);
    node_add_input(g, n, b->variables.v[i], 0);
  }
  for (size_t i = 0; i < b->control_in.n; i++)
    node_add_control(g, n, node_now(all, b->control_in.v[i]));
  set_attributes(c, part, precision, n, f, b, told);
  node_set_outputs(g, n, (int)b->out.n);
  for (size_t i = 0; i < b->out.n; i++) {
    n->out_dtype[i] = f->rets[i].dtype;
    n->out_shape[i] = b->out.v[i].node->out_shape[b->out.v[i].index];
    graph_redirect(g, b->out.v[i].node, b->out.v[i].index, n, (int)i);
  }
  // Readers inside the segment now read the engine too, which is of no matter: they go.
  for (int i = 0; i < b->n_nodes; i++)
    if (!is_variable_weight(b->nodes[i]))
      graph_redirect_control(g, b->nodes[i], is_const(b->nodes[i]) ? NULL : n);
  for (int i = b->n_nodes - 1; i >= 0; i--)
    if (!is_variable_weight(b->nodes[i])) graph_remove_node(g, b->nodes[i]);
  b->engine = n;
  engine_node_t record = {.node = n, .part = part, .function = f, .n_inputs = n_inputs(b)};
  vec_push(&c->engines, record);
  return NULL;
}

static void tell_shapes(const graph_t *g, told_t *told) {
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    size_t count = n->n_out > 0 ? (size_t)n->n_out : 0;
    shape_t *shapes = arena_alloc(g->arena, (count + 1) * sizeof *shapes);
    if (count) memcpy(shapes, n->out_shape, count * sizeof *shapes);
    vec_push(told, shapes);
  }
}

// TensorFlow's importer marks every node that another one waits for.
static void mark_awaited(graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; !g->nodes[i]->dead && k < g->nodes[i]->n_control; k++)
      if (strcmp(g->nodes[i]->control[k]->op, "TRTEngineOp") == 0)
        node_set_bool(g, g->nodes[i]->control[k], "_has_manual_control_dependencies", true);
}

status_t make_engine_nodes(converter_t *c, const part_t *p) {
  told_t told = {0};
  borders_t borders = {0};
  precision_t precision = decide_precision(c, p);  // before nodes go into functions
  if (strcmp(precision.mode, p->precision_mode) != 0 && strcmp(precision.mode, "INT8") == 0 &&
      p->segmentation->n_segments)
    converter_warn(c, "Using explicit QDQ mode: the engines' precision is INT8");
  status_t st = find_borders(p->graph, p->segmentation, &borders);
  if (!st && c->o.op_set == OP_SET_TF_TRT) {
    tell_shapes(p->graph, &told);
    st = graph_infer_shapes(p->graph);  // engines want to know all
  }
  for (int i = 0; !st && i < p->segmentation->n_segments; i++)
    st = replace_segment(c, p, &precision, i, &borders, &told);
  vec_free(&told);
  for (size_t i = 0; i < borders.n; i++) free_border(&borders.v[i]);
  vec_free(&borders);
  if (!st) st = graph_prune(p->graph);
  if (!st) mark_awaited(p->graph);
  return st;
}
