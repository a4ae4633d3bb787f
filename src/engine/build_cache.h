// Finished engines kept on disk by what they were made of, so that a conversion that was
// interrupted, or is made again, takes them up. One file per engine, <32 hex digits>.engine:
// "TFTRTENG", version, the key (16 bytes), size and hash of the plan, zeros up to byte 64; the
// plan. Files are written aside and renamed; what is damaged counts as absent and goes; the folder
// is kept below a size by removing what was not used for longest. Several processes may share it.
#ifndef TFTRT_ENGINE_BUILD_CACHE_H
#define TFTRT_ENGINE_BUILD_CACHE_H

#include "engine/backend.h"

typedef struct build_key {
  uint64_t h[2];
} build_key_t;

// Of everything that decides what comes out: the network with the contents of its weights, the
// options, the backend with its libraries, the CPU, and this build of tftrt.
status_t build_key(const network_t *n, const build_options_t *o, const backend_t *b,
                   build_key_t *out);

typedef struct build_cache build_cache_t;
// The folder is made when the first engine is put. max_bytes 0: 4 GiB.
build_cache_t *build_cache_open(const char *dir, int64_t max_bytes);
void build_cache_close(build_cache_t *c);  // NULL is fine
// Any thread. mem_free plan->data.
bool build_cache_get(build_cache_t *c, const build_key_t *key, bytes_t *plan);
// Best effort: a full disk or a folder that cannot be written is no failure of a build.
void build_cache_put(build_cache_t *c, const build_key_t *key, const bytes_t *plan);

// The plan of a network: from the cache, or what `build` makes, which is then put there. c NULL: it
// is built.
typedef struct plan_builder {
  status_t (*build)(void *self, const network_t *n, const build_options_t *o, bytes_t *plan);
  void *self;
} plan_builder_t;
status_t build_cache_provide(build_cache_t *c, const network_t *n, const build_options_t *o,
                             const backend_t *b, plan_builder_t builder, bytes_t *plan);

typedef struct build_cache_entry {
  const char *name;     // of its file
  int64_t bytes, used;  // used: seconds since 1970
  bool whole;
} build_cache_entry_t;
// Calls `each` for every engine, used last first. NOT_FOUND: no such folder.
status_t build_cache_list(const char *dir, void (*each)(void *user, const build_cache_entry_t *e),
                          void *user);
// Removes all engines (and what interrupted writers left); other files stay.
status_t build_cache_clear(const char *dir, int64_t *engines, int64_t *bytes);

// The user's: TFTRT_CACHE, else tftrt/engines in XDG_CACHE_HOME or ~/.cache. NULL when there is
// none or TFTRT_CACHE is "off". mem_free it.
char *build_cache_default_dir(void);

#endif
