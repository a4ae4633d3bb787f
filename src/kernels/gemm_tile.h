// Inside gemm: one register tile, and one table of them per instruction set.
#ifndef TFTRT_KERNELS_GEMM_TILE_H
#define TFTRT_KERNELS_GEMM_TILE_H

#include "kernels/gemm.h"

typedef struct gemm_tile {
  int64_t k;
  const float *a;  // rows lda apart, k adjacent
  int64_t lda;
  const float *b;  // a panel: k rows of NR floats
  float *c;
  int64_t ldc;
  int rows, cols;             // rows <= MR, cols <= NR
  bool load_c;                // add the old C
  const gemm_epilogue_t *ep;  // NULL: none (or not the last block of K)
  const float *bias;          // at the tile's first column, or NULL
  const float *residual;      // at the tile's first element, or NULL
} gemm_tile_t;

typedef struct gemm_isa {
  int mr, nr;
  void (*tile)(const gemm_tile_t *t);
  // y[n] = x[k] * B, B unpacked with rows rs apart and adjacent columns.
  void (*row)(int64_t n, int64_t k, const float *x, int64_t xs, const float *b, int64_t rs,
              float *y);
  float (*dot)(int64_t n, const float *x, const float *y);
} gemm_isa_t;

extern const gemm_isa_t gemm_generic, gemm_avx2, gemm_avx512;
const gemm_isa_t *gemm_isa(void);  // the best one here

// sums: cols adjacent, rows ld apart. The epilogue in plain C, for tiles that need not be fast.
void gemm_finish(const gemm_tile_t *t, const float *sums, int64_t ld);
static inline void gemm_act(const gemm_tile_t *t) {
  if (t->ep && t->ep->act)
    for (int i = 0; i < t->rows; i++) t->ep->act(t->c + i * t->ldc, t->cols, t->ep->act_arg);
}

#endif
