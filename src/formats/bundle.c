#include "formats/bundle.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "base/stream.h"
#include "formats/bundle_internal.h"
#include "formats/crc32c.h"
#include "formats/tensor_shape.h"
#include "formats/tf_fields.h"

struct bundle {
  file_map_t *index;
  sstable_t table;
  arena_t *arena;
  bundle_entry_t *entries;  // beside table.entries, without the header
  sstable_entry_t *keys;
  atomic_bool *checked;  // CRC found right
  size_t n;
  VEC(file_map_t *) shards;
};

static status_t parse_header(const sstable_entry_t *e, int32_t *shards) {
  wire_t w = wire_open(e->value, e->value_size);
  wire_field_t f;
  status_t st;
  int32_t endianness = 0;
  while (wire_next(&w, &f, &st)) {
    if (f.number == TF_BUNDLE_HEADER_NUM_SHARDS) TRY(wire_get_i32(&f, shards));
    if (f.number == TF_BUNDLE_HEADER_ENDIANNESS) TRY(wire_get_i32(&f, &endianness));
  }
  if (!st && endianness) st = FAIL(UNIMPLEMENTED, "the bundle is big-endian");
  if (!st && *shards < 1) st = FAIL(DATA_LOSS, "the header says %d shards", (int)*shards);
  return st;
}

static status_t parse_slice(wire_t w, const shape_t *whole, bundle_slice_t *out) {
  wire_field_t f;
  status_t st;
  int d = 0;
  while (wire_next(&w, &f, &st)) {
    if (f.number != TF_SLICE_EXTENT) continue;
    wire_t extent;
    TRY(wire_get_message(&f, &extent));
    if (d == whole->rank) return FAIL(DATA_LOSS, "a slice has too many dimensions");
    // An extent without a length is the whole dimension.
    int64_t start = 0, length = whole->d[d];
    wire_field_t x;
    bool all = true;
    while (wire_next(&extent, &x, &st)) {
      if (x.number == TF_EXTENT_START) TRY(wire_get_i64(&x, &start));
      if (x.number != TF_EXTENT_LENGTH) continue;
      TRY(wire_get_i64(&x, &length));
      all = false;
    }
    TRY(st);
    if (start < 0 || length < 0 || start > whole->d[d] || length > whole->d[d] - start)
      return FAIL(DATA_LOSS, "a slice is outside of the tensor");
    if (all) out->whole |= 1u << d;
    out->start[d] = start;
    out->length[d++] = length;
  }
  if (!st && d != whole->rank) st = FAIL(DATA_LOSS, "a slice has too few dimensions");
  return st;
}

static status_t parse_slices(bundle_t *b, const sstable_entry_t *item, bundle_entry_t *e) {
  VEC(bundle_slice_t) slices = {0};
  wire_t w = wire_open(item->value, item->value_size), sub;
  wire_field_t f;
  status_t st;
  while (wire_next(&w, &f, &st)) {
    if (f.number != TF_BUNDLE_ENTRY_SLICES) continue;
    bundle_slice_t s = {0};
    st = wire_get_message(&f, &sub);
    if (!st) st = parse_slice(sub, &e->shape, &s);
    if (st) break;
    vec_push(&slices, s);
  }
  if (!st && slices.n) {
    e->n_slices = (int)slices.n;
    e->slices = arena_alloc(b->arena, slices.n * sizeof *slices.v);
    memcpy(e->slices, slices.v, slices.n * sizeof *slices.v);
  }
  vec_free(&slices);
  return st;
}

