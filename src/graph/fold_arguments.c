// Weights reach a function that is not inlined as arguments: where all calls give the same constant
// it moves into the body, where engines find it.
#include <string.h>

#include "graph/calls.h"
#include "graph/passes.h"
#include "graph/rewrite.h"

typedef VEC(node_t *) nodes_t;

static bool names_function(const attr_value_t *v, const char *name) {
  if (v->kind == ATTR_FUNC) return v->func.name && strcmp(v->func.name, name) == 0;
  for (size_t i = 0; v->kind == ATTR_LIST && v->list_kind == ATTR_FUNC && i < v->n_list; i++)
    if (v->list && v->list[i].func.name && strcmp(v->list[i].func.name, name) == 0) return true;
  return false;
}

// The plain calls of f; false where anything else names it.
static bool find_calls(graph_t *const *callers, int n, const function_t *f, nodes_t *out) {
  for (int k = 0; k < n; k++)
    for (int i = 0; i < callers[k]->n_nodes; i++) {
      node_t *v = callers[k]->nodes[i];
      if (v->dead) continue;
      call_t c = call_of(callers[k], v);
      if (c.kind == CALL_PLAIN && strcmp(c.function[0], f->name) == 0) {
        if (v->n_in != f->n_args) return false;
        vec_push(out, v);
        continue;
      }
      for (const attr_t *a = v->attrs; a; a = a->next)
        if (names_function(a->value, f->name)) return false;
    }
  return out->n > 0;
}

static const node_t *constant_of(const input_t *in) {
  const node_t *n = in->src;
  while (rewrite_is(n, "Identity") && !n->n_control) n = n->in[0].src;
  return rewrite_is(n, "Const") && !n->n_control ? n : NULL;
}

static status_t same_constant(const node_t *a, const node_t *b, bool *out) {
  const tensor_t *x, *y;
  *out = a == b;
  if (*out) return NULL;
  TRY(attr_tensor(node_attr(a, "value"), &x));
  TRY(attr_tensor(node_attr(b, "value"), &y));
  *out = tensor_equal(x, y);
  return NULL;
}

// NULL where the calls do not give the same constant.
static status_t common_constant(const nodes_t *calls, int arg, const node_t **out) {
  const node_t *first = *out = constant_of(&calls->v[0]->in[arg]);
  for (size_t i = 1; *out && i < calls->n; i++) {
    const node_t *other = constant_of(&calls->v[i]->in[arg]);
    bool same = false;
    if (other) TRY(same_constant(first, other, &same));
    if (!same) *out = NULL;
  }
  return NULL;
}

static void take_argument(function_t *f, int arg, const node_t *constant) {
  graph_t *body = f->body;
  node_t *old = body->args[arg];
  char *name = mem_printf("%s/value", f->args[arg].name);
  node_t *c = rewrite_copy_node(body, constant, name);
  mem_free(name);
  node_remove_attr(c, "_tftrt_weight");  // of another graph
  graph_redirect(body, old, 0, c, 0);
  graph_redirect_control(body, old, NULL);
  graph_remove_node(body, old);
  body->n_args--;
  f->n_args--;
  for (int i = arg; i < f->n_args; i++) {
    f->args[i] = f->args[i + 1];
    body->args[i] = body->args[i + 1];
    body->arg_names[i] = body->arg_names[i + 1];
    node_set_int(body, body->args[i], "index", i);
  }
}

static void drop_input(graph_t *g, node_t *call, int arg) {
  const dtype_t *types;
  int n = node_types(call, "Tin", &types), n_kept = 0;
  dtype_t *kept = mem_alloc(((size_t)n + 1) * sizeof *kept);
  for (int i = 0; i < n; i++)
    if (i != arg) kept[n_kept++] = types[i];
  if (n) node_set_types(g, call, "Tin", kept, n_kept);
  mem_free(kept);
  node_remove_input(call, arg);
}

static status_t fold(graph_t *const *callers, const nodes_t *calls, function_t *f) {
  bool any = false;
  for (int arg = f->n_args - 1; arg >= 0; arg--) {
    const node_t *constant;
    TRY(common_constant(calls, arg, &constant));
    if (!constant) continue;
    any = true;
    take_argument(f, arg, constant);
    for (size_t i = 0; i < calls->n; i++) drop_input(callers[0], calls->v[i], arg);
  }
  if (!any) return NULL;
  f->arg_attrs_size = 0;  // they are told by number, and so are shapes
  attrs_remove(&f->attrs, "_input_shapes");
  graph_compact(f->body);
  return NULL;
}

status_t graph_fold_arguments(graph_t *const *callers, int n_callers, function_t *f) {
  nodes_t calls = {0};
  graph_t *body;
  status_t st = library_body(callers[0]->library, f->name, &body);
  if (!st && find_calls(callers, n_callers, f, &calls)) st = fold(callers, &calls, f);
  vec_free(&calls);
  return st;
}
