// A converted signature: its functions, and how the main graph comes to call them.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "formats/tensor_shape.h"
#include "formats/tf_fields.h"
#include "ops/op.h"
#include "saved_model/writer_internal.h"

// ---------------------------------------------------------------- pieces of NodeDefs

static size_t begin_attr(wire_out_t *w, const char *name, size_t *value) {
  size_t at = wire_begin(w, TF_NODE_DEF_ATTR);
  wire_put_string(w, TF_MAP_KEY, name);
  *value = wire_begin(w, TF_MAP_VALUE);
  return at;
}

#define PUT_ATTR(w, name, write)               \
  do {                                         \
    size_t value_;                             \
    size_t at_ = begin_attr(w, name, &value_); \
    write;                                     \
    wire_end(w, value_);                       \
    wire_end(w, at_);                          \
  } while (0)

void put_type_attr(wire_out_t *w, const char *name, dtype_t t) {
  PUT_ATTR(w, name, wire_put_i64(w, TF_ATTR_VALUE_TYPE, t));
}

void put_string_attr(wire_out_t *w, const char *name, const char *value) {
  PUT_ATTR(w, name, wire_put_string(w, TF_ATTR_VALUE_S, value));
}

void put_int_attr(wire_out_t *w, const char *name, int64_t v) {
  PUT_ATTR(w, name, wire_put_i64(w, TF_ATTR_VALUE_I, v));
}

void put_bool_attr(wire_out_t *w, const char *name, bool v) {
  PUT_ATTR(w, name, wire_put_u64(w, TF_ATTR_VALUE_B, v));
}

static void put_types(wire_out_t *w, const dtype_t *types, int n) {
  size_t list = wire_begin(w, TF_ATTR_VALUE_LIST);
  for (int i = 0; i < n; i++) wire_put_i64(w, TF_ATTR_LIST_TYPE, types[i]);
  wire_end(w, list);
}

static void put_func(wire_out_t *w, const char *function) {
  size_t at = wire_begin(w, TF_ATTR_VALUE_FUNC);
  wire_put_string(w, TF_NAME_ATTR_LIST_NAME, function);
  wire_end(w, at);
}

void put_call(wire_out_t *w, uint32_t field, const char *name, const char *op,
              const char *const *inputs, const dtype_t *in, int n_in, const dtype_t *out, int n_out,
              const char *function) {
  size_t at = wire_begin(w, field);
  wire_put_string(w, TF_NODE_DEF_NAME, name);
  wire_put_string(w, TF_NODE_DEF_OP, op);
  for (int i = 0; i < n_in; i++) wire_put_string(w, TF_NODE_DEF_INPUT, inputs[i]);
  PUT_ATTR(w, "Tin", put_types(w, in, n_in));
  PUT_ATTR(w, "Tout", put_types(w, out, n_out));
  PUT_ATTR(w, "f", put_func(w, function));
  wire_end(w, at);
}

void put_entry(wire_out_t *w, uint32_t field, const char *key, const char *value) {
  size_t at = wire_begin(w, field);
  wire_put_string(w, TF_MAP_KEY, key);
  wire_put_string(w, TF_MAP_VALUE, value);
  wire_end(w, at);
}

// ---------------------------------------------------------------- functions of the converted graph

// One signature being written. Names of functions that had to change: renamed, old -> new.
typedef struct job {
  saved_model_writer_t *w;
  graph_edit_t *e;
  const library_t *library;  // of the converted graph
  map_t *renamed;            // all functions that were looked at; the same name when it stays
  arena_t *arena;
  // Nodes of the main graph whose handles the converted graph uses (variables that are assigned,
  // tables): they become arguments after those of the signature.
  const node_t **captures;
  node_t **captured;  // the nodes that stand for them in the converted graph
  int n_captures;
} job_t;

static status_t take_function(job_t *j, const char *name);

