#define _GNU_SOURCE
#include "base/stream.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/map.h"
#include "base/work.h"

enum { PIECE = 4 << 20, WORTH_IT = 64 << 10 };

void stream_forget(const void *data, size_t size) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t from = (uintptr_t)data & ~(page - 1),
            to = ((uintptr_t)data + size + page - 1) & ~(page - 1);
  // A neighbour's page at either end comes back from the file as well.
  if (size >= WORTH_IT) madvise((void *)from, to - from, MADV_DONTNEED);
}

status_t stream_pass(const void *data, size_t size, bool mapped, stream_fn fn, void *ctx) {
  const uint8_t *p = data;
  for (size_t at = 0; at < size; at += PIECE) {
    size_t n = size - at < PIECE ? size - at : PIECE;
    TRY(work_check());
    status_t st = fn(ctx, p + at, n);
    if (mapped) stream_forget(p + at, n);
    if (st) return st;
  }
  return NULL;
}

status_t stream_copy(void *ctx, const uint8_t *piece, size_t n) {
  uint8_t **to = ctx;
  memcpy(*to, piece, n);
  *to += n;
  return NULL;
}

status_t stream_hash(void *ctx, const uint8_t *piece, size_t n) {
  uint64_t *h = ctx;
  *h = hash_bytes(piece, n, *h);
  return NULL;
}
