// Orders of nodes that TensorFlow's own passes go by: they decide names that stay and port numbers.
#include <stdlib.h>
#include <string.h>

#include "graph/passes.h"
#include "graph/rewrite.h"
#include "graph/simplify.h"

static int by_name(const void *a, const void *b) {
  return strcmp((*(node_t *const *)a)->name, (*(node_t *const *)b)->name);
}

// The reverse of a depth-first walk from inputs and results by their names, which is what pruning
// leaves.
static node_t **reversed_walk(graph_t *g) {
  size_t n = (size_t)g->n_nodes, left = n;
  node_t **walk = mem_calloc(n + 1, sizeof *walk);
  for (size_t i = 0; i < n; i++) g->nodes[i]->mark = 0;
  VEC(node_t *) stack = {0};
  for (int i = 0; i < g->n_args; i++) vec_push(&stack, g->args[i]);
  for (int i = 0; i < g->n_rets; i++) vec_push(&stack, g->rets[i].src);
  if (stack.n) qsort(stack.v, stack.n, sizeof *stack.v, by_name);
  while (stack.n) {
    node_t *m = stack.v[--stack.n];
    if (m->mark) continue;
    m->mark = 1;
    walk[--left] = m;
    for (int k = 0; k < m->n_in + m->n_control; k++)
      vec_push(&stack, k < m->n_in ? m->in[k].src : m->control[k - m->n_in]);
  }
  vec_free(&stack);
  for (size_t i = 0; i < n; i++)
    if (!g->nodes[i]->mark) walk[--left] = g->nodes[i];
  return walk;
}

static bool is_back_edge(const node_t *m, int k) {
  return k < m->n_in && rewrite_is(m->in[k].src, "NextIteration") && rewrite_is(m, "Merge");
}

static node_t *source(const node_t *m, int k) {
  return k < m->n_in ? m->in[k].src : m->control[k - m->n_in];
}

// Readers by the node they read, each node's in the order of `from`; back edges of loops are left
// out. mark: how many inputs a node waits for.
typedef struct waiting {
  int *begin;  // [n_nodes + 1] into reader
  node_t **reader;
} waiting_t;

static waiting_t who_waits(const graph_t *g, node_t *const *from) {
  size_t n = (size_t)g->n_nodes;
  waiting_t w = {.begin = mem_calloc(n + 2, sizeof *w.begin)};
  for (size_t i = 0; i < n; i++) {
    node_t *m = from[i];
    m->mark = 0;
    for (int k = 0; k < m->n_in + m->n_control; k++)
      if (!is_back_edge(m, k)) w.begin[source(m, k)->id + 2]++, m->mark++;
  }
  for (size_t i = 2; i < n + 2; i++) w.begin[i] += w.begin[i - 1];
  w.reader = mem_alloc(((size_t)w.begin[n + 1] + 1) * sizeof(node_t *));
  for (size_t i = 0; i < n; i++) {
    node_t *m = from[i];
    for (int k = 0; k < m->n_in + m->n_control; k++)
      if (!is_back_edge(m, k)) w.reader[w.begin[source(m, k)->id + 1]++] = m;
  }
  return w;
}

static void waiting_free(waiting_t *w) {
  mem_free(w->begin);
  mem_free(w->reader);
}

// Sorts topologically, first come, first served. False when there is a cycle that is no loop.
static bool sort_ready(const graph_t *g, node_t **nodes) {
  size_t n = (size_t)g->n_nodes, done = 0;
  waiting_t w = who_waits(g, nodes);
  node_t **order = mem_alloc((n + 1) * sizeof *order);
  for (size_t i = 0; i < n; i++)
    if (!nodes[i]->mark) order[done++] = nodes[i];
  for (size_t at = 0; at < done; at++)
    for (int e = w.begin[order[at]->id]; e < w.begin[order[at]->id + 1]; e++)
      if (--w.reader[e]->mark == 0) order[done++] = w.reader[e];
  if (done == n && n) memcpy(nodes, order, n * sizeof *nodes);
  mem_free(order);
  waiting_free(&w);
  return done == n;
}

static void reorder(graph_t *g, node_t *const *order) {
  for (int i = 0; i < g->n_nodes; i++) {
    g->nodes[i] = order[i];
    order[i]->id = i;
  }
}

void simplify_order_as_pruned(graph_t *g) {
  node_t **order = reversed_walk(g);
  if (sort_ready(g, order)) reorder(g, order);
  mem_free(order);
}

void simplify_order_topologically(graph_t *g) {
  node_t **order = mem_alloc(((size_t)g->n_nodes + 1) * sizeof *order);
  if (g->n_nodes) memcpy(order, g->nodes, (size_t)g->n_nodes * sizeof *order);
  if (sort_ready(g, order)) reorder(g, order);
  mem_free(order);
}

