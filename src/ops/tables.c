// Lookup tables: resources that map keys (strings or integers) to values.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "ops/elements.h"
#include "ops/env.h"
#include "ops/variables.h"

// Open addressing over entries in order of insertion. A value is a row of `width` elements.
typedef struct table {
  object_t base;
  pthread_rwlock_t lock;
  dtype_t key_dtype, value_dtype;
  bool initialized;
  VEC(str_t) keys;       // the bytes of each key; p == NULL and n == REMOVED: taken out
  VEC(tensor_t) values;  // one scalar (or row) each
  size_t *slots;         // index + 1; 0 is empty
  size_t n_slots, live;
} table_t;

static const size_t REMOVED = (size_t)-1;

static void table_destroy(object_t *o) {
  table_t *t = (table_t *)o;
  for (size_t i = 0; i < t->keys.n; i++) {
    mem_free(t->keys.v[i].p);
    tensor_unref(&t->values.v[i]);
  }
  vec_free(&t->keys);
  vec_free(&t->values);
  mem_free(t->slots);
  pthread_rwlock_destroy(&t->lock);
  mem_free(t);
}

static const object_type_t table_type = {"Table", table_destroy};

static str_t key_bytes(const tensor_t *t, int64_t i) {
  if (t->dtype == DT_STRING) return TENSOR_DATA(str_t, t)[i];
  size_t n = dtype_size(t->dtype);
  return (str_t){(char *)t->data + (size_t)i * n, n};
}

static const char *bytes_of(str_t s) { return s.p ? s.p : ""; }

// The slot that holds the key, or the empty one where it belongs.
static size_t find_slot(const table_t *t, str_t key) {
  size_t s = hash_bytes(bytes_of(key), key.n, 0) & (t->n_slots - 1);
  for (; t->slots[s]; s = (s + 1) & (t->n_slots - 1)) {
    str_t k = t->keys.v[t->slots[s] - 1];
    if (k.n == key.n && (key.n == 0 || memcmp(k.p, key.p, key.n) == 0)) break;
  }
  return s;
}

static const tensor_t *table_get(const table_t *t, str_t key) {
  if (!t->n_slots) return NULL;
  size_t s = find_slot(t, key);
  return t->slots[s] ? &t->values.v[t->slots[s] - 1] : NULL;
}

static void table_rehash(table_t *t) {
  size_t want = 64;
  while (want < 2 * (t->keys.n + 1)) want *= 2;
  mem_free(t->slots);
  t->slots = mem_calloc(want, sizeof *t->slots);
  t->n_slots = want;
  for (size_t i = 0; i < t->keys.n; i++)
    if (t->keys.v[i].n != REMOVED) t->slots[find_slot(t, t->keys.v[i])] = i + 1;
}

// Takes the value. With `keep`, another value under the same key is an error.
static status_t table_put(table_t *t, str_t key, tensor_t value, bool keep) {
  if (2 * (t->keys.n + 1) > t->n_slots) table_rehash(t);
  size_t s = find_slot(t, key);
  if (t->slots[s]) {
    tensor_t *old = &t->values.v[t->slots[s] - 1];
    bool differs = false;
    if (keep && value.dtype == DT_STRING)
      differs = TENSOR_DATA(str_t, old)->n != TENSOR_DATA(str_t, &value)->n ||
                memcmp(bytes_of(*TENSOR_DATA(str_t, old)), bytes_of(*TENSOR_DATA(str_t, &value)),
                       TENSOR_DATA(str_t, &value)->n) != 0;
    else if (keep)
      differs = memcmp(old->data, value.data, tensor_bytes(&value)) != 0;
    if (differs) {
      tensor_unref(&value);
      return FAIL(FAILED_PRECONDITION, "the table has another value under a key already");
    }
    tensor_unref(old);
    *old = value;
    return NULL;
  }
  str_t copy = {0};
  status_t st = str_set(&copy, bytes_of(key), key.n);
  if (st) {
    tensor_unref(&value);
    return st;
  }
  vec_push(&t->keys, copy);
  vec_push(&t->values, value);
  t->slots[s] = t->keys.n;
  t->live++;
  return NULL;
}

