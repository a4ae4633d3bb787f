// Execution contexts of the CPU backend; see engine/backend.h for what each call means.
#ifndef TFTRT_BACKEND_CPU_CONTEXT_H
#define TFTRT_BACKEND_CPU_CONTEXT_H

#include "backend/cpu/cpu.h"

status_t cpu_context_create(backend_engine_t *e, const shape_t *shapes, const tensor_t *values,
                            int threads, backend_context_t **out);
// The same with one tactic for all heavy layers.
status_t cpu_context_create_with(backend_engine_t *e, tactic_t tactic, const shape_t *shapes,
                                 int threads, backend_context_t **out);
void cpu_context_destroy(backend_context_t *c);  // NULL is fine
status_t cpu_context_run(backend_context_t *c, const tensor_t *in, tensor_t *out);

#endif
