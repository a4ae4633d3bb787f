/* The fourth way to convert: dynamic shapes, profiles made from inputs at hand:
 * convert_dynamic SRC DST STRATEGY IN.npz...
 *
 * STRATEGY: Range makes one profile from the smallest to the greatest dims of the inputs, Optimal
 * one for each, Range+Optimal both, ImplicitBatchModeCompatible one for each that serves smaller
 * batches too. One engine serves all profiles. */
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
  if (argc < 5) {
    fprintf(stderr, "usage: %s SRC DST STRATEGY IN.npz...\n", argv[0]);
    return 2;
  }
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = argv[1];
  o.use_dynamic_shape = 1;
  o.dynamic_shape_profile_strategy = argv[3];

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_converter *c = NULL;
  tftrt_code code = tftrt_converter_create(&o, &c, &e);
  files inputs = {c, argv + 4, argc - 4, 0, NULL, TFTRT_ERROR_INIT};
  if (!code) code = tftrt_converter_convert(c, NULL, NULL, &e);
  if (!code) code = tftrt_converter_build(c, next_inputs, &inputs, &e);
  if (!code) code = tftrt_converter_save(c, argv[2], 1, &e);
  if (code && inputs.error.code) e = inputs.error;
  for (int i = 0; !code && i < tftrt_converter_warning_count(c); i++)
    fprintf(stderr, "%s\n", tftrt_converter_warning(c, i));
  if (code) fprintf(stderr, "%s: %s\n", tftrt_code_name(code), e.message);
  tftrt_arrays_destroy(inputs.open);
  tftrt_converter_destroy(c);
  return code ? 1 : 0;
}
