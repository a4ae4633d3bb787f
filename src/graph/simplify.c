#include "graph/simplify.h"

#include "graph/passes.h"

enum { MAX_ROUNDS = 4 };

status_t graph_simplify(graph_t *g) {
  TRY(graph_prune(g));
  for (int round = 0; round < MAX_ROUNDS; round++) {
    int before = g->n_nodes;
    TRY(graph_infer_shapes(g));
    TRY(graph_fold_constants(g));
    simplify_fold_ranges(g);
    TRY(graph_eliminate_common(g));
    TRY(graph_clean_up(g));
    if (g->n_nodes == before && round) break;
  }
  return graph_infer_shapes(g);
}
