// What the files of the room share.
#ifndef TFTRT_SAVED_MODEL_INTERNAL_H
#define TFTRT_SAVED_MODEL_INTERNAL_H

#include <pthread.h>

#include "formats/bundle.h"
#include "saved_model/saved_model.h"

struct saved_model {
  char *dir;
  arena_t *arena;
  file_map_t *pb;
  bundle_t *bundle;  // NULL: a model without variables
  meta_graph_t *graphs;
  map_t **restored;      // for each meta graph, see restore_map
  pthread_mutex_t lock;  // guards what follows
  map_t **assigned;      // for each meta graph, what its signatures assign; NULL: not asked yet
  int n_graphs;
};

// Reads what a MetaGraphDef says about tags, signatures, assets and operations (meta_graph.c).
status_t meta_graph_parse(const uint8_t *data, size_t size, arena_t *arena, meta_graph_t *out);

// Where a variable's value comes from (restore_map.c).
typedef struct restored {
  const char *key;    // in the bundle
  const char *slice;  // "" for all of it, else as RestoreV2 takes it: "10 7 0,4:-"
} restored_t;

// Follows the graph's restore operation, into functions too, to every assignment of what RestoreV2
// reads: puts variable name -> restored_t * into `out`. The name is the variable's shared_name, or
// its node name where that is empty; node names that differ are put too. This is how TensorFlow
// itself knows where values are, in TF1 and TF2 models alike: names in object graphs are not
// unique.
status_t restore_map(const meta_graph_t *g, arena_t *arena, map_t *out);

// Does a signature of a meta graph that has several assign the variable? (graphs.c)
status_t signatures_assign(const saved_model_t *m, const meta_graph_t *g, const char *name,
                           bool *out);

// The checksum of saved_model.pb that stands in the fingerprint.pb of a model that we wrote
// (fingerprint.c). DATA_LOSS when it is wrong.
status_t fingerprint_write(const char *dir, const uint8_t *pb, size_t size);
status_t fingerprint_check(const char *dir, const file_map_t *pb);

#endif
