/* The first way to convert: FP32 or FP16, no engines are built: convert_fp16 SRC DST [fp32|fp16].
 *
 * The converted model holds what engines are built from. The first run that brings inputs of new
 * shapes builds one for them. */
#include <stdio.h>
#include <tftrt/tftrt.h>

int main(int argc, char **argv) {
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "usage: %s SRC DST [fp32|fp16]\n", argv[0]);
    return 2;
  }
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = argv[1];
  o.precision_mode = argc == 4 ? argv[3] : "fp16";

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_converter *c = NULL;
  tftrt_code code = tftrt_converter_create(&o, &c, &e);
  if (!code) code = tftrt_converter_convert(c, NULL, NULL, &e);
  if (!code) code = tftrt_converter_save(c, argv[2], 1, &e);
  if (code) fprintf(stderr, "%s: %s\n", tftrt_code_name(code), e.message);
  tftrt_converter_destroy(c);
  return code ? 1 : 0;
}