// Functions that attributes name, in nested lists too.
static status_t take_attr(job_t *j, attr_value_t *a, bool *changed) {
  if (a->kind == ATTR_FUNC && a->func.name) {
    TRY(take_function(j, a->func.name));
    const char *now = map_get(j->renamed, a->func.name);
    *changed = now && strcmp(now, a->func.name) != 0;
  }
  for (size_t i = 0; a->kind == ATTR_LIST && a->list_kind == ATTR_FUNC && i < a->n_list; i++)
    if (a->list && a->list[i].func.name) {
      TRY(take_function(j, a->list[i].func.name));
      const char *now = map_get(j->renamed, a->list[i].func.name);
      *changed |= now && strcmp(now, a->list[i].func.name) != 0;
    }
  return NULL;
}

// A copy of the attribute that names the functions anew; the original belongs to the caller.
static void rename_attr(job_t *j, graph_t *g, node_t *n, const char *name,
                        const attr_value_t *old) {
  attr_value_t copy = *old;
  copy.raw = NULL;
  if (copy.kind == ATTR_FUNC) {
    copy.func.name = map_get(j->renamed, copy.func.name);
  } else {
    copy.list = arena_alloc(j->arena, copy.n_list * sizeof *copy.list);
    for (size_t i = 0; i < copy.n_list; i++) {
      copy.list[i] = old->list[i];
      copy.list[i].raw = NULL;
      const char *now = map_get(j->renamed, old->list[i].func.name);
      if (now) copy.list[i].func.name = now;
    }
  }
  attr_value_t *a = node_set_attr(g, n, name);
  copy.more_owners = a->more_owners;
  *a = copy;
}

// A node whose op is the function's name: what its outputs are called is found by that name.
static void call_by_new_name(const job_t *j, node_t *n, const char *name) {
  library_t *l = (library_t *)(uintptr_t)j->library;
  const function_t *f = library_find(l, n->op);
  function_t *signature = arena_alloc(l->arena, sizeof *signature);
  *signature = (function_t){.name = arena_strdup(l->arena, name),
                            .args = f->args,
                            .n_args = f->n_args,
                            .rets = f->rets,
                            .n_rets = f->n_rets};
  if (!library_find(l, name)) map_put(l->functions, signature->name, signature);
  n->op = signature->name;
  n->raw = NULL;
}

static status_t take_functions(job_t *j, graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    if (n->dead) continue;
    if (!n->def && library_find(j->library, n->op)) {
      TRY(take_function(j, n->op));
      const char *now = map_get(j->renamed, n->op);
      if (strcmp(now, n->op) != 0) call_by_new_name(j, n, now);
    }
    for (attr_t *a = n->attrs; a; a = a->next) {
      bool changed = false;
      TRY(take_attr(j, a->value, &changed));
      if (changed) rename_attr(j, g, n, a->name, a->value);
    }
  }
  return NULL;
}

static bool same_bytes(const function_t *a, const function_t *b) {
  return a && b && a->raw && b->raw && a->raw_size == b->raw_size &&
         memcmp(a->raw, b->raw, a->raw_size) == 0;
}

// The shapes of arguments are those of the function before it was changed; they may be left out.
static attr_t *without_input_shapes(job_t *j, const attr_t *attrs) {
  attr_t *kept = NULL, **link = &kept;
  for (; attrs; attrs = attrs->next) {
    if (strcmp(attrs->name, "_input_shapes") == 0) continue;
    *link = arena_alloc(j->arena, sizeof **link);
    **link = (attr_t){.name = attrs->name, .value = attrs->value};
    link = &(*link)->next;
  }
  return kept;
}

