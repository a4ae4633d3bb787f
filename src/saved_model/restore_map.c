#include <stdlib.h>
#include <string.h>

#include "formats/tf_fields.h"
#include "saved_model/internal.h"

// A graph as far as it matters here: names, ops and inputs. Attributes stay unread until needed.
typedef struct mini_node {
  const char *name, *op;
  const char **in;
  int n_in;
  wire_t def;
  bool seen;
} mini_node_t;

typedef struct mini_graph {
  mini_node_t *nodes;
  int n;
  map_t *by_name;  // mini_node_t *
  map_t *args;     // of a function: name -> 1 + index
} mini_graph_t;

// A function body in the place where it is called; the main graph has neither call nor outer.
typedef struct scope {
  const mini_graph_t *graph;
  const mini_node_t *call;
  const struct scope *outer;
  int depth;
} scope_t;

typedef struct finder {
  arena_t *arena;
  map_t *functions;  // name -> wire_t *, the FunctionDef
  map_t *bodies;     // name -> mini_graph_t *
  map_t *out;
} finder_t;

enum { MAX_CALL_DEPTH = 16 };

static status_t parse_node(wire_t def, arena_t *arena, mini_node_t *n) {
  *n = (mini_node_t){.name = "", .op = "", .def = def};
  wire_field_t f;
  status_t st;
  int n_in = 0;
  for (wire_t w = def; wire_next(&w, &f, &st);) n_in += f.number == TF_NODE_DEF_INPUT;
  TRY(st);
  n->in = arena_alloc(arena, (size_t)n_in * sizeof *n->in);
  for (wire_t w = def; wire_next(&w, &f, &st);) {
    if (f.number == TF_NODE_DEF_NAME) TRY(wire_get_string(&f, arena, &n->name));
    if (f.number == TF_NODE_DEF_OP) TRY(wire_get_string(&f, arena, &n->op));
    if (f.number == TF_NODE_DEF_INPUT) TRY(wire_get_string(&f, arena, &n->in[n->n_in++]));
  }
  return st;
}

// The nodes in a GraphDef or FunctionDef (field says which).
static status_t parse_nodes(wire_t w, uint32_t field, arena_t *arena, mini_graph_t *g) {
  wire_field_t f;
  wire_t sub;
  status_t st;
  int n = 0;
  for (wire_t c = w; wire_next(&c, &f, &st);) n += f.number == field;
  TRY(st);
  *g = (mini_graph_t){.nodes = arena_alloc(arena, (size_t)n * sizeof *g->nodes),
                      .by_name = map_create(),
                      .args = map_create()};
  while (wire_next(&w, &f, &st)) {
    if (f.number != field) continue;
    TRY(wire_get_message(&f, &sub));
    mini_node_t *node = &g->nodes[g->n];
    TRY(parse_node(sub, arena, node));
    map_put(g->by_name, node->name, node);
    g->n++;
  }
  return st;
}

// One string below a message: the first field `number`, "" when absent.
static status_t string_field(wire_t w, uint32_t number, arena_t *arena, const char **out) {
  wire_field_t f;
  status_t st;
  *out = "";
  while (wire_next(&w, &f, &st))
    if (f.number == number) return wire_get_string(&f, arena, out);
  return st;
}

static status_t message_field(wire_t w, uint32_t number, wire_t *out, bool *found) {
  wire_field_t f;
  status_t st;
  *found = false;
  while (wire_next(&w, &f, &st)) {
    if (f.number != number) continue;
    *found = true;
    return wire_get_message(&f, out);
  }
  return st;
}

// An attribute's AttrValue.
static status_t find_attr(const mini_node_t *n, const char *name, arena_t *arena, wire_t *value,
                          bool *found) {
  wire_field_t f;
  wire_t entry, w = n->def;
  status_t st;
  *found = false;
  while (wire_next(&w, &f, &st)) {
    if (f.number != TF_NODE_DEF_ATTR) continue;
    const char *key;
    TRY(wire_get_message(&f, &entry));
    TRY(string_field(entry, TF_MAP_KEY, arena, &key));
    if (strcmp(key, name) == 0) return message_field(entry, TF_MAP_VALUE, value, found);
  }
  return st;
}

static void split_input(const char *input, size_t *name_size, int *index) {
  const char *colon = strchr(input, ':'), *last = strrchr(input, ':');
  *name_size = colon ? (size_t)(colon - input) : strlen(input);
  *index = last ? atoi(last + 1) : 0;
}

