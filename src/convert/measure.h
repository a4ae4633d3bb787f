// What the engines that are built now cost in accuracy and in time: the converted graph over sets
// of inputs, compared with the same graph whose engines run natively, in FP32.
#ifndef TFTRT_CONVERT_MEASURE_H
#define TFTRT_CONVERT_MEASURE_H

#include "accuracy/layers.h"
#include "convert/state.h"

// Sets beyond these are not kept.
enum { MEASURE_SETS = 64 };
#define MEASURE_BYTES ((size_t)256 << 20)

// Keeps copies of a set's inputs for measuring, while there is room.
status_t keep_inputs(converter_t *c, const tensor_t *in);
void forget_inputs(converter_t *c);

typedef struct measured {
  double max_abs, cosine;  // the largest error and the least cosine of all outputs
  double seconds;          // of a run, the least of several
  int sets;                // that the engines served
} measured_t;

typedef struct measure measure_t;
// Runs the graph natively over the inputs that were kept: the outputs that are right.
status_t measure_begin(converter_t *c, measure_t **out);
// Over the sets that all built engines serve; FAILED_PRECONDITION when there are none.
status_t measure_engines(measure_t *m, measured_t *out);
typedef struct layer_time {
  const char *engine, *layer, *type;  // as layer_error_t has them
  double seconds;                     // the least of several runs; of equal names the sum
} layer_time_t;
typedef struct layer_times {
  arena_t *arena;
  VEC(layer_time_t) v;
} layer_times_t;
// What each layer of the engines takes, over the first of these sets. After measure_engines; frees
// with layer_times_free what it gives.
status_t measure_layer_times(measure_t *m, layer_times_t *out);
void layer_times_free(layer_times_t *t);
// Their layers' errors, over the first of these sets.
status_t measure_layers(measure_t *m, layer_errors_t **out);
void measure_end(measure_t *m);  // NULL is fine

#endif
