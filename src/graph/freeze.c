// Variables that nothing assigns become constants.
//
// First it is found which variables are only read, following their handles into called functions.
// Then each such VarHandleOp becomes a Const, and what was typed "resource" on the way to the reads
// takes the value's dtype: reads become Identity, functions are copied with arguments of that
// dtype. So names and edges stay those that TensorFlow's own freezing leaves.
#include <string.h>

#include "base/map.h"
#include "graph/calls.h"
#include "graph/passes.h"
#include "graph/rewrite.h"
#include "ops/op.h"

typedef struct variable {
  bool assigned;  // or used in a way that is not understood
  bool missing;   // the model has no value for it
  tensor_t value;
} variable_t;

typedef struct freezer {
  graph_t *g;
  arena_t *arena;
  const variable_source_t *source;
  map_t *variables;    // key -> variable_t
  map_t *arguments;    // "function:index" -> 1 only read, 2 not
  map_t *specialised;  // "function:index=dtype,..." -> name of the copy
} freezer_t;

static const char *variable_key(const node_t *n) {
  const char *shared = node_string(n, "shared_name");
  return *shared ? shared : n->name;
}

// ---------------------------------------------------------------- which are only read

static bool only_read(freezer_t *x, graph_t *g, const readers_t *r, const node_t *n, int port,
                      int depth);

static bool argument_only_read(freezer_t *x, library_t *l, const char *function, int index,
                               bool loop_body, int depth) {
  char *key = mem_printf("%s:%d", function, index);
  uintptr_t known = (uintptr_t)map_get(x->arguments, key);
  if (known || depth > 50) {
    mem_free(key);
    return known == 1;
  }
  map_put(x->arguments, key, (void *)1);  // a function that calls itself adds nothing
  graph_t *body;
  status_t bad = library_body(l, function, &body);
  bool fine = !bad && index < body->n_args;
  status_free(bad);
  if (fine) {
    readers_t r = graph_readers(body);
    fine = only_read(x, body, &r, body->args[index], 0, depth + 1);
    readers_free(&r);
  }
  // A handle may be handed back only to the same place of a loop.
  for (int i = 0; fine && i < body->n_rets; i++) {
    input_t in = body->rets[i];
    while (rewrite_is(in.src, "Identity")) in = in.src->in[0];
    if (in.src == body->args[index] && !(loop_body && i == index)) fine = false;
  }
  map_put(x->arguments, key, (void *)(uintptr_t)(fine ? 1 : 2));
  mem_free(key);
  return fine;
}

static bool use_is_read(freezer_t *x, graph_t *g, const readers_t *r, const reader_t *use,
                        int depth) {
  static const char *const reads[] = {"ReadVariableOp",     "ResourceGather", "ResourceGatherNd",
                                      "VarIsInitializedOp", "VariableShape",  NULL};
  static const char *const passes[] = {"Identity", "Enter", "Switch", "_SwitchN", NULL};
  const node_t *n = use->node;
  if (use->input < 0 || rewrite_is_any(n, reads)) return true;
  if (rewrite_is_any(n, passes)) {
    for (int i = 0; i < n->n_out; i++)
      if (!only_read(x, g, r, n, i, depth)) return false;
    return true;
  }
  call_t c = call_of(g, n);
  if (!c.kind || use->input < c.first_arg) return false;
  for (int i = 0; i < c.n_functions; i++)
    if (!argument_only_read(x, g->library, c.function[i], use->input - c.first_arg,
                            c.kind == CALL_WHILE && i == 1, depth))
      return false;
  return c.kind != CALL_WHILE || only_read(x, g, r, n, use->input, depth);
}

static bool only_read(freezer_t *x, graph_t *g, const readers_t *r, const node_t *n, int port,
                      int depth) {
  for (int i = r->begin[n->id]; i < r->begin[n->id + 1]; i++) {
    const reader_t *use = &r->list[i];
    if (use->input >= 0 && use->node->in[use->input].port != port) continue;
    if (!use_is_read(x, g, r, use, depth)) return false;
  }
  return true;
}

static bool reference_only_read(const readers_t *r, const node_t *n) {
  static const char *const writers[] = {"Assign",    "Scatter", "Apply", "SparseApply",
                                        "CountUpTo", "Ref",     NULL};
  for (int i = r->begin[n->id]; i < r->begin[n->id + 1]; i++) {
    const node_t *user = r->list[i].node;
    if (!user->def && r->list[i].input >= 0) return false;
    for (int k = 0; writers[k]; k++)
      if (strncmp(user->op, writers[k], strlen(writers[k])) == 0 && r->list[i].input == 0)
        return false;
  }
  return true;
}

