// Walking over many bytes without holding them: piece by piece, and where they lie in a map of a
// file each piece's pages are given back after it, so that a file of several GB takes no more of
// the process's memory than one piece. (The pages come back from the file when they are touched
// again.)
#ifndef TFTRT_BASE_STREAM_H
#define TFTRT_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// Called for one piece after another; ctx is the walk's own.
typedef status_t (*stream_fn)(void *ctx, const uint8_t *piece, size_t n);

// mapped: the bytes lie in a read-only private map of a file (file_map_t). Between pieces
// work_check() is asked.
status_t stream_pass(const void *data, size_t size, bool mapped, stream_fn fn, void *ctx);
// Gives the pages of such bytes back.
void stream_forget(const void *data, size_t size);

// Pieces of a copy: ctx is a uint8_t **, where the next byte goes.
status_t stream_copy(void *ctx, const uint8_t *piece, size_t n);
// Of a hash (base/map.h): ctx is a uint64_t *, the seed before and the hash after. Other pieces
// give other hashes, so it is not hash_bytes of the whole above 4 MiB.
status_t stream_hash(void *ctx, const uint8_t *piece, size_t n);

#endif
