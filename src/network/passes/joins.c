// A concat of concats along one axis is one concat; a concat of all parts of a split, in order, is
// what was split.
#include "network/passes/pass.h"

static bool same_axis(const layer_t *a, int axis_a, int axis_b) {
  int rank = a->out[0]->shape.rank;
  return rank > 0 && axis_resolve(axis_a, rank) == axis_resolve(axis_b, rank);
}

static bool flatten_concat(network_t *n, layer_t *l) {
  int total = 0;
  bool any = false;
  for (int i = 0; i < l->n_in; i++) {
    const layer_t *c = made_by(l->in[i], LAYER_CONCAT);
    bool inner = c && l->in[i]->n_readers == 1 && same_axis(l, l->p.axis, c->p.axis);
    total += inner ? c->n_in : 1;
    any = any || inner;
  }
  if (!any) return false;
  net_tensor_t **in = mem_alloc((size_t)total * sizeof *in);
  int at = 0;
  for (int i = 0; i < l->n_in; i++) {
    const layer_t *c = made_by(l->in[i], LAYER_CONCAT);
    bool inner = c && l->in[i]->n_readers == 1 && same_axis(l, l->p.axis, c->p.axis);
    for (int k = 0; k < (inner ? c->n_in : 1); k++) in[at++] = inner ? c->in[k] : l->in[i];
    if (inner) inherit_nodes(n, l, c);
  }
  set_inputs(n, l, total, in);
  mem_free(in);
  return true;
}

static bool undo_split(network_t *n, layer_t *l) {
  const layer_t *s = made_by(l->in[0], LAYER_SPLIT);
  if (!s || s->n_out != l->n_in || !same_axis(l, l->p.axis, s->p.axis)) return false;
  for (int i = 0; i < l->n_in; i++)
    if (l->in[i] != s->out[i]) return false;
  inherit_nodes(n, l, s);
  l->type = LAYER_IDENTITY;
  l->p = (layer_params_t){0};
  set_inputs(n, l, 1, s->in);
  return true;
}

int pass_joins(network_t *n) {
  int count = 0;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (!l->dead && l->type == LAYER_CONCAT) count += undo_split(n, l) || flatten_concat(n, l);
  }
  return count;
}