static bool is_reference_variable(const node_t *n) {
  return rewrite_is(n, "VariableV2") || rewrite_is(n, "Variable");
}

static bool is_variable(const node_t *n) {
  return rewrite_is(n, "VarHandleOp") || is_reference_variable(n);
}

static void find_variables(freezer_t *x) {
  graph_t *g = x->g;
  readers_t r = graph_readers(g);
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    if (!is_variable(n)) continue;
    variable_t *v = map_get(x->variables, variable_key(n));
    if (!v) {
      v = arena_alloc(x->arena, sizeof *v);
      map_put(x->variables, variable_key(n), v);
    }
    if (is_reference_variable(n) ? !reference_only_read(&r, n) : !only_read(x, g, &r, n, 0, 0))
      v->assigned = true;
  }
  for (int i = 0; i < g->n_rets; i++)
    if (rewrite_is(g->rets[i].src, "VarHandleOp"))
      ((variable_t *)map_get(x->variables, variable_key(g->rets[i].src)))->assigned = true;
  readers_free(&r);
}

// ---------------------------------------------------------------- making constants

static dtype_t in_type(const node_t *n, int i) {
  const input_t *in = &n->in[i];
  return in->port < in->src->n_out ? in->src->out_dtype[in->port] : DT_INVALID;
}

static bool was_handle(const node_t *n, int i) {
  dtype_t t = in_type(n, i);
  return t != DT_RESOURCE && t != DT_INVALID;
}

static void retype(graph_t *g, node_t *n, const char *attr, dtype_t dtype) {
  node_set_type(g, n, attr, dtype);
  node_remove_attr(n, "_output_shapes");
  node_remove_attr(n, "_handle_dtypes");
  node_remove_attr(n, "_handle_shapes");
  for (int i = 0; i < n->n_out; i++)
    if (n->out_dtype[i] == DT_RESOURCE) n->out_dtype[i] = dtype;
}

static status_t to_gather(graph_t *g, node_t *n, bool nd) {
  dtype_t dtype = in_type(n, 0), index = in_type(n, 1);
  int64_t batch_dims = node_int(n, "batch_dims", 0);
  node_set_op(n, nd ? "GatherNd" : "GatherV2");
  for (const char *const *a =
           (const char *const[]){"dtype", "validate_indices", "batch_dims", "_output_shapes", NULL};
       *a; a++)
    node_remove_attr(n, *a);
  node_set_type(g, n, "Tparams", dtype);
  node_set_type(g, n, "Tindices", index);
  if (nd) return NULL;
  tensor_t axis;
  const int64_t zero = 0;
  // With batch_dims b, a gather along axis b: what ResourceGather does.
  TRY(tensor_from_ints(DT_INT32, &SHAPE_SCALAR, batch_dims ? &batch_dims : &zero, &axis));
  char *name = mem_printf("%s/axis", n->name);
  node_t *c = graph_add_const(g, name, &axis);
  mem_free(name);
  tensor_unref(&axis);
  // A node without inputs belongs to no loop; this one must be in that of the indices.
  if (rewrite_has_loops(g)) node_add_control(g, c, n->in[1].src);
  node_add_input(g, n, c, 0);
  node_set_type(g, n, "Taxis", DT_INT32);
  if (batch_dims) node_set_int(g, n, "batch_dims", batch_dims);
  return NULL;
}

static status_t to_true(graph_t *g, node_t *n) {
  tensor_t yes;
  TRY(tensor_alloc(DT_BOOL, &SHAPE_SCALAR, &yes));
  *(uint8_t *)yes.data = 1;
  rewrite_to_const(g, n, &yes);
  tensor_unref(&yes);
  return NULL;
}

static status_t retype_graph(freezer_t *x, graph_t *g);

