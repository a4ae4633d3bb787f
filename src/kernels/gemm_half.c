#include "kernels/gemm_half.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/gemm_half_inner.h"
#include "kernels/product_grid.h"

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t even(int64_t k) { return (k + 1) / 2 * 2; }
static inline size_t lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

// ---------------------------------------------------------------- any machine

static float finish(const half_tile_t *t, float sum, int i, int j) {
  const half_epilogue_t *e = t->ep;
  float x = sum * t->scale[j];
  if (e->alpha != 0 && e->alpha != 1) x *= e->alpha;
  if (t->bias) x += t->bias[j];
  if (t->residual) {
    int64_t at = i * e->ld_residual + j;
    x += e->residual_type == DT_FLOAT ? ((const float *)t->residual)[at]
                                      : half_to_float(((const uint16_t *)t->residual)[at]);
  }
  if (e->clamp) x = x < e->lo ? e->lo : x > e->hi ? e->hi : x;
  return x;
}

// Of A as f16.
static void generic_tile(const half_tile_t *t) {
  const int first = half_first_rows(t->rows);
  float sums[HALF_MR][HALF_NR] = {0};
  const uint16_t *b = t->b;
  for (int s = 0; s < t->segments; s++) {
    const half_segment_t *g = &t->seg[s];
    for (int64_t k = 0; k < g->k; k++, b += k % 2 ? 1 : 2 * HALF_NR - 1) {
      float row[HALF_NR];
      for (int j = 0; j < t->cols; j++)
        row[j] = t->raw_b ? half_to_float(b[2 * j]) : (float)(int16_t)b[2 * j];
      for (int i = 0; i < t->rows; i++) {
        const uint16_t *a = i < first ? g->first : g->second;
        float x = half_to_float(a[(i < first ? i : i - first) * g->stride + k]);
        for (int j = 0; j < t->cols; j++) sums[i][j] += x * row[j];
      }
    }
  }
  for (int i = 0; i < t->rows; i++) {
    for (int j = 0; j < t->cols; j++) sums[i][j] = finish(t, sums[i][j], i, j);
    if (t->ep->act) t->ep->act(sums[i], t->cols, t->ep->act_arg);
    for (int j = 0; j < t->cols; j++) {
      int64_t at = i * t->ldc + j;
      if (t->ep->out_type == DT_FLOAT)
        ((float *)t->c)[at] = sums[i][j];
      else
        ((uint16_t *)t->c)[at] = float_to_half(sums[i][j]);
    }
  }
}

// NaN: not finite.
static float column_scale(float largest, float sum) {
  if (!(sum <= 3e38f)) return NAN;
  if (largest == 0) return 1;
  return fminf(fminf(HALF_LARGEST_B / largest, HALF_SUM_B / sum), 1e30f);
}

static float element(const half_panel_t *p, int64_t run, int64_t k, int j) {
  if (j >= p->cols || k >= p->run) return 0;
  int64_t at = (run * p->run + k) * p->rs + j * p->cs;
  return p->type == DT_FLOAT ? ((const float *)p->b)[at]
                             : half_to_float(((const uint16_t *)p->b)[at]);
}

static void generic_pack(const half_panel_t *p) {
  const int64_t run2 = even(p->run);
  for (int j = 0; j < HALF_NR; j++) {
    float sum = 0, most = 0, largest = 0;
    for (int64_t r = 0; r < p->runs && !p->raw; r++)
      for (int64_t k = 0; k < run2; k++) {
        float x = fabsf(element(p, r, k, j));
        if ((r % p->together * run2 + k) % HALF_TERMS == 0) sum = 0;
        sum += x;
        if (!(sum <= most)) most = sum;
        if (!(x <= largest)) largest = x;
      }
    const float scale = p->raw ? 1 : column_scale(largest, most);
    int64_t small = 0, all = 0;
    uint16_t *d = p->packed + 2 * j;
    for (int64_t r = 0; r < p->runs; r++)
      for (int64_t k = 0; k < run2; k++, d += k % 2 ? 1 : 2 * HALF_NR - 1) {
        float x = element(p, r, k, j);
        all += x != 0;
        small += x != 0 && fabsf(x * scale) < HALF_SMALL;
        *d = p->raw ? float_to_half(x) : isnan(scale) ? 0 : (uint16_t)(int16_t)rintf(x * scale);
      }
    p->scale[j] = p->strict && !p->raw && small * HALF_FEW > all + HALF_FEW ? NAN : 1 / scale;
  }
}

// Raw is what it multiplies.
static bool generic_make_ints(const uint16_t *x, int64_t n, uint16_t *d, float *scale) {
  (void)x, (void)n, (void)d, (void)scale;
  return false;
}

const half_isa_t half_generic = {generic_tile, generic_pack, generic_make_ints};

