#include "network/passes/pass.h"

#include <string.h>

bool const_number(const net_tensor_t *t, double *out) {
  if (!t->is_const || tensor_elements(&t->value) != 1) return false;
  *out = tensor_number_at(&t->value, 0);
  return true;
}

bool surely_same_shape(const shape_t *a, const shape_t *b) {
  if (a->rank < 0 || a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (!dims_surely_equal(a->d[i], b->d[i])) return false;
  return true;
}

void redirect(network_t *n, net_tensor_t *from, net_tensor_t *to) {
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    for (int k = 0; k < l->n_in && !l->dead; k++) {
      if (l->in[k] != from) continue;
      l->in[k] = to;
      from->n_readers--;
      to->n_readers++;
    }
  }
  for (int i = 0; i < n->n_outputs; i++) {
    if (n->outputs[i] != from) continue;
    n->outputs[i] = to;
    from->n_readers--;
    to->n_readers++;
  }
}

// A layer that nothing reads any more reads nothing either.
static void drop_if_unread(net_tensor_t *t) {
  layer_t *l = t->producer;
  if (!l || l->dead) return;
  for (int o = 0; o < l->n_out; o++)
    if (l->out[o]->n_readers > 0) return;
  l->dead = true;
  for (int i = 0; i < l->n_in; i++)
    if (--l->in[i]->n_readers == 0) drop_if_unread(l->in[i]);
}

void set_inputs(network_t *n, layer_t *l, int n_in, net_tensor_t *const *in) {
  for (int i = 0; i < n_in; i++) in[i]->n_readers++;
  net_tensor_t **list = arena_alloc(n->arena, (size_t)n_in * sizeof *list + 1);
  memcpy(list, in, (size_t)n_in * sizeof *list);
  net_tensor_t **old = l->in;
  int n_old = l->n_in;
  l->in = list;
  l->n_in = n_in;
  for (int i = 0; i < n_old; i++) old[i]->n_readers--;
  for (int i = 0; i < n_old; i++) drop_if_unread(old[i]);
}

static bool has_node(const layer_t *l, const char *name) {
  for (int i = 0; i < l->n_tf_nodes; i++)
    if (strcmp(l->tf_nodes[i], name) == 0) return true;
  return false;
}

void inherit_nodes(network_t *n, layer_t *l, const layer_t *src) {
  if (src == l || !src->n_tf_nodes) return;
  const char **all =
      arena_alloc(n->arena, (size_t)(l->n_tf_nodes + src->n_tf_nodes) * sizeof *all + 1);
  int count = 0;
  for (int i = 0; i < src->n_tf_nodes; i++)
    if (!has_node(l, src->tf_nodes[i])) all[count++] = src->tf_nodes[i];
  if (l->n_tf_nodes) memcpy(all + count, l->tf_nodes, (size_t)l->n_tf_nodes * sizeof *all);
  l->tf_nodes = all;
  l->n_tf_nodes += count;
}

static void inherit_below(network_t *n, layer_t *l, const net_tensor_t *t, const net_tensor_t *stop,
                          int depth) {
  if (t == stop || !t->producer || depth == 0) return;
  for (int i = 0; i < t->producer->n_in; i++)
    inherit_below(n, l, t->producer->in[i], stop, depth - 1);
  inherit_nodes(n, l, t->producer);
}

void inherit_tree(network_t *n, layer_t *l, const net_tensor_t *t, const net_tensor_t *stop) {
  enum { DEEPEST_PATTERN = 12 };
  inherit_below(n, l, t, stop, DEEPEST_PATTERN);
}

void become(network_t *n, layer_t *l, const layer_t *src, int n_in, net_tensor_t *const *in) {
  l->type = src->type;
  l->p = src->p;
  inherit_nodes(n, l, src);
  set_inputs(n, l, n_in, in);
}

net_tensor_t *make_constant(network_t *n, const char *name, dtype_t dtype, const shape_t *shape,
                            const double *values) {
  tensor_t t;
  status_t st = tensor_alloc(dtype, shape, &t);
  if (st) {
    status_free(st);
    return NULL;
  }
  int64_t count = tensor_elements(&t);
  for (int64_t i = 0; i < count; i++) tensor_set_number(&t, i, values[i]);
  net_tensor_t *c = network_add_constant(n, name, &t, NULL);
  tensor_unref(&t);
  return c;
}
