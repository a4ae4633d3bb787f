// Which layers of a model's engines add how much error: the engines run as they were planned,
// beside the same networks in FP32.
//
// Each set of inputs runs through the model twice. First every engine is stood in for by its FP32
// network, whose tensors are kept; each layer of the planned network is run alone on them, rounded
// to the types that it reads, and what it makes is compared with what they have for it: its own
// error. Then the engines run as planned, and their tensors are compared with those that were kept:
// the error that has accumulated.
#ifndef TFTRT_ACCURACY_LAYERS_H
#define TFTRT_ACCURACY_LAYERS_H

#include "accuracy/difference.h"
#include "base/mem.h"
#include "network/network.h"
#include "runtime/engine_watch.h"

typedef struct layer_error {
  const char *engine;  // the TRTEngineOp; this and the other texts live as long as the errors
  const char *name, *type, *precision;
  const char *kernel;        // how the backend runs it; "" when it does not tell
  const char *why;           // layer.why; NULL
  const char *const *nodes;  // TensorFlow nodes that it computes
  int n_nodes;
  bool moves;  // gives its input another shape and does nothing else
  int order;   // among all layers, as the engines run them
  bool heavy;  // a convolution, product or attention: what precision is chosen for
  // Its outputs, as real numbers. count 0: the FP32 network has no tensor for it.
  difference_t own, accumulated;
} layer_error_t;

typedef struct layer_errors {
  arena_t *arena;
  layer_error_t *v;  // the largest relative L2 of the own error first
  int n;
} layer_errors_t;

typedef struct layer_watch layer_watch_t;
layer_watch_t *layer_watch_create(void);
void layer_watch_destroy(layer_watch_t *w);  // NULL is fine

// For a set of inputs, in this order: what stands in for the engines while the model runs over it;
// the second time with the same inputs.
engine_watch_t layer_watch_reference(layer_watch_t *w);
engine_watch_t layer_watch_planned(layer_watch_t *w);
// All sets so far; layer_errors_destroy. Layers without a figure are left out, but for heavy ones
// where all is asked for.
layer_errors_t *layer_watch_errors(const layer_watch_t *w, bool all);
void layer_errors_destroy(layer_errors_t *e);  // NULL is fine

#endif
