// Choosing kernels by the clock.
#ifndef TFTRT_BACKEND_CPU_TACTICS_H
#define TFTRT_BACKEND_CPU_TACTICS_H

#include "engine/backend.h"

// Runs the network at o->opt_shapes once per tactic and takes for every layer the one that was
// faster there. *out: [n->n_layers] of tactic_t, mem_free it; NULL when there is no choice (no
// oneDNN, or shapes that depend on input values).
status_t choose_tactics(network_t *n, const build_options_t *o, uint8_t **out);

#endif
