#include "runtime/pool.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

// Four classes per power of two: at most a fifth of a buffer lies idle.
enum { CLASSES = 4 * 48, SMALLEST = 64 };
// What may lie unused beyond what is in use, before it goes back to the system.
static const size_t SPARE_BYTES = (size_t)64 << 20;

typedef struct block {
  buffer_t buf;  // first: a buffer is its block
  pool_t *pool;
  struct block *next;
  void *data;
  size_t capacity;
  int class;
} block_t;

struct pool {
  pthread_mutex_t lock;
  block_t *free[CLASSES];
  size_t live_bytes, free_bytes;
  int64_t live_blocks, system_allocations;
  bool released;
};

pool_t *pool_create(void) {
  pool_t *p = mem_calloc(1, sizeof *p);
  pthread_mutex_init(&p->lock, NULL);
  return p;
}

static void block_free(block_t *b) {
  mem_aligned_free(b->data);
  mem_free(b);
}

static void trim(pool_t *p) {
  for (int i = 0; i < CLASSES; i++) {
    while (p->free[i]) {
      block_t *b = p->free[i];
      p->free[i] = b->next;
      p->free_bytes -= b->capacity;
      block_free(b);
    }
  }
}

static void pool_destroy(pool_t *p) {
  trim(p);
  pthread_mutex_destroy(&p->lock);
  mem_free(p);
}

void pool_release(pool_t *p) {
  if (!p) return;
  pthread_mutex_lock(&p->lock);
  p->released = true;
  bool last = p->live_blocks == 0;
  pthread_mutex_unlock(&p->lock);
  if (last) pool_destroy(p);
}

int64_t pool_system_allocations(pool_t *p) {
  pthread_mutex_lock(&p->lock);
  int64_t n = p->system_allocations;
  pthread_mutex_unlock(&p->lock);
  return n;
}

// The smallest class that holds `bytes`, and its capacity.
static int class_of(size_t bytes, size_t *capacity) {
  size_t size = SMALLEST;
  for (int i = 0; i < CLASSES; i += 4, size *= 2)
    for (int k = 0; k < 4; k++) {
      *capacity = size + size / 4 * (size_t)k;
      if (bytes <= *capacity) return i + k;
    }
  return -1;
}

static void free_elements(const buffer_t *b) {
  if (b->dtype == DT_STRING) {
    str_t *s = b->data;
    for (size_t i = 0; i < b->size / sizeof *s; i++) mem_free(s[i].p);
  } else if (!dtype_is_plain(b->dtype)) {
    object_t **o = b->data;
    for (size_t i = 0; i < b->size / sizeof *o; i++) object_unref(o[i]);
  }
}

static void give_back(buffer_t *buf) {
  block_t *b = (block_t *)buf;
  pool_t *p = b->pool;
  free_elements(buf);
  pthread_mutex_lock(&p->lock);
  b->next = p->free[b->class];
  p->free[b->class] = b;
  p->live_bytes -= b->capacity;
  p->free_bytes += b->capacity;
  bool last = --p->live_blocks == 0 && p->released;
  pthread_mutex_unlock(&p->lock);
  if (last) pool_destroy(p);
}

static block_t *take(pool_t *p, int class, size_t capacity) {
  pthread_mutex_lock(&p->lock);
  block_t *b = p->free[class];
  if (b) {
    p->free[class] = b->next;
    p->free_bytes -= capacity;
  } else {
    if (p->free_bytes > p->live_bytes + SPARE_BYTES) trim(p);  // shapes have changed
    p->system_allocations++;
  }
  p->live_bytes += capacity;
  p->live_blocks++;
  pthread_mutex_unlock(&p->lock);
  if (b) return b;
  void *data = mem_try_alloc(capacity);
  if (!data) {
    pthread_mutex_lock(&p->lock);
    trim(p);
    p->live_bytes -= capacity;
    p->live_blocks--;
    pthread_mutex_unlock(&p->lock);
    return NULL;
  }
  b = mem_calloc(1, sizeof *b);
  *b = (block_t){.pool = p, .data = data, .capacity = capacity, .class = class};
  return b;
}

status_t pool_alloc(pool_t *p, dtype_t dtype, const shape_t *shape, tensor_t *out) {
  *out = (tensor_t){0};
  int64_t n = shape_elements(shape);
  size_t bytes = 0, capacity = 0;
  int class = -1;
  if (n >= 0 && dtype_size(dtype) && size_mul((size_t)n, dtype_size(dtype), &bytes))
    class = class_of(bytes, &capacity);
  block_t *b = class >= 0 ? take(p, class, capacity) : NULL;
  if (!b) return tensor_alloc(dtype, shape, out);  // says what is wrong
  b->buf = (buffer_t){.dtype = dtype,
                      .data = b->data,
                      .size = bytes,
                      .release = give_back,
                      .owner = p,
                      .pooled = true};
  atomic_init(&b->buf.refs, 1);
  if (!dtype_is_plain(dtype)) memset(b->data, 0, bytes);
  *out = (tensor_t){.dtype = dtype, .shape = *shape, .buf = &b->buf, .data = b->data};
  return NULL;
}