static status_t parse_entry(bundle_t *b, const sstable_entry_t *item, bundle_entry_t *e) {
  *e = (bundle_entry_t){.key = item->key, .shape = SHAPE_SCALAR};
  wire_t w = wire_open(item->value, item->value_size), sub;
  wire_field_t f;
  status_t st;
  int32_t dtype = 0;
  bool has_slices = false;
  while (wire_next(&w, &f, &st)) {
    switch (f.number) {
      case TF_BUNDLE_ENTRY_DTYPE: TRY(wire_get_i32(&f, &dtype)); break;
      case TF_BUNDLE_ENTRY_SHAPE:
        TRY(wire_get_message(&f, &sub));
        TRY(tensor_shape_parse(sub, &e->shape));
        break;
      case TF_BUNDLE_ENTRY_SHARD_ID: TRY(wire_get_i32(&f, &e->shard)); break;
      case TF_BUNDLE_ENTRY_OFFSET: TRY(wire_get_u64(&f, &e->offset)); break;
      case TF_BUNDLE_ENTRY_SIZE: TRY(wire_get_u64(&f, &e->size)); break;
      case TF_BUNDLE_ENTRY_CRC32C:
        if (f.type != WIRE_FIXED32) return FAIL(DATA_LOSS, "bad checksum field");
        e->crc = (uint32_t)f.value;
        break;
      case TF_BUNDLE_ENTRY_SLICES: has_slices = true; break;
      default: break;
    }
  }
  TRY(st);
  e->dtype = (dtype_t)dtype;
  size_t bytes;
  int64_t n = shape_elements(&e->shape);
  if (n < 0 || !shape_known(&e->shape)) return FAIL(DATA_LOSS, "bad shape");
  if (has_slices) return parse_slices(b, item, e);
  if (e->shard < 0 || (size_t)e->shard >= b->shards.n)
    return FAIL(DATA_LOSS, "it is in shard %d of %zu", (int)e->shard, b->shards.n);
  const file_map_t *shard = b->shards.v[e->shard];
  if (e->offset > shard->size || e->size > shard->size - e->offset)
    return FAIL(DATA_LOSS,
                "bytes %" PRIu64 " to %" PRIu64
                " are not in %s, which has %zu: the file is cut off",
                e->offset, e->offset + e->size, shard->path, shard->size);
  if (dtype_is_plain(e->dtype) && dtype_size(e->dtype) &&
      (!size_mul((size_t)n, dtype_size(e->dtype), &bytes) || bytes != e->size))
    return FAIL(DATA_LOSS, "its shape and dtype do not make its %" PRIu64 " bytes", e->size);
  return NULL;
}

static status_t open_shards(bundle_t *b, const char *prefix, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    char *path = mem_printf("%s.data-%05d-of-%05d", prefix, (int)i, (int)count);
    file_map_t *m;
    status_t st = file_map_open(path, &m);
    mem_free(path);
    if (st) return st;
    vec_push(&b->shards, m);
  }
  return NULL;
}

static status_t parse(bundle_t *b, const char *prefix) {
  const char *name = b->index->path;
  TRY(sstable_read(b->index->data, b->index->size, name, &b->table));
  if (!b->table.n || b->table.entries[0].key_size)
    return FAIL(DATA_LOSS, "%s: the bundle has no header", name);
  int32_t shards = 0;
  status_t st = parse_header(&b->table.entries[0], &shards);
  if (st) return status_prefix(st, "%s", name);
  TRY(open_shards(b, prefix, shards));
  b->n = b->table.n - 1;
  b->keys = b->table.entries + 1;
  b->entries = mem_calloc(b->n, sizeof *b->entries);
  b->checked = mem_calloc(b->n, sizeof *b->checked);
  for (size_t i = 0; i < b->n; i++) {
    st = parse_entry(b, &b->keys[i], &b->entries[i]);
    if (st) return status_prefix(st, "%s: tensor \"%s\"", name, b->keys[i].key);
  }
  return NULL;
}

status_t bundle_open(const char *prefix, bundle_t **out) {
  *out = NULL;
  char *path = mem_printf("%s.index", prefix);
  file_map_t *index;
  status_t st = file_map_open(path, &index);
  mem_free(path);
  if (st) return st;
  bundle_t *b = mem_calloc(1, sizeof *b);
  b->index = index;
  b->arena = arena_create();
  st = parse(b, prefix);
  if (st) {
    bundle_close(b);
    return st;
  }
  *out = b;
  return NULL;
}

void bundle_close(bundle_t *b) {
  if (!b) return;
  for (size_t i = 0; i < b->shards.n; i++) file_map_unref(b->shards.v[i]);
  vec_free(&b->shards);
  mem_free(b->entries);
  mem_free(b->checked);
  if (b->table.arena) sstable_free(&b->table);
  arena_destroy(b->arena);
  file_map_unref(b->index);
  mem_free(b);
}

size_t bundle_count(const bundle_t *b) { return b->n; }
const bundle_entry_t *bundle_entry(const bundle_t *b, size_t i) { return &b->entries[i]; }
const char *bundle_name(const bundle_t *b) { return b->index->path; }

