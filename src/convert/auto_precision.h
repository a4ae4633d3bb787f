// Precision mode AUTO: the fastest assignment of precisions within a bound on the outputs' error.
//
// Engines are built in the fastest way first: INT8 where there are ranges, 16 bits where the CPU is
// faster in them. When the error is above the bound, layers are ranked by what putting them back
// gains in accuracy for the time that it costs (precision_worth), and as many of the first as
// needed are put back, to 16 bits, and if that does not do, to FP32: how many is found by
// bisection, each try being a build and a run over the inputs. Then some of those return to fewer
// bits where the bound still holds, the ones that save most time first. Where nothing is timed,
// errors alone rank. The choice is written into the TRTEngineOps (runtime/segment_build.h).
#ifndef TFTRT_CONVERT_AUTO_PRECISION_H
#define TFTRT_CONVERT_AUTO_PRECISION_H

#include "convert/measure.h"

typedef struct kept_layer {
  const char *engine, *layer, *type;
  const char *node;              // of TensorFlow, by which it is kept
  const char *was, *is;          // precisions
  double own_before, own_after;  // relative L2 of its own error
  double costs;                  // seconds more than it took; NAN: not timed
} kept_layer_t;

struct precision_choice {
  measured_t fastest, chosen, fp32;
  kept_layer_t *kept;  // the worst first
  int n_kept;
  int candidates;  // layers that could have been put back
  int builds;
  const char *because;  // why all layers are FP32 though fewer would do; NULL
};

// What putting a layer back is worth, whose own error (relative L2) is own and which takes `faster`
// seconds now and `slower` then; times of 0 are not known. Errors of layers are independent, so
// that their squares add up: the square that goes, for each second. What costs nothing that clocks
// can tell comes before all that costs.
double precision_worth(double own, double faster, double slower);

// After engines were built by build(), which builds those of an engine node that are wanted.
// Nothing to do unless the mode is AUTO and the signature's choice has not been made.
// FAILED_PRECONDITION when the bound is not met in FP32 either.
status_t choose_precision(converter_t *c, status_t (*build)(converter_t *, engine_node_t *));

#endif
