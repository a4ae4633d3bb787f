// The entry that libFuzzer and replay.c call, and what targets share.
#ifndef TFTRT_FUZZ_FUZZ_H
#define TFTRT_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A directory of this process, made at the first call. Removed by nobody: it is small.
static inline const char *fuzz_dir(void) {
  static char dir[64];
  if (!dir[0]) {
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(dir, sizeof dir, "%s/tftrt_fuzz_XXXXXX", base);
    if (!mkdtemp(dir)) abort();
  }
  return dir;
}

// file_write without the fsync, which would be most of the time here.
static inline void fuzz_put(const char *path, const uint8_t *data, size_t size) {
  FILE *f = fopen(path, "wb");
  if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f) != 0) abort();
}

// Makes size and checksum of a plan right (docs/plan-format.md), so that what lies behind them is
// reached.
static inline void fuzz_seal_plan(uint8_t *plan, size_t size) {
  enum { AT_VERSION = 8, AT_SIZE = 16, AT_HASH = 24, AT_BODY = 32 };
  if (size <= AT_BODY) return;
  uint64_t total = size, version, hash;
  memcpy(&version, plan + AT_VERSION, 8);
  memcpy(plan + AT_SIZE, &total, 8);
  hash = hash_bytes(plan + AT_BODY, size - AT_BODY, version);
  memcpy(plan + AT_HASH, &hash, 8);
}

#endif
