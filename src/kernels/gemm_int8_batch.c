#include "kernels/gemm_int8_batch.h"

#include "base/mem.h"
#include "base/parallel.h"

enum { LINE = 64 };
static size_t whole_lines(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

// A thread's own: a packed B, and A and B with adjacent columns where they have none.
typedef struct parts {
  size_t packed, a, b, all;
} parts_t;

static bool parts_of(const gemm_batch_t *g, parts_t *p) {
  *p = (parts_t){.packed = whole_lines(gemm_int8_packed_bytes(g->k, g->n))};
  if (g->a_cs != 1 && !size_mul((size_t)g->m, (size_t)g->k, &p->a)) return false;
  if (g->b_cs != 1 && !size_mul((size_t)g->k, (size_t)g->n, &p->b)) return false;
  p->a = whole_lines(p->a), p->b = whole_lines(p->b);
  return p->packed && size_add(p->a, p->b, &p->all) && size_add(p->all, p->packed, &p->all);
}

size_t gemm_int8_batch_scratch(const gemm_int8_batch_t *b, int threads) {
  parts_t p;
  size_t total;
  if (!parts_of(b->g, &p)) return 0;
  return size_mul(p.all, (size_t)(threads > 1 ? threads : 1), &total) ? total : 0;
}

typedef struct job {
  const gemm_int8_batch_t *b;
  const uint8_t *x;
  const int8_t *w;
  char *y, *scratch;
  const int8_finish_t *finish;
  parts_t parts;
  int threads;  // of each product
} job_t;

// [rows, cols] with adjacent columns. Columns are adjacent in x's other direction: by blocks, so
// that lines that were read are used.
static void turn(const uint8_t *x, int64_t rows, int64_t cols, int64_t rs, int64_t cs, uint8_t *y) {
  enum { BLOCK = 32 };
  for (int64_t i0 = 0; i0 < rows; i0 += BLOCK)
    for (int64_t j0 = 0; j0 < cols; j0 += BLOCK) {
      const int64_t i1 = i0 + BLOCK < rows ? i0 + BLOCK : rows;
      const int64_t j1 = j0 + BLOCK < cols ? j0 + BLOCK : cols;
      for (int64_t i = i0; i < i1; i++)
        for (int64_t j = j0; j < j1; j++) y[i * cols + j] = x[i * rs + j * cs];
    }
}

static void products(void *ctx, int64_t begin, int64_t end, int thread) {
  const job_t *j = ctx;
  const gemm_batch_t *g = j->b->g;
  char *packed = j->scratch + (size_t)thread * j->parts.all;
  uint8_t *a = (uint8_t *)packed + j->parts.packed, *b = a + j->parts.a;
  for (int64_t i = begin; i < end; i++) {
    gemm_int8_rows_t rows = {
        .a = j->x + g->a_at[i], .rs = g->a_rs, .is_signed = j->b->is_signed, .zero = j->b->zero};
    const int8_t *w = j->w + g->b_at[i];
    int64_t rs = g->b_rs;
    if (j->parts.a) {
      turn(rows.a, g->m, g->k, g->a_rs, g->a_cs, a);
      rows.a = a, rows.rs = g->k;
    }
    if (j->parts.b) {
      turn((const uint8_t *)w, g->k, g->n, g->b_rs, g->b_cs, b);
      w = (const int8_t *)b, rs = g->n;
    }
    gemm_int8_pack(g->k, g->n, w, rs, packed, j->threads);
    char *y = j->y + (size_t)(i * g->m * g->n) * dtype_size(j->finish->type);
    gemm_int8(g->m, g->n, g->k, &rows, packed, y, g->n, j->finish, 0, j->threads);
  }
}

void gemm_int8_batch(const gemm_int8_batch_t *b, const void *x, const int8_t *w, void *y,
                     const int8_finish_t *finish, void *scratch, int threads) {
  job_t j = {.b = b, .x = x, .w = w, .y = y, .scratch = scratch, .finish = finish};
  const bool alone = b->g->batch < threads;  // all threads do one product after the other
  if (!parts_of(b->g, &j.parts)) return;
  j.threads = alone ? threads : 1;
  if (alone)
    products(&j, 0, b->g->batch, 0);
  else
    parallel_for(threads, b->g->batch, 1, products, &j);
}
