// The graph as TF-TRT 2.17 finds it: Grappler's pruning, debug_stripper, dependency, constfold and
// common_subgraph_elimination, once each.
#include "graph/passes.h"
#include "graph/simplify.h"

enum { MAX_ROUNDS = 20 };

status_t graph_simplify_tf_trt(graph_t *g) {
  // Only results are kept: effects count where control edges lead to a result.
  g->n_control_rets = 0;
  TRY(graph_prune(g));
  bool changed = true;
  for (int round = 0; changed && round < MAX_ROUNDS; round++) {
    TRY(simplify_clean_up(g, SIMPLIFY_AS_GRAPPLER));
    TRY(simplify_infer(g, SIMPLIFY_AS_GRAPPLER));
    TRY(simplify_fold(g, SIMPLIFY_AS_GRAPPLER));
    TRY(simplify_infer(g, SIMPLIFY_AS_GRAPPLER));
    TRY(simplify_clean_up(g, SIMPLIFY_AS_GRAPPLER));
    TRY(simplify_arithmetic(g, &changed));
  }
  TRY(simplify_common(g, SIMPLIFY_AS_GRAPPLER));
  TRY(graph_prune(g));
  return simplify_infer(g, SIMPLIFY_AS_SEGMENTER);
}
