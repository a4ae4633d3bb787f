// Execution contexts of the CPU backend; see engine/backend.h for what each call means.
#ifndef TFTRT_BACKEND_CPU_CONTEXT_H
#define TFTRT_BACKEND_CPU_CONTEXT_H

#include "backend/cpu/cpu.h"

status_t cpu_context_create(backend_engine_t *e, const shape_t *shapes, const tensor_t *values,
                            int threads, backend_context_t **out);
// A context without steps, memory or anything else to run it: its layers are made one at a time, to
// choose their tactics.
status_t cpu_context_begin(backend_engine_t *e, const shape_t *shapes, int threads,
                           backend_context_t **out);
// Does a layer do anything at run time?
bool cpu_is_step(const backend_context_t *c, const layer_t *l);
// May it be run by oneDNN and by our own kernels?
bool cpu_has_choice(const layer_t *l);
// How the layer runs here, within the engine's workspace. RESOURCE_EXHAUSTED tells the bytes.
status_t cpu_make_step(backend_context_t *c, const layer_t *l, step_t *s);
void cpu_context_destroy(backend_context_t *c);  // NULL is fine
status_t cpu_context_run(backend_context_t *c, const tensor_t *in, tensor_t *out);

#endif
