// Runs files through a fuzz target: to reproduce a finding, or as a test without libFuzzer.
#include "fuzz.h"

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    file_map_t *m;
    status_t st = file_map_open(argv[i], &m);
    if (st) {
      fprintf(stderr, "%s\n", status_message(st));
      status_free(st);
      return 1;
    }
    // A copy of just this size, so that reading beyond it is noticed.
    uint8_t *bytes = malloc(m->size ? m->size : 1);
    for (size_t k = 0; k < m->size; k++) bytes[k] = m->data[k];
    LLVMFuzzerTestOneInput(bytes, m->size);
    free(bytes);
    file_map_unref(m);
  }
  printf("%d files\n", argc - 1);
  return 0;
}
