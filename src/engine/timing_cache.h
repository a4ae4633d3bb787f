// How long tactics took, by what they did: layers of equal shapes and parameters are timed once, in
// one network, in all engines of a conversion, and, through a file, once for a kind of machine.
//
// The file is JSON: {"schema": "tftrt.timing-cache/1", "machines": {machine: {layer: {tactic:
// ns}}}}. A machine is CPU, instruction set, threads and kernel library; a file may hold several,
// and is shipped as it is. What is in it is believed: it decides which kernels run, never what they
// compute.
#ifndef TFTRT_ENGINE_TIMING_CACHE_H
#define TFTRT_ENGINE_TIMING_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct timing_cache timing_cache_t;

// Any thread, once it is created.
timing_cache_t *timing_cache_create(void);
void timing_cache_destroy(timing_cache_t *c);  // NULL is fine
// Nanoseconds that `tactic` took; false when they are not known.
bool timing_cache_get(timing_cache_t *c, const char *machine, const char *layer, const char *tactic,
                      int64_t *ns);
void timing_cache_put(timing_cache_t *c, const char *machine, const char *layer, const char *tactic,
                      int64_t ns);
// The same time for this tactic of all layers and machines that are known: for tests of what
// follows.
void timing_cache_each(timing_cache_t *c, const char *tactic, int64_t ns);
int timing_cache_count(timing_cache_t *c);  // tactics

// Adds what the file says. NOT_FOUND when it is absent; DATA_LOSS, and nothing added, when it is no
// timing cache; `path` is only named in messages where `text` is given.
status_t timing_cache_load(timing_cache_t *c, const char *path);
status_t timing_cache_parse(timing_cache_t *c, const char *text, size_t size, const char *path);
// Writes all of it aside and renames it into place. Times that the file has got meanwhile stay.
status_t timing_cache_save(timing_cache_t *c, const char *path);

#endif