// Puts a function of the converted library, and what it calls, into the file. One that the source
// has with the same bytes is there already, with all that it calls.
static status_t take_function(job_t *j, const char *name) {
  if (map_has(j->renamed, name)) return NULL;
  const function_t *f = library_find(j->library, name);
  const function_t *there = library_find(j->e->library, name);
  map_put(j->renamed, name, (void *)(uintptr_t)name);
  if (!f || same_bytes(f, there)) {
    map_put(j->e->called, name, j->e);
    return NULL;
  }
  function_t copy = *f;
  copy.name = edit_name(j->e, 'f', name);
  map_put(j->renamed, name, (void *)(uintptr_t)copy.name);
  graph_t *body;
  TRY(library_body((library_t *)(uintptr_t)j->library, name, &body));
  copy.raw = NULL;
  copy.attrs = without_input_shapes(j, f->attrs);
  copy.body = graph_clone(body, j->arena);
  // What was read may name outputs of nodes that have been replaced.
  for (int i = 0; i < copy.body->n_nodes; i++) copy.body->nodes[i]->raw = NULL;
  status_t st = take_functions(j, copy.body);
  if (!st) st = constants_bound(j->w, copy.body);
  if (!st) st = weights_strip(j->w, copy.body);
  if (!st) st = function_write(&copy, &j->e->new_functions, TF_LIBRARY_FUNCTION);
  graph_destroy(copy.body);
  return status_prefix(st, "function %s", name);
}

// "Input-1" -> "input_1": what a function's argument may be called.
static const char *argument_name(job_t *j, const graph_t *body, map_t *taken, const char *key) {
  char *base = arena_printf(j->arena, "%s%s", isalpha((unsigned char)*key) ? "" : "arg_", key);
  for (char *p = base; *p; p++)
    *p = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '_';
  const char *name = base;
  for (int i = 1; map_has(taken, name) || graph_find(body, name); i++)
    name = arena_printf(j->arena, "%s_%d", base, i);
  map_put(taken, name, base);
  return name;
}

static bool has_effects(const graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    if (n->dead) continue;
    if (!n->def ? strcmp(n->op, "TRTEngineOp") != 0 : (n->def->flags & OP_STATEFUL) != 0)
      return true;
  }
  return g->n_control_rets > 0;
}

static const char *resource_key(const node_t *n) {
  const char *shared = node_string(n, "shared_name");
  return *shared ? shared : n->name;
}

// A resource of the main graph must stay the one of the main graph: a function that named it again
// would, in TensorFlow's loader, mean another one. Of a reference variable that is only read, it is
// the value that is passed.
static const node_t *find_capture(const job_t *j, const node_t *n) {
  if (n->dead || n->n_in || n->n_out != 1 || !n->out_dtype) return NULL;
  if (n->out_dtype[0] != DT_RESOURCE && tensor_empty(&n->pinned)) return NULL;
  const node_t *there = graph_find(j->e->graph, n->name);
  if (there && strcmp(there->op, n->op) == 0) return there;
  for (int i = 0; i < j->e->graph->n_nodes; i++) {  // unwrapping gave it another name
    there = j->e->graph->nodes[i];
    if (!there->dead && strcmp(there->op, n->op) == 0 &&
        strcmp(resource_key(there), resource_key(n)) == 0)
      return there;
  }
  return NULL;
}

static void take_captures(job_t *j, const graph_t *body) {
  j->captures = arena_alloc(j->arena, (size_t)body->n_nodes * sizeof *j->captures);
  j->captured = arena_alloc(j->arena, (size_t)body->n_nodes * sizeof *j->captured);
  for (int i = 0; i < body->n_nodes; i++) {
    const node_t *there = find_capture(j, body->nodes[i]);
    if (!there) continue;
    j->captures[j->n_captures] = there;
    j->captured[j->n_captures++] = body->nodes[i];
  }
}

static void become_argument(node_t *n, arg_def_t *arg, const char *name, dtype_t dtype) {
  *arg = (arg_def_t){name, dtype};
  n->op = "_Arg";
  n->name = name;
}

