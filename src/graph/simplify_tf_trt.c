// The graph as TF-TRT 2.17 finds it: Grappler's pruning, debug_stripper, dependency, constfold and
// common_subgraph_elimination, once each.
#include "graph/passes.h"
#include "graph/rewrite.h"
#include "graph/simplify.h"

enum { MAX_ROUNDS = 20 };

status_t graph_simplify_tf_trt(graph_t *g) {
  TRY(graph_prune(g));
  TRY(simplify_clean_up(g, SIMPLIFY_AS_GRAPPLER));
  simplify_order_as_pruned(g);
  bool changed = true;
  for (int round = 0; changed && round < MAX_ROUNDS; round++) {
    TRY(simplify_infer(g, SIMPLIFY_AS_GRAPPLER));
    TRY(simplify_fold(g, SIMPLIFY_AS_GRAPPLER));
    TRY(graph_prune(g));
    TRY(simplify_infer(g, SIMPLIFY_AS_GRAPPLER));
    TRY(simplify_arithmetic(g, &changed));
    TRY(simplify_to_identities(g, &changed));
  }
  TRY(graph_prune(g));
  TRY(simplify_common(g, SIMPLIFY_AS_GRAPPLER));
  TRY(graph_prune(g));
  return simplify_infer(g, SIMPLIFY_AS_SEGMENTER);
}

status_t graph_split_casts(graph_t *g) {
  int count = g->n_nodes;
  for (int i = 0; i < count; i++) {
    node_t *n = g->nodes[i];
    if (n->dead || !rewrite_is(n, "Cast") || n->n_in != 1 || node_type(n, "DstT") != DT_FLOAT ||
        node_type(n, "SrcT") == DT_HALF)
      continue;
    char *name = mem_printf("%s_split", n->name);
    node_t *half = graph_add_node(g, "Cast", name);
    mem_free(name);
    half->device = n->device;
    half->attrs = attrs_copy(g->arena, n->attrs);
    node_set_type(g, half, "DstT", DT_HALF);
    node_add_input(g, half, n->in[0].src, n->in[0].port);
    TRY(node_resolve(g, half));
    node_set_type(g, n, "SrcT", DT_HALF);
    node_set_input(n, 0, half, 0);
  }
  return simplify_infer(g, SIMPLIFY_AS_SEGMENTER);
}
