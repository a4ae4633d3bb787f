#include <stdio.h>
#include <string.h>
#include <tftrt/tftrt.h>

int main(void) {
  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_model *m = NULL;
  if (tftrt_model_open("there/is/no/such/model", NULL, &m, &e) != TFTRT_NOT_FOUND) return 1;
  printf("tftrt %s: %s\n", tftrt_version(), e.message);
  return strstr(e.message, "there/is/no/such/model") ? 0 : 1;
}