const half_isa_t *half_isa(void) {
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512_VNNI)) return &half_avx512vnni;
#endif
  return &half_generic;
}

bool gemm_half_is_fast(void) { return half_isa() != &half_generic; }

// ---------------------------------------------------------------- packing

size_t gemm_half_packed_bytes(int64_t runs, int64_t run, int64_t n) {
  size_t k, bytes;
  if (runs <= 0 || run <= 0 || n <= 0 || n > INT64_MAX - HALF_NR || run > INT64_MAX - 2) return 0;
  if (!size_mul((size_t)runs, (size_t)even(run), &k)) return 0;
  if (!size_mul(k, sizeof(uint16_t), &bytes) || !size_add(bytes, sizeof(float), &bytes)) return 0;
  if (!size_mul(bytes, (size_t)(ceil_div(n, HALF_NR) * HALF_NR), &bytes)) return 0;
  return bytes;
}

typedef struct pack_job {
  half_panel_t p;
  int64_t n, panels;
  void *packed;
} pack_job_t;

// The scales of all columns, then the panels.
static void pack_panels(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const pack_job_t *j = ctx;
  uint16_t *panels = (uint16_t *)((float *)j->packed + j->panels * HALF_NR);
  for (int64_t i = begin; i < end; i++) {
    half_panel_t p = j->p;
    size_t size = p.type == DT_FLOAT ? sizeof(float) : sizeof(uint16_t);
    p.b = (const char *)p.b + (size_t)(i * HALF_NR * p.cs) * size;
    p.cols = (int)min64(HALF_NR, j->n - i * HALF_NR);
    p.packed = panels + i * HALF_NR * p.runs * even(p.run);
    p.scale = (float *)j->packed + i * HALF_NR;
    (p.raw ? &half_generic : half_isa())->pack(&p);
  }
}

static void pack_all(const half_panel_t *p, int64_t n, void *packed, int threads) {
  pack_job_t j = {*p, n, ceil_div(n, HALF_NR), packed};
  j.p.raw |= !gemm_half_is_fast();
  parallel_for(threads, j.panels, 16384 / (p->runs * p->run * HALF_NR + 1) + 1, pack_panels, &j);
}

void gemm_half_pack_b(int64_t runs, int64_t run, int64_t together, int64_t n, dtype_t type,
                      const void *b, int64_t rs, int64_t cs, void *packed, int threads) {
  half_panel_t p = {.runs = runs,
                    .run = run,
                    .together = together,
                    .rs = rs,
                    .cs = cs,
                    .type = type,
                    .b = b,
                    .strict = true};
  pack_all(&p, n, packed, threads);
}

bool gemm_half_fits(const void *packed, int64_t n) {
  const float *scales = packed;
  for (int64_t j = 0; j < n; j++)
    if (isnan(scales[j])) return false;
  return true;
}

// ---------------------------------------------------------------- the product

int64_t half_block(int64_t tiles, int64_t k) {
  enum { BYTES = 512 * 1024, FEWEST = 8, MOST = 64 };
  int64_t fit = BYTES / (HALF_MR * k * (int64_t)sizeof(uint16_t) + 1);
  return min64(tiles, fit < FEWEST ? FEWEST : fit > MOST ? MOST : fit);
}

static size_t rows_bytes(const half_source_t *s) {
  return lines((size_t)s->block * sizeof(half_rows_t));
}
static size_t segments_bytes(const half_source_t *s) {
  return lines((size_t)s->block * (size_t)s->segments * sizeof(half_segment_t));
}
static size_t scales_bytes(const half_source_t *s) {
  return lines((size_t)s->block * (size_t)s->groups * HALF_MR * sizeof(float));
}
static size_t piece_scratch(const half_source_t *s) {
  return rows_bytes(s) + segments_bytes(s) + scales_bytes(s) + lines(s->copies);
}
size_t half_product_scratch(const half_source_t *s, int threads) {
  return piece_scratch(s) * (size_t)(threads < 1 ? 1 : threads);
}

typedef struct product {
  const half_source_t *s;
  int64_t n, k;
  const float *scale;
  const uint16_t *b;
  bool raw_b;
  char *c;
  int64_t ldc;
  const half_epilogue_t *ep;
  char *scratch;
  product_grid_t grid;  // of tiles and panels
} product_t;

static size_t type_size(dtype_t t) { return t == DT_FLOAT ? sizeof(float) : sizeof(uint16_t); }

