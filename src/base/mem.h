// Allocation rules of the library.
//  * mem_alloc and friends are for small bookkeeping objects whose size the program itself decides.
//    They never return NULL: when the machine is out of memory for those, the process ends with a
//    message, as no caller could go on.
//  * Anything whose size comes from a model, a file or a user goes through mem_try_alloc (or
//    tensor_alloc), which returns NULL (or RESOURCE_EXHAUSTED), after the size was computed with
//    size_mul / size_add.
#ifndef TFTRT_BASE_MEM_H
#define TFTRT_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_NEVER_NULL __attribute__((returns_nonnull))
MEM_NEVER_NULL void *mem_alloc(size_t size);  // not zeroed; size 0 gives a unique pointer
MEM_NEVER_NULL void *mem_calloc(size_t count, size_t size);
MEM_NEVER_NULL void *mem_realloc(void *p, size_t size);
MEM_NEVER_NULL char *mem_strdup(const char *s);
MEM_NEVER_NULL char *mem_strndup(const char *s, size_t n);
MEM_NEVER_NULL char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void mem_free(void *p);  // free(); for memory of all these; NULL is fine

// 64-byte aligned, NULL when there is no room; free with mem_aligned_free.
void *mem_try_alloc(size_t size);
void mem_aligned_free(void *p);
// As realloc, with the same limit; NULL leaves p as it was. For blocks of mem_free.
void *mem_try_realloc(void *p, size_t size);
// Bytes of all blocks of 64 KiB or more that the library holds in this process.
size_t mem_held(void);
// Bytes that this thread was refused last because of its limit; 0: none since mem_set_refused(0).
size_t mem_refused(void);
void mem_set_refused(size_t bytes);
// From now on this thread gets NULL from mem_try_alloc and mem_try_realloc where mem_held() would
// come above `bytes`; 0: no limit. Returns the limit before.
size_t mem_set_limit(size_t bytes);

// Checked arithmetic: true and *out on success, false on overflow.
static inline bool size_mul(size_t a, size_t b, size_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
static inline bool size_add(size_t a, size_t b, size_t *out) {
  return !__builtin_add_overflow(a, b, out);
}

// A bump allocator: everything is freed at once. One thread at a time.
typedef struct arena arena_t;
MEM_NEVER_NULL arena_t *arena_create(void);
void arena_destroy(arena_t *a);                             // NULL is fine
MEM_NEVER_NULL void *arena_alloc(arena_t *a, size_t size);  // zeroed, 16-byte aligned
MEM_NEVER_NULL char *arena_strdup(arena_t *a, const char *s);
MEM_NEVER_NULL char *arena_strndup(arena_t *a, const char *s, size_t n);
MEM_NEVER_NULL char *arena_printf(arena_t *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

// A growable array: VEC(int) v = {0}; vec_push(&v, 3); v.v[i]; v.n; vec_free(&v);
#define VEC(T)  \
  struct {      \
    T *v;       \
    size_t n;   \
    size_t cap; \
  }
#define vec_push(vec, item)                                            \
  do {                                                                 \
    if ((vec)->n == (vec)->cap) {                                      \
      (vec)->cap = (vec)->cap ? 2 * (vec)->cap : 8;                    \
      (vec)->v = mem_realloc((vec)->v, (vec)->cap * sizeof *(vec)->v); \
    }                                                                  \
    (vec)->v[(vec)->n++] = (item);                                     \
  } while (0)
#define vec_reserve(vec, count)                                        \
  do {                                                                 \
    if ((vec)->cap < (size_t)(count)) {                                \
      (vec)->cap = (size_t)(count);                                    \
      (vec)->v = mem_realloc((vec)->v, (vec)->cap * sizeof *(vec)->v); \
    }                                                                  \
  } while (0)
#define vec_free(vec)          \
  do {                         \
    mem_free((vec)->v);        \
    (vec)->v = NULL;           \
    (vec)->n = (vec)->cap = 0; \
  } while (0)

#endif
