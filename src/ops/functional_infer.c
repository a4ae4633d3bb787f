#include "ops/functional_infer.h"

#include "base/mem.h"
#include "graph/passes.h"

// Functions may call themselves: beyond this depth nothing is said.
enum { MAX_DEPTH = 16 };
static _Thread_local int depth;

// The result shapes of `f` for these argument shapes. Functions that cannot be found or inferred
// tell nothing: what is wrong with them is for the executor to say.
static void body_shapes(infer_ctx_t *c, const func_ref_t *f, const shape_t *args, int n_args,
                        shape_t *rets, int n_rets) {
  for (int i = 0; i < n_rets; i++) rets[i] = SHAPE_UNKNOWN;
  graph_t *body = NULL;
  if (!f || !c->graph->library || depth >= MAX_DEPTH) return;
  status_t st = library_body(c->graph->library, f->name, &body);
  if (st || body->n_args != n_args || body->n_rets != n_rets) {
    status_free(st);
    return;
  }
  arena_t *arena = arena_create();
  graph_t *copy = graph_clone(body, arena);
  for (int i = 0; i < n_args; i++)
    if (copy->args[i]->n_out == 1) copy->args[i]->out_shape[0] = args[i];
  depth++;
  st = graph_infer_shapes(copy);
  depth--;
  if (!st) {
    for (int i = 0; i < n_rets; i++) {
      input_t r = copy->rets[i];
      if (!r.src || r.port >= r.src->n_out) continue;
      rets[i] = r.src->out_shape[r.port];
      // The copy counts its own symbols: they mean nothing here.
      for (int d = 0; d < rets[i].rank; d++)
        if (rets[i].d[d] < 0) rets[i].d[d] = -1;
    }
  }
  status_free(st);
  graph_destroy(copy);
  arena_destroy(arena);
}

// Symbols of the caller's graph are unknown dims in the callee's.
static shape_t *arg_shapes(infer_ctx_t *c, int first, int *n) {
  *n = c->node->n_in - first;
  if (*n < 0) *n = 0;
  shape_t *s = mem_calloc((size_t)*n + 1, sizeof *s);
  for (int i = 0; i < *n; i++) {
    s[i] = *infer_in(c, first + i);
    for (int d = 0; d < s[i].rank; d++)
      if (s[i].d[d] < 0) s[i].d[d] = -1;
  }
  return s;
}

// What is left when a value may have either shape.
static shape_t either(const shape_t *a, const shape_t *b) {
  if (a->rank < 0 || a->rank != b->rank) return SHAPE_UNKNOWN;
  shape_t s = *a;
  for (int i = 0; i < s.rank; i++)
    if (a->d[i] != b->d[i]) s.d[i] = -1;
  return s;
}

static void put_outputs(infer_ctx_t *c, const shape_t *s) {
  const attr_value_t *given = node_shapes(c->node, "output_shapes");
  for (int i = 0; i < c->node->n_out; i++) {
    shape_t out = s[i], merged;
    if (given && (int)given->n_list == c->node->n_out &&
        shape_merge(&out, &given->list[i].shape, &merged))
      out = merged;
    infer_out(c, i, &out);
  }
}

static status_t infer_branches(infer_ctx_t *c, const func_ref_t **f, int n_f, int first_arg) {
  int n_args, n = c->node->n_out < 0 ? 0 : c->node->n_out;
  shape_t *args = arg_shapes(c, first_arg, &n_args);
  shape_t *all = mem_calloc((size_t)n + 1, sizeof *all),
          *one = mem_calloc((size_t)n + 1, sizeof *one);
  for (int k = 0; k < n_f; k++) {
    body_shapes(c, f[k], args, n_args, one, n);
    for (int i = 0; i < n; i++) all[i] = k ? either(&all[i], &one[i]) : one[i];
  }
  put_outputs(c, all);
  mem_free(args);
  mem_free(all);
  mem_free(one);
  return NULL;
}

status_t infer_call(infer_ctx_t *c) {
  const func_ref_t *f = node_func(c->node, "f");
  return infer_branches(c, &f, 1, 0);
}

status_t infer_if(infer_ctx_t *c) {
  const func_ref_t *f[] = {node_func(c->node, "then_branch"), node_func(c->node, "else_branch")};
  return infer_branches(c, f, 2, 1);
}

status_t infer_case(infer_ctx_t *c) {
  const attr_value_t *b = node_attr(c->node, "branches");
  if (!b || b->kind != ATTR_LIST || !b->n_list) return NULL;
  const func_ref_t **f = mem_calloc(b->n_list, sizeof *f);
  for (size_t i = 0; i < b->n_list; i++) f[i] = &b->list[i].func;
  status_t st = infer_branches(c, f, (int)b->n_list, 1);
  mem_free(f);
  return st;
}

status_t infer_while(infer_ctx_t *c) {
  int n;
  shape_t *state = arg_shapes(c, 0, &n);
  shape_t *next = mem_calloc((size_t)n + 1, sizeof *next);
  // Shapes only get vaguer, dim by dim; a few rounds settle nearly all loops, the rest are unknown.
  bool settled = false;
  for (int round = 0; round < 4 && !settled; round++) {
    body_shapes(c, node_func(c->node, "body"), state, n, next, n);
    settled = true;
    for (int i = 0; i < n; i++) {
      shape_t s = either(&state[i], &next[i]);
      if (!shape_equal(&s, &state[i])) settled = false;
      state[i] = s;
    }
  }
  if (!settled)
    for (int i = 0; i < n; i++) state[i] = SHAPE_UNKNOWN;
  if (c->node->n_out == n) put_outputs(c, state);
  mem_free(state);
  mem_free(next);
  return NULL;
}
