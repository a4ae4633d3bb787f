// From a native segment to an engine: the one place where TensorFlow nodes become layers. The
// converter uses it at build(), the runtime when an engine is built at run time.
#ifndef TFTRT_RUNTIME_SEGMENT_BUILD_H
#define TFTRT_RUNTIME_SEGMENT_BUILD_H

#include "engine/build_cache.h"
#include "graph/graph.h"

// Attributes of a TRTEngineOp that TensorFlow does not declare.
//
// Nodes of its segment that read variables, whose values are its last inputs, in this order; where
// the segment was removed, the keys of the values (WEIGHT_ATTR). Engines hold them as constants.
#define ATTR_VARIABLES "_tftrt_variables"
// Names of the segment's nodes whose layers have at least so many bits, whatever precision_mode
// says.
#define ATTR_KEEP_FP32 "_tftrt_keep_fp32"
#define ATTR_KEEP_16BIT "_tftrt_keep_16bit"

// Of mode BF16, which TensorFlow has not: "BF16", beside precision_mode FP16.
#define ATTR_PRECISION "_tftrt_precision"

// What a TRTEngineOp says about precision; borrowed from it.
typedef struct segment_precision {
  bool int8;             // its layers may compute in 8 bits
  half_mode_t half;      // and in 16
  bool explicit_ranges;  // only where quantization nodes say so
  const char *table;     // calibration_data, ranges in TensorRT's text form; NULL: none
  size_t table_size;
  const attr_value_t *keep_fp32, *keep_16bit;  // lists of strings; NULL: none
} segment_precision_t;
segment_precision_t segment_precision_of(const node_t *engine);

// A copy of a native segment's body for an engine: its arguments have the node's input_shapes;
// where those tell no rank, as in models of TensorFlow 1 and 2.0, the shapes at hand, in batches of
// any size. Both have as many as the body has arguments.
graph_t *segment_copy(const graph_t *body, const node_t *engine, const shape_t *at_hand,
                      arena_t *arena);

// Lowers a segment's body (arguments, constants, nodes that engines take) to a network that is not
// optimised yet. Inputs are named TensorRTInputPH_<i>, outputs TensorRTOutputPH_<i>. Shapes of the
// body's nodes are inferred from the arguments' (node->out_shape of body->args). Constants with the
// attribute _tftrt_weight keep their key. UNIMPLEMENTED names the node that no layer is for. With a
// precision (NULL: float) tensors get their ranges; in INT8 without explicit ranges
// FAILED_PRECONDITION names those that have none and need one.
status_t segment_lower(graph_t *body, const char *engine_name, const segment_precision_t *precision,
                       network_t **out);

// For engines of a lowered network: what their plans only name is in it. It must outlive them.
weight_source_t lowered_weights(const network_t *n);

// Lowers and builds, or takes what was built of the same before out of the cache (NULL: none).
// o->opt_shapes: concrete shapes to time tactics at, may be NULL. The plan is the caller's
// (mem_free out->data).
status_t segment_build(graph_t *body, const char *engine_name, const segment_precision_t *precision,
                       const backend_t *backend, const build_options_t *o, build_cache_t *cache,
                       bytes_t *out);

#endif
