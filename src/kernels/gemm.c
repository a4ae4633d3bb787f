#include "kernels/gemm.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/gemm_tile.h"
#include "kernels/product_grid.h"
#include "kernels/scratch.h"

// Blocks: a row block of A (MC x KC) stays in L2 while panels of B (KC x NR) pass through L1.
enum { KC = 320, MC_ROWS = 168, A_PAD = 16, GENERIC_MR = 4, GENERIC_NR = 16 };

void gemm_finish(const gemm_tile_t *t, const float *sums, int64_t ld) {
  const gemm_epilogue_t *e = t->ep;
  for (int i = 0; i < t->rows; i++)
    for (int j = 0; j < t->cols; j++) {
      float *c = t->c + i * t->ldc + j, x = sums[i * ld + j];
      if (t->load_c) x += *c;
      if (e) {
        if (e->alpha != 0 && e->alpha != 1) x *= e->alpha;
        if (t->bias) x += t->bias[j];
        if (t->residual) x += t->residual[i * e->ld_residual + j];
        if (e->clamp) x = x < e->lo ? e->lo : x > e->hi ? e->hi : x;
      }
      *c = x;
    }
}

static void generic_tile(const gemm_tile_t *t) {
  float s[GENERIC_MR][GENERIC_NR] = {0};
  for (int64_t k = 0; k < t->k; k++)
    for (int i = 0; i < t->rows; i++) {
      float a = t->a[i * t->lda + k];
      for (int j = 0; j < GENERIC_NR; j++) s[i][j] += a * t->b[k * GENERIC_NR + j];
    }
  gemm_finish(t, s[0], GENERIC_NR);
  gemm_act(t);
}

static void generic_row(int64_t n, int64_t k, const float *x, int64_t xs, const float *b,
                        int64_t rs, float *y) {
  for (int64_t j = 0; j < n; j++) y[j] = 0;
  for (int64_t i = 0; i < k; i++) {
    float a = x[i * xs];
    for (int64_t j = 0; j < n; j++) y[j] += a * b[i * rs + j];
  }
}

static float generic_dot(int64_t n, const float *x, const float *y) {
  float s[4] = {0};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int v = 0; v < 4; v++) s[v] += x[i + v] * y[i + v];
  for (; i < n; i++) s[0] += x[i] * y[i];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

const gemm_isa_t gemm_generic = {GENERIC_MR, GENERIC_NR, generic_tile, generic_row, generic_dot};

const gemm_isa_t *gemm_isa(void) {
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512)) return &gemm_avx512;
  if (cpu_has(CPU_AVX2)) return &gemm_avx2;
#endif
  return &gemm_generic;
}

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// ---------------------------------------------------------------- packing

size_t gemm_packed_floats(int64_t k, int64_t n) {
  size_t total;
  int64_t nr = gemm_isa()->nr;
  if (k <= 0 || n <= 0 || n > INT64_MAX - nr) return 0;
  if (!size_mul((size_t)(ceil_div(n, nr) * nr), (size_t)k, &total)) return 0;
  return total > SIZE_MAX / sizeof(float) ? 0 : total;
}

typedef struct pack_job {
  int64_t k, n, rs, cs;
  const float *b;
  float *packed;
  int nr;
} pack_job_t;

static void pack_panels(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const pack_job_t *j = ctx;
  const int nr = j->nr;
  for (int64_t p = begin; p < end; p++) {
    int64_t n0 = p * nr, cols = min64(nr, j->n - n0);
    float *d = j->packed + n0 * j->k;
    const float *b = j->b + n0 * j->cs;
    if (j->cs == 1 && cols == nr) {
      for (int64_t k = 0; k < j->k; k++, d += nr, b += j->rs) memcpy(d, b, nr * sizeof(float));
    } else if (j->rs == 1) {  // transposed B: read along k, 16 at a time to stay in few lines
      for (int64_t k0 = 0; k0 < j->k; k0 += 16) {
        int64_t kn = min64(16, j->k - k0);
        for (int64_t c = 0; c < cols; c++)
          for (int64_t k = 0; k < kn; k++) d[(k0 + k) * nr + c] = b[c * j->cs + k0 + k];
        for (int64_t c = cols; c < nr; c++)
          for (int64_t k = 0; k < kn; k++) d[(k0 + k) * nr + c] = 0;
      }
    } else {
      for (int64_t k = 0; k < j->k; k++, d += nr, b += j->rs) {
        for (int64_t c = 0; c < cols; c++) d[c] = b[c * j->cs];
        for (int64_t c = cols; c < nr; c++) d[c] = 0;
      }
    }
  }
}

