#define _GNU_SOURCE
#include "engine/build_cache.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/environment.h"
#include "base/file.h"
#include "base/map.h"
#include "base/stream.h"
#include "base/text.h"
#include "engine/plan.h"
#include "engine/plan_io.h"

static const char magic[8] = {'T', 'F', 'T', 'R', 'T', 'E', 'N', 'G'};
enum { HEADER = 64, VERSION = 1 };
enum { AT_VERSION = 8, AT_KEY = 16, AT_SIZE = 32, AT_HASH = 40 };
static const int64_t default_bytes = (int64_t)4 << 30;
static const char suffix[] = ".engine";

struct build_cache {
  char *dir;
  int64_t max_bytes;
};

// ---- keys ------------------------------------------------------------------------------------

static void mix(build_key_t *k, const void *data, size_t n) {
  k->h[0] = hash_bytes(data, n, k->h[0]);
  k->h[1] = hash_bytes(data, n, k->h[1] ^ n);
}

static void mix_text(build_key_t *k, const char *s) { mix(k, s, strlen(s) + 1); }
static void mix_number(build_key_t *k, int64_t v) { mix(k, &v, sizeof v); }

// The file that this code is in: another build of tftrt may choose or lay out otherwise, whatever
// its version number is.
static void mix_program(build_key_t *k) {
  Dl_info self;
  struct stat st;
  if (!dladdr((void *)&magic, &self) || !self.dli_fname || stat(self.dli_fname, &st) != 0) return;
  mix_number(k, st.st_size);
  mix_number(k, st.st_mtim.tv_sec);
  mix_number(k, st.st_mtim.tv_nsec);
}

static void mix_options(build_key_t *k, const network_t *n, const build_options_t *o) {
  mix_number(k, o->threads);
  mix_number(k, o->max_workspace);
  mix_number(k, o->time_tactics);
  mix_number(k, o->keep_layers);
  mix_number(k, n->int8);
  mix_number(k, n->implicit_ranges);
  mix_number(k, (int64_t)n->half);
  for (int i = 0; i < n->n_keep; i++) {
    mix_text(k, n->keep[i].node);
    mix_number(k, n->keep[i].at_least);
  }
  for (int i = 0; i < n->n_tensors; i++)  // what a plan does not tell
    mix(k, n->tensors[i]->channels,
        (size_t)n->tensors[i]->n_channels * sizeof *n->tensors[i]->channels);
  for (int i = 0; o->opt_shapes && i < n->n_inputs; i++) {
    mix_number(k, o->opt_shapes[i].rank);
    for (int d = 0; d < o->opt_shapes[i].rank; d++) mix_number(k, o->opt_shapes[i].d[d]);
  }
}

// Contents of constants that a plan only names.
static status_t mix_weights(build_key_t *k, const network_t *n) {
  for (int i = 0; i < n->n_tensors; i++) {
    const net_tensor_t *t = n->tensors[i];
    if (!t->is_const || !t->weight_key) continue;
    bool mapped = t->value.buf && t->value.buf->mapped;
    uint64_t h[2] = {1, 2};
    for (int s = 0; s < 2; s++)
      TRY(stream_pass(t->value.data, tensor_bytes(&t->value), mapped, stream_hash, &h[s]));
    mix(k, h, sizeof h);
  }
  return NULL;
}

status_t build_key(const network_t *n, const build_options_t *o, const backend_t *b,
                   build_key_t *out) {
  *out = (build_key_t){{VERSION, ~(uint64_t)VERSION}};
  network_t *copy = network_clone(n);
  bytes_t plan = {0};
  network_compact(copy);
  status_t st = plan_write(copy, b->name, NULL, 0, o->profiles, &plan);
  if (!st) mix(out, plan.data, plan.size);
  mem_free(plan.data);
  if (!st) st = mix_weights(out, copy);
  network_destroy(copy);
  TRY(st);
  mix_options(out, n, o);
  char *libraries = b->describe ? b->describe() : NULL;
  mix_text(out, libraries ? libraries : "");
  mem_free(libraries);
  mix_text(out, cpu_model_name());
  mix_text(out, cpu_isa_name(cpu_isa()));
  mix_program(out);
  return NULL;
}