static void product_part(const product_t *p, product_piece_t piece, char *scratch) {
  const half_source_t *s = p->s;
  half_rows_t *rows = (half_rows_t *)scratch;
  half_segment_t *seg = (half_segment_t *)(scratch + rows_bytes(s));
  float *scales = (float *)(scratch + rows_bytes(s) + segments_bytes(s));
  void *copies = (char *)scales + scales_bytes(s);
  const size_t c_size = type_size(p->ep->out_type), r_size = type_size(p->ep->residual_type);
  const bool ints = p->k > 0 && !p->raw_b;
  for (int64_t at = piece.m0; at < piece.m1; at += s->block) {
    int64_t count = min64(s->block, piece.m1 - at);
    const bool raw = !ints || !s->prepare(s->ctx, at, at + count, false, rows, seg, scales, copies);
    if (raw) s->prepare(s->ctx, at, at + count, true, rows, seg, scales, copies);
    void (*tile)(const half_tile_t *) = raw ? generic_tile : half_isa()->tile;
    for (int64_t panel = piece.n0; panel < piece.n1; panel++) {
      int64_t n = panel * HALF_NR;
      half_tile_t t = {.cols = (int)min64(HALF_NR, p->n - n),
                       .segments = s->segments,
                       .b = p->b + n * p->k,
                       .scale = p->scale + n,
                       .ldc = p->ldc,
                       .ep = p->ep,
                       .raw_b = p->raw_b,
                       .bias = p->ep->bias ? p->ep->bias + n : NULL};
      // The next panel is fetched meanwhile, half by half.
      int64_t next_panel = panel + 1 < piece.n1 ? panel + 1 : piece.n0;
      const uint16_t *next = p->b + next_panel * HALF_NR * p->k;
      for (int64_t i = 0; i < count; i++) {
        t.soon = i < 2 ? next + i * (HALF_NR / 2) * p->k : t.b;
        t.rows = rows[i].rows;
        t.seg = seg + i * s->segments;
        t.c = p->c + (size_t)(rows[i].m0 * p->ldc + n) * c_size;
        if (p->ep->residual)
          t.residual = (const char *)p->ep->residual +
                       (size_t)(rows[i].m0 * p->ep->ld_residual + n) * r_size;
        tile(&t);
      }
    }
  }
}

static void run_pieces(void *ctx, int64_t begin, int64_t end, int thread) {
  const product_t *p = ctx;
  for (int64_t i = begin; i < end; i++)
    product_part(p, product_piece(&p->grid, i), p->scratch + piece_scratch(p->s) * (size_t)thread);
}

void half_product(const half_source_t *s, int64_t n, int64_t k, const void *packed, bool raw_b,
                  void *c, int64_t ldc, const half_epilogue_t *ep, void *scratch, int threads) {
  static const half_epilogue_t none = {0};
  product_t p = {.s = s,
                 .n = n,
                 .k = k,
                 .scale = packed,
                 .raw_b = raw_b || !gemm_half_is_fast(),
                 .c = c,
                 .ldc = ldc,
                 .ep = ep ? ep : &none,
                 .scratch = scratch};
  if ((double)s->tiles * HALF_MR * (double)n * (double)k < 65536.0) threads = 1;
  p.grid = product_grid(s->tiles, ceil_div(n, HALF_NR), threads);
  p.b = (const uint16_t *)(p.scale + p.grid.tiles_n * HALF_NR);
  parallel_for(threads, product_pieces(&p.grid), 1, run_pieces, &p);
}

// ---------------------------------------------------------------- matrices

typedef struct matrix_source {
  const half_matrix_t *a;
  int64_t m, k, tiles;
} matrix_source_t;

// Rows of copies: even, and apart by no multiple of 4096 bytes, which would map all of them to the
// same set of the first-level cache.
static int64_t copy_stride(int64_t k) {
  enum { PAD = 32 };
  return even(k) + (even(k) * (int64_t)sizeof(uint16_t) % 4096 == 0 ? PAD : 0);
}

static bool prepare_matrix(const void *ctx, int64_t t0, int64_t t1, bool raw, half_rows_t *rows,
                           half_segment_t *seg, float *scales, void *copies) {
  const matrix_source_t *s = ctx;
  const half_matrix_t *a = s->a;
  const int64_t k2 = even(s->k), ld = copy_stride(s->k);
  bool (*make_ints)(const uint16_t *, int64_t, uint16_t *, float *) = half_isa()->make_ints;
  uint16_t *d = copies;
  for (int64_t t = t0; t < t1; t++, rows++, seg++, scales += HALF_MR) {
    int64_t m0 = s->m * t / s->tiles, n = s->m * (t + 1) / s->tiles - m0;
    *rows = (half_rows_t){m0, (int)n};
    *seg = (half_segment_t){d, d + half_first_rows(rows->rows) * ld, ld, k2, scales};
    for (int64_t i = 0; i < n; i++, d += ld) {
      const uint16_t *row = a->a + (m0 + i) * a->rs;
      if (k2 > s->k) d[s->k] = 0;
      if (a->cs != 1) {
        for (int64_t k = 0; k < s->k; k++) d[k] = row[k * a->cs];
        row = d;
      }
      if (!raw && !make_ints(row, s->k, d, &scales[i])) return false;
      if (raw && row != d) memcpy(d, row, (size_t)s->k * sizeof *d);
    }
  }
  return true;
}

