// From a native segment to an engine: the one place where TensorFlow nodes become layers. The
// converter uses it at build(), the runtime when an engine is built at run time.
#ifndef TFTRT_RUNTIME_SEGMENT_BUILD_H
#define TFTRT_RUNTIME_SEGMENT_BUILD_H

#include "engine/backend.h"
#include "graph/graph.h"

// Lowers a segment's body (arguments, constants, nodes that engines take) to a network that is not
// optimised yet. Inputs are named TensorRTInputPH_<i>, outputs TensorRTOutputPH_<i>. Shapes of the
// body's nodes are inferred from the arguments' (node->out_shape of body->args). Constants with the
// attribute _tftrt_weight keep their key. UNIMPLEMENTED names the node that no layer is for.
status_t segment_lower(graph_t *body, const char *engine_name, network_t **out);

// Lowers and builds. o->opt_shapes: concrete shapes to time tactics at, may be NULL. The plan is
// the caller's (mem_free out->data).
status_t segment_build(graph_t *body, const char *engine_name, const backend_t *backend,
                       const build_options_t *o, bytes_t *out);

#endif
