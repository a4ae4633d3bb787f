// Choosing kernels by the clock.
#ifndef TFTRT_BACKEND_CPU_TACTICS_H
#define TFTRT_BACKEND_CPU_TACTICS_H

#include "engine/backend.h"

// Times every heavy layer's tactics at o->opt_shapes, each layer by itself, equal layers once, and
// takes for every layer the one that was faster. *out: [n->n_layers] of tactic_t, mem_free it; NULL
// when there is no choice (no oneDNN, tactics are not to be timed, or shapes depend on input
// values). max_workspace (0: none): RESOURCE_EXHAUSTED, naming the layer and its bytes, when a
// layer cannot be run within. short_sums: see backend_engine_t.
status_t choose_tactics(network_t *n, const build_options_t *o, int64_t max_workspace,
                        bool short_sums, uint8_t **out);

// The same for some layers, [n->n_layers], with short sums: ns[i] is what the faster tactic of
// layers[i] takes, left alone where there is no such time. *timed false: there is no clock to go
// by.
status_t time_layers(network_t *n, const build_options_t *o, int64_t max_workspace,
                     const bool *which, int64_t *ns, bool *timed);

#endif