void gemm_pack_b(int64_t k, int64_t n, const float *b, int64_t rs, int64_t cs, float *packed,
                 int threads) {
  int nr = gemm_isa()->nr;
  pack_job_t j = {k, n, rs, cs, b, packed, nr};
  int64_t grain = 16384 / (k * nr + 1) + 1;
  parallel_for(threads, ceil_div(n, nr), grain, pack_panels, &j);
}

static void pack_strided(const gemm_rows_t *r, int64_t row, int64_t rows, int64_t k, int64_t kc,
                         float *dst, int64_t ld) {
  const float *a = r->a + row * r->rs + k * r->cs;
  if (r->cs == 1) {
    for (int64_t i = 0; i < rows; i++) memcpy(dst + i * ld, a + i * r->rs, kc * sizeof(float));
    return;
  }
  for (int64_t i0 = 0; i0 < rows; i0 += 16)
    for (int64_t j = 0; j < kc; j++)
      for (int64_t i = i0; i < min64(rows, i0 + 16); i++)
        dst[i * ld + j] = a[i * r->rs + j * r->cs];
}

// ---------------------------------------------------------------- the product

typedef struct product {
  const gemm_isa_t *isa;
  int64_t m, n, k;
  const gemm_rows_t *rows;
  const float *b;
  float *c;
  int64_t ldc;
  bool accumulate;
  const gemm_epilogue_t *ep;
  product_grid_t grid;
} product_t;

// Rows of A may be read where they are, unless a power-of-two stride would map them all to the same
// few cache sets; then (and for strided or computed rows) a block is copied together.
static bool rows_direct(const gemm_rows_t *r) {
  return !r->pack && r->cs == 1 && (r->rs * (int64_t)sizeof(float)) % 1024 != 0;
}

static void product_part(const product_t *p, int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
  const gemm_isa_t *isa = p->isa;
  const int64_t k_blocks = p->k > 0 ? ceil_div(p->k, KC) : 1, kc_max = ceil_div(p->k, k_blocks);
  const int64_t mc_max = MC_ROWS / isa->mr * isa->mr;
  const bool direct = rows_direct(p->rows);
  const int64_t ld = kc_max + A_PAD;
  float *block =
      direct ? NULL
             : scratch_get(SCRATCH_GEMM_A, (size_t)(min64(mc_max, m1 - m0) * ld) * sizeof(float));
  for (int64_t mc0 = m0; mc0 < m1; mc0 += mc_max) {
    int64_t mc = min64(mc_max, m1 - mc0);
    int64_t tiles = ceil_div(mc, isa->mr), mr = ceil_div(mc, tiles);  // rows shared out evenly
    for (int64_t k0 = 0, kb = 0; kb < k_blocks; kb++, k0 += kc_max) {
      int64_t kc = min64(kc_max, p->k - k0);
      gemm_tile_t t = {.k = kc, .ldc = p->ldc, .load_c = p->accumulate || k0 > 0};
      if (kb == k_blocks - 1) t.ep = p->ep;
      const float *a;
      if (direct) {
        a = p->rows->a + mc0 * p->rows->rs + k0;
        t.lda = p->rows->rs;
      } else {
        if (p->rows->pack)
          p->rows->pack(p->rows->ctx, mc0, mc, k0, kc, block, ld);
        else
          pack_strided(p->rows, mc0, mc, k0, kc, block, ld);
        a = block;
        t.lda = ld;
      }
      for (int64_t n = n0; n < n1; n += isa->nr) {
        t.cols = (int)min64(isa->nr, p->n - n);
        t.b = p->b + n * p->k + k0 * isa->nr;
        t.bias = t.ep && t.ep->bias ? t.ep->bias + n : NULL;
        for (int64_t i = 0; i < mc; i += mr) {
          t.rows = (int)min64(mr, mc - i);
          t.a = a + i * t.lda;
          t.c = p->c + (mc0 + i) * p->ldc + n;
          if (t.ep && t.ep->residual)
            t.residual = t.ep->residual + (mc0 + i) * t.ep->ld_residual + n;
          isa->tile(&t);
        }
      }
    }
  }
}

