// What the engines of a model did, after runs.
#ifndef TFTRT_CLI_STATS_H
#define TFTRT_CLI_STATS_H

#include "tftrt/tftrt.h"

// On stdout: lines, or JSON with --json.
tftrt_code print_stats(tftrt_model *m, tftrt_error *e);

#endif
