#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p) {
  if (p) return p;
  fputs("tftrt: out of memory for bookkeeping\n", stderr);
  abort();
}

enum { COUNTED = 64 << 10 };
static atomic_size_t held;
static _Thread_local size_t limit, refused;

size_t mem_held(void) { return atomic_load_explicit(&held, memory_order_relaxed); }

size_t mem_refused(void) { return refused; }
void mem_set_refused(size_t bytes) { refused = bytes; }

// Would `more` bytes in the place of `less` be too many?
static bool over_limit(size_t more, size_t less) {
  size_t sum;
  if (!limit || more <= less) return false;
  if (size_add(mem_held(), more, &sum) && sum - less <= limit) return false;
  refused = more;
  return true;
}

static void *counted(void *p) {
  size_t n = p ? malloc_usable_size(p) : 0;
  if (n >= COUNTED) atomic_fetch_add_explicit(&held, n, memory_order_relaxed);
  return p;
}

static void count_out(void *p) {
  size_t n = p ? malloc_usable_size(p) : 0;
  if (n >= COUNTED) atomic_fetch_sub_explicit(&held, n, memory_order_relaxed);
}

void *mem_alloc(size_t size) { return counted(checked(malloc(size ? size : 1))); }
void *mem_calloc(size_t count, size_t size) {
  return counted(checked(calloc(count ? count : 1, size ? size : 1)));
}
void *mem_realloc(void *p, size_t size) {
  count_out(p);
  return counted(checked(realloc(p, size ? size : 1)));
}
void mem_free(void *p) {
  count_out(p);
  free(p);
}

char *mem_strndup(const char *s, size_t n) {
  char *copy = mem_alloc(n + 1);
  memcpy(copy, s, n);
  copy[n] = 0;
  return copy;
}

char *mem_strdup(const char *s) { return mem_strndup(s, strlen(s)); }

char *mem_printf(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *text = mem_alloc((size_t)(n < 0 ? 0 : n) + 1);
  va_start(ap, fmt);
  vsnprintf(text, (size_t)(n < 0 ? 0 : n) + 1, fmt, ap);
  va_end(ap);
  return text;
}

size_t mem_set_limit(size_t bytes) {
  size_t before = limit;
  limit = bytes;
  return before;
}

void *mem_try_alloc(size_t size) {
  size_t rounded;
  if (!size_add(size, 63, &rounded)) return NULL;
  rounded &= ~(size_t)63;
  if (over_limit(rounded, 0)) return NULL;
  return counted(aligned_alloc(64, rounded ? rounded : 64));
}

void *mem_try_realloc(void *p, size_t size) {
  size_t had = p ? malloc_usable_size(p) : 0;
  if (over_limit(size, had)) return NULL;
  void *grown = realloc(p, size ? size : 1);
  if (!grown) return NULL;
  if (had >= COUNTED) atomic_fetch_sub_explicit(&held, had, memory_order_relaxed);
  return counted(grown);
}

void mem_aligned_free(void *p) { mem_free(p); }

enum { ARENA_BLOCK = 64 * 1024 };

typedef struct arena_block {
  struct arena_block *next;
  size_t used, size;
  _Alignas(16) char data[];
} arena_block_t;

struct arena {
  arena_block_t *blocks;
};

arena_t *arena_create(void) { return mem_calloc(1, sizeof(arena_t)); }

void arena_destroy(arena_t *a) {
  if (!a) return;
  for (arena_block_t *b = a->blocks, *next; b; b = next) {
    next = b->next;
    mem_free(b);
  }
  mem_free(a);
}

void *arena_alloc(arena_t *a, size_t size) {
  size = (size + 15) & ~(size_t)15;
  arena_block_t *b = a->blocks;
  if (!b || b->size - b->used < size) {
    size_t room = size > ARENA_BLOCK / 4 ? size : ARENA_BLOCK;
    arena_block_t *fresh = mem_alloc(sizeof *fresh + room);
    fresh->used = 0;
    fresh->size = room;
    if (b && room == size) {  // a large block of its own goes behind the one being filled
      fresh->next = b->next;
      b->next = fresh;
    } else {
      fresh->next = b;
      a->blocks = fresh;
    }
    b = fresh;
  }
  void *p = b->data + b->used;
  b->used += size;
  memset(p, 0, size);
  return p;
}

char *arena_strndup(arena_t *a, const char *s, size_t n) {
  char *copy = arena_alloc(a, n + 1);
  memcpy(copy, s, n);
  copy[n] = 0;
  return copy;
}

char *arena_strdup(arena_t *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_printf(arena_t *a, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *text = arena_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
  va_start(ap, fmt);
  vsnprintf(text, (size_t)(n < 0 ? 0 : n) + 1, fmt, ap);
  va_end(ap);
  return text;
}
