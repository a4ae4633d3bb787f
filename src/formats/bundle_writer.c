#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/stream.h"
#include "base/work.h"
#include "formats/bundle_internal.h"
#include "formats/crc32c.h"
#include "formats/tensor_shape.h"
#include "formats/tf_fields.h"

enum { ALIGN = 64, CHUNK = 1 << 16, FLUSH = 32 << 20 };

typedef struct item {  // an entry of the index to be
  char *key;
  size_t key_size;
  wire_out_t value;
} item_t;

typedef struct content {  // bytes that are in the data file
  uint64_t offset, size;
  uint32_t crc;
} content_t;

struct bundle_writer {
  char *prefix, *path;  // path: the data file
  int fd;
  uint64_t size, flushed;
  VEC(item_t) items;
  map_t *keys;
  map_t *contents;  // "crc-size", and "@address-size" of mapped bytes -> content_t
  arena_t *arena;
};

static status_t io_error(const char *what, const char *path) {
  if (errno == ENOSPC || errno == EDQUOT)
    return FAIL(RESOURCE_EXHAUSTED, "cannot %s %s: %s", what, path, strerror(errno));
  return FAIL(UNKNOWN, "cannot %s %s: %s", what, path, strerror(errno));
}

status_t bundle_writer_create(const char *prefix, bundle_writer_t **out) {
  *out = NULL;
  char *path = mem_printf("%s.data-00000-of-00001", prefix);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    status_t st = io_error("create", path);
    mem_free(path);
    return st;
  }
  bundle_writer_t *w = mem_calloc(1, sizeof *w);
  *w = (bundle_writer_t){.prefix = mem_strdup(prefix),
                         .path = path,
                         .fd = fd,
                         .keys = map_create(),
                         .contents = map_create(),
                         .arena = arena_create()};
  *out = w;
  return NULL;
}

void bundle_writer_abandon(bundle_writer_t *w) {
  if (!w) return;
  if (w->fd >= 0) close(w->fd);
  for (size_t i = 0; i < w->items.n; i++) {
    mem_free(w->items.v[i].key);
    wire_out_free(&w->items.v[i].value);
  }
  vec_free(&w->items);
  map_destroy(w->keys);
  map_destroy(w->contents);
  arena_destroy(w->arena);
  mem_free(w->prefix);
  mem_free(w->path);
  mem_free(w);
}

bool bundle_writer_has(const bundle_writer_t *w, const char *key) { return map_has(w->keys, key); }
uint64_t bundle_writer_bytes(const bundle_writer_t *w) { return w->size; }

// Bytes on their way into the data file.
typedef struct incoming {
  bundle_writer_t *w;
  uint32_t crc;
} incoming_t;

