// Readers of each node, and the order in which nodes can run.
#include <string.h>

#include "graph/graph.h"

readers_t graph_readers(const graph_t *g) {
  size_t nodes = (size_t)g->n_nodes;
  readers_t r = {.begin = mem_calloc(nodes + 1, sizeof(int))};
  // Counts at [id], then the ends of the ranges, which filling from behind turns into begins.
  for (size_t i = 0; i < nodes; i++) {
    const node_t *n = g->nodes[i];
    if (n->dead) continue;
    for (int k = 0; k < n->n_in; k++) r.begin[n->in[k].src->id]++;
    for (int k = 0; k < n->n_control; k++) r.begin[n->control[k]->id]++;
  }
  for (size_t i = 1; i <= nodes; i++) r.begin[i] += r.begin[i - 1];
  r.list = mem_alloc((size_t)(r.begin[nodes] + 1) * sizeof *r.list);
  for (size_t i = nodes; i-- > 0;) {
    node_t *n = g->nodes[i];
    if (n->dead) continue;
    for (int k = n->n_control; k-- > 0;) r.list[--r.begin[n->control[k]->id]] = (reader_t){n, -1};
    for (int k = n->n_in; k-- > 0;) r.list[--r.begin[n->in[k].src->id]] = (reader_t){n, k};
  }
  return r;
}

void readers_free(readers_t *r) {
  mem_free(r->begin);
  mem_free(r->list);
  *r = (readers_t){0};
}

static bool is_back_edge(const node_t *from, const node_t *to) {
  return (strcmp(from->op, "NextIteration") == 0 || strcmp(from->op, "RefNextIteration") == 0) &&
         (strcmp(to->op, "Merge") == 0 || strcmp(to->op, "RefMerge") == 0);
}

// Depth first from every node in the order of ids, inputs before controls: post-order.
status_t graph_topological_order(const graph_t *g, node_t ***order) {
  enum { FRESH, OPEN, DONE };
  typedef struct frame {
    node_t *node;
    int next;
  } frame_t;
  size_t nodes = (size_t)g->n_nodes;
  uint8_t *state = mem_calloc(nodes + 1, 1);
  frame_t *stack = mem_alloc((nodes + 1) * sizeof *stack);
  node_t **out = mem_alloc((nodes + 1) * sizeof(node_t *));
  size_t done = 0;
  status_t st = NULL;
  for (size_t i = 0; i < nodes && !st; i++) {
    if (state[i] != FRESH) continue;
    size_t depth = 0;
    stack[depth++] = (frame_t){g->nodes[i], 0};
    state[i] = OPEN;
    while (depth && !st) {
      frame_t *f = &stack[depth - 1];
      node_t *n = f->node;
      if (f->next == n->n_in + n->n_control) {
        state[n->id] = DONE;
        out[done++] = n;
        depth--;
        continue;
      }
      int k = f->next++;
      node_t *src = k < n->n_in ? n->in[k].src : n->control[k - n->n_in];
      if (k < n->n_in && is_back_edge(src, n)) continue;
      if (state[src->id] == OPEN) {
        st = FAIL(INVALID_ARGUMENT, "the graph has a cycle through node '%s'", src->name);
      } else if (state[src->id] == FRESH) {
        state[src->id] = OPEN;
        stack[depth++] = (frame_t){src, 0};
      }
    }
  }
  mem_free(state);
  mem_free(stack);
  if (st) {
    mem_free(out);
    return st;
  }
  *order = out;
  return NULL;
}
