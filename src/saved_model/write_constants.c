// Large constants of nodes that stay native: saved_model.pb does not hold them.
//
// TensorFlow itself runs these nodes, and must find the values. A constant that was a variable of
// the source is that variable again, read where it was read (its values are in variables/ anyway).
// Other constants stay, as the source had them in its own graph or they were computed from it, up
// to a bound in all; beyond, they go to the bundle under a key, where only tftrt finds them: a
// saved_model.pb of 2 GiB nobody could read.
#include <string.h>

#include "saved_model/writer_internal.h"

static bool is_const(const node_t *n) { return !n->dead && strcmp(n->op, "Const") == 0; }

static status_t large_value(const saved_model_writer_t *w, const node_t *n, const tensor_t **out) {
  *out = NULL;
  attr_value_t *v = is_const(n) && !*node_string(n, WEIGHT_ATTR) ? node_attr(n, "value") : NULL;
  // What is short in the file is short here, or one value many times.
  if (!v || (tensor_empty(&v->tensor) && v->tensor_size < w->variable_bytes)) return NULL;
  TRY(status_prefix(attr_tensor(v, out), "node %s", n->name));
  if (!dtype_is_plain((*out)->dtype) || tensor_bytes(*out) < w->variable_bytes) *out = NULL;
  return NULL;
}

static const char *variable_key(const node_t *n) {
  const char *shared = node_string(n, "shared_name");
  return *shared ? shared : n->name;
}

// The VarHandleOp of the main graph whose value this is: the same bytes of the same file.
static status_t find_variable(const saved_model_writer_t *w, const graph_edit_t *e,
                              const tensor_t *t, const node_t **out) {
  *out = NULL;
  for (int i = 0; i < e->graph->n_nodes && !*out; i++) {
    const node_t *v = e->graph->nodes[i];
    if (v->dead || strcmp(v->op, "VarHandleOp") != 0 || node_type(v, "dtype") != t->dtype) continue;
    shape_t shape = node_shape(v, "shape");
    if (!shape_compatible(&shape, &t->shape)) continue;
    tensor_t value;
    status_t st = saved_model_variable(w->source, e->source, variable_key(v), &value);
    if (status_code(st) == CODE_NOT_FOUND) {
      status_free(st);
      continue;
    }
    TRY(st);
    if (value.data == t->data && shape_equal(&value.shape, &t->shape)) *out = v;
    tensor_unref(&value);
  }
  return NULL;
}

// The Const becomes the variable's handle (and that an argument, see take_captures), and a read of
// it takes its readers.
static status_t read_variable(graph_t *g, node_t *n, const node_t *variable, dtype_t dtype) {
  char *name = mem_printf("%s/ReadVariableOp", n->name);
  node_t *read = graph_add_node(g, "ReadVariableOp", name);
  mem_free(name);
  node_set_type(g, read, "dtype", dtype);
  graph_redirect(g, n, 0, read, 0);
  graph_redirect_control(g, n, read);
  while (n->n_control) {
    node_t *before = n->control[0];
    node_remove_control(n, before);
    node_add_control(g, read, before);
  }
  while (n->attrs) node_remove_attr(n, n->attrs->name);
  node_set_op(n, "VarHandleOp");
  n->attrs = attrs_copy(g->arena, variable->attrs);
  const char *key = variable_key(variable);
  node_set_string(g, n, "shared_name", key, strlen(key));
  n->raw = NULL;
  TRY(node_resolve(g, n));
  node_add_input(g, read, n, 0);
  return node_resolve(g, read);
}

status_t constants_to_variables(const saved_model_writer_t *w, const graph_edit_t *e, graph_t *g) {
  int count = g->n_nodes;
  for (int i = 0; i < count; i++) {
    const tensor_t *t;
    const node_t *variable = NULL;
    TRY(large_value(w, g->nodes[i], &t));
    if (t && t->buf->mapped) TRY(find_variable(w, e, t, &variable));
    if (variable) TRY(read_variable(g, g->nodes[i], variable, t->dtype));
  }
  return NULL;
}

status_t constants_bound(saved_model_writer_t *w, graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    const tensor_t *t;
    TRY(large_value(w, g->nodes[i], &t));
    if (!t) continue;
    if (w->inlined + (int64_t)tensor_bytes(t) <= w->inline_bytes)
      w->inlined += (int64_t)tensor_bytes(t);
    else
      TRY(weights_assign_key(g, g->nodes[i], 0));
  }
  return NULL;
}