void simplify_order_erased(graph_t *g, const bool *erased) {
  node_t **order = mem_alloc(((size_t)g->n_nodes + 1) * sizeof *order);
  if (g->n_nodes) memcpy(order, g->nodes, (size_t)g->n_nodes * sizeof *order);
  int last = g->n_nodes - 1;
  for (int i = last; i >= 0; i--) {
    if (!erased[i]) continue;
    node_t *n = order[i];
    order[i] = order[last];
    order[last--] = n;
  }
  reorder(g, order);
  mem_free(order);
}

// A heap of ids, the smallest on top.
typedef VEC(int) heap_t;

static void heap_push(heap_t *h, int id) {
  vec_push(h, id);
  for (size_t i = h->n - 1; i && h->v[i] < h->v[(i - 1) / 2]; i = (i - 1) / 2) {
    int t = h->v[i];
    h->v[i] = h->v[(i - 1) / 2];
    h->v[(i - 1) / 2] = t;
  }
}

static int heap_pop(heap_t *h) {
  int top = h->v[0];
  h->v[0] = h->v[--h->n];
  for (size_t i = 0;;) {
    size_t least = i, a = 2 * i + 1;
    if (a < h->n && h->v[a] < h->v[least]) least = a;
    if (a + 1 < h->n && h->v[a + 1] < h->v[least]) least = a + 1;
    if (least == i) return top;
    int t = h->v[i];
    h->v[i] = h->v[least];
    h->v[least] = t;
    i = least;
  }
}

// Of the nodes whose inputs are there, the one that stands first is next.
node_t **graph_import_order(graph_t *g) {
  size_t n = (size_t)g->n_nodes, done = 0;
  waiting_t w = who_waits(g, g->nodes);
  node_t **order = mem_alloc((n + 1) * sizeof *order);
  heap_t ready = {0};
  for (size_t i = 0; i < n; i++)
    if (!g->nodes[i]->mark) heap_push(&ready, (int)i);
  while (ready.n) {
    node_t *m = g->nodes[heap_pop(&ready)];
    order[done++] = m;
    for (int e = w.begin[m->id]; e < w.begin[m->id + 1]; e++)
      if (--w.reader[e]->mark == 0) heap_push(&ready, w.reader[e]->id);
  }
  vec_free(&ready);
  waiting_free(&w);
  if (done == n) return order;
  mem_free(order);
  return NULL;
}

// Out-edges in the order of their ids: TensorFlow adds a node's in-edges when it adds the node.
typedef struct out_edges {
  int *begin;  // [n_nodes + 1] into to
  node_t **to;
} out_edges_t;

static out_edges_t edges_by_id(const graph_t *g, node_t *const *added) {
  size_t n = (size_t)g->n_nodes, total = 0;
  out_edges_t e = {.begin = mem_calloc(n + 2, sizeof *e.begin)};
  for (size_t i = 0; i < n; i++) {
    const node_t *m = added[i];
    for (int k = 0; k < m->n_in; k++) e.begin[m->in[k].src->id + 2]++;
    for (int k = 0; k < m->n_control; k++) e.begin[m->control[k]->id + 2]++;
    total += (size_t)m->n_in + (size_t)m->n_control;
  }
  for (size_t i = 2; i < n + 2; i++) e.begin[i] += e.begin[i - 1];
  e.to = mem_alloc((total + 1) * sizeof(node_t *));
  for (size_t i = 0; i < n; i++) {
    node_t *m = added[i];
    for (int k = 0; k < m->n_in; k++) e.to[e.begin[m->in[k].src->id + 1]++] = m;
    for (int k = 0; k < m->n_control; k++) e.to[e.begin[m->control[k]->id + 1]++] = m;
  }
  return e;
}

// The reverse of the post-order of a depth-first walk along out-edges, the last edge first.
// (TensorFlow keeps more than eight out-edges of a node in a set ordered by addresses, so that its
// own answers vary from run to run; the order of ids is one of them.)
status_t graph_tf_order(graph_t *g, node_t ***order) {
  size_t n = (size_t)g->n_nodes, left = n;
  node_t **added = graph_import_order(g);
  if (!added) TRY(graph_topological_order(g, &added));
  out_edges_t e = edges_by_id(g, added);
  uint8_t *seen = mem_calloc(n + 1, 1);
  VEC(int) stack = {0};  // ids; -id-1: coming back from it
  node_t **out = mem_alloc((n + 1) * sizeof *out);
  for (size_t i = 0; i < n; i++)
    if (!added[i]->n_in && !added[i]->n_control) vec_push(&stack, added[i]->id);
  while (stack.n) {
    int id = stack.v[--stack.n];
    if (id < 0) {
      out[--left] = g->nodes[-id - 1];
      continue;
    }
    if (seen[id]) continue;
    seen[id] = 1;
    vec_push(&stack, -id - 1);
    for (int k = e.begin[id]; k < e.begin[id + 1]; k++)
      if (!seen[e.to[k]->id]) vec_push(&stack, e.to[k]->id);
  }
  for (size_t i = n; i-- > 0 && left;)
    if (!seen[added[i]->id]) out[--left] = added[i];
  vec_free(&stack);
  mem_free(seen);
  mem_free(e.begin);
  mem_free(e.to);
  mem_free(added);
  *order = out;
  return NULL;
}
