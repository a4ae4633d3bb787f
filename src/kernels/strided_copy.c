#include "kernels/strided_copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "tensor/tensor.h"

enum { GRAIN_BYTES = 32 * 1024 };  // a thread's share is at least this much

status_t copy_elements(dtype_t dtype, const void *src, void *dst, int64_t n) {
  if (n <= 0) return NULL;
  if (dtype == DT_STRING) {
    for (int64_t i = 0; i < n; i++) {
      const str_t *s = (const str_t *)src + i;
      TRY(str_set((str_t *)dst + i, s->p, s->n));
    }
  } else if (!dtype_is_plain(dtype)) {
    for (int64_t i = 0; i < n; i++) {
      object_t **slot = (object_t **)dst + i, *old = *slot;
      *slot = object_ref(((object_t *const *)src)[i]);
      object_unref(old);
    }
  } else {
    memcpy(dst, src, (size_t)n * dtype_size(dtype));
  }
  return NULL;
}

typedef struct fill {
  const void *value;
  char *dst;
  size_t size;
} fill_t;

static void fill_range(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const fill_t *f = ctx;
  bool same = true;  // all bytes of the value alike?
  for (size_t i = 1; i < f->size; i++)
    same &= ((const char *)f->value)[i] == ((const char *)f->value)[0];
  char *at = f->dst + (size_t)begin * f->size;
  size_t bytes = (size_t)(end - begin) * f->size;
  if (same) {
    memset(at, *(const unsigned char *)f->value, bytes);
    return;
  }
  memcpy(at, f->value, f->size);
  size_t done = f->size;  // doubling, until a block that stays in the first cache is full
  while (done < bytes) {
    size_t step = done < bytes - done ? done : bytes - done;
    if (step > 16384) step = 16384 / f->size * f->size;
    memcpy(at + done, at, step);
    done += step;
  }
}

status_t fill_elements(dtype_t dtype, const void *value, void *dst, int64_t n, int threads) {
  if (n <= 0) return NULL;
  if (!dtype_is_plain(dtype)) {
    for (int64_t i = 0; i < n; i++) TRY(copy_elements(dtype, value, element_at(dtype, dst, i), 1));
    return NULL;
  }
  fill_t f = {value, dst, dtype_size(dtype)};
  parallel_for(threads, n, GRAIN_BYTES / (int64_t)f.size, fill_range, &f);
  return NULL;
}

void strided_dim(strided_t *s, int64_t n, int64_t src_stride, int64_t dst_stride) {
  s->dims[s->rank] = n;
  s->src_stride[s->rank] = src_stride;
  s->dst_stride[s->rank] = dst_stride;
  s->rank++;
}

// ---------------------------------------------------------------- plain dtypes

// A copy brought into normal form: dims of 1 dropped, dims that run on merged; the innermost one or
// two dims are done by `inner`, the others are walked.
typedef struct plan {
  strided_t s;
  size_t size;  // bytes of an element
  const char *src;
  char *dst;
  int inner;  // dims done at once: 1 or 2
} plan_t;

static void normalise(const strided_t *in, strided_t *out) {
  *out = (strided_t){.src_start = in->src_start, .dst_start = in->dst_start};
  for (int i = 0; i < in->rank; i++) {
    int64_t n = in->dims[i], ss = in->src_stride[i], ds = in->dst_stride[i];
    if (n == 1) continue;
    int k = out->rank - 1;
    if (k >= 0 && out->src_stride[k] == n * ss && out->dst_stride[k] == n * ds) {
      out->dims[k] *= n;
      out->src_stride[k] = ss;
      out->dst_stride[k] = ds;
    } else {
      strided_dim(out, n, ss, ds);
    }
  }
  if (!out->rank) strided_dim(out, 1, 1, 1);
}

#define MOVE_ROW(T)                                          \
  do {                                                       \
    const T *a = (const T *)src;                             \
    T *b = (T *)dst;                                         \
    if (ss == 0 && ds == 1) {                                \
      const T v = *a;                                        \
      for (int64_t i = 0; i < n; i++) b[i] = v;              \
    } else if (ss == -1 && ds == 1) {                        \
      for (int64_t i = 0; i < n; i++) b[i] = a[-i];          \
    } else if (ss == 2 && ds == 1) {                         \
      for (int64_t i = 0; i < n; i++) b[i] = a[2 * i];       \
    } else {                                                 \
      for (int64_t i = 0; i < n; i++) b[i * ds] = a[i * ss]; \
    }                                                        \
  } while (0)

typedef struct pair64 {
  uint64_t lo, hi;
} pair64_t;

static void move_row(size_t size, const char *src, char *dst, int64_t n, int64_t ss, int64_t ds) {
  if (ss == 1 && ds == 1) {
    if (size * (size_t)n == 8)
      memcpy(dst, src, 8);
    else if (size * (size_t)n == 16)
      memcpy(dst, src, 16);
    else
      memcpy(dst, src, size * (size_t)n);
    return;
  }
  switch (size) {
    case 1: MOVE_ROW(uint8_t); break;
    case 2: MOVE_ROW(uint16_t); break;
    case 4: MOVE_ROW(uint32_t); break;
    case 8: MOVE_ROW(uint64_t); break;
    default: MOVE_ROW(pair64_t); break;
  }
}

