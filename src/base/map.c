#include "base/map.h"

#include <string.h>

#include "base/mem.h"

typedef struct entry {
  char *key;  // NULL: removed
  size_t n;
  uint64_t hash;
  void *value;
} entry_t;

struct map {
  VEC(entry_t) entries;
  size_t *slots;  // index + 1 into entries; 0 is empty
  size_t n_slots, live;
};

// Multiply-fold over 8-byte words in the manner of wyhash: two odd constants, a 128-bit product
// folded to 64 bits.
static uint64_t fold(uint64_t a, uint64_t b) {
  __extension__ typedef unsigned __int128 wide_t;
  wide_t p = (wide_t)a * b;
  return (uint64_t)p ^ (uint64_t)(p >> 64);
}

uint64_t hash_bytes(const void *data, size_t n, uint64_t seed) {
  const unsigned char *p = data;
  uint64_t h = seed ^ 0x9e3779b97f4a7c15u ^ (uint64_t)n;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t w;
    memcpy(&w, p, 8);
    h = fold(h ^ w, 0xd6e8feb86659fd93u);
  }
  uint64_t tail = 0;
  if (n) memcpy(&tail, p, n);
  return fold(h ^ tail, 0xa0761d6478bd642fu);
}

map_t *map_create(void) { return mem_calloc(1, sizeof(map_t)); }

void map_destroy(map_t *m) {
  if (!m) return;
  for (size_t i = 0; i < m->entries.n; i++) mem_free(m->entries.v[i].key);
  vec_free(&m->entries);
  mem_free(m->slots);
  mem_free(m);
}

static void rehash(map_t *m) {
  size_t want = 16;
  while (want < 2 * (m->entries.n + 1)) want *= 2;
  mem_free(m->slots);
  m->slots = mem_calloc(want, sizeof *m->slots);
  m->n_slots = want;
  for (size_t i = 0; i < m->entries.n; i++) {
    size_t s = m->entries.v[i].hash & (want - 1);
    while (m->slots[s]) s = (s + 1) & (want - 1);
    m->slots[s] = i + 1;
  }
}

static entry_t *find(const map_t *m, const char *key, size_t n, uint64_t hash) {
  if (!m->n_slots) return NULL;
  for (size_t s = hash & (m->n_slots - 1); m->slots[s]; s = (s + 1) & (m->n_slots - 1)) {
    entry_t *e = &m->entries.v[m->slots[s] - 1];
    if (e->key && e->hash == hash && e->n == n && memcmp(e->key, key, n) == 0) return e;
  }
  return NULL;
}

void map_put(map_t *m, const char *key, void *value) {
  size_t n = strlen(key);
  uint64_t hash = hash_bytes(key, n, 0);
  entry_t *e = find(m, key, n, hash);
  if (e) {
    e->value = value;
    return;
  }
  entry_t fresh = {.key = mem_strndup(key, n), .n = n, .hash = hash, .value = value};
  vec_push(&m->entries, fresh);
  m->live++;
  if (2 * m->entries.n > m->n_slots) {
    rehash(m);
  } else {
    size_t s = hash & (m->n_slots - 1);
    while (m->slots[s]) s = (s + 1) & (m->n_slots - 1);
    m->slots[s] = m->entries.n;
  }
}

void *map_getn(const map_t *m, const char *key, size_t n) {
  entry_t *e = find(m, key, n, hash_bytes(key, n, 0));
  return e ? e->value : NULL;
}

void *map_get(const map_t *m, const char *key) { return map_getn(m, key, strlen(key)); }

bool map_has(const map_t *m, const char *key) {
  size_t n = strlen(key);
  return find(m, key, n, hash_bytes(key, n, 0)) != NULL;
}

bool map_remove(map_t *m, const char *key) {
  size_t n = strlen(key);
  entry_t *e = find(m, key, n, hash_bytes(key, n, 0));
  if (!e) return false;
  mem_free(e->key);
  e->key = NULL;
  m->live--;
  return true;
}

size_t map_count(const map_t *m) { return m->live; }

bool map_next(const map_t *m, size_t *i, const char **key, void **value) {
  for (; *i < m->entries.n; (*i)++) {
    const entry_t *e = &m->entries.v[*i];
    if (!e->key) continue;
    if (key) *key = e->key;
    if (value) *value = e->value;
    (*i)++;
    return true;
  }
  return false;
}
