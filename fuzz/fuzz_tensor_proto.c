// TensorProtos: the values of Const nodes.
#include "fuzz.h"
#include "graph/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tensor_t t = {0};
  status_t st = tensor_parse_proto(data, size, &t);
  if (!st) tensor_unref(&t);
  status_free(st);
  return 0;
}
