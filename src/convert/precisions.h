// What the engines of a saved model compute in: layers by precision, the dtypes and scales of their
// tensors, and why a layer has more bits than the mode allows. From the plans, without weights.
#ifndef TFTRT_CONVERT_PRECISIONS_H
#define TFTRT_CONVERT_PRECISIONS_H

#include "base/text.h"
#include "engine/backend.h"
#include "graph/graph.h"

struct json_t;  // jansson's

// Lines on the engines that are saved for a TRTEngineOp of the model in dir.
status_t precisions_text(const char *dir, const node_t *engine, bool detailed, text_t *out);
// The same as a list of objects, one for each engine.
status_t precisions_json(const char *dir, const node_t *engine, struct json_t **out);
// {"int8": 5, ...} of one plan.
status_t plan_precisions_json(const bytes_t *plan, struct json_t **out);

#endif
