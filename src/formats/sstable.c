#include "formats/sstable.h"

#include <inttypes.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/crc32c.h"
#include "formats/snappy.h"

enum {
  FOOTER = 48,       // two block handles, padding, 8 bytes of magic
  TRAILER = 5,       // compression type, masked CRC
  MAX_KEY = 1 << 16  // expanded; more is damage or an attack
};
static const uint64_t MAGIC = 0xdb4775248b80fb57u;
static const size_t MAX_ALL_KEYS = (size_t)1 << 28;

typedef struct reader {
  const uint8_t *data;
  size_t size;
  const char *name;
  sstable_t *table;
  size_t all_keys;
  size_t room;  // entries allocated
} reader_t;

typedef struct span {
  const uint8_t *p, *end;
} span_t;

static bool get_varint(span_t *s, uint64_t *out) {
  uint64_t v = 0;
  for (unsigned shift = 0; shift < 64 && s->p < s->end; shift += 7) {
    uint8_t b = *s->p++;
    v |= (uint64_t)(b & 0x7f) << shift;
    if (!(b & 0x80)) {
      *out = v;
      return true;
    }
  }
  return false;
}

// The contents of a block, CRC checked, decompressed when need be.
static status_t read_block(reader_t *r, uint64_t offset, uint64_t size, span_t *out) {
  if (offset > r->size || r->size - offset < TRAILER || size > r->size - offset - TRAILER)
    return FAIL(DATA_LOSS,
                "%s: a block of %" PRIu64 " bytes at byte %" PRIu64 " is outside of the file",
                r->name, size, offset);
  const uint8_t *p = r->data + offset;
  if (crc32c_mask(crc32c(p, size + 1)) != bytes_get32(p + size + 1))
    return FAIL(DATA_LOSS, "%s: checksum of the block at byte %" PRIu64 " is wrong", r->name,
                offset);
  *out = (span_t){p, p + size};
  if (p[size] == 0) return NULL;
  if (p[size] != 1)
    return FAIL(UNIMPLEMENTED, "%s: the block at byte %" PRIu64 " has compression type %d", r->name,
                offset, p[size]);
  uint8_t *bytes;
  size_t n;
  TRY(snappy_decompress(p, size, r->name, &bytes, &n));
  vec_push(&r->table->blocks, bytes);
  *out = (span_t){bytes, bytes + n};
  return NULL;
}

// Calls fn for each entry of a block; the key is in `key`, rebuilt from prefixes.
typedef status_t (*entry_fn)(reader_t *r, const char *key, size_t key_size, span_t value);

static status_t walk_block(reader_t *r, span_t block, entry_fn fn) {
  size_t size = (size_t)(block.end - block.p);
  if (size < 4) return FAIL(DATA_LOSS, "%s: a block is cut off", r->name);
  uint64_t restarts = bytes_get32(block.end - 4);
  if (restarts > (size - 4) / 4) return FAIL(DATA_LOSS, "%s: a block is cut off", r->name);
  span_t s = {block.p, block.end - 4 - 4 * restarts};
  VEC(char) key = {0};
  status_t st = NULL;
  while (s.p < s.end && !st) {
    uint64_t shared, fresh, value_size;
    if (!get_varint(&s, &shared) || !get_varint(&s, &fresh) || !get_varint(&s, &value_size) ||
        shared > key.n || fresh > (uint64_t)(s.end - s.p) ||
        value_size > (uint64_t)(s.end - s.p) - fresh || shared + fresh > MAX_KEY) {
      st = FAIL(DATA_LOSS, "%s: bad entry in a block", r->name);
      break;
    }
    vec_reserve(&key, shared + fresh + 1);
    memcpy(key.v + shared, s.p, fresh);
    key.n = shared + fresh;
    s.p += fresh;
    st = fn(r, key.v, key.n, (span_t){s.p, s.p + value_size});
    s.p += value_size;
  }
  vec_free(&key);
  return st;
}

static int compare_keys(const char *a, size_t na, const char *b, size_t nb) {
  int c = memcmp(a, b, na < nb ? na : nb);
  return c ? c : na < nb ? -1 : na > nb;
}

static status_t add_entry(reader_t *r, const char *key, size_t key_size, span_t value) {
  sstable_t *t = r->table;
  r->all_keys += key_size;
  if (r->all_keys > MAX_ALL_KEYS) return FAIL(RESOURCE_EXHAUSTED, "%s: too many keys", r->name);
  if (t->n) {
    const sstable_entry_t *last = &t->entries[t->n - 1];
    if (compare_keys(last->key, last->key_size, key, key_size) >= 0)
      return FAIL(DATA_LOSS, "%s: key %zu is not in order", r->name, t->n);
  }
  if (t->n == r->room) {
    r->room = r->room ? 2 * r->room : 64;
    t->entries = mem_realloc(t->entries, r->room * sizeof *t->entries);
  }
  t->entries[t->n++] = (sstable_entry_t){arena_strndup(t->arena, key, key_size), key_size, value.p,
                                         (size_t)(value.end - value.p)};
  return NULL;
}

// An entry of the index block: the value is the handle of a data block.
static status_t add_block(reader_t *r, const char *key, size_t key_size, span_t handle) {
  (void)key, (void)key_size;
  uint64_t offset, size;
  if (!get_varint(&handle, &offset) || !get_varint(&handle, &size))
    return FAIL(DATA_LOSS, "%s: bad handle in the index block", r->name);
  span_t block;
  TRY(read_block(r, offset, size, &block));
  return walk_block(r, block, add_entry);
}

