// Any bytes as a protocol buffer: every field as everything it could be.
#include <string.h>

#include "formats/wire.h"
#include "fuzz.h"

static size_t budget;

static void walk(wire_t w, arena_t *arena) {
  wire_field_t f;
  status_t st;
  while (budget-- > 0 && budget < 100000 && wire_next(&w, &f, &st)) {
    wire_t sub;
    uint64_t u;
    const char *text;
    status_t s = wire_get_u64(&f, &u);
    status_free(s);
    status_free(wire_get_string(&f, arena, &text));
    const wire_type_t types[] = {WIRE_VARINT, WIRE_FIXED32, WIRE_FIXED64};
    for (int i = 0; i < 3; i++) {
      s = wire_get_repeated(&f, types[i], &sub);
      uint32_t v;
      if (!s && i == 0)
        while (wire_item_varint(&sub, &u, &s)) {
        }
      else if (!s && i == 1)
        while (wire_item_fixed32(&sub, &v, &s)) {
        }
      else if (!s)
        while (wire_item_fixed64(&sub, &u, &s)) {
        }
      status_free(s);
    }
    s = wire_get_message(&f, &sub);
    if (!s) walk(sub, arena);
    status_free(s);
    st = NULL;
  }
  status_free(budget < 100000 ? st : NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  arena_t *arena = arena_create();
  budget = 2000;
  walk(wire_open(data, size), arena);
  arena_destroy(arena);
  return 0;
}