// ---- files -----------------------------------------------------------------------------------

build_cache_t *build_cache_open(const char *dir, int64_t max_bytes) {
  build_cache_t *c = mem_calloc(1, sizeof *c);
  c->dir = mem_strdup(dir);
  c->max_bytes = max_bytes > 0 ? max_bytes : default_bytes;
  return c;
}

void build_cache_close(build_cache_t *c) {
  if (!c) return;
  mem_free(c->dir);
  mem_free(c);
}

static char *path_of(const build_cache_t *c, const build_key_t *k) {
  return mem_printf("%s/%016" PRIx64 "%016" PRIx64 "%s", c->dir, k->h[0], k->h[1], suffix);
}

// Is it an engine's file, whole, and of this key (NULL: of any)?
static bool is_whole(const uint8_t *data, size_t size, const build_key_t *key) {
  if (size < HEADER || memcmp(data, magic, sizeof magic) != 0) return false;
  if (plan_fetch(data + AT_VERSION, 8) != VERSION) return false;
  if (plan_fetch(data + AT_SIZE, 8) != size - HEADER) return false;
  for (int i = 0; key && i < 2; i++)
    if (plan_fetch(data + AT_KEY + 8 * i, 8) != key->h[i]) return false;
  return plan_fetch(data + AT_HASH, 8) == hash_bytes(data + HEADER, size - HEADER, VERSION);
}

bool build_cache_get(build_cache_t *c, const build_key_t *key, bytes_t *plan) {
  char *path = path_of(c, key), backend[16];
  file_map_t *m = NULL;
  status_free(file_map_open(path, &m));
  *plan = (bytes_t){0};
  status_t bad = NULL;
  bool whole = m && is_whole(m->data, m->size, key) &&
               !(bad = plan_backend(m->data + HEADER, m->size - HEADER, backend, sizeof backend));
  status_free(bad);
  if (whole && (plan->data = mem_try_alloc(m->size - HEADER))) {
    plan->size = m->size - HEADER;
    memcpy(plan->data, m->data + HEADER, plan->size);
    utimensat(AT_FDCWD, path, NULL, 0);  // used now
  } else if (m && !whole) {
    unlink(path);
  }
  file_map_unref(m);
  mem_free(path);
  return plan->data != NULL;
}

static bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), k = strlen(end);
  return n >= k && strcmp(s + n - k, end) == 0;
}

typedef struct found {
  char *path;
  const char *name;
  int64_t bytes;
  struct timespec used;
} found_t;
typedef VEC(found_t) found_list_t;

static int used_last_first(const void *a, const void *b) {
  const found_t *x = a, *y = b;
  if (x->used.tv_sec != y->used.tv_sec) return x->used.tv_sec < y->used.tv_sec ? 1 : -1;
  if (x->used.tv_nsec != y->used.tv_nsec) return x->used.tv_nsec < y->used.tv_nsec ? 1 : -1;
  return strcmp(x->name, y->name);
}

// Is it a name that we give: 32 hex digits and the suffix, or that and what a writer adds aside?
static bool is_ours(const char *name, bool *aside) {
  size_t hex = strspn(name, "0123456789abcdef");
  if (hex != 32 || strncmp(name + hex, suffix, sizeof suffix - 1) != 0) return false;
  const char *rest = name + hex + sizeof suffix - 1;
  *aside = *rest == '.' && ends_with(rest, ".tmp");
  return !*rest || *aside;
}

static status_t find_all(const char *dir, bool with_aside, found_list_t *out) {
  char **names;
  size_t n;
  TRY(file_list_dir(dir, &names, &n));
  for (size_t i = 0; i < n; i++) {
    struct stat st;
    bool aside = false;
    char *path = file_join(dir, names[i]);
    if (is_ours(names[i], &aside) && (with_aside || !aside) && lstat(path, &st) == 0 &&
        S_ISREG(st.st_mode)) {
      found_t f = {path, strrchr(path, '/') + 1, st.st_size, st.st_mtim};
      vec_push(out, f);
    } else {
      mem_free(path);
    }
    mem_free(names[i]);
  }
  mem_free(names);
  if (out->n) qsort(out->v, out->n, sizeof *out->v, used_last_first);
  return NULL;
}

