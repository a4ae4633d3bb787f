// Graphs of a SavedModel: a whole meta graph, or what one signature needs of it.
#include <stdlib.h>
#include <string.h>

#include "saved_model/internal.h"

static void drop(arena_t **arena, library_t **library, graph_t **graph) {
  graph_destroy(*graph);
  library_destroy(*library);
  arena_destroy(*arena);
  *arena = NULL;
  *library = NULL;
  *graph = NULL;
}

status_t meta_graph_graph(const saved_model_t *m, const meta_graph_t *g, arena_t **arena,
                          library_t **library, graph_t **out) {
  *arena = arena_create();
  *library = library_create(*arena);
  *out = graph_create(*arena, *library);
  status_t st = library_learn_ops(*library, g->op_list, g->op_list_size);
  if (!st) st = graph_parse(g->graph_def, g->graph_def_size, *out);
  if (!st) return NULL;
  drop(arena, library, out);
  return m->pb ? status_prefix(st, "%s/saved_model.pb: meta graph %d", m->dir, g->index)
               : status_prefix(st, "%s", m->dir);
}

// "node:port" or "node".
static status_t find_tensor(const graph_t *g, const signature_t *s, const tensor_info_t *info,
                            input_t *out) {
  if (!*info->tensor)
    return FAIL(UNIMPLEMENTED, "signature \"%s\": \"%s\" is a sparse or composite tensor", s->key,
                info->key);
  const char *colon = strrchr(info->tensor, ':');
  size_t n = colon ? (size_t)(colon - info->tensor) : strlen(info->tensor);
  char *name = mem_strndup(info->tensor, n);
  out->src = graph_find(g, name);
  mem_free(name);
  char *end = NULL;
  long port = colon ? strtol(colon + 1, &end, 10) : 0;
  if (!out->src || port < 0 || port > INT32_MAX || (colon && *end) ||
      (out->src->n_out >= 0 && port >= out->src->n_out))
    return FAIL(INVALID_ARGUMENT, "signature \"%s\": \"%s\" is %s, which is not in the graph",
                s->key, info->key, info->tensor);
  out->port = (int)port;
  return NULL;
}

// The node that stands for an argument: the Placeholder that is fed, or a new one in the place of
// any other tensor that is fed (a PlaceholderWithDefault, a reader's output).
static node_t *as_placeholder(graph_t *g, const tensor_info_t *info, input_t fed) {
  if (strcmp(fed.src->op, "Placeholder") == 0) return fed.src;
  node_t *p = graph_add_node(g, "Placeholder", fed.src->name);
  node_set_type(g, p, "dtype", info->dtype);
  node_set_shape(g, p, "shape", &info->shape);
  graph_redirect(g, fed.src, fed.port, p, 0);
  return p;
}

static status_t cut(const signature_t *s, graph_t *g) {
  g->args = arena_alloc(g->arena, (size_t)s->n_inputs * sizeof *g->args);
  g->arg_names = arena_alloc(g->arena, (size_t)s->n_inputs * sizeof *g->arg_names);
  g->rets = arena_alloc(g->arena, (size_t)s->n_outputs * sizeof *g->rets);
  g->ret_names = arena_alloc(g->arena, (size_t)s->n_outputs * sizeof *g->ret_names);
  for (int i = 0; i < s->n_outputs; i++) {
    TRY(find_tensor(g, s, &s->outputs[i], &g->rets[i]));
    g->ret_names[g->n_rets++] = arena_strdup(g->arena, s->outputs[i].key);
  }
  g->control_rets = arena_alloc(g->arena, ((size_t)s->n_targets + 1) * sizeof *g->control_rets);
  for (int i = 0; i < s->n_targets; i++)
    g->control_rets[g->n_control_rets++] = graph_find(g, s->targets[i]);
  for (int i = 0; i < s->n_inputs; i++) {
    input_t in;
    TRY(find_tensor(g, s, &s->inputs[i], &in));
    g->args[i] = as_placeholder(g, &s->inputs[i], in);
    TRY(node_resolve(g, g->args[i]));
    g->arg_names[g->n_args++] = arena_strdup(g->arena, s->inputs[i].key);
  }
  return graph_prune(g);
}

status_t signature_graph(const saved_model_t *m, const meta_graph_t *g, const signature_t *s,
                         arena_t **arena, library_t **library, graph_t **out) {
  TRY(meta_graph_graph(m, g, arena, library, out));
  status_t st = cut(s, *out);
  if (!st) return NULL;
  drop(arena, library, out);
  return status_prefix(st, "%s", m->dir);
}

// ---------------------------------------------------------------- variables that signatures share

static int real_signatures(const meta_graph_t *g) {
  int n = 0;
  for (int i = 0; i < g->n_signatures; i++)
    n += strcmp(g->signatures[i].key, "__saved_model_init_op") != 0;
  return n;
}

// The graph of all signatures together; their outputs are its results.
static status_t find_assigned(const saved_model_t *m, const meta_graph_t *g, map_t *out) {
  arena_t *arena;
  library_t *library;
  graph_t *all;
  TRY(meta_graph_graph(m, g, &arena, &library, &all));
  int count = 0;
  for (int i = 0; i < g->n_signatures; i++) count += g->signatures[i].n_outputs;
  all->rets = arena_alloc(arena, (size_t)count * sizeof *all->rets);
  all->ret_names = arena_alloc(arena, (size_t)count * sizeof *all->ret_names);
  for (int i = 0; i < g->n_signatures; i++) {
    const signature_t *s = &g->signatures[i];
    if (strcmp(s->key, "__saved_model_init_op") == 0) continue;
    for (int k = 0; k < s->n_outputs; k++) {
      status_t st = find_tensor(all, s, &s->outputs[k], &all->rets[all->n_rets]);
      if (!st) all->ret_names[all->n_rets++] = s->outputs[k].key;
      status_free(st);  // told when that signature is used
    }
  }
  status_t st = graph_prune(all);
  if (!st) st = graph_inline_calls(all);  // also variables that functions name
  if (!st) graph_assigned_variables(all, out);
  drop(&arena, &library, &all);
  return status_prefix(st, "%s", m->dir);
}

status_t signatures_assign(const saved_model_t *model, const meta_graph_t *g, const char *name,
                           bool *out) {
  *out = false;
  if (real_signatures(g) < 2) return NULL;               // its own graph tells
  saved_model_t *m = (saved_model_t *)(uintptr_t)model;  // what is found out is remembered
  status_t st = NULL;
  pthread_mutex_lock(&m->lock);
  if (!m->assigned[g->index]) {
    map_t *assigned = map_create();
    st = find_assigned(m, g, assigned);
    if (st)
      map_destroy(assigned);
    else
      m->assigned[g->index] = assigned;
  }
  if (!st) *out = map_has(m->assigned[g->index], name);
  pthread_mutex_unlock(&m->lock);
  return st;
}
