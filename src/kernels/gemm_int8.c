#include "kernels/gemm_int8.h"

#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/gemm_int8_tile.h"
#include "kernels/product_grid.h"
#include "kernels/scratch.h"

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// ---------------------------------------------------------------- any machine

enum { GENERIC_MR = 4, GENERIC_NR = 16, GENERIC_GROUP = 4 };

// Sums may pass 32 bits on their way, as unsigned numbers can.
static void generic_tile(const gemm_int8_tile_t *t) {
  union {
    uint32_t u[GENERIC_NR];
    int32_t i[GENERIC_NR];
  } s;
  for (int i = 0; i < t->rows; i++) {
    for (int j = 0; j < GENERIC_NR; j++) s.u[j] = (uint32_t)-t->zero * (uint32_t)t->sums_b[j];
    const uint8_t *a = t->a + i * t->lda;
    const int8_t *b = t->b;
    for (int64_t k = 0; k < t->groups; k++, a += GENERIC_GROUP, b += GENERIC_NR * GENERIC_GROUP)
      for (int j = 0; j < GENERIC_NR; j++)
        for (int g = 0; g < GENERIC_GROUP; g++)
          s.u[j] += (uint32_t)(a[g] * b[j * GENERIC_GROUP + g]);
    int8_finish_sums(t->finish, t->c, t->at + i * t->ldc, s.i, t->channel, t->cols);
  }
}

static void generic_groups(const uint8_t *row, int64_t k, uint8_t flip, uint8_t *dst) {
  for (int64_t i = 0; i < k; i++) dst[i] = row[i] ^ flip;
  for (int64_t i = k; i % GENERIC_GROUP; i++) dst[i] = 0;
}

static const gemm_int8_isa_t generic = {GENERIC_MR, GENERIC_NR,   GENERIC_GROUP,
                                        false,      generic_tile, generic_groups};

const gemm_int8_isa_t *gemm_int8_isa(void) {
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512_VNNI)) return &gemm_int8_avx512vnni;
  if (cpu_has(CPU_AVX512)) return &gemm_int8_avx512;
#if defined(TFTRT_AVXVNNI)
  if (cpu_isa() == CPU_AVX2_VNNI) return &gemm_int8_avx2vnni;
#endif
  if (cpu_has(CPU_AVX2)) return &gemm_int8_avx2;
#endif
  return &generic;
}

// ---------------------------------------------------------------- packing

// Packed: sums of the columns [n, filled up to whole panels], then the panels.
static int64_t panel_bytes(const gemm_int8_isa_t *isa, int64_t k) {
  return ceil_div(k, isa->group) * isa->group * isa->nr;
}

size_t gemm_int8_packed_bytes(int64_t k, int64_t n) {
  const gemm_int8_isa_t *isa = gemm_int8_isa();
  size_t total;
  if (k <= 0 || n <= 0 || k > GEMM_INT8_MOST_K || n > INT64_MAX / 2) return 0;
  size_t panel = (size_t)panel_bytes(isa, k) + (size_t)isa->nr * sizeof(int32_t);
  return size_mul((size_t)ceil_div(n, isa->nr), panel, &total) ? total : 0;
}

typedef struct pack_job {
  const gemm_int8_isa_t *isa;
  int64_t k, n, rs;
  const int8_t *b;
  int32_t *sums;
  int8_t *panels;
} pack_job_t;

static void pack_panels(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const pack_job_t *j = ctx;
  const int nr = j->isa->nr, group = j->isa->group;
  for (int64_t p = begin; p < end; p++) {
    int64_t cols = min64(nr, j->n - p * nr);
    int8_t *d = j->panels + p * panel_bytes(j->isa, j->k);
    int32_t *sums = j->sums + p * nr;
    memset(sums, 0, (size_t)nr * sizeof *sums);
    memset(d, 0, (size_t)panel_bytes(j->isa, j->k));
    for (int64_t k = 0; k < j->k; k++) {
      const int8_t *b = j->b + k * j->rs + p * nr;
      int8_t *to = d + k / group * group * nr + k % group;
      for (int64_t c = 0; c < cols; c++) to[c * group] = b[c], sums[c] += b[c];
    }
  }
}

void gemm_int8_pack(int64_t k, int64_t n, const int8_t *b, int64_t rs, void *packed, int threads) {
  const gemm_int8_isa_t *isa = gemm_int8_isa();
  int64_t panels = ceil_div(n, isa->nr);
  int32_t *sums = packed;
  pack_job_t j = {isa, k, n, rs, b, sums, (int8_t *)(sums + panels * isa->nr)};
  parallel_for(threads, panels, 16384 / (k * isa->nr + 1) + 1, pack_panels, &j);
}