// The whole converted graph as one function. args and rets of `out` live in the job's arena.
static status_t write_pruned(job_t *j, const graph_t *converted, function_t *out) {
  graph_t *body = graph_clone(converted, j->arena);
  status_t st = constants_to_variables(j->w, j->e, body);
  if (st) {
    graph_destroy(body);
    return st;
  }
  take_captures(j, body);
  *out = (function_t){.name = edit_function_name(j->e, "__inference_pruned"),
                      .n_args = body->n_args + j->n_captures,
                      .n_rets = body->n_rets,
                      .body = body};
  out->args = arena_alloc(j->arena, (size_t)out->n_args * sizeof *out->args);
  out->rets = arena_alloc(j->arena, (size_t)body->n_rets * sizeof *out->rets);
  map_t *taken = map_create();
  // References within a function are written in another way than in a graph.
  for (int i = 0; i < body->n_nodes; i++) body->nodes[i]->raw = NULL;
  for (int i = 0; i < body->n_args; i++) {
    node_t *n = body->args[i];
    const char *name = argument_name(j, body, taken, body->arg_names[i]);
    dtype_t dtype = n->out_dtype ? n->out_dtype[0] : node_type(n, "dtype");
    if (strcmp(n->op, "_Arg") == 0)  // two arguments are one tensor: the first counts
      out->args[i] = (arg_def_t){name, dtype};
    else
      become_argument(n, &out->args[i], name, dtype);
  }
  for (int i = 0; i < j->n_captures; i++) {
    const char *its_name = j->captured[i]->name;
    become_argument(j->captured[i], &out->args[body->n_args + i],
                    argument_name(j, body, taken, its_name), j->captured[i]->out_dtype[0]);
  }
  out->stateful = has_effects(body);
  map_destroy(taken);
  for (int i = 0; i < body->n_rets; i++) {
    const input_t *r = &body->rets[i];
    out->rets[i].name = arena_printf(j->arena, i ? "identity_%d" : "identity", i);
    out->rets[i].dtype =
        r->src->out_dtype && r->port < r->src->n_out ? r->src->out_dtype[r->port] : DT_INVALID;
  }
  st = take_functions(j, body);
  if (!st) st = constants_bound(j->w, body);
  if (!st) st = weights_strip(j->w, body);
  if (!st) st = function_write(out, &j->e->new_functions, TF_LIBRARY_FUNCTION);
  graph_destroy(body);
  out->body = NULL;
  return st;
}

// ---------------------------------------------------------------- wrappers

// Body and results of a wrapper: a call of `pruned`, an Identity for each result.
typedef struct wrapper {
  const char *name;
  arg_def_t *args, *rets;
  int n_args, n_rets;
  const int *arg_of;  // for each argument of pruned: which of ours
  const int *ret_of;  // for each of our results: which of pruned's
  const shape_t *ret_shapes;
} wrapper_t;

static void put_shapes(wire_out_t *w, const shape_t *shapes, int n) {
  size_t list = wire_begin(w, TF_ATTR_VALUE_LIST);
  for (int i = 0; i < n; i++) tensor_shape_write(w, TF_ATTR_LIST_SHAPE, &shapes[i]);
  wire_end(w, list);
}

// TensorFlow takes the shape for the result's, which it cannot infer through a TRTEngineOp.
static void put_identity(wire_out_t *w, const char *name, const char *in, const char *after,
                         dtype_t t, const shape_t *shape) {
  size_t at = wire_begin(w, TF_FUNCTION_NODE_DEF);
  wire_put_string(w, TF_NODE_DEF_NAME, name);
  wire_put_string(w, TF_NODE_DEF_OP, "Identity");
  wire_put_string(w, TF_NODE_DEF_INPUT, in);
  if (after) wire_put_string(w, TF_NODE_DEF_INPUT, after);
  put_type_attr(w, "T", t);
  PUT_ATTR(w, "_output_shapes", put_shapes(w, shape, 1));
  wire_end(w, at);
}

