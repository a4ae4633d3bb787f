// Plans: an engine as bytes. docs/plan-format.md describes the container. A plan is read in place:
// weights, and blobs of the backend, point into the mapped bytes.
#ifndef TFTRT_ENGINE_PLAN_H
#define TFTRT_ENGINE_PLAN_H

#include "engine/backend.h"

enum { PLAN_VERSION = 1 };

// A named piece of bytes that belongs to the backend (tactics, packed weights). In a plan it starts
// on a 64-byte boundary of the file.
typedef struct plan_blob {
  const char *name;
  const void *data;
  size_t size;
} plan_blob_t;

typedef struct plan {
  network_t *net;       // constants point into the plan's bytes or at the weight source's memory
  const char *backend;  // who made it and can run it: "cpu", "ref"
  const char *isa;      // cpu_isa_name of the machine it was made on
  plan_blob_t *blobs;
  int n_blobs;
  profiles_t *profiles;  // NULL: it serves whatever the network takes
} plan_t;

// Writes a compacted network (network_compact: ids are positions). Constants with a weight_key are
// named, not stored; equal contents are stored once. profiles may be NULL. RESOURCE_EXHAUSTED when
// it does not fit in memory.
status_t plan_write(const network_t *n, const char *backend, const plan_blob_t *blobs, int n_blobs,
                    const profiles_t *profiles, bytes_t *out);

// data must be 64-byte aligned for weights to be aligned (a memory map is; else they are copied),
// and stay valid until plan_free. weights may be NULL when no constant is stored outside. Bytes
// that are no plan, or a damaged one, give one DATA_LOSS error; a newer major version gives
// UNIMPLEMENTED.
status_t plan_read(const uint8_t *data, size_t size, const weight_source_t *weights, plan_t **out);
// For plan_read where only what a plan says of itself is wanted: constants that are stored outside
// have no value.
extern const weight_source_t plan_no_weights;
void plan_free(plan_t *p);                                        // NULL is fine
const plan_blob_t *plan_blob(const plan_t *p, const char *name);  // NULL when there is none

// The name of the backend that made it, without reading the rest (header only is checked).
status_t plan_backend(const uint8_t *data, size_t size, char *out, size_t n);
// Its profiles, likewise; *out (profiles_destroy) is NULL when it has none.
status_t plan_profiles(const uint8_t *data, size_t size, profiles_t **out);

#endif