status_t sstable_read(const uint8_t *data, size_t size, const char *name, sstable_t *out) {
  *out = (sstable_t){.arena = arena_create()};
  reader_t r = {data, size, name, out, 0, 0};
  status_t st = NULL;
  if (size < FOOTER || bytes_get64(data + size - 8) != MAGIC) {
    st = FAIL(DATA_LOSS, "%s: no table magic at the end: not a table, or cut off", name);
  } else {
    span_t footer = {data + size - FOOTER, data + size - 8};
    uint64_t meta_offset, meta_size, offset = 0, n = 0;
    span_t index;
    if (!get_varint(&footer, &meta_offset) || !get_varint(&footer, &meta_size) ||
        !get_varint(&footer, &offset) || !get_varint(&footer, &n))
      st = FAIL(DATA_LOSS, "%s: bad footer", name);
    if (!st) st = read_block(&r, offset, n, &index);
    if (!st) st = walk_block(&r, index, add_block);
  }
  if (st) sstable_free(out);
  return st;
}

void sstable_free(sstable_t *t) {
  for (size_t i = 0; i < t->blocks.n; i++) mem_aligned_free(t->blocks.v[i]);
  vec_free(&t->blocks);
  mem_free(t->entries);
  arena_destroy(t->arena);
  *t = (sstable_t){0};
}

const sstable_entry_t *sstable_find(const sstable_t *t, const char *key, size_t key_size) {
  size_t low = 0, high = t->n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    const sstable_entry_t *e = &t->entries[mid];
    int c = compare_keys(e->key, e->key_size, key, key_size);
    if (!c) return e;
    if (c < 0)
      low = mid + 1;
    else
      high = mid;
  }
  return NULL;
}

// ---------------------------------------------------------------- writing

enum { BLOCK_SIZE = 4096, RESTART_EVERY = 16 };

typedef struct block {
  wire_out_t bytes;
  VEC(uint32_t) restarts;
  size_t n;
  const sstable_entry_t *last;
} block_t;

static void block_add(block_t *b, const sstable_entry_t *e) {
  size_t shared = 0;
  if (b->n++ % RESTART_EVERY == 0)
    vec_push(&b->restarts, (uint32_t)b->bytes.size);
  else
    while (shared < e->key_size && shared < b->last->key_size &&
           e->key[shared] == b->last->key[shared])
      shared++;
  wire_put_varint(&b->bytes, shared);
  wire_put_varint(&b->bytes, e->key_size - shared);
  wire_put_varint(&b->bytes, e->value_size);
  wire_put_raw(&b->bytes, e->key + shared, e->key_size - shared);
  wire_put_raw(&b->bytes, e->value, e->value_size);
  b->last = e;
}

static void put32(wire_out_t *w, uint32_t v) {
  uint8_t bytes[4];
  bytes_put(bytes, v, 4);
  wire_put_raw(w, bytes, 4);
}

// Appends the block and its trailer to the file and empties it; its handle goes into `handle`.
static void block_finish(block_t *b, wire_out_t *file, wire_out_t *handle) {
  if (!b->restarts.n) vec_push(&b->restarts, 0);
  for (size_t i = 0; i < b->restarts.n; i++) put32(&b->bytes, b->restarts.v[i]);
  put32(&b->bytes, (uint32_t)b->restarts.n);
  wire_put_varint(handle, file->size);
  wire_put_varint(handle, b->bytes.size);
  wire_put_raw(&b->bytes, "", 1);  // compression type: none
  wire_put_raw(file, b->bytes.data, b->bytes.size);
  put32(file, crc32c_mask(crc32c(b->bytes.data, b->bytes.size)));
  file->failed |= b->bytes.failed;
  wire_out_free(&b->bytes);
  vec_free(&b->restarts);
  *b = (block_t){0};
}

status_t sstable_write(const sstable_entry_t *entries, size_t n, wire_out_t *out) {
  for (size_t i = 1; i < n; i++)
    if (compare_keys(entries[i - 1].key, entries[i - 1].key_size, entries[i].key,
                     entries[i].key_size) >= 0)
      return FAIL(INVALID_ARGUMENT, "keys of a table do not ascend at \"%s\"", entries[i].key);
  block_t data = {0}, index = {0}, meta = {0};
  VEC(wire_out_t) handles = {0};           // of the data blocks
  VEC(sstable_entry_t) index_items = {0};  // the last key of each data block
  for (size_t i = 0; i < n; i++) {
    block_add(&data, &entries[i]);
    if (data.bytes.size < BLOCK_SIZE && i + 1 < n) continue;
    wire_out_t handle = {0};
    block_finish(&data, out, &handle);
    vec_push(&handles, handle);
    vec_push(&index_items, entries[i]);
  }
  for (size_t i = 0; i < handles.n; i++) {
    index_items.v[i].value = handles.v[i].data;
    index_items.v[i].value_size = handles.v[i].size;
    block_add(&index, &index_items.v[i]);
  }
  wire_out_t footer = {0};
  block_finish(&meta, out, &footer);
  block_finish(&index, out, &footer);
  uint8_t magic[8], padding[FOOTER] = {0};
  bytes_put(magic, MAGIC, 8);
  wire_put_raw(&footer, padding, FOOTER - 8 - footer.size);
  wire_put_raw(&footer, magic, 8);
  wire_put_raw(out, footer.data, footer.size);
  out->failed |= footer.failed;
  wire_out_free(&footer);
  for (size_t i = 0; i < handles.n; i++) wire_out_free(&handles.v[i]);
  vec_free(&handles);
  vec_free(&index_items);
  return wire_out_status(out);
}
