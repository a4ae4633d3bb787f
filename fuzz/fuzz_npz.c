// .npz archives and, when the bytes start so, .npy arrays.
#include "formats/npz.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tensor_t t;
  status_free(npy_parse(data, size, "x.npy", &t));
  tensor_unref(&t);
  npz_t *z;
  status_t st = npz_open_bytes(data, size, "x.npz", &z);
  for (size_t i = 0; !st && i < npz_count(z) && i < 64; i++) {
    status_free(npz_read(z, i, &t));
    tensor_unref(&t);
  }
  if (!st) npz_close(z);
  status_free(st);
  return 0;
}
