// QuantizeV2 tells the range that its numbers stand for, which is a little wider than the one that
// it was given. Where that is constant, so is what it tells, whatever the input: Dequantize, which
// reads it, then knows its steps before the run.
#include "graph/rewrite.h"
#include "graph/simplify.h"
#include "ops/op.h"

enum { INPUTS = 3, OUTPUTS = 3 };

// An input of the fewest elements that has the channels of the real one. False: they are not known.
static bool stand_in(const node_t *n, tensor_t *out) {
  const input_t *x = &n->in[0];
  int64_t axis = node_int(n, "axis", -1);
  shape_t s = SHAPE_SCALAR;
  if (axis >= 0) {
    if (x->port >= x->src->n_out || axis >= x->src->out_shape[x->port].rank) return false;
    s.rank = x->src->out_shape[x->port].rank;
    for (int i = 0; i < s.rank; i++) s.d[i] = 1;
    s.d[axis] = x->src->out_shape[x->port].d[axis];
    if (s.d[axis] < 0) return false;
  }
  status_t st = tensor_alloc(DT_FLOAT, &s, out);
  bool fine = !st;
  status_free(st);
  return fine;
}

static bool is_candidate(const graph_t *g, const node_t *n) {
  return !n->dead && rewrite_is(n, "QuantizeV2") && n->def && n->def->kernel && n->n_in == INPUTS &&
         n->n_out == OUTPUTS && input_value(&n->in[1]) && input_value(&n->in[2]) &&
         !rewrite_is_arg(g, n);
}

static void fold(graph_t *g, node_t *n, const bool *read, redirects_t *r) {
  tensor_t in[INPUTS] = {{0}}, out[OUTPUTS] = {{0}};
  if (!stand_in(n, &in[0])) return;
  for (int i = 1; i < INPUTS; i++) in[i] = tensor_ref(input_value(&n->in[i]));
  op_ctx_t c = {.node = n, .in = in, .n_in = INPUTS, .out = out, .n_out = OUTPUTS, .threads = 1};
  status_t bad = n->def->kernel(&c);  // which the run will tell
  for (int i = 1; i < OUTPUTS && !bad; i++) {
    if (!read[i]) continue;
    char *name = mem_printf("ConstantFolding/%s-folded-%d", n->name, i);
    node_t *constant = graph_add_const(g, name, &out[i]);
    mem_free(name);
    for (int k = 0; k < n->n_control; k++) node_add_control(g, constant, n->control[k]);
    redirects_add(r, n, i, constant, 0);
  }
  status_free(bad);
  for (int i = 0; i < INPUTS; i++) tensor_unref(&in[i]);
  for (int i = 0; i < OUTPUTS; i++) tensor_unref(&out[i]);
}

// Constants would have to wait for what is around them where v1 control flow is.
static bool is_needed(const graph_t *g) {
  bool any = false;
  for (int i = 0; i < g->n_nodes; i++) {
    if (rewrite_is_control_flow(g->nodes[i])) return false;
    any = any || is_candidate(g, g->nodes[i]);
  }
  return any;
}

void simplify_fold_ranges(graph_t *g) {
  int count = g->n_nodes;
  if (!is_needed(g)) return;
  bool(*read)[OUTPUTS] = mem_calloc((size_t)count + 1, sizeof *read);
  for (int i = 0; i < count; i++) {
    const node_t *n = g->nodes[i];
    for (int k = 0; !n->dead && k < n->n_in; k++)
      if (n->in[k].port < OUTPUTS) read[n->in[k].src->id][n->in[k].port] = true;
  }
  redirects_t *r = redirects_create(g);
  for (int i = 0; i < count; i++)
    if (is_candidate(g, g->nodes[i]) && (read[i][1] || read[i][2]))
      fold(g, g->nodes[i], read[i], r);
  redirects_apply(r, g);
  mem_free(read);
}
