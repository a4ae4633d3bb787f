#include "formats/npz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "formats/bytes.h"

typedef struct member {
  const char *name;
  uint16_t method;  // 0 stored, 8 deflated
  uint32_t crc;
  uint64_t packed, size, offset;  // offset of the local header
} member_t;

struct npz {
  file_map_t *map;  // NULL: bytes of the caller
  const uint8_t *data;
  size_t size;
  char *path;
  arena_t *arena;
  VEC(member_t) members;
};

enum { END = 22, CENTRAL = 46, LOCAL = 30, END64_LOCATOR = 20, END64 = 56 };
static const uint32_t END_MAGIC = 0x06054b50, CENTRAL_MAGIC = 0x02014b50, LOCAL_MAGIC = 0x04034b50,
                      END64_MAGIC = 0x06064b50, LOCATOR_MAGIC = 0x07064b50;

// ---------------------------------------------------------------- reading

static const uint8_t *find_end(const npz_t *z) {
  size_t most = z->size < END + 0xffff ? z->size : END + 0xffff;  // a comment may follow
  for (size_t back = END; back <= most; back++)
    if (bytes_get32(z->data + z->size - back) == END_MAGIC) return z->data + z->size - back;
  return NULL;
}

// 64-bit sizes stand in an extra field, in this order, each only if its 32-bit field is all ones.
static void take_zip64(const uint8_t *extra, size_t n, member_t *m) {
  while (n >= 4) {
    size_t size = bytes_get16(extra + 2);
    if (size > n - 4) return;
    if (bytes_get16(extra) == 1) {
      const uint8_t *p = extra + 4, *end = p + size;
      uint64_t *fields[] = {&m->size, &m->packed, &m->offset};
      for (int i = 0; i < 3; i++) {
        if (*fields[i] != UINT32_MAX || end - p < 8) continue;
        *fields[i] = bytes_get64(p);
        p += 8;
      }
      return;
    }
    extra += 4 + size;
    n -= 4 + size;
  }
}

static status_t parse_central(npz_t *z, uint64_t at, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    if (at > z->size || z->size - at < CENTRAL || bytes_get32(z->data + at) != CENTRAL_MAGIC)
      return FAIL(DATA_LOSS, "%s: bad entry %" PRIu64 " in the archive's directory", z->path, i);
    const uint8_t *p = z->data + at;
    size_t name = bytes_get16(p + 28), extra = bytes_get16(p + 30), comment = bytes_get16(p + 32);
    if (z->size - at - CENTRAL < name + extra + comment)
      return FAIL(DATA_LOSS, "%s: the archive's directory is cut off", z->path);
    member_t m = {.method = bytes_get16(p + 10),
                  .crc = bytes_get32(p + 16),
                  .packed = bytes_get32(p + 20),
                  .size = bytes_get32(p + 24),
                  .offset = bytes_get32(p + 42)};
    if (bytes_get16(p + 8) & 1) return FAIL(UNIMPLEMENTED, "%s: it is encrypted", z->path);
    take_zip64(p + CENTRAL + name, extra, &m);
    const char *text = (const char *)p + CENTRAL;
    size_t n = name > 4 && memcmp(text + name - 4, ".npy", 4) == 0 ? name - 4 : name;
    m.name = arena_strndup(z->arena, text, n);
    if (!name || text[name - 1] != '/') vec_push(&z->members, m);
    at += CENTRAL + name + extra + comment;
  }
  return NULL;
}

static status_t parse_archive(npz_t *z) {
  const uint8_t *end = z->size >= END ? find_end(z) : NULL;
  if (!end) return FAIL(DATA_LOSS, "%s: not a .npz file, or cut off", z->path);
  uint64_t count = bytes_get16(end + 10), at = bytes_get32(end + 16);
  size_t before = (size_t)(end - z->data);
  if ((count == 0xffff || at == UINT32_MAX) && before >= END64_LOCATOR &&
      bytes_get32(end - END64_LOCATOR) == LOCATOR_MAGIC) {
    uint64_t end64 = bytes_get64(end - END64_LOCATOR + 8);
    if (end64 > z->size || z->size - end64 < END64 || bytes_get32(z->data + end64) != END64_MAGIC)
      return FAIL(DATA_LOSS, "%s: bad 64-bit end of the archive", z->path);
    count = bytes_get64(z->data + end64 + 32);
    at = bytes_get64(z->data + end64 + 48);
  }
  return parse_central(z, at, count);
}

status_t npz_open_bytes(const uint8_t *data, size_t size, const char *name, npz_t **out) {
  npz_t *z = mem_calloc(1, sizeof *z);
  *z = (npz_t){.data = data, .size = size, .path = mem_strdup(name), .arena = arena_create()};
  status_t st = parse_archive(z);
  *out = st ? NULL : z;
  if (st) npz_close(z);
  return st;
}