// A copy of a function whose marked arguments hold values instead of handles.
static status_t specialise(freezer_t *x, library_t *l, const char *name, const dtype_t *types,
                           int n_args, const char **out) {
  char *key = mem_strdup(name);
  for (int i = 0; i < n_args; i++) {
    if (!types[i]) continue;
    char *more = mem_printf("%s:%d=%d", key, i, (int)types[i]);
    mem_free(key);
    key = more;
  }
  *out = map_get(x->specialised, key);
  if (*out) {
    mem_free(key);
    return NULL;
  }
  graph_t *body;
  status_t st = library_body(l, name, &body);
  if (st) {
    mem_free(key);
    return st;
  }
  char *fresh = mem_printf("%s_frozen", name);
  for (int i = 1; library_find(l, fresh); i++) {
    mem_free(fresh);
    fresh = mem_printf("%s_frozen_%d", name, i);
  }
  const function_t *old = library_find(l, name);
  function_t *f = library_add(l, fresh);
  mem_free(fresh);
  map_put(x->specialised, key, (void *)f->name);
  mem_free(key);
  *out = f->name;
  graph_destroy(f->body);
  f->body = graph_clone(body, l->arena);
  f->attrs = attrs_copy(l->arena, old->attrs);
  f->stateful = old->stateful;
  f->n_args = old->n_args;
  f->n_rets = old->n_rets;
  f->args = arena_alloc(l->arena, (size_t)f->n_args * sizeof *f->args);
  f->rets = arena_alloc(l->arena, (size_t)f->n_rets * sizeof *f->rets);
  for (int i = 0; i < f->n_args; i++) {
    f->args[i] = old->args[i];
    if (i >= n_args || !types[i]) continue;
    f->args[i].dtype = types[i];
    retype(f->body, f->body->args[i], "T", types[i]);
  }
  TRY(status_prefix(retype_graph(x, f->body), "function '%s'", name));
  for (int i = 0; i < f->n_rets; i++) {
    const input_t *ret = &f->body->rets[i];
    f->rets[i] = (arg_def_t){old->rets[i].name, ret->src->out_dtype[ret->port]};
  }
  return NULL;
}

static void retype_list(graph_t *g, node_t *n, const char *attr, const dtype_t *types, int count) {
  const dtype_t *old;
  int had = node_types(n, attr, &old);
  dtype_t *all = mem_alloc((size_t)(had + 1) * sizeof *all);
  for (int i = 0; i < had; i++) all[i] = i < count && types[i] ? types[i] : old[i];
  node_set_types(g, n, attr, all, had);
  mem_free(all);
}

static status_t retype_call(freezer_t *x, graph_t *g, node_t *n, const call_t *c) {
  int n_args = n->n_in - c->first_arg;
  dtype_t *types = mem_calloc((size_t)n_args + 1, sizeof *types);
  const char *list = c->kind == CALL_WHILE ? "T" : "Tin";
  const dtype_t *declared;
  int n_declared = node_types(n, list, &declared);
  bool any = false;
  for (int i = 0; i < n_args; i++) {
    dtype_t was = i < n_declared ? declared[i] : DT_INVALID;
    if (was == DT_RESOURCE && was_handle(n, i + c->first_arg)) {
      types[i] = in_type(n, i + c->first_arg);
      any = true;
    }
  }
  status_t st = NULL;
  for (int i = 0; any && !st && i < c->n_functions; i++) {
    const char *name = NULL;
    st = specialise(x, g->library, c->function[i], types, n_args, &name);
    if (!st) call_set_function(g, n, c, i, name);
  }
  if (any && !st) {
    retype_list(g, n, list, types, n_args);
    node_remove_attr(n, "_output_shapes");
    if (c->kind == CALL_WHILE) {
      const attr_value_t *shapes = node_shapes(n, "output_shapes");
      size_t n_shapes = shapes ? shapes->n_list : 0;
      shape_t *s = mem_alloc((n_shapes + 1) * sizeof *s);
      for (size_t i = 0; i < n_shapes; i++)
        s[i] = (int)i < n_args && types[i] ? SHAPE_UNKNOWN : shapes->list[i].shape;
      if (n_shapes) node_set_shapes(g, n, "output_shapes", s, (int)n_shapes);
      mem_free(s);
      for (int i = 0; i < n->n_out && i < n_args; i++)
        if (types[i]) n->out_dtype[i] = types[i];
    }
  }
  mem_free(types);
  return st;
}

static status_t retype_node(freezer_t *x, graph_t *g, node_t *n) {
  static const char *const passes[] = {"Identity", "Enter", "Switch", "_SwitchN", NULL};
  call_t c = call_of(g, n);
  if (c.kind) return retype_call(x, g, n, &c);
  if (!n->n_in || !was_handle(n, 0)) return NULL;
  if (rewrite_is_any(n, passes)) {
    if (node_type(n, "T") == DT_RESOURCE) retype(g, n, "T", in_type(n, 0));
  } else if (rewrite_is(n, "ReadVariableOp")) {
    rewrite_to_identity(g, n, 0);
    node_set_type(g, n, "T", in_type(n, 0));
    n->out_dtype[0] = in_type(n, 0);
  } else if (rewrite_is(n, "ResourceGather") || rewrite_is(n, "ResourceGatherNd")) {
    return to_gather(g, n, rewrite_is(n, "ResourceGatherNd"));
  } else if (rewrite_is(n, "VariableShape")) {
    dtype_t out = node_type(n, "out_type");
    node_set_op(n, "Shape");
    node_set_type(g, n, "T", in_type(n, 0));
    node_set_type(g, n, "out_type", out ? out : DT_INT32);
  } else if (rewrite_is(n, "VarIsInitializedOp") ||
             (rewrite_is(n, "IsVariableInitialized") && rewrite_is(n->in[0].src, "Const"))) {
    return to_true(g, n);
  }
  return NULL;
}

