// spoil_model SRC DST: a copy whose second convolution is spoiled (tests/spoil.h).
#include <stdio.h>

#include "spoil.h"

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  status_t st = spoil_model(argv[1], argv[2], spoil_convolution);
  if (st) fprintf(stderr, "%s\n", status_message(st));
  return st != NULL;
}
