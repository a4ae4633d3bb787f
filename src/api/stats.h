// Statistics in the public header's form.
#ifndef TFTRT_API_STATS_H
#define TFTRT_API_STATS_H

#include "runtime/runtime.h"
#include "tftrt/tftrt.h"

// INVALID_ARGUMENT: *out was not initialised.
status_t api_engine_stats(const engine_stats_t *s, tftrt_engine_stats *out);

#endif