static void put_wrapper_body(wire_out_t *w, arena_t *a, const wrapper_t *x,
                             const function_t *pruned) {
  const char *call = pruned->stateful ? "StatefulPartitionedCall" : "PartitionedCall";
  const char **inputs = arena_alloc(a, (size_t)pruned->n_args * sizeof *inputs);
  dtype_t *in = arena_alloc(a, (size_t)pruned->n_args * sizeof *in);
  dtype_t *out = arena_alloc(a, (size_t)pruned->n_rets * sizeof *out);
  for (int i = 0; i < pruned->n_args; i++) {
    inputs[i] = x->args[x->arg_of[i]].name;
    in[i] = pruned->args[i].dtype;
  }
  for (int i = 0; i < pruned->n_rets; i++) out[i] = pruned->rets[i].dtype;
  put_call(w, TF_FUNCTION_NODE_DEF, call, call, inputs, in, pruned->n_args, out, pruned->n_rets,
           pruned->name);
  const char *after = pruned->stateful ? arena_printf(a, "^%s", call) : NULL;
  for (int i = 0; i < x->n_rets; i++) {
    const char *name = arena_printf(a, i ? "Identity_%d" : "Identity", i);
    put_identity(w, name, arena_printf(a, "%s:output:%d", call, x->ret_of[i]), after,
                 x->rets[i].dtype, &x->ret_shapes[i]);
    put_entry(w, TF_FUNCTION_RET, x->rets[i].name, arena_printf(a, "%s:output:0", name));
  }
  if (pruned->stateful) put_entry(w, TF_FUNCTION_CONTROL_RET, call, call);
}

static void put_arg(wire_out_t *w, uint32_t field, const arg_def_t *arg) {
  size_t at = wire_begin(w, field);
  wire_put_string(w, TF_ARG_DEF_NAME, arg->name);
  wire_put_i64(w, TF_ARG_DEF_TYPE, arg->dtype);
  wire_end(w, at);
}

static void put_wrapper_signature(wire_out_t *w, const wrapper_t *x, const function_t *pruned) {
  size_t at = wire_begin(w, TF_FUNCTION_SIGNATURE);
  wire_put_string(w, TF_OP_DEF_NAME, x->name);
  for (int i = 0; i < x->n_args; i++) put_arg(w, TF_OP_DEF_INPUT_ARG, &x->args[i]);
  for (int i = 0; i < x->n_rets; i++) put_arg(w, TF_OP_DEF_OUTPUT_ARG, &x->rets[i]);
  if (pruned->stateful) {
    wire_put_u64(w, TF_OP_DEF_IS_STATEFUL, 1);
    wire_put_string(w, TF_OP_DEF_CONTROL_OUTPUT, "StatefulPartitionedCall");
  }
  wire_end(w, at);
}

// A wrapper of the source keeps its attributes and those of its arguments.
static status_t put_kept_fields(wire_out_t *w, const function_t *old) {
  wire_t r = wire_open(old->raw, old->raw_size);
  wire_field_t f;
  status_t st;
  while (wire_next(&r, &f, &st))
    if (f.number != TF_FUNCTION_SIGNATURE && f.number != TF_FUNCTION_NODE_DEF &&
        f.number != TF_FUNCTION_RET && f.number != TF_FUNCTION_CONTROL_RET)
      wire_put_raw(w, f.raw, f.raw_size);
  return st;
}

// ---------------------------------------------------------------- the main graph

static const tensor_info_t *find_info(const tensor_info_t *infos, int n, const char *key) {
  for (int i = 0; i < n; i++)
    if (strcmp(infos[i].key, key) == 0) return &infos[i];
  return NULL;
}

static node_t *tensor_node(const graph_t *g, const char *tensor, int *port) {
  const char *colon = strrchr(tensor, ':');
  *port = colon ? atoi(colon + 1) : 0;
  return map_getn(g->by_name, tensor, colon ? (size_t)(colon - tensor) : strlen(tensor));
}

// The one node that makes all of the signature's outputs, when it is a call.
static const node_t *single_call(const graph_t *g, const signature_t *s) {
  const node_t *call = NULL;
  int port;
  for (int i = 0; i < s->n_outputs; i++) {
    const node_t *n = tensor_node(g, s->outputs[i].tensor, &port);
    if (!n || (call && n != call)) return NULL;
    call = n;
  }
  return call && strstr(call->op, "PartitionedCall") ? call : NULL;
}

