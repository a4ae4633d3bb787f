// The union step on its own: which candidates end up together. It knows nothing of ops.
//
// The algorithm is TF-TRT's (tensorflow/compiler/tf2tensorrt/segment): nodes are visited after
// everything that they reach; each takes in the candidates that read it, unless a path around the
// edge would make a cycle. Groups grow from outputs towards inputs, so the root is the most
// upstream node, and groups are numbered by the name of their root.
#ifndef TFTRT_SEGMENT_PARTITION_H
#define TFTRT_SEGMENT_PARTITION_H

#include "graph/graph.h"

// TF-TRT's implicit batch mode: two nodes join only when their batch sizes agree.
typedef struct batch_info {
  bool has_batch;  // false: fits with anything
  int64_t batch;   // leading dim; below zero a symbol (equal symbols are equal)
  bool has_max_batch;
  int64_t max_batch;
} batch_info_t;

typedef struct partition_input {
  const graph_t *graph;
  node_t *const *order;       // [n_nodes] in which edges are added; NULL: that of ids
  const bool *candidate;      // [n_nodes]
  const batch_info_t *batch;  // [n_nodes] or NULL
  // In loops that read captured weights, what starts in a round waits for all variables of the
  // loop, as in TensorFlow's lowering of While; our graphs leave such edges out.
  bool wait_for_loop_variables;
} partition_input_t;

// group[i]: the id of the root node of node i's group, -1 for nodes that are no candidates. Groups
// of one node are groups too. group is the caller's, n_nodes long.
void partition_graph(const partition_input_t *in, int *group);

#endif