static half_source_t matrix_source(matrix_source_t *s) {
  s->tiles = ceil_div(s->m, HALF_MR);
  half_source_t r = {.tiles = s->tiles,
                     .block = half_block(s->tiles, s->k),
                     .segments = 1,
                     .groups = 1,
                     .prepare = prepare_matrix,
                     .ctx = s};
  r.copies = (size_t)(r.block * HALF_MR * copy_stride(s->k)) * sizeof(uint16_t);
  return r;
}

size_t gemm_half_scratch(int64_t m, int64_t k, int threads) {
  matrix_source_t ms = {.m = m, .k = k};
  half_source_t s = matrix_source(&ms);
  return half_product_scratch(&s, threads);
}

static void matrix_product(int64_t m, int64_t n, int64_t k, const half_matrix_t *a,
                           const void *packed_b, bool raw_b, void *c, int64_t ldc,
                           const half_epilogue_t *ep, void *scratch, int threads) {
  if (m <= 0 || n <= 0) return;
  matrix_source_t ms = {.a = a, .m = m, .k = k};
  half_source_t s = matrix_source(&ms);
  half_product(&s, n, even(k), packed_b, raw_b, c, ldc, ep, scratch, threads);
}

void gemm_half_packed(int64_t m, int64_t n, int64_t k, const half_matrix_t *a, const void *packed_b,
                      void *c, int64_t ldc, const half_epilogue_t *ep, void *scratch, int threads) {
  matrix_product(m, n, k, a, packed_b, false, c, ldc, ep, scratch, threads);
}

// ---------------------------------------------------------------- batches

typedef struct batch_job {
  const gemm_batch_t *g;
  const uint16_t *a, *b;
  char *c;
  const half_epilogue_t *ep;
  char *scratch;
  size_t each;  // bytes of it for one product
  int threads;  // of one product
} batch_job_t;

static size_t batch_packed(const gemm_batch_t *g) {
  return lines(gemm_half_packed_bytes(1, g->k, g->n));
}

static void batch_range(void *ctx, int64_t begin, int64_t end, int thread) {
  const batch_job_t *j = ctx;
  const gemm_batch_t *g = j->g;
  char *packed = j->scratch + j->each * (size_t)thread;
  bool raw = false;
  for (int64_t i = begin; i < end; i++) {
    half_epilogue_t e = j->ep ? *j->ep : (half_epilogue_t){0};
    if (e.residual)
      e.residual = (const char *)e.residual +
                   (size_t)(i * g->m * e.ld_residual) * type_size(e.residual_type);
    half_matrix_t a = {j->a + g->a_at[i], g->a_rs, g->a_cs};
    half_panel_t b = {.runs = 1,
                      .run = g->k,
                      .together = 1,
                      .rs = g->b_rs,
                      .cs = g->b_cs,
                      .type = DT_HALF,
                      .b = j->b + g->b_at[i]};
    if (i == begin || g->b_at[i] != g->b_at[i - 1]) {
      pack_all(&b, g->n, packed, j->threads);
      raw = b.raw = !gemm_half_fits(packed, g->n);
      if (raw) pack_all(&b, g->n, packed, j->threads);
    }
    matrix_product(g->m, g->n, g->k, &a, packed, raw,
                   j->c + (size_t)(i * g->m * g->n) * type_size(e.out_type), g->n, &e,
                   packed + batch_packed(g), j->threads);
  }
}

size_t gemm_half_batch_scratch(const gemm_batch_t *g, int threads) {
  if (threads < 1) threads = 1;
  bool across = g->batch >= threads;
  size_t each = batch_packed(g) + gemm_half_scratch(g->m, g->k, across ? 1 : threads);
  return each * (size_t)(across ? threads : 1);
}

void gemm_half_batch(const gemm_batch_t *g, const uint16_t *a, const uint16_t *b, void *c,
                     const half_epilogue_t *ep, void *scratch, int threads) {
  if (threads < 1) threads = 1;
  bool across = g->batch >= threads;  // else threads share one product
  batch_job_t j = {g, a, b, c, ep, scratch, 0, across ? 1 : threads};
  j.each = batch_packed(g) + gemm_half_scratch(g->m, g->k, j.threads);
  double work = (double)g->m * (double)g->n * (double)g->k;
  if (across)
    parallel_for(threads, g->batch, (int64_t)(65536 / (work + 1)) + 1, batch_range, &j);
  else
    batch_range(&j, 0, g->batch, 0);
}
