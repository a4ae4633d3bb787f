// Engines are built side by side, but their tactics are timed alone: what a clock says while other
// builds pack weights or time their own is about them. A build enters; where it wants to measure it
// asks to be alone, which it is when every other build has come to a point where it can wait.
#ifndef TFTRT_ENGINE_TURNS_H
#define TFTRT_ENGINE_TURNS_H

#include "engine/backend.h"

// b->build, as a build that has entered.
status_t turns_build(const backend_t *b, const network_t *n, const build_options_t *o,
                     bytes_t *plan);
// Between these two no other build that has entered runs. Also for threads that have not entered.
void turns_alone(void);
void turns_together(void);

#endif