static void table_remove(table_t *t, str_t key) {
  if (!t->n_slots) return;
  size_t i = t->slots[find_slot(t, key)];
  if (!i) return;
  mem_free(t->keys.v[i - 1].p);
  t->keys.v[i - 1] = (str_t){NULL, REMOVED};
  tensor_unref(&t->values.v[i - 1]);
  t->live--;
  table_rehash(t);
}

static void table_clear(table_t *t) {
  for (size_t i = 0; i < t->keys.n; i++) {
    mem_free(t->keys.v[i].p);
    tensor_unref(&t->values.v[i]);
  }
  t->keys.n = t->values.n = t->live = 0;
  table_rehash(t);
}

// ---------------------------------------------------------------- handles

static object_t *make_table(void *arg) {
  const node_t *n = arg;
  table_t *t = mem_calloc(1, sizeof *t);
  t->base.type = &table_type;
  atomic_init(&t->base.refs, 1);
  pthread_rwlock_init(&t->lock, NULL);
  t->key_dtype = node_type(n, "key_dtype");
  t->value_dtype = node_type(n, "value_dtype");
  // A mutable table is usable from the start; a static one waits for its initialiser.
  t->initialized = strncmp(n->op, "Mutable", 7) == 0;
  return &t->base;
}

static status_t table_handle(op_ctx_t *c) {
  const char *shared = node_string(c->node, "shared_name");
  if (!c->env) return OP_FAIL(c, FAILED_PRECONDITION, "there are no tables here");
  return op_out_object(
      c, 0,
      c->env->resource(c->env, node_string(c->node, "container"), *shared ? shared : c->node->name,
                       make_table, (void *)c->node));
}

static status_t anonymous_table(op_ctx_t *c) {
  return op_out_object(c, 0, make_table((void *)c->node));
}

static status_t table_at(const op_ctx_t *c, table_t **out) {
  object_t *o = NULL;
  TRY(op_object(c, 0, &table_type, &o));
  *out = (table_t *)o;
  return NULL;
}

static status_t check_dtypes(op_ctx_t *c, const table_t *t, const tensor_t *keys,
                             const tensor_t *values) {
  if (keys->dtype != t->key_dtype || (values && values->dtype != t->value_dtype))
    return OP_FAIL(c, INVALID_ARGUMENT, "a table of %s to %s is used with %s to %s",
                   dtype_name(t->key_dtype), dtype_name(t->value_dtype), dtype_name(keys->dtype),
                   values ? dtype_name(values->dtype) : "any");
  return NULL;
}

// ---------------------------------------------------------------- ops

static status_t find_locked(op_ctx_t *c, const table_t *t) {
  const tensor_t *keys = &c->in[1], *fallback = &c->in[2];
  TRY(check_dtypes(c, t, keys, fallback));
  if (!t->initialized) return OP_FAIL(c, FAILED_PRECONDITION, "the table is not initialised");
  int64_t n = tensor_elements(keys), width = tensor_elements(fallback);
  // The default is a row, or one row per key.
  bool each = fallback->shape.rank > 0 && fallback->shape.rank == keys->shape.rank &&
              shape_equal(&fallback->shape, &keys->shape);
  if (each) width = 1;
  shape_t s = keys->shape;
  if (!each) {
    if (s.rank + fallback->shape.rank > SHAPE_MAX_RANK)
      return OP_FAIL(c, INVALID_ARGUMENT, "the rank is too large");
    for (int i = 0; i < fallback->shape.rank; i++) s.d[s.rank++] = fallback->shape.d[i];
  }
  tensor_t *out;
  TRY(op_out_typed(c, 0, t->value_dtype, &s, &out));
  for (int64_t i = 0; i < n; i++) {
    const tensor_t *v = table_get(t, key_bytes(keys, i));
    if (v && tensor_elements(v) != width)
      return OP_FAIL(c, INVALID_ARGUMENT, "the default's shape is not that of the values");
    TRY(elements_copy(out, i * width, v ? v : fallback, !v && each ? i : 0, width));
  }
  return NULL;
}

