// fingerprint.pb: TensorFlow's mark of one save of a model (FingerprintDef). A saved_model.pb has
// no checksum, so that a flipped bit would change what a model computes; in the fingerprint of a
// model that we write stands one, in a field that TensorFlow skips.
#include "formats/crc32c.h"
#include "formats/tf_fields.h"
#include "saved_model/internal.h"

enum { OUR_CRC32C = 1000 };  // fixed32, masked: of the whole saved_model.pb

static const char file_name[] = "fingerprint.pb";

status_t fingerprint_write(const char *dir, const uint8_t *pb, size_t size) {
  wire_out_t out = {0};
  wire_put_u64(&out, TF_FINGERPRINT_SAVED_MODEL_CHECKSUM, hash_bytes(pb, size, 1));
  wire_put_fixed32(&out, OUR_CRC32C, crc32c_mask(crc32c(pb, size)));
  status_t st = wire_out_status(&out);
  char *path = file_join(dir, file_name);
  if (!st) st = file_write(path, out.data, out.size);
  mem_free(path);
  wire_out_free(&out);
  return st;
}

// A fingerprint that cannot be read, or is TensorFlow's, says nothing: TensorFlow does not check
// it.
static bool find_crc(const file_map_t *file, uint32_t *crc) {
  wire_t w = wire_open(file->data, file->size);
  wire_field_t f;
  status_t st;
  bool found = false;
  while (wire_next(&w, &f, &st)) {
    if (f.number != OUR_CRC32C || f.type != WIRE_FIXED32) continue;
    *crc = (uint32_t)f.value;
    found = true;
  }
  status_free(st);
  return found;
}

status_t fingerprint_check(const char *dir, const file_map_t *pb) {
  char *path = file_join(dir, file_name);
  file_map_t *file = NULL;
  uint32_t crc = 0;
  status_free(file_map_open(path, &file));
  status_t st = NULL;
  if (file && find_crc(file, &crc) && crc != crc32c_mask(crc32c(pb->data, pb->size)))
    st = FAIL(DATA_LOSS,
              "%s: its checksum is not the one in %s: it is damaged, or was changed after it was "
              "converted (then remove %s)",
              pb->path, path, file_name);
  file_map_unref(file);
  mem_free(path);
  return st;
}
