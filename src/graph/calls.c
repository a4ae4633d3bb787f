#include "graph/calls.h"

#include <string.h>

#include "graph/passes.h"

enum { MAX_NODES = 4000000 };

static const struct {
  const char *op;
  call_kind_t kind;
  const char *attr[2];  // CALL_CASE: a list
} table[] = {
    {"PartitionedCall", CALL_PLAIN, {"f", NULL}},
    {"StatefulPartitionedCall", CALL_PLAIN, {"f", NULL}},
    {"If", CALL_IF, {"then_branch", "else_branch"}},
    {"StatelessIf", CALL_IF, {"then_branch", "else_branch"}},
    {"While", CALL_WHILE, {"cond", "body"}},
    {"StatelessWhile", CALL_WHILE, {"cond", "body"}},
    {"Case", CALL_CASE, {"branches", NULL}},
    {"StatelessCase", CALL_CASE, {"branches", NULL}},
};

static const char *const *attrs_of(const node_t *n, call_kind_t *kind) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    if (strcmp(table[i].op, n->op) != 0) continue;
    *kind = table[i].kind;
    return table[i].attr;
  }
  return NULL;
}

status_t call_inlinable(const graph_t *g, const node_t *n, const char *function, graph_t **body) {
  TRY(status_prefix(library_body(g->library, function, body), "node '%s'", n->name));
  if ((*body)->n_args != n->n_in || (*body)->n_rets < n->n_out)
    return FAIL(INVALID_ARGUMENT,
                "node '%s': function '%s' has %d arguments and %d results, the call %d and %d",
                n->name, function, (*body)->n_args, (*body)->n_rets, n->n_in, n->n_out);
  if (g->n_nodes + (*body)->n_nodes > MAX_NODES)
    return FAIL(RESOURCE_EXHAUSTED, "node '%s': the graph has too many nodes when inlined",
                n->name);
  return NULL;
}

call_t call_of(const graph_t *g, const node_t *n) {
  call_t c = {0};
  const char *const *attr = attrs_of(n, &c.kind);
  if (!attr) {
    bool named = !n->def && g->library && library_find(g->library, n->op);
    if (named) c = (call_t){.kind = CALL_PLAIN, .n_functions = 1, .function = {n->op}};
    return c;
  }
  c.first_arg = c.kind == CALL_IF || c.kind == CALL_CASE ? 1 : 0;
  if (c.kind == CALL_CASE) {
    const attr_value_t *v = node_attr(n, attr[0]);
    if (!v || v->kind != ATTR_LIST || v->list_kind != ATTR_FUNC || v->n_list > CALL_MAX_FUNCTIONS)
      return (call_t){0};
    for (size_t i = 0; i < v->n_list; i++) c.function[c.n_functions++] = v->list[i].func.name;
    return c;
  }
  for (int i = 0; i < 2 && attr[i]; i++) {
    const func_ref_t *f = node_func(n, attr[i]);
    if (!f) return (call_t){0};
    c.function[c.n_functions++] = f->name;
  }
  return c;
}

void call_set_function(graph_t *g, node_t *n, const call_t *c, int i, const char *name) {
  call_kind_t kind;
  const char *const *attr = attrs_of(n, &kind);
  if (!attr) {
    node_set_op(n, arena_strdup(g->arena, name));
  } else if (c->kind == CALL_CASE) {
    const attr_value_t *old = node_attr(n, attr[0]);
    attr_value_t *items = arena_alloc(g->arena, old->n_list * sizeof *items);
    size_t count = old->n_list;
    memcpy(items, old->list, count * sizeof *items);
    items[i] = (attr_value_t){.kind = ATTR_FUNC, .func = {arena_strdup(g->arena, name), NULL}};
    attr_value_t *v = node_set_attr(g, n, attr[0]);
    v->kind = ATTR_LIST;
    v->list_kind = ATTR_FUNC;
    v->list = items;
    v->n_list = count;
  } else {
    node_set_func(g, n, attr[i], name);
  }
}

static void add_function(const graph_t *g, const char *name, map_t *seen, functions_t *out) {
  function_t *f = name ? library_find(g->library, name) : NULL;
  if (!f || map_has(seen, f->name)) return;
  map_put(seen, f->name, f);
  vec_push(out, f);
}

static void add_called(const graph_t *g, map_t *seen, functions_t *out) {
  for (int i = 0; i < g->n_nodes; i++) {
    call_t c = g->nodes[i]->dead ? (call_t){0} : call_of(g, g->nodes[i]);
    for (int k = 0; k < c.n_functions; k++) add_function(g, c.function[k], seen, out);
  }
}

status_t graph_called_functions(const graph_t *g, functions_t *out) {
  if (!g->library || g->library->opaque) return NULL;
  map_t *seen = map_create();
  add_called(g, seen, out);
  status_t st = NULL;
  for (size_t i = 0; i < out->n && !st; i++) {
    graph_t *body;
    st = library_body(g->library, out->v[i]->name, &body);
    if (!st) add_called(body, seen, out);
  }
  map_destroy(seen);
  return st;
}

static void add_attribute(const graph_t *g, const attr_value_t *v, map_t *seen, functions_t *out) {
  if (v->kind == ATTR_FUNC) add_function(g, v->func.name, seen, out);
  for (size_t i = 0; v->kind == ATTR_LIST && v->list_kind == ATTR_FUNC && i < v->n_list; i++)
    if (v->list) add_function(g, v->list[i].func.name, seen, out);
}

// What is named beside calls; a native segment is its engine's alone.
static void add_named(const graph_t *g, map_t *seen, functions_t *out) {
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    if (n->dead || strcmp(n->op, "TRTEngineOp") == 0 || call_of(g, n).kind != CALL_NONE) continue;
    for (const attr_t *a = n->attrs; a; a = a->next) add_attribute(g, a->value, seen, out);
  }
}

status_t graph_named_functions(const graph_t *g, const functions_t *called, functions_t *out) {
  if (!g->library || g->library->opaque) return NULL;
  map_t *seen = map_create();
  add_named(g, seen, out);
  for (size_t i = 0; i < called->n; i++) add_named(called->v[i]->body, seen, out);
  status_t st = NULL;
  for (size_t i = 0; i < out->n && !st; i++) {
    graph_t *body;
    st = library_body(g->library, out->v[i]->name, &body);
    if (st) break;
    add_called(body, seen, out);
    add_named(body, seen, out);
  }
  map_destroy(seen);
  return st;
}