static void run_pieces(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const product_t *p = ctx;
  const int mr = p->isa->mr, nr = p->isa->nr;
  for (int64_t i = begin; i < end; i++) {
    product_piece_t t = product_piece(&p->grid, i);
    product_part(p, t.m0 * mr, min64(t.m1 * mr, p->m), t.n0 * nr, min64(t.n1 * nr, p->n));
  }
}

void gemm_packed(int64_t m, int64_t n, int64_t k, const gemm_rows_t *rows, const float *packed_b,
                 float *c, int64_t ldc, bool accumulate, const gemm_epilogue_t *ep, int threads) {
  if (m <= 0 || n <= 0) return;
  gemm_epilogue_t in_place;
  if (ep && ep->residual == c &&
      k > KC) {  // partial sums would overwrite it: start from it instead
    in_place = *ep;
    in_place.residual = NULL;
    ep = &in_place;
    accumulate = true;
  }
  const gemm_isa_t *isa = gemm_isa();
  if ((double)m * (double)n * (double)k < 32768.0) threads = 1;
  product_grid_t grid = product_grid(ceil_div(m, isa->mr), ceil_div(n, isa->nr), threads);
  product_t p = {isa, m, n, k, rows, packed_b, c, ldc, accumulate, ep, grid};
  parallel_for(threads, product_pieces(&grid), 1, run_pieces, &p);
}

// ---------------------------------------------------------------- unpacked

// A product of one or few rows reads B once: packing it would only add traffic.
typedef struct skinny {
  const gemm_isa_t *isa;
  int64_t m, n, k, a_rs, a_cs, b_rs, b_cs, ldc;
  const float *a, *b;
  float *c;
  bool accumulate;
  const gemm_epilogue_t *ep;
} skinny_t;

enum { SKINNY_PIECE = 64 };

static void skinny_columns(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const skinny_t *s = ctx;
  for (int64_t p = begin; p < end; p++) {
    int64_t j0 = p * SKINNY_PIECE, cols = min64(SKINNY_PIECE, s->n - j0);
    for (int64_t i = 0; i < s->m; i++) {
      float sums[SKINNY_PIECE];
      const float *a = s->a + i * s->a_rs, *b = s->b + j0 * s->b_cs;
      if (s->b_cs == 1)
        s->isa->row(cols, s->k, a, s->a_cs, b, s->b_rs, sums);
      else
        for (int64_t j = 0; j < cols; j++) sums[j] = s->isa->dot(s->k, a, b + j * s->b_cs);
      gemm_tile_t t = {.c = s->c + i * s->ldc + j0, .ldc = s->ldc, .rows = 1, .cols = (int)cols};
      t.load_c = s->accumulate;
      t.ep = s->ep;
      if (s->ep && s->ep->bias) t.bias = s->ep->bias + j0;
      if (s->ep && s->ep->residual) t.residual = s->ep->residual + i * s->ep->ld_residual + j0;
      gemm_finish(&t, sums, 0);
      gemm_act(&t);
    }
  }
}

enum { SKINNY_ROWS = 3, SMALL_B = 1 << 16 };  // floats of B that per-thread scratch may hold

static bool is_skinny(int64_t m, int64_t a_cs, int64_t b_rs, int64_t b_cs) {
  return m <= SKINNY_ROWS && (b_cs == 1 || (b_rs == 1 && a_cs == 1));
}