static void free_found(found_list_t *l) {
  for (size_t i = 0; i < l->n; i++) mem_free(l->v[i].path);
  vec_free(l);
}

// The newest stays, however large it is.
static void trim(const build_cache_t *c) {
  found_list_t all = {0};
  status_free(find_all(c->dir, false, &all));
  int64_t sum = 0;
  for (size_t i = 0; i < all.n; i++) {
    sum += all.v[i].bytes;
    if (i && sum > c->max_bytes) unlink(all.v[i].path);
  }
  free_found(&all);
}

void build_cache_put(build_cache_t *c, const build_key_t *key, const bytes_t *plan) {
  uint8_t *file = mem_try_alloc(HEADER + plan->size);
  if (!file) return;
  memset(file, 0, HEADER);
  memcpy(file, magic, sizeof magic);
  plan_store(file + AT_VERSION, VERSION, 8);
  for (int i = 0; i < 2; i++) plan_store(file + AT_KEY + 8 * i, key->h[i], 8);
  plan_store(file + AT_SIZE, plan->size, 8);
  plan_store(file + AT_HASH, hash_bytes(plan->data, plan->size, VERSION), 8);
  memcpy(file + HEADER, plan->data, plan->size);
  char *path = path_of(c, key);
  status_t st = file_make_dirs(c->dir);
  if (!st) st = file_replace(path, file, HEADER + plan->size);
  if (!st) trim(c);
  status_free(st);
  mem_free(path);
  mem_aligned_free(file);
}

status_t build_cache_provide(build_cache_t *c, const network_t *n, const build_options_t *o,
                             const backend_t *b, plan_builder_t builder, bytes_t *plan) {
  build_key_t key;
  *plan = (bytes_t){0};
  if (!c) return builder.build(builder.self, n, o, plan);
  TRY(build_key(n, o, b, &key));
  if (build_cache_get(c, &key, plan)) return NULL;
  TRY(builder.build(builder.self, n, o, plan));
  build_cache_put(c, &key, plan);
  return NULL;
}

status_t build_cache_list(const char *dir, void (*each)(void *user, const build_cache_entry_t *e),
                          void *user) {
  found_list_t all = {0};
  TRY(find_all(dir, false, &all));
  for (size_t i = 0; i < all.n; i++) {
    file_map_t *m = NULL;
    status_free(file_map_open(all.v[i].path, &m));
    build_cache_entry_t e = {all.v[i].name, all.v[i].bytes, all.v[i].used.tv_sec,
                             m && is_whole(m->data, m->size, NULL)};
    file_map_unref(m);
    each(user, &e);
  }
  free_found(&all);
  return NULL;
}

status_t build_cache_clear(const char *dir, int64_t *engines, int64_t *bytes) {
  found_list_t all = {0};
  *engines = *bytes = 0;
  TRY(find_all(dir, true, &all));
  status_t st = NULL;
  for (size_t i = 0; i < all.n; i++) {
    if (unlink(all.v[i].path) == 0) {
      *engines += ends_with(all.v[i].name, suffix);
      *bytes += all.v[i].bytes;
    } else if (!st) {
      st = FAIL(PERMISSION_DENIED, "cannot remove %s", all.v[i].path);
    }
  }
  free_found(&all);
  return st;
}

char *build_cache_default_dir(void) {
  const char *set = env_text("TFTRT_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
  const char *home = getenv("HOME");
  if (strcmp(set, "off") == 0) return NULL;
  if (*set) return mem_strdup(set);
  if (xdg && *xdg == '/') return mem_printf("%s/tftrt/engines", xdg);
  return home && *home == '/' ? mem_printf("%s/.cache/tftrt/engines", home) : NULL;
}
