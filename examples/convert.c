/* Converts a SavedModel: convert SRC DST. Engines are built for the signature's own shapes. */
#include <stdio.h>
#include <tftrt/tftrt.h>

static void print_line(void *to, const char *line) {
  fputs(line, to);
  fputc('\n', to);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s SRC DST\n", argv[0]);
    return 2;
  }
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = argv[1];

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_converter *c = NULL;
  tftrt_code code = tftrt_converter_create(&o, &c, &e);
  if (!code) code = tftrt_converter_convert(c, NULL, NULL, &e);
  if (!code) code = tftrt_converter_build_default(c, 1, &e);
  if (!code) code = tftrt_converter_save(c, argv[2], 1, &e);
  if (!code) code = tftrt_converter_summary(c, 160, 1, print_line, stdout, &e);
  if (code) fprintf(stderr, "%s: %s\n", tftrt_code_name(code), e.message);
  tftrt_converter_destroy(c);
  return code ? 1 : 0;
}
