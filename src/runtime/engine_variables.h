// Variables that engines hold as constants (TF-TRT's disable_graph_freezing). The last inputs of a
// TRTEngineOp are their values (ATTR_VARIABLES); the segment reads the variables itself. TF-TRT
// reads them when it builds an engine and sees no later assignment; here a run whose values are
// others than those that the engines hold gives these engines up.
#ifndef TFTRT_RUNTIME_ENGINE_VARIABLES_H
#define TFTRT_RUNTIME_ENGINE_VARIABLES_H

#include "runtime/engines_internal.h"

engine_variables_t *engine_variables_create(void);
void engine_variables_destroy(engine_variables_t *v);

// Before a run takes an engine: engines with other values go. Returns the era (engine_cache_t) of
// the run's values. Values in the memory that they had in the last run are the same: that run's
// tensors are held, and who holds a tensor is the only one that may write to it. Those that are
// lent for the run (tensor_borrow without release) are copied, and compared in every run. Any
// thread.
uint64_t engine_variables_look(engines_t *e, engine_cache_t *cache, const op_ctx_t *c,
                               const engine_attrs_t *a);
uint64_t engine_variables_era(engine_cache_t *cache);  // of the last run's
// Whether the last run's values, of this era, are those that the model was saved with.
bool engine_variables_as_saved(engine_cache_t *cache, uint64_t *era);
// The nodes of a copy of the segment that read variables get the values of the last run.
void engine_variables_pin(engine_cache_t *cache, const engine_attrs_t *a, graph_t *body);

#endif