// ---------------------------------------------------------------- the product

typedef struct product {
  const gemm_int8_isa_t *isa;
  int64_t m, n, k;
  const gemm_int8_rows_t *rows;
  const int32_t *sums;
  const int8_t *panels;
  void *c;
  int64_t ldc, channel;
  const int8_finish_t *finish;
  product_grid_t grid;
} product_t;

// Bytes of A that should stay in the second-level cache while panels of B pass.
enum { BLOCK_BYTES = 192 * 1024, ROW_PADDING = 64 };

// Rows can be read where they are when they are whole groups of unsigned numbers, unless a
// power-of-two stride would map them all to the same few cache sets.
static bool rows_direct(const product_t *p) {
  return !p->rows->write && !p->isa->wide && !p->rows->is_signed && p->k % p->isa->group == 0 &&
         p->rows->rs % 1024 != 0;
}

// Rows [m0, m0 + rows) as groups, ld bytes apart. plain: room for as many rows of numbers; unused
// (and NULL) where those can be written in place.
static void pack_rows(const product_t *p, int64_t m0, int64_t rows, uint8_t *block, int64_t ld,
                      uint8_t *plain) {
  const gemm_int8_rows_t *r = p->rows;
  const uint8_t *from = r->write ? plain ? plain : block : r->a + m0 * r->rs;
  int64_t step = r->write ? plain ? p->k : ld : r->rs;
  if (r->write) r->write(r->ctx, m0, rows, plain ? plain : block, step);
  for (int64_t i = 0; i < rows; i++)
    if (from != block || r->is_signed)
      p->isa->groups(from + i * step, p->k, r->is_signed ? 0x80 : 0, block + i * ld);
    else
      for (int64_t k = p->k; k % p->isa->group; k++) block[i * ld + k] = 0;
}

static void product_part(const product_t *p, int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
  const gemm_int8_isa_t *isa = p->isa;
  const bool direct = rows_direct(p);
  const int64_t panel = panel_bytes(isa, p->k), groups = ceil_div(p->k, isa->group);
  const int64_t ld = direct ? p->rows->rs : groups * 4 + ROW_PADDING;
  int64_t most = max64(1, BLOCK_BYTES / (groups * 4) / isa->mr) * isa->mr;
  uint8_t *block = NULL, *plain = NULL;
  if (!direct) {
    block = scratch_get(SCRATCH_GEMM_A, (size_t)(min64(most, m1 - m0) * ld));
    if (p->rows->write && isa->wide)
      plain = scratch_get(SCRATCH_KERNEL, (size_t)(min64(most, m1 - m0) * p->k));
  }
  for (int64_t mc0 = m0; mc0 < m1; mc0 += most) {
    int64_t mc = min64(most, m1 - mc0), tiles = ceil_div(mc, isa->mr), mr = ceil_div(mc, tiles);
    gemm_int8_tile_t t = {.groups = groups,
                          .lda = ld,
                          .zero = p->rows->zero + (p->rows->is_signed ? 128 : 0),
                          .finish = p->finish,
                          .c = p->c,
                          .ldc = p->ldc};
    if (!direct) pack_rows(p, mc0, mc, block, ld, plain);
    const uint8_t *a = direct ? p->rows->a + mc0 * ld : block;
    for (int64_t n = n0; n < n1; n += isa->nr) {
      t.cols = (int)min64(isa->nr, p->n - n);
      t.b = p->panels + n / isa->nr * panel;
      t.sums_b = p->sums + n;
      t.channel = p->channel + n;
      for (int64_t i = 0; i < mc; i += mr) {
        t.rows = (int)min64(mr, mc - i);
        t.a = a + i * ld;
        t.at = (mc0 + i) * p->ldc + t.channel;
        isa->tile(&t);
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

void gemm_int8(int64_t m, int64_t n, int64_t k, const gemm_int8_rows_t *rows, const void *packed,
               void *c, int64_t ldc, const int8_finish_t *finish, int64_t channel, int threads) {
  if (m <= 0 || n <= 0) return;
  const gemm_int8_isa_t *isa = gemm_int8_isa();
  const int32_t *sums = packed;
  if ((double)m * (double)n * (double)k < 65536.0) threads = 1;
  product_grid_t grid = product_grid(ceil_div(m, isa->mr), ceil_div(n, isa->nr), threads);
  const int8_t *panels = (const int8_t *)(sums + grid.tiles_n * isa->nr);
  product_t p = {isa, m, n, k, rows, sums, panels, c, ldc, channel, finish, grid};
  parallel_for(threads, product_pieces(&grid), 1, run_pieces, &p);
}