static int input_index(const node_t *call, const node_t *n, int port) {
  for (int i = 0; i < call->n_in; i++)
    if (call->in[i].src == n && call->in[i].port == port) return i;
  return -1;
}

// Which input of the call argument i of the signature is.
static int fed_index(const node_t *call, const graph_t *g, const signature_t *s,
                     const graph_t *converted, int i) {
  int port;
  const tensor_info_t *info = find_info(s->inputs, s->n_inputs, converted->arg_names[i]);
  const node_t *n = tensor_node(g, info->tensor, &port);
  return n && strcmp(n->op, "Placeholder") == 0 ? input_index(call, n, port) : -1;
}

// Gives the wrapper function of a TF2 signature a new body. *done says whether the signature is of
// that form.
static status_t replace_wrapper(job_t *j, const signature_t *s, const graph_t *converted,
                                const function_t *pruned, bool *done) {
  const graph_t *g = j->e->graph;
  const node_t *call = single_call(g, s);
  const func_ref_t *ref = call ? node_func(call, "f") : NULL;
  const function_t *old = ref ? library_find(j->e->library, ref->name) : NULL;
  *done = false;
  if (!old || !old->raw || old->n_args != call->n_in) return NULL;
  int *arg_of = arena_alloc(j->arena, (size_t)pruned->n_args * sizeof *arg_of);
  int *ret_of = arena_alloc(j->arena, (size_t)old->n_rets * sizeof *ret_of);
  shape_t *shapes = arena_alloc(j->arena, (size_t)old->n_rets * sizeof *shapes);
  for (int i = 0; i < pruned->n_args; i++) {
    int c = i - converted->n_args;
    arg_of[i] = c >= 0 ? input_index(call, j->captures[c], 0) : fed_index(call, g, s, converted, i);
    if (arg_of[i] < 0) return NULL;
  }
  for (int i = 0; i < old->n_rets; i++) ret_of[i] = -1;
  for (int i = 0; i < pruned->n_rets; i++) {
    int port;
    const tensor_info_t *info = find_info(s->outputs, s->n_outputs, converted->ret_names[i]);
    tensor_node(g, info->tensor, &port);
    if (port < 0 || port >= old->n_rets) return NULL;
    ret_of[port] = i;
    shapes[port] = info->shape;
  }
  for (int i = 0; i < old->n_rets; i++)
    if (ret_of[i] < 0) return NULL;  // a result that the signature does not give
  wrapper_t x = {old->name, old->args, old->rets, old->n_args, old->n_rets, arg_of, ret_of, shapes};
  *done = true;
  wire_out_t w = {0};
  put_wrapper_signature(&w, &x, pruned);
  put_wrapper_body(&w, j->arena, &x, pruned);
  TRY(put_kept_fields(&w, old));
  TRY(wire_out_status(&w));
  edit_put(j->w, j->e->functions, old->name, w);
  return NULL;
}

