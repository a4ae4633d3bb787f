// Inner interfaces of the simplifying passes.
#ifndef TFTRT_GRAPH_SIMPLIFY_H
#define TFTRT_GRAPH_SIMPLIFY_H

#include "graph/graph.h"

// How far passes go: as far as is right, or exactly as far as Grappler in TensorFlow 2.17. Shapes
// of what is fed are not trusted while Grappler simplifies, but they are when TF-TRT looks at the
// result (SIMPLIFY_AS_SEGMENTER).
typedef enum simplify_mode {
  SIMPLIFY_ALL,
  SIMPLIFY_AS_GRAPPLER,
  SIMPLIFY_AS_SEGMENTER
} simplify_mode_t;

status_t simplify_infer(graph_t *g, simplify_mode_t mode);
// Grappler knows shape arithmetic through few ops.
bool simplify_grappler_infers(const node_t *n);
// Dims that ops want to be equal are equal from now on (graph/merge_dims.c).
void simplify_merge_dims(graph_t *g);
status_t simplify_fold(graph_t *g, simplify_mode_t mode);
void simplify_fold_ranges(graph_t *g);  // what QuantizeV2 tells of a constant range (fold_ranges.c)
status_t simplify_clean_up(graph_t *g, simplify_mode_t mode);
// As Grappler's constant folding: what does nothing becomes an Identity that waits for its other
// inputs.
status_t simplify_to_identities(graph_t *g, bool *changed);
status_t simplify_common(graph_t *g, simplify_mode_t mode);
// Additions of zero, multiplications by one, constants gathered through sums, products and
// convolutions: Grappler's constant folding beyond folding. *changed says whether anything was
// done.
status_t simplify_arithmetic(graph_t *g, bool *changed);

// The order of nodes decides whose name stays when duplicates merge, and how TF-TRT numbers ports.
// Nodes are put into the order in which Grappler has them (graph/tf_order.c):
void simplify_order_as_pruned(graph_t *g);      // after pruning and the dependency optimizer
void simplify_order_topologically(graph_t *g);  // before duplicates are looked for
// after nodes were erased (by id): the last ones have taken their places; the erased stand at the
// end.
void simplify_order_erased(graph_t *g, const bool *erased);

#endif