typedef struct source {
  scope_t scope;
  const mini_node_t *node;  // NULL: not found
  int index;
} source_t;

// Where an input comes from: out of functions by their arguments, through what does not change the
// value.
static source_t resolve(const scope_t *s, const char *input) {
  source_t r = {.scope = *s};
  for (int hops = 0; hops < 1000; hops++) {
    size_t n;
    char buffer[1024];
    split_input(input, &n, &r.index);
    if (n >= sizeof buffer || input[0] == '^') break;
    memcpy(buffer, input, n);
    buffer[n] = 0;
    size_t arg = (size_t)(uintptr_t)map_get(r.scope.graph->args, buffer);
    if (arg) {
      const mini_node_t *call = r.scope.call;
      if (!r.scope.outer || arg > (size_t)call->n_in) break;
      input = call->in[arg - 1];
      r.scope = *r.scope.outer;
      continue;
    }
    const mini_node_t *node = map_get(r.scope.graph->by_name, buffer);
    if (!node) break;
    static const char *const PASS[] = {"Identity", "Reshape", "Enter", "RefEnter"};
    bool pass = false;
    for (size_t i = 0; i < sizeof PASS / sizeof *PASS; i++)
      pass |= strcmp(node->op, PASS[i]) == 0 && node->n_in > 0;
    if (!pass) {
      r.node = node;
      return r;
    }
    input = node->in[0];
  }
  r.node = NULL;
  return r;
}

// String k of the Const that an input comes from; NULL when it is not one. A TensorProto with fewer
// values than elements repeats the last.
static status_t const_string(finder_t *x, const scope_t *s, const char *input, int k,
                             const char **out) {
  *out = NULL;
  source_t c = resolve(s, input);
  if (!c.node || strcmp(c.node->op, "Const") != 0) return NULL;
  wire_t value, tensor;
  bool found;
  TRY(find_attr(c.node, "value", x->arena, &value, &found));
  if (found) TRY(message_field(value, TF_ATTR_VALUE_TENSOR, &tensor, &found));
  if (!found) return NULL;
  wire_field_t f;
  status_t st = NULL;
  for (int i = 0; i <= k && wire_next(&tensor, &f, &st);)
    if (f.number == TF_TENSOR_STRING_VAL) {
      TRY(wire_get_string(&f, x->arena, out));
      i++;
    }
  return st;
}

static status_t record(finder_t *x, const scope_t *s, const mini_node_t *assign) {
  if (assign->n_in < 2) return NULL;
  source_t variable = resolve(s, assign->in[0]), value = resolve(s, assign->in[1]);
  if (!variable.node || !value.node || value.node->n_in < 3 ||
      strcmp(value.node->op, "RestoreV2") != 0)
    return NULL;
  restored_t r;
  TRY(const_string(x, &value.scope, value.node->in[1], value.index, &r.key));
  TRY(const_string(x, &value.scope, value.node->in[2], value.index, &r.slice));
  if (!r.key) return NULL;
  if (!r.slice) r.slice = "";
  const char *shared = "";
  wire_t attr;
  bool found;
  TRY(find_attr(variable.node, "shared_name", x->arena, &attr, &found));
  if (found) TRY(string_field(attr, TF_ATTR_VALUE_S, x->arena, &shared));
  restored_t *kept = arena_alloc(x->arena, sizeof *kept);
  *kept = r;
  if (*shared) map_put(x->out, shared, kept);
  // A node name may be some other variable's shared name: that one has the older right.
  if (!map_has(x->out, variable.node->name)) map_put(x->out, variable.node->name, kept);
  return NULL;
}

static status_t function_body(finder_t *x, const char *name, mini_graph_t **out) {
  *out = map_get(x->bodies, name);
  const wire_t *def = map_get(x->functions, name);
  if (*out || !def) return NULL;
  mini_graph_t *g = arena_alloc(x->arena, sizeof *g);
  map_put(x->bodies, name, g);  // freed from there, also when it cannot be parsed
  TRY(parse_nodes(*def, TF_FUNCTION_NODE_DEF, x->arena, g));
  wire_t signature;
  bool found;
  wire_field_t f;
  status_t st = NULL;
  TRY(message_field(*def, TF_FUNCTION_SIGNATURE, &signature, &found));
  size_t i = 0;
  while (found && wire_next(&signature, &f, &st)) {
    if (f.number != TF_OP_DEF_INPUT_ARG) continue;
    wire_t arg;
    const char *arg_name;
    TRY(wire_get_message(&f, &arg));
    TRY(string_field(arg, TF_ARG_DEF_NAME, x->arena, &arg_name));
    map_put(g->args, arg_name, (void *)(uintptr_t)++i);
  }
  *out = g;
  return st;
}

