// Which functions a node calls, and which of its inputs are their arguments.
#ifndef TFTRT_GRAPH_CALLS_H
#define TFTRT_GRAPH_CALLS_H

#include "graph/graph.h"

enum { CALL_MAX_FUNCTIONS = 64 };

typedef enum call_kind { CALL_NONE, CALL_PLAIN, CALL_IF, CALL_CASE, CALL_WHILE } call_kind_t;

typedef struct call {
  call_kind_t kind;
  int first_arg;  // this input is argument 0
  int n_functions;
  // CALL_IF: then, else. CALL_WHILE: cond, body. CALL_CASE: the branches.
  const char *function[CALL_MAX_FUNCTIONS];
} call_t;

// CALL_NONE for nodes that call nothing in these ways (ops that take functions otherwise included).
call_t call_of(const graph_t *g, const node_t *n);
// The body of a function that a node calls, to be put into the node's place. INVALID_ARGUMENT when
// arguments or results do not fit, RESOURCE_EXHAUSTED when the graph would have too many nodes.
status_t call_inlinable(const graph_t *g, const node_t *n, const char *function, graph_t **body);
// Makes the call's function i another one.
void call_set_function(graph_t *g, node_t *n, const call_t *c, int i, const char *name);

#endif
