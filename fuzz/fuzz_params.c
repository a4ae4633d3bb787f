// The converter's options in JSON (convert --params).
#include "api/params.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tftrt_params *p;
  status_t st = params_parse(data, size, &p);
  if (!st) {
    tftrt_converter_options o;
    tftrt_converter_options_init(&o);
    tftrt_params_apply(p, &o, NULL);
    tftrt_params_destroy(p);
  }
  status_free(st);
  return 0;
}