// Two dims where the first runs in the source and the second in the destination: squares of one
// cache line a side, read line by line into a buffer and written line by line from it, so that
// strides of a power of two do not evict each other.
typedef uint32_t words_t __attribute__((vector_size(16), may_alias, aligned(4)));

// A square of 4 x 4 words: rows of `from` become columns of `to`.
static inline void turn_quad(const uint32_t *from, int64_t from_row, uint32_t *to, int64_t to_row) {
  words_t a = *(const words_t *)from, b = *(const words_t *)(from + from_row);
  words_t c = *(const words_t *)(from + 2 * from_row), d = *(const words_t *)(from + 3 * from_row);
  words_t ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  words_t ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  words_t cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  words_t cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  *(words_t *)to = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
  *(words_t *)(to + to_row) = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
  *(words_t *)(to + 2 * to_row) = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
  *(words_t *)(to + 3 * to_row) = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
}

#define TURN_ELEMENTS(T, buf, to)    \
  for (int64_t i = 0; i < side; i++) \
    for (int64_t j = 0; j < side; j++) (to)[i * ds0 + j] = (buf)[j * side + i]
#define TURN_QUADS(T, buf, to)            \
  for (int64_t i = 0; i < side; i += 4)   \
    for (int64_t j = 0; j < side; j += 4) \
  turn_quad((const uint32_t *)(buf) + j * side + i, side, (uint32_t *)(to) + i * ds0 + j, ds0)

#define MOVE_BLOCK(T, TURN)                                                    \
  do {                                                                         \
    enum { side = sizeof(T) < 8 ? 64 / sizeof(T) : 8 };                        \
    const T *a = (const T *)src;                                               \
    T *b = (T *)dst, buf[side * side];                                         \
    for (int64_t i0 = 0; i0 < n0; i0 += side) {                                \
      int64_t e0 = i0 + side < n0 ? i0 + side : n0;                            \
      for (int64_t j0 = 0; j0 < n1; j0 += side) {                              \
        int64_t e1 = j0 + side < n1 ? j0 + side : n1;                          \
        if (e0 - i0 == side && e1 - j0 == side) {                              \
          for (int64_t j = 0; j < side; j++)                                   \
            memcpy(buf + j * side, a + i0 + (j0 + j) * ss1, sizeof(T) * side); \
          TURN(T, buf, b + i0 * ds0 + j0);                                     \
        } else {                                                               \
          for (int64_t i = i0; i < e0; i++)                                    \
            for (int64_t j = j0; j < e1; j++) b[i * ds0 + j] = a[i + j * ss1]; \
        }                                                                      \
      }                                                                        \
    }                                                                          \
  } while (0)

static void move_block(const plan_t *p, const char *src, char *dst) {
  const strided_t *s = &p->s;
  int r = s->rank;
  int64_t n0 = s->dims[r - 2], n1 = s->dims[r - 1];
  int64_t ds0 = s->dst_stride[r - 2], ss1 = s->src_stride[r - 1];
  switch (p->size) {
    case 1: MOVE_BLOCK(uint8_t, TURN_ELEMENTS); break;
    case 2: MOVE_BLOCK(uint16_t, TURN_ELEMENTS); break;
    case 4: MOVE_BLOCK(uint32_t, TURN_QUADS); break;
    case 8: MOVE_BLOCK(uint64_t, TURN_ELEMENTS); break;
    default: MOVE_BLOCK(pair64_t, TURN_ELEMENTS); break;
  }
}

// The next place in the first n dims; false: it was the last.
static inline bool next_index(const strided_t *s, int n, int64_t *index, int64_t *from,
                              int64_t *to) {
  for (int i = n - 1; i >= 0; i--) {
    *from += s->src_stride[i];
    *to += s->dst_stride[i];
    if (++index[i] < s->dims[i]) return true;
    *from -= s->dims[i] * s->src_stride[i];
    *to -= s->dims[i] * s->dst_stride[i];
    index[i] = 0;
  }
  return false;
}

static void walk(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan_t *p = ctx;
  const strided_t *s = &p->s;
  int outer = s->rank - p->inner, last = s->rank - 1;
  int64_t index[STRIDED_MAX_RANK], rest = begin;
  int64_t from = s->src_start, to = s->dst_start;
  for (int i = outer - 1; i >= 0; i--) {
    index[i] = rest % s->dims[i];
    rest /= s->dims[i];
    from += index[i] * s->src_stride[i];
    to += index[i] * s->dst_stride[i];
  }
  const int64_t size = (int64_t)p->size;
  for (int64_t at = begin; at < end; at++) {
    if (p->inner == 2)
      move_block(p, p->src + from * size, p->dst + to * size);
    else
      move_row(p->size, p->src + from * size, p->dst + to * size, s->dims[last],
               s->src_stride[last], s->dst_stride[last]);
    next_index(s, outer, index, &from, &to);
  }
}