status_t npz_open(const char *path, npz_t **out) {
  *out = NULL;
  file_map_t *map;
  TRY(file_map_open(path, &map));
  status_t st = npz_open_bytes(map->data, map->size, path, out);
  if (st)
    file_map_unref(map);
  else
    (*out)->map = map;
  return st;
}

void npz_close(npz_t *z) {
  if (!z) return;
  file_map_unref(z->map);
  vec_free(&z->members);
  arena_destroy(z->arena);
  mem_free(z->path);
  mem_free(z);
}

size_t npz_count(const npz_t *z) { return z->members.n; }
const char *npz_name(const npz_t *z, size_t i) { return z->members.v[i].name; }

static status_t inflate_member(const npz_t *z, const member_t *m, const uint8_t *packed,
                               uint8_t **out) {
  // Deflate makes at most 1032 bytes out of one; a larger claim is a lie.
  if (m->size / 1040 > m->packed)
    return FAIL(DATA_LOSS, "%s: %s: impossible size", z->path, m->name);
  uint8_t *bytes = mem_try_alloc(m->size);
  if (!bytes)
    return FAIL(RESOURCE_EXHAUSTED, "%s: %s: no memory for %" PRIu64 " bytes", z->path, m->name,
                m->size);
  z_stream s = {0};
  int rc = inflateInit2(&s, -MAX_WBITS);
  uint64_t in = 0, done = 0;
  while (rc == Z_OK && (in < m->packed || s.avail_in || done < m->size)) {
    if (!s.avail_in) {
      uint64_t left = m->packed - in;
      s.avail_in = (uInt)(left < 1u << 30 ? left : 1u << 30);
      s.next_in = (Bytef *)(uintptr_t)(packed + in);
      in += s.avail_in;
    }
    uint64_t room = m->size - done;
    s.avail_out = (uInt)(room < 1u << 30 ? room : 1u << 30);
    s.next_out = bytes + done;
    uInt before = s.avail_out;
    rc = inflate(&s, Z_NO_FLUSH);
    done += before - s.avail_out;
  }
  inflateEnd(&s);
  if (rc == Z_STREAM_END && done == m->size) {
    *out = bytes;
    return NULL;
  }
  mem_aligned_free(bytes);
  return FAIL(DATA_LOSS, "%s: %s: bad deflated data", z->path, m->name);
}

static uint32_t crc_of(const uint8_t *data, uint64_t n) {
  uLong crc = 0;
  for (uint64_t at = 0; at < n; at += 1u << 30)
    crc = crc32(crc, data + at, (uInt)(n - at < 1u << 30 ? n - at : 1u << 30));
  return (uint32_t)crc;
}

status_t npz_read(const npz_t *z, size_t i, tensor_t *out) {
  *out = (tensor_t){0};
  const member_t *m = &z->members.v[i];
  const uint8_t *p = z->data + m->offset;
  if (m->offset > z->size || z->size - m->offset < LOCAL || bytes_get32(p) != LOCAL_MAGIC)
    return FAIL(DATA_LOSS, "%s: %s: bad offset in the directory", z->path, m->name);
  uint64_t head = (uint64_t)LOCAL + bytes_get16(p + 26) + bytes_get16(p + 28);
  uint64_t left = z->size - m->offset;
  if (head > left || m->packed > left - head || (!m->method && m->packed != m->size))
    return FAIL(DATA_LOSS, "%s: %s: it is cut off", z->path, m->name);
  if (m->method != 0 && m->method != 8)
    return FAIL(UNIMPLEMENTED, "%s: %s: compression method %d", z->path, m->name, m->method);
  const uint8_t *data = p + head;
  uint8_t *inflated = NULL;
  if (m->method) TRY(inflate_member(z, m, data, &inflated));
  if (inflated) data = inflated;
  status_t st = crc_of(data, m->size) == m->crc
                    ? NULL
                    : FAIL(DATA_LOSS, "%s: %s: its checksum is wrong", z->path, m->name);
  char *name = mem_printf("%s: %s", z->path, m->name);
  if (!st) st = npy_parse(data, m->size, name, out);
  mem_free(name);
  mem_aligned_free(inflated);
  return st;
}

status_t npz_get(const npz_t *z, const char *name, tensor_t *out) {
  *out = (tensor_t){0};
  for (size_t i = 0; i < z->members.n; i++)
    if (strcmp(z->members.v[i].name, name) == 0) return npz_read(z, i, out);
  arena_t *a = arena_create();
  const char *there = z->members.n ? "there are" : "it is empty";
  for (size_t i = 0; i < z->members.n && i < 50; i++)
    there = arena_printf(a, "%s%s %s", there, i ? "," : "", z->members.v[i].name);
  status_t st = FAIL(NOT_FOUND, "%s has no array \"%s\"; %s", z->path, name, there);
  arena_destroy(a);
  return st;
}

// ---------------------------------------------------------------- writing

struct npz_writer {
  FILE *file;
  char *path;
  uint64_t at;
  uint64_t count;
  wire_out_t directory;
};

