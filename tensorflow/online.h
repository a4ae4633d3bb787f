/* Online conversion: a graph optimizer that converts the graphs of sessions as TF-TRT's
 * TensorRTOptimizer does, on threads that ask for it.
 *
 * TensorFlow gives a plug-in's optimizer every graph that it optimizes, and none of its
 * configuration, so whoever runs the session says how its graphs are to be converted, around the
 * calls that may optimize them (TF_SessionRun, TF_SessionMakeCallable; both do so on the calling
 * thread).
 */
#ifndef TFTRT_TENSORFLOW_ONLINE_H
#define TFTRT_TENSORFLOW_ONLINE_H

#include "tftrt/tftrt.h"

/* Registers the optimizer with TensorFlow, for the device type CPU, once in a process: TensorFlow
 * then hands every graph that it optimizes to it, and another plug-in's optimizer for CPUs cannot
 * be registered any more. Any thread. UNIMPLEMENTED: this TensorFlow has no such API. */
TFTRT_API tftrt_code tftrt_tensorflow_enable_online(tftrt_error *err);

/* From now on the main graphs that this thread has TensorFlow optimize are converted by these
 * options, which are borrowed until the next call; NULL: no more. Only what is said of GraphDefs
 * counts of them; graph_def, kept_nodes and fed_nodes are the optimizer's. Returns what was before.
 */
TFTRT_API const tftrt_converter_options *tftrt_tensorflow_convert_online(
    const tftrt_converter_options *o);

#endif
