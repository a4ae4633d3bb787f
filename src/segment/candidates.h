// Which nodes may be in an engine at all, and why the others may not.
#ifndef TFTRT_SEGMENT_CANDIDATES_H
#define TFTRT_SEGMENT_CANDIDATES_H

#include "segment/partition.h"
#include "segment/segment.h"

typedef struct candidates {
  bool *ok;             // [n_nodes]
  batch_info_t *batch;  // [n_nodes]; NULL unless implicit batch rules are asked for
  const char **code;    // [n_nodes] refusal code, NULL where ok
  const char **reason;  // [n_nodes]
} candidates_t;

// Reasons live in the arena. OP_SET_ALL: what our engines can lower. OP_SET_TF_TRT: TF-TRT's rules.
void find_candidates(const graph_t *g, const segment_options_t *o, arena_t *arena,
                     candidates_t *out);

// TF-TRT 2.17's validator of one node (src/segment/tf_trt_rules.c): true when it is taken, else the
// reason in TF-TRT's words.
bool tf_trt_accepts(const graph_t *g, const node_t *n, const segment_options_t *o, char *reason,
                    size_t size);
// TF-TRT's leading shape of a node in implicit batch mode; false when it has none.
bool tf_trt_leading_shape(const node_t *n, shape_t *out);

// What a TRTEngineOp's inputs and outputs may be (its OpDef's InT and OutT).
bool engine_io_dtype(dtype_t t);

#endif
