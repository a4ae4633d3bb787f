/* The third way to convert: INT8 with calibration and engines built here:
 * convert_int8 SRC DST IN.npz...
 *
 * convert() runs the model over the inputs, notes the ranges of its tensors and builds one engine
 * for the shapes of the inputs, which should be the same in all. The ranges are saved too: engines
 * for other shapes, or on other machines, are built from them without calibrating again. */
#include <stdio.h>
#include <tftrt/tftrt.h>

/* One file after the other: each has an array for every input of the signature. */
typedef struct files {
  tftrt_converter *converter;
  char **paths;
  int n, next;
  tftrt_arrays *open; /* its arrays are lent until the next call */
  tftrt_error error;
} files;

static int next_inputs(void *user, tftrt_tensor *inputs, int n_inputs) {
  files *f = user;
  tftrt_arrays_destroy(f->open);
  f->open = NULL;
  if (f->next == f->n) return 0;
  if (tftrt_arrays_load(f->paths[f->next++], &f->open, &f->error)) return -1;
  for (int i = 0; i < n_inputs; i++) {
    tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
    if (tftrt_converter_input(f->converter, NULL, i, &info, &f->error) ||
        tftrt_arrays_get(f->open, info.name, &inputs[i], &f->error))
      return -1;
  }
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: %s SRC DST IN.npz...\n", argv[0]);
    return 2;
  }
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = argv[1];
  o.precision_mode = "INT8";
  o.use_calibration = 1;
  o.maximum_cached_engines = 1;

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_converter *c = NULL;
  tftrt_code code = tftrt_converter_create(&o, &c, &e);
  files inputs = {c, argv + 3, argc - 3, 0, NULL, TFTRT_ERROR_INIT};
  if (!code) code = tftrt_converter_convert(c, next_inputs, &inputs, &e);
  if (!code) code = tftrt_converter_save(c, argv[2], 1, &e);
  if (code && inputs.error.code) e = inputs.error;
  for (int i = 0; !code && i < tftrt_converter_warning_count(c); i++)
    fprintf(stderr, "%s\n", tftrt_converter_warning(c, i));
  if (code) fprintf(stderr, "%s: %s\n", tftrt_code_name(code), e.message);
  tftrt_arrays_destroy(inputs.open);
  tftrt_converter_destroy(c);
  return code ? 1 : 0;
}