static status_t find(op_ctx_t *c) {
  table_t *t = NULL;
  TRY(table_at(c, &t));
  pthread_rwlock_rdlock(&t->lock);
  status_t st = find_locked(c, t);
  pthread_rwlock_unlock(&t->lock);
  return st;
}

// One value of its own: the tensor that the row comes from need not be kept.
static status_t value_row(const tensor_t *values, int64_t i, int key_rank, tensor_t *out) {
  shape_t s = shape_of(values->shape.rank - key_rank, values->shape.d + key_rank);
  TRY(tensor_alloc(values->dtype, &s, out));
  int64_t width = shape_elements(&s);
  status_t st = elements_copy(out, 0, values, i * width, width);
  if (st) tensor_unref(out);
  return st;
}

static status_t put_all_locked(op_ctx_t *c, table_t *t, bool initialize) {
  const tensor_t *keys = &c->in[1], *values = &c->in[2];
  TRY(check_dtypes(c, t, keys, values));
  if (keys->shape.rank > values->shape.rank)
    return OP_FAIL(c, INVALID_ARGUMENT, "there are more keys than values");
  for (int i = 0; i < keys->shape.rank; i++)
    if (keys->shape.d[i] != values->shape.d[i])
      return OP_FAIL(c, INVALID_ARGUMENT, "keys and values do not pair up");
  for (int64_t i = 0; i < tensor_elements(keys); i++) {
    tensor_t v;
    TRY(value_row(values, i, keys->shape.rank, &v));
    TRY(table_put(t, key_bytes(keys, i), v, initialize));
  }
  t->initialized = true;
  return NULL;
}

static status_t put_all(op_ctx_t *c, bool initialize, bool clear) {
  table_t *t = NULL;
  TRY(table_at(c, &t));
  pthread_rwlock_wrlock(&t->lock);
  if (clear) table_clear(t);
  status_t st = initialize && t->initialized ? NULL : put_all_locked(c, t, initialize);
  pthread_rwlock_unlock(&t->lock);
  return st;
}
static status_t insert(op_ctx_t *c) { return put_all(c, false, false); }
static status_t import(op_ctx_t *c) { return put_all(c, false, true); }
static status_t initialize(op_ctx_t *c) { return put_all(c, true, false); }

static status_t remove_kernel(op_ctx_t *c) {
  table_t *t = NULL;
  TRY(table_at(c, &t));
  TRY(check_dtypes(c, t, &c->in[1], NULL));
  pthread_rwlock_wrlock(&t->lock);
  for (int64_t i = 0; i < tensor_elements(&c->in[1]); i++) table_remove(t, key_bytes(&c->in[1], i));
  pthread_rwlock_unlock(&t->lock);
  return NULL;
}

static status_t size_kernel(op_ctx_t *c) {
  table_t *t = NULL;
  tensor_t *out;
  TRY(table_at(c, &t));
  TRY(op_out(c, 0, &SHAPE_SCALAR, &out));
  pthread_rwlock_rdlock(&t->lock);
  TENSOR_DATA(int64_t, out)[0] = (int64_t)t->live;
  pthread_rwlock_unlock(&t->lock);
  return NULL;
}

