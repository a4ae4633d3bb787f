// What has to happen before any signature of a SavedModel runs: its initialising operation fills
// tables and engine caches, in TF1 and TF2 models alike.
#ifndef TFTRT_RUNTIME_INITIALISE_H
#define TFTRT_RUNTIME_INITIALISE_H

#include "runtime/executor.h"
#include "saved_model/saved_model.h"

// Asset paths are tensors that the loader fills in: in g they become constants.
status_t bind_assets(const saved_model_t *m, const meta_graph_t *meta, graph_t *g);
// Runs the initialising operation, if there is one, with the services' resources. Parts of it that
// need ops that are missing here stay undone, since the signature that is wanted may not need them:
// *undone tells why (mem_free it), NULL when all was done. A signature that does need them fails
// when it meets a table without content.
status_t run_init_op(const saved_model_t *m, const meta_graph_t *meta,
                     const exec_services_t *services, char **undone);

#endif