static status_t retype_graph(freezer_t *x, graph_t *g) {
  node_t **order;
  TRY(graph_topological_order(g, &order));
  int count = g->n_nodes;
  status_t st = NULL;
  for (int i = 0; i < count && !st; i++) st = retype_node(x, g, order[i]);
  mem_free(order);
  return st;
}

static status_t read_values(freezer_t *x) {
  size_t i = 0;
  const char *key;
  void *p;
  while (map_next(x->variables, &i, &key, &p)) {
    variable_t *v = p;
    if (v->assigned) continue;
    status_t st = x->source->read(x->source->self, key, &v->value);
    if (st && status_code(st) != CODE_NOT_FOUND) return status_prefix(st, "variable '%s'", key);
    v->missing = st != NULL;
    status_free(st);
  }
  return NULL;
}

static status_t freeze(freezer_t *x) {
  graph_t *g = x->g;
  find_variables(x);
  TRY(read_values(x));
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    if (!is_variable(n)) continue;
    variable_t *v = map_get(x->variables, variable_key(n));
    if (v->assigned || v->missing) continue;
    dtype_t dtype = node_type(n, "dtype");
    if (dtype != v->value.dtype)
      return FAIL(INVALID_ARGUMENT, "variable '%s' is %s in the graph and %s in the checkpoint",
                  n->name, dtype_name(dtype), dtype_name(v->value.dtype));
    rewrite_to_const(g, n, &v->value);
  }
  return retype_graph(x, g);
}

static freezer_t begin(graph_t *g, const variable_source_t *source) {
  return (freezer_t){.g = g,
                     .arena = arena_create(),
                     .source = source,
                     .variables = map_create(),
                     .arguments = map_create(),
                     .specialised = map_create()};
}

static void end(freezer_t *x) {
  size_t i = 0;
  void *v;
  while (map_next(x->variables, &i, NULL, &v)) tensor_unref(&((variable_t *)v)->value);
  map_destroy(x->variables);
  map_destroy(x->arguments);
  map_destroy(x->specialised);
  arena_destroy(x->arena);
}

status_t graph_freeze(graph_t *g, const variable_source_t *source) {
  freezer_t x = begin(g, source);
  status_t st = freeze(&x);
  end(&x);
  return st;
}

void graph_assigned_variables(graph_t *g, map_t *out) {
  freezer_t x = begin(g, NULL);
  find_variables(&x);
  size_t i = 0;
  const char *key;
  void *v;
  while (map_next(x.variables, &i, &key, &v))
    if (((variable_t *)v)->assigned) map_put(out, key, out);
  end(&x);
}

// ---------------------------------------------------------------- pinning instead

static const node_t *handle_of(const node_t *read) {
  const node_t *n = read->n_in ? read->in[0].src : NULL;
  while (n && rewrite_is(n, "Identity") && n->n_in) n = n->in[0].src;
  return n && rewrite_is(n, "VarHandleOp") ? n : NULL;
}

static status_t pin_node(freezer_t *x, node_t *n) {
  bool read = rewrite_is(n, "ReadVariableOp");
  const node_t *handle = read ? handle_of(n) : is_reference_variable(n) ? n : NULL;
  const variable_t *v = handle ? map_get(x->variables, variable_key(handle)) : NULL;
  dtype_t dtype = node_type(n, "dtype");
  if (!v || v->assigned || v->missing || (dtype != DT_FLOAT && dtype != DT_HALF)) return NULL;
  shape_t declared = node_shape(handle, "shape");
  if (!shape_known(&declared)) return NULL;  // it may get another, and native nodes go by it
  if (dtype != v->value.dtype)
    return FAIL(INVALID_ARGUMENT, "variable '%s' is %s in the graph and %s in the checkpoint",
                variable_key(handle), dtype_name(dtype), dtype_name(v->value.dtype));
  tensor_unref(&n->pinned);
  n->pinned = tensor_ref(&v->value);
  n->out_shape[0] = v->value.shape;
  if (read) node_set_shape(x->g, n, "_shape", &v->value.shape);
  return NULL;
}

status_t graph_pin_variables(graph_t *g, const variable_source_t *source) {
  freezer_t x = begin(g, source);
  find_variables(&x);
  status_t st = read_values(&x);
  for (int i = 0; i < g->n_nodes && !st; i++) st = pin_node(&x, g->nodes[i]);
  end(&x);
  return st;
}
