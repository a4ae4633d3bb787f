// The entry that libFuzzer and replay.c call, and a directory for targets that need files.
#ifndef TFTRT_FUZZ_FUZZ_H
#define TFTRT_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
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
  if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0) abort();
}

#endif