// The SignatureDef with other tensors: tensors[i] for output i (sorted by key), and for inputs that
// are not NULL.
static status_t rewrite_signature(const wire_t *raw, const signature_t *s,
                                  const char *const *inputs, const char *const *outputs,
                                  arena_t *arena, wire_out_t *w) {
  wire_t r = *raw, entry;
  wire_field_t f, x, y;
  status_t st;
  while (wire_next(&r, &f, &st)) {
    bool in = f.number == TF_SIGNATURE_INPUTS, out = f.number == TF_SIGNATURE_OUTPUTS;
    const char *tensor = NULL;
    if (in || out) {
      TRY(wire_get_message(&f, &entry));
      const char *key = "";
      for (wire_t c = entry; wire_next(&c, &x, &st);)
        if (x.number == TF_MAP_KEY) TRY(wire_get_string(&x, arena, &key));
      TRY(st);
      const tensor_info_t *infos = in ? s->inputs : s->outputs;
      const tensor_info_t *info = find_info(infos, in ? s->n_inputs : s->n_outputs, key);
      if (info) tensor = (in ? inputs : outputs)[info - infos];
    }
    if (!tensor) {
      wire_put_raw(w, f.raw, f.raw_size);
      continue;
    }
    size_t at = wire_begin(w, f.number);
    while (wire_next(&entry, &x, &st)) {
      wire_t info;
      if (x.number != TF_MAP_VALUE) {
        wire_put_raw(w, x.raw, x.raw_size);
        continue;
      }
      TRY(wire_get_message(&x, &info));
      size_t value = wire_begin(w, TF_MAP_VALUE);
      wire_put_string(w, TF_TENSOR_INFO_NAME, tensor);
      while (wire_next(&info, &y, &st))
        if (y.number != TF_TENSOR_INFO_NAME) wire_put_raw(w, y.raw, y.raw_size);
      TRY(st);
      wire_end(w, value);
    }
    TRY(st);
    wire_end(w, at);
  }
  return st ? st : wire_out_status(w);
}

static status_t find_signature_def(const meta_graph_t *g, const char *key, arena_t *arena,
                                   wire_t *out) {
  wire_t w = wire_open(g->raw, g->raw_size), entry;
  wire_field_t f, x;
  status_t st;
  while (wire_next(&w, &f, &st)) {
    if (f.number != TF_META_GRAPH_DEF_SIGNATURE_DEF) continue;
    const char *its_key = "";
    TRY(wire_get_message(&f, &entry));
    while (wire_next(&entry, &x, &st)) {
      if (x.number == TF_MAP_KEY) TRY(wire_get_string(&x, arena, &its_key));
      if (x.number == TF_MAP_VALUE) TRY(wire_get_message(&x, out));
    }
    TRY(st);
    if (strcmp(its_key, key) == 0) return NULL;
  }
  return st ? st : FAIL(NOT_FOUND, "no signature \"%s\"", key);
}

// A Placeholder for an input that the source feeds somewhere else.
static const char *add_placeholder(job_t *j, const signature_t *s, const tensor_info_t *info) {
  graph_edit_t *e = j->e;
  const char *name = edit_name(e, 'n', arena_printf(j->arena, "%s_%s", s->key, info->key));
  size_t at = wire_begin(&e->new_nodes, TF_GRAPH_DEF_NODE);
  wire_put_string(&e->new_nodes, TF_NODE_DEF_NAME, name);
  wire_put_string(&e->new_nodes, TF_NODE_DEF_OP, "Placeholder");
  put_type_attr(&e->new_nodes, "dtype", info->dtype);
  wire_end(&e->new_nodes, at);
  return name;
}

