#include "segment/partition.h"

#include <stdlib.h>
#include <string.h>

// An edge of the working copy. Contracting an edge moves the edges of its target to its source.
typedef struct edge {
  int src, dst;
  bool control, alive;
} edge_t;

typedef VEC(int) ints_t;

typedef struct work {
  const partition_input_t *in;
  int n, source, sink;  // nodes 0 .. n-1, then TF's two own nodes
  VEC(edge_t) edges;
  ints_t *out, *into;   // edge ids per node; dead ones are skipped
  int *parent;          // union-find, no ranks: the source's root stays root
  batch_info_t *batch;  // per root
  int *mark, stamp;     // for the cycle test
  ints_t stack;
} work_t;

static const char *name_of(const work_t *w, int i) {
  if (i == w->source) return "_SOURCE";
  if (i == w->sink) return "_SINK";
  return w->in->graph->nodes[i]->name;
}

static void add_edge(work_t *w, int src, int dst, bool control) {
  if (control) {
    for (size_t i = 0; i < w->out[src].n; i++) {
      const edge_t *e = &w->edges.v[w->out[src].v[i]];
      if (e->alive && e->control && e->dst == dst) return;
    }
  }
  int id = (int)w->edges.n;
  edge_t e = {.src = src, .dst = dst, .control = control, .alive = true};
  vec_push(&w->edges, e);
  vec_push(&w->out[src], id);
  vec_push(&w->into[dst], id);
}

static void drop_dead(const work_t *w, ints_t *list) {
  size_t kept = 0;
  for (size_t i = 0; i < list->n; i++)
    if (w->edges.v[list->v[i]].alive) list->v[kept++] = list->v[i];
  list->n = kept;
}

static bool is_op(const node_t *n, const char *op) { return strcmp(n->op, op) == 0; }

static const node_t *loop_of_switch(const node_t *n) {
  if (!is_op(n, "Switch") || n->n_in != 2 || !is_op(n->in[1].src, "LoopCond")) return NULL;
  return n->in[1].src;
}

// Does the loop of this Switch use a constant from outside (weights, in models)?
static bool captures_constant(const graph_t *g, const node_t *n) {
  const node_t *merge = n->in[0].src;
  if (!is_op(merge, "Merge") || merge->n_in < 1 || !is_op(merge->in[0].src, "Enter")) return false;
  const char *frame = node_string(merge->in[0].src, "frame_name");
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *e = g->nodes[i];
    if (!e->dead && is_op(e, "Enter") && node_bool(e, "is_constant", false) && e->n_in == 1 &&
        is_op(e->in[0].src, "Const") && strcmp(node_string(e, "frame_name"), frame) == 0)
      return true;
  }
  return false;
}

// Control edges from every Switch of a loop to what waits for one of them. TensorFlow 2.17 leaves
// them in loops that read captured weights only.
static void add_loop_edges(work_t *w) {
  const graph_t *g = w->in->graph;
  for (int i = 0; i < w->n; i++) {
    const node_t *node = g->nodes[i];
    for (int k = 0; !node->dead && k < node->n_control; k++) {
      const node_t *pivot = node->control[k];
      if (!is_op(pivot, "Identity") || pivot->n_in != 1) continue;
      const node_t *loop = loop_of_switch(pivot->in[0].src);
      if (!loop || !captures_constant(g, pivot->in[0].src)) continue;
      for (int s = 0; s < w->n; s++)
        if (!g->nodes[s]->dead && loop_of_switch(g->nodes[s]) == loop) add_edge(w, s, i, true);
    }
  }
}

static void copy_graph(work_t *w) {
  const graph_t *g = w->in->graph;
  for (int i = 0; i < w->n; i++) {
    const node_t *node = w->in->order ? w->in->order[i] : g->nodes[i];
    if (node->dead) continue;
    for (int k = 0; k < node->n_in; k++) add_edge(w, node->in[k].src->id, node->id, false);
    for (int k = 0; k < node->n_control; k++) add_edge(w, node->control[k]->id, node->id, true);
  }
  if (w->in->wait_for_loop_variables) add_loop_edges(w);
  for (int i = 0; i < w->n; i++) {
    if (g->nodes[i]->dead) continue;
    if (!w->into[i].n) add_edge(w, w->source, i, true);
    if (!w->out[i].n) add_edge(w, i, w->sink, true);
  }
}

typedef struct named {
  const char *name;
  int id;
} named_t;

static int by_name(const void *a, const void *b) {
  return strcmp(((const named_t *)a)->name, ((const named_t *)b)->name);
}

// Post-order of a depth-first walk from the source; of several successors the one with the largest
// name is walked first.
static void post_order(work_t *w, ints_t *order) {
  bool *seen = mem_calloc((size_t)w->n + 2, sizeof *seen);
  VEC(named_t) next = {0};
  ints_t stack = {0};
  vec_push(&stack, w->source);
  while (stack.n) {
    int top = stack.v[--stack.n];
    if (top < 0) {  // coming back from node -top-1
      vec_push(order, -top - 1);
      continue;
    }
    if (seen[top]) continue;
    seen[top] = true;
    vec_push(&stack, -top - 1);
    next.n = 0;
    for (size_t i = 0; i < w->out[top].n; i++) {
      int dst = w->edges.v[w->out[top].v[i]].dst;
      named_t item = {name_of(w, dst), dst};
      if (!seen[dst]) vec_push(&next, item);
    }
    if (next.n) qsort(next.v, next.n, sizeof *next.v, by_name);
    for (size_t i = 0; i < next.n; i++) vec_push(&stack, next.v[i].id);
  }
  vec_free(&next);
  vec_free(&stack);
  mem_free(seen);
}

