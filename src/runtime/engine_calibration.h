// INT8 calibration of a TRTEngineOp while a graph runs: inputs go through the engine's network in
// float, under observation, until somebody asks for the table; from then on there are engines with
// its ranges, the first of them for the shapes of the first inputs, as in TF-TRT.
//
// Any thread; runs that calibrate the same engine come one after the other.
#ifndef TFTRT_RUNTIME_ENGINE_CALIBRATION_H
#define TFTRT_RUNTIME_ENGINE_CALIBRATION_H

#include "runtime/engines_internal.h"

// Of an engine cache, which owns it.
typedef struct engine_calibration engine_calibration_t;
engine_calibration_t *engine_calibration_create(void);
void engine_calibration_destroy(engine_calibration_t *k);

typedef enum calibration_result {
  CALIBRATION_RAN,     // c->out has the outputs
  CALIBRATION_FAILED,  // the engine cannot be observed, could not with other inputs, or not with
                       // inputs of these shapes: it runs natively
  CALIBRATION_ENDED    // engines are built from now on; that for the first inputs is
} calibration_result_t;
calibration_result_t engine_calibration_run(engines_t *e, engine_cache_t *cache, op_ctx_t *c,
                                            const engine_attrs_t *a, uint64_t era);
// Ends it, if there were inputs. NULL: there is no table; *why (mem_free it; NULL: nothing has run)
// says why. The table lives as long as the cache.
const char *engine_calibration_end(engine_cache_t *cache, char **why);
// Ends it too, and builds the engine for the first inputs, if that has not been done.
void engine_calibration_finish(engines_t *e, engine_cache_t *cache, const node_t *node);
// NULL: none, or not ended. As long as the cache.
const char *engine_calibration_table(const engine_cache_t *cache);

#endif
