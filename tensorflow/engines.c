#include "engines.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "c_api.h"

enum { PATH_SIZE = 4096 };

typedef struct announced {
  char *key, *file;
  bool ambiguous; /* of a name, not an id: another model's file was announced too */
  struct announced *next;
} announced_t;

/* What an engine collected that is gone. */
typedef struct collected {
  char *key, *name, *table;
  struct collected *next;
} collected_t;

struct engine {
  char *base;           /* with what tells apart nodes that have no id */
  char *key;            /* and precision and INT8 ranges */
  char *calibrated_key; /* with the ranges that runs have collected; NULL: none yet */
  char *name;           /* the node's, after the last '/' */
  bool calibrates;      /* the node waits for calibration, */
  bool has_table;       /* or has calibration_data */
  int refs;
  pthread_mutex_t making;
  tftrt_engine_op *op; /* NULL until it is made */
  bool made;           /* it is; guarded by lock */
  bool deleted;        /* its resource, since it last ran */
  struct engine *next;
};

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* guards the lists, and what they have but op */
static announced_t *announcements;
static engine_t *engines;
static collected_t *collections; /* newest first */

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

static bool is_id(const char *key) { return strncmp(key, id_prefix, sizeof id_prefix - 1) == 0; }

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
  if (other && !a->ambiguous && !is_id(key)) {
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

// The file of key; false when none was announced, or more than can be told apart. A name may be
// that of another model, which is gone since.
static bool announced_file(const char *key, char *out, size_t cap) {
  pthread_mutex_lock(&lock);
  const announced_t *a = *find_file(key);
  bool known = a && !a->ambiguous && strlen(a->file) < cap;
  if (known) memcpy(out, a->file, strlen(a->file) + 1);
  pthread_mutex_unlock(&lock);
  struct stat st;
  return known && (is_id(key) || stat(out, &st) == 0);
}

// ---------------------------------------------------------------- engines

static uint64_t hash(uint64_t h, const uint8_t *p, size_t n) { /* FNV-1a */
  for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3u;
  return h;
}

// Of a node without an id: what its native segment does. Function names are TensorFlow's, made up
// when a model is loaded, so they do not count. TensorFlow 1 named the function in another
// attribute, or had the segment in the node.
static uint64_t segment_hash(bytes_view_t node_def, bytes_view_t library) {
  enum { LIBRARY_FUNCTION = 1, FUNCTION_SIGNATURE = 1, OP_DEF_NAME = 1 };
  bytes_view_t name = node_def_string(node_def, "segment_func");
  if (!name.size) name = node_def_string(node_def, "segment_funcdef_name");
  bytes_view_t inside = node_def_string(node_def, "serialized_segment");
  uint64_t h = hash(0xcbf29ce484222325u, inside.data, inside.size);
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

// What two nodes have in common that share an engine, beside precision: free() it.
static char *sharing_base(bytes_view_t node_def, bytes_view_t library, const char *key,
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

static char *sharing_key(const char *base, bytes_view_t precision, bytes_view_t table) {
  uint64_t h = hash(0xcbf29ce484222325u, precision.data, precision.size);
  size_t size = strlen(base) + 18;
  char *out = malloc(size);
  if (!out) abort();
  h = hash(h, table.data, table.size);
  snprintf(out, size, "%s %016llx", base, (unsigned long long)h);
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

static void release_tensor(void *tensor) { tf.TF_DeleteTensor(tensor); }

static tftrt_code make(engine_t *e, const char *file, bytes_view_t node_def, bytes_view_t library,
                       tftrt_error *err) {
  char dir[PATH_SIZE];
  tftrt_engine_op_options o;
  tftrt_engine_op_options_init(&o);
  o.release_input = release_tensor;
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

static bool is_int8(bytes_view_t precision) {
  return precision.size == 4 && strncasecmp((const char *)precision.data, "INT8", 4) == 0;
}

static void free_collected(collected_t *c) {
  free(c->key);
  free(c->name);
  free(c->table);
  free(c);
}

// The lock is held. The list without that of an engine that is calibrated again.
static void drop_collected(const char *key) {
  collected_t **at = &collections;
  while (*at && strcmp((*at)->key, key) != 0) at = &(*at)->next;
  collected_t *c = *at;
  if (!c) return;
  *at = c->next;
  free_collected(c);
}

static bool goes_by(const engine_t *e, const char *key) {
  return strcmp(e->key, key) == 0 || (e->calibrated_key && strcmp(e->calibrated_key, key) == 0);
}

static engine_t *find_engine(char *base, bytes_view_t node_def) { /* takes base over */
  bytes_view_t precision = node_def_string(node_def, "precision_mode");
  bytes_view_t table = node_def_string(node_def, "calibration_data");
  char *key = sharing_key(base, precision, table);
  pthread_mutex_lock(&lock);
  engine_t *e = engines;
  while (e && !goes_by(e, key)) e = e->next;
  if (e) {
    free(key);
    free(base);
  } else {
    e = calloc(1, sizeof *e);
    if (!e) abort();
    e->base = base;
    e->key = key;
    e->name = plain_name(node_def_name(node_def));
    e->has_table = table.size > 0;
    e->calibrates =
        !e->has_table && is_int8(precision) && node_def_bool(node_def, "use_calibration", true);
    pthread_mutex_init(&e->making, NULL);
    e->next = engines;
    engines = e;
    drop_collected(key);
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
  engine_t *e = find_engine(sharing_base(node_def, library, key, file), node_def);
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
    bool deleted = __atomic_load_n(&e->deleted, __ATOMIC_ACQUIRE);
    if (strcmp(e->name, name) != 0 || !e->made || deleted) continue;
    found = e;
    ++*n;
  }
  if (found) found->refs++;
  pthread_mutex_unlock(&lock);
  return found;
}

// ---------------------------------------------------------------- calibration

static tftrt_code told(tftrt_error *err, tftrt_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static tftrt_code told(tftrt_error *err, tftrt_code code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(err->message, sizeof err->message, format, args);
  va_end(args);
  return err->code = code;
}

enum { HAS_NONE, HAS_TABLE, WAS_CALIBRATED, IS_CALIBRATED };

static int ranges_of(const engine_t *e) { /* the lock is held */
  if (!e->calibrates) return e->has_table ? HAS_TABLE : HAS_NONE;
  return e->calibrated_key ? WAS_CALIBRATED : IS_CALIBRATED;
}

// A live engine of this name, the one that has most to do with calibration; of equals the newest. A
// reference. *n: how many are being calibrated. The lock is held.
static engine_t *find_calibrated(const char *name, int *n) {
  engine_t *best = NULL;
  *n = 0;
  for (engine_t *e = engines; e; e = e->next) {
    if (strcmp(e->name, name) != 0 || !e->made) continue;
    *n += ranges_of(e) == IS_CALIBRATED;
    if (!best || ranges_of(e) > ranges_of(best)) best = e;
  }
  if (best) best->refs++;
  return best;
}

static char *copy_collected(const char *name) { /* the lock is held */
  const collected_t *c = collections;
  while (c && strcmp(c->name, name) != 0) c = c->next;
  return c ? text_of(c->table, strlen(c->table)) : NULL;
}

// free() it.
static tftrt_code table_of(const engine_t *e, char **out, tftrt_error *err) {
  char *table;
  tftrt_code code = tftrt_engine_op_calibration(e->op, &table, err);
  *out = code ? NULL : text_of(table, strlen(table));
  tftrt_free(table);
  return code;
}

// Nodes with these ranges share the engine from now on.
static void note_calibrated(engine_t *e, const char *table) {
  static const char int8[] = "INT8";
  char *key = sharing_key(e->base, (bytes_view_t){(const uint8_t *)int8, sizeof int8 - 1},
                          (bytes_view_t){(const uint8_t *)table, strlen(table)});
  pthread_mutex_lock(&lock);
  if (e->calibrated_key)
    free(key);
  else
    e->calibrated_key = key;
  pthread_mutex_unlock(&lock);
}

tftrt_code engine_calibration(const char *name, char **table, tftrt_error *err) {
  int n;
  *table = NULL;
  pthread_mutex_lock(&lock);
  engine_t *e = find_calibrated(name, &n);
  if (!e || (!e->calibrates && !e->has_table)) *table = copy_collected(name);
  pthread_mutex_unlock(&lock);
  tftrt_code code = TFTRT_OK;
  if (n > 1)
    code = told(err, TFTRT_FAILED_PRECONDITION, "%d models calibrate engines named %s: which one?",
                n, name);
  else if (!e && !*table)
    code = told(err, TFTRT_NOT_FOUND, "Resource TF-TRT/%s does not exist.", name);
  else if (!*table)
    code = table_of(e, table, err);
  if (!code && e && e->calibrates && *table) note_calibrated(e, *table);
  engine_give(e);
  return code;
}

// The engine goes: what it has collected and nobody has asked for stays, for who asks yet.
static void keep_collected(engine_t *e) {
  tftrt_error err = TFTRT_ERROR_INIT;
  char *table = NULL;
  if (!e->calibrates || e->calibrated_key || !e->op) return;
  if (table_of(e, &table, &err)) return;
  collected_t *c = malloc(sizeof *c);
  if (!c) abort();
  *c = (collected_t){text_of(e->key, strlen(e->key)), text_of(e->name, strlen(e->name)), table,
                     NULL};
  pthread_mutex_lock(&lock);
  drop_collected(c->key);
  c->next = collections;
  collections = c;
  pthread_mutex_unlock(&lock);
}

// ---------------------------------------------------------------- references

tftrt_engine_op *engine_op(const engine_t *e) { return e->op; }

void engine_runs(engine_t *e) {
  if (__atomic_load_n(&e->deleted, __ATOMIC_ACQUIRE))
    __atomic_store_n(&e->deleted, false, __ATOMIC_RELEASE);
}

void engine_delete(engine_t *e) {
  tftrt_engine_op_forget(e->op);
  __atomic_store_n(&e->deleted, true, __ATOMIC_RELEASE);
}

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
  keep_collected(e);
  tftrt_engine_op_destroy(e->op);
  pthread_mutex_destroy(&e->making);
  free(e->base);
  free(e->key);
  free(e->calibrated_key);
  free(e->name);
  free(e);
}
