// Which layers of a network in mode FP16 or BF16 this machine should compute in 16 bits.
#ifndef TFTRT_BACKEND_CPU_HALF_H
#define TFTRT_BACKEND_CPU_HALF_H

#include "engine/backend.h"

// Decides for an optimised network (nothing where n->half is HALF_NONE), and puts its layers there.
// HALF_BFLOAT16: all that can. HALF_FASTER: by the times of the layers on FP32, FP16 and BF16
// tensors at o->opt_shapes, and of what lies between them; without times by what the CPU has.
status_t cpu_assign_half(network_t *n, const build_options_t *o, int64_t max_workspace);
// Of a CPU without 16-bit arithmetic: that computing is in FP32 (engine/backend.h).
const char *cpu_half_note(half_mode_t mode);

#endif
