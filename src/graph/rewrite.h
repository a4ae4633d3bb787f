// Small steps that several passes take.
#ifndef TFTRT_GRAPH_REWRITE_H
#define TFTRT_GRAPH_REWRITE_H

#include "graph/graph.h"

// A node with the op, device, attributes and outputs of another, without its edges.
node_t *rewrite_copy_node(graph_t *g, const node_t *from, const char *name);
// The node becomes a Const under its name: inputs and attributes go, control inputs stay.
void rewrite_to_const(graph_t *g, node_t *n, const tensor_t *t);
// The node becomes an Identity of one of its inputs; the other inputs become control inputs when
// they might have effects, and go when not.
void rewrite_to_identity(graph_t *g, node_t *n, int input);
bool rewrite_is(const node_t *n, const char *op);
bool rewrite_is_any(const node_t *n, const char *const *ops);  // NULL at the end
// Switch, Merge, Enter, Exit, NextIteration, LoopCond (and their Ref kinds).
bool rewrite_is_control_flow(const node_t *n);
bool rewrite_has_loops(const graph_t *g);  // those of Enter and Exit
// Stateful, unknown, or calling functions that may be: must not be dropped, merged or moved.
bool rewrite_has_effects(const node_t *n);
bool rewrite_is_arg(const graph_t *g, const node_t *n);
bool rewrite_is_ret(const graph_t *g, const node_t *n);
// Are both known to be the same, in every run? Dims that are one symbol are.
bool rewrite_same_shape(const shape_t *a, const shape_t *b);

// Redirections made in bulk: each (src, port) reads another from now on; one walk applies all.
typedef struct redirects redirects_t;
redirects_t *redirects_create(const graph_t *g);
void redirects_add(redirects_t *r, node_t *src, int port, node_t *with, int new_port);
input_t redirects_follow(const redirects_t *r, input_t in);
void redirects_apply(redirects_t *r, graph_t *g);  // and destroys r

#endif