static status_t visit(finder_t *x, const scope_t *s, const mini_node_t *n) {
  if (strcmp(n->op, "AssignVariableOp") == 0 || strcmp(n->op, "Assign") == 0)
    return record(x, s, n);
  if (!strstr(n->op, "PartitionedCall") || s->depth == MAX_CALL_DEPTH) return NULL;
  wire_t attr, func;
  bool found;
  const char *name;
  mini_graph_t *body;
  TRY(find_attr(n, "f", x->arena, &attr, &found));
  if (found) TRY(message_field(attr, TF_ATTR_VALUE_FUNC, &func, &found));
  if (!found) return NULL;
  TRY(string_field(func, TF_NAME_ATTR_LIST_NAME, x->arena, &name));
  TRY(function_body(x, name, &body));
  scope_t inner = {body, n, s, s->depth + 1};
  for (int i = 0; body && i < body->n; i++) TRY(visit(x, &inner, &body->nodes[i]));
  return NULL;
}

// Visits what the node needs, control inputs too; each node once.
static status_t visit_back(finder_t *x, const scope_t *s, mini_node_t *start) {
  VEC(mini_node_t *) stack = {0};
  status_t st = NULL;
  start->seen = true;
  vec_push(&stack, start);
  while (stack.n && !st) {
    mini_node_t *n = stack.v[--stack.n];
    st = visit(x, s, n);
    for (int i = 0; i < n->n_in; i++) {
      const char *in = n->in[i][0] == '^' ? n->in[i] + 1 : n->in[i];
      size_t size;
      int index;
      split_input(in, &size, &index);
      mini_node_t *src = map_getn(s->graph->by_name, in, size);
      if (!src || src->seen) continue;
      src->seen = true;
      vec_push(&stack, src);
    }
  }
  vec_free(&stack);
  return st;
}

static status_t find_functions(finder_t *x, wire_t graph_def) {
  wire_t library, def;
  bool found;
  wire_field_t f;
  status_t st = NULL;
  TRY(message_field(graph_def, TF_GRAPH_DEF_LIBRARY, &library, &found));
  while (found && wire_next(&library, &f, &st)) {
    if (f.number != TF_LIBRARY_FUNCTION) continue;
    wire_t signature;
    bool has;
    const char *name;
    TRY(wire_get_message(&f, &def));
    TRY(message_field(def, TF_FUNCTION_SIGNATURE, &signature, &has));
    if (!has) continue;
    TRY(string_field(signature, TF_OP_DEF_NAME, x->arena, &name));
    wire_t *kept = arena_alloc(x->arena, sizeof *kept);
    *kept = def;
    map_put(x->functions, name, kept);
  }
  return st;
}

static void free_graph(mini_graph_t *g) {
  map_destroy(g->by_name);
  map_destroy(g->args);
}

status_t restore_map(const meta_graph_t *g, arena_t *arena, map_t *out) {
  if (!g->restore_op || !g->graph_def) return NULL;
  finder_t x = {arena_create(), map_create(), map_create(), out};
  mini_graph_t main_graph = {0};
  wire_t w = wire_open(g->graph_def, g->graph_def_size);
  status_t st = find_functions(&x, w);
  if (!st) st = parse_nodes(w, TF_GRAPH_DEF_NODE, x.arena, &main_graph);
  if (!st) {
    scope_t scope = {.graph = &main_graph};
    mini_node_t *restore = map_get(main_graph.by_name, g->restore_op);
    if (restore) st = visit_back(&x, &scope, restore);
  }
  // Names and keys go over to the caller's arena; the rest was for the search only.
  size_t i = 0;
  const char *name;
  void *value;
  while (map_next(out, &i, &name, &value)) {
    restored_t *kept = arena_alloc(arena, sizeof *kept);
    const restored_t *r = value;
    *kept = (restored_t){arena_strdup(arena, r->key), arena_strdup(arena, r->slice)};
    map_put(out, name, kept);
  }
  i = 0;
  while (map_next(x.bodies, &i, &name, &value)) free_graph(value);
  if (main_graph.by_name) free_graph(&main_graph);
  map_destroy(x.bodies);
  map_destroy(x.functions);
  arena_destroy(x.arena);
  return st;
}
