// Which shapes the engines of build() are for.
#ifndef TFTRT_CONVERT_PROFILES_H
#define TFTRT_CONVERT_PROFILES_H

#include "convert/state.h"

// Finds out which inputs of the engine shapes depend on (e->is_shape), before the graph is run.
void find_shape_inputs(converter_t *c, engine_node_t *e);
// Notes what reached the engine. bound: 0, 1, 2 when the run is to give the least, the best and the
// greatest shapes of a profile; -1: it is one of many.
void note_shape_set(engine_node_t *e, const tensor_t *in, int bound);
// After three runs with bounds: a profile from them.
status_t finish_bounds(engine_node_t *e);
// e->profiles of an engine that was reached: the given ones, or those of the strategy.
status_t make_profiles(engine_node_t *e);
// What the graph knows of the engine's inputs; mem_free it.
shape_t *partial_shapes(const engine_node_t *e);
void forget_shape_sets(engine_node_t *e);

#endif