static status_t io_error(const npz_writer_t *w, const char *what) {
  return FAIL(UNKNOWN, "cannot %s %s: %s", what, w->path, strerror(errno));
}

static void npz_free(npz_writer_t *w) {
  if (w->file) fclose(w->file);
  wire_out_free(&w->directory);
  mem_free(w->path);
  mem_free(w);
}

status_t npz_create(const char *path, npz_writer_t **out) {
  npz_writer_t *w = mem_calloc(1, sizeof *w);
  w->path = mem_strdup(path);
  w->file = fopen(path, "wbe");
  *out = w->file ? w : NULL;
  if (w->file) return NULL;
  status_t st = io_error(w, "create");
  npz_free(w);
  return st;
}

static status_t put(npz_writer_t *w, const void *data, size_t n) {
  if (n && fwrite(data, 1, n, w->file) != n) return io_error(w, "write");
  w->at += n;
  return NULL;
}

static void put_number(wire_out_t *o, uint64_t v, int bytes) {
  uint8_t b[8];
  bytes_put(b, v, bytes);
  wire_put_raw(o, b, (size_t)bytes);
}

// What local and central headers have in common: from "version needed" to the extra field's size.
// Sizes are always in a zip64 extra field, which readers know since 2001.
static void put_common(wire_out_t *o, uint32_t crc, size_t name, size_t extra) {
  put_number(o, 45, 2);      // version needed: zip64
  put_number(o, 0x0800, 2);  // names are UTF-8
  put_number(o, 0, 2);       // stored
  put_number(o, 0, 2);       // time
  put_number(o, 0x21, 2);    // 1980-01-01: the same file each time
  put_number(o, crc, 4);
  put_number(o, UINT32_MAX, 4);
  put_number(o, UINT32_MAX, 4);
  put_number(o, name, 2);
  put_number(o, extra, 2);
}

static void put_member(wire_out_t *o, const char *name, uint32_t crc, uint64_t size, bool central,
                       uint64_t offset) {
  size_t n = strlen(name) + 4;
  put_number(o, central ? CENTRAL_MAGIC : LOCAL_MAGIC, 4);
  if (central) put_number(o, 45, 2);  // made by
  put_common(o, crc, n, central ? 28 : 20);
  if (central) {
    put_number(o, 0, 2);  // comment
    put_number(o, 0, 2);  // disk
    put_number(o, 0, 2);  // internal attributes
    put_number(o, 0, 4);  // external attributes
    put_number(o, UINT32_MAX, 4);
  }
  wire_put_raw(o, name, n - 4);
  wire_put_raw(o, ".npy", 4);
  put_number(o, 1, 2);  // zip64
  put_number(o, central ? 24 : 16, 2);
  put_number(o, size, 8);
  put_number(o, size, 8);
  if (central) put_number(o, offset, 8);
}

status_t npz_add(npz_writer_t *w, const char *name, const tensor_t *t) {
  if (strlen(name) > 60000) return FAIL(INVALID_ARGUMENT, "%s: a name is too long", w->path);
  wire_out_t body = {0}, head = {0};
  status_t st = npy_write(t, &body);
  if (!st) {
    uint32_t crc = crc_of(body.data, body.size);
    put_member(&w->directory, name, crc, body.size, true, w->at);
    put_member(&head, name, crc, body.size, false, 0);
    st = wire_out_status(&head);
  }
  if (!st) st = put(w, head.data, head.size);
  if (!st) st = put(w, body.data, body.size);
  w->count++;
  wire_out_free(&body);
  wire_out_free(&head);
  return status_prefix(st, "array %s", name);
}

status_t npz_finish(npz_writer_t *w) {
  uint64_t start = w->at, size = w->directory.size, end64 = start + size;
  wire_out_t *o = &w->directory;
  put_number(o, END64_MAGIC, 4);
  put_number(o, END64 - 12, 8);
  put_number(o, 45, 2);
  put_number(o, 45, 2);
  put_number(o, 0, 8);  // disks
  put_number(o, w->count, 8);
  put_number(o, w->count, 8);
  put_number(o, size, 8);
  put_number(o, start, 8);
  put_number(o, LOCATOR_MAGIC, 4);
  put_number(o, 0, 4);
  put_number(o, end64, 8);
  put_number(o, 1, 4);
  put_number(o, END_MAGIC, 4);
  put_number(o, 0, 4);  // disks
  put_number(o, 0xffff, 2);
  put_number(o, 0xffff, 2);
  put_number(o, UINT32_MAX, 4);
  put_number(o, UINT32_MAX, 4);
  put_number(o, 0, 2);
  status_t st = wire_out_status(o);
  if (!st) st = put(w, o->data, o->size);
  FILE *file = w->file;
  w->file = NULL;
  if (fclose(file) != 0 && !st) st = io_error(w, "close");
  npz_free(w);
  return st;
}
