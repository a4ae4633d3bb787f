#include "formats/snappy.h"

#include <dlfcn.h>
#include <pthread.h>

#include "base/mem.h"

// snappy-c.h: both give 0 when fine.
typedef int (*length_fn)(const char *compressed, size_t size, size_t *result);
typedef int (*uncompress_fn)(const char *compressed, size_t size, char *out, size_t *out_size);

static struct {
  length_fn length;
  uncompress_fn uncompress;
} lib;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  void *handle = dlopen("libsnappy.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!handle) return;
  // Through a void * object: ISO C has no conversion from void * to a function pointer.
  *(void **)&lib.length = dlsym(handle, "snappy_uncompressed_length");
  *(void **)&lib.uncompress = dlsym(handle, "snappy_uncompress");
}

status_t snappy_decompress(const uint8_t *data, size_t size, const char *name, uint8_t **out,
                           size_t *out_size) {
  pthread_once(&once, load);
  if (!lib.length || !lib.uncompress)
    return FAIL(UNIMPLEMENTED, "%s is compressed with Snappy, and libsnappy.so.1 is not installed",
                name);
  // No Snappy element makes more than 64 bytes out of 2, so a larger claim is a lie.
  size_t n = 0;
  if (lib.length((const char *)data, size, &n) != 0 || n / 32 > size)
    return FAIL(DATA_LOSS, "%s: bad Snappy block", name);
  uint8_t *bytes = mem_try_alloc(n);
  if (!bytes) return FAIL(RESOURCE_EXHAUSTED, "%s: no memory for a block of %zu bytes", name, n);
  if (lib.uncompress((const char *)data, size, (char *)bytes, &n) != 0) {
    mem_aligned_free(bytes);
    return FAIL(DATA_LOSS, "%s: bad Snappy block", name);
  }
  *out = bytes;
  *out_size = n;
  return NULL;
}
