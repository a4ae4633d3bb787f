// Plans from anywhere: reading must end in a network or one clear error. The checksum is set right
// first, so that what lies behind it is reached.
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "engine/plan.h"
#include "engine/specialize.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { AT_VERSION = 8, AT_SIZE = 16, AT_HASH = 24, AT_BODY = 32 };
  size_t rounded = (size + 63) / 64 * 64 + 64;
  uint8_t *copy = aligned_alloc(64, rounded);
  if (!copy) return 0;
  if (size) memcpy(copy, data, size);
  if (size > AT_BODY) {
    uint64_t total = size, version, hash;
    memcpy(&version, copy + AT_VERSION, 8);
    memcpy(copy + AT_SIZE, &total, 8);
    hash = hash_bytes(copy + AT_BODY, size - AT_BODY, version);
    memcpy(copy + AT_HASH, &hash, 8);
  }
  plan_t *p = NULL;
  status_t st = plan_read(copy, size, NULL, &p);
  if (!st) {
    shape_t shapes[8];
    specialized_t *s = NULL;
    for (int i = 0; i < p->net->n_inputs && i < 8; i++) {
      shapes[i] = p->net->inputs[i]->shape;
      for (int d = 0; d < shapes[i].rank; d++)
        if (shapes[i].d[d] < 0 || shapes[i].d[d] > 64) shapes[i].d[d] = 2;
    }
    if (p->net->n_inputs <= 8) st = specialize(p->net, shapes, NULL, &s);
    specialized_free(s);
  }
  status_free(st);
  plan_free(p);
  free(copy);
  return 0;
}
