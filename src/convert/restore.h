// Models that were converted before, as the source of a conversion.
#ifndef TFTRT_CONVERT_RESTORE_H
#define TFTRT_CONVERT_RESTORE_H

#include "convert/state.h"

// An engine's name, of its node's: what stands after the last '/'.
const char *canonical_name(const char *node);
// NOT_FOUND, naming the file and the node, when a TRTEngineOp has nothing that could run.
status_t check_engine(const converter_t *c, const node_t *engine, bool has_segment);
// After calls were inlined: TRTEngineOps of a graph become their native segments; their names are
// noted in c->restored, what they were calibrated with in c->old_ranges.
status_t restore_engines(converter_t *c, graph_t *g);
// INT8 without other calibration: the engines' calibration_data from the old ones'.
status_t take_old_ranges(converter_t *c);

#endif
