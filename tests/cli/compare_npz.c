// compare_npz GOLDEN OUT [ABSOLUTE RELATIVE]: every array "out.<name>" of GOLDEN against <name> of
// OUT, within 1e-5 absolute plus 1e-4 relative, or as told; floats only (others must be equal).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tftrt/tftrt.h>

static float absolute = 1e-5f, relative = 1e-4f;

static int differ(const tftrt_tensor *a, const tftrt_tensor *b) {
  if (a->dtype != b->dtype || a->bytes != b->bytes) return 1;
  if (a->dtype != TFTRT_FLOAT) return memcmp(a->data, b->data, a->bytes) != 0;
  const float *x = a->data, *y = b->data;
  for (size_t i = 0; i < a->bytes / sizeof *x; i++)
    if (!(fabsf(x[i] - y[i]) <= absolute + relative * fabsf(x[i])) && !(isnan(x[i]) && isnan(y[i])))
      return 1;
  return 0;
}

int main(int argc, char **argv) {
  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_arrays *golden = NULL, *out = NULL;
  int compared = 0, bad = 0;
  if (argc != 3 && argc != 5) return 2;
  if (argc == 5) {
    absolute = strtof(argv[3], NULL);
    relative = strtof(argv[4], NULL);
  }
  tftrt_code code = tftrt_arrays_load(argv[1], &golden, &e);
  if (!code) code = tftrt_arrays_load(argv[2], &out, &e);
  for (int i = 0; !code && i < tftrt_arrays_count(golden); i++) {
    const char *name = tftrt_arrays_name(golden, i);
    tftrt_tensor a, b;
    if (strncmp(name, "out.", 4) != 0) continue;
    code = tftrt_arrays_get(golden, name, &a, &e);
    if (!code) code = tftrt_arrays_get(out, name + 4, &b, &e);
    if (code) break;
    compared++;
    if (differ(&a, &b)) bad += printf("%s differs\n", name) > 0;
  }
  if (code) fprintf(stderr, "%s\n", e.message);
  tftrt_arrays_destroy(golden);
  tftrt_arrays_destroy(out);
  return code || bad || !compared;
}
