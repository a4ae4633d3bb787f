#include "engines.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096 };

typedef struct announced {
  char *key, *file;
  bool ambiguous; /* of a name, not an id: another model's file was announced too */
  struct announced *next;
} announced_t;

struct engine {
  char *key;          /* with what tells apart nodes that have no id */
  char *name, *table; /* the node's, after the last '/', and its calibration_data */
  size_t table_size;
  int refs;
  pthread_mutex_t making;
  tftrt_engine_op *op; /* NULL until it is made */
  bool made;           /* it is; guarded by lock */
  struct engine *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards both lists and refs */
static announced_t *announcements;
static engine_t *engines;

static const char id_prefix[] = "tftrt:";

static char *text_of(const void *data, size_t n) {
  char *s = malloc(n + 1);
  if (!s) abort();
  if (n) memcpy(s, data, n);
  s[n] = '\0';
  return s;
}

static char *plain_name(bytes_view_t name) {
  size_t from = name.size;
  while (from && name.data[from - 1] != '/') from--;
  return text_of(name.data + from, name.size - from);
}

char *engine_key(bytes_view_t node_def, bytes_view_t name) {
  bytes_view_t id = node_def_string(node_def, "_tftrt_id");
  if (id.size) {
    char *key = malloc(sizeof id_prefix + id.size);
    if (!key) abort();
    memcpy(key, id_prefix, sizeof id_prefix - 1);
    memcpy(key + sizeof id_prefix - 1, id.data, id.size);
    key[sizeof id_prefix - 1 + id.size] = '\0';
    return key;
  }
  return plain_name(name);
}

// ---------------------------------------------------------------- files

static announced_t **find_file(const char *key) {
  announced_t **at = &announcements;
  while (*at && strcmp((*at)->key, key) != 0) at = &(*at)->next;
  return at;
}

void engine_announce(const char *key, const char *file, size_t file_size) {
  pthread_mutex_lock(&lock);
  announced_t **at = find_file(key);
  if (!*at) {
    *at = calloc(1, sizeof **at);
    if (!*at) abort();
    (*at)->key = text_of(key, strlen(key));
  }
  announced_t *a = *at;
  bool other = a->file && (strlen(a->file) != file_size || memcmp(a->file, file, file_size) != 0);
  if (other && !a->ambiguous && strncmp(key, id_prefix, sizeof id_prefix - 1) != 0) {
    a->ambiguous = true;
    fprintf(stderr,
            "tftrt: two models have engines named %s, without tftrt's id: neither %s nor %.*s is "
            "loaded\n",
            key, a->file, (int)file_size, file);
  }
  free(a->file);
  a->file = text_of(file, file_size);
  pthread_mutex_unlock(&lock);
}

// The file of key; false when none was announced, or more than can be told apart.
static bool announced_file(const char *key, char *out, size_t cap) {
  pthread_mutex_lock(&lock);
  const announced_t *a = *find_file(key);
  bool known = a && !a->ambiguous && strlen(a->file) < cap;
  if (known) memcpy(out, a->file, strlen(a->file) + 1);
  pthread_mutex_unlock(&lock);
  return known;
}

// ---------------------------------------------------------------- engines

static uint64_t hash(uint64_t h, const uint8_t *p, size_t n) { /* FNV-1a */
  for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3u;
  return h;
}

// Of a node without an id: what its native segment does. Function names are TensorFlow's, made up
// when a model is loaded, so they do not count.
static uint64_t segment_hash(bytes_view_t node_def, bytes_view_t library) {
  enum { LIBRARY_FUNCTION = 1, FUNCTION_SIGNATURE = 1, OP_DEF_NAME = 1 };
  bytes_view_t name = node_def_string(node_def, "segment_func");
  uint64_t h = 0xcbf29ce484222325u;
  for (bytes_view_t f; message_next(&library, LIBRARY_FUNCTION, &f);) {
    bytes_view_t signature = message_field(f, FUNCTION_SIGNATURE);
    bytes_view_t its_name = message_field(signature, OP_DEF_NAME);
    if (!name.size || its_name.size != name.size ||
        memcmp(its_name.data, name.data, name.size) != 0)
      continue;
    size_t before = (size_t)(signature.data - f.data);
    h = hash(h, f.data, before);
    h = hash(h, signature.data + signature.size, f.size - before - signature.size);
  }
  return h;
}

// A file that was replaced, by engines that were built since, is another.
static void describe_file(const char *file, char *out, size_t cap) {
  struct stat st;
  if (*file && stat(file, &st) == 0)
    snprintf(out, cap, "%llu %llu %lld %lld.%09ld", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
             st.st_mtim.tv_nsec);
  else
    *out = '\0';
}

// What two nodes have in common that share an engine: free() it.
static char *sharing_key(bytes_view_t node_def, bytes_view_t library, const char *key,
                         const char *file) {
  char segment[20] = "", which[120];
  if (!node_def_string(node_def, "_tftrt_id").size)
    snprintf(segment, sizeof segment, "%016llx",
             (unsigned long long)segment_hash(node_def, library));
  describe_file(file, which, sizeof which);
  size_t size = strlen(key) + sizeof segment + sizeof which + 2;
  char *out = malloc(size);
  if (!out) abort();
  snprintf(out, size, "%s %s %s", key, segment, which);
  return out;
}

// <dir>/assets/<file>: the SavedModel's directory; false when the file is elsewhere.
static bool model_dir(char *path) {
  char *slash = strrchr(path, '/');
  if (!slash) return false;
  *slash = '\0';
  slash = strrchr(path, '/');
  if (strcmp(slash ? slash + 1 : path, "assets") != 0) return false;
  if (!slash)
    memcpy(path, ".", 2);
  else
    slash[slash == path] = '\0';
  return true;
}

static tftrt_code make(engine_t *e, const char *file, bytes_view_t node_def, bytes_view_t library,
                       tftrt_error *err) {
  char dir[PATH_SIZE];
  tftrt_engine_op_options o;
  tftrt_engine_op_options_init(&o);
  o.node_def = node_def.data;
  o.node_def_size = node_def.size;
  o.function_library = library.data;
  o.function_library_size = library.size;
  if (*file) {
    o.engine_file = file;
    snprintf(dir, sizeof dir, "%s", file);
    if (model_dir(dir)) o.saved_model_dir = dir;
  }
  return tftrt_engine_op_create(&o, &e->op, err);
}

static engine_t *find_engine(char *key, bytes_view_t node_def) { /* takes key over */
  pthread_mutex_lock(&lock);
  engine_t *e = engines;
  while (e && strcmp(e->key, key) != 0) e = e->next;
  if (e) {
    free(key);
  } else {
    e = calloc(1, sizeof *e);
    if (!e) abort();
    e->key = key;
    e->name = plain_name(node_def_name(node_def));
    bytes_view_t table = node_def_string(node_def, "calibration_data");
    e->table = text_of(table.data, table.size);
    e->table_size = table.size;
    pthread_mutex_init(&e->making, NULL);
    e->next = engines;
    engines = e;
  }
  e->refs++;
  pthread_mutex_unlock(&lock);
  return e;
}

tftrt_code engine_take(bytes_view_t node_def, bytes_view_t library, engine_t **out,
                       tftrt_error *err) {
  char file[PATH_SIZE];
  char *key = engine_key(node_def, node_def_name(node_def));
  if (!announced_file(key, file, sizeof file)) *file = '\0';
  engine_t *e = find_engine(sharing_key(node_def, library, key, file), node_def);
  free(key);
  pthread_mutex_lock(&e->making);
  tftrt_code code = e->op ? TFTRT_OK : make(e, file, node_def, library, err);
  pthread_mutex_unlock(&e->making);
  if (!code) {
    pthread_mutex_lock(&lock);
    e->made = true;
    pthread_mutex_unlock(&lock);
  }
  *out = code ? NULL : e;
  if (code) engine_give(e);
  return code;
}

engine_t *engine_named(const char *name, int *n) {
  engine_t *found = NULL;
  *n = 0;
  pthread_mutex_lock(&lock);
  for (engine_t *e = engines; e; e = e->next) {
    if (strcmp(e->name, name) != 0 || !e->made) continue;
    found = e;
    ++*n;
  }
  if (found) found->refs++;
  pthread_mutex_unlock(&lock);
  return found;
}

bytes_view_t engine_calibration(const engine_t *e) {
  return (bytes_view_t){(const uint8_t *)e->table, e->table_size};
}

tftrt_engine_op *engine_op(const engine_t *e) { return e->op; }

void engine_give(engine_t *e) {
  if (!e) return;
  pthread_mutex_lock(&lock);
  bool last = --e->refs == 0;
  if (last) {
    engine_t **at = &engines;
    while (*at != e) at = &(*at)->next;
    *at = e->next;
  }
  pthread_mutex_unlock(&lock);
  if (!last) return;
  tftrt_engine_op_destroy(e->op);
  pthread_mutex_destroy(&e->making);
  free(e->key);
  free(e->name);
  free(e->table);
  free(e);
}
