// An engine's network under observation, for INT8 calibration: it runs in float, as it was lowered,
// with a histogram of each tensor that goes by a name of TensorFlow's; the histograms become a
// table of ranges (network/ranges.h).
//
// One thread at a time.
#ifndef TFTRT_RUNTIME_ENGINE_OBSERVER_H
#define TFTRT_RUNTIME_ENGINE_OBSERVER_H

#include "engine/backend.h"
#include "graph/graph.h"
#include "network/histogram.h"

typedef struct engine_observer engine_observer_t;

// backend: "cpu" is taken where it cannot observe. body: a native segment whose arguments have the
// shapes that are known of them; must outlive the observer. What cannot be lowered or planned is an
// error.
status_t engine_observer_create(graph_t *body, const char *engine_name, const backend_t *backend,
                                int threads, engine_observer_t **out);
void engine_observer_destroy(engine_observer_t *o);  // NULL is fine
// out: receives [n_out] tensors, which are the caller's after an error too. INVALID_ARGUMENT names
// a tensor that has a NaN or an infinity.
status_t engine_observer_run(engine_observer_t *o, const tensor_t *in, int n_in, tensor_t *out,
                             int n_out);
// Tensors were seen, and none of them had an element.
bool engine_observer_saw_no_values(const engine_observer_t *o);
// Ranges of all that was seen, in TensorRT's text form; mem_free it.
char *engine_observer_table(const engine_observer_t *o, calibrator_t how);

#endif