static status_t export_locked(op_ctx_t *c, const table_t *t) {
  shape_t ks = SHAPE((int64_t)t->live), vs = ks;
  if (t->live) {
    size_t first = 0;
    while (t->keys.v[first].n == REMOVED) first++;
    const shape_t *row = &t->values.v[first].shape;
    for (int i = 0; i < row->rank && vs.rank < SHAPE_MAX_RANK; i++) vs.d[vs.rank++] = row->d[i];
  }
  tensor_t *keys, *values;
  TRY(op_out_typed(c, 0, t->key_dtype, &ks, &keys));
  TRY(op_out_typed(c, 1, t->value_dtype, &vs, &values));
  int64_t at = 0, width = t->live ? elements_per_row(values) : 0;
  for (size_t i = 0; i < t->keys.n; i++) {
    str_t k = t->keys.v[i];
    if (k.n == REMOVED) continue;
    if (t->key_dtype == DT_STRING)
      TRY(str_set(TENSOR_DATA(str_t, keys) + at, bytes_of(k), k.n));
    else
      memcpy((char *)keys->data + (size_t)at * k.n, k.p, k.n);
    TRY(elements_copy(values, at * width, &t->values.v[i], 0, width));
    at++;
  }
  return NULL;
}

static status_t export(op_ctx_t *c) {
  table_t *t = NULL;
  TRY(table_at(c, &t));
  pthread_rwlock_rdlock(&t->lock);
  status_t st = export_locked(c, t);
  pthread_rwlock_unlock(&t->lock);
  return st;
}

// ---------------------------------------------------------------- text files

enum { WHOLE_LINE = -2, LINE_NUMBER = -1 };

// What column `index` of a line says, as a scalar of `dtype`.
static status_t field(const char *line, size_t n, int64_t number, int64_t index, char delimiter,
                      dtype_t dtype, tensor_t *out) {
  TRY(tensor_alloc(dtype, &SHAPE_SCALAR, out));
  status_t st = NULL;
  if (index == LINE_NUMBER) {
    if (dtype == DT_STRING)
      st = FAIL(INVALID_ARGUMENT, "line numbers are no strings");
    else
      tensor_set_number(out, 0, (double)number);
  } else {
    const char *p = line, *end = line + n;
    for (int64_t k = 0; index >= 0 && p && k <= index; k++) {
      const char *stop = memchr(p, delimiter, (size_t)(end - p));
      if (k == index) {
        if (stop) end = stop;
        break;
      }
      p = stop ? stop + 1 : NULL;
    }
    if (!p) {
      st = FAIL(INVALID_ARGUMENT, "line %lld has no column %lld", (long long)number,
                (long long)index);
    } else if (dtype == DT_STRING) {
      st = str_set(TENSOR_DATA(str_t, out), p, (size_t)(end - p));
    } else {
      char *text = mem_strndup(p, (size_t)(end - p)), *rest = text;
      double v = strtod(text, &rest);
      long long whole = strtoll(text, NULL, 10);
      if (rest == text || *rest)
        st = FAIL(INVALID_ARGUMENT, "line %lld: '%s' is no %s", (long long)number, text,
                  dtype_name(dtype));
      else if (dtype == DT_INT64)
        TENSOR_DATA(int64_t, out)[0] = whole;
      else
        tensor_set_number(out, 0, v);
      mem_free(text);
    }
  }
  if (st) tensor_unref(out);
  return st;
}

static status_t load_lines(op_ctx_t *c, table_t *t, const file_map_t *f) {
  int64_t key_index = node_int(c->node, "key_index", WHOLE_LINE);
  int64_t value_index = node_int(c->node, "value_index", LINE_NUMBER);
  int64_t most = node_int(c->node, "vocab_size", -1), skip = node_int(c->node, "offset", 0);
  const char *delimiter = node_string(c->node, "delimiter");
  if (strlen(delimiter) != 1) return FAIL(INVALID_ARGUMENT, "the delimiter is not one character");
  const char *p = f->size ? (const char *)f->data : "", *end = p + f->size;
  int64_t number = 0;
  for (int64_t at = 0; p < end && (most < 0 || number < most); at++) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    size_t n = (size_t)((stop ? stop : end) - p);
    if (n && p[n - 1] == '\r') n--;
    if (at >= skip) {
      tensor_t key, value;
      TRY(field(p, n, number, key_index, *delimiter, t->key_dtype, &key));
      status_t st = field(p, n, number, value_index, *delimiter, t->value_dtype, &value);
      if (!st) st = table_put(t, key_bytes(&key, 0), value, true);
      tensor_unref(&key);
      TRY(st);
      number++;
    }
    if (!stop) break;
    p = stop + 1;
  }
  if (most >= 0 && number < most)
    return FAIL(INVALID_ARGUMENT, "the file has %lld lines, vocab_size is %lld", (long long)number,
                (long long)most);
  t->initialized = true;
  return NULL;
}