const bundle_entry_t *bundle_find_n(const bundle_t *b, const char *key, size_t n) {
  const sstable_entry_t *e = sstable_find(&b->table, key, n);
  return e && e >= b->keys ? &b->entries[e - b->keys] : NULL;
}

const bundle_entry_t *bundle_find(const bundle_t *b, const char *key) {
  return bundle_find_n(b, key, strlen(key));
}

static status_t wrong_crc(const bundle_t *b, const bundle_entry_t *e) {
  return FAIL(DATA_LOSS,
              "%s: checksum of tensor \"%s\" is wrong: %s is damaged at bytes %" PRIu64
              " to %" PRIu64,
              b->index->path, e->key, b->shards.v[e->shard]->path, e->offset, e->offset + e->size);
}

// Two threads may both check the same tensor; that does no harm.
status_t bundle_check(const bundle_t *b, const bundle_entry_t *e, uint32_t crc) {
  if (crc32c_mask(crc) != e->crc) return wrong_crc(b, e);
  atomic_store_explicit(&b->checked[e - b->entries], true, memory_order_relaxed);
  return NULL;
}

static bool is_checked(const bundle_t *b, const bundle_entry_t *e) {
  return atomic_load_explicit(&b->checked[e - b->entries], memory_order_relaxed);
}

static status_t crc32c_piece(void *ctx, const uint8_t *piece, size_t n) {
  uint32_t *crc = ctx;
  *crc = crc32c_extend(*crc, piece, n);
  return NULL;
}

const uint8_t *bundle_place(const bundle_t *b, const bundle_entry_t *e) {
  return e->size ? b->shards.v[e->shard]->data + e->offset : NULL;
}

bool bundle_needs_check(const bundle_t *b, const bundle_entry_t *e) {
  // A variant's CRC is made of its parts, which are not known here.
  return !is_checked(b, e) && e->dtype != DT_VARIANT;
}

status_t bundle_bytes(const bundle_t *b, const bundle_entry_t *e, const uint8_t **data) {
  *data = bundle_place(b, e);
  if (!bundle_needs_check(b, e)) return NULL;
  uint32_t crc = 0;
  TRY(stream_pass(*data, e->size, true, crc32c_piece, &crc));
  return bundle_check(b, e, crc);
}

static void unmap(buffer_t *buffer) { file_map_unref(buffer->owner); }

status_t bundle_read_entry(const bundle_t *b, const bundle_entry_t *e, tensor_t *out) {
  const char *key = e->key;
  file_map_t *shard = b->shards.v[e->shard];
  const uint8_t *data = e->size ? shard->data + e->offset : NULL;
  if (e->dtype == DT_STRING) {
    uint32_t crc;
    TRY(bundle_strings_parse(data, e, out, &crc));
    status_t st = is_checked(b, e) ? NULL : bundle_check(b, e, crc);
    if (st) tensor_unref(out);
    return st;
  }
  size_t unit = dtype_size(e->dtype);
  if (!unit || !dtype_is_plain(e->dtype))
    return FAIL(UNIMPLEMENTED, "%s: tensor \"%s\" has dtype %d, which cannot be read",
                bundle_name(b), key, (int)e->dtype);
  TRY(bundle_bytes(b, e, &data));
  size_t align = unit > 8 ? 8 : unit;
  if (e->size && (uintptr_t)data % align == 0) {
    *out = tensor_borrow(e->dtype, &e->shape, (void *)(uintptr_t)data, e->size, unmap,
                         file_map_ref(shard));
    out->buf->mapped = true;
    return NULL;
  }
  TRY(tensor_alloc(e->dtype, &e->shape, out));
  uint8_t *to = out->data;
  status_t st = stream_pass(data, e->size, true, stream_copy, &to);
  if (st) tensor_unref(out);
  return st;
}

static status_t not_found(const bundle_t *b, const char *key) {
  return FAIL(NOT_FOUND, "%s has no tensor \"%s\"", b->index->path, key);
}

status_t bundle_read(const bundle_t *b, const char *key, tensor_t *out) {
  *out = (tensor_t){0};
  const bundle_entry_t *e = bundle_find(b, key);
  if (!e) return not_found(b, key);
  if (!e->n_slices) return bundle_read_entry(b, e, out);
  bundle_slice_t all = {0};
  for (int d = 0; d < e->shape.rank; d++) all.length[d] = e->shape.d[d];
  return bundle_read_slice(b, key, &all, out);
}
