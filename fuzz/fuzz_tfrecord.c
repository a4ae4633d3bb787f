// Engine assets: TFRecords of TRTEngineInstance. Checksums of records and of the plans in them are
// put right, so that the messages are reached; then the asset is loaded as a run does it.
#include "formats/bytes.h"
#include "formats/crc32c.h"
#include "fuzz.h"
#include "runtime/engine_cache.h"
#include "saved_model/writer.h"

static status_t seal(void *user, const shape_t *shapes, int n, const uint8_t *plan, size_t size) {
  uint64_t *sum = user;
  for (int i = 0; i < n; i++) *sum += (uint64_t)shapes[i].rank;
  fuzz_seal_plan((uint8_t *)(uintptr_t)plan, size);
  return NULL;
}

static void fix_checksums(uint8_t *file, size_t size) {
  for (size_t at = 0; size - at >= 16;) {
    uint64_t n = bytes_get64(file + at);
    bytes_put(file + at + 8, crc32c_mask(crc32c(file + at, 8)), 4);
    if (n > size - at - 16) break;
    bytes_put(file + at + 12 + n, crc32c_mask(crc32c(file + at + 12, n)), 4);
    at += 16 + n;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint64_t sum = 0;
  uint8_t *copy = malloc(size ? size : 1);
  if (size) memcpy(copy, data, size);
  status_free(saved_engine_records(copy, size, "x", seal, &sum));
  fix_checksums(copy, size);
  status_free(saved_engine_records(copy, size, "x", seal, &sum));
  fix_checksums(copy, size);
  char path[128];
  snprintf(path, sizeof path, "%s/asset", fuzz_dir());
  fuzz_put(path, copy, size);
  free(copy);
  engine_cache_t *c = engine_cache_create("TRTEngineOp_000_000", backend_find("ref"), NULL, 1, 1);
  status_free(engine_cache_load(c, path));
  // One input of a shape that the seeds' engines take, or not.
  const shape_t shape = SHAPE(1, 2);
  tensor_t in = {0};
  status_t st = tensor_alloc(DT_FLOAT, &shape, &in);
  if (!st) memset(in.data, 0, tensor_bytes(&in));
  for (int implicit = 0; implicit < 2 && !st; implicit++) {
    engine_request_t r = {.in = &in, .n_in = 1, .implicit = implicit, .widens = true};
    engine_found_t f = engine_cache_take(c, &r);
    if (f.build)  // who is asked to has to tell: the next one waits for it
      f = engine_cache_built(c, f.build, (bytes_t){0}, false, FAIL(UNIMPLEMENTED, "none here"), &r);
    if (f.lease) engine_cache_give(c, f.lease, true);
    mem_free(f.why);
  }
  status_free(st);
  tensor_unref(&in);
  object_unref(&c->base);
  return 0;
}