static int find_root(work_t *w, int i) {
  while (w->parent[i] != i) {
    w->parent[i] = w->parent[w->parent[i]];
    i = w->parent[i];
  }
  return i;
}

static bool merge_batch(batch_info_t *a, const batch_info_t *b) {
  if (a->has_batch && b->has_batch && a->batch != b->batch) return false;
  if (a->has_max_batch && b->has_max_batch && a->max_batch != b->max_batch) return false;
  if (b->has_batch) a->has_batch = true, a->batch = b->batch;
  if (b->has_max_batch) a->has_max_batch = true, a->max_batch = b->max_batch;
  return true;
}

// Would contracting src -> dst make a cycle? Yes when dst can be reached from src another way.
static bool contractible(work_t *w, int src, int dst) {
  w->stamp++;
  w->stack.n = 0;
  int at = dst;
  for (bool first = true;; first = false) {
    for (size_t i = 0; i < w->into[at].n; i++) {
      const edge_t *e = &w->edges.v[w->into[at].v[i]];
      if (!e->alive) continue;
      if (e->src == src) {
        if (!first) return false;
        continue;
      }
      if (w->mark[e->src] == w->stamp) continue;
      w->mark[e->src] = w->stamp;
      vec_push(&w->stack, e->src);
    }
    if (!w->stack.n) return true;
    at = w->stack.v[--w->stack.n];
  }
}

static void contract(work_t *w, int src, int dst) {
  size_t n_in = w->into[dst].n, n_out = w->out[dst].n;
  for (size_t i = 0; i < n_in; i++) {
    int id = w->into[dst].v[i];
    edge_t e = w->edges.v[id];
    if (!e.alive) continue;
    w->edges.v[id].alive = false;
    if (e.src != src) add_edge(w, e.src, src, e.control);
  }
  for (size_t i = 0; i < n_out; i++) {
    int id = w->out[dst].v[i];
    edge_t e = w->edges.v[id];
    if (!e.alive) continue;
    w->edges.v[id].alive = false;
    if (e.dst != src) add_edge(w, src, e.dst, e.control);
  }
}

static void grow(work_t *w, int node) {
  VEC(int) chosen = {0};
  for (;;) {
    chosen.n = 0;
    drop_dead(w, &w->out[node]);
    batch_info_t expected = w->batch[find_root(w, node)];
    for (size_t i = 0; i < w->out[node].n; i++) {
      const edge_t *e = &w->edges.v[w->out[node].v[i]];
      if (e->control || e->dst >= w->n || !w->in->candidate[e->dst]) continue;
      batch_info_t with = expected;
      if (!merge_batch(&with, &w->batch[find_root(w, e->dst)])) continue;
      if (!contractible(w, node, e->dst)) continue;
      expected = with;
      vec_push(&chosen, w->out[node].v[i]);
    }
    if (!chosen.n) break;
    for (size_t i = 0; i < chosen.n; i++) {
      edge_t e = w->edges.v[chosen.v[i]];
      if (!e.alive) continue;  // it went with an earlier one
      int a = find_root(w, node), b = find_root(w, e.dst);
      if (a != b) {
        w->parent[b] = a;
        merge_batch(&w->batch[a], &w->batch[b]);
      }
      contract(w, node, e.dst);
    }
  }
  vec_free(&chosen);
}

void partition_graph(const partition_input_t *in, int *group) {
  int n = in->graph->n_nodes;
  work_t w = {.in = in, .n = n, .source = n, .sink = n + 1};
  w.out = mem_calloc((size_t)n + 2, sizeof *w.out);
  w.into = mem_calloc((size_t)n + 2, sizeof *w.into);
  w.parent = mem_alloc(((size_t)n + 2) * sizeof *w.parent);
  w.batch = mem_calloc((size_t)n + 2, sizeof *w.batch);
  w.mark = mem_calloc((size_t)n + 2, sizeof *w.mark);
  for (int i = 0; i < n + 2; i++) w.parent[i] = i;
  for (int i = 0; in->batch && i < n; i++) w.batch[i] = in->batch[i];
  copy_graph(&w);
  ints_t order = {0};
  post_order(&w, &order);
  for (size_t i = 0; i < order.n; i++)
    if (order.v[i] < n && in->candidate[order.v[i]]) grow(&w, order.v[i]);
  for (int i = 0; i < n; i++) group[i] = in->candidate[i] ? find_root(&w, i) : -1;

  vec_free(&order);
  vec_free(&w.stack);
  vec_free(&w.edges);
  for (int i = 0; i < n + 2; i++) {
    vec_free(&w.out[i]);
    vec_free(&w.into[i]);
  }
  mem_free(w.out);
  mem_free(w.into);
  mem_free(w.parent);
  mem_free(w.batch);
  mem_free(w.mark);
}
