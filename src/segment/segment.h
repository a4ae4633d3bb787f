// Which nodes of a graph become engines: candidates with a reason for every refusal, union without
// cycles, minimum size.
#ifndef TFTRT_SEGMENT_SEGMENT_H
#define TFTRT_SEGMENT_SEGMENT_H

#include "graph/graph.h"

typedef enum op_set {
  OP_SET_ALL /* what our engines take */,
  OP_SET_TF_TRT /* exactly what TF-TRT 2.17 takes */
} op_set_t;

typedef struct segment_options {
  size_t struct_size;
  op_set_t op_set;
  int minimum_segment_size;    // TF-TRT's: 3; -1: convert nothing
  bool implicit_batch;         // TF-TRT's implicit batch mode rules
  const char *precision_mode;  // "FP32", "FP16", "INT8"
  bool use_calibration;
  int max_engines;       // TF_TRT_MAX_ALLOWED_ENGINES; <= 0: no limit
  const char *denylist;  // comma list of op types, may be NULL
  // The graph has QuantizeAndDequantizeV2: TF-TRT then takes all ranges from the graph, in INT8.
  bool explicit_precision;
  // Of a GraphDef, in op set "tf-trt": the engines are for one shape each, so what is not known
  // beside the batch keeps a node out; and variables have no value here, they are tensors.
  bool static_engines, live_variables;
  const char *device_type;  // NULL: "GPU"; nodes that name another type stay out
  bool function_body;       // what makes a function's result may be in an engine, in any op set
} segment_options_t;

typedef struct refusal {  // why a node stays native
  const node_t *node;
  const char *code;    // "op-unsupported", "dtype", "input-or-output", "too-small", "cycle", ...
  const char *reason;  // a sentence
} refusal_t;

typedef struct segment {
  node_t **nodes;  // in topological order, Consts of the segment included
  int n_nodes;
  // Implicit batch mode: the batch size that is the same all over it, by shapes or annotations; -1.
  int64_t max_batch;
} segment_t;

typedef struct segmentation {
  arena_t *arena;
  segment_t *segments;  // in TF-TRT's numbering order
  int n_segments;
  refusal_t *refusals;  // one for every node in no segment
  int n_refusals;
} segmentation_t;

// The graph must be inlined, frozen, simplified and inferred. Any thread.
status_t segment_graph(const graph_t *g, const segment_options_t *o, segmentation_t **out);
void segmentation_destroy(segmentation_t *s);

#endif
