// The op table: every family's entries in one list, found by name.
#include <pthread.h>

#include "base/map.h"
#include "base/mem.h"
#include "ops/op.h"
#include "ops/signature.h"

#define FAMILY(array) extern const op_def_t array[];
#include "ops/families.inc"
#undef FAMILY

#define FAMILY(array) array,
static const op_def_t *const families[] = {
#include "ops/families.inc"
};
#undef FAMILY

typedef struct slot {
  const op_def_t *def;
  const op_signature_t *signature;  // NULL: sig or attrs do not parse (a test looks)
} slot_t;

static struct {
  VEC(slot_t) slots;
  map_t *by_name;  // name -> index + 1
  arena_t *arena;
} table;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void build(void) {
  table.by_name = map_create();
  table.arena = arena_create();
  for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
    for (const op_def_t *d = families[f]; d->name; d++) {
      slot_t slot = {.def = d};
      status_free(signature_parse(table.arena, d->sig, d->attrs, &slot.signature));
      vec_push(&table.slots, slot);
      if (!map_has(table.by_name, d->name))
        map_put(table.by_name, d->name, (void *)(uintptr_t)table.slots.n);
    }
  }
}

static slot_t *find(const char *name) {
  pthread_once(&once, build);
  uintptr_t i = (uintptr_t)map_get(table.by_name, name);
  return i ? &table.slots.v[i - 1] : NULL;
}

const op_def_t *op_find(const char *name) {
  slot_t *s = find(name);
  return s ? s->def : NULL;
}

const op_def_t *op_at(int i) {
  pthread_once(&once, build);
  return i >= 0 && (size_t)i < table.slots.n ? table.slots.v[i].def : NULL;
}

const op_signature_t *op_signature(const op_def_t *d) {
  slot_t *s = d ? find(d->name) : NULL;
  return s ? s->signature : NULL;
}
