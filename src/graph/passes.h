// Passes over a graph, each in its own file graph/<name>.c. A pass either changes the graph and
// succeeds, or leaves a status that names the node; a pass must be safe to run on any graph,
// converted ones too.
#ifndef TFTRT_GRAPH_PASSES_H
#define TFTRT_GRAPH_PASSES_H

#include "graph/graph.h"

// Replaces PartitionedCall, StatefulPartitionedCall and calls by function name by the bodies,
// nested calls too (recursion is left as it is). Names become "<call node>/<inner name>", as
// TensorFlow's own inlining makes them.
status_t graph_inline_calls(graph_t *g);
// The same, but calls of functions that `stays` says true of stay, except where the call is `but`
// (which may be NULL).
typedef bool stays_fn(const function_t *f);
status_t graph_inline_calls_unless(graph_t *g, stays_fn *stays, const node_t *but);

// A source of variable values: saved_model/ implements it. key is the VarHandleOp's shared_name or
// node name, or the VariableV2's name; the tensor is mapped, not copied. NOT_FOUND when the model
// has no such variable.
typedef struct variable_source {
  status_t (*read)(void *self, const char *key, tensor_t *out);
  void *self;
} variable_source_t;

// Variables that nothing in the graph (or in functions it calls) assigns become Const nodes where
// they are read: ReadVariableOp, VariableV2 + Identity, ResourceGather (as GatherV2), also through
// While/If/call arguments.
status_t graph_freeze(graph_t *g, const variable_source_t *source);
// Instead: variables stay, and nodes of the graph itself that read what graph_freeze would have
// made a constant (ReadVariableOp of float32 or float16, VariableV2) have its value as
// node_t.pinned, if its shape is declared. ReadVariableOp gets TF-TRT's attribute _shape.
status_t graph_pin_variables(graph_t *g, const variable_source_t *source);
// The keys of variables that something in the graph (or in functions it calls) assigns, or uses in
// a way that is not understood, put into `out` with any value.
void graph_assigned_variables(graph_t *g, map_t *out);

status_t graph_prune(graph_t *g);  // what neither rets nor control_rets need, goes
status_t graph_infer_shapes(
    graph_t *g);  // dtypes, shapes, known values; needs node_resolve'd nodes
status_t graph_fold_constants(
    graph_t *g);  // runs native kernels of stateless ops whose inputs are all known
status_t graph_eliminate_common(graph_t *g);
status_t graph_clean_up(
    graph_t *g);  // identity chains, no-op reshapes, transposes, pads, casts; debug ops
// The usual order, until nothing changes (at most a few rounds): infer, fold, cse, clean up, prune.
status_t graph_simplify(graph_t *g);

// The functions that a graph calls, and those that they call, each once, in the order in which they
// are met. Functions that attributes name without that the node calls them are not among them.
typedef VEC(function_t *) functions_t;
status_t graph_called_functions(const graph_t *g, functions_t *out);
// Those that run with arguments that nothing is known of: attributes of nodes that are no calls
// name them (a data set's), in the graph or in what it calls, or they are called by such functions.
status_t graph_named_functions(const graph_t *g, const functions_t *called, functions_t *out);
// Arguments that are the same constant in every call become constants of the function's body, and
// the calls give them no more. `callers`: all graphs that may call it, which like f are to be
// written anew. Functions that are called in other ways than by a plain call stay.
status_t graph_fold_arguments(graph_t *const *callers, int n_callers, function_t *f);

// Puts native segments in the place of TRTEngineOp nodes, under the names that their nodes had.
// Calls `each` for every TRTEngineOp first; one without native segment stays.
typedef status_t (*restored_fn)(void *user, const node_t *engine, bool has_segment);
status_t graph_restore_segments(graph_t *g, restored_fn each, void *user);

// TRTEngineOps of TensorFlow 1 name their segment in another attribute, or have it as a GraphDef in
// them: they get today's attribute, and the library a function. INVALID_ARGUMENT names the node
// whose segment is none.
status_t graph_name_segments(graph_t *g);

// ---------------------------------------------------------------- as TF-TRT sees a graph
//
// The same steps as TensorFlow 2.17 takes before TF-TRT segments a graph, with the same node names:
// graph_unwrap_signature, graph_lower_control_flow, graph_freeze, graph_simplify_tf_trt.

// A signature that is one call of a function: the function's body becomes the graph, under its own
// names. Nothing happens to other graphs.
status_t graph_unwrap_signature(graph_t *g);
// That call; NULL for other graphs.
node_t *graph_only_call(const graph_t *g);
// Calls inlined (but those of functions that stay: NULL: none) and If, Case, While lowered to v1
// control flow. Recursive functions are refused (RESOURCE_EXHAUSTED).
status_t graph_lower_control_flow(graph_t *g, stays_fn *stays);
// What Grappler's optimizers (pruning, debug_stripper, dependency, constfold,
// common_subgraph_elimination) do to a frozen graph. In TF-TRT effects count where control edges
// lead to a result: control_rets are the caller's to drop.
status_t graph_simplify_tf_trt(graph_t *g);
// As TF-TRT in FP16: a Cast to float32 goes through float16, in two nodes.
status_t graph_split_casts(graph_t *g);
// A topological order: the one in which Grappler leaves nodes, and TensorFlow adds them to a graph
// with their in-edges. NULL when there is a cycle that is no loop. n_nodes entries, mem_free'd by
// the caller. Uses the nodes' marks.
node_t **graph_import_order(graph_t *g);
// A topological order: the one in which TF-TRT walks a graph to number an engine's ports. n_nodes
// entries, mem_free'd by the caller. Uses the nodes' marks.
status_t graph_tf_order(graph_t *g, node_t ***order);

#endif