static void swap_dims(strided_t *s, int i, int j) {
#define SWAP(a)           \
  do {                    \
    int64_t t_ = s->a[i]; \
    s->a[i] = s->a[j];    \
    s->a[j] = t_;         \
  } while (0)
  SWAP(dims);
  SWAP(src_stride);
  SWAP(dst_stride);
#undef SWAP
}

static void copy_plain(size_t size, const strided_t *in, const void *src, void *dst, int threads) {
  plan_t p = {.size = size, .src = src, .dst = dst, .inner = 1};
  strided_t *s = &p.s;
  normalise(in, s);
  int last = s->rank - 1;
  if (last > 0 && s->dst_stride[last] == 1 && s->src_stride[last] != 1) {
    // The dim that runs in the source goes next to the innermost one; both are then moved in
    // blocks.
    for (int i = 0; i < last; i++) {
      if (s->src_stride[i] != 1 || s->dims[i] < 4 || s->dims[last] < 4) continue;
      for (int j = i; j < last - 1; j++) swap_dims(s, j, j + 1);
      p.inner = 2;
      break;
    }
  }
  int64_t total = 1, outer = 1;
  for (int i = 0; i < s->rank; i++) total *= s->dims[i];
  // A long row (or a big block) with few of them around: cut it, so that all threads have work.
  int64_t inner = s->dims[last] * (p.inner == 2 ? s->dims[last - 1] : 1);
  int cut = last - p.inner + 1;
  if (threads > 1 && total / inner < 4 * threads && s->dims[cut] >= 8 * threads &&
      total * (int64_t)size > 2 * GRAIN_BYTES) {
    int64_t parts = 4 * threads;
    while (s->dims[cut] % parts && parts > 1) parts--;
    if (parts > 1 && s->rank < STRIDED_MAX_RANK) {
      for (int i = s->rank; i > cut; i--) {
        s->dims[i] = s->dims[i - 1];
        s->src_stride[i] = s->src_stride[i - 1];
        s->dst_stride[i] = s->dst_stride[i - 1];
      }
      s->rank++;
      int64_t each = s->dims[cut + 1] / parts;
      s->dims[cut] = parts;
      s->dims[cut + 1] = each;
      s->src_stride[cut] = each * s->src_stride[cut + 1];
      s->dst_stride[cut] = each * s->dst_stride[cut + 1];
      inner /= parts;
    }
  }
  outer = total / inner;
  int64_t grain = GRAIN_BYTES / (inner * (int64_t)size);
  parallel_for(threads, outer, grain, walk, &p);
}

status_t strided_copy(dtype_t dtype, const strided_t *s, const void *src, void *dst, int threads) {
  for (int i = 0; i < s->rank; i++)
    if (s->dims[i] <= 0) return NULL;
  if (dtype_is_plain(dtype)) {
    copy_plain(dtype_size(dtype), s, src, dst, threads);
    return NULL;
  }
  int64_t index[STRIDED_MAX_RANK] = {0}, from = s->src_start, to = s->dst_start;
  for (;;) {
    TRY(copy_elements(dtype, element_at(dtype, src, from), element_at(dtype, dst, to), 1));
    if (!next_index(s, s->rank, index, &from, &to)) return NULL;
  }
}

// ---------------------------------------------------------------- pieces

status_t pieces_copy(dtype_t dtype, const shape_t *src_shape, const shape_t *dst_shape,
                     const pieces_t *dims, const void *src, void *dst, int threads) {
  int64_t ss[SHAPE_MAX_RANK], ds[SHAPE_MAX_RANK];
  shape_strides(src_shape, ss);
  shape_strides(dst_shape, ds);
  int choice[SHAPE_MAX_RANK] = {0}, rank = src_shape->rank;
  for (int i = 0; i < rank; i++)
    if (!dims[i].n) return NULL;
  for (;;) {
    strided_t s = {0};
    for (int i = 0; i < rank; i++) {
      const piece_t *p = &dims[i].p[choice[i]];
      s.src_start += p->src * ss[i];
      s.dst_start += p->dst * ds[i];
      strided_dim(&s, p->n, p->src_step * ss[i], p->dst_step * ds[i]);
    }
    TRY(strided_copy(dtype, &s, src, dst, threads));
    int i = rank - 1;
    for (; i >= 0; i--) {
      if (++choice[i] < dims[i].n) break;
      choice[i] = 0;
    }
    if (i < 0) return NULL;
  }
}

status_t transpose_copy(dtype_t dtype, const shape_t *in_shape, const int *perm, const void *in,
                        void *out, int threads) {
  int64_t is[SHAPE_MAX_RANK], os[SHAPE_MAX_RANK];
  shape_t out_shape = {.rank = in_shape->rank};
  for (int i = 0; i < in_shape->rank; i++) out_shape.d[i] = in_shape->d[perm[i]];
  shape_strides(in_shape, is);
  shape_strides(&out_shape, os);
  strided_t s = {0};
  for (int i = 0; i < in_shape->rank; i++) strided_dim(&s, out_shape.d[i], is[perm[i]], os[i]);
  return strided_copy(dtype, &s, in, out, threads);
}
