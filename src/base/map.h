// A hash map from strings to pointers. Keys are copied. Iteration is in order of insertion, so
// results are the same from run to run. One thread at a time for writers; any number of readers.
#ifndef TFTRT_BASE_MAP_H
#define TFTRT_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct map map_t;

map_t *map_create(void);
void map_destroy(map_t *m);                            // values are not freed; NULL is fine
void map_put(map_t *m, const char *key, void *value);  // replaces an earlier value
void *map_get(const map_t *m, const char *key);        // NULL when absent
void *map_getn(const map_t *m, const char *key, size_t n);
bool map_has(const map_t *m, const char *key);
bool map_remove(map_t *m, const char *key);  // true when it was there
size_t map_count(const map_t *m);
// Walks the entries: size_t i = 0; const char *k; void *v; while (map_next(m, &i, &k, &v)) ...
bool map_next(const map_t *m, size_t *i, const char **key, void **value);

uint64_t hash_bytes(const void *data, size_t n,
                    uint64_t seed);  // a fast non-cryptographic 64-bit hash

#endif
