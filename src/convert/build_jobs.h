// Building the engines of several TRTEngineOps side by side, on as many threads as the conversion
// has. What comes out does not depend on how many that are: every engine is built as if alone, and
// results and warnings are in the order of the engines.
#ifndef TFTRT_CONVERT_BUILD_JOBS_H
#define TFTRT_CONVERT_BUILD_JOBS_H

#include "convert/state.h"
#include "runtime/segment_build.h"

// Calls `build` once for every engine with wanted shapes, several at a time; tells the progress and
// asks the callback from this thread, even within one engine's build. The first failure in the
// order of the engines is returned; after one, engines that are not begun are left out.
status_t build_all(converter_t *c, status_t (*build)(converter_t *, engine_node_t *));

// What `build` may call, in any thread. Builds an engine of e's native segment, or takes it from
// the engine cache; shapes are those that it is built for. In a conversion with a limit on memory
// an engine that does not fit beside others is built again when nothing else is; when it does not
// fit alone, *beyond_limit is set.
status_t build_segment(converter_t *c, engine_node_t *e, const shape_t *shapes,
                       const segment_precision_t *precision, const build_options_t *o,
                       bytes_t *plan, bool *beyond_limit);
// A warning of the converter, kept until all are built.
void engine_warn(engine_node_t *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
