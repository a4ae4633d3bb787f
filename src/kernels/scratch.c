#include "kernels/scratch.h"

#include <pthread.h>
#include <stdint.h>

#include "base/mem.h"

typedef struct scratch {
  void *block[SCRATCH_SLOTS];
  size_t size[SCRATCH_SLOTS];
} scratch_t;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local scratch_t *mine;  // the fast way to what the key holds

static void scratch_destroy(void *p) {
  scratch_t *s = p;
  for (int i = 0; i < SCRATCH_SLOTS; i++) mem_free(s->block[i]);
  mem_free(s);
}

static void make_key(void) { pthread_key_create(&key, scratch_destroy); }

void *scratch_get(scratch_slot_t slot, size_t bytes) {
  if (!mine) {
    pthread_once(&once, make_key);
    mine = mem_calloc(1, sizeof *mine);
    pthread_setspecific(key, mine);
  }
  if (mine->size[slot] < bytes) {
    mem_free(mine->block[slot]);
    mine->block[slot] = mem_alloc(bytes + 64);
    mine->size[slot] = bytes;
  }
  return (void *)(((uintptr_t)mine->block[slot] + 63) & ~(uintptr_t)63);
}