size_t gemm_batch_scratch(const gemm_batch_t *g, int threads) {
  size_t floats = gemm_packed_floats(g->k, g->n);
  if (g->m <= 0 || g->n <= 0 || is_skinny(g->m, g->a_cs, g->b_rs, g->b_cs) || floats <= SMALL_B)
    return 0;
  int64_t at_once = g->batch >= threads ? threads : 1;
  return floats * sizeof(float) * (size_t)at_once;
}

status_t gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_rs, int64_t a_cs,
              const float *b, int64_t b_rs, int64_t b_cs, float *c, int64_t ldc, bool accumulate,
              const gemm_epilogue_t *ep, int threads) {
  if (m <= 0 || n <= 0) return NULL;
  if (is_skinny(m, a_cs, b_rs, b_cs)) {
    skinny_t s = {gemm_isa(), m, n, k, a_rs, a_cs, b_rs, b_cs, ldc, a, b, c, accumulate, ep};
    parallel_for(threads, ceil_div(n, SKINNY_PIECE), 32768 / (k * SKINNY_PIECE + 1) + 1,
                 skinny_columns, &s);
    return NULL;
  }
  gemm_rows_t rows = {a, a_rs, a_cs, NULL, NULL};
  size_t floats = gemm_packed_floats(k, n);
  if (k > 0 && !floats) return FAIL(RESOURCE_EXHAUSTED, "matrix product: B is too large");
  if (floats <= SMALL_B) {
    float *packed = scratch_get(SCRATCH_GEMM_B, floats * sizeof(float));
    gemm_pack_b(k, n, b, b_rs, b_cs, packed, 1);
    gemm_packed(m, n, k, &rows, packed, c, ldc, accumulate, ep, threads);
    return NULL;
  }
  float *packed = mem_try_alloc(floats * sizeof(float));
  if (!packed)
    return FAIL(RESOURCE_EXHAUSTED, "matrix product: no room to pack B (%zu bytes)",
                floats * sizeof(float));
  gemm_pack_b(k, n, b, b_rs, b_cs, packed, threads);
  gemm_packed(m, n, k, &rows, packed, c, ldc, accumulate, ep, threads);
  mem_aligned_free(packed);
  return NULL;
}

typedef struct batch_job {
  const gemm_batch_t *g;
  const float *a, *b;
  float *c;
  const gemm_epilogue_t *ep;
  int threads;
  status_t failed[64];  // first failure per piece
} batch_job_t;

static void batch_range(void *ctx, int64_t begin, int64_t end, int thread) {
  batch_job_t *j = ctx;
  const gemm_batch_t *g = j->g;
  for (int64_t i = begin; i < end; i++) {
    gemm_epilogue_t e = j->ep ? *j->ep : (gemm_epilogue_t){0};
    if (e.residual) e.residual += i * g->m * e.ld_residual;
    status_t s = gemm(g->m, g->n, g->k, j->a + g->a_at[i], g->a_rs, g->a_cs, j->b + g->b_at[i],
                      g->b_rs, g->b_cs, j->c + i * g->m * g->n, g->n, false, &e, j->threads);
    if (s && !j->failed[thread % 64])
      j->failed[thread % 64] = s;
    else
      status_free(s);
  }
}

status_t gemm_batch(const gemm_batch_t *g, const float *a, const float *b, float *c,
                    const gemm_epilogue_t *ep, int threads) {
  if (threads > 64) threads = 64;
  bool across = g->batch >= threads;  // else threads share one product
  batch_job_t j = {.g = g, .a = a, .b = b, .c = c, .ep = ep, .threads = across ? 1 : threads};
  double work = (double)g->m * (double)g->n * (double)g->k;
  int64_t grain = work > 32768 ? 1 : (int64_t)(32768 / (work + 1)) + 1;
  if (across)
    parallel_for(threads, g->batch, grain, batch_range, &j);
  else
    batch_range(&j, 0, g->batch, 0);
  status_t first = NULL;
  for (int i = 0; i < 64; i++) {
    if (first)
      status_free(j.failed[i]);
    else
      first = j.failed[i];
  }
  return first;
}
