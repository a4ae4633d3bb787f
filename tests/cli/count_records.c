// count_records FILE: how many records a TFRecord file has (their checksums are not looked at).
#include <stdint.h>
#include <stdio.h>

int main(int argc, char **argv) {
  FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
  uint64_t size;
  int n = 0;
  if (!f) return 2;
  while (fread(&size, sizeof size, 1, f) == 1) {
    // a checksum of four bytes, the record, another one
    if (size > 1u << 30 || fseek(f, 4 + (long)size + 3, SEEK_CUR) || fgetc(f) == EOF) return 1;
    n++;
  }
  printf("%d records\n", n);
  fclose(f);
  return 0;
}
