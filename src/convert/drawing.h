// A graph as a drawing: Graphviz's dot language.
#ifndef TFTRT_CONVERT_DRAWING_H
#define TFTRT_CONVERT_DRAWING_H

#include "base/text.h"
#include "graph/graph.h"

// One graph of a drawing: of a signature, by its key.
typedef struct drawn_graph {
  const char *key;
  const graph_t *graph;
} drawn_graph_t;

// Adds a digraph of that title. The nodes' identifiers are TensorFlow's names, and "output NAME"
// for what a graph returns; of several graphs each is a cluster, and "KEY: " is before its nodes.
// In the order of the graphs' nodes, so that equal graphs give equal texts.
void draw_graphs(text_t *t, const char *title, const drawn_graph_t *graphs, size_t n);

#endif
