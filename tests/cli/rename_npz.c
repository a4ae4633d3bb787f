// rename_npz IN OUT PREFIX: the arrays of IN whose names begin with PREFIX, without it, into OUT.
#include <stdio.h>
#include <string.h>
#include <tftrt/tftrt.h>

int main(int argc, char **argv) {
  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_arrays *in = NULL, *out = NULL;
  if (argc != 4) return 2;
  size_t n = strlen(argv[3]);
  tftrt_code code = tftrt_arrays_load(argv[1], &in, &e);
  if (!code) code = tftrt_arrays_create(&out, &e);
  for (int i = 0; !code && i < tftrt_arrays_count(in); i++) {
    const char *name = tftrt_arrays_name(in, i);
    tftrt_tensor t;
    if (strncmp(name, argv[3], n) != 0) continue;
    code = tftrt_arrays_get(in, name, &t, &e);
    if (!code) code = tftrt_arrays_put(out, name + n, &t, &e);
  }
  if (!code) code = tftrt_arrays_save(out, argv[2], &e);
  if (code) fprintf(stderr, "%s\n", e.message);
  tftrt_arrays_destroy(in);
  tftrt_arrays_destroy(out);
  return code != 0;
}
