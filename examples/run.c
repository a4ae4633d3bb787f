/* Runs the default signature of a SavedModel: run DIR IN.npz OUT.npz. */
#include <stdio.h>
#include <stdlib.h>
#include <tftrt/tftrt.h>

static tftrt_code run(tftrt_model *m, const tftrt_arrays *in, tftrt_arrays *out, tftrt_error *e) {
  int n_in = tftrt_model_input_count(m, NULL), n_out = tftrt_model_output_count(m, NULL);
  tftrt_tensor *inputs = calloc((size_t)n_in + 1, sizeof *inputs);
  tftrt_tensor *outputs = calloc((size_t)n_out + 1, sizeof *outputs);
  tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
  tftrt_code code = inputs && outputs ? TFTRT_OK : TFTRT_RESOURCE_EXHAUSTED;
  for (int i = 0; i < n_in && !code; i++) {
    code = tftrt_model_input(m, NULL, i, &info, e);
    if (!code) code = tftrt_arrays_get(in, info.name, &inputs[i], e);
  }
  if (!code) code = tftrt_model_run(m, NULL, inputs, n_in, outputs, n_out, e);
  for (int i = 0; i < n_out && !code; i++) {
    code = tftrt_model_output(m, NULL, i, &info, e);
    if (!code) code = tftrt_arrays_put(out, info.name, &outputs[i], e);
  }
  for (int i = 0; i < n_out; i++) tftrt_tensor_release(&outputs[i]);
  free(inputs);
  free(outputs);
  return code;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: %s DIR IN.npz OUT.npz\n", argv[0]);
    return 2;
  }
  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_model *m = NULL;
  tftrt_arrays *in = NULL, *out = NULL;
  tftrt_code code = tftrt_arrays_load(argv[2], &in, &e);
  if (!code) code = tftrt_arrays_create(&out, &e);
  if (!code) code = tftrt_model_open(argv[1], NULL, &m, &e);
  if (!code) code = run(m, in, out, &e);
  if (!code) code = tftrt_arrays_save(out, argv[3], &e);
  if (code) fprintf(stderr, "%s: %s\n", tftrt_code_name(code), e.message);
  tftrt_arrays_destroy(in);
  tftrt_arrays_destroy(out);
  tftrt_model_close(m);
  return code ? 1 : 0;
}
