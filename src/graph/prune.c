// What neither results nor control results need, goes. Arguments stay.
#include "graph/passes.h"

typedef VEC(node_t *) nodes_t;

static void want(nodes_t *todo, node_t *n) {
  if (n->mark) return;
  n->mark = 1;
  vec_push(todo, n);
}

status_t graph_prune(graph_t *g) {
  nodes_t todo = {0};
  for (int i = 0; i < g->n_nodes; i++) g->nodes[i]->mark = 0;
  for (int i = 0; i < g->n_args; i++) want(&todo, g->args[i]);
  for (int i = 0; i < g->n_rets; i++) want(&todo, g->rets[i].src);
  for (int i = 0; i < g->n_control_rets; i++) want(&todo, g->control_rets[i]);
  while (todo.n) {
    node_t *n = todo.v[--todo.n];
    for (int i = 0; i < n->n_in; i++) want(&todo, n->in[i].src);
    for (int i = 0; i < n->n_control; i++) want(&todo, n->control[i]);
  }
  vec_free(&todo);
  for (int i = 0; i < g->n_nodes; i++)
    if (!g->nodes[i]->mark) graph_remove_node(g, g->nodes[i]);
  graph_compact(g);
  return NULL;
}