// What was written goes to the disk as writing goes on: neither does the machine's memory fill with
// it, nor does the end have to wait for all of it.
static void flush_behind(bundle_writer_t *w) {
  if (w->size - w->flushed < FLUSH) return;
  uint64_t before = w->flushed > FLUSH ? w->flushed - FLUSH : 0;
  sync_file_range(w->fd, (off_t)w->flushed, (off_t)(w->size - w->flushed), SYNC_FILE_RANGE_WRITE);
  sync_file_range(w->fd, (off_t)before, (off_t)(w->flushed - before),
                  SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  w->flushed = w->size;
}

static status_t append(void *ctx, const uint8_t *p, size_t n) {
  incoming_t *in = ctx;
  bundle_writer_t *w = in->w;
  in->crc = crc32c_extend(in->crc, p, n);
  while (n) {
    ssize_t k = pwrite(w->fd, p, n, (off_t)w->size);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return io_error("write", w->path);
    p += k;
    n -= (size_t)k;
    w->size += (size_t)k;
    work_advance(k);
  }
  flush_behind(w);
  return NULL;
}

static status_t crc_piece(void *ctx, const uint8_t *piece, size_t n) {
  uint32_t *crc = ctx;
  *crc = crc32c_extend(*crc, piece, n);
  return NULL;
}

// Are these the bytes of the data file from an offset on?
typedef struct comparison {
  const bundle_writer_t *w;
  uint64_t offset;
  bool differs;
} comparison_t;

static status_t compare_piece(void *ctx, const uint8_t *data, size_t n) {
  comparison_t *c = ctx;
  uint8_t chunk[CHUNK];
  while (n && !c->differs) {
    ssize_t k = pread(c->w->fd, chunk, n < CHUNK ? n : CHUNK, (off_t)c->offset);
    c->differs = k <= 0 || memcmp(chunk, data, (size_t)k) != 0;
    if (c->differs) break;
    c->offset += (uint64_t)k;
    data += k;
    n -= (size_t)k;
  }
  return NULL;
}

// Bytes to be stored. crc: the entry's, which for strings is not the bytes' own; NULL: theirs.
typedef struct source {
  const uint8_t *data;
  size_t n;
  bool mapped;
  const uint32_t *crc;
} source_t;

// Stores bytes anew.
static status_t store_anew(bundle_writer_t *w, const source_t *b, content_t *out, uint32_t *crc) {
  static const uint8_t zeros[ALIGN];
  incoming_t in = {w, 0};
  if (b->n) TRY(append(&in, zeros, (size_t)(-w->size % ALIGN)));
  in.crc = 0;
  out->offset = w->size;
  out->size = b->n;
  TRY(stream_pass(b->data, b->n, b->mapped, append, &in));
  *crc = in.crc;
  return NULL;
}

// The same bytes at the same address were stored before, or equal ones, or they are written now.
// *crc: of the bytes when they were written.
static status_t store(bundle_writer_t *w, const source_t *b, content_t *out, uint32_t *crc) {
  char place[48], id[48];
  snprintf(place, sizeof place, "@%" PRIxPTR "-%zu", (uintptr_t)b->data, b->n);
  const content_t *known = b->mapped ? map_get(w->contents, place) : NULL;
  if (known) {
    *out = *known;
    *crc = known->crc;
    work_advance((int64_t)b->n);
    return NULL;
  }
  *crc = b->crc ? *b->crc : 0;
  if (!b->crc) TRY(stream_pass(b->data, b->n, b->mapped, crc_piece, crc));
  snprintf(id, sizeof id, "%08" PRIx32 "-%zu", *crc, b->n);
  content_t *kept = arena_alloc(w->arena, sizeof *kept);
  kept->crc = *crc;
  comparison_t same = {w, 0, true};
  if ((known = map_get(w->contents, id))) {
    same = (comparison_t){w, known->offset, false};
    TRY(stream_pass(b->data, b->n, b->mapped, compare_piece, &same));
  }
  if (same.differs) {
    TRY(store_anew(w, b, kept, crc));
  } else {
    *kept = *known;
    work_advance((int64_t)b->n);
  }
  if (!known) map_put(w->contents, id, kept);
  if (b->mapped) map_put(w->contents, place, kept);  // the map stays while its bundle is open
  *out = *kept;
  return NULL;
}

static void put_item(bundle_writer_t *w, const char *key, size_t key_size, wire_out_t value) {
  vec_push(&w->items, ((item_t){mem_strndup(key, key_size), key_size, value}));
}

static void put_entry(bundle_writer_t *w, const char *key, size_t key_size, dtype_t dtype,
                      const shape_t *shape, const content_t *c) {
  wire_out_t v = {0};
  wire_put_i64(&v, TF_BUNDLE_ENTRY_DTYPE, dtype);
  tensor_shape_write(&v, TF_BUNDLE_ENTRY_SHAPE, shape);
  if (c->offset) wire_put_u64(&v, TF_BUNDLE_ENTRY_OFFSET, c->offset);
  if (c->size) wire_put_u64(&v, TF_BUNDLE_ENTRY_SIZE, c->size);
  wire_put_fixed32(&v, TF_BUNDLE_ENTRY_CRC32C, crc32c_mask(c->crc));
  put_item(w, key, key_size, v);
}

static status_t claim_key(bundle_writer_t *w, const char *key) {
  if (!*key) return FAIL(INVALID_ARGUMENT, "%s: a tensor without a name", w->prefix);
  if (map_has(w->keys, key))
    return FAIL(ALREADY_EXISTS, "%s: tensor \"%s\" is added twice", w->prefix, key);
  map_put(w->keys, key, w);
  return NULL;
}

static status_t add(bundle_writer_t *w, const char *key, size_t key_size, const tensor_t *t) {
  content_t c;
  uint32_t its_crc;
  if (t->dtype == DT_STRING) {
    wire_out_t bytes = {0};
    uint32_t crc;
    bundle_strings_encode(t, &bytes, &crc);
    status_t st = wire_out_status(&bytes);
    if (!st) st = store(w, &(source_t){bytes.data, bytes.size, false, &crc}, &c, &its_crc);
    wire_out_free(&bytes);
    TRY(st);
  } else if (dtype_is_plain(t->dtype) && dtype_size(t->dtype)) {
    source_t b = {t->data, tensor_bytes(t), t->buf && t->buf->mapped, NULL};
    TRY(store(w, &b, &c, &its_crc));
  } else {
    return FAIL(UNIMPLEMENTED, "%s: tensor \"%s\" is a %s tensor, which cannot be stored",
                w->prefix, key, dtype_name(t->dtype));
  }
  put_entry(w, key, key_size, t->dtype, &t->shape, &c);
  return NULL;
}

status_t bundle_writer_add(bundle_writer_t *w, const char *key, const tensor_t *t) {
  TRY(claim_key(w, key));
  return add(w, key, strlen(key), t);
}

// Any dtype, also those that have no meaning here: the bytes and the CRC go over as they are.
static status_t copy_bytes(bundle_writer_t *w, const bundle_t *from, const bundle_entry_t *e,
                           const char *key, size_t key_size) {
  content_t c;
  if (e->dtype == DT_STRING) {
    tensor_t t;
    TRY(bundle_read_entry(from, e, &t));
    status_t st = add(w, key, key_size, &t);
    tensor_unref(&t);
    return st;
  }
  uint32_t claimed = crc32c_unmask(e->crc), crc;
  source_t b = {bundle_place(from, e), e->size, true, &claimed};
  TRY(store(w, &b, &c, &crc));
  if (bundle_needs_check(from, e)) TRY(bundle_check(from, e, crc));
  put_entry(w, key, key_size, e->dtype, &e->shape, &c);
  return NULL;
}

static status_t copy_slices(bundle_writer_t *w, const bundle_t *from, const bundle_entry_t *e) {
  wire_out_t v = {0};
  wire_put_i64(&v, TF_BUNDLE_ENTRY_DTYPE, e->dtype);
  tensor_shape_write(&v, TF_BUNDLE_ENTRY_SHAPE, &e->shape);
  status_t st = NULL;
  for (int i = 0; i < e->n_slices && !st; i++) {
    const bundle_slice_t *s = &e->slices[i];
    size_t slice = wire_begin(&v, TF_BUNDLE_ENTRY_SLICES);
    for (int d = 0; d < e->shape.rank; d++) {
      size_t extent = wire_begin(&v, TF_SLICE_EXTENT);
      if (s->start[d]) wire_put_i64(&v, TF_EXTENT_START, s->start[d]);
      if (!(s->whole >> d & 1)) wire_put_i64(&v, TF_EXTENT_LENGTH, s->length[d]);
      wire_end(&v, extent);
    }
    wire_end(&v, slice);
    wire_out_t key = {0};
    bundle_slice_key(e->key, e->shape.rank, s, &key);
    const bundle_entry_t *part = bundle_find_n(from, (const char *)key.data, key.size);
    st = part && !part->n_slices
             ? copy_bytes(w, from, part, (const char *)key.data, key.size)
             : FAIL(DATA_LOSS, "%s: a slice of \"%s\" is missing", bundle_name(from), e->key);
    wire_out_free(&key);
  }
  if (st)
    wire_out_free(&v);
  else
    put_item(w, e->key, strlen(e->key), v);
  return st;
}

status_t bundle_writer_copy(bundle_writer_t *w, const bundle_t *from, const char *key) {
  const bundle_entry_t *e = bundle_find(from, key);
  if (!e) return FAIL(NOT_FOUND, "%s has no tensor \"%s\"", bundle_name(from), key);
  TRY(claim_key(w, key));
  return e->n_slices ? copy_slices(w, from, e) : copy_bytes(w, from, e, key, strlen(key));
}

static int by_key(const void *a, const void *b) {
  const item_t *x = a, *y = b;
  int c = memcmp(x->key, y->key, x->key_size < y->key_size ? x->key_size : y->key_size);
  return c ? c : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

static status_t write_index(bundle_writer_t *w) {
  wire_out_t header = {0};
  wire_put_i64(&header, TF_BUNDLE_HEADER_NUM_SHARDS, 1);
  size_t version = wire_begin(&header, TF_BUNDLE_HEADER_VERSION);
  wire_put_i64(&header, TF_VERSION_PRODUCER, 1);
  wire_end(&header, version);
  put_item(w, "", 0, header);
  qsort(w->items.v, w->items.n, sizeof *w->items.v, by_key);
  sstable_entry_t *entries = mem_calloc(w->items.n, sizeof *entries);
  status_t st = NULL;
  for (size_t i = 0; i < w->items.n; i++) {
    const item_t *it = &w->items.v[i];
    if (!st) st = wire_out_status(&it->value);
    entries[i] = (sstable_entry_t){it->key, it->key_size, it->value.data, it->value.size};
  }
  wire_out_t file = {0};
  if (!st) st = sstable_write(entries, w->items.n, &file);
  mem_free(entries);
  char *path = mem_printf("%s.index", w->prefix);
  if (!st) st = file_write(path, file.data, file.size);
  mem_free(path);
  wire_out_free(&file);
  return st;
}

status_t bundle_writer_finish(bundle_writer_t *w) {
  status_t st = NULL;
  if (fsync(w->fd) != 0 && errno != EINVAL) st = io_error("sync", w->path);
  if (!st) st = write_index(w);
  if (close(w->fd) != 0 && !st) st = io_error("close", w->path);
  w->fd = -1;
  bundle_writer_abandon(w);
  return st;
}
