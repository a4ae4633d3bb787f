#include "kernels/gather.h"

#include <string.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/strided_copy.h"

static inline int64_t index_of(const tensor_t *t, int64_t i) {
  if (t->dtype == DT_INT32) return TENSOR_DATA(int32_t, t)[i];
  if (t->dtype == DT_INT64) return TENSOR_DATA(int64_t, t)[i];
  return (int64_t)tensor_number_at(t, i);
}

typedef struct gather {
  const char *params;
  char *out;
  size_t row;  // bytes
  const tensor_t *indices;
  const int64_t *rows;  // flat row numbers instead of indices
  int64_t outer, size, n;
} gather_t;

static void copy_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const gather_t *g = ctx;
  for (int64_t i = begin; i < end; i++) {
    int64_t block = i / g->n, k = i - block * g->n, row;
    if (g->rows)
      row = g->rows[i];
    else
      row = block * g->size + index_of(g->indices, block / g->outer * g->n + k);
    const char *from = g->params + (size_t)row * g->row;
    char *to = g->out + (size_t)i * g->row;
    switch (g->row) {
      case 4: memcpy(to, from, 4); break;
      case 8: memcpy(to, from, 8); break;
      default: memcpy(to, from, g->row); break;
    }
  }
}

static status_t run(dtype_t dtype, gather_t *g, int64_t total, int64_t inner, int threads) {
  g->row = (size_t)inner * dtype_size(dtype);
  if (total <= 0 || inner <= 0) return NULL;
  if (dtype_is_plain(dtype)) {
    parallel_for(threads, total, 1 + 32768 / (int64_t)g->row, copy_rows, g);
    return NULL;
  }
  for (int64_t i = 0; i < total; i++) {
    int64_t block = i / g->n, k = i - block * g->n;
    int64_t row =
        g->rows ? g->rows[i] : block * g->size + index_of(g->indices, block / g->outer * g->n + k);
    TRY(copy_elements(dtype, g->params + (size_t)row * g->row, g->out + (size_t)i * g->row, inner));
  }
  return NULL;
}

status_t gather_rows(dtype_t dtype, const void *params, int64_t batch, int64_t outer, int64_t size,
                     int64_t inner, const tensor_t *indices, int64_t n, void *out, int threads,
                     int64_t *bad) {
  *bad = -1;
  for (int64_t i = 0; i < batch * n; i++) {
    int64_t v = index_of(indices, i);
    if (v < 0 || v >= size) {
      *bad = i;
      return NULL;
    }
  }
  gather_t g = {
      .params = params, .out = out, .indices = indices, .outer = outer, .size = size, .n = n};
  return run(dtype, &g, batch * outer * n, inner, threads);
}

void flat_rows(const tensor_t *indices, int64_t n, const int64_t *dims, int k, int64_t *rows,
               int64_t *bad) {
  *bad = -1;
  for (int64_t i = 0; i < n; i++) {
    int64_t row = 0;
    for (int j = 0; j < k; j++) {
      int64_t v = index_of(indices, i * k + j);
      if ((v < 0 || v >= dims[j]) && *bad < 0) *bad = i;
      row = row * dims[j] + v;
    }
    rows[i] = row;
    if (*bad >= 0) return;
  }
}

status_t gather_nd_rows(dtype_t dtype, const void *params, const int64_t *dims, int k,
                        int64_t inner, const tensor_t *indices, int64_t n, void *out, int threads,
                        int64_t *bad) {
  *bad = -1;
  if (n == 0) return NULL;
  int64_t *rows = mem_try_alloc((size_t)n * sizeof *rows);
  if (!rows) return FAIL(RESOURCE_EXHAUSTED, "out of memory for %lld indices", (long long)n);
  flat_rows(indices, n, dims, k, rows, bad);
  gather_t g = {.params = params, .out = out, .rows = rows, .outer = 1, .size = n, .n = n};
  status_t st = *bad < 0 ? run(dtype, &g, n, inner, threads) : NULL;
  mem_aligned_free(rows);
  return st;
}
