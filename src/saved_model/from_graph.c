// A GraphDef in memory as a model: one meta graph with one signature.
#include <stdlib.h>
#include <string.h>

#include "saved_model/internal.h"

// Marks of nodes while the signature is found.
enum { IS_NEEDED = 1, IS_FED = 2, IS_KEPT = 4 };

typedef struct finder {
  arena_t *arena;
  graph_t *g;
  VEC(node_t *) kept;
  VEC(node_t *) todo;
  signature_t *s;
} finder_t;

// "name", "name:port" or "^name".
static status_t find_node(const graph_t *g, const char *told, node_t **out) {
  const char *name = told + (*told == '^'), *colon = strrchr(name, ':');
  char *alone = mem_strndup(name, colon ? (size_t)(colon - name) : strlen(name));
  *out = graph_find(g, alone);
  mem_free(alone);
  return *out ? NULL : FAIL(NOT_FOUND, "the graph has no node '%s'", told);
}

static void need(finder_t *x, node_t *n) {
  if (n->mark & IS_NEEDED) return;
  n->mark |= IS_NEEDED;
  if (!(n->mark & IS_FED)) vec_push(&x->todo, n);
}

static void follow(finder_t *x) {
  while (x->todo.n) {
    const node_t *n = x->todo.v[--x->todo.n];
    for (int i = 0; i < n->n_in; i++) need(x, n->in[i].src);
    for (int i = 0; i < n->n_control; i++) need(x, n->control[i]);
  }
}

static status_t mark_fed(finder_t *x, const char *const *fed, int n) {
  for (int i = 0; i < n; i++) {
    node_t *node;
    TRY(find_node(x->g, fed[i], &node));
    if (node->n_out != 1)
      return FAIL(UNIMPLEMENTED,
                  "node '%s' (%s) is fed; only nodes with one output can be, it has %d", node->name,
                  node->op, node->n_out);
    node->mark |= IS_FED | IS_NEEDED;
  }
  for (int i = 0; i < x->g->n_nodes; i++)
    if (strcmp(x->g->nodes[i]->op, "Placeholder") == 0) x->g->nodes[i]->mark |= IS_FED;
  return NULL;
}

static status_t mark_kept(finder_t *x, const char *const *kept, int n) {
  for (int i = 0; i < n; i++) {
    node_t *node;
    TRY(find_node(x->g, kept[i], &node));
    if (!(node->mark & (IS_KEPT | IS_FED))) vec_push(&x->kept, node);
    node->mark |= IS_KEPT;
    need(x, node);
  }
  follow(x);
  return NULL;
}

static tensor_info_t *add_tensor(finder_t *x, tensor_info_t *list, int *count, const node_t *n,
                                 int port) {
  tensor_info_t *t = &list[(*count)++];
  t->key = t->tensor = arena_printf(x->arena, "%s:%d", n->name, port);
  t->dtype = n->out_dtype[port];
  t->shape = SHAPE_UNKNOWN;
  return t;
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const tensor_info_t *)a)->key, ((const tensor_info_t *)b)->key);
}

static void list_inputs(finder_t *x) {
  const int wanted = IS_FED | IS_NEEDED;
  x->s->inputs = arena_alloc(x->arena, ((size_t)x->g->n_nodes + 1) * sizeof *x->s->inputs);
  for (int i = 0; i < x->g->n_nodes; i++) {
    const node_t *n = x->g->nodes[i];
    if ((n->mark & wanted) != wanted) continue;
    tensor_info_t *t = add_tensor(x, x->s->inputs, &x->s->n_inputs, n, 0);
    t->shape = node_shape(n, "shape");
  }
  qsort(x->s->inputs, (size_t)x->s->n_inputs, sizeof *x->s->inputs, by_key);
}

// All outputs of a node that is kept; one without outputs, or of an op whose outputs are not known,
// must only run.
static void list_outputs(finder_t *x) {
  size_t count = 0;
  for (size_t i = 0; i < x->kept.n; i++)
    count += x->kept.v[i]->n_out > 0 ? (size_t)x->kept.v[i]->n_out : 1;
  x->s->outputs = arena_alloc(x->arena, (count + 1) * sizeof *x->s->outputs);
  x->s->targets = arena_alloc(x->arena, (count + 1) * sizeof *x->s->targets);
  for (size_t i = 0; i < x->kept.n; i++) {
    const node_t *n = x->kept.v[i];
    if (n->n_out <= 0) x->s->targets[x->s->n_targets++] = arena_strdup(x->arena, n->name);
    for (int k = 0; k < n->n_out; k++) add_tensor(x, x->s->outputs, &x->s->n_outputs, n, k);
  }
  qsort(x->s->outputs, (size_t)x->s->n_outputs, sizeof *x->s->outputs, by_key);
}

static status_t find_signature(finder_t *x, const graph_nodes_t *which) {
  TRY(mark_fed(x, which->fed, which->n_fed));
  TRY(mark_kept(x, which->kept, which->n_kept));
  x->s->key = "serving_default";
  x->s->method = "";
  list_inputs(x);
  list_outputs(x);
  return NULL;
}

static status_t describe(saved_model_t *m, meta_graph_t *g, const graph_nodes_t *which) {
  arena_t *arena;
  library_t *library;
  graph_t *graph;
  TRY(meta_graph_graph(m, g, &arena, &library, &graph));
  for (int i = 0; i < graph->n_nodes; i++) graph->nodes[i]->mark = 0;
  finder_t x = {.arena = m->arena, .g = graph, .s = g->signatures};
  status_t st = find_signature(&x, which);
  vec_free(&x.kept);
  vec_free(&x.todo);
  graph_destroy(graph);
  library_destroy(library);
  arena_destroy(arena);
  return st;
}

status_t saved_model_from_graph(const void *graph_def, size_t size, const graph_nodes_t *which,
                                saved_model_t **out) {
  *out = NULL;
  saved_model_t *m = mem_calloc(1, sizeof *m);
  m->dir = mem_strdup("GraphDef");
  m->arena = arena_create();
  pthread_mutex_init(&m->lock, NULL);
  m->graphs = arena_alloc(m->arena, sizeof *m->graphs);
  m->restored = arena_alloc(m->arena, sizeof *m->restored);
  m->assigned = arena_alloc(m->arena, sizeof *m->assigned);
  *m->graphs = (meta_graph_t){.tf_version = "", .graph_def = graph_def, .graph_def_size = size};
  m->graphs->signatures = arena_alloc(m->arena, sizeof *m->graphs->signatures);
  m->graphs->n_signatures = 1;
  *m->restored = map_create();
  m->n_graphs = 1;
  status_t st = describe(m, m->graphs, which);
  if (st)
    saved_model_close(m);
  else
    *out = m;
  return st;
}
