// Nodes that compute the same from the same become one: the first in topological order stays.
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "graph/passes.h"
#include "graph/rewrite.h"
#include "graph/simplify.h"
#include "ops/op.h"

enum { MAX_HASHED = 64 << 10 };  // of a constant; whole contents are compared when hashes agree

static bool may_merge(const graph_t *g, const node_t *n) {
  return n->def && n->n_out > 0 && !rewrite_has_effects(n) && !rewrite_is(n, "Placeholder") &&
         !rewrite_is(n, "_Arg") && !rewrite_is_arg(g, n);
}

static bool swapped(const node_t *n, const input_t *in) {
  return n->def->flags & OP_COMMUTATIVE && n->n_in >= 2 &&
         (in[0].src->id > in[1].src->id || (in[0].src == in[1].src && in[0].port > in[1].port));
}

static input_t key_input(const redirects_t *r, const node_t *n, int i) {
  if (i < 2 && n->n_in >= 2) {
    input_t in[2] = {redirects_follow(r, n->in[0]), redirects_follow(r, n->in[1])};
    return in[swapped(n, in) ? 1 - i : i];
  }
  return redirects_follow(r, n->in[i]);
}

static uint64_t hash_node(const redirects_t *r, const node_t *n) {
  uint64_t h = hash_bytes(n->op, strlen(n->op), 0);
  for (int i = 0; i < n->n_in; i++) {
    input_t in = key_input(r, n, i);
    int64_t key[2] = {in.src->id, in.port};
    h = hash_bytes(key, sizeof key, h);
  }
  attr_value_t *a = rewrite_is(n, "Const") ? node_attr(n, "value") : NULL;
  const tensor_t *t = NULL;
  if (a) status_free(attr_tensor(a, &t));
  if (t && dtype_is_plain(t->dtype)) {
    size_t bytes = tensor_bytes(t);
    h = hash_bytes(t->data, bytes < MAX_HASHED ? bytes : MAX_HASHED, h ^ t->dtype);
  }
  return h;
}

static bool same_node(const redirects_t *r, const node_t *a, const node_t *b) {
  if (strcmp(a->op, b->op) != 0 || a->n_in != b->n_in || a->n_control != b->n_control ||
      a->n_out != b->n_out || strcmp(a->device, b->device) != 0)
    return false;
  for (int i = 0; i < a->n_in; i++) {
    input_t x = key_input(r, a, i), y = key_input(r, b, i);
    if (x.src != y.src || x.port != y.port) return false;
  }
  for (int i = 0; i < a->n_control; i++) {
    bool found = false;
    for (int k = 0; k < b->n_control; k++) found |= a->control[i] == b->control[k];
    if (!found) return false;
  }
  // Attributes that say nothing of what is computed ("_output_shapes", "_class") do not count, but
  // for the one that says which engine a node may be in.
  for (int side = 0; side < 2; side++) {
    const node_t *p = side ? b : a, *q = side ? a : b;
    for (const attr_t *x = p->attrs; x; x = x->next) {
      if (x->name[0] == '_' && strcmp(x->name, MAX_BATCH_ATTR) != 0) continue;
      attr_value_t *y = node_attr(q, x->name);
      if (!y || !attr_equal(x->value, y)) return false;
    }
  }
  return true;
}

// ---------------------------------------------------------------- Grappler's order of operands

static int by_tensor_name(const void *a, const void *b) {
  const input_t *in[2] = {a, b};
  const char *name[2] = {in[0]->src->name, in[1]->src->name};
  char *made[2] = {NULL, NULL};
  for (int i = 0; i < 2; i++)
    if (in[i]->port) name[i] = made[i] = mem_printf("%s:%d", name[i], in[i]->port);
  int order = strcmp(name[0], name[1]);
  for (int i = 0; i < 2; i++) mem_free(made[i]);
  return order;
}

// Grappler looks for duplicates with the operands of commutative ops (as their OpDefs say, and Add)
// sorted by name, and leaves them so: what comes first gives the batch to implicit batch mode.
static void sort_operands(graph_t *g) {
  static const char *const commutative[] = {"AccumulateNV2",
                                            "Add",
                                            "AddN",
                                            "AddV2",
                                            "ApproximateEqual",
                                            "BitwiseAnd",
                                            "BitwiseOr",
                                            "Equal",
                                            "BitwiseXor",
                                            "LogicalAnd",
                                            "LogicalOr",
                                            "Mul",
                                            "NotEqual",
                                            "SquaredDifference",
                                            NULL};
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    if (n->dead || n->n_in < 2 || !rewrite_is_any(n, commutative)) continue;
    if (n->n_out && n->out_dtype[0] == DT_STRING) continue;  // Add joins strings
    input_t *in = mem_alloc((size_t)n->n_in * sizeof *in);
    memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    qsort(in, (size_t)n->n_in, sizeof *in, by_tensor_name);
    for (int k = 0; k < n->n_in; k++) node_set_input(n, k, in[k].src, in[k].port);
    mem_free(in);
  }
}

status_t graph_eliminate_common(graph_t *g) { return simplify_common(g, SIMPLIFY_ALL); }

status_t simplify_common(graph_t *g, simplify_mode_t mode) {
  node_t **order;
  bool as_grappler = mode == SIMPLIFY_AS_GRAPPLER;
  if (as_grappler) simplify_order_topologically(g);
  if (as_grappler) sort_operands(g);
  TRY(graph_topological_order(g, &order));
  if (as_grappler && g->n_nodes) memcpy(order, g->nodes, (size_t)g->n_nodes * sizeof *order);
  bool *erased = mem_calloc((size_t)g->n_nodes + 1, sizeof *erased);
  redirects_t *r = redirects_create(g);
  size_t slots = 16;
  while (slots < 2 * (size_t)g->n_nodes) slots *= 2;
  struct {
    uint64_t hash;
    node_t *node;
  } *table = mem_calloc(slots, sizeof *table);
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = order[i];
    if (!may_merge(g, n) || (as_grappler && rewrite_is_ret(g, n))) continue;
    uint64_t h = hash_node(r, n);
    size_t s = h & (slots - 1);
    while (table[s].node && !(table[s].hash == h && same_node(r, table[s].node, n)))
      s = (s + 1) & (slots - 1);
    if (!table[s].node) {
      table[s].hash = h;
      table[s].node = n;
      continue;
    }
    for (int k = 0; k < n->n_out; k++) redirects_add(r, n, k, table[s].node, k);
    if (as_grappler) graph_redirect_control(g, n, table[s].node);
    erased[n->id] = true;
  }
  mem_free(table);
  mem_free(order);
  // Results keep their nodes, so that their names stay.
  input_t *rets = mem_alloc(((size_t)g->n_rets + 1) * sizeof *rets);
  if (g->n_rets) memcpy(rets, g->rets, (size_t)g->n_rets * sizeof *rets);
  redirects_apply(r, g);
  if (g->n_rets) memcpy(g->rets, rets, (size_t)g->n_rets * sizeof *rets);
  mem_free(rets);
  if (as_grappler) simplify_order_erased(g, erased);
  mem_free(erased);
  return NULL;
}