// New wrapper and call node; the SignatureDef takes its outputs from there.
static status_t add_call(job_t *j, const meta_graph_t *g, const signature_t *s,
                         const graph_t *converted, const function_t *pruned) {
  graph_edit_t *e = j->e;
  arena_t *a = j->arena;
  wrapper_t x = {.name = edit_function_name(e, "__inference_signature_wrapper"),
                 .args = pruned->args,
                 .rets = pruned->rets,
                 .n_args = pruned->n_args,
                 .n_rets = pruned->n_rets};
  int n = pruned->n_args > pruned->n_rets ? pruned->n_args : pruned->n_rets;
  int *same = arena_alloc(a, (size_t)n * sizeof *same);
  for (int i = 0; i < n; i++) same[i] = i;
  x.arg_of = x.ret_of = same;
  shape_t *shapes = arena_alloc(a, (size_t)n * sizeof *shapes);
  for (int i = 0; i < pruned->n_rets; i++)
    shapes[i] = find_info(s->outputs, s->n_outputs, converted->ret_names[i])->shape;
  x.ret_shapes = shapes;
  size_t at = wire_begin(&e->new_functions, TF_LIBRARY_FUNCTION);
  put_wrapper_signature(&e->new_functions, &x, pruned);
  put_wrapper_body(&e->new_functions, a, &x, pruned);
  wire_end(&e->new_functions, at);

  const char **fed = arena_alloc(a, (size_t)s->n_inputs * sizeof *fed);
  const char **given = arena_alloc(a, (size_t)s->n_outputs * sizeof *given);
  const char **inputs = arena_alloc(a, (size_t)pruned->n_args * sizeof *inputs);
  dtype_t *in = arena_alloc(a, (size_t)n * sizeof *in),
          *out = arena_alloc(a, (size_t)n * sizeof *out);
  const char *call = edit_name(e, 'n', "StatefulPartitionedCall");
  for (int i = 0; i < j->n_captures; i++) {
    inputs[converted->n_args + i] = j->captures[i]->name;
    map_put(e->kept, j->captures[i]->name, e);
    in[converted->n_args + i] = pruned->args[converted->n_args + i].dtype;
  }
  for (int i = 0; i < converted->n_args; i++) {
    const tensor_info_t *info = find_info(s->inputs, s->n_inputs, converted->arg_names[i]);
    int port;
    const node_t *node = tensor_node(e->graph, info->tensor, &port);
    inputs[i] = info->tensor;
    if (!node || strcmp(node->op, "Placeholder") != 0) {
      inputs[i] = add_placeholder(j, s, info);
      fed[info - s->inputs] = arena_printf(a, "%s:0", inputs[i]);
    }
    in[i] = pruned->args[i].dtype;
  }
  for (int i = 0; i < pruned->n_rets; i++) {
    const tensor_info_t *info = find_info(s->outputs, s->n_outputs, converted->ret_names[i]);
    given[info - s->outputs] = arena_printf(a, "%s:%d", call, i);
    out[i] = pruned->rets[i].dtype;
  }
  put_call(&e->new_nodes, TF_GRAPH_DEF_NODE, call, "StatefulPartitionedCall", inputs, in,
           pruned->n_args, out, pruned->n_rets, x.name);
  wire_t raw;
  wire_out_t def = {0};
  TRY(find_signature_def(g, s->key, a, &raw));
  TRY(rewrite_signature(&raw, s, fed, given, a, &def));
  edit_put(j->w, e->signatures, s->key, def);
  return NULL;
}

static status_t check_keys(const signature_t *s, const char *what, const tensor_info_t *infos,
                           int n_infos, const char *const *names, int n) {
  if (n != n_infos)
    return FAIL(INVALID_ARGUMENT, "signature \"%s\" has %d %s, the converted graph %d", s->key,
                n_infos, what, n);
  for (int i = 0; i < n; i++)
    if (!find_info(infos, n_infos, names[i]))
      return FAIL(INVALID_ARGUMENT, "signature \"%s\" has no \"%s\" among its %s", s->key, names[i],
                  what);
  return NULL;
}

status_t saved_model_writer_signature(saved_model_writer_t *w, const meta_graph_t *g,
                                      const char *key, const graph_t *converted) {
  const signature_t *s;
  TRY(meta_graph_signature(g, key, &s));
  TRY(check_keys(s, "inputs", s->inputs, s->n_inputs, converted->arg_names, converted->n_args));
  TRY(check_keys(s, "outputs", s->outputs, s->n_outputs, converted->ret_names, converted->n_rets));
  job_t j = {.w = w, .library = converted->library, .renamed = map_create()};
  j.arena = arena_create();
  function_t pruned;
  bool done = false;
  status_t st = writer_edit(w, g, &j.e);
  if (!st) st = write_pruned(&j, converted, &pruned);
  if (!st) st = replace_wrapper(&j, s, converted, &pruned, &done);
  if (!st && !done) st = add_call(&j, g, s, converted, &pruned);
  map_destroy(j.renamed);
  arena_destroy(j.arena);
  return status_prefix(st, "signature \"%s\"", s->key);
}