static status_t initialize_from_file(op_ctx_t *c) {
  table_t *t = NULL;
  TRY(table_at(c, &t));
  if (c->in[1].dtype != DT_STRING || tensor_elements(&c->in[1]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the file name is no scalar string");
  const str_t *s = TENSOR_DATA(str_t, &c->in[1]);
  char *path = mem_strndup(bytes_of(*s), s->n);
  file_map_t *f = NULL;
  status_t st = file_map_open(path, &f);
  if (!st) {
    pthread_rwlock_wrlock(&t->lock);
    if (!t->initialized) st = load_lines(c, t, f);
    pthread_rwlock_unlock(&t->lock);
    file_map_unref(f);
  }
  st = status_prefix(st, "%s '%s': %s", c->node->op, c->node->name, path);
  mem_free(path);
  return st;
}

static status_t infer_find(infer_ctx_t *c) {
  const shape_t *k = infer_in(c, 1), *d = infer_in(c, 2);
  if (k->rank < 0 || d->rank < 0 || k->rank + d->rank > SHAPE_MAX_RANK) return NULL;
  shape_t s = *k;
  for (int i = 0; i < d->rank; i++) s.d[s.rank++] = d->d[i];
  infer_out(c, 0, &s);
  return NULL;
}

#define TABLE_OP(NAME, SIG, ATTRS, INFER, KERNEL)                               \
  {                                                                             \
    .name = NAME, .sig = SIG, .attrs = ATTRS, .infer = INFER, .kernel = KERNEL, \
    .flags = OP_STATEFUL                                                        \
  }
#define TABLE_ATTRS                                                                         \
  "container: string = ''; shared_name: string = ''; use_node_name_sharing: bool = false; " \
  "key_dtype: type; value_dtype: type"
#define PAIRS "table_handle: resource, keys: Tin, values: Tout ->"

const op_def_t ops_tables[] = {
    TABLE_OP("HashTableV2", "-> table_handle: resource", TABLE_ATTRS, infer_scalar, table_handle),
    TABLE_OP("MutableHashTableV2", "-> table_handle: resource", TABLE_ATTRS, infer_scalar,
             table_handle),
    TABLE_OP("AnonymousHashTable", "-> table_handle: resource",
             "key_dtype: type; value_dtype: type", infer_scalar, anonymous_table),
    TABLE_OP("LookupTableFindV2",
             "table_handle: resource, keys: Tin, default_value: Tout -> values: Tout",
             "Tin: type; Tout: type", infer_find, find),
    TABLE_OP("LookupTableInsertV2", PAIRS, "Tin: type; Tout: type", NULL, insert),
    TABLE_OP("LookupTableImportV2", PAIRS, "Tin: type; Tout: type", NULL, import),
    TABLE_OP("LookupTableRemoveV2", "table_handle: resource, keys: Tin ->", "Tin: type", NULL,
             remove_kernel),
    TABLE_OP("LookupTableSizeV2", "table_handle: resource -> size: int64", "", infer_scalar,
             size_kernel),
    TABLE_OP("LookupTableExportV2", "table_handle: resource -> keys: Tkeys, values: Tvalues",
             "Tkeys: type; Tvalues: type", NULL, export),
    TABLE_OP("InitializeTableV2", "table_handle: resource, keys: Tkey, values: Tval ->",
             "Tkey: type; Tval: type", NULL, initialize),
    TABLE_OP("InitializeTableFromTextFileV2", "table_handle: resource, filename: string ->",
             "key_index: int; value_index: int; vocab_size: int = -1; delimiter: string = '\t'; "
             "offset: int = 0",
             NULL, initialize_from_file),
    {0},
};
